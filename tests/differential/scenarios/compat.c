// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: the old calls of event2/event_compat.h, which work on the current
// base.

// The old calls need the declaration of struct event that comes with the new.
#include <event2/event.h>
#include <event2/event_compat.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/differential/scenarios/event_support.h"

SCENARIO(old_calls_on_the_current_base,
         "event_init makes the current base, on which the old calls work") {
  evutil_socket_t fds[2];
  virtual_time();
  select_method_by_environment();
  socket_pair(fds);
  struct event_base *base = event_init();
  rec("made %d", base != NULL);
  rec("the asked method %d", strcmp(event_get_method(), method()) == 0);
  struct event reader, timer, sig;
  event_set(&reader, fds[0], EV_READ, on_readable, "reader");
  evtimer_set(&timer, on_timed, "timer");
  evsignal_set(&sig, SIGUSR1, on_event, "signal");
  rec("base of an event %d", event_get_base(&reader) == base);
  rec("add %d", event_add(&reader, NULL));
  rec("add %d", timeout_add(&timer, ms(20)));
  rec("add %d", signal_add(&sig, NULL));
  rec("timer pending %s", ev_flags(timeout_pending(&timer, NULL)));
  rec("signal pending %s", ev_flags(signal_pending(&sig, NULL)));
  rec("initialized %d %d", !!timeout_initialized(&timer),
      !!signal_initialized(&sig));
  put(fds[1], "x");
  raise(SIGUSR1);
  rec("once %d", event_loop(EVLOOP_ONCE));
  rec("once %d", event_loop(EVLOOP_ONCE));
  rec("del %d", timeout_del(&timer));
  rec("del %d", signal_del(&sig));
  rec("dispatch %d", event_dispatch());
  event_base_free(base);
  close_pair(fds);
}

static void leave(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  rec("loopexit %d", event_loopexit(NULL));
}

static void leave_now(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  rec("loopbreak %d", event_loopbreak());
}

SCENARIO(old_ways_out,
         "event_loopexit, event_loopbreak and event_once work on the current "
         "base") {
  virtual_time();
  select_method_by_environment();
  struct event_base *base = event_init();
  struct event other;
  rec("priorities %d", event_priority_init(3));
  evtimer_set(&other, on_timed, "other");
  rec("priority %d", event_get_priority(&other));
  event_add(&other, ms(100));
  rec("once %d", event_once(-1, EV_TIMEOUT, leave, "leaving", ms(10)));
  rec("dispatch %d", event_dispatch());
  rec("once %d", event_once(-1, EV_TIMEOUT, leave_now, "breaking", ms(10)));
  rec("dispatch %d", event_dispatch());
  rec("pending %s", pending(&other));
  rec("dispatch %d", event_dispatch());
  event_base_free(base);
  rec("blocks %ld", blocks_in_use());
}

SCENARIO(last_init_is_current,
         "event_init called again makes another current base") {
  select_method_by_environment();
  struct event_base *first = event_init();
  struct event_base *second = event_init();
  struct event ev;
  event_set(&ev, -1, 0, on_event, "event");
  rec("of the second %d", event_get_base(&ev) == second);
  event_base_set(first, &ev);
  event_active(&ev, EV_TIMEOUT, 1);
  rec("current %d", event_loop(EVLOOP_NONBLOCK));
  rec("first %d", event_base_loop(first, EVLOOP_NONBLOCK));
  event_base_free(first);
  event_base_free(NULL);
  rec("blocks %ld", blocks_in_use());
}

SCENARIO(null_base_is_the_current_one,
         "event_new without a base takes the current one") {
  select_method_by_environment();
  struct event_base *base = event_init();
  struct event *ev = event_new(NULL, -1, 0, on_event, "event");
  rec("of the current base %d", event_get_base(ev) == base);
  event_active(ev, EV_TIMEOUT, 1);
  rec("loop %d", event_dispatch());
  rec("once without base %d",
      event_base_once(NULL, -1, EV_TIMEOUT, on_event, "once", ms(0)));
  event_free(ev);
  event_base_free(base);
}
