// SPDX-License-Identifier: BSD-3-Clause
//
// Waking a loop that waits, from another thread.
//
// The loop says that it is about to wait before it lets the base's lock go, so
// whoever changes the base under its lock knows whether anybody has to be
// woken. The first that has to writes to an eventfd, once for each wait; those
// who follow find it written. The eventfd is made when it is first needed,
// where the backend can be told of a descriptor while it waits, else with the
// base.
#ifndef EVOKE_EVENT_WAKE_H_
#define EVOKE_EVENT_WAKE_H_

#include "absl/base/optimization.h"
#include "event/event_base.h"

namespace evoke {

// Whether the calling thread may take itself for the one that runs the loop:
// also when nobody can tell threads apart. REQUIRES: the base's lock is held.
inline bool IsLoopThread(const event_base* base) {
  return base->loop_thread == CurrentThread();
}

int WakeSlow(event_base* base);

// Ends the wait of the loop if it waits in another thread. Returns 0, or -1
// after logging that it could not. REQUIRES: the base's lock is held.
inline int Wake(event_base* base) {
  return ABSL_PREDICT_FALSE(base->waiting) ? WakeSlow(base) : 0;
}

// Wakes the loop if it waits for longer than the earliest timer allows.
// REQUIRES: the base's lock is held.
int WakeForTimer(event_base* base);

// Whether it has to be made with the base: a backend that cannot be told of a
// descriptor while it waits has to know it before.
inline bool NeedsWakeFd(const event_base* base) {
  return base->lock.exists() &&
         !(base->backend.table->flags & EVOKE_BACKEND_CHANGE_DURING_WAIT);
}

// Makes the eventfd. Returns 0, also when there is one; -1 after logging why.
// In a fork's child the base is adopted first. REQUIRES: the base's lock is
// held.
int MakeNotifiable(event_base* base);

// Takes the eventfd away. REQUIRES: the base's lock is held, or nobody else can
// know the base.
void CloseWake(event_base* base);

}  // namespace evoke

#endif  // EVOKE_EVENT_WAKE_H_
