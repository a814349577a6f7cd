// SPDX-License-Identifier: BSD-3-Clause
//
// The face of libevent 1.4 (event2/event_compat.h): functions without a base
// use the one that event_init() made last. Not thread-safe, by design.
#include <event2/event_compat.h>

#include "event/event_base.h"
#include "util/log.h"

namespace evoke {

event_base* g_current_base = nullptr;

}  // namespace evoke

using evoke::g_current_base;

extern "C" {

event_base* event_init(void) {
  event_base* base = event_base_new_with_config(nullptr);
  if (base == nullptr) {
    evoke::LogFatal(1, "%s: no base can be made", __func__);
  }
  g_current_base = base;
  return base;
}

int event_dispatch(void) { return event_loop(0); }

int event_loop(int flags) { return event_base_loop(g_current_base, flags); }

int event_loopexit(const timeval* timeout) {
  return event_base_loopexit(g_current_base, timeout);
}

int event_loopbreak(void) { return event_base_loopbreak(g_current_base); }

int event_once(evutil_socket_t fd, short events,
               void (*callback)(evutil_socket_t, short, void*), void* arg,
               const timeval* timeout) {
  return event_base_once(g_current_base, fd, events, callback, arg, timeout);
}

const char* event_get_method(void) {
  return event_base_get_method(g_current_base);
}

int event_priority_init(int priorities) {
  return event_base_priority_init(g_current_base, priorities);
}

void event_set(event* ev, evutil_socket_t fd, short events,
               void (*callback)(evutil_socket_t, short, void*), void* arg) {
  event_assign(ev, g_current_base, fd, events, callback, arg);
}

}  // extern "C"
