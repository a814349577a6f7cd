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

enum { PROCESSES = 4 };

static struct model_options options;
static int listeners[PROCESSES];

static void run(int index, struct prefork_worker *self) {
  for (int i = 0; i < PROCESSES; ++i) {
    if (i != index) close(listeners[i]);
  }
  prefork_loop(listeners[index], EPOLLIN, &options, self);
}

int main(int argc, char **argv) {
  struct sockaddr_in address;
  socklen_t length = sizeof(address);
  options = model_parse(argc, argv);
  listeners[0] = model_bind(options.port, SOCK_NONBLOCK, 1);
  // With --port 0 the first one's port is everybody's.
  if (getsockname(listeners[0], (struct sockaddr *)&address, &length) < 0) {
    model_die("getsockname");
  }
  for (int i = 1; i < PROCESSES; ++i) {
    listeners[i] = model_bind(ntohs(address.sin_port), SOCK_NONBLOCK, 1);
  }
  model_print_port(listeners[0]);
  return prefork_main(&options, PROCESSES, run);
}
