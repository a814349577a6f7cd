// SPDX-License-Identifier: BSD-3-Clause
//
// How long a wait lasts, and what ends it.
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "backends/conformance/cases.h"
#include "util/clock.h"

namespace evoke::conformance {
namespace {

void SleepUs(int64_t micros) {
  timespec time = {};
  time.tv_nsec = micros * 1000;
  nanosleep(&time, nullptr);
}

// A process that makes `pair.ours` readable in a little while.
int WriteSoon(const Pair& pair) {
  int pid = ForkHelper();
  if (pid != 0) return pid;
  SleepUs(20000);
  WriteByte(pair.peer);
  _exit(0);
}

void NothingWatched(Bench& bench) {
  bench.Expect(bench.Wait(0) == 0, "something was ready with nothing watched");
  int64_t start_us = MonotonicMicros();
  bench.Wait(2000);
  bench.Expect(ElapsedUs(start_us) >= 2000,
               "with nothing watched, a wait of 2000 us ended too early");
}

// The shortest of ten: a busy machine may delay each of them.
void ZeroOnlyLooks(Bench& bench) {
  constexpr int64_t kMostUs = 20000;
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  int64_t shortest_us = INT64_MAX;
  for (int i = 0; i < 10; ++i) {
    int64_t start_us = MonotonicMicros();
    bench.Wait(0);
    shortest_us = std::min(shortest_us, ElapsedUs(start_us));
  }
  bench.Expect(shortest_us < kMostUs,
               "of ten waits with a timeout of 0 the shortest took %lld us",
               static_cast<long long>(shortest_us));
  WriteByte(pair.peer);
  bench.ExpectReady(pair.ours, EV_READ, "with a timeout of 0");
}

void NeverEarly(Bench& bench) {
  constexpr int64_t kTimeoutsUs[] = {1, 300, 999, 1000, 1001, 1500, 30000};
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  for (int64_t timeout_us : kTimeoutsUs) {
    int64_t start_us = MonotonicMicros();
    bench.Wait(timeout_us);
    int64_t elapsed_us = ElapsedUs(start_us);
    bench.Expect(
        elapsed_us >= timeout_us, "a wait of %lld us ended after %lld us",
        static_cast<long long>(timeout_us), static_cast<long long>(elapsed_us));
  }
}

void LongWaitEndsWhenReady(Bench& bench) {
  for (int64_t timeout_us : {2 * kLongUs, int64_t{-1}, INT64_MAX}) {
    if (bench.is_broken()) return;
    Pair pair = MakePair();
    bench.Watch(pair.ours, EV_READ);
    int pid = WriteSoon(pair);
    int64_t start_us = MonotonicMicros();
    while (!bench.is_broken() && bench.ReadyOf(pair.ours) == 0) {
      bench.Wait(timeout_us);
      bench.Expect(
          bench.ReadyOf(pair.ours) != 0 || ElapsedUs(start_us) < kLongUs,
          "a wait did not tell of a byte that came meanwhile");
    }
    bench.Expect(ElapsedUs(start_us) < kLongUs,
                 "a wait went on when a byte had come");
    bench.Unwatch(pair.ours);
    if (!Await(pid)) CannotRun();
  }
}

void OnSignal(int /*signal*/) {}

// The timer goes on, so that no signal that comes before the wait begins can
// spoil the case.
void SignalEndsWait(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGALRM);
  itimerval timer = {{0, 10000}, {0, 10000}};
  if (sigaction(SIGALRM, &action, nullptr) < 0 ||
      sigprocmask(SIG_UNBLOCK, &signals, nullptr) < 0 ||
      setitimer(ITIMER_REAL, &timer, nullptr) < 0) {
    CannotRun();
  }
  int64_t start_us = MonotonicMicros();
  int count = bench.Wait(kLongUs);
  bench.Expect(ElapsedUs(start_us) < kLongUs, "a signal did not end the wait");
  bench.Expect(count == 0, "something was ready when a signal ended the wait");
  timer = {};
  setitimer(ITIMER_REAL, &timer, nullptr);
  WriteByte(pair.peer);
  bench.ExpectReady(pair.ours, EV_READ, "after a signal had ended a wait");
}

// --- A sink that is full
// -------------------------------------------------------

void FullSinkLosesNothing(Bench& bench) {
  constexpr int kPairs = 5;
  Pair pairs[kPairs];
  for (Pair& pair : pairs) {
    pair = MakePair();
    bench.Watch(pair.ours, EV_READ, bench.Has(EV_FEATURE_ET));
    WriteByte(pair.peer);
  }
  bench.LimitSink(1);
  bool told[kPairs] = {};
  for (int i = 0; i < kPairs; ++i) {
    bench.Expect(bench.Wait(0) == 1,
                 "with room for one, wait number %d of %d told of none", i + 1,
                 kPairs);
    for (int k = 0; k < kPairs; ++k) {
      if (bench.ReadyOf(pairs[k].ours) == 0) continue;
      told[k] = true;
      Drain(pairs[k].ours);
    }
  }
  for (bool was_told : told) {
    bench.Expect(was_told, "what found no room in the sink was never told");
  }
}

// --- Threads
// -------------------------------------------------------------------

struct Waiter {
  Bench* bench;
  std::atomic<bool> is_waiting = false;
};

void* WaitInThread(void* argument) {
  Waiter* waiter = static_cast<Waiter*>(argument);
  waiter->is_waiting.store(true);
  waiter->bench->StartWait(kLongUs);
  return nullptr;
}

// Where the main thread happens to change before the wait, the result is the
// same; that it comes later, most times, is what the short sleep is for.
void ChangeDuringWait(Bench& bench) {
  if (!(bench.table()->flags & EVOKE_BACKEND_CHANGE_DURING_WAIT)) return;
  for (int i = 0; i < 5 && !bench.is_broken(); ++i) {
    Pair pair = MakePair();
    WriteByte(pair.peer);
    bench.Watch(pair.ours, EV_READ);
    bench.Unwatch(pair.ours);
    Waiter waiter = {&bench};
    pthread_t thread;
    if (pthread_create(&thread, nullptr, WaitInThread, &waiter) != 0) {
      CannotRun();
    }
    while (!waiter.is_waiting.load()) SleepUs(100);
    SleepUs(2000);
    int64_t start_us = MonotonicMicros();
    bench.Watch(pair.ours, EV_READ);
    pthread_join(thread, nullptr);
    bench.FinishWait();
    bench.Expect(ElapsedUs(start_us) < kLongUs / 2,
                 "a change by another thread did not reach the wait");
    bench.ExpectReady(pair.ours, EV_READ, "after a change during a wait");
    bench.Unwatch(pair.ours);
  }
}

constexpr Case kCases[] = {
    {"a wait without interests only waits", NothingWatched},
    {"a timeout of 0 only looks", ZeroOnlyLooks},
    {"a wait never ends before its timeout without a reason", NeverEarly},
    {"a long wait, or one without limit, ends when something is ready",
     LongWaitEndsWhenReady},
    {"a signal ends the wait and is no error", SignalEndsWait},
    {"what finds no room in the sink is told by a later wait",
     FullSinkLosesNothing},
    {"a change counts during a wait, where that is offered", ChangeDuringWait},
};

}  // namespace

std::span<const Case> WaitCases() { return kCases; }

}  // namespace evoke::conformance
