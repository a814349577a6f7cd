// SPDX-License-Identifier: BSD-3-Clause
//
// Pairs: two bufferevents, each of which reads what is written to the other,
// without a socket and without the kernel.
//
// Whatever may let bytes go from one to the other (new output, a direction that
// is enabled or resumed, a flush) moves them at once, by moving chains. The
// program is told from the loop: callbacks of pairs are always deferred.
//
// Both ends have one lock, if any, so either may be used from any thread.
#include <event2/buffer.h>
#include <event2/event.h>

#include <algorithm>

#include "buffer/evbuffer.h"
#include "bufferevent/bufferevent.h"
#include "bufferevent/timers.h"
#include "util/memory.h"

namespace evoke {

namespace {

struct PairBufferevent {
  BuffereventImpl impl;      // first
  PairBufferevent* partner;  // null once it was freed
};

static_assert(offsetof(PairBufferevent, impl) == 0);

PairBufferevent* Self(bufferevent* bev) {
  return reinterpret_cast<PairBufferevent*>(bev);
}

bufferevent* PartnerOf(bufferevent* bev) {
  PairBufferevent* partner = Self(bev)->partner;
  return partner != nullptr ? &partner->impl.face : nullptr;
}

// The program may use the output's end and the input's start only.
void Freeze(bufferevent* from, bufferevent* to) {
  from->output->start_frozen = true;
  to->input->end_frozen = true;
}

void Unfreeze(bufferevent* from, bufferevent* to) {
  from->output->start_frozen = false;
  to->input->end_frozen = false;
}

bool CanTransfer(bufferevent* from, bufferevent* to) {
  return (from->enabled & EV_WRITE) && (to->enabled & EV_READ) &&
         ImplOf(to)->read_suspended == 0 && from->output->length() > 0;
}

// Moves what fits below the other's high watermark, or everything where there
// is none, or where it is reached and to be ignored.
void Transfer(bufferevent* from, bufferevent* to, bool ignore_watermark) {
  BuffereventGuard from_guard(from);
  BuffereventGuard to_guard(to);
  size_t bytes = from->output->length();
  size_t high = to->wm_read.high;
  size_t length = to->input->length();
  if (length < high) {
    bytes = std::min(bytes, high - length);
  } else if (high != 0 && !ignore_watermark) {
    return;
  }
  Unfreeze(from, to);
  bool moved = BufferMove(from->output, to->input, bytes);
  Freeze(from, to);
  if (!moved) {
    // No memory to cut off what is above the watermark: nobody would try again.
    FailForWantOfMemory(to, EV_READ);
    return;
  }
  // Below a high watermark also a flush of nothing counts.
  if (bytes > 0 || length < high) {
    TimersRestart(to, EV_READ);
    if (to->output->length() > 0) {
      TimersRestart(to, EV_WRITE);
    } else {
      TimersStop(to, EV_WRITE);
    }
  }
  Trigger(to, EV_READ, 0);
  Trigger(from, EV_WRITE, 0);
}

void TransferIfAllowed(bufferevent* from, bufferevent* to) {
  if (CanTransfer(from, to)) Transfer(from, to, /*ignore_watermark=*/false);
}

// Told by the output of every change of its length.
void OutputChanged(evbuffer*, const evbuffer_cb_info* info, void* arg) {
  auto* bev = static_cast<bufferevent*>(arg);
  bufferevent* partner = PartnerOf(bev);
  if (info->n_added > info->n_deleted && partner != nullptr) {
    TransferIfAllowed(bev, partner);
  }
}

// --- The table ---------------------------------------------------------------

int Enable(bufferevent* bev, short events) {
  BuffereventGuard guard(bev);
  int result = 0;
  if (events & EV_READ) result = TimersRestart(bev, EV_READ);
  if ((events & EV_WRITE) && bev->output->length() > 0 &&
      TimersRestart(bev, EV_WRITE) < 0) {
    result = -1;
  }
  bufferevent* partner = PartnerOf(bev);
  if ((events & EV_READ) && partner != nullptr) TransferIfAllowed(partner, bev);
  // A callback on a buffer may have freed the partner.
  partner = PartnerOf(bev);
  if ((events & EV_WRITE) && partner != nullptr) {
    TransferIfAllowed(bev, partner);
  }
  return result;
}

int Disable(bufferevent* bev, short events) { return TimersStop(bev, events); }

void Detach(bufferevent* bev) {
  TimersDetach(bev);
  PairBufferevent* pair = Self(bev);
  if (pair->partner == nullptr) return;
  pair->partner->partner = nullptr;
  pair->partner = nullptr;
}

void Destroy(bufferevent*) {}

int Flush(bufferevent* bev, short events, bufferevent_flush_mode mode) {
  bufferevent* partner = PartnerOf(bev);
  if (partner == nullptr) return -1;
  if (mode == BEV_NORMAL) return 0;
  BuffereventGuard guard(bev);
  BuffereventGuard partner_guard(partner);
  if (events & EV_READ) Transfer(partner, bev, /*ignore_watermark=*/true);
  if (events & EV_WRITE) Transfer(bev, partner, /*ignore_watermark=*/true);
  if (mode == BEV_FINISHED) {
    short what = BEV_EVENT_EOF;
    if (events & EV_READ) what |= BEV_EVENT_WRITING;
    if (events & EV_WRITE) what |= BEV_EVENT_READING;
    RunEventCallback(partner, what, 0);
  }
  return 0;
}

constinit const bufferevent_ops kPairOps = {
    .name = "pair",
    .enable = Enable,
    .disable = Disable,
    .detach = Detach,
    .destroy = Destroy,
    .timeouts_changed = TimersChanged,
    .flush = Flush,
    .set_fd = nullptr,
    .get_fd = nullptr,
    .get_underlying = nullptr,
    .set_base = nullptr,
    .set_priority = nullptr,
};

// `lock` is the other end's, or null.
PairBufferevent* NewEnd(event_base* base, int options, SharedLock* lock) {
  auto* pair =
      static_cast<PairBufferevent*>(AllocateZeroed(1, sizeof(PairBufferevent)));
  if (pair == nullptr) return nullptr;
  if (!BuffereventInit(&pair->impl, base, &kPairOps, options, lock)) {
    Free(pair);
    return nullptr;
  }
  bufferevent* bev = &pair->impl.face;
  TimersInit(bev);
  BufferSetWatcher(bev->output, OutputChanged, bev);
  return pair;
}

}  // namespace

}  // namespace evoke

extern "C" {

int bufferevent_pair_new(event_base* base, int options, bufferevent* pair[2]) {
  if (evoke::IsMissing(pair, __func__)) return -1;
  options |= BEV_OPT_DEFER_CALLBACKS;
  evoke::PairBufferevent* one = evoke::NewEnd(base, options, nullptr);
  if (one == nullptr) return -1;
  evoke::PairBufferevent* other = evoke::NewEnd(base, options, one->impl.lock);
  if (other == nullptr) {
    bufferevent_free(&one->impl.face);
    return -1;
  }
  one->partner = other;
  other->partner = one;
  pair[0] = &one->impl.face;
  pair[1] = &other->impl.face;
  evoke::Freeze(pair[0], pair[1]);
  evoke::Freeze(pair[1], pair[0]);
  return 0;
}

bufferevent* bufferevent_pair_get_partner(bufferevent* bev) {
  if (evoke::IsMissing(bev, __func__)) return nullptr;
  if (bev->be_ops != &evoke::kPairOps) return nullptr;
  evoke::BuffereventLock lock(bev);
  return evoke::PartnerOf(bev);
}

}  // extern "C"
