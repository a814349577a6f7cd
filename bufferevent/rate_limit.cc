// SPDX-License-Identifier: BSD-3-Clause
//
// The limit of one bufferevent, and what both kinds of limits leave to a read
// or a write.
#include "bufferevent/rate_limit.h"

#include <event2/event.h>

#include <algorithm>

#include "event/debug_mode.h"
#include "event/event_base.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

size_t MaxSingle(const BuffereventImpl* impl, Direction direction) {
  return direction == kReading ? impl->max_single_read_bytes
                               : impl->max_single_write_bytes;
}

bool IsRefillPending(const RateLimit* limit) {
  return event_pending(&limit->refill, EV_TIMEOUT, nullptr) != 0;
}

Direction OtherThan(Direction direction) {
  return direction == kReading ? kWriting : kReading;
}

// Lets the timer run for `direction`, whose bucket is empty. If it runs for the
// other one, that comes first. False when memory is short.
bool WaitForRefill(RateLimit* limit, Direction direction) {
  limit->look_us[direction] =
      SaturatingAdd(NowOf(limit->refill.ev_base), limit->rates.tick_us());
  if (IsSuspended(limit->bev, OtherThan(direction), kSuspendRate) &&
      IsRefillPending(limit)) {
    return true;
  }
  return event_add(&limit->refill, &limit->rates.tick) == 0;
}

// There is no memory for the timer that would end the pause.
void FailPause(RateLimit* limit, Direction direction) {
  FailForWantOfMemory(limit->bev, direction == kReading ? EV_READ : EV_WRITE);
  // Enabled again, it tries once more.
  Resume(limit->bev, direction, kSuspendRate);
}

// The bucket of a direction that moves is empty.
void Pause(RateLimit* limit, Direction direction) {
  if (WaitForRefill(limit, direction)) {
    Suspend(limit->bev, direction, kSuspendRate);
  } else {
    FailPause(limit, direction);
  }
}

// Lets the timer run on for the directions that are still paused.
void RestartRefill(RateLimit* limit, int64_t now_us) {
  int64_t next_us = INT64_MAX;
  for (Direction direction : {kReading, kWriting}) {
    if (!IsSuspended(limit->bev, direction, kSuspendRate)) continue;
    int64_t* look_us = &limit->look_us[direction];
    if (*look_us <= now_us) {
      *look_us = SaturatingAdd(now_us, limit->rates.tick_us());
    }
    next_us = std::min(next_us, *look_us);
  }
  if (next_us == INT64_MAX) return;
  timeval wait = TimevalFromMicros(next_us - now_us);
  if (event_add(&limit->refill, &wait) == 0) return;
  for (Direction direction : {kReading, kWriting}) {
    if (IsSuspended(limit->bev, direction, kSuspendRate)) {
      FailPause(limit, direction);
    }
  }
}

void OnRefill(evutil_socket_t, short, void* arg) {
  auto* bev = static_cast<bufferevent*>(arg);
  BuffereventGuard guard(bev);
  RateLimit* limit = ImplOf(bev)->limit;
  // Another thread may have ended the limit or the bufferevent meanwhile.
  if (limit->cfg == nullptr) return;
  int64_t now_us = NowOf(limit->refill.ev_base);
  limit->bucket.Refill(limit->rates, now_us);
  for (Direction direction : {kReading, kWriting}) {
    if (IsSuspended(bev, direction, kSuspendRate) &&
        !limit->bucket.is_empty(direction)) {
      Resume(bev, direction, kSuspendRate);
    }
  }
  // What went on may have called the program, in a pair or a filter.
  if (limit->cfg != nullptr) RestartRefill(limit, now_us);
}

// Ends the limit of its own.
void Unlimit(bufferevent* bev) {
  RateLimit* limit = ImplOf(bev)->limit;
  if (limit != nullptr) {
    limit->cfg = nullptr;
    event_del_noblock(&limit->refill);
  }
  Resume(bev, kReading, kSuspendRate);
  Resume(bev, kWriting, kSuspendRate);
}

// Lets the bucket of `limit` obey `cfg`. False when memory is short; nothing
// has changed then.
bool Limit(RateLimit* limit, const ev_token_bucket_cfg* cfg) {
  int64_t now_us = NowOf(limit->refill.ev_base);
  TokenBucket bucket = limit->bucket;
  if (limit->cfg == nullptr) {
    bucket.Init(*cfg, now_us);
  } else {
    bucket.Change(limit->rates, *cfg, now_us);
  }
  if (bucket.is_empty(kReading) || bucket.is_empty(kWriting)) {
    // Of the new length, from now on.
    if (event_add(&limit->refill, &cfg->tick) < 0) return false;
  } else {
    event_del_noblock(&limit->refill);
  }
  limit->cfg = cfg;
  limit->rates = *cfg;
  limit->bucket = bucket;
  for (Direction direction : {kReading, kWriting}) {
    if (bucket.is_empty(direction)) {
      limit->look_us[direction] = SaturatingAdd(now_us, cfg->tick_us());
      Suspend(limit->bev, direction, kSuspendRate);
    } else {
      Resume(limit->bev, direction, kSuspendRate);
    }
  }
  return true;
}

// bufferevent_decrement_..._limit().
int Decrement(bufferevent* bev, Direction direction, ev_ssize_t bytes,
              const char* function) {
  if (IsMissing(bev, function)) return -1;
  BuffereventLock lock(bev);
  RateLimit* limit = ImplOf(bev)->limit;
  if (limit == nullptr || limit->cfg == nullptr) {
    LogWarn("%s: the bufferevent has no limit", function);
    return -1;
  }
  TokenBucket* bucket = &limit->bucket;
  TokenBucket before = *bucket;
  bucket->Take(direction, bytes);
  if (before.is_empty(direction) == bucket->is_empty(direction)) return 0;
  if (bucket->is_empty(direction)) {
    if (!WaitForRefill(limit, direction)) {
      *bucket = before;
      return -1;
    }
    Suspend(bev, direction, kSuspendRate);
    return 0;
  }
  if (!IsSuspended(bev, OtherThan(direction), kSuspendRate)) {
    event_del_noblock(&limit->refill);
  }
  Resume(bev, direction, kSuspendRate);
  return 0;
}

// bufferevent_get_..._limit().
ev_ssize_t LeftBytes(bufferevent* bev, Direction direction,
                     const char* function) {
  if (IsMissing(bev, function)) return -1;
  BuffereventLock lock(bev);
  RateLimit* limit = ImplOf(bev)->limit;
  if (limit == nullptr || limit->cfg == nullptr) return EV_SSIZE_MAX;
  limit->bucket.Refill(limit->rates, NowOf(limit->refill.ev_base));
  return limit->bucket.left_bytes(direction);
}

// bufferevent_get_max_to_...().
ev_ssize_t NextBytes(bufferevent* bev, Direction direction,
                     const char* function) {
  if (IsMissing(bev, function)) return -1;
  BuffereventLock lock(bev);
  return static_cast<ev_ssize_t>(ImplOf(bev)->limit != nullptr
                                     ? MaxToMove(bev, direction)
                                     : MaxSingle(ImplOf(bev), direction));
}

}  // namespace

RateLimit* EnsureRateLimit(bufferevent* bev) {
  BuffereventImpl* impl = ImplOf(bev);
  if (impl->limit != nullptr) return impl->limit;
  auto* limit = static_cast<RateLimit*>(AllocateZeroed(1, sizeof(RateLimit)));
  if (limit == nullptr) return nullptr;
  limit->bev = bev;
  event_assign(&limit->refill, BaseOf(bev), -1, 0, OnRefill, bev);
  InitNote(limit, BaseOf(bev));
  impl->limit = limit;
  return limit;
}

// A limit of its own stands for the most that one read takes as well: that is
// then the burst, whatever bufferevent_set_max_single_read() said.
size_t MaxToMove(bufferevent* bev, Direction direction) {
  RateLimit* limit = ImplOf(bev)->limit;
  size_t max_bytes = MaxSingle(ImplOf(bev), direction);
  if (limit->cfg != nullptr) {
    limit->bucket.Refill(limit->rates, NowOf(limit->refill.ev_base));
    if (limit->bucket.is_empty(direction)) {
      if (!IsSuspended(bev, direction, kSuspendRate)) Pause(limit, direction);
      return 0;
    }
    max_bytes = static_cast<size_t>(limit->bucket.left_bytes(direction));
  }
  if (limit->group == nullptr) return max_bytes;
  return std::min(max_bytes, GroupShare(limit, direction));
}

void TakeTokens(bufferevent* bev, Direction direction, size_t bytes) {
  RateLimit* limit = ImplOf(bev)->limit;
  if (limit->cfg != nullptr) {
    limit->bucket.Take(direction, static_cast<int64_t>(bytes));
    if (limit->bucket.is_empty(direction)) Pause(limit, direction);
  }
  if (limit->group != nullptr) TakeGroupTokens(limit, direction, bytes);
}

void MoveRateLimit(bufferevent* bev, event_base* base) {
  RateLimit* limit = ImplOf(bev)->limit;
  event_del_noblock(&limit->refill);
  event_assign(&limit->refill, base, -1, 0, OnRefill, bev);
  MoveNote(limit, base);
  if (limit->cfg != nullptr) RestartRefill(limit, NowOf(base));
}

void DetachRateLimit(bufferevent* bev) {
  RateLimit* limit = ImplOf(bev)->limit;
  LeaveGroup(limit);
  limit->cfg = nullptr;
  event_del_noblock(&limit->refill);
}

void FreeRateLimit(RateLimit* limit) {
  if (limit == nullptr) return;
  DebugForget(&limit->refill);
  Free(limit);
}

int64_t NowOf(event_base* base) {
  MutexLock lock(base->lock);
  return base->Now();
}

}  // namespace evoke

using evoke::BuffereventLock;
using evoke::ImplOf;
using evoke::IsMissing;
using evoke::kReading;
using evoke::kWriting;

extern "C" {

int bufferevent_set_rate_limit(bufferevent* bev, ev_token_bucket_cfg* cfg) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  if (cfg == nullptr) {
    if (ImplOf(bev)->limit != nullptr) evoke::Unlimit(bev);
    return 0;
  }
  evoke::RateLimit* limit = evoke::EnsureRateLimit(bev);
  if (limit == nullptr) return -1;
  if (limit->cfg == cfg && limit->rates == *cfg) return 0;
  return evoke::Limit(limit, cfg) ? 0 : -1;
}

const ev_token_bucket_cfg* bufferevent_get_token_bucket_cfg(
    const bufferevent* bev) {
  if (IsMissing(bev, __func__)) return nullptr;
  BuffereventLock lock(bev);
  const evoke::RateLimit* limit = ImplOf(bev)->limit;
  return limit != nullptr ? limit->cfg : nullptr;
}

ev_ssize_t bufferevent_get_read_limit(bufferevent* bev) {
  return evoke::LeftBytes(bev, kReading, __func__);
}

ev_ssize_t bufferevent_get_write_limit(bufferevent* bev) {
  return evoke::LeftBytes(bev, kWriting, __func__);
}

int bufferevent_decrement_read_limit(bufferevent* bev, ev_ssize_t bytes) {
  return evoke::Decrement(bev, kReading, bytes, __func__);
}

int bufferevent_decrement_write_limit(bufferevent* bev, ev_ssize_t bytes) {
  return evoke::Decrement(bev, kWriting, bytes, __func__);
}

ev_ssize_t bufferevent_get_max_to_read(bufferevent* bev) {
  return evoke::NextBytes(bev, kReading, __func__);
}

ev_ssize_t bufferevent_get_max_to_write(bufferevent* bev) {
  return evoke::NextBytes(bev, kWriting, __func__);
}

}  // extern "C"
