// SPDX-License-Identifier: BSD-3-Clause
//
// The loop: the heart of the project.
//
// event_base_loop() turns until there is nothing left to wait for, or until it
// is told to stop. One turn has eight steps; RunTurn() is their list, and each
// step is a function below it. docs/design/loop.md tells the same story with a
// picture.
//
// The base's lock is held here, but around the wait and every callback.
#include <errno.h>

#include "event/debug_mode.h"
#include "event/event_base.h"
#include "event/fork.h"
#include "event/live_bases.h"
#include "event/points.h"
#include "event/wake.h"
#include "util/log.h"

namespace evoke {

__thread event_base* t_running_base = nullptr;
__thread LoopStats* t_io_stats = nullptr;

namespace {

// What event_base_loop() is to do after a turn; the values of the last three
// are what it then returns.
enum TurnResult { kGoOn = 2, kNothingLeft = 1, kStopped = 0, kFailed = -1 };

constexpr int kNoPriority = -1;

TurnResult RunTurn(event_base* base, int flags)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(base->lock);
bool ShouldStop(event_base* base);
bool IsNothingLeft(event_base* base, int flags);
int64_t WaitLimit(event_base* base, int flags, bool flushed);
void BeginWait(event_base* base, int64_t timeout_us)
    ABSL_UNLOCK_FUNCTION(base->lock);
bool EndWait(event_base* base) ABSL_EXCLUSIVE_LOCK_FUNCTION(base->lock);
bool WaitForReady(event_base* base, int64_t timeout_us)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(base->lock);
void StartBatch(event_base* base);
void ActivateExpired(event_base* base);
int RunActive(event_base* base) ABSL_EXCLUSIVE_LOCKS_REQUIRED(base->lock);
int RunQueue(event_base* base, int priority, int max_callbacks,
             int64_t deadline_us) ABSL_EXCLUSIVE_LOCKS_REQUIRED(base->lock);

TurnResult RunTurn(event_base* base, int flags) {
  PointTurn(base);

  // 1. Is there anything to do?
  base->continue_requested = false;
  base->deferred_in_turn = 0;
  if (ShouldStop(base)) return kStopped;
  if (IsNothingLeft(base, flags)) return kNothingLeft;
  base->deferred_in_turn += base->active.AdmitLater();

  // 2. Send what was written during the last turn.
  bool flushed = base->flush.RunAll(base->lock);
  if (ShouldStop(base)) return kStopped;

  // 3. How long may the kernel let us sleep?
  int64_t timeout_us = WaitLimit(base, flags, flushed);
  if (ABSL_PREDICT_FALSE(base->watchers.AnyPrepare())) {
    base->watchers.RunPrepare(timeout_us, base->lock);
    if (ShouldStop(base)) return kStopped;
    timeout_us = WaitLimit(base, flags, flushed);
  }

  // 4. Ask the kernel which fds are ready, and queue their events.
  if (!WaitForReady(base, timeout_us)) return kFailed;

  // 5. From here on it is one and the same time for every callback.
  StartBatch(base);
  if (ABSL_PREDICT_FALSE(base->watchers.AnyCheck())) {
    base->watchers.RunCheck(base->lock);
    if (ShouldStop(base)) return kStopped;
  }

  // 6. Queue the timers that are due.
  ActivateExpired(base);

  // 7. Run what is queued.
  base->was_idle = !flushed && base->active.empty();
  int ran = base->active.empty() ? 0 : RunActive(base);

  // 8. Another turn?
  if (base->was_idle) return (flags & EVLOOP_NONBLOCK) ? kStopped : kGoOn;
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
  // After a turn that came to nothing it must be the deadline itself, so that
  // timers that were pushed back wake an idle loop once at most.
  base->wait_until_us = base->timers.NextLook(/*exactly=*/base->was_idle);
  if (base->timers.empty()) return -1;
  // The clock is read again rather than reckoned from the batch's time: a
  // callback that took long must not make later timers late as well.
  int64_t left_us = base->wait_until_us - base->Now();
  return left_us > 0 ? left_us : 0;
}

// From here on other threads may come in, and know that they have to wake us.
void BeginWait(event_base* base, int64_t timeout_us) {
  if (ABSL_PREDICT_FALSE(base->lock.exists() || base->wake_fd >= 0)) {
    base->wake_sent = false;
    base->waiting = timeout_us != 0;
    base->interests.BeginWait(
        !(base->backend.table->flags & EVOKE_BACKEND_CHANGE_DURING_WAIT));
  }
  base->lock.Unlock();
}

// True when another thread changed something that the backend does not know of.
bool EndWait(event_base* base) {
  base->lock.Lock();
  base->waiting = false;
  bool crossed = base->interests.has_put_off();
  base->interests.EndWait();
  return crossed;
}

bool WaitForReady(event_base* base, int64_t timeout_us) {
  EnsureOwner(base);
  base->interests.FlushFired();
  base->ready.count = 0;
  PointWait(base, timeout_us);
  BeginWait(base, timeout_us);
  int result =
      base->backend.table->wait(base->backend.state, timeout_us, &base->ready);
  int error = errno;
  bool crossed = EndWait(base);
  PointWaitDone(base, /*failed=*/result < 0);
  if (ABSL_PREDICT_FALSE(result < 0)) {
    // Another thread deleted its event and closed the descriptor meanwhile.
    if (error == EBADF && crossed) return true;
    errno = error;
    LogWarnErrno("%s: wait", base->backend.table->name);
    return false;
  }
  if (ABSL_PREDICT_FALSE(result == EVOKE_WAIT_REBUILT)) {
    // A registration outlived its descriptor: perhaps since it was to be taken
    // out later. Once is cheap, each time would not be.
    base->interests.StopRemovingLater();
    base->interests.TellAll();
  }
  // Callbacks are told of edges only where the kernel was.
  const short edge = base->backend.table->features & EV_FEATURE_ET ? EV_ET : 0;
  for (int i = 0; i < base->ready.count; ++i) {
    const evoke_ready& ready = base->ready.list[i];
    if (base->interests.IsStale(ready.fd)) continue;
    ActivateReady(base, ready.fd, ready.ready | edge);
  }
  return true;
}

// The clock itself is read when somebody first asks: never, where no timer is.
void StartBatch(event_base* base) { base->cache_time = true; }

// In the order of their deadlines; those of common timeouts come last.
void ActivateExpired(event_base* base) {
  if (base->timers.empty()) return;
  int64_t now_us = base->Now();
  CommonTimeouts& common = base->common_timeouts;
  while (event* next = base->timers.Due(now_us)) {
    if (common.FirstBehind(next) != nullptr) {
      common.SetAside(next, &base->timers);
    } else {
      base->stats.NoteLate(now_us - DeadlineOf(*next));
      ActivateTimer(next);
    }
  }
  while (event* queue = common.TakeAside(&base->timers)) {
    event* ev = common.FirstBehind(queue);
    while (ev != nullptr && DeadlineOf(*ev) <= now_us) {
      base->stats.NoteLate(now_us - DeadlineOf(*ev));
      ActivateTimer(ev);
      ev = common.FirstBehind(queue);
    }
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
      base->cached_time_us = 0;
      if (base->Now() >= deadline_us) break;
    }
    if (base->continue_requested) break;
  }
  return ran;
}

void OnExit(evutil_socket_t, short, void* arg) {
  auto* base = static_cast<event_base*>(arg);
  MutexLock lock(base->lock);
  base->exit_requested = true;
}

}  // namespace
}  // namespace evoke

extern "C" {

int event_base_loop(event_base* base, int flags) {
  if (base == nullptr) {
    evoke::LogWarn("%s: no base", __func__);
    return -1;
  }
  if (ABSL_PREDICT_FALSE(!evoke::IsLiveBase(base))) {
    evoke::LogWarn("%s: %p is no base, or was freed", __func__,
                   static_cast<void*>(base));
    return -1;
  }
  evoke::MutexLock lock(base->lock);
  // First, since in a fork's child the loop of another thread runs no more.
  evoke::EnsureOwner(base);
  if (base->running) {
    evoke::LogWarn("%s: the loop of this base runs already", __func__);
    return -1;
  }
  event_base* outer = evoke::t_running_base;
  evoke::t_running_base = base;
  evoke::t_io_stats = nullptr;
  base->running = true;
  base->loop_thread = evoke::CurrentThread();
  evoke::DebugNoteLoop(base, /*runs=*/true);
  base->exit_requested = base->break_requested = false;
  base->signals.TakeOver();
  // Who made the base is likely to call in; now there may be a descriptor to be
  // had for it. A failure is logged, and may be mended when it is needed.
  if (ABSL_PREDICT_FALSE(base->maker_thread != base->loop_thread)) {
    evoke::MakeNotifiable(base);
  }

  evoke::TurnResult result;
  do {
    result = evoke::RunTurn(base, flags);
  } while (result == evoke::kGoOn);

  // Not in a child that was forked in a callback: the kernel's set is the
  // parent's.
  if (evoke::HasOwnObjects(base)) base->interests.FlushFired();
  base->cache_time = false;
  base->cached_time_us = 0;
  evoke::PointReturn(base);
  base->running = false;
  evoke::DebugNoteLoop(base, /*runs=*/false);
  evoke::t_running_base = outer;
  evoke::t_io_stats = nullptr;
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
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  base->break_requested = true;
  return evoke::Wake(base);
}

int event_base_loopcontinue(event_base* base) {
  if (base == nullptr) return -1;
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  base->continue_requested = true;
  return evoke::Wake(base);
}

int event_base_got_exit(event_base* base) {
  if (base == nullptr) {
    evoke::LogWarn("%s: no base", __func__);
    return 0;
  }
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  return base->exit_requested;
}

int event_base_got_break(event_base* base) {
  if (base == nullptr) {
    evoke::LogWarn("%s: no base", __func__);
    return 0;
  }
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  return base->break_requested;
}

}  // extern "C"
