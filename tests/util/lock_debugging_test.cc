// SPDX-License-Identifier: BSD-3-Clause
//
// Locks that watch over their users: what is a fault ends the process, so each
// one is tried in a process of its own.
#include "util/lock_debugging.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <gtest/gtest.h>

#include <thread>

#include "util/locks.h"

namespace evoke {
namespace {

Mutex* NewMutex(LockKind kind) {
  evthread_enable_lock_debugging();
  EXPECT_EQ(evthread_use_pthreads(), 0);
  auto* mutex = new Mutex;
  EXPECT_TRUE(mutex->Init(kind));
  return mutex;
}

// Wrong uses are what is tested, so the compiler is not to look for them.
void Lock(Mutex* mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex->Lock(); }
void Unlock(Mutex* mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex->Unlock(); }

TEST(LockDebuggingDeathTest, RightUseIsSilent) {
  EXPECT_EXIT(
      {
        Mutex* recursive = NewMutex(LockKind::kRecursive);
        Lock(recursive);
        Lock(recursive);
        Unlock(recursive);
        Unlock(recursive);
        recursive->Destroy();
        Mutex* plain = NewMutex(LockKind::kPlain);
        Lock(plain);
        Unlock(plain);
        plain->Destroy();
        _exit(0);
      },
      ::testing::ExitedWithCode(0), "^$");
}

TEST(LockDebuggingDeathTest, APlainLockIsNotLockedTwice) {
  EXPECT_DEATH(
      {
        Mutex* mutex = NewMutex(LockKind::kPlain);
        Lock(mutex);
        Lock(mutex);
      },
      "not recursive");
}

TEST(LockDebuggingDeathTest, WhatNobodyHoldsIsNotUnlocked) {
  EXPECT_DEATH(Unlock(NewMutex(LockKind::kRecursive)), "nobody holds it");
}

TEST(LockDebuggingDeathTest, OnlyTheHolderUnlocks) {
  EXPECT_DEATH(
      {
        Mutex* mutex = NewMutex(LockKind::kRecursive);
        Lock(mutex);
        std::thread([mutex] { Unlock(mutex); }).join();
      },
      "does not hold it");
}

TEST(LockDebuggingDeathTest, AHeldLockIsNotFreed) {
  EXPECT_DEATH(
      {
        Mutex* mutex = NewMutex(LockKind::kPlain);
        Lock(mutex);
        mutex->Destroy();
      },
      "while it is held");
}

// The library's own locking under its own eyes: a loop, another thread that
// waits for a callback, and both orders of turning things on.
void UseABase() {
  event_base* base = event_base_new();
  event* ev = event_new(
      base, -1, EV_PERSIST,
      [](evutil_socket_t, short, void* arg) {
        event_base_loopbreak(static_cast<event_base*>(arg));
      },
      base);
  for (int round = 0; round < 100; ++round) {
    std::thread other([ev] {
      event_active(ev, EV_READ, 0);
      event_del(ev);
      event_active(ev, EV_READ, 0);
    });
    event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
    other.join();
  }
  event_free(ev);
  event_base_free(base);
  libevent_global_shutdown();
}

TEST(LockDebuggingDeathTest, TheLibraryKeepsItsOwnRules) {
  EXPECT_EXIT(
      {
        evthread_enable_lock_debugging();
        evthread_use_pthreads();
        UseABase();
        _exit(0);
      },
      ::testing::ExitedWithCode(0), "^$");
  EXPECT_EXIT(
      {
        evthread_use_pthreads();
        evthread_enable_lock_debuging();
        UseABase();
        _exit(0);
      },
      ::testing::ExitedWithCode(0), "^$");
}

// Two threads that count under a lock of the process.
long CountTogether(int rounds) {
  long sum = 0;
  auto add = [&sum, rounds] {
    for (int i = 0; i < rounds; ++i) {
      MutexLock lock(GlobalLock(Global::kSignals));
      sum = sum + 1;
    }
  };
  std::thread one(add);
  std::thread other(add);
  one.join();
  other.join();
  return sum;
}

// Debugging may be turned on before there are threads: its locks of the process
// lock nothing then, but must do so later.
TEST(LockDebuggingDeathTest, LocksOfTheProcessLockOnceThereAreThreads) {
  EXPECT_EXIT(
      {
        evthread_enable_lock_debugging();
        evthread_use_pthreads();
        _exit(CountTogether(20000) == 40000 ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "^$");
}

}  // namespace
}  // namespace evoke
