// SPDX-License-Identifier: BSD-3-Clause
#include "event/config.h"

#include <string.h>

#include "util/log.h"
#include "util/memory.h"

namespace evoke {

bool IsAvoided(const char* name, const void* config) {
  const auto* asked = static_cast<const event_config*>(config);
  for (const AvoidedMethod* method = asked->avoided; method != nullptr;
       method = method->next) {
    if (strcmp(method->name, name) == 0) return true;
  }
  return false;
}

}  // namespace evoke

using evoke::AvoidedMethod;
using evoke::LogWarn;

extern "C" {

event_config* event_config_new(void) { return evoke::New<event_config>(); }

void event_config_free(event_config* config) {
  if (config == nullptr ||
      __atomic_exchange_n(&config->magic, 0, __ATOMIC_RELAXED) !=
          evoke::kConfigMagic) {
    LogWarn("%s: %s", __func__,
            config == nullptr ? "no configuration"
                              : "no configuration, or a freed one");
    return;
  }
  while (AvoidedMethod* method = config->avoided) {
    config->avoided = method->next;
    evoke::Free(method->name);
    evoke::Free(method);
  }
  evoke::Delete(config);
}

int event_config_avoid_method(event_config* config, const char* name) {
  if (config == nullptr) LogWarn("%s: no configuration", __func__);
  if (config == nullptr || name == nullptr) return -1;
  auto* method =
      static_cast<AvoidedMethod*>(evoke::Allocate(sizeof(AvoidedMethod)));
  if (method == nullptr) return -1;
  method->name = evoke::DuplicateString(name);
  if (method->name == nullptr) {
    evoke::Free(method);
    return -1;
  }
  method->next = config->avoided;
  config->avoided = method;
  return 0;
}

int event_config_require_features(event_config* config, int features) {
  if (config == nullptr) return -1;
  config->required_features = features;
  return 0;
}

int event_config_set_flag(event_config* config, int flag) {
  if (config == nullptr) return -1;
  config->flags |= flag;
  return 0;
}

int event_config_set_num_cpus_hint(event_config* config, int /*cpus*/) {
  // The number of threads of Windows' completion ports: nothing here uses it.
  return config == nullptr ? -1 : 0;
}

int event_config_set_max_dispatch_interval(event_config* config,
                                           const timeval* max_interval,
                                           int max_callbacks,
                                           int min_priority) {
  if (config == nullptr) {
    LogWarn("%s: no configuration", __func__);
    return -1;
  }
  config->max_dispatch_us = max_interval != nullptr && max_interval->tv_sec >= 0
                                ? evoke::MicrosFromTimeval(*max_interval)
                                : evoke::kNoDeadline;
  config->max_dispatch_callbacks = max_callbacks >= 0 ? max_callbacks : INT_MAX;
  config->limit_from_priority = min_priority > 0 ? min_priority : 0;
  return 0;
}

}  // extern "C"
