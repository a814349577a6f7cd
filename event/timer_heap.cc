// SPDX-License-Identifier: BSD-3-Clause
#include "event/timer_heap.h"

#include <algorithm>

#include "util/clock.h"
#include "util/memory.h"

namespace evoke {

namespace {

constexpr size_t kChildren = 4;
constexpr size_t kFirstCapacity = 32;
// A loop with one timer that is pushed back in every turn never looks in vain.
constexpr int kMendedInLook = 4;

TimerPosition& PositionOf(event* timer) {
  return *reinterpret_cast<TimerPosition*>(&timer->ev_timeout_pos);
}

}  // namespace

int64_t DeadlineOf(const event& timer) {
  // A common timeout's mark sits in the upper bits of the microseconds.
  return SaturatingAdd(
      MicrosFromTimeval({timer.ev_timeout.tv_sec, 0}),
      static_cast<int64_t>(timer.ev_timeout.tv_usec & 0x000fffff));
}

TimerHeap::~TimerHeap() { Free(slots_); }

bool TimerHeap::Reserve() {
  if (size_ + promised_ < capacity_) return true;
  size_t capacity = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
  size_t bytes;
  if (__builtin_mul_overflow(capacity, sizeof(Slot), &bytes)) return false;
  void* slots = Reallocate(slots_, bytes);
  if (slots == nullptr) return false;
  slots_ = static_cast<Slot*>(slots);
  capacity_ = capacity;
  return true;
}

void TimerHeap::Insert(event* timer) {
  TimerPosition& position = PositionOf(timer);
  position.sequence = position.slot_sequence = next_sequence_++;
  SiftUp(size_++, {DeadlineOf(*timer), timer});
}

void TimerHeap::Update(event* timer) {
  TimerPosition& position = PositionOf(timer);
  position.sequence = next_sequence_++;
  int64_t deadline_us = DeadlineOf(*timer);
  // One that is due later, or lost its turn among equals, stays where it is
  // until it comes to the top.
  if (deadline_us >= slots_[position.slot].key_us) return;
  position.slot_sequence = position.sequence;
  SiftUp(position.slot, {deadline_us, timer});
}

void TimerHeap::Remove(event* timer) {
  size_t hole = PositionOf(timer).slot;
  Slot last = slots_[--size_];
  PositionOf(timer).slot = -1;
  if (hole == size_) return;
  if (hole > 0 && Before(last, slots_[(hole - 1) / kChildren])) {
    SiftUp(hole, last);
  } else {
    SiftDown(hole, last);
  }
}

bool TimerHeap::IsTopTrue() {
  event* timer = slots_[0].timer;
  TimerPosition& position = PositionOf(timer);
  if (position.sequence == position.slot_sequence) return true;
  position.slot_sequence = position.sequence;
  SiftDown(0, {DeadlineOf(*timer), timer});
  return false;
}

event* TimerHeap::Top() {
  while (size_ > 0) {
    if (IsTopTrue()) return slots_[0].timer;
  }
  return nullptr;
}

event* TimerHeap::Due(int64_t now_us) {
  while (size_ > 0 && slots_[0].key_us <= now_us) {
    if (IsTopTrue()) return slots_[0].timer;
  }
  return nullptr;
}

int64_t TimerHeap::NextLook(bool exactly) {
  if (exactly) (void)Top();
  for (int i = 0; i < kMendedInLook && size_ > 0; ++i) {
    if (IsTopTrue()) break;
  }
  return size_ > 0 ? slots_[0].key_us : kNoDeadline;
}

bool TimerHeap::Before(const Slot& a, const Slot& b) {
  if (a.key_us != b.key_us) return a.key_us < b.key_us;
  return static_cast<int32_t>(PositionOf(a.timer).slot_sequence -
                              PositionOf(b.timer).slot_sequence) < 0;
}

void TimerHeap::Place(size_t index, const Slot& slot) {
  slots_[index] = slot;
  PositionOf(slot.timer).slot = static_cast<int32_t>(index);
}

void TimerHeap::SiftUp(size_t index, Slot slot) {
  while (index > 0) {
    size_t parent = (index - 1) / kChildren;
    if (!Before(slot, slots_[parent])) break;
    Place(index, slots_[parent]);
    index = parent;
  }
  Place(index, slot);
}

void TimerHeap::SiftDown(size_t index, Slot slot) {
  for (;;) {
    size_t first_child = index * kChildren + 1;
    if (first_child >= size_) break;
    size_t end = std::min(first_child + kChildren, size_);
    size_t least = first_child;
    for (size_t child = first_child + 1; child < end; ++child) {
      if (Before(slots_[child], slots_[least])) least = child;
    }
    if (!Before(slots_[least], slot)) break;
    Place(index, slots_[least]);
    index = least;
  }
  Place(index, slot);
}

}  // namespace evoke
