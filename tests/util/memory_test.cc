// SPDX-License-Identifier: BSD-3-Clause
//
// The allocator on the program's hooks: what fails, and how it says so.
#include "util/memory.h"

#include <errno.h>
#include <event2/event.h>
#include <gtest/gtest.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace evoke {
namespace {

int g_blocks = 0;
bool g_is_short = false;

void* CountingMalloc(size_t size) {
  if (g_is_short) return nullptr;
  ++g_blocks;
  void* memory = malloc(size);
  memset(memory, 0xa5, size);
  return memory;
}

void* CountingRealloc(void* memory, size_t size) {
  if (g_is_short) return nullptr;
  if (memory == nullptr) return CountingMalloc(size);
  return realloc(memory, size);
}

void CountingFree(void* memory) {
  --g_blocks;
  free(memory);
}

class Memory : public testing::Test {
 protected:
  void SetUp() override {
    g_blocks = 0;
    g_is_short = false;
    event_set_mem_functions(CountingMalloc, CountingRealloc, CountingFree);
  }
  void TearDown() override {
    event_set_mem_functions(nullptr, nullptr, nullptr);
    EXPECT_EQ(g_blocks, 0);
  }
};

TEST_F(Memory, EveryBlockComesFromTheHooksAndGoesBack) {
  void* one = Allocate(10);
  void* two = AllocateZeroed(3, 7);
  void* three = Reallocate(nullptr, 5);
  three = Reallocate(three, 5000);
  char* four = DuplicateString("text");
  EXPECT_EQ(g_blocks, 4);
  EXPECT_STREQ(four, "text");
  for (void* memory : {one, two, three, static_cast<void*>(four)}) Free(memory);
}

TEST_F(Memory, ZeroedIsZeroThoughTheHookLeavesOldBytes) {
  auto* bytes = static_cast<unsigned char*>(AllocateZeroed(4, 16));
  for (int i = 0; i < 64; ++i) EXPECT_EQ(bytes[i], 0) << i;
  Free(bytes);
}

TEST_F(Memory, NothingIsAskedForWhereNothingIsWanted) {
  errno = 0;
  EXPECT_EQ(Allocate(0), nullptr);
  EXPECT_EQ(AllocateZeroed(0, 8), nullptr);
  EXPECT_EQ(AllocateZeroed(8, 0), nullptr);
  EXPECT_EQ(errno, 0);
  Free(nullptr);
  Delete<int>(nullptr);
}

TEST_F(Memory, AProductThatOverflowsIsShortMemory) {
  errno = 0;
  EXPECT_EQ(AllocateZeroed(SIZE_MAX / 2, 3), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

TEST_F(Memory, HooksThatFailSetErrnoAndLeaveTheOldBlock) {
  char* text = DuplicateString("kept");
  g_is_short = true;
  errno = 0;
  EXPECT_EQ(Allocate(1), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  errno = 0;
  EXPECT_EQ(AllocateZeroed(1, 1), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  errno = 0;
  EXPECT_EQ(Reallocate(text, 100), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(DuplicateString("more"), nullptr);
  EXPECT_EQ(New<int>(1), nullptr);
  EXPECT_STREQ(text, "kept");
  Free(text);
}

TEST_F(Memory, ACopyOfNoTextIsInvalid) {
  errno = 0;
  EXPECT_EQ(DuplicateString(nullptr), nullptr);
  EXPECT_EQ(errno, EINVAL);
}

struct Noted {
  explicit Noted(int* alive) : alive_(alive) { ++*alive_; }
  ~Noted() { --*alive_; }
  int* alive_;
};

TEST_F(Memory, NewConstructsAndDeleteDestroys) {
  int alive = 0;
  Noted* object = New<Noted>(&alive);
  EXPECT_EQ(alive, 1);
  Delete(object);
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace evoke
