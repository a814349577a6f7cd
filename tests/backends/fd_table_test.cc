// SPDX-License-Identifier: BSD-3-Clause
#include "backends/fd_table.h"

#include <gtest/gtest.h>
#include <limits.h>

#include <vector>

namespace evoke {
namespace {

TEST(FdTable, HoldsEveryNumberApart) {
  FdTable<int> table;
  for (int fd = 0; fd < 10000; ++fd) {
    EXPECT_EQ(table.Get(fd), 0);
    ASSERT_TRUE(table.MakeRoom(fd));
    EXPECT_EQ(table.Get(fd), 0);
    table.Set(fd, fd + 1);
  }
  for (int fd = 0; fd < 10000; ++fd) EXPECT_EQ(table.Get(fd), fd + 1);
  table.Clear();
  for (int fd = 0; fd < 10000; ++fd) EXPECT_EQ(table.Get(fd), 0);
}

TEST(FdTable, KnowsNothingWhereNoRoomWasMade) {
  FdTable<uint32_t> table;
  for (int fd : {0, 63, 64, 191, 192, 1 << 20, INT_MAX}) {
    EXPECT_EQ(table.Get(fd), 0u);
    table.Set(fd, 0);
    EXPECT_EQ(table.Get(fd), 0u);
  }
}

TEST(FdTable, ANewNumberMovesNoOther) {
  FdTable<int> table;
  for (int fd : {5, 63, 64, 191, 192, 447, 448, 100000}) {
    ASSERT_TRUE(table.MakeRoom(fd));
    table.Set(fd, fd);
  }
  for (int fd : {5, 63, 64, 191, 192, 447, 448, 100000}) {
    EXPECT_EQ(table.Get(fd), fd);
  }
}

}  // namespace
}  // namespace evoke
