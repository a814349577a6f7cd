// SPDX-License-Identifier: BSD-3-Clause
//
// What the library has to say goes through here: to the program's log callback
// (event_set_log_callback), or to stderr. Messages are cut at 1,023 bytes, and
// nothing here allocates, so that want of memory can be reported too.
#ifndef EVOKE_UTIL_LOG_H_
#define EVOKE_UTIL_LOG_H_

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"

namespace evoke {

// An internal condition that a program caused and should mend.
void LogWarn(const char* format, ...) ABSL_PRINTF_ATTRIBUTE(1, 2);

// As LogWarn(), with ": " and the text of the current errno behind it.
void LogWarnErrno(const char* format, ...) ABSL_PRINTF_ATTRIBUTE(1, 2);

// News that is no fault.
void LogMessage(const char* format, ...) ABSL_PRINTF_ATTRIBUTE(1, 2);

// The code of faults that leave a core dump (libevent's number).
inline constexpr int kAbortCode = static_cast<int>(0xdeaddead);

// Something that the library cannot go on from: logs, then calls the fatal
// callback (event_set_fatal_callback), or exits with status `code` (aborts for
// kAbortCode).
[[noreturn]] void LogFatal(int code, const char* format, ...)
    ABSL_PRINTF_ATTRIBUTE(2, 3);

// True after event_enable_debug_logging() asked for it.
extern bool g_debug_logging;
void LogDebugSlow(const char* format, ...) ABSL_PRINTF_ATTRIBUTE(1, 2);

}  // namespace evoke

// Costs one predictable branch when debug logging is off: the arguments are
// not evaluated then, which is why this one is a macro.
#define EVOKE_LOG_DEBUG(...)                            \
  do {                                                  \
    if (ABSL_PREDICT_FALSE(::evoke::g_debug_logging)) { \
      ::evoke::LogDebugSlow(__VA_ARGS__);               \
    }                                                   \
  } while (0)

#endif  // EVOKE_UTIL_LOG_H_
