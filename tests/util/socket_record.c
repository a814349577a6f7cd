// SPDX-License-Identifier: BSD-3-Clause
//
// Writes down what the functions for sockets, random bytes and monotonic timers
// return and log, and what the kernel then knows. Compiled against evoke and
// against libevent; the records must be equal.
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// A number that no open file has.
enum { kNoFd = 987654 };

#define RECORD(call)                             \
  do {                                           \
    errno = 0;                                   \
    const int result = (call);                   \
    printf("%s: %d %d\n", #call, result, errno); \
  } while (0)

static void print_log(int severity, const char *message) {
  printf("log %d: %s\n", severity, message);
}

static void print_option(const char *name, int fd, int level, int option) {
  int value = -1;
  socklen_t size = sizeof(value);
  const int result = getsockopt(fd, level, option, &value, &size);
  printf("%s: %d %d\n", name, result, value != 0);
}

static void record_socketpair(int domain, int type, int protocol) {
  evutil_socket_t pair[2] = {-1, -1};
  errno = 0;
  const int result = evutil_socketpair(domain, type, protocol, pair);
  printf("socketpair %d %d %d: %d %d %d\n", domain, type, protocol, result,
         errno, (pair[0] >= 0) + (pair[1] >= 0));
  if (result != 0) return;
  char byte = 'x';
  if (write(pair[0], &byte, 1) == 1 && read(pair[1], &byte, 1) == 1) {
    printf("passes a byte\n");
  }
  RECORD(evutil_closesocket(pair[0]));
  RECORD(evutil_closesocket(pair[1]));
}

static void record_options(int domain) {
  const int fd = socket(domain, SOCK_STREAM, 0);
  printf("options of %d\n", domain);
  RECORD(evutil_make_listen_socket_reuseable(fd));
  print_option("SO_REUSEADDR", fd, SOL_SOCKET, SO_REUSEADDR);
  RECORD(evutil_make_listen_socket_reuseable_port(fd));
  print_option("SO_REUSEPORT", fd, SOL_SOCKET, SO_REUSEPORT);
  RECORD(evutil_make_listen_socket_ipv6only(fd));
  print_option("IPV6_V6ONLY", fd, IPPROTO_IPV6, IPV6_V6ONLY);
  RECORD(evutil_make_tcp_listen_socket_deferred(fd));
  print_option("TCP_DEFER_ACCEPT", fd, IPPROTO_TCP, TCP_DEFER_ACCEPT);
  for (int i = 0; i < 2; ++i) {
    RECORD(evutil_make_socket_nonblocking(fd));
    printf("O_NONBLOCK %d\n", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    RECORD(evutil_make_socket_closeonexec(fd));
    printf("FD_CLOEXEC %d\n", (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  RECORD(evutil_closesocket(fd));
}

static void record_refusals(evutil_socket_t fd) {
  RECORD(evutil_make_socket_nonblocking(fd));
  RECORD(evutil_make_socket_closeonexec(fd));
  RECORD(evutil_make_listen_socket_reuseable(fd));
  RECORD(evutil_make_listen_socket_reuseable_port(fd));
  RECORD(evutil_make_listen_socket_ipv6only(fd));
  RECORD(evutil_make_tcp_listen_socket_deferred(fd));
  RECORD(evutil_closesocket(fd));
}

static void record_random(void) {
  unsigned char bytes[64] = {0};
  int different = 0;
  RECORD(evutil_secure_rng_init());
  RECORD(evutil_secure_rng_set_urandom_device_file("/nonexistent"));
  evutil_secure_rng_add_bytes("seed", 4);
  evutil_secure_rng_get_bytes(bytes, 0);
  printf("untouched %d\n", bytes[0]);
  evutil_secure_rng_get_bytes(bytes, sizeof(bytes));
  for (unsigned i = 1; i < sizeof(bytes); ++i)
    different |= bytes[i] != bytes[0];
  printf("different %d\n", different);
}

// Prints on which clock a timer lies.
static void record_timer(struct evutil_monotonic_timer *timer) {
  struct timeval time;
  struct timespec boot, wall;
  RECORD(evutil_gettime_monotonic(timer, &time));
  clock_gettime(CLOCK_MONOTONIC, &boot);
  clock_gettime(CLOCK_REALTIME, &wall);
  const long from_boot = (long)(boot.tv_sec - time.tv_sec);
  const long from_wall = (long)(wall.tv_sec - time.tv_sec);
  printf("on the %s clock\n", from_boot >= 0 && from_boot < 60   ? "monotonic"
                              : from_wall >= 0 && from_wall < 60 ? "wall"
                                                                 : "unknown");
}

static void record_timers(void) {
  struct evutil_monotonic_timer *timer = evutil_monotonic_timer_new();
  record_timer(timer);
  for (int flags = 0; flags < 8; ++flags) {
    RECORD(evutil_configure_monotonic_time(timer, flags));
    record_timer(timer);
  }
  evutil_monotonic_timer_free(timer);
  evutil_monotonic_timer_free(NULL);
}

int main(void) {
  event_set_log_callback(print_log);
  record_socketpair(AF_UNIX, SOCK_STREAM, 0);
  record_socketpair(AF_UNIX, SOCK_DGRAM, 0);
  record_socketpair(AF_UNIX, SOCK_STREAM, 7);
  record_socketpair(AF_INET, SOCK_STREAM, 0);
  record_socketpair(AF_INET6, SOCK_STREAM, 0);
  record_socketpair(-1, SOCK_STREAM, 0);
  record_options(AF_UNIX);
  record_options(AF_INET);
  record_options(AF_INET6);
  record_refusals(-1);
  record_refusals(kNoFd);
  int pipe_fds[2];
  if (pipe(pipe_fds) != 0) return 1;
  record_refusals(pipe_fds[0]);
  close(pipe_fds[1]);
  record_random();
  record_timers();
  return 0;
}
