// SPDX-License-Identifier: BSD-3-Clause
//
// Descriptors for scenarios. Plain system calls, so that they do not depend
// on the library under test.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/differential/scenario.h"
#include "tests/differential/scenario_internal.h"

void socket_pair(evutil_socket_t fds[2]) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
    die("socketpair: %s", strerror(errno));
}

evutil_socket_t tcp_listener(int *port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t len = sizeof address;
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 ||
      listen(fd, 128) < 0 ||
      getsockname(fd, (struct sockaddr *)&address, &len) < 0)
    die("listener: %s", strerror(errno));
  if (port) *port = ntohs(address.sin_port);
  return fd;
}

void tcp_pair(evutil_socket_t fds[2]) {
  int port, on = 1;
  int listener = tcp_listener(&port);
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((uint16_t)port);
  fds[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (fds[0] < 0 ||
      connect(fds[0], (struct sockaddr *)&address, sizeof address) < 0)
    die("connect: %s", strerror(errno));
  await_readable(listener);
  fds[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  if (fds[1] < 0) die("accept: %s", strerror(errno));
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  for (int i = 0; i < 2; ++i)
    setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  close(listener);
}

void put(evutil_socket_t fd, const char *text) {
  size_t len = strlen(text);
  if (write(fd, text, len) != (ssize_t)len) die("put: %s", strerror(errno));
}

int get(evutil_socket_t fd, char *buf, size_t size) {
  ssize_t n = read(fd, buf, size - 1);
  buf[n > 0 ? n : 0] = 0;
  return (int)n;
}

void close_pair(evutil_socket_t fds[2]) {
  close(fds[0]);
  close(fds[1]);
}

static int g_failing_accepts, g_failed_accepts, g_accept_error;

void fail_next_accepts(int count, int err) {
  g_failing_accepts = count;
  g_failed_accepts = 0;
  g_accept_error = err;
}

int failed_accepts(void) { return g_failed_accepts; }

// In place of libc's, for both libraries.
int accept4(int fd, struct sockaddr *restrict address,
            socklen_t *restrict length, int flags) {
  if (g_failing_accepts > 0) {
    --g_failing_accepts;
    ++g_failed_accepts;
    errno = g_accept_error;
    return -1;
  }
  return (int)syscall(SYS_accept4, fd, address, length, flags);
}

// By the system call itself: virtual_time.c takes the libc functions.
void await_readable(evutil_socket_t fd) {
  fd_set readable;
  memset(&readable, 0, sizeof readable);
  FD_SET(fd, &readable);
  struct timespec limit = {2, 0};
  if (syscall(SYS_pselect6, fd + 1, &readable, NULL, NULL, &limit, NULL) != 1)
    die("nothing came to read");
}
