// SPDX-License-Identifier: BSD-3-Clause
//
// Tells on stderr how far a long run has come, and when it will be done: one
// line that is written over on a terminal, a line for each step elsewhere.
#ifndef EVOKE_BENCH_LOAD_PROGRESS_H_
#define EVOKE_BENCH_LOAD_PROGRESS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace evoke::load {

// "[#####---------------]  25 %  1:15 left  what": what is left is estimated
// from what `done` of `total` took; nothing is said of it before anything is
// done.
std::string ProgressLine(double done, double total, double elapsed_seconds,
                         absl::string_view what);

class Progress {
 public:
  // `total`: the sum of what the steps are expected to take, in any unit.
  explicit Progress(double total);
  ~Progress();

  // A step begins, or has ended.
  void Begin(absl::string_view what);
  void End(double weight);

 private:
  double total_;
  double done_ = 0;
  int64_t start_ns_;
  bool terminal_;
};

}  // namespace evoke::load

#endif  // EVOKE_BENCH_LOAD_PROGRESS_H_
