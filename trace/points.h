// SPDX-License-Identifier: BSD-3-Clause
//
// Who listens to the points of a base: the list that a point is told to.
//
// A sink is one listener: a trace, the warning of slow callbacks, the clock of
// the statistics, a function of the program. It knows no base and no event,
// only what a point says (evoke/trace.h). event/points.h has the points
// themselves.
#ifndef EVOKE_TRACE_POINTS_H_
#define EVOKE_TRACE_POINTS_H_

#include <evoke/trace.h>

#include "absl/base/optimization.h"

namespace evoke {

// To be embedded as the first member of what listens.
struct PointSink {
  // Called for each point, with the lock of the base held.
  void (*tell)(PointSink* sink, const evoke_point& point) = nullptr;
  // Frees it, when the base ends.
  void (*destroy)(PointSink* sink) = nullptr;
  PointSink* next = nullptr;
};

// The sinks of one base, which owns them. Guarded by the base's lock; watched()
// alone may be called without it.
class Points {
 public:
  Points() = default;
  Points(const Points&) = delete;
  Points& operator=(const Points&) = delete;
  ~Points() { Clear(); }

  // Whether anybody listens: all that a point has to know. Any thread may ask,
  // and may learn of a change late.
  bool watched() const {
#ifdef EVOKE_NO_POINTS  // for bench/points.sh alone
    return false;
#endif
    return ABSL_PREDICT_FALSE(__atomic_load_n(&first_, __ATOMIC_RELAXED) !=
                              nullptr);
  }

  // The same for who holds the lock of the base, one instruction less.
  bool watched_locked() const {
#ifdef EVOKE_NO_POINTS
    return false;
#endif
    return ABSL_PREDICT_FALSE(first_ != nullptr);
  }

  void Add(PointSink* sink);
  // Takes it off the list without destroying it. False when it is not there.
  bool Remove(PointSink* sink);
  // The sink with this `tell`, or null: there is one of a kind at most.
  PointSink* Find(void (*tell)(PointSink*, const evoke_point&)) const;

  void Tell(const evoke_point& point);

  // Destroys them all.
  void Clear();

 private:
  void SetFirst(PointSink* sink) {
    __atomic_store_n(&first_, sink, __ATOMIC_RELAXED);
  }

  PointSink* first_ = nullptr;
};

}  // namespace evoke

#endif  // EVOKE_TRACE_POINTS_H_
