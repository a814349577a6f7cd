// SPDX-License-Identifier: BSD-3-Clause
//
// What a wrong program hands over: pointers to what was freed, or never was
// what they say. Each is refused with a warning.
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

namespace evoke {
namespace {

int g_warnings;
// Freed memory, kept so that looking at it is allowed.
std::vector<void*> g_freed;

class BadInputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    g_warnings = 0;
    event_set_log_callback([](int severity, const char*) {
      if (severity == EVENT_LOG_WARN) ++g_warnings;
    });
    event_set_mem_functions(&malloc, &realloc,
                            [](void* memory) { g_freed.push_back(memory); });
    base_ = event_base_new();
    ASSERT_EQ(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fds_), 0);
  }
  void TearDown() override {
    for (evutil_socket_t fd : fds_) evutil_closesocket(fd);
    event_base_free(base_);
    event_set_mem_functions(&malloc, &realloc, &free);
    for (void* memory : g_freed) free(memory);
    g_freed.clear();
    event_set_log_callback(nullptr);
  }

  bufferevent* New() { return bufferevent_socket_new(base_, fds_[0], 0); }
  void Turn() { event_base_loop(base_, EVLOOP_NONBLOCK); }

  event_base* base_;
  evutil_socket_t fds_[2];
};

TEST_F(BadInputTest, ASecondFreeOfABuffereventBeforeTheLoopTurns) {
  bufferevent* bev = New();
  bufferevent_free(bev);
  EXPECT_EQ(g_warnings, 0);
  bufferevent_free(bev);
  EXPECT_EQ(bufferevent_decref(bev), 0);
  EXPECT_EQ(g_warnings, 2);
  Turn();
  EXPECT_EQ(g_warnings, 2);
}

TEST_F(BadInputTest, ASecondFreeOfABuffereventAfterTheLoopTurned) {
  bufferevent* bev = New();
  bufferevent_free(bev);
  Turn();
  EXPECT_EQ(g_warnings, 0);
  size_t freed = g_freed.size();
  bufferevent_free(bev);
  EXPECT_EQ(bufferevent_enable(bev, EV_READ), -1);
  EXPECT_EQ(bufferevent_write(bev, "x", 1), -1);
  EXPECT_EQ(bufferevent_get_input(bev), nullptr);
  EXPECT_EQ(g_warnings, 4);
  EXPECT_EQ(g_freed.size(), freed);
}

TEST_F(BadInputTest, AFreedBuffereventThatSomebodyKeepsMayBeAskedStill) {
  bufferevent* bev = New();
  bufferevent_incref(bev);
  bufferevent_free(bev);
  EXPECT_NE(bufferevent_get_input(bev), nullptr);
  EXPECT_EQ(bufferevent_decref(bev), 1);
  EXPECT_EQ(g_warnings, 0);
}

TEST_F(BadInputTest, ForeignMemoryIsNoBufferevent) {
  alignas(16) char memory[1024];
  memset(memory, 'x', sizeof(memory));
  auto* foreign = reinterpret_cast<bufferevent*>(memory);
  EXPECT_EQ(bufferevent_enable(foreign, EV_READ), -1);
  bufferevent_free(foreign);
  EXPECT_EQ(g_warnings, 2);
}

TEST_F(BadInputTest, ConfigurationsAreFreedOnce) {
  ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(1, 1, 1, 1, nullptr);
  ev_token_bucket_cfg_free(cfg);
  ev_token_bucket_cfg_free(nullptr);
  EXPECT_EQ(g_warnings, 0);
  ev_token_bucket_cfg_free(cfg);
  EXPECT_EQ(g_warnings, 1);
  event_config* config = event_config_new();
  event_config_avoid_method(config, "poll");
  event_config_free(config);
  EXPECT_EQ(g_warnings, 1);
  event_config_free(config);
  EXPECT_EQ(g_warnings, 2);
}

TEST_F(BadInputTest, AGroupIsFreedOnce) {
  ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(1, 1, 1, 1, nullptr);
  bufferevent_rate_limit_group* group =
      bufferevent_rate_limit_group_new(base_, cfg);
  bufferevent_rate_limit_group_free(group);
  EXPECT_EQ(g_warnings, 0);
  bufferevent_rate_limit_group_free(group);
  EXPECT_EQ(bufferevent_rate_limit_group_set_cfg(group, cfg), -1);
  bufferevent* bev = New();
  EXPECT_EQ(bufferevent_add_to_rate_limit_group(bev, group), -1);
  EXPECT_EQ(g_warnings, 3);
  bufferevent_free(bev);
  Turn();
  ev_token_bucket_cfg_free(cfg);
}

}  // namespace
}  // namespace evoke
