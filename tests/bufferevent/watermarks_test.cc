// SPDX-License-Identifier: BSD-3-Clause
//
// Levels of the buffers: when callbacks wait for them, and when reading pauses.
#include <string>

#include "bufferevent/bufferevent.h"
#include "tests/bufferevent/test_bufferevent.h"

namespace evoke::testing {
namespace {

class WatermarksTest : public BackendTest {
 protected:
  void Settle() { Loop(EVLOOP_NONBLOCK); }
  bool Reads(const TestBufferevent& bev) {
    return event_pending(&bev.get()->ev_read, EV_READ, nullptr) != 0;
  }

  SocketPair pair_;
};

TEST_P(WatermarksTest, BelowTheLowMarkNobodyIsCalled) {
  TestBufferevent bev(base(), pair_[0]);
  bufferevent_setwatermark(bev.get(), EV_READ, 5, 0);
  bev.Enable(EV_READ);
  pair_.Write(1, "1234");
  Settle();
  EXPECT_EQ(bev.record, Record());
  EXPECT_EQ(bev.input_length(), 4u);
  pair_.Write(1, "5");
  Settle();
  EXPECT_EQ(bev.record, Record({"read"}));
}

TEST_P(WatermarksTest, AtTheHighMarkTheCallbackRunsOnceAndReadingPauses) {
  TestBufferevent bev(base(), pair_[0]);
  bufferevent_setwatermark(bev.get(), EV_READ, 0, 4);
  bev.Enable(EV_READ);
  pair_.Write(1, "12345678");
  Settle();
  EXPECT_EQ(bev.record, Record({"read"}));
  EXPECT_EQ(bev.input_length(), 4u);
  EXPECT_FALSE(Reads(bev));
  EXPECT_EQ(bufferevent_get_enabled(bev.get()), EV_READ | EV_WRITE);
  EXPECT_EQ(evbuffer_drain(bufferevent_get_input(bev.get()), 1), 0);
  EXPECT_TRUE(Reads(bev));
  Settle();
  EXPECT_EQ(bev.record, Record({"read", "read"}));
  EXPECT_EQ(bev.Take(), "2345");
  Settle();
  EXPECT_EQ(bev.Take(), "678");
}

TEST_P(WatermarksTest, ChangingTheHighMarkPausesAndResumes) {
  TestBufferevent bev(base(), pair_[0]);
  bev.Enable(EV_READ);
  pair_.Write(1, "1234");
  Settle();
  bufferevent_setwatermark(bev.get(), EV_READ, 0, 4);
  EXPECT_FALSE(Reads(bev));
  bufferevent_setwatermark(bev.get(), EV_READ, 0, 5);
  EXPECT_TRUE(Reads(bev));
  bufferevent_setwatermark(bev.get(), EV_READ, 0, 2);
  EXPECT_FALSE(Reads(bev));
  bufferevent_setwatermark(bev.get(), EV_READ, 0, 0);
  EXPECT_TRUE(Reads(bev));
}

TEST_P(WatermarksTest, EveryReasonToPauseHasToGo) {
  TestBufferevent bev(base(), pair_[0]);
  bev.Enable(EV_READ);
  SuspendRead(bev.get(), kSuspendRate);
  SuspendRead(bev.get(), kSuspendLookup);
  ResumeRead(bev.get(), kSuspendRate);
  EXPECT_FALSE(Reads(bev));
  bufferevent_disable(bev.get(), EV_READ);
  bev.Enable(EV_READ);
  EXPECT_FALSE(Reads(bev));
  ResumeRead(bev.get(), kSuspendLookup);
  EXPECT_TRUE(Reads(bev));

  SuspendWrite(bev.get(), kSuspendGroupRate);
  bev.Write("abc");
  Settle();
  EXPECT_EQ(pair_.Read(1), "");
  ResumeWrite(bev.get(), kSuspendGroupRate);
  Settle();
  EXPECT_EQ(pair_.Read(1), "abc");
}

TEST_P(WatermarksTest, TheWriteCallbackWaitsForItsLowMark) {
  TestBufferevent bev(base(), pair_[0]);
  bufferevent_setwatermark(bev.get(), EV_WRITE, 100, 0);
  std::string big(4 << 20, 'x');
  bev.Write(big);
  Settle();
  EXPECT_GT(bev.output_length(), 100u);
  EXPECT_EQ(bev.record, Record());
  while (bev.output_length() > 0) {
    while (!pair_.Read(1).empty()) {
    }
    Settle();
    if (bev.output_length() > 100) {
      EXPECT_EQ(bev.record, Record());
    }
  }
  EXPECT_FALSE(bev.record.empty());
}

TEST_P(WatermarksTest, LevelsAreKeptForEachDirection) {
  TestBufferevent bev(base(), -1);
  bufferevent_setwatermark(bev.get(), EV_READ, 1, 2);
  bufferevent_setwatermark(bev.get(), EV_WRITE, 3, 4);
  size_t low, high;
  EXPECT_EQ(bufferevent_getwatermark(bev.get(), EV_READ, &low, &high), 0);
  EXPECT_EQ(low, 1u);
  EXPECT_EQ(high, 2u);
  EXPECT_EQ(bufferevent_getwatermark(bev.get(), EV_WRITE, &low, &high), 0);
  EXPECT_EQ(low, 3u);
  EXPECT_EQ(high, 4u);
  EXPECT_EQ(
      bufferevent_getwatermark(bev.get(), EV_READ | EV_WRITE, &low, &high), -1);
  EXPECT_EQ(bufferevent_getwatermark(bev.get(), EV_READ, nullptr, nullptr), 0);
}

EVOKE_ON_EVERY_BACKEND(WatermarksTest);

}  // namespace
}  // namespace evoke::testing
