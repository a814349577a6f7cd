// SPDX-License-Identifier: BSD-3-Clause
//
// What the scenarios about events share: callbacks that write down that they
// ran. In all of them `arg` is the event's name in the record, unless said.
#ifndef TESTS_DIFFERENTIAL_SCENARIOS_EVENT_SUPPORT_H_
#define TESTS_DIFFERENTIAL_SCENARIOS_EVENT_SUPPORT_H_

#include "tests/differential/scenario.h"

// Which event, and why it runs.
static inline void on_event(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  rec("%s runs: %s", (const char *)arg, ev_flags(what));
}

// The same with the virtual time.
static inline void on_timed(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  rec("%s runs at %d ms: %s", (const char *)arg, (int)now_ms(), ev_flags(what));
}

// Reads what is there and records it.
static inline void on_readable(evutil_socket_t fd, short what, void *arg) {
  char text[64];
  int n = get(fd, text, sizeof text);
  rec("%s runs: %s, read %d \"%s\"", (const char *)arg, ev_flags(what), n,
      text);
}

// What is pending of everything that can be.
static inline const char *pending(const struct event *ev) {
  return ev_flags(event_pending(
      ev, EV_TIMEOUT | EV_READ | EV_WRITE | EV_SIGNAL | EV_CLOSED, NULL));
}

// The result of a call and what is pending after it, in one line. (As two
// arguments of rec() their order of evaluation would be the compiler's.)
static inline void rec_call(const char *call, int result,
                            const struct event *ev) {
  rec("%s: %d, pending %s", call, result, pending(ev));
}

#endif  // TESTS_DIFFERENTIAL_SCENARIOS_EVENT_SUPPORT_H_
