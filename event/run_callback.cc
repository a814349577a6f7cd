// SPDX-License-Identifier: BSD-3-Clause
//
// Running one callback from the active queues, according to its kind
// (evcb_closure): once, once for each delivery of a signal, again and again, or
// a deferred callback of the library itself. Step 7 of the turn, seen from
// close by; loop.cc decides whose turn it is.
//
// The callback may delete or free its event, so nothing of an event is touched
// after its callback ran.
#include "event/event_base.h"
#include "event/points.h"
#include "util/log.h"

namespace evoke {

namespace {

// Everything is read before another thread can change it.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void CallUnlocked(event_base* base,
                                                      event* ev)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(base->lock) {
  auto callback = ev->ev_evcallback.evcb_cb_union.evcb_callback;
  void* arg = ev->ev_evcallback.evcb_arg;
  evutil_socket_t fd = ev->ev_fd;
  short result = ev->ev_res;
  base->lock.Unlock();
  EVOKE_PROBE(callback, callback, fd, result);
  callback(fd, result, arg);
  EVOKE_PROBE(callback_done, callback, fd);
  base->lock.Lock();
}

// The event stays where it waits; a timeout begins again: from its last
// deadline if it fired for it (so that it does not drift), else from now.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void RunPersistent(event_base* base,
                                                       event* ev)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(base->lock) {
  base->active.Remove(&ev->ev_evcallback);
  timeval interval = ev->ev_.ev_io.ev_timeout;
  if (evutil_timerisset(&interval)) {
    int64_t mark = 0;
    if (base->common_timeouts.IsMarked(interval)) {
      mark = interval.tv_usec & ~kMicrosMask;
      interval.tv_usec &= kMicrosMask;
    }
    int64_t interval_us = MicrosFromTimeval(interval);
    int64_t now_us = base->Now();
    int64_t next_us = SaturatingAdd(
        (ev->ev_res & EV_TIMEOUT) ? DeadlineOf(*ev) : now_us, interval_us);
    if (next_us < now_us) next_us = SaturatingAdd(now_us, interval_us);
    timeval next = TimevalFromMicros(next_us);
    next.tv_usec |= mark;
    if (AddEvent(ev, &next, TimeoutIs::kAbsolute) < 0) {
      // Its slot in the heap was promised, but the kernel refuses its fd.
      LogWarnErrno("event_base_loop: a persistent event cannot wait again");
    }
  }
  ReleaseTimer(ev);
  CallUnlocked(base, ev);
}

// Once for each delivery. The callback may delete or free the event, which
// stops the rest through ev_pncalls; so nothing of it is read after the last.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void RunSignal(event_base* base, event* ev)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(base->lock) {
  auto callback = ev->ev_evcallback.evcb_cb_union.evcb_callback;
  void* arg = ev->ev_evcallback.evcb_arg;
  evutil_socket_t signal = ev->ev_fd;
  // In the base, since the event may be gone when it is looked at.
  short& left = base->deliveries_left;
  left = ev->ev_.ev_signal.ev_ncalls;
  if (left != 0) ev->ev_.ev_signal.ev_pncalls = &left;
  while (left > 0) {
    --left;
    ev->ev_.ev_signal.ev_ncalls = left;
    if (left == 0) ev->ev_.ev_signal.ev_pncalls = nullptr;
    short result = ev->ev_res;
    base->lock.Unlock();
    EVOKE_PROBE(callback, callback, signal, result);
    callback(signal, result, arg);
    EVOKE_PROBE(callback_done, callback, signal);
    base->lock.Lock();
    if (base->break_requested) {
      if (left != 0) ev->ev_.ev_signal.ev_pncalls = nullptr;
      return;
    }
  }
}

ABSL_ATTRIBUTE_NOINLINE void Run(event_base* base, event_callback* callback)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(base->lock) {
  if (!IsEvent(callback)) {
    ++base->stats.deferred;
    base->active.Remove(callback);
    auto selfcb = callback->evcb_cb_union.evcb_selfcb;
    void* arg = callback->evcb_arg;
    base->lock.Unlock();
    EVOKE_PROBE(callback, selfcb, -1, 0);
    selfcb(callback, arg);
    EVOKE_PROBE(callback_done, selfcb, -1);
    base->lock.Lock();
    return;
  }
  event* ev = EventOf(callback);
  if (ABSL_PREDICT_FALSE(callback->evcb_flags & EVLIST_FINALIZING)) {
    base->active.Remove(callback);
    base->lock.Unlock();
    FinishFinalizing(ev);
    base->lock.Lock();
    return;
  }
  base->running_event = ev;
  base->stats.CountFired(ev->ev_res);
  if (ABSL_PREDICT_FALSE(callback->evcb_cb_union.evcb_callback == nullptr)) {
    // Deleted, lest it becomes active for ever.
    LogWarn("event_base_loop: deleting an event that has no callback");
    DeleteEvent(ev);
  } else if (ev->ev_events & EV_PERSIST) {
    if (callback->evcb_closure == kClosurePersist) {
      RunPersistent(base, ev);
    } else {
      base->active.Remove(callback);
      RunSignal(base, ev);
    }
  } else {
    DeleteFiredEvent(ev);
    if (callback->evcb_closure == kClosureSignal) {
      RunSignal(base, ev);
    } else {
      CallUnlocked(base, ev);
    }
  }
  base->running_event = nullptr;
  EndRunning(base);
}

// The same with somebody listening.
ABSL_ATTRIBUTE_NOINLINE ABSL_ATTRIBUTE_COLD void RunAndTell(
    event_base* base, event_callback* callback)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(base->lock) {
  TellQueues(base);
  evoke_point point = PointOf(callback);
  event_base* outer = TellBegin(base, point);
  Run(base, callback);
  TellDone(base, point, outer);
}

}  // namespace

void RunCallback(event_base* base, event_callback* callback) {
  if (base->points.watched_locked()) {
    RunAndTell(base, callback);
  } else {
    Run(base, callback);
  }
}

}  // namespace evoke
