/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The steps that the loops of the prefork_* models have in common, which are
 * those of epoll_level.c: how a client is added and served. The loop, and all
 * that concerns the listening socket, stands in the model.
 */
#ifndef EVOKE_EXAMPLES_MODELS_PREFORK_LOOP_H_
#define EVOKE_EXAMPLES_MODELS_PREFORK_LOOP_H_

#include <sys/epoll.h>

#include "connection.h"
#include "prefork.h"

/* epoll_ctl(2); `client` is NULL for the listening socket. */
static inline int prefork_watch(int queue, int operation, int fd,
                                unsigned events, struct connection *client) {
  struct epoll_event event;
  memset(&event, 0, sizeof(event));
  event.events = events;
  event.data.ptr = client;
  return epoll_ctl(queue, operation, fd, &event);
}

/* A client that cannot be watched is refused: it sees its connection closed. */
static inline void prefork_add_client(int queue, int fd,
                                      struct connection **clients) {
  struct connection *c = connection_new(fd, clients);
  if (c != NULL && prefork_watch(queue, EPOLL_CTL_ADD, fd, EPOLLIN, c) < 0) {
    connection_free(c);
  }
}

static inline void prefork_serve_client(int queue, struct connection *c,
                                        const struct model_options *options,
                                        struct model_stats *stats) {
  int was_blocked = c->unsent != NULL;
  enum progress progress = connection_serve(c, options, stats);
  int is_blocked = progress == CONNECTION_BLOCKED;
  if (progress == CONNECTION_OVER ||
      (was_blocked != is_blocked &&
       prefork_watch(queue, EPOLL_CTL_MOD, c->fd,
                     is_blocked ? EPOLLOUT : EPOLLIN, c) < 0)) {
    connection_free(c);
  }
}

#endif /* EVOKE_EXAMPLES_MODELS_PREFORK_LOOP_H_ */
