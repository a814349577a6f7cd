// SPDX-License-Identifier: BSD-3-Clause
//
// epoll, level-triggered: the kernel remembers what is waited for.
//
// Idea: select and poll tell the kernel everything in each call. epoll(7) keeps
// the list in the kernel; epoll_ctl(2) changes it, and epoll_wait(2) brings
// only those that are ready, so that a turn costs what happens, not what is
// silent. Level-triggered: as long as there are bytes, it is ready; one may
// leave some for the next turn, and a client that sends much holds up nobody.
// Right when: connections are many and most of them idle.
// Breaks when: one process cannot serve all that are busy: it runs on one core.
// Regular files are always ready, and disks still block. Linux only.
// Who: libevent, libuv and evoke; Redis; HAProxy.
#include <signal.h>
#include <sys/epoll.h>

#include "connection.h"

enum { BATCH = 64, REST_MS = 10 };

static struct model_options options;
static struct model_stats stats;
static struct connection *clients;
static int queue;
static volatile sig_atomic_t ended;

static void on_term(int signal) { ended = signal; }

static int watch(int operation, int fd, unsigned events, void *client) {
  struct epoll_event event = {.events = events, .data = {.ptr = client}};
  return epoll_ctl(queue, operation, fd, &event);
}

// Returns whether the listener may be asked again at once.
static int on_listener(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return errno != EMFILE && errno != ENFILE;
  ++stats.connections;
  struct connection *c = connection_new(fd, &clients);
  if (c != NULL && watch(EPOLL_CTL_ADD, fd, EPOLLIN, c) < 0) {
    connection_free(c);
  }
  return 1;
}

static void on_client(struct connection *c) {
  int was_blocked = c->unsent != NULL;
  enum progress progress = connection_serve(c, &options, &stats);
  int is_blocked = progress == CONNECTION_BLOCKED;
  // The kernel is told when something changes, which is seldom.
  if (progress == CONNECTION_OVER ||
      (was_blocked != is_blocked &&
       watch(EPOLL_CTL_MOD, c->fd, is_blocked ? EPOLLOUT : EPOLLIN, c) < 0)) {
    connection_free(c);  // close() takes it out of the queue, too
  }
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
  queue = epoll_create1(EPOLL_CLOEXEC);
  if (queue < 0) model_die("epoll_create1");
  int listener = model_listen(options.port, SOCK_NONBLOCK);
  if (watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL) < 0) model_die("epoll_ctl");
  while (!ended) {
    struct epoll_event events[BATCH];
    // With a signal mask: see pselect_loop.c for why.
    int count = epoll_pwait(queue, events, BATCH, listener_rests ? REST_MS : -1,
                            &while_waiting);
    if (count < 0 && errno != EINTR) model_die("epoll_pwait");
    if (listener_rests) {
      watch(EPOLL_CTL_MOD, listener, EPOLLIN, NULL);
      listener_rests = 0;
    }
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr != NULL) {
        on_client(events[i].data.ptr);
      } else if (!on_listener(listener)) {
        // Out of descriptors, it rests instead of being ready for ever.
        watch(EPOLL_CTL_MOD, listener, 0, NULL);
        listener_rests = 1;
      }
    }
  }
  while (clients != NULL) connection_free(clients);
  close(listener);
  close(queue);
  model_end(&options, &stats);
  return 0;
}
