// SPDX-License-Identifier: BSD-3-Clause
//
// Programs about the loop: timers, fds, signals, priorities, leaving the loop,
// callbacks that add, delete, free and remake each other's events.
#include <event2/event.h>

#include "tests/differential/random/generator.h"

namespace evoke::random_programs {
namespace {

using enum Domain;

const std::vector<Template>& Templates() {
  static const auto* const kTemplates = new std::vector<Template>{
      {Op::event_new,
       40,
       15,
       {kEvent, kHow, kTarget, kWhat, kPriority, kScript}},
      {Op::event_add, 60, 30, {kEvent, kCells}},
      {Op::event_add_common, 12, 6, {kEvent, kCommon}},
      {Op::event_del, 10, 10, {kEvent}},
      {Op::event_free, 8, 8, {kEvent}},
      {Op::event_remove_timer, 20, 8, {kEvent}},
      {Op::event_active, 12, 12, {kEvent, kReadWrite, kCalls}},
      {Op::event_pending, 25, 8, {kEvent, kPending}},
      {Op::event_look, 10, 2, {kEvent}},
      {Op::event_priority_set, 6, 5, {kEvent, kPriority}},
      {Op::active_by_fd, 30, 10, {kFd, kReadWrite}},
      {Op::active_by_signal, 60, 20, {kSignal}},
      {Op::raise_signal, 14, 10, {kSignal}},
      {Op::fd_open, 3, 1, {kFd}},
      {Op::fd_read, 4, 25, {kFd, kFewBytes}},
      {Op::fd_write, 4, 6, {kFd, kFewBytes, kSeed}},
      {Op::fd_fill, 3, 2, {kFd}},
      {Op::peer_read, 4, 4, {kFd, kBytes}},
      {Op::peer_write, 25, 12, {kFd, kFewBytes, kSeed}},
      {Op::peer_close, 2, 1, {kFd}},
      {Op::peer_shutdown, 2, 1, {kFd}},
      {Op::loop, 40, 2, {kLoopFlags, kLoopCells}},
      {Op::dispatch, 12, 0, {kLoopCells}},
      {Op::loopexit, 10, 6, {kCells}},
      {Op::loopbreak, 2, 6, {}},
      {Op::loopcontinue, 1, 8, {}},
      {Op::got_flags, 3, 2, {}},
      {Op::once, 10, 6, {kOnceKind, kFd, kCells, kScript}},
      {Op::common_timeout, 16, 4, {kCommon, kLoopCells}},
      {Op::cached_time, 5, 5, {}},
      {Op::update_cache_time, 3, 4, {}},
      {Op::priority_init_again, 2, 3, {kEvent, kPriority}},
      {Op::reinit, 10, 0, {}},
      {Op::spend, 4, 3, {kCalls}},
      {Op::running_event, 1, 6, {}},
      {Op::base_info, 8, 1, {}},
  };
  return *kTemplates;
}

}  // namespace

void EmitBase(Generator& g, long priorities, bool limited) {
  Rng& rng = g.rng();
  long flags = 0;
  if (rng.Percent(50)) flags |= EVENT_BASE_FLAG_PRECISE_TIMER;
  if (rng.Percent(30)) flags |= EVENT_BASE_FLAG_NO_CACHE_TIME;
  if (rng.Percent(50)) flags |= EVENT_BASE_FLAG_IGNORE_ENV;
  if (rng.Percent(10)) flags |= EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST;
  if (limited && rng.Percent(10)) limited = false;
  g.Emit(0, Op::base_new,
         {g.method(), flags, priorities, limited && rng.Percent(30) ? 5000 : -1,
          limited ? rng.Between(1, 4) : -1, limited ? rng.Between(0, 3) : 0});
}

void GenerateEvents(Generator& g) {
  Rng& rng = g.rng();
  // Without queues of their own, two fds cannot be kept in order.
  constexpr long kPriorities[] = {0, 1, 4, 8, 14, 14, 14, 20};
  EmitBase(g, kPriorities[rng.Between(0, 7)], true);
  for (long fd = 0; fd < 6; ++fd) g.Emit(0, Op::fd_open, {fd});
  for (long slot = 0; slot < 14; ++slot) {
    g.EmitLike(0, Templates(), Op::event_new);
    g.EmitLike(0, Templates(), Op::event_add);
  }
  const long count = rng.Between(100, 260);
  for (long i = 0; i < count; ++i) g.EmitRandom(0, Templates());
  g.Emit(0, Op::dispatch, {40});
  for (int script = 1; script <= 14; ++script) {
    const long size = rng.Between(0, 5);
    for (long i = 0; i < size; ++i) g.EmitRandom(script, Templates());
  }
}

}  // namespace evoke::random_programs
