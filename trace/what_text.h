// SPDX-License-Identifier: BSD-3-Clause
//
// The flags of a point as words.
#ifndef EVOKE_TRACE_WHAT_TEXT_H_
#define EVOKE_TRACE_WHAT_TEXT_H_

#include <evoke/trace.h>
#include <stddef.h>

namespace evoke {

// Whose callback it is, in one word: "event", "bufferevent read", ...
const char* SourceText(evoke_point_source source);

// What happened, or is waited for: "READ|TIMEOUT", "READING|EOF"; where there
// are no flags, the source. Cut at `size` bytes, NUL included.
void WhatText(const evoke_point& point, char* text, size_t size);

}  // namespace evoke

#endif  // EVOKE_TRACE_WHAT_TEXT_H_
