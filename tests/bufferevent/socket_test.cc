// SPDX-License-Identifier: BSD-3-Clause
//
// The data path of a socket's bufferevent: what is ours in it. What libevent
// does in each case is compared in tests/differential.
#include <signal.h>
#include <sys/socket.h>

#include <functional>
#include <string>

#include "event/event_base.h"
#include "tests/bufferevent/test_bufferevent.h"

namespace evoke::testing {
namespace {

using ::testing::Test;

class SocketBuffereventTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    signal(SIGPIPE, SIG_IGN);
  }
  // Turns until a turn finds nothing to do.
  void Settle() { Loop(EVLOOP_NONBLOCK); }
  // Step 2 of a turn alone.
  void Flush() {
    event_base* loop = base();
    MutexLock lock(loop->lock);
    loop->flush.RunAll(loop->lock);
  }

  SocketPair pair_;
};

TEST_P(SocketBuffereventTest, OutputIsSentBeforeTheNextWaitWithoutAsking) {
  TestBufferevent bev(base(), pair_[0]);
  bev.Write("abc");
  bev.Write("def");
  EXPECT_EQ(pair_.Read(1), "");
  EXPECT_FALSE(base()->flush.empty());
  Flush();
  EXPECT_EQ(pair_.Read(1), "abcdef");
  EXPECT_EQ(event_pending(&bev.get()->ev_write, EV_WRITE, nullptr), 0);
  // The callback is due, but did not run inside.
  EXPECT_EQ(bev.record, Record());
  Settle();
  EXPECT_EQ(bev.record, Record({"write"}));
}

TEST_P(SocketBuffereventTest, AFullSocketIsWaitedForAndGoesOn) {
  TestBufferevent bev(base(), pair_[0]);
  std::string sent(4 << 20, 'x');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i % 251);
  bev.Write(sent);
  Settle();
  EXPECT_GT(bev.output_length(), 0u);
  EXPECT_EQ(event_pending(&bev.get()->ev_write, EV_WRITE, nullptr), EV_WRITE);
  EXPECT_EQ(bev.record, Record());
  std::string got;
  while (got.size() < sent.size()) {
    got += pair_.Read(1);
    Settle();
  }
  EXPECT_TRUE(got == sent);
  EXPECT_EQ(bev.record, Record({"write"}));
  EXPECT_EQ(event_pending(&bev.get()->ev_write, EV_WRITE, nullptr), 0);
}

TEST_P(SocketBuffereventTest, OneReadTakesSixteenKilobytes) {
  TestBufferevent bev(base(), pair_[0]);
  bev.Enable(EV_READ);
  pair_.Write(1, std::string(16384, 'y'));
  Settle();
  EXPECT_EQ(bev.record, Record({"read"}));
  EXPECT_EQ(bev.input_length(), 16384u);
}

TEST_P(SocketBuffereventTest, AReadIsLimitedByMaxSingleReadAndTheHighMark) {
  TestBufferevent bev(base(), pair_[0]);
  bufferevent_set_max_single_read(bev.get(), 10);
  bufferevent_setwatermark(bev.get(), EV_READ, 0, 15);
  bev.Enable(EV_READ);
  pair_.Write(1, std::string(100, 'z'));
  std::vector<size_t> lengths;
  bev.on_read = [&] { lengths.push_back(bev.input_length()); };
  Settle();
  EXPECT_EQ(lengths, std::vector<size_t>({10, 15}));
  // Full: no further callback, and nothing waits for the fd.
  EXPECT_EQ(event_pending(&bev.get()->ev_read, EV_READ, nullptr), 0);
  Settle();
  EXPECT_EQ(lengths.size(), 2u);
}

TEST_P(SocketBuffereventTest, WriteLimitsHoldInEachTurn) {
  TestBufferevent bev(base(), pair_[0]);
  bufferevent_set_max_single_write(bev.get(), 300);
  bufferevent_setwatermark(bev.get(), EV_WRITE, 1000, 0);
  bev.Write(std::string(1000, 'w'));
  std::vector<size_t> left;
  bev.on_write = [&] { left.push_back(bev.output_length()); };
  Settle();
  EXPECT_EQ(left, std::vector<size_t>({700, 400, 100, 0}));
  EXPECT_EQ(pair_.Read(1), std::string(1000, 'w'));
}

TEST_P(SocketBuffereventTest, AddedBetweenSendingAndTellingGoesOutAtOnce) {
  TestBufferevent first(base(), pair_[0]);
  SocketPair other;
  TestBufferevent second(base(), other[0]);
  first.Write("1");
  second.Write("a");
  first.on_write = [&] {
    first.on_write = nullptr;
    second.Write("b");
  };
  Settle();
  EXPECT_EQ(other.Read(1), "ab");
  EXPECT_EQ(second.record, Record({"write"}));
}

TEST_P(SocketBuffereventTest, DisabledBeforeTheFlushNothingIsSent) {
  TestBufferevent bev(base(), pair_[0]);
  bev.Write("abc");
  bufferevent_disable(bev.get(), EV_WRITE);
  EXPECT_TRUE(base()->flush.empty());
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(pair_.Read(1), "");
  bev.Enable(EV_WRITE);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(pair_.Read(1), "abc");
}

TEST_P(SocketBuffereventTest, FreedBeforeTheFlushNothingIsSent) {
  TestBufferevent bev(base(), pair_[0]);
  bev.Write("abc");
  bev.Free();
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(pair_.Read(1), "");
}

TEST_P(SocketBuffereventTest, CallbacksOnTheOutputRunOutsideTheFlush) {
  TestBufferevent bev(base(), pair_[0]);
  size_t drained = 0;
  evbuffer_add_cb(
      bufferevent_get_output(bev.get()),
      [](evbuffer*, const evbuffer_cb_info* info, void* arg) {
        *static_cast<size_t*>(arg) += info->n_deleted;
      },
      &drained);
  bev.Write("abc");
  Flush();
  EXPECT_EQ(drained, 0u);
  Settle();
  EXPECT_EQ(drained, 3u);
  EXPECT_EQ(pair_.Read(1), "abc");
  EXPECT_EQ(bev.record, Record({"write"}));
}

TEST_P(SocketBuffereventTest, WritingToAClosedPeerIsAnErrorWithItsErrno) {
  TestBufferevent bev(base(), pair_[0]);
  pair_.Close(1);
  bev.Write("abc");
  Settle();
  EXPECT_EQ(bev.record, Record({"WRITING|ERROR"}));
  EXPECT_EQ(bev.last_errno, EPIPE);
  EXPECT_EQ(bufferevent_get_enabled(bev.get()), 0);
}

TEST_P(SocketBuffereventTest, BytesComeBeforeTheEndOfFile) {
  TestBufferevent bev(base(), pair_[0]);
  bev.Enable(EV_READ);
  pair_.Write(1, "last words");
  pair_.Close(1);
  Settle();
  EXPECT_EQ(bev.record, Record({"read", "READING|EOF"}));
  EXPECT_EQ(bev.Take(), "last words");
  EXPECT_EQ(bufferevent_get_enabled(bev.get()), EV_WRITE);
}

TEST_P(SocketBuffereventTest, TheReadTimeoutStopsWhileReadingIsPaused) {
  TestBufferevent bev(base(), pair_[0]);
  timeval timeout = {0, 1000};
  bufferevent_set_timeouts(bev.get(), &timeout, nullptr);
  bufferevent_setwatermark(bev.get(), EV_READ, 0, 3);
  bev.Enable(EV_READ);
  EXPECT_EQ(event_pending(&bev.get()->ev_read, EV_TIMEOUT, nullptr),
            EV_TIMEOUT);
  pair_.Write(1, "abc");
  Settle();
  EXPECT_EQ(event_pending(&bev.get()->ev_read, EV_TIMEOUT, nullptr), 0);
  bev.Take();
  EXPECT_EQ(event_pending(&bev.get()->ev_read, EV_TIMEOUT, nullptr),
            EV_TIMEOUT);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record({"read", "READING|TIMEOUT"}));
  EXPECT_EQ(bufferevent_get_enabled(bev.get()), EV_WRITE);
}

TEST_P(SocketBuffereventTest, TheWriteTimeoutRunsOnlyWhileOutputWaits) {
  TestBufferevent bev(base(), pair_[0]);
  timeval timeout = {0, 1000};
  bufferevent_set_timeouts(bev.get(), nullptr, &timeout);
  bev.Write("abc");
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record({"write"}));
  bev.Write(std::string(4 << 20, 'x'));
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record({"write", "WRITING|TIMEOUT"}));
}

struct Cleanup {
  std::function<void()> run;
  static void Run(const void*, size_t, void* arg) {
    static_cast<Cleanup*>(arg)->run();
  }
};

TEST_P(SocketBuffereventTest, FreedWhenItsForeignMemoryIsGivenBack) {
  TestBufferevent bev(base(), pair_[0]);
  SocketPair other;
  TestBufferevent neighbour(base(), other[0]);
  int cleanups = 0;
  Cleanup cleanup{[&] {
    ++cleanups;
    bev.Free();
    neighbour.Free();
  }};
  evbuffer_add_reference(bufferevent_get_output(bev.get()), "abc", 3,
                         Cleanup::Run, &cleanup);
  neighbour.Write("never sent");
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(cleanups, 1);
  EXPECT_EQ(pair_.Read(1), "abc");
  EXPECT_EQ(other.Read(1), "");
  EXPECT_EQ(bev.record, Record());
}

TEST_P(SocketBuffereventTest, ABreakFromACleanupStopsTheLoop) {
  TestBufferevent bev(base(), pair_[0]);
  bev.Enable(EV_READ);  // would keep it waiting
  Settle();
  Cleanup cleanup{[&] { event_base_loopbreak(base()); }};
  evbuffer_add_reference(bufferevent_get_output(bev.get()), "abc", 3,
                         Cleanup::Run, &cleanup);
  EXPECT_EQ(Loop(), 0);
  EXPECT_TRUE(event_base_got_break(base()));
  EXPECT_EQ(pair_.Read(1), "abc");
}

TEST_P(SocketBuffereventTest, ThePriorityMayChangeWhileACallbackIsDue) {
  ASSERT_EQ(event_base_priority_init(base(), 3), 0);
  TestBufferevent bev(base(), pair_[0]);
  TestEvent first(base(), -1, 0, [&](short) {
    // The write callback waits in the queue of the old priority.
    bufferevent_priority_set(bev.get(), 2);
    bev.Write("b");
  });
  event_priority_set(first.get(), 0);
  bev.Write("a");
  first.AddMicros(0);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(pair_.Read(1), "ab");
  EXPECT_FALSE(bev.record.empty());
}

TEST_P(SocketBuffereventTest, SetFdTakesOutputWithIt) {
  SocketPair other;
  TestBufferevent bev(base(), pair_[0]);
  bev.Write("moved");
  EXPECT_EQ(bufferevent_setfd(bev.get(), other[0]), 0);
  EXPECT_EQ(bufferevent_getfd(bev.get()), other[0]);
  Settle();
  EXPECT_EQ(pair_.Read(1), "");
  EXPECT_EQ(other.Read(1), "moved");
}

TEST_P(SocketBuffereventTest, EchoOverManyConnections) {
  constexpr int kConnections = 200;
  std::vector<std::unique_ptr<SocketPair>> pairs;
  std::vector<std::unique_ptr<TestBufferevent>> echoes;
  for (int i = 0; i < kConnections; ++i) {
    pairs.push_back(std::make_unique<SocketPair>());
    auto echo = std::make_unique<TestBufferevent>(base(), (*pairs.back())[0]);
    TestBufferevent* self = echo.get();
    self->on_read = [self] { self->Write(self->Take()); };
    self->Enable(EV_READ | EV_WRITE);
    echoes.push_back(std::move(echo));
  }
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < kConnections; ++i) {
      pairs[i]->Write(1, std::to_string(i * round));
    }
    Settle();
    for (int i = 0; i < kConnections; ++i) {
      EXPECT_EQ(pairs[i]->Read(1), std::to_string(i * round));
    }
  }
}

EVOKE_ON_EVERY_BACKEND(SocketBuffereventTest);

}  // namespace
}  // namespace evoke::testing
