// SPDX-License-Identifier: BSD-3-Clause
//
// Am I in the process that made this base?
//
// A fork's child shares its parent's kernel objects: an epoll_ctl() there would
// take fds out of the parent's set. So every way into the kernel asks here
// first, at the price of one load: a page that the kernel wipes in a child
// (MADV_WIPEONFORK, madvise(2)) holds a number that the base remembers. In the
// child the base then gets kernel objects of its own, whichever function is
// called first, and a warning; event_reinit() does the same on request. Only
// freeing the base needs neither: what goes with it is the child's own.
#ifndef EVOKE_EVENT_FORK_H_
#define EVOKE_EVENT_FORK_H_

#include <stdint.h>

#include "absl/base/optimization.h"
#include "event/event_base.h"

namespace evoke {

// The number of this process, no ancestor's; zero in a child that made nothing
// yet. Points to a plain word, which tells nothing, where the kernel has no
// such page.
extern const volatile uint64_t* g_process_token;

// The number of this process, made on the first call.
uint64_t ProcessToken();

// Gives `base`, made by a parent, kernel objects of its own and hands them all
// interests. Returns 0, or -1 after logging what failed; without its objects
// the base stays nobody's, and is adopted by the next call.
int AdoptAfterFork(event_base* base);

// False in a fork's child that has not adopted `base` yet, or only to delete.
inline bool IsOwner(const event_base* base) {
  return ABSL_PREDICT_TRUE(*g_process_token == base->owner);
}

// AdoptAfterFork() for a child that forgot event_reinit(); warns, once in the
// process.
void AdoptForgotten(event_base* base);

// AdoptAfterFork() for a child that takes leave of what its parent had, as many
// do before they execute another program: no warning, as long as it does not
// use the base.
void AdoptToDelete(event_base* base);

// With this bit in its owner, a base was adopted by AdoptToDelete().
inline constexpr uint64_t kOnlyDeletes = uint64_t{1} << 63;

// Are the base's kernel objects this process's?
inline bool HasOwnObjects(const event_base* base) {
  return (base->owner & ~kOnlyDeletes) == *g_process_token;
}

// To be called before anything that reaches the kernel for `base`.
inline void EnsureOwner(event_base* base) {
  if (!IsOwner(base)) AdoptForgotten(base);
}

// The same before something is taken away only.
inline void EnsureOwnerToDelete(event_base* base) {
  if (!IsOwner(base)) AdoptToDelete(base);
}

}  // namespace evoke

#endif  // EVOKE_EVENT_FORK_H_
