// SPDX-License-Identifier: BSD-3-Clause
//
// What reaches the backend, and how often: seen from a backend that only
// writes down what it is told.
#include "event/interest_map.h"

#include <errno.h>
#include <evoke/backend.h>
#include <limits.h>

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "event/event_base.h"
#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

struct Change {
  int fd;
  short before, after;
  bool edge;
  friend bool operator==(const Change& a, const Change& b) {
    return std::tie(a.fd, a.before, a.after, a.edge) ==
           std::tie(b.fd, b.before, b.after, b.edge);
  }
};
std::ostream& operator<<(std::ostream& out, const Change& change) {
  return out << "fd " << change.fd << ": " << change.before << " -> "
             << change.after << (change.edge ? " edge" : "");
}

struct Recorder {
  std::vector<Change> changes;
  std::vector<evoke_ready> ready;  // what the next wait reports
  bool refuse = false;
  int wait_result = 0;
} g_recorder;

const evoke_backend kRecording = {
    sizeof(evoke_backend),
    EVOKE_BACKEND_VERSION,
    "recording",
    EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE,
    0,
    sizeof(int),
    [](const evoke_backend_options*) -> void* { return &g_recorder; },
    [](void*) {},
    [](void*, evutil_socket_t fd, short before, short after, int edge,
       void* room) {
      if (g_recorder.refuse) {
        errno = ENOSPC;
        return -1;
      }
      // The room is ours, zeroed at first, and stays with its fd.
      int* remembered = static_cast<int*>(room);
      EXPECT_TRUE(*remembered == 0 || *remembered == fd + 1);
      *remembered = fd + 1;
      g_recorder.changes.push_back({fd, before, after, edge != 0});
      return 0;
    },
    [](void*, int64_t, evoke_ready_sink* sink) {
      for (const evoke_ready& ready : g_recorder.ready) {
        evoke_sink_put(sink, ready.fd, ready.ready);
      }
      g_recorder.ready.clear();
      return std::exchange(g_recorder.wait_result, 0);
    },
    [](void*) { return 0; },
};

class InterestMapTest : public ::testing::Test {
 protected:
  void SetUp() override {
    g_recorder = {};
    ASSERT_EQ(evoke_backend_register(&kRecording, EVOKE_BACKEND_BEFORE), 0);
    base_.reset(event_base_new());
    ASSERT_STREQ(event_base_get_method(base_.get()), "recording");
  }
  void TearDown() override {
    base_.reset();
    evoke_backend_unregister(&kRecording);
  }
  event_base* base() { return base_.get(); }
  std::vector<Change> Changes() {
    return std::exchange(g_recorder.changes, {});
  }
  void Ready(int fd, short what) { g_recorder.ready.push_back({fd, what}); }

  Base base_;
};

constexpr short kRW = EV_READ | EV_WRITE;

TEST_F(InterestMapTest, InterestsOfAllEventsAreMerged) {
  TestEvent reader(base(), 5, EV_READ, [](short) {});
  TestEvent writer(base(), 5, EV_WRITE, [](short) {});
  reader.Add();
  writer.Add();
  reader.Del();
  writer.Del();
  EXPECT_EQ(Changes(), (std::vector<Change>{{5, 0, EV_READ, false},
                                            {5, EV_READ, kRW, false},
                                            {5, kRW, EV_WRITE, false},
                                            {5, EV_WRITE, 0, false}}));
}

TEST_F(InterestMapTest,
       AddingAlwaysReachesTheBackendRemovingOnlyWhenItMatters) {
  TestEvent a(base(), 5, EV_READ, [](short) {});
  TestEvent b(base(), 5, EV_READ, [](short) {});
  a.Add();
  b.Add();  // the kernel may have lost what a asked for
  a.Del();
  b.Del();
  EXPECT_EQ(Changes(), (std::vector<Change>{{5, 0, EV_READ, false},
                                            {5, EV_READ, EV_READ, false},
                                            {5, EV_READ, 0, false}}));
}

TEST_F(InterestMapTest, AddingAPendingEventAgainDoesNotReachTheBackend) {
  TestEvent a(base(), 5, EV_READ | EV_PERSIST, [](short) {});
  a.Add();
  Changes();
  a.AddMicros(1000000);
  a.AddMicros(2000000);
  EXPECT_EQ(Changes(), (std::vector<Change>{}));
}

TEST_F(InterestMapTest, AOneShotEventAddedAgainInItsCallbackCostsOneChange) {
  TestEvent* self = nullptr;
  int runs = 0;
  TestEvent a(base(), 5, EV_READ, [&](short) {
    if (++runs < 3) self->Add();
  });
  self = &a;
  a.Add();
  Changes();
  for (int turn = 0; turn < 3; ++turn) {
    Ready(5, EV_READ);
    event_base_loop(base(), EVLOOP_ONCE);
  }
  EXPECT_EQ(runs, 3);
  // Two for the two times that it was added again, one when it was not.
  EXPECT_EQ(Changes(), (std::vector<Change>{{5, EV_READ, EV_READ, false},
                                            {5, EV_READ, EV_READ, false},
                                            {5, EV_READ, 0, false}}));
}

TEST_F(InterestMapTest, DeletingInACallbackIsToldAfterIt) {
  for (short persist : {0, EV_PERSIST}) {
    TestEvent* self = nullptr;
    std::vector<Change> in_callback = {{}};
    TestEvent a(base(), 5, EV_READ | persist, [&](short) {
      self->Del();
      in_callback = Changes();
    });
    self = &a;
    a.Add();
    Changes();
    Ready(5, EV_READ);
    event_base_loop(base(), EVLOOP_ONCE);
    EXPECT_EQ(in_callback, (std::vector<Change>{}));
    EXPECT_EQ(Changes(), (std::vector<Change>{{5, EV_READ, 0, false}}));
  }
}

TEST_F(InterestMapTest, AnotherInterestInACallbackCostsOneChange) {
  TestEvent* self = nullptr;
  TestEvent writer(base(), 5, EV_WRITE | EV_PERSIST, [](short) {});
  TestEvent reader(base(), 5, EV_READ | EV_PERSIST, [&](short) {
    self->Del();
    writer.Add();
  });
  self = &reader;
  reader.Add();
  Changes();
  Ready(5, EV_READ);
  event_base_loop(base(), EVLOOP_ONCE);
  EXPECT_EQ(Changes(), (std::vector<Change>{{5, EV_READ, EV_WRITE, false}}));
}

TEST_F(InterestMapTest, DeletingOutsideOfTheLoopIsToldAtOnce) {
  TestEvent a(base(), 5, EV_READ | EV_PERSIST, [&](short) {});
  a.Add();
  Ready(5, EV_READ);
  event_base_loop(base(), EVLOOP_ONCE);
  Changes();
  a.Del();
  EXPECT_EQ(Changes(), (std::vector<Change>{{5, EV_READ, 0, false}}));
}

// What is told later would not reach the registration of a descriptor that the
// program closed, and that somebody else has open.
TEST_F(InterestMapTest, AfterARegistrationThatStayedDeletingIsToldAtOnce) {
  TestEvent* self = nullptr;
  std::vector<Change> in_callback;
  TestEvent a(base(), 5, EV_READ | EV_PERSIST, [&](short) {
    self->Del();
    in_callback = Changes();
  });
  self = &a;
  a.Add();
  g_recorder.wait_result = EVOKE_WAIT_REBUILT;
  event_base_loop(base(), EVLOOP_NONBLOCK);
  Changes();
  Ready(5, EV_READ);
  event_base_loop(base(), EVLOOP_ONCE);
  EXPECT_EQ(in_callback, (std::vector<Change>{{5, EV_READ, 0, false}}));
  EXPECT_EQ(Changes(), (std::vector<Change>{}));
}

TEST_F(InterestMapTest, EdgeTriggeredInterestIsNeverPutOff) {
  std::vector<Change> in_callback;
  TestEvent a(base(), 5, EV_READ | EV_ET, [&](short what) {
    EXPECT_EQ(what, EV_READ | EV_ET);
    in_callback = Changes();
  });
  a.Add();
  EXPECT_EQ(Changes(), (std::vector<Change>{{5, 0, EV_READ, true}}));
  Ready(5, EV_READ);
  event_base_loop(base(), EVLOOP_ONCE);
  EXPECT_EQ(in_callback, (std::vector<Change>{{5, EV_READ, 0, false}}));
}

TEST_F(InterestMapTest, OneLevelTriggeredEventMakesTheFdLevelTriggered) {
  TestEvent edge(base(), 5, EV_READ | EV_ET, [](short) {});
  TestEvent level(base(), 5, EV_READ, [](short) {});
  edge.Add();
  level.Add();
  level.Del();
  EXPECT_EQ(Changes(), (std::vector<Change>{{5, 0, EV_READ, true},
                                            {5, EV_READ, EV_READ, false},
                                            {5, EV_READ, EV_READ, true}}));
}

TEST_F(InterestMapTest, ARefusedInterestLeavesTheEventOut) {
  TestEvent a(base(), 5, EV_READ, [](short) {});
  TestEvent b(base(), 5, EV_WRITE, [](short) {});
  a.Add();
  g_recorder.refuse = true;
  EXPECT_EQ(b.Add(), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(b.Pending(EV_WRITE), 0);
  g_recorder.refuse = false;
  Changes();
  b.Add();
  EXPECT_EQ(Changes(), (std::vector<Change>{{5, EV_READ, kRW, false}}));
}

TEST_F(InterestMapTest, ANegativeFdIsAcceptedAndWaitsForNothing) {
  TestEvent a(base(), -1, EV_READ, [](short) {});
  EXPECT_EQ(a.Add(), 0);
  EXPECT_EQ(a.Pending(EV_READ), EV_READ);
  EXPECT_EQ(Changes(), (std::vector<Change>{}));
  EXPECT_EQ(a.Del(), 0);
}

TEST_F(InterestMapTest, ARebuiltBackendIsToldEverythingAgain) {
  TestEvent a(base(), 5, EV_READ, [](short) {});
  TestEvent b(base(), 70, kRW | EV_ET, [](short) {});
  a.Add();
  b.Add();
  Changes();
  g_recorder.wait_result = EVOKE_WAIT_REBUILT;
  event_base_loop(base(), EVLOOP_NONBLOCK);
  EXPECT_EQ(Changes(),
            (std::vector<Change>{{5, 0, EV_READ, false}, {70, 0, kRW, true}}));
}

TEST_F(InterestMapTest, GrowingKeepsEventsAndRoom) {
  std::vector<std::unique_ptr<TestEvent>> events;
  for (int fd : {3, 40, 300, 5000, 65000}) {
    events.push_back(
        std::make_unique<TestEvent>(base(), fd, EV_READ, [](short) {}));
    EXPECT_EQ(events.back()->Add(), 0);
  }
  Changes();
  for (auto& event : events) EXPECT_EQ(event->Del(), 0);
  EXPECT_EQ(Changes().size(), 5u);
}

// What a program takes for a descriptor may be garbage.
TEST_F(InterestMapTest, AHugeNumberThatIsNotOpenCostsNoMemory) {
  event_set_log_callback([](int, const char*) {});
  for (int fd : {65536, 100000000, INT_MAX}) {
    TestEvent ev(base_.get(), fd, EV_READ, [](short) {});
    EXPECT_EQ(ev.Add(), -1) << fd;
    EXPECT_EQ(errno, EBADF) << fd;
    EXPECT_LT(base_->interests.size(), 65536);
  }
  event_set_log_callback(nullptr);
  TestEvent ev(base_.get(), 65535, EV_READ, [](short) {});
  EXPECT_EQ(ev.Add(), 0);
}

TEST_F(InterestMapTest, TheLastAddedRunsFirst) {
  std::vector<int> order;
  TestEvent a(base(), 5, EV_READ, [&](short) { order.push_back(1); });
  TestEvent b(base(), 5, kRW, [&](short) { order.push_back(2); });
  TestEvent c(base(), 5, EV_WRITE, [&](short) { order.push_back(3); });
  a.Add();
  b.Add();
  c.Add();
  Ready(5, EV_READ);
  event_base_loop(base(), EVLOOP_ONCE);
  EXPECT_EQ(order, (std::vector<int>{2, 1}));
}

TEST_F(InterestMapTest, AFailedWaitEndsTheLoop) {
  event_set_log_callback([](int, const char*) {});
  TestEvent a(base(), 5, EV_READ, [](short) {});
  a.Add();
  g_recorder.wait_result = -1;
  EXPECT_EQ(event_base_loop(base(), 0), -1);
  event_set_log_callback(nullptr);
}

}  // namespace
}  // namespace evoke::testing
