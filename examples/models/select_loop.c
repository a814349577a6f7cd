// SPDX-License-Identifier: BSD-3-Clause
//
// select: one process waits for all descriptors at once.
//
// Idea: select(2) gets three sets of descriptors as bit maps and returns when
// one of them is ready; nobody needs a thread of its own to wait. All sockets
// are non-blocking, and what a client does not take yet is kept with its
// connection. A signal that comes just before select is called would be noticed
// only after it, so the handler writes into a pipe that is in the set: the
// self-pipe trick. Right when: descriptors are few and the program must run on
// every system. Breaks when: a descriptor is 1024 or above (FD_SETSIZE): it
// does not fit into the map, and FD_SET would write beside it. Here such a
// client is refused. And each call copies and walks through all bits, however
// few are ready. Who: the servers of the eighties and nineties; small tools to
// this day.
#include <fcntl.h>
#include <signal.h>
#include <sys/select.h>

#include "connection.h"

static struct model_options options;
static struct model_stats stats;
static struct connection *clients;
static int self_pipe[2];

static void on_term(int signal) {
  int saved = errno;
  ssize_t written = write(self_pipe[1], &signal, 1);
  (void)written;  // a full pipe wakes as well
  errno = saved;
}

// Returns whether the listener may be asked again at once.
static int on_listener(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return errno != EMFILE && errno != ENFILE;
  ++stats.connections;
  if (fd >= FD_SETSIZE) {
    static int told;
    if (!told++) fprintf(stderr, "select: no place for descriptor %d\n", fd);
    close(fd);
    return 1;
  }
  connection_new(fd, &clients);
  return 1;
}

int main(int argc, char **argv) {
  struct sigaction term = {.sa_handler = on_term, .sa_flags = SA_RESTART};
  int listener_rests = 0;
  options = model_parse(argc, argv);
  if (pipe2(self_pipe, O_CLOEXEC | O_NONBLOCK) < 0) model_die("pipe2");
  sigaction(SIGTERM, &term, NULL);
  int listener = model_listen(options.port, SOCK_NONBLOCK);
  for (;;) {
    // The sets are made anew each time: select leaves in them what is ready.
    fd_set readable, writable;
    int highest = listener > self_pipe[0] ? listener : self_pipe[0];
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(self_pipe[0], &readable);
    if (!listener_rests) FD_SET(listener, &readable);
    for (struct connection *c = clients; c != NULL; c = c->next) {
      // Who does not take the last answer is not read from.
      FD_SET(c->fd, c->unsent != NULL ? &writable : &readable);
      if (c->fd > highest) highest = c->fd;
    }
    // Out of descriptors, the listener rests instead of being ready for ever.
    struct timeval rest = {0, 10000};
    int count = select(highest + 1, &readable, &writable, NULL,
                       listener_rests ? &rest : NULL);
    listener_rests = 0;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) model_die("select");
    if (FD_ISSET(self_pipe[0], &readable)) break;
    for (struct connection *c = clients, *next; c != NULL; c = next) {
      next = c->next;
      if (!FD_ISSET(c->fd, &readable) && !FD_ISSET(c->fd, &writable)) continue;
      if (connection_serve(c, &options, &stats) == CONNECTION_OVER) {
        connection_free(c);
      }
    }
    // Last, since a new client could get the number of one that has just left.
    if (FD_ISSET(listener, &readable)) listener_rests = !on_listener(listener);
  }
  while (clients != NULL) connection_free(clients);
  close(listener);
  model_end(&options, &stats);
  return 0;
}
