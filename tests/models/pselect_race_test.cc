// SPDX-License-Identifier: BSD-3-Clause
//
// The race that pselect closes: a signal between the test of a flag and the
// wait. The window is made to measure here, so that it is met every time.
#include <sys/select.h>
#include <time.h>

#include "tests/models/echo_client.h"

namespace evoke::testing {
namespace {

volatile sig_atomic_t g_ended;

void OnSignal(int signal) { g_ended = signal; }

class PselectRaceTest : public ::testing::Test {
 protected:
  PselectRaceTest() {
    struct sigaction action = {};
    action.sa_handler = OnSignal;
    sigaction(SIGUSR1, &action, &old_action_);
    sigemptyset(&blocked_);
    sigaddset(&blocked_, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked_, &usual_);
    sigdelset(&usual_, SIGUSR1);
    g_ended = 0;
    EXPECT_EQ(pipe2(ends_, O_CLOEXEC), 0);
  }
  ~PselectRaceTest() override {
    sigprocmask(SIG_SETMASK, &usual_, nullptr);
    sigaction(SIGUSR1, &old_action_, nullptr);
    close(ends_[0]);
    close(ends_[1]);
  }

  // A pipe that nobody writes to: the wait ends by a signal or by its timeout.
  void Set() {
    FD_ZERO(&readable_);
    FD_SET(ends_[0], &readable_);
  }

  struct sigaction old_action_;
  sigset_t blocked_, usual_;
  fd_set readable_;
  int ends_[2];
};

TEST_F(PselectRaceTest, SelectSleepsThoughTheSignalHasCome) {
  sigprocmask(SIG_SETMASK, &usual_, nullptr);
  Set();
  EXPECT_EQ(g_ended, 0);  // the test: nothing has come, so wait
  raise(SIGUSR1);         // the window
  timeval limit = {0, 50'000};
  // Without a limit it would sleep for ever, the flag being set.
  EXPECT_EQ(select(ends_[0] + 1, &readable_, nullptr, nullptr, &limit), 0);
  EXPECT_EQ(g_ended, SIGUSR1);
}

TEST_F(PselectRaceTest, PselectIsInterruptedByASignalThatCameBefore) {
  Set();
  EXPECT_EQ(g_ended, 0);
  raise(SIGUSR1);  // blocked: it is pending, the flag is not set
  EXPECT_EQ(g_ended, 0);
  // No limit: if the signal were lost, this would hang.
  EXPECT_EQ(
      pselect(ends_[0] + 1, &readable_, nullptr, nullptr, nullptr, &usual_),
      -1);
  EXPECT_EQ(errno, EINTR);
  EXPECT_EQ(g_ended, SIGUSR1);
}

TEST_F(PselectRaceTest, TheModelEndsWheneverTheSignalComes) {
  for (int i = 0; i < 30; ++i) {
    Process server({"examples/models/pselect_loop", "--port", "0"});
    EchoClient client(server.Port());
    // Busy at some stage of its turn, each time another.
    client.Send(Pattern(1 + 997 * i));
    server.Signal(SIGTERM);
    EXPECT_EQ(server.Wait(), 0);
  }
}

}  // namespace
}  // namespace evoke::testing
