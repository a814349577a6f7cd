// SPDX-License-Identifier: BSD-3-Clause
//
// Calling the program: at once, or from the loop with BEV_OPT_DEFER_CALLBACKS.
//
// At once means with the lock held, if the bufferevent has one, so that nobody
// changes or frees it in another thread meanwhile; and that a callback which
// waits for somebody who waits for that lock waits for ever. Deferred callbacks
// can do without it (BEV_OPT_UNLOCK_CALLBACKS): they are then called with the
// lock let go and a reference held.
//
// What is deferred is noted in the bufferevent and told by one callback of the
// library, however much comes together: first that the connection stands, then
// reading, writing, and everything else that happened.
#include <errno.h>
#include <event2/buffer.h>

#include "buffer/evbuffer.h"
#include "bufferevent/bufferevent.h"
#include "event/deferred.h"
#include "event/event_base.h"
#include "event/points.h"
#include "util/log.h"

namespace evoke {

namespace {

void Schedule(bufferevent* bev) {
  BuffereventImpl* impl = ImplOf(bev);
  event_base* base = BaseOf(bev);
  if (DeferredSchedule(base, &impl->deferred)) impl->deferred_base = base;
}

// A filter brought the lock while the program ran: what the library does next
// is done with it.
ABSL_ATTRIBUTE_NOINLINE ABSL_ATTRIBUTE_COLD void TakeLate(
    BuffereventImpl* impl) {
  impl->lock->Lock();
  impl->taken_late = true;
}

// Calls the program with the lock, or with BEV_OPT_UNLOCK_CALLBACKS without it:
// `call` knows everything that it needs by value then.
// REQUIRES: a BuffereventGuard, which lets go what is taken late. With
// BEV_OPT_UNLOCK_CALLBACKS the lock, if there is one, is held: RunDeferred()
// calls nothing of the program but here.
template <typename Call>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void CallProgram(BuffereventImpl* impl,
                                                     Call call) {
  bool unlocks = (impl->options & BEV_OPT_UNLOCK_CALLBACKS) != 0;
  SharedLock* lock = impl->lock;
  if (unlocks) UnlockIfAny(lock);
  call();
  if (unlocks) LockIfAny(lock);
  if (ABSL_PREDICT_FALSE(impl->lock != lock)) TakeLate(impl);
}

// The descriptor at the bottom, for who listens.
evutil_socket_t FdOf(const bufferevent* bev) {
  return bev->be_ops->get_fd != nullptr ? bev->be_ops->get_fd(bev) : -1;
}

// Calls by `call`, which calls `function` of the program, and tells who
// listens.
template <typename Function, typename Call>
ABSL_ATTRIBUTE_NOINLINE ABSL_ATTRIBUTE_COLD void CallAndTell(
    bufferevent* bev, evoke_point_source source, Function* function, short what,
    Call call) {
  CallbackPoint point(source, function, bev, FdOf(bev), what);
  CallProgram(ImplOf(bev), call);
}

template <typename Function, typename Call>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void CallProgramAt(
    bufferevent* bev, evoke_point_source source, Function* function, short what,
    Call call) {
  // The descriptor is -1 where another bufferevent is below. There is no probe
  // of the end: what it needs would have to be kept, for eight instructions a
  // message, and the end of the event's callback is near.
  EVOKE_PROBE(callback, function, bev->ev_read.ev_fd, what);
  if (IsTold()) {
    CallAndTell(bev, source, function, what, call);
  } else {
    CallProgram(ImplOf(bev), call);
  }
}

void TellRead(bufferevent* bev) {
  bufferevent_data_cb callback = bev->readcb;
  void* arg = bev->cbarg;
  CallProgramAt(bev, EVOKE_SOURCE_BUFFEREVENT_READ, callback, 0,
                [=] { callback(bev, arg); });
}

void TellWrite(bufferevent* bev) {
  bufferevent_data_cb callback = bev->writecb;
  void* arg = bev->cbarg;
  CallProgramAt(bev, EVOKE_SOURCE_BUFFEREVENT_WRITE, callback, 0,
                [=] { callback(bev, arg); });
}

void TellEvent(bufferevent* bev, short what, int error) {
  bufferevent_event_cb callback = bev->errorcb;
  void* arg = bev->cbarg;
  CallProgramAt(bev, EVOKE_SOURCE_BUFFEREVENT_EVENT, callback, what, [=] {
    errno = error;
    callback(bev, what, arg);
  });
}

// A callback that is not set leaves what is due as it is: setting one later
// does not lose it.
void TellReadAndWrite(bufferevent* bev) {
  BuffereventImpl* impl = ImplOf(bev);
  if (impl->read_due && bev->readcb != nullptr) {
    impl->read_due = false;
    TellRead(bev);
  }
  if (impl->write_due && bev->writecb != nullptr) {
    impl->write_due = false;
    TellWrite(bev);
  }
}

void RunDeferred(event_callback*, void* arg) {
  auto* bev = static_cast<bufferevent*>(arg);
  BuffereventImpl* impl = ImplOf(bev);
  BuffereventGuard guard(bev);
  if (ABSL_PREDICT_FALSE(impl->ended)) return;
  if ((impl->events_due & BEV_EVENT_CONNECTED) && bev->errorcb != nullptr) {
    impl->events_due &= ~BEV_EVENT_CONNECTED;
    TellEvent(bev, BEV_EVENT_CONNECTED, errno);
  }
  TellReadAndWrite(bev);
  if (impl->events_due != 0 && bev->errorcb != nullptr) {
    short what = impl->events_due;
    int error = impl->events_errno;
    impl->events_due = 0;
    impl->events_errno = 0;
    TellEvent(bev, what, error);
  }
}

bool IsDeferred(bufferevent* bev, int options) {
  return ((ImplOf(bev)->options | options) & BEV_OPT_DEFER_CALLBACKS) != 0;
}

}  // namespace

void CallbacksInit(BuffereventImpl* impl, uint8_t priority) {
  DeferredInit(&impl->deferred, priority, RunDeferred, &impl->face);
}

void CallbacksSetPriority(bufferevent* bev, uint8_t priority) {
  BuffereventImpl* impl = ImplOf(bev);
  event_base* base = impl->deferred_base;
  if (base != nullptr && IsDeferredScheduled(base, &impl->deferred)) return;
  DeferredSetPriority(&impl->deferred, priority);
}

void CancelDeferred(bufferevent* bev) {
  BuffereventImpl* impl = ImplOf(bev);
  if (impl->deferred_base != nullptr && !HasLostBase(bev)) {
    DeferredCancel(impl->deferred_base, &impl->deferred);
  }
  impl->read_due = impl->write_due = false;
  impl->events_due = 0;
}

void RunReadCallback(bufferevent* bev, int options) {
  if (bev->readcb == nullptr) return;
  if (IsDeferred(bev, options)) {
    ImplOf(bev)->read_due = true;
    Schedule(bev);
  } else {
    TellRead(bev);
  }
}

void RunWriteCallback(bufferevent* bev, int options) {
  if (bev->writecb == nullptr) return;
  if (IsDeferred(bev, options)) {
    ImplOf(bev)->write_due = true;
    Schedule(bev);
  } else {
    TellWrite(bev);
  }
}

void RunEventCallback(bufferevent* bev, short what, int options) {
  if (bev->errorcb == nullptr) return;
  if (IsDeferred(bev, options)) {
    ImplOf(bev)->events_due |= what;
    ImplOf(bev)->events_errno = errno;
    Schedule(bev);
  } else {
    TellEvent(bev, what, errno);
  }
}

void Trigger(bufferevent* bev, short events, int options) {
  bool any_level = (options & BEV_TRIG_IGNORE_WATERMARKS) != 0;
  if ((events & EV_READ) &&
      (any_level || bev->input->length() >= bev->wm_read.low)) {
    RunReadCallback(bev, options);
  }
  if ((events & EV_WRITE) &&
      (any_level || bev->output->length() <= bev->wm_write.low)) {
    RunWriteCallback(bev, options);
  }
}

}  // namespace evoke

using evoke::IsMissing;

namespace {

constexpr int kTriggerOptions =
    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS;

}  // namespace

extern "C" {

void bufferevent_setcb(bufferevent* bev, bufferevent_data_cb readcb,
                       bufferevent_data_cb writecb,
                       bufferevent_event_cb eventcb, void* cbarg) {
  if (IsMissing(bev, __func__)) return;
  evoke::BuffereventLock lock(bev);
  bev->readcb = readcb;
  bev->writecb = writecb;
  bev->errorcb = eventcb;
  bev->cbarg = cbarg;
}

void bufferevent_getcb(bufferevent* bev, bufferevent_data_cb* readcb_ptr,
                       bufferevent_data_cb* writecb_ptr,
                       bufferevent_event_cb* eventcb_ptr, void** cbarg_ptr) {
  if (IsMissing(bev, __func__)) return;
  evoke::BuffereventLock lock(bev);
  if (readcb_ptr != nullptr) *readcb_ptr = bev->readcb;
  if (writecb_ptr != nullptr) *writecb_ptr = bev->writecb;
  if (eventcb_ptr != nullptr) *eventcb_ptr = bev->errorcb;
  if (cbarg_ptr != nullptr) *cbarg_ptr = bev->cbarg;
}

void bufferevent_trigger(bufferevent* bev, short iotype, int options) {
  if (IsMissing(bev, __func__)) return;
  evoke::BuffereventGuard guard(bev);
  evoke::Trigger(bev, iotype, options & kTriggerOptions);
}

void bufferevent_trigger_event(bufferevent* bev, short what, int options) {
  if (IsMissing(bev, __func__)) return;
  evoke::BuffereventGuard guard(bev);
  evoke::RunEventCallback(bev, what, options & kTriggerOptions);
}

}  // extern "C"
