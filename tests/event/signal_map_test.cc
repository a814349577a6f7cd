// SPDX-License-Identifier: BSD-3-Clause
#include "event/signal_map.h"

#include <signal.h>
#include <sys/wait.h>

#include <vector>

#include "event/event_base.h"
#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

class SignalMapTest : public BackendTest {};

TEST_P(SignalMapTest, EveryDeliveryIsCounted) {
  int runs = 0;
  TestEvent on_signal(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST, [&](short what) {
    EXPECT_EQ(what, EV_SIGNAL);
    ++runs;
  });
  EXPECT_EQ(on_signal.Add(), 0);
  // More than a pipe holds bytes: none may be lost all the same.
  constexpr int kDeliveries = 20000;
  for (int i = 0; i < kDeliveries; ++i) raise(SIGUSR1);
  EXPECT_EQ(Loop(EVLOOP_NONBLOCK), 0);
  EXPECT_EQ(runs, kDeliveries);
}

TEST_P(SignalMapTest, OldDispositionComesBackWithTheLastEvent) {
  static int handled;
  handled = 0;
  struct sigaction mine = {}, before, now;
  mine.sa_handler = [](int) { ++handled; };
  sigaction(SIGUSR2, &mine, &before);
  {
    TestEvent a(base(), SIGUSR2, EV_SIGNAL | EV_PERSIST, [](short) {});
    TestEvent b(base(), SIGUSR2, EV_SIGNAL | EV_PERSIST, [](short) {});
    a.Add();
    b.Add();
    raise(SIGUSR2);
    EXPECT_EQ(handled, 0);
    a.Del();
    raise(SIGUSR2);
    EXPECT_EQ(handled, 0);
    b.Del();
    sigaction(SIGUSR2, nullptr, &now);
    EXPECT_EQ(now.sa_handler, mine.sa_handler);
    raise(SIGUSR2);
    EXPECT_EQ(handled, 1);
    b.Add();
  }
  raise(SIGUSR2);
  EXPECT_EQ(handled, 2);
  sigaction(SIGUSR2, &before, nullptr);
}

TEST_P(SignalMapTest, OutOfRangeAndUncatchableSignalsAreRefused) {
  event_set_log_callback([](int, const char*) {});
  for (int signal : {-1, NSIG, 100000, SIGKILL, SIGSTOP}) {
    TestEvent on_signal(base(), signal, EV_SIGNAL, [](short) {});
    EXPECT_EQ(on_signal.Add(), -1) << signal;
    EXPECT_EQ(on_signal.Pending(EV_SIGNAL), 0) << signal;
  }
  event_base_active_by_signal(base(), -1);
  event_base_active_by_signal(base(), NSIG);
  event_set_log_callback(nullptr);
}

TEST_P(SignalMapTest, TheBaseThatRunsLastHandlesSignals) {
  event_set_log_callback([](int, const char*) {});
  Base other = NewBase(GetParam());
  int here = 0, there = 0;
  TestEvent a(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST, [&](short) { ++here; });
  TestEvent b(other.get(), SIGUSR2, EV_SIGNAL | EV_PERSIST,
              [&](short) { ++there; });
  a.Add();
  b.Add();
  event_base_loop(base(), EVLOOP_NONBLOCK);
  raise(SIGUSR1);
  event_base_loop(base(), EVLOOP_NONBLOCK);
  EXPECT_EQ(here, 1);
  // What comes while a base handles signals is that base's, as in libevent.
  event_base_loop(other.get(), EVLOOP_NONBLOCK);
  raise(SIGUSR2);
  event_base_loop(base(), EVLOOP_NONBLOCK);
  EXPECT_EQ(there, 0);
  event_base_loop(other.get(), EVLOOP_NONBLOCK);
  EXPECT_EQ(there, 1);
  event_set_log_callback(nullptr);
}

TEST_P(SignalMapTest, WithoutSignalsThereIsNoPipe) {
  int next = dup(0);
  close(next);
  TestEvent timer(base(), -1, 0, [](short) {});
  timer.AddMicros(0);
  Loop();
  int now = dup(0);
  close(now);
  EXPECT_EQ(next, now);
}

EVOKE_ON_EVERY_BACKEND(SignalMapTest);

}  // namespace
}  // namespace evoke::testing
