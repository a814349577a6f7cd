/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three steps that each nanomsg model takes: a socket, its address, and the
 * descriptor that evoke's loop waits on. The models themselves send and
 * receive.
 */
#ifndef EVOKE_EXAMPLES_MODELS_NANOMSG_SOCKET_H_
#define EVOKE_EXAMPLES_MODELS_NANOMSG_SOCKET_H_

#include <nanomsg/nn.h>

#include "messaging.h"

static inline void nanomsg_die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, nn_strerror(nn_errno()));
  exit(1);
}

/* Who sends a message of more bytes loses his connection; nanomsg's own limit
 * is 1 MiB. */
enum { NANOMSG_LIMIT_BYTES = 16 << 20 };

static inline int nanomsg_socket(int protocol) {
  int limit = NANOMSG_LIMIT_BYTES;
  int sock = nn_socket(AF_SP, protocol);
  if (sock < 0 || nn_setsockopt(sock, NN_SOL_SOCKET, NN_RCVMAXSIZE, &limit,
                                sizeof(limit)) < 0) {
    nanomsg_die("nn_socket");
  }
  return sock;
}

/* A port that was free a moment ago. */
static inline int nanomsg_free_port(void) {
  struct sockaddr_in address;
  socklen_t length = sizeof(address);
  int fd = model_bind(0, 0, 0);
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
    model_die("getsockname");
  }
  close(fd);
  return ntohs(address.sin_port);
}

/*
 * Listens on `port` of the loopback and says so: "NAME: port". nanomsg does not
 * tell which port it got for 0, so that one is picked here, and another one
 * when somebody was quicker.
 */
static inline void nanomsg_bind(int sock, int port, const char *name) {
  char address[64];
  int picked = port;
  do {
    if (port == 0) picked = nanomsg_free_port();
    snprintf(address, sizeof(address), "tcp://127.0.0.1:%d", picked);
    if (nn_bind(sock, address) >= 0) {
      fprintf(stderr, "%s: %d\n", name, picked);
      return;
    }
  } while (port == 0 && nn_errno() == EADDRINUSE);
  nanomsg_die("nn_bind");
}

/* Connects in the background, and again whenever the connection is lost. */
static inline void nanomsg_connect(int sock, int port) {
  char address[64];
  snprintf(address, sizeof(address), "tcp://127.0.0.1:%d", port);
  if (nn_connect(sock, address) < 0) nanomsg_die("nn_connect");
}

/*
 * An event that is ready as long as the socket can receive (`which` NN_RCVFD)
 * or send (NN_SNDFD). Both descriptors become readable, and nobody reads them.
 * The caller adds it, and frees it before it closes the socket.
 */
static inline struct event *nanomsg_event(struct event_base *base, int sock,
                                          int which, short more,
                                          event_callback_fn callback,
                                          void *arg) {
  int fd;
  size_t bytes = sizeof(fd);
  struct event *ready;
  if (nn_getsockopt(sock, NN_SOL_SOCKET, which, &fd, &bytes) < 0) {
    nanomsg_die("nn_getsockopt");
  }
  ready = event_new(base, fd, (short)(EV_READ | more), callback, arg);
  if (ready == NULL) model_die("event_new");
  return ready;
}

#endif /* EVOKE_EXAMPLES_MODELS_NANOMSG_SOCKET_H_ */
