// SPDX-License-Identifier: BSD-3-Clause
//
// Calling the program: order, deferral, triggers.
#include <memory>
#include <string>
#include <vector>

#include "tests/bufferevent/test_bufferevent.h"

namespace evoke::testing {
namespace {

class CallbacksTest : public BackendTest {
 protected:
  SocketPair pair_;
};

TEST_P(CallbacksTest, DeferredOnesComeAsConnectedReadWriteEvent) {
  TestBufferevent bev(base(), pair_[0], BEV_OPT_DEFER_CALLBACKS);
  bufferevent_trigger(bev.get(), EV_WRITE, 0);
  bufferevent_trigger_event(bev.get(), BEV_EVENT_ERROR, 0);
  bufferevent_trigger(bev.get(), EV_READ, 0);
  bufferevent_trigger_event(bev.get(), BEV_EVENT_CONNECTED, 0);
  bufferevent_trigger(bev.get(), EV_READ, 0);
  EXPECT_EQ(bev.record, Record());
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record({"CONNECTED", "read", "write", "ERROR"}));
}

TEST_P(CallbacksTest, ADeferredErrorKeepsItsErrno) {
  TestBufferevent bev(base(), pair_[0], BEV_OPT_DEFER_CALLBACKS);
  errno = ECONNRESET;
  bufferevent_trigger_event(bev.get(), BEV_EVENT_ERROR, 0);
  bev.on_read = [] { errno = ENOTTY; };
  bufferevent_trigger(bev.get(), EV_READ, 0);
  errno = 0;
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.last_errno, ECONNRESET);
}

TEST_P(CallbacksTest, TriggersRunAtOnceUnlessDeferredAndHeedTheLevels) {
  TestBufferevent bev(base(), pair_[0]);
  bufferevent_setwatermark(bev.get(), EV_READ, 1, 0);
  bufferevent_trigger(bev.get(), EV_READ, 0);
  EXPECT_EQ(bev.record, Record());
  bufferevent_trigger(bev.get(), EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
  EXPECT_EQ(bev.record, Record({"read"}));
  bufferevent_trigger(bev.get(), EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
  EXPECT_EQ(bev.record, Record({"read"}));
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record({"read", "write"}));
}

TEST_P(CallbacksTest, UnlockedOnesAreDeferredToo) {
  TestBufferevent bev(base(), pair_[0],
                      BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS);
  bufferevent_trigger(bev.get(), EV_READ, 0);
  EXPECT_EQ(bev.record, Record());
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record({"read"}));
}

TEST_P(CallbacksTest, TheyRunAtThePriorityThatWasSet) {
  ASSERT_EQ(event_base_priority_init(base(), 3), 0);
  std::string order;
  SocketPair other;
  TestBufferevent late(base(), pair_[0]);
  TestBufferevent soon(base(), other[0]);
  EXPECT_EQ(bufferevent_get_priority(late.get()), 1);
  EXPECT_EQ(bufferevent_priority_set(late.get(), 2), 0);
  EXPECT_EQ(bufferevent_priority_set(late.get(), 3), -1);
  EXPECT_EQ(bufferevent_get_priority(late.get()), 2);
  EXPECT_EQ(bufferevent_priority_set(soon.get(), 0), 0);
  late.on_write = [&] { order += "late "; };
  soon.on_write = [&] { order += "soon "; };
  late.Write("a");
  soon.Write("b");
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(order, "soon late ");
}

TEST_P(CallbacksTest, GetCbGivesWhatSetCbTook) {
  TestBufferevent bev(base(), pair_[0]);
  bufferevent_data_cb readcb, writecb;
  bufferevent_event_cb eventcb;
  void* arg;
  bufferevent_getcb(bev.get(), &readcb, &writecb, &eventcb, &arg);
  EXPECT_EQ(arg, &bev);
  EXPECT_NE(readcb, writecb);
  readcb(bev.get(), arg);
  writecb(bev.get(), arg);
  eventcb(bev.get(), BEV_EVENT_EOF, arg);
  EXPECT_EQ(bev.record, Record({"read", "write", "EOF"}));
  bufferevent_getcb(bev.get(), nullptr, nullptr, nullptr, nullptr);
}

// Deferred callbacks that call for each other must not keep the loop from
// looking at the kernel.
TEST_P(CallbacksTest, DeferredOnesDoNotStarveTheKernel) {
  std::vector<std::unique_ptr<TestBufferevent>> ring;
  for (int i = 0; i < 100; ++i) {
    ring.push_back(
        std::make_unique<TestBufferevent>(base(), -1, BEV_OPT_DEFER_CALLBACKS));
  }
  bool stopped = false;
  for (size_t i = 0; i < ring.size(); ++i) {
    bufferevent* next = ring[(i + 1) % ring.size()]->get();
    ring[i]->on_read = [&stopped, next] {
      if (!stopped) bufferevent_trigger(next, EV_READ, 0);
    };
  }
  TestEvent reader(base(), pair_[0], EV_READ, [&](short) { stopped = true; });
  reader.Add();
  pair_.Write(1, "x");
  bufferevent_trigger(ring[0]->get(), EV_READ, 0);
  EXPECT_EQ(Loop(), 1);
  EXPECT_TRUE(stopped);
}

TEST_P(CallbacksTest, WhatIsDueStaysInItsQueueWhenTheBaseChanges) {
  Base other = NewBase(GetParam());
  TestBufferevent bev(base(), -1, BEV_OPT_DEFER_CALLBACKS);
  bufferevent_trigger(bev.get(), EV_READ, 0);
  EXPECT_EQ(bufferevent_base_set(other.get(), bev.get()), 0);
  event_base_loop(other.get(), EVLOOP_NONBLOCK);
  EXPECT_EQ(bev.record, Record());
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record({"read"}));
  // Due in one base, freed in another.
  bufferevent_trigger(bev.get(), EV_READ, 0);
  EXPECT_EQ(bufferevent_base_set(base(), bev.get()), 0);
  bev.Free();
  EXPECT_EQ(event_base_loop(other.get(), EVLOOP_NONBLOCK), 1);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record({"read"}));
}

EVOKE_ON_EVERY_BACKEND(CallbacksTest);

}  // namespace
}  // namespace evoke::testing
