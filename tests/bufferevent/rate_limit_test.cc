// SPDX-License-Identifier: BSD-3-Clause
//
// What the scenarios of tests/differential/ do not show of rate limits: configs
// that go early, other bases, want of memory, kinds without a socket. Where
// time passes, the test waits for what comes of it, however long that takes.
#include "bufferevent/rate_limit.h"

#include <algorithm>
#include <memory>
#include <string>

#include "tests/bufferevent/test_bufferevent.h"
#include "util/memory.h"

namespace evoke::testing {
namespace {

constexpr timeval kLongTick = {100000, 0};
constexpr timeval kShortTick = {0, 10000};

class RateLimitTest : public BackendTest {
 protected:
  ~RateLimitTest() override { ev_token_bucket_cfg_free(cfg_); }

  void Settle() { Loop(EVLOOP_NONBLOCK); }
  bool Reads(bufferevent* bev) {
    return event_pending(&bev->ev_read, EV_READ, nullptr) != 0;
  }
  ev_token_bucket_cfg* Config(size_t rate, const timeval& tick) {
    ev_token_bucket_cfg_free(cfg_);
    return cfg_ = ev_token_bucket_cfg_new(rate, rate, rate, rate, &tick);
  }

  SocketPair pair_;
  ev_token_bucket_cfg* cfg_ = nullptr;
};

TEST_P(RateLimitTest, OneReadAndOneWriteTakeTheWholeBucket) {
  TestBufferevent bev(base(), pair_[0]);
  bufferevent_set_rate_limit(bev.get(), Config(20000, kLongTick));
  bev.Enable(EV_READ);
  pair_.Write(1, std::string(30000, 'r'));
  bev.Write(std::string(30000, 'w'));
  Settle();
  EXPECT_EQ(bev.input_length(), 20000u);
  EXPECT_EQ(bev.output_length(), 10000u);
  EXPECT_EQ(pair_.Read(1).size(), 20000u);
  EXPECT_EQ(bufferevent_get_read_limit(bev.get()), 0);
  EXPECT_EQ(bufferevent_get_write_limit(bev.get()), 0);
  bufferevent_set_rate_limit(bev.get(), nullptr);
  Settle();
  EXPECT_EQ(bev.input_length(), 30000u);
  EXPECT_EQ(pair_.Read(1).size(), 10000u);
}

TEST_P(RateLimitTest, WithoutAnyLimitThereIsNothingToLookAt) {
  TestBufferevent bev(base(), pair_[0]);
  EXPECT_EQ(ImplOf(bev.get())->limit, nullptr);
  EXPECT_EQ(bufferevent_set_rate_limit(bev.get(), nullptr), 0);
  EXPECT_EQ(bufferevent_remove_from_rate_limit_group(bev.get()), 0);
  EXPECT_EQ(bufferevent_get_read_limit(bev.get()), EV_SSIZE_MAX);
  EXPECT_EQ(bufferevent_get_max_to_read(bev.get()), 16384);
  EXPECT_EQ(ImplOf(bev.get())->limit, nullptr);
}

TEST_P(RateLimitTest, AConfigurationMayGoEarly) {
  TestBufferevent bev(base(), pair_[0]);
  ev_token_bucket_cfg* first =
      ev_token_bucket_cfg_new(10, 10, 10, 10, &kShortTick);
  bufferevent_set_rate_limit(bev.get(), first);
  ev_token_bucket_cfg_free(first);
  EXPECT_EQ(bufferevent_decrement_read_limit(bev.get(), 10), 0);
  bev.Enable(EV_READ);
  EXPECT_FALSE(Reads(bev.get()));
  while (!Reads(bev.get())) Loop(EVLOOP_ONCE);
  EXPECT_EQ(bufferevent_get_read_limit(bev.get()), 10);
  // One at the same address need not be the same.
  ev_token_bucket_cfg* second = Config(7, kLongTick);
  EXPECT_EQ(bufferevent_set_rate_limit(bev.get(), second), 0);
  EXPECT_EQ(bufferevent_get_read_limit(bev.get()), 7);
  ev_token_bucket_cfg* third = ev_token_bucket_cfg_new(3, 3, 3, 3, &kLongTick);
  *second = *third;
  ev_token_bucket_cfg_free(third);
  EXPECT_EQ(bufferevent_set_rate_limit(bev.get(), second), 0);
  EXPECT_EQ(bufferevent_get_read_limit(bev.get()), 3);
}

TEST_P(RateLimitTest, TheRefillFollowsToAnotherBase) {
  Base other = NewBase(GetParam());
  TestBufferevent bev(base(), pair_[0]);
  bufferevent_disable(bev.get(), EV_WRITE);
  bufferevent_set_rate_limit(bev.get(), Config(5, kShortTick));
  EXPECT_EQ(bufferevent_decrement_read_limit(bev.get(), 5), 0);
  EXPECT_EQ(bufferevent_base_set(other.get(), bev.get()), 0);
  bev.Enable(EV_READ);
  pair_.Write(1, "hello");
  EXPECT_EQ(Loop(), 1);  // nothing is left here
  while (bev.input_length() < 5) event_base_loop(other.get(), EVLOOP_ONCE);
  EXPECT_EQ(bev.Take(), "hello");
  bev.Free();
  event_base_loop(other.get(), EVLOOP_NONBLOCK);
}

TEST_P(RateLimitTest, PausedReadingKeepsTheLoopUntilTheRefill) {
  TestBufferevent bev(base(), pair_[0]);
  bufferevent_disable(bev.get(), EV_WRITE);
  bufferevent_set_rate_limit(bev.get(), Config(5, kShortTick));
  EXPECT_EQ(bufferevent_decrement_read_limit(bev.get(), 5), 0);
  EXPECT_EQ(Loop(), 1);
  EXPECT_GT(bufferevent_get_read_limit(bev.get()), 0);
}

// --- Kinds that move bytes without limits, but pause and go on ---------------

TEST_P(RateLimitTest, AnEndOfAPairPausesAndGoesOn) {
  bufferevent* ends[2];
  ASSERT_EQ(bufferevent_pair_new(base(), 0, ends), 0);
  bufferevent_enable(ends[1], EV_READ);
  bufferevent_set_rate_limit(ends[1], Config(5, kShortTick));
  bufferevent_write(ends[0], "more than five", 14);
  EXPECT_EQ(evbuffer_get_length(bufferevent_get_input(ends[1])), 14u);
  bufferevent_decrement_read_limit(ends[1], 5);
  bufferevent_write(ends[0], "later", 5);
  EXPECT_EQ(evbuffer_get_length(bufferevent_get_input(ends[1])), 14u);
  while (evbuffer_get_length(bufferevent_get_input(ends[1])) < 19) {
    Loop(EVLOOP_ONCE);
  }
  bufferevent_free(ends[0]);
  bufferevent_free(ends[1]);
  Settle();
}

void TakeFromTheGroup(evbuffer*, const evbuffer_cb_info* info, void* arg) {
  if (info->n_added == 0) return;
  auto* group = static_cast<bufferevent_rate_limit_group*>(arg);
  bufferevent_rate_limit_group_decrement_read(
      group, static_cast<ev_ssize_t>(info->n_added));
}

// What a pair moves when it goes on may call the program, which may use the
// group.
TEST_P(RateLimitTest, AWatcherOfAMembersBufferMayUseTheGroup) {
  bufferevent_rate_limit_group* group =
      bufferevent_rate_limit_group_new(base(), Config(1000, kLongTick));
  bufferevent* ends[2];
  ASSERT_EQ(bufferevent_pair_new(base(), 0, ends), 0);
  bufferevent_enable(ends[1], EV_READ);
  evbuffer_add_cb(bufferevent_get_input(ends[1]), TakeFromTheGroup, group);
  bufferevent_add_to_rate_limit_group(ends[1], group);
  bufferevent_rate_limit_group_decrement_read(group, 1000);
  bufferevent_write(ends[0], "hello", 5);
  EXPECT_EQ(evbuffer_get_length(bufferevent_get_input(ends[1])), 0u);
  bufferevent_rate_limit_group_decrement_read(group, -5);
  Settle();
  EXPECT_EQ(evbuffer_get_length(bufferevent_get_input(ends[1])), 5u);
  EXPECT_EQ(bufferevent_rate_limit_group_get_read_limit(group), 0);
  bufferevent_write(ends[0], "more", 4);
  Settle();
  EXPECT_EQ(evbuffer_get_length(bufferevent_get_input(ends[1])), 5u);
  bufferevent_free(ends[0]);
  bufferevent_free(ends[1]);
  bufferevent_rate_limit_group_free(group);
  Settle();
}

// --- Groups ------------------------------------------------------------------

// Both write before any callback runs, and the second takes the last token.
TEST_P(RateLimitTest, WhatAMemberHasWrittenIsToldAlthoughItsGroupPauses) {
  bufferevent_rate_limit_group* group =
      bufferevent_rate_limit_group_new(base(), Config(64, kLongTick));
  SocketPair second_pair;
  TestBufferevent first(base(), pair_[0]), second(base(), second_pair[0]);
  Settle();
  first.record.clear();
  bufferevent_add_to_rate_limit_group(first.get(), group);
  bufferevent_add_to_rate_limit_group(second.get(), group);
  first.Write("all of it");
  second.Write(std::string(400, 'x'));
  Settle();
  EXPECT_EQ(pair_.Read(1), "all of it");
  EXPECT_EQ(second_pair.Read(1).size(), 64u);
  EXPECT_TRUE(IsSuspended(first.get(), kWriting, kSuspendGroupRate));
  EXPECT_EQ(first.record, Record({"write"}));
  // What is written now waits.
  first.Write("more");
  Settle();
  EXPECT_EQ(pair_.Read(1), "");
  bufferevent_rate_limit_group_decrement_write(group, -100);
  Settle();
  EXPECT_EQ(pair_.Read(1), "more");
  first.Free();
  second.Free();
  bufferevent_rate_limit_group_free(group);
  Settle();
}

TEST_P(RateLimitTest, AGroupMayOutliveItsBase) {
  Base gone = NewBase(GetParam());
  bufferevent_rate_limit_group* group =
      bufferevent_rate_limit_group_new(gone.get(), Config(10, kLongTick));
  TestBufferevent bev(base(), pair_[0]);
  bufferevent_add_to_rate_limit_group(bev.get(), group);
  gone.reset();
  EXPECT_EQ(bufferevent_get_max_to_read(bev.get()), 10);
  EXPECT_EQ(bufferevent_remove_from_rate_limit_group(bev.get()), 0);
  bufferevent_rate_limit_group_free(group);
}

EVOKE_ON_EVERY_BACKEND(RateLimitTest);

// epoll reports in the order in which members go on; poll and select have an
// order of their own.
TEST(RateLimitGroupTest, EveryMemberIsTheFirstToGoOnAtTimes) {
  constexpr int kMembers = 3;
  Base base = NewBase("epoll");
  ev_token_bucket_cfg* cfg =
      ev_token_bucket_cfg_new(10, 10, 10, 10, &kLongTick);
  bufferevent_rate_limit_group* group =
      bufferevent_rate_limit_group_new(base.get(), cfg);
  ev_token_bucket_cfg_free(cfg);
  bufferevent_rate_limit_group_set_min_share(group, 10);
  SocketPair pairs[kMembers];
  std::unique_ptr<TestBufferevent> members[kMembers];
  std::string first;
  for (int i = 0; i < kMembers; ++i) {
    members[i] = std::make_unique<TestBufferevent>(base.get(), pairs[i][0]);
    bufferevent_add_to_rate_limit_group(members[i]->get(), group);
    members[i]->Enable(EV_READ);
    members[i]->on_read = [&first, i] { first += static_cast<char>('0' + i); };
    pairs[i].Write(1, std::string(60000, 'x'));
  }
  event_base_loop(base.get(), EVLOOP_NONBLOCK);
  // Each gives tokens for one read.
  for (int round = 0; round < 500; ++round) {
    bufferevent_rate_limit_group_decrement_read(group, -10);
    event_base_loop(base.get(), EVLOOP_NONBLOCK);
  }
  for (char member : {'0', '1', '2'}) {
    EXPECT_GT(std::count(first.begin(), first.end(), member), 50);
  }
  EXPECT_EQ(first.size(), 501u);
  for (auto& member : members) member.reset();
  bufferevent_rate_limit_group_free(group);
  event_base_loop(base.get(), EVLOOP_NONBLOCK);
}

// --- Want of memory ----------------------------------------------------------

bool g_no_memory = false;
void* FailingMalloc(size_t size) {
  return g_no_memory ? nullptr : malloc(size);
}
void* FailingRealloc(void* memory, size_t size) {
  return g_no_memory ? nullptr : realloc(memory, size);
}

// A loop whose heap of timers has no place left, and cannot grow.
class RateLimitMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    event_set_mem_functions(FailingMalloc, FailingRealloc, free);
    event_set_log_callback([](int, const char*) {});
    base_ = event_base_new();
    constexpr timeval kHour = {3600, 0};
    cfg_ = ev_token_bucket_cfg_new(100, 100, 100, 100, &kHour);
    for (event& timer : timers_) {
      evtimer_assign(
          &timer, base_, [](int, short, void*) {}, nullptr);
    }
  }
  void TearDown() override {
    g_no_memory = false;
    for (event& timer : timers_) event_del(&timer);
    ev_token_bucket_cfg_free(cfg_);
    event_base_free(base_);
    event_set_log_callback(nullptr);
    event_set_mem_functions(nullptr, nullptr, nullptr);
  }
  void FillTimers() {
    g_no_memory = true;
    constexpr timeval kHour = {3600, 0};
    size_t next = 0;
    while (event_add(&timers_[next], &kHour) == 0) {
      ASSERT_LT(++next, std::size(timers_));
    }
  }

  event_base* base_ = nullptr;
  ev_token_bucket_cfg* cfg_ = nullptr;
  event timers_[10000];
};

TEST_F(RateLimitMemoryTest, APauseThatCouldNotEndIsAnError) {
  SocketPair pair;
  TestBufferevent bev(base_, pair[0]);
  bev.Enable(EV_READ);
  event_base_loop(base_, EVLOOP_NONBLOCK);
  EXPECT_EQ(bufferevent_set_rate_limit(bev.get(), cfg_), 0);
  event_base_loop(base_, EVLOOP_NONBLOCK);
  bev.record.clear();
  FillTimers();
  TakeTokens(bev.get(), kReading, 100);
  EXPECT_EQ(bev.record, Record());
  event_base_loop(base_, EVLOOP_NONBLOCK);
  EXPECT_EQ(bev.record, Record({"READING|ERROR"}));
  EXPECT_EQ(bev.last_errno, ENOMEM);
  EXPECT_EQ(bufferevent_get_enabled(bev.get()), EV_WRITE);
  // There is memory again: reading pauses as it should.
  g_no_memory = false;
  bev.Enable(EV_READ);
  pair.Write(1, "more");
  event_base_loop(base_, EVLOOP_NONBLOCK);
  EXPECT_EQ(bev.input_length(), 0u);
  EXPECT_TRUE(IsSuspended(bev.get(), kReading, kSuspendRate));
  bev.Free();
  event_base_loop(base_, EVLOOP_NONBLOCK);
}

TEST_F(RateLimitMemoryTest, CallsThatFailChangeNothing) {
  TestBufferevent bev(base_, -1);
  g_no_memory = true;
  EXPECT_EQ(bufferevent_set_rate_limit(bev.get(), cfg_), -1);
  EXPECT_EQ(bufferevent_get_read_limit(bev.get()), EV_SSIZE_MAX);
  g_no_memory = false;
  EXPECT_EQ(bufferevent_set_rate_limit(bev.get(), cfg_), 0);
  bufferevent_rate_limit_group* group =
      bufferevent_rate_limit_group_new(base_, cfg_);
  FillTimers();
  EXPECT_EQ(bufferevent_decrement_read_limit(bev.get(), 100), -1);
  EXPECT_EQ(bufferevent_get_read_limit(bev.get()), 100);
  EXPECT_EQ(bufferevent_rate_limit_group_new(base_, cfg_), nullptr);
  TestBufferevent member(base_, -1);
  EXPECT_EQ(member.get(), nullptr);
  g_no_memory = false;
  bufferevent_rate_limit_group_free(group);
  bev.Free();
  event_base_loop(base_, EVLOOP_NONBLOCK);
}

}  // namespace
}  // namespace evoke::testing
