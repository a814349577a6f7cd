// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: what event_pending tells, and what event_assign refuses.
#include <string.h>

#include "tests/differential/scenario.h"

static void on_event(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  rec("%s %s", (const char *)arg, ev_flags(what));
}

SCENARIO(one_shot_not_pending_inside,
         "behaviour 2: a one-shot event is not pending in its callback") {
  struct event_base *base = new_base();
  struct event *ev = event_new(base, -1, 0, on_event, "timer");
  rec("add %d", event_add(ev, ms(0)));
  rec("pending %s", ev_flags(event_pending(ev, EV_TIMEOUT, NULL)));
  rec("loop %d", event_base_loop(base, 0));
  rec("pending %s", ev_flags(event_pending(ev, EV_TIMEOUT, NULL)));
  event_free(ev);
  event_base_free(base);
}
