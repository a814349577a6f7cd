// SPDX-License-Identifier: BSD-3-Clause
//
// fd -> the events that wait on it -> one merged interest for the backend.
//
// A plain array indexed by fd, since fds are small and dense. Each entry has
// the list of its events (the last added first), how many of them want each
// kind of readiness, and what the backend was told. The backend's own room for
// each fd (evoke_backend.per_fd_bytes) is kept in a second array beside it.
//
// Two rules about the kernel, from docs/design/interest_map.md:
//   - a program may close an fd and get the number again, so adding an event
//     always reaches the backend, even if the merged interest stays the same;
//   - the interest of a one-shot event that fires is not taken out before its
//     callback runs but put on a list, and so is that of an event that a
//     callback deletes: added again in the callback, as most are, it costs one
//     change instead of two. What is still on the list before the next wait is
//     taken out then.
#ifndef EVOKE_EVENT_INTEREST_MAP_H_
#define EVOKE_EVENT_INTEREST_MAP_H_

#include <event2/event_struct.h>
#include <stddef.h>
#include <stdint.h>

#include "absl/base/optimization.h"
#include "backends/backend.h"

namespace evoke {

class InterestMap {
 public:
  InterestMap() = default;
  InterestMap(const InterestMap&) = delete;
  InterestMap& operator=(const InterestMap&) = delete;
  ~InterestMap();

  // Must be called before any other; `backend` outlives the map.
  void SetBackend(const OpenBackend* backend) { backend_ = backend; }

  // Adds an I/O event to its fd and tells the backend. A negative fd is
  // accepted and waits for nothing; one above 65,535 must be open when it comes
  // for the first time. Returns 0, or -1 with errno set; the map is then as it
  // was.
  [[nodiscard]] int Add(event* ev);

  // Takes the event out and tells the backend at once. -1 when the backend
  // refuses; the event is out all the same.
  int Remove(event* ev);

  // Takes the event out and tells the backend before the next wait; see the
  // head comment.
  int RemoveLater(event* ev);

  // Whether deleting in a callback may be told later. Not any more once a
  // descriptor was closed meanwhile that others still have open.
  bool may_remove_later() const { return may_remove_later_; }
  void StopRemovingLater() { may_remove_later_ = false; }

  // Tells the backend of whatever RemoveLater() put off: of one fd, or of all.
  void FlushFired(evutil_socket_t fd);
  void FlushFired() {
    if (fired_head_ >= 0) FlushAllFired();
  }

  // Other threads may come in between these two. With `puts_off` the backend
  // must not be told of anything meanwhile, and every change is put off until
  // FlushFired(); whoever changes something then wakes the loop.
  void BeginWait(bool puts_off) {
    in_wait_ = true;
    puts_off_ = puts_off;
    ++wait_;
    left_in_wait_ = false;
  }
  void EndWait() { in_wait_ = puts_off_ = false; }
  // Whether anything was put off, and the wait is to end for it.
  bool has_put_off() const { return puts_off_ && fired_head_ >= 0; }

  // What the last wait found out about `fd` may be about a descriptor that was
  // closed meanwhile: an event on it was deleted during the wait. The next wait
  // tells anew, but for edges, which are told once.
  bool IsStale(evutil_socket_t fd) const {
    return ABSL_PREDICT_FALSE(left_in_wait_) && fd < size_ &&
           entries_[fd].left_in == wait_ && !entries_[fd].told_edge;
  }

  // The events on `fd`, the last added first.
  event* First(evutil_socket_t fd) const {
    return fd >= 0 && fd < size_ ? entries_[fd].events : nullptr;
  }
  static event* Next(const event* ev) {
    return ev->ev_.ev_io.ev_io_next.le_next;
  }

  // How many changes the backend was told of.
  uint64_t changes() const { return changes_; }

  // One past the highest fd that ever had an event.
  evutil_socket_t size() const { return size_; }

  // Hands every interest to a backend that knows none (after a fork, or when
  // its kernel object was made anew). Returns 0, or -1 if any was refused.
  int TellAll();

 private:
  struct Entry {
    event* events;
    uint16_t readers;
    uint16_t writers;
    uint16_t closers;
    uint16_t edges;  // events with EV_ET
    short told;      // the interest that the backend knows of
    bool told_edge;
    bool fired;  // is on the list of fired fds
    bool stale;  // put off: to be told even if it looks the same
    int32_t next_fired;
    uint32_t left_in;  // the wait during which an event was last deleted
  };

  [[nodiscard]] bool GrowTo(evutil_socket_t fd);
  void* RoomOf(evutil_socket_t fd);
  size_t RoomBytes() const;
  static short Wanted(const Entry& entry);
  static bool WantsEdge(const Entry& entry);
  static bool MixesTriggers(const Entry& entry, const event* ev);
  static void Count(Entry& entry, const event* ev, int by);
  int Tell(evutil_socket_t fd);
  void PutOff(evutil_socket_t fd);
  void Unlink(event* ev);
  void FlushAllFired();

  Entry* entries_ = nullptr;
  char* rooms_ = nullptr;  // per_fd_bytes for each entry
  int32_t size_ = 0;
  int32_t fired_head_ = -1;
  bool in_wait_ = false;
  bool puts_off_ = false;
  bool left_in_wait_ = false;  // any entry's `left_in` is this wait
  bool may_remove_later_ = true;
  uint32_t wait_ = 0;
  uint64_t changes_ = 0;
  const OpenBackend* backend_ = nullptr;
};

}  // namespace evoke

#endif  // EVOKE_EVENT_INTEREST_MAP_H_
