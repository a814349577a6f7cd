// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: priorities, and the limits on one dispatch.
#include "tests/differential/scenarios/event_support.h"

SCENARIO(number_of_priorities,
         "behaviour 7: at most 255 priorities, at least one") {
  struct event_base *base = new_base();
  rec("at first %d", event_base_get_npriorities(base));
  static const int kCounts[] = {3, 255, 256, 1000, 0, -1, 1};
  for (size_t i = 0; i < sizeof kCounts / sizeof *kCounts; ++i) {
    rec("init %d: %d", kCounts[i], event_base_priority_init(base, kCounts[i]));
    rec("now %d", event_base_get_npriorities(base));
  }
  event_base_free(base);
}

SCENARIO(default_priority_is_half,
         "behaviour 7: an event's priority is half the number by default") {
  struct event_base *base = new_base();
  for (int count = 1; count < 8; ++count) {
    event_base_priority_init(base, count);
    struct event *ev = event_new(base, -1, 0, on_event, "event");
    rec("of %d: %d", count, event_get_priority(ev));
    event_free(ev);
  }
  event_base_free(base);
}

SCENARIO(lower_priority_number_runs_first,
         "behaviour 7: lower numbers run first, equal ones in order") {
  struct event_base *base = new_base();
  event_base_priority_init(base, 4);
  static char *const kNames[] = {"a3", "b0", "c2", "d1", "e0", "f3", "g1"};
  struct event *events[7];
  for (int i = 0; i < 7; ++i) {
    events[i] = event_new(base, -1, 0, on_event, kNames[i]);
    rec("set %d", event_priority_set(events[i], kNames[i][1] - '0'));
  }
  for (int i = 0; i < 7; ++i) event_active(events[i], EV_READ, 1);
  rec("loop %d", event_base_dispatch(base));
  for (int i = 0; i < 7; ++i) event_free(events[i]);
  event_base_free(base);
}

SCENARIO(priority_out_of_range_is_refused,
         "behaviour 7: event_priority_set takes what the base has only, and "
         "nothing while the event is active") {
  struct event_base *base = new_base();
  event_base_priority_init(base, 3);
  struct event *ev = event_new(base, -1, 0, on_event, "event");
  static const int kPriorities[] = {0, 2, 3, -1, 255, 256, 1};
  for (size_t i = 0; i < sizeof kPriorities / sizeof *kPriorities; ++i) {
    rec("set %d: %d", kPriorities[i], event_priority_set(ev, kPriorities[i]));
    rec("is %d", event_get_priority(ev));
  }
  event_active(ev, EV_READ, 1);
  rec("set while active: %d", event_priority_set(ev, 0));
  rec("init while active: %d", event_base_priority_init(base, 5));
  rec("the same number while active: %d", event_base_priority_init(base, 3));
  rec("is %d of %d", event_get_priority(ev), event_base_get_npriorities(base));
  rec("loop %d", event_base_dispatch(base));
  rec("set afterwards: %d", event_priority_set(ev, 0));
  event_add(ev, ms(100000));
  rec("set while pending: %d", event_priority_set(ev, 2));
  rec("fewer while pending: %d", event_base_priority_init(base, 2));
  event_free(ev);
  event_base_free(base);
}

static evutil_socket_t g_fds[2];

static void write_to_peer(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  put(g_fds[1], "x");
}

SCENARIO(kernel_is_asked_before_lower_queues,
         "behaviour 7: after a queue in which a callback ran, the kernel is "
         "asked before lower queues run") {
  socket_pair(g_fds);
  struct event_base *base = new_base();
  event_base_priority_init(base, 4);
  struct event *first = event_new(base, -1, 0, write_to_peer, "first of 0");
  struct event *second = event_new(base, -1, 0, on_event, "second of 0");
  struct event *low = event_new(base, -1, 0, on_event, "low of 3");
  struct event *reader = event_new(base, g_fds[0], EV_READ, on_event, "reader");
  event_priority_set(first, 0);
  event_priority_set(second, 0);
  event_priority_set(low, 3);
  event_priority_set(reader, 1);
  event_add(reader, NULL);
  event_active(low, EV_READ, 1);
  event_active(first, EV_READ, 1);
  event_active(second, EV_READ, 1);
  rec("loop %d", event_base_dispatch(base));
  event_free(first);
  event_free(second);
  event_free(low);
  event_free(reader);
  event_base_free(base);
  close_pair(g_fds);
}

struct busy {
  struct event *ev;
  int left;
};

static void stay_busy(evutil_socket_t fd, short what, void *arg) {
  struct busy *busy = arg;
  (void)fd;
  rec("busy runs: %s", ev_flags(what));
  if (busy->left-- > 0) event_active(busy->ev, EV_READ, 1);
}

SCENARIO(low_priority_may_starve,
         "behaviour 7: while a higher queue is never empty, lower ones wait") {
  struct event_base *base = new_base();
  event_base_priority_init(base, 2);
  struct busy busy = {.left = 4};
  busy.ev = event_new(base, -1, 0, stay_busy, &busy);
  struct event *low = event_new(base, -1, 0, on_event, "low");
  event_priority_set(busy.ev, 0);
  event_priority_set(low, 1);
  event_active(low, EV_READ, 1);
  event_active(busy.ev, EV_READ, 1);
  rec("loop %d", event_base_dispatch(base));
  event_free(busy.ev);
  event_free(low);
  event_base_free(base);
}

static struct event *g_high;

static void activate_high(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  event_active(g_high, EV_READ, 1);
}

SCENARIO(higher_activation_waits_for_the_queue,
         "behaviour 7: what becomes active at a higher priority runs after the "
         "callback, before the rest of the lower queue") {
  struct event_base *base = new_base();
  event_base_priority_init(base, 3);
  struct event *one = event_new(base, -1, 0, activate_high, "one of 1");
  struct event *two = event_new(base, -1, 0, on_event, "two of 1");
  struct event *low = event_new(base, -1, 0, on_event, "low of 2");
  g_high = event_new(base, -1, 0, on_event, "high of 0");
  event_priority_set(low, 2);
  event_priority_set(g_high, 0);
  event_active(low, EV_READ, 1);
  event_active(one, EV_READ, 1);
  event_active(two, EV_READ, 1);
  rec("loop %d", event_base_dispatch(base));
  event_free(one);
  event_free(two);
  event_free(low);
  event_free(g_high);
  event_base_free(base);
}

// --- Limits on one dispatch --------------------------------------------------

static struct event_base *limited_base(const struct timeval *interval,
                                       int callbacks, int from_priority) {
  struct event_config *config = new_config();
  rec("limit %d", event_config_set_max_dispatch_interval(
                      config, interval, callbacks, from_priority));
  struct event_base *base = new_base_with(config);
  event_base_priority_init(base, 2);
  return base;
}

static void take_six_ms(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  pass_time_ms(6);
}

// Five events become active at `priority`, the first of which makes a
// descriptor readable whose event has priority 0; when does that run?
static void where_does_the_reader_run(struct event_base *base, int priority,
                                      event_callback_fn callback) {
  static char *const kNames[] = {"1", "2", "3", "4", "5"};
  struct event *events[5];
  socket_pair(g_fds);
  struct event *reader =
      event_new(base, g_fds[0], EV_READ, on_readable, "reader");
  event_priority_set(reader, 0);
  event_add(reader, NULL);
  for (int i = 0; i < 5; ++i) {
    events[i] = event_new(base, -1, 0, i ? callback : write_to_peer, kNames[i]);
    event_priority_set(events[i], priority);
    event_active(events[i], EV_READ, 1);
  }
  rec("loop %d", event_base_dispatch(base));
  for (int i = 0; i < 5; ++i) event_free(events[i]);
  event_free(reader);
  close_pair(g_fds);
}

SCENARIO(dispatch_limit_on_callbacks,
         "behaviour 28: after so many callbacks the kernel is asked") {
  struct event_base *base = limited_base(NULL, 2, 0);
  where_does_the_reader_run(base, 1, on_event);
  where_does_the_reader_run(base, 0, on_event);
  event_base_free(base);
}

SCENARIO(dispatch_limit_from_a_priority,
         "behaviour 28: queues above the given priority have no limit") {
  struct event_base *base = limited_base(NULL, 2, 1);
  where_does_the_reader_run(base, 1, on_event);
  where_does_the_reader_run(base, 0, on_event);
  event_base_free(base);
}

SCENARIO(dispatch_limit_on_time,
         "behaviour 28: after so much time the kernel is asked") {
  virtual_time();
  struct event_base *base = limited_base(ms(10), -1, 0);
  where_does_the_reader_run(base, 1, take_six_ms);
  event_base_free(base);
}

SCENARIO(dispatch_limit_on_both,
         "behaviour 28: the limit that is reached first counts") {
  virtual_time();
  struct event_base *base = limited_base(ms(10), 4, 0);
  where_does_the_reader_run(base, 1, on_event);
  where_does_the_reader_run(base, 1, take_six_ms);
  event_base_free(base);
}

SCENARIO(dispatch_limit_values,
         "behaviour 28: no limits, and values that make no sense") {
  struct event_base *base = limited_base(NULL, -1, 0);
  where_does_the_reader_run(base, 1, on_event);
  event_base_free(base);
  base = limited_base(NULL, -5, -3);
  where_does_the_reader_run(base, 1, on_event);
  event_base_free(base);
  base = limited_base(NULL, 0, 0);
  where_does_the_reader_run(base, 1, on_event);
  event_base_free(base);
  base = limited_base(ms(0), -1, 0);
  where_does_the_reader_run(base, 1, on_event);
  event_base_free(base);
  struct timeval minus = {-1, 0};
  base = limited_base(&minus, -1, 0);
  where_does_the_reader_run(base, 1, on_event);
  event_base_free(base);
  base = limited_base(NULL, 1, 100);
  where_does_the_reader_run(base, 1, on_event);
  event_base_free(base);
}
