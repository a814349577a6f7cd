// SPDX-License-Identifier: BSD-3-Clause
#include "util/clock.h"

#include <time.h>

namespace evoke {

int64_t MonotonicMicros() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * kMicrosPerSecond +
         now.tv_nsec / 1000;
}

int64_t WallClockMicros() {
  timeval now;
  gettimeofday(&now, nullptr);
  return MicrosFromTimeval(now);
}

}  // namespace evoke
