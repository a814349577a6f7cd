// SPDX-License-Identifier: BSD-3-Clause
//
// The loop: the heart of the project.
//
// event_base_loop() turns until there is nothing left to wait for, or until it
// is told to stop. One turn has eight steps; RunTurn() is their list, and each
// step is a function below it. docs/design/loop.md tells the same story with a
// picture.
#include <errno.h>

#include "event/event_base.h"
#include "event/fork.h"
#include "util/log.h"

namespace evoke {

__thread event_base* t_running_base = nullptr;

namespace {

// What event_base_loop() is to do after a turn; the values of the last three
// are what it then returns.
enum TurnResult { kGoOn = 2, kNothingLeft = 1, kStopped = 0, kFailed = -1 };

constexpr int kNoPriority = -1;

TurnResult RunTurn(event_base* base, int flags);
bool ShouldStop(event_base* base);
bool IsNothingLeft(event_base* base, int flags);
int64_t WaitLimit(event_base* base, int flags, bool flushed);
bool WaitForReady(event_base* base, int64_t timeout_us);
void StartBatch(event_base* base);
void ActivateExpired(event_base* base);
int RunActive(event_base* base);
int RunQueue(event_base* base, int priority, int max_callbacks,
             int64_t deadline_us);
void RunCallback(event_base* base, event_callback* callback);

TurnResult RunTurn(event_base* base, int flags) {
  // 1. Is there anything to do?
  base->continue_requested = false;
  base->deferred_in_turn = 0;
  if (ShouldStop(base)) return kStopped;
  if (IsNothingLeft(base, flags)) return kNothingLeft;
  base->deferred_in_turn += base->active.AdmitLater();

  // 2. Send what was written during the last turn.
  bool flushed = base->flush.RunAll();

  // 3. How long may the kernel let us sleep?
  int64_t timeout_us = WaitLimit(base, flags, flushed);

  // 4. Ask the kernel which fds are ready, and queue their events.
  if (!WaitForReady(base, timeout_us)) return kFailed;

  // 5. From here on it is one and the same time for every callback.
  StartBatch(base);

  // 6. Queue the timers that are due.
  ActivateExpired(base);

  // 7. Run what is queued.
  bool idle = !flushed && base->active.empty();
  int ran = base->active.empty() ? 0 : RunActive(base);

  // 8. Another turn?
  if (idle) return (flags & EVLOOP_NONBLOCK) ? kStopped : kGoOn;
  bool once =
      (flags & EVLOOP_ONCE) && (ran != 0 || flushed) && base->active.empty();
  return once ? kStopped : kGoOn;
}

bool ShouldStop(event_base* base) {
  return base->exit_requested || base->break_requested;
}

bool IsNothingLeft(event_base* base, int flags) {
  return !(flags & EVLOOP_NO_EXIT_ON_EMPTY) && !base->HasEvents() &&
         base->active.empty();
}

// Microseconds until the earliest deadline; -1 without any.
int64_t WaitLimit(event_base* base, int flags, bool flushed) {
  base->cache_time = false;
  base->cached_time_us = 0;
  if (!base->active.empty() || (flags & EVLOOP_NONBLOCK)) return 0;
  // Output beyond what one turn sends.
  if (!base->flush.empty()) return 0;
  // What was sent may have been all there was to do, or all for EVLOOP_ONCE.
  if (flushed && (flags & EVLOOP_ONCE)) return 0;
  if (IsNothingLeft(base, flags)) return 0;
  const event* next = base->timers.Top();
  if (next == nullptr) return -1;
  // The clock is read again rather than reckoned from the batch's time: a
  // callback that took long must not make later timers late as well.
  int64_t left_us = DeadlineOf(*next) - base->Now();
  return left_us > 0 ? left_us : 0;
}

bool WaitForReady(event_base* base, int64_t timeout_us) {
  EnsureOwner(base);
  base->interests.FlushFired();
  base->ready.count = 0;
  int result =
      base->backend.table->wait(base->backend.state, timeout_us, &base->ready);
  if (ABSL_PREDICT_FALSE(result < 0)) {
    LogWarnErrno("%s: wait", base->backend.table->name);
    return false;
  }
  if (ABSL_PREDICT_FALSE(result == EVOKE_WAIT_REBUILT)) {
    base->interests.TellAll();
  }
  // Callbacks are told of edges only where the kernel was.
  const short edge = base->backend.table->features & EV_FEATURE_ET ? EV_ET : 0;
  for (int i = 0; i < base->ready.count; ++i) {
    const evoke_ready& ready = base->ready.list[i];
    ActivateReady(base, ready.fd, ready.ready | edge);
  }
  return true;
}

// The clock itself is read when somebody first asks: never, where no timer is.
void StartBatch(event_base* base) { base->cache_time = true; }

void ActivateExpired(event_base* base) {
  event* next = base->timers.Top();
  if (next == nullptr) return;
  int64_t now_us = base->Now();
  while (next != nullptr && DeadlineOf(*next) <= now_us) {
    event* ev = base->common_timeouts.FirstBehind(next);
    if (ev == nullptr) ev = next;
    DeleteFiredEvent(ev);
    ActivateEvent(ev, EV_TIMEOUT, 1);
    next = base->timers.Top();
  }
}

// Runs the most urgent queue in which the program has a callback, and those
// before it that hold only the library's own. Returns how many callbacks of the
// program ran, -1 after a break.
int RunActive(event_base* base) {
  int64_t deadline_us = kNoDeadline;
  if (base->max_dispatch_us != kNoDeadline) {
    deadline_us = SaturatingAdd(base->Now(), base->max_dispatch_us);
  }
  int ran = 0;
  for (int priority = 0; priority < base->active.priorities(); ++priority) {
    if (base->active.Front(priority) == nullptr) continue;
    base->running_priority = priority;
    bool limited = priority >= base->limit_from_priority;
    ran = RunQueue(base, priority,
                   limited ? base->max_dispatch_callbacks : INT_MAX,
                   limited ? deadline_us : kNoDeadline);
    if (ran != 0) break;
  }
  base->running_priority = kNoPriority;
  return ran;
}

int RunQueue(event_base* base, int priority, int max_callbacks,
             int64_t deadline_us) {
  int ran = 0;
  while (event_callback* callback = base->active.Front(priority)) {
    if (!(callback->evcb_flags & EVLIST_INTERNAL)) ++ran;
    RunCallback(base, callback);
    if (base->break_requested) return -1;
    if (ran >= max_callbacks) break;
    if (ran != 0 && deadline_us != kNoDeadline) {
      event_base_update_cache_time(base);
      if (base->Now() >= deadline_us) break;
    }
    if (base->continue_requested) break;
  }
  return ran;
}

// The event stays where it waits; a timeout begins again: from its last
// deadline if it fired for it (so that it does not drift), else from now.
void RunPersistent(event_base* base, event* ev) {
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
    AddEvent(ev, &next, TimeoutIs::kAbsolute);
  }
  ev->ev_evcallback.evcb_cb_union.evcb_callback(ev->ev_fd, ev->ev_res,
                                                ev->ev_evcallback.evcb_arg);
}

// Once for each delivery. The callback may delete or free the event, which
// stops the rest through ev_pncalls; so nothing of it is read after the last.
void RunSignal(event_base* base, event* ev) {
  auto callback = ev->ev_evcallback.evcb_cb_union.evcb_callback;
  void* arg = ev->ev_evcallback.evcb_arg;
  evutil_socket_t signal = ev->ev_fd;
  short result = ev->ev_res;
  // In the base, since the event may be gone when it is looked at.
  short& left = base->deliveries_left;
  left = ev->ev_.ev_signal.ev_ncalls;
  if (left != 0) ev->ev_.ev_signal.ev_pncalls = &left;
  while (left > 0) {
    --left;
    ev->ev_.ev_signal.ev_ncalls = left;
    if (left == 0) ev->ev_.ev_signal.ev_pncalls = nullptr;
    callback(signal, result, arg);
    if (base->break_requested) {
      if (left != 0) ev->ev_.ev_signal.ev_pncalls = nullptr;
      return;
    }
  }
}

void RunCallback(event_base* base, event_callback* callback) {
  base->current = callback;
  if (!IsEvent(callback)) {
    base->active.Remove(callback);
    callback->evcb_cb_union.evcb_selfcb(callback, callback->evcb_arg);
    base->current = nullptr;
    return;
  }
  event* ev = EventOf(callback);
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
      callback->evcb_cb_union.evcb_callback(ev->ev_fd, ev->ev_res,
                                            callback->evcb_arg);
    }
  }
  base->current = nullptr;
}

void OnExit(evutil_socket_t, short, void* arg) {
  static_cast<event_base*>(arg)->exit_requested = true;
}

}  // namespace
}  // namespace evoke

extern "C" {

int event_base_loop(event_base* base, int flags) {
  if (base == nullptr) {
    evoke::LogWarn("%s: no base", __func__);
    return -1;
  }
  if (base->running) {
    evoke::LogWarn(
        "%s: reentrant invocation.  Only one event_base_loop can run on each "
        "event_base at once.",
        __func__);
    return -1;
  }
  event_base* outer = evoke::t_running_base;
  evoke::t_running_base = base;
  base->running = true;
  base->exit_requested = base->break_requested = false;
  base->signals.TakeOver();

  evoke::TurnResult result;
  do {
    result = evoke::RunTurn(base, flags);
  } while (result == evoke::kGoOn);

  base->interests.FlushFired();
  base->cache_time = false;
  base->cached_time_us = 0;
  base->running = false;
  evoke::t_running_base = outer;
  return result;
}

int event_base_dispatch(event_base* base) { return event_base_loop(base, 0); }

// The exit is an event like any other, so that what is queued before it runs
// first.
int event_base_loopexit(event_base* base, const timeval* timeout) {
  return event_base_once(base, -1, EV_TIMEOUT, evoke::OnExit, base, timeout);
}

int event_base_loopbreak(event_base* base) {
  if (base == nullptr) return -1;
  base->break_requested = true;
  return 0;
}

int event_base_loopcontinue(event_base* base) {
  if (base == nullptr) return -1;
  base->continue_requested = true;
  return 0;
}

int event_base_got_exit(event_base* base) {
  if (base == nullptr) evoke::LogWarn("%s: no base", __func__);
  return base != nullptr && base->exit_requested;
}

int event_base_got_break(event_base* base) {
  if (base == nullptr) evoke::LogWarn("%s: no base", __func__);
  return base != nullptr && base->break_requested;
}

}  // extern "C"
