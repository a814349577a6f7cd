// SPDX-License-Identifier: BSD-3-Clause
//
// One group, members in two loops on two threads, and a third thread that
// hands out tokens, takes members out and frees them. Not a byte may be moved
// that was not accounted for, and no member may sleep on while there are
// tokens. Every wait is for a condition; the long tick lets no timer help.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <event2/util.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace evoke::testing {
namespace {

constexpr size_t kTokens = 20000;  // for each direction and round
constexpr int kRounds = 200;
constexpr int kMembers = 12;
constexpr size_t kReserveBytes = 16384;  // that each side holds ready
constexpr auto kPatience = std::chrono::seconds(120);

std::atomic<int64_t> g_read_bytes;

class Loop {
 public:
  Loop() : base_(event_base_new()) {
    thread_ = std::thread(
        [this] { event_base_loop(base_, EVLOOP_NO_EXIT_ON_EMPTY); });
  }
  ~Loop() {
    Stop();
    event_base_free(base_);
  }
  // What it finalizes meanwhile it does.
  void Stop() {
    if (!thread_.joinable()) return;
    event_base_loopexit(base_, nullptr);
    thread_.join();
    event_base_loop(base_, EVLOOP_NONBLOCK);
  }
  event_base* base() const { return base_; }

 private:
  event_base* base_;
  std::thread thread_;
};

// A bufferevent of the group, and its peer, which never runs dry or full.
class Member {
 public:
  Member(event_base* base, bufferevent_rate_limit_group* group)
      : group_(group) {
    EXPECT_EQ(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fds_), 0);
    for (int fd : fds_) evutil_make_socket_nonblocking(fd);
    Tend();
    bev_ = bufferevent_socket_new(base, fds_[0],
                                  BEV_OPT_THREADSAFE | BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(bev_, OnRead, OnWrite, nullptr, nullptr);
    bufferevent_add_to_rate_limit_group(bev_, group_);
    OnWrite(bev_, nullptr);
    bufferevent_enable(bev_, EV_READ | EV_WRITE);
  }
  ~Member() {
    bufferevent_free(bev_);
    close(fds_[1]);
  }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  // The peer's part: takes what has come, and keeps bytes ready.
  void Tend() {
    static char block[65536];
    ssize_t bytes;
    while ((bytes = read(fds_[1], block, sizeof(block))) > 0) {
      sent_bytes_ += bytes;
    }
    while ((bytes = write(fds_[1], block, kReserveBytes)) > 0) {
      taken_bytes_ += bytes;
    }
  }
  // What the bufferevent has sent, and what its socket has taken from the peer.
  int64_t sent_bytes() const { return sent_bytes_; }
  int64_t taken_bytes() const { return taken_bytes_; }
  bufferevent* bev() const { return bev_; }

  // Out of the group, where it may move nothing, and in again.
  void LeaveAndComeBack() {
    bufferevent_lock(bev_);
    bufferevent_disable(bev_, EV_READ | EV_WRITE);
    bufferevent_remove_from_rate_limit_group(bev_);
    bufferevent_unlock(bev_);
    bufferevent_add_to_rate_limit_group(bev_, group_);
    bufferevent_enable(bev_, EV_READ | EV_WRITE);
  }

 private:
  static void OnRead(bufferevent* bev, void*) {
    evbuffer* input = bufferevent_get_input(bev);
    size_t length = evbuffer_get_length(input);
    g_read_bytes += static_cast<int64_t>(length);
    evbuffer_drain(input, length);
  }
  static void OnWrite(bufferevent* bev, void*) {
    static const char block[kReserveBytes] = {};
    bufferevent_write(bev, block, sizeof(block));
  }

  bufferevent_rate_limit_group* group_;
  bufferevent* bev_;
  int fds_[2];
  int64_t sent_bytes_ = 0;
  int64_t taken_bytes_ = 0;
};

class RateLimitThreadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    constexpr timeval kDay = {86400, 0};
    ev_token_bucket_cfg* cfg =
        ev_token_bucket_cfg_new(kTokens, kTokens, kTokens, kTokens, &kDay);
    group_ = bufferevent_rate_limit_group_new(loops_[0].base(), cfg);
    ev_token_bucket_cfg_free(cfg);
    g_read_bytes = 0;
    for (int i = 0; i < kMembers; ++i) {
      members_.push_back(
          std::make_unique<Member>(loops_[i % 2].base(), group_));
    }
  }
  void TearDown() override {
    members_.clear();
    bufferevent_rate_limit_group_free(group_);
    for (Loop& loop : loops_) loop.Stop();
  }

  // Until the members have used up all tokens. False when that never happens.
  bool UseUpAll() {
    auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (bufferevent_rate_limit_group_get_read_limit(group_) > 0 ||
           bufferevent_rate_limit_group_get_write_limit(group_) > 0) {
      for (auto& member : members_) member->Tend();
      sched_yield();
      if (std::chrono::steady_clock::now() > deadline) return false;
    }
    return true;
  }

  // Whether bytes come out of the bufferevent, and others into it.
  bool IsMoving(Member* member) {
    auto deadline = std::chrono::steady_clock::now() + kPatience;
    int64_t sent_before = member->sent_bytes();
    int64_t taken_before = member->taken_bytes();
    while (member->sent_bytes() == sent_before ||
           member->taken_bytes() == taken_before) {
      member->Tend();
      sched_yield();
      if (std::chrono::steady_clock::now() > deadline) return false;
    }
    return true;
  }

  std::array<Loop, 2> loops_;
  bufferevent_rate_limit_group* group_ = nullptr;
  std::vector<std::unique_ptr<Member>> members_;
};

TEST_F(RateLimitThreadsTest, EveryTokenIsUsedOnceAndNobodySleepsOn) {
  int64_t given = kTokens;
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_TRUE(UseUpAll()) << "in round " << round;
    members_[round % kMembers]->LeaveAndComeBack();
    members_[(round * 5 + 2) % kMembers] =
        std::make_unique<Member>(loops_[round % 2].base(), group_);
    bufferevent_rate_limit_group_decrement_read(group_, -int64_t{kTokens});
    bufferevent_rate_limit_group_decrement_write(group_, -int64_t{kTokens});
    given += kTokens;
  }
  ASSERT_TRUE(UseUpAll());
  // The buckets and the totals are two accounts of the same.
  for (Loop& loop : loops_) loop.Stop();
  ev_uint64_t total_read, total_written;
  bufferevent_rate_limit_group_get_totals(group_, &total_read, &total_written);
  EXPECT_EQ(given - static_cast<int64_t>(total_read),
            bufferevent_rate_limit_group_get_read_limit(group_));
  EXPECT_EQ(given - static_cast<int64_t>(total_written),
            bufferevent_rate_limit_group_get_write_limit(group_));
  // At most one read of the least share too much for each thread, in each
  // round; but what was too much in one was missing in the next.
  EXPECT_GE(total_read, kTokens * (kRounds + 1));
  EXPECT_LT(total_read, kTokens * (kRounds + 1) + 2 * 16384);
  EXPECT_LE(g_read_bytes, static_cast<int64_t>(total_read));
}

// Whoever gives tokens does not wait for a member that is busy; that hears of
// them all the same.
TEST_F(RateLimitThreadsTest, AMemberThatIsBusyMissesNothing) {
  ASSERT_TRUE(UseUpAll());
  bufferevent* busy = members_[0]->bev();
  bufferevent_lock(busy);
  std::thread giver([this] {
    // More than the others can use before anybody looks.
    constexpr int64_t kMuch = int64_t{1} << 40;
    bufferevent_rate_limit_group_decrement_read(group_, -kMuch);
    bufferevent_rate_limit_group_decrement_write(group_, -kMuch);
  });
  giver.join();
  bufferevent_unlock(busy);
  EXPECT_TRUE(IsMoving(members_[0].get()));
  // And when they are taken away.
  bufferevent_lock(busy);
  std::thread taker([this] {
    constexpr int64_t kMore = int64_t{1} << 41;
    bufferevent_rate_limit_group_decrement_read(group_, kMore);
    bufferevent_rate_limit_group_decrement_write(group_, kMore);
  });
  taker.join();
  EXPECT_EQ(bufferevent_get_max_to_read(busy), 0);
  EXPECT_EQ(bufferevent_get_max_to_write(busy), 0);
  bufferevent_unlock(busy);
}

// Timers of one millisecond refill in both loops, while limits come, change and
// go. In the end nothing is paused any more.
TEST_F(RateLimitThreadsTest, LimitsComeAndGoWhileTheirTimersRun) {
  constexpr timeval kMillisecond = {0, 1000};
  ev_token_bucket_cfg* slow =
      ev_token_bucket_cfg_new(500, 1000, 500, 1000, &kMillisecond);
  ev_token_bucket_cfg* fast =
      ev_token_bucket_cfg_new(3000, 3000, 3000, 3000, &kMillisecond);
  for (int round = 0; round < 20 * kRounds; ++round) {
    bufferevent* bev = members_[round % kMembers]->bev();
    ev_token_bucket_cfg* const limits[] = {slow, fast, nullptr};
    bufferevent_set_rate_limit(bev, limits[round % 5 % 3]);
    if (round % 7 == 0) {
      bufferevent_rate_limit_group_set_cfg(group_, round % 2 ? slow : fast);
    }
    if (round % 5 % 3 != 2) bufferevent_decrement_write_limit(bev, 2000);
    EXPECT_LE(bufferevent_get_max_to_read(bev), 65536);
    members_[round % kMembers]->Tend();
  }
  for (auto& member : members_) {
    bufferevent_remove_from_rate_limit_group(member->bev());
    bufferevent_set_rate_limit(member->bev(), nullptr);
  }
  for (auto& member : members_) EXPECT_TRUE(IsMoving(member.get()));
  ev_token_bucket_cfg_free(slow);
  ev_token_bucket_cfg_free(fast);
}

// What is freed goes when the loop turns next, which does not make it two.
class FreedGroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    warnings_ = 0;
    event_set_log_callback([](int, const char*) { ++warnings_; });
    base_ = event_base_new();
    cfg_ = ev_token_bucket_cfg_new(10, 10, 10, 10, nullptr);
    group_ = bufferevent_rate_limit_group_new(base_, cfg_);
    ASSERT_NE(group_, nullptr);
  }
  void TearDown() override {
    event_base_loop(base_, EVLOOP_NONBLOCK);
    event_base_free(base_);
    ev_token_bucket_cfg_free(cfg_);
    event_set_log_callback(nullptr);
  }

  static inline std::atomic<int> warnings_;
  event_base* base_ = nullptr;
  ev_token_bucket_cfg* cfg_ = nullptr;
  bufferevent_rate_limit_group* group_ = nullptr;
};

TEST_F(FreedGroupTest, IsNoGroupBeforeTheLoopTurns) {
  bufferevent_rate_limit_group_free(group_);
  EXPECT_EQ(warnings_, 0);
  bufferevent_rate_limit_group_free(group_);
  EXPECT_EQ(warnings_, 1);
  EXPECT_EQ(bufferevent_rate_limit_group_set_cfg(group_, cfg_), -1);
  bufferevent* bev = bufferevent_socket_new(base_, -1, 0);
  EXPECT_EQ(bufferevent_add_to_rate_limit_group(bev, group_), -1);
  EXPECT_EQ(warnings_, 3);
  bufferevent_free(bev);
  EXPECT_EQ(event_base_loop(base_, EVLOOP_NONBLOCK), 1);
  EXPECT_EQ(warnings_, 3);
}

TEST_F(FreedGroupTest, OneOfTwoThreadsFreesIt) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([this] { bufferevent_rate_limit_group_free(group_); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(warnings_, 1);
}

}  // namespace
}  // namespace evoke::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (evthread_use_pthreads() != 0) return 1;
  return RUN_ALL_TESTS();
}
