// SPDX-License-Identifier: BSD-3-Clause
//
// Signals by signalfd. There is no oracle for them: libevent has them
// since 2.2.
#include "event/signal_fd.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <functional>
#include <string>

#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

bool IsBlocked(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

bool IsPending(int signal) {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, signal) == 1;
}

class SignalFdTest : public BackendTest {
 protected:
  void SetUp() override {
    base_ = NewBase(GetParam(), EVENT_BASE_FLAG_USE_SIGNALFD);
    ASSERT_NE(base_, nullptr);
  }

  // Runs `child` in a child that exits with what it returns.
  int InChild(const std::function<int()>& child) {
    pid_t pid = fork();
    if (pid == 0) _exit(child());
    int status = -1;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }
};

TEST_P(SignalFdTest, TheMethodSaysSo) {
  EXPECT_STREQ(event_base_get_signal_method(base()), "signalfd_signal");
  EXPECT_STREQ(event_base_get_signal_method(NewBase(GetParam()).get()),
               "signal");
}

TEST_P(SignalFdTest, TheEnvironmentMayAskForIt) {
  setenv("EVENT_USE_SIGNALFD", "1", 1);
  EXPECT_STREQ(event_base_get_signal_method(NewBase(GetParam()).get()),
               "signalfd_signal");
  EXPECT_STREQ(event_base_get_signal_method(
                   NewBase(GetParam(), EVENT_BASE_FLAG_IGNORE_ENV).get()),
               "signal");
  unsetenv("EVENT_USE_SIGNALFD");
}

TEST_P(SignalFdTest, EachSignalRunsItsOwnEvents) {
  std::string seen;
  TestEvent first(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST, [&](short what) {
    EXPECT_EQ(what, EV_SIGNAL);
    seen += "1";
  });
  TestEvent second(base(), SIGUSR2, EV_SIGNAL | EV_PERSIST,
                   [&](short) { seen += "2"; });
  EXPECT_EQ(first.Add(), 0);
  EXPECT_EQ(second.Add(), 0);
  raise(SIGUSR2);
  Loop(EVLOOP_ONCE);
  EXPECT_EQ(seen, "2");
  raise(SIGUSR1);
  Loop(EVLOOP_ONCE);
  EXPECT_EQ(seen, "21");
  // The kernel keeps one of each.
  raise(SIGUSR1);
  raise(SIGUSR1);
  Loop(EVLOOP_NONBLOCK);
  EXPECT_EQ(seen, "211");
}

TEST_P(SignalFdTest, QueuedSignalsAreAllCounted) {
  int runs = 0;
  TestEvent ev(base(), SIGRTMIN, EV_SIGNAL | EV_PERSIST,
               [&](short) { ++runs; });
  ev.Add();
  constexpr int kSent = 100;
  for (int i = 0; i < kSent; ++i) {
    ASSERT_EQ(sigqueue(getpid(), SIGRTMIN, {}), 0);
  }
  Loop(EVLOOP_NONBLOCK);
  EXPECT_EQ(runs, kSent);
}

TEST_P(SignalFdTest, ASignalIsBlockedWhileItHasEvents) {
  EXPECT_FALSE(IsBlocked(SIGUSR1));
  {
    TestEvent first(base(), SIGUSR1, EV_SIGNAL, [](short) {});
    TestEvent second(base(), SIGUSR1, EV_SIGNAL, [](short) {});
    first.Add();
    second.Add();
    EXPECT_TRUE(IsBlocked(SIGUSR1));
    first.Del();
    EXPECT_TRUE(IsBlocked(SIGUSR1));
    second.Del();
    EXPECT_FALSE(IsBlocked(SIGUSR1));
    second.Add();
    base_.reset();
  }
  EXPECT_FALSE(IsBlocked(SIGUSR1)) << "after the base was freed";
}

TEST_P(SignalFdTest, WhatTheProgramHasBlockedStaysBlocked) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  int runs = 0;
  TestEvent ev(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST, [&](short) { ++runs; });
  ev.Add();
  raise(SIGUSR1);
  Loop(EVLOOP_ONCE);
  EXPECT_EQ(runs, 1);
  ev.Del();
  EXPECT_TRUE(IsBlocked(SIGUSR1));
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

// Its default disposition would end this process.
TEST_P(SignalFdTest, WhatIsPendingGoesWithTheLastEvent) {
  TestEvent ev(base(), SIGUSR1, EV_SIGNAL, [](short) {});
  ev.Add();
  raise(SIGUSR1);
  EXPECT_TRUE(IsPending(SIGUSR1));
  ev.Del();
  EXPECT_FALSE(IsPending(SIGUSR1));
  ev.Add();
  raise(SIGUSR1);
  base_.reset();
  EXPECT_FALSE(IsPending(SIGUSR1));
}

TEST_P(SignalFdTest, TwoBasesEachHaveTheirOwn) {
  Base other = NewBase(GetParam(), EVENT_BASE_FLAG_USE_SIGNALFD);
  std::string seen;
  TestEvent mine(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST,
                 [&](short) { seen += "mine "; });
  TestEvent its(other.get(), SIGUSR2, EV_SIGNAL | EV_PERSIST,
                [&](short) { seen += "its "; });
  mine.Add();
  its.Add();
  raise(SIGUSR1);
  raise(SIGUSR2);
  event_base_loop(other.get(), EVLOOP_ONCE);
  EXPECT_EQ(seen, "its ");
  Loop(EVLOOP_ONCE);
  EXPECT_EQ(seen, "its mine ");
}

TEST_P(SignalFdTest, SignalsThatNobodyCanWatchAreRefused) {
  event_set_log_callback([](int, const char*) {});
  for (int signal : {-1, 0, SIGKILL, SIGSTOP, 32, NSIG}) {
    TestEvent ev(base(), signal, EV_SIGNAL, [](short) {});
    errno = 0;
    EXPECT_EQ(ev.Add(), -1) << signal;
    EXPECT_EQ(errno, EINVAL) << signal;
    EXPECT_EQ(ev.Pending(EV_SIGNAL), 0) << signal;
  }
  event_set_log_callback(nullptr);
}

TEST_P(SignalFdTest, AChildHasItsOwnAndTheParentKeepsItsOwn) {
  for (bool reinits : {true, false}) {
    int runs = 0;
    TestEvent ev(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST,
                 [&](short) { ++runs; });
    ev.Add();
    EXPECT_EQ(InChild([&] {
                event_set_log_callback([](int, const char*) {});
                raise(SIGUSR1);
                if (reinits && event_reinit(base()) != 0) return 1;
                Loop(EVLOOP_NONBLOCK);
                if (runs != 1) return 2;
                ev.Del();
                return IsBlocked(SIGUSR1) ? 3 : 0;
              }),
              0);
    EXPECT_EQ(InChild([&] {
                base_.reset();
                return 0;
              }),
              0);
    raise(SIGUSR1);
    Loop(EVLOOP_NONBLOCK);
    EXPECT_EQ(runs, 1);
  }
}

EVOKE_ON_EVERY_BACKEND(SignalFdTest);

}  // namespace
}  // namespace evoke::testing
