// SPDX-License-Identifier: BSD-3-Clause
#include <evoke/stats.h>
#include <signal.h>
#include <string.h>

#include <string>
#include <vector>

#include "event/event_base.h"
#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

class StatsTest : public BackendTest {
 protected:
  struct evoke_stats Stats() {
    struct evoke_stats stats = {};
    stats.struct_size = sizeof(stats);
    EXPECT_EQ(evoke_stats(base(), &stats), 0);
    return stats;
  }
};

TEST_P(StatsTest, EventsAreCountedByWhatFired) {
  SocketPair pair;
  TestEvent reader(base(), pair[0], EV_READ, [](short) {});
  TestEvent writer(base(), pair[1], EV_WRITE, [](short) {});
  TestEvent timer(base(), -1, 0, [](short) {});
  TestEvent active(base(), -1, 0, [](short) {});
  TestEvent both(base(), -1, 0, [](short) {});
  pair.Write(1, "x");
  reader.Add();
  writer.Add();
  timer.AddMicros(0);
  event_active(active.get(), 0, 1);
  event_active(both.get(), EV_READ | EV_WRITE, 1);
  struct evoke_stats before = Stats();
  EXPECT_EQ(before.turns, 0u);
  EXPECT_EQ(before.added, 3u);
  EXPECT_EQ(before.events, 3u);
  EXPECT_EQ(before.timers, 1u);
  EXPECT_EQ(before.active, 2u);
  EXPECT_EQ(Loop(), 1);
  struct evoke_stats after = Stats();
  EXPECT_EQ(after.fired_read, 2u);
  EXPECT_EQ(after.fired_write, 2u);
  EXPECT_EQ(after.fired_timeout, 1u);
  EXPECT_EQ(after.fired_signal, 0u);
  EXPECT_EQ(after.fired_other, 1u);
  EXPECT_EQ(after.events, 0u);
  EXPECT_EQ(after.active, 0u);
  EXPECT_GE(after.active_max, 2u);
  EXPECT_GE(after.waits, 1u);
  EXPECT_GE(after.turns, after.waits);
  EXPECT_GE(after.changes, 2u);
}

TEST_P(StatsTest, ALateTimerIsCounted) {
  TestEvent timer(base(), -1, 0, [](short) {});
  timer.AddMicros(1);
  int64_t late_us = DeadlineOf(*timer.get()) + 5000;
  while (MonotonicMicros() < late_us) {
  }
  EXPECT_EQ(Loop(), 1);
  struct evoke_stats stats = Stats();
  EXPECT_EQ(stats.timers_late, 1u);
  EXPECT_GE(stats.late_max_us, 5000u);
}

TEST_P(StatsTest, DurationsAreTakenOnRequest) {
  TestEvent timer(base(), -1, 0, [](short) {
    int64_t end_us = MonotonicMicros() + 1000;
    while (MonotonicMicros() < end_us) {
    }
  });
  timer.AddMicros(1000);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(Stats().running_ns, 0u);
  EXPECT_EQ(evoke_stats_enable_timing(base(), 1), 0);
  timer.AddMicros(1000);
  EXPECT_EQ(Loop(), 1);
  struct evoke_stats stats = Stats();
  // The clock of the callback has whole microseconds.
  EXPECT_GE(stats.running_ns, 999000u);
  EXPECT_EQ(stats.longest_ns, stats.busiest_ns);
  EXPECT_NE(stats.busiest, nullptr);
  EXPECT_GT(stats.waiting_ns, 0u);
  // Anew, from zero.
  EXPECT_EQ(evoke_stats_enable_timing(base(), 1), 0);
  EXPECT_EQ(Stats().running_ns, 0u);
  EXPECT_EQ(evoke_stats_enable_timing(base(), 0), 0);
  EXPECT_EQ(evoke_stats_enable_timing(base(), 0), 0);
  EXPECT_EQ(Stats().busiest, nullptr);
}

TEST_P(StatsTest, TheSizeTellsTheVersion) {
  struct evoke_stats stats = {};
  stats.struct_size = 8;
  EXPECT_EQ(evoke_stats(base(), &stats), -1);
  event_set_log_callback([](int, const char*) {});
  EXPECT_EQ(evoke_stats(nullptr, &stats), -1);
  EXPECT_EQ(evoke_stats(base(), nullptr), -1);
  EXPECT_EQ(evoke_stats_prometheus(nullptr, nullptr, nullptr, 0), -1);
  EXPECT_EQ(evoke_stats_enable_timing(nullptr, 1), -1);
  event_set_log_callback(nullptr);
  // A later version's struct: what we know is filled in.
  struct {
    struct evoke_stats known;
    uint64_t more;
  } later = {};
  later.known.struct_size = sizeof(later);
  later.more = 77;
  EXPECT_EQ(evoke_stats(base(), &later.known), 0);
  EXPECT_EQ(later.known.struct_size, sizeof(later));
  EXPECT_EQ(later.more, 77u);
}

TEST_P(StatsTest, PrometheusGetsEachNumberOnce) {
  TestEvent timer(base(), -1, 0, [](short) {});
  timer.AddMicros(0);
  EXPECT_EQ(Loop(), 1);
  int length = evoke_stats_prometheus(base(), "base=\"a\"", nullptr, 0);
  ASSERT_GT(length, 0);
  std::string text(static_cast<size_t>(length) + 1, '?');
  EXPECT_EQ(
      evoke_stats_prometheus(base(), "base=\"a\"", text.data(), text.size()),
      length);
  EXPECT_EQ(strlen(text.c_str()), static_cast<size_t>(length));
  EXPECT_NE(text.find("\nevoke_fired_total{kind=\"timeout\",base=\"a\"} 1\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("# TYPE evoke_turns_total counter\n"), std::string::npos);
  // Cut where the room ends, and without labels.
  char small[10];
  EXPECT_GT(evoke_stats_prometheus(base(), nullptr, small, sizeof(small)), 10);
  EXPECT_EQ(std::string(small), "# HELP ev");
}

EVOKE_ON_EVERY_BACKEND(StatsTest);

}  // namespace
}  // namespace evoke::testing
