// SPDX-License-Identifier: BSD-3-Clause
//
// Locks by callbacks of the program: here they count, and fail on request.
#include "util/locks.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <gtest/gtest.h>

namespace evoke {
namespace {

struct Counts {
  int made = 0;
  int freed = 0;
  int held = 0;
  int locks = 0;
  bool fail = false;
};
Counts g_counts;

void* Alloc(unsigned kind) {
  if (g_counts.fail) return nullptr;
  ++g_counts.made;
  return new unsigned(kind);
}
void FreeIt(void* lock, unsigned kind) {
  EXPECT_EQ(*static_cast<unsigned*>(lock), kind);
  ++g_counts.freed;
  delete static_cast<unsigned*>(lock);
}
int LockIt(unsigned mode, void*) {
  EXPECT_EQ(mode, 0u);
  ++g_counts.held;
  ++g_counts.locks;
  return 0;
}
int UnlockIt(unsigned, void*) {
  --g_counts.held;
  return 0;
}
constexpr evthread_lock_callbacks kCounting = {EVTHREAD_LOCK_API_VERSION,
                                               EVTHREAD_LOCKTYPE_RECURSIVE,
                                               Alloc,
                                               FreeIt,
                                               LockIt,
                                               UnlockIt};

void* AllocCondition(unsigned) { return new int(0); }
void FreeCondition(void* condition) { delete static_cast<int*>(condition); }
int Signal(void* condition, int broadcast) {
  EXPECT_EQ(broadcast, 1);
  ++*static_cast<int*>(condition);
  return 0;
}
int WaitFor(void*, void*, const timeval*) { return 0; }
constexpr evthread_condition_callbacks kConditions = {
    EVTHREAD_CONDITION_API_VERSION, AllocCondition, FreeCondition, Signal,
    WaitFor};

class LocksTest : public ::testing::Test {
 protected:
  void SetUp() override { g_counts = {}; }
  void TearDown() override {
    FreeGlobalLocks();
    event_set_log_callback([](int, const char*) {});
    evthread_set_lock_callbacks(nullptr);
    evthread_set_condition_callbacks(nullptr);
    evthread_set_id_callback(nullptr);
    event_set_log_callback(nullptr);
    EXPECT_EQ(g_counts.made, g_counts.freed);
    EXPECT_EQ(g_counts.held, 0);
  }
};

TEST_F(LocksTest, WithoutCallbacksThereIsNoLock) {
  EXPECT_FALSE(LocksAreOn());
  Mutex mutex;
  EXPECT_TRUE(mutex.Init(LockKind::kPlain));
  EXPECT_FALSE(mutex.exists());
  mutex.Lock();
  mutex.Unlock();
  mutex.Destroy();
  LockIfAny(nullptr);
  UnlockIfAny(nullptr);
  EXPECT_EQ(CurrentThread(), 0u);
}

TEST_F(LocksTest, AMutexIsWhatTheCallbacksMake) {
  ASSERT_EQ(evthread_set_lock_callbacks(&kCounting), 0);
  int global = g_counts.made;
  EXPECT_GT(global, 0);
  Mutex mutex;
  ASSERT_TRUE(mutex.Init(LockKind::kPlain));
  EXPECT_EQ(g_counts.made, global + 1);
  {
    MutexLock lock(mutex);
    EXPECT_EQ(g_counts.held, 1);
  }
  EXPECT_EQ(g_counts.held, 0);
  mutex.Destroy();
  EXPECT_EQ(g_counts.freed, 1);
}

TEST_F(LocksTest, WantOfMemoryIsTold) {
  ASSERT_EQ(evthread_set_lock_callbacks(&kCounting), 0);
  g_counts.fail = true;
  Mutex mutex;
  EXPECT_FALSE(mutex.Init(LockKind::kRecursive));
  EXPECT_EQ(SharedLock::Create(), nullptr);
  EXPECT_EQ(event_base_new(), nullptr);
}

TEST_F(LocksTest, TurningThreadingOnCanFail) {
  g_counts.fail = true;
  EXPECT_EQ(evthread_set_lock_callbacks(&kCounting), -1);
}

TEST_F(LocksTest, ASharedLockLivesAsLongAsItsLastUser) {
  ASSERT_EQ(evthread_set_lock_callbacks(&kCounting), 0);
  SharedLock* lock = SharedLock::Create();
  ASSERT_NE(lock, nullptr);
  lock->Ref();
  lock->Unref();
  EXPECT_EQ(g_counts.freed, 0);
  {
    SharedLockGuard outer(lock);
    SharedLockGuard inner(lock);
    EXPECT_EQ(g_counts.held, 2);
  }
  lock->Unref();
  EXPECT_EQ(g_counts.freed, 1);
}

TEST_F(LocksTest, ALockOfTheProgramIsNotFreed) {
  ASSERT_EQ(evthread_set_lock_callbacks(&kCounting), 0);
  int before = g_counts.made;
  int own;
  SharedLock* lock = SharedLock::Borrow(&own);
  ASSERT_NE(lock, nullptr);
  { SharedLockGuard guard(lock); }
  lock->Unref();
  EXPECT_EQ(g_counts.made, before);
  EXPECT_EQ(g_counts.freed, 0);
}

TEST_F(LocksTest, CallbacksCannotBeExchanged) {
  ASSERT_EQ(evthread_set_lock_callbacks(&kCounting), 0);
  EXPECT_EQ(evthread_set_lock_callbacks(&kCounting), 0);
  evthread_lock_callbacks other = kCounting;
  other.lock = UnlockIt;
  event_set_log_callback([](int, const char*) {});
  EXPECT_EQ(evthread_set_lock_callbacks(&other), -1);
  EXPECT_EQ(g_lock_callbacks.lock, LockIt);

  ASSERT_EQ(evthread_set_condition_callbacks(&kConditions), 0);
  EXPECT_EQ(evthread_set_condition_callbacks(&kConditions), 0);
  evthread_condition_callbacks another = kConditions;
  another.wait_condition = nullptr;
  EXPECT_EQ(evthread_set_condition_callbacks(&another), -1);
}

TEST_F(LocksTest, IncompleteCallbacksAreNotTaken) {
  evthread_lock_callbacks incomplete = kCounting;
  incomplete.unlock = nullptr;
  EXPECT_EQ(evthread_set_lock_callbacks(&incomplete), -1);
  EXPECT_FALSE(LocksAreOn());
  evthread_condition_callbacks half = kConditions;
  half.alloc_condition = nullptr;
  EXPECT_EQ(evthread_set_condition_callbacks(&half), 0);
  Condition condition;
  EXPECT_TRUE(condition.Init());
  EXPECT_FALSE(condition.exists());
}

TEST_F(LocksTest, ABaseMakesItsLockAndGivesItBack) {
  ASSERT_EQ(evthread_set_lock_callbacks(&kCounting), 0);
  ASSERT_EQ(evthread_set_condition_callbacks(&kConditions), 0);
  int before = g_counts.made;
  event_base* base = event_base_new();
  ASSERT_NE(base, nullptr);
  EXPECT_EQ(g_counts.made, before + 1);
  int locks = g_counts.locks;
  event_base_loop(base, EVLOOP_NONBLOCK);
  EXPECT_GT(g_counts.locks, locks);
  EXPECT_EQ(g_counts.held, 0);
  event_base_free(base);
  EXPECT_EQ(g_counts.freed, 1);
}

}  // namespace
}  // namespace evoke
