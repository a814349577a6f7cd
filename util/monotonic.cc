// SPDX-License-Identifier: BSD-3-Clause
#include "util/monotonic.h"

#include <errno.h>
#include <time.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/memory.h"

namespace {

using Source = evutil_monotonic_timer::Source;

int64_t ReadClock(clockid_t clock) {
  timespec now;
  if (clock_gettime(clock, &now) != 0) return INT64_MIN;
  return static_cast<int64_t>(now.tv_sec) * evoke::kMicrosPerSecond +
         now.tv_nsec / 1000;
}

// The wall clock's reading `wall_us`, corrected so that the timer stands still
// while the wall clock is behind what it said before, and goes on from there.
int64_t Steady(evutil_monotonic_timer* timer, int64_t wall_us) {
  int64_t now_us = wall_us + timer->correction_us;
  if (now_us < timer->last_us) {
    timer->correction_us += timer->last_us - now_us;
    now_us = timer->last_us;
  }
  timer->last_us = now_us;
  return now_us;
}

}  // namespace

namespace evoke {

int64_t ReadMonotonicTimer(evutil_monotonic_timer* timer) {
  switch (timer->source) {
    case Source::kCoarse:
      return ReadClock(CLOCK_MONOTONIC_COARSE);
    case Source::kPrecise:
      return MonotonicMicros();
    case Source::kSteadiedWallClock:
      return Steady(timer, WallClockMicros());
    case Source::kWallClock:
      break;
  }
  return WallClockMicros();
}

}  // namespace evoke

extern "C" {

evutil_monotonic_timer* evutil_monotonic_timer_new(void) {
  return evoke::New<evutil_monotonic_timer>();
}

void evutil_monotonic_timer_free(evutil_monotonic_timer* timer) {
  evoke::Delete(timer);
}

int evutil_configure_monotonic_time(evutil_monotonic_timer* timer, int flags) {
  if (timer == nullptr) {
    evoke::LogWarn("%s: no timer", __func__);
    errno = EINVAL;
    return -1;
  }
  *timer = evutil_monotonic_timer();
  if ((flags & EV_MONOT_FALLBACK) != 0) {
    timer->source = Source::kSteadiedWallClock;
  } else if ((flags & EV_MONOT_PRECISE) != 0 ||
             ReadClock(CLOCK_MONOTONIC_COARSE) == INT64_MIN) {
    timer->source = Source::kPrecise;
  } else {
    timer->source = Source::kCoarse;
  }
  return 0;
}

int evutil_gettime_monotonic(evutil_monotonic_timer* timer, timeval* tp) {
  if (timer == nullptr || tp == nullptr) {
    evoke::LogWarn("%s: no %s", __func__, tp == nullptr ? "room" : "timer");
    errno = EINVAL;
    return -1;
  }
  const int64_t now_us = evoke::ReadMonotonicTimer(timer);
  if (now_us == INT64_MIN) return -1;
  *tp = evoke::TimevalFromMicros(now_us);
  return 0;
}

}  // extern "C"
