// SPDX-License-Identifier: BSD-3-Clause
#include <event2/bufferevent_compat.h>
#include <event2/event_compat.h>

#include "tests/bufferevent/test_bufferevent.h"

namespace evoke::testing {
namespace {

TEST(BuffereventCompatTest, BelongsToTheBaseOfEventInit) {
  Base base(event_init());
  SocketPair pair;
  int reads = 0;
  bufferevent* bev = bufferevent_new(
      pair[0], [](bufferevent*, void* arg) { ++*static_cast<int*>(arg); },
      nullptr, nullptr, &reads);
  ASSERT_NE(bev, nullptr);
  EXPECT_EQ(bufferevent_enable(bev, EV_READ), 0);
  pair.Write(1, "abc");
  EXPECT_EQ(event_loop(EVLOOP_ONCE), 0);
  EXPECT_EQ(reads, 1);
  bufferevent_free(bev);
}

TEST(BuffereventCompatTest, TimeoutsAreSeconds) {
  Base base(event_init());
  bufferevent* bev = bufferevent_new(-1, nullptr, nullptr, nullptr, nullptr);
  ASSERT_NE(bev, nullptr);
  bufferevent_settimeout(bev, 7, 9);
  EXPECT_EQ(bev->timeout_read.tv_sec, 7);
  EXPECT_EQ(bev->timeout_write.tv_sec, 9);
  bufferevent_settimeout(bev, 0, 0);
  EXPECT_EQ(bev->timeout_read.tv_sec, 0);
  EXPECT_EQ(bev->timeout_write.tv_sec, 0);
  bufferevent_free(bev);
}

TEST(BuffereventCompatTest, WithoutABaseThereIsNone) {
  static int warnings;
  warnings = 0;
  event_set_log_callback([](int, const char*) { ++warnings; });
  EXPECT_EQ(bufferevent_new(-1, nullptr, nullptr, nullptr, nullptr), nullptr);
  EXPECT_EQ(warnings, 1);
  event_set_log_callback(nullptr);
}

}  // namespace
}  // namespace evoke::testing
