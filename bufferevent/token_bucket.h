// SPDX-License-Identifier: BSD-3-Clause
//
// A bucket of tokens for each direction: who moves a byte takes one out; in
// each tick some come in, up to a burst. rate_limit.h says who has buckets.
//
// Ticks are counted from the beginning of CLOCK_MONOTONIC, so that no jump of
// the wall clock fills a bucket or keeps it empty.
#ifndef EVOKE_BUFFEREVENT_TOKEN_BUCKET_H_
#define EVOKE_BUFFEREVENT_TOKEN_BUCKET_H_

#include <event2/bufferevent.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

namespace evoke {

enum Direction : uint8_t { kReading = 0, kWriting = 1 };

}  // namespace evoke

// How fast a bucket fills. Arrays are by evoke::Direction.
namespace evoke {
inline constexpr uint32_t kTokenBucketCfgMagic = 0x74626366;
}

struct ev_token_bucket_cfg {
  size_t rate_bytes[2];   // for each tick; at least 1
  size_t burst_bytes[2];  // the most there can be; at least the rate
  int64_t tick_ms;        // at least 1
  timeval tick;           // as the program gave it: what timers wait
  uint32_t magic = evoke::kTokenBucketCfgMagic;  // as long as it is one

  // How long these wait, in microseconds.
  int64_t tick_us() const;
  bool operator==(const ev_token_bucket_cfg& other) const;
};

namespace evoke {

class TokenBucket {
 public:
  // One tick's worth in each direction.
  void Init(const ev_token_bucket_cfg& cfg, int64_t now_us);

  // Puts in what came since the last time.
  void Refill(const ev_token_bucket_cfg& cfg, int64_t now_us);

  // From now on `cfg` holds instead of `old_cfg`: what is above the new burst
  // is lost, nothing comes in.
  void Change(const ev_token_bucket_cfg& old_cfg,
              const ev_token_bucket_cfg& cfg, int64_t now_us);

  // Takes `bytes` out, which may leave less than nothing; a negative number
  // puts some in, the burst notwithstanding. Stops at the ends of int64_t.
  void Take(Direction direction, int64_t bytes);

  int64_t left_bytes(Direction direction) const { return left_[direction]; }
  bool is_empty(Direction direction) const { return left_[direction] <= 0; }

 private:
  int64_t left_[2] = {0, 0};
  int64_t tick_ = 0;  // up to which tokens have come in
};

}  // namespace evoke

#endif  // EVOKE_BUFFEREVENT_TOKEN_BUCKET_H_
