// SPDX-License-Identifier: BSD-3-Clause
//
// Several processes, one listening socket, each with a loop of its own.
//
// Idea: the parent listens and forks; the workers inherit the socket, and each
// watches it with an epoll object of its own. A connection is taken by whoever
// accepts first, and served by him to its end; workers share nothing, so no
// lock is ever needed, and a crash takes one worker's clients along and no
// others. The herd: without further ado the kernel wakes all workers for each
// connection, one gets it and the others have woken for nothing. EPOLLEXCLUSIVE
// wakes one. Right when: connections and cores are many, and clients need
// nothing from each other. Breaks when: the load is uneven. The kernel wakes
// who waits, and prefers the same: one worker may hold most of the connections
// (prefork_reuseport spreads them). With --stats it tells who had how many.
// Who: nginx (accept_mutex was its way before EPOLLEXCLUSIVE); Apache's event
// MPM.
#include "prefork_loop.h"

enum { PROCESSES = 4, BATCH = 64, REST_MS = 10 };

static struct model_options options;
static int listener;  // everybody's

// Each worker's own: made after the fork.
static int queue;
static struct connection *clients;

// Without EPOLLEXCLUSIVE a connection would wake all who wait for this socket.
static int watch_listener(void) {
  return prefork_watch(queue, EPOLL_CTL_ADD, listener, EPOLLIN | EPOLLEXCLUSIVE,
                       NULL);
}

// One connection a turn, and not all that are there: who has this one to serve
// leaves the others to those who wait. Returns whether the listener may be
// asked again at once.
static int on_listener(struct prefork_worker *self) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  ++self->wakeups;
  if (fd < 0) {
    ++self->empty;  // another worker was quicker
    return errno != EMFILE && errno != ENFILE;
  }
  ++self->stats.connections;
  prefork_add_client(queue, fd, &clients);
  return 1;
}

// A worker's whole life: SIGTERM ends it, and it has nothing to put in order.
static void loop(struct prefork_worker *self) {
  int listener_rests = 0;
  // An epoll object made before the fork would be one for all: each would be
  // told of clients whose descriptors only another has.
  queue = epoll_create1(EPOLL_CLOEXEC);
  if (queue < 0 || watch_listener() < 0) model_die("epoll");
  for (;;) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(queue, events, BATCH, listener_rests ? REST_MS : -1);
    if (count < 0 && errno != EINTR) model_die("epoll_wait");
    if (listener_rests) listener_rests = watch_listener() < 0;
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr != NULL) {
        prefork_serve_client(queue, events[i].data.ptr, &options, &self->stats);
      } else if (!on_listener(self)) {
        // Out of descriptors, it rests. What is watched exclusively cannot be
        // modified (EINVAL), as epoll_level.c does; and while it is taken out,
        // the kernel wakes a worker that has room, and not this one.
        prefork_watch(queue, EPOLL_CTL_DEL, listener, 0, NULL);
        listener_rests = 1;
      }
    }
  }
}

int main(int argc, char **argv) {
  options = model_parse(argc, argv);
  // Non-blocking: whoever comes second must not wait in accept.
  listener = model_listen(options.port, SOCK_NONBLOCK);
  struct prefork all = prefork_begin(PROCESSES);
  do {
    for (int i = 0; i < PROCESSES; ++i) {
      if (all.workers[i].pid != 0) continue;
      struct prefork_worker *self = prefork_fork(&all, i);
      if (self != NULL) loop(self);  // the worker, for ever
    }
  } while (prefork_await_dead(&all));  // another for each that has died
  prefork_end(&all, &options);
  return 0;
}
