// SPDX-License-Identifier: BSD-3-Clause
#include "buffer/evbuffer.h"

#include <event2/buffer_compat.h>
#include <event2/event.h>
#include <stdlib.h>

#include <vector>

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

TEST(Evbuffer, AFrozenEndRefusesWhatAdds) {
  OwnedBuffer a = NewBuffer("line\nrest"), b = NewBuffer("b"),
              none = NewBuffer();
  evbuffer* buffer = a.get();
  ASSERT_EQ(evbuffer_freeze(buffer, 0), 0);
  evbuffer_iovec vec[2] = {{const_cast<char*>("x"), 1}};
  EXPECT_EQ(evbuffer_add(buffer, "x", 1), -1);
  EXPECT_EQ(evbuffer_add(buffer, "x", 0), -1);
  EXPECT_EQ(evbuffer_add_printf(buffer, "x"), -1);
  EXPECT_EQ(evbuffer_add_reference(buffer, "x", 1, nullptr, nullptr), -1);
  EXPECT_EQ(evbuffer_add_iovec(buffer, vec, 1), 0u);
  EXPECT_EQ(evbuffer_add_buffer(buffer, b.get()), -1);
  EXPECT_EQ(evbuffer_remove_buffer(b.get(), buffer, 1), -1);
  EXPECT_EQ(evbuffer_add_buffer_reference(buffer, b.get()), -1);
  EXPECT_EQ(evbuffer_reserve_space(buffer, 1, vec, 2), -1);
  EXPECT_EQ(evbuffer_commit_space(buffer, vec, 0), -1);
  EXPECT_EQ(evbuffer_read(buffer, 0, 10), -1);
  // What adds nothing, or at the other end, works.
  EXPECT_EQ(evbuffer_add_buffer(buffer, none.get()), 0);
  EXPECT_EQ(evbuffer_expand(buffer, 10000), 0);
  EXPECT_EQ(evbuffer_prepend(buffer, "x", 1), 0);
  EXPECT_EQ(evbuffer_drain(buffer, 1), 0);
  EXPECT_EQ(Contents(buffer), "line\nrest");
  EXPECT_EQ(Contents(b.get()), "b");
  ASSERT_EQ(evbuffer_unfreeze(buffer, 0), 0);
  EXPECT_EQ(evbuffer_add(buffer, "x", 1), 0);
}

TEST(Evbuffer, AFrozenStartRefusesWhatTakesOrPrepends) {
  OwnedBuffer a = NewBuffer("line\nrest"), b = NewBuffer("b");
  evbuffer* buffer = a.get();
  ASSERT_EQ(evbuffer_freeze(buffer, 1), 0);
  char out[4];
  EXPECT_EQ(evbuffer_drain(buffer, 1), -1);
  EXPECT_EQ(evbuffer_drain(buffer, 0), -1);
  EXPECT_EQ(evbuffer_remove(buffer, out, 1), -1);
  EXPECT_EQ(evbuffer_copyout(buffer, out, 1), -1);
  EXPECT_EQ(evbuffer_prepend(buffer, "x", 1), -1);
  EXPECT_EQ(evbuffer_prepend_buffer(buffer, b.get()), -1);
  EXPECT_EQ(evbuffer_add_buffer(b.get(), buffer), -1);
  EXPECT_EQ(evbuffer_remove_buffer(buffer, b.get(), 2), -1);
  EXPECT_EQ(evbuffer_readln(buffer, nullptr, EVBUFFER_EOL_LF), nullptr);
  EXPECT_EQ(evbuffer_write(buffer, 1), -1);
  // Nothing is asked for, or only looked at.
  EXPECT_EQ(evbuffer_remove(buffer, out, 0), 0);
  EXPECT_EQ(evbuffer_copyout(buffer, out, 0), 0);
  EXPECT_EQ(evbuffer_prepend(buffer, "x", 0), 0);
  EXPECT_NE(evbuffer_pullup(buffer, 2), nullptr);
  EXPECT_EQ(evbuffer_search(buffer, "rest", 4, nullptr).pos, 5);
  EXPECT_EQ(evbuffer_add(buffer, "x", 1), 0);
  ASSERT_EQ(evbuffer_unfreeze(buffer, 1), 0);
  EXPECT_EQ(Contents(buffer), "line\nrestx");
}

int g_warnings;
void CountWarnings(int severity, const char*) {
  if (severity == EVENT_LOG_WARN) ++g_warnings;
}

TEST(Evbuffer, NoBufferIsAnErrorAndAWarning) {
  event_set_log_callback(&CountWarnings);
  g_warnings = 0;
  evbuffer_free(nullptr);
  EXPECT_EQ(evbuffer_get_length(nullptr), 0u);
  EXPECT_EQ(evbuffer_add(nullptr, "x", 1), -1);
  EXPECT_EQ(evbuffer_drain(nullptr, 1), -1);
  EXPECT_EQ(evbuffer_pullup(nullptr, -1), nullptr);
  EXPECT_EQ(evbuffer_readln(nullptr, nullptr, EVBUFFER_EOL_LF), nullptr);
  EXPECT_EQ(evbuffer_add_cb(nullptr, nullptr, nullptr), nullptr);
  EXPECT_EQ(evbuffer_read(nullptr, 0, 1), -1);
  EXPECT_EQ(evbuffer_search(nullptr, "x", 1, nullptr).pos, -1);
  EXPECT_EQ(g_warnings, 9);
  event_set_log_callback(nullptr);
}

TEST(Evbuffer, WithoutThreadsThereAreNoLocks) {
  OwnedBuffer buffer = NewBuffer();
  EXPECT_EQ(evbuffer_enable_locking(buffer.get(), nullptr), -1);
  evbuffer_lock(buffer.get());
  evbuffer_unlock(buffer.get());
  // One of the program's may be given all the same; nobody locks it.
  int lock;
  EXPECT_EQ(evbuffer_enable_locking(buffer.get(), &lock), 0);
  EXPECT_EQ(evbuffer_enable_locking(buffer.get(), &lock), -1);
  EXPECT_EQ(evbuffer_add(buffer.get(), "x", 1), 0);
  evbuffer_lock(buffer.get());
  evbuffer_unlock(buffer.get());
}

TEST(Evbuffer, WhatIsNoBufferIsRefusedWithAWarning) {
  g_warnings = 0;
  event_set_log_callback(&CountWarnings);
  alignas(evbuffer) char memory[sizeof(evbuffer)] = "not a buffer";
  auto* foreign = reinterpret_cast<evbuffer*>(memory);
  EXPECT_EQ(evbuffer_add(foreign, "x", 1), -1);
  EXPECT_EQ(evbuffer_get_length(foreign), 0u);
  evbuffer_free(foreign);
  EXPECT_EQ(g_warnings, 3);
  event_set_log_callback(nullptr);
}

// Freed memory, kept so that looking at it is allowed.
std::vector<void*> g_freed;

TEST(Evbuffer, ASecondFreeIsRefusedWithAWarning) {
  g_warnings = 0;
  event_set_log_callback(&CountWarnings);
  event_set_mem_functions(&malloc, &realloc,
                          [](void* memory) { g_freed.push_back(memory); });
  evbuffer* buffer = evbuffer_new();
  evbuffer_free(buffer);
  EXPECT_EQ(g_warnings, 0);
  evbuffer_free(buffer);
  EXPECT_EQ(evbuffer_add(buffer, "x", 1), -1);
  EXPECT_EQ(g_warnings, 2);
  EXPECT_EQ(g_freed.size(), 1u);
  event_set_mem_functions(&malloc, &realloc, &free);
  for (void* memory : g_freed) free(memory);
  event_set_log_callback(nullptr);
}

TEST(Evbuffer, LengthsThatOverflowAreRefusedBeforeAnythingChanges) {
  OwnedBuffer owned = NewBuffer("abc");
  evbuffer* buffer = owned.get();
  evbuffer_iovec vec[2] = {{const_cast<char*>("x"), 1},
                           {const_cast<char*>("y"), SIZE_MAX}};
  constexpr size_t kTooMuch = kMaxBufferBytes - 2;
  EXPECT_EQ(evbuffer_add(buffer, "x", kTooMuch), -1);
  EXPECT_EQ(evbuffer_prepend(buffer, "x", kTooMuch), -1);
  EXPECT_EQ(evbuffer_expand(buffer, kTooMuch), -1);
  EXPECT_EQ(evbuffer_expand(buffer, SIZE_MAX), -1);
  EXPECT_EQ(evbuffer_add_iovec(buffer, vec, 2), 0u);
  EXPECT_EQ(evbuffer_reserve_space(buffer, kTooMuch, vec, 2), -1);
  EXPECT_EQ(evbuffer_add_reference(buffer, "x", kTooMuch, nullptr, nullptr),
            -1);
  EXPECT_EQ(Contents(buffer), "abc");

  // Two references that only together are too long, moved together.
  OwnedBuffer huge = NewBuffer();
  ASSERT_EQ(evbuffer_add_reference(huge.get(), "x", kTooMuch, nullptr, nullptr),
            0);
  EXPECT_EQ(evbuffer_add_buffer(huge.get(), buffer), -1);
  EXPECT_EQ(evbuffer_prepend_buffer(huge.get(), buffer), -1);
  EXPECT_EQ(evbuffer_add_buffer_reference(huge.get(), buffer), -1);
  EXPECT_EQ(Contents(buffer), "abc");
}

TEST(Evbuffer, ABufferIsFullAtTheLimit) {
  OwnedBuffer owned = NewBuffer("ab");
  OwnedBuffer other = NewBuffer("cde");
  evbuffer* buffer = owned.get();
  static int releases;
  releases = 0;
  ASSERT_EQ(evbuffer_add_reference(
                buffer, "x", kMaxBufferBytes - 3,
                [](const void*, size_t, void*) { ++releases; }, nullptr),
            0);
  ASSERT_EQ(evbuffer_prepend(buffer, "!", 1), 0);
  EXPECT_EQ(evbuffer_get_length(buffer), kMaxBufferBytes);
  evbuffer_iovec vec[2] = {{const_cast<char*>("x"), 1}, {nullptr, 0}};
  EXPECT_EQ(evbuffer_add(buffer, "x", 1), -1);
  EXPECT_EQ(evbuffer_prepend(buffer, "x", 1), -1);
  EXPECT_EQ(evbuffer_add_printf(buffer, "x"), -1);
  EXPECT_EQ(evbuffer_add_iovec(buffer, vec, 1), 0u);
  EXPECT_EQ(evbuffer_expand(buffer, 1), -1);
  EXPECT_EQ(evbuffer_reserve_space(buffer, 1, vec, 1), -1);
  EXPECT_EQ(evbuffer_add_buffer(buffer, other.get()), -1);
  EXPECT_EQ(evbuffer_prepend_buffer(buffer, other.get()), -1);
  EXPECT_EQ(evbuffer_add_buffer_reference(buffer, other.get()), -1);
  EXPECT_EQ(evbuffer_remove_buffer(other.get(), buffer, 1), -1);
  EXPECT_EQ(Contents(other.get()), "cde");
  evbuffer_ptr ptr;
  EXPECT_EQ(evbuffer_ptr_set(buffer, &ptr, kMaxBufferBytes, EVBUFFER_PTR_SET),
            0);
  EXPECT_EQ(evbuffer_ptr_set(buffer, &ptr, SIZE_MAX, EVBUFFER_PTR_ADD), -1);
  CheckInvariants(buffer);
  EXPECT_EQ(releases, 0);
  EXPECT_EQ(evbuffer_drain(buffer, SIZE_MAX), 0);
  EXPECT_EQ(releases, 1);
  EXPECT_EQ(evbuffer_add(buffer, "x", 1), 0);
}

}  // namespace
}  // namespace evoke
