// SPDX-License-Identifier: BSD-3-Clause
//
// Drawing instructions and arguments. See generator.h.
#include "tests/differential/random/generator.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <cassert>
#include <utility>

namespace evoke::random_programs {

void Generator::Emit(int script, Op op, std::vector<long> args) {
  assert(static_cast<int>(args.size()) == ArgumentCount(op));
  program_.scripts[script].push_back({op, std::move(args)});
}

void Generator::EmitRandom(int script, std::span<const Template> templates) {
  script_ = script;
  int total = 0;
  for (const Template& t : templates) {
    total += script == 0 ? t.weight_main : t.weight_callback;
  }
  long pick = rng_.Between(0, total - 1);
  for (const Template& t : templates) {
    pick -= script == 0 ? t.weight_main : t.weight_callback;
    if (pick >= 0) continue;
    std::vector<long> args;
    for (Domain domain : t.args) args.push_back(Draw(domain));
    Emit(script, t.op, std::move(args));
    return;
  }
}

void Generator::EmitLike(int script, std::span<const Template> templates,
                         Op op) {
  script_ = script;
  for (const Template& t : templates) {
    if (t.op != op) continue;
    std::vector<long> args;
    for (Domain domain : t.args) args.push_back(Draw(domain));
    Emit(script, op, std::move(args));
    return;
  }
}

long Generator::Draw(Domain domain) {
  if (domain >= Domain::kBev) return DrawBufferevent(domain);
  if (domain >= Domain::kBytes) return DrawBuffer(domain);
  return DrawEvent(domain);
}

long Generator::DrawEvent(Domain domain) {
  switch (domain) {
    case Domain::kEvent:
      last_event_ = script_ > 0 && rng_.Percent(30) ? (script_ - 1) % 12
                                                    : rng_.Between(0, 11);
      return last_event_;
    case Domain::kFd:
      return rng_.Percent(50) ? rng_.Between(0, 1) : rng_.Between(0, 5);
    case Domain::kSignal:
      return rng_.Between(0, 3);
    case Domain::kTimer:
      return -1;
    case Domain::kTimerCells:
      return rng_.Between(1, 20);
    case Domain::kTarget:
      if (rng_.Percent(40)) return -1;
      return rng_.Percent(75) ? Draw(Domain::kFd) : 100 + rng_.Between(0, 3);
    case Domain::kHow:
      return rng_.Between(0, 3);
    case Domain::kWhat: {
      long what = Draw(Domain::kReadWrite);
      if (rng_.Percent(50)) what |= EV_PERSIST;
      if (rng_.Percent(8)) what |= EV_CLOSED;
      return what;
    }
    case Domain::kReadWrite:
      return rng_.Percent(60)
                 ? EV_READ
                 : (rng_.Percent(60) ? EV_WRITE : EV_READ | EV_WRITE);
    case Domain::kPriority:
      return rng_.Between(0, 11);
    case Domain::kScript:
      return rng_.Percent(60) ? last_event_ + 1 : rng_.Between(1, 14);
    case Domain::kAnyScript:
      return rng_.Between(1, 14);
    case Domain::kCells:
      if (rng_.Percent(12)) return -1;
      if (rng_.Percent(6)) return 0;
      return rng_.Percent(80) ? rng_.Between(1, 9) : rng_.Between(10, 60);
    case Domain::kLoopFlags: {
      constexpr long kFlags[] = {0,
                                 EVLOOP_ONCE,
                                 EVLOOP_NONBLOCK,
                                 EVLOOP_ONCE | EVLOOP_NONBLOCK,
                                 EVLOOP_NO_EXIT_ON_EMPTY,
                                 EVLOOP_ONCE,
                                 EVLOOP_ONCE,
                                 EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY};
      return kFlags[rng_.Between(0, 7)];
    }
    case Domain::kLoopCells:
      return rng_.Percent(70) ? rng_.Between(1, 12) : rng_.Between(13, 100);
    case Domain::kOnceKind:
      return rng_.Percent(85) ? rng_.Between(0, 3) : rng_.Between(4, 5);
    case Domain::kCommon:
      return rng_.Between(0, 2);
    case Domain::kPending:
      return rng_.Percent(40)
                 ? EV_TIMEOUT | EV_READ | EV_WRITE | EV_SIGNAL | EV_CLOSED
                 : rng_.Between(1, 15);
    case Domain::kFlag:
      return rng_.Between(0, 1);
    case Domain::kCalls:
      return rng_.Between(1, 3);
    default:
      return 0;
  }
}

long Generator::DrawBuffer(Domain domain) {
  switch (domain) {
    case Domain::kBytes:
      switch (rng_.Between(0, 9)) {
        case 0:
          return rng_.Between(0, 1);
        case 1:
        case 2:
        case 3:
        case 4:
          return rng_.Between(1, 40);
        case 5:
        case 6:
        case 7:
          return rng_.Between(41, 600);
        case 8:
          return rng_.Between(500, 4200);
        default:
          return (1L << rng_.Between(6, 12)) + rng_.Between(-1, 1);
      }
    case Domain::kFewBytes:
      return rng_.Between(1, 300);
    case Domain::kSomeBytes:
      return rng_.Percent(70) ? rng_.Between(0, 64) : rng_.Between(64, 2000);
    case Domain::kMaybeBytes:
      return rng_.Percent(25) ? -1 : Draw(Domain::kBytes);
    case Domain::kSeed:
      return rng_.Between(0, 999);
    case Domain::kBuf:
      return rng_.Percent(50) ? 0 : rng_.Between(0, 3);
    case Domain::kPos:
      return rng_.Percent(60) ? rng_.Between(0, 20) : rng_.Between(0, 1500);
    case Domain::kPosOrNone:
      return rng_.Percent(40) ? -1 : Draw(Domain::kPos);
    case Domain::kPattern:
      return rng_.Between(0, 9);
    case Domain::kEol:
      return rng_.Between(0, 4);
    case Domain::kCbIndex:
      return rng_.Between(0, 2);
    case Domain::kCbFlags:
      return rng_.Percent(70) ? EVBUFFER_CB_ENABLED : rng_.Between(0, 1);
    case Domain::kSegment:
      return rng_.Between(0, 2);
    case Domain::kSegmentFlags:
      // DISABLE_MMAP, DISABLE_SENDFILE, DISABLE_LOCKING.
      return rng_.Between(0, 7) << 1;
    case Domain::kFar:
      return 8000;
    case Domain::kOffset:
      return rng_.Percent(40) ? 0 : rng_.Between(0, 4000);
    case Domain::kPart:
      return rng_.Between(1, 700);
    default:
      return 0;
  }
}

long Generator::DrawBufferevent(Domain domain) {
  switch (domain) {
    case Domain::kBev:
      return rng_.Between(0, 3);
    case Domain::kBevOptions: {
      constexpr long kOptions[] = {
          0, BEV_OPT_CLOSE_ON_FREE, BEV_OPT_CLOSE_ON_FREE,
          BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS,
          BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS |
              BEV_OPT_UNLOCK_CALLBACKS};
      return kOptions[rng_.Between(0, 4)];
    }
    case Domain::kBevMask:
      if (rng_.Percent(60)) return 7;
      return rng_.Between(0, 15);
    case Domain::kBevHow:
      return rng_.Percent(20) ? 4 : rng_.Between(0, 5);
    case Domain::kTimeoutCells:
      return rng_.Percent(25) ? 0 : rng_.Between(1, 15);
    case Domain::kLow:
      return rng_.Percent(40) ? 0 : rng_.Between(1, 300);
    case Domain::kHigh:
      return rng_.Percent(60) ? 0 : rng_.Between(300, 900);
    case Domain::kTrigger: {
      constexpr long kTriggers[] = {
          0, BEV_TRIG_IGNORE_WATERMARKS, BEV_TRIG_DEFER_CALLBACKS,
          BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS};
      return kTriggers[rng_.Between(0, 3)];
    }
    case Domain::kBevEvent: {
      constexpr long kEvents[] = {BEV_EVENT_EOF | BEV_EVENT_READING,
                                  BEV_EVENT_TIMEOUT | BEV_EVENT_WRITING,
                                  BEV_EVENT_CONNECTED};
      return kEvents[rng_.Between(0, 2)];
    }
    case Domain::kBevLoopFlags: {
      constexpr long kFlags[] = {0, EVLOOP_NONBLOCK, EVLOOP_NO_EXIT_ON_EMPTY};
      return kFlags[rng_.Between(0, 2)];
    }
    case Domain::kFlushMode:
      return rng_.Between(0, 2);
    case Domain::kMaxSingle:
      return rng_.Percent(30) ? 0 : rng_.Between(50, 3000);
    default:
      return DrawBuffer(domain);
  }
}

Program Generate(uint64_t seed) {
  Generator g(seed);
  switch (seed % 3) {
    case 0:
      GenerateEvents(g);
      break;
    case 1:
      GenerateBuffers(g);
      break;
    default:
      GenerateBufferevents(g);
      break;
  }
  return std::move(g.program());
}

}  // namespace evoke::random_programs
