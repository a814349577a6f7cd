// SPDX-License-Identifier: BSD-3-Clause
//
// event_base_once(): an event that the library makes, runs once and frees. The
// base keeps a list of those that did not run, to free them with itself.
#include <errno.h>
#include <event2/event.h>

#include "event/debug_mode.h"
#include "event/event_base.h"
#include "util/intrusive_list.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

struct OnceEvent {
  event ev;
  event_callback_fn callback;
  void* arg;
  struct {
    OnceEvent* le_next;
    OnceEvent** le_prev;
  } link;
};

namespace {

auto& LinkOf(OnceEvent* once) { return once->link; }
using OnceEvents = Stack<OnceEvent, LinkOf>;

void FreeOnce(OnceEvent* once) {
  DebugForget(&once->ev);
  Free(once);
}

void RunOnce(evutil_socket_t fd, short what, void* arg) {
  auto* once = static_cast<OnceEvent*>(arg);
  once->callback(fd, what, once->arg);
  {
    MutexLock lock(once->ev.ev_base->lock);
    OnceEvents::Remove(once);
  }
  FreeOnce(once);
}

}  // namespace

void FreeOnceEvents(event_base* base) {
  while (OnceEvent* once = base->once_events) {
    OnceEvents::Remove(once);
    FreeOnce(once);
  }
}

}  // namespace evoke

extern "C" int event_base_once(event_base* base, evutil_socket_t fd,
                               short events, event_callback_fn callback,
                               void* arg, const timeval* timeout) {
  using evoke::OnceEvent;
  constexpr short kIoInterests = EV_READ | EV_WRITE | EV_CLOSED;
  if (base == nullptr) return -1;
  if (callback == nullptr) {
    evoke::LogWarn("%s: no callback", __func__);
    return -1;
  }
  if (events & (EV_SIGNAL | EV_PERSIST)) return -1;
  const bool timer = (events & (EV_TIMEOUT | kIoInterests)) == EV_TIMEOUT;
  if (!timer && !(events & kIoInterests)) return -1;

  auto* once =
      static_cast<OnceEvent*>(evoke::AllocateZeroed(1, sizeof(OnceEvent)));
  if (once == nullptr) return -1;
  once->callback = callback;
  once->arg = arg;
  const short interests = timer ? 0 : events & kIoInterests;
  if (event_assign(&once->ev, base, timer ? -1 : fd, interests, evoke::RunOnce,
                   once) < 0) {
    evoke::Free(once);
    return -1;
  }
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  if (timer && (timeout == nullptr || !evutil_timerisset(timeout))) {
    evoke::ActivateEvent(&once->ev, EV_TIMEOUT, 1);
  } else if (evoke::AddEvent(&once->ev, timeout, evoke::TimeoutIs::kRelative) <
             0) {
    evoke::FreeOnce(once);
    return -1;
  }
  evoke::OnceEvents::Push(&base->once_events, once);
  return 0;
}
