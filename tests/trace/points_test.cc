// SPDX-License-Identifier: BSD-3-Clause
#include "trace/points.h"

#include <gtest/gtest.h>

#include <string>

namespace evoke {
namespace {

std::string g_told;

struct Letter {
  PointSink sink;
  char letter;
};

template <char kind>
void Tell(PointSink* sink, const evoke_point&) {
  g_told += reinterpret_cast<Letter*>(sink)->letter;
}

void Destroy(PointSink* sink) {
  g_told += '~';
  g_told += reinterpret_cast<Letter*>(sink)->letter;
}

class PointsTest : public ::testing::Test {
 protected:
  PointsTest() { g_told.clear(); }
  Letter a_ = {{Tell<'a'>, Destroy, nullptr}, 'a'};
  Letter b_ = {{Tell<'b'>, Destroy, nullptr}, 'b'};
};

TEST_F(PointsTest, AllWhoListenAreTold) {
  Points points;
  EXPECT_FALSE(points.watched());
  points.Tell({});
  points.Add(&a_.sink);
  points.Add(&b_.sink);
  EXPECT_TRUE(points.watched());
  points.Tell({});
  EXPECT_EQ(g_told, "ba");
}

TEST_F(PointsTest, WhoWasTakenOffIsToldNothingMore) {
  Points points;
  points.Add(&a_.sink);
  points.Add(&b_.sink);
  EXPECT_TRUE(points.Remove(&a_.sink));
  EXPECT_FALSE(points.Remove(&a_.sink));
  points.Tell({});
  EXPECT_EQ(g_told, "b");
  EXPECT_TRUE(points.Remove(&b_.sink));
  EXPECT_FALSE(points.watched());
}

TEST_F(PointsTest, OneIsFoundByWhatItDoes) {
  Points points;
  points.Add(&a_.sink);
  EXPECT_EQ(points.Find(Tell<'a'>), &a_.sink);
  EXPECT_EQ(points.Find(Tell<'b'>), nullptr);
}

TEST_F(PointsTest, TheEndDestroysThem) {
  {
    Points points;
    points.Add(&a_.sink);
    points.Add(&b_.sink);
  }
  EXPECT_EQ(g_told, "~b~a");
}

}  // namespace
}  // namespace evoke
