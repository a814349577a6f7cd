// SPDX-License-Identifier: BSD-3-Clause
#include <event2/event.h>
#include <event2/thread.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <chrono>
#include <thread>

#include "util/locks.h"

namespace evoke {
namespace {

class PthreadsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(evthread_use_pthreads_with_flags(EVTHREAD_PTHREAD_PRIO_INHERIT),
              0);
  }
};

TEST_F(PthreadsTest, ASecondCallDoesNoHarm) {
  EXPECT_EQ(evthread_use_pthreads_with_flags(EVTHREAD_PTHREAD_PRIO_INHERIT), 0);
}

TEST_F(PthreadsTest, ThreadsAreToldApart) {
  unsigned long here = CurrentThread();
  unsigned long there = here;
  std::thread([&] { there = CurrentThread(); }).join();
  EXPECT_NE(here, there);
  EXPECT_EQ(here, CurrentThread());
}

TEST_F(PthreadsTest, LocksExclude) {
  Mutex mutex;
  ASSERT_TRUE(mutex.Init(LockKind::kPlain));
  int counter = 0;
  auto count = [&] {
    for (int i = 0; i < 10000; ++i) {
      MutexLock lock(mutex);
      ++counter;
    }
  };
  std::thread other(count);
  count();
  other.join();
  EXPECT_EQ(counter, 20000);
  mutex.Destroy();
}

TEST_F(PthreadsTest, TryDoesNotWait) {
  void* lock = g_lock_callbacks.alloc(0);
  ASSERT_NE(lock, nullptr);
  EXPECT_EQ(g_lock_callbacks.lock(EVTHREAD_TRY, lock), 0);
  std::thread([lock] {
    EXPECT_NE(g_lock_callbacks.lock(EVTHREAD_TRY, lock), 0);
  }).join();
  EXPECT_EQ(g_lock_callbacks.unlock(0, lock), 0);
  g_lock_callbacks.free(lock, 0);
}

TEST_F(PthreadsTest, PriorityIsInherited) {
  void* lock = g_lock_callbacks.alloc(EVTHREAD_LOCKTYPE_RECURSIVE);
  ASSERT_NE(lock, nullptr);
  EXPECT_EQ(g_lock_callbacks.lock(0, lock), 0);
  EXPECT_EQ(g_lock_callbacks.lock(0, lock), 0);  // recursive
  EXPECT_EQ(g_lock_callbacks.unlock(0, lock), 0);
  EXPECT_EQ(g_lock_callbacks.unlock(0, lock), 0);
  // The protocol of a mutex can't be asked for; glibc keeps it in its kind.
  constexpr int kPrioInherit = 32;
  EXPECT_NE(static_cast<pthread_mutex_t*>(lock)->__data.__kind & kPrioInherit,
            0);
  g_lock_callbacks.free(lock, EVTHREAD_LOCKTYPE_RECURSIVE);
}

TEST_F(PthreadsTest, AWaitEndsByTimeOrBySignal) {
  void* lock = g_lock_callbacks.alloc(0);
  void* condition = g_condition_callbacks.alloc_condition(0);
  g_lock_callbacks.lock(0, lock);
  timeval soon = {0, 1000};
  EXPECT_EQ(g_condition_callbacks.wait_condition(condition, lock, &soon), 1);
  bool done = false;
  std::thread other([&] {
    g_lock_callbacks.lock(0, lock);
    done = true;
    EXPECT_EQ(g_condition_callbacks.signal_condition(condition, 1), 0);
    g_lock_callbacks.unlock(0, lock);
  });
  while (!done) {
    EXPECT_EQ(g_condition_callbacks.wait_condition(condition, lock, nullptr),
              0);
  }
  g_lock_callbacks.unlock(0, lock);
  other.join();
  g_condition_callbacks.free_condition(condition);
  g_lock_callbacks.free(lock, 0);
}

}  // namespace
}  // namespace evoke
