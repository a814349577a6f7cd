// SPDX-License-Identifier: BSD-3-Clause
//
// The events that wait in one base, as the points tell of them: by the address
// of the event, which is only compared, never followed.
#ifndef EVOKE_SCOPE_EVENT_TABLE_H_
#define EVOKE_SCOPE_EVENT_TABLE_H_

#include <evoke/trace.h>
#include <stddef.h>
#include <stdint.h>

namespace evoke::scope {

struct WaitingEvent {
  const void* object = nullptr;  // null: the place is free
  evoke_function function = nullptr;
  // When it is due, CLOCK_MONOTONIC nanoseconds; -1: never.
  int64_t deadline_ns = -1;
  int64_t timeout_ns = -1;
  evutil_socket_t fd = -1;  // or the signal's number
  short what = 0;
  uint8_t priority = 0;
  bool is_signal = false;
  bool is_internal = false;  // the library's: it wakes the loop, say
};

class EventTable {
 public:
  EventTable() = default;
  EventTable(const EventTable&) = delete;
  EventTable& operator=(const EventTable&) = delete;
  ~EventTable();

  // The entry of `object`, a new one if need be; null without memory.
  WaitingEvent* Put(const void* object);
  WaitingEvent* Find(const void* object);
  void Remove(const void* object);

  size_t count() const { return count_; }
  // All places, free ones too.
  const WaitingEvent* begin() const { return places_; }
  const WaitingEvent* end() const { return places_ + capacity_; }

 private:
  size_t HomeOf(const void* object) const;
  bool Grow();

  WaitingEvent* places_ = nullptr;
  size_t capacity_ = 0;  // a power of two
  size_t count_ = 0;
};

}  // namespace evoke::scope

#endif  // EVOKE_SCOPE_EVENT_TABLE_H_
