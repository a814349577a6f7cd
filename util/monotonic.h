// SPDX-License-Identifier: BSD-3-Clause
//
// A clock that never runs backward, as an object: what a program gets from
// evutil_monotonic_timer_new(). The loop itself reads util/clock.h.
#ifndef EVOKE_UTIL_MONOTONIC_H_
#define EVOKE_UTIL_MONOTONIC_H_

#include <event2/util.h>
#include <stdint.h>

struct evutil_monotonic_timer {
  enum class Source {
    // The wall clock as it is: what a timer reads before it is configured.
    kWallClock,
    // CLOCK_MONOTONIC_COARSE: read without the hardware, exact to one tick of
    // the kernel.
    kCoarse,
    // CLOCK_MONOTONIC.
    kPrecise,
    // The wall clock, held still for as long as it was set back.
    kSteadiedWallClock,
  };

  Source source;
  // For kSteadiedWallClock, in microseconds: what is added to the wall clock,
  // and what was returned last.
  int64_t correction_us;
  int64_t last_us;
};

namespace evoke {

// Microseconds on the timer's clock; INT64_MIN with errno when it cannot be
// read. One thread at a time for each timer.
int64_t ReadMonotonicTimer(evutil_monotonic_timer* timer);

}  // namespace evoke

#endif  // EVOKE_UTIL_MONOTONIC_H_
