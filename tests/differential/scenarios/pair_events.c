// SPDX-License-Identifier: BSD-3-Clause
//
// Pairs: flushing, the end, timeouts, triggers, options, and what they refuse.

#include "tests/differential/scenarios/bufferevent_support.h"

struct ends {
  struct bufferevent *bev[2];
  struct seen seen[2];
};

static void open_ends(struct ends *ends, struct event_base *base, int options) {
  static const struct seen kLeft = {"left", 0, 0, 0, 0, 0};
  static const struct seen kRight = {"right", 0, 0, 0, 0, 0};
  int i;
  ends->bev[0] = ends->bev[1] = NULL;
  ends->seen[0] = kLeft;
  ends->seen[1] = kRight;
  rec("pair_new -> %d", bufferevent_pair_new(base, options, ends->bev));
  for (i = 0; i < 2; i++)
    bufferevent_setcb(ends->bev[i], on_read, on_write, on_event,
                      &ends->seen[i]);
}

static void close_ends(struct ends *ends, struct event_base *base) {
  if (ends->bev[0]) bufferevent_free(ends->bev[0]);
  if (ends->bev[1]) bufferevent_free(ends->bev[1]);
  glance(base, 1);
  event_base_free(base);
}

static void rec_lengths(const struct ends *ends) {
  int i;
  for (i = 0; i < 2; i++)
    rec("  %s: input %zu, output %zu, enabled %s", ends->seen[i].name,
        evbuffer_get_length(bufferevent_get_input(ends->bev[i])),
        evbuffer_get_length(bufferevent_get_output(ends->bev[i])),
        enabled_text(bufferevent_get_enabled(ends->bev[i])));
}

static int say(struct bufferevent *bev, const char *text) {
  return bufferevent_write(bev, text, strlen(text));
}

static const char *const kModes[] = {"normal", "flush", "finished"};
static const enum bufferevent_flush_mode kMode[] = {BEV_NORMAL, BEV_FLUSH,
                                                    BEV_FINISHED};

SCENARIO(pair_flush_modes,
         "behaviours 50, 53: flush in each mode and direction, from the end "
         "that wrote") {
  int mode;
  short events;
  for (mode = 0; mode < 3; mode++) {
    for (events = 0; events <= (EV_READ | EV_WRITE); events += EV_READ) {
      struct event_base *base = new_base();
      struct ends ends;
      rec("%s of %s", kModes[mode], enabled_text(events));
      open_ends(&ends, base, 0);
      say(ends.bev[0], "left's");
      say(ends.bev[1], "right's");
      rec("flush -> %d", bufferevent_flush(ends.bev[0], events, kMode[mode]));
      rec_lengths(&ends);
      glance(base, 3);
      rec_lengths(&ends);
      close_ends(&ends, base);
    }
  }
}

SCENARIO(pair_finished_empty,
         "behaviour 50: flush(BEV_FINISHED) brings a read callback even with "
         "no bytes, then READING|EOF") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_enable(ends.bev[0], EV_READ);
  bufferevent_enable(ends.bev[1], EV_READ);
  rec("flush -> %d", bufferevent_flush(ends.bev[0], EV_WRITE, BEV_FINISHED));
  glance(base, 3);
  rec("write after it -> %d", say(ends.bev[0], "more"));
  glance(base, 3);
  rec_lengths(&ends);
  rec("again -> %d",
      bufferevent_flush(ends.bev[0], EV_READ | EV_WRITE, BEV_FINISHED));
  glance(base, 3);
  rec("from the other -> %d",
      bufferevent_flush(ends.bev[1], EV_READ, BEV_FINISHED));
  glance(base, 3);
  close_ends(&ends, base);
}

SCENARIO(pair_flush_over_the_watermark,
         "behaviour 50: flush goes beyond a high watermark that is reached") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_setcb(ends.bev[1], NULL, on_write, on_event, &ends.seen[1]);
  bufferevent_setwatermark(ends.bev[1], EV_READ, 0, 4);
  bufferevent_enable(ends.bev[1], EV_READ);
  say(ends.bev[0], "abcdefghij");
  glance(base, 2);
  rec_lengths(&ends);
  rec("normal -> %d", bufferevent_flush(ends.bev[0], EV_WRITE, BEV_NORMAL));
  rec_lengths(&ends);
  rec("flush -> %d", bufferevent_flush(ends.bev[0], EV_WRITE, BEV_FLUSH));
  rec_lengths(&ends);
  glance(base, 2);
  evbuffer_drain(bufferevent_get_input(ends.bev[1]), 9);
  say(ends.bev[0], "klmnopqrst");
  rec_lengths(&ends);
  evbuffer_drain(bufferevent_get_input(ends.bev[1]), 2);
  rec_lengths(&ends);
  rec("flush at two of four -> %d",
      bufferevent_flush(ends.bev[0], EV_WRITE, BEV_FLUSH));
  rec_lengths(&ends);
  glance(base, 2);
  close_ends(&ends, base);
}

SCENARIO(pair_flush_below_the_watermark,
         "behaviour 50: flush while there is room below the high watermark") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_setcb(ends.bev[1], NULL, on_write, on_event, &ends.seen[1]);
  bufferevent_setwatermark(ends.bev[1], EV_READ, 0, 4);
  say(ends.bev[0], "abcdefghij");
  rec("flush -> %d", bufferevent_flush(ends.bev[0], EV_WRITE, BEV_FLUSH));
  rec_lengths(&ends);
  glance(base, 2);
  rec("flush -> %d", bufferevent_flush(ends.bev[0], EV_WRITE, BEV_FLUSH));
  rec_lengths(&ends);
  glance(base, 2);
  rec_buffer("right", bufferevent_get_input(ends.bev[1]));
  close_ends(&ends, base);
}

SCENARIO(pair_read_timeout,
         "behaviours 45, 50: a read timeout counts from the last bytes and "
         "disables reading") {
  struct event_base *base;
  struct ends ends;
  virtual_time();
  base = new_base();
  open_ends(&ends, base, 0);
  rec("set -> %d", bufferevent_set_timeouts(ends.bev[1], ms(100), NULL));
  run_for_ms(base, 150);
  rec("enable -> %d", bufferevent_enable(ends.bev[1], EV_READ));
  run_for_ms(base, 60);
  say(ends.bev[0], "bytes");
  run_for_ms(base, 60);
  rec("nothing yet");
  run_for_ms(base, 60);
  rec_lengths(&ends);
  rec("enable -> %d", bufferevent_enable(ends.bev[1], EV_READ));
  run_for_ms(base, 60);
  bufferevent_disable(ends.bev[1], EV_READ);
  run_for_ms(base, 200);
  rec("disabled: nothing");
  bufferevent_enable(ends.bev[1], EV_READ);
  bufferevent_set_timeouts(ends.bev[1], ms(300), NULL);
  run_for_ms(base, 200);
  rec("longer: nothing yet");
  bufferevent_set_timeouts(ends.bev[1], NULL, NULL);
  run_for_ms(base, 400);
  rec("none: nothing");
  close_ends(&ends, base);
}

SCENARIO(pair_write_timeout,
         "behaviours 45, 50: a write timeout runs while the other end does "
         "not read") {
  struct event_base *base;
  struct ends ends;
  virtual_time();
  base = new_base();
  open_ends(&ends, base, 0);
  rec("set -> %d", bufferevent_set_timeouts(ends.bev[0], NULL, ms(100)));
  run_for_ms(base, 150);
  rec("empty: nothing");
  say(ends.bev[0], "bytes");
  run_for_ms(base, 150);
  rec("written");
  rec("enable -> %d", bufferevent_enable(ends.bev[0], EV_WRITE));
  run_for_ms(base, 150);
  rec_lengths(&ends);
  rec("enable -> %d", bufferevent_enable(ends.bev[0], EV_WRITE));
  run_for_ms(base, 50);
  bufferevent_enable(ends.bev[1], EV_READ);
  rec_lengths(&ends);
  run_for_ms(base, 150);
  rec("set while there is output");
  bufferevent_disable(ends.bev[1], EV_READ);
  bufferevent_enable(ends.bev[0], EV_WRITE);
  say(ends.bev[0], "bytes");
  bufferevent_set_timeouts(ends.bev[0], NULL, ms(50));
  run_for_ms(base, 150);
  rec_lengths(&ends);
  close_ends(&ends, base);
}

SCENARIO(pair_timeouts_of_the_reader,
         "behaviour 50: bytes that come also touch the reader's write "
         "timeout") {
  struct event_base *base;
  struct ends ends;
  virtual_time();
  base = new_base();
  open_ends(&ends, base, 0);
  bufferevent_enable(ends.bev[1], EV_READ);
  bufferevent_set_timeouts(ends.bev[1], NULL, ms(100));
  say(ends.bev[1], "waiting");
  say(ends.bev[0], "bytes");
  run_for_ms(base, 60);
  say(ends.bev[0], "bytes");
  run_for_ms(base, 60);
  rec("at 120 ms");
  run_for_ms(base, 60);
  rec_lengths(&ends);
  rec("its output goes");
  bufferevent_enable(ends.bev[1], EV_WRITE);
  bufferevent_enable(ends.bev[0], EV_READ);
  run_for_ms(base, 200);
  rec_lengths(&ends);
  close_ends(&ends, base);
}

SCENARIO(pair_timeout_at_the_watermark,
         "behaviours 45, 50: a read timeout pauses at the high watermark") {
  struct event_base *base;
  struct ends ends;
  virtual_time();
  base = new_base();
  open_ends(&ends, base, 0);
  bufferevent_setcb(ends.bev[1], NULL, on_write, on_event, &ends.seen[1]);
  bufferevent_setwatermark(ends.bev[1], EV_READ, 0, 4);
  bufferevent_set_timeouts(ends.bev[1], ms(100), NULL);
  bufferevent_enable(ends.bev[1], EV_READ);
  say(ends.bev[0], "abcdefgh");
  run_for_ms(base, 300);
  rec_lengths(&ends);
  bufferevent_set_timeouts(ends.bev[1], ms(50), NULL);
  run_for_ms(base, 100);
  rec("drain");
  evbuffer_drain(bufferevent_get_input(ends.bev[1]), 4);
  run_for_ms(base, 300);
  rec("drain");
  evbuffer_drain(bufferevent_get_input(ends.bev[1]), 4);
  run_for_ms(base, 300);
  rec_lengths(&ends);
  close_ends(&ends, base);
}

SCENARIO(pair_both_timeouts,
         "behaviours 45, 50: both directions time out by themselves") {
  struct event_base *base;
  struct ends ends;
  virtual_time();
  base = new_base();
  open_ends(&ends, base, 0);
  say(ends.bev[0], "bytes");
  bufferevent_enable(ends.bev[0], EV_READ | EV_WRITE);
  bufferevent_set_timeouts(ends.bev[0], ms(50), ms(100));
  run_for_ms(base, 200);
  rec_lengths(&ends);
  rec("freed while they run");
  bufferevent_enable(ends.bev[0], EV_READ | EV_WRITE);
  bufferevent_free(ends.bev[0]);
  ends.bev[0] = NULL;
  run_for_ms(base, 200);
  close_ends(&ends, base);
}

SCENARIO(pair_triggers,
         "behaviour 53: triggers on an end, with and without watermarks") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_trigger(ends.bev[0], EV_READ | EV_WRITE, 0);
  rec("nothing before the loop");
  glance(base, 2);
  bufferevent_setwatermark(ends.bev[0], EV_READ, 3, 0);
  bufferevent_trigger(ends.bev[0], EV_READ, 0);
  glance(base, 2);
  bufferevent_trigger(ends.bev[0], EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
  glance(base, 2);
  bufferevent_trigger_event(ends.bev[0], BEV_EVENT_CONNECTED, 0);
  bufferevent_trigger_event(ends.bev[0], BEV_EVENT_EOF | BEV_EVENT_READING, 0);
  bufferevent_trigger(ends.bev[0], EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
  glance(base, 2);
  close_ends(&ends, base);
}

SCENARIO(pair_options, "behaviour 50: which options a pair takes") {
  struct event_base *base = new_base();
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
    struct bufferevent *pair[2] = {NULL, NULL};
    rec("options %#x -> %d", (unsigned)kOptions[i],
        bufferevent_pair_new(base, kOptions[i], pair));
    rec("  %s", pair[0] && pair[1] ? "a pair" : "none");
    if (!pair[0] || !pair[1]) continue;
    bufferevent_free(pair[0]);
    bufferevent_free(pair[1]);
  }
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(pair_has_no_fd,
         "behaviour 50: no fd, no underlying; base and priority stay") {
  struct event_base *base = new_base();
  struct event_base *other = new_base();
  struct ends ends;
  int i;
  event_base_priority_init(base, 5);
  open_ends(&ends, base, 0);
  for (i = 0; i < 2; i++) {
    struct bufferevent *bev = ends.bev[i];
    rec("getfd -> %d", (int)bufferevent_getfd(bev));
    rec("setfd -> %d", bufferevent_setfd(bev, 0));
    rec("setfd(-1) -> %d", bufferevent_setfd(bev, -1));
    rec("underlying %d", bufferevent_get_underlying(bev) != NULL);
    rec("base %d", bufferevent_get_base(bev) == base);
    rec("base_set -> %d", bufferevent_base_set(other, bev));
    rec("base %d", bufferevent_get_base(bev) == base);
    rec("priority %d", bufferevent_get_priority(bev));
    rec("priority_set -> %d", bufferevent_priority_set(bev, 1));
    rec("priority %d", bufferevent_get_priority(bev));
    rec("single %zd %zd", (ssize_t)bufferevent_get_max_single_read(bev),
        (ssize_t)bufferevent_get_max_single_write(bev));
    rec("set single %d %d", bufferevent_set_max_single_read(bev, 3),
        bufferevent_set_max_single_write(bev, 3));
  }
  rec("single limits do not hold");
  bufferevent_enable(ends.bev[1], EV_READ);
  say(ends.bev[0], "abcdefgh");
  rec_lengths(&ends);
  glance(base, 2);
  event_base_free(other);
  close_ends(&ends, base);
}

SCENARIO(pair_partner_of_others,
         "behaviour 50: a socket's bufferevent has no partner") {
  struct event_base *base = new_base();
  struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
  rec("partner %d", bufferevent_pair_get_partner(bev) != NULL);
  if (bev) bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

static void rec_order(evutil_socket_t fd, short events, void *name) {
  (void)fd;
  (void)events;
  rec("  %s", (const char *)name);
}

SCENARIO(pair_priority,
         "behaviours 7, 50: callbacks of pairs run at the middle priority") {
  struct event_base *base = new_base();
  struct event *first, *last;
  struct ends ends;
  event_base_priority_init(base, 3);
  open_ends(&ends, base, 0);
  first = event_new(base, -1, 0, rec_order, "first");
  last = event_new(base, -1, 0, rec_order, "last");
  if (first && last) {
    event_priority_set(first, 0);
    event_priority_set(last, 2);
    event_active(last, EV_TIMEOUT, 1);
    bufferevent_trigger(ends.bev[0], EV_READ, 0);
    event_active(first, EV_TIMEOUT, 1);
  }
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  if (first) event_free(first);
  if (last) event_free(last);
  close_ends(&ends, base);
}

SCENARIO(pair_references, "behaviour 50: incref keeps an end and its link") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_enable(ends.bev[1], EV_READ);
  bufferevent_incref(ends.bev[1]);
  bufferevent_free(ends.bev[1]);
  rec("partner %d", bufferevent_pair_get_partner(ends.bev[0]) == ends.bev[1]);
  rec("write -> %d", say(ends.bev[0], "bytes"));
  glance(base, 2);
  rec_lengths(&ends);
  rec("decref -> %d", bufferevent_decref(ends.bev[1]));
  ends.bev[1] = NULL;
  glance(base, 1);
  rec("partner %d", bufferevent_pair_get_partner(ends.bev[0]) != NULL);
  close_ends(&ends, base);
}

SCENARIO(pair_default_base,
         "behaviour 50: without a base the pair belongs to that of "
         "event_init") {
  struct event_base *base;
  struct ends ends;
  select_method_by_environment();
  base = event_init();
  open_ends(&ends, NULL, 0);
  bufferevent_enable(ends.bev[1], EV_READ);
  say(ends.bev[0], "bytes");
  glance(base, 2);
  rec_lengths(&ends);
  rec("base %d", bufferevent_get_base(ends.bev[0]) == base);
  close_ends(&ends, base);
}

static void disable_cb(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  rec("  %s: read %zu, disables reading", seen->name,
      evbuffer_get_length(bufferevent_get_input(bev)));
  bufferevent_disable(bev, EV_READ);
}

SCENARIO(pair_disable_inside,
         "behaviour 50: reading that is disabled inside a callback stops") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_setcb(ends.bev[1], disable_cb, on_write, on_event, &ends.seen[1]);
  bufferevent_enable(ends.bev[1], EV_READ);
  say(ends.bev[0], "one");
  glance(base, 2);
  say(ends.bev[0], "two");
  glance(base, 2);
  rec_lengths(&ends);
  bufferevent_enable(ends.bev[1], EV_READ);
  rec_lengths(&ends);
  glance(base, 2);
  close_ends(&ends, base);
}

SCENARIO(pair_callbacks_changed,
         "behaviours 49, 50: callbacks are those that are set when they run") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_enable(ends.bev[1], EV_READ);
  bufferevent_setcb(ends.bev[1], NULL, NULL, NULL, NULL);
  say(ends.bev[0], "unheard");
  bufferevent_setcb(ends.bev[1], on_read, on_write, on_event, &ends.seen[1]);
  glance(base, 2);
  rec_lengths(&ends);
  say(ends.bev[0], "heard");
  bufferevent_setcb(ends.bev[0], NULL, NULL, NULL, NULL);
  glance(base, 2);
  close_ends(&ends, base);
}
