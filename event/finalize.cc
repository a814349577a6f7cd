// SPDX-License-Identifier: BSD-3-Clause
//
// Freeing an event without waiting for its callback: event_finalize() and
// event_free_finalize() take the event out for good and have the loop run a
// finalizer, which can run only after the callback that may be running now. So
// the finalizer is where the program frees what the callback uses.
#include <event2/event.h>

#include "event/debug_mode.h"
#include "event/event_base.h"
#include "event/points.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

// The event has no base to run the finalizer, or is null.
bool CanBeFinalized(const event* ev, const char* function) {
  if (ev != nullptr && ev->ev_base != nullptr) {
    DebugRequireSetUp(ev, function, DebugUse::kEnd);
    DebugCheckThread(ev->ev_base, function);
    return true;
  }
  LogWarn("%s: no event, or one without a base", function);
  return false;
}

// A second call before the finalizer ran puts another one in its place.
int FinalizeEvent(event* ev, event_finalize_callback_fn finalizer,
                  Closure closure) {
  event_base* base = ev->ev_base;
  MutexLock lock(base->lock);
  event_callback& callback = ev->ev_evcallback;
  bool is_first = (callback.evcb_flags & EVLIST_FINALIZING) == 0;
  if (is_first) {
    DeleteEvent(ev);
    // Of a signal event that was activated in its own callback, deleting does
    // not find the calls that are left.
    if (base->running_event == ev) base->deliveries_left = 0;
  }
  callback.evcb_closure = closure;
  callback.evcb_cb_union.evcb_evfinalize = finalizer;
  if (is_first) {
    ActivateEvent(ev, EV_FINALIZE, 1);
    callback.evcb_flags |= EVLIST_FINALIZING;
    TellWaiters(ev, /*is_back=*/false);  // it is there to be finalized only
  }
  return 0;
}

// event_free_finalize() may go without a finalizer.
void NoFinalizer(event*, void*) {}

}  // namespace

void FinishFinalizing(event* ev) {
  event_callback& callback = ev->ev_evcallback;
  bool frees = callback.evcb_closure == kClosureFinalizeAndFree;
  auto finalizer = callback.evcb_cb_union.evcb_evfinalize;
  DebugNoteFinalized(ev, /*library_frees=*/frees);
  EVOKE_PROBE(callback, finalizer, -1, 0);
  finalizer(ev, callback.evcb_arg);
  EVOKE_PROBE(callback_done, finalizer, -1);
  if (!frees) return;  // the program may have freed it
  DebugForget(ev);
  Free(ev);
}

}  // namespace evoke

extern "C" {

int event_finalize(unsigned, event* ev, event_finalize_callback_fn callback) {
  if (!evoke::CanBeFinalized(ev, __func__)) return -1;
  return evoke::FinalizeEvent(ev, callback, evoke::kClosureFinalize);
}

int event_free_finalize(unsigned, event* ev,
                        event_finalize_callback_fn callback) {
  if (!evoke::CanBeFinalized(ev, __func__)) return -1;
  return evoke::FinalizeEvent(
      ev, callback != nullptr ? callback : evoke::NoFinalizer,
      evoke::kClosureFinalizeAndFree);
}

}  // extern "C"
