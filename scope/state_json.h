// SPDX-License-Identifier: BSD-3-Clause
//
// What the page is told of a loop, as JSON.
#ifndef EVOKE_SCOPE_STATE_JSON_H_
#define EVOKE_SCOPE_STATE_JSON_H_

#include <evoke/stats.h>

#include "scope/recorder.h"
#include "scope/symbols.h"
#include "scope/text.h"

namespace evoke::scope {

struct StateOptions {
  int64_t now_ns;      // CLOCK_MONOTONIC
  int64_t since;       // turns from this index on (Recorder::turn)
  const char* method;  // the backend
  Symbols* symbols;    // the names of functions
  // Counters of the loop, or null where they cannot be had.
  const struct evoke_stats* stats;
};

// Adds one object: its members are those that page.html reads.
void AddState(const Recorder& recorder, const StateOptions& options, Text* out);

}  // namespace evoke::scope

#endif  // EVOKE_SCOPE_STATE_JSON_H_
