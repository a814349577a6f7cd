// SPDX-License-Identifier: BSD-3-Clause
#include "trace/callback_stack.h"

#include <gtest/gtest.h>

namespace evoke {
namespace {

evoke_point At(int64_t time_ns) {
  evoke_point point = {};
  point.time_ns = time_ns;
  return point;
}

TEST(CallbackStack, TheTimeOfNestedOnesIsTheirOwn) {
  CallbackStack stack;
  CallbackStack::Ended ended;
  stack.Begin(At(100));
  stack.Begin(At(110));
  EXPECT_EQ(stack.depth(), 2);
  ASSERT_TRUE(stack.End(At(140), &ended));
  EXPECT_EQ(ended.whole_ns, 30);
  EXPECT_EQ(ended.own_ns, 30);
  EXPECT_EQ(ended.depth, 1);
  ASSERT_TRUE(stack.End(At(150), &ended));
  EXPECT_EQ(ended.whole_ns, 50);
  EXPECT_EQ(ended.own_ns, 20);
  EXPECT_EQ(ended.depth, 0);
}

TEST(CallbackStack, AnEndWithoutABeginIsNone) {
  CallbackStack stack;
  CallbackStack::Ended ended;
  EXPECT_FALSE(stack.End(At(1), &ended));
  stack.Begin(At(2));
  EXPECT_TRUE(stack.End(At(3), &ended));
}

TEST(CallbackStack, WhatIsNestedTooDeepIsCountedButNotTimed) {
  CallbackStack stack;
  CallbackStack::Ended ended;
  constexpr int kDepth = 1000;
  for (int i = 0; i < kDepth; ++i) stack.Begin(At(i));
  int timed = 0;
  for (int i = 0; i < kDepth; ++i) timed += stack.End(At(kDepth + i), &ended);
  EXPECT_GT(timed, 1);
  EXPECT_LT(timed, kDepth);
  EXPECT_EQ(stack.depth(), 0);
  EXPECT_EQ(ended.depth, 0);
  EXPECT_EQ(ended.whole_ns, 2 * kDepth - 1);
}

}  // namespace
}  // namespace evoke
