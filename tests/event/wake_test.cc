// SPDX-License-Identifier: BSD-3-Clause
//
// A base that other threads call into: who wakes the loop, what it costs, and
// whom event_del() waits for.
#include "event/wake.h"

#include <event2/thread.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "event/event_base.h"
#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

class WakeTest : public BackendTest {
 protected:
  static void SetUpTestSuite() { ASSERT_EQ(evthread_use_pthreads(), 0); }

  // Runs the loop in a thread of its own until it ends by itself.
  std::thread StartLoop(int flags = 0) {
    return std::thread([this, flags] { event_base_loop(base(), flags); });
  }

  bool IsWaiting() {
    MutexLock lock(base()->lock);
    return base()->waiting;
  }
  void AwaitWaiting() {
    while (!IsWaiting()) std::this_thread::yield();
  }

  bool TellsEdges() const {
    return event_base_get_features(base()) & EV_FEATURE_ET;
  }
};

// Blocks a callback until it is let go; no time is involved.
class Gate {
 public:
  void Enter() {
    entered_ = true;
    while (!open_) std::this_thread::yield();
  }
  void AwaitEntered() {
    while (!entered_) std::this_thread::yield();
  }
  void Open() { open_ = true; }

 private:
  std::atomic<bool> entered_{false};
  std::atomic<bool> open_{false};
};

TEST_P(WakeTest, OneThreadAloneHasNoEventfdWhereTheBackendBearsChanges) {
  int fired = 0;
  TestEvent timer(base(), -1, 0, [&](short) { ++fired; });
  timer.AddMicros(1);
  EXPECT_EQ(event_base_dispatch(base()), 1);
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(base()->wake_fd >= 0, !TellsEdges());
}

TEST_P(WakeTest, AnActivationFromAnotherThreadRunsAtOnce) {
  std::thread::id ran_in;
  TestEvent event(base(), -1, EV_PERSIST, [&](short what) {
    EXPECT_EQ(what, EV_READ);
    ran_in = std::this_thread::get_id();
    event_base_loopbreak(base());
  });
  std::thread loop = StartLoop(EVLOOP_NO_EXIT_ON_EMPTY);
  std::thread::id loop_id = loop.get_id();
  AwaitWaiting();
  event_active(event.get(), EV_READ, 0);
  loop.join();
  EXPECT_EQ(ran_in, loop_id);
  EXPECT_GE(base()->wake_fd, 0);
}

TEST_P(WakeTest, ATimerFromAnotherThreadShortensTheWait) {
  TestEvent late(base(), -1, 0, [&](short) { ADD_FAILURE(); });
  ASSERT_EQ(late.AddMicros(3600L * 1000000), 0);
  TestEvent early(base(), -1, 0, [&](short) { event_base_loopbreak(base()); });
  std::thread loop = StartLoop();
  AwaitWaiting();
  ASSERT_EQ(early.AddMicros(1), 0);
  loop.join();
  EXPECT_TRUE(event_base_got_break(base()));
  late.Del();
}

TEST_P(WakeTest, ATimerThatIsNotTheFirstWakesNobody) {
  TestEvent early(base(), -1, 0, [&](short) { ADD_FAILURE(); });
  TestEvent late(base(), -1, 0, [&](short) { ADD_FAILURE(); });
  ASSERT_EQ(early.AddMicros(3600L * 1000000), 0);
  std::thread loop = StartLoop();
  AwaitWaiting();
  ASSERT_EQ(late.AddMicros(7200L * 1000000), 0);
  {
    MutexLock lock(base()->lock);
    EXPECT_FALSE(base()->wake_sent);
  }
  event_base_loopbreak(base());
  loop.join();
  early.Del();
  late.Del();
}

TEST_P(WakeTest, ADescriptorFromAnotherThreadIsWatched) {
  SocketPair sockets;
  TestEvent reader(base(), sockets[0], EV_READ,
                   [&](short) { event_base_loopbreak(base()); });
  std::thread loop = StartLoop(EVLOOP_NO_EXIT_ON_EMPTY);
  AwaitWaiting();
  ASSERT_EQ(reader.Add(), 0);
  ASSERT_EQ(write(sockets[1], "x", 1), 1);
  loop.join();
  EXPECT_TRUE(event_base_got_break(base()));
}

// Added, deleted and its number reused while the loop waits.
TEST_P(WakeTest, ADescriptorThatWasClosedMeanwhileFiresNoMore) {
  TestEvent keeper(base(), -1, 0, [&](short) { ADD_FAILURE(); });
  keeper.AddMicros(3600L * 1000000);
  std::thread loop = StartLoop();
  AwaitWaiting();
  for (int round = 0; round < 100; ++round) {
    SocketPair sockets;
    TestEvent reader(base(), sockets[0], EV_READ,
                     [&](short) { ADD_FAILURE(); });
    ASSERT_EQ(reader.Add(), 0);
    ASSERT_EQ(reader.Del(), 0);
    ASSERT_EQ(write(sockets[1], "x", 1), 1);
  }
  event_base_loopbreak(base());
  loop.join();
  keeper.Del();
}

TEST_P(WakeTest, ABurstCostsOneWrite) {
  constexpr int kEvents = 100;
  int ran = 0;
  std::vector<std::unique_ptr<TestEvent>> events;
  for (int i = 0; i < kEvents; ++i) {
    events.push_back(std::make_unique<TestEvent>(base(), -1, 0, [&](short) {
      if (++ran == kEvents) event_base_loopbreak(base());
    }));
  }
  {
    MutexLock lock(base()->lock);
    ASSERT_EQ(MakeNotifiable(base()), 0);
  }
  int wake_fd = base()->wake_fd;
  std::thread loop = StartLoop(EVLOOP_NO_EXIT_ON_EMPTY);
  AwaitWaiting();
  uint64_t writes = 0;
  {
    // As long as the lock is held, the loop is in this wait.
    MutexLock lock(base()->lock);
    for (auto& event : events) ActivateEvent(event->get(), EV_READ, 0);
    // An eventfd counts what is written.
    ASSERT_EQ(read(wake_fd, &writes, sizeof(writes)),
              static_cast<ssize_t>(sizeof(writes)));
    uint64_t one = 1;
    ASSERT_EQ(write(wake_fd, &one, sizeof(one)),
              static_cast<ssize_t>(sizeof(one)));
  }
  EXPECT_EQ(writes, 1u);
  loop.join();
  EXPECT_EQ(ran, kEvents);
}

TEST_P(WakeTest, WhileACallbackRunsNobodyNeedsToWake) {
  Gate gate;
  int ran = 0;
  TestEvent slow(base(), -1, 0, [&](short) { gate.Enter(); });
  TestEvent other(base(), -1, 0, [&](short) { ++ran; });
  event_active(slow.get(), EV_READ, 0);
  std::thread loop = StartLoop();
  gate.AwaitEntered();
  int fd_before = base()->wake_fd;
  event_active(other.get(), EV_READ, 0);
  EXPECT_FALSE(base()->wake_sent);
  EXPECT_EQ(base()->wake_fd, fd_before);
  gate.Open();
  loop.join();
  EXPECT_EQ(ran, 1);
}

TEST_P(WakeTest, LoopexitFromAnotherThreadEndsTheLoop) {
  std::thread loop = StartLoop(EVLOOP_NO_EXIT_ON_EMPTY);
  AwaitWaiting();
  EXPECT_EQ(event_base_loopexit(base(), nullptr), 0);
  loop.join();
  EXPECT_TRUE(event_base_got_exit(base()));
}

TEST_P(WakeTest, DeletingTheLastEventElsewhereEndsTheLoop) {
  SocketPair sockets;
  TestEvent reader(base(), sockets[0], EV_READ, [](short) {});
  TestEvent timer(base(), -1, 0, [](short) {});
  reader.Add();
  timer.AddMicros(3600L * 1000000);
  std::thread loop = StartLoop();
  AwaitWaiting();
  reader.Del();
  timer.Del();
  loop.join();
}

TEST_P(WakeTest, EventDelWaitsForTheCallbackThatRunsElsewhere) {
  Gate gate;
  std::atomic<bool> done{false};
  TestEvent event(base(), -1, 0, [&](short) {
    gate.Enter();
    done = true;
  });
  event_active(event.get(), EV_READ, 0);
  std::thread loop = StartLoop();
  gate.AwaitEntered();
  std::thread deleter([&] {
    EXPECT_EQ(event_del(event.get()), 0);
    EXPECT_TRUE(done);
  });
  // The deleter is known to wait before the callback goes on.
  for (;;) {
    MutexLock lock(base()->lock);
    if (base()->waiters != nullptr) break;
  }
  gate.Open();
  deleter.join();
  loop.join();
}

TEST_P(WakeTest, NoblockAndFinalizableEventsAreNotWaitedFor) {
  Gate gate;
  TestEvent event(base(), -1, EV_FINALIZE, [&](short) { gate.Enter(); });
  event_active(event.get(), EV_READ, 0);
  std::thread loop = StartLoop();
  gate.AwaitEntered();
  EXPECT_EQ(event_del(event.get()), 0);  // or the gate never opens
  EXPECT_EQ(event_del_noblock(event.get()), 0);
  gate.Open();
  loop.join();
}

TEST_P(WakeTest, EventDelInTheCallbackItselfDoesNotWait) {
  TestEvent event(base(), -1, EV_PERSIST, [&](short) {
    EXPECT_EQ(event_del(event.get()), 0);
    EXPECT_EQ(event_del_block(event.get()), 0);
  });
  event_active(event.get(), EV_READ, 0);
  StartLoop().join();
}

// libevent's #225: the callback adds its event again while event_del() waits
// for it, so that it can start once more after event_del() has returned.
TEST_P(WakeTest, AfterEventDelTheCallbackDoesNotStartOnceMore) {
  for (int round = 0; round < 50; ++round) {
    Gate gate;
    std::atomic<bool> deleted{false};
    TestEvent event(base(), -1, 0, [&](short) {
      EXPECT_FALSE(deleted);
      gate.Enter();
      event_active(event.get(), EV_READ, 0);
      timeval now = {0, 0};
      event_add(event.get(), &now);
    });
    event_active(event.get(), EV_READ, 0);
    std::thread loop = StartLoop();
    gate.AwaitEntered();
    std::thread deleter([&] {
      EXPECT_EQ(event_del(event.get()), 0);
      deleted = true;
      EXPECT_EQ(event.Pending(EV_TIMEOUT | EV_READ), 0);
    });
    for (;;) {
      MutexLock lock(base()->lock);
      if (base()->waiters != nullptr) break;
    }
    gate.Open();
    deleter.join();
    loop.join();
  }
}

// As event_del() lets go of the lock to wait, the callback may free its event.
TEST_P(WakeTest, TheCallbackMayFreeTheEventThatIsWaitedFor) {
  struct State {
    Gate gate;
    event* ev;
    bool finalize;
    int finalized = 0;
  };
  for (bool finalize : {false, true}) {
    State state;
    state.finalize = finalize;
    state.ev = event_new(
        base(), -1, 0,
        [](evutil_socket_t, short, void* arg) {
          auto* state = static_cast<State*>(arg);
          state->gate.Enter();
          timeval now = {0, 0};
          event_add(state->ev, &now);
          if (!state->finalize) {
            event_free(state->ev);
            return;
          }
          event_free_finalize(0, state->ev, [](event*, void* arg) {
            ++static_cast<State*>(arg)->finalized;
          });
        },
        &state);
    event_active(state.ev, EV_READ, 0);
    std::thread loop = StartLoop();
    state.gate.AwaitEntered();
    std::thread deleter([&] { EXPECT_EQ(event_del_block(state.ev), 0); });
    for (;;) {
      MutexLock lock(base()->lock);
      if (base()->waiters != nullptr) break;
    }
    state.gate.Open();
    deleter.join();
    loop.join();
    EXPECT_EQ(state.finalized, finalize ? 1 : 0);
  }
}

// Behaviour 24, with threads: there is no base to take the lock of.
TEST_P(WakeTest, AnEventMayOutliveItsBase) {
  Base other = NewBase(GetParam());
  event* idle = event_new(
      other.get(), -1, 0, [](int, short, void*) {}, nullptr);
  event* pending = event_new(
      other.get(), -1, 0, [](int, short, void*) {}, nullptr);
  timeval hour = {3600, 0};
  event_add(pending, &hour);
  other.reset();
  EXPECT_EQ(event_del(idle), 0);
  event_free(idle);
  event_free(pending);
}

// The child of a process whose loop waits in another thread: nobody waits in
// the child, and the eventfd is the parent's.
TEST_P(WakeTest, AChildDoesNotWakeItsParent) {
  {
    MutexLock lock(base()->lock);
    ASSERT_EQ(MakeNotifiable(base()), 0);
  }
  std::thread loop = StartLoop(EVLOOP_NO_EXIT_ON_EMPTY);
  AwaitWaiting();
  pid_t child;
  {
    // With the lock, lest the loop's thread holds it at that moment.
    MutexLock lock(base()->lock);
    child = fork();
  }
  if (child == 0) {
    int ran = 0;
    TestEvent event(base(), -1, 0, [&](short) { ++ran; });
    event_active(event.get(), EV_READ, 0);
    _exit(event_base_loop(base(), EVLOOP_ONCE) == 0 && ran == 1 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  uint64_t writes = 0;
  EXPECT_LT(read(base()->wake_fd, &writes, sizeof(writes)), 0);
  EXPECT_TRUE(IsWaiting());
  event_base_loopbreak(base());
  loop.join();
}

// The child of a process whose loop runs a callback in another thread, for
// whose end a third one waits: there is no loop in the child, and no callback
// whose end could be waited for.
TEST_P(WakeTest, AChildHasNoPartInTheCallbackOfItsParentsThread) {
  Gate gate;
  TestEvent running(base(), -1, EV_PERSIST, [&](short) { gate.Enter(); });
  event_active(running.get(), EV_READ, 0);
  std::thread loop = StartLoop(EVLOOP_NO_EXIT_ON_EMPTY);
  gate.AwaitEntered();
  std::thread waiter([&] { event_del(running.get()); });
  const auto is_waited_for = [this] {
    MutexLock lock(base()->lock);
    return base()->waiters != nullptr;
  };
  while (!is_waited_for()) std::this_thread::yield();

  const auto use_loop = [&] {
    int ran = 0;
    TestEvent event(base(), -1, 0, [&](short) { ++ran; });
    event_active(event.get(), EV_READ, 0);
    return event_base_loop(base(), EVLOOP_ONCE) == 0 && ran == 1;
  };
  const std::function<bool()> uses[] = {
      use_loop,
      [&] { return event_reinit(base()) == 0 && use_loop(); },
      [&] { return event_del(running.get()) == 0 && use_loop(); },
      [&] { return event_base_free(base()), true; },
      [&] { return event_reinit(base()), event_base_free(base()), true; },
  };
  for (const auto& use : uses) {
    pid_t child;
    {
      MutexLock lock(base()->lock);
      child = fork();
    }
    if (child == 0) {
      alarm(60);  // in vain, unless it hangs
      _exit(use() ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << "use " << &use - uses;
  }
  gate.Open();
  waiter.join();
  event_base_loopbreak(base());
  loop.join();
}

// A signal's callback runs once for each delivery, also for those that another
// thread adds meanwhile.
TEST_P(WakeTest, NoDeliveryIsLostThatComesWhileTheCallbackRuns) {
  Gate gate;
  std::atomic<int> calls{0};
  TestEvent event(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST, [&](short) {
    ++calls;
    gate.Enter();
  });
  event_active(event.get(), EV_SIGNAL, 3);
  std::thread loop = StartLoop();
  gate.AwaitEntered();
  event_active(event.get(), EV_SIGNAL, 2);
  gate.Open();
  loop.join();
  EXPECT_EQ(calls, 5);
}

EVOKE_ON_EVERY_BACKEND(WakeTest);

TEST(MakeBaseNotifiableTest, MakesTheEventfdAtOnce) {
  Base base = NewBase("epoll");
  EXPECT_EQ(evthread_make_base_notifiable(base.get()), 0);
  int fd = base->wake_fd;
  EXPECT_GE(fd, 0);
  EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(evthread_make_base_notifiable(base.get()), 0);
  EXPECT_EQ(base->wake_fd, fd);
  EXPECT_EQ(event_base_loop(base.get(), 0), 1);  // it keeps no loop alive
  base.reset();
  EXPECT_LT(fcntl(fd, F_GETFD), 0);
  EXPECT_EQ(evthread_make_base_notifiable(nullptr), -1);
}

// As long as it lives this process can open nothing more.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    int next = dup(0);
    close(next);
    rlimit none = {static_cast<rlim_t>(next), before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoMoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

void AwaitWaiting(event_base* base) {
  for (;;) {
    MutexLock lock(base->lock);
    if (base->waiting) return;
  }
}

TEST(WakeWithoutDescriptorsTest, WhoeverMadeTheBaseCanStopItsLoopElsewhere) {
  ASSERT_EQ(evthread_use_pthreads(), 0);
  Base base = NewBase("epoll");
  std::thread loop(
      [&] { event_base_loop(base.get(), EVLOOP_NO_EXIT_ON_EMPTY); });
  AwaitWaiting(base.get());
  {
    NoMoreDescriptors none;
    EXPECT_EQ(event_base_loopbreak(base.get()), 0);
    loop.join();
  }
}

// What was asked for is there all the same, and runs when the loop turns.
TEST(WakeWithoutDescriptorsTest, WhatIsAddedIsAddedEvenIfNobodyCanBeWoken) {
  ASSERT_EQ(evthread_use_pthreads(), 0);
  event_set_log_callback([](int, const char*) {});
  std::atomic<event_base*> shared{nullptr};
  std::thread loop([&] {
    event_base* base = event_base_new();
    shared = base;
    event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
  });
  while (shared == nullptr) std::this_thread::yield();
  event_base* base = shared;
  AwaitWaiting(base);
  std::atomic<int> ran{0};
  TestEvent timer(base, -1, 0, [&](short) { ++ran; });
  {
    NoMoreDescriptors none;
    EXPECT_EQ(timer.AddMicros(1), 0);
    EXPECT_EQ(timer.Pending(EV_TIMEOUT), EV_TIMEOUT);
    timeval soon = {0, 1};
    EXPECT_EQ(event_base_once(
                  base, -1, EV_TIMEOUT,
                  [](evutil_socket_t, short, void* arg) {
                    ++*static_cast<std::atomic<int>*>(arg);
                  },
                  &ran, &soon),
              0);
    EXPECT_EQ(event_base_loopcontinue(base), -1);
  }
  EXPECT_EQ(event_base_loopcontinue(base), 0);
  while (ran != 2) std::this_thread::yield();
  EXPECT_EQ(event_base_loopbreak(base), 0);
  loop.join();
  event_base_free(base);
  event_set_log_callback(nullptr);
}

// A backend whose wait finds descriptor 0 readable, after `g_in_wait`.
std::function<void()> g_in_wait;

evoke_backend ScriptedBackend() {
  static int state;
  return BuiltInTable(
      "scripted", EV_FEATURE_FDS, /*flags=*/0, /*per_fd_bytes=*/0,
      [](const evoke_backend_options*) -> void* { return &state; },
      [](void*) {},
      [](void*, evutil_socket_t, short, short, int, void*) { return 0; },
      [](void*, int64_t, evoke_ready_sink* sink) {
        if (g_in_wait) std::thread(std::exchange(g_in_wait, nullptr)).join();
        return evoke_sink_put(sink, 0, EV_READ) ? 0 : -1;
      },
      [](void*) { return 0; });
}

// The kernel may have spoken of a descriptor that was closed, and whose number
// has come again, before the loop had the lock.
TEST(StaleReadinessTest, AnEventThatCameDuringTheWaitIsNotToldOfAnOlderOne) {
  static const evoke_backend backend = ScriptedBackend();
  ASSERT_EQ(evthread_use_pthreads(), 0);
  ASSERT_EQ(evoke_backend_register(&backend, EVOKE_BACKEND_AFTER), 0);
  Base base = NewBase("scripted");
  ASSERT_NE(base, nullptr);
  ASSERT_STREQ(event_base_get_method(base.get()), "scripted");
  int newer_ran = 0;
  TestEvent older(base.get(), 0, EV_READ, [](short) { ADD_FAILURE(); });
  TestEvent newer(base.get(), 0, EV_READ, [&](short) { ++newer_ran; });
  ASSERT_EQ(older.Add(), 0);
  g_in_wait = [&] {
    EXPECT_EQ(older.Del(), 0);
    EXPECT_EQ(newer.Add(), 0);
    EXPECT_EQ(newer_ran, 0);
  };
  constexpr int kOneGlance = EVLOOP_NONBLOCK | EVLOOP_ONCE;
  event_base_loop(base.get(), kOneGlance);
  EXPECT_EQ(newer_ran, 0);
  EXPECT_EQ(newer.Pending(EV_READ), EV_READ);
  event_base_loop(base.get(), kOneGlance);
  EXPECT_EQ(newer_ran, 1);
  EXPECT_EQ(evoke_backend_unregister(&backend), 0);
}

TEST(NolockTest, ABaseThatAsksForNoLocksHasNone) {
  Base base = NewBase("poll", EVENT_BASE_FLAG_NOLOCK);
  EXPECT_FALSE(base->lock.exists());
  EXPECT_LT(base->wake_fd, 0);
}

}  // namespace
}  // namespace evoke::testing
