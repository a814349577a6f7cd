// SPDX-License-Identifier: BSD-3-Clause
//
// A lock that is always there, whether the program has turned threading on or
// not: for the few things that even threads with nothing in common share, such
// as the list of all bases. Plain, not recursive; held for moments, with no
// other lock taken meanwhile. fork(2) waits until no other thread holds one, so
// that none stays locked in a child, where that thread is not
// (pthread_atfork(3)).
#ifndef EVOKE_UTIL_PROCESS_MUTEX_H_
#define EVOKE_UTIL_PROCESS_MUTEX_H_

#include <pthread.h>

#include "absl/base/thread_annotations.h"

namespace evoke {

// For objects of static storage; needs no constructor at run time and is never
// destroyed.
class ABSL_LOCKABLE ProcessMutex {
 public:
  constexpr ProcessMutex() = default;
  ProcessMutex(const ProcessMutex&) = delete;
  ProcessMutex& operator=(const ProcessMutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (!__atomic_load_n(&is_known_, __ATOMIC_ACQUIRE)) MakeKnown();
    pthread_mutex_lock(&mutex_);
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() { pthread_mutex_unlock(&mutex_); }

 private:
  // Puts it on the list of those that a fork has to care for.
  void MakeKnown();

  static void BeforeFork();
  static void AfterFork();

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  bool is_known_ = false;
  ProcessMutex* next_known_ = nullptr;
};

class ABSL_SCOPED_LOCKABLE ProcessMutexLock {
 public:
  explicit ProcessMutexLock(ProcessMutex& mutex)
      ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(mutex) {
    mutex_.Lock();
  }
  ~ProcessMutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  ProcessMutexLock(const ProcessMutexLock&) = delete;
  ProcessMutexLock& operator=(const ProcessMutexLock&) = delete;

 private:
  ProcessMutex& mutex_;
};

}  // namespace evoke

#endif  // EVOKE_UTIL_PROCESS_MUTEX_H_
