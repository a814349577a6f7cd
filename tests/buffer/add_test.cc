// SPDX-License-Identifier: BSD-3-Clause
#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

TEST(Add, SmallPiecesFillAChainBeforeTheNext) {
  OwnedBuffer buffer = NewBuffer();
  for (int i = 0; i < 512; ++i) evbuffer_add(buffer.get(), "x", 1);
  EXPECT_EQ(ChainCount(buffer.get()), 1);
  evbuffer_add(buffer.get(), "y", 1);
  EXPECT_EQ(ChainCount(buffer.get()), 2);
  CheckInvariants(buffer.get());
}

TEST(Add, ChainsGrowWithTheStream) {
  OwnedBuffer buffer = NewBuffer();
  for (int i = 0; i < 100000; ++i) evbuffer_add(buffer.get(), "x", 1);
  EXPECT_LE(ChainCount(buffer.get()), 12);
  EXPECT_TRUE(Contents(buffer.get()) == std::string(100000, 'x'));
}

TEST(Add, NeverWritesToForeignMemory) {
  OwnedBuffer buffer = NewBuffer();
  static const char kConstant[] = "constant";
  evbuffer_add_reference(buffer.get(), kConstant, 4, nullptr, nullptr);
  evbuffer_add(buffer.get(), "!", 1);
  evbuffer_drain(buffer.get(), 2);
  evbuffer_prepend(buffer.get(), "CO", 2);
  EXPECT_EQ(Contents(buffer.get()), "COns!");
  EXPECT_STREQ(kConstant, "constant");
}

TEST(Add, DrainedSpaceIsUsedAgain) {
  OwnedBuffer buffer = NewBuffer(std::string(500, 'a'));
  evbuffer_drain(buffer.get(), 490);
  evbuffer_add(buffer.get(), std::string(400, 'b').data(), 400);
  EXPECT_EQ(ChainCount(buffer.get()), 1);
  EXPECT_EQ(Contents(buffer.get()),
            std::string(10, 'a') + std::string(400, 'b'));
}

TEST(Prepend, UsesTheSpaceInFrontAndLeavesSomeForTheNext) {
  OwnedBuffer buffer = NewBuffer("body");
  evbuffer_prepend(buffer.get(), "b ", 2);
  EXPECT_EQ(ChainCount(buffer.get()), 2);
  evbuffer_prepend(buffer.get(), "a ", 2);
  EXPECT_EQ(ChainCount(buffer.get()), 2);
  EXPECT_EQ(Contents(buffer.get()), "a b body");
}

TEST(Printf, WritesWhatEverItsLength) {
  OwnedBuffer buffer = NewBuffer();
  EXPECT_EQ(evbuffer_add_printf(buffer.get(), "%s", ""), 0);
  EXPECT_EQ(evbuffer_add_printf(buffer.get(), "%d-%s", 5, "x"), 3);
  EXPECT_EQ(evbuffer_add_printf(buffer.get(), "%10000d", 1), 10000);
  EXPECT_EQ(evbuffer_get_length(buffer.get()), 10003u);
  EXPECT_EQ(evbuffer_search(buffer.get(), "1", 1, nullptr).pos, 10002);
  CheckInvariants(buffer.get());
}

TEST(AddIovec, AddsAllInOrder) {
  OwnedBuffer buffer = NewBuffer();
  evbuffer_iovec vec[3] = {{const_cast<char*>("one "), 4},
                           {nullptr, 0},
                           {const_cast<char*>("two"), 3}};
  EXPECT_EQ(evbuffer_add_iovec(buffer.get(), vec, 3), 7u);
  EXPECT_EQ(evbuffer_add_iovec(buffer.get(), vec, 0), 0u);
  EXPECT_EQ(evbuffer_add_iovec(buffer.get(), vec, -1), 0u);
  EXPECT_EQ(Contents(buffer.get()), "one two");
}

}  // namespace
}  // namespace evoke
