// SPDX-License-Identifier: BSD-3-Clause
//
// What select.cc does beyond the conformance suite: numbers above 1,024.
#include <errno.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include <vector>

#include "backends/backend.h"
#include "tests/backends/backend_bench.h"

namespace evoke::testing {
namespace {

constexpr int kSockets = 6000;

// False where the machine does not allow it.
bool AllowDescriptors(rlim_t count) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return false;
  if (limit.rlim_cur >= count) return true;
  limit.rlim_cur = count;
  if (limit.rlim_max < count) limit.rlim_max = count;  // root may
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

TEST(SelectTest, OffersWhatLibeventsDoes) {
  EXPECT_STREQ(kSelectBackend.name, "select");
  EXPECT_EQ(kSelectBackend.features, EV_FEATURE_FDS);
}

TEST(SelectTest, ServesSixThousandSockets) {
  if (!AllowDescriptors(kSockets + 64)) {
    GTEST_SKIP() << "this process may not have " << kSockets << " descriptors";
  }
  State state(kSelectBackend);
  std::vector<Sockets> pairs(kSockets / 2);
  for (Sockets& pair : pairs) {
    ASSERT_EQ(state.Change(pair.ours(), EV_READ), 0);
    ASSERT_EQ(state.Change(pair.peer(), EV_READ), 0);
  }
  EXPECT_EQ(state.Wait(), 0);
  EXPECT_TRUE(state.ready().empty());
  for (Sockets& pair : pairs) pair.Send();
  EXPECT_EQ(state.Wait(), 0);
  ASSERT_EQ(state.ready().size(), pairs.size());
  for (Sockets& pair : pairs) {
    EXPECT_EQ(state.ReadyOf(pair.ours()), EV_READ);
    pair.Receive();
  }
  // From the highest down, so that the sets end earlier and earlier.
  while (pairs.size() > 1) {
    state.Change(pairs.back().ours(), 0);
    state.Change(pairs.back().peer(), 0);
    pairs.pop_back();
  }
  pairs[0].Send();
  EXPECT_EQ(state.Wait(), 0);
  EXPECT_EQ(state.ready(), (std::map<int, short>{{pairs[0].ours(), EV_READ}}));
}

TEST(SelectTest, WordBoundariesAreNothingSpecial) {
  ASSERT_TRUE(AllowDescriptors(600));
  Sockets pair;
  pair.Send();
  for (int fd : {63, 64, 65, 127, 128, 511, 512}) {
    State state(kSelectBackend);
    if (fd == pair.ours() || fd == pair.peer()) continue;
    int saved = dup(fd);  // perhaps the test runner's
    ASSERT_EQ(dup2(pair.ours(), fd), fd);
    state.Change(fd, EV_READ | EV_WRITE);
    state.Wait();
    EXPECT_EQ(state.ready(), (std::map<int, short>{{fd, EV_READ | EV_WRITE}}));
    state.Change(fd, 0);
    state.Wait();
    EXPECT_TRUE(state.ready().empty());
    close(fd);
    if (saved >= 0) {
      dup2(saved, fd);
      close(saved);
    }
  }
}

TEST(SelectTest, AClosedDescriptorFailsTheWaitAsInLibevent) {
  State state(kSelectBackend);
  Sockets other;  // keeps a higher number open
  Sockets pair;
  int fd = pair.ours();
  state.Change(fd, EV_READ);
  pair.CloseOurs();
  EXPECT_EQ(state.Wait(), -1);
  EXPECT_EQ(errno, EBADF);
  state.Change(fd, 0);
  EXPECT_EQ(state.Wait(), 0);
}

TEST(SelectTest, ClosedIsAcceptedAndCostsNothing) {
  State state(kSelectBackend);
  Sockets pair;
  EXPECT_EQ(state.Change(pair.ours(), EV_CLOSED), 0);
  shutdown(pair.peer(), SHUT_WR);
  EXPECT_EQ(state.Wait(), 0);
  EXPECT_TRUE(state.ready().empty());
}

TEST(SelectTest, SurvivesShortMemory) {
  ExpectToSurviveShortMemory(kSelectBackend);
}

}  // namespace
}  // namespace evoke::testing
