// SPDX-License-Identifier: BSD-3-Clause
//
// The points of a loop: places that tell what happens there, to whoever listens
// (evoke/trace.h). Each is one line where it happens, costs one predictable
// branch when nobody listens, and is a USDT probe besides, which is a nop until
// a tracer attaches (provider "evoke"; docs/tracing.md has the list).
#ifndef EVOKE_EVENT_POINTS_H_
#define EVOKE_EVENT_POINTS_H_

#include <evoke/trace.h>

#include "absl/base/attributes.h"
#include "event/event_base.h"

#if __has_include(<sys/sdt.h>)
#define SDT_USE_VARIADIC
#include <sys/sdt.h>
#define EVOKE_PROBE(name, ...) STAP_PROBEV(evoke, name, ##__VA_ARGS__)
#else
#define EVOKE_PROBE(...) static_cast<void>(0)
#endif

namespace evoke {

// Has all points told to `sink`, which the base owns from now on. REQUIRES: the
// base's lock is held.
void Listen(event_base* base, PointSink* sink);

// What the points below do when anybody listens to any base. The base's lock is
// held in the first three, as it is where the points stand.
ABSL_ATTRIBUTE_COLD void TellPoint(event_base* base, evoke_point_kind kind,
                                   int64_t value);
ABSL_ATTRIBUTE_COLD void TellPointOf(evoke_point_kind kind, const event* ev);
ABSL_ATTRIBUTE_COLD void TellPoint(event_base* base, evoke_point point);
ABSL_ATTRIBUTE_COLD void TellIo(event_base* base, evoke_point_kind kind,
                                evutil_socket_t fd, int64_t bytes);
ABSL_ATTRIBUTE_COLD void TellEnd(event_base* base);

// The point that `callback`, which is about to run, is.
ABSL_ATTRIBUTE_COLD evoke_point PointOf(const event_callback* callback);

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointTurn(event_base* base) {
  EVOKE_PROBE(turn, base);
  ++base->stats.turns;
  if (AnybodyListens()) {
    TellPoint(base, EVOKE_POINT_TURN,
              static_cast<int64_t>(base->stats.turns - 1));
  }
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointWait(event_base* base,
                                                   int64_t timeout_us) {
  EVOKE_PROBE(wait, base, timeout_us);
  ++base->stats.waits;
  if (AnybodyListens()) TellPoint(base, EVOKE_POINT_WAIT, timeout_us);
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointWaitDone(event_base* base,
                                                       int ready) {
  EVOKE_PROBE(wait_done, base, ready);
  if (AnybodyListens()) TellPoint(base, EVOKE_POINT_WAIT_DONE, ready);
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointAdd(event* ev) {
  EVOKE_PROBE(add, ev->ev_base, ev, ev->ev_fd);
  ++ev->ev_base->stats.added;
  if (AnybodyListens()) TellPointOf(EVOKE_POINT_ADD, ev);
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointDel(event* ev) {
  EVOKE_PROBE(del, ev->ev_base, ev, ev->ev_fd);
  constexpr short kWaits = EVLIST_INSERTED | EVLIST_TIMEOUT;
  const bool waits = (ev->ev_evcallback.evcb_flags & kWaits) != 0;
  ev->ev_base->stats.deleted += waits;
  if (AnybodyListens() && waits) TellPointOf(EVOKE_POINT_DEL, ev);
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointWake(event_base* base) {
  EVOKE_PROBE(wake, base);
  ++base->stats.wakeups;
  if (AnybodyListens()) TellPoint(base, EVOKE_POINT_WAKE, 0);
}

// What a system call of a buffer came to; counted for the loop that runs on
// this thread, if any.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointRead(evutil_socket_t fd,
                                                   int64_t bytes) {
  EVOKE_PROBE(read, fd, bytes);
  event_base* base = t_running_base;
  if (base == nullptr) return;
  LoopStats::Add(base->stats.reads, 1);
  if (bytes > 0) LoopStats::Add(base->stats.bytes_read, bytes);
  if (AnybodyListens()) TellIo(base, EVOKE_POINT_READ, fd, bytes);
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointWrite(evutil_socket_t fd,
                                                    int64_t bytes) {
  EVOKE_PROBE(write, fd, bytes);
  event_base* base = t_running_base;
  if (base == nullptr) return;
  LoopStats::Add(base->stats.writes, 1);
  if (bytes > 0) LoopStats::Add(base->stats.bytes_written, bytes);
  if (AnybodyListens()) TellIo(base, EVOKE_POINT_WRITE, fd, bytes);
}

// As long as it lives, a callback of the program runs that floors above the
// loop call, on the loop's thread. For use where AnybodyListens().
class CallbackPoint {
 public:
  // `base` may be null; `function` is of any type.
  template <typename Function>
  CallbackPoint(event_base* base, evoke_point_source source, Function* function,
                const void* object, evutil_socket_t fd, short what)
      : CallbackPoint(base, source, reinterpret_cast<evoke_function>(function),
                      object, fd, what) {}
  CallbackPoint(event_base* base, evoke_point_source source,
                evoke_function function, const void* object, evutil_socket_t fd,
                short what);
  CallbackPoint(const CallbackPoint&) = delete;
  CallbackPoint& operator=(const CallbackPoint&) = delete;
  ~CallbackPoint();

 private:
  event_base* base_ = nullptr;  // null: it is not told
  evoke_point point_;
};

// Starts what the environment asks for. Failures are logged.
void StartPointsFromEnvironment(event_base* base);

}  // namespace evoke

#endif  // EVOKE_EVENT_POINTS_H_
