// SPDX-License-Identifier: BSD-3-Clause
//
// Deferred callbacks of locked buffers: one thread runs the loop, another uses
// the buffer, in an order that the counting locks impose.
#include <event2/event.h>

#include <atomic>
#include <thread>

#include "tests/buffer/buffer_checks.h"
#include "tests/buffer/counting_locks.h"

namespace evoke {
namespace {

struct Told {
  std::atomic<int> calls = 0;
  std::atomic<size_t> added = 0;
  std::atomic<int> depth = 0;

  static void Call(evbuffer*, const evbuffer_cb_info* info, void* arg) {
    auto* told = static_cast<Told*>(arg);
    ++told->calls;
    told->added += info->n_added;
    told->depth = CountingLocks::depth();
  }
};

class DeferredThreads : public testing::Test {
 protected:
  static void SetUpTestSuite() { CountingLocks::Use(); }
  void SetUp() override {
    live_before_ = CountingLocks::live();
    base_ = event_base_new();
    buffer_ = evbuffer_new();
    ASSERT_EQ(evbuffer_enable_locking(buffer_, nullptr), 0);
    evbuffer_add_cb(buffer_, &Told::Call, &told_);
    evbuffer_defer_callbacks(buffer_, base_);
  }
  void TearDown() override {
    event_base_free(base_);
    EXPECT_EQ(CountingLocks::live(), live_before_);
  }
  // Lets the loop begin with the deferred callback, which waits for the lock
  // that this thread holds.
  std::thread BeginDeferred() {
    std::thread loop([this] { event_base_loop(base_, EVLOOP_NONBLOCK); });
    CountingLocks::WaitForWaiting(1);
    return loop;
  }

  int live_before_;
  event_base* base_;
  evbuffer* buffer_;
  Told told_;
};

TEST_F(DeferredThreads, TheLoopTakesTheLock) {
  evbuffer_add(buffer_, "abc", 3);
  event_base_loop(base_, EVLOOP_NONBLOCK);
  EXPECT_EQ(told_.calls, 1);
  EXPECT_EQ(told_.depth, 1);
  evbuffer_free(buffer_);
}

TEST_F(DeferredThreads, BytesOfAnotherThreadAreTold) {
  evbuffer_lock(buffer_);
  evbuffer_add(buffer_, "abc", 3);
  std::thread loop = BeginDeferred();
  evbuffer_add(buffer_, "de", 2);
  evbuffer_unlock(buffer_);
  loop.join();
  event_base_loop(base_, EVLOOP_NONBLOCK);
  EXPECT_EQ(told_.calls, 1);
  EXPECT_EQ(told_.added, 5u);
  evbuffer_free(buffer_);
}

TEST_F(DeferredThreads, FreedWhileTheLoopWaitsForTheLock) {
  evbuffer_lock(buffer_);
  evbuffer_add(buffer_, "abc", 3);
  std::thread loop = BeginDeferred();
  evbuffer_free(buffer_);
  // Being scheduled keeps it.
  evbuffer_unlock(buffer_);
  loop.join();
  EXPECT_EQ(told_.calls, 1);
}

TEST_F(DeferredThreads, CancelledBeforeTheLoopBegins) {
  evbuffer_lock(buffer_);
  evbuffer_add(buffer_, "abc", 3);
  BufferCancelDeferred(buffer_);
  EXPECT_EQ(buffer_->refs, 1u);
  evbuffer_unlock(buffer_);
  event_base_loop(base_, EVLOOP_NONBLOCK);
  EXPECT_EQ(told_.calls, 0);
  evbuffer_free(buffer_);
}

TEST_F(DeferredThreads, CancelledWhenTheLoopHasBegun) {
  evbuffer_lock(buffer_);
  evbuffer_add(buffer_, "abc", 3);
  std::thread loop = BeginDeferred();
  BufferCancelDeferred(buffer_);
  EXPECT_EQ(buffer_->refs, 2u) << "what has begun still needs the buffer";
  evbuffer_free(buffer_);
  evbuffer_unlock(buffer_);
  loop.join();
  EXPECT_EQ(told_.calls, 0);
}

TEST_F(DeferredThreads, ScheduledAgainAfterBeingCancelledTooLate) {
  evbuffer_lock(buffer_);
  evbuffer_add(buffer_, "abc", 3);
  std::thread loop = BeginDeferred();
  BufferCancelDeferred(buffer_);
  evbuffer_add(buffer_, "d", 1);
  evbuffer_unlock(buffer_);
  loop.join();
  EXPECT_EQ(told_.calls, 1);
  // What is told by the run that was too late leaves one without anything to
  // tell in the queue; the next change must not be lost for it.
  evbuffer_add(buffer_, "e", 1);
  event_base_loop(base_, EVLOOP_NONBLOCK);
  EXPECT_EQ(told_.added, 5u);
  EXPECT_EQ(buffer_->refs, 1u);
  evbuffer_free(buffer_);
}

TEST_F(DeferredThreads, DeferredToAnotherBaseWhenTheLoopHasBegun) {
  event_base* other = event_base_new();
  evbuffer_lock(buffer_);
  evbuffer_add(buffer_, "abc", 3);
  std::thread loop = BeginDeferred();
  EXPECT_EQ(evbuffer_defer_callbacks(buffer_, other), 0);
  evbuffer_unlock(buffer_);
  loop.join();
  event_base_loop(other, EVLOOP_NONBLOCK);
  EXPECT_EQ(told_.calls, 1);
  evbuffer_add(buffer_, "d", 1);
  event_base_loop(base_, EVLOOP_NONBLOCK);
  EXPECT_EQ(told_.calls, 1);
  event_base_loop(other, EVLOOP_NONBLOCK);
  EXPECT_EQ(told_.calls, 2);
  EXPECT_EQ(buffer_->refs, 1u);
  evbuffer_free(buffer_);
  event_base_free(other);
}

}  // namespace
}  // namespace evoke
