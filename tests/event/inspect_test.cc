// SPDX-License-Identifier: BSD-3-Clause
//
// event_base_foreach_event(), event_base_dump_events() and the counts. That the
// counts and the form are libevent's is what the scenarios in
// tests/differential/scenarios/inspect.c show.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <string>
#include <vector>

#include "event/event_base.h"
#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

constexpr unsigned kAdded = EVENT_BASE_COUNT_ADDED;
constexpr unsigned kActive = EVENT_BASE_COUNT_ACTIVE;
constexpr unsigned kVirtual = EVENT_BASE_COUNT_VIRTUAL;

class InspectTest : public BackendTest {
 protected:
  std::vector<const event*> Visited() {
    std::vector<const event*> events;
    EXPECT_EQ(event_base_foreach_event(
                  base(),
                  [](const event_base*, const event* ev, void* arg) {
                    static_cast<std::vector<const event*>*>(arg)->push_back(ev);
                    return 0;
                  },
                  &events),
              0);
    return events;
  }

  std::string Dumped() {
    char* text = nullptr;
    size_t size = 0;
    FILE* file = open_memstream(&text, &size);
    event_base_dump_events(base(), file);
    fclose(file);
    std::string dumped(text, size);
    free(text);
    return dumped;
  }

  int Count(unsigned flags) { return event_base_get_num_events(base(), flags); }
  int Max(unsigned flags, int clear = 0) {
    return event_base_get_max_events(base(), flags, clear);
  }
};

TEST_P(InspectTest, EachEventOnceWaitingThenTimersThenActive) {
  SocketPair pair;
  TestEvent timer(base(), -1, 0, [](short) {});
  TestEvent active(base(), -1, 0, [](short) {});
  TestEvent reader(base(), pair[0], EV_READ, [](short) {});
  TestEvent nowhere(base(), pair[0], EV_READ, [](short) {});
  event_active(active.get(), EV_READ, 1);
  event_active(reader.get(), EV_READ, 1);
  timer.AddMicros(1000000);
  event_active(timer.get(), EV_TIMEOUT, 1);
  reader.AddMicros(1000000);
  // An event that is active when it is added waits for nothing but time.
  EXPECT_EQ(Visited(), (std::vector<const event*>{timer.get(), reader.get(),
                                                  active.get()}));
  event_del(reader.get());
  reader.AddMicros(1000000);
  event_active(reader.get(), EV_READ, 1);
  EXPECT_EQ(Visited(), (std::vector<const event*>{reader.get(), timer.get(),
                                                  active.get()}));
}

TEST_P(InspectTest, TheCallbackMayStopIt) {
  TestEvent a(base(), -1, 0, [](short) {});
  TestEvent b(base(), -1, 0, [](short) {});
  a.AddMicros(1000000);
  b.AddMicros(2000000);
  int calls = 0;
  EXPECT_EQ(event_base_foreach_event(
                base(),
                [](const event_base*, const event*, void* arg) {
                  ++*static_cast<int*>(arg);
                  return 7;
                },
                &calls),
            7);
  EXPECT_EQ(calls, 1);
}

TEST_P(InspectTest, EventsBehindACommonTimeoutAreVisited) {
  const timeval second = {1, 0};
  const timeval* common = event_base_init_common_timeout(base(), &second);
  TestEvent a(base(), -1, 0, [](short) {});
  TestEvent b(base(), -1, 0, [](short) {});
  event_add(a.get(), common);
  event_add(b.get(), common);
  std::vector<const event*> visited = Visited();
  ASSERT_EQ(visited.size(), 3u) << "and the placeholder";
  EXPECT_EQ(visited[1], a.get());
  EXPECT_EQ(visited[2], b.get());
  EXPECT_NE(Dumped().find(" Internal Timeout="), std::string::npos);
}

TEST_P(InspectTest, TheListSaysWhatIsWaitedForAndWhatHappened) {
  EXPECT_EQ(Dumped(), "Inserted events:\nActive events:\n");
  SocketPair pair;
  TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST, [](short) {});
  reader.Add();
  event_active(reader.get(), EV_READ | EV_TIMEOUT, 1);
  char expected[200];
  snprintf(expected, sizeof(expected),
           "Inserted events:\n  %p [fd  %d] Read Persist\n"
           "Active events:\n  %p [fd  %d, priority=0] Read Timeout active\n",
           static_cast<void*>(reader.get()), pair[0],
           static_cast<void*>(reader.get()), pair[0]);
  EXPECT_EQ(Dumped(), expected);
}

TEST_P(InspectTest, CountsFollowTheQueuesAndTheMaximaStay) {
  SocketPair pair;
  TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST, [](short) {});
  reader.AddMicros(1000000);
  EXPECT_EQ(Count(kAdded), 2);
  event_active(reader.get(), EV_READ, 1);
  EXPECT_EQ(Count(kAdded), 3);
  EXPECT_EQ(Count(kActive), 1);
  EXPECT_EQ(Count(kAdded | kActive | kVirtual), 4);
  reader.Del();
  EXPECT_EQ(Count(kAdded | kActive | kVirtual), 0);
  EXPECT_EQ(Max(kAdded), 3);
  EXPECT_EQ(Max(kActive), 1);
  EXPECT_EQ(Max(kAdded | kActive, 1), 4);
  EXPECT_EQ(Max(kAdded | kActive), 0);
  reader.Add();
  EXPECT_EQ(Max(kAdded | kActive | kVirtual), 1);
}

TEST_P(InspectTest, WhatTheLibraryAddsForItselfCountsOnlyAsActive) {
  TestEvent on_signal(base(), SIGUSR1, EV_SIGNAL, [](short) {});
  on_signal.Add();
  EXPECT_EQ(Count(kAdded), 1);
  raise(SIGUSR1);
  Loop(EVLOOP_NONBLOCK);
  EXPECT_EQ(Count(kAdded), 0);
  EXPECT_EQ(Max(kActive), 1);
  EXPECT_EQ(Max(kAdded), 2);
}

TEST_P(InspectTest, NothingInPlaceOfAnArgumentIsRefused) {
  event_set_log_callback([](int, const char*) {});
  EXPECT_EQ(event_base_foreach_event(base(), nullptr, nullptr), -1);
  EXPECT_EQ(
      event_base_foreach_event(
          nullptr, [](const event_base*, const event*, void*) { return 0; },
          nullptr),
      -1);
  EXPECT_EQ(event_base_get_num_events(nullptr, kAdded), -1);
  EXPECT_EQ(event_base_get_max_events(nullptr, kAdded, 0), -1);
  event_base_dump_events(nullptr, stdout);
  event_base_dump_events(base(), nullptr);
  event_set_log_callback(nullptr);
}

EVOKE_ON_EVERY_BACKEND(InspectTest);

}  // namespace
}  // namespace evoke::testing
