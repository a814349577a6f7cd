// SPDX-License-Identifier: BSD-3-Clause
//
// How much a bufferevent may move: its own limit (rate_limit.cc) and that of
// the group it is in (rate_limit_group.cc), each a token bucket.
//
// A bufferevent that was never limited has no RateLimit: one test of a null
// pointer before and after each read and write is all that it pays. With one, a
// read asks MaxToMove() before, through ReadLimit(), and tells CountRead()
// after; a bucket that is empty then pauses the direction until a timer has
// filled it again.
//
// A kind that moves bytes itself and wants to heed limits does the same;
// sockets do.
//
// Threads: the lock of the bufferevent guards its RateLimit, but for what is
// marked as the group's. The group's lock comes after that of a bufferevent.
// Who has the group's lock and finds a member locked by another thread does not
// wait, but leaves a note in the queue of the member's loop, which looks how
// the group stands as soon as it has the lock.
#ifndef EVOKE_BUFFEREVENT_RATE_LIMIT_H_
#define EVOKE_BUFFEREVENT_RATE_LIMIT_H_

#include <event2/event_struct.h>
#include <stddef.h>
#include <stdint.h>

#include "bufferevent/bufferevent.h"
#include "bufferevent/token_bucket.h"
#include "util/intrusive_list.h"

namespace evoke {

struct RateLimit {
  bufferevent* bev;

  // The limit of its own: the program's pointer, null for none, and what it
  // held when it was set, since programs free it early.
  const ev_token_bucket_cfg* cfg;
  ev_token_bucket_cfg rates;
  TokenBucket bucket;
  // One timer for both directions. A direction looks into the bucket a tick
  // after it was found empty, at `look_us`, whatever the other one does.
  event refill;
  int64_t look_us[2];

  bufferevent_rate_limit_group* group;  // null: in none
  // The rest is the group's.
  QueueLink<RateLimit> link;
  event_callback note;    // see above
  event_base* note_base;  // in whose queue it comes
  bool has_note;
};

// --- rate_limit.cc. All but the last two with the bufferevent's lock held.

// Gives `bev` a RateLimit that limits nothing, if it has none. Null when memory
// is short.
RateLimit* EnsureRateLimit(bufferevent* bev);

// The most bytes that one read or write may move now; pauses the direction when
// that is none. Runs nothing of the program. REQUIRES: `bev` has a RateLimit.
size_t MaxToMove(bufferevent* bev, Direction direction);

// Tells that `bytes` were moved. Pauses the direction when that was the last.
// Runs nothing of the program. REQUIRES: `bev` has a RateLimit.
void TakeTokens(bufferevent* bev, Direction direction, size_t bytes);

// `bev` has gone to another base: its timer follows.
// REQUIRES: `bev` has a RateLimit.
void MoveRateLimit(bufferevent* bev, event_base* base);

// The last reference to `bev` is gone: out of the group, and no timer more.
// REQUIRES: `bev` has a RateLimit.
void DetachRateLimit(bufferevent* bev);

// Gives back its memory. REQUIRES: detached, or null.
void FreeRateLimit(RateLimit* limit);

// What the loop's clock says; the base's lock must not be held.
int64_t NowOf(event_base* base);

// --- rate_limit_group.cc, for rate_limit.cc.

// What the group leaves to a read or write of its member `limit`; pauses that
// when it is none. REQUIRES: it is in a group.
size_t GroupShare(RateLimit* limit, Direction direction);

// Takes the tokens from the group's bucket. REQUIRES: `limit` is in a group.
void TakeGroupTokens(RateLimit* limit, Direction direction, size_t bytes);

// Takes `limit` out of its group, if it is in one; what is paused stays so.
void LeaveGroup(RateLimit* limit);

// Prepares the note of `limit`, which comes in the queue of `base`.
void InitNote(RateLimit* limit, event_base* base);
// From now on it comes in that of `base`.
void MoveNote(RateLimit* limit, event_base* base);

// --- For kinds that heed limits: what was moved.

inline void CountRead(bufferevent* bev, size_t bytes) {
  if (ABSL_PREDICT_FALSE(ImplOf(bev)->limit != nullptr)) {
    TakeTokens(bev, kReading, bytes);
  }
}
inline void CountWritten(bufferevent* bev, size_t bytes) {
  if (ABSL_PREDICT_FALSE(ImplOf(bev)->limit != nullptr)) {
    TakeTokens(bev, kWriting, bytes);
  }
}

// --- Both directions alike.

inline void Suspend(bufferevent* bev, Direction direction, SuspendReason why) {
  direction == kReading ? SuspendRead(bev, why) : SuspendWrite(bev, why);
}
inline void Resume(bufferevent* bev, Direction direction, SuspendReason why) {
  direction == kReading ? ResumeRead(bev, why) : ResumeWrite(bev, why);
}
inline bool IsSuspended(const bufferevent* bev, Direction direction,
                        SuspendReason why) {
  const BuffereventImpl* impl = ImplOf(bev);
  return ((direction == kReading ? impl->read_suspended
                                 : impl->write_suspended) &
          why) != 0;
}

}  // namespace evoke

#endif  // EVOKE_BUFFEREVENT_RATE_LIMIT_H_
