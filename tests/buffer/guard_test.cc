// SPDX-License-Identifier: BSD-3-Clause
//
// Threading is on in this whole test; evbuffer_test.cc runs without.
#include <event2/buffer_compat.h>
#include <event2/event.h>

#include <atomic>
#include <functional>

#include "tests/buffer/buffer_checks.h"
#include "tests/buffer/counting_locks.h"

namespace evoke {
namespace {

class Guard : public testing::Test {
 protected:
  static void SetUpTestSuite() { CountingLocks::Use(); }
  void SetUp() override {
    live_before_ = CountingLocks::live();
    CountingLocks::TakeHistory();
  }
  void TearDown() override {
    EXPECT_EQ(CountingLocks::depth(), 0);
    EXPECT_EQ(CountingLocks::live(), live_before_);
  }

  static OwnedBuffer Locked(std::string_view text = {}) {
    OwnedBuffer buffer = NewBuffer(text);
    EXPECT_EQ(evbuffer_enable_locking(buffer.get(), nullptr), 0);
    CountingLocks::TakeHistory();
    return buffer;
  }

  int live_before_;
};

TEST_F(Guard, ABufferIsGivenOneLock) {
  OwnedBuffer buffer = NewBuffer();
  EXPECT_EQ(CountingLocks::live(), live_before_);
  EXPECT_EQ(evbuffer_enable_locking(buffer.get(), nullptr), 0);
  EXPECT_EQ(CountingLocks::live(), live_before_ + 1);
  EXPECT_EQ(evbuffer_enable_locking(buffer.get(), nullptr), -1);
  CountingLock other;
  EXPECT_EQ(evbuffer_enable_locking(buffer.get(), &other), -1);
  EXPECT_EQ(CountingLocks::live(), live_before_ + 1);
}

TEST_F(Guard, LocksNest) {
  OwnedBuffer buffer = Locked();
  evbuffer_lock(buffer.get());
  evbuffer_lock(buffer.get());
  EXPECT_EQ(CountingLocks::depth(), 2);
  EXPECT_EQ(evbuffer_add(buffer.get(), "x", 1), 0);
  EXPECT_EQ(CountingLocks::depth(), 2);
  evbuffer_unlock(buffer.get());
  evbuffer_unlock(buffer.get());
  EXPECT_EQ(CountingLocks::depth(), 0);
}

TEST_F(Guard, ALockOfTheProgramsStaysIts) {
  CountingLock lock;
  {
    OwnedBuffer a = NewBuffer("a");
    OwnedBuffer b = NewBuffer("b");
    EXPECT_EQ(evbuffer_enable_locking(a.get(), &lock), 0);
    EXPECT_EQ(evbuffer_enable_locking(b.get(), &lock), 0);
    CountingLocks::TakeHistory();
    evbuffer_add_buffer(a.get(), b.get());
    for (void* taken : CountingLocks::TakeHistory()) EXPECT_EQ(taken, &lock);
  }
  EXPECT_TRUE(lock.mutex.try_lock());
  lock.mutex.unlock();
}

// Every function takes the lock of its buffer and lets it go, whether it
// succeeds or not.
TEST_F(Guard, EveryFunctionTakesTheLock) {
  using Call = std::function<void(evbuffer*)>;
  evbuffer_ptr ptr = {0, {nullptr, 0}};
  evbuffer_iovec vec[2] = {{const_cast<char*>("ab"), 2}, {nullptr, 0}};
  char out[8];
  evbuffer_cb_func cb = [](evbuffer*, const evbuffer_cb_info*, void*) {
    EXPECT_GT(CountingLocks::depth(), 0);
  };
  int fd = FileWith("file");
  evbuffer_file_segment* segment = evbuffer_file_segment_new(fd, 0, 4, 0);
  const Call calls[] = {
      [](evbuffer* b) { evbuffer_get_length(b); },
      [](evbuffer* b) { evbuffer_get_contiguous_space(b); },
      [](evbuffer* b) { evbuffer_set_flags(b, 0); },
      [](evbuffer* b) { evbuffer_clear_flags(b, 0); },
      [](evbuffer* b) { evbuffer_freeze(b, 0); },
      [](evbuffer* b) { evbuffer_unfreeze(b, 0); },
      [](evbuffer* b) { evbuffer_expand(b, 10); },
      [&](evbuffer* b) { evbuffer_reserve_space(b, 10, vec, 1); },
      [&](evbuffer* b) { evbuffer_commit_space(b, vec, 1); },
      [](evbuffer* b) { evbuffer_add(b, "abc", 3); },
      [](evbuffer* b) { evbuffer_prepend(b, "abc", 3); },
      [&](evbuffer* b) { evbuffer_add_iovec(b, vec, 0); },
      [](evbuffer* b) { evbuffer_add_printf(b, "%d", 1); },
      [](evbuffer* b) { evbuffer_add_reference(b, "x", 1, nullptr, nullptr); },
      [&](evbuffer* b) { evbuffer_add_file_segment(b, segment, 0, -1); },
      [fd](evbuffer* b) { evbuffer_add_file(b, dup(fd), 0, 4); },
      [](evbuffer* b) { evbuffer_drain(b, 1); },
      [&](evbuffer* b) { evbuffer_remove(b, out, 1); },
      [&](evbuffer* b) { evbuffer_copyout(b, out, 1); },
      [](evbuffer* b) { evbuffer_pullup(b, 1); },
      [](evbuffer* b) { free(evbuffer_readln(b, nullptr, EVBUFFER_EOL_LF)); },
      [](evbuffer* b) { free(evbuffer_readline(b)); },
      [&](evbuffer* b) { evbuffer_ptr_set(b, &ptr, 0, EVBUFFER_PTR_SET); },
      [&](evbuffer* b) { evbuffer_peek(b, 1, nullptr, vec, 1); },
      [](evbuffer* b) { evbuffer_search(b, "x", 1, nullptr); },
      [](evbuffer* b) {
        evbuffer_find(b, reinterpret_cast<const unsigned char*>("c"), 1);
      },
      [](evbuffer* b) {
        evbuffer_search_eol(b, nullptr, nullptr, EVBUFFER_EOL_LF);
      },
      [](evbuffer* b) { evbuffer_read(b, -1, 1); },
      [](evbuffer* b) { evbuffer_write(b, -1); },
      [](evbuffer* b) { evbuffer_set_max_read(b, 4096); },
      [](evbuffer* b) { evbuffer_get_max_read(b); },
      [cb](evbuffer* b) { evbuffer_add_cb(b, cb, nullptr); },
      [](evbuffer* b) { evbuffer_cb_set_flags(b, nullptr, 0); },
      [](evbuffer* b) { evbuffer_cb_clear_flags(b, nullptr, 0); },
      [](evbuffer* b) { evbuffer_remove_cb_entry(b, nullptr); },
      [cb](evbuffer* b) { evbuffer_remove_cb(b, cb, nullptr); },
      [](evbuffer* b) { evbuffer_setcb(b, nullptr, nullptr); },
  };
  OwnedBuffer buffer = Locked("hello");
  evbuffer_add_cb(buffer.get(), cb, nullptr);
  int number = 0;
  for (const Call& call : calls) {
    SCOPED_TRACE(number++);
    CountingLocks::TakeHistory();
    call(buffer.get());
    EXPECT_EQ(CountingLocks::depth(), 0);
    bool took = false;
    for (void* taken : CountingLocks::TakeHistory()) {
      if (taken == buffer->lock->handle()) took = true;
    }
    EXPECT_TRUE(took);
  }
  evbuffer_file_segment_free(segment);
  buffer.reset();
  close(fd);
}

TEST_F(Guard, AnotherThreadWaitsUntilTheCallbackIsOver) {
  OwnedBuffer owned = Locked();
  evbuffer* buffer = owned.get();
  bool in_callback = false;
  evbuffer_add_cb(
      buffer,
      [](evbuffer*, const evbuffer_cb_info* info, void* arg) {
        if (info->orig_size > 0) return;
        auto* inside = static_cast<bool*>(arg);
        *inside = true;
        CountingLocks::WaitForWaiting(1);  // for the thread below
        *inside = false;
      },
      &in_callback);
  evbuffer_lock(buffer);
  std::thread other([&] {
    EXPECT_EQ(evbuffer_add(buffer, "second", 6), 0);
    EXPECT_FALSE(in_callback);
  });
  CountingLocks::WaitForWaiting(1);
  evbuffer_add(buffer, "first ", 6);
  evbuffer_unlock(buffer);
  other.join();
  EXPECT_EQ(Contents(buffer), "first second");
}

// Whichever way bytes go, the locks are taken in the same order.
TEST_F(Guard, TwoBuffersAreLockedInOneOrder) {
  OwnedBuffer a = Locked("aa");
  OwnedBuffer b = Locked("bb");
  using Call = int (*)(evbuffer*, evbuffer*);
  const Call calls[] = {
      &evbuffer_add_buffer,
      &evbuffer_prepend_buffer,
      &evbuffer_add_buffer_reference,
      [](evbuffer* to, evbuffer* from) {
        return evbuffer_remove_buffer(from, to, 1);
      },
  };
  std::vector<void*> order;
  for (Call call : calls) {
    for (bool swap : {false, true}) {
      call(swap ? b.get() : a.get(), swap ? a.get() : b.get());
      std::vector<void*> taken = CountingLocks::TakeHistory();
      ASSERT_GE(taken.size(), 2u);
      EXPECT_NE(taken[0], taken[1]);
      taken.resize(2);
      if (order.empty()) order = taken;
      EXPECT_EQ(taken, order);
      evbuffer_add(a.get(), "more", 4);
      evbuffer_add(b.get(), "more", 4);
      CountingLocks::TakeHistory();
    }
  }
}

TEST_F(Guard, OneLockedBufferAndOneWithout) {
  OwnedBuffer locked = Locked("ab");
  OwnedBuffer plain = NewBuffer("cd");
  EXPECT_EQ(evbuffer_add_buffer(plain.get(), locked.get()), 0);
  EXPECT_EQ(evbuffer_remove_buffer(plain.get(), locked.get(), 3), 3);
  EXPECT_EQ(evbuffer_add_buffer(locked.get(), locked.get()), 0);
  EXPECT_EQ(Contents(locked.get()), "cda");
  EXPECT_EQ(Contents(plain.get()), "b");
}

TEST_F(Guard, ACallbackMayGiveItsBufferALock) {
  OwnedBuffer buffer = NewBuffer();
  evbuffer_add_cb(
      buffer.get(),
      [](evbuffer* b, const evbuffer_cb_info* info, void*) {
        if (info->n_added != 1) return;
        EXPECT_EQ(evbuffer_enable_locking(b, nullptr), 0);
        evbuffer_add(b, "in the callback", 15);
        EXPECT_EQ(CountingLocks::depth(), 0);
      },
      nullptr);
  evbuffer_add(buffer.get(), "x", 1);
  EXPECT_EQ(CountingLocks::depth(), 0);
  evbuffer_lock(buffer.get());
  EXPECT_EQ(CountingLocks::depth(), 1);
  evbuffer_unlock(buffer.get());
}

// The call that the callback belongs to leaves without unlocking what it never
// locked, and while another thread has the buffer, it waits.
TEST_F(Guard, ALockThatCameInACallbackIsNotGivenBackForAnother) {
  OwnedBuffer owned = NewBuffer();
  struct Shared {
    std::thread other;
    std::atomic<bool> is_inside{false};
  } shared;
  evbuffer_add_cb(
      owned.get(),
      [](evbuffer* buffer, const evbuffer_cb_info* info, void* arg) {
        auto* both = static_cast<Shared*>(arg);
        if (info->n_added == 1) {
          EXPECT_EQ(evbuffer_enable_locking(buffer, nullptr), 0);
          both->other = std::thread([buffer, both] {
            evbuffer_lock(buffer);
            both->is_inside = true;
            EXPECT_EQ(evbuffer_get_length(buffer), 1u);
            CountingLocks::WaitForWaiting(1);  // for the call that ends
            evbuffer_unlock(buffer);
            EXPECT_EQ(CountingLocks::depth(), 0);
          });
          while (!both->is_inside) std::this_thread::yield();
        }
      },
      &shared);
  evbuffer_add(owned.get(), "x", 1);
  EXPECT_EQ(CountingLocks::depth(), 0);
  shared.other.join();
  // Nobody has it now.
  std::thread last([&] { evbuffer_add(owned.get(), "yz", 2); });
  last.join();
  EXPECT_EQ(Contents(owned.get()), "xyz");
}

TEST_F(Guard, ACallbackMayFreeItsLockedBuffer) {
  evbuffer* buffer = Locked().release();
  int releases = 0;
  AddReference(buffer, "reference", &releases);
  evbuffer_add_cb(
      buffer,
      [](evbuffer* b, const evbuffer_cb_info*, void*) { evbuffer_free(b); },
      nullptr);
  EXPECT_EQ(evbuffer_add(buffer, "x", 1), 0);
  EXPECT_EQ(releases, 1);
}

TEST_F(Guard, CleanupsRunWithTheLockHeld) {
  evbuffer* buffer = Locked().release();
  int depth = -1;
  evbuffer_add_reference(
      buffer, "x", 1,
      [](const void*, size_t, void* arg) {
        *static_cast<int*>(arg) = CountingLocks::depth();
      },
      &depth);
  evbuffer_free(buffer);
  EXPECT_EQ(depth, 1);
}

TEST_F(Guard, ASharedLockLivesUntilItsLastBufferIsGone) {
  SharedLock* lock = SharedLock::Create();
  OwnedBuffer a = NewBuffer("a");
  OwnedBuffer b = NewBuffer("b");
  BufferShareLock(a.get(), lock);
  BufferShareLock(b.get(), lock);
  lock->Unref();
  EXPECT_EQ(evbuffer_enable_locking(a.get(), nullptr), -1);
  a.reset();
  EXPECT_EQ(CountingLocks::live(), live_before_ + 1);
  evbuffer_lock(b.get());
  evbuffer_unlock(b.get());
}

TEST_F(Guard, ASharedLockTakesThePlaceOfAnother) {
  OwnedBuffer buffer = Locked();
  SharedLock* lock = SharedLock::Create();
  BufferShareLock(buffer.get(), lock);
  EXPECT_EQ(buffer->lock, lock);
  // But not of one that is held further up the stack.
  evbuffer_add_cb(
      buffer.get(),
      [](evbuffer* b, const evbuffer_cb_info*, void* arg) {
        SharedLock* other = SharedLock::Create();
        BufferShareLock(b, other);
        other->Unref();
        EXPECT_EQ(b->lock, arg);
      },
      lock);
  evbuffer_add(buffer.get(), "x", 1);
  lock->Unref();
}

constexpr size_t kSegmentBytes = 12345;
std::atomic<int> g_loads;

// The first to load the segment has it wait until the second is here, too.
void* WaitInLoad(size_t bytes) {
  if (bytes == kSegmentBytes && ++g_loads == 1) {
    while (CountingLocks::waiting() == 0 && g_loads < 2) {
      std::this_thread::yield();
    }
  }
  return malloc(bytes);
}

TEST_F(Guard, ASegmentOfSeveralThreadsIsLoadedOnce) {
  int fd = FileWith(std::string(kSegmentBytes, 'f'));
  evbuffer_file_segment* segment =
      evbuffer_file_segment_new(fd, 0, kSegmentBytes, EVBUF_FS_DISABLE_MMAP);
  g_loads = 0;
  event_set_mem_functions(&WaitInLoad, &realloc, &free);
  std::thread threads[2];
  for (std::thread& thread : threads) {
    thread = std::thread([segment] {
      OwnedBuffer buffer = Locked();
      EXPECT_EQ(evbuffer_add_file_segment(buffer.get(), segment, 0, -1), 0);
      EXPECT_EQ(Contents(buffer.get()), std::string(kSegmentBytes, 'f'));
    });
  }
  for (std::thread& thread : threads) thread.join();
  event_set_mem_functions(&malloc, &realloc, &free);
  EXPECT_EQ(g_loads, 1);
  evbuffer_file_segment_free(segment);
  close(fd);
}

TEST_F(Guard, ASegmentHasALockUnlessItIsToHaveNone) {
  int fd = FileWith("file");
  for (bool locked : {true, false}) {
    evbuffer_file_segment* segment = evbuffer_file_segment_new(
        fd, 0, 4, locked ? 0 : EVBUF_FS_DISABLE_LOCKING);
    EXPECT_EQ(CountingLocks::live(), live_before_ + (locked ? 1 : 0));
    OwnedBuffer buffer = NewBuffer();
    EXPECT_EQ(evbuffer_add_file_segment(buffer.get(), segment, 0, -1), 0);
    EXPECT_EQ(Contents(buffer.get()), "file");
    evbuffer_file_segment_free(segment);
  }
  close(fd);
}

TEST_F(Guard, NoLockIsToBeHad) {
  int fd = FileWith("file");
  OwnedBuffer buffer = NewBuffer();
  CountingLocks::SetFailing(true);
  EXPECT_EQ(evbuffer_enable_locking(buffer.get(), nullptr), -1);
  EXPECT_EQ(evbuffer_file_segment_new(fd, 0, 4, 0), nullptr);
  EXPECT_EQ(evbuffer_file_segment_new(fd, 0, 4, EVBUF_FS_CLOSE_ON_FREE),
            nullptr);
  CountingLocks::SetFailing(false);
  EXPECT_EQ(evbuffer_enable_locking(buffer.get(), nullptr), 0);
  EXPECT_EQ(evbuffer_add_file(buffer.get(), fd, 0, 4), 0)
      << "the fd is still the caller's";
}

TEST_F(Guard, NoMemoryForALockIsToBeHad) {
  OwnedBuffer buffer = NewBuffer();
  event_set_mem_functions([](size_t) -> void* { return nullptr; }, &realloc,
                          &free);
  CountingLock lock;
  EXPECT_EQ(evbuffer_enable_locking(buffer.get(), nullptr), -1);
  EXPECT_EQ(evbuffer_enable_locking(buffer.get(), &lock), -1);
  event_set_mem_functions(&malloc, &realloc, &free);
  EXPECT_EQ(evbuffer_add(buffer.get(), "x", 1), 0);
  EXPECT_EQ(evbuffer_enable_locking(buffer.get(), &lock), 0);
}

}  // namespace
}  // namespace evoke
