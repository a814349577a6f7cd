// SPDX-License-Identifier: BSD-3-Clause
//
// What a program may ask of a base before it makes one: struct event_config.
#ifndef EVOKE_EVENT_CONFIG_H_
#define EVOKE_EVENT_CONFIG_H_

#include <event2/event.h>
#include <limits.h>
#include <stdint.h>

#include "util/clock.h"

namespace evoke {

// A backend's name that is to be passed over.
struct AvoidedMethod {
  AvoidedMethod* next;
  char* name;
};

}  // namespace evoke

namespace evoke {
inline constexpr uint32_t kConfigMagic = 0x636f6e66;
}

struct event_config {
  evoke::AvoidedMethod* avoided = nullptr;
  int required_features = 0;
  int flags = 0;
  int64_t max_dispatch_us = evoke::kNoDeadline;
  int max_dispatch_callbacks = INT_MAX;
  int limit_from_priority = 0;
  uint32_t magic = evoke::kConfigMagic;  // as long as it is one
};

namespace evoke {

// A BackendChoice::avoided for the `event_config*` in `config`.
bool IsAvoided(const char* name, const void* config);

}  // namespace evoke

#endif  // EVOKE_EVENT_CONFIG_H_
