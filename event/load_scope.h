// SPDX-License-Identifier: BSD-3-Clause
//
// EVOKE_SCOPE=ADDRESS: finding libevoke_scope, which the core knows by one name
// only, evoke_scope_start() of evoke/scope.h.
#ifndef EVOKE_EVENT_LOAD_SCOPE_H_
#define EVOKE_EVENT_LOAD_SCOPE_H_

struct event_base;

namespace evoke {

// Shows `base` on the page that `address` names. What fails is logged.
void StartScope(event_base* base, const char* address);

}  // namespace evoke

#endif  // EVOKE_EVENT_LOAD_SCOPE_H_
