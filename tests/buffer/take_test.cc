// SPDX-License-Identifier: BSD-3-Clause
#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

TEST(Drain, BeyondTheLengthEmptiesAndKeepsNoMemory) {
  OwnedBuffer buffer = NewBuffer("bytes");
  EXPECT_EQ(evbuffer_drain(buffer.get(), 100), 0);
  EXPECT_EQ(evbuffer_get_length(buffer.get()), 0u);
  EXPECT_EQ(buffer->first, nullptr);
  EXPECT_EQ(evbuffer_drain(buffer.get(), 1), 0);
}

TEST(Remove, TakesWhatThereIs) {
  OwnedBuffer buffer = NewBuffer("bytes");
  char out[10];
  EXPECT_EQ(evbuffer_remove(buffer.get(), out, 3), 3);
  EXPECT_EQ(evbuffer_copyout(buffer.get(), out, 10), 2);
  EXPECT_EQ(memcmp(out, "es", 2), 0);
  EXPECT_EQ(evbuffer_remove(buffer.get(), out, 10), 2);
  EXPECT_EQ(evbuffer_remove(buffer.get(), out, 10), 0);
}

TEST(Pullup, MakesContiguous) {
  OwnedBuffer owned = NewBuffer("ab");
  evbuffer* buffer = owned.get();
  int releases = 0;
  AddReference(buffer, "cd", &releases);
  evbuffer_add(buffer, "ef", 2);
  EXPECT_EQ(evbuffer_get_contiguous_space(buffer), 2u);
  EXPECT_EQ(evbuffer_pullup(buffer, 0), nullptr);
  EXPECT_EQ(evbuffer_pullup(buffer, 7), nullptr);
  unsigned char* bytes = evbuffer_pullup(buffer, 3);
  EXPECT_EQ(memcmp(bytes, "abc", 3), 0);
  EXPECT_EQ(releases, 0) << "a part of it is still in use";
  EXPECT_EQ(memcmp(evbuffer_pullup(buffer, -1), "abcdef", 6), 0);
  EXPECT_EQ(releases, 1);
  EXPECT_EQ(ChainCount(buffer), 1);
  evbuffer_drain(buffer, 6);
  EXPECT_EQ(evbuffer_pullup(buffer, -1), nullptr);
}

TEST(Pullup, WhatIsContiguousDoesNotMove) {
  OwnedBuffer buffer = NewBuffer("abcdef");
  unsigned char* bytes = evbuffer_pullup(buffer.get(), 2);
  EXPECT_EQ(evbuffer_pullup(buffer.get(), -1), bytes);
  int releases = 0;
  AddReference(buffer.get(), "gh", &releases);
  EXPECT_EQ(evbuffer_pullup(buffer.get(), -1), bytes)
      << "the first chain has room for the rest";
}

TEST(CopyoutFrom, CopiesFromThePointer) {
  OwnedBuffer buffer = NewBuffer("0123456789");
  evbuffer_ptr ptr;
  char out[10];
  evbuffer_ptr_set(buffer.get(), &ptr, 7, EVBUFFER_PTR_SET);
  EXPECT_EQ(evbuffer_copyout_from(buffer.get(), &ptr, out, 10), 3);
  EXPECT_EQ(memcmp(out, "789", 3), 0);
  EXPECT_EQ(evbuffer_copyout_from(buffer.get(), &ptr, out, SIZE_MAX), -1);
  evbuffer_ptr_set(buffer.get(), &ptr, 11, EVBUFFER_PTR_SET);
  EXPECT_EQ(evbuffer_copyout_from(buffer.get(), &ptr, out, 1), -1);
}

// The cleanup of what was copied may take away the rest.
TEST(Pullup, ACleanupThatEmptiesTheBufferLeavesNothingToPointTo) {
  OwnedBuffer buffer = NewBuffer("ab");
  evbuffer_add_reference(
      buffer.get(), "cdef", 4,
      [](const void*, size_t, void* arg) {
        evbuffer_drain(static_cast<evbuffer*>(arg), SIZE_MAX);
      },
      buffer.get());
  evbuffer_add_reference(buffer.get(), "ghij", 4, nullptr, nullptr);
  EXPECT_EQ(evbuffer_pullup(buffer.get(), 8), nullptr);
  EXPECT_EQ(evbuffer_get_length(buffer.get()), 0u);
}

}  // namespace
}  // namespace evoke
