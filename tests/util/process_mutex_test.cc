// SPDX-License-Identifier: BSD-3-Clause
#include "util/process_mutex.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace evoke {
namespace {

constinit ProcessMutex g_first;
constinit ProcessMutex g_second;

// Whoever holds one in another thread is not there in the child.
TEST(ProcessMutex, IsFreeInAForksChild) {
  std::atomic<bool> stop = false;
  std::atomic<int> rounds = 0;
  std::thread holder([&] {
    while (!stop) {
      {
        ProcessMutexLock lock(g_first);
        for (int i = 0; i < 1000; ++i) ++rounds;
      }
      ProcessMutexLock lock(g_second);
      for (int i = 0; i < 1000; ++i) ++rounds;
    }
  });
  while (rounds == 0) std::this_thread::yield();
  for (int i = 0; i < 100; ++i) {
    pid_t child = fork();
    if (child == 0) {
      alarm(30);
      { ProcessMutexLock lock(g_first); }
      ProcessMutexLock lock(g_second);
      _exit(0);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0) << "fork " << i;
  }
  stop = true;
  holder.join();
}

}  // namespace
}  // namespace evoke
