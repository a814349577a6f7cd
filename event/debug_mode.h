// SPDX-License-Identifier: BSD-3-Clause
//
// Debug mode (event_enable_debug_mode): the library remembers which addresses
// are events, and which of them are added, and so notices events that were
// never set up or are gone, and such as are set up again while they wait. What
// libevent takes for fatal is fatal here too; see docs/design/debug_mode.md.
//
// Every function below costs one predictable branch while the mode is off. None
// touches the memory of an event that may not be one. They may be called with
// any locks held, and take one that does not depend on evthread: threads that
// share nothing need no locks of the program, but they share this.
#ifndef EVOKE_EVENT_DEBUG_MODE_H_
#define EVOKE_EVENT_DEBUG_MODE_H_

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>

#include <atomic>

#include "absl/base/optimization.h"

namespace evoke {

enum class DebugMode : uint8_t {
  kUntouched,  // off, and may still be turned on
  kOff,        // off for good: there are events or bases
  kOn,
};
// Read and written by atomics: events are made in many threads.
extern std::atomic<DebugMode> g_debug_mode;

inline DebugMode CurrentDebugMode() {
  return g_debug_mode.load(std::memory_order_relaxed);
}
inline bool DebugModeIsOn() {
  return ABSL_PREDICT_FALSE(CurrentDebugMode() == DebugMode::kOn);
}

// What a program may do with an event depends on whether its finalizer has
// begun.
enum class DebugUse : uint8_t {
  kAny,   // not any more
  kFree,  // event_free(): yes, unless the library is to free it
  kEnd,   // what takes leave of it: yes
};

namespace debug_mode {

// What stands behind the inline functions; `function` is the public one that
// the program called.
void BeforeAssign(const event* ev, evutil_socket_t fd, short events,
                  const char* function);
void SetUp(const event* ev);
void Require(const event* ev, DebugUse use, const char* function);
void SetAdded(const event* ev, bool added);
void SetFinalized(const event* ev, bool library_frees);
void Forget(const event* ev);
void Unassign(const event* ev, const char* function);
void NewBase();
void NoteLoop(event_base* base, bool runs);
// Tells threads apart also where the program has set no thread numbers.
const void* ThisThread();
void NoteFork(event_base* base);
void CheckThread(event_base* base, const char* function);

}  // namespace debug_mode

// Before event_assign() changes anything. Fatal for an event that is added, and
// for a descriptor that blocks.
inline void DebugBeforeAssign(const event* ev, evutil_socket_t fd, short events,
                              const char* function) {
  if (ABSL_PREDICT_TRUE(CurrentDebugMode() == DebugMode::kOff)) return;
  debug_mode::BeforeAssign(ev, fd, events, function);
}

// When event_assign() has succeeded.
inline void DebugNoteSetUp(const event* ev) {
  if (DebugModeIsOn()) debug_mode::SetUp(ev);
}

// Fatal for what is no event, or not one that may be used so.
inline void DebugRequireSetUp(const event* ev, const char* function,
                              DebugUse use = DebugUse::kAny) {
  if (DebugModeIsOn()) debug_mode::Require(ev, use, function);
}

// The event was added, or is in no queue any more.
inline void DebugNoteAdded(const event* ev) {
  if (DebugModeIsOn()) debug_mode::SetAdded(ev, true);
}
inline void DebugNoteDeleted(const event* ev) {
  if (DebugModeIsOn()) debug_mode::SetAdded(ev, false);
}

// The finalizer of the event begins. What is left to be done with it is little;
// nothing, after the finalizer, if the library then frees it.
inline void DebugNoteFinalized(const event* ev, bool library_frees) {
  if (DebugModeIsOn()) debug_mode::SetFinalized(ev, library_frees);
}

// The memory is no event any more.
inline void DebugForget(const event* ev) {
  if (DebugModeIsOn()) debug_mode::Forget(ev);
}

// A base was made: it is too late for debug mode, and for threads in it.
inline void DebugNoteBase() { debug_mode::NewBase(); }

// The loop of `base` begins in this thread, or ends.
inline void DebugNoteLoop(event_base* base, bool runs) {
  if (DebugModeIsOn()) debug_mode::NoteLoop(base, runs);
}

// A fork's child adopts `base`: no other thread runs its loop any more.
inline void DebugNoteFork(event_base* base) {
  if (DebugModeIsOn()) debug_mode::NoteFork(base);
}

// Warns, once in a process, of the use of a base that has no lock while its
// loop runs in another thread.
inline void DebugCheckThread(event_base* base, const char* function) {
  if (DebugModeIsOn()) debug_mode::CheckThread(base, function);
}

// For libevent_global_shutdown(): off, and all memory given back.
void EndDebugMode();

}  // namespace evoke

#endif  // EVOKE_EVENT_DEBUG_MODE_H_
