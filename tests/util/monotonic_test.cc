// SPDX-License-Identifier: BSD-3-Clause
#include "util/monotonic.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>

#include "gtest/gtest.h"
#include "util/clock.h"

namespace {

using Source = evutil_monotonic_timer::Source;

TEST(MonotonicTimer, FlagsChooseTheClock) {
  evutil_monotonic_timer* timer = evutil_monotonic_timer_new();
  ASSERT_NE(timer, nullptr);
  EXPECT_EQ(timer->source, Source::kWallClock);
  EXPECT_EQ(evutil_configure_monotonic_time(timer, 0), 0);
  EXPECT_EQ(timer->source, Source::kCoarse);
  EXPECT_EQ(evutil_configure_monotonic_time(timer, EV_MONOT_PRECISE), 0);
  EXPECT_EQ(timer->source, Source::kPrecise);
  EXPECT_EQ(evutil_configure_monotonic_time(timer, EV_MONOT_FALLBACK), 0);
  EXPECT_EQ(timer->source, Source::kSteadiedWallClock);
  EXPECT_EQ(evutil_configure_monotonic_time(
                timer, EV_MONOT_FALLBACK | EV_MONOT_PRECISE),
            0);
  EXPECT_EQ(timer->source, Source::kSteadiedWallClock);
  evutil_monotonic_timer_free(timer);
}

TEST(MonotonicTimer, NeverRunsBackward) {
  for (int flags : {0, EV_MONOT_PRECISE, EV_MONOT_FALLBACK}) {
    evutil_monotonic_timer timer = {};
    ASSERT_EQ(evutil_configure_monotonic_time(&timer, flags), 0);
    timeval last = {};
    for (int i = 0; i < 10000; ++i) {
      timeval now;
      ASSERT_EQ(evutil_gettime_monotonic(&timer, &now), 0);
      ASSERT_FALSE(evutil_timercmp(&now, &last, <));
      ASSERT_LT(now.tv_usec, 1000000);
      last = now;
    }
  }
}

TEST(MonotonicTimer, StandsStillWhileTheWallClockIsBehind) {
  evutil_monotonic_timer timer = {};
  ASSERT_EQ(evutil_configure_monotonic_time(&timer, EV_MONOT_FALLBACK), 0);
  ASSERT_NE(evoke::ReadMonotonicTimer(&timer), INT64_MIN);
  // As if the clock had just been set back by an hour.
  constexpr int64_t kHour_us = 3600 * evoke::kMicrosPerSecond;
  timer.last_us += kHour_us;
  const int64_t held_us = timer.last_us;
  EXPECT_EQ(evoke::ReadMonotonicTimer(&timer), held_us);
  // From there it goes on, an hour ahead of the wall clock.
  EXPECT_GT(timer.correction_us, 0);
  EXPECT_LE(timer.correction_us, kHour_us);
  const int64_t wall_us = evoke::WallClockMicros();
  EXPECT_GE(evoke::ReadMonotonicTimer(&timer), wall_us + timer.correction_us);
}

TEST(MonotonicTimer, RefusesNull) {
  evutil_monotonic_timer timer = {};
  timeval now;
  errno = 0;
  EXPECT_EQ(evutil_configure_monotonic_time(nullptr, 0), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(evutil_gettime_monotonic(nullptr, &now), -1);
  EXPECT_EQ(evutil_gettime_monotonic(&timer, nullptr), -1);
  evutil_monotonic_timer_free(nullptr);
}

TEST(MonotonicTimer, IsNullWhenMemoryIsShort) {
  event_set_mem_functions([](size_t) -> void* { return nullptr; }, realloc,
                          free);
  EXPECT_EQ(evutil_monotonic_timer_new(), nullptr);
  event_set_mem_functions(nullptr, nullptr, nullptr);
}

}  // namespace
