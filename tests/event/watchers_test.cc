// SPDX-License-Identifier: BSD-3-Clause
//
// Callbacks around the wait: when they run, what they are told, and what they
// may do.
#include "event/watchers.h"

#include <event2/thread.h>
#include <event2/watch.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

// A watcher whose callback is a std::function. Freed with this object unless it
// was before.
class TestWatcher {
 public:
  using Prepare = std::function<void(const evwatch_prepare_cb_info*)>;
  using Check = std::function<void()>;

  TestWatcher(event_base* base, Prepare callback)
      : prepare_(std::move(callback)),
        watcher_(evwatch_prepare_new(base, &TestWatcher::RunPrepare, this)) {}
  TestWatcher(event_base* base, Check callback)
      : check_(std::move(callback)),
        watcher_(evwatch_check_new(base, &TestWatcher::RunCheck, this)) {}
  TestWatcher(const TestWatcher&) = delete;
  TestWatcher& operator=(const TestWatcher&) = delete;
  ~TestWatcher() { Free(); }

  void Free() {
    if (watcher_ != nullptr) evwatch_free(watcher_);
    watcher_ = nullptr;
  }
  evwatch* get() const { return watcher_; }

 private:
  static void RunPrepare(evwatch* watcher, const evwatch_prepare_cb_info* info,
                         void* arg) {
    auto* self = static_cast<TestWatcher*>(arg);
    EXPECT_EQ(watcher, self->watcher_);
    self->prepare_(info);
  }
  static void RunCheck(evwatch* watcher, const evwatch_check_cb_info* info,
                       void* arg) {
    auto* self = static_cast<TestWatcher*>(arg);
    EXPECT_EQ(watcher, self->watcher_);
    EXPECT_NE(info, nullptr);
    self->check_();
  }

  Prepare prepare_;
  Check check_;
  evwatch* watcher_;
};

class WatchersTest : public BackendTest {
 protected:
  TestWatcher::Prepare NotePrepare(const char* what) {
    return [this, what](const evwatch_prepare_cb_info*) { seen_ += what; };
  }
  TestWatcher::Check NoteCheck(const char* what) {
    return [this, what] { seen_ += what; };
  }

  std::string seen_;
};

TEST_P(WatchersTest, PrepareThenWaitThenCheckThenCallbacks) {
  TestWatcher check(base(), NoteCheck("check "));
  TestWatcher prepare(base(), NotePrepare("prepare "));
  TestEvent timer(base(), -1, 0, [&](short) { seen_ += "timer "; });
  timer.AddMicros(1000);
  EXPECT_EQ(Loop(EVLOOP_ONCE), 0);
  // The wait may end before the timer is due, by the clock's grain.
  size_t turns = seen_.find("timer ") / std::string("prepare check ").size();
  std::string expected;
  for (size_t i = 0; i < turns; ++i) expected += "prepare check ";
  EXPECT_EQ(seen_, expected + "timer ");
  EXPECT_EQ(evwatch_base(check.get()), base());
}

TEST_P(WatchersTest, TheyRunInTheOrderOfMakingAndKeepNoLoopAlive) {
  TestWatcher first(base(), NotePrepare("1"));
  TestWatcher second(base(), NotePrepare("2"));
  TestWatcher third(base(), NotePrepare("3"));
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(seen_, "");
  EXPECT_EQ(Loop(EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY), 0);
  EXPECT_EQ(seen_, "123");
}

TEST_P(WatchersTest, PrepareIsToldHowLongTheWaitWillBe) {
  int result = -1;
  timeval timeout = {};
  TestWatcher prepare(base(), [&](const evwatch_prepare_cb_info* info) {
    timeout = {77, 77};
    result = evwatch_prepare_get_timeout(info, &timeout);
    event_base_loopbreak(base());
  });
  SocketPair pair;
  TestEvent reader(base(), pair[0], EV_READ, [](short) {});
  reader.Add();
  EXPECT_EQ(Loop(), 0);
  EXPECT_EQ(result, 0) << "no limit";
  EXPECT_EQ(timeout.tv_sec, 77);

  TestEvent timer(base(), -1, 0, [](short) {});
  timer.AddMicros(3600 * 1000000L);
  EXPECT_EQ(Loop(), 0);
  EXPECT_EQ(result, 1);
  EXPECT_GE(timeout.tv_sec, 3590);
  EXPECT_LE(timeout.tv_sec, 3600);

  EXPECT_EQ(Loop(EVLOOP_NONBLOCK), 0);
  EXPECT_EQ(result, 1);
  EXPECT_EQ(timeout.tv_sec, 0);
  EXPECT_EQ(timeout.tv_usec, 0);
}

// Without a second look at the timers the loop would wait for an hour.
TEST_P(WatchersTest, WhatPrepareAddsCountsForThisWait) {
  TestEvent hour(base(), -1, 0, [](short) {});
  hour.AddMicros(3600 * 1000000L);
  TestEvent soon(base(), -1, 0, [&](short) { seen_ += "soon"; });
  TestWatcher prepare(
      base(), [&](const evwatch_prepare_cb_info*) { soon.AddMicros(1); });
  EXPECT_EQ(Loop(EVLOOP_ONCE), 0);
  EXPECT_EQ(seen_, "soon");
}

TEST_P(WatchersTest, WhatPrepareDeletesIsNotWaitedFor) {
  TestEvent hour(base(), -1, 0, [](short) {});
  hour.AddMicros(3600 * 1000000L);
  TestWatcher prepare(base(),
                      [&](const evwatch_prepare_cb_info*) { hour.Del(); });
  EXPECT_EQ(Loop(), 1);
}

TEST_P(WatchersTest, WhatIsActivatedInACheckRunsInTheSameTurn) {
  TestEvent ev(base(), -1, 0, [&](short) { seen_ += "ran"; });
  TestWatcher check(base(), [&] {
    if (seen_.empty()) event_active(ev.get(), EV_READ, 1);
  });
  EXPECT_EQ(Loop(EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY), 0);
  EXPECT_EQ(seen_, "ran");
}

TEST_P(WatchersTest, ABreakInEitherIsObeyedAtOnce) {
  SocketPair pair;
  TestEvent reader(base(), pair[0], EV_READ, [&](short) { seen_ += "read"; });
  reader.Add();
  pair.Write(1, "x");
  {
    TestWatcher check(base(), [&] { event_base_loopbreak(base()); });
    EXPECT_EQ(Loop(), 0);
    EXPECT_EQ(seen_, "");
  }
  pair.Read(0);
  // Would wait for ever.
  TestWatcher prepare(base(), [&](const evwatch_prepare_cb_info*) {
    event_base_loopbreak(base());
  });
  EXPECT_EQ(Loop(), 0);
  EXPECT_EQ(event_base_got_break(base()), 1);
}

TEST_P(WatchersTest, OneMayFreeItselfItsNeighboursAndAll) {
  for (int freed = 0; freed < 8; ++freed) {
    seen_.clear();
    TestWatcher* all[3] = {};
    TestWatcher first(base(), NotePrepare("1"));
    TestWatcher second(base(), [&](const evwatch_prepare_cb_info*) {
      seen_ += "2";
      for (int i : {1, 2, 0}) {
        if (freed & (1 << i)) all[i]->Free();
      }
    });
    TestWatcher third(base(), NotePrepare("3"));
    TestWatcher fourth(base(), NotePrepare("4"));
    all[0] = &first;
    all[1] = &second;
    all[2] = &third;
    constexpr int kFlags = EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY;
    Loop(kFlags);
    EXPECT_EQ(seen_, freed & 4 ? "124" : "1234") << freed;
    seen_.clear();
    Loop(kFlags);
    std::string left;
    for (int i : {0, 1, 2}) {
      if (!(freed & (1 << i))) left += std::to_string(i + 1);
    }
    EXPECT_EQ(seen_, left + "4") << freed;
  }
}

TEST_P(WatchersTest, OneThatIsMadeInACallbackRunsToo) {
  std::unique_ptr<TestWatcher> second;
  TestWatcher first(base(), [&](const evwatch_prepare_cb_info*) {
    seen_ += "1";
    second = std::make_unique<TestWatcher>(base(), NotePrepare("2"));
  });
  Loop(EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
  EXPECT_EQ(seen_, "12");
}

TEST_P(WatchersTest, TheBaseFreesWhatIsLeft) {
  // The leak check of the sanitizer run is the test.
  evwatch_check_new(
      base(), [](evwatch*, const evwatch_check_cb_info*, void*) {}, nullptr);
  evwatch_prepare_new(
      base(), [](evwatch*, const evwatch_prepare_cb_info*, void*) {}, nullptr);
  base_.reset();
}

TEST_P(WatchersTest, NothingInPlaceOfAnArgumentIsRefused) {
  event_set_log_callback([](int, const char*) {});
  timeval timeout;
  EXPECT_EQ(evwatch_prepare_new(base(), nullptr, nullptr), nullptr);
  EXPECT_EQ(evwatch_check_new(base(), nullptr, nullptr), nullptr);
  EXPECT_EQ(evwatch_check_new(
                nullptr, [](evwatch*, const evwatch_check_cb_info*, void*) {},
                nullptr),
            nullptr);
  EXPECT_EQ(evwatch_base(nullptr), nullptr);
  EXPECT_EQ(evwatch_prepare_get_timeout(nullptr, &timeout), 0);
  evwatch_free(nullptr);
  event_set_log_callback(nullptr);
}

// The last ones, since threading cannot be turned off again.
class WatchersThreadTest : public BackendTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(evthread_use_pthreads(), 0);
    BackendTest::SetUp();
  }

  // Turns without end, until Stop().
  void Run() {
    turns_ = 0;
    timer_ = std::make_unique<TestEvent>(base(), -1, EV_PERSIST,
                                         [this](short) { ++turns_; });
    timer_->AddMicros(1);
    loop_ = std::thread([this] { Loop(); });
  }
  void AwaitTurn() {
    while (turns_ == 0) std::this_thread::yield();
  }
  // Also before the loop has begun.
  void Stop() {
    event_base_loopexit(base(), nullptr);
    loop_.join();
    timer_.reset();
  }

 private:
  std::unique_ptr<TestEvent> timer_;
  std::atomic<int> turns_ = 0;
  std::thread loop_;
};

// Calls `test` for prepare and for check watchers, with what makes one of a
// function.
template <typename Test>
void OnBothKinds(event_base* base, Test test) {
  test([base](std::function<void()> f) {
    return std::make_unique<TestWatcher>(
        base,
        TestWatcher::Prepare([f](const evwatch_prepare_cb_info*) { f(); }));
  });
  test([base](std::function<void()> f) {
    return std::make_unique<TestWatcher>(base, TestWatcher::Check(f));
  });
}

TEST_P(WatchersThreadTest, AnotherThreadReachesTheBaseWhileOneRuns) {
  TestEvent never(base(), -1, 0, [](short) {});
  bool is_added = false;
  TestWatcher prepare(base(), [&](const evwatch_prepare_cb_info*) {
    std::thread other([&] {
      is_added = never.AddMicros(3600 * 1000000L) == 0;
      event_base_loopbreak(base());
    });
    other.join();
  });
  EXPECT_EQ(Loop(EVLOOP_NO_EXIT_ON_EMPTY), 0);
  EXPECT_TRUE(is_added);
}

TEST_P(WatchersThreadTest, FreeingWaitsForTheCallbackThatRunsElsewhere) {
  OnBothKinds(base(), [this](auto new_watcher) {
    std::atomic<bool> has_begun = false;
    int runs = 0;
    bool is_over = false;  // not atomic: who frees it may look at it
    auto watcher = new_watcher([&] {
      ++runs;
      has_begun = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      is_over = true;
    });
    // The next is not skipped, and is freed as well.
    std::atomic<int> others = 0;
    auto other = new_watcher([&] { ++others; });
    Run();
    while (!has_begun) std::this_thread::yield();
    watcher.reset();
    EXPECT_TRUE(is_over);
    const int runs_then = runs;
    const int others_then = others;
    while (others < others_then + 3) std::this_thread::yield();
    other.reset();
    EXPECT_EQ(runs, runs_then);
    Stop();
  });
}

void Count(evwatch*, const evwatch_prepare_cb_info*, void* arg) {
  ++*static_cast<int*>(arg);
}
void Count(evwatch*, const evwatch_check_cb_info*, void* arg) {
  ++*static_cast<int*>(arg);
}

TEST_P(WatchersThreadTest, WhatTheCallbackUsesMayBeFreedAfterIt) {
  Run();
  AwaitTurn();
  for (int i = 0; i < 400; ++i) {
    auto used = std::make_unique<int>(0);
    evwatch* watcher = i % 2 != 0
                           ? evwatch_prepare_new(base(), Count, used.get())
                           : evwatch_check_new(base(), Count, used.get());
    for (int turn = 0; turn < i % 7; ++turn) std::this_thread::yield();
    evwatch_free(watcher);
  }
  Stop();
}

TEST_P(WatchersThreadTest, NobodyWaitsForAnotherWatchersCallback) {
  OnBothKinds(base(), [this](auto new_watcher) {
    std::atomic<bool> has_begun = false, may_end = false;
    auto watcher = new_watcher([&] {
      has_begun = true;
      while (!may_end) std::this_thread::yield();
    });
    auto other = new_watcher([] {});
    Run();
    while (!has_begun) std::this_thread::yield();
    other.reset();
    may_end = true;
    Stop();
  });
}

TEST_P(WatchersThreadTest, FreeingItselfInTheCallbackDoesNotWait) {
  OnBothKinds(base(), [this](auto new_watcher) {
    std::unique_ptr<TestWatcher> watcher;
    int runs = 0;
    watcher = new_watcher([&] {
      ++runs;
      watcher->Free();
    });
    Loop(EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
    Loop(EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
    EXPECT_EQ(runs, 1);
  });
}

// Where the callback never ends.
TEST_P(WatchersThreadTest, AForksChildDoesNotWait) {
  OnBothKinds(base(), [this](auto new_watcher) {
    std::atomic<bool> has_begun = false, may_end = false;
    int runs = 0;
    auto watcher = new_watcher([&] {
      ++runs;
      has_begun = true;
      while (!may_end) std::this_thread::yield();
    });
    auto other = new_watcher([] {});
    Run();
    while (!has_begun) std::this_thread::yield();
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      watcher.reset();
      other.reset();
      runs = 0;
      int result = Loop(EVLOOP_ONCE | EVLOOP_NONBLOCK);
      _exit(result == 0 && runs == 0 ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    may_end = true;
    watcher.reset();
    Stop();
  });
}

EVOKE_ON_EVERY_BACKEND(WatchersTest);
EVOKE_ON_EVERY_BACKEND(WatchersThreadTest);

}  // namespace
}  // namespace evoke::testing
