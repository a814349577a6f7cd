// SPDX-License-Identifier: BSD-3-Clause
//
// Open addressing, and removal by moving back what probed past the hole, so
// that no place is lost to who was there once.
#include "scope/event_table.h"

#include <new>

#include "scope/memory.h"

namespace evoke::scope {

EventTable::~EventTable() { Free(places_); }

size_t EventTable::HomeOf(const void* object) const {
  auto address = reinterpret_cast<uintptr_t>(object);
  return (address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (capacity_ - 1);
}

bool EventTable::Grow() {
  EventTable larger;
  size_t capacity = capacity_ == 0 ? 64 : capacity_ * 2;
  larger.places_ = AllocateZeroed<WaitingEvent>(capacity);
  if (larger.places_ == nullptr) return false;
  larger.capacity_ = capacity;
  for (const WaitingEvent& place : *this) {
    if (place.object != nullptr) *larger.Put(place.object) = place;
  }
  WaitingEvent* old = places_;
  places_ = larger.places_;
  capacity_ = capacity;
  larger.places_ = old;
  return true;
}

WaitingEvent* EventTable::Find(const void* object) {
  if (capacity_ == 0) return nullptr;
  size_t i = HomeOf(object);
  while (places_[i].object != object) {
    if (places_[i].object == nullptr) return nullptr;
    i = (i + 1) & (capacity_ - 1);
  }
  return &places_[i];
}

WaitingEvent* EventTable::Put(const void* object) {
  WaitingEvent* found = Find(object);
  if (found != nullptr) return found;
  if (count_ * 4 >= capacity_ * 3 && !Grow()) return nullptr;
  size_t i = HomeOf(object);
  while (places_[i].object != nullptr) i = (i + 1) & (capacity_ - 1);
  new (&places_[i]) WaitingEvent;
  places_[i].object = object;
  ++count_;
  return &places_[i];
}

void EventTable::Remove(const void* object) {
  WaitingEvent* found = Find(object);
  if (found == nullptr) return;
  const size_t mask = capacity_ - 1;
  size_t hole = static_cast<size_t>(found - places_);
  for (size_t i = hole;;) {
    i = (i + 1) & mask;
    if (places_[i].object == nullptr) break;
    // It may move back if the hole is on its way from its home.
    if (((i - HomeOf(places_[i].object)) & mask) >= ((i - hole) & mask)) {
      places_[hole] = places_[i];
      hole = i;
    }
  }
  places_[hole].object = nullptr;
  --count_;
}

}  // namespace evoke::scope
