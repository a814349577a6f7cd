// SPDX-License-Identifier: BSD-3-Clause
#include "event/debug_mode.h"

#include <fcntl.h>

#include "event/event_base.h"
#include "event/fork.h"
#include "util/locks.h"
#include "util/log.h"
#include "util/memory.h"
#include "util/process_mutex.h"

namespace evoke {

constinit std::atomic<DebugMode> g_debug_mode = DebugMode::kUntouched;

namespace debug_mode {

namespace {

constexpr size_t kFirstCapacity = 64;

constinit ProcessMutex g_mutex;  // over the table

// Which addresses are events: open addressing, at most half full.
enum class State : uint8_t {
  kSetUp,
  kAdded,
  kFinalized,   // by event_finalize()
  kBeingFreed,  // the finalizer of event_free_finalize() runs
};
struct Entry {
  const event* ev;
  State state;
};
Entry* g_entries = nullptr;
size_t g_capacity = 0;  // a power of two, or 0
size_t g_count = 0;

void SetMode(DebugMode mode) {
  g_debug_mode.store(mode, std::memory_order_relaxed);
}

// Fibonacci hashing; the lowest bits of an address say nothing.
size_t SlotOf(const event* ev) {
  uint64_t key = reinterpret_cast<uintptr_t>(ev) >> 3;
  return ((key * 0x9e3779b97f4a7c15) >> 32) & (g_capacity - 1);
}

Entry* Find(const event* ev) {
  if (g_capacity == 0) return nullptr;
  for (size_t i = SlotOf(ev); g_entries[i].ev != nullptr;
       i = (i + 1) & (g_capacity - 1)) {
    if (g_entries[i].ev == ev) return &g_entries[i];
  }
  return nullptr;
}

// REQUIRES: there is room, and no entry for it.
void Place(const Entry& entry) {
  size_t i = SlotOf(entry.ev);
  while (g_entries[i].ev != nullptr) i = (i + 1) & (g_capacity - 1);
  g_entries[i] = entry;
}

void DropTable() {
  Free(g_entries);
  g_entries = nullptr;
  g_capacity = g_count = 0;
}

bool MakeRoom() {
  if ((g_count + 1) * 2 <= g_capacity) return true;
  size_t capacity = g_capacity == 0 ? kFirstCapacity : g_capacity * 2;
  auto* entries = static_cast<Entry*>(AllocateZeroed(capacity, sizeof(Entry)));
  if (entries == nullptr) return false;
  Entry* old_entries = g_entries;
  size_t old_capacity = g_capacity;
  g_entries = entries;
  g_capacity = capacity;
  for (size_t i = 0; i < old_capacity; ++i) {
    if (old_entries[i].ev != nullptr) Place(old_entries[i]);
  }
  Free(old_entries);
  return true;
}

// Those behind it that are not where their hash says may have to move up.
void Erase(Entry* entry) {
  size_t hole = static_cast<size_t>(entry - g_entries);
  size_t mask = g_capacity - 1;
  g_entries[hole] = {};
  --g_count;
  for (size_t i = (hole + 1) & mask; g_entries[i].ev != nullptr;
       i = (i + 1) & mask) {
    size_t distance = (i - SlotOf(g_entries[i].ev)) & mask;
    if (distance < ((i - hole) & mask)) continue;
    g_entries[hole] = g_entries[i];
    g_entries[i] = {};
    hole = i;
  }
}

bool IsAllowed(const Entry* entry, DebugUse use) {
  if (entry == nullptr) return false;
  switch (entry->state) {
    case State::kSetUp:
    case State::kAdded:
      return true;
    case State::kFinalized:
      return use != DebugUse::kAny;
    case State::kBeingFreed:
      return use == DebugUse::kEnd;
  }
  return false;
}

bool IsAdded(const event* ev) {
  ProcessMutexLock lock(g_mutex);
  const Entry* entry = Find(ev);
  return entry != nullptr && entry->state == State::kAdded;
}

void RequireNotAdded(const event* ev, const char* function) {
  if (!IsAdded(ev)) return;
  LogFatal(kAbortCode,
           "%s: event %p is still added (events: 0x%x, fd: %d, flags: 0x%x)",
           function, static_cast<const void*>(ev), ev->ev_events, ev->ev_fd,
           ev->ev_evcallback.evcb_flags);
}

void RequireNonblocking(evutil_socket_t fd, const char* function) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_NONBLOCK)) return;
  LogFatal(kAbortCode, "%s: fd %d blocks", function, fd);
}

}  // namespace

void BeforeAssign(const event* ev, evutil_socket_t fd, short events,
                  const char* function) {
  if (!DebugModeIsOn()) {
    SetMode(DebugMode::kOff);
    return;
  }
  RequireNotAdded(ev, function);
  if (!(events & EV_SIGNAL) && fd >= 0) RequireNonblocking(fd, function);
}

void SetUp(const event* ev) {
  bool has_room;
  {
    ProcessMutexLock lock(g_mutex);
    if (!DebugModeIsOn()) return;
    if (Entry* entry = Find(ev)) {
      entry->state = State::kSetUp;
      return;
    }
    has_room = MakeRoom();
    if (has_room) {
      Place({ev, State::kSetUp});
      ++g_count;
    } else {
      // A mode that does not know every event would accuse the wrong ones.
      SetMode(DebugMode::kOff);
      DropTable();
    }
  }
  if (!has_room) LogWarn("debug mode ends: no memory for its table");
}

void Require(const event* ev, DebugUse use, const char* function) {
  {
    ProcessMutexLock lock(g_mutex);
    if (!DebugModeIsOn() || IsAllowed(Find(ev), use)) return;
  }
  // Nothing but its address is looked at: it may be gone.
  LogFatal(kAbortCode,
           "%s: %p is no event: it was never assigned, or it was freed, "
           "finalized or unassigned",
           function, static_cast<const void*>(ev));
}

// What is finalized stays so.
void SetAdded(const event* ev, bool added) {
  ProcessMutexLock lock(g_mutex);
  Entry* entry = Find(ev);
  if (!IsAllowed(entry, DebugUse::kAny)) return;
  entry->state = added ? State::kAdded : State::kSetUp;
}

void SetFinalized(const event* ev, bool library_frees) {
  ProcessMutexLock lock(g_mutex);
  if (Entry* entry = Find(ev)) {
    entry->state = library_frees ? State::kBeingFreed : State::kFinalized;
  }
}

void Forget(const event* ev) {
  ProcessMutexLock lock(g_mutex);
  if (Entry* entry = Find(ev)) Erase(entry);
}

void Unassign(const event* ev, const char* function) {
  RequireNotAdded(ev, function);
  Forget(ev);
}

void NewBase() {
  if (DebugModeIsOn()) {
    ForbidThreadSetup();
  } else if (CurrentDebugMode() == DebugMode::kUntouched) {
    SetMode(DebugMode::kOff);
  }
}

const void* ThisThread() {
  static __thread char t_identity;
  return &t_identity;
}

void NoteLoop(event_base* base, bool runs) {
  __atomic_store_n(&base->debug_loop_thread, runs ? ThisThread() : nullptr,
                   __ATOMIC_RELAXED);
}

void NoteFork(event_base* base) {
  if (base->debug_loop_thread != ThisThread()) NoteLoop(base, /*runs=*/false);
}

void CheckThread(event_base* base, const char* function) {
  static bool warned = false;
  if (base == nullptr || base->lock.exists()) return;
  // A thread of the parent's that ran the loop is not in its child.
  if (!HasOwnObjects(base)) return;
  const void* runs =
      __atomic_load_n(&base->debug_loop_thread, __ATOMIC_RELAXED);
  if (runs == nullptr || runs == ThisThread()) return;
  if (__atomic_exchange_n(&warned, true, __ATOMIC_RELAXED)) return;
  LogWarn(
      "%s: base %p has no lock, and its loop runs in another thread; call "
      "evthread_use_pthreads() before anything else",
      function, static_cast<void*>(base));
}

}  // namespace debug_mode

void EndDebugMode() {
  ProcessMutexLock lock(debug_mode::g_mutex);
  if (DebugModeIsOn()) debug_mode::SetMode(DebugMode::kOff);
  debug_mode::DropTable();
}

}  // namespace evoke

extern "C" {

void event_enable_debug_mode(void) {
  using evoke::DebugMode;
  if (evoke::DebugModeIsOn()) {
    evoke::LogFatal(1, "%s: called a second time", __func__);
  }
  if (evoke::CurrentDebugMode() == DebugMode::kOff) {
    evoke::LogFatal(1, "%s: called after the first event or base was made",
                    __func__);
  }
  evoke::debug_mode::SetMode(DebugMode::kOn);
}

void event_debug_unassign(event* ev) {
  if (ev == nullptr) {
    evoke::LogWarn("%s: no event", __func__);
    return;
  }
  if (evoke::DebugModeIsOn()) evoke::debug_mode::Unassign(ev, __func__);
  ev->ev_evcallback.evcb_flags &= ~EVLIST_INIT;
}

}  // extern "C"
