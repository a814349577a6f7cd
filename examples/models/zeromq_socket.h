/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steps that each ZeroMQ model takes: a socket, its address, and its descriptor
 * in evoke's loop.
 *
 * The descriptor is not what it looks like. It is edge-triggered and speaks of
 * neither reading nor writing: it becomes readable when something has happened
 * to the socket, and reading the option ZMQ_EVENTS takes that away and tells
 * what the socket can do now. So
 *   - one wakeup may stand for many messages: go on until ZMQ_EVENTS says that
 *     there are no more;
 *   - zmq_send and zmq_recv look into the mailbox, too, and may take a wakeup
 *     with them: read ZMQ_EVENTS again after each, and before the first wait;
 *   - it is watched for reading also by who waits to send.
 */
#ifndef EVOKE_EXAMPLES_MODELS_ZEROMQ_SOCKET_H_
#define EVOKE_EXAMPLES_MODELS_ZEROMQ_SOCKET_H_

#include <zmq.h>

#include "messaging.h"

/* How many messages a socket may handle in one turn; the other events of the
 * loop want theirs. Since no second wakeup comes, a timer of zero continues. */
enum { ZEROMQ_MESSAGES_PER_TURN = 64 };

static inline void zeromq_die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, zmq_strerror(zmq_errno()));
  exit(1);
}

/* A context whose end waits for no message that could not be sent yet. */
static inline void *zeromq_context(void) {
  void *context = zmq_ctx_new();
  if (context == NULL) zeromq_die("zmq_ctx_new");
  zmq_ctx_set(context, ZMQ_BLOCKY, 0);
  return context;
}

static inline void *zeromq_socket(void *context, int type) {
  void *sock = zmq_socket(context, type);
  if (sock == NULL) zeromq_die("zmq_socket");
  return sock;
}

/* Listens on `port` of the loopback, 0 for any, and says so: "NAME: port". */
static inline void zeromq_bind(void *sock, int port, const char *name) {
  char address[64];
  size_t bytes = sizeof(address);
  snprintf(address, sizeof(address), port == 0 ? "%s*" : "%s%d",
           "tcp://127.0.0.1:", port);
  if (zmq_bind(sock, address) < 0 ||
      zmq_getsockopt(sock, ZMQ_LAST_ENDPOINT, address, &bytes) < 0) {
    zeromq_die("zmq_bind");
  }
  fprintf(stderr, "%s: %s\n", name, strrchr(address, ':') + 1);
}

/* Connects in the background, and again whenever the connection is lost. */
static inline void zeromq_connect(void *sock, int port) {
  char address[64];
  snprintf(address, sizeof(address), "tcp://127.0.0.1:%d", port);
  if (zmq_connect(sock, address) < 0) zeromq_die("zmq_connect");
}

/* What the socket can do now: ZMQ_POLLIN, ZMQ_POLLOUT. */
static inline int zeromq_can(void *sock) {
  int events = 0;
  size_t bytes = sizeof(events);
  while (zmq_getsockopt(sock, ZMQ_EVENTS, &events, &bytes) < 0) {
    if (zmq_errno() != EINTR) zeromq_die("ZMQ_EVENTS");
  }
  return events;
}

/*
 * An event that calls `callback` when something has happened to the socket, and
 * once in the first turn, for what happened before. Freed before the socket.
 */
static inline struct event *zeromq_event(struct event_base *base, void *sock,
                                         event_callback_fn callback,
                                         void *arg) {
  int fd;
  size_t bytes = sizeof(fd);
  struct event *ready = NULL;
  if (zmq_getsockopt(sock, ZMQ_FD, &fd, &bytes) < 0) zeromq_die("ZMQ_FD");
  ready = event_new(base, fd, EV_READ | EV_PERSIST, callback, arg);
  if (ready == NULL || event_add(ready, NULL) < 0) model_die("event_new");
  event_active(ready, EV_READ, 0);
  return ready;
}

/* Calls the event's callback in the next turn, whatever the descriptor says. */
static inline void zeromq_continue(struct event *ready) {
  struct timeval now = {0, 0};
  event_base_once(event_get_base(ready), -1, EV_TIMEOUT,
                  event_get_callback(ready), event_get_callback_arg(ready),
                  &now);
}

#endif /* EVOKE_EXAMPLES_MODELS_ZEROMQ_SOCKET_H_ */
