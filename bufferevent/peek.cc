// SPDX-License-Identifier: BSD-3-Clause
//
// evoke/extend.h: what a bufferevent holds, for those who watch the loop from
// below and know its events only.
#include <evoke/extend.h>

#include "buffer/evbuffer.h"
#include "bufferevent/socket.h"

namespace evoke {
namespace {

// The base's lock is held, which comes after a bufferevent's: no waiting here.
class TriedLock {
 public:
  explicit TriedLock(SharedLock* lock)
      : lock_(lock), held_(lock == nullptr || lock->TryLock()) {}
  ~TriedLock() {
    if (held_) UnlockIfAny(lock_);
  }
  TriedLock(const TriedLock&) = delete;
  TriedLock& operator=(const TriedLock&) = delete;

  bool held() const { return held_; }

 private:
  SharedLock* lock_;
  bool held_;
};

}  // namespace
}  // namespace evoke

extern "C" int evoke_peek_buffers(const event* ev, evoke_buffers* buffers) {
  if (ev == nullptr || buffers == nullptr) return -1;
  const bufferevent* bev = evoke::OwnerOf(*ev);
  if (bev == nullptr) return -1;
  evoke::TriedLock lock(evoke::ImplOf(bev)->lock);
  if (!lock.held()) return 1;
  if (evoke::ImplOf(bev)->ended) {
    *buffers = {};
    return 0;
  }
  buffers->bufferevent = bev;
  buffers->input = bev->input->length();
  buffers->output = bev->output->length();
  buffers->read_low = bev->wm_read.low;
  buffers->read_high = bev->wm_read.high;
  buffers->write_low = bev->wm_write.low;
  buffers->write_high = bev->wm_write.high;
  return 0;
}
