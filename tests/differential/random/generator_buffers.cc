// SPDX-License-Identifier: BSD-3-Clause
//
// Programs about evbuffers: all their operations over four buffers, callbacks
// that change the buffers again, deferred callbacks.
#include "tests/differential/random/generator.h"

namespace evoke::random_programs {
namespace {

using enum Domain;

const std::vector<Template>& Templates() {
  static const auto* const kTemplates = new std::vector<Template>{
      {Op::buf_add, 60, 10, {kBuf, kBytes, kSeed}},
      {Op::buf_prepend, 15, 4, {kBuf, kBytes, kSeed}},
      {Op::buf_printf, 8, 2, {kBuf, kFewBytes, kSeed}},
      {Op::buf_vprintf, 8, 2, {kBuf, kFewBytes, kSeed}},
      {Op::buf_add_buffer, 14, 3, {kBuf, kBuf}},
      {Op::buf_prepend_buffer, 14, 3, {kBuf, kBuf}},
      {Op::buf_remove_buffer, 14, 3, {kBuf, kBuf, kBytes}},
      {Op::buf_add_iovec,
       6,
       2,
       {kBuf, kSomeBytes, kSomeBytes, kSomeBytes, kSeed}},
      {Op::buf_expand, 7, 2, {kBuf, kBytes}},
      {Op::buf_drain, 12, 8, {kBuf, kBytes}},
      {Op::buf_remove, 12, 6, {kBuf, kBytes}},
      {Op::buf_copyout, 8, 3, {kBuf, kBytes}},
      {Op::buf_copyout_from, 12, 3, {kBuf, kPos, kBytes}},
      {Op::buf_pullup, 24, 6, {kBuf, kMaybeBytes}},
      {Op::buf_length, 3, 2, {kBuf}},
      {Op::buf_peek, 12, 3, {kBuf, kPos, kMaybeBytes}},
      {Op::buf_freeze, 7, 1, {kBuf, kFlag}},
      {Op::buf_unfreeze, 12, 3, {kBuf, kFlag}},
      {Op::buf_readln, 16, 5, {kBuf, kEol}},
      {Op::buf_readline, 8, 2, {kBuf}},
      {Op::buf_search, 14, 3, {kBuf, kPattern, kPosOrNone}},
      {Op::buf_search_range, 22, 3, {kBuf, kPattern, kPosOrNone, kPosOrNone}},
      {Op::buf_search_eol, 14, 3, {kBuf, kPosOrNone, kEol}},
      {Op::buf_find, 28, 6, {kBuf, kPattern}},
      {Op::buf_ptr_set, 6, 2, {kBuf, kPos, kPos}},
      {Op::buf_add_cb, 36, 1, {kBuf, kCbIndex, kAnyScript}},
      {Op::buf_remove_cb, 30, 0, {kBuf, kCbIndex}},
      {Op::buf_remove_cb_entry, 30, 0, {kBuf, kCbIndex}},
      {Op::buf_cb_set_flags, 24, 1, {kBuf, kCbIndex, kCbFlags}},
      {Op::buf_cb_clear_flags, 24, 1, {kBuf, kCbIndex, kCbFlags}},
      {Op::buf_setcb, 5, 0, {kBuf, kAnyScript}},
      {Op::buf_defer, 5, 0, {kBuf}},
      {Op::buf_renew, 9, 0, {kBuf}},
      {Op::buf_add_reference, 10, 3, {kBuf, kFewBytes, kSeed}},
      {Op::buf_add_buffer_reference, 44, 4, {kBuf, kBuf}},
      {Op::buf_add_file, 7, 2, {kBuf, kFar, kOffset, kPart}},
      {Op::segment_new, 16, 1, {kSegment, kFar, kOffset, kPart, kSegmentFlags}},
      {Op::segment_free, 12, 1, {kSegment}},
      {Op::buf_add_segment, 26, 2, {kBuf, kSegment, kPos, kFewBytes}},
      {Op::buf_sendfile,
       4,
       1,
       {kFewBytes, kFewBytes, kFewBytes, kSegmentFlags}},
      {Op::buf_write, 14, 2, {kBuf}},
      {Op::buf_write_atmost, 14, 2, {kBuf, kMaybeBytes}},
      {Op::buf_read, 8, 2, {kBuf, kSomeBytes, kMaybeBytes, kSeed}},
      {Op::loop, 16, 0, {kLoopFlags, kLoopCells}},
  };
  return *kTemplates;
}

}  // namespace

void GenerateBuffers(Generator& g) {
  Rng& rng = g.rng();
  EmitBase(g, rng.Between(1, 3), true);
  for (long buf = 0; buf < 3; ++buf) {
    g.Emit(0, Op::buf_add, {buf, rng.Between(1, 800), rng.Between(0, 99)});
  }
  const long count = rng.Between(260, 560);
  for (long i = 0; i < count; ++i) {
    g.EmitRandom(0, Templates());
    // Reserving and filling is one instruction: nothing may come between.
    if (rng.Percent(3)) {
      const long bytes = rng.Between(1, 3000);
      g.Emit(0, Op::buf_reserve_commit,
             {rng.Between(0, 3), bytes, rng.Between(1, 6),
              rng.Between(0, bytes), rng.Between(0, 99)});
    }
  }
  // Half of the programs have callbacks that only look.
  if (rng.Percent(50)) return;
  for (int script = 1; script <= 14; ++script) {
    const long size = rng.Between(0, 3);
    for (long i = 0; i < size; ++i) g.EmitRandom(script, Templates());
  }
}

}  // namespace evoke::random_programs
