// SPDX-License-Identifier: BSD-3-Clause
//
// What the scenarios for buffers, bufferevents and listeners share: putting
// bytes and flags into a record, turning a loop until something happened, and
// raw sockets that play the peer.
#ifndef TESTS_DIFFERENTIAL_SCENARIOS_IO_SUPPORT_H_
#define TESTS_DIFFERENTIAL_SCENARIOS_IO_SUPPORT_H_

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <event2/buffer.h>
#include <event2/buffer_compat.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "tests/differential/scenario.h"

// Records `n` bytes; more than 80 as their number and a hash.
static inline void rec_data(const char *what, const void *data, size_t n) {
  const unsigned char *bytes = data;
  unsigned hash = 2166136261u;
  size_t i;
  if (n <= 80) {
    rec_bytes(what, data, n);
    return;
  }
  for (i = 0; i < n; i++) hash = (hash ^ bytes[i]) * 16777619u;
  rec("%s: %zu bytes, hash %08x", what, n, hash);
}

// Records a buffer's length and bytes without consuming or rearranging them.
static inline void rec_buffer(const char *what, struct evbuffer *buffer) {
  size_t length = evbuffer_get_length(buffer);
  char *copy = malloc(length + 1);
  ev_ssize_t n = copy == NULL ? -1 : evbuffer_copyout(buffer, copy, length);
  if (n < 0)
    rec("%s: %zu bytes, copyout %zd", what, length, (ssize_t)n);
  else
    rec_data(what, copy, (size_t)n);
  free(copy);
}

// Appends `text` as a chain of its own: references are never merged.
static inline int add_piece(struct evbuffer *buffer, const char *text,
                            size_t length) {
  return evbuffer_add_reference(buffer, text, length, NULL, NULL);
}

// The flags of a bufferevent's event callback in words.
static inline const char *what_text(short what) {
  static char text[80];
  snprintf(text, sizeof text, "%s%s%s%s%s%s%s",
           what & BEV_EVENT_READING ? "READING " : "",
           what & BEV_EVENT_WRITING ? "WRITING " : "",
           what & BEV_EVENT_EOF ? "EOF " : "",
           what & BEV_EVENT_ERROR ? "ERROR " : "",
           what & BEV_EVENT_TIMEOUT ? "TIMEOUT " : "",
           what & BEV_EVENT_CONNECTED ? "CONNECTED " : "",
           what & ~0xf3 ? "unknown " : "");
  return text;
}

static inline const char *enabled_text(short events) {
  static const char *const kText[4] = {"none", "R", "W", "RW"};
  return kText[(events & EV_READ ? 1 : 0) + (events & EV_WRITE ? 2 : 0)];
}

// Looks at the kernel `turns` times without waiting. Enough for what has
// already happened on a socket of this process.
static inline void glance(struct event_base *base, int turns) {
  while (turns-- > 0) event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static inline void set_flag_cb(evutil_socket_t fd, short events, void *flag) {
  (void)fd;
  (void)events;
  *(int *)flag = 1;
}

// Runs the loop for `ms` milliseconds of virtual time.
static inline void run_for_ms(struct event_base *base, int ms) {
  struct timeval tv = {ms / 1000, ms % 1000 * 1000};
  int over = 0;
  if (event_base_once(base, -1, EV_TIMEOUT, set_flag_cb, &over, &tv) != 0)
    return;
  while (!over && event_base_loop(base, EVLOOP_ONCE) == 0) {
  }
}

// Runs the loop until `*count` is at least `goal`. False, and a line in the
// record, when that takes 5 seconds or nothing is left that could do it; then
// no later call waits either.
static inline int run_until(struct event_base *base, const int *count,
                            int goal) {
  static int in_vain;
  struct timeval tv = {5, 0};
  struct event *guard = evtimer_new(base, set_flag_cb, &in_vain);
  if (guard == NULL) return 0;
  while (*count < goal) {
    // The guard alone must not keep a loop without events alive.
    int empty = event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK) != 0;
    if (*count >= goal || empty || in_vain || evtimer_add(guard, &tv) != 0)
      break;
    event_base_loop(base, EVLOOP_ONCE);
    event_del(guard);
  }
  event_free(guard);
  if (*count < goal) rec("waited in vain");
  return *count >= goal;
}

// A blocking loopback TCP socket bound to a free port, listening when `backlog`
// is positive. Its address goes to `*addr`. -1 on failure.
static inline int tcp_bound(struct sockaddr_in *addr, int backlog) {
  socklen_t length = sizeof *addr;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  memset(addr, 0, sizeof *addr);
  addr->sin_family = AF_INET;
  addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)addr, length) != 0 ||
      (backlog > 0 && listen(fd, backlog) != 0) ||
      getsockname(fd, (struct sockaddr *)addr, &length) != 0) {
    if (fd >= 0) close(fd);
    return -1;
  }
  return fd;
}

// A blocking TCP client connected to `addr`, or -1.
static inline int tcp_client(const struct sockaddr_in *addr) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 &&
      connect(fd, (const struct sockaddr *)addr, sizeof *addr) != 0) {
    close(fd);
    fd = -1;
  }
  return fd;
}

// Closes a TCP socket so that its peer sees a reset.
static inline void close_with_reset(int fd) {
  struct linger hard = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(fd);
}

static inline int fd_is_open(int fd) { return fcntl(fd, F_GETFD) != -1; }

#endif  // TESTS_DIFFERENTIAL_SCENARIOS_IO_SUPPORT_H_
