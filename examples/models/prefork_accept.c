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

enum { PROCESSES = 16 };

static struct model_options options;
static int listener;

static void accept_and_serve(int index, struct prefork_worker *self) {
  (void)index;
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ++self->wakeups;
    if (fd < 0) {
      ++self->empty;
      if (errno == EMFILE || errno == ENFILE) usleep(10000);
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
  listener = model_listen(options.port, 0);
  return prefork_main(&options, PROCESSES, accept_and_serve);
}
