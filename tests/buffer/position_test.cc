// SPDX-License-Identifier: BSD-3-Clause
#include "buffer/position.h"

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

// "ab" "cdef" "gh", a chain each.
OwnedBuffer ThreeChains(int* releases) {
  OwnedBuffer buffer = NewBuffer("ab");
  AddReference(buffer.get(), "cdef", releases);
  evbuffer_add(buffer.get(), "gh", 2);
  return buffer;
}

TEST(PtrSet, ReachesEveryPlaceUpToTheEnd) {
  int releases = 0;
  OwnedBuffer buffer = ThreeChains(&releases);
  evbuffer_ptr ptr;
  for (size_t i = 0; i <= 8; ++i) {
    ASSERT_EQ(evbuffer_ptr_set(buffer.get(), &ptr, i, EVBUFFER_PTR_SET), 0);
    EXPECT_EQ(ptr.pos, static_cast<ev_ssize_t>(i));
    for (size_t j = 0; i + j <= 8; ++j) {
      evbuffer_ptr next = ptr;
      ASSERT_EQ(evbuffer_ptr_set(buffer.get(), &next, j, EVBUFFER_PTR_ADD), 0);
      EXPECT_EQ(next.pos, static_cast<ev_ssize_t>(i + j));
    }
  }
  EXPECT_EQ(evbuffer_ptr_set(buffer.get(), &ptr, 9, EVBUFFER_PTR_SET), -1);
  EXPECT_EQ(ptr.pos, -1);
  EXPECT_EQ(evbuffer_ptr_set(buffer.get(), &ptr, 1, EVBUFFER_PTR_ADD), -1);
  EXPECT_EQ(ptr.pos, -1);
}

TEST(PtrSet, ASumThatOverflowsLeavesThePointer) {
  int releases = 0;
  OwnedBuffer buffer = ThreeChains(&releases);
  evbuffer_ptr ptr;
  evbuffer_ptr_set(buffer.get(), &ptr, 3, EVBUFFER_PTR_SET);
  EXPECT_EQ(evbuffer_ptr_set(buffer.get(), &ptr, SIZE_MAX, EVBUFFER_PTR_ADD),
            -1);
  EXPECT_EQ(ptr.pos, 3);
  EXPECT_EQ(evbuffer_ptr_set(buffer.get(), &ptr, 6, EVBUFFER_PTR_ADD), -1);
  EXPECT_EQ(ptr.pos, -1);
}

TEST(Peek, CountsAndPointsAtExtents) {
  int releases = 0;
  OwnedBuffer owned = ThreeChains(&releases);
  evbuffer* buffer = owned.get();
  evbuffer_iovec vec[4];
  EXPECT_EQ(evbuffer_peek(buffer, -1, nullptr, nullptr, 0), 3);
  EXPECT_EQ(evbuffer_peek(buffer, 3, nullptr, nullptr, 0), 2);
  EXPECT_EQ(evbuffer_peek(buffer, 0, nullptr, vec, 4), 0);
  EXPECT_EQ(evbuffer_peek(buffer, 100, nullptr, vec, 1), 3);
  EXPECT_EQ(evbuffer_peek(buffer, -1, nullptr, vec, 2), 2);
  ASSERT_EQ(evbuffer_peek(buffer, -1, nullptr, vec, 4), 3);
  EXPECT_EQ(vec[1].iov_len, 4u);
  EXPECT_EQ(memcmp(vec[1].iov_base, "cdef", 4), 0);

  evbuffer_ptr ptr;
  evbuffer_ptr_set(buffer, &ptr, 4, EVBUFFER_PTR_SET);
  ASSERT_EQ(evbuffer_peek(buffer, 3, &ptr, vec, 4), 2);
  EXPECT_EQ(vec[0].iov_len, 2u);
  EXPECT_EQ(memcmp(vec[0].iov_base, "ef", 2), 0);
  EXPECT_EQ(evbuffer_peek(buffer, 0, &ptr, vec, 4), 1) << "as libevent does";
  evbuffer_ptr_set(buffer, &ptr, 8, EVBUFFER_PTR_SET);
  EXPECT_EQ(evbuffer_peek(buffer, -1, &ptr, vec, 4), 0);
  EXPECT_EQ(evbuffer_peek(buffer, 0, &ptr, vec, 4), 0);
}

}  // namespace
}  // namespace evoke
