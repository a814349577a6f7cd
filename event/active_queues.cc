// SPDX-License-Identifier: BSD-3-Clause
#include "event/active_queues.h"

#include "absl/base/optimization.h"
#include "event/event_base.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

ActiveQueues::~ActiveQueues() { Free(queues_); }

bool ActiveQueues::SetPriorities(int count) {
  if (count <= capacity_) {
    priorities_ = count;
    return true;
  }
  void* memory = Allocate(static_cast<size_t>(count) * sizeof(CallbackQueue));
  if (memory == nullptr) return false;
  Free(queues_);
  queues_ = static_cast<CallbackQueue*>(memory);
  for (int i = 0; i < count; ++i) new (&queues_[i]) CallbackQueue();
  priorities_ = capacity_ = count;
  return true;
}

inline void ActiveQueues::CountIn(const event_callback* callback) {
  ++counts_->active;
  counts_->active_internal += (callback->evcb_flags & EVLIST_INTERNAL) != 0;
  counts_->NoteActive();
}

void ActiveQueues::Push(event_callback* callback) {
  if (ABSL_PREDICT_FALSE(callback->evcb_pri >= priorities_)) {
    // The program made the priorities fewer after it had given them out.
    LogWarn("%s: priority %d in a base of %d; it becomes the last one",
            __func__, callback->evcb_pri, priorities_);
    callback->evcb_pri = static_cast<ev_uint8_t>(priorities_ - 1);
  }
  callback->evcb_flags |= EVLIST_ACTIVE;
  queues_[callback->evcb_pri].PushBack(callback);
  CountIn(callback);
}

void ActiveQueues::PushLater(event_callback* callback) {
  callback->evcb_flags |= EVLIST_ACTIVE_LATER;
  later_.PushBack(callback);
  CountIn(callback);
}

void ActiveQueues::Remove(event_callback* callback) {
  if (callback->evcb_flags & EVLIST_ACTIVE) {
    queues_[callback->evcb_pri].Remove(callback);
  } else {
    later_.Remove(callback);
  }
  callback->evcb_flags &= ~(EVLIST_ACTIVE | EVLIST_ACTIVE_LATER);
  --counts_->active;
  counts_->active_internal -= (callback->evcb_flags & EVLIST_INTERNAL) != 0;
}

int ActiveQueues::AdmitLater() {
  int deferred = 0;
  while (event_callback* callback = later_.front()) {
    Remove(callback);
    Push(callback);
    deferred += callback->evcb_closure == kClosureDeferred;
  }
  return deferred;
}

event_callback* ActiveQueues::Any() const {
  for (int i = 0; i < priorities_; ++i) {
    if (!queues_[i].empty()) return queues_[i].front();
  }
  return later_.front();
}

}  // namespace evoke
