// SPDX-License-Identifier: BSD-3-Clause
//
// A bounded pool of threads.
//
// Idea: the threads are made once; the main thread accepts and puts each
// connection into a queue, from which whichever thread is free takes one and
// serves it to its end. Both are bounded: when the queue is full, nobody
// accepts, and what comes waits in the kernel's queue, and at last with the
// client. Right when: a bound on memory and threads matters more than that
// everybody is served at once; connections are short. Breaks when: clients
// stay: as many as there are threads are served, the others wait however idle
// the first are. That is why later models give a thread a message rather than a
// connection. Who: Tomcat's and many other servlet containers' classical
// connector.
#include <pthread.h>
#include <signal.h>

#include "model.h"

enum { THREADS = 16, QUEUE_PLACES = 64 };

static struct model_options options;
static struct model_stats stats;

// A ring of descriptors.
static int waiting[QUEUE_PLACES];
static int first, count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_some = PTHREAD_COND_INITIALIZER;
static pthread_cond_t has_room = PTHREAD_COND_INITIALIZER;

static void put(int fd) {
  pthread_mutex_lock(&lock);
  while (count == QUEUE_PLACES) pthread_cond_wait(&has_room, &lock);
  waiting[(first + count++) % QUEUE_PLACES] = fd;
  pthread_cond_signal(&has_some);
  pthread_mutex_unlock(&lock);
}

static int take(void) {
  pthread_mutex_lock(&lock);
  while (count == 0) pthread_cond_wait(&has_some, &lock);
  int fd = waiting[first];
  first = (first + 1) % QUEUE_PLACES;
  --count;
  pthread_cond_signal(&has_room);
  pthread_mutex_unlock(&lock);
  return fd;
}

static void *serve(void *arg) {
  for (;;) {
    int fd = take();
    while (model_serve(fd, &options, &stats) == 0) {
    }
    close(fd);
  }
  return arg;
}

// SIGTERM is waited for like a message, by a thread of its own, so that no
// handler interrupts anybody: all others have it blocked.
static void *wait_for_end(void *arg) {
  const sigset_t *ends = arg;
  int signal;
  sigwait(ends, &signal);
  model_end(&options, &stats);
  // Takes the other threads along. Not exit(): that would write out what one of
  // them is just printing a second time.
  _exit(0);
}

static void start(void *(*run)(void *), void *arg) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, run, arg) != 0) {
    model_die("pthread_create");
  }
  pthread_detach(thread);
}

int main(int argc, char **argv) {
  sigset_t ends;
  options = model_parse(argc, argv);
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, NULL);
  start(wait_for_end, &ends);
  for (int i = 0; i < THREADS; ++i) start(serve, NULL);
  int listener = model_listen(options.port, 0);
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE) usleep(10000);
      continue;
    }
    __atomic_fetch_add(&stats.connections, 1, __ATOMIC_RELAXED);
    put(fd);
  }
}
