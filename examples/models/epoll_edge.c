// SPDX-License-Identifier: BSD-3-Clause
//
// epoll, edge-triggered: told once, when something has changed.
//
// Idea: with EPOLLET a descriptor is reported when it becomes ready, not as
// long as it is. Reading and writing are both watched from the beginning, so
// that an answer which does not fit takes no epoll_ctl(2), neither when it
// blocks nor when the rest is sent. The price is a duty: who is told must go on
// until EAGAIN, or remember that he did not. Bytes that are left are not
// reported again until more come; a client that waits for its answer sends no
// more, and both wait for ever. tests/models/edge_test.cc shows it. Right when:
// epoll_ctl calls count, as with many short waits for writing, or one
// descriptor is watched by several threads.
// Breaks when: one forgets the duty; or when a client sends without end:
// whoever drains it serves nobody else. Here each gets 16 messages and is then
// asked for again by EPOLL_CTL_MOD, which reports it anew if it is ready: that
// is one epoll_ctl for 16 messages that come without a pause. Who: nginx; Go's
// runtime.
#include <signal.h>
#include <sys/epoll.h>

#include "connection.h"

enum { BATCH = 64, REST_MS = 10, MESSAGES_A_TURN = 16 };
enum { CLIENT_EVENTS = EPOLLIN | EPOLLOUT | EPOLLRDHUP };

static struct model_options options;
static struct model_stats stats;
static struct connection *clients;
static int queue;
static volatile sig_atomic_t ended;

static void on_term(int signal) { ended = signal; }

static int watch(int operation, int fd, unsigned events, void *client) {
  struct epoll_event event = {.events = events | EPOLLET,
                              .data = {.ptr = client}};
  return epoll_ctl(queue, operation, fd, &event);
}

// Accepts until there is nobody: the listener has edges, too. Returns whether
// that was reached.
static int on_listener(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (fd < 0) return errno == EAGAIN;
    ++stats.connections;
    struct connection *c = connection_new(fd, &clients);
    if (c != NULL && watch(EPOLL_CTL_ADD, fd, CLIENT_EVENTS, c) < 0) {
      connection_free(c);
    }
  }
}

static void on_client(struct connection *c) {
  enum progress progress = CONNECTION_SERVED;
  for (int i = 0; i < MESSAGES_A_TURN && progress == CONNECTION_SERVED; ++i) {
    progress = connection_serve(c, &options, &stats);
  }
  // BLOCKED and EMPTY have both met EAGAIN: the next edge will be told.
  if (progress == CONNECTION_OVER ||
      (progress == CONNECTION_SERVED &&
       watch(EPOLL_CTL_MOD, c->fd, CLIENT_EVENTS, c) < 0)) {
    connection_free(c);
  }
}

int main(int argc, char **argv) {
  struct sigaction term = {.sa_handler = on_term};
  sigset_t blocked, while_waiting;
  int all_accepted = 1;
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
    int count = epoll_pwait(queue, events, BATCH, all_accepted ? -1 : REST_MS,
                            &while_waiting);
    if (count < 0 && errno != EINTR) model_die("epoll_pwait");
    // Out of descriptors some are left, of whom no edge will tell: try again.
    int try_again = !all_accepted;
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr != NULL) {
        on_client(events[i].data.ptr);
      } else {
        try_again = 1;
      }
    }
    if (try_again) all_accepted = on_listener(listener);
  }
  while (clients != NULL) connection_free(clients);
  close(listener);
  close(queue);
  model_end(&options, &stats);
  return 0;
}
