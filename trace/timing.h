// SPDX-License-Identifier: BSD-3-Clause
//
// Where a loop's time goes: waiting, or in whose callbacks. A sink that adds up
// durations for evoke_stats().
#ifndef EVOKE_TRACE_TIMING_H_
#define EVOKE_TRACE_TIMING_H_

#include <stddef.h>
#include <stdint.h>

#include "trace/callback_stack.h"
#include "trace/points.h"

namespace evoke {

class Timing {
 public:
  // Null when memory is short. The base's Points own it.
  static Timing* New();
  static Timing* In(const Points& points);

  PointSink* sink() { return &sink_; }

  struct Spent {
    evoke_function function;
    int64_t ns;
  };

  int64_t waiting_ns() const { return waiting_ns_; }
  int64_t running_ns() const { return running_ns_; }
  // The function in whose callbacks the most time was spent, callbacks within
  // them not counted.
  Spent busiest() const { return busiest_; }
  // The longest single callback, counted likewise.
  Spent longest() const { return longest_; }

 private:
  static void Tell(PointSink* sink, const evoke_point& point);
  static void Destroy(PointSink* sink);

  void AddTo(evoke_function function, int64_t ns);
  bool Grow();
  Spent* Find(evoke_function function);

  PointSink sink_ = {Tell, Destroy, nullptr};
  CallbackStack stack_;
  int64_t wait_began_ns_ = 0;
  int64_t waiting_ns_ = 0;
  int64_t running_ns_ = 0;
  Spent busiest_ = {};
  Spent longest_ = {};
  // By function, open addressing; when memory is short functions that are new
  // are not told apart any more.
  Spent* table_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
};

}  // namespace evoke

#endif  // EVOKE_TRACE_TIMING_H_
