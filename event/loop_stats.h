// SPDX-License-Identifier: BSD-3-Clause
//
// What a loop counts at all times, for evoke_stats(). Each costs one addition
// where it happens. Guarded by the base's lock; only what buffers count runs
// without it, on the loop's thread, and is read by others with CountOf().
#ifndef EVOKE_EVENT_LOOP_STATS_H_
#define EVOKE_EVENT_LOOP_STATS_H_

#include <event2/event.h>
#include <stdint.h>

namespace evoke {

struct LoopStats {
  uint64_t turns = 0;
  // Callbacks of events by the low flags of what fired: EV_TIMEOUT, EV_READ,
  // EV_WRITE, EV_SIGNAL.
  static constexpr int kKinds = 16;
  uint64_t fired[kKinds] = {};
  uint64_t deferred = 0;
  uint64_t added = 0;
  uint64_t deleted = 0;
  uint64_t timers_late = 0;
  int64_t late_max_us = 0;
  uint64_t wakeups = 0;
  uint64_t waits = 0;

  // --- Of buffers.
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t bytes_read = 0;
  uint64_t bytes_written = 0;

  static constexpr int64_t kLate_us = 1000;

  void CountFired(short what) { ++fired[what & (kKinds - 1)]; }
  void NoteLate(int64_t late_us) {
    if (late_us < kLate_us) return;
    ++timers_late;
    if (late_us > late_max_us) late_max_us = late_us;
  }

  // For one writer, while others read.
  static void Add(uint64_t& count, uint64_t more) {
    __atomic_store_n(&count, count + more, __ATOMIC_RELAXED);
  }
  // What a system call of a buffer came to, -1 for a failure.
  void CountRead(int64_t bytes) {
    Add(reads, 1);
    if (bytes > 0) Add(bytes_read, bytes);
  }
  void CountWrite(int64_t bytes) {
    Add(writes, 1);
    if (bytes > 0) Add(bytes_written, bytes);
  }
  static uint64_t CountOf(const uint64_t& count) {
    return __atomic_load_n(&count, __ATOMIC_RELAXED);
  }
};
static_assert((EV_TIMEOUT | EV_READ | EV_WRITE | EV_SIGNAL) ==
              LoopStats::kKinds - 1);

}  // namespace evoke

#endif  // EVOKE_EVENT_LOOP_STATS_H_
