// SPDX-License-Identifier: BSD-3-Clause
//
// Locks that watch over their users (evthread_enable_lock_debugging): each one
// knows who holds it and how often. A lock that is taken twice though it is not
// recursive, or let go by who does not hold it, is a fault of the program or of
// this library that is fatal at once instead of a deadlock later.
#ifndef EVOKE_UTIL_LOCK_DEBUGGING_H_
#define EVOKE_UTIL_LOCK_DEBUGGING_H_

#include <event2/thread.h>

namespace evoke {

// Whether g_lock_callbacks are the watching ones.
bool LocksAreDebugged();

// Where the program's own lock callbacks are kept: g_lock_callbacks, or behind
// the watching ones.
evthread_lock_callbacks* CallbacksOfProgram();

// Condition::Wait() for a `lock` of the watching kind, which is held.
void WaitWithDebuggedLock(void* condition, void* lock);

}  // namespace evoke

#endif  // EVOKE_UTIL_LOCK_DEBUGGING_H_
