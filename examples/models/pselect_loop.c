// SPDX-License-Identifier: BSD-3-Clause
//
// pselect: select that lets signals in, and closes the race between the two.
//
// Idea: "while (!ended) select(...)" has a hole. A signal that comes after the
// test and before the wait sets `ended`, and select then waits nevertheless,
// for ever if no client comes. pselect(2) takes a signal mask and sets it for
// as long as it waits, in one step: the signal is blocked everywhere else, so
// it can only come before the test or interrupt the wait.
// tests/models/pselect_race_test.cc shows both. Right when: the same as
// select_loop, with signals; no pipe is needed. Breaks when: the same as
// select: descriptors from 1024 on, and the cost of the whole map in each call.
// Who: POSIX put it into the standard for this race; OpenSSH's sshd waits so.
#include <signal.h>
#include <sys/select.h>

#include "connection.h"

static struct model_options options;
static struct model_stats stats;
static struct connection *clients;
static volatile sig_atomic_t ended;

static void on_term(int signal) { ended = signal; }

// Returns whether the listener may be asked again at once.
static int on_listener(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return errno != EMFILE && errno != ENFILE;
  ++stats.connections;
  if (fd >= FD_SETSIZE) {
    static int told;
    if (!told++) fprintf(stderr, "pselect: no place for descriptor %d\n", fd);
    close(fd);
    return 1;
  }
  connection_new(fd, &clients);
  return 1;
}

int main(int argc, char **argv) {
  struct sigaction term = {.sa_handler = on_term};
  sigset_t blocked, while_waiting;
  int listener_rests = 0;
  options = model_parse(argc, argv);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
  sigaction(SIGTERM, &term, NULL);
  int listener = model_listen(options.port, SOCK_NONBLOCK);
  while (!ended) {
    fd_set readable, writable;
    int highest = listener;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    if (!listener_rests) FD_SET(listener, &readable);
    for (struct connection *c = clients; c != NULL; c = c->next) {
      FD_SET(c->fd, c->unsent != NULL ? &writable : &readable);
      if (c->fd > highest) highest = c->fd;
    }
    struct timespec rest = {0, 10000000};
    int count = pselect(highest + 1, &readable, &writable, NULL,
                        listener_rests ? &rest : NULL, &while_waiting);
    listener_rests = 0;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) model_die("pselect");
    for (struct connection *c = clients, *next; c != NULL; c = next) {
      next = c->next;
      if (!FD_ISSET(c->fd, &readable) && !FD_ISSET(c->fd, &writable)) continue;
      if (connection_serve(c, &options, &stats) == CONNECTION_OVER) {
        connection_free(c);
      }
    }
    if (FD_ISSET(listener, &readable)) listener_rests = !on_listener(listener);
  }
  while (clients != NULL) connection_free(clients);
  close(listener);
  model_end(&options, &stats);
  return 0;
}
