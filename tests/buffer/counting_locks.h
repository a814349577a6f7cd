// SPDX-License-Identifier: BSD-3-Clause
//
// Locks that say what the library does with them: how many there are, how often
// and in which order they are taken, how deep this thread is in them, and who
// waits. For tests of locking that must not depend on luck.
#ifndef EVOKE_TESTS_BUFFER_COUNTING_LOCKS_H_
#define EVOKE_TESTS_BUFFER_COUNTING_LOCKS_H_

#include <event2/thread.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace evoke {

struct CountingLock {
  std::recursive_mutex mutex;
};

class CountingLocks {
 public:
  // Turns threading on for the rest of the process.
  static void Use() {
    static const evthread_lock_callbacks kCallbacks = {
        EVTHREAD_LOCK_API_VERSION, EVTHREAD_LOCKTYPE_RECURSIVE,
        &CountingLocks::Make,      &CountingLocks::Destroy,
        &CountingLocks::Lock,      &CountingLocks::Unlock};
    ASSERT_EQ(evthread_set_lock_callbacks(&kCallbacks), 0);
    evthread_set_id_callback(
        +[] { return static_cast<unsigned long>(pthread_self()); });
  }

  static int live() { return live_; }
  // Whether the next ones cannot be made.
  static void SetFailing(bool failing) { failing_ = failing; }
  // How many locks this thread holds, counted as often as it took them.
  static int depth() { return depth_; }
  // Threads that wait for a lock now, or are about to.
  static int waiting() { return waiting_; }
  static void WaitForWaiting(int threads) {
    while (waiting_ != threads) std::this_thread::yield();
  }
  // What this thread has taken since the last call, in order.
  static std::vector<void*> TakeHistory() {
    return std::exchange(history_, {});
  }

 private:
  static void* Make(unsigned) {
    if (failing_) return nullptr;
    ++live_;
    return new CountingLock;
  }
  static void Destroy(void* lock, unsigned) {
    // One that is held by another thread now would be freed under its hands.
    auto* counting = static_cast<CountingLock*>(lock);
    EXPECT_TRUE(counting->mutex.try_lock());
    counting->mutex.unlock();
    --live_;
    delete counting;
  }
  static int Lock(unsigned, void* lock) {
    auto& mutex = static_cast<CountingLock*>(lock)->mutex;
    if (!mutex.try_lock()) {
      ++waiting_;
      mutex.lock();
      --waiting_;
    }
    ++depth_;
    history_.push_back(lock);
    return 0;
  }
  static int Unlock(unsigned, void* lock) {
    --depth_;
    static_cast<CountingLock*>(lock)->mutex.unlock();
    return 0;
  }

  static inline std::atomic<int> live_ = 0;
  static inline bool failing_ = false;
  static inline std::atomic<int> waiting_ = 0;
  static inline thread_local int depth_ = 0;
  static inline thread_local std::vector<void*> history_;
};

}  // namespace evoke

#endif  // EVOKE_TESTS_BUFFER_COUNTING_LOCKS_H_
