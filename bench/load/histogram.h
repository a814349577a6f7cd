// SPDX-License-Identifier: BSD-3-Clause
//
// How often each duration occurred, from nanoseconds to an hour, to three
// significant digits: the method of HdrHistogram.
//
// Small values have a bucket each. Above, each doubling of the value is cut
// into the same number of buckets, so that a bucket is never wider than a
// thousandth of what it holds. Recording is one shift and one increment, and a
// percentile of ten million values costs no more memory than one of ten.
#ifndef EVOKE_BENCH_LOAD_HISTOGRAM_H_
#define EVOKE_BENCH_LOAD_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace evoke::load {

class Histogram {
 public:
  // Values above count as this one: 2^42 nanoseconds, 73 minutes.
  static constexpr int64_t kHighest = int64_t{1} << 42;

  Histogram();

  // Counts `value` `times` times; a negative one counts as 0.
  void Record(int64_t value, uint64_t times = 1);

  // Counts what `other` counted as well.
  void Add(const Histogram& other);

  // The value that `percentile` (0 to 100) percent of those recorded do not
  // exceed: the upper end of its bucket, at most 0.1 % above the exact value
  // and never above max(). 0 when nothing was recorded.
  int64_t ValueAt(double percentile) const;

  // How many of those recorded are at least `value`; those that share its
  // bucket count.
  uint64_t CountFrom(int64_t value) const;

  uint64_t count() const { return count_; }
  int64_t max() const { return max_; }  // exact

 private:
  static size_t IndexOf(int64_t value);
  static int64_t UpperEndOf(size_t index);

  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  int64_t max_ = 0;
};

}  // namespace evoke::load

#endif  // EVOKE_BENCH_LOAD_HISTOGRAM_H_
