// SPDX-License-Identifier: BSD-3-Clause
#include "event/live_bases.h"

#include <gtest/gtest.h>
#include <stdint.h>

#include <random>
#include <set>

namespace evoke {
namespace {

// Only the address counts.
const event_base* Fake(uintptr_t number) {
  return reinterpret_cast<const event_base*>(number * 64);
}

TEST(LiveBasesTest, KnowsThoseThatAreThere) {
  EXPECT_FALSE(IsLiveBase(Fake(1)));
  ASSERT_TRUE(EnlistBase(Fake(1)));
  EXPECT_TRUE(IsLiveBase(Fake(1)));
  EXPECT_FALSE(IsLiveBase(Fake(2)));
  DelistBase(Fake(2));  // not there: no effect
  DelistBase(Fake(1));
  EXPECT_FALSE(IsLiveBase(Fake(1)));
}

TEST(LiveBasesTest, AgreesWithASetWhileItGrowsAndShrinks) {
  std::mt19937 random(4711);
  std::set<uintptr_t> model;
  for (int step = 0; step < 20000; ++step) {
    uintptr_t number = random() % 1500 + 1;
    if (model.erase(number) != 0) {
      DelistBase(Fake(number));
    } else if (model.size() < 700) {
      ASSERT_TRUE(EnlistBase(Fake(number)));
      model.insert(number);
    }
    uintptr_t asked = random() % 1500 + 1;
    ASSERT_EQ(IsLiveBase(Fake(asked)), model.count(asked) != 0) << step;
  }
  for (uintptr_t number : model) {
    EXPECT_TRUE(IsLiveBase(Fake(number)));
    DelistBase(Fake(number));
  }
  for (uintptr_t number = 1; number <= 1500; ++number) {
    EXPECT_FALSE(IsLiveBase(Fake(number)));
  }
  FreeBaseTables();
  ASSERT_TRUE(EnlistBase(Fake(9)));
  EXPECT_TRUE(IsLiveBase(Fake(9)));
  DelistBase(Fake(9));
}

// Many short-lived bases fill no table with graves.
TEST(LiveBasesTest, ChurnNeedsNoMemory) {
  for (uintptr_t number = 1; number < 100000; ++number) {
    ASSERT_TRUE(EnlistBase(Fake(number)));
    DelistBase(Fake(number));
  }
}

}  // namespace
}  // namespace evoke
