/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a worker of the prefork_* models with a loop does: epoll_level.c over
 * again, with an epoll object of its own, which it must make after the fork
 * (one that is inherited is shared). It counts how often the listener woke it,
 * and how often for nothing.
 */
#ifndef EVOKE_EXAMPLES_MODELS_PREFORK_LOOP_H_
#define EVOKE_EXAMPLES_MODELS_PREFORK_LOOP_H_

#include <sys/epoll.h>

#include "connection.h"
#include "prefork.h"

enum { PREFORK_BATCH = 64, PREFORK_REST_MS = 10 };

static inline int prefork_watch(int queue, int operation, int fd,
                                unsigned events, void *client) {
  struct epoll_event event;
  memset(&event, 0, sizeof(event));
  event.events = events;
  event.data.ptr = client;
  return epoll_ctl(queue, operation, fd, &event);
}

/* Returns whether the listener may be asked again at once. */
static inline int prefork_accept_one(int queue, int listener,
                                     struct connection **clients,
                                     struct prefork_worker *self) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  ++self->wakeups;
  if (fd < 0) {
    ++self->empty;
    return errno != EMFILE && errno != ENFILE;
  }
  ++self->stats.connections;
  struct connection *c = connection_new(fd, clients);
  if (c != NULL && prefork_watch(queue, EPOLL_CTL_ADD, fd, EPOLLIN, c) < 0) {
    connection_free(c);
  }
  return 1;
}

static inline void prefork_serve(int queue, struct connection *c,
                                 const struct model_options *options,
                                 struct prefork_worker *self) {
  int was_blocked = c->unsent != NULL;
  enum progress progress = connection_serve(c, options, &self->stats);
  int is_blocked = progress == CONNECTION_BLOCKED;
  if (progress == CONNECTION_OVER ||
      (was_blocked != is_blocked &&
       prefork_watch(queue, EPOLL_CTL_MOD, c->fd,
                     is_blocked ? EPOLLOUT : EPOLLIN, c) < 0)) {
    connection_free(c);
  }
}

/* For ever; `listener_events` is EPOLLIN and what the model adds to it. */
static inline void prefork_loop(int listener, unsigned listener_events,
                                const struct model_options *options,
                                struct prefork_worker *self) {
  struct connection *clients = NULL;
  int listener_rests = 0;
  int queue = epoll_create1(EPOLL_CLOEXEC);
  if (queue < 0 || prefork_watch(queue, EPOLL_CTL_ADD, listener,
                                 listener_events, NULL) < 0) {
    model_die("epoll");
  }
  for (;;) {
    struct epoll_event events[PREFORK_BATCH];
    int count = epoll_wait(queue, events, PREFORK_BATCH,
                           listener_rests ? PREFORK_REST_MS : -1);
    if (count < 0 && errno != EINTR) model_die("epoll_wait");
    if (listener_rests) {
      prefork_watch(queue, EPOLL_CTL_ADD, listener, listener_events, NULL);
      listener_rests = 0;
    }
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr != NULL) {
        prefork_serve(queue, (struct connection *)events[i].data.ptr, options,
                      self);
      } else if (!prefork_accept_one(queue, listener, &clients, self)) {
        /* Taken out to rest: an exclusive one cannot be modified. */
        prefork_watch(queue, EPOLL_CTL_DEL, listener, 0, NULL);
        listener_rests = 1;
      }
    }
  }
}

#endif /* EVOKE_EXAMPLES_MODELS_PREFORK_LOOP_H_ */
