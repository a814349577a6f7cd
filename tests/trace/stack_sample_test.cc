// SPDX-License-Identifier: BSD-3-Clause
#include "trace/stack_sample.h"

#include <event2/event.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <time.h>

#include <string>
#include <vector>

namespace evoke {
namespace {

std::vector<std::string> g_lines;

#ifndef NDEBUG

// Works until a stack was written down, or for a minute.
void WorkUntilSampled(StackSample& sample) {
  time_t end = time(nullptr) + 60;
  while (g_lines.empty() && time(nullptr) < end) sample.Log();
}

TEST(StackSample, TellsWhereTheThreadIs) {
  event_set_log_callback(
      [](int, const char* line) { g_lines.emplace_back(line); });
  {
    StackSample sample;
    sample.Arm(1000000);
    WorkUntilSampled(sample);
    sample.Disarm();
    ASSERT_GT(g_lines.size(), 2u);
    EXPECT_EQ(g_lines[0].rfind("  #0 ", 0), 0u) << g_lines[0];
    // Told once.
    g_lines.clear();
    sample.Log();
    EXPECT_TRUE(g_lines.empty());
  }
  // Somebody else's handler is left alone, and nothing is sampled.
  static int signals;
  signal(SIGRTMAX - 3, [](int) { ++signals; });
  {
    StackSample sample;
    sample.Arm(1);
    time_t end = time(nullptr) + 1;
    while (time(nullptr) <= end) sample.Log();
    sample.Disarm();
  }
  EXPECT_TRUE(g_lines.empty());
  EXPECT_EQ(signals, 0);
  event_set_log_callback(nullptr);
}

#else

TEST(StackSample, IsNotThereInOptimisedBuilds) {
  StackSample sample;
  sample.Arm(1);
  sample.Log();
  EXPECT_TRUE(g_lines.empty());
}

#endif

}  // namespace
}  // namespace evoke
