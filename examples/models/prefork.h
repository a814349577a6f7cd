/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parent of the models that fork before any client comes: it starts the
 * workers, replaces one that dies, and at SIGTERM ends them all. It touches no
 * connection. What a worker does is the model.
 */
#ifndef EVOKE_EXAMPLES_MODELS_PREFORK_H_
#define EVOKE_EXAMPLES_MODELS_PREFORK_H_

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "model.h"

/* In memory that all processes share; each worker counts in its own. */
struct prefork_worker {
  pid_t pid;
  struct model_stats stats;
  unsigned long wakeups; /* for the listening socket */
  unsigned long empty;   /* such wake-ups that found no connection */
};

/* What worker number `index` does, for ever: SIGTERM ends it. */
typedef void (*prefork_run)(int index, struct prefork_worker *self);

static inline void prefork_start(struct prefork_worker *workers, int index,
                                 prefork_run run, const sigset_t *usual) {
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0) model_die("fork");
  if (pid > 0) {
    workers[index].pid = pid;
    return;
  }
  /* Without a parent there is nobody to end it. */
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(0);
  sigprocmask(SIG_SETMASK, usual, NULL);
  run(index, &workers[index]);
  _exit(1);
}

static inline void prefork_end(const struct model_options *options,
                               const struct prefork_worker *workers,
                               int count) {
  struct model_stats sum = {0, 0, 0};
  for (int i = 0; i < count; ++i) {
    const struct prefork_worker *worker = &workers[i];
    if (options->stats) {
      fprintf(stderr, "worker %d: connections=%lu wakeups=%lu empty=%lu\n", i,
              worker->stats.connections, worker->wakeups, worker->empty);
    }
    sum.connections += worker->stats.connections;
    sum.messages += worker->stats.messages;
    sum.bytes += worker->stats.bytes;
  }
  model_end(options, &sum);
}

/* The whole of the parent's life. Returns the status to exit with. */
static inline int prefork_main(const struct model_options *options, int count,
                               prefork_run run) {
  sigset_t awaited, usual;
  int signal = 0;
  struct prefork_worker *workers = (struct prefork_worker *)mmap(
      NULL, (size_t)count * sizeof(*workers), PROT_READ | PROT_WRITE,
      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (workers == MAP_FAILED) model_die("mmap");
  /* The parent has nothing to do but to wait for these two. */
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGTERM);
  sigaddset(&awaited, SIGCHLD);
  sigprocmask(SIG_BLOCK, &awaited, &usual);
  for (int i = 0; i < count; ++i) prefork_start(workers, i, run, &usual);
  while (signal != SIGTERM) {
    pid_t dead;
    sigwait(&awaited, &signal);
    /* One that dies as soon as it begins shall not keep us busy. */
    if (signal == SIGCHLD) usleep(10000);
    while (signal == SIGCHLD && (dead = waitpid(-1, NULL, WNOHANG)) > 0) {
      for (int i = 0; i < count; ++i) {
        if (workers[i].pid == dead) prefork_start(workers, i, run, &usual);
      }
    }
  }
  for (int i = 0; i < count; ++i) kill(workers[i].pid, SIGTERM);
  while (wait(NULL) > 0) {
  }
  prefork_end(options, workers, count);
  return 0;
}

#endif /* EVOKE_EXAMPLES_MODELS_PREFORK_H_ */
