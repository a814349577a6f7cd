// SPDX-License-Identifier: BSD-3-Clause
#include "bench/load/progress.h"

#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/load/client.h"

namespace evoke::load {
namespace {

constexpr int kBarWidth = 20;

std::string Clock(double seconds) {
  int64_t whole = std::llround(seconds);
  if (whole >= 3600) {
    return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole / 60 % 60,
                           whole % 60);
  }
  return absl::StrFormat("%d:%02d", whole / 60, whole % 60);
}

}  // namespace

std::string ProgressLine(double done, double total, double elapsed_seconds,
                         absl::string_view what) {
  double share = total > 0 ? std::clamp(done / total, 0.0, 1.0) : 1;
  int filled = static_cast<int>(share * kBarWidth);
  std::string left;
  if (share > 0) {
    left = Clock(elapsed_seconds / share * (1 - share)) + " left  ";
  }
  return absl::StrFormat("[%s%s] %3d %%  %s%s", std::string(filled, '#'),
                         std::string(kBarWidth - filled, '-'),
                         static_cast<int>(share * 100), left, what);
}

Progress::Progress(double total)
    : total_(total), start_ns_(NowNs()), terminal_(isatty(2)) {}

Progress::~Progress() {
  if (terminal_) fprintf(stderr, "\r\033[K");
}

void Progress::Begin(absl::string_view what) {
  double elapsed = static_cast<double>(NowNs() - start_ns_) / kNsPerSecond;
  std::string line = ProgressLine(done_, total_, elapsed, what);
  // To the line's begin, and what was there before is cleared.
  fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
  fflush(stderr);
}

void Progress::End(double weight) { done_ += weight; }

}  // namespace evoke::load
