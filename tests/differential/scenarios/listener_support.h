// SPDX-License-Identifier: BSD-3-Clause
//
// What the scenarios for listeners share: a callback that records what it is
// given, and waiting for it.
#ifndef TESTS_DIFFERENTIAL_SCENARIOS_LISTENER_SUPPORT_H_
#define TESTS_DIFFERENTIAL_SCENARIOS_LISTENER_SUPPORT_H_

#include <event2/listener.h>

#include "tests/differential/scenarios/io_support.h"

// What a listener's callbacks have seen, and what they are to do.
struct hosts {
  int accepted;
  int errors;
  int show_flags;  // record the flags of each accepted socket
  int silent;      // record nothing
};

// Records the address and closes the connection.
static inline void on_accept(struct evconnlistener *listener,
                             evutil_socket_t fd, struct sockaddr *addr,
                             int length, void *arg) {
  struct hosts *hosts = arg;
  struct sockaddr_in peer;
  socklen_t peer_length = sizeof peer;
  (void)listener;
  hosts->accepted++;
  if (!hosts->silent) {
    rec("  accept: family %d, %d bytes", addr->sa_family, length);
    if (addr->sa_family == AF_INET &&
        getpeername(fd, (struct sockaddr *)&peer, &peer_length) == 0)
      rec("  the peer's address %d",
          memcmp(addr, &peer, sizeof peer) == 0 &&
              peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  }
  if (hosts->show_flags)
    rec("  non-blocking %d, cloexec %d", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0,
        (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  close(fd);
}

// A listener on a free loopback port, whose address goes to `*addr`.
static inline struct evconnlistener *listen_loopback(struct event_base *base,
                                                     evconnlistener_cb cb,
                                                     void *arg, unsigned flags,
                                                     int backlog,
                                                     struct sockaddr_in *addr) {
  struct evconnlistener *listener;
  socklen_t length = sizeof *addr;
  memset(addr, 0, sizeof *addr);
  addr->sin_family = AF_INET;
  addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = evconnlistener_new_bind(base, cb, arg, flags, backlog,
                                     (struct sockaddr *)addr, sizeof *addr);
  if (listener != NULL)
    getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)addr,
                &length);
  return listener;
}

static inline void await_accepts(struct event_base *base,
                                 const struct hosts *hosts, int goal) {
  run_until(base, &hosts->accepted, goal);
}

// Whether a raw client is still connected: 1, or 0 when its peer closed.
static inline int client_state(int client) {
  char byte;
  return recv(client, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

// Runs the loop until the raw client sees its peer close.
static inline const char *await_closed(struct event_base *base, int client) {
  int closed = 0;
  struct event *event = event_new(base, client, EV_READ, set_flag_cb, &closed);
  if (event == NULL) return "?";
  event_add(event, NULL);
  run_until(base, &closed, 1);
  event_free(event);
  return client_state(client) ? "open" : "closed";
}

// The value of a socket option that is a number.
static inline int option(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  return getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
}

// The number that the next descriptor will have.
static inline int lowest_free_fd(void) {
  int fd = dup(0);
  close(fd);
  return fd;
}

#endif  // TESTS_DIFFERENTIAL_SCENARIOS_LISTENER_SUPPORT_H_
