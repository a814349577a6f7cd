// SPDX-License-Identifier: BSD-3-Clause
//
// What a loop tells to those who listen, point by point.
#include "event/points.h"

#include <event2/thread.h>
#include <event2/watch.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

class PointsTest : public BackendTest {
 protected:
  // The end of the base is told too.
  void TearDown() override { base_.reset(); }

  void Listen() {
    watch_ = evoke_watch_points(
        base(),
        [](const evoke_point* point, void* arg) {
          static_cast<std::vector<evoke_point>*>(arg)->push_back(*point);
        },
        &told_);
    ASSERT_NE(watch_, nullptr);
  }

  // The kinds of all that was told so far, one letter each.
  std::string Kinds() {
    constexpr char kLetters[] = "?TWwCcADrwKE-R";
    std::string kinds;
    for (const evoke_point& point : told_) {
      // These two have tests of their own.
      if (point.kind != EVOKE_POINT_QUEUE && point.kind != EVOKE_POINT_RETURN) {
        kinds += kLetters[point.kind];
      }
    }
    return kinds;
  }
  const evoke_point* First(evoke_point_kind kind) {
    for (const evoke_point& point : told_) {
      if (point.kind == kind) return &point;
    }
    return nullptr;
  }

  std::vector<evoke_point> told_;
  evoke_watch* watch_ = nullptr;
};

TEST_P(PointsTest, ATimerIsToldFromAddingToItsEnd) {
  Listen();
  TestEvent timer(base(), -1, 0, [](short) {});
  timer.AddMicros(1000);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(Kinds(), "ATWwDCcT");
  int64_t last_ns = 0;
  for (const evoke_point& point : told_) {
    EXPECT_GE(point.time_ns, last_ns);
    last_ns = point.time_ns;
  }
  const evoke_point* added = First(EVOKE_POINT_ADD);
  EXPECT_EQ(added->object, timer.get());
  EXPECT_GE(added->value, 0);
  EXPECT_LE(added->value, 1000);
  const evoke_point* callback = First(EVOKE_POINT_CALLBACK);
  EXPECT_EQ(callback->source, EVOKE_SOURCE_EVENT);
  EXPECT_EQ(callback->object, timer.get());
  EXPECT_EQ(callback->function, added->function);
  EXPECT_EQ(callback->what, EV_TIMEOUT);
  EXPECT_GE(callback->value, 0);
  EXPECT_EQ(First(EVOKE_POINT_WAIT_DONE)->value, 0);
  EXPECT_EQ(First(EVOKE_POINT_TURN)->value, 0);
}

TEST_P(PointsTest, AReadyDescriptorIsTold) {
  SocketPair pair;
  TestEvent reader(base(), pair[0], EV_READ, [](short) {});
  reader.Add();
  pair.Write(1, "x");
  Listen();
  EXPECT_EQ(Loop(EVLOOP_ONCE), 0);
  EXPECT_EQ(Kinds(), "TWwCDc");
  EXPECT_EQ(First(EVOKE_POINT_WAIT)->value, -1);
  EXPECT_EQ(First(EVOKE_POINT_WAIT_DONE)->value, 1);
  EXPECT_EQ(First(EVOKE_POINT_CALLBACK)->fd, pair[0]);
  EXPECT_EQ(First(EVOKE_POINT_CALLBACK)->what, EV_READ);
}

TEST_P(PointsTest, ASignalIsToldAsOne) {
  TestEvent on_signal(base(), SIGUSR1, EV_SIGNAL, [](short) {});
  on_signal.Add();
  Listen();
  raise(SIGUSR1);
  EXPECT_EQ(Loop(), 1);
  bool found = false;
  for (const evoke_point& point : told_) {
    if (point.kind != EVOKE_POINT_CALLBACK) continue;
    if (point.source != EVOKE_SOURCE_SIGNAL) continue;
    EXPECT_EQ(point.fd, SIGUSR1);
    found = true;
  }
  EXPECT_TRUE(found);
}

TEST_P(PointsTest, WhoListensNoMoreIsToldNothing) {
  Listen();
  evoke_unwatch_points(watch_);
  evoke_unwatch_points(nullptr);
  TestEvent timer(base(), -1, 0, [](short) {});
  timer.AddMicros(0);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(Kinds(), "");
}

TEST_P(PointsTest, TheEndOfTheBaseIsTold) {
  Listen();
  base_.reset();
  EXPECT_EQ(Kinds(), "E");
}

TEST_P(PointsTest, AForksChildTellsNothing) {
  Listen();
  pid_t child = fork();
  if (child == 0) {
    event_reinit(base());
    event_base_loop(base(), EVLOOP_NONBLOCK);
    _exit(told_.empty() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_P(PointsTest, AWakeUpIsToldOnce) {
  ASSERT_EQ(evthread_use_pthreads(), 0);
  base_ = NewBase(GetParam());
  Listen();
  std::thread loop([&] { Loop(EVLOOP_NO_EXIT_ON_EMPTY); });
  for (;;) {
    MutexLock lock(base()->lock);
    if (base()->waiting) break;
  }
  event_base_loopbreak(base());
  event_base_loopbreak(base());
  loop.join();
  EXPECT_EQ(First(EVOKE_POINT_WAKE) != nullptr, true);
  EXPECT_EQ(base()->stats.wakeups, 1u);
}

TEST_P(PointsTest, BadArgumentsAreErrors) {
  EXPECT_EQ(evoke_watch_points(nullptr, nullptr, nullptr), nullptr);
  EXPECT_EQ(evoke_watch_points(base(), nullptr, nullptr), nullptr);
  EXPECT_EQ(evoke_trace_start(nullptr, "x"), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(evoke_trace_start(base(), ""), -1);
  EXPECT_EQ(evoke_trace_stop(base()), -1);
  EXPECT_EQ(evoke_trace_stop(nullptr), -1);
  EXPECT_EQ(evoke_warn_slow(nullptr, 1), -1);
  EXPECT_EQ(evoke_warn_slow(base(), -1), -1);
  EXPECT_EQ(evoke_warn_slow(base(), 0), 0);
}

TEST_P(PointsTest, ABaseHasOneTrace) {
  const char* directory = getenv("TEST_TMPDIR");
  std::string path = std::string(directory != nullptr ? directory : "/tmp") +
                     "/points." + GetParam();
  EXPECT_EQ(evoke_trace_start(base(), path.c_str()), 0);
  EXPECT_EQ(evoke_trace_start(base(), path.c_str()), -1);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_EQ(evoke_trace_stop(base()), 0);
  EXPECT_EQ(evoke_trace_stop(base()), -1);
  EXPECT_EQ(evoke_trace_start(base(), path.c_str()), 0);
  base_.reset();
  std::ifstream file(path);
  EXPECT_TRUE(file.good());
  unlink(path.c_str());
}

std::vector<std::string> g_lines;

TEST_P(PointsTest, ASlowCallbackIsLogged) {
  g_lines.clear();
  event_set_log_callback(
      [](int, const char* line) { g_lines.emplace_back(line); });
  EXPECT_EQ(evoke_warn_slow(base(), 1), 0);
  EXPECT_EQ(evoke_warn_slow(base(), 2), 0);
  TestEvent timer(base(), -1, 0, [](short) {
    int64_t end_us = MonotonicMicros() + 3000;
    while (MonotonicMicros() < end_us) {
    }
  });
  timer.AddMicros(0);
  EXPECT_EQ(Loop(), 1);
  ASSERT_FALSE(g_lines.empty());
  EXPECT_NE(g_lines[0].find("slow callback"), std::string::npos);
  EXPECT_EQ(evoke_warn_slow(base(), 0), 0);
  g_lines.clear();
  timer.AddMicros(0);
  EXPECT_EQ(Loop(), 1);
  EXPECT_TRUE(g_lines.empty());
  event_set_log_callback(nullptr);
}

TEST_P(PointsTest, TheEnvironmentIsAskedUnlessTheBaseIgnoresIt) {
  setenv("EVOKE_SLOW_MS", "5", 1);
  EXPECT_TRUE(NewBase(GetParam())->points.watched());
  EXPECT_FALSE(
      NewBase(GetParam(), EVENT_BASE_FLAG_IGNORE_ENV)->points.watched());
  event_set_log_callback([](int, const char*) {});
  setenv("EVOKE_SLOW_MS", "5x", 1);
  EXPECT_FALSE(NewBase(GetParam())->points.watched());
  event_set_log_callback(nullptr);
  unsetenv("EVOKE_SLOW_MS");
}

TEST_P(PointsTest, QueuesAreToldBeforeTheFirstCallbackOfATurn) {
  event_base_priority_init(base(), 3);
  Listen();
  TestEvent urgent(base(), -1, 0, [](short) {});
  TestEvent idle1(base(), -1, 0, [](short) {});
  TestEvent idle2(base(), -1, 0, [](short) {});
  event_priority_set(urgent.get(), 0);
  event_priority_set(idle1.get(), 2);
  event_priority_set(idle2.get(), 2);
  for (TestEvent* ev : {&urgent, &idle1, &idle2}) {
    event_active(ev->get(), EV_TIMEOUT, 1);
  }
  EXPECT_EQ(Loop(), 1);
  std::string queues;
  for (const evoke_point& point : told_) {
    if (point.kind == EVOKE_POINT_TURN) queues += "T";
    if (point.kind == EVOKE_POINT_CALLBACK) queues += "C";
    if (point.kind == EVOKE_POINT_QUEUE) {
      queues += " " + std::to_string(point.what) + ":" +
                std::to_string(point.value) + " ";
    }
  }
  EXPECT_EQ(queues, "T 0:1  2:2 CT 2:2 CCT");
}

TEST_P(PointsTest, WatchersAreToldAsCallbacksOfTheTurn) {
  Listen();
  auto prepare = [](evwatch*, const evwatch_prepare_cb_info*, void*) {};
  auto check = [](evwatch*, const evwatch_check_cb_info*, void*) {};
  evwatch* before = evwatch_prepare_new(base(), +prepare, nullptr);
  evwatch* after = evwatch_check_new(base(), +check, nullptr);
  Loop(EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
  ASSERT_EQ(Kinds(), "TCcWwCc");
  EXPECT_EQ(told_[1].source, EVOKE_SOURCE_WATCHER);
  EXPECT_EQ(told_[1].function, reinterpret_cast<evoke_function>(+prepare));
  EXPECT_EQ(told_[1].object, before);
  EXPECT_EQ(told_[1].fd, -1);
  EXPECT_EQ(told_[5].function, reinterpret_cast<evoke_function>(+check));
  EXPECT_EQ(told_[5].object, after);
  evwatch_free(before);
  evwatch_free(after);
}

TEST_P(PointsTest, TheLoopsReturnIsTold) {
  Listen();
  Loop(EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
  Loop(EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
  std::vector<int> kinds;
  for (const evoke_point& point : told_) kinds.push_back(point.kind);
  EXPECT_EQ(kinds,
            std::vector<int>({EVOKE_POINT_TURN, EVOKE_POINT_WAIT,
                              EVOKE_POINT_WAIT_DONE, EVOKE_POINT_RETURN,
                              EVOKE_POINT_TURN, EVOKE_POINT_WAIT,
                              EVOKE_POINT_WAIT_DONE, EVOKE_POINT_RETURN}));
}

TEST_P(PointsTest, AnEventThatLosesItsTimeoutIsTold) {
  Listen();
  SocketPair pair;
  TestEvent reads(base(), pair[0], EV_READ, [](short) {});
  TestEvent timer(base(), -1, 0, [](short) {});
  reads.AddMicros(1000000);
  timer.AddMicros(1000000);
  event_remove_timer(reads.get());
  event_remove_timer(reads.get());  // it has none
  event_remove_timer(timer.get());
  EXPECT_EQ(Kinds(), "AAAD");
  EXPECT_EQ(told_[2].object, reads.get());
  EXPECT_EQ(told_[2].value, -1);
  EXPECT_EQ(told_[3].object, timer.get());
}

EVOKE_ON_EVERY_BACKEND(PointsTest);

}  // namespace
}  // namespace evoke::testing
