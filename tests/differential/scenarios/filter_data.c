// SPDX-License-Identifier: BSD-3-Clause
//
// Filters: what they are called with, what comes of their answers, watermarks
// on both floors, flushing.

#include "tests/differential/scenarios/filter_support.h"

SCENARIO(filter_basics,
         "behaviour 51: bytes go through the filter in both directions; the "
         "filter reads once it is enabled") {
  struct work work = {.name = "work"};
  struct stack stack;
  open_stack(&stack, &work, 0);
  rec_stack(&stack);
  rec("underlying %d", bufferevent_get_underlying(stack.filter) == stack.near);
  rec("far writes -> %d", say(stack.far, "hello"));
  glance(stack.base, 2);
  rec_stack(&stack);
  rec("enable -> %d", bufferevent_enable(stack.filter, EV_READ));
  rec_stack(&stack);
  glance(stack.base, 2);
  rec_stack(&stack);
  rec_buffer("filter", bufferevent_get_input(stack.filter));
  rec("filter writes -> %d", say(stack.filter, "WORLD"));
  rec_stack(&stack);
  glance(stack.base, 2);
  rec_buffer("far", bufferevent_get_input(stack.far));
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_null_callbacks,
         "behaviour 51: without functions a filter passes on what comes") {
  struct stack stack;
  open_stack(&stack, NULL, 0);
  bufferevent_enable(stack.filter, EV_READ);
  say(stack.far, "in");
  say(stack.filter, "out");
  rec_stack(&stack);
  glance(stack.base, 3);
  rec_buffer("filter", bufferevent_get_input(stack.filter));
  rec_buffer("far", bufferevent_get_input(stack.far));
  rec("flush of nothing -> %d",
      bufferevent_flush(stack.filter, EV_READ | EV_WRITE, BEV_FLUSH));
  glance(stack.base, 3);
  rec("disabled");
  bufferevent_disable(stack.filter, EV_READ | EV_WRITE);
  say(stack.far, "in");
  say(stack.filter, "out");
  rec_stack(&stack);
  glance(stack.base, 3);
  rec("enabled");
  bufferevent_enable(stack.filter, EV_READ | EV_WRITE);
  rec_stack(&stack);
  glance(stack.base, 3);
  rec_stack(&stack);
  say(stack.filter, "!");
  rec_stack(&stack);
  glance(stack.base, 3);
  close_stack(&stack);
}

SCENARIO(filter_takes_some,
         "behaviour 51: a filter is called until nothing is left") {
  struct work work = {.name = "work", .takes = 3};
  struct stack stack;
  open_stack(&stack, &work, 0);
  bufferevent_enable(stack.filter, EV_READ);
  say(stack.far, "abcdefgh");
  glance(stack.base, 2);
  rec_stack(&stack);
  rec("out");
  say(stack.filter, "ABCDEFGH");
  rec_stack(&stack);
  glance(stack.base, 2);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_needs_more,
         "behaviour 51: BEV_NEED_MORE leaves the bytes where they are and "
         "calls nobody") {
  struct work work = {.name = "work", .needs = 4};
  struct stack stack;
  open_stack(&stack, &work, 0);
  bufferevent_enable(stack.filter, EV_READ);
  say(stack.far, "ab");
  glance(stack.base, 2);
  rec_stack(&stack);
  say(stack.far, "cde");
  glance(stack.base, 2);
  rec_stack(&stack);
  rec("out");
  say(stack.filter, "AB");
  rec_stack(&stack);
  say(stack.filter, "CDE");
  rec_stack(&stack);
  glance(stack.base, 2);
  rec_stack(&stack);
  rec("kept, then flushed");
  say(stack.filter, "F");
  say(stack.far, "f");
  glance(stack.base, 2);
  rec_stack(&stack);
  rec("flush -> %d",
      bufferevent_flush(stack.filter, EV_READ | EV_WRITE, BEV_FLUSH));
  rec_stack(&stack);
  glance(stack.base, 2);
  close_stack(&stack);
}

SCENARIO(filter_error,
         "behaviour 51: BEV_ERROR raises no event; the data stays") {
  int at;
  for (at = 1; at <= 3; at++) {
    struct work work = {.name = "work", .takes = 2, .fails_at = at};
    struct stack stack;
    rec("the call %d fails", at);
    open_stack(&stack, &work, 0);
    bufferevent_enable(stack.filter, EV_READ);
    say(stack.far, "abcde");
    glance(stack.base, 2);
    rec_stack(&stack);
    rec("out");
    work.calls = 0;
    say(stack.filter, "ABCDE");
    rec_stack(&stack);
    glance(stack.base, 2);
    rec("more");
    say(stack.filter, "F");
    say(stack.far, "f");
    glance(stack.base, 3);
    rec_stack(&stack);
    close_stack(&stack);
  }
}

SCENARIO(filter_grows, "behaviour 51: a filter may emit more than it takes") {
  struct work work = {.name = "work", .grows = 3, .takes = 4};
  struct stack stack;
  open_stack(&stack, &work, 0);
  bufferevent_enable(stack.filter, EV_READ);
  say(stack.far, "abcdef");
  say(stack.filter, "ABCDEF");
  glance(stack.base, 3);
  rec_buffer("filter", bufferevent_get_input(stack.filter));
  rec_buffer("far", bufferevent_get_input(stack.far));
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_read_high_watermark,
         "behaviour 51: at its high watermark a filter leaves bytes below, "
         "and takes them up when it is drained") {
  int minds;
  for (minds = 0; minds < 2; minds++) {
    struct work work = {.name = "work", .takes = 2, .minds = minds};
    struct stack stack;
    rec("%s the limit", minds ? "keeps to" : "ignores");
    open_stack(&stack, &work, 0);
    bufferevent_setcb(stack.filter, NULL, on_write, on_event,
                      &stack.seen_filter);
    bufferevent_setwatermark(stack.filter, EV_READ, 0, 5);
    bufferevent_enable(stack.filter, EV_READ);
    say(stack.far, "abcdefghijklmnop");
    glance(stack.base, 2);
    rec_stack(&stack);
    say(stack.far, "qr");
    glance(stack.base, 2);
    rec_stack(&stack);
    rec("drain 1");
    evbuffer_drain(bufferevent_get_input(stack.filter), 1);
    rec_stack(&stack);
    glance(stack.base, 2);
    rec_stack(&stack);
    rec("drain 4");
    evbuffer_drain(bufferevent_get_input(stack.filter), 4);
    rec_stack(&stack);
    glance(stack.base, 2);
    rec_stack(&stack);
    rec("no watermark");
    bufferevent_setwatermark(stack.filter, EV_READ, 0, 0);
    rec_stack(&stack);
    glance(stack.base, 2);
    rec("drain");
    evbuffer_drain(bufferevent_get_input(stack.filter), 2);
    rec_stack(&stack);
    glance(stack.base, 2);
    rec("more");
    say(stack.far, "st");
    glance(stack.base, 2);
    rec_stack(&stack);
    close_stack(&stack);
  }
}

SCENARIO(filter_read_watermark_in_callback,
         "behaviour 51: a read callback that drains gets all in the end") {
  struct work work = {.name = "work", .minds = 1};
  struct stack stack;
  open_stack(&stack, &work, 0);
  stack.seen_filter.drain = 3;
  bufferevent_setwatermark(stack.filter, EV_READ, 0, 4);
  bufferevent_enable(stack.filter, EV_READ);
  say(stack.far, "abcdefghijklmnop");
  glance(stack.base, 4);
  rec("%d reads, %zu bytes", stack.seen_filter.reads, stack.seen_filter.bytes);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_read_low_watermark,
         "behaviour 51: a low watermark of the filter holds its read callback "
         "back; one of the underlying holds the filter back") {
  struct work work = {.name = "work"};
  struct stack stack;
  open_stack(&stack, &work, 0);
  bufferevent_setwatermark(stack.filter, EV_READ, 6, 0);
  bufferevent_setwatermark(stack.near, EV_READ, 3, 0);
  bufferevent_enable(stack.filter, EV_READ);
  say(stack.far, "ab");
  glance(stack.base, 2);
  rec_stack(&stack);
  say(stack.far, "cd");
  glance(stack.base, 2);
  rec_stack(&stack);
  say(stack.far, "ef");
  glance(stack.base, 2);
  say(stack.far, "g");
  glance(stack.base, 2);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_underlying_read_high_watermark,
         "behaviour 51: a high watermark of the underlying input is drained "
         "by the filter") {
  struct work work = {.name = "work"};
  struct stack stack;
  open_stack(&stack, &work, 0);
  bufferevent_setwatermark(stack.near, EV_READ, 0, 4);
  bufferevent_enable(stack.filter, EV_READ);
  say(stack.far, "abcdefghijk");
  rec_stack(&stack);
  glance(stack.base, 4);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_write_high_watermark,
         "behaviour 51: a high watermark of the underlying output pushes "
         "back; its write callback goes on") {
  int minds;
  for (minds = 0; minds < 2; minds++) {
    struct work work = {.name = "work", .takes = 2, .minds = minds};
    struct stack stack;
    rec("%s the limit", minds ? "keeps to" : "ignores");
    open_stack(&stack, &work, 0);
    bufferevent_disable(stack.far, EV_READ);
    bufferevent_setwatermark(stack.near, EV_WRITE, 0, 5);
    say(stack.filter, "abcdefghijkl");
    rec_stack(&stack);
    glance(stack.base, 2);
    say(stack.filter, "m");
    rec_stack(&stack);
    rec("far reads");
    bufferevent_enable(stack.far, EV_READ);
    rec_stack(&stack);
    glance(stack.base, 1);
    rec_stack(&stack);
    glance(stack.base, 4);
    rec_stack(&stack);
    rec_buffer("far", bufferevent_get_input(stack.far));
    close_stack(&stack);
  }
}

SCENARIO(filter_write_low_watermark,
         "behaviour 51: the filter's write callback heeds its low watermark") {
  struct work work = {.name = "work", .takes = 2};
  struct stack stack;
  open_stack(&stack, &work, 0);
  bufferevent_disable(stack.far, EV_READ);
  bufferevent_setwatermark(stack.near, EV_WRITE, 0, 4);
  bufferevent_setwatermark(stack.filter, EV_WRITE, 3, 100);
  say(stack.filter, "abcdefghijkl");
  rec_stack(&stack);
  bufferevent_enable(stack.far, EV_READ);
  glance(stack.base, 4);
  rec_stack(&stack);
  close_stack(&stack);
}

static void write_more_cb(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  seen->writes++;
  rec("  %s: write, output %zu", seen->name,
      evbuffer_get_length(bufferevent_get_output(bev)));
  if (seen->writes < 4) {
    rec("  more -> %d", say(bev, "more"));
    rec("  output %zu", evbuffer_get_length(bufferevent_get_output(bev)));
  }
}

SCENARIO(filter_write_in_write_callback,
         "behaviour 51: what a write callback adds goes through too") {
  struct work work = {.name = "work"};
  struct stack stack;
  open_stack(&stack, &work, 0);
  bufferevent_setcb(stack.filter, on_read, write_more_cb, on_event,
                    &stack.seen_filter);
  say(stack.filter, "first");
  rec_stack(&stack);
  glance(stack.base, 3);
  rec_stack(&stack);
  rec("once more");
  say(stack.filter, "last");
  glance(stack.base, 3);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_flush_modes,
         "behaviours 51, 53: flush in each mode and direction") {
  static const enum bufferevent_flush_mode kModes[] = {BEV_NORMAL, BEV_FLUSH,
                                                       BEV_FINISHED};
  size_t mode;
  int events;
  for (mode = 0; mode < 3; mode++) {
    for (events = 0; events <= (EV_READ | EV_WRITE); events += EV_READ) {
      struct work work = {.name = "work", .needs = 10};
      struct stack stack;
      rec("%s of %s", mode_name(kModes[mode]), enabled_text((short)events));
      open_stack(&stack, &work, 0);
      bufferevent_enable(stack.filter, EV_READ);
      say(stack.far, "in");
      say(stack.filter, "out");
      glance(stack.base, 2);
      rec("flush -> %d",
          bufferevent_flush(stack.filter, (short)events, kModes[mode]));
      rec_stack(&stack);
      glance(stack.base, 3);
      rec_stack(&stack);
      close_stack(&stack);
    }
  }
}

SCENARIO(filter_flush_disabled,
         "behaviours 51, 53: flushing goes through disabled directions and "
         "full buffers") {
  struct work work = {.name = "work", .takes = 2, .minds = 1};
  struct stack stack;
  open_stack(&stack, &work, 0);
  bufferevent_enable(stack.filter, EV_READ);
  bufferevent_setcb(stack.filter, NULL, on_write, on_event, &stack.seen_filter);
  bufferevent_setwatermark(stack.filter, EV_READ, 0, 3);
  bufferevent_setwatermark(stack.near, EV_WRITE, 0, 3);
  bufferevent_disable(stack.far, EV_READ);
  say(stack.far, "abcdefg");
  say(stack.filter, "ABCDEFG");
  glance(stack.base, 2);
  rec_stack(&stack);
  rec("flush -> %d",
      bufferevent_flush(stack.filter, EV_READ | EV_WRITE, BEV_FLUSH));
  rec_stack(&stack);
  glance(stack.base, 2);
  bufferevent_disable(stack.filter, EV_READ | EV_WRITE);
  say(stack.far, "hijk");
  say(stack.filter, "HIJK");
  rec("flush -> %d",
      bufferevent_flush(stack.filter, EV_READ | EV_WRITE, BEV_FLUSH));
  rec_stack(&stack);
  glance(stack.base, 2);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_flush_far,
         "behaviours 50, 51: the other end of the pair flushes to the "
         "filter") {
  struct work work = {.name = "work", .needs = 4};
  struct stack stack;
  open_stack(&stack, &work, 0);
  bufferevent_enable(stack.filter, EV_READ);
  say(stack.far, "ab");
  glance(stack.base, 2);
  rec("finish -> %d", bufferevent_flush(stack.far, EV_WRITE, BEV_FINISHED));
  glance(stack.base, 2);
  rec_stack(&stack);
  rec("after the end");
  say(stack.far, "c");
  glance(stack.base, 2);
  rec_stack(&stack);
  say(stack.filter, "C");
  glance(stack.base, 2);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_over_filter, "behaviour 51: filters may lie over filters") {
  struct work below = {.name = "below", .grows = 2};
  struct work above = {.name = "above", .takes = 3};
  struct seen seen = {"top", 0, 0, 0, 0, 0};
  struct bufferevent *top;
  struct stack stack;
  open_stack(&stack, &below, 0);
  top = bufferevent_filter_new(stack.filter, work_in, work_out, 0, work_freed,
                               &above);
  bufferevent_setcb(top, on_read, on_write, on_event, &seen);
  rec("underlying %d", bufferevent_get_underlying(top) == stack.filter);
  rec("enable -> %d", bufferevent_enable(top, EV_READ));
  rec_stack(&stack);
  say(stack.far, "abcd");
  rec_stack(&stack);
  glance(stack.base, 3);
  rec_stack(&stack);
  rec_buffer("top", bufferevent_get_input(top));
  rec("out");
  say(top, "ABCD");
  rec_stack(&stack);
  glance(stack.base, 3);
  rec_buffer("far", bufferevent_get_input(stack.far));
  rec("flush -> %d", bufferevent_flush(top, EV_READ | EV_WRITE, BEV_FINISHED));
  glance(stack.base, 3);
  rec("far finishes -> %d",
      bufferevent_flush(stack.far, EV_WRITE, BEV_FINISHED));
  glance(stack.base, 3);
  rec("disable -> %d", bufferevent_disable(top, EV_READ));
  rec_stack(&stack);
  if (top) bufferevent_free(top);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO_ORACLE_CRASHES(filter_over_filter_back_pressure,
                        "evbuffer_remove_buffer is called again before it has "
                        "counted what it removed");
SCENARIO(filter_over_filter_back_pressure,
         "behaviour 51: a filter that passes on, over one whose output is at "
         "its high watermark and goes on at once") {
  struct work below = {.name = "below"};
  struct seen seen = {"top", 0, 0, 0, 0, 0};
  struct bufferevent *top;
  struct stack stack;
  open_stack(&stack, &below, 0);
  bufferevent_setwatermark(stack.filter, EV_WRITE, 0, 5);
  top = bufferevent_filter_new(stack.filter, NULL, NULL, 0, NULL, NULL);
  bufferevent_setcb(top, on_read, on_write, on_event, &seen);
  rec("write -> %d", say(top, "abcdefghijkl"));
  rec_one("top", top);
  rec_stack(&stack);
  glance(stack.base, 3);
  rec_buffer("far", bufferevent_get_input(stack.far));
  if (top) bufferevent_free(top);
  close_stack(&stack);
}

static void echo_cb(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  seen->reads++;
  rec("  %s: echoes %zu -> %d", seen->name,
      evbuffer_get_length(bufferevent_get_input(bev)),
      bufferevent_write_buffer(bev, bufferevent_get_input(bev)));
}

SCENARIO(filter_over_socket,
         "behaviour 51: a filter over a socket echoes, and hears of its end") {
  struct work work = {.name = "work", .quiet = 1};
  struct seen seen = {"filter", 0, 0, 0, 0, 0};
  struct event_base *base = new_base();
  struct bufferevent *bev, *filter;
  char text[64];
  int fds[2];
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  filter = bufferevent_filter_new(bev, work_in, work_out, BEV_OPT_CLOSE_ON_FREE,
                                  work_freed, &work);
  bufferevent_setcb(filter, echo_cb, NULL, on_event, &seen);
  bufferevent_enable(filter, EV_READ);
  put(fds[1], "Hello");
  run_until(base, &seen.reads, 1);
  glance(base, 3);
  rec("got %d", get(fds[1], text, sizeof text));
  rec("%s", text);
  put(fds[1], "last");
  shutdown(fds[1], SHUT_WR);
  run_until(base, &seen.events, 1);
  glance(base, 3);
  rec("got %d", get(fds[1], text, sizeof text));
  rec_one("filter", filter);
  rec_one("socket", bev);
  free_both(filter, bev);
  glance(base, 3);
  rec("closed: %d", get(fds[1], text, sizeof text));
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(filter_bulk_over_socket,
         "behaviour 51: a megabyte through a filter with watermarks and a "
         "slow reader comes whole") {
  struct work work = {.name = "work", .quiet = 1, .takes = 4096, .minds = 1};
  struct seen seen = {"filter", 0, 0, 0, 0, 0};
  struct event_base *base = new_base();
  struct bufferevent *bev, *filter;
  static char block[1 << 16];
  size_t got = 0;
  int fds[2], i, good = 1;
  socket_pair(fds);
  memset(block, 'a', sizeof block);
  bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  filter = bufferevent_filter_new(bev, work_in, work_out, BEV_OPT_CLOSE_ON_FREE,
                                  NULL, &work);
  bufferevent_setcb(filter, NULL, NULL, on_event, &seen);
  bufferevent_setwatermark(bev, EV_WRITE, 0, 20000);
  for (i = 0; i < 16; i++) bufferevent_write(filter, block, sizeof block);
  for (i = 0; i < 20000 && got < 16 * sizeof block; i++) {
    ssize_t n;
    glance(base, 1);
    while ((n = read(fds[1], block, sizeof block)) > 0) {
      ssize_t j;
      got += (size_t)n;
      for (j = 0; j < n; j++) good &= block[j] == 'A';
    }
  }
  rec("%zu bytes, %s", got, good ? "good" : "bad");
  rec_one("filter", filter);
  free_both(filter, bev);
  glance(base, 2);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(filter_buffers_are_open,
         "behaviours 32, 51: which ends of a filter's buffers the program may "
         "use") {
  struct stack stack;
  struct evbuffer *input, *output;
  open_stack(&stack, NULL, 0);
  bufferevent_disable(stack.filter, EV_WRITE);
  input = bufferevent_get_input(stack.filter);
  output = bufferevent_get_output(stack.filter);
  rec("add to input -> %d", evbuffer_add(input, "abc", 3));
  rec("prepend to input -> %d", evbuffer_prepend(input, "x", 1));
  rec("drain input -> %d", evbuffer_drain(input, 1));
  rec("add to output -> %d", evbuffer_add(output, "abc", 3));
  rec("prepend to output -> %d", evbuffer_prepend(output, "x", 1));
  rec("drain output -> %d", evbuffer_drain(output, 1));
  rec_stack(&stack);
  rec("enabled");
  bufferevent_enable(stack.filter, EV_WRITE);
  rec_stack(&stack);
  rec("prepend to output -> %d", evbuffer_prepend(output, "y", 1));
  rec_stack(&stack);
  glance(stack.base, 2);
  rec_buffer("far", bufferevent_get_input(stack.far));
  rec("the underlying's");
  rec("add to input -> %d",
      evbuffer_add(bufferevent_get_input(stack.near), "a", 1));
  rec("write -> %d", bufferevent_write(stack.near, "beside", 6));
  glance(stack.base, 2);
  rec_buffer("far", bufferevent_get_input(stack.far));
  close_stack(&stack);
}

SCENARIO_DIFFERS(filter_huge,
                 "libevent's null filter takes what an int does not hold for "
                 "an error, once it has moved it");
SCENARIO(filter_huge,
         "behaviour 51: more bytes than an int tells go through a filter "
         "without functions, in both directions") {
  static const char kNeverRead[1] = {0};
  static const size_t kSizes[] = {0x7fffffff, 0x80000000, 0xffffffff,
                                  0x100000000, 0xc0000000};
  struct bufferevent *ends[2];
  struct stack stack;
  size_t i, from;
  open_stack(&stack, NULL, 0);
  ends[0] = stack.far;
  ends[1] = stack.filter;
  if (stack.filter) bufferevent_enable(stack.filter, EV_READ);
  for (i = 0; stack.filter && i < sizeof(kSizes) / sizeof(kSizes[0]); i++) {
    for (from = 0; from < 2; from++) {
      rec("add -> %d",
          evbuffer_add_reference(bufferevent_get_output(ends[from]), kNeverRead,
                                 kSizes[i], NULL, NULL));
      glance(stack.base, 2);
      rec_stack(&stack);
      evbuffer_drain(bufferevent_get_input(ends[1 - from]), (size_t)-1);
    }
  }
  close_stack(&stack);
}
