/* SPDX-License-Identifier: BSD-3-Clause */
#include "examples/product/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int is_verbose;

static void write_line(const char *format, va_list arguments, int error) {
  char line[512];
  /* Room for the end of the line is kept. */
  const size_t room = sizeof(line) - 1;
  size_t length = (size_t)snprintf(line, room, "chat[%ld]: ", (long)getpid());
  length += (size_t)vsnprintf(line + length, room - length, format, arguments);
  if (length < room && error != 0) {
    length +=
        (size_t)snprintf(line + length, room - length, ": %s", strerror(error));
  }
  if (length >= room) length = room - 1;
  line[length++] = '\n';
  /* There is nobody to tell that the log cannot be written. */
  if (write(STDERR_FILENO, line, length) < 0) return;
}

void log_info(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_line(format, arguments, 0);
  va_end(arguments);
}

void log_detail(const char *format, ...) {
  va_list arguments;
  if (!is_verbose) return;
  va_start(arguments, format);
  write_line(format, arguments, 0);
  va_end(arguments);
}

void log_errno(const char *format, ...) {
  int error = errno;
  va_list arguments;
  va_start(arguments, format);
  write_line(format, arguments, error);
  va_end(arguments);
}

static void log_library(int severity, const char *message) {
  if (severity == EVENT_LOG_DEBUG) return;
  log_info("event library: %s", message);
}

void log_open(int verbose) {
  is_verbose = verbose;
  event_set_log_callback(log_library);
}
