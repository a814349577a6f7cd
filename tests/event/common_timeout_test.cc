// SPDX-License-Identifier: BSD-3-Clause
#include "event/common_timeout.h"

#include <vector>

#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

class CommonTimeoutTest : public BackendTest {};

TEST_P(CommonTimeoutTest, TheSameDurationIsTheSameQueue) {
  timeval second = {1, 0}, also = {0, 1000000}, other = {2, 0};
  const timeval* queue = event_base_init_common_timeout(base(), &second);
  ASSERT_NE(queue, nullptr);
  EXPECT_EQ(queue->tv_sec, 1);
  EXPECT_NE(queue->tv_usec, 0) << "the mark";
  EXPECT_EQ(event_base_init_common_timeout(base(), &second), queue);
  EXPECT_EQ(event_base_init_common_timeout(base(), &also), queue);
  EXPECT_EQ(event_base_init_common_timeout(base(), queue), queue);
  EXPECT_NE(event_base_init_common_timeout(base(), &other), queue);
}

TEST_P(CommonTimeoutTest, ThereAre256AtMost) {
  event_set_log_callback([](int, const char*) {});
  for (int i = 0; i < kMaxCommonTimeouts; ++i) {
    timeval duration = {i + 1, 0};
    ASSERT_NE(event_base_init_common_timeout(base(), &duration), nullptr);
  }
  timeval one_more = {1000, 0};
  EXPECT_EQ(event_base_init_common_timeout(base(), &one_more), nullptr);
  event_set_log_callback(nullptr);
}

TEST_P(CommonTimeoutTest, EventsFireInTheOrderOfAddingAndWithTheOthers) {
  timeval duration = {0, 2000};
  const timeval* queue = event_base_init_common_timeout(base(), &duration);
  ASSERT_NE(queue, nullptr);
  std::vector<int> order;
  TestEvent a(base(), -1, 0, [&](short) { order.push_back(1); });
  TestEvent b(base(), -1, 0, [&](short) { order.push_back(2); });
  TestEvent c(base(), -1, 0, [&](short) { order.push_back(3); });
  TestEvent early(base(), -1, 0, [&](short) { order.push_back(0); });
  event_add(b.get(), queue);
  event_add(a.get(), queue);
  event_add(c.get(), queue);
  event_del(a.get());
  early.AddMicros(100);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(order, (std::vector<int>{0, 2, 3}));
}

TEST_P(CommonTimeoutTest, APersistentEventKeepsItsQueue) {
  timeval duration = {0, 1000};
  const timeval* queue = event_base_init_common_timeout(base(), &duration);
  int ticks = 0;
  TestEvent ticker(base(), -1, EV_PERSIST, [&](short) {
    if (++ticks == 3) event_base_loopbreak(base());
  });
  event_add(ticker.get(), queue);
  EXPECT_EQ(Loop(), 0);
  EXPECT_EQ(ticks, 3);
  EXPECT_EQ(ticker.get()->ev_timeout.tv_usec & ~kMicrosMask,
            queue->tv_usec & ~kMicrosMask);
}

TEST_P(CommonTimeoutTest, AMarkWithoutAQueueIsAPlainDuration) {
  timeval marked = {0, 0x50000000 | 5};
  TestEvent timer(base(), -1, 0, [](short) {});
  EXPECT_EQ(event_add(timer.get(), &marked), 0);
  EXPECT_EQ(timer.Pending(EV_TIMEOUT), EV_TIMEOUT);
}

EVOKE_ON_EVERY_BACKEND(CommonTimeoutTest);

}  // namespace
}  // namespace evoke::testing
