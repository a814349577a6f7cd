// SPDX-License-Identifier: BSD-3-Clause
//
// Life and death of a bufferevent: freeing it anywhere, want of memory, a base
// that goes first, and null pointers.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include <functional>
#include <string>

#include "event/event_base.h"
#include "tests/bufferevent/test_bufferevent.h"

namespace evoke::testing {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

class BuffereventTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    signal(SIGPIPE, SIG_IGN);
  }
  void Settle() { Loop(EVLOOP_NONBLOCK); }

  SocketPair pair_;
};

TEST_P(BuffereventTest, FreedInTheReadCallback) {
  TestBufferevent bev(base(), pair_[0]);
  bev.Enable(EV_READ);
  bev.on_read = [&] { bev.Free(); };
  pair_.Write(1, "abc");
  pair_.Close(1);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record({"read"}));
}

TEST_P(BuffereventTest, FreedInTheWriteCallbackAfterADirectWrite) {
  TestBufferevent bev(base(), pair_[0]);
  bev.on_write = [&] { bev.Free(); };
  bev.Write("abc");
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record({"write"}));
  EXPECT_EQ(pair_.Read(1), "abc");
}

TEST_P(BuffereventTest, FreedInTheFirstWriteCallback) {
  TestBufferevent bev(base(), pair_[0]);
  bev.on_write = [&] { bev.Free(); };
  bev.Enable(EV_READ | EV_WRITE);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record({"write"}));
}

TEST_P(BuffereventTest, FreedInTheEventCallback) {
  TestBufferevent bev(base(), pair_[0]);
  bev.on_event = [&](short) { bev.Free(); };
  bev.Enable(EV_READ);
  pair_.Close(1);
  bev.Write("abc");
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record.size(), 1u);
}

TEST_P(BuffereventTest, FreedInACallbackOfItsInput) {
  TestBufferevent bev(base(), pair_[0]);
  bev.Enable(EV_READ);
  evbuffer_add_cb(
      bufferevent_get_input(bev.get()),
      [](evbuffer*, const evbuffer_cb_info*, void* arg) {
        static_cast<TestBufferevent*>(arg)->Free();
      },
      &bev);
  pair_.Write(1, "abc");
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record());
}

TEST_P(BuffereventTest, FreedInACallbackOfItsOutput) {
  TestBufferevent bev(base(), pair_[0]);
  evbuffer_add_cb(
      bufferevent_get_output(bev.get()),
      [](evbuffer*, const evbuffer_cb_info* info, void* arg) {
        if (info->n_deleted > 0) static_cast<TestBufferevent*>(arg)->Free();
      },
      &bev);
  bev.Write("abc");
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record());
  EXPECT_EQ(pair_.Read(1), "abc");
}

TEST_P(BuffereventTest, FreedInEachDeferredCallback) {
  for (int step = 0; step < 4; ++step) {
    SocketPair pair;
    TestBufferevent bev(base(), pair[0], BEV_OPT_DEFER_CALLBACKS);
    int calls = 0;
    auto free_at_step = [&] {
      if (calls++ == step) bev.Free();
    };
    bev.on_read = bev.on_write = free_at_step;
    bev.on_event = [&](short) { free_at_step(); };
    bufferevent_trigger_event(bev.get(), BEV_EVENT_CONNECTED, 0);
    bufferevent_trigger_event(bev.get(), BEV_EVENT_TIMEOUT, 0);
    bufferevent_trigger(bev.get(), EV_READ | EV_WRITE, 0);
    EXPECT_EQ(bev.record, Record());
    EXPECT_EQ(Loop(), 1);
    Record whole = {"CONNECTED", "read", "write", "TIMEOUT"};
    whole.resize(step + 1);
    EXPECT_EQ(bev.record, whole);
  }
}

TEST_P(BuffereventTest, FreedInATriggeredCallback) {
  TestBufferevent bev(base(), pair_[0]);
  bev.on_read = [&] { bev.Free(); };
  bufferevent_trigger(bev.get(), EV_READ | EV_WRITE, 0);
  EXPECT_EQ(bev.record, Record({"read"}));
  Settle();
}

TEST_P(BuffereventTest, FreedWithCallbacksDueNoneRuns) {
  TestBufferevent bev(base(), pair_[0], BEV_OPT_DEFER_CALLBACKS);
  bufferevent_trigger(bev.get(), EV_READ | EV_WRITE, 0);
  evbuffer* output = bufferevent_get_output(bev.get());
  evbuffer_defer_callbacks(output, base());
  int told = 0;
  evbuffer_add_cb(
      output,
      [](evbuffer*, const evbuffer_cb_info*, void* arg) {
        ++*static_cast<int*>(arg);
      },
      &told);
  bev.Write("abc");
  bev.Free();
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record());
  EXPECT_EQ(told, 0);
}

TEST_P(BuffereventTest, TheLastReferenceClosesTheFdInTheNextTurn) {
  int fd = dup(pair_[0]);
  bufferevent* bev = bufferevent_socket_new(base(), fd, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_incref(bev);
  bufferevent_lock(bev);
  bufferevent_free(bev);
  EXPECT_EQ(bufferevent_decref(bev), 0);
  Settle();
  EXPECT_TRUE(IsOpen(fd));
  bufferevent_unlock(bev);
  EXPECT_TRUE(IsOpen(fd));
  EXPECT_EQ(Loop(), 1);
  EXPECT_FALSE(IsOpen(fd));
}

TEST_P(BuffereventTest, FreeingTheBaseFinishesWhatWasFreed) {
  int fd = dup(pair_[0]);
  bufferevent* bev = bufferevent_socket_new(base(), fd, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_write(bev, "abc", 3);
  bufferevent_free(bev);
  base_.reset();
  EXPECT_FALSE(IsOpen(fd));
}

TEST_P(BuffereventTest, ABaseThatGoesFirstIsToldAndDoesNoHarm) {
  static int warnings;
  warnings = 0;
  event_set_log_callback([](int, const char*) { ++warnings; });
  int fd = dup(pair_[0]);
  bufferevent* bev = bufferevent_socket_new(
      base(), fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
  bufferevent_enable(bev, EV_READ);
  bufferevent_write(bev, "abc", 3);
  bufferevent_trigger(bev, EV_READ, 0);
  base_.reset();
  EXPECT_TRUE(IsOpen(fd));
  bufferevent_free(bev);
  EXPECT_FALSE(IsOpen(fd));
  EXPECT_EQ(warnings, 1);
  event_set_log_callback(nullptr);
}

TEST_P(BuffereventTest, NullArgumentsAreErrorsAndWarnings) {
  static int warnings;
  warnings = 0;
  event_set_log_callback([](int, const char*) { ++warnings; });
  size_t mark;
  bufferevent_free(nullptr);
  bufferevent_incref(nullptr);
  bufferevent_setcb(nullptr, nullptr, nullptr, nullptr, nullptr);
  bufferevent_trigger(nullptr, EV_READ, 0);
  bufferevent_trigger_event(nullptr, BEV_EVENT_EOF, 0);
  bufferevent_setwatermark(nullptr, EV_READ, 0, 0);
  bufferevent_getcb(nullptr, nullptr, nullptr, nullptr, nullptr);
  EXPECT_EQ(warnings, 7);
  EXPECT_EQ(bufferevent_decref(nullptr), 0);
  EXPECT_EQ(bufferevent_enable(nullptr, EV_READ), -1);
  EXPECT_EQ(bufferevent_disable(nullptr, EV_READ), -1);
  EXPECT_EQ(bufferevent_get_enabled(nullptr), 0);
  EXPECT_EQ(bufferevent_set_timeouts(nullptr, nullptr, nullptr), -1);
  EXPECT_EQ(bufferevent_flush(nullptr, EV_READ, BEV_NORMAL), -1);
  EXPECT_EQ(bufferevent_get_input(nullptr), nullptr);
  EXPECT_EQ(bufferevent_get_output(nullptr), nullptr);
  EXPECT_EQ(bufferevent_write(nullptr, "a", 1), -1);
  EXPECT_EQ(bufferevent_write_buffer(nullptr, nullptr), -1);
  EXPECT_EQ(bufferevent_read(nullptr, &mark, 1), 0u);
  EXPECT_EQ(bufferevent_read_buffer(nullptr, nullptr), -1);
  EXPECT_EQ(bufferevent_get_base(nullptr), nullptr);
  EXPECT_EQ(bufferevent_priority_set(nullptr, 0), -1);
  EXPECT_EQ(bufferevent_get_priority(nullptr), -1);
  EXPECT_EQ(bufferevent_setfd(nullptr, 1), -1);
  EXPECT_EQ(bufferevent_getfd(nullptr), -1);
  EXPECT_EQ(bufferevent_get_underlying(nullptr), nullptr);
  EXPECT_EQ(bufferevent_getwatermark(nullptr, EV_READ, &mark, &mark), -1);
  EXPECT_EQ(bufferevent_socket_connect(nullptr, nullptr, 0), -1);
  EXPECT_EQ(bufferevent_socket_get_dns_error(nullptr), -1);
  EXPECT_EQ(bufferevent_get_max_to_read(nullptr), -1);
  EXPECT_EQ(bufferevent_get_max_to_write(nullptr), -1);
  EXPECT_EQ(warnings, 30);

  TestBufferevent bev(base(), pair_[0]);
  EXPECT_EQ(bufferevent_base_set(nullptr, bev.get()), -1);
  EXPECT_EQ(bufferevent_get_base(bev.get()), base());
  EXPECT_EQ(bufferevent_socket_new(nullptr, -1, 0), nullptr);
  event_set_log_callback(nullptr);
}

TEST_P(BuffereventTest, OptionsThatCannotBeHadAreRefused) {
  static int warnings;
  warnings = 0;
  event_set_log_callback([](int, const char*) { ++warnings; });
  EXPECT_EQ(bufferevent_socket_new(base(), -1, BEV_OPT_THREADSAFE), nullptr);
  EXPECT_EQ(bufferevent_socket_new(base(), -1, BEV_OPT_UNLOCK_CALLBACKS),
            nullptr);
  EXPECT_EQ(warnings, 1);
  event_set_log_callback(nullptr);
}

TEST_P(BuffereventTest, MovedToAnotherBaseItIsServedThere) {
  Base other = NewBase(GetParam());
  TestBufferevent bev(base(), pair_[0], BEV_OPT_DEFER_CALLBACKS);
  EXPECT_EQ(bufferevent_base_set(other.get(), bev.get()), 0);
  EXPECT_EQ(bufferevent_get_base(bev.get()), other.get());
  bev.Enable(EV_READ);
  bev.Write("abc");
  pair_.Write(1, "xyz");
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record());
  event_base_loop(other.get(), EVLOOP_NONBLOCK);
  EXPECT_EQ(pair_.Read(1), "abc");
  EXPECT_EQ(bev.Take(), "xyz");
  // Output on its way holds it where it is.
  bev.Write("more");
  bufferevent_disable(bev.get(), EV_READ);
  EXPECT_EQ(bufferevent_base_set(base(), bev.get()), -1);
  EXPECT_EQ(bufferevent_get_base(bev.get()), other.get());
  bev.Free();
  event_base_loop(other.get(), EVLOOP_NONBLOCK);
}

// Whatever holds it, all of it stays where it is.
TEST_P(BuffereventTest, WhatCannotBeMovedStaysWhole) {
  Base other = NewBase(GetParam());
  ASSERT_EQ(event_base_priority_init(other.get(), 7), 0);
  for (short events : {EV_READ, EV_WRITE, EV_READ | EV_WRITE}) {
    SocketPair pair;
    TestBufferevent bev(base(), pair[0], BEV_OPT_DEFER_CALLBACKS);
    bufferevent_disable(bev.get(), EV_READ | EV_WRITE);
    timeval tick = {0, 1000};
    ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(3, 3, 3, 3, &tick);
    EXPECT_EQ(bufferevent_set_rate_limit(bev.get(), cfg), 0);
    bev.Enable(events);
    EXPECT_EQ(bufferevent_base_set(other.get(), bev.get()), -1);
    EXPECT_EQ(bufferevent_get_base(bev.get()), base());
    EXPECT_EQ(bev.get()->ev_read.ev_base, base());
    EXPECT_EQ(bev.get()->ev_write.ev_base, base());
    EXPECT_EQ(bufferevent_get_priority(bev.get()), 0);
    // Served here, its limit too.
    bev.Enable(EV_READ | EV_WRITE);
    bev.Write("abcdef");
    pair.Write(1, "uvwxyz");
    std::string sent;
    while (bev.input_length() < 6 || sent.size() < 6) {
      Loop(EVLOOP_ONCE);
      sent += pair.Read(1);
    }
    EXPECT_EQ(bev.Take() + sent, "uvwxyzabcdef");
    bev.Free();
    // Nothing was left to the other.
    EXPECT_EQ(event_base_loop(other.get(), EVLOOP_NONBLOCK), 1);
    Loop(EVLOOP_NONBLOCK);
    ev_token_bucket_cfg_free(cfg);
  }
}

TEST_P(BuffereventTest, ReplaceFdClosesTheOldOneIfItIsOwned) {
  for (int options : {0, static_cast<int>(BEV_OPT_CLOSE_ON_FREE)}) {
    SocketPair old_pair;
    SocketPair new_pair;
    int old_fd = dup(old_pair[0]);
    int new_fd = dup(new_pair[0]);
    TestBufferevent bev(base(), old_fd, options);
    bev.Enable(EV_READ);
    bev.Write("moved");
    EXPECT_EQ(bufferevent_replacefd(bev.get(), new_fd), 0);
    EXPECT_EQ(bufferevent_getfd(bev.get()), new_fd);
    EXPECT_FALSE(IsOpen(old_fd));
    new_pair.Write(1, "abc");
    Settle();
    EXPECT_EQ(old_pair.Read(1), "");
    EXPECT_EQ(new_pair.Read(1), "moved");
    EXPECT_EQ(bev.Take(), "abc");
    // The same one is neither closed nor lost.
    EXPECT_EQ(bufferevent_replacefd(bev.get(), new_fd), 0);
    EXPECT_TRUE(IsOpen(new_fd));
    EXPECT_EQ(bufferevent_replacefd(bev.get(), -1), 0);
    EXPECT_FALSE(IsOpen(new_fd));
    EXPECT_EQ(bufferevent_getfd(bev.get()), -1);
    bev.Free();
    Settle();
  }
}

TEST_P(BuffereventTest, TheInputsReadLimitHolds) {
  SocketPair pair;
  TestBufferevent bev(base(), pair[0], 0);
  evbuffer_set_max_read(bufferevent_get_input(bev.get()), 3);
  bev.Enable(EV_READ);
  pair.Write(1, "abcdefgh");
  event_base_loop(base(), EVLOOP_ONCE);
  EXPECT_EQ(bev.Take(), "abc");
  Settle();
  EXPECT_EQ(bev.Take(), "defgh");
}

// With callbacks of its buffers due, and output that waits for an fd.
TEST_P(BuffereventTest, MayBeFreedAfterItsBase) {
  event_set_log_callback([](int, const char*) {});
  bufferevent* bev = bufferevent_socket_new(base(), -1, 0);
  evbuffer* output = bufferevent_get_output(bev);
  evbuffer_defer_callbacks(output, base());
  evbuffer_add_cb(
      output, [](evbuffer*, const evbuffer_cb_info*, void*) {}, nullptr);
  EXPECT_EQ(bufferevent_write(bev, "abc", 3), 0);
  base_.reset();
  bufferevent_free(bev);
  event_set_log_callback(nullptr);
}

TEST_P(BuffereventTest, ReplaceFdNeedsAnFd) {
  event_set_log_callback([](int, const char*) {});
  EXPECT_EQ(bufferevent_replacefd(nullptr, 0), -1);
  event_set_log_callback(nullptr);
  bufferevent* pair[2];
  ASSERT_EQ(bufferevent_pair_new(base(), 0, pair), 0);
  EXPECT_EQ(bufferevent_replacefd(pair[0], pair_[0]), -1);
  for (bufferevent* bev : pair) bufferevent_free(bev);
  Settle();
}

EVOKE_ON_EVERY_BACKEND(BuffereventTest);

// --- Every allocation fails once ---------------------------------------------

int g_allocations_left = -1;  // below zero: no limit
long g_blocks = 0;

void* LimitedMalloc(size_t size) {
  if (g_allocations_left == 0) return nullptr;
  if (g_allocations_left > 0) --g_allocations_left;
  void* block = malloc(size);
  if (block != nullptr) ++g_blocks;
  return block;
}

void* LimitedRealloc(void* block, size_t size) {
  if (block == nullptr) return LimitedMalloc(size);
  if (g_allocations_left == 0) return nullptr;
  if (g_allocations_left > 0) --g_allocations_left;
  return realloc(block, size);
}

void CountedFree(void* block) {
  if (block != nullptr) --g_blocks;
  free(block);
}

// Makes a bufferevent, writes, reads, echoes and frees; whatever fails is left
// out. Returns whether everything worked.
bool Exercise() {
  event_base* base = event_base_new();
  if (base == nullptr) return false;
  int fds[2];
  EXPECT_EQ(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  evutil_make_socket_nonblocking(fds[0]);
  bool ok = false;
  bufferevent* bev = bufferevent_socket_new(base, fds[0], 0);
  if (bev != nullptr) {
    timeval timeout = {10, 0};
    ok = bufferevent_set_timeouts(bev, &timeout, &timeout) == 0;
    ok &= bufferevent_enable(bev, EV_READ) == 0;
    size_t before = evbuffer_get_length(bufferevent_get_output(bev));
    if (bufferevent_write(bev, "abc", 3) < 0) {
      EXPECT_EQ(evbuffer_get_length(bufferevent_get_output(bev)), before);
      ok = false;
    }
    EXPECT_EQ(write(fds[1], "xyz", 3), 3);
    event_base_loop(base, EVLOOP_NONBLOCK);
    ok &= evbuffer_get_length(bufferevent_get_input(bev)) == 3;
    ok &= bufferevent_write_buffer(bev, bufferevent_get_input(bev)) == 0;
    event_base_loop(base, EVLOOP_NONBLOCK);
    char got[8];
    ok &= recv(fds[1], got, sizeof(got), MSG_DONTWAIT) == 6;
    bufferevent_free(bev);
  }
  event_base_free(base);
  close(fds[0]);
  close(fds[1]);
  return ok;
}

TEST(BuffereventMemoryTest, AnyAllocationMayFail) {
  event_set_mem_functions(LimitedMalloc, LimitedRealloc, CountedFree);
  event_set_log_callback([](int, const char*) {});
  bool worked = false;
  int limit = 0;
  for (; !worked; ++limit) {
    ASSERT_LT(limit, 1000);
    g_allocations_left = limit;
    worked = Exercise();
    g_allocations_left = -1;
    libevent_global_shutdown();
    EXPECT_EQ(g_blocks, 0) << "after " << limit << " allocations";
  }
  // There is something to fail: base, bufferevent, two buffers, a pool.
  EXPECT_GT(limit, 5);
  event_set_log_callback(nullptr);
  event_set_mem_functions(nullptr, nullptr, nullptr);
}

// A loop whose heap of timers has no place left, and cannot grow.
class WithoutRoomForTimers : public ::testing::Test {
 protected:
  void SetUp() override {
    event_set_mem_functions(LimitedMalloc, LimitedRealloc, CountedFree);
    event_set_log_callback([](int, const char*) {});
    base_ = event_base_new();
    ASSERT_EQ(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fds_), 0);
    for (int fd : fds_) evutil_make_socket_nonblocking(fd);
    bev_ = bufferevent_socket_new(base_, fds_[0], BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(bev_, nullptr, nullptr, OnEvent, this);
    // The program's own allocations, before there is nothing to be had.
    for (event& timer : timers_) evtimer_assign(&timer, base_, Ignore, nullptr);
  }
  void TearDown() override {
    g_allocations_left = -1;
    bufferevent_free(bev_);
    for (event& timer : timers_) event_del(&timer);
    event_base_free(base_);
    close(fds_[1]);
    EXPECT_EQ(g_blocks, 0);
    event_set_log_callback(nullptr);
    event_set_mem_functions(nullptr, nullptr, nullptr);
  }

  void FillTimers() {
    g_allocations_left = 0;
    const timeval long_time = {1000, 0};
    bool full = false;
    for (event& timer : timers_) {
      full = evtimer_add(&timer, &long_time) < 0;
      if (full) break;
    }
    ASSERT_TRUE(full);
  }
  void Turn() { event_base_loop(base_, EVLOOP_ONCE | EVLOOP_NONBLOCK); }

  static void Ignore(evutil_socket_t, short, void*) {}
  static void OnEvent(bufferevent*, short what, void* arg) {
    auto* self = static_cast<WithoutRoomForTimers*>(arg);
    self->told_ = what;
    self->told_errno_ = errno;
  }

  event_base* base_ = nullptr;
  int fds_[2];
  bufferevent* bev_ = nullptr;
  event timers_[1000];
  short told_ = 0;
  int told_errno_ = 0;
};

TEST_F(WithoutRoomForTimers, ReadingThatCannotResumeIsAnError) {
  const timeval timeout = {10, 0};
  bufferevent_set_timeouts(bev_, &timeout, nullptr);
  bufferevent_setwatermark(bev_, EV_READ, 0, 4);
  bufferevent_enable(bev_, EV_READ);
  ASSERT_EQ(write(fds_[1], "12345678", 8), 8);
  Turn();
  Turn();
  ASSERT_EQ(evbuffer_get_length(bufferevent_get_input(bev_)), 4u);
  FillTimers();
  EXPECT_EQ(evbuffer_drain(bufferevent_get_input(bev_), 4), 0);
  EXPECT_EQ(told_, 0) << "not inside the program's own call";
  Turn();
  EXPECT_EQ(told_, BEV_EVENT_READING | BEV_EVENT_ERROR);
  EXPECT_EQ(told_errno_, ENOMEM);
  EXPECT_EQ(bufferevent_get_enabled(bev_) & EV_READ, 0);
}

TEST_F(WithoutRoomForTimers, OutputThatCannotWaitIsAnErrorAndStays) {
  const timeval timeout = {10, 0};
  bufferevent_set_timeouts(bev_, nullptr, &timeout);
  std::string much(4 << 20, 'x');
  bufferevent_set_max_single_write(bev_, much.size());
  ASSERT_EQ(bufferevent_write(bev_, much.data(), much.size()), 0);
  FillTimers();
  Turn();
  Turn();
  EXPECT_EQ(told_, BEV_EVENT_WRITING | BEV_EVENT_ERROR);
  EXPECT_EQ(told_errno_, ENOMEM);
  size_t left = evbuffer_get_length(bufferevent_get_output(bev_));
  EXPECT_GT(left, 0u);
  size_t came = 0;
  char part[65536];
  for (ssize_t n; (n = read(fds_[1], part, sizeof(part))) > 0;) came += n;
  EXPECT_EQ(came + left, much.size());
}

TEST_F(WithoutRoomForTimers, EnablingReadsKeepsOutputOnItsWay) {
  const timeval timeout = {10, 0};
  bufferevent_set_timeouts(bev_, nullptr, &timeout);
  ASSERT_EQ(bufferevent_write(bev_, "abc", 3), 0);
  FillTimers();
  EXPECT_EQ(bufferevent_enable(bev_, EV_READ), -1);
  Turn();
  char part[8];
  EXPECT_EQ(read(fds_[1], part, sizeof(part)), 3);
}

TEST_F(WithoutRoomForTimers, ANewFdThatCannotBeWaitedForIsAnError) {
  const timeval timeout = {10, 0};
  bufferevent_set_timeouts(bev_, &timeout, &timeout);
  int fd = bufferevent_getfd(bev_);
  FillTimers();
  EXPECT_EQ(bufferevent_setfd(bev_, fd), -1);
  g_allocations_left = -1;
  EXPECT_EQ(bufferevent_setfd(bev_, fd), 0);
}

}  // namespace
}  // namespace evoke::testing
