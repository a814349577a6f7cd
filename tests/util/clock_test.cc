// SPDX-License-Identifier: BSD-3-Clause
//
// Microseconds to and from timevals, up to the ends of their ranges.
#include "util/clock.h"

#include <gtest/gtest.h>
#include <limits.h>

namespace evoke {
namespace {

TEST(Clock, MonotonicNeverGoesBack) {
  int64_t last_us = MonotonicMicros();
  for (int i = 0; i < 1000; ++i) {
    const int64_t now_us = MonotonicMicros();
    ASSERT_GE(now_us, last_us);
    last_us = now_us;
  }
}

TEST(Clock, TimevalsComeBackTheSame) {
  for (int64_t us :
       {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{999999}, int64_t{1000000},
        int64_t{-1000001}, int64_t{1} << 60, -(int64_t{1} << 60)}) {
    const timeval tv = TimevalFromMicros(us);
    EXPECT_GE(tv.tv_usec, 0) << us;
    EXPECT_LT(tv.tv_usec, kMicrosPerSecond) << us;
    EXPECT_EQ(MicrosFromTimeval(tv), us);
  }
}

TEST(Clock, SecondsBeyondTheRangeSaturate) {
  EXPECT_EQ(MicrosFromTimeval({LONG_MAX, 0}), INT64_MAX);
  EXPECT_EQ(MicrosFromTimeval({LONG_MIN, 0}), INT64_MIN);
  EXPECT_EQ(MicrosFromTimeval({INT64_MAX / kMicrosPerSecond, 999999}),
            INT64_MAX);
}

TEST(Clock, SumsSaturate) {
  EXPECT_EQ(SaturatingAdd(2, 3), 5);
  EXPECT_EQ(SaturatingAdd(INT64_MAX, 1), INT64_MAX);
  EXPECT_EQ(SaturatingAdd(INT64_MIN, -1), INT64_MIN);
  EXPECT_EQ(SaturatingAdd(INT64_MAX, INT64_MIN), -1);
}

}  // namespace
}  // namespace evoke
