// SPDX-License-Identifier: BSD-3-Clause
#include "event/wake.h"

#include <errno.h>
#include <event2/thread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "event/debug_mode.h"
#include "event/fork.h"
#include "event/points.h"
#include "util/log.h"

namespace evoke {

namespace {

// Where the kernel tells of edges every write is one, and nobody needs to read.
bool TellsEdges(const event_base* base) {
  return (base->backend.table->features & EV_FEATURE_ET) != 0;
}

void OnWoken(evutil_socket_t fd, short, void* arg) {
  auto* base = static_cast<event_base*>(arg);
  if (TellsEdges(base)) return;
  uint64_t count;
  if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN) {
    LogWarnErrno("%s: read", __func__);
  }
}

}  // namespace

int MakeNotifiable(event_base* base) {
  // Before the event is added: a fork's child that adopts the base makes, and
  // adds, an eventfd of its own in place of its parent's.
  EnsureOwner(base);
  if (!IsOwner(base)) return -1;
  if (base->wake_fd >= 0) return 0;
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) {
    LogWarnErrno("%s: eventfd", __func__);
    return -1;
  }
  short edge = TellsEdges(base) ? EV_ET : 0;
  event_assign(&base->wake_event, base, fd, EV_READ | EV_PERSIST | edge,
               OnWoken, base);
  MakeInternal(&base->wake_event);
  base->wake_event.ev_evcallback.evcb_pri = 0;
  // First, since adding may find that the loop has to be woken.
  base->wake_fd = fd;
  if (AddEvent(&base->wake_event, nullptr, TimeoutIs::kRelative) < 0) {
    LogWarnErrno("%s: the eventfd is not watched", __func__);
    close(fd);
    base->wake_fd = -1;
    return -1;
  }
  return 0;
}

int WakeSlow(event_base* base) {
  // In a fork's child nobody waits, and the eventfd is the parent's.
  EnsureOwnerToDelete(base);
  if (!base->waiting || base->wake_sent || IsLoopThread(base)) return 0;
  if (MakeNotifiable(base) < 0) return -1;
  const uint64_t one = 1;
  // EAGAIN: so many are unread that the loop is awake.
  if (write(base->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN) {
    LogWarnErrno("%s: write", __func__);
    return -1;
  }
  base->wake_sent = true;
  PointWake(base);
  return 0;
}

int WakeForTimer(event_base* base) {
  if (ABSL_PREDICT_TRUE(!base->waiting)) return 0;
  if (base->timers.NextLook(/*exactly=*/false) >= base->wait_until_us) return 0;
  return WakeSlow(base);
}

void CloseWake(event_base* base) {
  if (base->wake_fd < 0) return;
  DeleteEvent(&base->wake_event);
  close(base->wake_fd);
  base->wake_fd = -1;
}

}  // namespace evoke

extern "C" int evthread_make_base_notifiable(event_base* base) {
  if (base == nullptr) return -1;
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  return evoke::MakeNotifiable(base);
}
