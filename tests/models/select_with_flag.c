// SPDX-License-Identifier: BSD-3-Clause
//
// What pselect_loop.c would be without pselect, as many programs are: the
// signal is not blocked, a handler sets a flag, and the flag is tested before
// each select(2). It accepts and closes. pselect_race_test.cc meets its hole.
#include <signal.h>
#include <sys/select.h>

#include "examples/models/model.h"

static volatile sig_atomic_t ended;

static void on_term(int signal) {
  ended = signal;
  (void)!write(STDOUT_FILENO, "told\n", 5);
}

int main(int argc, char **argv) {
  struct sigaction term = {.sa_handler = on_term};
  struct model_options options = model_parse(argc, argv);
  sigaction(SIGTERM, &term, NULL);
  int listener = model_listen(options.port, SOCK_NONBLOCK);
  while (!ended) {
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(listener, &readable);
    if (select(listener + 1, &readable, NULL, NULL, NULL) <= 0) continue;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) close(fd);
  }
  return 0;
}
