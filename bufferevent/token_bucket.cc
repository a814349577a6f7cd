// SPDX-License-Identifier: BSD-3-Clause
#include "bufferevent/token_bucket.h"

#include <algorithm>

#include "util/clock.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

int64_t TickAt(const ev_token_bucket_cfg& cfg, int64_t now_us) {
  return now_us / 1000 / cfg.tick_ms;
}

// Of a common timeout's duration only the low bits are microseconds.
constexpr long kMicrosecondsMask = 0x000fffff;

bool IsRate(size_t rate_bytes, size_t burst_bytes) {
  return rate_bytes >= 1 && rate_bytes <= burst_bytes &&
         burst_bytes <= EV_RATE_LIMIT_MAX;
}

// What `left` becomes after `ticks` of them.
int64_t Filled(int64_t left, uint64_t ticks, uint64_t rate, int64_t burst) {
  if (left >= burst) return left;  // the program put more in by itself
  // Right for any difference that is not negative.
  uint64_t room = static_cast<uint64_t>(burst) - static_cast<uint64_t>(left);
  if (room / ticks < rate) return burst;
  return left + static_cast<int64_t>(ticks * rate);
}

}  // namespace

void TokenBucket::Init(const ev_token_bucket_cfg& cfg, int64_t now_us) {
  left_[kReading] = static_cast<int64_t>(cfg.rate_bytes[kReading]);
  left_[kWriting] = static_cast<int64_t>(cfg.rate_bytes[kWriting]);
  tick_ = TickAt(cfg, now_us);
}

void TokenBucket::Refill(const ev_token_bucket_cfg& cfg, int64_t now_us) {
  int64_t tick = TickAt(cfg, now_us);
  if (tick <= tick_) return;
  auto ticks = static_cast<uint64_t>(tick - tick_);
  for (Direction direction : {kReading, kWriting}) {
    left_[direction] =
        Filled(left_[direction], ticks, cfg.rate_bytes[direction],
               static_cast<int64_t>(cfg.burst_bytes[direction]));
  }
  tick_ = tick;
}

void TokenBucket::Change(const ev_token_bucket_cfg& old_cfg,
                         const ev_token_bucket_cfg& cfg, int64_t now_us) {
  // Ticks of another length have other numbers. With the same length, the part
  // of a tick that has gone by counts for the new rate.
  if (old_cfg.tick_ms != cfg.tick_ms) {
    Refill(old_cfg, now_us);
    tick_ = TickAt(cfg, now_us);
  }
  for (Direction direction : {kReading, kWriting}) {
    left_[direction] = std::min(
        left_[direction], static_cast<int64_t>(cfg.burst_bytes[direction]));
  }
}

void TokenBucket::Take(Direction direction, int64_t bytes) {
  int64_t* left = &left_[direction];
  if (__builtin_sub_overflow(*left, bytes, left)) {
    *left = bytes < 0 ? INT64_MAX : INT64_MIN;
  }
}

}  // namespace evoke

int64_t ev_token_bucket_cfg::tick_us() const {
  return evoke::MicrosFromTimeval(
      {tick.tv_sec, tick.tv_usec & evoke::kMicrosecondsMask});
}

bool ev_token_bucket_cfg::operator==(const ev_token_bucket_cfg& other) const {
  for (evoke::Direction direction : {evoke::kReading, evoke::kWriting}) {
    if (rate_bytes[direction] != other.rate_bytes[direction] ||
        burst_bytes[direction] != other.burst_bytes[direction]) {
      return false;
    }
  }
  return tick_ms == other.tick_ms && tick.tv_sec == other.tick.tv_sec &&
         tick.tv_usec == other.tick.tv_usec;
}

extern "C" {

ev_token_bucket_cfg* ev_token_bucket_cfg_new(size_t read_rate,
                                             size_t read_burst,
                                             size_t write_rate,
                                             size_t write_burst,
                                             const timeval* tick_length) {
  constexpr timeval kSecond = {1, 0};
  if (!evoke::IsRate(read_rate, read_burst) ||
      !evoke::IsRate(write_rate, write_burst)) {
    return nullptr;
  }
  if (tick_length == nullptr) tick_length = &kSecond;
  int64_t tick_ms;
  if (tick_length->tv_usec < 0 ||
      __builtin_mul_overflow(tick_length->tv_sec, 1000L, &tick_ms) ||
      __builtin_add_overflow(
          tick_ms, (tick_length->tv_usec & evoke::kMicrosecondsMask) / 1000,
          &tick_ms) ||
      tick_ms < 1) {
    evoke::LogWarn("%s: a tick is a millisecond at least", __func__);
    return nullptr;
  }
  return evoke::New<ev_token_bucket_cfg>(ev_token_bucket_cfg{
      .rate_bytes = {read_rate, write_rate},
      .burst_bytes = {read_burst, write_burst},
      .tick_ms = tick_ms,
      .tick = *tick_length,
  });
}

void ev_token_bucket_cfg_free(ev_token_bucket_cfg* cfg) {
  if (cfg == nullptr) return;
  if (__atomic_exchange_n(&cfg->magic, 0, __ATOMIC_RELAXED) !=
      evoke::kTokenBucketCfgMagic) {
    evoke::LogWarn("%s: no configuration, or a freed one", __func__);
    return;
  }
  evoke::Free(cfg);
}

}  // extern "C"
