// SPDX-License-Identifier: BSD-3-Clause
//
// A min-heap of deadlines: which timer is due next?
//
// 4-ary, with the deadlines beside the pointers, so that the four children of a
// node lie in one cache line. Each event knows its slot, which makes removal
// O(log n) without a search. Pushing a deadline back is free: the slot keeps
// the old, earlier key and is corrected when it comes to the top.
//
// Neighbours: common_timeout.h keeps the queues of equal intervals, of which
// only the head of each is in this heap.
#ifndef EVOKE_EVENT_TIMER_HEAP_H_
#define EVOKE_EVENT_TIMER_HEAP_H_

#include <event2/event_struct.h>
#include <stddef.h>
#include <stdint.h>

namespace evoke {

// What the heap keeps in the 16 bytes that struct event has for its place among
// the timers (ev_timeout_pos).
struct __attribute__((may_alias)) TimerPosition {
  int32_t slot;  // index in the heap
  // Of the last Insert() or Update(): breaks ties between equal deadlines.
  // Compared by difference, so that wrapping around does no harm.
  uint32_t sequence;
  // What the sequence was when the slot's key was set: behind for a timer that
  // was pushed back since, as its key is.
  uint32_t slot_sequence;
  uint32_t unused;
};
static_assert(sizeof(TimerPosition) == sizeof(event::ev_timeout_pos));

class TimerHeap {
 public:
  TimerHeap() = default;
  TimerHeap(const TimerHeap&) = delete;
  TimerHeap& operator=(const TimerHeap&) = delete;
  ~TimerHeap();

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  // Makes sure that the next Insert() cannot fail. Returns false when memory is
  // short; the heap is then as it was.
  [[nodiscard]] bool Reserve();

  // Keeps a slot free for a timer that will be back, whatever Reserve() gives
  // to others meanwhile. REQUIRES: Reserve() succeeded, or Remove() left a
  // slot, just before.
  void Promise() { ++promised_; }
  // Gives that slot up; an Insert() may follow at once.
  void Unpromise() { --promised_; }

  // Puts `timer` in, due at its ev_timeout (CLOCK_MONOTONIC). Equal deadlines
  // leave in the order in which they came.
  // REQUIRES: `timer` is not in a heap; Reserve() succeeded since the last one,
  // or Unpromise() was called just before.
  void Insert(event* timer);

  // Tells that the ev_timeout of `timer`, which is in this heap, was changed.
  // Counts as a new arrival among equal deadlines.
  void Update(event* timer);

  // REQUIRES: `timer` is in this heap.
  void Remove(event* timer);

  // The timer that is due first, or nullptr.
  event* Top();

  // The timer that is due first, if it is due at `now_us`; else nullptr. Timers
  // that were pushed back beyond `now_us` are left where they are as long as
  // their old deadline has not come.
  event* Due(int64_t now_us);

  // When to look again: no later than the first deadline, kNoDeadline without
  // any. Of many timers that were pushed back only a few are given their true
  // place here, so it may be earlier than the first deadline, unless `exactly`.
  int64_t NextLook(bool exactly);

  // Any timer, or nullptr: for those who take all of them out.
  event* Any() const { return size_ == 0 ? nullptr : slots_[0].timer; }

  // Calls `visit` with each timer, in no order. REQUIRES: it leaves the heap as
  // it is.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t i = 0; i < size_; ++i) visit(slots_[i].timer);
  }

 private:
  struct Slot {
    int64_t key_us;  // the deadline, or an earlier one that it once had
    event* timer;
  };

  // Whether the top slot has the true key of its timer; if not, it is mended.
  bool IsTopTrue();
  static bool Before(const Slot& a, const Slot& b);
  void Place(size_t index, const Slot& slot);
  void SiftUp(size_t index, Slot slot);
  void SiftDown(size_t index, Slot slot);

  Slot* slots_ = nullptr;
  size_t size_ = 0;
  size_t promised_ = 0;  // never more than what is free
  size_t capacity_ = 0;
  uint32_t next_sequence_ = 0;
};

// The absolute deadline that an event's ev_timeout holds, in microseconds.
int64_t DeadlineOf(const event& timer);

}  // namespace evoke

#endif  // EVOKE_EVENT_TIMER_HEAP_H_
