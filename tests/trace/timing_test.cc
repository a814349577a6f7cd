// SPDX-License-Identifier: BSD-3-Clause
#include "trace/timing.h"

#include <event2/event.h>
#include <gtest/gtest.h>
#include <stdlib.h>

namespace evoke {
namespace {

evoke_function Function(uintptr_t number) {
  return reinterpret_cast<evoke_function>(number * 16);
}

class TimingTest : public ::testing::Test {
 protected:
  TimingTest() { points_.Add(timing_->sink()); }

  void At(int64_t time_ns, evoke_point_kind kind, uintptr_t function = 0) {
    evoke_point point = {};
    point.kind = kind;
    point.time_ns = time_ns;
    point.function = Function(function);
    points_.Tell(point);
  }

  Timing* timing_ = Timing::New();
  Points points_;
};

TEST_F(TimingTest, WaitsAddUp) {
  At(5, EVOKE_POINT_WAIT_DONE);  // began before anybody listened
  At(10, EVOKE_POINT_WAIT);
  At(15, EVOKE_POINT_WAIT_DONE);
  At(20, EVOKE_POINT_WAIT);
  At(40, EVOKE_POINT_WAIT_DONE);
  EXPECT_EQ(timing_->waiting_ns(), 25);
  EXPECT_EQ(Timing::In(points_), timing_);
}

TEST_F(TimingTest, TheBusiestIsWhereTheTimeWasSpent) {
  At(0, EVOKE_POINT_CALLBACK, 1);  // runs 2 within
  At(10, EVOKE_POINT_CALLBACK, 2);
  At(70, EVOKE_POINT_CALLBACK_DONE, 2);
  At(90, EVOKE_POINT_CALLBACK_DONE, 1);
  EXPECT_EQ(timing_->running_ns(), 90);
  EXPECT_EQ(timing_->busiest().function, Function(2));
  EXPECT_EQ(timing_->busiest().ns, 60);
  EXPECT_EQ(timing_->longest().ns, 60);
  for (int i = 0; i < 5; ++i) {
    At(100 + 10 * i, EVOKE_POINT_CALLBACK, 3);
    At(108 + 10 * i, EVOKE_POINT_CALLBACK_DONE, 3);
  }
  EXPECT_EQ(timing_->busiest().ns, 60);
  for (int i = 0; i < 5; ++i) {
    At(200 + 10 * i, EVOKE_POINT_CALLBACK, 3);
    At(208 + 10 * i, EVOKE_POINT_CALLBACK_DONE, 3);
  }
  EXPECT_EQ(timing_->busiest().function, Function(3));
  EXPECT_EQ(timing_->busiest().ns, 80);
  EXPECT_EQ(timing_->longest().function, Function(2));
  EXPECT_EQ(timing_->running_ns(), 170);
}

TEST_F(TimingTest, ManyFunctionsAreToldApart) {
  int64_t now_ns = 0;
  for (int round = 0; round < 3; ++round) {
    for (uintptr_t function = 1; function <= 500; ++function) {
      At(now_ns, EVOKE_POINT_CALLBACK, function);
      now_ns += static_cast<int64_t>(function);
      At(now_ns, EVOKE_POINT_CALLBACK_DONE, function);
    }
  }
  EXPECT_EQ(timing_->busiest().function, Function(500));
  EXPECT_EQ(timing_->busiest().ns, 1500);
}

TEST_F(TimingTest, WithoutMemoryTheSumsAreRightAllTheSame) {
  event_set_mem_functions([](size_t) -> void* { return nullptr; },
                          [](void*, size_t) -> void* { return nullptr; }, free);
  for (uintptr_t function = 1; function <= 100; ++function) {
    At(0, EVOKE_POINT_CALLBACK, function);
    At(10, EVOKE_POINT_CALLBACK_DONE, function);
  }
  event_set_mem_functions(malloc, realloc, free);
  EXPECT_EQ(timing_->running_ns(), 1000);
  EXPECT_EQ(timing_->longest().ns, 10);
}

}  // namespace
}  // namespace evoke
