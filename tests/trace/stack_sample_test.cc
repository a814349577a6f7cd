// SPDX-License-Identifier: BSD-3-Clause
#include "trace/stack_sample.h"

#include <event2/event.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace evoke {
namespace {

std::vector<std::string> g_lines;

#ifndef NDEBUG

// Works until a stack was written down, or for a minute. By its name, which
// this program exports.
extern "C" __attribute__((noinline)) void work_until_sampled(
    StackSample* sample) {
  time_t end = time(nullptr) + 60;
  while (g_lines.empty() && time(nullptr) < end) sample->Log();
}

int SampleSignal() { return SIGRTMAX - 3; }

void WorkFor(std::chrono::microseconds time) {
  auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// What comes after it was destroyed: a signal that was on its way.
TEST(StackSample, AnotherThreadMayDestroyItWhileItsTimeRuns) {
  auto sample = std::make_unique<StackSample>();
  std::promise<void> armed, destroyed;
  std::thread loop([&] {
    sample->Arm(int64_t{3600} * 1000000000);
    armed.set_value();
    destroyed.get_future().wait();
    for (int i = 0; i < 10; ++i) raise(SampleSignal());
    // And the next one works as ever.
    StackSample next;
    next.Arm(int64_t{3600} * 1000000000);
    next.Disarm();
  });
  armed.get_future().wait();
  sample.reset();
  destroyed.set_value();
  loop.join();
}

// Its memory is given back while the handler runs, if nobody waits for that.
TEST(StackSample, AnotherThreadMayDestroyItWhileTheHandlerRuns) {
  std::mutex mutex;  // that of a base
  auto sample = std::make_unique<StackSample>();
  std::atomic<int> callbacks = 0;
  std::atomic<bool> is_over = false;
  std::thread loop([&] {
    while (!is_over) {
      {
        std::lock_guard lock(mutex);
        sample->Arm(10000);
      }
      WorkFor(std::chrono::microseconds(50));
      {
        std::lock_guard lock(mutex);
        sample->Disarm();
      }
      ++callbacks;
    }
  });
  while (callbacks == 0) std::this_thread::yield();
  for (int i = 0; i < 2000; ++i) {
    pthread_kill(loop.native_handle(), SampleSignal());
    // At another moment of the handler each time.
    WorkFor(std::chrono::microseconds(i % 50));
    std::lock_guard lock(mutex);
    sample = std::make_unique<StackSample>();
  }
  is_over = true;
  loop.join();
}

TEST(StackSample, TellsWhereTheThreadIs) {
  event_set_log_callback(
      [](int, const char* line) { g_lines.emplace_back(line); });
  {
    StackSample sample;
    sample.Arm(1000000);
    work_until_sampled(&sample);
    sample.Disarm();
    ASSERT_GT(g_lines.size(), 2u);
    int found = 0;
    for (size_t i = 0; i < g_lines.size(); ++i) {
      const std::string& line = g_lines[i];
      std::string number = "  #" + std::to_string(i) + " ";
      EXPECT_EQ(line.rfind(number, 0), 0u) << line;
      found += line.rfind(number + "work_until_sampled (stack_sample_test+0x",
                          0) == 0;
    }
    EXPECT_EQ(found, 1) << g_lines[0];
    // Told once.
    g_lines.clear();
    sample.Log();
    EXPECT_TRUE(g_lines.empty());
  }
  // Somebody else's handler is left alone, and nothing is sampled.
  static int signals;
  signal(SampleSignal(), [](int) { ++signals; });
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
