// SPDX-License-Identifier: BSD-3-Clause
#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

void Fill(evbuffer_iovec* vec, const std::string& text) {
  ASSERT_LE(text.size(), vec->iov_len);
  memcpy(vec->iov_base, text.data(), text.size());
  vec->iov_len = text.size();
}

TEST(Reserve, CommittedSpaceIsReadable) {
  OwnedBuffer buffer = NewBuffer("old ");
  evbuffer_iovec vec[2];
  ASSERT_EQ(evbuffer_reserve_space(buffer.get(), 5, vec, 2), 1);
  EXPECT_EQ(evbuffer_get_length(buffer.get()), 4u);
  Fill(&vec[0], "new");
  EXPECT_EQ(evbuffer_commit_space(buffer.get(), vec, 1), 0);
  EXPECT_EQ(Contents(buffer.get()), "old new");
  EXPECT_EQ(evbuffer_commit_space(buffer.get(), vec, 1), -1) << "stale";
}

TEST(Reserve, OneVectorIsOnePiece) {
  OwnedBuffer buffer = NewBuffer(std::string(400, 'x'));
  evbuffer_iovec vec[1];
  ASSERT_EQ(evbuffer_reserve_space(buffer.get(), 3000, vec, 1), 1);
  EXPECT_GE(vec[0].iov_len, 3000u);
  Fill(&vec[0], std::string(3000, 'y'));
  ASSERT_EQ(evbuffer_commit_space(buffer.get(), vec, 1), 0);
  EXPECT_EQ(Contents(buffer.get()),
            std::string(400, 'x') + std::string(3000, 'y'));
  CheckInvariants(buffer.get());
}

TEST(Reserve, SeveralVectorsAreCommittedInOrderAndMaySkip) {
  OwnedBuffer buffer = NewBuffer("x");
  evbuffer_iovec vec[4];
  ASSERT_EQ(evbuffer_reserve_space(buffer.get(), 5000, vec, 4), 2);
  vec[0].iov_len = 0;
  Fill(&vec[1], "second");
  ASSERT_EQ(evbuffer_commit_space(buffer.get(), vec, 2), 0);
  EXPECT_EQ(Contents(buffer.get()), "xsecond");

  ASSERT_EQ(evbuffer_reserve_space(buffer.get(), 10000, vec, 4), 2);
  std::swap(vec[0], vec[1]);
  vec[0].iov_len = vec[1].iov_len = 1;
  EXPECT_EQ(evbuffer_commit_space(buffer.get(), vec, 2), -1) << "out of order";
  EXPECT_EQ(Contents(buffer.get()), "xsecond");
  CheckInvariants(buffer.get());
}

TEST(Reserve, OtherVectorsAndTooLongOnesAreRefused) {
  OwnedBuffer buffer = NewBuffer();
  char elsewhere[10];
  evbuffer_iovec vec[1];
  ASSERT_EQ(evbuffer_reserve_space(buffer.get(), 10, vec, 1), 1);
  evbuffer_iovec other = {elsewhere, 4};
  EXPECT_EQ(evbuffer_commit_space(buffer.get(), &other, 1), -1);
  vec[0].iov_len += 1;
  EXPECT_EQ(evbuffer_commit_space(buffer.get(), vec, 1), -1);
  EXPECT_EQ(evbuffer_commit_space(buffer.get(), vec, 0), 0);
  EXPECT_EQ(evbuffer_get_length(buffer.get()), 0u);
}

TEST(Reserve, BadArgumentsAreRefused) {
  OwnedBuffer buffer = NewBuffer();
  evbuffer_iovec vec[1];
  EXPECT_EQ(evbuffer_reserve_space(buffer.get(), -1, vec, 1), -1);
  EXPECT_EQ(evbuffer_reserve_space(buffer.get(), 1, vec, 0), -1);
  EXPECT_EQ(evbuffer_reserve_space(buffer.get(), 1, nullptr, 1), -1);
}

TEST(Reserve, AskingAgainOffersTheSame) {
  OwnedBuffer buffer = NewBuffer(std::string(500, 'x'));
  evbuffer_iovec vec[2], again[2];
  ASSERT_EQ(evbuffer_reserve_space(buffer.get(), 1000, vec, 2), 2);
  ASSERT_EQ(evbuffer_reserve_space(buffer.get(), 1000, again, 2), 2);
  EXPECT_EQ(vec[0].iov_base, again[0].iov_base);
  EXPECT_EQ(vec[1].iov_base, again[1].iov_base);
}

TEST(Expand, RoomIsThereAndStays) {
  OwnedBuffer buffer = NewBuffer("x");
  ASSERT_EQ(evbuffer_expand(buffer.get(), 20000), 0);
  Chain* last = buffer->last;
  std::string text(20000, 'y');
  ASSERT_EQ(evbuffer_add(buffer.get(), text.data(), text.size()), 0);
  EXPECT_EQ(buffer->last, last) << "a further chain was made";
}

}  // namespace
}  // namespace evoke
