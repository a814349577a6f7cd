// SPDX-License-Identifier: BSD-3-Clause
//
// What the three kinds of programs (generator_events.cc, generator_buffers.cc,
// generator_bufferevents.cc) are made with.
//
// An instruction is drawn from a table of templates by weight, and each of its
// arguments from a domain. Whether it makes sense at that point is not
// decided here: the interpreter skips what does not.
#ifndef EVOKE_TESTS_DIFFERENTIAL_RANDOM_GENERATOR_H_
#define EVOKE_TESTS_DIFFERENTIAL_RANDOM_GENERATOR_H_

#include <cstdint>
#include <span>
#include <vector>

#include "tests/differential/random/program.h"

namespace evoke::random_programs {

// SplitMix64: small, and the same everywhere, unlike <random>'s distributions.
class Rng {
 public:
  // Mixed, since the states of a stream are multiples of one step: plain
  // seeds would be near places of the same stream.
  explicit Rng(uint64_t seed) : state_(Mix(seed + 1)) {}
  // A number in [low, high].
  long Between(long low, long high) {
    state_ += 0x9e3779b97f4a7c15u;
    return low + static_cast<long>(Mix(state_) %
                                   static_cast<uint64_t>(high - low + 1));
  }
  bool Percent(int percent) { return Between(1, 100) <= percent; }

 private:
  static uint64_t Mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  uint64_t state_;
};

// Where an argument's value comes from.
enum class Domain {
  kEvent,       // a slot
  kFd,          // a slot
  kSignal,      //
  kTimer,       // the target of an event that is a timer
  kTimerCells,  // a timeout in the future
  kNull,        // 0
  kTarget,      // of an event: timer, fd or signal
  kHow,         // a way to make an event
  kWhat,        // event flags
  kReadWrite,   // EV_READ, EV_WRITE or both
  kPriority,    //
  kScript,      // a callback's script, mostly that of the event before it
  kAnyScript,   // a callback's script
  kCells,       // a timeout, -1 for none
  kLoopFlags,   //
  kLoopCells,   // how long a loop may last
  kOnceKind,    //
  kCommon,      // index of a common timeout
  kPending,     // a mask for event_pending
  kFlag,        // 0 or 1
  kCalls,       // 1 to 3
  kBytes,       // of all magnitudes
  kFewBytes,    // 1 to 300
  kSomeBytes,   // 0 to 2000
  kMaybeBytes,  // like kBytes, or -1
  kSeed,        //
  kBuf,         // a slot
  kPos,         // a position in a buffer; may be too far
  kPosOrNone,   // like kPos, or -1
  kPattern,     //
  kEol,         // enum evbuffer_eol_style
  kCbIndex,     //
  kCbFlags,     // EVBUFFER_CB_*
  kSegment,     // a slot
  kSegmentFlags,
  kFar,  // a file's length that holds kOffset + kPart
  kOffset,
  kPart,
  kBev,           // a slot
  kBevOptions,    // enum bufferevent_options
  kBevMask,       // of bev_setcb
  kBevHow,        // of bev_connect
  kTimeoutCells,  // 0: none
  kLow,           // a low watermark
  kHigh,          // a high watermark, mostly 0: none
  kTrigger,       // options of bufferevent_trigger
  kBevEvent,      // BEV_EVENT_*
  kBevLoopFlags,  // without EVLOOP_ONCE: what a turn does differs
  kFlushMode,
  kMaxSingle,
};

struct Template {
  Op op;
  int weight_main;      // in script 0
  int weight_callback;  // in the others
  std::vector<Domain> args;
};

class Generator {
 public:
  explicit Generator(uint64_t seed) : seed_(seed), rng_(seed) {
    program_.scripts.resize(32);
  }

  Rng& rng() { return rng_; }
  Program& program() { return program_; }
  // 0 epoll, 1 poll, 2 select: each kind of program runs on each.
  long method() const { return static_cast<long>(seed_ / 3 % 3); }

  // Adds an instruction to `script`.
  void Emit(int script, Op op, std::vector<long> args);
  // Adds one that is drawn from `templates`.
  void EmitRandom(int script, std::span<const Template> templates);
  // Adds `op` with arguments drawn from its template.
  void EmitLike(int script, std::span<const Template> templates, Op op);

 private:
  long Draw(Domain domain);
  long DrawEvent(Domain domain);
  long DrawBuffer(Domain domain);
  long DrawBufferevent(Domain domain);

  uint64_t seed_;
  Rng rng_;
  Program program_;
  // Callbacks mostly deal with their own event, so that they meet it active:
  // the script that is being written, and the event slot that was drawn last.
  int script_ = 0;
  long last_event_ = 0;
};

// Makes the base, on the method of the seed; `limited`: mostly with limits on
// the callbacks between two looks at the kernel.
void EmitBase(Generator& g, long priorities, bool limited);

// The three kinds.
void GenerateEvents(Generator& g);
void GenerateBuffers(Generator& g);
void GenerateBufferevents(Generator& g);

}  // namespace evoke::random_programs

#endif  // EVOKE_TESTS_DIFFERENTIAL_RANDOM_GENERATOR_H_
