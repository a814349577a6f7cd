// SPDX-License-Identifier: BSD-3-Clause
//
// poll: select without its limit.
//
// Idea: poll(2) takes an array with one entry for each descriptor, what it
// waits for and, after the call, what it is ready for. There is no highest
// descriptor, and the array need not be made anew for each call: only what
// changes is written. Here entry i + 1 is for clients[i]; entry 0 is the
// listener. Right when: some hundreds of descriptors, most of them busy, on any
// Unix. Breaks when: there are thousands and few are busy: the kernel reads the
// whole array in each call and asks each descriptor, and the program looks
// through it for the few that are ready. The cost of a message grows with who
// is silent. Who: ssh, curl and many a client; libevent where there is nothing
// better.
#include <poll.h>
#include <signal.h>

#include "connection.h"

static struct model_options options;
static struct model_stats stats;
static struct connection *all;  // for connection_new; the array is what is used
static struct connection **clients;
static struct pollfd *watched;
static size_t count, room;
static volatile sig_atomic_t ended;

static void on_term(int signal) { ended = signal; }

// Makes room for one more client. 0, or -1 without memory.
static int grow(void) {
  if (count < room) return 0;
  size_t wanted = room * 2 + 64;
  void *more = realloc(clients, wanted * sizeof(clients[0]));
  if (more == NULL) return -1;
  clients = more;
  more = realloc(watched, (wanted + 1) * sizeof(watched[0]));
  if (more == NULL) return -1;
  watched = more;
  room = wanted;
  return 0;
}

// Returns whether the listener may be asked again at once.
static int on_listener(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return errno != EMFILE && errno != ENFILE;
  ++stats.connections;
  struct connection *c = connection_new(fd, &all);
  if (c == NULL) return 1;
  if (grow() < 0) {
    connection_free(c);
    return 1;
  }
  clients[count++] = c;
  watched[count] = (struct pollfd){fd, POLLIN, 0};
  return 1;
}

static void on_client(size_t i) {
  switch (connection_serve(clients[i], &options, &stats)) {
    case CONNECTION_OVER:
      connection_free(clients[i]);
      // The last one takes the free place.
      clients[i] = clients[--count];
      watched[i + 1] = watched[count + 1];
      break;
    case CONNECTION_BLOCKED:
      watched[i + 1].events = POLLOUT;  // and not read from, until it has room
      break;
    default:
      watched[i + 1].events = POLLIN;
  }
}

int main(int argc, char **argv) {
  struct sigaction term = {.sa_handler = on_term};
  sigset_t blocked, while_waiting;
  options = model_parse(argc, argv);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
  sigaction(SIGTERM, &term, NULL);
  if (grow() < 0) model_die("malloc");
  int listener = model_listen(options.port, SOCK_NONBLOCK);
  watched[0] = (struct pollfd){listener, POLLIN, 0};
  while (!ended) {
    // poll with a signal mask: see pselect_loop.c for why.
    struct timespec rest = {0, 10000000};
    int ready = ppoll(watched, count + 1, watched[0].fd < 0 ? &rest : NULL,
                      &while_waiting);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) model_die("ppoll");
    // From the end: the one that takes a free place has had its turn.
    for (size_t i = count; i-- > 0;) {
      if (watched[i + 1].revents != 0) on_client(i);
    }
    // Out of descriptors, the listener rests: poll skips what is negative.
    int was_ready = watched[0].fd >= 0 && watched[0].revents != 0;
    watched[0].fd = was_ready && !on_listener(listener) ? -1 : listener;
  }
  while (all != NULL) connection_free(all);
  free(clients);
  free(watched);
  close(listener);
  model_end(&options, &stats);
  return 0;
}
