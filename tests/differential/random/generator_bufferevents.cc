// SPDX-License-Identifier: BSD-3-Clause
//
// Programs about socket bufferevents: on socket pairs and on connections over
// loopback, driven by their peers, by timers and by their own callbacks.
#include <event2/event.h>

#include "tests/differential/random/generator.h"

namespace evoke::random_programs {
namespace {

using enum Domain;

const std::vector<Template>& Templates() {
  static const auto* const kTemplates = new std::vector<Template>{
      {Op::bev_new, 12, 4, {kBev, kBevOptions, kAnyScript}},
      {Op::bev_link, 4, 1, {kBev, kBev, kBevOptions, kAnyScript}},
      {Op::bev_connect, 40, 3, {kBev, kBevHow, kBevOptions, kAnyScript}},
      {Op::bev_setfd, 14, 1, {kBev, kFlag}},
      {Op::bev_base_set, 12, 1, {kBev}},
      {Op::bev_free, 7, 5, {kBev}},
      {Op::bev_setcb, 10, 6, {kBev, kBevMask, kAnyScript}},
      {Op::bev_write, 30, 20, {kBev, kBytes, kSeed}},
      {Op::bev_write_much, 5, 1, {kBev, kSeed}},
      {Op::bev_write_buffer, 12, 8, {kBev, kBytes, kSeed}},
      {Op::bev_read, 20, 24, {kBev, kFewBytes}},
      {Op::bev_read_buffer, 30, 30, {kBev}},
      {Op::bev_drain, 6, 6, {kBev}},
      {Op::bev_enable, 40, 14, {kBev, kReadWrite}},
      {Op::bev_disable, 8, 7, {kBev, kReadWrite}},
      {Op::bev_timeouts, 12, 6, {kBev, kTimeoutCells, kTimeoutCells}},
      {Op::bev_settimeout, 5, 2, {kBev, kFlag, kFlag}},
      {Op::bev_watermark, 8, 4, {kBev, kReadWrite, kLow, kHigh}},
      {Op::bev_trigger, 8, 4, {kBev, kReadWrite, kTrigger}},
      {Op::bev_trigger_event, 6, 3, {kBev, kBevEvent, kTrigger}},
      {Op::bev_flush, 5, 2, {kBev, kReadWrite, kFlushMode}},
      {Op::bev_priority, 5, 2, {kBev, kPriority}},
      {Op::bev_look, 8, 4, {kBev}},
      {Op::bev_ref, 5, 2, {kBev}},
      {Op::bev_max_single, 5, 2, {kBev, kMaxSingle, kMaxSingle}},
      {Op::bev_peer_write, 45, 8, {kBev, kBytes, kSeed}},
      {Op::bev_peer_read, 10, 0, {kBev}},
      {Op::bev_peer_shutdown, 4, 2, {kBev}},
      {Op::bev_peer_close, 4, 2, {kBev}},
      {Op::settle, 70, 0, {}},
      {Op::loop, 18, 0, {kBevLoopFlags, kLoopCells}},
      {Op::event_new, 3, 2, {kEvent, kHow, kTimer, kWhat, kPriority, kScript}},
      {Op::event_add, 8, 6, {kEvent, kTimerCells}},
      {Op::once, 6, 4, {kNull, kNull, kTimerCells, kScript}},
      {Op::loopbreak, 0, 1, {}},
      {Op::loopexit, 0, 1, {kCells}},
      {Op::loopcontinue, 0, 1, {}},
  };
  return *kTemplates;
}

}  // namespace

void GenerateBufferevents(Generator& g) {
  Rng& rng = g.rng();
  EmitBase(g, 14, false);
  for (long bev = 0; bev < 3; ++bev) {
    g.EmitLike(0, Templates(), rng.Percent(70) ? Op::bev_new : Op::bev_connect);
    if (rng.Percent(60)) g.Emit(0, Op::settle, {});
    g.Emit(0, Op::bev_enable, {bev, EV_READ});
  }
  const long count = rng.Between(150, 320);
  for (long i = 0; i < count; ++i) g.EmitRandom(0, Templates());
  g.Emit(0, Op::loop, {0, 60});
  g.Emit(0, Op::settle, {});
  for (int script = 1; script <= 16; ++script) {
    const long size = rng.Between(0, 4);
    for (long i = 0; i < size; ++i) g.EmitRandom(script, Templates());
  }
}

}  // namespace evoke::random_programs
