// SPDX-License-Identifier: BSD-3-Clause
//
// libevent_pthreads: locks, conditions and thread ids by POSIX threads. A
// library of its own above libevent_core, of which it needs exported symbols
// only.
#include <errno.h>
#include <event2/thread.h>
#include <pthread.h>
#include <sys/time.h>
#include <time.h>

// Memory of the program's hooks; exported by libevent_core for this library.
extern "C" void* event_mm_malloc_(size_t size);
extern "C" void event_mm_free_(void* memory);

namespace {

bool g_inherits_priority = false;

// Returns 0 or an error number.
int InitMutex(pthread_mutex_t* mutex, unsigned kind) {
  pthread_mutexattr_t attributes;
  int error = pthread_mutexattr_init(&attributes);
  if (error != 0) return error;
  if (kind & EVTHREAD_LOCKTYPE_RECURSIVE) {
    error = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  }
  if (error == 0 && g_inherits_priority) {
    error = pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
  }
  if (error == 0) error = pthread_mutex_init(mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  return error;
}

void* AllocLock(unsigned kind) {
  auto* mutex =
      static_cast<pthread_mutex_t*>(event_mm_malloc_(sizeof(pthread_mutex_t)));
  if (mutex == nullptr) return nullptr;
  if (InitMutex(mutex, kind) != 0) {
    event_mm_free_(mutex);
    return nullptr;
  }
  return mutex;
}

void FreeLock(void* lock, unsigned) {
  pthread_mutex_destroy(static_cast<pthread_mutex_t*>(lock));
  event_mm_free_(lock);
}

int Lock(unsigned mode, void* lock) {
  auto* mutex = static_cast<pthread_mutex_t*>(lock);
  if (mode & EVTHREAD_TRY) return pthread_mutex_trylock(mutex);
  return pthread_mutex_lock(mutex);
}

int Unlock(unsigned, void* lock) {
  return pthread_mutex_unlock(static_cast<pthread_mutex_t*>(lock));
}

unsigned long ThreadId() { return static_cast<unsigned long>(pthread_self()); }

int InitCondition(pthread_cond_t* condition) {
  pthread_condattr_t attributes;
  int error = pthread_condattr_init(&attributes);
  if (error != 0) return error;
  // A jump of the wall clock ends no wait.
  error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  if (error == 0) error = pthread_cond_init(condition, &attributes);
  pthread_condattr_destroy(&attributes);
  return error;
}

void* AllocCondition(unsigned) {
  auto* condition =
      static_cast<pthread_cond_t*>(event_mm_malloc_(sizeof(pthread_cond_t)));
  if (condition == nullptr) return nullptr;
  if (InitCondition(condition) != 0) {
    event_mm_free_(condition);
    return nullptr;
  }
  return condition;
}

void FreeCondition(void* condition) {
  pthread_cond_destroy(static_cast<pthread_cond_t*>(condition));
  event_mm_free_(condition);
}

int SignalCondition(void* handle, int broadcast) {
  auto* condition = static_cast<pthread_cond_t*>(handle);
  int error = broadcast ? pthread_cond_broadcast(condition)
                        : pthread_cond_signal(condition);
  return error == 0 ? 0 : -1;
}

int WaitCondition(void* handle, void* lock, const timeval* timeout) {
  auto* condition = static_cast<pthread_cond_t*>(handle);
  auto* mutex = static_cast<pthread_mutex_t*>(lock);
  if (timeout == nullptr) {
    return pthread_cond_wait(condition, mutex) == 0 ? 0 : -1;
  }
  timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += timeout->tv_sec;
  until.tv_nsec += timeout->tv_usec * 1000L;
  if (until.tv_nsec >= 1'000'000'000L) {
    until.tv_nsec -= 1'000'000'000L;
    ++until.tv_sec;
  }
  int error = pthread_cond_timedwait(condition, mutex, &until);
  if (error == ETIMEDOUT) return 1;
  return error == 0 ? 0 : -1;
}

constexpr evthread_lock_callbacks kLockCallbacks = {
    EVTHREAD_LOCK_API_VERSION,
    EVTHREAD_LOCKTYPE_RECURSIVE,
    AllocLock,
    FreeLock,
    Lock,
    Unlock,
};

constexpr evthread_condition_callbacks kConditionCallbacks = {
    EVTHREAD_CONDITION_API_VERSION,
    AllocCondition,
    FreeCondition,
    SignalCondition,
    WaitCondition,
};

}  // namespace

extern "C" {

int evthread_use_pthreads_with_flags(int flags) {
  g_inherits_priority = (flags & EVTHREAD_PTHREAD_PRIO_INHERIT) != 0;
  if (evthread_set_lock_callbacks(&kLockCallbacks) < 0) return -1;
  if (evthread_set_condition_callbacks(&kConditionCallbacks) < 0) return -1;
  evthread_set_id_callback(ThreadId);
  return 0;
}

int evthread_use_pthreads(void) { return evthread_use_pthreads_with_flags(0); }

}  // extern "C"
