// SPDX-License-Identifier: BSD-3-Clause
//
// A wait's timeout in the units of the system calls.
#ifndef EVOKE_BACKENDS_TIMEOUT_H_
#define EVOKE_BACKENDS_TIMEOUT_H_

#include <limits.h>
#include <stdint.h>
#include <time.h>

#include "util/clock.h"

namespace evoke {

// Milliseconds, rounded up, since a wait must not be too short; -1 for no
// limit. Held at INT_MAX, 24 days: then the wait ends early, and the loop asks
// again.
inline int TimeoutMillis(int64_t timeout_us) {
  if (timeout_us < 0) return -1;
  if (timeout_us > INT64_C(1000) * INT_MAX) return INT_MAX;
  return static_cast<int>((timeout_us + 999) / 1000);
}

// REQUIRES: `timeout_us` is not negative.
inline timespec TimeoutTimespec(int64_t timeout_us) {
  timespec timeout;
  timeout.tv_sec = timeout_us / kMicrosPerSecond;
  timeout.tv_nsec = timeout_us % kMicrosPerSecond * 1000;
  return timeout;
}

}  // namespace evoke

#endif  // EVOKE_BACKENDS_TIMEOUT_H_
