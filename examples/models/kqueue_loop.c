// SPDX-License-Identifier: BSD-3-Clause
//
// kqueue: one loop on the BSDs and macOS.
//
// Idea: kevent(2) is one call for everything. It takes a list of changes and
// brings a list of events, so that a turn costs one call however many interests
// have changed; and what is waited for is a pair of identifier and filter: a
// descriptor to read or to write, a signal, a timer.
// Right when: the system is a BSD or macOS, and connections are many.
// Breaks when: a batch holds two events of one descriptor and the first closes
// it. Here each client has one filter switched on at a time, reading or
// writing. Elsewhere it does not exist: under Linux this program is built with
// a stand-in for <sys/event.h> that its tests bring along
// (tests/models/kqueue_shim).
// Who: nginx, Redis and libevent on these systems.
#include <fcntl.h>
#include <signal.h>
#include <sys/event.h>

#include "connection.h"

enum { BATCH = 64, REST_MS = 10 };

static struct model_options options;
static struct model_stats stats;
static struct connection *clients;
static int queue;
static struct kevent changes[BATCH];  // told by the next wait
static int changes_count;

static void change(int ident, short filter, unsigned short flags, long data,
                   void *client) {
  if (changes_count == BATCH) {
    if (kevent(queue, changes, changes_count, NULL, 0, NULL) < 0) {
      model_die("kevent");
    }
    changes_count = 0;
  }
  EV_SET(&changes[changes_count], (uintptr_t)ident, filter, flags, 0, data,
         client);
  ++changes_count;
}

// close() takes the filters along; no change of this client is under way, since
// its event of this batch is the one that is being handled.
static void on_client(struct connection *client) {
  int was_blocked = client->unsent != NULL;
  enum progress progress = connection_serve(client, &options, &stats);
  int is_blocked = progress == CONNECTION_BLOCKED;
  if (progress == CONNECTION_OVER) {
    connection_free(client);
  } else if (was_blocked != is_blocked) {
    // The rest waits until the client reads, and nothing is read from it.
    change(client->fd, EVFILT_READ, is_blocked ? EV_DISABLE : EV_ENABLE, 0,
           client);
    change(client->fd, EVFILT_WRITE, is_blocked ? EV_ENABLE : EV_DISABLE, 0,
           client);
  }
}

static void on_listener(int listener) {
  int fd = accept(listener, NULL, NULL);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
    // The listener rests instead of being ready for ever; the timer wakes it.
    change(listener, EVFILT_READ, EV_DISABLE, 0, NULL);
    change(listener, EVFILT_TIMER, EV_ADD | EV_ONESHOT, REST_MS, NULL);
  }
  if (fd < 0) return;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  ++stats.connections;
  struct connection *client = connection_new(fd, &clients);
  if (client == NULL) return;
  change(fd, EVFILT_READ, EV_ADD, 0, client);
  change(fd, EVFILT_WRITE, EV_ADD | EV_DISABLE, 0, client);
}

int main(int argc, char **argv) {
  int running = 1;
  options = model_parse(argc, argv);
  queue = kqueue();
  if (queue < 0) model_die("kqueue");
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, SIG_IGN);  // the filter sees it all the same
  change(SIGTERM, EVFILT_SIGNAL, EV_ADD, 0, NULL);
  int listener = model_listen(options.port, 0);
  fcntl(listener, F_SETFL, O_NONBLOCK);
  change(listener, EVFILT_READ, EV_ADD, 0, NULL);
  while (running) {
    struct kevent events[BATCH];
    int count = kevent(queue, changes, changes_count, events, BATCH, NULL);
    if (count < 0 && errno != EINTR) model_die("kevent");
    changes_count = 0;
    for (int i = 0; i < count; ++i) {
      const struct kevent *event = &events[i];
      errno = (int)event->data;
      if (event->flags & EV_ERROR) model_die("kevent: a change was refused");
      if (event->filter == EVFILT_SIGNAL) {
        running = 0;
      } else if (event->filter == EVFILT_TIMER) {
        change(listener, EVFILT_READ, EV_ENABLE, 0, NULL);
      } else if (event->udata == NULL) {
        on_listener(listener);
      } else {
        on_client(event->udata);
      }
    }
  }
  while (clients != NULL) connection_free(clients);
  close(listener);
  close(queue);
  model_end(&options, &stats);
  return 0;
}
