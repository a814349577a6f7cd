// SPDX-License-Identifier: BSD-3-Clause
#include "util/log.h"

#include <errno.h>
#include <event2/event.h>
#include <evoke/extend.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace evoke {

bool g_debug_logging = false;

namespace {

constexpr int kMessageBytes = 1024;

event_log_cb g_log_callback = nullptr;
event_fatal_cb g_fatal_callback = nullptr;

const char* SeverityName(int severity) {
  switch (severity) {
    case EVENT_LOG_DEBUG:
      return "debug";
    case EVENT_LOG_MSG:
      return "msg";
    case EVENT_LOG_WARN:
      return "warn";
    case EVENT_LOG_ERR:
      return "err";
    default:
      return "???";
  }
}

void Deliver(int severity, const char* message) {
  if (g_log_callback != nullptr) {
    g_log_callback(severity, message);
  } else {
    fprintf(stderr, "[%s] %s\n", SeverityName(severity), message);
  }
}

// `error` is an errno to spell out behind the message, or zero.
void Format(int severity, int error, const char* format, va_list arguments)
    ABSL_PRINTF_ATTRIBUTE(3, 0);
void Format(int severity, int error, const char* format, va_list arguments) {
  int saved_errno = errno;
  char message[kMessageBytes];
  int length = vsnprintf(message, sizeof(message), format, arguments);
  if (length < 0) length = 0;
  if (error != 0 && length < kMessageBytes - 3) {
    snprintf(message + length, sizeof(message) - length, ": %s",
             strerror(error));
  }
  Deliver(severity, message);
  errno = saved_errno;
}

}  // namespace

void LogWarn(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Format(EVENT_LOG_WARN, 0, format, arguments);
  va_end(arguments);
}

void LogWarnErrno(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Format(EVENT_LOG_WARN, errno, format, arguments);
  va_end(arguments);
}

void LogMessage(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Format(EVENT_LOG_MSG, 0, format, arguments);
  va_end(arguments);
}

void LogDebugSlow(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Format(EVENT_LOG_DEBUG, 0, format, arguments);
  va_end(arguments);
}

void LogFatal(int code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Format(EVENT_LOG_ERR, 0, format, arguments);
  va_end(arguments);
  if (g_fatal_callback != nullptr) {
    g_fatal_callback(code);
    // A fatal callback must not return: what it was told of can't be undone.
    abort();
  }
  if (code == kAbortCode) abort();
  exit(code);
}

}  // namespace evoke

extern "C" void event_set_log_callback(event_log_cb callback) {
  evoke::g_log_callback = callback;
}

extern "C" void event_set_fatal_callback(event_fatal_cb callback) {
  evoke::g_fatal_callback = callback;
}

extern "C" void event_enable_debug_logging(ev_uint32_t which) {
  evoke::g_debug_logging = which != EVENT_DBG_NONE;
}

extern "C" void evoke_log(int severity, const char* message) {
  if (severity == EVENT_LOG_MSG) {
    evoke::LogMessage("%s", message);
  } else {
    evoke::LogWarn("%s", message);
  }
}
