// SPDX-License-Identifier: BSD-3-Clause
//
// One thread for each client.
//
// Idea: accept(2) in a loop; each connection gets a thread that does nothing
// but read, answer and read again. The thread waits in recv(2), so the kernel's
// scheduler is the event loop, and the state of a conversation is the thread's
// stack.
// Right when: there are some dozens of clients, or each needs long
// computations. Breaks when: there are thousands; each costs a stack and a
// kernel thread, and each message a context switch, where a busy loop serves
// many each time it wakes. A shared variable needs a lock. Who: Apache's worker
// MPM is its heir; MySQL serves its clients so.
#include <pthread.h>
#include <signal.h>

#include "model.h"

static struct model_options options;
static struct model_stats stats;

struct client {
  int fd;
};

static void *serve(void *arg) {
  struct client *client = arg;
  while (model_serve(client->fd, &options, &stats) == 0) {
  }
  close(client->fd);
  free(client);
  return NULL;
}

static void start_thread(int fd) {
  struct client *client = malloc(sizeof(*client));
  pthread_attr_t detached;
  pthread_t thread;
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  if (client != NULL) client->fd = fd;
  // Refused rather than served late: the client sees its connection closed.
  if (client == NULL ||
      pthread_create(&thread, &detached, serve, client) != 0) {
    close(fd);
    free(client);
  }
  pthread_attr_destroy(&detached);
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

int main(int argc, char **argv) {
  sigset_t ends;
  pthread_t thread;
  options = model_parse(argc, argv);
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, NULL);
  if (pthread_create(&thread, NULL, wait_for_end, &ends) != 0) {
    model_die("pthread_create");
  }
  int listener = model_listen(options.port, 0);
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE) usleep(10000);
      continue;
    }
    __atomic_fetch_add(&stats.connections, 1, __ATOMIC_RELAXED);
    start_thread(fd);
  }
}
