// SPDX-License-Identifier: BSD-3-Clause
//
// Queues for timeouts of one length (event_base_init_common_timeout): thousands
// of connections with the same 60 seconds come due in the order in which they
// were added, so a list does what the heap would need O(log n) for. Only one
// placeholder for each queue is in the heap, due when its first event is.
//
// A program asks for such a queue by a timeval whose microseconds carry a mark
// and the number of the queue in their upper bits:
//   bits 28-31: 5, bits 20-27: the queue, bits 0-19: microseconds.
#ifndef EVOKE_EVENT_COMMON_TIMEOUT_H_
#define EVOKE_EVENT_COMMON_TIMEOUT_H_

#include <event2/event_struct.h>
#include <stdint.h>
#include <sys/time.h>

#include "event/timer_heap.h"
#include "util/intrusive_list.h"

namespace evoke {

inline constexpr int kMaxCommonTimeouts = 256;
inline constexpr int64_t kMicrosMask = 0x000fffff;

class CommonTimeouts {
 public:
  CommonTimeouts() = default;
  CommonTimeouts(const CommonTimeouts&) = delete;
  CommonTimeouts& operator=(const CommonTimeouts&) = delete;
  ~CommonTimeouts();

  // The marked timeval of the queue for `duration`, made if there is none; it
  // lives as long as the base. Null (and a warning) when there are 256 queues
  // already, or when memory is short. A new queue has its slot in `heap` for
  // good, so that none of the other functions can fail.
  const timeval* Intern(const timeval* duration, TimerHeap* heap);

  // Is this timeval marked with a queue that exists?
  bool IsMarked(const timeval& tv) const;

  // Puts `ev`, whose ev_timeout is a marked deadline, into its queue; tells
  // `heap` if it became the first.
  void Insert(event* ev, TimerHeap* heap);
  void Remove(event* ev, TimerHeap* heap);

  // If `top`, which is in the heap, is the placeholder of a queue: the first
  // event of that queue, due when the placeholder is. Else nullptr.
  event* FirstBehind(const event* top) const;

  // Queues that are due wait aside until the other timers of the turn are
  // active: libevent activates their events behind those, whatever the
  // deadlines. SetAside takes the queue of the placeholder `top` out of `heap`;
  // TakeAside puts the first of them back and returns its placeholder, or
  // nullptr when there is none.
  void SetAside(event* top, TimerHeap* heap);
  event* TakeAside(TimerHeap* heap);

  // The one that is due after `ev` in its queue, or nullptr.
  static event* NextBehind(const event* ev);

 private:
  struct CommonQueue;
  CommonQueue& QueueOf(const timeval& tv) const;

  CommonQueue* queues_[kMaxCommonTimeouts] = {};
  int count_ = 0;
  CommonQueue* aside_first_ = nullptr;
  CommonQueue* aside_last_ = nullptr;
};

}  // namespace evoke

#endif  // EVOKE_EVENT_COMMON_TIMEOUT_H_
