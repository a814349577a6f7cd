// SPDX-License-Identifier: BSD-3-Clause
//
// ASCII text, whatever the locale: protocols, method names and options are
// compared with these. The public calls are in event2/util.h.
#ifndef EVOKE_UTIL_STRINGS_H_
#define EVOKE_UTIL_STRINGS_H_

#include <stddef.h>
#include <stdint.h>

namespace evoke {

// 'A' to 'Z' in lower case; every other byte as it is.
constexpr char AsciiToLower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// Orders two strings as if both were in lower case, up to their ends or to
// `limit_bytes`, whichever comes first: -1, 0 or 1. nullptr is logged, and
// comes first. Thread-safe.
int CompareIgnoringAsciiCase(const char* a, const char* b, size_t limit_bytes);

}  // namespace evoke

#endif  // EVOKE_UTIL_STRINGS_H_
