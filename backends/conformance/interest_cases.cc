// SPDX-License-Identifier: BSD-3-Clause
//
// What is reported of a descriptor that stays open, by its interest.
#include <sys/socket.h>
#include <unistd.h>

#include "backends/conformance/cases.h"

namespace evoke::conformance {
namespace {

constexpr short kBoth = EV_READ | EV_WRITE;

void ReaderIsTold(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  bench.ExpectReady(pair.ours, 0, "before a byte came");
  WriteByte(pair.peer);
  bench.ExpectReady(pair.ours, EV_READ, "when a byte waits");
}

void WriterIsTold(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_WRITE);
  bench.ExpectReady(pair.ours, EV_WRITE, "when there is room to write");
  Fill(pair.ours);
  bench.ExpectReady(pair.ours, 0, "when the socket is full");
  Drain(pair.peer);
  bench.ExpectReady(pair.ours, EV_WRITE, "when there is room again");
}

void BothComeAtOnce(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, kBoth);
  bench.ExpectReady(pair.ours, EV_WRITE, "when only writing is possible");
  WriteByte(pair.peer);
  bench.ExpectReady(pair.ours, kBoth, "when both are possible");
}

void InterestsAreMerged(Bench& bench) {
  Pair pair = MakePair();
  WriteByte(pair.peer);
  bench.Watch(pair.ours, EV_READ);
  bench.ExpectReady(pair.ours, EV_READ, "with interest in reading alone");
  bench.Watch(pair.ours, kBoth);
  bench.ExpectReady(pair.ours, kBoth, "after writing was added");
  bench.Watch(pair.ours, EV_WRITE);
  bench.ExpectReady(pair.ours, EV_WRITE, "after reading was taken out");
  bench.Watch(pair.ours, EV_READ);
  bench.ExpectReady(pair.ours, EV_READ, "after reading took writing's place");
}

void RemovedIsSilent(Bench& bench) {
  Pair pair = MakePair();
  Pair other = MakePair();
  bench.Watch(pair.ours, kBoth);
  bench.Watch(other.ours, EV_READ);
  WriteByte(pair.peer);
  WriteByte(other.peer);
  bench.ExpectReady(pair.ours, kBoth, "while it was watched");
  bench.Unwatch(pair.ours);
  bench.ExpectReady(pair.ours, 0, "after its interest went to 0");
  bench.Expect(bench.ReadyOf(other.ours) == EV_READ,
               "another descriptor was lost when one was taken out");
  bench.Watch(pair.ours, EV_READ);
  bench.ExpectReady(pair.ours, EV_READ, "after it was watched again");
}

// All within one turn of the loop, where a backend may gather them.
void ManyChangesCountAsTheLast(Bench& bench) {
  Pair first = MakePair();
  Pair second = MakePair();
  Pair third = MakePair();
  for (Pair pair : {first, second, third}) WriteByte(pair.peer);
  bench.Watch(third.ours, kBoth);
  bench.Wait(0);
  bench.Watch(first.ours, EV_READ);
  bench.Watch(second.ours, kBoth);
  bench.Unwatch(first.ours);
  bench.Unwatch(third.ours);
  bench.Watch(second.ours, EV_WRITE);
  bench.Watch(third.ours, EV_READ);
  bench.ExpectReady(first.ours, 0, "after adding and taking out in one turn");
  bench.Expect(bench.ReadyOf(second.ours) == EV_WRITE,
               "of two changes in one turn the last did not count");
  bench.Expect(bench.ReadyOf(third.ours) == EV_READ,
               "taking out and adding in one turn lost the descriptor");
}

void LevelIsToldAgain(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  WriteByte(pair.peer);
  bench.ExpectReady(pair.ours, EV_READ, "when a byte waits");
  bench.ExpectReady(pair.ours, EV_READ, "when the byte still waits");
  Drain(pair.ours);
  bench.ExpectReady(pair.ours, 0, "when the byte was read");
}

void EdgeIsToldOnce(Bench& bench) {
  if (!bench.Has(EV_FEATURE_ET)) return;
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ, /*edge=*/true);
  WriteByte(pair.peer);
  bench.ExpectReady(pair.ours, EV_READ, "when a byte came, edge-triggered");
  bench.ExpectReady(pair.ours, 0, "when nothing new came, edge-triggered");
  WriteByte(pair.peer);
  bench.ExpectReady(pair.ours, EV_READ, "when another came, edge-triggered");
}

void EdgeBecomesLevel(Bench& bench) {
  if (!bench.Has(EV_FEATURE_ET)) return;
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ, /*edge=*/true);
  WriteByte(pair.peer);
  bench.Wait(0);
  bench.Watch(pair.ours, EV_READ, /*edge=*/false);
  bench.ExpectReady(pair.ours, EV_READ, "after edge became level");
  bench.ExpectReady(pair.ours, EV_READ, "again, after edge became level");
  bench.Watch(pair.ours, EV_READ, /*edge=*/true);
  bench.Wait(0);
  bench.ExpectReady(pair.ours, 0, "after level became edge and was told");
}

void RepeatingIsHarmless(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  bench.Reassert(pair.ours);
  bench.ExpectReady(pair.ours, 0, "after its interest was repeated");
  bench.Reassert(pair.ours);
  WriteByte(pair.peer);
  bench.ExpectReady(pair.ours, EV_READ, "after its interest was repeated");
}

void HangUpWakesReader(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  close(pair.peer);
  bench.ExpectReady(pair.ours, EV_READ, "after the peer had closed");
}

void HalfCloseWakesReader(Bench& bench) {
  Pair pair = MakePair();
  bench.Watch(pair.ours, EV_READ);
  shutdown(pair.peer, SHUT_WR);
  bench.ExpectReady(pair.ours, EV_READ, "after the peer had ended its output");
}

void ErrorWakesBoth(Bench& bench) {
  Pair reader = MakeTcpPair();
  Pair writer = MakeTcpPair();
  Pair both = MakeTcpPair();
  Fill(writer.ours);
  bench.Watch(reader.ours, EV_READ);
  bench.Watch(writer.ours, EV_WRITE);
  bench.Watch(both.ours, kBoth);
  for (Pair pair : {reader, writer, both}) Reset(pair.peer);
  bench.Wait(kLongUs);
  bench.ExpectReady(reader.ours, EV_READ, "after a reset, to a reader");
  bench.ExpectReady(writer.ours, EV_WRITE, "after a reset, to a writer");
  bench.ExpectReady(both.ours, kBoth, "after a reset, to both");
}

void BrokenPipeWakesWriter(Bench& bench) {
  int fds[2];
  if (pipe(fds) < 0) CannotRun();
  bench.Watch(fds[1], EV_WRITE);
  close(fds[0]);
  bench.ExpectReady(fds[1], EV_WRITE, "on a pipe that nobody reads");
}

void EarlyClose(Bench& bench) {
  Pair asked = MakePair();
  Pair both = MakePair();
  Pair unasked = MakePair();
  bench.Watch(asked.ours, EV_CLOSED);
  bench.Watch(both.ours, EV_READ | EV_CLOSED);
  bench.Watch(unasked.ours, EV_READ);
  WriteByte(asked.peer);
  bench.ExpectReady(asked.ours, 0, "asking for EV_CLOSED, when bytes came");
  for (Pair pair : {asked, both, unasked}) shutdown(pair.peer, SHUT_WR);
  short closed = bench.Has(EV_FEATURE_EARLY_CLOSE) ? EV_CLOSED : 0;
  const char* when = closed != 0
                         ? "asking for EV_CLOSED, when the peer had closed"
                         : "asking for EV_CLOSED, which is not offered";
  bench.ExpectReady(asked.ours, closed, when);
  bench.ExpectReady(both.ours, static_cast<short>(EV_READ | closed), when);
  bench.ExpectReady(unasked.ours, EV_READ, "not asking for EV_CLOSED");
}

constexpr Case kCases[] = {
    {"a reader is told when bytes are there, and only then", ReaderIsTold},
    {"a writer is told when there is room, and only then", WriterIsTold},
    {"both interests of one descriptor come in one report", BothComeAtOnce},
    {"an interest may be added to another, or taken from it",
     InterestsAreMerged},
    {"what was taken out is silent, and the others are not", RemovedIsSilent},
    {"of many changes between two waits the last counts",
     ManyChangesCountAsTheLast},
    {"level-triggered: what stays ready is told again", LevelIsToldAgain},
    {"edge-triggered: a change is told once", EdgeIsToldOnce},
    {"an interest may go from edge to level and back", EdgeBecomesLevel},
    {"repeating an interest changes nothing", RepeatingIsHarmless},
    {"a hang-up wakes a reader", HangUpWakesReader},
    {"the end of the peer's output wakes a reader", HalfCloseWakesReader},
    {"an error wakes readers and writers", ErrorWakesBoth},
    {"a pipe without a reader wakes the writer", BrokenPipeWakesWriter},
    {"EV_CLOSED comes where it is asked for and offered", EarlyClose},
};

}  // namespace

std::span<const Case> InterestCases() { return kCases; }

}  // namespace evoke::conformance
