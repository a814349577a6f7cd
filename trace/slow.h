// SPDX-License-Identifier: BSD-3-Clause
//
// Warns of callbacks that hold the loop for too long. A sink; see
// evoke_warn_slow().
#ifndef EVOKE_TRACE_SLOW_H_
#define EVOKE_TRACE_SLOW_H_

#include <stdint.h>

#include "trace/callback_stack.h"
#include "trace/points.h"
#include "trace/stack_sample.h"

namespace evoke {

class SlowWarning {
 public:
  // Null when memory is short. The base's Points own it.
  static SlowWarning* New(int64_t limit_ns);
  static SlowWarning* In(const Points& points);
  void SetLimit(int64_t limit_ns) { limit_ns_ = limit_ns; }

  PointSink* sink() { return &sink_; }

 private:
  static void Tell(PointSink* sink, const evoke_point& point);
  static void Destroy(PointSink* sink);

  // With `remark` behind the time.
  void Warn(const evoke_point& point, int64_t held_ns, const char* remark);

  PointSink sink_ = {Tell, Destroy, nullptr};
  CallbackStack stack_;
  int64_t limit_ns_ = 0;
  bool has_named_ = false;  // one since the outermost callback began
  StackSample sample_;
};

}  // namespace evoke

#endif  // EVOKE_TRACE_SLOW_H_
