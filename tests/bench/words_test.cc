// SPDX-License-Identifier: BSD-3-Clause
//
// What the benchmark writes and reads as text: JSON, the progress line, and the
// table of strace.
#include <gtest/gtest.h>

#include <limits>

#include "bench/load/json.h"
#include "bench/load/progress.h"
#include "bench/load/syscalls.h"

namespace evoke::load {
namespace {

TEST(Json, ObjectsAndArraysNest) {
  JsonArray sizes;
  sizes.Add(1).Add(10);
  JsonObject object;
  EXPECT_EQ(object.text(), "{}");
  object.Add("name", "epoll").Add("sizes", sizes).Add("quick", true);
  object.Add("load", JsonObject().Add("messages", uint64_t{1} << 40));
  EXPECT_EQ(object.text(),
            "{\"name\": \"epoll\", \"sizes\": [1, 10], \"quick\": true, "
            "\"load\": {\"messages\": 1099511627776}}");
}

TEST(Json, TextIsQuoted) {
  EXPECT_EQ(JsonOf("a \"b\" \\ \n\x01 \xc3\xa4"),
            "\"a \\\"b\\\" \\\\ \\u000a\\u0001 \xc3\xa4\"");
}

TEST(Json, NumbersHaveSixDigitsAndWhatIsNoneIsNull) {
  EXPECT_EQ(JsonOf(1.0 / 3), "0.333333");
  EXPECT_EQ(JsonOf(123456789.0), "1.23457e+08");
  EXPECT_EQ(JsonOf(0.0), "0");
  EXPECT_EQ(JsonOf(std::numeric_limits<double>::quiet_NaN()), "null");
  EXPECT_EQ(JsonOf(1 / std::numeric_limits<double>::min() * 1e300), "null");
}

TEST(Json, AnArrayMayHaveALineForEachElement) {
  JsonArray lines("\n  ");
  lines.Add(1).Add(2);
  EXPECT_EQ(lines.text(), "[\n  1,\n  2]");
}

TEST(Progress, TellsHowLongItWillTake) {
  EXPECT_EQ(ProgressLine(0, 8, 0, "first"),
            "[--------------------]   0 %  first");
  EXPECT_EQ(ProgressLine(2, 8, 25, "third"),
            "[#####---------------]  25 %  1:15 left  third");
  EXPECT_EQ(ProgressLine(4, 8, 4000, "fifth"),
            "[##########----------]  50 %  1:06:40 left  fifth");
  EXPECT_EQ(ProgressLine(8, 8, 60, "end"),
            "[####################] 100 %  0:00 left  end");
}

TEST(Syscalls, TheTableOfStraceIsRead) {
  auto counts = ParseCounts(
      "% time     seconds  usecs/call     calls    errors syscall\n"
      "------ ----------- ----------- --------- --------- ----------------\n"
      " 60.11    0.001200           1      1000           sendto\n"
      " 39.89    0.000800           0      1007         7 recvfrom\n"
      "------ ----------- ----------- --------- --------- ----------------\n"
      "100.00    0.002000           0      2007         7 total\n");
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts["sendto"], 1000u);
  EXPECT_EQ(counts["recvfrom"], 1007u);
}

}  // namespace
}  // namespace evoke::load
