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

bool FlushList::RunAll() {
  if (items_.empty()) return false;
  // Detached first: what is added during the calls waits for the next turn.
  // One item's call may remove another, which Remove() does on either list.
  Items now;
  now.TakeAll(items_);
  bool any_done = false;
  while (FlushItem* item = now.front()) {
    now.Remove(item);
    item->link = {nullptr, nullptr};
    if (item->flush(item)) any_done = true;
  }
  return any_done;
}

}  // namespace evoke
