// SPDX-License-Identifier: BSD-3-Clause
//
// Watchers (event2/watch.h): callbacks of the program before and after the wait
// of the loop, steps 3 and 5 of a turn.
//
// They run without the base's lock. A callback may free any watcher, itself
// too, and another thread may free the one that runs: it is off its list at
// once and freed when its callback has returned, which the other thread waits
// for.
#ifndef EVOKE_EVENT_WATCHERS_H_
#define EVOKE_EVENT_WATCHERS_H_

#include <event2/watch.h>
#include <stdint.h>

#include "util/intrusive_list.h"
#include "util/locks.h"

struct event_base;

struct evwatch {
  evoke::QueueLink<evwatch> link;
  event_base* base;
  // One of the two, according to the list.
  union {
    evwatch_prepare_cb prepare;
    evwatch_check_cb check;
  } callback;
  void* arg;
  bool is_prepare;
  bool freed;  // while its callback runs
};

namespace evoke {

inline QueueLink<evwatch>& WatchLink(evwatch* watcher) { return watcher->link; }

// All is guarded by the base's lock, which is handed over as `lock`.
class Watchers {
 public:
  Watchers() = default;
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;
  ~Watchers();

  bool AnyPrepare() const { return !prepare_.empty(); }
  bool AnyCheck() const { return !check_.empty(); }

  // Call every watcher of the kind in the order of adding, also those that are
  // added meanwhile, and let `lock` go during each call. `timeout_us` is how
  // long the loop will wait, -1 for ever.
  void RunPrepare(int64_t timeout_us, Mutex& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  void RunCheck(Mutex& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);

  void Add(evwatch* watcher);
  // Takes it off and frees it, now or after its callback.
  void Free(evwatch* watcher);

  // Whether its callback runs.
  bool IsRunning(const evwatch* watcher) const { return watcher == running_; }

  // In a fork's child: the thread whose callback ran is not here.
  void ForgetRun();

 private:
  using List = Queue<evwatch, WatchLink>;

  template <typename Call>
  void Run(List& list, Mutex& lock, Call call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  List& ListOf(const evwatch* watcher) {
    return watcher->is_prepare ? prepare_ : check_;
  }

  List prepare_;
  List check_;
  // Whose callback runs; and, once that one was freed, who is next.
  evwatch* running_ = nullptr;
  evwatch* after_freed_ = nullptr;
};

}  // namespace evoke

#endif  // EVOKE_EVENT_WATCHERS_H_
