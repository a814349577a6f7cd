// SPDX-License-Identifier: BSD-3-Clause
#include "buffer/room.h"

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

TEST(Room, UsableRoomCountsTheLastChainAndSpareOnes) {
  OwnedBuffer buffer = NewBuffer(std::string(500, 'x'));
  EXPECT_EQ(UsableRoom(buffer.get(), 1000), 12u);
  ASSERT_TRUE(EnsureRoom(buffer.get(), 1000));
  EXPECT_GE(UsableRoom(buffer.get(), 1000), 1000u);
  int releases = 0;
  AddReference(buffer.get(), "x", &releases);
  EXPECT_EQ(UsableRoom(buffer.get(), 1), 0u) << "foreign memory has none";
}

TEST(Room, RealignsOnlyWhatIsSmall) {
  OwnedBuffer buffer = NewBuffer(std::string(512, 'x'));
  evbuffer_drain(buffer.get(), 100);
  EXPECT_FALSE(RealignFor(buffer.get(), 100)) << "412 bytes to move";
  evbuffer_drain(buffer.get(), 400);
  EXPECT_FALSE(RealignFor(buffer.get(), 501)) << "would not help";
  EXPECT_TRUE(RealignFor(buffer.get(), 500));
  EXPECT_EQ(UsableRoom(buffer.get(), 512), 500u);
  EXPECT_EQ(Contents(buffer.get()), std::string(12, 'x'));
}

TEST(Room, TakingFromALaterChainDropsTheEmptyOnesBetween) {
  OwnedBuffer buffer = NewBuffer(std::string(512, 'x'));
  ASSERT_TRUE(EnsureRoom(buffer.get(), 600));
  Chain* between = buffer->last;
  Chain* more = ChainNew(nullptr, 512);
  AppendSpare(buffer.get(), more);
  ASSERT_EQ(between->next, more);
  memcpy(more->memory, "y", 1);
  TakeRoom(buffer.get(), more, 1);
  EXPECT_EQ(buffer->tail, more);
  EXPECT_EQ(ChainCount(buffer.get()), 2);
  CheckInvariants(buffer.get());
}

}  // namespace
}  // namespace evoke
