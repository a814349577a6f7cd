// SPDX-License-Identifier: BSD-3-Clause
#include "util/locks.h"

#include <errno.h>
#include <string.h>

#include "util/lock_debugging.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

// What stands where the program has set no callbacks, or has taken them away
// again: for locks of the program's own, and for objects that still have some.
constexpr evthread_lock_callbacks kNoLocks = {
    EVTHREAD_LOCK_API_VERSION,
    EVTHREAD_LOCKTYPE_RECURSIVE,
    /*alloc=*/nullptr,
    [](void*, unsigned) {},
    [](unsigned, void*) { return 0; },
    [](unsigned, void*) { return 0; }};

}  // namespace

constinit evthread_lock_callbacks g_lock_callbacks = kNoLocks;
evthread_condition_callbacks g_condition_callbacks = {};
unsigned long (*g_thread_id)(void) = nullptr;

namespace {

constinit Mutex g_global_locks[static_cast<int>(Global::kCount)];

bool g_setup_is_forbidden = false;

void RequireEarlySetup(const char* function) {
  if (!__atomic_load_n(&g_setup_is_forbidden, __ATOMIC_RELAXED)) return;
  LogFatal(1, "%s: threading is to be set up before any base is made",
           function);
}

bool AreSame(const evthread_lock_callbacks& a,
             const evthread_lock_callbacks& b) {
  return a.lock_api_version == b.lock_api_version &&
         a.supported_locktypes == b.supported_locktypes && a.alloc == b.alloc &&
         a.free == b.free && a.lock == b.lock && a.unlock == b.unlock;
}

bool AreSame(const evthread_condition_callbacks& a,
             const evthread_condition_callbacks& b) {
  return a.condition_api_version == b.condition_api_version &&
         a.alloc_condition == b.alloc_condition &&
         a.free_condition == b.free_condition &&
         a.signal_condition == b.signal_condition &&
         a.wait_condition == b.wait_condition;
}

}  // namespace

void ForbidThreadSetup() {
  __atomic_store_n(&g_setup_is_forbidden, true, __ATOMIC_RELAXED);
}

bool Mutex::Init(LockKind kind) {
  if (ABSL_PREDICT_TRUE(!LocksAreOn())) return true;
  kind_ = kind;
  handle_ = g_lock_callbacks.alloc(static_cast<unsigned>(kind));
  return handle_ != nullptr;
}

void Mutex::Destroy() {
  if (handle_ == nullptr) return;
  g_lock_callbacks.free(handle_, static_cast<unsigned>(kind_));
  handle_ = nullptr;
}

bool Mutex::TryLockSlow() {
  return g_lock_callbacks.lock(EVTHREAD_TRY, handle_) == 0;
}

SharedLock* SharedLock::Create() {
  SharedLock* lock = New<SharedLock>();
  if (lock == nullptr) return nullptr;
  if (lock->mutex_.Init(LockKind::kRecursive) && lock->mutex_.exists()) {
    return lock;
  }
  Delete(lock);
  return nullptr;
}

SharedLock* SharedLock::Borrow(void* handle) {
  SharedLock* lock = New<SharedLock>();
  if (lock == nullptr) return nullptr;
  lock->mutex_.handle_ = handle;
  lock->borrowed_ = true;
  return lock;
}

void SharedLock::Unref() {
  if (__atomic_sub_fetch(&refs_, 1, __ATOMIC_ACQ_REL) != 0) return;
  if (!borrowed_) mutex_.Destroy();
  Delete(this);
}

bool Condition::Init() {
  if (ABSL_PREDICT_TRUE(g_condition_callbacks.alloc_condition == nullptr)) {
    return true;
  }
  handle_ = g_condition_callbacks.alloc_condition(0);
  return handle_ != nullptr;
}

void Condition::Destroy() {
  if (handle_ == nullptr) return;
  if (g_condition_callbacks.free_condition != nullptr) {
    g_condition_callbacks.free_condition(handle_);
  }
  handle_ = nullptr;
}

void Condition::WakeAll() {
  g_condition_callbacks.signal_condition(handle_, /*broadcast=*/1);
}

void Condition::Wait(Mutex& mutex) {
  if (ABSL_PREDICT_FALSE(LocksAreDebugged())) {
    WaitWithDebuggedLock(handle_, mutex.handle());
  } else {
    g_condition_callbacks.wait_condition(handle_, mutex.handle(), nullptr);
  }
}

Mutex& GlobalLock(Global which) {
  return g_global_locks[static_cast<int>(which)];
}

bool MakeGlobalLocks() {
  for (Mutex& mutex : g_global_locks) {
    if (!mutex.exists() && !mutex.Init(LockKind::kRecursive)) return false;
  }
  return true;
}

void FreeGlobalLocks() {
  for (Mutex& mutex : g_global_locks) mutex.Destroy();
}

}  // namespace evoke

extern "C" {

int evthread_set_lock_callbacks(const evthread_lock_callbacks* callbacks) {
  evoke::RequireEarlySetup(__func__);
  evthread_lock_callbacks* target = evoke::CallbacksOfProgram();
  if (callbacks == nullptr) {
    if (target->alloc != nullptr) {
      evoke::LogWarn(
          "%s: taking the locks away from objects that have some will probably "
          "not work",
          __func__);
    }
    *target = evoke::kNoLocks;
    return 0;
  }
  if (target->alloc != nullptr) {
    // A second call with the same functions does no harm.
    if (evoke::AreSame(*target, *callbacks)) return 0;
    evoke::LogWarn("%s: lock callbacks cannot be changed once they are set",
                   __func__);
    return -1;
  }
  if (callbacks->alloc == nullptr || callbacks->free == nullptr ||
      callbacks->lock == nullptr || callbacks->unlock == nullptr) {
    return -1;
  }
  *target = *callbacks;
  // Lock debugging that came first has made some which lock nothing.
  evoke::FreeGlobalLocks();
  return evoke::MakeGlobalLocks() ? 0 : -1;
}

int evthread_set_condition_callbacks(
    const evthread_condition_callbacks* callbacks) {
  evoke::RequireEarlySetup(__func__);
  evthread_condition_callbacks* target = &evoke::g_condition_callbacks;
  if (callbacks == nullptr) {
    if (target->alloc_condition != nullptr) {
      evoke::LogWarn(
          "%s: taking the condition variables away from objects that have some "
          "will probably not work",
          __func__);
    }
    *target = {};
    return 0;
  }
  if (target->alloc_condition != nullptr) {
    if (evoke::AreSame(*target, *callbacks)) return 0;
    evoke::LogWarn(
        "%s: condition callbacks cannot be changed once they are set",
        __func__);
    return -1;
  }
  // Incomplete ones are refused, but a program may see by the result only.
  if (callbacks->alloc_condition == nullptr ||
      callbacks->free_condition == nullptr ||
      callbacks->signal_condition == nullptr ||
      callbacks->wait_condition == nullptr) {
    return 0;
  }
  *target = *callbacks;
  return 0;
}

void evthread_set_id_callback(unsigned long (*id_fn)(void)) {
  evoke::g_thread_id = id_fn;
}

}  // extern "C"
