// SPDX-License-Identifier: BSD-3-Clause
#include "event/deferred.h"

#include <vector>

#include "event/event_base.h"
#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

class DeferredTest : public BackendTest {};

TEST_P(DeferredTest, RunsOnceFromTheLoop) {
  int runs = 0;
  event_callback callback;
  DeferredInit(
      &callback, 0,
      [](event_callback*, void* arg) { ++*static_cast<int*>(arg); }, &runs);
  EXPECT_TRUE(DeferredSchedule(base(), &callback));
  EXPECT_FALSE(DeferredSchedule(base(), &callback));
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(runs, 1);
}

TEST_P(DeferredTest, ACancelledOneDoesNotRun) {
  int runs = 0;
  event_callback callback;
  DeferredInit(
      &callback, 0,
      [](event_callback*, void* arg) { ++*static_cast<int*>(arg); }, &runs);
  DeferredCancel(base(), &callback);
  DeferredSchedule(base(), &callback);
  DeferredCancel(base(), &callback);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(runs, 0);
}

// More are scheduled than join the queues in one turn: those that wait for the
// next can be cancelled, too.
TEST_P(DeferredTest, ACancelledOneDoesNotRunThoughItWaitsForTheNextTurn) {
  struct Many {
    event_callback callbacks[100];
    int runs;
  } many = {};
  for (event_callback& callback : many.callbacks) {
    DeferredInit(
        &callback, 0,
        [](event_callback*, void* arg) { ++static_cast<Many*>(arg)->runs; },
        &many);
    EXPECT_TRUE(DeferredSchedule(base(), &callback));
  }
  for (event_callback& callback : many.callbacks) {
    EXPECT_TRUE(DeferredCancel(base(), &callback));
    EXPECT_FALSE(IsDeferredScheduled(base(), &callback));
  }
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(many.runs, 0);
}

// Two that schedule each other for ever: fds and timers get their turn.
TEST_P(DeferredTest, ThoseThatScheduleEachOtherDoNotStarveTheKernel) {
  struct Pair {
    event_base* base;
    event_callback callbacks[2];
    long runs;
  } pair = {base(), {}, 0};
  for (event_callback& callback : pair.callbacks) {
    DeferredInit(
        &callback, 0,
        [](event_callback* self, void* arg) {
          auto* pair = static_cast<Pair*>(arg);
          ++pair->runs;
          DeferredSchedule(pair->base,
                           &pair->callbacks[self == &pair->callbacks[0]]);
        },
        &pair);
  }
  DeferredSchedule(base(), &pair.callbacks[0]);
  SocketPair sockets;
  TestEvent reader(base(), sockets[0], EV_READ,
                   [&](short) { event_base_loopbreak(base()); });
  reader.Add();
  sockets.Write(1, "x");
  EXPECT_EQ(Loop(), 0);
  EXPECT_LT(pair.runs, 100);
  for (event_callback& callback : pair.callbacks) {
    DeferredCancel(base(), &callback);
  }
}

EVOKE_ON_EVERY_BACKEND(DeferredTest);

}  // namespace
}  // namespace evoke::testing
