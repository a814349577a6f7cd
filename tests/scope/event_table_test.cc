// SPDX-License-Identifier: BSD-3-Clause
#include "scope/event_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace evoke::scope {
namespace {

const void* Object(uintptr_t number) {
  return reinterpret_cast<const void*>(number * 16 + 16);
}

TEST(EventTable, IsEmptyAtFirst) {
  EventTable table;
  EXPECT_EQ(table.count(), 0u);
  EXPECT_EQ(table.Find(Object(1)), nullptr);
  EXPECT_EQ(table.begin(), table.end());
  table.Remove(Object(1));
}

TEST(EventTable, PutsOnce) {
  EventTable table;
  table.Put(Object(1))->fd = 7;
  EXPECT_EQ(table.Put(Object(1))->fd, 7);
  EXPECT_EQ(table.count(), 1u);
  table.Remove(Object(1));
  // Nothing is left of the old one.
  EXPECT_EQ(table.Put(Object(1))->fd, -1);
}

// The same as a std::map, whatever is put in and taken out. Few objects, so
// that many are searched for past others' places.
TEST(EventTable, AgreesWithAMap) {
  std::mt19937 random(20261127);
  EventTable table;
  std::map<const void*, int> map;
  for (int i = 0; i < 200000; ++i) {
    const void* object = Object(random() % 500);
    if (random() % 2 == 0) {
      table.Put(object)->fd = i;
      map[object] = i;
    } else {
      table.Remove(object);
      map.erase(object);
    }
    ASSERT_EQ(table.count(), map.size());
    if (i % 1000 != 0) continue;
    for (int n = 0; n < 500; ++n) {
      const WaitingEvent* found = table.Find(Object(n));
      auto expected = map.find(Object(n));
      ASSERT_EQ(found != nullptr, expected != map.end());
      if (found != nullptr) {
        ASSERT_EQ(found->fd, expected->second);
      }
    }
    size_t seen = 0;
    for (const WaitingEvent& event : table) seen += event.object != nullptr;
    ASSERT_EQ(seen, map.size());
  }
}

}  // namespace
}  // namespace evoke::scope
