// SPDX-License-Identifier: BSD-3-Clause
//
// The arithmetic of token buckets, on given times.
#include "bufferevent/token_bucket.h"

#include <event2/event.h>
#include <gtest/gtest.h>

#include <memory>

namespace evoke::testing {
namespace {

constexpr int64_t kSecondUs = 1000000;
// Somewhere within a tick of a second.
constexpr int64_t kStartUs = 5000 * kSecondUs + 300000;
constexpr size_t kMax = EV_RATE_LIMIT_MAX;

struct FreeConfig {
  void operator()(ev_token_bucket_cfg* cfg) const {
    ev_token_bucket_cfg_free(cfg);
  }
};
using Config = std::unique_ptr<ev_token_bucket_cfg, FreeConfig>;

Config NewConfig(size_t rate, size_t burst, int64_t tick_ms = 1000) {
  timeval tick = {tick_ms / 1000, tick_ms % 1000 * 1000};
  return Config(ev_token_bucket_cfg_new(rate, burst, rate, burst, &tick));
}

TEST(TokenBucketTest, BeginsWithOneTicksWorth) {
  Config cfg(ev_token_bucket_cfg_new(10, 100, 7, 700, nullptr));
  TokenBucket bucket;
  bucket.Init(*cfg, kStartUs);
  EXPECT_EQ(bucket.left_bytes(kReading), 10);
  EXPECT_EQ(bucket.left_bytes(kWriting), 7);
}

TEST(TokenBucketTest, FillsAtTheBeginningOfEachTick) {
  Config cfg = NewConfig(10, 100);
  TokenBucket bucket;
  bucket.Init(*cfg, kStartUs);
  bucket.Refill(*cfg, kStartUs + 699999);
  EXPECT_EQ(bucket.left_bytes(kReading), 10);
  bucket.Refill(*cfg, kStartUs + 700000);
  EXPECT_EQ(bucket.left_bytes(kReading), 20);
  bucket.Refill(*cfg, kStartUs + 1500000);
  EXPECT_EQ(bucket.left_bytes(kReading), 20);
  bucket.Refill(*cfg, kStartUs + 3700000);
  EXPECT_EQ(bucket.left_bytes(kReading), 50);
}

TEST(TokenBucketTest, FillsUpToTheBurst) {
  Config cfg = NewConfig(10, 25);
  TokenBucket bucket;
  bucket.Init(*cfg, kStartUs);
  bucket.Refill(*cfg, kStartUs + kSecondUs);
  EXPECT_EQ(bucket.left_bytes(kReading), 20);
  bucket.Refill(*cfg, kStartUs + 2 * kSecondUs);
  EXPECT_EQ(bucket.left_bytes(kReading), 25);
  bucket.Take(kReading, 25);
  EXPECT_TRUE(bucket.is_empty(kReading));
  EXPECT_FALSE(bucket.is_empty(kWriting));
  bucket.Refill(*cfg, INT64_MAX);
  EXPECT_EQ(bucket.left_bytes(kReading), 25);
}

TEST(TokenBucketTest, WhatIsOwedIsPaidFirst) {
  Config cfg = NewConfig(10, 100);
  TokenBucket bucket;
  bucket.Init(*cfg, kStartUs);
  bucket.Take(kReading, 35);
  EXPECT_EQ(bucket.left_bytes(kReading), -25);
  bucket.Refill(*cfg, kStartUs + 2 * kSecondUs);
  EXPECT_TRUE(bucket.is_empty(kReading));
  bucket.Refill(*cfg, kStartUs + 3 * kSecondUs);
  EXPECT_EQ(bucket.left_bytes(kReading), 5);
  EXPECT_EQ(bucket.left_bytes(kWriting), 40);
}

TEST(TokenBucketTest, TimeThatGoesBackChangesNothing) {
  Config cfg = NewConfig(10, 100);
  TokenBucket bucket;
  bucket.Init(*cfg, kStartUs);
  bucket.Refill(*cfg, kStartUs - 1000 * kSecondUs);
  EXPECT_EQ(bucket.left_bytes(kReading), 10);
  bucket.Refill(*cfg, kStartUs + kSecondUs);
  EXPECT_EQ(bucket.left_bytes(kReading), 20);
}

TEST(TokenBucketTest, TheEndsOfTheRangeHold) {
  Config cfg = NewConfig(kMax, kMax, 1);
  TokenBucket bucket;
  bucket.Init(*cfg, kStartUs);
  EXPECT_EQ(bucket.left_bytes(kReading), EV_SSIZE_MAX);
  bucket.Take(kReading, -1);
  EXPECT_EQ(bucket.left_bytes(kReading), INT64_MAX);
  bucket.Take(kReading, INT64_MIN);
  EXPECT_EQ(bucket.left_bytes(kReading), INT64_MAX);
  bucket.Take(kReading, INT64_MAX);
  bucket.Take(kReading, INT64_MAX);
  bucket.Take(kReading, INT64_MAX);
  EXPECT_EQ(bucket.left_bytes(kReading), INT64_MIN);
  bucket.Refill(*cfg, kStartUs + 1000);
  EXPECT_EQ(bucket.left_bytes(kReading), -1);
  bucket.Take(kReading, INT64_MAX);
  bucket.Take(kReading, INT64_MAX);
  bucket.Refill(*cfg, INT64_MAX);
  EXPECT_EQ(bucket.left_bytes(kReading), EV_SSIZE_MAX);
}

TEST(TokenBucketTest, AnotherLimitClipsAndGivesNothing) {
  Config wide = NewConfig(10, 100), narrow = NewConfig(5, 8);
  TokenBucket bucket;
  bucket.Init(*wide, kStartUs);
  bucket.Refill(*wide, kStartUs + 4 * kSecondUs);
  EXPECT_EQ(bucket.left_bytes(kReading), 50);
  bucket.Change(*wide, *narrow, kStartUs + 9 * kSecondUs);
  EXPECT_EQ(bucket.left_bytes(kReading), 8);
  bucket.Take(kReading, 7);
  bucket.Change(*narrow, *wide, kStartUs + 9 * kSecondUs);
  EXPECT_EQ(bucket.left_bytes(kReading), 1);
  // The ticks that were not counted yet come at the new rate.
  bucket.Refill(*wide, kStartUs + 9 * kSecondUs);
  EXPECT_EQ(bucket.left_bytes(kReading), 51);
}

TEST(TokenBucketTest, TicksOfAnotherLengthCountFromTheChange) {
  Config second = NewConfig(10, 1000), ten = NewConfig(10, 1000, 10000),
         milli = NewConfig(10, 1000, 1);
  TokenBucket bucket;
  bucket.Init(*second, kStartUs);
  bucket.Change(*second, *ten, kStartUs + 3 * kSecondUs);
  EXPECT_EQ(bucket.left_bytes(kReading), 40);
  bucket.Refill(*ten, kStartUs + 9 * kSecondUs);
  EXPECT_EQ(bucket.left_bytes(kReading), 40);
  bucket.Refill(*ten, kStartUs + 20 * kSecondUs);
  EXPECT_EQ(bucket.left_bytes(kReading), 60);
  bucket.Change(*ten, *milli, kStartUs + 20 * kSecondUs);
  bucket.Refill(*milli, kStartUs + 20 * kSecondUs + 2000);
  EXPECT_EQ(bucket.left_bytes(kReading), 80);
}

TEST(TokenBucketTest, LongTicksAreNotCutOff) {
  // 2^32 ms and a little.
  Config cfg = NewConfig(10, 1000, (int64_t{1} << 32) + 5);
  TokenBucket bucket;
  bucket.Init(*cfg, 0);
  bucket.Refill(*cfg, (int64_t{1} << 32) * 1000);
  EXPECT_EQ(bucket.left_bytes(kReading), 10);
  bucket.Refill(*cfg, ((int64_t{1} << 32) + 5) * 1000);
  EXPECT_EQ(bucket.left_bytes(kReading), 20);
}

TEST(TokenBucketTest, TheMarkOfACommonTimeoutIsNoTime) {
  timeval marked = {0, 0x50300000 | 20000};
  Config cfg(ev_token_bucket_cfg_new(1, 1, 1, 1, &marked));
  ASSERT_NE(cfg, nullptr);
  EXPECT_EQ(cfg->tick_ms, 20);
  EXPECT_EQ(cfg->tick.tv_usec, marked.tv_usec);
}

TEST(TokenBucketTest, TicksOutsideTheRangeAreRefused) {
  event_set_log_callback([](int, const char*) {});
  for (timeval tick : {timeval{0, 0}, timeval{0, 999}, timeval{-1, 0},
                       timeval{1, -1}, timeval{INT64_MAX, 0}}) {
    EXPECT_EQ(ev_token_bucket_cfg_new(1, 1, 1, 1, &tick), nullptr);
  }
  event_set_log_callback(nullptr);
}

}  // namespace
}  // namespace evoke::testing
