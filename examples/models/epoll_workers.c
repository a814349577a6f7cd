// SPDX-License-Identifier: BSD-3-Clause
//
// One loop, and a pool of workers.
//
// Idea: the loop does all that concerns sockets, which is quick; a worker gets
// what takes long, a whole message, and never sees a descriptor. What a worker
// has done goes into a list, and an eventfd(2), which epoll watches like any
// other descriptor, tells the loop, which sends the answers.
// A connection has one message under way at a time (EPOLLONESHOT keeps it
// silent meanwhile), so that answers come in order, and memory is bounded.
// Right when: messages need computation or blocking calls (files, name lookups,
// a database) and connections are many. Breaks when: the work is short, as it
// is here: two hand-overs a message cost more than the message. Who: Node.js
// (libuv's pool for files and names), nginx's thread pools.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "jobs.h"

enum { BATCH = 64, REST_MS = 10, WORKERS = 4 };

static struct model_options options;
static struct model_stats stats;
static struct connection *clients;  // the loop's
static int queue, done_fd, listener;
static volatile sig_atomic_t ended;

// What the threads share.
static struct jobs to_do = JOBS_NONE, done = JOBS_NONE;

static void on_term(int signal) { ended = signal; }

// --- A worker.

static void *work(void *arg) {
  struct job *job;
  while ((job = jobs_take(&to_do)) != NULL) {
    // Here a real server computes. The answer of an echo is the message.
    if (options.print) model_print(job->data, job->bytes);
    // Who finds others in the list need not wake the loop: they have.
    if (jobs_put(&done, job)) eventfd_write(done_fd, 1);
  }
  return arg;
}

// --- The loop.

static int watch(int operation, int fd, unsigned events, void *client) {
  struct epoll_event event = {.events = events, .data = {.ptr = client}};
  return epoll_ctl(queue, operation, fd, &event);
}

// Asks again for a connection that was silent.
static void go_on(struct connection *c, enum progress progress) {
  unsigned wants = progress == CONNECTION_BLOCKED ? EPOLLOUT : EPOLLIN;
  if (progress == CONNECTION_OVER ||
      watch(EPOLL_CTL_MOD, c->fd, wants | EPOLLONESHOT, c) < 0) {
    connection_free(c);
  }
}

static void on_client(struct connection *c) {
  enum progress progress = CONNECTION_BLOCKED;
  struct job *job = c->unsent == NULL ? job_receive(c, &progress) : NULL;
  if (c->unsent != NULL) progress = connection_resume(c);
  if (job == NULL) {
    go_on(c, progress);
    return;
  }
  model_count(&stats, (ssize_t)job->bytes);
  jobs_put(&to_do, job);
}

static void on_done(void) {
  eventfd_t count;
  eventfd_read(done_fd, &count);
  struct job *job = jobs_take_all(&done);
  while (job != NULL) {
    struct job *next = job->next;
    struct connection *c = job->client;
    go_on(c, options.print ? CONNECTION_SERVED
                           : connection_send(c, job->data, job->bytes));
    free(job);
    job = next;
  }
}

// Returns whether the listener may be asked again at once.
static int on_listener(void) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return errno != EMFILE && errno != ENFILE;
  ++stats.connections;
  struct connection *c = connection_new(fd, &clients);
  if (c != NULL && watch(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT, c) < 0) {
    connection_free(c);
  }
  return 1;
}

static void loop(const sigset_t *while_waiting) {
  int listener_rests = 0;
  while (!ended) {
    struct epoll_event events[BATCH];
    int count = epoll_pwait(queue, events, BATCH, listener_rests ? REST_MS : -1,
                            while_waiting);
    if (count < 0 && errno != EINTR) model_die("epoll_pwait");
    if (listener_rests) watch(EPOLL_CTL_MOD, listener, EPOLLIN, &listener);
    listener_rests = 0;
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr == &done_fd) {
        on_done();
      } else if (events[i].data.ptr != &listener) {
        on_client(events[i].data.ptr);
      } else if (!on_listener()) {
        watch(EPOLL_CTL_MOD, listener, 0, &listener);
        listener_rests = 1;
      }
    }
  }
}

int main(int argc, char **argv) {
  struct sigaction term = {.sa_handler = on_term};
  sigset_t blocked, while_waiting;
  pthread_t workers[WORKERS];
  options = model_parse(argc, argv);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &while_waiting);  // in all threads
  sigaction(SIGTERM, &term, NULL);
  queue = epoll_create1(EPOLL_CLOEXEC);
  done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (queue < 0 || done_fd < 0) model_die("epoll_create1, eventfd");
  jobs_start(workers, WORKERS, work);
  listener = model_listen(options.port, SOCK_NONBLOCK);
  if (watch(EPOLL_CTL_ADD, listener, EPOLLIN, &listener) < 0 ||
      watch(EPOLL_CTL_ADD, done_fd, EPOLLIN, &done_fd) < 0) {
    model_die("epoll_ctl");
  }
  loop(&while_waiting);
  jobs_stop(workers, WORKERS, &to_do);
  jobs_clear(&done);
  while (clients != NULL) connection_free(clients);
  close(listener);
  close(done_fd);
  close(queue);
  model_end(&options, &stats);
  return 0;
}
