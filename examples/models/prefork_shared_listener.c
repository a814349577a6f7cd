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

enum { PROCESSES = 4 };

static struct model_options options;
static int listener;

static void run(int index, struct prefork_worker *self) {
  (void)index;
  prefork_loop(listener, EPOLLIN | EPOLLEXCLUSIVE, &options, self);
}

int main(int argc, char **argv) {
  options = model_parse(argc, argv);
  // Non-blocking: whoever comes second must not wait in accept.
  listener = model_listen(options.port, SOCK_NONBLOCK);
  return prefork_main(&options, PROCESSES, run);
}
