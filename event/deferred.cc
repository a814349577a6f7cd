// SPDX-License-Identifier: BSD-3-Clause
#include "event/deferred.h"

#include "event/debug_mode.h"
#include "event/event_base.h"
#include "event/live_bases.h"
#include "event/wake.h"

namespace evoke {

namespace {

// Deferred callbacks that may join the queues in one turn.
constexpr int kMaxDeferredInTurn = 32;

// Of a callback nobody knows which function of the program's scheduled it.
constexpr char kUser[] = "a bufferevent, evbuffer or evconnlistener";

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
  DebugCheckThread(base, kUser);
  MutexLock lock(base->lock);
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
  Wake(base);
  return !was_later;
}

bool IsDeferredScheduled(event_base* base, const event_callback* callback) {
  MutexLock lock(base->lock);
  return (callback->evcb_flags & (EVLIST_ACTIVE | EVLIST_ACTIVE_LATER)) != 0;
}

void ActivateCallback(event_base* base, event_callback* callback) {
  DebugCheckThread(base, kUser);
  MutexLock lock(base->lock);
  ActivateCallbackLocked(base, callback);
}

bool DeferredCancel(event_base* base, event_callback* callback) {
  // What belongs to a base that was freed is in no queue.
  if (!IsLiveBase(base)) return false;
  DebugCheckThread(base, kUser);
  MutexLock lock(base->lock);
  if ((callback->evcb_flags & (EVLIST_ACTIVE | EVLIST_ACTIVE_LATER)) == 0) {
    return false;
  }
  base->active.Remove(callback);
  return true;
}

void FinalizeLater(event_base* base, event_callback* callback, uint8_t priority,
                   DeferredFn fn, void* arg) {
  DeferredInit(callback, priority, fn, arg);
  DebugCheckThread(base, kUser);
  MutexLock lock(base->lock);
  base->active.Push(callback);
  callback->evcb_flags |= EVLIST_FINALIZING;
  Wake(base);
}

}  // namespace evoke
