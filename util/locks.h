// SPDX-License-Identifier: BSD-3-Clause
//
// Locks and condition variables by the program's callbacks
// (evthread_set_lock_callbacks, evthread_use_pthreads), or nothing at all: an
// object that was made while threading was off has no lock, and each lock site
// costs it one predictable branch.
//
// Order, never the other way round: the lock of a listener, bufferevent or
// buffer; that of a rate-limit group; that of a base; a global one. No callback
// of the program runs under the base's lock, but those for logging and memory,
// which must not call the library.
#ifndef EVOKE_UTIL_LOCKS_H_
#define EVOKE_UTIL_LOCKS_H_

#include <event2/thread.h>
#include <stdint.h>

#include "absl/base/optimization.h"
#include "absl/base/thread_annotations.h"

struct timeval;

namespace evoke {

// What the program set; `alloc` is null where threading is off, the others can
// always be called. Set before objects are
// made, as the manual demands, so reading them needs no lock.
extern evthread_lock_callbacks g_lock_callbacks;
extern evthread_condition_callbacks g_condition_callbacks;
extern unsigned long (*g_thread_id)(void);

// From now on setting lock or condition callbacks is fatal: in debug mode, once
// an object was made without a lock.
void ForbidThreadSetup();

inline bool LocksAreOn() { return g_lock_callbacks.alloc != nullptr; }

// The number of the calling thread; 0 for all where nobody can tell.
inline unsigned long CurrentThread() {
  return ABSL_PREDICT_TRUE(g_thread_id == nullptr) ? 0 : g_thread_id();
}

enum class LockKind : unsigned {
  kPlain = 0,
  kRecursive = EVTHREAD_LOCKTYPE_RECURSIVE,
};

class ABSL_LOCKABLE Mutex {
 public:
  constexpr Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  // Makes the lock if threading is on. False when it should be there and
  // cannot be made. REQUIRES: not initialised, or destroyed.
  [[nodiscard]] bool Init(LockKind kind);
  // No effect without a lock. REQUIRES: nobody holds it.
  void Destroy();

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (ABSL_PREDICT_FALSE(handle_ != nullptr)) LockHandle();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    if (ABSL_PREDICT_FALSE(handle_ != nullptr)) UnlockHandle();
  }

  // Whether there is a lock at all.
  bool exists() const { return handle_ != nullptr; }
  void* handle() const { return handle_; }

 private:
  friend class SharedLock;

  void LockHandle() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    g_lock_callbacks.lock(0, handle_);
  }
  void UnlockHandle() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    g_lock_callbacks.unlock(0, handle_);
  }
  bool TryLockSlow() ABSL_NO_THREAD_SAFETY_ANALYSIS;

  void* handle_ = nullptr;
  LockKind kind_ = LockKind::kPlain;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// A recursive lock that several objects share (a bufferevent and its buffers,
// a filter and what lies under it, the two ends of a pair) and that lives until
// the last of them lets it go. Pointers to one are null where there is no lock.
class SharedLock {
 public:
  // A new lock with one reference; null when it cannot be made.
  // REQUIRES: LocksAreOn().
  static SharedLock* Create();
  // For a lock of the program's own, which is never freed here. Null when
  // memory is short.
  static SharedLock* Borrow(void* handle);

  void Ref() { __atomic_fetch_add(&refs_, 1, __ATOMIC_RELAXED); }
  // REQUIRES: not held through this reference any more.
  void Unref();

  void Lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.LockHandle(); }
  void Unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.UnlockHandle(); }
  // False when another thread holds it.
  bool TryLock() ABSL_NO_THREAD_SAFETY_ANALYSIS { return mutex_.TryLockSlow(); }

  // The program's name for the lock: the same for all who borrow it.
  const void* handle() const { return mutex_.handle(); }

 private:
  Mutex mutex_;
  uint32_t refs_ = 1;
  bool borrowed_ = false;
};

// Locks what may be null.
inline void LockIfAny(SharedLock* lock) {
  if (ABSL_PREDICT_FALSE(lock != nullptr)) lock->Lock();
}
inline void UnlockIfAny(SharedLock* lock) {
  if (ABSL_PREDICT_FALSE(lock != nullptr)) lock->Unlock();
}

// Holds `lock`, which may be null and must live until the end of the scope.
class SharedLockGuard {
 public:
  explicit SharedLockGuard(SharedLock* lock) : lock_(lock) { LockIfAny(lock_); }
  ~SharedLockGuard() { UnlockIfAny(lock_); }
  SharedLockGuard(const SharedLockGuard&) = delete;
  SharedLockGuard& operator=(const SharedLockGuard&) = delete;

 private:
  SharedLock* lock_;
};

class Condition {
 public:
  constexpr Condition() = default;
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  // Makes it if the program has set condition callbacks. False when it should
  // be there and cannot be made.
  [[nodiscard]] bool Init();
  void Destroy();

  bool exists() const { return handle_ != nullptr; }

  // REQUIRES: exists(), and the mutex of those who wait is held.
  void WakeAll();
  // Lets `mutex` go while it waits. May return too early.
  // REQUIRES: exists(), `mutex` is held once.
  void Wait(Mutex& mutex);

 private:
  void* handle_ = nullptr;
};

// Locks that are there once for the whole process, made when threading is
// turned on. (For what threads share even without, see process_mutex.h.)
enum class Global { kSignals, kRandom, kCount };
Mutex& GlobalLock(Global which);

// Makes those that are missing. False when memory is short.
bool MakeGlobalLocks();
// Gives them back; for libevent_global_shutdown().
void FreeGlobalLocks();

}  // namespace evoke

#endif  // EVOKE_UTIL_LOCKS_H_
