// SPDX-License-Identifier: BSD-3-Clause
//
// The string functions of event2/util.h. They differ from libc's in what
// programs were promised: the same on every system and in every locale.
#include "util/strings.h"

#include <errno.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/log.h"

namespace evoke {

int CompareIgnoringAsciiCase(const char* a, const char* b, size_t limit_bytes) {
  if (limit_bytes == 0) return 0;
  if (a == nullptr || b == nullptr) {
    LogWarn("comparison with a string that is NULL");
    return (a != nullptr) - (b != nullptr);
  }
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
  if (s == nullptr) {
    evoke::LogWarn("%s: no text", __func__);
    errno = EINVAL;
    return 0;
  }
  return strtoll(s, endptr, base);
}

int evutil_vsnprintf(char* buf, size_t buflen, const char* format, va_list ap) {
  if (buflen == 0) return 0;
  if (buf == nullptr || format == nullptr) {
    evoke::LogWarn("%s: no %s", __func__, buf == nullptr ? "room" : "format");
    errno = EINVAL;
    return -1;
  }
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
