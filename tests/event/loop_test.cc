// SPDX-License-Identifier: BSD-3-Clause
//
// The turn of the loop: what runs when, and how it ends. What libevent does in
// each case is compared in tests/differential; here stands what is ours.
#include <event2/event_struct.h>
#include <fcntl.h>
#include <signal.h>

#include <vector>

#include "event/event_base.h"
#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

class LoopTest : public BackendTest {};

TEST_P(LoopTest, WithoutEventsItReturnsAtOnce) {
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(Loop(EVLOOP_ONCE), 1);
  EXPECT_EQ(Loop(EVLOOP_NONBLOCK), 1);
}

TEST_P(LoopTest, AReadyFdRunsItsCallbackOnce) {
  SocketPair pair;
  std::string got;
  TestEvent reader(base(), pair[0], EV_READ, [&](short what) {
    EXPECT_EQ(what, EV_READ);
    got += pair.Read(0);
  });
  EXPECT_EQ(reader.Add(), 0);
  pair.Write(1, "abc");
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(got, "abc");
  EXPECT_EQ(reader.Pending(EV_READ), 0);
}

TEST_P(LoopTest, ReentranceIsRefused) {
  event_set_log_callback([](int, const char*) {});
  int inner = 0;
  TestEvent timer(base(), -1, 0, [&](short) { inner = Loop(); });
  timer.AddMicros(0);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(inner, -1);
  event_set_log_callback(nullptr);
}

TEST_P(LoopTest, AnotherBaseMayRunInsideACallback) {
  Base other = NewBase(GetParam());
  std::vector<int> order;
  TestEvent inner(other.get(), -1, 0, [&](short) { order.push_back(2); });
  inner.AddMicros(0);
  TestEvent outer(base(), -1, 0, [&](short) {
    order.push_back(1);
    EXPECT_EQ(event_base_loop(other.get(), 0), 1);
    order.push_back(3);
  });
  outer.AddMicros(0);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST_P(LoopTest, NoDescriptorIsLeftBehindByABase) {
  int before = dup(0);
  close(before);
  for (int i = 0; i < 100; ++i) {
    Base other = NewBase(GetParam());
    TestEvent on_signal(other.get(), SIGUSR2, EV_SIGNAL | EV_PERSIST,
                        [](short) {});
    EXPECT_EQ(on_signal.Add(), 0);
    on_signal.Del();
  }
  int after = dup(0);
  close(after);
  EXPECT_EQ(before, after);
}

// A one-shot event that is added again in its callback, on an fd that was
// closed and opened again in between: the kernel lost the registration.
TEST_P(LoopTest, AOneShotEventSurvivesAReusedFd) {
  auto pair = std::make_unique<SocketPair>();
  int fd = (*pair)[0];
  std::unique_ptr<SocketPair> second;
  int runs = 0;
  event* reader = event_new(
      base(), fd, EV_READ, [](evutil_socket_t, short, void*) {}, nullptr);
  struct State {
    std::unique_ptr<SocketPair>*pair, *second;
    int* runs;
    int fd;
    event* reader;
  } state = {&pair, &second, &runs, fd, reader};
  event_assign(
      reader, base(), fd, EV_READ,
      [](evutil_socket_t, short, void* arg) {
        auto& state = *static_cast<State*>(arg);
        if (++*state.runs == 2) return;
        state.pair->reset();
        *state.second = std::make_unique<SocketPair>();
        ASSERT_EQ((**state.second)[0], state.fd) << "the number is free again";
        (*state.second)->Write(1, "x");
        EXPECT_EQ(event_add(state.reader, nullptr), 0);
      },
      &state);
  event_add(reader, nullptr);
  pair->Write(1, "x");
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(runs, 2);
  event_free(reader);
}

// The fd is closed in the callback, and a dup keeps the socket open: epoll's
// registration can't be taken out any more. The loop must not spin on it.
TEST_P(LoopTest, AClosedFdWithALivingDupDoesNotSpin) {
  SocketPair pair;
  int other = dup(pair[0]);
  int turns = 0;
  TestEvent reader(base(), pair[0], EV_READ, [&](short) { pair.Close(0); });
  reader.Add();
  pair.Write(1, "never read");
  TestEvent idle(base(), -1, EV_PERSIST, [&](short) {
    if (++turns == 3) event_base_loopbreak(base());
  });
  idle.AddMicros(10000);
  EXPECT_EQ(Loop(), 0);
  // What remains is an idle base: nothing is ready in one look.
  EXPECT_EQ(turns, 3);
  idle.Del();
  base()->ready.count = 0;
  EXPECT_GE(
      base()->backend.table->wait(base()->backend.state, 0, &base()->ready), 0);
  EXPECT_EQ(base()->ready.count, 0);
  close(other);
}

// The same by event_del() and close() in a callback, of one after the other: a
// parent closes what its children have open. Others go on to be told.
TEST_P(LoopTest, ClosingWhatADupHasOpenKeepsNobodyFromHearing) {
  SocketPair living;
  int heard = 0;
  TestEvent listener(base(), living[0], EV_READ | EV_PERSIST, [&](short) {
    char byte;
    heard += static_cast<int>(read(living[0], &byte, 1));
    event_base_loopbreak(base());
  });
  listener.Add();
  for (int round = 0; round < 20; ++round) {
    SocketPair pair;
    int other = dup(pair[0]);
    TestEvent* self = nullptr;
    TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST, [&](short) {
      self->Del();
      pair.Close(0);
      living.Write(1, "x");
    });
    self = &reader;
    reader.Add();
    pair.Write(1, "never read");
    EXPECT_EQ(Loop(), 0);
    EXPECT_EQ(heard, round + 1);
    close(other);
  }
}

TEST_P(LoopTest, FreeingAOneShotEventInItsCallbackLeavesNothingBehind) {
  SocketPair pair;
  event* reader = event_new(
      base(), pair[0], EV_READ,
      [](evutil_socket_t fd, short, void* arg) {
        event_free(static_cast<event*>(arg));
        close(fd);
      },
      event_self_cbarg());
  event_add(reader, nullptr);
  pair.Write(1, "x");
  int fd = pair[0];
  EXPECT_EQ(Loop(), 1);
  EXPECT_LT(fcntl(fd, F_GETFD), 0);
}

TEST_P(LoopTest, TheTimeIsOneAndTheSameInABatch) {
  std::vector<timeval> seen;
  auto look = [&](short) {
    timeval now;
    EXPECT_EQ(event_base_gettimeofday_cached(base(), &now), 0);
    seen.push_back(now);
    int64_t until_us = MonotonicMicros() + 2000;
    while (MonotonicMicros() < until_us) {
    }
  };
  TestEvent a(base(), -1, 0, look), b(base(), -1, 0, look);
  event_active(a.get(), EV_TIMEOUT, 1);
  event_active(b.get(), EV_TIMEOUT, 1);
  EXPECT_EQ(Loop(), 1);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(MicrosFromTimeval(seen[0]), MicrosFromTimeval(seen[1]));
}

TEST_P(LoopTest, WhatIsQueuedForFlushingKeepsTheLoopAliveForATurn) {
  static int flushed;
  flushed = 0;
  FlushItem item;
  item.flush = [](FlushItem*) {
    ++flushed;
    return false;
  };
  base()->flush.Add(&item);
  EXPECT_EQ(Loop(EVLOOP_NONBLOCK), 0);
  EXPECT_EQ(flushed, 1);
  EXPECT_FALSE(item.listed());
  EXPECT_EQ(Loop(), 1);
}

TEST_P(LoopTest, AFlushThatGotSomethingDoneCountsAsACallback) {
  FlushItem item;
  item.flush = [](FlushItem*) { return true; };
  base()->flush.Add(&item);
  EXPECT_EQ(Loop(EVLOOP_ONCE), 0);
  base()->flush.Add(&item);
  EXPECT_EQ(Loop(EVLOOP_NONBLOCK), 1);
  base()->flush.Add(&item);
  EXPECT_EQ(Loop(), 1);
}

EVOKE_ON_EVERY_BACKEND(LoopTest);

}  // namespace
}  // namespace evoke::testing
