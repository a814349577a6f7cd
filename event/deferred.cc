// SPDX-License-Identifier: BSD-3-Clause
#include "event/deferred.h"

#include "event/event_base.h"

namespace evoke {

namespace {

// Deferred callbacks that may join the queues in one turn.
constexpr int kMaxDeferredInTurn = 32;

}  // namespace

void DeferredInit(event_callback* callback, uint8_t priority, DeferredFn fn,
                  void* arg) {
  *callback = {};
  callback->evcb_cb_union.evcb_selfcb = fn;
  callback->evcb_arg = arg;
  callback->evcb_pri = priority;
  callback->evcb_closure = kClosureDeferred;
}

void DeferredSetPriority(event_callback* callback, uint8_t priority) {
  callback->evcb_pri = priority;
}

bool DeferredSchedule(event_base* base, event_callback* callback) {
  if (callback->evcb_flags & EVLIST_ACTIVE) return false;
  // One that was put off comes forward when there is room again.
  bool was_later = (callback->evcb_flags & EVLIST_ACTIVE_LATER) != 0;
  if (base->deferred_in_turn > kMaxDeferredInTurn) {
    if (!was_later) base->active.PushLater(callback);
  } else if (was_later) {
    base->active.Remove(callback);
    base->active.Push(callback);
  } else {
    ++base->deferred_in_turn;
    base->active.Push(callback);
  }
  return !was_later;
}

void DeferredCancel(event_base* base, event_callback* callback) {
  if (callback->evcb_flags & (EVLIST_ACTIVE | EVLIST_ACTIVE_LATER)) {
    base->active.Remove(callback);
  }
}

void FinalizeLater(event_base* base, event_callback* callback, uint8_t priority,
                   DeferredFn fn, void* arg) {
  DeferredInit(callback, priority, fn, arg);
  base->active.Push(callback);
  callback->evcb_flags |= EVLIST_FINALIZING;
}

}  // namespace evoke
