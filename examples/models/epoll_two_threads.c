// SPDX-License-Identifier: BSD-3-Clause
//
// Two threads: one accepts and waits, the other receives and handles.
//
// Idea: the first thread sits in epoll_wait(2). It accepts who comes, and puts
// a connection that is ready into a queue; the second takes it out, receives,
// handles and answers. So a message that takes long keeps nobody from being
// accepted, and the second core has something to do.
// EPOLLONESHOT makes it safe: a connection that was reported is silent until
// the second thread asks for it again, so it is never in the queue twice, and
// only one thread at a time touches it. Right when: accepting must never wait
// for handling. Breaks when: the handling is more than one core can do
// (epoll_workers, prefork_*); and each message now costs a lock, a wake-up of
// the other thread and an epoll_ctl(2), which for short messages is more than
// the work itself. Who: the book's large server; the pattern
// "half-sync/half-async" in small.
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>

#include "connection.h"

enum { BATCH = 64, REST_MS = 10 };

static struct model_options options;
static struct model_stats stats;
static int queue;
static volatile sig_atomic_t ended;

// What the threads share, under the lock.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_some = PTHREAD_COND_INITIALIZER;
static struct connection *clients;
static struct connection *first_ready, **last_ready = &first_ready;
static int is_over;

static void on_term(int signal) { ended = signal; }

static int watch(int operation, int fd, unsigned events, void *client) {
  struct epoll_event event = {.events = events, .data = {.ptr = client}};
  return epoll_ctl(queue, operation, fd, &event);
}

static void free_client(struct connection *c) {
  pthread_mutex_lock(&lock);
  connection_free(c);
  pthread_mutex_unlock(&lock);
}

// --- The first thread.

// Returns whether the listener may be asked again at once.
static int on_listener(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return errno != EMFILE && errno != ENFILE;
  ++stats.connections;
  pthread_mutex_lock(&lock);
  struct connection *c = connection_new(fd, &clients);
  pthread_mutex_unlock(&lock);
  if (c != NULL && watch(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT, c) < 0) {
    free_client(c);
  }
  return 1;
}

static void hand_over(struct connection *c) {
  pthread_mutex_lock(&lock);
  c->next_ready = NULL;
  *last_ready = c;
  last_ready = &c->next_ready;
  pthread_cond_signal(&has_some);
  pthread_mutex_unlock(&lock);
}

// --- The second thread.

// The next ready connection; NULL at the end.
static struct connection *take(void) {
  pthread_mutex_lock(&lock);
  while (first_ready == NULL && !is_over) pthread_cond_wait(&has_some, &lock);
  struct connection *c = is_over ? NULL : first_ready;
  if (c != NULL && (first_ready = c->next_ready) == NULL) {
    last_ready = &first_ready;
  }
  pthread_mutex_unlock(&lock);
  return c;
}

static void *receive_and_handle(void *arg) {
  struct connection *c;
  while ((c = take()) != NULL) {
    enum progress progress = connection_serve(c, &options, &stats);
    unsigned wants = progress == CONNECTION_BLOCKED ? EPOLLOUT : EPOLLIN;
    if (progress == CONNECTION_OVER ||
        watch(EPOLL_CTL_MOD, c->fd, wants | EPOLLONESHOT, c) < 0) {
      free_client(c);
    }
  }
  return arg;
}

int main(int argc, char **argv) {
  struct sigaction term = {.sa_handler = on_term};
  sigset_t blocked, while_waiting;
  pthread_t second;
  int listener_rests = 0;
  options = model_parse(argc, argv);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &while_waiting);  // in both threads
  sigaction(SIGTERM, &term, NULL);
  queue = epoll_create1(EPOLL_CLOEXEC);
  if (queue < 0) model_die("epoll_create1");
  if (pthread_create(&second, NULL, receive_and_handle, NULL) != 0) {
    model_die("pthread_create");
  }
  int listener = model_listen(options.port, SOCK_NONBLOCK);
  if (watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL) < 0) model_die("epoll_ctl");
  while (!ended) {
    struct epoll_event events[BATCH];
    int count = epoll_pwait(queue, events, BATCH, listener_rests ? REST_MS : -1,
                            &while_waiting);
    if (count < 0 && errno != EINTR) model_die("epoll_pwait");
    if (listener_rests) watch(EPOLL_CTL_MOD, listener, EPOLLIN, NULL);
    listener_rests = 0;
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr != NULL) {
        hand_over(events[i].data.ptr);
      } else if (!on_listener(listener)) {
        watch(EPOLL_CTL_MOD, listener, 0, NULL);
        listener_rests = 1;
      }
    }
  }
  pthread_mutex_lock(&lock);
  is_over = 1;
  pthread_cond_signal(&has_some);
  pthread_mutex_unlock(&lock);
  pthread_join(second, NULL);
  while (clients != NULL) connection_free(clients);
  close(listener);
  close(queue);
  model_end(&options, &stats);
  return 0;
}
