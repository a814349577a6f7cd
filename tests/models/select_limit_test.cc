// SPDX-License-Identifier: BSD-3-Clause
//
// How select breaks at its limit: descriptor 1024 has no place, and whoever
// gets it is refused; those who have one are served as before.
#include <sys/resource.h>
#include <sys/select.h>

#include <memory>
#include <vector>

#include "tests/models/echo_client.h"

namespace evoke::testing {
namespace {

class SelectLimitTest : public ::testing::TestWithParam<std::string> {};

TEST_P(SelectLimitTest, DescriptorsFrom1024OnAreRefused) {
  constexpr int kTooMany = 10;
  rlimit usual, many;
  getrlimit(RLIMIT_NOFILE, &usual);
  many = usual;
  many.rlim_cur = 2 * FD_SETSIZE;
  if (many.rlim_max < many.rlim_cur) {
    GTEST_SKIP() << "a process may not have 2048 descriptors here";
  }
  setrlimit(RLIMIT_NOFILE, &many);
  {
    Process server(
        {"examples/models/" + GetParam() + "_loop", "--port", "0", "--stats"});
    int port = server.Port();
    // What is open in the server before anybody comes.
    const int places = FD_SETSIZE - OpenDescriptors(server.pid());
    std::vector<std::unique_ptr<EchoClient>> clients;
    for (int i = 0; i < places + kTooMany; ++i) {
      clients.push_back(std::make_unique<EchoClient>(port));
      // Accepted, one after the other.
      if (i % 100 == 99 && i < places) {
        EXPECT_EQ(clients[i]->Echo("x"), "x");
      }
    }
    for (int i = 0; i < kTooMany; ++i) {
      EXPECT_EQ(clients[places + i]->ReceiveRest(), "");
    }
    EXPECT_EQ(server.err().Next(), GetParam() + ": no place for descriptor " +
                                       std::to_string(FD_SETSIZE));
    EXPECT_EQ(clients[places - 1]->Echo("the last"), "the last");
    EXPECT_EQ(clients[0]->Echo("the first"), "the first");
    // Who goes leaves a place.
    clients[0].reset();
    EXPECT_TRUE(
        Eventually([&] { return EchoClient(port).Echo("late") == "late"; }));
    server.Signal(SIGTERM);
    EXPECT_EQ(server.Wait(), 0);
  }
  setrlimit(RLIMIT_NOFILE, &usual);
}

INSTANTIATE_TEST_SUITE_P(, SelectLimitTest,
                         ::testing::Values("select", "pselect"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace evoke::testing
