// SPDX-License-Identifier: BSD-3-Clause
//
// Making bases, asking about them, configs, event_base_once, and the functions
// of event_compat.h.
#include <event2/event_compat.h>
#include <event2/event_struct.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

class BaseTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    event_set_log_callback([](int, const char*) {});
  }
  void TearDown() override { event_set_log_callback(nullptr); }
};

TEST_P(BaseTest, NullIsRefusedEverywhere) {
  timeval tv;
  EXPECT_EQ(event_base_loop(nullptr, 0), -1);
  EXPECT_EQ(event_base_dispatch(nullptr), -1);
  EXPECT_EQ(event_base_loopbreak(nullptr), -1);
  EXPECT_EQ(event_base_loopcontinue(nullptr), -1);
  EXPECT_EQ(event_base_loopexit(nullptr, nullptr), -1);
  EXPECT_EQ(event_base_once(
                nullptr, -1, EV_TIMEOUT, [](evutil_socket_t, short, void*) {},
                nullptr, nullptr),
            -1);
  EXPECT_EQ(event_base_priority_init(nullptr, 3), -1);
  EXPECT_EQ(event_base_get_features(nullptr), 0);
  EXPECT_EQ(event_base_get_method(nullptr), nullptr);
  EXPECT_EQ(event_base_init_common_timeout(nullptr, &tv), nullptr);
  EXPECT_EQ(event_base_init_common_timeout(base(), nullptr), nullptr);
  EXPECT_EQ(event_base_update_cache_time(nullptr), -1);
  EXPECT_EQ(event_gettime_monotonic(nullptr, &tv), -1);
  EXPECT_EQ(event_gettime_monotonic(base(), nullptr), -1);
  EXPECT_EQ(event_base_set(nullptr, nullptr), -1);
  EXPECT_EQ(event_priority_set(nullptr, 0), -1);
  EXPECT_EQ(event_base_got_exit(nullptr), 0);
  EXPECT_EQ(event_base_got_break(nullptr), 0);
  EXPECT_EQ(event_base_get_running_event(nullptr), nullptr);
  event_base_free(nullptr);
  event_base_active_by_fd(nullptr, 1, EV_READ);
  event_base_active_by_signal(nullptr, SIGUSR1);
  EXPECT_EQ(event_config_avoid_method(nullptr, "poll"), -1);
  EXPECT_EQ(event_config_require_features(nullptr, 0), -1);
  EXPECT_EQ(event_config_set_flag(nullptr, 0), -1);
  EXPECT_EQ(event_config_set_num_cpus_hint(nullptr, 1), -1);
  EXPECT_EQ(event_config_set_max_dispatch_interval(nullptr, nullptr, 1, 1), -1);
  event_config_free(nullptr);
}

TEST_P(BaseTest, ABaseWithoutABackendIsNull) {
  event_config* config = event_config_new();
  for (const char* name : {"epoll", "poll", "select"}) {
    event_config_avoid_method(config, name);
  }
  EXPECT_EQ(event_base_new_with_config(config), nullptr);
  event_config_free(config);
}

TEST_P(BaseTest, RequiredFeaturesChooseOrRefuse) {
  event_config* config = event_config_new();
  event_config_require_features(config, EV_FEATURE_ET);
  Base edge(event_base_new_with_config(config));
  ASSERT_NE(edge, nullptr);
  EXPECT_TRUE(event_base_get_features(edge.get()) & EV_FEATURE_ET);
  event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_FDS);
  EXPECT_EQ(event_base_new_with_config(config), nullptr);
  event_config_free(config);
}

TEST_P(BaseTest, PrioritiesAreFrom1To255) {
  EXPECT_EQ(event_base_get_npriorities(base()), 1);
  EXPECT_EQ(event_base_priority_init(base(), 0), -1);
  EXPECT_EQ(event_base_priority_init(base(), 256), -1);
  EXPECT_EQ(event_base_priority_init(base(), 255), 0);
  EXPECT_EQ(event_base_get_npriorities(base()), 255);
  TestEvent timer(base(), -1, 0, [](short) {});
  EXPECT_EQ(event_get_priority(timer.get()), 127);
  EXPECT_EQ(event_priority_set(timer.get(), 255), -1);
  EXPECT_EQ(event_priority_set(timer.get(), -1), -1);
  EXPECT_EQ(event_priority_set(timer.get(), 254), 0);
  event_active(timer.get(), EV_READ, 1);
  EXPECT_EQ(event_priority_set(timer.get(), 1), -1);
  EXPECT_EQ(event_base_priority_init(base(), 3), -1);
}

TEST_P(BaseTest, OnceRefusesWhatCannotEnd) {
  auto nothing = [](evutil_socket_t, short, void*) {};
  EXPECT_EQ(
      event_base_once(base(), SIGUSR1, EV_SIGNAL, nothing, nullptr, nullptr),
      -1);
  EXPECT_EQ(event_base_once(base(), 0, EV_READ | EV_PERSIST, nothing, nullptr,
                            nullptr),
            -1);
  EXPECT_EQ(event_base_once(base(), 0, 0, nothing, nullptr, nullptr), -1);
  EXPECT_EQ(event_base_once(base(), -1, EV_TIMEOUT, nullptr, nullptr, nullptr),
            -1);
}

// Leaks of unfired ones are LeakSanitizer's to find.
TEST_P(BaseTest, UnfiredOnceEventsGoWithTheBase) {
  SocketPair pair;
  timeval later = {1000, 0};
  auto nothing = [](evutil_socket_t, short, void*) { FAIL(); };
  EXPECT_EQ(event_base_once(base(), pair[0], EV_READ, nothing, nullptr, &later),
            0);
  EXPECT_EQ(event_base_once(base(), -1, EV_TIMEOUT, nothing, nullptr, &later),
            0);
  EXPECT_EQ(event_base_once(base(), -1, EV_TIMEOUT, nothing, nullptr, nullptr),
            0);
  base_.reset();
}

TEST_P(BaseTest, TheMonotonicTimeIsCachedInCallbacksUnlessSwitchedOff) {
  Base uncached = NewBase(GetParam(), EVENT_BASE_FLAG_NO_CACHE_TIME);
  for (event_base* which : {base(), uncached.get()}) {
    bool same = false;
    TestEvent timer(which, -1, 0, [&](short) {
      timeval first, now;
      event_gettime_monotonic(which, &first);
      // The clock itself moves in the meantime.
      timespec start, end;
      clock_gettime(CLOCK_MONOTONIC, &start);
      do {
        clock_gettime(CLOCK_MONOTONIC, &end);
      } while (end.tv_sec == start.tv_sec &&
               end.tv_nsec - start.tv_nsec < 3000);
      event_gettime_monotonic(which, &now);
      same = evutil_timercmp(&first, &now, ==);
    });
    timer.AddMicros(0);
    event_base_dispatch(which);
    EXPECT_EQ(same, which == base());
  }
}

TEST_P(BaseTest, SelfIsTheEventItself) {
  event* seen = nullptr;
  event* self = event_new(base(), -1, 0, nullptr, event_self_cbarg());
  EXPECT_EQ(event_get_callback_arg(self), self);
  event_get_assignment(self, nullptr, nullptr, nullptr, nullptr,
                       reinterpret_cast<void**>(&seen));
  EXPECT_EQ(seen, self);
  event_free(self);
}

TEST_P(BaseTest, TheRunningEventIsKnownInItsCallbackOnly) {
  TestEvent* self = nullptr;
  TestEvent timer(base(), -1, 0, [&](short) {
    EXPECT_EQ(event_base_get_running_event(base()), self->get());
  });
  self = &timer;
  timer.AddMicros(0);
  EXPECT_EQ(event_base_get_running_event(base()), nullptr);
  Loop();
  EXPECT_EQ(event_base_get_running_event(base()), nullptr);
}

TEST(Compat, FunctionsWithoutABaseUseTheLastOneThatWasInitialised) {
  Base base(event_init());
  ASSERT_NE(base, nullptr);
  EXPECT_STREQ(event_get_method(), event_base_get_method(base.get()));
  EXPECT_EQ(event_priority_init(2), 0);
  static std::vector<int> order;
  order.clear();
  event timer;
  evtimer_set(
      &timer, [](evutil_socket_t, short, void*) { order.push_back(1); },
      nullptr);
  EXPECT_EQ(event_get_base(&timer), base.get());
  timeval soon = {0, 1000};
  EXPECT_EQ(event_add(&timer, &soon), 0);
  EXPECT_EQ(event_once(
                -1, EV_TIMEOUT,
                [](evutil_socket_t, short, void*) { order.push_back(0); },
                nullptr, nullptr),
            0);
  EXPECT_EQ(event_dispatch(), 1);
  EXPECT_EQ(order, (std::vector<int>{0, 1}));
  EXPECT_EQ(event_loopexit(nullptr), 0);
  EXPECT_EQ(event_loop(EVLOOP_NONBLOCK), 0);
  EXPECT_EQ(event_loopbreak(), 0);
}

TEST(Compat, WithoutABaseTheyFail) {
  event_set_log_callback([](int, const char*) {});
  EXPECT_EQ(event_dispatch(), -1);
  EXPECT_EQ(event_loopbreak(), -1);
  EXPECT_EQ(event_get_method(), nullptr);
  event_set_log_callback(nullptr);
}

TEST(Version, IsLibevents) {
  EXPECT_STREQ(event_get_version(), LIBEVENT_VERSION);
  EXPECT_EQ(event_get_version_number(),
            static_cast<ev_uint32_t>(LIBEVENT_VERSION_NUMBER));
}

EVOKE_ON_EVERY_BACKEND(BaseTest);

}  // namespace
}  // namespace evoke::testing
