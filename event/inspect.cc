// SPDX-License-Identifier: BSD-3-Clause
//
// Looking at a base from outside: its events one by one, a list of them for
// people, and how many there are.
#include <stdio.h>

#include "event/debug_mode.h"
#include "event/event_base.h"
#include "util/log.h"

namespace evoke {

namespace {

constexpr short kWaits = EVLIST_INSERTED | EVLIST_TIMEOUT;

short FlagsOf(const event* ev) { return ev->ev_evcallback.evcb_flags; }

// Each of the following calls `visit` with some of a base's events until it
// returns something else than 0, and returns that.

template <typename Visit>
int VisitInserted(const event_base* base, Visit visit) {
  int result = 0;
  for (evutil_socket_t fd = 0; fd < base->interests.size(); ++fd) {
    for (event* ev = base->interests.First(fd); ev != nullptr;
         ev = InterestMap::Next(ev)) {
      if ((result = visit(ev)) != 0) return result;
    }
  }
  for (int signal = 0; signal < NSIG; ++signal) {
    for (event* ev = base->signals.First(signal); ev != nullptr;
         ev = ev->ev_.ev_signal.ev_signal_next.le_next) {
      if ((result = visit(ev)) != 0) return result;
    }
  }
  return 0;
}

// Placeholders of common timeouts with the other timers, the events behind them
// last. Those that wait for something else too have been visited before.
template <typename Visit>
int VisitTimers(const event_base* base, Visit visit) {
  int result = 0;
  base->timers.ForEach([&](event* timer) {
    if (result == 0 && !(FlagsOf(timer) & EVLIST_INSERTED)) {
      result = visit(timer);
    }
  });
  base->timers.ForEach([&](event* timer) {
    for (event* ev = base->common_timeouts.FirstBehind(timer);
         ev != nullptr && result == 0; ev = CommonTimeouts::NextBehind(ev)) {
      if (!(FlagsOf(ev) & EVLIST_INSERTED)) result = visit(ev);
    }
  });
  return result;
}

template <typename Visit>
int VisitActive(const event_base* base, Visit visit) {
  for (int i = 0; i < base->active.priorities(); ++i) {
    for (event_callback* callback = base->active.Front(i); callback != nullptr;
         callback = ActiveQueues::Next(callback)) {
      if (!IsEvent(callback) || (callback->evcb_flags & kWaits)) continue;
      if (int result = visit(EventOf(callback)); result != 0) return result;
    }
  }
  return 0;
}

// Each event once: where it waits for an fd or a signal, else among the timers,
// else where it is active.
template <typename Visit>
int VisitAll(const event_base* base, Visit visit) {
  int result = VisitInserted(base, visit);
  if (result == 0) result = VisitTimers(base, visit);
  if (result == 0) result = VisitActive(base, visit);
  return result;
}

const char* TextIf(short flags, short flag, const char* text) {
  return (flags & flag) != 0 ? text : "";
}

const char* KindOf(const event* ev) {
  return (ev->ev_events & EV_SIGNAL) != 0 ? "sig" : "fd ";
}

void PrintWaiting(event_base* base, const event* ev, FILE* output) {
  short events = ev->ev_events;
  fprintf(output, "  %p [%s %d]%s%s%s%s%s%s%s", static_cast<const void*>(ev),
          KindOf(ev), ev->ev_fd, TextIf(events, EV_READ, " Read"),
          TextIf(events, EV_WRITE, " Write"), TextIf(events, EV_CLOSED, " EOF"),
          TextIf(events, EV_SIGNAL, " Signal"),
          TextIf(events, EV_PERSIST, " Persist"), TextIf(events, EV_ET, " ET"),
          TextIf(FlagsOf(ev), EVLIST_INTERNAL, " Internal"));
  if (FlagsOf(ev) & EVLIST_TIMEOUT) {
    timeval deadline = TimevalFromMicros(
        SaturatingAdd(DeadlineOf(*ev), base->WallClockOffset()));
    fprintf(output, " Timeout=%ld.%06d", static_cast<long>(deadline.tv_sec),
            static_cast<int>(deadline.tv_usec));
  }
  fputc('\n', output);
}

void PrintActive(const event* ev, FILE* output) {
  short what = ev->ev_res;
  fprintf(output, "  %p [%s %d, priority=%d]%s%s%s%s%s active%s\n",
          static_cast<const void*>(ev), KindOf(ev), ev->ev_fd,
          ev->ev_evcallback.evcb_pri, TextIf(what, EV_READ, " Read"),
          TextIf(what, EV_WRITE, " Write"), TextIf(what, EV_CLOSED, " EOF"),
          TextIf(what, EV_SIGNAL, " Signal"),
          TextIf(what, EV_TIMEOUT, " Timeout"),
          TextIf(FlagsOf(ev), EVLIST_INTERNAL, " [Internal]"));
}

constexpr unsigned kAdded = EVENT_BASE_COUNT_ADDED;
constexpr unsigned kActive = EVENT_BASE_COUNT_ACTIVE;
constexpr unsigned kVirtual = EVENT_BASE_COUNT_VIRTUAL;

}  // namespace
}  // namespace evoke

extern "C" {

int event_base_foreach_event(event_base* base, event_base_foreach_event_cb fn,
                             void* arg) {
  if (base == nullptr || fn == nullptr) return -1;
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  return evoke::VisitAll(base,
                         [&](const event* ev) { return fn(base, ev, arg); });
}

void event_base_dump_events(event_base* base, FILE* output) {
  if (base == nullptr || output == nullptr) {
    evoke::LogWarn("%s: no %s", __func__, base ? "output" : "base");
    return;
  }
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  fprintf(output, "Inserted events:\n");
  evoke::VisitAll(base, [&](const event* ev) {
    if (evoke::FlagsOf(ev) & evoke::kWaits) {
      evoke::PrintWaiting(base, ev, output);
    }
    return 0;
  });
  fprintf(output, "Active events:\n");
  evoke::VisitAll(base, [&](const event* ev) {
    if (evoke::FlagsOf(ev) & EVLIST_ACTIVE) evoke::PrintActive(ev, output);
    return 0;
  });
}

int event_base_get_num_events(event_base* base, unsigned int flags) {
  if (base == nullptr) {
    evoke::LogWarn("%s: no base", __func__);
    return -1;
  }
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  const evoke::EventCounts& counts = base->counts;
  return ((flags & evoke::kAdded) ? counts.added() : 0) +
         ((flags & evoke::kActive) ? counts.active : 0) +
         ((flags & evoke::kVirtual) ? counts.virtual_events : 0);
}

int event_base_get_max_events(event_base* base, unsigned int flags, int clear) {
  if (base == nullptr) {
    evoke::LogWarn("%s: no base", __func__);
    return -1;
  }
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  int sum = 0;
  const auto take = [&](unsigned kind, int* max) {
    if (!(flags & kind)) return;
    sum += *max;
    if (clear) *max = 0;
  };
  take(evoke::kAdded, &base->counts.max_added);
  take(evoke::kActive, &base->counts.max_active);
  take(evoke::kVirtual, &base->counts.max_virtual);
  return sum;
}

}  // extern "C"
