// SPDX-License-Identifier: BSD-3-Clause
#include "trace/timing.h"

#include "util/memory.h"

namespace evoke {

namespace {

constexpr size_t kFirstCapacity = 64;  // a power of two

size_t StartOf(evoke_function function, size_t capacity) {
  auto address = reinterpret_cast<uintptr_t>(function);
  return (address * 0x9E3779B97F4A7C15u >> 32) & (capacity - 1);
}

}  // namespace

Timing* Timing::New() { return evoke::New<Timing>(); }

Timing* Timing::In(const Points& points) {
  return reinterpret_cast<Timing*>(points.Find(Tell));
}

void Timing::Destroy(PointSink* sink) {
  auto* self = reinterpret_cast<Timing*>(sink);
  Free(self->table_);
  Delete(self);
}

void Timing::Tell(PointSink* sink, const evoke_point& point) {
  auto* self = reinterpret_cast<Timing*>(sink);
  CallbackStack::Ended ended;
  switch (point.kind) {
    case EVOKE_POINT_WAIT:
      self->wait_began_ns_ = point.time_ns;
      break;
    case EVOKE_POINT_WAIT_DONE:
      if (self->wait_began_ns_ != 0) {
        self->waiting_ns_ += point.time_ns - self->wait_began_ns_;
      }
      self->wait_began_ns_ = 0;
      break;
    case EVOKE_POINT_CALLBACK:
      self->stack_.Begin(point);
      break;
    case EVOKE_POINT_CALLBACK_DONE:
      if (!self->stack_.End(point, &ended)) break;
      if (ended.depth == 0) self->running_ns_ += ended.whole_ns;
      self->AddTo(point.function, ended.own_ns);
      break;
    default:
      break;
  }
}

void Timing::AddTo(evoke_function function, int64_t ns) {
  if (ns > longest_.ns) longest_ = {function, ns};
  Spent* spent = Find(function);
  if (spent == nullptr) return;
  spent->ns += ns;
  if (spent->ns >= busiest_.ns) busiest_ = *spent;
}

// Its place in the table; null where there is none to be had.
Timing::Spent* Timing::Find(evoke_function function) {
  if (function == nullptr) return nullptr;
  if (used_ * 2 >= capacity_ && !Grow() && used_ + 1 >= capacity_) {
    return nullptr;
  }
  size_t i = StartOf(function, capacity_);
  while (table_[i].function != nullptr && table_[i].function != function) {
    i = (i + 1) & (capacity_ - 1);
  }
  if (table_[i].function == nullptr) {
    table_[i].function = function;
    ++used_;
  }
  return &table_[i];
}

bool Timing::Grow() {
  size_t capacity = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
  auto* table = static_cast<Spent*>(AllocateZeroed(capacity, sizeof(Spent)));
  if (table == nullptr) return false;
  for (size_t old = 0; old < capacity_; ++old) {
    if (table_[old].function == nullptr) continue;
    size_t i = StartOf(table_[old].function, capacity);
    while (table[i].function != nullptr) i = (i + 1) & (capacity - 1);
    table[i] = table_[old];
  }
  Free(table_);
  table_ = table;
  capacity_ = capacity;
  return true;
}

}  // namespace evoke
