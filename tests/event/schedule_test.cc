// SPDX-License-Identifier: BSD-3-Clause
//
// event_add, event_del, event_active: the promises that are ours, and the
// error returns. The comparison with libevent is in tests/differential.
#include <event2/event_struct.h>
#include <fcntl.h>
#include <stdlib.h>

#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "event/event_base.h"
#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

std::vector<std::string>* g_log;

class ScheduleTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    g_log = &log_;
    event_set_log_callback(
        [](int, const char* message) { g_log->push_back(message); });
  }
  void TearDown() override { event_set_log_callback(nullptr); }
  std::vector<std::string> log_;
};

TEST_P(ScheduleTest, NullIsRefusedWithAWarning) {
  EXPECT_EQ(event_add(nullptr, nullptr), -1);
  EXPECT_EQ(event_del(nullptr), -1);
  EXPECT_EQ(event_remove_timer(nullptr), -1);
  event_active(nullptr, EV_READ, 1);
  event_free(nullptr);
  EXPECT_EQ(event_pending(nullptr, EV_READ, nullptr), 0);
  EXPECT_EQ(event_assign(nullptr, base(), -1, 0, nullptr, nullptr), -1);
  EXPECT_EQ(log_.size(), 7u);
}

TEST_P(ScheduleTest, AnEventThatWasNeverAssignedIsRefused) {
  event zeroed = {};
  EXPECT_EQ(event_add(&zeroed, nullptr), -1);
  zeroed.ev_base = base();
  EXPECT_EQ(event_add(&zeroed, nullptr), -1);
  EXPECT_EQ(log_.size(), 2u);
}

TEST_P(ScheduleTest, AClosedFdIsRefusedByEpollAlone) {
  SocketPair pair;
  TestEvent reader(base(), pair[0], EV_READ, [](short) {});
  pair.Close(0);
  int result = reader.Add();
  if (std::string(GetParam()) == "epoll") {
    EXPECT_EQ(result, -1);
    EXPECT_EQ(errno, EBADF);
    EXPECT_EQ(reader.Pending(EV_READ), 0);
  } else {
    EXPECT_EQ(result, 0);
  }
}

TEST_P(ScheduleTest, AFailedAddLeavesTheOtherEventsOfTheFdAlone) {
  int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  TestEvent reader(base(), file, EV_READ, [](short) {});
  int result = reader.Add();
  EXPECT_EQ(result, std::string(GetParam()) == "epoll" ? -1 : 0);
  EXPECT_EQ(reader.Pending(EV_READ) != 0, result == 0);
  close(file);
}

TEST_P(ScheduleTest, ANewEventOnAReusedFdFiresThoughTheOldOneIsStillAdded) {
  auto first = std::make_unique<SocketPair>();
  int fd = (*first)[0];
  TestEvent old_event(base(), fd, EV_READ | EV_PERSIST, [](short) {});
  old_event.Add();
  first.reset();
  SocketPair second;
  ASSERT_EQ(second[0], fd);
  int runs = 0;
  TestEvent new_event(base(), fd, EV_READ, [&](short) {
    ++runs;
    event_base_loopbreak(base());
  });
  EXPECT_EQ(new_event.Add(), 0);
  second.Write(1, "x");
  EXPECT_EQ(Loop(), 0);
  EXPECT_EQ(runs, 1);
}

TEST_P(ScheduleTest, PushingATimeoutBackMovesItsDeadline) {
  std::vector<int> order;
  TestEvent a(base(), -1, 0, [&](short) { order.push_back(1); });
  TestEvent b(base(), -1, 0, [&](short) { order.push_back(2); });
  a.AddMicros(1000);
  b.AddMicros(2000);
  a.AddMicros(4000);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(order, (std::vector<int>{2, 1}));
}

TEST_P(ScheduleTest, AnEndlessTimeoutNeverFires) {
  TestEvent timer(base(), -1, 0, [](short) { FAIL(); });
  timeval endless = {INT64_MAX, 999999};
  EXPECT_EQ(event_add(timer.get(), &endless), 0);
  EXPECT_EQ(Loop(EVLOOP_NONBLOCK), 0);
  EXPECT_EQ(timer.Pending(EV_TIMEOUT), EV_TIMEOUT);
}

TEST_P(ScheduleTest, ManyTimersFireInOrder) {
  constexpr int kTimers = 2000;
  std::vector<std::unique_ptr<TestEvent>> timers;
  std::vector<int> order;
  for (int i = 0; i < kTimers; ++i) {
    timers.push_back(std::make_unique<TestEvent>(
        base(), -1, 0, [&order, i](short) { order.push_back(i); }));
  }
  // Added in a callback, where one time counts for all of them.
  TestEvent add_all(base(), -1, 0, [&](short) {
    for (int i = 0; i < kTimers; ++i) {
      int which = (i * 7919) % kTimers;
      timers[which]->AddMicros(1000 + which);
    }
  });
  add_all.AddMicros(0);
  EXPECT_EQ(Loop(), 1);
  ASSERT_EQ(order.size(), static_cast<size_t>(kTimers));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_P(ScheduleTest, AnEventOfAFreedBaseMayBeDeletedAndFreed) {
  SocketPair pair;
  TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST, [](short) {});
  TestEvent timer(base(), -1, 0, [](short) {});
  TestEvent on_signal(base(), SIGUSR1, EV_SIGNAL, [](short) {});
  TestEvent active(base(), -1, 0, [](short) {});
  TestEvent never_added(base(), pair[1], EV_READ, [](short) {});
  reader.AddMicros(1000000);
  timer.AddMicros(1000000);
  on_signal.Add();
  event_active(active.get(), EV_READ, 1);
  base_.reset();
  EXPECT_EQ(reader.Del(), 0);
  EXPECT_EQ(timer.Del(), 0);
  EXPECT_EQ(on_signal.Del(), 0);
  EXPECT_EQ(active.Del(), 0);
  EXPECT_EQ(never_added.Del(), 0);
}

TEST_P(ScheduleTest, ASignalCallbackThatFreesItsEventStopsTheRest) {
  static int runs;
  runs = 0;
  event* on_signal = event_new(
      base(), SIGUSR1, EV_SIGNAL | EV_PERSIST,
      [](evutil_socket_t, short, void* arg) {
        ++runs;
        event_free(static_cast<event*>(arg));
      },
      event_self_cbarg());
  event_add(on_signal, nullptr);
  event_active(on_signal, EV_SIGNAL, 5);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(runs, 1);
}

// Memory runs out while a persistent timer waits for its callback, and a
// callback before it wants a place among the timers.
class FullHeapTest : public ScheduleTest {
 protected:
  void SetUp() override {
    ScheduleTest::SetUp();
    timer_ = std::make_unique<TestEvent>(base(), -1, EV_PERSIST,
                                         [this](short) { ++runs_; });
    before_ =
        std::make_unique<TestEvent>(base(), -1, 0, [this](short) { Before(); });
    other_ = std::make_unique<TestEvent>(base(), -1, 0, [](short) {});
  }
  void TearDown() override {
    event_set_mem_functions(malloc, realloc, free);
    hours_.clear();
    other_.reset();
    before_.reset();
    timer_.reset();
    ScheduleTest::TearDown();
  }

  // Starts the timer, fills the heap, and turns once: `before` runs when the
  // timer is due and before its callback.
  void Turn(const timeval& interval) {
    ASSERT_EQ(event_add(timer_->get(), &interval), 0);
    event_set_mem_functions(
        [](size_t size) { return g_refuses ? nullptr : malloc(size); },
        [](void* memory, size_t size) {
          return g_refuses ? nullptr : realloc(memory, size);
        },
        free);
    for (;;) {
      auto hour = std::make_unique<TestEvent>(base(), -1, 0, [](short) {});
      g_refuses = true;
      bool is_full = hour->AddMicros(kHour) != 0;
      g_refuses = false;
      if (is_full) break;
      hours_.push_back(std::move(hour));
    }
    g_refuses = true;
    while (!met_) {
      event_active(before_->get(), EV_READ, 1);
      Loop(EVLOOP_ONCE);
    }
    g_refuses = false;
  }

  void Before() {
    if (!(timer_->get()->ev_evcallback.evcb_flags & EVLIST_ACTIVE)) return;
    met_ = true;
    before();
  }

  static constexpr long kHour = 3600 * 1000000L;
  static bool g_refuses;
  std::unique_ptr<TestEvent> timer_, before_, other_;
  std::vector<std::unique_ptr<TestEvent>> hours_;
  std::function<void()> before;
  bool met_ = false;
  int runs_ = 0;
};
bool FullHeapTest::g_refuses = false;

TEST_P(FullHeapTest, APersistentTimerKeepsItsPlace) {
  int added = 0;
  before = [&] { added += other_->AddMicros(kHour) == 0; };
  Turn({0, 1});
  EXPECT_GE(runs_, 1);
  EXPECT_EQ(added, 0) << "the place is taken";
  EXPECT_EQ(timer_->Pending(EV_TIMEOUT), EV_TIMEOUT);
  EXPECT_TRUE(log_.empty());
}

TEST_P(FullHeapTest, ADeletedTimerLeavesItsPlaceToOthers) {
  bool added = false;
  before = [&] {
    timer_->Del();
    added = other_->AddMicros(kHour) == 0;
  };
  Turn({0, 1});
  EXPECT_TRUE(added);
  EXPECT_EQ(timer_->Pending(EV_TIMEOUT), 0);
  EXPECT_TRUE(log_.empty());
}

TEST_P(FullHeapTest, ATimerThatIsAddedAgainBeforeItRunsTakesItsOwnPlace) {
  bool added_again = false;
  before = [&] { added_again = timer_->AddMicros(kHour) == 0; };
  Turn({0, 1});
  EXPECT_TRUE(added_again);
  EXPECT_EQ(timer_->Pending(EV_TIMEOUT), EV_TIMEOUT);
  EXPECT_EQ(other_->AddMicros(kHour), 0) << "memory is back";
}

TEST_P(FullHeapTest, ACommonTimeoutNeedsNoPlaceOfItsOwn) {
  const timeval interval = {0, 1};
  const timeval* common = event_base_init_common_timeout(base(), &interval);
  before = [&] { EXPECT_NE(other_->AddMicros(kHour), 0); };
  Turn(*common);
  EXPECT_GE(runs_, 1);
  EXPECT_EQ(timer_->Pending(EV_TIMEOUT), EV_TIMEOUT);
  g_refuses = true;
  EXPECT_EQ(event_add(other_->get(), common), 0);
  EXPECT_NE(before_->AddMicros(kHour), 0);
  g_refuses = false;
  EXPECT_TRUE(log_.empty());
}

// Whether any epoll object of this process knows `fd`.
bool IsKnownToEpoll(int fd) {
  for (int epoll_fd = 0; epoll_fd < 100; ++epoll_fd) {
    std::ifstream info("/proc/self/fdinfo/" + std::to_string(epoll_fd));
    std::string name;
    int number;
    for (std::string line; std::getline(info, line);) {
      std::istringstream words(line);
      if (words >> name >> number && name == "tfd:" && number == fd) {
        return true;
      }
    }
  }
  return false;
}

TEST_P(ScheduleTest, DeletedWhileActiveForItsTimeoutItLeavesTheKernel) {
  SocketPair pair;
  TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST, [](short) {});
  bool was_known = false;
  TestEvent before(base(), -1, 0, [&](short) {
    EXPECT_EQ(reader.Pending(EV_TIMEOUT | EV_READ), EV_TIMEOUT) << "active";
    was_known = IsKnownToEpoll(pair[0]);
    reader.Del();
  });
  before.AddMicros(0);
  reader.AddMicros(1);
  while (base()->Now() <= DeadlineOf(*reader.get())) {
  }
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(was_known, std::string(GetParam()) == "epoll");
  EXPECT_FALSE(IsKnownToEpoll(pair[0]));
}

TEST_P(ScheduleTest, AnEventThatWasNeverAssignedDoesNotBecomeActive) {
  event_set_log_callback([](int, const char*) {});
  event none = {};
  none.ev_base = base();
  event_active(&none, EV_READ, 1);
  EXPECT_EQ(event_add(&none, nullptr), -1);
  EXPECT_EQ(Loop(), 1);
  event_set_log_callback(nullptr);
}

EVOKE_ON_EVERY_BACKEND(FullHeapTest);
EVOKE_ON_EVERY_BACKEND(ScheduleTest);

}  // namespace
}  // namespace evoke::testing
