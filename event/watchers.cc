// SPDX-License-Identifier: BSD-3-Clause
#include "event/watchers.h"

#include "event/debug_mode.h"
#include "event/event_base.h"
#include "event/fork.h"
#include "event/points.h"
#include "event/wake.h"
#include "util/log.h"
#include "util/memory.h"

struct evwatch_prepare_cb_info {
  int64_t timeout_us;  // -1: none
};

struct evwatch_check_cb_info {
  char nothing;  // C knows no empty struct
};

namespace evoke {

Watchers::~Watchers() {
  for (List* list : {&prepare_, &check_}) {
    while (evwatch* watcher = list->front()) Free(watcher);
  }
  ForgetRun();  // one of a parent's thread, in a fork's child
}

namespace {

template <typename Call>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void CallUnlocked(evwatch* watcher,
                                                      Mutex& lock, Call call)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) {
  // Of whichever kind it is: they are of one size, and at one place.
  ABSL_ATTRIBUTE_UNUSED auto callback = watcher->callback.prepare;
  lock.Unlock();
  EVOKE_PROBE(callback, callback, -1, 0);
  call(watcher);
  EVOKE_PROBE(callback_done, callback, -1);
  lock.Lock();
}

}  // namespace

template <typename Call>
void Watchers::Run(List& list, Mutex& lock, Call call) {
  evwatch* watcher = list.front();
  while (watcher != nullptr) {
    running_ = watcher;
    event_base* base = watcher->base;
    if (base->points.watched_locked()) {
      const evoke_point point = PointOf(watcher);
      event_base* outer = TellBegin(base, point);
      CallUnlocked(watcher, lock, call);
      TellDone(base, point, outer);
    } else {
      CallUnlocked(watcher, lock, call);
    }
    running_ = nullptr;
    EndRunning(base);
    if (watcher->freed) {
      evoke::Free(watcher);
      watcher = after_freed_;
      after_freed_ = nullptr;
    } else {
      watcher = List::Next(watcher);
    }
  }
}

void Watchers::RunPrepare(int64_t timeout_us, Mutex& lock) {
  const evwatch_prepare_cb_info info = {timeout_us};
  Run(prepare_, lock, [&info](evwatch* watcher) {
    watcher->callback.prepare(watcher, &info, watcher->arg);
  });
}

void Watchers::RunCheck(Mutex& lock) {
  const evwatch_check_cb_info info = {};
  Run(check_, lock, [&info](evwatch* watcher) {
    watcher->callback.check(watcher, &info, watcher->arg);
  });
}

void Watchers::Add(evwatch* watcher) { ListOf(watcher).PushBack(watcher); }

void Watchers::Free(evwatch* watcher) {
  if (watcher->freed) return;
  if (watcher == after_freed_) after_freed_ = List::Next(watcher);
  if (watcher == running_) {
    after_freed_ = List::Next(watcher);
    watcher->freed = true;
  }
  ListOf(watcher).Remove(watcher);
  if (!watcher->freed) evoke::Free(watcher);
}

void Watchers::ForgetRun() {
  if (running_ != nullptr && running_->freed) evoke::Free(running_);
  running_ = after_freed_ = nullptr;
}

namespace {

evwatch* NewWatcher(event_base* base, bool is_prepare, void* arg,
                    const char* function) {
  if (base == nullptr) {
    LogWarn("%s: no base", function);
    return nullptr;
  }
  DebugCheckThread(base, function);
  auto* watcher = New<evwatch>();
  if (watcher == nullptr) return nullptr;
  *watcher = {};
  watcher->base = base;
  watcher->is_prepare = is_prepare;
  watcher->arg = arg;
  return watcher;
}

evwatch* Enlist(evwatch* watcher) {
  MutexLock lock(watcher->base->lock);
  watcher->base->watchers.Add(watcher);
  return watcher;
}

}  // namespace
}  // namespace evoke

using evoke::LogWarn;

extern "C" {

evwatch* evwatch_prepare_new(event_base* base, evwatch_prepare_cb callback,
                             void* arg) {
  if (callback == nullptr) {
    LogWarn("%s: no callback", __func__);
    return nullptr;
  }
  evwatch* watcher = evoke::NewWatcher(base, true, arg, __func__);
  if (watcher == nullptr) return nullptr;
  watcher->callback.prepare = callback;
  return evoke::Enlist(watcher);
}

evwatch* evwatch_check_new(event_base* base, evwatch_check_cb callback,
                           void* arg) {
  if (callback == nullptr) {
    LogWarn("%s: no callback", __func__);
    return nullptr;
  }
  evwatch* watcher = evoke::NewWatcher(base, false, arg, __func__);
  if (watcher == nullptr) return nullptr;
  watcher->callback.check = callback;
  return evoke::Enlist(watcher);
}

event_base* evwatch_base(evwatch* watcher) {
  if (watcher != nullptr) return watcher->base;
  LogWarn("%s: no watcher", __func__);
  return nullptr;
}

void evwatch_free(evwatch* watcher) {
  if (watcher == nullptr) {
    LogWarn("%s: no watcher", __func__);
    return;
  }
  event_base* base = watcher->base;
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  // In a fork's child no callback of a parent's thread ever ends.
  if (base->watchers.IsRunning(watcher)) evoke::EnsureOwnerToDelete(base);
  const bool waits = base->watchers.IsRunning(watcher) &&
                     !evoke::IsLoopThread(base) && base->callback_done.exists();
  base->watchers.Free(watcher);
  if (waits) evoke::WaitForRunning(base, nullptr);
}

int evwatch_prepare_get_timeout(const evwatch_prepare_cb_info* info,
                                timeval* timeout) {
  if (info == nullptr || timeout == nullptr) {
    LogWarn("%s: no %s", __func__, info ? "timeout" : "info");
    return 0;
  }
  if (info->timeout_us < 0) return 0;
  *timeout = evoke::TimevalFromMicros(info->timeout_us);
  return 1;
}

}  // extern "C"
