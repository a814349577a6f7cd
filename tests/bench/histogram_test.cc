// SPDX-License-Identifier: BSD-3-Clause
#include "bench/load/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace evoke::load {
namespace {

// The smallest value that `percentile` percent of `sorted` do not exceed.
int64_t Exact(const std::vector<int64_t>& sorted, double percentile) {
  size_t rank = std::ceil(percentile / 100 * sorted.size() - 1e-6);
  return sorted[std::max<size_t>(rank, 1) - 1];
}

TEST(Histogram, HoldsNothingAtFirst) {
  Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.max(), 0);
  EXPECT_EQ(histogram.ValueAt(50), 0);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (int value = 0; value < 2000; ++value) histogram.Record(value);
  EXPECT_EQ(histogram.ValueAt(0), 0);
  EXPECT_EQ(histogram.ValueAt(50), 999);
  EXPECT_EQ(histogram.ValueAt(99), 1979);
  EXPECT_EQ(histogram.ValueAt(99.9), 1997);
  EXPECT_EQ(histogram.ValueAt(100), 1999);
}

TEST(Histogram, PercentilesAreRightToThreeDigits) {
  std::mt19937_64 random(1);
  // Like latencies: most are small, and some are a thousand times as long.
  std::lognormal_distribution<double> values(10, 2.5);
  Histogram histogram;
  std::vector<int64_t> sorted;
  for (int i = 0; i < 100000; ++i) {
    sorted.push_back(static_cast<int64_t>(values(random)));
    histogram.Record(sorted.back());
  }
  std::sort(sorted.begin(), sorted.end());
  ASSERT_LT(sorted.back(), Histogram::kHighest);
  for (double percentile : {0.0, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99}) {
    int64_t exact = Exact(sorted, percentile);
    int64_t told = histogram.ValueAt(percentile);
    EXPECT_GE(told, exact) << percentile;
    EXPECT_LE(told, exact + exact / 1000 + 1) << percentile;
  }
  EXPECT_EQ(histogram.max(), sorted.back());
  EXPECT_EQ(histogram.ValueAt(100), sorted.back());
}

TEST(Histogram, NoBucketIsWiderThanAThousandthOfItsValues) {
  for (int bits = 0; bits <= 42; ++bits) {
    for (int64_t offset : {-1, 0, 1}) {
      int64_t value = (int64_t{1} << bits) + offset;
      Histogram histogram;
      histogram.Record(value);
      histogram.Record(Histogram::kHighest);  // so that max() does not help
      value = std::min(value, Histogram::kHighest);
      EXPECT_GE(histogram.ValueAt(50), value);
      EXPECT_LE(histogram.ValueAt(50), value + value / 1000);
    }
  }
}

TEST(Histogram, AShareThatIsNoWholeNumberIsRoundedUp) {
  Histogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.Record(i);
  EXPECT_EQ(histogram.ValueAt(99.9), 999);  // 99.9 % of 1,000, not one more
  EXPECT_EQ(histogram.ValueAt(99.91), 1000);
}

TEST(Histogram, ValuesOutOfRangeCountAtItsEnds) {
  Histogram histogram;
  histogram.Record(-5);
  EXPECT_EQ(histogram.ValueAt(100), 0);
  histogram.Record(INT64_MAX);
  EXPECT_EQ(histogram.ValueAt(100), Histogram::kHighest);
  EXPECT_EQ(histogram.count(), 2u);
}

TEST(Histogram, CountsSeveralAtOnceAndFromAValueOn) {
  Histogram histogram;
  histogram.Record(10, 90);
  histogram.Record(1'000'000, 10);
  histogram.Record(7, 0);
  EXPECT_EQ(histogram.count(), 100u);
  EXPECT_EQ(histogram.ValueAt(90), 10);
  EXPECT_GE(histogram.ValueAt(91), 1'000'000);
  EXPECT_EQ(histogram.CountFrom(11), 10u);
  EXPECT_EQ(histogram.CountFrom(10), 100u);
  EXPECT_EQ(histogram.CountFrom(2'000'000), 0u);
}

TEST(Histogram, AddsUp) {
  Histogram one, two;
  one.Record(1);
  two.Record(3, 2);
  one.Add(two);
  EXPECT_EQ(one.count(), 3u);
  EXPECT_EQ(one.max(), 3);
  EXPECT_EQ(one.ValueAt(30), 1);
  EXPECT_EQ(one.ValueAt(50), 3);
}

}  // namespace
}  // namespace evoke::load
