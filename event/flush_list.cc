// SPDX-License-Identifier: BSD-3-Clause
#include "event/flush_list.h"

#include "event/debug_mode.h"
#include "event/wake.h"

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

bool FlushList::RunAll(Mutex& lock) {
  if (items_.empty()) return false;
  // What is added during the calls comes behind the mark and waits for the next
  // turn; one call may remove the item of another.
  items_.PushBack(&mark_);
  bool any_done = false;
  for (FlushItem* item; (item = items_.front()) != &mark_;) {
    Remove(item);
    lock.Unlock();
    if (item->flush(item)) any_done = true;
    lock.Lock();
  }
  Remove(&mark_);
  return any_done;
}

void FlushList::ForgetRun() { Remove(&mark_); }

void FlushSoon(event_base* base, FlushItem* item) {
  DebugCheckThread(base, "a bufferevent");
  MutexLock lock(base->lock);
  base->flush.Add(item);
  Wake(base);
}

void FlushCancel(event_base* base, FlushItem* item) {
  DebugCheckThread(base, "a bufferevent");
  MutexLock lock(base->lock);
  base->flush.Remove(item);
}

bool IsToBeFlushed(event_base* base, const FlushItem* item) {
  MutexLock lock(base->lock);
  return item->listed();
}

}  // namespace evoke
