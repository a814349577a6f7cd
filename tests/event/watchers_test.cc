// SPDX-License-Identifier: BSD-3-Clause
//
// Callbacks around the wait: when they run, what they are told, and what they
// may do.
#include "event/watchers.h"

#include <event2/thread.h>
#include <event2/watch.h>

#include <functional>
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

// Last, since threading cannot be turned off again.
TEST_P(WatchersTest, WithThreads) {
  ASSERT_EQ(evthread_use_pthreads(), 0);
  Base base = NewBase(GetParam());
  TestEvent never(base.get(), -1, 0, [](short) {});
  // Another thread reaches the base while a watcher runs, and frees it.
  TestWatcher* prepare_address = nullptr;
  bool is_added = false;
  TestWatcher prepare(base.get(), [&](const evwatch_prepare_cb_info*) {
    std::thread other([&] {
      is_added = never.AddMicros(3600 * 1000000L) == 0;
      prepare_address->Free();
      event_base_loopbreak(base.get());
    });
    other.join();
  });
  prepare_address = &prepare;
  EXPECT_EQ(event_base_loop(base.get(), EVLOOP_NO_EXIT_ON_EMPTY), 0);
  EXPECT_TRUE(is_added);
  EXPECT_EQ(prepare.get(), nullptr);
}

EVOKE_ON_EVERY_BACKEND(WatchersTest);

}  // namespace
}  // namespace evoke::testing
