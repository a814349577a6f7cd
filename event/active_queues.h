// SPDX-License-Identifier: BSD-3-Clause
//
// What is ready to run: one queue for each priority, first in first out, and a
// waiting room for what may only join them in the next turn.
#ifndef EVOKE_EVENT_ACTIVE_QUEUES_H_
#define EVOKE_EVENT_ACTIVE_QUEUES_H_

#include <event2/event_struct.h>
#include <stddef.h>

#include "event/event_counts.h"
#include "util/intrusive_list.h"

namespace evoke {

inline auto& ActiveLink(event_callback* callback) {
  return callback->evcb_active_next;
}

class ActiveQueues {
 public:
  // `counts` outlives the queues, which keep its counts of active callbacks.
  explicit ActiveQueues(EventCounts* counts) : counts_(counts) {}
  ActiveQueues(const ActiveQueues&) = delete;
  ActiveQueues& operator=(const ActiveQueues&) = delete;
  ~ActiveQueues();

  // Makes `count` empty queues. REQUIRES: empty(). Returns false when memory is
  // short; the queues are then as they were. There never are fewer in memory
  // than before: the loop may be at one of them.
  [[nodiscard]] bool SetPriorities(int count);
  int priorities() const { return priorities_; }

  // Nothing in any queue, nor in the waiting room.
  bool empty() const { return counts_->active == 0; }

  // The first callback of one queue, or nullptr.
  event_callback* Front(int priority) const {
    return queues_[priority].front();
  }

  // The one behind `callback` in its queue, or nullptr.
  static event_callback* Next(event_callback* callback) {
    return CallbackQueue::Next(callback);
  }

  // Puts it at the end of its queue. Sets EVLIST_ACTIVE.
  // REQUIRES: neither active nor waiting.
  void Push(event_callback* callback);

  // Puts it into the waiting room. Sets EVLIST_ACTIVE_LATER.
  void PushLater(event_callback* callback);

  // Takes it out of its queue or the waiting room, wherever it is.
  void Remove(event_callback* callback);

  // Lets all that waits join its queue; returns how many were deferred
  // callbacks of the library.
  int AdmitLater();

  // Any callback of all, or nullptr: for those who take all of them out.
  event_callback* Any() const;

 private:
  using CallbackQueue = Queue<event_callback, ActiveLink>;

  void CountIn(const event_callback* callback);

  EventCounts* counts_;
  CallbackQueue* queues_ = nullptr;
  CallbackQueue later_;
  int priorities_ = 0;
  int capacity_ = 0;  // how many queues there are in memory
};

}  // namespace evoke

#endif  // EVOKE_EVENT_ACTIVE_QUEUES_H_
