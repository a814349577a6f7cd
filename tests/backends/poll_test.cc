// SPDX-License-Identifier: BSD-3-Clause
//
// What poll.cc does beyond the conformance suite. The calls of libc that it
// makes are seen on their way.
#include <errno.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "backends/backend.h"
#include "tests/backends/backend_bench.h"

namespace {

std::vector<pollfd> g_last_list;
std::vector<int> g_timeouts_ms;
std::vector<int64_t> g_timeouts_ns;

}  // namespace

extern "C" int poll(pollfd* list, nfds_t count, int timeout_ms) {
  g_last_list.assign(list, list + count);
  g_timeouts_ms.push_back(timeout_ms);
  timespec now = {};
  return static_cast<int>(
      syscall(SYS_ppoll, list, count, &now, nullptr, sizeof(long)));
}

extern "C" int ppoll(pollfd* list, nfds_t count, const timespec* timeout,
                     const sigset_t*) {
  g_timeouts_ns.push_back(timeout->tv_sec * 1000000000 + timeout->tv_nsec);
  timespec now = {};
  return static_cast<int>(
      syscall(SYS_ppoll, list, count, &now, nullptr, sizeof(long)));
}

namespace evoke::testing {
namespace {

class PollTest : public ::testing::Test {
 protected:
  void SetUp() override {
    g_timeouts_ms.clear();
    g_timeouts_ns.clear();
  }
};

TEST_F(PollTest, OffersWhatLibeventsDoes) {
  EXPECT_STREQ(kPollBackend.name, "poll");
  EXPECT_EQ(kPollBackend.features, EV_FEATURE_FDS | EV_FEATURE_EARLY_CLOSE);
}

TEST_F(PollTest, TheLastEntryTakesARemovedOnesPlace) {
  State state(kPollBackend);
  Sockets first, second, third;
  for (Sockets* pair : {&first, &second, &third}) {
    state.Change(pair->ours(), EV_READ);
  }
  state.Change(first.ours(), 0);
  state.Change(first.ours(), 0);  // not there: nothing happens
  state.Change(third.ours(), EV_WRITE);
  state.Wait();
  ASSERT_EQ(g_last_list.size(), 2u);
  EXPECT_EQ(g_last_list[0].fd, third.ours());
  EXPECT_EQ(g_last_list[0].events, POLLOUT);
  EXPECT_EQ(g_last_list[1].fd, second.ours());
  state.Change(third.ours(), 0);
  state.Change(second.ours(), 0);
  state.Wait();
  EXPECT_TRUE(g_last_list.empty());
}

TEST_F(PollTest, AClosedDescriptorIsReadyForAllThatIsAsked) {
  State state(kPollBackend);
  Sockets pair;
  int fd = pair.ours();
  state.Change(fd, EV_READ | EV_WRITE | EV_CLOSED);
  pair.CloseOurs();
  EXPECT_EQ(state.Wait(), 0);
  EXPECT_EQ(state.ReadyOf(fd), EV_READ | EV_WRITE);
}

TEST_F(PollTest, TimeoutsAreRoundedUpToMilliseconds) {
  State state(kPollBackend);
  for (int64_t timeout_us : {int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{1000},
                             int64_t{1001}, INT64_MAX}) {
    state.Wait(timeout_us);
  }
  EXPECT_EQ(g_timeouts_ms, (std::vector<int>{-1, 0, 1, 1, 2, INT_MAX}));
  EXPECT_TRUE(g_timeouts_ns.empty());
}

TEST_F(PollTest, PreciseTimeoutsGoDownToMicroseconds) {
  State state(kPollBackend, EVOKE_OPTION_PRECISE_TIMER);
  for (int64_t timeout_us : {-1, 0, 1, 1500}) state.Wait(timeout_us);
  EXPECT_EQ(g_timeouts_ns, (std::vector<int64_t>{1000, 1500000}));
  EXPECT_EQ(g_timeouts_ms, (std::vector<int>{-1, 0}));
}

TEST_F(PollTest, SurvivesShortMemory) {
  ExpectToSurviveShortMemory(kPollBackend);
}

}  // namespace
}  // namespace evoke::testing
