// SPDX-License-Identifier: BSD-3-Clause
//
// Several processes, each with a listening socket and a loop of its own.
//
// Idea: with SO_REUSEPORT several sockets may listen on one port. The kernel
// gives each connection to one of them by a hash of the addresses, so that it
// spreads evenly, and no two workers ever compete for one.
// The parent makes all sockets before it forks, and keeps them: what waits in
// the queue of a worker that dies is served by the one that takes its place.
// Right when: the same as prefork_shared_listener, and connections come
// quickly. Breaks when: the hash is unfair: it does not know who is busy, and a
// connection in the queue of a worker that hangs waits although others are
// idle. When the number of sockets changes, what the hash says changes, too.
// Who: nginx with `listen ... reuseport`; Envoy; many DNS servers.
#include "prefork_loop.h"

enum { PROCESSES = 4, BATCH = 64, REST_MS = 10 };

static struct model_options options;
static int listeners[PROCESSES];  // the parent has all, a worker its own

// All before the first client comes: the hash depends on their number.
static void make_listeners(void) {
  struct sockaddr_in address;
  socklen_t length = sizeof(address);
  listeners[0] = model_bind(options.port, SOCK_NONBLOCK, 1);
  // With --port 0 the first one's port is everybody's.
  if (getsockname(listeners[0], (struct sockaddr *)&address, &length) < 0) {
    model_die("getsockname");
  }
  for (int i = 1; i < PROCESSES; ++i) {
    listeners[i] = model_bind(ntohs(address.sin_port), SOCK_NONBLOCK, 1);
  }
  model_print_port(listeners[0]);
}

// Returns whether the listener may be asked again at once.
static int on_listener(int queue, int listener, struct connection **clients,
                       struct prefork_worker *self) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  ++self->wakeups;
  if (fd < 0) {
    ++self->empty;  // a client that left; no other worker takes from here
    return errno != EMFILE && errno != ENFILE;
  }
  ++self->stats.connections;
  prefork_add_client(queue, fd, clients);
  return 1;
}

// A worker's whole life: SIGTERM ends it, and it has nothing to put in order.
// But for the closing it is the loop of epoll_level.c: nobody else waits for
// this socket, so that it takes no flag against a herd.
static void loop(int index, struct prefork_worker *self) {
  struct connection *clients = NULL;
  int listener = listeners[index], listener_rests = 0;
  for (int i = 0; i < PROCESSES; ++i) {
    if (i != index) close(listeners[i]);  // its worker and the parent have it
  }
  int queue = epoll_create1(EPOLL_CLOEXEC);
  if (queue < 0 ||
      prefork_watch(queue, EPOLL_CTL_ADD, listener, EPOLLIN, NULL) < 0) {
    model_die("epoll");
  }
  for (;;) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(queue, events, BATCH, listener_rests ? REST_MS : -1);
    if (count < 0 && errno != EINTR) model_die("epoll_wait");
    if (listener_rests) {
      prefork_watch(queue, EPOLL_CTL_MOD, listener, EPOLLIN, NULL);
      listener_rests = 0;
    }
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr != NULL) {
        prefork_serve_client(queue, events[i].data.ptr, &options, &self->stats);
      } else if (!on_listener(queue, listener, &clients, self)) {
        // Out of descriptors, it rests; the hash fills its queue meanwhile.
        prefork_watch(queue, EPOLL_CTL_MOD, listener, 0, NULL);
        listener_rests = 1;
      }
    }
  }
}

int main(int argc, char **argv) {
  options = model_parse(argc, argv);
  make_listeners();
  struct prefork all = prefork_begin(PROCESSES);
  do {
    for (int i = 0; i < PROCESSES; ++i) {
      if (all.workers[i].pid != 0) continue;
      struct prefork_worker *self = prefork_fork(&all, i);
      if (self != NULL) loop(i, self);  // the worker, for ever
    }
  } while (prefork_await_dead(&all));  // another for each that has died
  prefork_end(&all, &options);
  return 0;
}
