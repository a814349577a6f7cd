// SPDX-License-Identifier: BSD-3-Clause
#include "event/flush_list.h"

#include <gtest/gtest.h>

#include <vector>

namespace evoke {
namespace {

struct Item : FlushItem {
  FlushList* list = nullptr;
  std::vector<Item*>* order = nullptr;
  Item* to_remove = nullptr;
  bool again = false;
  bool done = false;
};

class FlushListTest : public ::testing::Test {
 protected:
  FlushListTest() {
    for (Item& item : items_) {
      item.list = &list_;
      item.order = &order_;
      item.flush = [](FlushItem* flushed) {
        auto* item = static_cast<Item*>(flushed);
        EXPECT_FALSE(item->listed());
        item->order->push_back(item);
        if (item->to_remove != nullptr) item->list->Remove(item->to_remove);
        if (item->again) item->list->Add(item);
        return item->done;
      };
    }
  }
  bool RunAll() {
    MutexLock lock(lock_);
    return list_.RunAll(lock_);
  }

  FlushList list_;
  Mutex lock_;
  std::vector<Item*> order_;
  Item items_[3];
};

TEST_F(FlushListTest, RunsAllInTheOrderOfAddingOnce) {
  list_.Add(&items_[1]);
  list_.Add(&items_[0]);
  list_.Add(&items_[1]);
  RunAll();
  EXPECT_EQ(order_, (std::vector<Item*>{&items_[1], &items_[0]}));
  EXPECT_TRUE(list_.empty());
}

TEST_F(FlushListTest, TellsWhetherAnyOfThemGotSomethingDone) {
  EXPECT_FALSE(RunAll());
  for (Item& item : items_) list_.Add(&item);
  EXPECT_FALSE(RunAll());
  items_[1].done = true;
  for (Item& item : items_) list_.Add(&item);
  EXPECT_TRUE(RunAll());
}

TEST_F(FlushListTest, WhatIsAddedDuringTheRunWaitsForTheNext) {
  items_[0].again = true;
  list_.Add(&items_[0]);
  RunAll();
  EXPECT_EQ(order_.size(), 1u);
  EXPECT_TRUE(items_[0].listed());
  list_.Remove(&items_[0]);
}

TEST_F(FlushListTest, OneMayRemoveAnotherBeforeItsTurn) {
  items_[0].to_remove = &items_[1];
  for (Item& item : items_) list_.Add(&item);
  RunAll();
  EXPECT_EQ(order_, (std::vector<Item*>{&items_[0], &items_[2]}));
}

TEST_F(FlushListTest, TheLastOneMayBeRemovedAndAnotherAdded) {
  items_[0].to_remove = &items_[1];
  items_[0].again = true;
  list_.Add(&items_[0]);
  list_.Add(&items_[1]);
  RunAll();
  EXPECT_EQ(order_, (std::vector<Item*>{&items_[0]}));
  EXPECT_FALSE(items_[1].listed());
  items_[0].again = false;
  list_.Add(&items_[2]);
  RunAll();
  EXPECT_EQ(order_, (std::vector<Item*>{&items_[0], &items_[0], &items_[2]}));
  EXPECT_TRUE(list_.empty());
}

}  // namespace
}  // namespace evoke
