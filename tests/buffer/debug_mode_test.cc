// SPDX-License-Identifier: BSD-3-Clause
//
// Buffers in debug mode, which is on in this whole test.
#include <event2/event.h>
#include <event2/thread.h>
#include <stdlib.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

std::atomic<int> g_warnings;

class BufferDebugMode : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(evthread_use_pthreads(), 0);
    event_enable_debug_mode();
  }
  void SetUp() override {
    g_warnings = 0;
    event_set_log_callback([](int severity, const char*) {
      if (severity == EVENT_LOG_WARN) ++g_warnings;
    });
  }
  void TearDown() override { event_set_log_callback(nullptr); }
};

// Adds in this thread, and twice in another while the callback of the first add
// runs.
void UseInTwoThreadsAtOnce(evbuffer* buffer) {
  evbuffer_cb_entry* entry = evbuffer_add_cb(
      buffer,
      [](evbuffer* b, const evbuffer_cb_info* info, void*) {
        if (info->orig_size > 0) return;
        std::thread([b] {
          evbuffer_add(b, "2", 1);
          evbuffer_add(b, "3", 1);
        }).join();
      },
      nullptr);
  evbuffer_add(buffer, "1", 1);
  evbuffer_remove_cb_entry(buffer, entry);
}

TEST_F(BufferDebugMode, TwoThreadsAtOnceAreToldOfOnceForEachBuffer) {
  for (int expected : {1, 2}) {
    OwnedBuffer buffer(evbuffer_new());
    UseInTwoThreadsAtOnce(buffer.get());
    EXPECT_EQ(g_warnings, expected);
    EXPECT_EQ(Contents(buffer.get()), "123");
    evbuffer_drain(buffer.get(), 3);
    UseInTwoThreadsAtOnce(buffer.get());
    EXPECT_EQ(g_warnings, expected);
  }
}

TEST_F(BufferDebugMode, OneThreadAfterTheOtherIsFine) {
  OwnedBuffer buffer(evbuffer_new());
  evbuffer_add_cb(
      buffer.get(),
      [](evbuffer* b, const evbuffer_cb_info* info, void*) {
        if (info->orig_size == 0) evbuffer_add(b, "nested", 6);
      },
      nullptr);
  for (int i = 0; i < 3; ++i) {
    std::thread([&buffer] {
      evbuffer_add(buffer.get(), "x", 1);
      evbuffer_drain(buffer.get(), 7);
    }).join();
  }
  EXPECT_EQ(g_warnings, 0);
}

TEST_F(BufferDebugMode, ALockedBufferIsFine) {
  OwnedBuffer owned(evbuffer_new());
  evbuffer* buffer = owned.get();
  ASSERT_EQ(evbuffer_enable_locking(buffer, nullptr), 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([buffer] {
      for (int k = 0; k < 1000; ++k) evbuffer_add(buffer, "x", 1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(evbuffer_get_length(buffer), 4000u);
  EXPECT_EQ(g_warnings, 0);
}

// Freed memory, kept so that looking at it is allowed.
std::vector<void*> g_freed;

TEST_F(BufferDebugMode, ASecondFreeIsRefusedWithAWarning) {
  event_set_mem_functions(&malloc, &realloc,
                          [](void* memory) { g_freed.push_back(memory); });
  evbuffer* buffer = evbuffer_new();
  evbuffer_free(buffer);
  evbuffer_free(buffer);
  EXPECT_EQ(g_warnings, 1);
  EXPECT_EQ(g_freed.size(), 1u);
  event_set_mem_functions(&malloc, &realloc, &free);
  for (void* memory : g_freed) free(memory);
}

}  // namespace
}  // namespace evoke
