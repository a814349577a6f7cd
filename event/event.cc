// SPDX-License-Identifier: BSD-3-Clause
//
// Making an event and asking about it. What happens to it between event_add()
// and its callback is in schedule.cc and loop.cc.
#include <errno.h>
#include <stddef.h>

#include "event/debug_mode.h"
#include "event/event_base.h"
#include "event/live_bases.h"
#include "util/log.h"
#include "util/memory.h"

namespace {

constexpr short kIoInterests = EV_READ | EV_WRITE | EV_CLOSED;
constexpr short kSomewhere =
    EVLIST_INSERTED | EVLIST_TIMEOUT | EVLIST_ACTIVE | EVLIST_ACTIVE_LATER;

// Only its address counts: what event_self_cbarg() returns.
char g_self_cbarg;

static_assert(sizeof(event) == 128 && offsetof(event, ev_fd) == 56 &&
                  offsetof(event, ev_base) == 64 &&
                  offsetof(event, ev_events) == 104 &&
                  offsetof(event, ev_timeout) == 112,
              "struct event is public: programs embed it");
static_assert(sizeof(event_callback) == 40);

short FlagsOf(const event* ev) { return ev->ev_evcallback.evcb_flags; }

bool IsNull(const event* ev, const char* function) {
  if (ABSL_PREDICT_TRUE(ev != nullptr)) return false;
  evoke::LogWarn("%s: no event", function);
  return true;
}

// What is there to ask of a null pointer? Says so, and returns false.
bool IsThere(const event* ev, const char* function,
             evoke::DebugUse use = evoke::DebugUse::kAny) {
  if (IsNull(ev, function)) return false;
  evoke::DebugRequireSetUp(ev, function, use);
  return true;
}

// In debug mode only: is this a base, or null?
bool MayBeBase(const event_base* base, const char* function) {
  if (!evoke::DebugModeIsOn() || base == nullptr || evoke::IsLiveBase(base)) {
    return true;
  }
  evoke::LogWarn("%s: %p is no base, or was freed", function,
                 static_cast<const void*>(base));
  return false;
}

}  // namespace

extern "C" {

void* event_self_cbarg(void) { return &g_self_cbarg; }

int event_assign(event* ev, event_base* base, evutil_socket_t fd, short events,
                 event_callback_fn callback, void* arg) {
  if (IsNull(ev, __func__)) return -1;
  if (base == nullptr) base = evoke::g_current_base;
  if (!MayBeBase(base, __func__)) return -1;
  evoke::DebugBeforeAssign(ev, fd, events, __func__);
  if (arg == &g_self_cbarg) arg = ev;
  *ev = {};
  ev->ev_base = base;
  ev->ev_evcallback.evcb_cb_union.evcb_callback = callback;
  ev->ev_evcallback.evcb_arg = arg;
  ev->ev_evcallback.evcb_flags = EVLIST_INIT;
  ev->ev_fd = fd;
  ev->ev_events = events;
  ev->ev_timeout_pos.min_heap_idx = -1;

  if (events & EV_SIGNAL) {
    if (events & kIoInterests) {
      evoke::LogWarn(
          "%s: EV_SIGNAL does not go with EV_READ, EV_WRITE or "
          "EV_CLOSED",
          __func__);
      return -1;
    }
    ev->ev_evcallback.evcb_closure = evoke::kClosureSignal;
  } else {
    ev->ev_evcallback.evcb_closure =
        (events & EV_PERSIST) ? evoke::kClosurePersist : evoke::kClosureEvent;
  }
  if (base != nullptr) {
    ev->ev_evcallback.evcb_pri =
        static_cast<ev_uint8_t>(base->active.priorities() / 2);
  }
  evoke::DebugNoteSetUp(ev);
  return 0;
}

event* event_new(event_base* base, evutil_socket_t fd, short events,
                 event_callback_fn callback, void* arg) {
  auto* ev = static_cast<event*>(evoke::Allocate(sizeof(event)));
  if (ev == nullptr) return nullptr;
  if (event_assign(ev, base, fd, events, callback, arg) < 0) {
    evoke::Free(ev);
    return nullptr;
  }
  return ev;
}

void event_free(event* ev) {
  if (!IsThere(ev, __func__, evoke::DebugUse::kFree)) return;
  event_del(ev);
  // A signal event that was activated in its own callback forgot what is left
  // of its calls, but those who make them must not see it any more.
  event_base* running = evoke::t_running_base;
  if (running != nullptr) {
    evoke::MutexLock lock(running->lock);
    if (running->running_event == ev) running->deliveries_left = 0;
  }
  evoke::DebugForget(ev);
  evoke::Free(ev);
}

int event_base_set(event_base* base, event* ev) {
  if (base == nullptr || ev == nullptr) {
    evoke::LogWarn("%s: no %s", __func__, ev == nullptr ? "event" : "base");
    return -1;
  }
  // Only an event that is nowhere may change its base.
  if (FlagsOf(ev) != EVLIST_INIT) return -1;
  evoke::DebugRequireSetUp(ev, __func__);
  ev->ev_base = base;
  ev->ev_evcallback.evcb_pri =
      static_cast<ev_uint8_t>(base->active.priorities() / 2);
  return 0;
}

int event_priority_set(event* ev, int priority) {
  if (ev == nullptr || ev->ev_base == nullptr) {
    evoke::LogWarn("%s: no event, or one without a base", __func__);
    return -1;
  }
  evoke::DebugRequireSetUp(ev, __func__);
  evoke::DebugCheckThread(ev->ev_base, __func__);
  evoke::MutexLock lock(ev->ev_base->lock);
  if (FlagsOf(ev) & EVLIST_ACTIVE) return -1;
  if (priority < 0 || priority >= ev->ev_base->active.priorities()) return -1;
  ev->ev_evcallback.evcb_pri = static_cast<ev_uint8_t>(priority);
  return 0;
}

int event_pending(const event* ev, short what, timeval* deadline) {
  if (ev == nullptr || ev->ev_base == nullptr) {
    evoke::LogWarn("%s: the event has no base", __func__);
    return 0;
  }
  evoke::DebugRequireSetUp(ev, __func__);
  // One that is nowhere may outlive its base, whose lock must not be touched
  // then.
  if (evoke::LocksAreOn() ? ev->ev_base != evoke::t_running_base &&
                                !evoke::IsLiveBase(ev->ev_base)
                          : !(FlagsOf(ev) & kSomewhere)) {
    return 0;
  }
  evoke::DebugCheckThread(ev->ev_base, __func__);
  evoke::MutexLock lock(ev->ev_base->lock);
  int flags = 0;
  if (FlagsOf(ev) & EVLIST_INSERTED) {
    flags |= ev->ev_events & (kIoInterests | EV_SIGNAL);
  }
  if (FlagsOf(ev) & (EVLIST_ACTIVE | EVLIST_ACTIVE_LATER)) flags |= ev->ev_res;
  if (FlagsOf(ev) & EVLIST_TIMEOUT) flags |= EV_TIMEOUT;
  what &= EV_TIMEOUT | kIoInterests | EV_SIGNAL;
  if (deadline != nullptr && (flags & what & EV_TIMEOUT)) {
    *deadline = evoke::TimevalFromMicros(evoke::SaturatingAdd(
        evoke::DeadlineOf(*ev), ev->ev_base->WallClockOffset()));
  }
  return flags & what;
}

int event_initialized(const event* ev) {
  return !IsNull(ev, __func__) && (FlagsOf(ev) & EVLIST_INIT) != 0;
}

evutil_socket_t event_get_fd(const event* ev) {
  return IsThere(ev, __func__) ? ev->ev_fd : -1;
}

event_base* event_get_base(const event* ev) {
  return IsThere(ev, __func__) ? ev->ev_base : nullptr;
}

short event_get_events(const event* ev) {
  return IsThere(ev, __func__) ? ev->ev_events : static_cast<short>(0);
}

event_callback_fn event_get_callback(const event* ev) {
  if (!IsThere(ev, __func__)) return nullptr;
  return ev->ev_evcallback.evcb_cb_union.evcb_callback;
}

void* event_get_callback_arg(const event* ev) {
  return IsThere(ev, __func__) ? ev->ev_evcallback.evcb_arg : nullptr;
}

int event_get_priority(const event* ev) {
  return IsThere(ev, __func__) ? ev->ev_evcallback.evcb_pri : -1;
}

void event_get_assignment(const event* ev, event_base** base_out,
                          evutil_socket_t* fd_out, short* events_out,
                          event_callback_fn* callback_out, void** arg_out) {
  if (!IsThere(ev, __func__)) return;
  if (base_out != nullptr) *base_out = ev->ev_base;
  if (fd_out != nullptr) *fd_out = ev->ev_fd;
  if (events_out != nullptr) *events_out = ev->ev_events;
  if (callback_out != nullptr) {
    *callback_out = ev->ev_evcallback.evcb_cb_union.evcb_callback;
  }
  if (arg_out != nullptr) *arg_out = ev->ev_evcallback.evcb_arg;
}

size_t event_get_struct_event_size(void) { return sizeof(event); }

}  // extern "C"
