// SPDX-License-Identifier: BSD-3-Clause
#include "event/interest_map.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>

#include "absl/base/optimization.h"
#include "event/debug_mode.h"
#include "util/intrusive_list.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

constexpr short kInterests = EV_READ | EV_WRITE | EV_CLOSED;
constexpr int32_t kFirstSize = 32;
constexpr int32_t kEndOfFired = -1;
// Up to here the map grows for any number; beyond, a number that is no open fd
// would cost up to gigabytes.
constexpr int32_t kUncheckedSize = 65536;

auto& LinkOf(event* ev) { return ev->ev_.ev_io.ev_io_next; }
using EventsOnFd = Stack<event, LinkOf>;

}  // namespace

InterestMap::~InterestMap() {
  Free(entries_);
  Free(rooms_);
}

int InterestMap::Add(event* ev) {
  evutil_socket_t fd = ev->ev_fd;
  if (fd < 0) return 0;
  if (!GrowTo(fd)) return -1;
  Entry& entry = entries_[fd];
  if (entry.readers == UINT16_MAX || entry.writers == UINT16_MAX ||
      entry.closers == UINT16_MAX) {
    LogWarn("fd %d: more than 65,535 events of one kind", fd);
    errno = ENOSPC;
    return -1;
  }
  if (DebugModeIsOn() && MixesTriggers(entry, ev)) {
    LogWarn("fd %d: edge-triggered and level-triggered events do not mix", fd);
    errno = EINVAL;
    return -1;
  }
  EventsOnFd::Push(&entry.events, ev);
  Count(entry, ev, 1);
  if (Tell(fd) < 0) {
    Unlink(ev);
    return -1;
  }
  return 0;
}

int InterestMap::Remove(event* ev) {
  evutil_socket_t fd = ev->ev_fd;
  if (fd < 0) return 0;
  Unlink(ev);
  const Entry& entry = entries_[fd];
  // Removing never needs the kernel's registration made sure of.
  if (entry.told == Wanted(entry) && entry.told_edge == WantsEdge(entry)) {
    return 0;
  }
  return Tell(fd);
}

int InterestMap::RemoveLater(event* ev) {
  evutil_socket_t fd = ev->ev_fd;
  // Edge-triggered interest is never put off: its state in the kernel counts.
  if (fd < 0 || entries_[fd].told_edge) return Remove(ev);
  Unlink(ev);
  Entry& entry = entries_[fd];
  if (entry.told != Wanted(entry)) PutOff(fd);
  return 0;
}

void InterestMap::PutOff(evutil_socket_t fd) {
  Entry& entry = entries_[fd];
  if (entry.fired) return;
  entry.fired = true;
  entry.next_fired = fired_head_;
  fired_head_ = fd;
}

void InterestMap::FlushFired(evutil_socket_t fd) {
  if (fd < 0 || fd >= size_ || !entries_[fd].fired || puts_off_) return;
  // It stays on the list, where it costs nothing, since `told` is right now.
  if (entries_[fd].told != Wanted(entries_[fd])) Tell(fd);
}

void InterestMap::FlushAllFired() {
  while (fired_head_ != kEndOfFired) {
    evutil_socket_t fd = fired_head_;
    Entry& entry = entries_[fd];
    fired_head_ = entry.next_fired;
    entry.fired = false;
    bool stale = entry.stale;
    entry.stale = false;
    if (entry.told == Wanted(entry) && !stale) continue;
    if (Tell(fd) < 0 && stale) {
      // Whoever added it in another thread was told that all is well.
      LogWarnErrno("%s: fd %d is not watched", backend_->table->name, fd);
    }
  }
}

int InterestMap::TellAll() {
  int result = 0;
  if (rooms_ != nullptr) memset(rooms_, 0, RoomBytes() * size_);
  for (evutil_socket_t fd = 0; fd < size_; ++fd) {
    entries_[fd].told = 0;
    entries_[fd].told_edge = false;
    if (Wanted(entries_[fd]) != 0 && Tell(fd) < 0) {
      // Nobody is there to be told by a return value: the fd was accepted
      // once, so it was closed since, or the kernel is short of memory.
      LogWarnErrno("%s: fd %d is not watched any more", backend_->table->name,
                   fd);
      result = -1;
    }
  }
  return result;
}

// Brings the backend up to what the entry's counts say.
int InterestMap::Tell(evutil_socket_t fd) {
  Entry& entry = entries_[fd];
  if (ABSL_PREDICT_FALSE(puts_off_)) {
    entry.stale = true;
    PutOff(fd);
    return 0;
  }
  short wanted = Wanted(entry);
  bool edge = WantsEdge(entry);
  ++changes_;
  if (backend_->table->change(backend_->state, fd, entry.told, wanted, edge,
                              RoomOf(fd)) < 0) {
    // What can't be taken out is not there, or soon won't be.
    if (wanted == 0) entry.told = 0;
    return -1;
  }
  entry.told = wanted;
  entry.told_edge = edge;
  return 0;
}

void InterestMap::Unlink(event* ev) {
  EventsOnFd::Remove(ev);
  Entry& entry = entries_[ev->ev_fd];
  Count(entry, ev, -1);
  if (ABSL_PREDICT_FALSE(in_wait_)) {
    entry.left_in = wait_;
    left_in_wait_ = true;
  }
}

short InterestMap::Wanted(const Entry& entry) {
  return static_cast<short>((entry.readers ? EV_READ : 0) |
                            (entry.writers ? EV_WRITE : 0) |
                            (entry.closers ? EV_CLOSED : 0));
}

// One level-triggered event among edge-triggered ones makes the fd level: an
// edge-triggered event bears being told twice, the other not at all.
bool InterestMap::WantsEdge(const Entry& entry) {
  if (entry.edges == 0) return false;
  for (const event* ev = entry.events; ev != nullptr; ev = Next(ev)) {
    if (!(ev->ev_events & EV_ET)) return false;
  }
  return true;
}

bool InterestMap::MixesTriggers(const Entry& entry, const event* ev) {
  return entry.events != nullptr &&
         ((entry.events->ev_events ^ ev->ev_events) & EV_ET) != 0;
}

void InterestMap::Count(Entry& entry, const event* ev, int by) {
  short events = ev->ev_events;
  if (events & EV_READ)
    entry.readers = static_cast<uint16_t>(entry.readers + by);
  if (events & EV_WRITE) {
    entry.writers = static_cast<uint16_t>(entry.writers + by);
  }
  if (events & EV_CLOSED) {
    entry.closers = static_cast<uint16_t>(entry.closers + by);
  }
  if ((events & EV_ET) && (events & kInterests)) {
    entry.edges = static_cast<uint16_t>(entry.edges + by);
  }
}

void* InterestMap::RoomOf(evutil_socket_t fd) {
  if (rooms_ == nullptr) return nullptr;
  return rooms_ + RoomBytes() * static_cast<size_t>(fd);
}

// A multiple of the strictest alignment that an object of this size can need.
size_t InterestMap::RoomBytes() const {
  size_t bytes = backend_->table->per_fd_bytes;
  size_t alignment = bytes <= 4 ? 4 : bytes <= 8 ? 8 : alignof(max_align_t);
  return (bytes + alignment - 1) / alignment * alignment;
}

bool InterestMap::GrowTo(evutil_socket_t fd) {
  if (fd < size_) return true;
  if (fd >= kUncheckedSize && fcntl(fd, F_GETFD) < 0) {
    LogWarnErrno("fd %d cannot be watched", fd);
    return false;
  }
  int64_t size = size_ == 0 ? kFirstSize : size_;
  while (size <= fd) size *= 2;
  if (size > INT32_MAX) size = INT32_MAX;

  size_t room = RoomBytes();
  if (room != 0) {
    void* rooms = Reallocate(rooms_, room * static_cast<size_t>(size));
    if (rooms == nullptr) return false;
    rooms_ = static_cast<char*>(rooms);
    memset(rooms_ + room * size_, 0, room * static_cast<size_t>(size - size_));
  }
  void* entries =
      Reallocate(entries_, sizeof(Entry) * static_cast<size_t>(size));
  if (entries == nullptr) return false;
  entries_ = static_cast<Entry*>(entries);
  memset(static_cast<void*>(entries_ + size_), 0,
         sizeof(Entry) * static_cast<size_t>(size - size_));
  for (int32_t i = 0; i < size_; ++i) EventsOnFd::Rebase(&entries_[i].events);
  size_ = static_cast<int32_t>(size);
  return true;
}

}  // namespace evoke
