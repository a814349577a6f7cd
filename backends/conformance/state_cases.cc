// SPDX-License-Identifier: BSD-3-Clause
//
// Several states at once, what they leave behind, and what fork does to them.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backends/conformance/cases.h"
#include "util/clock.h"

namespace evoke::conformance {
namespace {

void StatesAreSeparate(Bench& bench) {
  Bench other(bench.table(), bench.options());
  Pair pair = MakePair();
  WriteByte(pair.peer);
  bench.Watch(pair.ours, EV_READ);
  other.Watch(pair.ours, EV_WRITE);
  bench.ExpectReady(pair.ours, EV_READ, "watched by two states");
  other.ExpectReady(pair.ours, EV_WRITE, "watched by two states");
  other.Unwatch(pair.ours);
  bench.ExpectReady(pair.ours, EV_READ, "after another state took it out");
  other.Watch(pair.ours, EV_READ);
  other.Close();
  bench.ExpectReady(pair.ours, EV_READ, "after another state was closed");
  bench.Expect(!other.is_broken(), "of two states, one said: %s",
               other.broken());
}

void CloseLeavesDescriptorsOpen(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  bench.Wait(0);
  bench.Close();
  bench.Expect(fcntl(pair.ours, F_GETFD) >= 0,
               "close() closed a descriptor that was watched");
}

void LeaksNoDescriptor(Bench& bench) {
  Pair pair = MakePair();
  int lowest = LowestFreeFd();
  for (int i = 0; i < 20 && !bench.is_broken(); ++i) {
    Bench other(bench.table(), bench.options());
    other.Watch(pair.ours, EV_READ);
    other.Wait(0);
    bench.Expect(!other.is_broken(), "%s", other.broken());
  }
  bench.Expect(LowestFreeFd() == lowest,
               "close() left descriptors open that open() had opened");
}

void OwnDescriptorsAreCloseOnExec(Bench& bench) {
  constexpr int kLooked = 64;
  bool was_open[kLooked];
  for (int fd = 0; fd < kLooked; ++fd) was_open[fd] = fcntl(fd, F_GETFD) >= 0;
  Bench other(bench.table(), bench.options());
  for (int fd = 0; fd < kLooked; ++fd) {
    int flags = fcntl(fd, F_GETFD);
    bench.Expect(was_open[fd] || flags < 0 || (flags & FD_CLOEXEC),
                 "open() opened a descriptor that is not close-on-exec");
  }
}

// --- Fork
// ---------------------------------------------------------------------

// Passes on what a child found. A child that runs into its time limit, or
// crashes, breaks the promise too.
struct Outcome {
  int read_fd = -1;
  int write_fd = -1;
};

Outcome MakeOutcome() {
  int fds[2];
  if (pipe(fds) < 0) CannotRun();
  return {fds[0], fds[1]};
}

[[noreturn]] void EndChild(const Outcome& outcome, const Bench& bench) {
  size_t length = strlen(bench.broken());
  bool written = write(outcome.write_fd, bench.broken(), length) ==
                 static_cast<ssize_t>(length);
  _exit(written ? 0 : 1);
}

void JoinChild(const Outcome& outcome, int pid, Bench* bench) {
  close(outcome.write_fd);
  char sentence[256];
  ssize_t length = read(outcome.read_fd, sentence, sizeof(sentence) - 1);
  sentence[length < 0 ? 0 : length] = '\0';
  bench->Expect(Await(pid), "a child did not end, or crashed");
  bench->Expect(length == 0, "in a child: %s", sentence);
}

void ChildHasItsOwn(Bench& bench) {
  Pair kept = MakePair();
  Pair removed = MakePair();
  Outcome outcome = MakeOutcome();
  bench.Watch(kept.ours, EV_READ);
  bench.Watch(removed.ours, EV_READ);
  bench.Wait(0);
  int pid = ForkHelper();
  if (pid == 0) {
    bench.Forked();
    WriteByte(kept.peer);
    bench.ExpectReady(kept.ours, EV_READ, "after forked()");
    bench.Unwatch(kept.ours);
    bench.Unwatch(removed.ours);
    bench.ExpectReady(kept.ours, 0, "after forked() and taking it out");
    Pair fresh = MakePair();
    bench.Watch(fresh.ours, EV_WRITE);
    bench.ExpectReady(fresh.ours, EV_WRITE, "when added after forked()");
    bench.Close();
    EndChild(outcome, bench);
  }
  JoinChild(outcome, pid, &bench);
  WriteByte(removed.peer);
  bench.ExpectReady(kept.ours, EV_READ, "after a child had taken it out");
  bench.Expect(bench.ReadyOf(removed.ours) == EV_READ,
               "what a child took out was lost to its parent");
}

// The parent's new descriptor has a number that the child reuses.
void ParentGoesOnAlone(Bench& bench) {
  Pair pair = MakePair();
  Outcome go = MakeOutcome();
  Outcome outcome = MakeOutcome();
  bench.Watch(pair.ours, EV_READ);
  bench.Wait(0);
  int pid = ForkHelper();
  if (pid == 0) {
    bench.Forked();
    char byte;
    if (read(go.read_fd, &byte, 1) != 1) _exit(1);
    constexpr int64_t kPauseUs = 5000;
    int64_t start_us = MonotonicMicros();
    int count = bench.Wait(kPauseUs);
    bench.Expect(count == 0 && ElapsedUs(start_us) >= kPauseUs,
                 "what its parent watches ended a wait");
    EndChild(outcome, bench);
  }
  Pair later = MakePair();
  WriteByte(later.peer);
  bench.Watch(later.ours, EV_READ);
  bench.ExpectReady(later.ours, EV_READ, "when added after fork by the parent");
  if (write(go.write_fd, "x", 1) != 1) CannotRun();
  JoinChild(outcome, pid, &bench);
}

void ChildMayClose(Bench& bench) {
  Pair pair = MakePair();
  Outcome outcome = MakeOutcome();
  bench.Watch(pair.ours, EV_READ);
  bench.Wait(0);
  int pid = ForkHelper();
  if (pid == 0) {
    bench.Close();
    EndChild(outcome, bench);
  }
  JoinChild(outcome, pid, &bench);
  WriteByte(pair.peer);
  bench.ExpectReady(pair.ours, EV_READ, "after a child had closed its state");
}

constexpr Case kCases[] = {
    {"two states know nothing of each other", StatesAreSeparate},
    {"closing a state leaves what it watched open", CloseLeavesDescriptorsOpen},
    {"opening and closing states leaks no descriptor", LeaksNoDescriptor},
    {"descriptors of its own are close-on-exec", OwnDescriptorsAreCloseOnExec},
    {"after fork the child has its own, and disturbs no parent",
     ChildHasItsOwn},
    {"after fork the parent's changes do not reach the child",
     ParentGoesOnAlone},
    {"a child may close its state, and disturbs no parent", ChildMayClose},
};

}  // namespace

std::span<const Case> StateCases() { return kCases; }

}  // namespace evoke::conformance
