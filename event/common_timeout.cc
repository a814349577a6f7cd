// SPDX-License-Identifier: BSD-3-Clause
#include "event/common_timeout.h"

#include "event/event_base.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

constexpr int64_t kMarkMask = 0xf0000000;
constexpr int64_t kMark = 0x50000000;
constexpr int kQueueShift = 20;
constexpr int64_t kQueueMask = 0x0ff00000;

auto& LinkOf(event* ev) {
  return ev->ev_timeout_pos.ev_next_with_common_timeout;
}

}  // namespace

struct CommonTimeouts::CommonQueue {
  // In the heap while the queue has events. An internal event without a
  // callback, which tells it from all others.
  event placeholder = {};
  timeval duration = {};  // with the mark
  Queue<event, LinkOf> events;
  CommonQueue* next_aside = nullptr;
};

CommonTimeouts::~CommonTimeouts() {
  for (int i = 0; i < count_; ++i) Delete(queues_[i]);
}

const timeval* CommonTimeouts::Intern(const timeval* duration,
                                      TimerHeap* heap) {
  timeval plain = *duration;
  if (IsMarked(plain)) plain.tv_usec &= kMicrosMask;
  plain = TimevalFromMicros(MicrosFromTimeval(plain));
  for (int i = 0; i < count_; ++i) {
    const timeval& known = queues_[i]->duration;
    if (known.tv_sec == plain.tv_sec &&
        (known.tv_usec & kMicrosMask) == plain.tv_usec) {
      return &known;
    }
  }
  if (count_ == kMaxCommonTimeouts) {
    LogWarn("%s: no more than %d common timeouts for one base", __func__,
            kMaxCommonTimeouts);
    return nullptr;
  }
  CommonQueue* queue = heap->Reserve() ? New<CommonQueue>() : nullptr;
  if (queue == nullptr) {
    LogWarnErrno("%s: new common timeout", __func__);
    return nullptr;
  }
  heap->Promise();
  queue->placeholder.ev_evcallback.evcb_flags =
      EVLIST_INIT | EVLIST_INTERNAL | EVLIST_TIMEOUT;
  queue->placeholder.ev_fd = -1;
  queue->duration = plain;
  queue->duration.tv_usec |=
      kMark | (static_cast<int64_t>(count_) << kQueueShift);
  queues_[count_++] = queue;
  return &queue->duration;
}

bool CommonTimeouts::IsMarked(const timeval& tv) const {
  if ((tv.tv_usec & kMarkMask) != kMark) return false;
  return ((tv.tv_usec & kQueueMask) >> kQueueShift) < count_;
}

CommonTimeouts::CommonQueue& CommonTimeouts::QueueOf(const timeval& tv) const {
  return *queues_[(tv.tv_usec & kQueueMask) >> kQueueShift];
}

void CommonTimeouts::Insert(event* ev, TimerHeap* heap) {
  CommonQueue& queue = QueueOf(ev->ev_timeout);
  // Nearly always the last place is the right one. A persistent event, whose
  // next deadline counts from its last, can belong before it.
  int64_t deadline_us = DeadlineOf(*ev);
  event* before = queue.events.back();
  while (before != nullptr && DeadlineOf(*before) > deadline_us) {
    before = queue.events.Previous(before);
  }
  if (before != nullptr) {
    queue.events.InsertAfter(before, ev);
    return;
  }
  event* first = queue.events.front();
  if (first != nullptr) {
    queue.events.InsertBefore(first, ev);
  } else {
    queue.events.PushBack(ev);
  }
  queue.placeholder.ev_base = ev->ev_base;
  queue.placeholder.ev_timeout = ev->ev_timeout;
  if (first == nullptr) {
    heap->Unpromise();
    heap->Insert(&queue.placeholder);
  } else {
    heap->Update(&queue.placeholder);
  }
}

void CommonTimeouts::Remove(event* ev, TimerHeap* heap) {
  CommonQueue& queue = QueueOf(ev->ev_timeout);
  bool was_first = queue.events.front() == ev;
  queue.events.Remove(ev);
  if (!was_first) return;
  if (event* first = queue.events.front()) {
    queue.placeholder.ev_timeout = first->ev_timeout;
    heap->Update(&queue.placeholder);
  } else {
    heap->Remove(&queue.placeholder);
    heap->Promise();
  }
}

event* CommonTimeouts::FirstBehind(const event* top) const {
  const event_callback& callback = top->ev_evcallback;
  if (!(callback.evcb_flags & EVLIST_INTERNAL)) return nullptr;
  if (callback.evcb_cb_union.evcb_callback != nullptr) return nullptr;
  return QueueOf(top->ev_timeout).events.front();
}

void CommonTimeouts::SetAside(event* top, TimerHeap* heap) {
  CommonQueue* queue = &QueueOf(top->ev_timeout);
  heap->Remove(top);
  heap->Promise();
  queue->next_aside = nullptr;
  if (aside_first_ == nullptr) {
    aside_first_ = queue;
  } else {
    aside_last_->next_aside = queue;
  }
  aside_last_ = queue;
}

event* CommonTimeouts::TakeAside(TimerHeap* heap) {
  CommonQueue* queue = aside_first_;
  if (queue == nullptr) return nullptr;
  aside_first_ = queue->next_aside;
  heap->Unpromise();
  heap->Insert(&queue->placeholder);
  return &queue->placeholder;
}

event* CommonTimeouts::NextBehind(const event* ev) {
  return ev->ev_timeout_pos.ev_next_with_common_timeout.tqe_next;
}

}  // namespace evoke
