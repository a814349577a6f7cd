// SPDX-License-Identifier: BSD-3-Clause
//
// Bufferevents that share one bucket.
//
// A member may read or write its share of what is left, but not less than the
// least share, so that many members do not send tiny packets. When the bucket
// is empty, all of them pause; the group's timer fills it in each tick, and
// when there is a least share again, all go on, beginning with any of them.
#include <event2/event.h>

#include <algorithm>

#include "bufferevent/rate_limit.h"
#include "bufferevent/socket.h"
#include "event/debug_mode.h"
#include "event/deferred.h"
#include "event/event_base.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {
namespace {

QueueLink<RateLimit>& MemberLink(RateLimit* limit) { return limit->link; }

constexpr size_t kDefaultLeastShareBytes = 64;

}  // namespace
}  // namespace evoke

// All of it is guarded by `lock`, which is no recursive one: nothing that may
// come back here is called with it held.
namespace evoke {
inline constexpr uint32_t kGroupMagic = 0x67726f75;
}

struct bufferevent_rate_limit_group {
  uint32_t magic = evoke::kGroupMagic;  // as long as it is one
  evoke::Mutex lock;

  ev_token_bucket_cfg cfg;
  evoke::TokenBucket bucket;
  bool paused[2] = {false, false};  // by Direction, as all arrays here
  uint64_t total_bytes[2] = {0, 0};

  size_t wanted_share_bytes = evoke::kDefaultLeastShareBytes;
  size_t least_share_bytes = 0;  // the wanted one, if a tick has that much

  evoke::Queue<evoke::RateLimit, evoke::MemberLink> members;
  size_t member_count = 0;
  uint64_t random = 0;

  event refill = {};  // in each tick
  event_callback finalizer = {};
};

namespace evoke {

namespace {

using Group = bufferevent_rate_limit_group;

void WarnOfNoGroup(const char* function) {
  LogWarn("%s: no group, or a freed one", function);
}

// Logs and returns true for what is null, no group, or a freed one.
bool IsNoGroup(const Group* group, const char* function) {
  if (ABSL_PREDICT_TRUE(group != nullptr &&
                        __atomic_load_n(&group->magic, __ATOMIC_RELAXED) ==
                            kGroupMagic)) {
    return false;
  }
  if (group == nullptr) {
    LogWarn("%s: null argument", function);
  } else {
    WarnOfNoGroup(function);
  }
  return true;
}

void SetLeastShare(Group* group, size_t share_bytes) {
  group->wanted_share_bytes = share_bytes;
  group->least_share_bytes =
      std::min({share_bytes, group->cfg.rate_bytes[kReading],
                group->cfg.rate_bytes[kWriting]});
}

// --- All members at once; with the group's lock held ------------------------

// Lets a member do as its group does. Its lock is held.
void Follow(RateLimit* member, Direction direction, bool paused) {
  if (paused) {
    Suspend(member->bev, direction, kSuspendGroupRate);
  } else {
    Resume(member->bev, direction, kSuspendGroupRate);
  }
}

// A socket that goes on only waits for its fd. Another kind may move bytes at
// once, and call whoever watches the buffers.
bool MayFollowNow(const RateLimit* member, bool paused) {
  return paused || member->bev->be_ops == &kSocketOps;
}

void LeaveNote(RateLimit* member) {
  member->has_note = true;
  DeferredSchedule(member->note_base, &member->note);
}

void LetFollow(RateLimit* member, Direction direction, bool paused) {
  SharedLock* lock = ImplOf(member->bev)->lock;
  if (MayFollowNow(member, paused) && (lock == nullptr || lock->TryLock())) {
    Follow(member, direction, paused);
    UnlockIfAny(lock);
  } else {
    LeaveNote(member);
  }
}

RateLimit* AnyMember(Group* group) {
  // A linear congruential generator; nobody gains from guessing it.
  group->random = group->random * 6364136223846793005u + 1442695040888963407u;
  RateLimit* member = group->members.front();
  for (size_t steps = (group->random >> 32) % group->member_count; steps > 0;
       --steps) {
    member = group->members.Next(member);
  }
  return member;
}

void SetPaused(Group* group, Direction direction, bool paused) {
  if (group->paused[direction] == paused) return;
  group->paused[direction] = paused;
  if (group->members.empty()) return;
  RateLimit* first = AnyMember(group);
  RateLimit* member = first;
  do {
    RateLimit* next = group->members.Next(member);
    LetFollow(member, direction, paused);
    member = next != nullptr ? next : group->members.front();
  } while (member != first);
}

// --- Callbacks of the loop ---------------------------------------------------

bool IsPaused(Group* group, Direction direction) {
  MutexLock lock(group->lock);
  return group->paused[direction];
}

void TakeNote(RateLimit* member) {
  MutexLock lock(member->group->lock);
  member->has_note = false;
}

// The note of a member that was busy when its group changed. Should the group
// change again before the end of this, the note comes again.
void FollowLate(event_callback*, void* arg) {
  auto* member = static_cast<RateLimit*>(arg);
  BuffereventGuard guard(member->bev);
  if (member->group != nullptr) TakeNote(member);
  for (Direction direction : {kReading, kWriting}) {
    if (member->group == nullptr) return;
    bool paused = IsPaused(member->group, direction);
    if (paused != IsSuspended(member->bev, direction, kSuspendGroupRate)) {
      Follow(member, direction, paused);
    }
  }
}

void OnGroupRefill(evutil_socket_t, short, void* arg) {
  auto* group = static_cast<Group*>(arg);
  MutexLock lock(group->lock);
  group->bucket.Refill(group->cfg, NowOf(group->refill.ev_base));
  for (Direction direction : {kReading, kWriting}) {
    if (!group->bucket.is_empty(direction) &&
        group->bucket.left_bytes(direction) >=
            static_cast<int64_t>(group->least_share_bytes)) {
      SetPaused(group, direction, false);
    }
  }
}

void FreeGroup(event_callback*, void* arg) {
  auto* group = static_cast<Group*>(arg);
  __atomic_store_n(&group->magic, 0, __ATOMIC_RELAXED);
  group->lock.Destroy();
  DebugForget(&group->refill);
  Delete(group);
}

// bufferevent_rate_limit_group_decrement_...().
int DecrementGroup(Group* group, Direction direction, ev_ssize_t bytes,
                   const char* function) {
  if (IsNoGroup(group, function)) return -1;
  MutexLock lock(group->lock);
  bool was_empty = group->bucket.is_empty(direction);
  group->bucket.Take(direction, bytes);
  bool is_empty = group->bucket.is_empty(direction);
  if (was_empty != is_empty) SetPaused(group, direction, is_empty);
  return 0;
}

// bufferevent_rate_limit_group_get_..._limit().
ev_ssize_t GroupLeftBytes(Group* group, Direction direction,
                          const char* function) {
  if (IsNoGroup(group, function)) return -1;
  MutexLock lock(group->lock);
  return group->bucket.left_bytes(direction);
}

}  // namespace

size_t GroupShare(RateLimit* limit, Direction direction) {
  Group* group = limit->group;
  MutexLock lock(group->lock);
  if (group->paused[direction]) {
    // Its note is still to come.
    Suspend(limit->bev, direction, kSuspendGroupRate);
    return 0;
  }
  // One byte at least, where the least share is none: it would read as the end
  // of the file.
  size_t share_bytes =
      static_cast<size_t>(group->bucket.left_bytes(direction)) /
      group->member_count;
  return std::max({share_bytes, group->least_share_bytes, size_t{1}});
}

void TakeGroupTokens(RateLimit* limit, Direction direction, size_t bytes) {
  Group* group = limit->group;
  MutexLock lock(group->lock);
  group->bucket.Take(direction, static_cast<int64_t>(bytes));
  group->total_bytes[direction] += bytes;
  if (group->bucket.is_empty(direction)) SetPaused(group, direction, true);
}

void LeaveGroup(RateLimit* limit) {
  Group* group = limit->group;
  if (group == nullptr) return;
  {
    MutexLock lock(group->lock);
    group->members.Remove(limit);
    --group->member_count;
    if (limit->has_note) DeferredCancel(limit->note_base, &limit->note);
    limit->has_note = false;
  }
  limit->group = nullptr;
}

void InitNote(RateLimit* limit, event_base* base) {
  DeferredInit(&limit->note,
               static_cast<uint8_t>(event_base_get_npriorities(base) / 2),
               FollowLate, limit);
  limit->note_base = base;
}

void MoveNote(RateLimit* limit, event_base* base) {
  if (limit->group == nullptr) {
    limit->note_base = base;
    return;
  }
  MutexLock lock(limit->group->lock);
  if (limit->has_note) DeferredCancel(limit->note_base, &limit->note);
  limit->note_base = base;
  if (limit->has_note) LeaveNote(limit);
}

}  // namespace evoke

using evoke::BuffereventLock;
using evoke::ImplOf;
using evoke::IsMissing;
using evoke::kReading;
using evoke::kSuspendGroupRate;
using evoke::kWriting;
using evoke::MutexLock;

extern "C" {

// --- The group ---------------------------------------------------------------

bufferevent_rate_limit_group* bufferevent_rate_limit_group_new(
    event_base* base, const ev_token_bucket_cfg* cfg) {
  if (base == nullptr) base = evoke::g_current_base;
  if (IsMissing(base, __func__) || IsMissing(cfg, __func__)) return nullptr;
  auto* group = evoke::New<bufferevent_rate_limit_group>();
  if (group == nullptr) return nullptr;
  int64_t now_us = evoke::NowOf(base);
  group->cfg = *cfg;
  group->bucket.Init(*cfg, now_us);
  group->random = static_cast<uint64_t>(now_us);
  evoke::SetLeastShare(group, evoke::kDefaultLeastShareBytes);
  event_assign(&group->refill, base, -1, EV_PERSIST, evoke::OnGroupRefill,
               group);
  if (!group->lock.Init(evoke::LockKind::kPlain) ||
      event_add(&group->refill, &cfg->tick) < 0) {
    evoke::FreeGroup(nullptr, group);
    return nullptr;
  }
  return group;
}

int bufferevent_rate_limit_group_set_cfg(bufferevent_rate_limit_group* group,
                                         const ev_token_bucket_cfg* cfg) {
  if (group == nullptr || cfg == nullptr) return -1;
  if (evoke::IsNoGroup(group, __func__)) return -1;
  MutexLock lock(group->lock);
  bool same_tick = group->cfg.tick.tv_sec == cfg->tick.tv_sec &&
                   group->cfg.tick.tv_usec == cfg->tick.tv_usec;
  if (!same_tick && event_add(&group->refill, &cfg->tick) < 0) return -1;
  group->bucket.Change(group->cfg, *cfg, evoke::NowOf(group->refill.ev_base));
  group->cfg = *cfg;
  evoke::SetLeastShare(group, group->wanted_share_bytes);
  return 0;
}

int bufferevent_rate_limit_group_set_min_share(
    bufferevent_rate_limit_group* group, size_t share_bytes) {
  if (evoke::IsNoGroup(group, __func__) || share_bytes > EV_SSIZE_MAX)
    return -1;
  MutexLock lock(group->lock);
  evoke::SetLeastShare(group, share_bytes);
  return 0;
}

// In a program with threads the timer's callback may have begun in another, and
// waits for the lock: the loop frees the group after it. Until then it is none
// any more, also for another call that has just found that it is one.
void bufferevent_rate_limit_group_free(bufferevent_rate_limit_group* group) {
  if (evoke::IsNoGroup(group, __func__)) return;
  bool callback_may_run;
  {
    MutexLock lock(group->lock);
    if (group->member_count != 0) {
      evoke::LogWarn("%s: the group has %zu members and stays", __func__,
                     group->member_count);
      return;
    }
    if (__atomic_exchange_n(&group->magic, 0, __ATOMIC_RELAXED) !=
        evoke::kGroupMagic) {
      evoke::WarnOfNoGroup(__func__);
      return;
    }
    // Always pending, unless the base is gone.
    callback_may_run = group->lock.exists() &&
                       event_pending(&group->refill, EV_TIMEOUT, nullptr) != 0;
    event_del_noblock(&group->refill);
  }
  if (callback_may_run) {
    evoke::FinalizeLater(group->refill.ev_base, &group->finalizer,
                         group->refill.ev_evcallback.evcb_pri, evoke::FreeGroup,
                         group);
  } else {
    evoke::FreeGroup(nullptr, group);
  }
}

ev_ssize_t bufferevent_rate_limit_group_get_read_limit(
    bufferevent_rate_limit_group* group) {
  return evoke::GroupLeftBytes(group, kReading, __func__);
}

ev_ssize_t bufferevent_rate_limit_group_get_write_limit(
    bufferevent_rate_limit_group* group) {
  return evoke::GroupLeftBytes(group, kWriting, __func__);
}

int bufferevent_rate_limit_group_decrement_read(
    bufferevent_rate_limit_group* group, ev_ssize_t bytes) {
  return evoke::DecrementGroup(group, kReading, bytes, __func__);
}

int bufferevent_rate_limit_group_decrement_write(
    bufferevent_rate_limit_group* group, ev_ssize_t bytes) {
  return evoke::DecrementGroup(group, kWriting, bytes, __func__);
}

void bufferevent_rate_limit_group_get_totals(
    bufferevent_rate_limit_group* group, ev_uint64_t* total_read,
    ev_uint64_t* total_written) {
  if (evoke::IsNoGroup(group, __func__)) return;
  MutexLock lock(group->lock);
  if (total_read != nullptr) *total_read = group->total_bytes[kReading];
  if (total_written != nullptr) *total_written = group->total_bytes[kWriting];
}

void bufferevent_rate_limit_group_reset_totals(
    bufferevent_rate_limit_group* group) {
  if (evoke::IsNoGroup(group, __func__)) return;
  MutexLock lock(group->lock);
  group->total_bytes[kReading] = group->total_bytes[kWriting] = 0;
}

// --- Its members -------------------------------------------------------------

int bufferevent_add_to_rate_limit_group(bufferevent* bev,
                                        bufferevent_rate_limit_group* group) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock bev_lock(bev);
  if (group == nullptr) return bufferevent_remove_from_rate_limit_group(bev);
  if (evoke::IsNoGroup(group, __func__)) return -1;
  evoke::RateLimit* limit = evoke::EnsureRateLimit(bev);
  if (limit == nullptr) return -1;
  if (limit->group == group) return 0;
  if (limit->group != nullptr) bufferevent_remove_from_rate_limit_group(bev);
  limit->group = group;
  MutexLock lock(group->lock);
  group->members.PushBack(limit);
  ++group->member_count;
  for (evoke::Direction direction : {kReading, kWriting}) {
    if (group->paused[direction]) {
      evoke::Suspend(bev, direction, kSuspendGroupRate);
    }
  }
  return 0;
}

int bufferevent_remove_from_rate_limit_group(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  if (ImplOf(bev)->limit != nullptr) evoke::LeaveGroup(ImplOf(bev)->limit);
  evoke::Resume(bev, kReading, kSuspendGroupRate);
  evoke::Resume(bev, kWriting, kSuspendGroupRate);
  return 0;
}

}  // extern "C"
