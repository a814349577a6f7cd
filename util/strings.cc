// SPDX-License-Identifier: BSD-3-Clause
//
// The string functions of event2/util.h. They differ from libc's in what
// programs were promised: the same on every system and in every locale.
#include "util/strings.h"

#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>

namespace evoke {

int CompareIgnoringAsciiCase(const char* a, const char* b, size_t limit_bytes) {
  for (size_t i = 0; i < limit_bytes; ++i) {
    // As plain char, which orders bytes above 127 first where it is signed: so
    // does libevent, unlike libc's strcasecmp().
    const char lower_a = AsciiToLower(a[i]);
    const char lower_b = AsciiToLower(b[i]);
    if (lower_a != lower_b) return lower_a < lower_b ? -1 : 1;
    if (lower_a == '\0') return 0;
  }
  return 0;
}

}  // namespace evoke

extern "C" {

ev_int64_t evutil_strtoll(const char* s, char** endptr, int base) {
  return strtoll(s, endptr, base);
}

int evutil_vsnprintf(char* buf, size_t buflen, const char* format, va_list ap) {
  if (buflen == 0) return 0;
  const int length = vsnprintf(buf, buflen, format, ap);
  // What a failed conversion left behind is a string all the same.
  if (length < 0) buf[buflen - 1] = '\0';
  return length;
}

int evutil_snprintf(char* buf, size_t buflen, const char* format, ...) {
  va_list ap;
  va_start(ap, format);
  const int length = evutil_vsnprintf(buf, buflen, format, ap);
  va_end(ap);
  return length;
}

int evutil_ascii_strcasecmp(const char* str1, const char* str2) {
  return evoke::CompareIgnoringAsciiCase(str1, str2, SIZE_MAX);
}

int evutil_ascii_strncasecmp(const char* str1, const char* str2, size_t n) {
  return evoke::CompareIgnoringAsciiCase(str1, str2, n);
}

}  // extern "C"
