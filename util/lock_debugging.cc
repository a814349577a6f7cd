// SPDX-License-Identifier: BSD-3-Clause
#include "util/lock_debugging.h"

#include "util/locks.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

bool g_debugged = false;
evthread_lock_callbacks g_program = {};  // while g_debugged

// What the library gets as the handle of a lock.
struct DebuggedLock {
  void* inner;  // the program's; null while it has set none
  unsigned kind;
  // Written by the holder alone.
  unsigned long holder;
  int depth;
};

void* AllocDebugged(unsigned kind) {
  auto* lock = New<DebuggedLock>();
  if (lock == nullptr) return nullptr;
  *lock = {};
  lock->kind = kind;
  if (g_program.alloc != nullptr) {
    // Always recursive: a second lock by the same thread is to be reported, not
    // to hang.
    lock->inner = g_program.alloc(kind | EVTHREAD_LOCKTYPE_RECURSIVE);
    if (lock->inner == nullptr) {
      Delete(lock);
      return nullptr;
    }
  }
  return lock;
}

void FreeDebugged(void* handle, unsigned kind) {
  auto* lock = static_cast<DebuggedLock*>(handle);
  if (lock->depth != 0) {
    LogFatal(kAbortCode, "lock %p is freed while it is held", handle);
  }
  if (lock->kind != kind) {
    LogFatal(kAbortCode, "lock %p is freed as another kind", handle);
  }
  if (lock->inner != nullptr) {
    g_program.free(lock->inner, kind | EVTHREAD_LOCKTYPE_RECURSIVE);
  }
  Delete(lock);
}

void NoteLocked(DebuggedLock* lock) {
  unsigned long self = CurrentThread();
  ++lock->depth;
  if (!(lock->kind & EVTHREAD_LOCKTYPE_RECURSIVE) && lock->depth != 1) {
    LogFatal(kAbortCode,
             "lock %p is not recursive, and its holder locks it again",
             static_cast<void*>(lock));
  }
  if (g_thread_id != nullptr && lock->depth > 1 && lock->holder != self) {
    LogFatal(kAbortCode, "lock %p is held by two threads",
             static_cast<void*>(lock));
  }
  lock->holder = self;
}

void NoteUnlocked(DebuggedLock* lock) {
  if (lock->depth <= 0) {
    LogFatal(kAbortCode, "lock %p is unlocked, and nobody holds it",
             static_cast<void*>(lock));
  }
  if (g_thread_id != nullptr && lock->holder != CurrentThread()) {
    LogFatal(kAbortCode, "lock %p is unlocked by who does not hold it",
             static_cast<void*>(lock));
  }
  if (--lock->depth == 0) lock->holder = 0;
}

int LockDebugged(unsigned mode, void* handle) {
  auto* lock = static_cast<DebuggedLock*>(handle);
  if (lock->kind & EVTHREAD_LOCKTYPE_READWRITE) {
    if (!(mode & (EVTHREAD_READ | EVTHREAD_WRITE))) {
      LogFatal(kAbortCode, "lock %p: neither for reading nor for writing",
               handle);
    }
  } else if (mode & (EVTHREAD_READ | EVTHREAD_WRITE)) {
    LogFatal(kAbortCode, "lock %p has no reading and writing", handle);
  }
  if (lock->inner != nullptr) {
    int result = g_program.lock(mode, lock->inner);
    if (result != 0) return result;
  }
  NoteLocked(lock);
  return 0;
}

int UnlockDebugged(unsigned mode, void* handle) {
  auto* lock = static_cast<DebuggedLock*>(handle);
  NoteUnlocked(lock);
  return lock->inner != nullptr ? g_program.unlock(mode, lock->inner) : 0;
}

}  // namespace

bool LocksAreDebugged() { return g_debugged; }

evthread_lock_callbacks* CallbacksOfProgram() {
  return g_debugged ? &g_program : &g_lock_callbacks;
}

void WaitWithDebuggedLock(void* condition, void* handle) {
  auto* lock = static_cast<DebuggedLock*>(handle);
  NoteUnlocked(lock);
  g_condition_callbacks.wait_condition(condition, lock->inner, nullptr);
  NoteLocked(lock);
}

}  // namespace evoke

extern "C" {

void evthread_enable_lock_debugging(void) {
  using namespace evoke;
  if (g_debugged) return;
  // Locks that were made before are not of the watching kind.
  FreeGlobalLocks();
  g_program = g_lock_callbacks;
  g_debugged = true;
  g_lock_callbacks = {EVTHREAD_LOCK_API_VERSION,
                      EVTHREAD_LOCKTYPE_RECURSIVE,
                      AllocDebugged,
                      FreeDebugged,
                      LockDebugged,
                      UnlockDebugged};
  if (!MakeGlobalLocks()) LogWarn("%s: no memory for locks", __func__);
}

// The name with libevent's old spelling mistake.
void evthread_enable_lock_debuging(void) { evthread_enable_lock_debugging(); }

}  // extern "C"
