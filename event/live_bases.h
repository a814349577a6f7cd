// SPDX-License-Identifier: BSD-3-Clause
//
// Which bases are there? An event may outlive its base as long as it is in none
// of its queues; event_del() and event_free() then must not touch the base. In
// a program with threads they cannot know without taking the base's lock, so
// they ask here whether there is a base to lock.
#ifndef EVOKE_EVENT_LIVE_BASES_H_
#define EVOKE_EVENT_LIVE_BASES_H_

struct event_base;

namespace evoke {

// From making to freeing. False when memory is short.
[[nodiscard]] bool EnlistBase(const event_base* base);
void DelistBase(const event_base* base);

// Lock-free: one or two loads, as a rule.
bool IsLiveBase(const event_base* base);

// Gives back what the table needed; for libevent_global_shutdown(). Bases that
// are still there are kept.
void FreeBaseTables();

}  // namespace evoke

#endif  // EVOKE_EVENT_LIVE_BASES_H_
