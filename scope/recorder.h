// SPDX-License-Identifier: BSD-3-Clause
//
// What one loop did lately, put together from its points: the last turns, the
// events that wait, what went over each descriptor, and which callbacks took
// long. state_json.h makes the page's data of it.
//
// Tell() is called on the loop's thread, everything else by the page's server,
// which may be another: a recorder is used under the lock of scope.cc.
#ifndef EVOKE_SCOPE_RECORDER_H_
#define EVOKE_SCOPE_RECORDER_H_

#include <evoke/extend.h>
#include <evoke/trace.h>
#include <stddef.h>
#include <stdint.h>

#include "scope/event_table.h"

struct event;

namespace evoke::scope {

inline constexpr int kTurns = 128;          // that are kept
inline constexpr int kCallbacksATurn = 24;  // in its list; all are counted
inline constexpr int kPriorities = 16;      // beyond that they are one
inline constexpr int kSlowest = 64;         // functions
inline constexpr int kMostFds = 65536;

struct CallbackRecord {
  evoke_function function;
  int64_t start_ns;
  int64_t end_ns;  // 0 while it runs
  int64_t late_us;
  evutil_socket_t fd;
  short what;
  uint8_t source;
  uint8_t depth;  // 0: called by the loop itself
};

struct TurnRecord {
  int64_t number;
  int64_t start_ns, wait_ns, done_ns, end_ns;  // 0: not come to
  int64_t timeout_us;
  int64_t sent_bytes;  // in step 2
  int64_t read_bytes, written_bytes;
  int ready;
  int timers;  // callbacks of timeouts
  int added, deleted, wakes;
  int callbacks;  // in all
  int kept;       // of these in `callback`
  // How many callbacks were queued at each priority before the first one ran,
  // the page's own not counted.
  int queued[kPriorities];
  CallbackRecord callback[kCallbacksATurn];
};

struct FdRecord {
  uint64_t read_bytes, written_bytes;
  uint64_t callbacks;
  int64_t busy_ns;
  // The events that last waited to read and to write.
  const void* reader;
  const void* writer;
  bool is_over;  // its bufferevent was freed
  // Of its bufferevent, when that was last looked at; `bufferevent` is null
  // where there is none.
  evoke_buffers buffers;
};

struct FunctionRecord {
  evoke_function function;
  uint64_t calls;
  int64_t total_ns, longest_ns;
  int64_t longest_turn;
  evutil_socket_t longest_fd;
  uint8_t source;
};

class Recorder {
 public:
  // Whether an object is the page's own, which is not shown.
  using IsOwn = bool (*)(const void* object);
  Recorder() = default;
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder();

  void set_is_own(IsOwn is_own) { is_own_ = is_own; }

  // False without memory.
  bool Init();

  // With the lock of the base held.
  void Tell(const evoke_point& point);

  // An event of a base that waited before anybody listened; the same.
  void Seed(const event* ev);

  // Looks at the buffers of `ev`, which waits; the same.
  // As evoke_peek_buffers() returns, -1 for what has no descriptor.
  int Peek(const event* ev);
  // The same for all, before the loop sleeps next.
  void PeekSoon() { peek_soon_ = true; }

  // Turns that are complete, from the oldest one kept on.
  int64_t first_turn() const;
  int64_t turn_count() const { return recorded_ - (now_ != nullptr); }
  const TurnRecord& turn(int64_t index) const { return turns_[index % kTurns]; }
  // The one under way, unless there is none or it is all the page's own.
  const TurnRecord* turn_under_way() const {
    return now_ != nullptr && !IsOwnTurn() ? now_ : nullptr;
  }
  int64_t own_turns() const { return own_turns_; }
  uint64_t lost() const { return lost_; }
  const EventTable& events() const { return events_; }
  const FdRecord* fd(evutil_socket_t fd) const {
    return fd >= 0 && fd < fd_count_ ? &fds_[fd] : nullptr;
  }
  // One more than the highest that fd() knows of.
  evutil_socket_t fd_end() const { return fd_count_; }
  const FunctionRecord* functions() const { return functions_; }
  int function_count() const { return function_count_; }

 private:
  // A callback that has not returned yet.
  struct Running {
    evoke_function function;
    int64_t start_ns;
    evutil_socket_t fd;
    uint8_t source;
    bool is_own;  // the page's
    // Where it is in the turn's list; null: not kept.
    CallbackRecord* kept;
  };

  void BeginTurn(const evoke_point& point);
  void EndTurn(int64_t now_ns);
  // Whether the page's own callbacks are all that happened in the turn.
  bool IsOwnTurn() const {
    return own_calls_ > 0 && now_->callbacks == 0 && now_->read_bytes == 0 &&
           now_->written_bytes == 0 && now_->wakes == 0;
  }
  void BeginCallback(const evoke_point& point);
  void EndCallback(const evoke_point& point);
  void Added(const evoke_point& point);
  void Deleted(const evoke_point& point);
  WaitingEvent* Note(const event* ev);
  void Moved(const evoke_point& point);
  void PeekAll();
  void NoteFunction(const Running& call, int64_t took_ns);
  // For its descriptor. It is not on the stack any more.
  void NoteFd(const Running& call, int64_t took_ns);
  FdRecord* FdAt(evutil_socket_t fd);
  void ForgetFd(evutil_socket_t fd);

  IsOwn is_own_ = [](const void*) { return false; };
  TurnRecord* turns_ = nullptr;
  int64_t recorded_ = 0;   // turns in all, the one under way included
  int64_t own_turns_ = 0;  // that were the page's own: not worth a place
  TurnRecord* now_ = nullptr;
  int own_calls_ = 0;  // in this turn
  bool peek_soon_ = false;

  // Callbacks that run within each other. The time of those further in is
  // counted with these alone.
  static constexpr int kDepth = 32;
  Running stack_[kDepth];
  int depth_ = 0;

  EventTable events_;
  uint64_t lost_ = 0;  // events that there was no memory for
  FdRecord* fds_ = nullptr;
  int fd_count_ = 0;
  FunctionRecord functions_[kSlowest];
  int function_count_ = 0;
};

}  // namespace evoke::scope

#endif  // EVOKE_SCOPE_RECORDER_H_
