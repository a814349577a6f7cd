// SPDX-License-Identifier: BSD-3-Clause
//
// How many events a base has, and had at most: event_base_get_num_events() and
// event_base_get_max_events(), whose counting is libevent's. "Added" are places
// rather than events: an I/O event with a timeout is in two, and in a third
// while it is active. What the library adds for itself is counted only where
// it is active.
#ifndef EVOKE_EVENT_EVENT_COUNTS_H_
#define EVOKE_EVENT_EVENT_COUNTS_H_

#include "absl/base/optimization.h"

namespace evoke {

struct EventCounts {
  // Places among those that wait, internal events left out. Zero means that
  // the loop has nothing to wait for.
  int waiting = 0;
  // In an active queue, and how many of them are the library's own.
  int active = 0;
  int active_internal = 0;
  // Reasons to go on that are no events (a lookup that runs elsewhere).
  int virtual_events = 0;

  int max_added = 0;
  int max_active = 0;
  int max_virtual = 0;

  int added() const { return waiting + active - active_internal; }

  // After `waiting` grew.
  void NoteWaiting() {
    if (ABSL_PREDICT_FALSE(added() > max_added)) max_added = added();
  }

  // After `active` grew.
  void NoteActive() {
    if (ABSL_PREDICT_FALSE(active > max_active)) max_active = active;
    NoteWaiting();
  }
};

}  // namespace evoke

#endif  // EVOKE_EVENT_EVENT_COUNTS_H_
