// SPDX-License-Identifier: BSD-3-Clause
//
// Time as the loop knows it: microseconds since some point in the past, in an
// int64_t that lasts for 292,000 years. CLOCK_MONOTONIC, so that a jump of the
// wall clock moves no timer.
#ifndef EVOKE_UTIL_CLOCK_H_
#define EVOKE_UTIL_CLOCK_H_

#include <stdint.h>
#include <sys/time.h>

namespace evoke {

inline constexpr int64_t kMicrosPerSecond = 1000000;
inline constexpr int64_t kNoDeadline = INT64_MAX;

// Microseconds of CLOCK_MONOTONIC; clock_gettime(2).
int64_t MonotonicMicros();

// Microseconds of the wall clock since 1970; gettimeofday(2).
int64_t WallClockMicros();

// Saturates instead of overflowing: a timeval may hold any seconds.
inline int64_t MicrosFromTimeval(const timeval& tv) {
  int64_t micros;
  if (__builtin_mul_overflow(static_cast<int64_t>(tv.tv_sec), kMicrosPerSecond,
                             &micros) ||
      __builtin_add_overflow(micros, static_cast<int64_t>(tv.tv_usec),
                             &micros)) {
    return tv.tv_sec < 0 ? INT64_MIN : INT64_MAX;
  }
  return micros;
}

// `micros` with a remainder that is never negative, as timeval demands.
inline timeval TimevalFromMicros(int64_t micros) {
  int64_t seconds = micros / kMicrosPerSecond;
  int64_t rest = micros % kMicrosPerSecond;
  if (rest < 0) {
    rest += kMicrosPerSecond;
    --seconds;
  }
  timeval tv;
  tv.tv_sec = seconds;
  tv.tv_usec = rest;
  return tv;
}

// `a + b`, held at the ends of the range.
inline int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? INT64_MIN : INT64_MAX;
}

}  // namespace evoke

#endif  // EVOKE_UTIL_CLOCK_H_
