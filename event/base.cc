// SPDX-License-Identifier: BSD-3-Clause
//
// Making a base, freeing it, and asking about it.
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "event/config.h"
#include "event/debug_mode.h"
#include "event/event_base.h"
#include "event/fork.h"
#include "event/live_bases.h"
#include "event/points.h"
#include "event/wake.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

constexpr int kFirstReadyCapacity = 64;

// How old the offset between the two clocks may be before it is taken again.
constexpr int64_t kOffsetValid_us = 5 * kMicrosPerSecond;

int GrowReady(evoke_ready_sink* sink) {
  int capacity = sink->capacity == 0 ? kFirstReadyCapacity : sink->capacity * 2;
  void* list = Reallocate(sink->list, sizeof(evoke_ready) * capacity);
  if (list == nullptr) return 0;
  sink->list = static_cast<evoke_ready*>(list);
  sink->capacity = capacity;
  return 1;
}

BackendChoice ChoiceOf(const event_config* config) {
  BackendChoice choice;
  if (config == nullptr) return choice;
  choice.avoided = IsAvoided;
  choice.avoided_arg = config;
  choice.required_features = config->required_features;
  choice.ignore_environment = config->flags & EVENT_BASE_FLAG_IGNORE_ENV;
  if (config->flags & EVENT_BASE_FLAG_PRECISE_TIMER) {
    choice.options |= EVOKE_OPTION_PRECISE_TIMER;
  }
  if (config->flags & EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) {
    choice.options |= EVOKE_OPTION_CHANGELIST;
  }
  return choice;
}

void TakeLimits(event_base* base, const event_config* config) {
  if (config == nullptr) return;
  base->flags = config->flags;
  base->never_cache_time = config->flags & EVENT_BASE_FLAG_NO_CACHE_TIME;
  base->max_dispatch_us = config->max_dispatch_us;
  base->max_dispatch_callbacks = config->max_dispatch_callbacks;
  base->limit_from_priority = config->limit_from_priority;
  // Without any limit none is to be looked at, from no priority on.
  if (base->max_dispatch_us == kNoDeadline &&
      base->max_dispatch_callbacks == INT_MAX) {
    base->limit_from_priority = INT_MAX;
  }
}

bool WantsSignalFd(const event_base* base) {
  if (base->flags & EVENT_BASE_FLAG_USE_SIGNALFD) return true;
  return !(base->flags & EVENT_BASE_FLAG_IGNORE_ENV) &&
         secure_getenv("EVENT_USE_SIGNALFD") != nullptr;
}

// Takes every event out of the base without a word to the kernel, whose object
// goes with the base (and may be a parent's, in a fork's child).
void DetachAll(event_base* base, bool run_finalizers) {
  constexpr short kNowhere =
      static_cast<short>(~(EVLIST_INSERTED | EVLIST_TIMEOUT | EVLIST_ACTIVE |
                           EVLIST_ACTIVE_LATER | kTimerPromised));
  for (evutil_socket_t fd = 0; fd < base->interests.size(); ++fd) {
    for (event* ev = base->interests.First(fd); ev != nullptr;
         ev = InterestMap::Next(ev)) {
      ev->ev_evcallback.evcb_flags &= ~EVLIST_INSERTED;
      DebugNoteDeleted(ev);
    }
  }
  for (int signal = 0; signal < NSIG; ++signal) {
    for (event* ev = base->signals.First(signal); ev != nullptr;
         ev = ev->ev_.ev_signal.ev_signal_next.le_next) {
      ev->ev_evcallback.evcb_flags &= ~EVLIST_INSERTED;
      DebugNoteDeleted(ev);
    }
  }
  while (event* top = base->timers.Any()) {
    event* ev = base->common_timeouts.FirstBehind(top);
    if (ev == nullptr) ev = top;
    RemoveTimer(ev);
    DebugNoteDeleted(ev);
  }
  while (event_callback* callback = base->active.Any()) {
    base->active.Remove(callback);
    if (callback->evcb_flags & EVLIST_FINALIZING) {
      // What waits for its end gets it now.
      if (!IsEvent(callback)) {
        callback->evcb_cb_union.evcb_selfcb(callback, callback->evcb_arg);
      } else if (run_finalizers) {
        FinishFinalizing(EventOf(callback));
      }
      continue;
    }
    callback->evcb_flags &= kNowhere;
  }
}

// The locks of a base. They are there from the beginning or not at all.
bool MakeLocks(event_base* base) {
  if (base->flags & EVENT_BASE_FLAG_NOLOCK) return true;
  return base->lock.Init(LockKind::kPlain) && base->callback_done.Init();
}

bool PrepareWaking(event_base* base) {
  if (!NeedsWakeFd(base)) return true;
  MutexLock lock(base->lock);
  return MakeNotifiable(base) == 0;
}

}  // namespace

void FreeBase(event_base* base, bool run_finalizers) {
  if (base == g_current_base) g_current_base = nullptr;
  base->signals.Close();
  DetachAll(base, run_finalizers);
  FreeOnceEvents(base);
  EVOKE_PROBE(end, base);
  if (base->points.watched()) TellEnd(base);
  if (base->backend.table != nullptr) {
    base->backend.table->close(base->backend.state);
  }
  if (base->wake_fd >= 0) close(base->wake_fd);
  DebugForget(&base->wake_event);
  if (base->free_pool != nullptr) base->free_pool(base->pool);
  Free(base->ready.list);
  DelistBase(base);
  // In a fork's child that a parent's thread seems to wait in, it can't be.
  if (base->waiters == nullptr) base->callback_done.Destroy();
  base->lock.Destroy();
  Delete(base);
}

}  // namespace evoke

using evoke::LogWarn;

namespace {

bool IsThere(const event_base* base, const char* function) {
  if (ABSL_PREDICT_TRUE(base != nullptr)) return true;
  LogWarn("%s: no base", function);
  return false;
}

// For functions that are rarely called, and ruinous where there is no base.
bool IsLive(const event_base* base, const char* function) {
  if (!IsThere(base, function)) return false;
  if (evoke::IsLiveBase(base)) return true;
  LogWarn("%s: %p is no base, or was freed", function,
          static_cast<const void*>(base));
  return false;
}

}  // namespace

int64_t event_base::ReadClock() {
  int64_t now_us = evoke::MonotonicMicros();
  if (cache_time && !never_cache_time) cached_time_us = now_us;
  return now_us;
}

int64_t event_base::WallClockOffset() {
  int64_t now_us = Now();
  if (offset_taken_us == INT64_MIN ||
      now_us - offset_taken_us >= evoke::kOffsetValid_us) {
    wall_clock_offset_us = evoke::WallClockMicros() - evoke::MonotonicMicros();
    offset_taken_us = now_us;
  }
  return wall_clock_offset_us;
}

extern "C" {

event_base* event_base_new_with_config(const event_config* config) {
  evoke::DebugNoteBase();
  event_base* base = evoke::New<event_base>();
  if (base == nullptr) {
    evoke::LogWarnErrno("%s: new base", __func__);
    return nullptr;
  }
  base->running_priority = -1;
  base->maker_thread = evoke::CurrentThread();
  base->ready.grow = evoke::GrowReady;
  base->owner = evoke::ProcessToken();
  evoke::TakeLimits(base, config);
  base->backend = evoke::OpenFirstUsable(evoke::ChoiceOf(config));
  if (base->backend.table == nullptr) {
    LogWarn("%s: no backend is usable", __func__);
    evoke::FreeBase(base, false);
    return nullptr;
  }
  base->interests.SetBackend(&base->backend);
  if (evoke::WantsSignalFd(base)) base->signals.UseSignalFd();
  if (!evoke::EnlistBase(base) || !evoke::MakeLocks(base) ||
      !base->active.SetPriorities(1) || !evoke::GrowReady(&base->ready) ||
      !evoke::PrepareWaking(base)) {
    evoke::LogWarnErrno("%s: new base", __func__);
    evoke::FreeBase(base, false);
    return nullptr;
  }
  evoke::StartPointsFromEnvironment(base);
  return base;
}

event_base* event_base_new(void) { return event_base_new_with_config(nullptr); }

void event_base_free(event_base* base) {
  if (base == nullptr) base = evoke::g_current_base;
  if (!IsLive(base, __func__)) return;
  evoke::DebugCheckThread(base, __func__);
  evoke::FreeBase(base, /*run_finalizers=*/true);
}

void event_base_free_nofinalize(event_base* base) {
  if (base == nullptr) base = evoke::g_current_base;
  if (!IsLive(base, __func__)) return;
  evoke::DebugCheckThread(base, __func__);
  evoke::FreeBase(base, /*run_finalizers=*/false);
}

const char* event_base_get_method(const event_base* base) {
  return IsThere(base, __func__) ? base->backend.table->name : nullptr;
}

const char* event_base_get_signal_method(const event_base* base) {
  if (!IsThere(base, __func__)) return nullptr;
  return base->signals.uses_signal_fd() ? "signalfd_signal" : "signal";
}

const char** event_get_supported_methods(void) {
  return evoke::SupportedMethods();
}

int event_base_get_features(const event_base* base) {
  return IsThere(base, __func__) ? base->backend.table->features : 0;
}

int event_base_priority_init(event_base* base, int priorities) {
  if (!IsThere(base, __func__)) return -1;
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  if (!base->active.empty() || priorities < 1 ||
      priorities >= EVENT_MAX_PRIORITIES) {
    return -1;
  }
  return base->active.SetPriorities(priorities) ? 0 : -1;
}

int event_base_get_npriorities(event_base* base) {
  if (base == nullptr) base = evoke::g_current_base;
  if (!IsThere(base, __func__)) return -1;
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  return base->active.priorities();
}

const timeval* event_base_init_common_timeout(event_base* base,
                                              const timeval* duration) {
  if (base == nullptr) base = evoke::g_current_base;
  if (base == nullptr || duration == nullptr) {
    LogWarn("%s: no %s", __func__, base ? "duration" : "base");
    return nullptr;
  }
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  return base->common_timeouts.Intern(duration, &base->timers);
}

int event_gettime_monotonic(event_base* base, timeval* time) {
  if (base == nullptr || time == nullptr) return -1;
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  *time = evoke::TimevalFromMicros(base->Now());
  return 0;
}

int event_base_gettimeofday_cached(event_base* base, timeval* time) {
  if (time == nullptr) {
    LogWarn("%s: nowhere to put the time", __func__);
    return -1;
  }
  if (base == nullptr) base = evoke::g_current_base;
  if (base == nullptr) return gettimeofday(time, nullptr);
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  if (!base->cache_time || base->never_cache_time) {
    return gettimeofday(time, nullptr);
  }
  *time = evoke::TimevalFromMicros(base->Now() + base->WallClockOffset());
  return 0;
}

int event_base_update_cache_time(event_base* base) {
  if (base == nullptr) base = evoke::g_current_base;
  if (base == nullptr) return -1;
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  if (base->running) {
    base->cached_time_us = 0;
    base->Now();
  }
  return 0;
}

event* event_base_get_running_event(event_base* base) {
  if (!IsThere(base, __func__)) return nullptr;
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  return evoke::IsLoopThread(base) ? base->running_event : nullptr;
}

const char* event_get_version(void) { return EVENT__VERSION; }

ev_uint32_t event_get_version_number(void) { return EVENT__NUMERIC_VERSION; }

void libevent_global_shutdown(void) {
  evoke::FreeRegistry();
  evoke::EndDebugMode();
  evoke::FreeBaseTables();
  evoke::FreeGlobalLocks();
}

}  // extern "C"
