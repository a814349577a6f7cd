// SPDX-License-Identifier: BSD-3-Clause
//
// What becomes of a descriptor that is closed, reused or duplicated behind the
// backend's back, and of many descriptors at once.
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backends/conformance/cases.h"
#include "util/clock.h"

namespace evoke::conformance {
namespace {

// Waits long enough, often enough, that a backend can find out what it has to.
constexpr int kTries = 20;
constexpr int64_t kPauseUs = 5000;

// A backend may wake in vain a few times until it noticed what cannot be taken
// out, but not for ever.
void ExpectQuiet(Bench& bench, const char* when) {
  for (int i = 0; i < kTries; ++i) {
    int64_t start_us = MonotonicMicros();
    bench.Wait(kPauseUs);
    if (ElapsedUs(start_us) >= kPauseUs) return;
  }
  bench.Expect(false, "wait() keeps ending at once with nothing ready, %s",
               when);
}

void ClosedCanBeTakenOut(Bench& bench) {
  Pair pair = MakePair();
  Pair other = MakePair();
  bench.Watch(pair.ours, EV_READ | EV_WRITE);
  bench.Watch(other.ours, EV_READ);
  bench.Wait(0);
  close(pair.ours);
  bench.Unwatch(pair.ours);
  WriteByte(other.peer);
  bench.ExpectReady(other.ours, EV_READ, "after another one was closed first");
}

void ReusedAfterTakingOut(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  bench.Wait(0);
  close(pair.ours);
  Pair next = MakePair();
  if (dup2(next.ours, pair.ours) < 0) CannotRun();
  bench.Unwatch(pair.ours);
  WriteByte(next.peer);
  bench.ExpectReady(pair.ours, 0, "on a reused number that nobody watches");
  bench.Watch(pair.ours, EV_READ);
  bench.ExpectReady(pair.ours, EV_READ, "on a reused number");
}

void ReusedIsReasserted(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  bench.Wait(0);
  close(pair.ours);
  Pair next = MakePair();
  if (dup2(next.ours, pair.ours) < 0) CannotRun();
  bench.Reassert(pair.ours);
  bench.ExpectReady(pair.ours, 0, "on a reused number without a byte");
  WriteByte(next.peer);
  bench.ExpectReady(pair.ours, EV_READ,
                    "on a reused number, its interest repeated");
}

// With another interest, all of it before the next wait.
void ReusedWithinOneTurn(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  bench.Wait(0);
  bench.Unwatch(pair.ours);
  close(pair.ours);
  Pair next = MakePair();
  if (dup2(next.ours, pair.ours) < 0) CannotRun();
  bench.Watch(pair.ours, EV_READ | EV_WRITE);
  bench.ExpectReady(pair.ours, EV_WRITE, "on a number reused within one turn");
}

void DupHasItsOwnInterest(Bench& bench) {
  Pair pair = MakePair();
  int copy = dup(pair.ours);
  if (copy < 0) CannotRun();
  bench.Watch(pair.ours, EV_READ);
  bench.Watch(copy, EV_READ | EV_WRITE);
  WriteByte(pair.peer);
  bench.ExpectReady(pair.ours, EV_READ, "with a dup that is watched too");
  bench.Expect(bench.ReadyOf(copy) == (EV_READ | EV_WRITE),
               "a dup of a watched descriptor was not reported");
  bench.Unwatch(pair.ours);
  bench.ExpectReady(copy, EV_READ | EV_WRITE,
                    "after the descriptor it was made from was taken out");
  close(pair.ours);
  bench.ExpectReady(copy, EV_READ | EV_WRITE,
                    "after the descriptor it was made from was closed");
}

// The open file lives on in the dup, so the kernel forgets nothing by itself.
void ClosedBesideDupIsSilent(Bench& bench) {
  Pair pair = MakePair();
  Pair other = MakePair();
  bench.Watch(pair.ours, EV_READ);
  bench.Watch(other.ours, EV_READ);
  bench.Wait(0);
  if (dup(pair.ours) < 0) CannotRun();
  close(pair.ours);
  bench.Unwatch(pair.ours);
  WriteByte(pair.peer);
  ExpectQuiet(bench, "after a descriptor with a dup was closed");
  WriteByte(other.peer);
  bench.ExpectReady(other.ours, EV_READ, "beside one that was closed early");
}

void ReusedBesideDupIsItsOwn(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  bench.Wait(0);
  if (dup(pair.ours) < 0) CannotRun();
  close(pair.ours);
  Pair next = MakePair();
  if (dup2(next.ours, pair.ours) < 0) CannotRun();
  bench.Unwatch(pair.ours);
  bench.Watch(pair.ours, EV_READ);
  WriteByte(pair.peer);
  for (int i = 0; i < 3; ++i) {
    bench.ExpectReady(pair.ours, 0,
                      "on a reused number whose former file has bytes");
  }
  ExpectQuiet(bench, "after a number was reused while a dup lived on");
  WriteByte(next.peer);
  bench.ExpectReady(pair.ours, EV_READ,
                    "on a number that was reused while a dup lived on");
}

// What change() says of a number that is no descriptor is its own business; the
// rest has to go on.
void BadDescriptorDisturbsNobody(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  WriteByte(pair.peer);
  int bad = dup(pair.ours);
  close(bad);
  errno = 0;
  if (bench.Change(bad, EV_READ) == 0) {
    bench.Unwatch(bad);
  } else {
    bench.Expect(errno != 0, "change() failed without setting errno");
  }
  bench.ExpectReady(pair.ours, EV_READ, "after a bad one was refused");
}

// --- Many
// ---------------------------------------------------------------------

constexpr int kManyPairs = 750;
constexpr int kFewestWatched = 256;

struct Many {
  Pair pairs[kManyPairs];
  int count = 0;  // pairs of which both ends are watched
};

// As many as the process may have, and the backend takes.
void WatchMany(Bench& bench, Many* many) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) CannotRun();
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int budget = kManyPairs;
  if (limit.rlim_cur != RLIM_INFINITY &&
      limit.rlim_cur < rlim_t{2 * kManyPairs + 64}) {
    budget = static_cast<int>(limit.rlim_cur) / 2 - 32;
  }
  for (; many->count < budget; ++many->count) {
    Pair pair = MakePair();
    if (bench.Change(pair.ours, EV_READ) < 0) break;
    if (bench.Change(pair.peer, EV_READ) < 0) {
      bench.Unwatch(pair.ours);
      break;
    }
    many->pairs[many->count] = pair;
  }
  bench.Expect(
      many->count == budget || 2 * many->count >= kFewestWatched,
      "change() refused descriptor number %d: %s", 2 * many->count,
      errno == 0 ? "without setting errno" : "fewer than 256 were taken");
}

// Counts the peers that are told of their byte, each of which is read then.
int CountTold(Bench& bench, const Many& many) {
  int told = 0;
  while (!bench.is_broken() && bench.Wait(0) > 0) {
    for (int i = 0; i < many.count; ++i) {
      if (bench.ReadyOf(many.pairs[i].peer) == 0) continue;
      ++told;
      Drain(many.pairs[i].peer);
    }
  }
  return told;
}

void ManyAreAllTold(Bench& bench) {
  Many many;
  WatchMany(bench, &many);
  bench.Expect(bench.Wait(0) == 0, "idle descriptors among many were reported");
  for (int i = 0; i < many.count; ++i) WriteByte(many.pairs[i].ours);
  int told = CountTold(bench, many);
  bench.Expect(told == many.count, "%d of %d ready descriptors were told", told,
               many.count);
  // Every second one goes, from both ends of the numbers.
  for (int i = 0; i < many.count; i += 2) bench.Unwatch(many.pairs[i].peer);
  for (int i = 0; i < many.count; ++i) WriteByte(many.pairs[i].ours);
  told = CountTold(bench, many);
  bench.Expect(told == many.count / 2,
               "%d instead of %d were told after every second was taken out",
               told, many.count / 2);
}

constexpr Case kCases[] = {
    {"a closed descriptor can be taken out", ClosedCanBeTakenOut},
    {"a number that was closed, reused and taken out is silent",
     ReusedAfterTakingOut},
    {"a reused number is watched again when its interest is repeated",
     ReusedIsReasserted},
    {"a number may be taken out, closed and reused between two waits",
     ReusedWithinOneTurn},
    {"a dup has an interest of its own", DupHasItsOwnInterest},
    {"a descriptor that was closed before it was taken out is silent, even if "
     "a dup lives on",
     ClosedBesideDupIsSilent},
    {"a reused number reports its new file only, even if a dup of the old one "
     "lives on",
     ReusedBesideDupIsItsOwn},
    {"a number that is no descriptor disturbs no other",
     BadDescriptorDisturbsNobody},
    {"of many descriptors every ready one is told", ManyAreAllTold},
};

}  // namespace

std::span<const Case> DescriptorCases() { return kCases; }

}  // namespace evoke::conformance
