// SPDX-License-Identifier: BSD-3-Clause
//
// Which callbacks have begun and not returned: they are nested, since a
// bufferevent's runs within that of its event. For sinks that want to know how
// long one took.
#ifndef EVOKE_TRACE_CALLBACK_STACK_H_
#define EVOKE_TRACE_CALLBACK_STACK_H_

#include <evoke/trace.h>
#include <stdint.h>

namespace evoke {

class CallbackStack {
 public:
  // A callback that has returned.
  struct Ended {
    int64_t whole_ns;  // from its begin to its end
    int64_t own_ns;    // without those within it
    int depth;         // how many it ran within
  };

  void Begin(const evoke_point& point) {
    if (depth_ < kMostDepth) frames_[depth_] = {point.time_ns, 0};
    ++depth_;
  }

  // False for one whose begin was not seen, or that was nested too deep.
  bool End(const evoke_point& point, Ended* ended) {
    if (depth_ == 0) return false;
    --depth_;
    if (depth_ >= kMostDepth) return false;
    const Frame& frame = frames_[depth_];
    ended->whole_ns = point.time_ns - frame.begin_ns;
    ended->own_ns = ended->whole_ns - frame.within_ns;
    ended->depth = depth_;
    if (depth_ > 0) frames_[depth_ - 1].within_ns += ended->whole_ns;
    return true;
  }

  int depth() const { return depth_; }

 private:
  // A callback that makes its own bufferevent call it nests without a bound.
  static constexpr int kMostDepth = 16;
  struct Frame {
    int64_t begin_ns;
    int64_t within_ns;
  };

  Frame frames_[kMostDepth];
  int depth_ = 0;
};

}  // namespace evoke

#endif  // EVOKE_TRACE_CALLBACK_STACK_H_
