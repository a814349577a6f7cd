// SPDX-License-Identifier: BSD-3-Clause
//
// What is put together from the points of real loops.
#include "scope/recorder.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/backend_test.h"

namespace evoke::scope {
namespace {

using evoke::testing::BackendTest;
using evoke::testing::SocketPair;
using evoke::testing::TestEvent;

int64_t NowNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void SpinMillisecond() {
  for (const int64_t from_ns = NowNanos(); NowNanos() < from_ns + 1000000;) {
  }
}

class RecorderTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    ASSERT_TRUE(recorder_.Init());
  }
  void TearDown() override { base_.reset(); }

  void Listen() {
    watch_ = evoke_watch_points(
        base(),
        [](const evoke_point* point, void* arg) {
          static_cast<Recorder*>(arg)->Tell(*point);
        },
        &recorder_);
    ASSERT_NE(watch_, nullptr);
  }

  const WaitingEvent* Find(const event* ev) const {
    for (const WaitingEvent& waiting : recorder_.events()) {
      if (waiting.object == ev) return &waiting;
    }
    return nullptr;
  }

  template <typename Function>
  const FunctionRecord* FindFunction(Function function) const {
    const FunctionRecord* end =
        recorder_.functions() + recorder_.function_count();
    const FunctionRecord* found =
        std::find_if(recorder_.functions(), end, [&](const auto& record) {
          return record.function == reinterpret_cast<evoke_function>(function);
        });
    return found == end ? nullptr : found;
  }

  // The turns that are complete.
  // But for a last one that found nothing to do any more, and did not wait.
  std::vector<const TurnRecord*> Turns() const {
    std::vector<const TurnRecord*> turns;
    for (int64_t i = recorder_.first_turn(); i < recorder_.turn_count(); ++i) {
      turns.push_back(&recorder_.turn(i));
    }
    if (!turns.empty() && turns.back()->wait_ns == 0) turns.pop_back();
    return turns;
  }

  Recorder recorder_;
  evoke_watch* watch_ = nullptr;
};

TEST_P(RecorderTest, AnEventWaitsFromAddingToDeleting) {
  Listen();
  SocketPair pair;
  TestEvent reads(base(), pair[0], EV_READ | EV_PERSIST, [](short) {});
  EXPECT_EQ(Find(reads.get()), nullptr);
  reads.Add();
  const WaitingEvent* waiting = Find(reads.get());
  ASSERT_NE(waiting, nullptr);
  EXPECT_EQ(waiting->fd, pair[0]);
  EXPECT_EQ(waiting->what, EV_READ | EV_PERSIST);
  EXPECT_EQ(waiting->deadline_ns, -1);
  EXPECT_FALSE(waiting->is_signal);
  // Its timeout comes and goes.
  reads.AddMicros(60000000);
  EXPECT_GT(Find(reads.get())->deadline_ns, 0);
  EXPECT_NEAR(Find(reads.get())->timeout_ns, 60e9, 30e9);
  event_remove_timer(reads.get());
  EXPECT_EQ(Find(reads.get())->deadline_ns, -1);
  reads.Del();
  EXPECT_EQ(Find(reads.get()), nullptr);

  TestEvent timer(base(), -1, 0, [](short) {});
  timer.AddMicros(60000000);
  ASSERT_NE(Find(timer.get()), nullptr);
  event_remove_timer(timer.get());
  EXPECT_EQ(Find(timer.get()), nullptr);
}

// Nobody tells of the end of an event that waits for nothing, so nobody may
// believe that it is there.
TEST_P(RecorderTest, WhatWaitsForNothingIsNotThere) {
  Listen();
  SocketPair pair;
  event* user = event_new(
      base(), -1, EV_PERSIST, [](evutil_socket_t, short, void*) {}, nullptr);
  event_add(user, nullptr);
  EXPECT_EQ(Find(user), nullptr);
  event_free(user);
  event* active = event_new(
      base(), pair[0], EV_READ, [](evutil_socket_t, short, void*) {}, nullptr);
  event_active(active, EV_READ, 1);
  event_add(active, nullptr);
  EXPECT_EQ(Find(active), nullptr);
  EXPECT_EQ(Loop(EVLOOP_NONBLOCK), 1);
  event_free(active);
  // A persistent timer that is deleted between its expiry and its callback.
  event* timer = event_new(
      base(), -1, EV_PERSIST, [](evutil_socket_t, short, void*) {}, nullptr);
  TestEvent first(base(), -1, 0, [&](short) { event_free(timer); });
  first.AddMicros(1);
  timeval later = {0, 2};
  event_add(timer, &later);
  SpinMillisecond();  // both are due by then
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(recorder_.events().count(), 0u);
  recorder_.PeekSoon();
  Loop(EVLOOP_NONBLOCK);
}

TEST_P(RecorderTest, ForEverIsFarAway) {
  Listen();
  TestEvent timer(base(), -1, 0, [](short) {});
  timeval for_ever = {INT64_MAX, 999999};
  event_add(timer.get(), &for_ever);
  ASSERT_NE(Find(timer.get()), nullptr);
  EXPECT_GT(Find(timer.get())->deadline_ns, INT64_C(1) << 60);
  recorder_.Seed(timer.get());
  EXPECT_GT(Find(timer.get())->deadline_ns, INT64_C(1) << 60);
}

TEST_P(RecorderTest, ADescriptorThatIsUsedAgainBeginsAnew) {
  Listen();
  SocketPair pair;
  bufferevent* bev = bufferevent_socket_new(base(), pair[0], 0);
  bufferevent_enable(bev, EV_READ);
  pair.Write(1, "four");
  Loop(EVLOOP_ONCE);
  const FdRecord* record = recorder_.fd(pair[0]);
  EXPECT_EQ(record->read_bytes, 4u);
  EXPECT_EQ(record->buffers.bufferevent, bev);
  EXPECT_EQ(record->buffers.input, 0u);  // as it was when it was added
  bufferevent_free(bev);
  EXPECT_EQ(record->buffers.bufferevent, nullptr);
  Loop(EVLOOP_NONBLOCK);
  TestEvent plain(base(), pair[0], EV_READ, [](short) {});
  plain.Add();
  EXPECT_EQ(recorder_.fd(pair[0])->read_bytes, 0u);
  // The same event once more: the same descriptor.
  pair.Write(1, "x");
  Loop(EVLOOP_ONCE);
  EXPECT_EQ(recorder_.fd(pair[0])->callbacks, 1u);
  plain.Add();
  EXPECT_EQ(recorder_.fd(pair[0])->callbacks, 1u);
}

// One event to read and one to write, each of which comes and goes.
TEST_P(RecorderTest, TwoEventsOfOneDescriptorShareItsCounts) {
  Listen();
  SocketPair pair;
  TestEvent writes(base(), pair[0], EV_WRITE, [](short) {});
  TestEvent reads(base(), pair[0], EV_READ, [&](short) { writes.Add(); });
  for (int i = 0; i < 5; ++i) {
    reads.Add();
    if (i == 0) pair.Write(1, "x");
    Loop(EVLOOP_ONCE);
    Loop(EVLOOP_ONCE);
  }
  EXPECT_EQ(recorder_.fd(pair[0])->callbacks, 10u);
}

// Among the timers stand placeholders for queues of equal timeouts.
TEST_P(RecorderTest, SeedsNoPlaceholders) {
  const timeval second = {1, 0};
  const timeval* common = event_base_init_common_timeout(base(), &second);
  ASSERT_NE(common, nullptr);
  TestEvent timer(base(), -1, 0, [](short) {});
  event_add(timer.get(), common);
  Listen();
  event_base_foreach_event(
      base(),
      [](const event_base*, const event* ev, void* arg) {
        static_cast<Recorder*>(arg)->Seed(ev);
        return 0;
      },
      &recorder_);
  EXPECT_EQ(recorder_.events().count(), 1u);
  ASSERT_NE(Find(timer.get()), nullptr);
  timer.Del();
  EXPECT_EQ(recorder_.events().count(), 0u);
}

TEST_P(RecorderTest, TheSlowestFunctionsStay) {
  for (int i = 0; i < 3 * kSlowest; ++i) {
    evoke_point point = {};
    point.kind = EVOKE_POINT_TURN;
    point.time_ns = 1000000 * (i + 1);
    recorder_.Tell(point);
    point.kind = EVOKE_POINT_CALLBACK;
    point.source = EVOKE_SOURCE_EVENT;
    point.function = reinterpret_cast<evoke_function>(uintptr_t{1000} + i);
    point.fd = -1;
    recorder_.Tell(point);
    point.kind = EVOKE_POINT_CALLBACK_DONE;
    // The middle ones take long.
    point.time_ns += i / kSlowest == 1 ? 1000 + i : 10;
    recorder_.Tell(point);
  }
  ASSERT_EQ(recorder_.function_count(), kSlowest);
  for (int i = 0; i < kSlowest; ++i) {
    EXPECT_GE(recorder_.functions()[i].longest_ns, 1000);
  }
}

// Also of callbacks that the turn does not keep, and of those that are within
// each other.
TEST_P(RecorderTest, AddsUpExactlyWhatIsNotKept) {
  evoke_point point = {};
  point.source = EVOKE_SOURCE_EVENT;
  auto tell = [&](evoke_point_kind kind, int64_t time_ns, int number,
                  evutil_socket_t fd) {
    point.kind = kind;
    point.time_ns = time_ns;
    point.function = reinterpret_cast<evoke_function>(uintptr_t{1000} + number);
    point.fd = fd;
    recorder_.Tell(point);
  };
  tell(EVOKE_POINT_TURN, 1, 0, -1);
  for (int i = 0; i < kCallbacksATurn; ++i) {
    tell(EVOKE_POINT_CALLBACK, 10, 0, 3);
    tell(EVOKE_POINT_CALLBACK_DONE, 11, 0, 3);
  }
  tell(EVOKE_POINT_CALLBACK, 100, 1, 4);
  tell(EVOKE_POINT_CALLBACK, 110, 2, 4);  // of the same descriptor
  tell(EVOKE_POINT_CALLBACK_DONE, 130, 2, 4);
  tell(EVOKE_POINT_CALLBACK, 130, 3, 5);  // of another
  tell(EVOKE_POINT_CALLBACK_DONE, 170, 3, 5);
  tell(EVOKE_POINT_CALLBACK_DONE, 200, 1, 4);
  EXPECT_EQ(recorder_.fd(3)->callbacks, uint64_t{kCallbacksATurn});
  EXPECT_EQ(recorder_.fd(3)->busy_ns, kCallbacksATurn);
  EXPECT_EQ(recorder_.fd(4)->callbacks, 2u);
  EXPECT_EQ(recorder_.fd(4)->busy_ns, 100);
  EXPECT_EQ(recorder_.fd(5)->callbacks, 1u);
  EXPECT_EQ(recorder_.fd(5)->busy_ns, 40);
  const int64_t kTook[] = {1, 100, 20, 40};
  for (int i = 0; i < 4; ++i) {
    const FunctionRecord* function = FindFunction(uintptr_t{1000} + i);
    ASSERT_NE(function, nullptr) << i;
    EXPECT_EQ(function->longest_ns, kTook[i]) << i;
    EXPECT_EQ(function->calls, uint64_t(i == 0 ? kCallbacksATurn : 1)) << i;
  }
  // A signal's number is no descriptor's.
  point.source = EVOKE_SOURCE_SIGNAL;
  tell(EVOKE_POINT_CALLBACK, 300, 4, 6);
  point.source = EVOKE_SOURCE_BUFFEREVENT_READ;
  tell(EVOKE_POINT_CALLBACK, 310, 5, 6);
  tell(EVOKE_POINT_CALLBACK_DONE, 330, 5, 6);
  point.source = EVOKE_SOURCE_SIGNAL;
  tell(EVOKE_POINT_CALLBACK_DONE, 340, 4, 6);
  EXPECT_EQ(recorder_.fd(6)->callbacks, 1u);
  EXPECT_EQ(recorder_.fd(6)->busy_ns, 20);
  EXPECT_EQ(FindFunction(uintptr_t{1004})->longest_ns, 40);
}

// However deep callbacks run within each other.
TEST_P(RecorderTest, SurvivesDeepNesting) {
  constexpr int kDeep = 300;
  evoke_point point = {};
  point.kind = EVOKE_POINT_TURN;
  recorder_.Tell(point);
  point.source = EVOKE_SOURCE_BUFFEREVENT_READ;
  point.function = reinterpret_cast<evoke_function>(uintptr_t{1000});
  point.fd = -1;
  point.kind = EVOKE_POINT_CALLBACK;
  for (int i = 0; i < kDeep; ++i) {
    ++point.time_ns;
    recorder_.Tell(point);
  }
  point.kind = EVOKE_POINT_CALLBACK_DONE;
  for (int i = 0; i < kDeep; ++i) {
    ++point.time_ns;
    recorder_.Tell(point);
  }
  ASSERT_NE(recorder_.turn_under_way(), nullptr);
  EXPECT_EQ(recorder_.turn_under_way()->callbacks, kDeep);
  EXPECT_EQ(recorder_.turn_under_way()->kept, kCallbacksATurn);
  EXPECT_EQ(recorder_.functions()[0].longest_ns, 2 * kDeep - 1);
  EXPECT_GE(recorder_.functions()[0].calls, 32u);
  for (int i = 0; i < kCallbacksATurn; ++i) {
    EXPECT_EQ(recorder_.turn_under_way()->callback[i].end_ns, 2 * kDeep - i);
  }
}

TEST_P(RecorderTest, FiredOnceItWaitsNoMore) {
  Listen();
  TestEvent once(base(), -1, 0, [](short) {});
  once.AddMicros(1);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(Find(once.get()), nullptr);
  int fired = 0;
  TestEvent again(base(), -1, EV_PERSIST, [&](short) {
    if (++fired == 3) event_base_loopbreak(base());
  });
  again.AddMicros(1000);
  const int64_t first_ns = Find(again.get())->deadline_ns;
  Loop();
  ASSERT_NE(Find(again.get()), nullptr);
  EXPECT_GT(Find(again.get())->deadline_ns, first_ns);
}

TEST_P(RecorderTest, WhatWaitedBeforeIsSeeded) {
  SocketPair pair;
  TestEvent reads(base(), pair[0], EV_READ | EV_PERSIST, [](short) {});
  reads.AddMicros(60000000);
  TestEvent idle(base(), pair[1], EV_READ, [](short) {});
  TestEvent signal(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST, [](short) {});
  signal.Add();
  Listen();
  event_base_foreach_event(
      base(),
      [](const event_base*, const event* ev, void* arg) {
        static_cast<Recorder*>(arg)->Seed(ev);
        return 0;
      },
      &recorder_);
  ASSERT_NE(Find(reads.get()), nullptr);
  const int64_t left_ns = Find(reads.get())->deadline_ns - NowNanos();
  EXPECT_NEAR(left_ns, 60e9, 30e9);
  EXPECT_EQ(Find(idle.get()), nullptr);
  ASSERT_NE(Find(signal.get()), nullptr);
  EXPECT_TRUE(Find(signal.get())->is_signal);
  // What waits for signals in the signal's place is the library's own.
  size_t others = 0;
  for (const WaitingEvent& waiting : recorder_.events()) {
    others += waiting.object != nullptr && !waiting.is_internal;
  }
  EXPECT_EQ(others, 2u);
}

TEST_P(RecorderTest, ATurnHasItsTimesAndCallbacks) {
  Listen();
  SocketPair pair;
  TestEvent reads(base(), pair[0], EV_READ, [&](short) {
    char bytes[8];
    EXPECT_EQ(read(pair[0], bytes, sizeof(bytes)), 1);
  });
  reads.Add();
  EXPECT_EQ(write(pair[1], "x", 1), 1);
  EXPECT_EQ(Loop(), 1);
  ASSERT_EQ(Turns().size(), 1u);
  const TurnRecord& turn = *Turns()[0];
  EXPECT_EQ(turn.number, 0);
  EXPECT_LE(turn.start_ns, turn.wait_ns);
  EXPECT_LE(turn.wait_ns, turn.done_ns);
  EXPECT_LE(turn.done_ns, turn.end_ns);
  EXPECT_EQ(turn.ready, 1);
  EXPECT_EQ(turn.timeout_us, -1);
  EXPECT_EQ(turn.callbacks, 1);
  EXPECT_EQ(turn.timers, 0);
  EXPECT_EQ(turn.deleted, 1);
  ASSERT_EQ(turn.kept, 1);
  EXPECT_EQ(turn.callback[0].fd, pair[0]);
  EXPECT_EQ(turn.callback[0].what & EV_READ, EV_READ);
  EXPECT_EQ(turn.callback[0].source, EVOKE_SOURCE_EVENT);
  EXPECT_EQ(turn.callback[0].depth, 0);
  EXPECT_LE(turn.callback[0].start_ns, turn.callback[0].end_ns);
  ASSERT_NE(recorder_.fd(pair[0]), nullptr);
  EXPECT_EQ(recorder_.fd(pair[0])->callbacks, 1u);
  ASSERT_EQ(recorder_.function_count(), 1);
  EXPECT_EQ(recorder_.functions()[0].calls, 1u);
  EXPECT_EQ(recorder_.functions()[0].longest_fd, pair[0]);
}

TEST_P(RecorderTest, CountsTheQueuesByPriority) {
  event_base_priority_init(base(), 3);
  Listen();
  std::vector<std::unique_ptr<TestEvent>> events;
  // One at 0, two at 1, three at 2, all active at once.
  for (int priority = 0; priority < 3; ++priority) {
    for (int i = 0; i <= priority; ++i) {
      events.push_back(
          std::make_unique<TestEvent>(base(), -1, 0, [](short) {}));
      event_priority_set(events.back()->get(), priority);
      event_active(events.back()->get(), EV_TIMEOUT, 1);
    }
  }
  EXPECT_EQ(Loop(), 1);
  // Each turn runs the most urgent queue.
  ASSERT_EQ(Turns().size(), 3u);
  for (int turn = 0; turn < 3; ++turn) {
    for (int priority = 0; priority < 3; ++priority) {
      EXPECT_EQ(Turns()[turn]->queued[priority],
                priority < turn ? 0 : priority + 1)
          << "turn " << turn << ", priority " << priority;
    }
    EXPECT_EQ(Turns()[turn]->callbacks, turn + 1);
  }
}

TEST_P(RecorderTest, KeepsTheLastTurnsAndTheFirstCallbacks) {
  Listen();
  int left = 3 * kTurns;
  TestEvent again(base(), -1, 0, [&](short) {
    if (--left > 0) again.AddMicros(0);  // in the next turn
  });
  event_active(again.get(), EV_TIMEOUT, 1);
  EXPECT_EQ(Loop(), 1);
  ASSERT_EQ(Turns().size(), static_cast<size_t>(kTurns - 1));
  for (size_t i = 1; i < Turns().size(); ++i) {
    EXPECT_EQ(Turns()[i]->number, Turns()[i - 1]->number + 1);
  }
  std::vector<std::unique_ptr<TestEvent>> events;
  for (int i = 0; i < kCallbacksATurn + 10; ++i) {
    events.push_back(std::make_unique<TestEvent>(base(), -1, 0, [](short) {}));
    event_active(events.back()->get(), EV_TIMEOUT, 1);
  }
  EXPECT_EQ(Loop(), 1);
  const TurnRecord& last = *Turns().back();
  EXPECT_EQ(last.callbacks, kCallbacksATurn + 10);
  EXPECT_EQ(last.kept, kCallbacksATurn);
}

// The list of a turn is bounded, what is counted is not.
TEST_P(RecorderTest, CountsCallbacksThatTheTurnDoesNotKeep) {
  Listen();
  SocketPair pair;
  std::vector<std::unique_ptr<TestEvent>> events;
  for (int i = 0; i < 29; ++i) {
    events.push_back(std::make_unique<TestEvent>(base(), -1, 0, [](short) {}));
    event_active(events.back()->get(), EV_TIMEOUT, 1);
  }
  const event_callback_fn on_slow = [](evutil_socket_t, short, void*) {
    SpinMillisecond();
  };
  event* slow = event_new(base(), pair[0], EV_READ, on_slow, nullptr);
  event_active(slow, EV_READ, 1);
  EXPECT_EQ(Loop(), 1);
  ASSERT_EQ(Turns().size(), 1u);
  EXPECT_EQ(Turns()[0]->callbacks, 30);
  EXPECT_EQ(Turns()[0]->kept, kCallbacksATurn);
  const FunctionRecord* function = FindFunction(on_slow);
  ASSERT_NE(function, nullptr);
  EXPECT_EQ(function->calls, 1u);
  EXPECT_GE(function->longest_ns, 1000000);
  EXPECT_EQ(function->longest_fd, pair[0]);
  EXPECT_EQ(function->longest_turn, Turns()[0]->number);
  ASSERT_NE(recorder_.fd(pair[0]), nullptr);
  EXPECT_EQ(recorder_.fd(pair[0])->callbacks, 1u);
  EXPECT_EQ(recorder_.fd(pair[0])->busy_ns, function->longest_ns);
  event_free(slow);
}

// Each has two callbacks in the turn, its event's and its own.
TEST_P(RecorderTest, CountsForEachOfManyBusyBufferevents) {
  constexpr int kConnections = 20;
  static int called;
  called = 0;
  Listen();
  SocketPair pairs[kConnections];
  bufferevent* bevs[kConnections];
  for (int i = 0; i < kConnections; ++i) {
    bevs[i] = bufferevent_socket_new(base(), pairs[i][0], 0);
    bufferevent_setcb(
        bevs[i], [](bufferevent*, void*) { ++called; }, nullptr, nullptr,
        nullptr);
    bufferevent_enable(bevs[i], EV_READ);
    pairs[i].Write(1, "x");
  }
  while (called < kConnections) ASSERT_EQ(Loop(EVLOOP_ONCE), 0);
  for (int i = 0; i < kConnections; ++i) {
    const FdRecord* record = recorder_.fd(pairs[i][0]);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->callbacks, 2u) << "connection " << i;
    EXPECT_GT(record->busy_ns, 0) << "connection " << i;
    bufferevent_free(bevs[i]);
  }
  Loop(EVLOOP_NONBLOCK);
}

TEST_P(RecorderTest, LooksIntoBufferevents) {
  Listen();
  SocketPair pair;
  bufferevent* bev = bufferevent_socket_new(base(), pair[0], 0);
  bufferevent_setwatermark(bev, EV_READ, 5, 100);
  bufferevent_setwatermark(bev, EV_WRITE, 7, 0);
  bufferevent_enable(bev, EV_READ);
  ASSERT_NE(recorder_.fd(pair[0]), nullptr);
  const evoke_buffers& held = recorder_.fd(pair[0])->buffers;
  EXPECT_EQ(held.bufferevent, bev);
  EXPECT_EQ(held.read_low, 5u);
  EXPECT_EQ(held.read_high, 100u);
  EXPECT_EQ(held.write_low, 7u);
  EXPECT_EQ(held.write_high, 0u);

  // The input is full: it waits no more, and its buffers are known.
  std::string bytes(250, 'x');
  EXPECT_EQ(write(pair[1], bytes.data(), bytes.size()), 250);
  Loop(EVLOOP_ONCE);
  Loop(EVLOOP_NONBLOCK);
  EXPECT_EQ(Find(&bev->ev_read), nullptr);
  EXPECT_EQ(recorder_.fd(pair[0])->buffers.input, 100u);
  EXPECT_EQ(recorder_.fd(pair[0])->read_bytes, 100u);

  // A peer that does not read: what is left in the output shows when asked for.
  std::string much(1 << 22, 'y');
  bufferevent_write(bev, much.data(), much.size());
  Loop(EVLOOP_NONBLOCK);
  bufferevent_write(bev, "more", 4);
  recorder_.PeekSoon();
  Loop(EVLOOP_NONBLOCK);
  const FdRecord& record = *recorder_.fd(pair[0]);
  EXPECT_GT(record.buffers.output, 0u);
  EXPECT_EQ(record.buffers.output,
            evbuffer_get_length(bufferevent_get_output(bev)));
  EXPECT_EQ(record.buffers.output + record.written_bytes, (1u << 22) + 4);

  // Another one on the same descriptor begins anew.
  bufferevent_free(bev);
  Loop(EVLOOP_NONBLOCK);
  bev = bufferevent_socket_new(base(), pair[0], 0);
  bufferevent* other = bufferevent_socket_new(base(), pair[0], 0);
  bufferevent_free(bev);
  bufferevent_enable(other, EV_READ);
  if (recorder_.fd(pair[0])->buffers.bufferevent == other) {
    EXPECT_EQ(recorder_.fd(pair[0])->buffers.read_high, 0u);
  }
  bufferevent_free(other);
  Loop(EVLOOP_NONBLOCK);
}

// A bufferevent's callback runs within that of its event: its time is counted
// once.
TEST_P(RecorderTest, CountsTheTimeOfADescriptorOnce) {
  Listen();
  SocketPair pair;
  bufferevent* bev = bufferevent_socket_new(base(), pair[0], 0);
  bufferevent_setcb(
      bev, [](bufferevent*, void*) {}, nullptr, nullptr, nullptr);
  bufferevent_enable(bev, EV_READ);
  EXPECT_EQ(write(pair[1], "x", 1), 1);
  Loop(EVLOOP_ONCE);
  EXPECT_EQ(recorder_.turn_under_way(), nullptr);  // the loop has returned
  ASSERT_EQ(recorder_.turn_count(), 1);
  const TurnRecord* turn = &recorder_.turn(0);
  ASSERT_EQ(turn->kept, 2);
  EXPECT_EQ(turn->callback[0].depth, 0);
  EXPECT_EQ(turn->callback[1].depth, 1);
  EXPECT_EQ(turn->callback[1].source, EVOKE_SOURCE_BUFFEREVENT_READ);
  EXPECT_EQ(recorder_.fd(pair[0])->callbacks, 2u);
  EXPECT_EQ(recorder_.fd(pair[0])->busy_ns,
            turn->callback[0].end_ns - turn->callback[0].start_ns);
  bufferevent_free(bev);
}

const event* g_own;

TEST_P(RecorderTest, LeavesOutThePagesOwn) {
  recorder_.set_is_own([](const void* object) { return object == g_own; });
  Listen();
  TestEvent own(base(), -1, 0, [](short) {});
  TestEvent other(base(), -1, 0, [](short) {});
  g_own = own.get();
  own.AddMicros(1);
  SpinMillisecond();  // a wait may end early, with a turn of its own
  EXPECT_EQ(Loop(), 1);
  // A turn that was all its own has no place.
  EXPECT_TRUE(Turns().empty());
  EXPECT_EQ(recorder_.own_turns(), 1);
  EXPECT_EQ(recorder_.events().count(), 0u);
  EXPECT_EQ(recorder_.function_count(), 0);
  event_active(own.get(), EV_TIMEOUT, 1);
  event_active(other.get(), EV_TIMEOUT, 1);
  EXPECT_EQ(Loop(), 1);
  const TurnRecord& last = *Turns().back();
  EXPECT_EQ(last.callbacks, 1);
  EXPECT_EQ(last.queued[0], 1);
}

EVOKE_ON_EVERY_BACKEND(RecorderTest);

}  // namespace
}  // namespace evoke::scope
