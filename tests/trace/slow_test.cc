// SPDX-License-Identifier: BSD-3-Clause
#include "trace/slow.h"

#include <event2/event.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace evoke {
namespace {

std::vector<std::string> g_lines;

class SlowTest : public ::testing::Test {
 protected:
  SlowTest() {
    g_lines.clear();
    event_set_log_callback(
        [](int, const char* line) { g_lines.emplace_back(line); });
    points_.Add(SlowWarning::New(kLimit_ns)->sink());
  }
  ~SlowTest() override { event_set_log_callback(nullptr); }

  void At(int64_t time_ns, evoke_point_kind kind, int fd = 7,
          evoke_point_source source = EVOKE_SOURCE_EVENT) {
    evoke_point point = {};
    point.kind = kind;
    point.source = source;
    point.time_ns = time_ns;
    point.fd = fd;
    point.what = EV_READ;
    point.function = reinterpret_cast<evoke_function>(16);
    points_.Tell(point);
  }

  // An hour, so that no sample of the stack is taken meanwhile.
  static constexpr int64_t kMinute_ns = int64_t{60} * 1000000000;
  static constexpr int64_t kLimit_ns = 60 * kMinute_ns;
  Points points_;
};

TEST_F(SlowTest, NamesWhoHeldTheLoop) {
  At(0, EVOKE_POINT_CALLBACK);
  At(kLimit_ns, EVOKE_POINT_CALLBACK_DONE);
  EXPECT_EQ(g_lines, std::vector<std::string>());
  At(0, EVOKE_POINT_CALLBACK);
  At(2 * kLimit_ns, EVOKE_POINT_CALLBACK_DONE);
  EXPECT_EQ(g_lines, std::vector<std::string>(
                         {"slow callback: ?+0x10 held the loop for 7200000.0 "
                          "ms (READ, fd 7)"}));
}

TEST_F(SlowTest, OfNestedOnesTheOneThatSpentTheTime) {
  At(0, EVOKE_POINT_CALLBACK, 1);
  At(kMinute_ns, EVOKE_POINT_CALLBACK, 2);
  At(kMinute_ns + 2 * kLimit_ns, EVOKE_POINT_CALLBACK_DONE, 2);
  At(2 * kMinute_ns + 2 * kLimit_ns, EVOKE_POINT_CALLBACK_DONE, 1);
  ASSERT_EQ(g_lines.size(), 1u);
  EXPECT_NE(g_lines[0].find("fd 2"), std::string::npos);
}

TEST_F(SlowTest, WhatNestedOnesTakeTogetherIsTheOutermosts) {
  // Each 0.6 of the limit, one within the other.
  constexpr int64_t kPart_ns = 36 * kMinute_ns;
  for (int i = 0; i < 2; ++i) {
    g_lines.clear();
    At(0, EVOKE_POINT_CALLBACK, 1);
    At(kPart_ns, EVOKE_POINT_CALLBACK, 2);
    At(2 * kPart_ns, EVOKE_POINT_CALLBACK_DONE, 2);
    At(2 * kPart_ns, EVOKE_POINT_CALLBACK_DONE, 1);
    EXPECT_EQ(g_lines, std::vector<std::string>(
                           {"slow callback: ?+0x10 held the loop for 4320000.0 "
                            "ms with those within it (READ, fd 1)"}));
  }
  // Several within one that does nothing itself, and one deeper.
  g_lines.clear();
  At(0, EVOKE_POINT_CALLBACK, 1);
  At(0, EVOKE_POINT_CALLBACK, 2);
  At(kPart_ns, EVOKE_POINT_CALLBACK, 3);
  At(2 * kPart_ns, EVOKE_POINT_CALLBACK_DONE, 3);
  At(2 * kPart_ns, EVOKE_POINT_CALLBACK_DONE, 2);
  At(2 * kPart_ns, EVOKE_POINT_CALLBACK, 4);
  At(3 * kPart_ns, EVOKE_POINT_CALLBACK_DONE, 4);
  At(3 * kPart_ns, EVOKE_POINT_CALLBACK_DONE, 1);
  ASSERT_EQ(g_lines.size(), 1u);
  EXPECT_NE(g_lines[0].find("6480000.0 ms"), std::string::npos) << g_lines[0];
  EXPECT_NE(g_lines[0].find("fd 1)"), std::string::npos) << g_lines[0];
}

TEST_F(SlowTest, WhatNestedOnesTakeTogetherWithinTheLimitIsNone) {
  At(0, EVOKE_POINT_CALLBACK, 1);
  At(kLimit_ns / 2, EVOKE_POINT_CALLBACK, 2);
  At(kLimit_ns, EVOKE_POINT_CALLBACK_DONE, 2);
  At(kLimit_ns, EVOKE_POINT_CALLBACK_DONE, 1);
  EXPECT_TRUE(g_lines.empty());
}

TEST_F(SlowTest, ASignalAndATimerAreNoDescriptors) {
  At(0, EVOKE_POINT_CALLBACK, 15, EVOKE_SOURCE_SIGNAL);
  At(2 * kLimit_ns, EVOKE_POINT_CALLBACK_DONE, 15, EVOKE_SOURCE_SIGNAL);
  At(0, EVOKE_POINT_CALLBACK, -1);
  At(2 * kLimit_ns, EVOKE_POINT_CALLBACK_DONE, -1);
  ASSERT_EQ(g_lines.size(), 2u);
  EXPECT_NE(g_lines[0].find("signal 15"), std::string::npos);
  EXPECT_EQ(g_lines[1].find("fd"), std::string::npos);
}

TEST_F(SlowTest, TheLimitCanBeChanged) {
  SlowWarning::In(points_)->SetLimit(3 * kLimit_ns);
  At(0, EVOKE_POINT_CALLBACK);
  At(2 * kLimit_ns, EVOKE_POINT_CALLBACK_DONE);
  EXPECT_TRUE(g_lines.empty());
}

}  // namespace
}  // namespace evoke
