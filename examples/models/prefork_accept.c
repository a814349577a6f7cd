// SPDX-License-Identifier: BSD-3-Clause
//
// Processes made beforehand, each serving one client at a time.
//
// Idea: fork(2) takes long, so it is done before anybody comes. All children
// block in accept(2) on the one listening socket that they inherited; the
// kernel gives each connection to one of them (and wakes only that one), which
// serves it to its end and then accepts again. Right when: each client must be
// alone in its process, and they are few at a time and come often. Breaks when:
// more clients than children are connected, busy or not: the others wait in the
// kernel's queue, and nobody tells them. A connection that idles holds a
// process. Who: Apache's prefork MPM; php-fpm.
#include "prefork.h"

enum { PROCESSES = 16, SHORTAGE_US = 10000 };

static struct model_options options;
static int listener;

// A child's whole life. No list of connections, no state to keep: the one that
// it has is on its stack, and where it waits, in accept or in recv, says what
// for. SIGTERM ends it in either.
static void accept_and_serve(struct prefork_worker *self) {
  for (;;) {
    // All children without a client wait here, and the kernel wakes one of
    // them: accept, unlike epoll, needs no flag against a herd.
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ++self->wakeups;
    if (fd < 0) {
      ++self->empty;
      // What is short does not come back more quickly for being asked for.
      if (errno == EMFILE || errno == ENFILE) usleep(SHORTAGE_US);
      continue;
    }
    ++self->stats.connections;
    while (model_serve(fd, &options, &self->stats) == 0) {
    }
    close(fd);
  }
}

int main(int argc, char **argv) {
  options = model_parse(argc, argv);
  // Before the fork, so that all have it. Blocking: who has no client has
  // nothing to do but to wait for one.
  listener = model_listen(options.port, 0);
  struct prefork all = prefork_begin(PROCESSES);
  // The parent touches no connection, so that nothing a client sends can harm
  // it: it makes the children, and another one for each that dies, which takes
  // one client along.
  do {
    for (int i = 0; i < PROCESSES; ++i) {
      if (all.workers[i].pid != 0) continue;
      struct prefork_worker *self = prefork_fork(&all, i);
      if (self != NULL) accept_and_serve(self);  // the child, for ever
    }
  } while (prefork_await_dead(&all));
  prefork_end(&all, &options);
  return 0;
}
