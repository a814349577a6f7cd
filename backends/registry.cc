// SPDX-License-Identifier: BSD-3-Clause
//
// Which backends there are, and which one a new base gets.
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/backend.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {
namespace {

constexpr const evoke_backend* kBuiltIn[] = {&kEpollBackend, &kPollBackend,
                                             &kSelectBackend};

// Registered by the program; in each list the one to try first comes first.
struct Registered {
  const evoke_backend* backend;
  Registered* next;
};

Registered* g_before = nullptr;
Registered* g_after = nullptr;
const char** g_names = nullptr;  // what SupportedMethods() returned last

// Calls `visit` with each backend in order of preference, until it returns
// true; that backend is the result, or null.
template <typename Visitor>
const evoke_backend* FindBackend(Visitor visit) {
  for (Registered* entry = g_before; entry != nullptr; entry = entry->next) {
    if (visit(entry->backend)) return entry->backend;
  }
  for (const evoke_backend* backend : kBuiltIn) {
    if (visit(backend)) return backend;
  }
  for (Registered* entry = g_after; entry != nullptr; entry = entry->next) {
    if (visit(entry->backend)) return entry->backend;
  }
  return nullptr;
}

// EVENT_NOEPOLL, EVENT_NOPOLL and so on; any value will do. A name that is too
// long for the buffer cannot be switched off.
bool IsSwitchedOff(const char* name) {
  char variable[128] = "EVENT_NO";
  size_t length = strlen(variable);
  if (length + strlen(name) >= sizeof(variable)) return false;
  for (; *name != '\0'; ++name) {
    unsigned char letter = static_cast<unsigned char>(*name);
    variable[length++] = static_cast<char>(toupper(letter));
  }
  return Environment(variable) != nullptr;
}

bool RemoveFrom(Registered** list, const evoke_backend* backend) {
  for (; *list != nullptr; list = &(*list)->next) {
    Registered* entry = *list;
    if (entry->backend != backend) continue;
    *list = entry->next;
    Free(entry);
    return true;
  }
  return false;
}

void FreeList(Registered** list) {
  while (*list != nullptr) RemoveFrom(list, (*list)->backend);
}

}  // namespace

const char* Environment(const char* name) { return secure_getenv(name); }

bool IsComplete(const evoke_backend* backend) {
  return backend != nullptr && backend->struct_size >= sizeof(evoke_backend) &&
         backend->version == EVOKE_BACKEND_VERSION &&
         backend->name != nullptr && backend->name[0] != '\0' &&
         backend->open != nullptr && backend->close != nullptr &&
         backend->change != nullptr && backend->wait != nullptr &&
         backend->forked != nullptr;
}

OpenBackend OpenFirstUsable(const BackendChoice& choice) {
  evoke_backend_options options = {};
  options.struct_size = sizeof(options);
  options.flags = choice.options;
  bool use_environment = !choice.ignore_environment;
  if (use_environment) {
    if (Environment("EVENT_EPOLL_USE_CHANGELIST") != nullptr) {
      options.flags |= EVOKE_OPTION_CHANGELIST;
    }
    if (Environment("EVENT_PRECISE_TIMER") != nullptr) {
      options.flags |= EVOKE_OPTION_PRECISE_TIMER;
    }
  }
  OpenBackend result;
  result.table = FindBackend([&](const evoke_backend* backend) {
    if (choice.avoided != nullptr &&
        choice.avoided(backend->name, choice.avoided_arg)) {
      return false;
    }
    if ((backend->features & choice.required_features) !=
        choice.required_features) {
      return false;
    }
    if (use_environment && IsSwitchedOff(backend->name)) return false;
    result.state = backend->open(&options);
    return result.state != nullptr;
  });
  if (result.table == &kEpollBackend &&
      (options.flags & EVOKE_OPTION_CHANGELIST)) {
    result.table = &kEpollChangelistBackend;  // the same state
  }
  if (result.table != nullptr && Environment("EVENT_SHOW_METHOD") != nullptr) {
    LogMessage("libevent using: %s", result.table->name);
  }
  return result;
}

const char** SupportedMethods() {
  size_t count = 0;
  FindBackend([&](const evoke_backend*) {
    ++count;
    return false;
  });
  void* memory = Reallocate(g_names, (count + 1) * sizeof(const char*));
  if (memory == nullptr) return nullptr;
  g_names = static_cast<const char**>(memory);
  size_t i = 0;
  FindBackend([&](const evoke_backend* backend) {
    g_names[i++] = backend->name;
    return false;
  });
  g_names[i] = nullptr;
  return g_names;
}

void FreeRegistry() {
  FreeList(&g_before);
  FreeList(&g_after);
  Free(g_names);
  g_names = nullptr;
}

}  // namespace evoke

extern "C" int evoke_backend_register(const evoke_backend* backend,
                                      enum evoke_backend_place place) {
  using namespace evoke;
  if (!IsComplete(backend) ||
      (place != EVOKE_BACKEND_BEFORE && place != EVOKE_BACKEND_AFTER)) {
    errno = EINVAL;
    return -1;
  }
  const evoke_backend* known = FindBackend([&](const evoke_backend* other) {
    return strcasecmp(other->name, backend->name) == 0;
  });
  if (known != nullptr ||
      strcasecmp(kEpollChangelistBackend.name, backend->name) == 0) {
    errno = EEXIST;
    return -1;
  }
  Registered* entry = New<Registered>();
  if (entry == nullptr) return -1;
  Registered** list = place == EVOKE_BACKEND_BEFORE ? &g_before : &g_after;
  *entry = Registered{backend, *list};
  *list = entry;
  return 0;
}

extern "C" int evoke_backend_unregister(const evoke_backend* backend) {
  using namespace evoke;
  if (RemoveFrom(&g_before, backend) || RemoveFrom(&g_after, backend)) return 0;
  errno = ENOENT;
  return -1;
}
