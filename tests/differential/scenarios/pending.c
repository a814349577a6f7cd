// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: what event_pending and the accessors tell, and what event_assign
// refuses.
#include <signal.h>
#include <string.h>

#include "tests/differential/scenarios/event_support.h"

static const char *pending_of(const struct event *ev, short asked) {
  return ev_flags(event_pending(ev, asked, NULL));
}

SCENARIO(pending_gives_what_is_asked_and_true,
         "behaviour 12: event_pending gives the flags that are asked for and "
         "true") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *ev = event_new(base, fds[0], EV_READ | EV_WRITE | EV_PERSIST,
                               on_event, "both");
  static const short kAsked[] = {EV_READ,   EV_WRITE,   EV_TIMEOUT,
                                 EV_SIGNAL, EV_PERSIST, EV_READ | EV_TIMEOUT,
                                 EV_CLOSED, 0,          (short)0xffff};
  for (int state = 0; state < 3; ++state) {
    if (state == 1) event_add(ev, NULL);
    if (state == 2) event_add(ev, ms(100000));
    for (size_t i = 0; i < sizeof kAsked / sizeof *kAsked; ++i)
      rec("asked for %s: %s", ev_flags((unsigned short)kAsked[i]),
          pending_of(ev, kAsked[i]));
  }
  event_free(ev);
  event_base_free(base);
  close_pair(fds);
}

SCENARIO(pending_counts_active_events,
         "behaviour 12: what is active is pending with its result flags") {
  struct event_base *base = new_base();
  struct event *ev = event_new(base, -1, EV_READ, on_event, "event");
  event_active(ev, EV_WRITE, 1);
  rec("asked for all: %s", pending(ev));
  rec("asked for READ: %s", pending_of(ev, EV_READ));
  rec("asked for WRITE: %s", pending_of(ev, EV_WRITE));
  rec("loop %d", event_base_dispatch(base));
  rec("asked for all: %s", pending(ev));
  event_free(ev);
  event_base_free(base);
}

SCENARIO(pending_gives_wall_clock_deadline,
         "behaviour 12: event_pending gives the deadline in wall-clock time") {
  virtual_time();
  struct event_base *base = new_base();
  struct event *ev = evtimer_new(base, on_event, "timer");
  struct timeval deadline = {7, 7}, now, left;
  rec("not pending: %s", ev_flags(event_pending(ev, EV_TIMEOUT, &deadline)));
  rec("untouched: %d %d", (int)deadline.tv_sec, (int)deadline.tv_usec);
  event_add(ev, ms(2500));
  rec("asked for READ: %s", ev_flags(event_pending(ev, EV_READ, &deadline)));
  rec("untouched: %d %d", (int)deadline.tv_sec, (int)deadline.tv_usec);
  rec("pending: %s", ev_flags(event_pending(ev, EV_TIMEOUT, &deadline)));
  evutil_gettimeofday(&now, NULL);
  left.tv_sec = deadline.tv_sec - now.tv_sec;
  left.tv_usec = deadline.tv_usec - now.tv_usec;
  rec("in %d ms", (int)(left.tv_sec * 1000 + left.tv_usec / 1000));
  event_free(ev);
  event_base_free(base);
}

SCENARIO(pending_of_signals,
         "behaviour 12: a signal event is pending with EV_SIGNAL") {
  struct event_base *base = new_base();
  struct event *ev = evsignal_new(base, SIGUSR1, on_event, "signal");
  rec_call("add", event_add(ev, NULL), ev);
  rec("evsignal_pending %s", ev_flags(evsignal_pending(ev, NULL)));
  raise(SIGUSR1);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("pending %s", pending(ev));
  rec_call("del", event_del(ev), ev);
  event_free(ev);
  event_base_free(base);
}

// --- Accessors ---------------------------------------------------------------

SCENARIO(accessors_give_what_was_assigned,
         "event_get_* and event_get_assignment give what event_assign took") {
  struct event_base *base = new_base();
  event_base_priority_init(base, 5);
  struct event ev;
  memset(&ev, 0, sizeof ev);
  char arg[] = "argument";
  rec("assign %d",
      event_assign(&ev, base, 1, EV_READ | EV_PERSIST | EV_ET, on_event, arg));
  rec("initialized %d", event_initialized(&ev));
  rec("fd %d, signal %d", event_get_fd(&ev), event_get_signal(&ev));
  rec("base %d", event_get_base(&ev) == base);
  rec("events %s", ev_flags(event_get_events(&ev)));
  rec("callback %d", event_get_callback(&ev) == on_event);
  rec("arg %d", event_get_callback_arg(&ev) == arg);
  rec("priority %d", event_get_priority(&ev));
  struct event_base *got_base = NULL;
  evutil_socket_t fd = -7;
  short events = 0;
  event_callback_fn callback = NULL;
  void *got_arg = NULL;
  event_get_assignment(&ev, &got_base, &fd, &events, &callback, &got_arg);
  rec("assignment %d %d %s %d %d", got_base == base, fd, ev_flags(events),
      callback == on_event, got_arg == arg);
  event_get_assignment(&ev, NULL, NULL, NULL, NULL, NULL);
  rec("size is struct event's: %d",
      event_get_struct_event_size() == sizeof(struct event));
  event_base_free(base);
}

SCENARIO(events_are_kept_as_given,
         "event_get_events gives the bits as they were given, unknown ones "
         "too") {
  struct event_base *base = new_base();
  static const short kWhat[] = {0,           EV_TIMEOUT, EV_READ | EV_TIMEOUT,
                                EV_FINALIZE, 0x100,      (short)0x8000};
  for (size_t i = 0; i < sizeof kWhat / sizeof *kWhat; ++i) {
    struct event *ev = event_new(base, -1, kWhat[i], on_event, "event");
    rec("made %d", ev != NULL);
    if (!ev) continue;
    rec("events %s", ev_flags((unsigned short)event_get_events(ev)));
    event_free(ev);
  }
  event_base_free(base);
}

// --- Assigning ---------------------------------------------------------------

SCENARIO(signal_with_io_is_refused,
         "behaviour 13: EV_SIGNAL with EV_READ, EV_WRITE or EV_CLOSED is "
         "refused") {
  struct event_base *base = new_base();
  static const short kWhat[] = {EV_SIGNAL | EV_READ,
                                EV_SIGNAL | EV_WRITE,
                                EV_SIGNAL | EV_CLOSED,
                                EV_SIGNAL | EV_READ | EV_PERSIST,
                                EV_SIGNAL,
                                EV_SIGNAL | EV_TIMEOUT | EV_PERSIST};
  for (size_t i = 0; i < sizeof kWhat / sizeof *kWhat; ++i) {
    struct event ev;
    memset(&ev, 0, sizeof ev);
    rec("%s: assign %d", ev_flags(kWhat[i]),
        event_assign(&ev, base, SIGUSR1, kWhat[i], on_event, NULL));
    struct event *made = event_new(base, SIGUSR1, kWhat[i], on_event, NULL);
    rec("new %d", made != NULL);
    if (made) event_free(made);
  }
  event_base_free(base);
  rec("blocks %ld", blocks_in_use());
}

SCENARIO(assigned_anew_when_not_pending,
         "behaviour 13: an event that is not pending may be assigned again") {
  virtual_time();
  struct event_base *base = new_base();
  struct event *ev = evtimer_new(base, on_timed, "as timer");
  event_add(ev, ms(10));
  rec("loop %d", event_base_dispatch(base));
  rec("assign %d",
      event_assign(ev, base, SIGUSR1, EV_SIGNAL, on_timed, "as signal"));
  event_add(ev, NULL);
  raise(SIGUSR1);
  rec("loop %d", event_base_dispatch(base));
  rec("assign %d", event_assign(ev, base, -1, EV_PERSIST, on_timed, "again"));
  event_add(ev, ms(10));
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  event_free(ev);
  event_base_free(base);
}

SCENARIO(base_of_an_event_is_changed,
         "event_base_set moves an event that was not added to another base") {
  struct event_base *one = new_base(), *two = new_base();
  event_base_priority_init(two, 7);
  struct event *ev = evtimer_new(one, on_event, "timer");
  rec("set %d, priority %d", event_base_set(two, ev), event_get_priority(ev));
  rec("base is the other %d", event_get_base(ev) == two);
  event_add(ev, ms(0));
  rec("set while pending %d", event_base_set(one, ev));
  rec("loop of the first %d", event_base_dispatch(one));
  rec("loop of the second %d", event_base_dispatch(two));
  event_free(ev);
  event_base_free(one);
  event_base_free(two);
}
