// SPDX-License-Identifier: BSD-3-Clause
//
// Eight threads against four bases that run their loops in four more: every
// activation is accounted for.
#include <event2/event.h>
#include <event2/thread.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

constexpr int kBases = 4;
constexpr int kThreads = 8;
constexpr int kOperations = 4000;

class EventStressTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { ASSERT_EQ(evthread_use_pthreads(), 0); }

  void SetUp() override {
    for (int i = 0; i < kBases; ++i) {
      bases_[i] = NewBase(GetParam());
      ASSERT_NE(bases_[i], nullptr);
      loops_[i] = std::thread([base = bases_[i].get()] {
        EXPECT_EQ(event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY), 0);
      });
    }
  }

  void StopLoops() {
    for (int i = 0; i < kBases; ++i) {
      event_base_loopexit(bases_[i].get(), nullptr);
    }
    for (std::thread& loop : loops_) loop.join();
  }

  // Runs `work(thread number)` in eight threads.
  template <typename Work>
  void InThreads(Work work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
    for (std::thread& thread : threads) thread.join();
  }

  std::array<Base, kBases> bases_;
  std::array<std::thread, kBases> loops_;
};

// Each thread activates an event and waits for its callback before it goes on:
// one lost wake-up, and the test hangs.
TEST_P(EventStressTest, NoActivationIsLost) {
  std::atomic<long> ran{0};
  InThreads([&](int thread) {
    std::atomic<int> seen{0};
    std::vector<std::unique_ptr<TestEvent>> events;
    for (Base& base : bases_) {
      events.push_back(std::make_unique<TestEvent>(
          base.get(), -1, thread % 2 ? EV_PERSIST : 0, [&](short) {
            ++ran;
            ++seen;
          }));
    }
    for (int i = 0; i < kOperations; ++i) {
      event* ev = events[static_cast<size_t>(i) % kBases]->get();
      switch (i % 3) {
        case 0:
          event_active(ev, EV_READ, 0);
          break;
        case 1: {
          timeval now = {0, 0};
          event_add(ev, &now);
          break;
        }
        default: {
          timeval soon = {0, 50};
          event_add(ev, &soon);
        }
      }
      // One activation or more: a persistent timer goes on by itself.
      while (seen <= i) std::this_thread::yield();
      if (thread % 2) {
        event_del(ev);
        seen = i + 1;
      }
    }
  });
  EXPECT_GE(ran, static_cast<long>(kThreads) * kOperations);
  StopLoops();
}

// One-shot callbacks are counted where they are ordered: event_base_once().
TEST_P(EventStressTest, EveryOnceRunsOnce) {
  std::atomic<long> ran{0};
  InThreads([&](int) {
    for (int i = 0; i < kOperations; ++i) {
      timeval delay = {0, i % 7 * 10};
      ASSERT_EQ(event_base_once(
                    bases_[i % kBases].get(), -1, EV_TIMEOUT,
                    [](evutil_socket_t, short, void* arg) {
                      ++*static_cast<std::atomic<long>*>(arg);
                    },
                    &ran, i % 3 == 0 ? nullptr : &delay),
                0);
    }
  });
  while (ran < static_cast<long>(kThreads) * kOperations) {
    std::this_thread::yield();
  }
  StopLoops();
  EXPECT_EQ(ran, static_cast<long>(kThreads) * kOperations);
}

// Descriptors that other threads add, delete and close; each byte is read by a
// callback or by the thread that deleted the event.
TEST_P(EventStressTest, EveryByteIsSeenByTheCallbackOrAfterEventDel) {
  std::atomic<long> received{0};
  InThreads([&](int thread) {
    std::mt19937 random(static_cast<unsigned>(thread));
    for (int i = 0; i < kOperations / 4; ++i) {
      SocketPair sockets;
      std::atomic<int> here{0};
      auto take = [&](short) {
        char bytes[16];
        ssize_t got;
        while ((got = read(sockets[0], bytes, sizeof(bytes))) > 0) {
          here += static_cast<int>(got);
        }
      };
      {
        TestEvent reader(bases_[random() % kBases].get(), sockets[0],
                         EV_READ | (random() % 2 ? EV_PERSIST : 0), take);
        ASSERT_EQ(reader.Add(), 0);
        sockets.Write(1, "abc");
        if (random() % 2) {
          while (here < 3) std::this_thread::yield();
        }
      }  // deleted: the callback runs no more
      take(0);
      EXPECT_EQ(here, 3);
      received += here;
    }
  });
  EXPECT_EQ(received, 3L * kThreads * (kOperations / 4));
  StopLoops();
}

// Any function from any thread on a set of shared events, which are freed by
// finalizers in the end: each is freed once, and nothing runs afterwards.
TEST_P(EventStressTest, AnyFunctionFromAnyThread) {
  constexpr int kEvents = 32;
  std::atomic<long> callbacks{0};
  std::atomic<int> finalized{0};
  struct Shared {
    event* ev;
    std::atomic<bool> dead{false};
    std::atomic<long>* callbacks;
    std::atomic<int>* finalized;
  };
  std::array<Shared, kEvents> events;
  for (int i = 0; i < kEvents; ++i) {
    Shared& shared = events[i];
    shared.callbacks = &callbacks;
    shared.finalized = &finalized;
    shared.ev = event_new(
        bases_[i % kBases].get(), -1, EV_FINALIZE | (i % 2 ? EV_PERSIST : 0),
        [](evutil_socket_t, short, void* arg) {
          auto* shared = static_cast<Shared*>(arg);
          EXPECT_FALSE(shared->dead);
          ++*shared->callbacks;
        },
        &shared);
  }
  InThreads([&](int thread) {
    std::mt19937 random(static_cast<unsigned>(thread) + 100);
    for (int i = 0; i < 5 * kOperations; ++i) {
      event* ev = events[random() % kEvents].ev;
      event_base* base = bases_[random() % kBases].get();
      timeval delay = {0, static_cast<long>(random() % 100)};
      switch (random() % 11) {
        case 0:
        case 1:
          event_add(ev, &delay);
          break;
        case 2:
          event_del(ev);
          break;
        case 3:
          event_del_noblock(ev);
          break;
        case 4:
          event_del_block(ev);
          break;
        case 5:
          event_active(ev, EV_WRITE, 1);
          break;
        case 6:
          event_remove_timer(ev);
          break;
        case 7: {
          timeval when;
          event_pending(ev, EV_TIMEOUT | EV_READ, &when);
          break;
        }
        case 8:
          event_base_loopcontinue(base);
          break;
        case 9: {
          timeval now;
          event_base_gettimeofday_cached(base, &now);
          event_base_update_cache_time(base);
          break;
        }
        default:
          event_base_got_exit(base);
          event_base_get_running_event(base);
      }
    }
  });
  for (Shared& shared : events) {
    EXPECT_EQ(event_free_finalize(0, shared.ev,
                                  [](event*, void* arg) {
                                    auto* shared = static_cast<Shared*>(arg);
                                    shared->dead = true;
                                    ++*shared->finalized;
                                  }),
              0);
  }
  while (finalized < kEvents) std::this_thread::yield();
  StopLoops();
  EXPECT_EQ(finalized, kEvents);
  EXPECT_GT(callbacks, 0);
}

EVOKE_ON_EVERY_BACKEND(EventStressTest);

}  // namespace
}  // namespace evoke::testing
