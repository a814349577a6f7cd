// SPDX-License-Identifier: BSD-3-Clause
//
// An event's way into the maps and queues of its base, and out of them:
// event_add, event_del, event_active and their kin.
//
// An event can be in up to three places at once, told by its flags: waiting for
// its fd or signal (EVLIST_INSERTED), among the timers (EVLIST_TIMEOUT), and
// ready to run (EVLIST_ACTIVE, EVLIST_ACTIVE_LATER). The first two keep the
// loop going.
#include <errno.h>
#include <limits.h>

#include <algorithm>

#include "event/debug_mode.h"
#include "event/event_base.h"
#include "event/fork.h"
#include "event/live_bases.h"
#include "event/points.h"
#include "event/wake.h"
#include "util/log.h"

namespace evoke {

namespace {

constexpr short kIoInterests = EV_READ | EV_WRITE | EV_CLOSED;
constexpr short kAnyActive = EVLIST_ACTIVE | EVLIST_ACTIVE_LATER;

short& FlagsOf(event* ev) { return ev->ev_evcallback.evcb_flags; }

// Setting and clearing a flag that stands for a queue that keeps the loop
// going.
void Enter(event* ev, short flag) {
  FlagsOf(ev) |= flag;
  if (FlagsOf(ev) & EVLIST_INTERNAL) return;
  EventCounts& counts = ev->ev_base->counts;
  ++counts.waiting;
  counts.NoteWaiting();
}

void Leave(event* ev, short flag) {
  FlagsOf(ev) &= ~flag;
  if (!(FlagsOf(ev) & EVLIST_INTERNAL)) --ev->ev_base->counts.waiting;
}

void LeaveTimers(event* ev) {
  event_base* base = ev->ev_base;
  Leave(ev, EVLIST_TIMEOUT);
  if (base->common_timeouts.IsMarked(ev->ev_timeout)) {
    base->common_timeouts.Remove(ev, &base->timers);
  } else {
    base->timers.Remove(ev);
  }
}

// A signal event whose callback runs for several deliveries runs no more.
void StopDeliveries(event* ev) {
  if (!(ev->ev_events & EV_SIGNAL)) return;
  auto& signal = ev->ev_.ev_signal;
  if (signal.ev_ncalls != 0 && signal.ev_pncalls != nullptr) {
    *signal.ev_pncalls = 0;
  }
}

int StartWaiting(event* ev) {
  event_base* base = ev->ev_base;
  EnsureOwner(base);
  int result = (ev->ev_events & EV_SIGNAL) ? base->signals.Add(ev)
                                           : base->interests.Add(ev);
  if (result == 0) Enter(ev, EVLIST_INSERTED);
  return result;
}

// The absolute deadline for `timeout`, with the mark of a common timeout kept.
timeval DeadlineFor(event_base* base, const timeval& timeout, TimeoutIs kind) {
  int64_t mark = 0;
  timeval plain = timeout;
  if (base->common_timeouts.IsMarked(timeout)) {
    plain.tv_usec &= kMicrosMask;
    mark = timeout.tv_usec & ~kMicrosMask;
  }
  int64_t deadline_us = MicrosFromTimeval(plain);
  if (kind == TimeoutIs::kRelative) {
    deadline_us = SaturatingAdd(base->Now(), deadline_us);
  }
  timeval deadline = TimevalFromMicros(deadline_us);
  deadline.tv_usec |= mark;
  return deadline;
}

// REQUIRES: the heap has room. The event may be among the timers already.
void StartTimer(event* ev, const timeval& timeout, TimeoutIs kind) {
  event_base* base = ev->ev_base;
  if (ev->ev_evcallback.evcb_closure == kClosurePersist &&
      kind == TimeoutIs::kRelative) {
    ev->ev_.ev_io.ev_timeout = timeout;
  }
  // One that is about to run because of its old timeout is not, now that it
  // has a new one.
  if ((FlagsOf(ev) & EVLIST_ACTIVE) && (ev->ev_res & EV_TIMEOUT)) {
    StopDeliveries(ev);
    base->active.Remove(&ev->ev_evcallback);
  }
  timeval deadline = DeadlineFor(base, timeout, kind);
  bool common = base->common_timeouts.IsMarked(deadline);
  if (FlagsOf(ev) & EVLIST_TIMEOUT) {
    if (!common && !base->common_timeouts.IsMarked(ev->ev_timeout)) {
      ev->ev_timeout = deadline;
      base->timers.Update(ev);
      return;
    }
    LeaveTimers(ev);
  }
  ev->ev_timeout = deadline;
  ReleaseTimer(ev);
  Enter(ev, EVLIST_TIMEOUT);
  if (common) {
    base->common_timeouts.Insert(ev, &base->timers);
  } else {
    base->timers.Insert(ev);
  }
}

// Whether the kernel may be told before the next wait of what is deleted now:
// callbacks run, on this thread, and are likely to add something on the same
// descriptor.
bool MayRemoveLater(const event_base* base) {
  return base->cache_time && base->interests.may_remove_later() &&
         IsLoopThread(base);
}

// What deleting takes out besides the kernel's interest.
void LeaveQueues(event* ev) {
  StopDeliveries(ev);
  if (FlagsOf(ev) & EVLIST_TIMEOUT) LeaveTimers(ev);
  ReleaseTimer(ev);
  if (FlagsOf(ev) & kAnyActive) ev->ev_base->active.Remove(&ev->ev_evcallback);
}

// A loop that has nothing left to wait for is to see that and return; and a
// backend that could not be told yet waits for a descriptor in vain.
void WakeAfterDelete(event_base* base) {
  bool is_empty = !base->HasEvents() && base->active.empty();
  if (is_empty || base->interests.has_put_off()) Wake(base);
}

// The event is out of all queues. Its callback may run in the loop's thread,
// and may add it again: then it is taken out again, so that its callback does
// not run any more when this returns. Or the callback may free it, so it is not
// touched after the wait unless it is known to be back.
void WaitForCallback(event* ev) {
  event_base* base = ev->ev_base;
  // In a fork's child no callback of a parent's thread ever ends.
  EnsureOwnerToDelete(base);
  while (base->running_event == ev && !IsLoopThread(base) &&
         base->callback_done.exists()) {
    if (WaitForRunning(base, ev)) DeleteEvent(ev);
  }
}

}  // namespace

bool WaitForRunning(event_base* base, const event* ev) {
  CallbackWaiter self = {ev, false, base->waiters};
  base->waiters = &self;
  uint32_t run = base->callbacks_run;
  while (base->callbacks_run == run) base->callback_done.Wait(base->lock);
  CallbackWaiter** link = &base->waiters;
  while (*link != &self) link = &(*link)->next;
  *link = self.next;
  return self.is_back;
}

void TellWaitersSlow(const event* ev, bool is_back) {
  CallbackWaiter* waiter = ev->ev_base->waiters;
  for (; waiter != nullptr; waiter = waiter->next) {
    if (waiter->ev == ev) waiter->is_back = is_back;
  }
}

int AddEvent(event* ev, const timeval* timeout, TimeoutIs kind) {
  event_base* base = ev->ev_base;
  if (ABSL_PREDICT_FALSE(FlagsOf(ev) & EVLIST_FINALIZING)) return -1;
  if (timeout != nullptr &&
      !(FlagsOf(ev) & (EVLIST_TIMEOUT | kTimerPromised)) &&
      !base->timers.Reserve() && !base->common_timeouts.IsMarked(*timeout)) {
    return -1;
  }
  if ((ev->ev_events & (kIoInterests | EV_SIGNAL)) &&
      !(FlagsOf(ev) & (EVLIST_INSERTED | kAnyActive)) && StartWaiting(ev) < 0) {
    return -1;
  }
  if (timeout != nullptr) StartTimer(ev, *timeout, kind);
  TellWaiters(ev, /*is_back=*/true);
  DebugNoteAdded(ev);
  PointAdd(ev);
  if (ABSL_PREDICT_TRUE(!base->waiting)) return 0;
  // It is added, even if the loop cannot be woken, which is logged.
  if (base->interests.has_put_off()) {
    Wake(base);
  } else if (timeout != nullptr) {
    WakeForTimer(base);
  }
  return 0;
}

int DeleteEvent(event* ev) {
  event_base* base = ev->ev_base;
  TellWaiters(ev, /*is_back=*/false);
  DebugNoteDeleted(ev);
  PointDel(ev);
  LeaveQueues(ev);
  if (!(FlagsOf(ev) & EVLIST_INSERTED)) {
    if (ABSL_PREDICT_FALSE(base->waiting)) WakeAfterDelete(base);
    return 0;
  }
  EnsureOwnerToDelete(base);
  Leave(ev, EVLIST_INSERTED);
  int result;
  if (ev->ev_events & EV_SIGNAL) {
    result = base->signals.Remove(ev);
  } else if (MayRemoveLater(base)) {
    result = base->interests.RemoveLater(ev);
  } else {
    result = base->interests.Remove(ev);
  }
  if (ABSL_PREDICT_FALSE(base->waiting)) WakeAfterDelete(base);
  return result;
}

void DeleteFiredEvent(event* ev) {
  if ((ev->ev_events & EV_SIGNAL) || !(FlagsOf(ev) & EVLIST_INSERTED)) {
    DeleteEvent(ev);
    return;
  }
  DebugNoteDeleted(ev);
  PointDel(ev);
  TellWaiters(ev, /*is_back=*/false);
  LeaveQueues(ev);
  EnsureOwner(ev->ev_base);
  Leave(ev, EVLIST_INSERTED);
  ev->ev_base->interests.RemoveLater(ev);
}

// A persistent event comes back to the timers before its callback runs. What
// callbacks before it add must not take its slot: there may be no memory for
// another, and nobody to tell.
void ActivateTimer(event* ev) {
  event_base* base = ev->ev_base;
  bool comes_back = ev->ev_evcallback.evcb_closure == kClosurePersist &&
                    evutil_timerisset(&ev->ev_.ev_io.ev_timeout) &&
                    !base->common_timeouts.IsMarked(ev->ev_timeout);
  DeleteFiredEvent(ev);
  if (comes_back) {
    base->timers.Promise();
    FlagsOf(ev) |= kTimerPromised;
  }
  ActivateEvent(ev, EV_TIMEOUT, 1);
}

void ReleaseTimer(event* ev) {
  if (ABSL_PREDICT_TRUE(!(FlagsOf(ev) & kTimerPromised))) return;
  FlagsOf(ev) &= ~kTimerPromised;
  ev->ev_base->timers.Unpromise();
}

bool ActivateCallbackLocked(event_base* base, event_callback* callback) {
  if (callback->evcb_flags & (EVLIST_FINALIZING | EVLIST_ACTIVE)) return false;
  if (callback->evcb_flags & EVLIST_ACTIVE_LATER) {
    base->active.Remove(callback);
  }
  base->active.Push(callback);
  Wake(base);
  return true;
}

void ActivateEvent(event* ev, int result, short ncalls) {
  event_base* base = ev->ev_base;
  if (FlagsOf(ev) & EVLIST_FINALIZING) return;
  if (FlagsOf(ev) & EVLIST_ACTIVE) {
    ev->ev_res |= static_cast<short>(result);
    return;
  }
  // More deliveries for a signal whose callback runs in another thread.
  if (ABSL_PREDICT_FALSE(base->running_event == ev) &&
      (ev->ev_events & EV_SIGNAL) && base->deliveries_left > 0 &&
      !IsLoopThread(base)) {
    int more = base->deliveries_left + ncalls;
    base->deliveries_left = static_cast<short>(std::min<int>(more, SHRT_MAX));
    return;
  }
  if (FlagsOf(ev) & EVLIST_ACTIVE_LATER) {
    ev->ev_res |= static_cast<short>(result);
  } else {
    ev->ev_res = static_cast<short>(result);
  }
  // What is more urgent than the queue that runs now must not wait for it.
  if (ev->ev_evcallback.evcb_pri < base->running_priority) {
    base->continue_requested = true;
  }
  if (ev->ev_events & EV_SIGNAL) {
    ev->ev_.ev_signal.ev_ncalls = ncalls;
    ev->ev_.ev_signal.ev_pncalls = nullptr;
  }
  if (FlagsOf(ev) & EVLIST_ACTIVE_LATER) {
    base->active.Remove(&ev->ev_evcallback);
  }
  base->active.Push(&ev->ev_evcallback);
  TellWaiters(ev, /*is_back=*/true);
  Wake(base);
}

int RemoveTimer(event* ev) {
  if (FlagsOf(ev) & EVLIST_TIMEOUT) {
    LeaveTimers(ev);
    if (!(ev->ev_events & EV_SIGNAL)) ev->ev_.ev_io.ev_timeout = {};
  }
  return 0;
}

void MakeInternal(event* ev) { FlagsOf(ev) |= EVLIST_INTERNAL; }

void TellBeforeClose(event_base* base, evutil_socket_t fd) {
  MutexLock lock(base->lock);
  // In a fork's child the kernel's set is the parent's, as long as the base is.
  if (HasOwnObjects(base)) base->interests.FlushFired(fd);
}

void ActivateTimersOf(event_base* base, evutil_socket_t fd) {
  const auto activate = [fd](event* timer) {
    if (timer->ev_fd == fd) ActivateEvent(timer, EV_TIMEOUT, 1);
  };
  base->timers.ForEach([base, activate](event* timer) {
    event* ev = base->common_timeouts.FirstBehind(timer);
    if (ev == nullptr) activate(timer);
    for (; ev != nullptr; ev = CommonTimeouts::NextBehind(ev)) activate(ev);
  });
}

void ActivateReady(event_base* base, evutil_socket_t fd, short ready) {
  for (event* ev = base->interests.First(fd); ev != nullptr;
       ev = InterestMap::Next(ev)) {
    short what = ev->ev_events & ready;
    if (what & kIoInterests) {
      ActivateEvent(ev, what, 1);
    }
  }
}

int DeleteAndWait(event* ev, Wait wait) {
  event_base* base = ev->ev_base;
  DebugNoteDeleted(ev);
  constexpr short kSomewhere = EVLIST_INSERTED | EVLIST_TIMEOUT | kAnyActive;
  // An event that is nowhere may outlive its base, which must not be touched
  // then. Without threads the base whose loop runs here is known to live.
  // One without a descriptor is in no map either, whatever its flags say.
  bool may_be_nowhere =
      LocksAreOn() || !(FlagsOf(ev) & kSomewhere) || ev->ev_fd < 0;
  bool is_live = base == t_running_base ||
                 ((LocksAreOn() || ev->ev_fd < 0) && IsLiveBase(base));
  if (ABSL_PREDICT_FALSE(may_be_nowhere && !is_live)) {
    StopDeliveries(ev);
    return 0;
  }
  MutexLock lock(base->lock);
  if (FlagsOf(ev) & EVLIST_FINALIZING) return 0;
  int result = 0;
  bool was_waiting = (FlagsOf(ev) & EVLIST_INSERTED) != 0;
  if (FlagsOf(ev) & kSomewhere) {
    result = DeleteEvent(ev);
  } else {
    StopDeliveries(ev);
    TellWaiters(ev, /*is_back=*/false);
  }
  if (!was_waiting && !(ev->ev_events & EV_SIGNAL) && ev->ev_fd >= 0 &&
      !MayRemoveLater(base)) {
    // Taking out the fd may have been put off, as of an event that is active
    // for its timeout, and the program is likely to close it next.
    EnsureOwnerToDelete(base);
    base->interests.FlushFired(ev->ev_fd);
  }
  if (ABSL_PREDICT_FALSE(base->running_event == ev) && wait != Wait::kNever &&
      (wait == Wait::kAlways || !(ev->ev_events & EV_FINALIZE))) {
    WaitForCallback(ev);
  }
  return result;
}

}  // namespace evoke

using evoke::LogWarn;

namespace {

// Says what is wrong with an event that is to be scheduled, and returns false.
bool IsUsableSlow(const event* ev, const char* function, evoke::DebugUse use) {
  if (ev == nullptr) {
    LogWarn("%s: no event", function);
    return false;
  }
  if (ev->ev_base == nullptr) {
    LogWarn("%s: the event has no base", function);
    return false;
  }
  evoke::DebugRequireSetUp(ev, function, use);
  // An event that is nowhere may be deleted when its base is gone.
  if (evoke::IsLiveBase(ev->ev_base)) {
    evoke::DebugCheckThread(ev->ev_base, function);
  }
  return true;
}

inline bool IsUsable(const event* ev, const char* function,
                     evoke::DebugUse use) {
  if (ABSL_PREDICT_TRUE(ev != nullptr && ev->ev_base != nullptr &&
                        !evoke::DebugModeIsOn())) {
    return true;
  }
  return IsUsableSlow(ev, function, use);
}

// For what may be done in and after its finalizer, too.
inline bool MayEnd(const event* ev, const char* function) {
  return IsUsable(ev, function, evoke::DebugUse::kEnd);
}

// For what needs the base; in debug mode, which has the time to ask.
inline bool HasBase(const event* ev, const char* function) {
  if (!IsUsable(ev, function, evoke::DebugUse::kAny)) return false;
  if (ABSL_PREDICT_TRUE(!evoke::DebugModeIsOn()) ||
      evoke::IsLiveBase(ev->ev_base)) {
    return true;
  }
  LogWarn("%s: the base of event %p was freed", function,
          static_cast<const void*>(ev));
  return false;
}

// One that was not would be taken for a callback of the library.
inline bool IsAssigned(const event* ev, const char* function) {
  if (ABSL_PREDICT_TRUE(event_initialized(ev))) return true;
  LogWarn("%s: event was never assigned", function);
  return false;
}

}  // namespace

extern "C" {

int event_add(event* ev, const timeval* timeout) {
  if (!HasBase(ev, __func__)) return -1;
  evoke::MutexLock lock(ev->ev_base->lock);
  if (!IsAssigned(ev, __func__)) return -1;
  return evoke::AddEvent(ev, timeout, evoke::TimeoutIs::kRelative);
}

int event_del(event* ev) {
  if (!MayEnd(ev, __func__)) return -1;
  return evoke::DeleteAndWait(ev, evoke::Wait::kUnlessFinalizable);
}

int event_del_block(event* ev) {
  if (!MayEnd(ev, __func__)) return -1;
  return evoke::DeleteAndWait(ev, evoke::Wait::kAlways);
}

int event_del_noblock(event* ev) {
  if (!MayEnd(ev, __func__)) return -1;
  return evoke::DeleteAndWait(ev, evoke::Wait::kNever);
}

void event_active(event* ev, int result, short ncalls) {
  if (!HasBase(ev, __func__)) return;
  evoke::MutexLock lock(ev->ev_base->lock);
  if (!IsAssigned(ev, __func__)) return;
  evoke::ActivateEvent(ev, result, ncalls);
}

int event_remove_timer(event* ev) {
  if (!HasBase(ev, __func__)) return -1;
  evoke::MutexLock lock(ev->ev_base->lock);
  const bool had_timer = (ev->ev_evcallback.evcb_flags & EVLIST_TIMEOUT) != 0;
  int result = evoke::RemoveTimer(ev);
  if (had_timer && ev->ev_base->points.watched_locked()) {
    const bool waits = (ev->ev_evcallback.evcb_flags & EVLIST_INSERTED) != 0;
    evoke::TellPointOf(waits ? EVOKE_POINT_ADD : EVOKE_POINT_DEL, ev);
  }
  if (ev->ev_base->waiting) evoke::WakeAfterDelete(ev->ev_base);
  return result;
}

void event_base_active_by_fd(event_base* base, evutil_socket_t fd,
                             short events) {
  if (base == nullptr) base = evoke::g_current_base;
  if (base == nullptr) {
    LogWarn("%s: no base", __func__);
    return;
  }
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  // With EV_TIMEOUT the timers of that fd, and only they, are meant.
  if (events & EV_TIMEOUT) {
    evoke::ActivateTimersOf(base, fd);
  } else {
    evoke::ActivateReady(base, fd, events & (evoke::kIoInterests | EV_ET));
  }
}

void event_base_active_by_signal(event_base* base, int signal) {
  if (base == nullptr) base = evoke::g_current_base;
  if (base == nullptr) {
    LogWarn("%s: no base", __func__);
    return;
  }
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  base->signals.Activate(signal, 1);
}

}  // extern "C"
