// SPDX-License-Identifier: BSD-3-Clause
#include <event2/thread.h>
#include <signal.h>

#include <atomic>
#include <thread>
#include <vector>

#include "event/event_base.h"
#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

std::vector<std::string>* g_log;

void Called(evutil_socket_t, short, void*) { g_log->push_back("callback"); }
void Finalize(event*, void* arg) {
  g_log->push_back(arg == nullptr ? "finalizer" : static_cast<char*>(arg));
}

class FinalizeTest : public BackendTest {
 protected:
  FinalizeTest() { g_log = &log_; }

  std::vector<std::string> log_;
};

TEST_P(FinalizeTest, TheFinalizerRunsInTheLoopAndTheCallbackNoMore) {
  event* ev = event_new(base(), -1, 0, Called, nullptr);
  event_active(ev, EV_READ, 0);
  EXPECT_EQ(event_free_finalize(0, ev, Finalize), 0);
  EXPECT_TRUE(log_.empty());
  EXPECT_EQ(event_add(ev, nullptr), -1);
  event_active(ev, EV_READ, 0);
  EXPECT_EQ(event_del(ev), 0);
  Loop();
  EXPECT_EQ(log_, std::vector<std::string>{"finalizer"});
}

TEST_P(FinalizeTest, InsideItsOwnCallback) {
  struct State {
    event* ev;
  } state;
  state.ev = event_new(
      base(), -1, EV_PERSIST,
      [](evutil_socket_t, short, void* arg) {
        Called(-1, 0, nullptr);
        event_free_finalize(0, static_cast<State*>(arg)->ev,
                            [](event*, void*) { Finalize(nullptr, nullptr); });
      },
      &state);
  timeval now = {0, 0};
  event_add(state.ev, &now);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(log_, (std::vector<std::string>{"callback", "finalizer"}));
}

TEST_P(FinalizeTest, AnEventOfTheProgramIsNotFreed) {
  event ev;
  event_assign(&ev, base(), -1, 0, Called, nullptr);
  EXPECT_EQ(event_finalize(0, &ev, Finalize), 0);
  Loop();
  EXPECT_EQ(log_.size(), 1u);
  // For good.
  EXPECT_EQ(event_add(&ev, nullptr), -1);
}

TEST_P(FinalizeTest, ASecondCallReplacesTheFinalizer) {
  event* ev = event_new(base(), -1, 0, Called, nullptr);
  EXPECT_EQ(event_finalize(0, ev, [](event*, void*) { FAIL(); }), 0);
  EXPECT_EQ(event_free_finalize(0, ev, Finalize), 0);
  Loop();
  EXPECT_EQ(log_.size(), 1u);
}

TEST_P(FinalizeTest, FreeingTheBaseRunsFinalizersUnlessTold) {
  event* ev = event_new(base(), -1, 0, Called, nullptr);
  event_free_finalize(0, ev, Finalize);
  base_.reset();
  EXPECT_EQ(log_.size(), 1u);

  event own;
  event_base* other = event_base_new();
  event_assign(&own, other, -1, 0, Called, nullptr);
  event_finalize(0, &own, Finalize);
  event_base_free_nofinalize(other);
  EXPECT_EQ(log_.size(), 1u);
}

TEST_P(FinalizeTest, NoFinalizerOrNoBase) {
  event* ev = event_new(base(), -1, 0, Called, nullptr);
  EXPECT_EQ(event_free_finalize(0, ev, nullptr), 0);
  Loop();
  event_set_log_callback([](int, const char*) {});
  event orphan = {};
  EXPECT_EQ(event_finalize(0, &orphan, Finalize), -1);
  event_set_log_callback(nullptr);
}

EVOKE_ON_EVERY_BACKEND(FinalizeTest);

// The freeing thread goes on while the callback runs, and the finalizer waits
// for its end.
TEST(FinalizeThreadsTest, NeverWaitsForACallback) {
  ASSERT_EQ(evthread_use_pthreads(), 0);
  struct State {
    std::atomic<bool> entered{false};
    std::atomic<bool> open{false};
    std::atomic<bool> left{false};
    std::atomic<bool> finalized{false};
  } state;
  Base base = NewBase("epoll");
  event* ev = event_new(
      base.get(), -1, 0,
      [](evutil_socket_t, short, void* arg) {
        auto* state = static_cast<State*>(arg);
        state->entered = true;
        while (!state->open) std::this_thread::yield();
        state->left = true;
      },
      &state);
  event_active(ev, EV_READ, 0);
  std::thread loop([&] { event_base_dispatch(base.get()); });
  while (!state.entered) std::this_thread::yield();
  EXPECT_EQ(event_free_finalize(0, ev,
                                [](event*, void* arg) {
                                  auto* state = static_cast<State*>(arg);
                                  EXPECT_TRUE(state->left);
                                  state->finalized = true;
                                }),
            0);
  EXPECT_FALSE(state.finalized);
  state.open = true;
  loop.join();
  EXPECT_TRUE(state.finalized);
}

// Of three deliveries the first activates the event once more. The finalizer
// comes after it all the same, and the callback no more.
TEST(FinalizeThreadsTest, EndsTheDeliveriesOfASignal) {
  ASSERT_EQ(evthread_use_pthreads(), 0);
  struct State {
    event* ev = nullptr;
    int calls = 0;
    int finalized = 0;
    std::atomic<bool> entered{false};
    std::atomic<bool> open{false};
  } state;
  Base base = NewBase("epoll");
  state.ev = event_new(
      base.get(), SIGUSR1, EV_SIGNAL | EV_PERSIST,
      [](evutil_socket_t, short, void* arg) {
        auto* state = static_cast<State*>(arg);
        if (state->calls++ != 0) return;
        event_active(state->ev, EV_SIGNAL, 1);
        state->entered = true;
        while (!state->open) std::this_thread::yield();
      },
      &state);
  event_active(state.ev, EV_SIGNAL, 3);
  std::thread loop([&] { event_base_dispatch(base.get()); });
  while (!state.entered) std::this_thread::yield();
  EXPECT_EQ(event_free_finalize(0, state.ev,
                                [](event*, void* arg) {
                                  ++static_cast<State*>(arg)->finalized;
                                }),
            0);
  state.open = true;
  loop.join();
  EXPECT_EQ(state.calls, 1);
  EXPECT_EQ(state.finalized, 1);
}

}  // namespace
}  // namespace evoke::testing
