// SPDX-License-Identifier: BSD-3-Clause
#include "event/active_queues.h"

#include <gtest/gtest.h>

#include "event/event_base.h"

namespace evoke {
namespace {

event_callback Callback(uint8_t priority) {
  event_callback callback = {};
  callback.evcb_pri = priority;
  return callback;
}

TEST(ActiveQueues, FirstInFirstOutInEachPriority) {
  EventCounts counts;
  ActiveQueues queues(&counts);
  ASSERT_TRUE(queues.SetPriorities(2));
  event_callback a = Callback(1), b = Callback(0), c = Callback(1);
  queues.Push(&a);
  queues.Push(&b);
  queues.Push(&c);
  EXPECT_EQ(queues.Front(0), &b);
  EXPECT_EQ(queues.Front(1), &a);
  queues.Remove(&a);
  EXPECT_EQ(queues.Front(1), &c);
  EXPECT_EQ(a.evcb_flags, 0);
  EXPECT_EQ(c.evcb_flags, EVLIST_ACTIVE);
}

TEST(ActiveQueues, WhatWaitsIsNotEmptyAndJoinsWhenAdmitted) {
  EventCounts counts;
  ActiveQueues queues(&counts);
  ASSERT_TRUE(queues.SetPriorities(1));
  event_callback a = Callback(0), b = Callback(0);
  b.evcb_closure = kClosureDeferred;
  queues.PushLater(&a);
  queues.PushLater(&b);
  EXPECT_FALSE(queues.empty());
  EXPECT_EQ(queues.Front(0), nullptr);
  EXPECT_EQ(queues.Any(), &a);
  EXPECT_EQ(queues.AdmitLater(), 1) << "deferred ones";
  EXPECT_EQ(queues.Front(0), &a);
  queues.Remove(&a);
  queues.Remove(&b);
  EXPECT_TRUE(queues.empty());
  EXPECT_EQ(queues.Any(), nullptr);
}

// A callback may make the priorities fewer while the loop is at its queue.
TEST(ActiveQueues, AQueueThatIsNoMoreCanBeLookedAt) {
  EventCounts counts;
  ActiveQueues queues(&counts);
  ASSERT_TRUE(queues.SetPriorities(200));
  ASSERT_TRUE(queues.SetPriorities(1));
  EXPECT_EQ(queues.priorities(), 1);
  EXPECT_EQ(queues.Front(199), nullptr);
  ASSERT_TRUE(queues.SetPriorities(250));
  EXPECT_EQ(queues.priorities(), 250);
  EXPECT_EQ(queues.Front(249), nullptr);
}

TEST(ActiveQueues, WhatWaitsMayLeave) {
  EventCounts counts;
  ActiveQueues queues(&counts);
  ASSERT_TRUE(queues.SetPriorities(1));
  event_callback a = Callback(0);
  queues.PushLater(&a);
  queues.Remove(&a);
  EXPECT_TRUE(queues.empty());
  EXPECT_EQ(queues.AdmitLater(), 0);
}

TEST(ActiveQueues, CountWhatIsActiveAndWhatIsInternal) {
  EventCounts counts;
  counts.waiting = 3;
  ActiveQueues queues(&counts);
  ASSERT_TRUE(queues.SetPriorities(1));
  event_callback a = Callback(0), b = Callback(0), internal = Callback(0);
  internal.evcb_flags = EVLIST_INTERNAL;
  queues.Push(&a);
  queues.Push(&internal);
  queues.PushLater(&b);
  EXPECT_EQ(counts.active, 3);
  EXPECT_EQ(counts.added(), 5);
  EXPECT_EQ(ActiveQueues::Next(&a), &internal);
  queues.AdmitLater();
  EXPECT_EQ(counts.max_active, 3);
  queues.Remove(&internal);
  queues.Remove(&a);
  queues.Remove(&b);
  EXPECT_EQ(counts.active, 0);
  EXPECT_EQ(counts.added(), 3);
  EXPECT_EQ(counts.max_active, 3);
  EXPECT_EQ(counts.max_added, 5);
}

}  // namespace
}  // namespace evoke
