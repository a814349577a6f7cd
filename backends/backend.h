// SPDX-License-Identifier: BSD-3-Clause
//
// The library's side of the method table (include/evoke/backend.h, where the
// contract stands): the built-in tables, and who is asked in which order.
//
// Each built-in backend is one file with its functions in one order: open,
// close, change, wait, forked, table. Read poll.cc first.
#ifndef EVOKE_BACKENDS_BACKEND_H_
#define EVOKE_BACKENDS_BACKEND_H_

#include <evoke/backend.h>

namespace evoke {

extern const evoke_backend kEpollBackend;
// The same with EVOKE_OPTION_CHANGELIST, under the name that libevent gives it,
// "epoll (with changelist)". Selected and avoided as "epoll".
extern const evoke_backend kEpollChangelistBackend;
extern const evoke_backend kPollBackend;
extern const evoke_backend kSelectBackend;

// How those tables are filled: as evoke_backend lists its parts.
constexpr evoke_backend BuiltInTable(const char* name, int features,
                                     unsigned flags, size_t per_fd_bytes,
                                     decltype(evoke_backend::open) open,
                                     decltype(evoke_backend::close) close,
                                     decltype(evoke_backend::change) change,
                                     decltype(evoke_backend::wait) wait,
                                     decltype(evoke_backend::forked) forked) {
  return {.struct_size = sizeof(evoke_backend),
          .version = EVOKE_BACKEND_VERSION,
          .name = name,
          .features = features,
          .flags = flags,
          .per_fd_bytes = per_fd_bytes,
          .open = open,
          .close = close,
          .change = change,
          .wait = wait,
          .forked = forked};
}

// What a program asked of the backend of one base.
struct BackendChoice {
  // Each of these is asked whether a name is to be passed over; see
  // event_config_avoid_method().
  bool (*avoided)(const char* name, const void* arg) = nullptr;
  const void* avoided_arg = nullptr;
  int required_features = 0;        // EV_FEATURE_...
  bool ignore_environment = false;  // EVENT_BASE_FLAG_IGNORE_ENV
  unsigned options = 0;             // EVOKE_OPTION_...
};

// A backend that is open.
struct OpenBackend {
  const evoke_backend* table = nullptr;
  void* state = nullptr;
};

// Opens the first backend that fits `choice`: registered before, epoll, poll,
// select, registered after. The environment is looked at here (EVENT_NO<NAME>,
// EVENT_EPOLL_USE_CHANGELIST, EVENT_PRECISE_TIMER), unless the choice or a
// setuid program forbids it; EVENT_SHOW_METHOD counts in either case. `table`
// is null when none is usable; nothing is logged then.
OpenBackend OpenFirstUsable(const BackendChoice& choice);

// True when the table can be called: every pointer is set, the version is ours.
bool IsComplete(const evoke_backend* backend);

// Every known name, ended by a null pointer, in order of preference; owned by
// the registry and valid until the next call. Null when memory is short.
// Names that the environment switches off are among them, as with libevent.
const char** SupportedMethods();

// Gives back the registry's memory (libevent_global_shutdown).
void FreeRegistry();

// Reads an environment variable, or null; always null in setuid programs.
const char* Environment(const char* name);

}  // namespace evoke

#endif  // EVOKE_BACKENDS_BACKEND_H_
