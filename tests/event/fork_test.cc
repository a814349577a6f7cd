// SPDX-License-Identifier: BSD-3-Clause
//
// A child must not disturb its parent, whichever function it calls first.
#include "event/fork.h"

#include <signal.h>
#include <sys/wait.h>

#include <functional>

#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

class ForkTest : public BackendTest {
 protected:
  // Runs `child` in a child that exits with what it returns; 0 is success.
  int InChild(const std::function<int()>& child) {
    pid_t pid = fork();
    if (pid == 0) _exit(child());
    int status = -1;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }

  // After whatever a child did: does the reader in the parent still fire?
  void ExpectParentStillReads(SocketPair& pair, int& runs) {
    runs = 0;
    pair.Write(1, "x");
    EXPECT_EQ(Loop(EVLOOP_ONCE), 0);
    EXPECT_EQ(runs, 1);
    pair.Read(0);
  }
};

TEST_P(ForkTest, AChildMayCallAnythingFirstAndTheParentGoesOn) {
  SocketPair pair, other;
  int runs = 0;
  TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST,
                   [&](short) { ++runs; });
  TestEvent second(base(), other[0], EV_READ | EV_PERSIST, [&](short) {});
  reader.Add();
  second.Add();
  EXPECT_EQ(InChild([&] { return reader.Del(); }), 0);
  ExpectParentStillReads(pair, runs);
  EXPECT_EQ(InChild([&] {
              TestEvent writer(base(), pair[0], EV_WRITE, [](short) {});
              return writer.Add();
            }),
            0);
  ExpectParentStillReads(pair, runs);
  EXPECT_EQ(InChild([&] {
              base_.reset();
              return 0;
            }),
            0);
  ExpectParentStillReads(pair, runs);
  EXPECT_EQ(InChild([&] { return Loop(EVLOOP_NONBLOCK); }), 0);
  ExpectParentStillReads(pair, runs);
  EXPECT_EQ(InChild([&] { return event_reinit(base()); }), 0);
  ExpectParentStillReads(pair, runs);
}

TEST_P(ForkTest, TheChildsBaseWorksWithoutReinit) {
  SocketPair pair;
  int runs = 0;
  TestEvent reader(base(), pair[0], EV_READ, [&](short) { ++runs; });
  reader.Add();
  EXPECT_EQ(InChild([&] {
              pair.Write(1, "x");
              return Loop() == 1 && runs == 1 ? 0 : 1;
            }),
            0);
  pair.Read(0);
  EXPECT_EQ(reader.Pending(EV_READ), EV_READ);
}

TEST_P(ForkTest, ASignalInTheChildStaysThere) {
  int runs = 0;
  TestEvent on_signal(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST,
                      [&](short) { ++runs; });
  on_signal.Add();
  // Before the child touched the base: the pipe is still the parent's.
  EXPECT_EQ(InChild([&] {
              raise(SIGUSR1);
              Loop(EVLOOP_NONBLOCK);
              return runs == 1 ? 0 : 1;
            }),
            0);
  Loop(EVLOOP_NONBLOCK);
  EXPECT_EQ(runs, 0);
  raise(SIGUSR1);
  Loop(EVLOOP_NONBLOCK);
  EXPECT_EQ(runs, 1);
}

TEST_P(ForkTest, SignalsWorkInBothAfterReinit) {
  int runs = 0;
  TestEvent on_signal(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST,
                      [&](short) { ++runs; });
  on_signal.Add();
  EXPECT_EQ(InChild([&] {
              if (event_reinit(base()) != 0) return 2;
              raise(SIGUSR1);
              Loop(EVLOOP_NONBLOCK);
              return runs == 1 ? 0 : 1;
            }),
            0);
  raise(SIGUSR1);
  Loop(EVLOOP_NONBLOCK);
  EXPECT_EQ(runs, 1);
}

TEST_P(ForkTest, AGrandchildIsAnotherProcessAgain) {
  SocketPair pair;
  int runs = 0;
  TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST,
                   [&](short) { ++runs; });
  reader.Add();
  EXPECT_EQ(InChild([&] {
              event_reinit(base());
              int grandchild = InChild([&] { return reader.Del(); });
              pair.Write(1, "x");
              Loop(EVLOOP_ONCE);
              return grandchild == 0 && runs == 1 ? 0 : 1;
            }),
            0);
}

// What tells processes apart; their own numbers may come again.
TEST_P(ForkTest, EveryGenerationHasATokenOfItsOwn) {
  const uint64_t mine = ProcessToken();
  EXPECT_EQ(ProcessToken(), mine);
  EXPECT_EQ(InChild([&] {
              if (*g_process_token != 0) return 2;
              const uint64_t childs = ProcessToken();
              int grandchild = InChild([&] {
                const uint64_t token = ProcessToken();
                return token != 0 && token != mine && token != childs ? 0 : 1;
              });
              return childs != 0 && childs != mine ? grandchild : 1;
            }),
            0);
}

TEST_P(ForkTest, ReinitOfNothingIsRefused) {
  event_set_log_callback([](int, const char*) {});
  EXPECT_EQ(event_reinit(nullptr), -1);
  event_set_log_callback(nullptr);
}

EVOKE_ON_EVERY_BACKEND(ForkTest);

}  // namespace
}  // namespace evoke::testing
