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

#if __has_include(<sys/sdt.h>) && !defined(EVOKE_NO_POINTS)
#define SDT_USE_VARIADIC
#include <sys/sdt.h>
#define EVOKE_PROBE(name, ...)               \
  do {                                       \
    EVOKE_KEEP_FUNCTION();                   \
    STAP_PROBEV(evoke, name, ##__VA_ARGS__); \
  } while (0)
#else
#define EVOKE_PROBE(...) static_cast<void>(0)
#endif

// A linker that drops the functions which a program does not use
// (--gc-sections, as in Bazel's optimised builds) leaves the probes' notes
// where they are, and gold takes a note about a dropped function for an error.
// So the function is kept: by its distance to a section that gold never drops,
// for the sake of its name ("?": in the function's group, where it has one).
// gold links for few machines, and these two are where it was tried.
#if defined(__x86_64__) || defined(__aarch64__)
#define EVOKE_KEEP_FUNCTION()                              \
  __asm__ volatile(                                        \
      "990:\n"                                             \
      ".pushsection .init.evoke_points,\"a?\",%progbits\n" \
      ".balign 4\n"                                        \
      ".long 990b - .\n"                                   \
      ".popsection")
#else
#define EVOKE_KEEP_FUNCTION() static_cast<void>(0)
#endif

namespace evoke {

// Has all points told to `sink`, which the base owns from now on. REQUIRES: the
// base's lock is held.
void Listen(event_base* base, PointSink* sink);

// What the points below do when anybody listens. The base's lock is held, as it
// is where the points stand, but for TellIo() and TellEnd(), which take it.
ABSL_ATTRIBUTE_COLD void TellPoint(event_base* base, evoke_point_kind kind,
                                   int64_t value);
ABSL_ATTRIBUTE_COLD void TellPointOf(evoke_point_kind kind, const event* ev);
ABSL_ATTRIBUTE_COLD void TellPoint(event_base* base, evoke_point point);
ABSL_ATTRIBUTE_COLD void TellTurn(event_base* base);
ABSL_ATTRIBUTE_COLD void TellIo(evoke_point_kind kind, evutil_socket_t fd,
                                int64_t bytes);
ABSL_ATTRIBUTE_COLD void TellEnd(event_base* base);
// Tells of the active queues, once a turn.
ABSL_ATTRIBUTE_COLD void TellQueues(event_base* base);

// The point that `callback`, which is about to run, is.
ABSL_ATTRIBUTE_COLD evoke_point PointOf(const event_callback* callback);
ABSL_ATTRIBUTE_COLD evoke_point PointOf(evwatch* watcher);

// Around a callback that the loop itself calls: tells that it begins, so that
// what is called within it is told, too; returns what the end wants.
ABSL_ATTRIBUTE_COLD event_base* TellBegin(event_base* base,
                                          const evoke_point& point);
ABSL_ATTRIBUTE_COLD void TellDone(event_base* base, evoke_point point,
                                  event_base* outer);

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointTurn(event_base* base) {
  EVOKE_PROBE(turn, base);
  ++base->stats.turns;
  if (base->points.watched_locked()) TellTurn(base);
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointWait(event_base* base,
                                                   int64_t timeout_us) {
  EVOKE_PROBE(wait, base, timeout_us);
  ++base->stats.waits;
  if (base->points.watched_locked()) {
    TellPoint(base, EVOKE_POINT_WAIT, timeout_us);
  }
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointWaitDone(event_base* base,
                                                       bool failed) {
  EVOKE_PROBE(wait_done, base, base->ready.count);
  if (base->points.watched_locked()) {
    TellPoint(base, EVOKE_POINT_WAIT_DONE, failed ? -1 : base->ready.count);
  }
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointReturn(event_base* base) {
  EVOKE_PROBE(return, base);
  if (base->points.watched_locked()) TellPoint(base, EVOKE_POINT_RETURN, 0);
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointAdd(event* ev) {
  EVOKE_PROBE(add, ev->ev_base, ev, ev->ev_fd);
  ++ev->ev_base->stats.added;
  if (ev->ev_base->points.watched_locked()) TellPointOf(EVOKE_POINT_ADD, ev);
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointDel(event* ev) {
  EVOKE_PROBE(del, ev->ev_base, ev, ev->ev_fd);
  constexpr short kWaits = EVLIST_INSERTED | EVLIST_TIMEOUT;
  const bool waits = (ev->ev_evcallback.evcb_flags & kWaits) != 0;
  ev->ev_base->stats.deleted += waits;
  if (ev->ev_base->points.watched_locked() && waits) {
    TellPointOf(EVOKE_POINT_DEL, ev);
  }
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointWake(event_base* base) {
  EVOKE_PROBE(wake, base);
  ++base->stats.wakeups;
  if (base->points.watched_locked()) TellPoint(base, EVOKE_POINT_WAKE, 0);
}

// What a system call of a buffer came to; counted for the loop that runs on
// this thread, if any. While that is watched, or not known yet, by TellIo().
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointRead(evutil_socket_t fd,
                                                   int64_t bytes) {
  EVOKE_PROBE(read, fd, bytes);
  if (ABSL_PREDICT_TRUE(t_io_stats != nullptr)) {
    t_io_stats->CountRead(bytes);
  } else {
    TellIo(EVOKE_POINT_READ, fd, bytes);
  }
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void PointWrite(evutil_socket_t fd,
                                                    int64_t bytes) {
  EVOKE_PROBE(write, fd, bytes);
  if (ABSL_PREDICT_TRUE(t_io_stats != nullptr)) {
    t_io_stats->CountWrite(bytes);
  } else {
    TellIo(EVOKE_POINT_WRITE, fd, bytes);
  }
}

// The base of the loop that runs on this thread if the callback that it runs is
// told, else null: what is called within that callback is then told, too.
extern __thread event_base* t_told_base;
inline bool IsTold() { return ABSL_PREDICT_FALSE(t_told_base != nullptr); }

// As long as it lives, a callback of the program runs that floors above the
// loop call, on the loop's thread. For use where IsTold().
class CallbackPoint {
 public:
  // `function` is of any type.
  template <typename Function>
  CallbackPoint(evoke_point_source source, Function* function,
                const void* object, evutil_socket_t fd, short what)
      : CallbackPoint(source, reinterpret_cast<evoke_function>(function),
                      object, fd, what) {}
  CallbackPoint(evoke_point_source source, evoke_function function,
                const void* object, evutil_socket_t fd, short what);
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
