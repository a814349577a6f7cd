// SPDX-License-Identifier: BSD-3-Clause
//
// The page's events in debug mode, which notes each that is assigned, and is
// for a whole process: so this has one of its own.
#include <event2/event.h>
#include <evoke/scope.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/scope/client.h"
#include "tests/support/backend_test.h"

namespace evoke::scope::testing {
namespace {

std::vector<std::string> g_log;

TEST(DebugMode, HasNothingToSay) {
  event_set_log_callback(
      [](int, const char* line) { g_log.emplace_back(line); });
  event_enable_debug_mode();
  event_base* base = event_base_new();
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(evoke_scope_start(base, "127.0.0.1:0"), 0);
    const std::string url = Url();
    ::evoke::testing::SocketPair done;
    std::thread client([&] {
      for (int i = 0; i < 20; ++i) {
        Client one(url);
        // Some go away without a word.
        if (i % 3 == 0) continue;
        one.Send(Get(url, "/state"));
        EXPECT_EQ(one.Receive().rfind("HTTP/1.1 200 ", 0), 0u);
      }
      done.Write(1, "x");
    });
    ::evoke::testing::TestEvent end(base, done[0], EV_READ,
                                    [&](short) { event_base_loopbreak(base); });
    end.Add();
    event_base_dispatch(base);
    client.join();
    if (round < 2) {
      EXPECT_EQ(evoke_scope_stop(base), 0);
    }
  }
  event_base_free(base);
  for (const std::string& line : g_log) {
    EXPECT_EQ(line.rfind("loopscope: http", 0), 0u) << line;
  }
  EXPECT_EQ(g_log.size(), 3u);
  libevent_global_shutdown();
}

}  // namespace
}  // namespace evoke::scope::testing
