// SPDX-License-Identifier: BSD-3-Clause
//
// Levels of the buffers, and the pausing of a direction that comes of them (and
// of other reasons: each has its bit, and a direction moves when all are gone).
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>

#include <algorithm>

#include "buffer/evbuffer.h"
#include "bufferevent/bufferevent.h"
#include "bufferevent/rate_limit.h"

namespace evoke {

namespace {

void PauseAtHighWatermark(bufferevent* bev) {
  if (bev->input->length() >= bev->wm_read.high) {
    SuspendRead(bev, kSuspendWatermark);
  } else {
    ResumeRead(bev, kSuspendWatermark);
  }
}

}  // namespace

void InputChanged(evbuffer*, const evbuffer_cb_info*, void* arg) {
  auto* bev = static_cast<bufferevent*>(arg);
  if (bev->wm_read.high != 0) PauseAtHighWatermark(bev);
}

void SuspendRead(bufferevent* bev, SuspendReason why) {
  BuffereventImpl* impl = ImplOf(bev);
  if (impl->read_suspended == 0) bev->be_ops->disable(bev, EV_READ);
  impl->read_suspended |= why;
}

// Also where nothing was suspended this begins reading anew, as enabling would:
// the read timeout counts from a program's last draining.
void ResumeRead(bufferevent* bev, SuspendReason why) {
  BuffereventImpl* impl = ImplOf(bev);
  impl->read_suspended &= ~why;
  if (impl->read_suspended != 0 || !(bev->enabled & EV_READ)) return;
  errno = 0;
  if (bev->be_ops->enable(bev, EV_READ) < 0 && errno == ENOMEM) {
    FailForWantOfMemory(bev, EV_READ);
  }
}

void SuspendWrite(bufferevent* bev, SuspendReason why) {
  BuffereventImpl* impl = ImplOf(bev);
  if (impl->write_suspended == 0) bev->be_ops->disable(bev, EV_WRITE);
  impl->write_suspended |= why;
}

void ResumeWrite(bufferevent* bev, SuspendReason why) {
  BuffereventImpl* impl = ImplOf(bev);
  impl->write_suspended &= ~why;
  if (impl->write_suspended != 0 || !(bev->enabled & EV_WRITE)) return;
  errno = 0;
  if (bev->be_ops->enable(bev, EV_WRITE) < 0 && errno == ENOMEM) {
    FailForWantOfMemory(bev, EV_WRITE);
  }
}

// Whoever drained, or the timer, cannot be told; a direction that stands still,
// silently, would be worse than an error.
void FailForWantOfMemory(bufferevent* bev, short direction) {
  bufferevent_disable(bev, direction);
  short where = direction == EV_READ ? BEV_EVENT_READING : BEV_EVENT_WRITING;
  errno = ENOMEM;
  RunEventCallback(bev, where | BEV_EVENT_ERROR, BEV_OPT_DEFER_CALLBACKS);
}

size_t ReadLimit(bufferevent* bev) {
  size_t limit_bytes = ImplOf(bev)->max_single_read_bytes;
  if (ABSL_PREDICT_FALSE(ImplOf(bev)->limit != nullptr)) {
    limit_bytes = MaxToMove(bev, kReading);
  }
  size_t high = bev->wm_read.high;
  if (high == 0) return limit_bytes;
  size_t length = bev->input->length();
  return length >= high ? 0 : std::min(limit_bytes, high - length);
}

size_t WriteLimit(bufferevent* bev) {
  if (ABSL_PREDICT_FALSE(ImplOf(bev)->limit != nullptr)) {
    return MaxToMove(bev, kWriting);
  }
  return ImplOf(bev)->max_single_write_bytes;
}

}  // namespace evoke

using evoke::IsMissing;

extern "C" {

void bufferevent_setwatermark(bufferevent* bev, short events, size_t lowmark,
                              size_t highmark) {
  if (IsMissing(bev, __func__)) return;
  evoke::BuffereventGuard guard(bev);
  if (events & EV_WRITE) bev->wm_write = {lowmark, highmark};
  if (events & EV_READ) {
    bev->wm_read = {lowmark, highmark};
    if (highmark != 0) {
      evoke::PauseAtHighWatermark(bev);
    } else {
      evoke::ResumeRead(bev, evoke::kSuspendWatermark);
    }
  }
}

int bufferevent_getwatermark(bufferevent* bev, short events, size_t* lowmark,
                             size_t* highmark) {
  if (IsMissing(bev, __func__)) return -1;
  evoke::BuffereventLock lock(bev);
  const event_watermark* levels;
  if (events == EV_WRITE) {
    levels = &bev->wm_write;
  } else if (events == EV_READ) {
    levels = &bev->wm_read;
  } else {
    return -1;
  }
  if (lowmark != nullptr) *lowmark = levels->low;
  if (highmark != nullptr) *highmark = levels->high;
  return 0;
}

}  // extern "C"
