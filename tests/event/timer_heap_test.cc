// SPDX-License-Identifier: BSD-3-Clause
#include "event/timer_heap.h"

#include <event2/event.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

#include "util/clock.h"

namespace evoke {
namespace {

event* At(event* timer, int64_t deadline_us) {
  timer->ev_timeout = TimevalFromMicros(deadline_us);
  return timer;
}

void Insert(TimerHeap& heap, event* timer, int64_t deadline_us) {
  ASSERT_TRUE(heap.Reserve());
  heap.Insert(At(timer, deadline_us));
}

std::vector<event*> Drain(TimerHeap& heap) {
  std::vector<event*> order;
  while (event* top = heap.Top()) {
    order.push_back(top);
    heap.Remove(top);
  }
  return order;
}

TEST(TimerHeap, AnEmptyOneHasNoTop) {
  TimerHeap heap;
  EXPECT_TRUE(heap.empty());
  EXPECT_EQ(heap.Top(), nullptr);
}

TEST(TimerHeap, TimersLeaveInTheOrderOfTheirDeadlines) {
  TimerHeap heap;
  event timers[5] = {};
  int64_t deadlines[5] = {30, 10, 50, 20, 40};
  for (int i = 0; i < 5; ++i) Insert(heap, &timers[i], deadlines[i]);
  EXPECT_EQ(Drain(heap),
            (std::vector<event*>{&timers[1], &timers[3], &timers[0], &timers[4],
                                 &timers[2]}));
}

TEST(TimerHeap, EqualDeadlinesLeaveInTheOrderOfAdding) {
  TimerHeap heap;
  event timers[40] = {};
  std::vector<event*> added;
  for (event& timer : timers) {
    Insert(heap, &timer, 7);
    added.push_back(&timer);
  }
  EXPECT_EQ(Drain(heap), added);
}

TEST(TimerHeap, PushedBackTimerFiresAtItsNewDeadlineOnly) {
  TimerHeap heap;
  event early = {}, late = {};
  Insert(heap, &early, 10);
  Insert(heap, &late, 20);
  heap.Update(At(&early, 30));
  EXPECT_EQ(heap.Top(), &late);
  EXPECT_EQ(Drain(heap), (std::vector<event*>{&late, &early}));
}

TEST(TimerHeap, PushedBackTimerStandsBehindEqualsThatWereAddedBefore) {
  TimerHeap heap;
  event a = {}, b = {}, c = {};
  Insert(heap, &a, 10);
  Insert(heap, &b, 20);
  heap.Update(At(&a, 20));  // arrives at 20 after b
  Insert(heap, &c, 20);     // and before c
  EXPECT_EQ(Drain(heap), (std::vector<event*>{&b, &a, &c}));
}

TEST(TimerHeap, UpdatingToTheSameDeadlineLosesTheTurnAmongEquals) {
  TimerHeap heap;
  event a = {}, b = {}, c = {};
  Insert(heap, &a, 10);
  Insert(heap, &b, 10);
  Insert(heap, &c, 10);
  heap.Update(At(&a, 10));
  EXPECT_EQ(Drain(heap), (std::vector<event*>{&b, &c, &a}));
}

TEST(TimerHeap, PulledForwardTimerComesFirst) {
  TimerHeap heap;
  event a = {}, b = {};
  Insert(heap, &a, 10);
  Insert(heap, &b, 20);
  heap.Update(At(&b, 5));
  EXPECT_EQ(heap.Top(), &b);
}

TEST(TimerHeap, OnlyWhatIsDueComesOut) {
  TimerHeap heap;
  event early = {}, late = {};
  EXPECT_EQ(heap.Due(100), nullptr);
  Insert(heap, &early, 10);
  Insert(heap, &late, 20);
  EXPECT_EQ(heap.Due(9), nullptr);
  EXPECT_EQ(heap.Due(10), &early);
  heap.Update(At(&early, 30));
  EXPECT_EQ(heap.Due(10), nullptr);
  EXPECT_EQ(heap.Due(29), &late);
  heap.Remove(&late);
  EXPECT_EQ(heap.Due(29), nullptr);
  EXPECT_EQ(heap.Due(30), &early);
}

TEST(TimerHeap, TheNextLookIsNeverTooLate) {
  TimerHeap heap;
  EXPECT_EQ(heap.NextLook(false), kNoDeadline);
  EXPECT_EQ(heap.NextLook(true), kNoDeadline);
  std::deque<event> timers(40);
  for (event& timer : timers) Insert(heap, &timer, 10);
  EXPECT_EQ(heap.NextLook(false), 10);
  for (event& timer : timers) heap.Update(At(&timer, 50));
  // Some were given their place, others have their old one.
  EXPECT_EQ(heap.NextLook(false), 10);
  EXPECT_EQ(heap.NextLook(true), 50);
  EXPECT_EQ(heap.NextLook(false), 50);
}

TEST(TimerHeap, OneTimerThatWasPushedBackIsLookedForAtItsDeadline) {
  TimerHeap heap;
  event timer = {}, later = {};
  Insert(heap, &timer, 10);
  Insert(heap, &later, 40);
  heap.Update(At(&timer, 30));
  EXPECT_EQ(heap.NextLook(false), 30);
}

// Against a plain list that is searched for the least (deadline, arrival).
TEST(TimerHeap, AgreesWithASortedListOverRandomOperations) {
  struct Entry {
    int64_t deadline_us;
    uint64_t arrival;
    event* timer;
  };
  std::mt19937 random(20240601);
  TimerHeap heap;
  std::deque<event> timers(300);
  std::vector<Entry> model;
  std::vector<event*> unused;
  for (event& timer : timers) unused.push_back(&timer);
  uint64_t arrivals = 0;
  auto least = [&] {
    return std::min_element(model.begin(), model.end(),
                            [](const Entry& a, const Entry& b) {
                              return std::pair(a.deadline_us, a.arrival) <
                                     std::pair(b.deadline_us, b.arrival);
                            });
  };
  for (int step = 0; step < 50000; ++step) {
    int64_t deadline_us = random() % 50;  // many ties
    switch (random() % 5) {
      case 0:
        if (!unused.empty()) {
          event* timer = unused.back();
          unused.pop_back();
          Insert(heap, timer, deadline_us);
          model.push_back({deadline_us, arrivals++, timer});
        }
        break;
      case 1:
        if (!model.empty()) {
          Entry& entry = model[random() % model.size()];
          entry.deadline_us = deadline_us;
          entry.arrival = arrivals++;
          heap.Update(At(entry.timer, deadline_us));
        }
        break;
      case 2:
        if (!model.empty()) {
          size_t index = random() % model.size();
          heap.Remove(model[index].timer);
          unused.push_back(model[index].timer);
          model.erase(model.begin() + index);
        }
        break;
      case 3:
        if (!model.empty()) {
          auto first = least();
          int64_t now_us = random() % 50;
          bool is_due = first->deadline_us <= now_us;
          ASSERT_LE(heap.NextLook(false), first->deadline_us);
          ASSERT_EQ(heap.Due(now_us), is_due ? first->timer : nullptr);
          if (random() % 2) {
            ASSERT_EQ(heap.NextLook(true), first->deadline_us);
          }
        }
        break;
      case 4:
        if (!model.empty()) {
          auto first = least();
          ASSERT_EQ(heap.Top(), first->timer) << "step " << step;
          heap.Remove(first->timer);
          unused.push_back(first->timer);
          model.erase(first);
        }
        break;
    }
    ASSERT_EQ(heap.size(), model.size());
  }
}

// With no memory for more slots than the first 32.
class PromiseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(heap_.Reserve());
    event_set_mem_functions(
        malloc, [](void*, size_t) -> void* { return nullptr; }, free);
    while (heap_.Reserve()) {
      timers_.emplace_back();
      heap_.Insert(At(&timers_.back(), static_cast<int64_t>(timers_.size())));
    }
  }
  void TearDown() override { event_set_mem_functions(malloc, realloc, free); }

  TimerHeap heap_;
  std::deque<event> timers_;
};

TEST_F(PromiseTest, APromisedSlotIsNotGivenToOthers) {
  event* timer = heap_.Top();
  heap_.Remove(timer);
  EXPECT_TRUE(heap_.Reserve());
  heap_.Promise();
  EXPECT_FALSE(heap_.Reserve());
  heap_.Unpromise();
  heap_.Insert(At(timer, 0));
  EXPECT_EQ(heap_.Top(), timer);
  EXPECT_FALSE(heap_.Reserve());
}

TEST_F(PromiseTest, WhatIsGivenUpIsFreeForOthers) {
  heap_.Remove(heap_.Top());
  heap_.Remove(heap_.Top());
  heap_.Promise();
  heap_.Promise();
  EXPECT_FALSE(heap_.Reserve());
  heap_.Unpromise();
  EXPECT_TRUE(heap_.Reserve());
  event other = {};
  heap_.Insert(At(&other, 0));
  EXPECT_FALSE(heap_.Reserve());
  heap_.Unpromise();
  EXPECT_TRUE(heap_.Reserve());
}

}  // namespace
}  // namespace evoke
