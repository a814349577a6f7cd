// SPDX-License-Identifier: BSD-3-Clause
#include "bench/load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace evoke::load {
namespace {

// 2,048 values have a bucket each; every doubling above has half as many.
constexpr int kExactBits = 11;
constexpr int64_t kExact = int64_t{1} << kExactBits;
constexpr int64_t kPerDoubling = kExact / 2;
constexpr int kDoublings = 42 - kExactBits + 1;  // the last one holds kHighest

}  // namespace

Histogram::Histogram() : counts_(kExact + kDoublings * kPerDoubling) {}

void Histogram::Record(int64_t value, uint64_t times) {
  if (times == 0) return;
  value = std::clamp<int64_t>(value, 0, kHighest);
  counts_[IndexOf(value)] += times;
  count_ += times;
  max_ = std::max(max_, value);
}

void Histogram::Add(const Histogram& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

int64_t Histogram::ValueAt(double percentile) const {
  if (count_ == 0) return 0;
  // The smallest number of values that is such a share of them. The epsilon
  // keeps 99.9 % of 1,000 from becoming 1,000 by the rounding of 99.9.
  double share = std::clamp(percentile, 0.0, 100.0) / 100 * count_;
  uint64_t rank =
      std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(share - 1e-6)));
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(UpperEndOf(i), max_);
  }
  return max_;
}

uint64_t Histogram::CountFrom(int64_t value) const {
  uint64_t count = 0;
  value = std::clamp<int64_t>(value, 0, kHighest);
  for (size_t i = IndexOf(value); i < counts_.size(); ++i) count += counts_[i];
  return count;
}

size_t Histogram::IndexOf(int64_t value) {
  if (value < kExact) return value;
  int shift = std::bit_width(static_cast<uint64_t>(value)) - kExactBits;
  // value >> shift is from kPerDoubling up to kExact.
  return kExact + (shift - 1) * kPerDoubling + (value >> shift) - kPerDoubling;
}

int64_t Histogram::UpperEndOf(size_t index) {
  if (index < static_cast<size_t>(kExact)) return index;
  int64_t above = index - kExact;
  int shift = above / kPerDoubling + 1;
  int64_t first = (above % kPerDoubling + kPerDoubling) << shift;
  return first + (int64_t{1} << shift) - 1;
}

}  // namespace evoke::load
