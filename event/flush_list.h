// SPDX-License-Identifier: BSD-3-Clause
//
// What wants one call before the loop asks the kernel: step 2 of a turn.
//
// A bufferevent puts itself here when a program writes to it, and sends its
// output when it is called: at once, without asking for write readiness first,
// and once for all that was written in the turn. The loop knows nothing of
// bufferevents, only of this list.
#ifndef EVOKE_EVENT_FLUSH_LIST_H_
#define EVOKE_EVENT_FLUSH_LIST_H_

#include "util/intrusive_list.h"
#include "util/locks.h"

struct event_base;

namespace evoke {

// To be embedded in what wants the call.
struct FlushItem {
  QueueLink<FlushItem> link = {nullptr, nullptr};  // tqe_prev null: not listed
  // Called by the loop with the item taken off the list. It may write, activate
  // and add events, and put itself or others on the list again (they get their
  // call in the next turn). It must run no callback of the program. True when
  // it got something done, so that EVLOOP_ONCE has had its turn.
  bool (*flush)(FlushItem* item) = nullptr;

  bool listed() const { return link.tqe_prev != nullptr; }
};

inline QueueLink<FlushItem>& FlushLink(FlushItem* item) { return item->link; }

class FlushList {
 public:
  FlushList() = default;
  // Items may outlive the list; they are on none then.
  ~FlushList();

  bool empty() const { return items_.empty(); }

  // Puts `item` at the end; no effect when it is listed already. A listed item
  // keeps its loop alive, as a pending EV_WRITE would.
  void Add(FlushItem* item);

  // Takes it off; no effect when it is not listed.
  void Remove(FlushItem* item);

  // Calls and takes off everything that is listed now, in the order of adding,
  // with `lock`, which is held, let go around each call. True when any of it
  // got something done.
  bool RunAll(Mutex& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);

  // In a fork's child: the thread that may have been in RunAll() is not here.
  void ForgetRun();

 private:
  using Items = Queue<FlushItem, FlushLink>;

  Items items_;
  FlushItem mark_;  // during RunAll(): the end of what it runs
};

// What bufferevents use: as Add(), Remove() and listed(), on the list of
// `base`, whose lock they take. Adding wakes a loop that waits.
void FlushSoon(event_base* base, FlushItem* item);
void FlushCancel(event_base* base, FlushItem* item);
bool IsToBeFlushed(event_base* base, const FlushItem* item);

}  // namespace evoke

#endif  // EVOKE_EVENT_FLUSH_LIST_H_
