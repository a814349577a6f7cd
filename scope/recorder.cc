// SPDX-License-Identifier: BSD-3-Clause
#include "scope/recorder.h"

#include <event2/event_struct.h>
#include <string.h>

#include <algorithm>

#include "scope/memory.h"

namespace evoke::scope {

namespace {

constexpr int64_t kNanosPerMicro = 1000;
constexpr int64_t kNanosPerSecond = 1000000000;
// The microseconds of a deadline; above them are marks of the library's own.
constexpr int64_t kMicrosMask = 0xfffff;

bool IsOfEvent(const evoke_point& point) {
  return point.source == EVOKE_SOURCE_EVENT ||
         point.source == EVOKE_SOURCE_SIGNAL;
}

// a * b + c, the largest number there is if that is more. All are positive.
int64_t Saturated(int64_t a, int64_t b, int64_t c) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result) ||
      __builtin_add_overflow(result, c, &result)) {
    return INT64_MAX;
  }
  return result;
}

const event* EventOf(const void* object) {
  return static_cast<const event*>(object);
}

}  // namespace

Recorder::~Recorder() {
  Free(turns_);
  Free(fds_);
}

bool Recorder::Init() {
  turns_ = AllocateZeroed<TurnRecord>(kTurns);
  return turns_ != nullptr;
}

int64_t Recorder::first_turn() const {
  return std::max<int64_t>(0, recorded_ - kTurns);
}

// Descriptors and events of the page itself never come to the table.
void Recorder::Tell(const evoke_point& point) {
  switch (point.kind) {
    case EVOKE_POINT_TURN:
      BeginTurn(point);
      return;
    case EVOKE_POINT_RETURN:
      EndTurn(point.time_ns);
      return;
    case EVOKE_POINT_ADD:
      if (!is_own_(point.object)) Added(point);
      return;
    case EVOKE_POINT_DEL:
      if (!is_own_(point.object)) Deleted(point);
      return;
    case EVOKE_POINT_CALLBACK:
      BeginCallback(point);
      return;
    case EVOKE_POINT_CALLBACK_DONE:
      EndCallback(point);
      return;
    case EVOKE_POINT_READ:
    case EVOKE_POINT_WRITE:
      Moved(point);
      return;
    case EVOKE_POINT_WAIT:
      if (peek_soon_) PeekAll();
      break;
    default:
      break;
  }
  if (now_ == nullptr) return;
  switch (point.kind) {
    case EVOKE_POINT_WAIT:
      now_->wait_ns = point.time_ns;
      now_->timeout_us = point.value;
      break;
    case EVOKE_POINT_WAIT_DONE:
      now_->done_ns = point.time_ns;
      now_->ready = static_cast<int>(point.value);
      break;
    case EVOKE_POINT_QUEUE:
      now_->queued[std::min<int>(point.what, kPriorities - 1)] +=
          static_cast<int>(point.value);
      break;
    case EVOKE_POINT_WAKE:
      ++now_->wakes;
      break;
    default:
      break;
  }
}

void Recorder::BeginTurn(const evoke_point& point) {
  EndTurn(point.time_ns);
  now_ = &turns_[recorded_ % kTurns];
  ++recorded_;
  memset(now_, 0, sizeof(*now_));
  now_->number = point.value;
  now_->start_ns = point.time_ns;
  own_calls_ = 0;
  depth_ = 0;
}

void Recorder::EndTurn(int64_t now_ns) {
  if (now_ == nullptr) return;
  now_->end_ns = now_ns;
  if (IsOwnTurn()) {
    ++own_turns_;
    --recorded_;
  } else if (own_calls_ > 0) {
    // They are queued at the most urgent priority.
    now_->queued[0] = std::max(0, now_->queued[0] - own_calls_);
    now_->ready = std::max(0, now_->ready - own_calls_);
  }
  now_ = nullptr;
}

void Recorder::Added(const evoke_point& point) {
  if (now_ != nullptr) ++now_->added;
  const event* ev = EventOf(point.object);
  WaitingEvent* waiting = Note(ev);
  if (waiting == nullptr) return;
  waiting->deadline_ns = waiting->timeout_ns = -1;
  if (point.value < 0) return;
  waiting->timeout_ns = Saturated(point.value, kNanosPerMicro, 0);
  waiting->deadline_ns = Saturated(point.value, kNanosPerMicro, point.time_ns);
}

void Recorder::Deleted(const evoke_point& point) {
  if (now_ != nullptr) ++now_->deleted;
  events_.Remove(point.object);
  Peek(EventOf(point.object));
}

// Its entry, a new one if need be, with what does not change while it waits.
WaitingEvent* Recorder::Note(const event* ev) {
  WaitingEvent* waiting = events_.Put(ev);
  if (waiting == nullptr) {
    ++lost_;
    return nullptr;
  }
  waiting->function = reinterpret_cast<evoke_function>(
      ev->ev_evcallback.evcb_cb_union.evcb_callback);
  waiting->is_signal = (ev->ev_events & EV_SIGNAL) != 0;
  waiting->is_internal = (ev->ev_evcallback.evcb_flags & EVLIST_INTERNAL) != 0;
  waiting->fd = ev->ev_fd;
  waiting->what = ev->ev_events;
  waiting->priority = ev->ev_evcallback.evcb_pri;
  if (waiting->is_signal || ev->ev_fd < 0) return waiting;
  FdRecord* record = FdAt(ev->ev_fd);
  if (record == nullptr) return waiting;
  const void*& last = ev->ev_events & EV_READ ? record->reader : record->writer;
  // The number is that of another descriptor, as far as can be told: one with
  // another bufferevent, or with another event in the place of one that waits
  // no more.
  if (record->is_over ||
      (Peek(ev) < 0 && last != nullptr && last != ev && !events_.Find(last))) {
    memset(record, 0, sizeof(*record));
    Peek(ev);
  }
  last = ev;
  return waiting;
}

void Recorder::Seed(const event* ev) {
  constexpr short kWaits = EVLIST_INSERTED | EVLIST_TIMEOUT;
  // Without a callback it only keeps a place among the timers for others.
  if (is_own_(ev) || !(ev->ev_evcallback.evcb_flags & kWaits) ||
      ev->ev_evcallback.evcb_cb_union.evcb_callback == nullptr) {
    return;
  }
  WaitingEvent* waiting = Note(ev);
  if (waiting == nullptr) return;
  if (ev->ev_evcallback.evcb_flags & EVLIST_TIMEOUT) {
    waiting->deadline_ns =
        Saturated(ev->ev_timeout.tv_sec, kNanosPerSecond,
                  (ev->ev_timeout.tv_usec & kMicrosMask) * kNanosPerMicro);
  }
}

int Recorder::Peek(const event* ev) {
  if ((ev->ev_events & EV_SIGNAL) || ev->ev_fd < 0) return -1;
  evoke_buffers buffers;
  const int result = evoke_peek_buffers(ev, &buffers);
  FdRecord* record = result == 0 ? FdAt(ev->ev_fd) : nullptr;
  if (record == nullptr) return result;
  if (buffers.bufferevent == nullptr) {
    record->is_over = true;
  } else if (record->buffers.bufferevent != nullptr &&
             record->buffers.bufferevent != buffers.bufferevent) {
    memset(record, 0, sizeof(*record));
  }
  record->buffers = buffers;
  return result;
}

// What waits in a base is alive while the base is locked.
void Recorder::PeekAll() {
  peek_soon_ = false;
  for (const WaitingEvent& waiting : events_) {
    if (waiting.object != nullptr) Peek(EventOf(waiting.object));
  }
}

void Recorder::Moved(const evoke_point& point) {
  FdRecord* record = point.value > 0 ? FdAt(point.fd) : nullptr;
  if (record == nullptr) return;
  const bool is_read = point.kind == EVOKE_POINT_READ;
  (is_read ? record->read_bytes : record->written_bytes) +=
      static_cast<uint64_t>(point.value);
  if (now_ == nullptr) return;
  if (now_->wait_ns == 0 && !is_read) now_->sent_bytes += point.value;
  (is_read ? now_->read_bytes : now_->written_bytes) += point.value;
}

void Recorder::BeginCallback(const evoke_point& point) {
  // A new connection, which only has the number of an old one.
  if (point.source == EVOKE_SOURCE_LISTENER) ForgetFd(point.fd);
  Running call = {
      .function = point.function,
      .start_ns = point.time_ns,
      .fd = point.fd,
      .source = static_cast<uint8_t>(point.source),
      .is_own = is_own_(point.object),
      .kept = nullptr,
  };
  if (call.is_own) {
    ++own_calls_;
  } else if (now_ != nullptr) {
    ++now_->callbacks;
    if (IsOfEvent(point) && (point.what & EV_TIMEOUT)) ++now_->timers;
    if (now_->kept < kCallbacksATurn && depth_ < kDepth) {
      call.kept = &now_->callback[now_->kept++];
      *call.kept = {
          .function = point.function,
          .start_ns = point.time_ns,
          .end_ns = 0,
          .late_us = point.value,
          .fd = point.fd,
          .what = point.what,
          .source = static_cast<uint8_t>(point.source),
          .depth = static_cast<uint8_t>(std::min(depth_, 255)),
      };
    }
  }
  if (depth_ < kDepth) stack_[depth_] = call;
  ++depth_;
}

void Recorder::EndCallback(const evoke_point& point) {
  if (depth_ == 0) return;
  --depth_;
  if (depth_ >= kDepth || now_ == nullptr) return;
  const Running& call = stack_[depth_];
  if (call.is_own) return;
  if (call.kept != nullptr) call.kept->end_ns = point.time_ns;
  const int64_t took_ns = point.time_ns - call.start_ns;
  NoteFunction(call, took_ns);
  NoteFd(call, took_ns);
}

void Recorder::NoteFd(const Running& call, int64_t took_ns) {
  if (call.source == EVOKE_SOURCE_SIGNAL) return;
  FdRecord* record = FdAt(call.fd);
  if (record == nullptr) return;
  ++record->callbacks;
  // Once: what runs for the same descriptor within it is a part of it.
  for (int i = 0; i < depth_; ++i) {
    if (!stack_[i].is_own && stack_[i].source != EVOKE_SOURCE_SIGNAL &&
        stack_[i].fd == call.fd) {
      return;
    }
  }
  record->busy_ns += took_ns;
}

void Recorder::NoteFunction(const Running& call, int64_t took_ns) {
  if (call.function == nullptr) return;
  FunctionRecord* end = functions_ + function_count_;
  FunctionRecord* found = std::find_if(functions_, end, [&](const auto& f) {
    return f.function == call.function && f.source == call.source;
  });
  if (found == end) {
    if (function_count_ < kSlowest) {
      ++function_count_;
    } else {
      // Those that take long stay.
      found =
          std::min_element(functions_, end, [](const auto& a, const auto& b) {
            return a.longest_ns < b.longest_ns;
          });
      if (found->longest_ns >= took_ns) return;
    }
    *found = {call.function, 0, 0, -1, 0, -1, call.source};
  }
  ++found->calls;
  found->total_ns += took_ns;
  if (took_ns > found->longest_ns) {
    found->longest_ns = took_ns;
    found->longest_turn = now_->number;
    found->longest_fd = call.fd;
  }
}

FdRecord* Recorder::FdAt(evutil_socket_t fd) {
  if (fd < 0 || fd >= kMostFds) return nullptr;
  if (fd >= fd_count_) {
    int count = std::max(fd + 1, std::min(fd_count_ * 2 + 64, kMostFds));
    void* more =
        evoke_realloc(fds_, static_cast<size_t>(count) * sizeof(FdRecord));
    if (more == nullptr) return nullptr;
    fds_ = static_cast<FdRecord*>(more);
    memset(fds_ + fd_count_, 0,
           static_cast<size_t>(count - fd_count_) * sizeof(FdRecord));
    fd_count_ = count;
  }
  return &fds_[fd];
}

void Recorder::ForgetFd(evutil_socket_t fd) {
  if (fd >= 0 && fd < fd_count_) memset(&fds_[fd], 0, sizeof(FdRecord));
}

}  // namespace evoke::scope
