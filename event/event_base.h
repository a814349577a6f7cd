// SPDX-License-Identifier: BSD-3-Clause
//
// struct event_base: one loop, and all that it knows. The C type is this class.
//
// Who does what:
//   loop.cc       the turn of the loop, in eight steps: begin reading there
//   run_callback.cc  one callback, according to its kind
//   schedule.cc   event_add, event_del, event_active: an event's way into the
//                 maps and queues below and out of them
//   event.cc      making an event and asking about it
//   base.cc       making and freeing a base; config.cc what one may ask of it
//   inspect.cc    what is in a base: events one by one, lists, counts
//   points.cc     telling what happens, to a trace say; stats.cc in numbers
//   debug_mode.cc which addresses are events, when a program asks for debug
//   mode wake.cc       ending the loop's wait from another thread
//
// Threads: everything in here is guarded by `lock`. The loop lets it go around
// the wait and around every callback; the functions below of namespace evoke
// expect it to be held unless they say otherwise, the C functions take it.
#ifndef EVOKE_EVENT_EVENT_BASE_H_
#define EVOKE_EVENT_EVENT_BASE_H_

#include <event2/event.h>
#include <event2/event_struct.h>
#include <limits.h>
#include <stdint.h>

#include "backends/backend.h"
#include "event/active_queues.h"
#include "event/common_timeout.h"
#include "event/event_counts.h"
#include "event/flush_list.h"
#include "event/interest_map.h"
#include "event/loop_stats.h"
#include "event/signal_map.h"
#include "event/timer_heap.h"
#include "event/watchers.h"
#include "trace/points.h"
#include "util/clock.h"
#include "util/locks.h"

namespace evoke {

// How a callback in the active queues is to be called (evcb_closure).
enum Closure : uint8_t {
  kClosureEvent = 0,     // once; the event leaves its maps first
  kClosureSignal = 1,    // once for each delivery
  kClosurePersist = 2,   // the event stays; its timeout starts again
  kClosureDeferred = 3,  // a callback of the library itself; see deferred.h
  kClosureFinalize = 5,  // event_finalize()
  kClosureFinalizeAndFree = 6,  // event_free_finalize()
};

// Beside EVLIST_... in evcb_flags: a persistent timer that fired, and is to
// run, has its slot in the heap promised.
inline constexpr short kTimerPromised = 0x100;

// A thread in event_del() or evwatch_free(), on whose stack this is, until the
// callback of `ev`, or of the watcher, that runs elsewhere is over.
struct CallbackWaiter {
  const event* ev;  // null: a watcher's
  // Whether it was added or activated again meanwhile. If not, it may have been
  // freed by its callback.
  bool is_back;
  CallbackWaiter* next;
};

// An event of event_base_once(); owned by the base until it ran.
struct OnceEvent;

}  // namespace evoke

struct event_base {
  event_base() : active(&counts), signals(this) {}
  event_base(const event_base&) = delete;
  event_base& operator=(const event_base&) = delete;

  // Held by whoever looks at anything below; no lock at all where threading is
  // off or EVENT_BASE_FLAG_NOLOCK was asked for.
  evoke::Mutex lock;

  // --- What the loop looks at in every turn.
  evoke::OpenBackend backend;
  evoke::EventCounts counts;
  evoke::ActiveQueues active;
  evoke::TimerHeap timers;
  evoke::FlushList flush;
  evoke::InterestMap interests;
  evoke::Watchers watchers;
  evoke::Points points;  // who listens to what happens; see points.h
  evoke::LoopStats stats;
  evoke_ready_sink ready = {};  // filled by the backend's wait

  bool running = false;         // inside event_base_loop()
  bool exit_requested = false;  // event_base_loopexit()
  bool break_requested = false;
  bool continue_requested = false;
  int running_priority = 0;
  int deferred_in_turn = 0;  // see DeferredSchedule()
  bool was_idle = false;     // the last turn came to nothing
  // Whose callback runs now; it may be freed in it, so it is never looked at.
  event* running_event = nullptr;
  short deliveries_left = 0;  // of the signal whose callback runs

  // --- Time. The cache is filled at the first question in a turn.
  bool cache_time = false;           // true while callbacks run
  bool never_cache_time = false;     // EVENT_BASE_FLAG_NO_CACHE_TIME
  int64_t cached_time_us = 0;        // 0: not read in this turn
  int64_t wall_clock_offset_us = 0;  // wall clock minus CLOCK_MONOTONIC
  int64_t offset_taken_us = INT64_MIN;

  // --- Threads.
  unsigned long loop_thread = 0;  // while `running`; see CurrentThread()
  unsigned long maker_thread = 0;
  bool waiting = false;       // the loop asks the kernel, without the lock
  bool wake_sent = false;     // during this wait
  int64_t wait_until_us = 0;  // when this wait ends by itself
  // Who waits in event_del() or evwatch_free() for the end of the callback that
  // runs.
  evoke::Condition callback_done;
  evoke::CallbackWaiter* waiters = nullptr;
  uint32_t callbacks_run = 0;               // tells one callback from the next
  int wake_fd = -1;                         // eventfd, or -1; see wake.h
  const void* debug_loop_thread = nullptr;  // see DebugNoteLoop()
  event wake_event = {};

  // --- Limits; see event_config_set_max_dispatch_interval().
  int64_t max_dispatch_us = evoke::kNoDeadline;
  int max_dispatch_callbacks = INT_MAX;
  int limit_from_priority = 0;

  // --- Rarely looked at.
  evoke::CommonTimeouts common_timeouts;
  evoke::SignalMap signals;
  evoke::OnceEvent* once_events = nullptr;
  int flags = 0;  // EVENT_BASE_FLAG_...
  // The process that the kernel objects of this base belong to; see fork.h.
  uint64_t owner = 0;
  uint64_t points_owner = 0;  // the process that those who listen belong to
  // The turn whose queues were told, counted as stats.turns counts; 0: none.
  uint64_t queues_told_turn = 0;

  // Room for the floors above, which the loop knows nothing of: freed memory
  // that buffers keep for reuse. `free_pool` is called with the pool when the
  // base is freed.
  void* pool = nullptr;
  void (*free_pool)(void* pool) = nullptr;

  // CLOCK_MONOTONIC in microseconds: while callbacks run, the same for all of
  // them unless the cache is switched off.
  int64_t Now() {
    if (cached_time_us != 0) return cached_time_us;
    return ReadClock();
  }
  int64_t ReadClock();

  // What wall clock time a CLOCK_MONOTONIC time is; kept up to date lazily.
  int64_t WallClockOffset();

  bool HasEvents() const {
    return counts.waiting > 0 || counts.virtual_events > 0 || !flush.empty();
  }
};

namespace evoke {

inline event* EventOf(event_callback* callback) {
  return reinterpret_cast<event*>(callback);  // its first member
}
inline bool IsEvent(const event_callback* callback) {
  return (callback->evcb_flags & EVLIST_INIT) != 0;
}

// --- schedule.cc: what event_add() and its siblings do behind their checks.

enum class TimeoutIs { kRelative, kAbsolute };
int AddEvent(event* ev, const timeval* timeout, TimeoutIs kind);
// Whether event_del() may wait for the end of the event's callback if that runs
// in another thread.
enum class Wait { kNever, kUnlessFinalizable, kAlways };
// Tells those who wait for the end of the event's callback whether the event is
// in any queue again.
void TellWaitersSlow(const event* ev, bool is_back);
inline void TellWaiters(const event* ev, bool is_back) {
  if (ABSL_PREDICT_FALSE(ev->ev_base->waiters != nullptr)) {
    TellWaitersSlow(ev, is_back);
  }
}
// Waits until the callback that runs now, in another thread, is over. Returns
// whether `ev`, which may be null, was added or activated again meanwhile; only
// then is it known to be there still. REQUIRES: base->callback_done.exists().
bool WaitForRunning(event_base* base, const event* ev);
// To be called when a callback is over that somebody may wait for.
inline void EndRunning(event_base* base) {
  ++base->callbacks_run;
  if (ABSL_PREDICT_FALSE(base->waiters != nullptr)) {
    base->callback_done.WakeAll();
  }
}
// event_del() and its kin; takes the lock.
int DeleteAndWait(event* ev, Wait wait);
int DeleteEvent(event* ev);
// Takes a one-shot event out whose callback is to run next.
void DeleteFiredEvent(event* ev);
void ActivateEvent(event* ev, int result, short ncalls);
// EV_TIMEOUT for an event whose time has come.
void ActivateTimer(event* ev);
// The event does not need its promised slot any more; no effect without one.
void ReleaseTimer(event* ev);
int RemoveTimer(event* ev);
// Puts any callback into the active queues and wakes the loop; no effect when
// it is there, or when its object is being finalized.
bool ActivateCallbackLocked(event_base* base, event_callback* callback);

// Marks an event as the library's own: it keeps no loop alive and does not
// count. REQUIRES: not pending.
void MakeInternal(event* ev);

// To be called before the library closes `fd`, which had events: what was put
// off for it is told while the number is still its own. Takes the lock.
void TellBeforeClose(event_base* base, evutil_socket_t fd);

// Activates, with EV_TIMEOUT, the events on `fd` that have a timeout now.
void ActivateTimersOf(event_base* base, evutil_socket_t fd);

// Activates the events on `fd` that wait for any of `ready`; those that asked
// for edges are told EV_ET if `ready` holds it.
void ActivateReady(event_base* base, evutil_socket_t fd, short ready);

// --- run_callback.cc: takes `callback` out of the active queues and runs it.
void RunCallback(event_base* base, event_callback* callback)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(base->lock);

// --- finalize.cc

// Runs the finalizer of an event that is in no queue any more, and frees the
// event if event_free_finalize() was called. The lock is not held.
void FinishFinalizing(event* ev);

// --- once.cc
void FreeOnceEvents(event_base* base);

// The base of event_init(), used where a program names none.
extern event_base* g_current_base;

// The base whose loop runs on this thread, or null. What it points to lives.
extern __thread event_base* t_running_base;

// Where buffers count what they read and write on this thread: the statistics
// of the base above, or null while that is not known or the base is watched
// (points.h).
extern __thread LoopStats* t_io_stats;

}  // namespace evoke

#endif  // EVOKE_EVENT_EVENT_BASE_H_
