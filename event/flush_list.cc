// SPDX-License-Identifier: BSD-3-Clause
#include "event/flush_list.h"

namespace evoke {

FlushList::~FlushList() {
  while (FlushItem* item = items_.front()) Remove(item);
}

void FlushList::Add(FlushItem* item) {
  if (!item->listed()) items_.PushBack(item);
}

void FlushList::Remove(FlushItem* item) {
  if (!item->listed()) return;
  items_.Remove(item);
  item->link = {nullptr, nullptr};
}

void FlushList::RunAll() {
  if (items_.empty()) return;
  // Detached first: what is added during the calls waits for the next turn.
  // One item's call may remove another, which Remove() does on either list.
  Items now;
  now.TakeAll(items_);
  while (FlushItem* item = now.front()) {
    now.Remove(item);
    item->link = {nullptr, nullptr};
    item->flush(item);
  }
}

}  // namespace evoke
