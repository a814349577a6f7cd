// SPDX-License-Identifier: BSD-3-Clause
#include <limits.h>
#include <stdint.h>

#include <algorithm>

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

TEST(AddBuffer, MovesWithoutCopying) {
  OwnedBuffer a = NewBuffer("first "), b = NewBuffer("second");
  unsigned char* bytes = evbuffer_pullup(b.get(), -1);
  ASSERT_EQ(evbuffer_add_buffer(a.get(), b.get()), 0);
  EXPECT_EQ(Contents(a.get()), "first second");
  EXPECT_EQ(evbuffer_get_length(b.get()), 0u);
  evbuffer_drain(a.get(), 6);
  EXPECT_EQ(evbuffer_pullup(a.get(), -1), bytes);
}

TEST(AddBuffer, OnItselfChangesNothing) {
  OwnedBuffer a = NewBuffer("self");
  EXPECT_EQ(evbuffer_add_buffer(a.get(), a.get()), 0);
  EXPECT_EQ(evbuffer_prepend_buffer(a.get(), a.get()), 0);
  EXPECT_EQ(evbuffer_remove_buffer(a.get(), a.get(), 2), 0);
  EXPECT_EQ(evbuffer_add_buffer_reference(a.get(), a.get()), -1);
  EXPECT_EQ(Contents(a.get()), "self");
}

TEST(PrependBuffer, PutsAllInFront) {
  OwnedBuffer a = NewBuffer("second"), b = NewBuffer("first ");
  ASSERT_EQ(evbuffer_prepend_buffer(a.get(), b.get()), 0);
  EXPECT_EQ(Contents(a.get()), "first second");
  evbuffer_add(a.get(), "!", 1);
  EXPECT_EQ(ChainCount(a.get()), 2) << "the end is still where it was";
  CheckInvariants(a.get());
  CheckInvariants(b.get());
}

TEST(RemoveBuffer, MovesAsMuchAsAskedFor) {
  OwnedBuffer a = NewBuffer("ab"), b = NewBuffer();
  int releases = 0;
  AddReference(a.get(), "cdef", &releases);
  EXPECT_EQ(evbuffer_remove_buffer(a.get(), b.get(), 4), 4);
  EXPECT_EQ(Contents(b.get()), "abcd");
  EXPECT_EQ(Contents(a.get()), "ef");
  EXPECT_EQ(evbuffer_remove_buffer(a.get(), b.get(), 100), 2);
  EXPECT_EQ(Contents(b.get()), "abcdef");
  EXPECT_EQ(evbuffer_remove_buffer(a.get(), b.get(), 100), 0);
}

// More than the int tells that evbuffer_remove_buffer() returns.
TEST(Move, AnyNumberOfBytes) {
  static const char nothing_of_it_is_read[1] = {};
  OwnedBuffer a = NewBuffer(), b = NewBuffer();
  for (size_t bytes : {size_t{INT_MAX}, size_t{INT_MAX} + 1, size_t{UINT_MAX},
                       size_t{UINT_MAX} + 1, size_t{3} << 30}) {
    for (size_t wanted : {bytes, bytes - 1, SIZE_MAX}) {
      size_t first_bytes = bytes - 1;
      evbuffer_add_reference(a.get(), nothing_of_it_is_read, first_bytes,
                             nullptr, nullptr);
      evbuffer_add_reference(a.get(), nothing_of_it_is_read, 1, nullptr,
                             nullptr);
      EXPECT_TRUE(BufferMove(a.get(), b.get(), wanted));
      EXPECT_EQ(evbuffer_get_length(b.get()), std::min(wanted, bytes));
      EXPECT_EQ(evbuffer_get_length(a.get()), wanted < bytes ? 1u : 0u);
      evbuffer_drain(a.get(), SIZE_MAX);
      evbuffer_drain(b.get(), SIZE_MAX);
    }
  }
}

TEST(Move, WhatIsFrozenStays) {
  OwnedBuffer a = NewBuffer("stays"), b = NewBuffer();
  evbuffer_freeze(a.get(), 1);
  EXPECT_FALSE(BufferMove(a.get(), b.get(), 5));
  evbuffer_unfreeze(a.get(), 1);
  evbuffer_freeze(b.get(), 0);
  EXPECT_FALSE(BufferMove(a.get(), b.get(), 5));
  EXPECT_TRUE(BufferMove(a.get(), b.get(), 0));
  evbuffer_unfreeze(b.get(), 0);
  EXPECT_EQ(Contents(a.get()), "stays");
  EXPECT_TRUE(BufferMove(a.get(), a.get(), 5));
  EXPECT_TRUE(BufferMove(a.get(), b.get(), 5));
  EXPECT_TRUE(BufferMove(a.get(), b.get(), 5));
  EXPECT_EQ(Contents(b.get()), "stays");
}

TEST(AddBufferReference, BothSeeTheSameBytes) {
  OwnedBuffer a = NewBuffer(), b = NewBuffer("shared");
  ASSERT_EQ(evbuffer_add_buffer_reference(a.get(), b.get()), 0);
  evbuffer_add(b.get(), " more", 5);
  evbuffer_prepend(a.get(), "un", 2);
  EXPECT_EQ(Contents(a.get()), "unshared");
  EXPECT_EQ(Contents(b.get()), "shared more");
  b.reset();
  EXPECT_EQ(Contents(a.get()), "unshared");
}

TEST(AddBufferReference, WhatIsSharedOrAFileIsRefused) {
  OwnedBuffer a = NewBuffer(), b = NewBuffer("x"), c = NewBuffer("c");
  ASSERT_EQ(evbuffer_add_buffer_reference(a.get(), b.get()), 0);
  EXPECT_EQ(evbuffer_add_buffer_reference(c.get(), a.get()), -1);
  ASSERT_EQ(evbuffer_add_file(b.get(), FileWith("file"), 0, 4), 0);
  EXPECT_EQ(evbuffer_add_buffer_reference(c.get(), b.get()), -1);
  EXPECT_EQ(Contents(c.get()), "c");
}

TEST(AddBufferReference, ReferencesAreReleasedByTheLastBuffer) {
  int releases = 0;
  OwnedBuffer a = NewBuffer(), b = NewBuffer();
  AddReference(b.get(), "memory", &releases);
  ASSERT_EQ(evbuffer_add_buffer_reference(a.get(), b.get()), 0);
  b.reset();
  EXPECT_EQ(releases, 0);
  evbuffer_drain(a.get(), 6);
  EXPECT_EQ(releases, 1);
}

}  // namespace
}  // namespace evoke
