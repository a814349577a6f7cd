// SPDX-License-Identifier: BSD-3-Clause
//
// What epoll.cc does beyond the conformance suite: which system calls it makes.
// They are counted here, in the functions of libc that it calls.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "backends/backend.h"
#include "tests/backends/backend_bench.h"

namespace {

std::string g_controls;  // one letter for each epoll_ctl: A, M or D
std::vector<int> g_timeouts_ms;
std::vector<int64_t> g_timeouts_ns;
int g_pwait2_error = 0;  // what epoll_pwait2 fails with
int g_creations_left = -1;

}  // namespace

extern "C" int epoll_ctl(int epoll_fd, int operation, int fd,
                         epoll_event* event) noexcept {
  g_controls += operation == EPOLL_CTL_ADD   ? 'A'
                : operation == EPOLL_CTL_MOD ? 'M'
                                             : 'D';
  return static_cast<int>(
      syscall(SYS_epoll_ctl, epoll_fd, operation, fd, event));
}

extern "C" int epoll_wait(int epoll_fd, epoll_event* events, int capacity,
                          int timeout_ms) {
  g_timeouts_ms.push_back(timeout_ms);
  return static_cast<int>(syscall(SYS_epoll_pwait, epoll_fd, events, capacity,
                                  0, nullptr, sizeof(long)));
}

extern "C" int epoll_pwait2(int epoll_fd, epoll_event* events, int capacity,
                            const timespec* timeout, const sigset_t*) {
  g_timeouts_ns.push_back(timeout->tv_sec * 1000000000 + timeout->tv_nsec);
  if (g_pwait2_error != 0) {
    errno = g_pwait2_error;
    return -1;
  }
  return static_cast<int>(syscall(SYS_epoll_pwait, epoll_fd, events, capacity,
                                  0, nullptr, sizeof(long)));
}

extern "C" int epoll_create1(int flags) noexcept {
  if (g_creations_left == 0) {
    errno = EMFILE;
    return -1;
  }
  if (g_creations_left > 0) --g_creations_left;
  return static_cast<int>(syscall(SYS_epoll_create1, flags));
}

namespace evoke::testing {
namespace {

class EpollTest : public ::testing::Test {
 protected:
  void SetUp() override {
    g_controls.clear();
    g_timeouts_ms.clear();
    g_timeouts_ns.clear();
    g_pwait2_error = 0;
    g_creations_left = -1;
  }

  // The calls since the last question.
  std::string Controls() { return std::exchange(g_controls, ""); }
};

class QuietLog {
 public:
  QuietLog() {
    count = 0;
    event_set_log_callback([](int, const char*) { ++count; });
  }
  ~QuietLog() { event_set_log_callback(nullptr); }
  static inline int count;
};

TEST_F(EpollTest, OffersWhatLibeventsDoes) {
  for (const evoke_backend* table :
       {&kEpollBackend, &kEpollChangelistBackend}) {
    EXPECT_EQ(table->features,
              EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE);
  }
  EXPECT_STREQ(kEpollBackend.name, "epoll");
  EXPECT_STREQ(kEpollChangelistBackend.name, "epoll (with changelist)");
}

TEST_F(EpollTest, AChangeIsOneCall) {
  State state(kEpollBackend);
  Sockets pair;
  state.Change(pair.ours(), EV_READ);
  EXPECT_EQ(Controls(), "A");
  state.Change(pair.ours(), EV_READ | EV_WRITE);
  EXPECT_EQ(Controls(), "M");
  state.Change(pair.ours(), EV_READ | EV_WRITE);
  EXPECT_EQ(Controls(), "M") << "a repeated interest is made sure of";
  state.Change(pair.ours(), 0);
  EXPECT_EQ(Controls(), "D");
}

TEST_F(EpollTest, AWaitMakesNoCallBesides) {
  State state(kEpollBackend);
  Sockets pair;
  pair.Send();
  state.Change(pair.ours(), EV_READ);
  Controls();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(state.Wait(), 0);
    EXPECT_EQ(state.ready().size(), 1u);
  }
  EXPECT_EQ(Controls(), "");
  EXPECT_EQ(g_timeouts_ms.size(), 10u);
}

TEST_F(EpollTest, AReusedNumberCostsOneCallMore) {
  State state(kEpollBackend);
  Sockets pair, next;
  int fd = pair.ours();
  state.Change(fd, EV_READ);
  close(fd);
  ASSERT_EQ(dup2(next.ours(), fd), fd);
  Controls();
  state.Change(fd, EV_READ);
  EXPECT_EQ(Controls(), "MA");
}

TEST_F(EpollTest, ARegistrationThatCameBackIsModified) {
  State state(kEpollBackend);
  Sockets pair;
  int copy = dup(pair.ours());
  int fd = pair.ours();
  state.Change(fd, EV_READ);
  close(fd);
  state.Change(fd, 0);  // fails in the kernel: the number is closed
  ASSERT_EQ(dup2(copy, fd), fd);
  Controls();
  EXPECT_EQ(state.Change(fd, EV_READ | EV_WRITE), 0);
  EXPECT_EQ(Controls(), "AM");
  state.Wait();
  EXPECT_EQ(state.ReadyOf(fd), EV_WRITE);
  close(copy);
}

TEST_F(EpollTest, RegularFilesAreRefused) {
  QuietLog log;
  State state(kEpollBackend);
  int fd = open("/proc/self/exe", O_RDONLY);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(state.Change(fd, EV_READ), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(log.count, 1);
  close(fd);
  EXPECT_EQ(state.Change(fd, EV_READ), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST_F(EpollTest, ResetReachesReadersAndWritersButNotEvClosedAlone) {
  State state(kEpollBackend);
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  close(fds[0]);
  state.Change(fds[1], EV_CLOSED);  // EPOLLERR holds
  EXPECT_EQ(state.Wait(), 0);
  EXPECT_TRUE(state.ready().empty());
  state.Change(fds[1], EV_CLOSED | EV_READ | EV_WRITE);
  state.Wait();
  EXPECT_EQ(state.ReadyOf(fds[1]), EV_READ | EV_WRITE);
  close(fds[1]);
}

// --- Timeouts
// ------------------------------------------------------------------

TEST_F(EpollTest, TimeoutsAreRoundedUpToMilliseconds) {
  State state(kEpollBackend);
  for (int64_t timeout_us : {int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{1000},
                             int64_t{1001}, INT64_MAX}) {
    state.Wait(timeout_us);
  }
  EXPECT_EQ(g_timeouts_ms, (std::vector<int>{-1, 0, 1, 1, 2, INT_MAX}));
  EXPECT_TRUE(g_timeouts_ns.empty());
}

TEST_F(EpollTest, PreciseTimeoutsGoDownToMicroseconds) {
  State state(kEpollBackend, EVOKE_OPTION_PRECISE_TIMER);
  for (int64_t timeout_us : {-1, 0, 1, 1500, 2000001}) state.Wait(timeout_us);
  EXPECT_EQ(g_timeouts_ns, (std::vector<int64_t>{1000, 1500000, 2000001000}));
  EXPECT_EQ(g_timeouts_ms, (std::vector<int>{-1, 0}));
}

TEST_F(EpollTest, AnOldKernelIsAskedForPreciseTimeoutsOnce) {
  // ENOSYS; EPERM from a filter that does not know the call.
  for (int error : {ENOSYS, EPERM}) {
    g_timeouts_ns.clear();
    g_timeouts_ms.clear();
    g_pwait2_error = error;
    State state(kEpollBackend, EVOKE_OPTION_PRECISE_TIMER);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(state.Wait(1500), 0);
    EXPECT_EQ(g_timeouts_ns.size(), 1u);
    EXPECT_EQ(g_timeouts_ms, (std::vector<int>{2, 2, 2}));
  }
}

// --- The changelist
// ------------------------------------------------------------

TEST_F(EpollTest, ManyChangesOfOneDescriptorAreOneCall) {
  State state(kEpollChangelistBackend);
  Sockets first, second, third;
  for (int i = 0; i < 5; ++i) {
    state.Change(first.ours(), EV_READ);
    state.Change(second.ours(), EV_READ);
    state.Change(first.ours(), EV_READ | EV_WRITE);
    state.Change(second.ours(), 0);
    state.Change(first.ours(), EV_WRITE);
  }
  EXPECT_EQ(Controls(), "") << "nothing before the wait";
  state.Wait();
  EXPECT_EQ(Controls(), "A") << "what came and went is not told at all";
  EXPECT_EQ(state.ReadyOf(first.ours()), EV_WRITE);
  state.Wait();
  EXPECT_EQ(Controls(), "");

  state.Change(first.ours(), 0);
  state.Change(third.ours(), EV_WRITE);
  state.Change(first.ours(), EV_WRITE);
  state.Wait();
  EXPECT_EQ(Controls(), "MA") << "the kernel may have lost the first";
  state.Change(first.ours(), 0);
  state.Wait();
  EXPECT_EQ(Controls(), "D");
}

TEST_F(EpollTest, EdgeTriggeredInterestIsNeverPutOff) {
  State state(kEpollChangelistBackend);
  Sockets pair;
  state.Change(pair.ours(), EV_READ, /*edge=*/true);
  EXPECT_EQ(Controls(), "A");
  state.Change(pair.ours(), EV_READ);
  EXPECT_EQ(Controls(), "M") << "nor is its end";
  state.Change(pair.ours(), EV_WRITE);
  state.Change(pair.ours(), EV_READ, /*edge=*/true);
  EXPECT_EQ(Controls(), "M") << "it overtakes what was put off";
  state.Wait();
  EXPECT_EQ(Controls(), "");
  state.Change(pair.ours(), 0);
  EXPECT_EQ(Controls(), "D");
}

TEST_F(EpollTest, AFailureOfWhatWasPutOffIsLogged) {
  QuietLog log;
  State state(kEpollChangelistBackend);
  int fd = open("/proc/self/exe", O_RDONLY);
  EXPECT_EQ(state.Change(fd, EV_READ), 0);
  EXPECT_EQ(log.count, 0);
  EXPECT_EQ(state.Wait(), 0);
  EXPECT_EQ(log.count, 1);
  EXPECT_EQ(state.Change(fd, 0), 0);
  close(fd);
}

TEST_F(EpollTest, TheOptionAloneDoesNotChangeTheTable) {
  State state(kEpollBackend, EVOKE_OPTION_CHANGELIST);
  Sockets pair;
  state.Change(pair.ours(), EV_READ);
  EXPECT_EQ(Controls(), "A");
}

// --- Registrations that cannot be taken out
// ---------------------------------------

// Leaves one behind: the number is closed, and `copy` keeps the file open.
struct Stale {
  explicit Stale(State* state) {
    state->Change(pair.ours(), EV_READ);
    copy = dup(pair.ours());
    int fd = pair.ours();
    pair.CloseOurs();
    state->Change(fd, 0);
    pair.Send();
  }
  ~Stale() { close(copy); }
  Sockets pair;
  int copy;
};

TEST_F(EpollTest, AStaleRegistrationIsSeenOnceAndThenGone) {
  State state(kEpollBackend);
  Sockets other;
  state.Change(other.ours(), EV_READ);
  Stale stale(&state);
  EXPECT_EQ(state.Wait(), 0) << "once may be a change that crossed the wait";
  EXPECT_EQ(state.Wait(), EVOKE_WAIT_REBUILT);
  EXPECT_TRUE(state.HandOver());
  other.Send();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(state.Wait(), 0);
    EXPECT_EQ(state.ready(), (std::map<int, short>{{other.ours(), EV_READ}}));
  }
}

TEST_F(EpollTest, WithoutADescriptorToSpareItTriesAgain) {
  State state(kEpollBackend);
  Stale stale(&state);
  EXPECT_EQ(state.Wait(), 0);
  g_creations_left = 0;
  EXPECT_EQ(state.Wait(), 0);
  EXPECT_EQ(state.Wait(), 0);
  g_creations_left = -1;
  EXPECT_EQ(state.Wait(), EVOKE_WAIT_REBUILT);
}

TEST_F(EpollTest, TheObjectKeepsItsNumberWhenItIsMadeAnew) {
  int before = dup(STDERR_FILENO);
  close(before);
  State state(kEpollBackend);  // takes the number `before`
  Stale stale(&state);
  state.Wait();
  EXPECT_EQ(state.Wait(), EVOKE_WAIT_REBUILT);
  char target[64] = {};
  std::string link = "/proc/self/fd/" + std::to_string(before);
  ASSERT_GT(readlink(link.c_str(), target, sizeof(target) - 1), 0);
  EXPECT_STREQ(target, "anon_inode:[eventpoll]");
  EXPECT_TRUE(fcntl(before, F_GETFD) & FD_CLOEXEC);
}

// --- The rest
// -------------------------------------------------------------------

TEST_F(EpollTest, MoreIsTakenAtOnceWhenMoreWasReady) {
  State state(kEpollBackend);
  std::vector<Sockets> pairs(100);
  for (Sockets& pair : pairs) state.Change(pair.ours(), EV_WRITE);
  size_t told[3];
  for (size_t& count : told) {
    state.Wait();
    count = state.ready().size();
  }
  EXPECT_EQ(told[0], 32u);
  EXPECT_EQ(told[1], 64u);
  EXPECT_EQ(told[2], 100u);
}

TEST_F(EpollTest, OpenFailsWithoutDescriptors) {
  g_creations_left = 0;
  evoke_backend_options options = {sizeof(options), 0};
  EXPECT_EQ(kEpollBackend.open(&options), nullptr);
  EXPECT_EQ(errno, EMFILE);
}

TEST_F(EpollTest, SurvivesShortMemory) {
  QuietLog log;
  ExpectToSurviveShortMemory(kEpollBackend);
  ExpectToSurviveShortMemory(kEpollChangelistBackend);
}

}  // namespace
}  // namespace evoke::testing
