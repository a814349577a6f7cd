// SPDX-License-Identifier: BSD-3-Clause
//
// Filters: who frees whom, events that come up, timeouts, triggers, options,
// fds and other questions that go down.

#include "tests/differential/scenarios/filter_support.h"

SCENARIO(filter_free_leaves_underlying,
         "behaviour 51: without CLOSE_ON_FREE what lies underneath goes on, "
         "without callbacks") {
  struct work work = {.name = "work"};
  struct stack stack;
  bufferevent_data_cb readcb, writecb;
  bufferevent_event_cb eventcb;
  void *arg;
  open_stack(&stack, &work, 0);
  rec_stack(&stack);
  bufferevent_getcb(stack.near, &readcb, &writecb, &eventcb, &arg);
  rec("callbacks %d %d %d", readcb != NULL, writecb != NULL, eventcb != NULL);
  rec("free");
  bufferevent_free(stack.filter);
  stack.filter = NULL;
  rec("freed %d", work.freed);
  rec_stack(&stack);
  bufferevent_getcb(stack.near, &readcb, &writecb, &eventcb, &arg);
  rec("callbacks %d %d %d", readcb != NULL, writecb != NULL, eventcb != NULL);
  glance(stack.base, 1);
  rec("freed %d", work.freed);
  say(stack.far, "bytes");
  rec_stack(&stack);
  glance(stack.base, 1);
  rec("write -> %d", say(stack.near, "back"));
  glance(stack.base, 1);
  rec_stack(&stack);
  close_stack(&stack);
  rec("freed %d", work.freed);
}

SCENARIO(filter_close_on_free,
         "behaviour 51: with CLOSE_ON_FREE the filter frees what lies "
         "underneath") {
  struct work work = {.name = "work"};
  struct stack stack;
  open_stack(&stack, &work, BEV_OPT_CLOSE_ON_FREE);
  free_both(stack.filter, stack.near);
  stack.filter = NULL;
  stack.near = NULL;
  rec("freed %d", work.freed);
  glance(stack.base, 1);
  rec("freed %d", work.freed);
  glance(stack.base, 1);
  rec("partner %d", bufferevent_pair_get_partner(stack.far) != NULL);
  close_stack(&stack);
}

SCENARIO(filter_close_on_free_fd,
         "behaviours 47, 51: the fd closes after the filter is freed, in the "
         "loop") {
  int options;
  for (options = 0; options < 4; options++) {
    struct event_base *base = new_base();
    struct bufferevent *bev, *filter;
    int fds[2];
    char byte[2];
    socket_pair(fds);
    bev = bufferevent_socket_new(base, fds[0],
                                 options & 1 ? BEV_OPT_CLOSE_ON_FREE : 0);
    filter = bufferevent_filter_new(
        bev, NULL, NULL, options & 2 ? BEV_OPT_CLOSE_ON_FREE : 0, NULL, NULL);
    rec("socket %d, filter %d", options & 1, options >> 1);
    if (filter) bufferevent_free(filter);
    rec("open %d", fd_is_open(fds[0]));
    glance(base, 4);
    rec("open %d, got %d", fd_is_open(fds[0]), get(fds[1], byte, 2));
    if (bev && !(filter && options & 2)) bufferevent_free(bev);
    glance(base, 4);
    rec("open %d", fd_is_open(fds[0]));
    if (fd_is_open(fds[0])) close(fds[0]);
    close(fds[1]);
    event_base_free(base);
  }
}

SCENARIO(filter_underlying_freed_first,
         "behaviour 51: what lies underneath may be freed first") {
  int options;
  for (options = 0; options < 2; options++) {
    struct work work = {.name = "work"};
    struct stack stack;
    rec("options %d", options);
    open_stack(&stack, &work, options ? BEV_OPT_CLOSE_ON_FREE : 0);
    if (!stack.filter) {  // for want of memory
      close_stack(&stack);
      continue;
    }
    bufferevent_enable(stack.filter, EV_READ);
    bufferevent_free(stack.near);
    rec("same underlying %d",
        bufferevent_get_underlying(stack.filter) == stack.near);
    rec("partner %d", bufferevent_pair_get_partner(stack.far) != NULL);
    say(stack.far, "in");
    glance(stack.base, 2);
    rec("out -> %d", say(stack.filter, "out"));
    glance(stack.base, 2);
    rec_stack(&stack);
    rec("enable -> %d", bufferevent_enable(stack.filter, EV_READ | EV_WRITE));
    rec("disable -> %d", bufferevent_disable(stack.filter, EV_READ | EV_WRITE));
    rec("flush -> %d",
        bufferevent_flush(stack.filter, EV_READ | EV_WRITE, BEV_FINISHED));
    glance(stack.base, 2);
    bufferevent_free(stack.filter);
    stack.filter = stack.near = NULL;
    glance(stack.base, 2);
    rec("partner %d", bufferevent_pair_get_partner(stack.far) != NULL);
    close_stack(&stack);
  }
}

SCENARIO(filter_free_orders,
         "behaviour 51: base, filter and underlying are freed in any order; "
         "the context once") {
  int order;
  for (order = 0; order < 4; order++) {
    struct work work = {.name = "work"};
    struct stack stack;
    rec("order %d", order);
    open_stack(&stack, &work, 0);
    bufferevent_enable(stack.filter, EV_READ);
    say(stack.filter, "out");
    say(stack.far, "in");
    if (order & 1) bufferevent_free(stack.near);
    bufferevent_free(stack.filter);
    if (!(order & 1)) bufferevent_free(stack.near);
    bufferevent_free(stack.far);
    if (order & 2) glance(stack.base, 3);
    event_base_free(stack.base);
    rec("freed %d", work.freed);
  }
}

static void free_self_cb(struct bufferevent *bev, void *arg) {
  struct stack *stack = arg;
  rec("  frees itself");
  bufferevent_free(bev);
  stack->filter = NULL;
  rec("  freed");
}

static void free_self_event_cb(struct bufferevent *bev, short what, void *arg) {
  rec("  event %s", what_text(what));
  free_self_cb(bev, arg);
}

static void free_in_callback(int options, int which) {
  struct work work = {.name = "work", .takes = 2};
  struct stack stack;
  int made;
  open_stack(&stack, &work, options);
  made = stack.filter != NULL;
  bufferevent_enable(stack.filter, EV_READ);
  bufferevent_setcb(stack.filter, which == 0 ? free_self_cb : NULL,
                    which == 1 ? free_self_cb : NULL,
                    which == 2 ? free_self_event_cb : NULL, &stack);
  if (which == 0) say(stack.far, "bytes");
  if (which == 1) say(stack.filter, "bytes");
  if (which == 2) bufferevent_flush(stack.far, EV_WRITE, BEV_FINISHED);
  glance(stack.base, 3);
  if (made && options & BEV_OPT_CLOSE_ON_FREE) stack.near = NULL;
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_free_in_callbacks,
         "behaviour 51: a filter may free itself in each of its callbacks") {
  static const int kOptions[] = {
      0, BEV_OPT_CLOSE_ON_FREE, BEV_OPT_DEFER_CALLBACKS,
      BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS};
  size_t i;
  int which;
  for (i = 0; i < 4; i++) {
    for (which = 0; which < 3; which++) {
      rec("options %d, callback %d", kOptions[i], which);
      free_in_callback(kOptions[i], which);
    }
  }
}

static enum bufferevent_filter_result free_in_filter(
    struct evbuffer *src, struct evbuffer *dst, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *arg) {
  struct stack *stack = arg;
  (void)limit;
  (void)mode;
  rec("  filter of %zu", evbuffer_get_length(src));
  if (stack->filter) {
    bufferevent_free(stack->filter);
    stack->filter = NULL;
  }
  evbuffer_add_buffer(dst, src);
  return BEV_OK;
}

SCENARIO(filter_free_in_filter,
         "behaviour 51: a filter may be freed by its own functions") {
  int way;
  for (way = 0; way < 2; way++) {
    struct stack stack;
    open_stack(&stack, NULL, 0);
    bufferevent_free(stack.filter);
    glance(stack.base, 1);
    stack.filter = bufferevent_filter_new(stack.near, free_in_filter,
                                          free_in_filter, 0, NULL, &stack);
    bufferevent_setcb(stack.filter, on_read, on_write, on_event,
                      &stack.seen_filter);
    bufferevent_enable(stack.filter, EV_READ);
    rec("%s", way ? "in" : "out");
    if (way)
      say(stack.far, "bytes");
    else
      say(stack.filter, "bytes");
    glance(stack.base, 3);
    rec_stack(&stack);
    close_stack(&stack);
  }
}

SCENARIO(filter_events_pass_upward,
         "behaviour 51: events of the underlying come up; the filter's "
         "enabled directions stay") {
  static const short kEvents[] = {
      BEV_EVENT_CONNECTED,
      BEV_EVENT_EOF | BEV_EVENT_READING,
      BEV_EVENT_ERROR | BEV_EVENT_WRITING,
      BEV_EVENT_TIMEOUT | BEV_EVENT_READING,
      0x40,
  };
  struct work work = {.name = "work", .needs = 3};
  struct stack stack;
  size_t i;
  open_stack(&stack, &work, 0);
  bufferevent_enable(stack.filter, EV_READ);
  for (i = 0; i < sizeof kEvents / sizeof *kEvents; i++) {
    rec("%s", what_text(kEvents[i]));
    EVUTIL_SET_SOCKET_ERROR(EPIPE);
    bufferevent_trigger_event(stack.near, kEvents[i], 0);
    glance(stack.base, 2);
  }
  rec_stack(&stack);
  rec("after the end it goes on as before");
  say(stack.far, "a");
  glance(stack.base, 2);
  say(stack.filter, "A");
  glance(stack.base, 2);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_deferred,
         "behaviours 49, 51: a deferring filter calls back from the loop") {
  struct work work = {.name = "work"};
  struct stack stack;
  open_stack(&stack, &work, BEV_OPT_DEFER_CALLBACKS);
  bufferevent_enable(stack.filter, EV_READ);
  rec("write -> %d", say(stack.filter, "out"));
  rec("written");
  say(stack.far, "in");
  bufferevent_trigger_event(stack.filter, BEV_EVENT_CONNECTED, 0);
  glance(stack.base, 1);
  rec("once more");
  glance(stack.base, 3);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_triggers,
         "behaviours 51, 53: triggers on the filter and on what lies under "
         "it") {
  struct work work = {.name = "work"};
  struct stack stack;
  open_stack(&stack, &work, 0);
  rec("filter");
  bufferevent_trigger(stack.filter, EV_READ | EV_WRITE, 0);
  glance(stack.base, 2);
  bufferevent_setwatermark(stack.filter, EV_READ, 3, 0);
  bufferevent_trigger(stack.filter, EV_READ, 0);
  bufferevent_trigger(stack.filter, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
  bufferevent_trigger(stack.filter, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
  rec("loop");
  glance(stack.base, 2);
  rec("underlying");
  bufferevent_trigger(stack.near, EV_READ | EV_WRITE, 0);
  glance(stack.base, 2);
  bufferevent_enable(stack.filter, EV_READ);
  bufferevent_trigger(stack.near, EV_READ | EV_WRITE, 0);
  glance(stack.base, 2);
  close_stack(&stack);
}

SCENARIO(filter_read_timeout,
         "behaviours 45, 51: a filter's read timeout counts from what it "
         "filtered") {
  struct work work = {.name = "work", .quiet = 1, .needs = 3};
  struct stack stack;
  virtual_time();
  open_stack(&stack, &work, 0);
  bufferevent_set_timeouts(stack.filter, ms(100), NULL);
  run_for_ms(stack.base, 150);
  rec("not enabled: nothing");
  bufferevent_enable(stack.filter, EV_READ);
  run_for_ms(stack.base, 60);
  say(stack.far, "abc");
  run_for_ms(stack.base, 60);
  say(stack.far, "d");
  run_for_ms(stack.base, 60);
  rec("too little came");
  rec_stack(&stack);
  rec("enable -> %d", bufferevent_enable(stack.filter, EV_READ));
  run_for_ms(stack.base, 50);
  bufferevent_disable(stack.filter, EV_READ);
  run_for_ms(stack.base, 200);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_write_timeout, "behaviours 45, 51: a filter's write timeout") {
  struct work work = {.name = "work", .quiet = 1, .needs = 3};
  struct stack stack;
  virtual_time();
  open_stack(&stack, &work, 0);
  bufferevent_set_timeouts(stack.filter, NULL, ms(100));
  run_for_ms(stack.base, 150);
  rec("nothing");
  say(stack.filter, "ab");
  run_for_ms(stack.base, 150);
  rec("too little");
  bufferevent_set_timeouts(stack.filter, NULL, ms(50));
  run_for_ms(stack.base, 100);
  rec_stack(&stack);
  rec("enable -> %d", bufferevent_enable(stack.filter, EV_WRITE));
  run_for_ms(stack.base, 30);
  say(stack.filter, "c");
  run_for_ms(stack.base, 30);
  rec("filtered");
  run_for_ms(stack.base, 30);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_timeout_from_below,
         "behaviours 45, 51: a timeout of the underlying disables only it") {
  struct work work = {.name = "work", .quiet = 1};
  struct stack stack;
  virtual_time();
  open_stack(&stack, &work, 0);
  bufferevent_set_timeouts(stack.near, ms(100), NULL);
  bufferevent_enable(stack.filter, EV_READ);
  run_for_ms(stack.base, 150);
  rec_stack(&stack);
  say(stack.far, "abc");
  glance(stack.base, 2);
  rec_stack(&stack);
  rec("enable the filter");
  bufferevent_enable(stack.filter, EV_READ);
  glance(stack.base, 2);
  rec_stack(&stack);
  rec("enable the underlying");
  bufferevent_enable(stack.near, EV_READ);
  glance(stack.base, 2);
  rec_stack(&stack);
  run_for_ms(stack.base, 150);
  close_stack(&stack);
}

SCENARIO(filter_fd,
         "behaviours 48, 51: getfd and setfd go down to the socket") {
  struct event_base *base = new_base();
  struct seen seen = {"filter", 0, 0, 0, 0, 100};
  struct bufferevent *bev, *filter;
  int one[2], other[2];
  socket_pair(one);
  socket_pair(other);
  bev = bufferevent_socket_new(base, one[0], 0);
  filter = bufferevent_filter_new(bev, NULL, NULL, 0, NULL, NULL);
  bufferevent_setcb(filter, on_read, NULL, on_event, &seen);
  bufferevent_enable(filter, EV_READ);
  rec("getfd %d", bufferevent_getfd(filter) == one[0]);
  rec("setfd -> %d", bufferevent_setfd(filter, other[0]));
  rec("getfd %d %d", bufferevent_getfd(filter) == other[0],
      bufferevent_getfd(bev) == other[0]);
  put(other[1], "bytes");
  run_until(base, &seen.reads, 1);
  rec("%zu bytes", seen.bytes);
  rec("setfd(-1) -> %d", bufferevent_setfd(filter, -1));
  rec("getfd %d", (int)bufferevent_getfd(filter));
  glance(base, 1);
  if (filter) bufferevent_free(filter);
  if (bev) bufferevent_free(bev);
  glance(base, 2);
  close_pair(one);
  close_pair(other);
  event_base_free(base);
}

SCENARIO(filter_questions,
         "behaviour 51: base, priority, fds and limits of a filter over a "
         "pair") {
  struct event_base *other = new_base();
  struct stack stack;
  struct bufferevent *bev;
  open_stack(&stack, NULL, 0);
  bev = stack.filter;
  rec("getfd -> %d", (int)bufferevent_getfd(bev));
  rec("setfd -> %d", bufferevent_setfd(bev, 0));
  rec("base %d", bufferevent_get_base(bev) == stack.base);
  rec("base_set -> %d", bufferevent_base_set(other, bev));
  rec("base %d", bufferevent_get_base(bev) == stack.base);
  rec("priority %d", bufferevent_get_priority(bev));
  rec("priority_set -> %d", bufferevent_priority_set(bev, 0));
  rec("partner %d", bufferevent_pair_get_partner(bev) != NULL);
  rec("single %zd %zd", (ssize_t)bufferevent_get_max_single_read(bev),
      (ssize_t)bufferevent_get_max_single_write(bev));
  rec("set single %d", bufferevent_set_max_single_read(bev, 2));
  bufferevent_enable(bev, EV_READ);
  say(stack.far, "abcdef");
  glance(stack.base, 2);
  rec_stack(&stack);
  event_base_free(other);
  close_stack(&stack);
}

SCENARIO(filter_options, "behaviour 51: which options a filter takes") {
  static const int kOptions[] = {
      0,
      BEV_OPT_CLOSE_ON_FREE,
      BEV_OPT_DEFER_CALLBACKS,
      BEV_OPT_UNLOCK_CALLBACKS,
      BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS,
      BEV_OPT_THREADSAFE,
      0x100,
  };
  size_t i;
  for (i = 0; i < sizeof kOptions / sizeof *kOptions; i++) {
    struct stack stack;
    rec("options %#x", (unsigned)kOptions[i]);
    open_stack(&stack, NULL, kOptions[i]);
    if (stack.filter && kOptions[i] & BEV_OPT_CLOSE_ON_FREE) stack.near = NULL;
    close_stack(&stack);
  }
}

SCENARIO(filter_setcb_on_underlying,
         "behaviour 51: the underlying's callbacks are replaced, and may be "
         "replaced again") {
  struct work work = {.name = "work"};
  struct seen seen = {"near", 0, 0, 0, 0, 0};
  struct stack stack;
  open_stack(&stack, &work, 0);
  bufferevent_enable(stack.filter, EV_READ);
  bufferevent_setcb(stack.near, on_read, on_write, on_event, &seen);
  say(stack.far, "in");
  say(stack.filter, "out");
  glance(stack.base, 2);
  rec_stack(&stack);
  bufferevent_free(stack.filter);
  stack.filter = NULL;
  glance(stack.base, 1);
  say(stack.far, "more");
  glance(stack.base, 2);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_twice_in_turn,
         "behaviour 51: after one filter is gone another may lie there") {
  struct work first = {.name = "first"};
  struct work second = {.name = "second"};
  struct stack stack;
  open_stack(&stack, &first, 0);
  bufferevent_enable(stack.filter, EV_READ);
  say(stack.far, "one");
  glance(stack.base, 2);
  bufferevent_free(stack.filter);
  stack.filter = bufferevent_filter_new(stack.near, work_in, work_out, 0,
                                        work_freed, &second);
  bufferevent_setcb(stack.filter, on_read, on_write, on_event,
                    &stack.seen_filter);
  glance(stack.base, 2);
  bufferevent_enable(stack.filter, EV_READ);
  say(stack.far, "two");
  glance(stack.base, 2);
  say(stack.filter, "three");
  glance(stack.base, 2);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO_DIFFERS(filter_over_filtered,
                 "libevent's first filter takes the second's callbacks away");
SCENARIO(filter_over_filtered,
         "behaviour 51: of two filters over one bufferevent the first may be "
         "freed") {
  struct work first = {.name = "first"};
  struct work second = {.name = "second"};
  struct bufferevent *other;
  struct stack stack;
  open_stack(&stack, &first, 0);
  other = bufferevent_filter_new(stack.near, work_in, work_out, 0, work_freed,
                                 &second);
  bufferevent_setcb(other, on_read, on_write, on_event, &stack.seen_filter);
  bufferevent_free(stack.filter);
  stack.filter = other;
  glance(stack.base, 2);
  bufferevent_enable(stack.filter, EV_READ);
  say(stack.far, "in");
  say(stack.filter, "out");
  glance(stack.base, 2);
  rec_stack(&stack);
  close_stack(&stack);
}

SCENARIO(filter_enabling_underlying,
         "behaviour 51: making a filter enables what lies under it, but holds "
         "its reading") {
  struct event_base *base = new_base();
  struct seen seen = {"filter", 0, 0, 0, 0, 0};
  struct bufferevent *bev, *filter;
  int fds[2];
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_disable(bev, EV_WRITE);
  rec_one("socket", bev);
  filter = bufferevent_filter_new(bev, NULL, NULL, BEV_OPT_CLOSE_ON_FREE, NULL,
                                  NULL);
  bufferevent_setcb(filter, on_read, on_write, on_event, &seen);
  rec_one("socket", bev);
  put(fds[1], "bytes");
  glance(base, 3);
  rec_one("socket", bev);
  rec_one("filter", filter);
  bufferevent_enable(filter, EV_READ);
  glance(base, 3);
  rec_one("socket", bev);
  rec_one("filter", filter);
  bufferevent_disable(filter, EV_READ);
  put(fds[1], "more");
  glance(base, 3);
  rec_one("socket", bev);
  bufferevent_disable(bev, EV_READ);
  bufferevent_enable(filter, EV_READ);
  glance(base, 3);
  rec_one("filter", filter);
  free_both(filter, bev);
  glance(base, 2);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(filter_connects,
         "behaviours 46, 51: CONNECTED comes up, and what was written before "
         "goes out after") {
  struct event_base *base = new_base();
  struct seen seen = {"filter", 0, 0, 0, 0, 0};
  struct work work = {.name = "work", .quiet = 1};
  struct bufferevent *bev, *filter;
  struct sockaddr_in address;
  char text[32];
  int listener = tcp_bound(&address, 5), peer, i;
  bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
  filter = bufferevent_filter_new(bev, work_in, work_out, BEV_OPT_CLOSE_ON_FREE,
                                  NULL, &work);
  bufferevent_setcb(filter, on_read, NULL, on_event, &seen);
  bufferevent_enable(filter, EV_READ);
  rec("write -> %d", say(filter, "early"));
  rec("connect -> %d", bufferevent_socket_connect(
                           bev, (struct sockaddr *)&address, sizeof address));
  if (run_until(base, &seen.events, 1)) {
    peer = accept(listener, NULL, NULL);
    glance(base, 3);
    poll(&(struct pollfd){peer, POLLIN, 0}, 1, 2000);
    i = (int)recv(peer, text, sizeof text, MSG_DONTWAIT);
    rec_bytes("peer", text, i > 0 ? (size_t)i : 0);
    close_with_reset(peer);
    run_until(base, &seen.events, 2);
  }
  rec_one("filter", filter);
  free_both(filter, bev);
  glance(base, 2);
  close(listener);
  event_base_free(base);
}

SCENARIO(filter_over_freed_reads_no_more,
         "behaviour 51: a filter that goes after what lies under it wakes "
         "nothing there") {
  struct event_base *base = new_base();
  struct bufferevent *pair[2] = {NULL, NULL}, *lower, *upper;
  bufferevent_pair_new(base, 0, pair);
  lower = bufferevent_filter_new(pair[1], NULL, NULL, 0, NULL, NULL);
  upper = bufferevent_filter_new(lower, NULL, NULL, BEV_OPT_CLOSE_ON_FREE, NULL,
                                 NULL);
  bufferevent_enable(pair[0], EV_READ | EV_WRITE);
  bufferevent_write(pair[0], "hello", 5);
  bufferevent_free(lower);
  bufferevent_free(upper);
  rec("output %zu", evbuffer_get_length(bufferevent_get_output(pair[0])));
  glance(base, 2);
  bufferevent_free(pair[0]);
  bufferevent_free(pair[1]);
  glance(base, 2);
  event_base_free(base);
}

SCENARIO(filter_null_underlying,
         "behaviour 51: a filter over nothing is none") {
  rec("%s", bufferevent_filter_new(NULL, work_in, work_out, 0, NULL, NULL)
                ? "a filter"
                : "none");
}

SCENARIO_DIFFERS(pair_null, "libevent dereferences NULL");
SCENARIO(pair_null, "NULL in place of a pair is refused with a warning") {
  ATTEMPT("pair_get_partner(NULL)")
  rec("  %d", bufferevent_pair_get_partner(NULL) != NULL);
  ATTEMPT("pair_new(NULL)")
  rec("  %d", bufferevent_pair_new(new_base(), 0, NULL));
  ATTEMPT("pair_new without a base") {
    struct bufferevent *pair[2];
    rec("  %d", bufferevent_pair_new(NULL, 0, pair));
  }
}
