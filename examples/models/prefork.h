/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the models that fork before any client comes do beside their idea: they
 * count in shared memory, hear of workers that die, and at SIGTERM end them
 * all. What a worker does, and when one is made, stands in the model.
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
  pid_t pid; /* 0 where there is none: at first, and when it has died */
  struct model_stats stats;
  unsigned long wakeups; /* for the listening socket */
  unsigned long empty;   /* such wake-ups that found no connection */
};

/* The parent's. */
struct prefork {
  int count;
  struct prefork_worker *workers;
  sigset_t awaited, usual;
};

/* Room for `count` workers, none of which is there yet. */
static inline struct prefork prefork_begin(int count) {
  struct prefork all;
  all.count = count;
  all.workers = (struct prefork_worker *)mmap(
      NULL, (size_t)count * sizeof(*all.workers), PROT_READ | PROT_WRITE,
      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (all.workers == MAP_FAILED) model_die("mmap");
  /* The parent has nothing to do but to wait for these two. */
  sigemptyset(&all.awaited);
  sigaddset(&all.awaited, SIGTERM);
  sigaddset(&all.awaited, SIGCHLD);
  sigprocmask(SIG_BLOCK, &all.awaited, &all.usual);
  return all;
}

/* Makes worker number `index`: its place in the worker, which SIGTERM ends;
 * NULL in the parent. */
static inline struct prefork_worker *prefork_fork(struct prefork *all,
                                                  int index) {
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0) model_die("fork");
  if (pid > 0) {
    all->workers[index].pid = pid;
    return NULL;
  }
  /* Without a parent there is nobody to end it. */
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(0);
  sigprocmask(SIG_SETMASK, &all->usual, NULL);
  return &all->workers[index];
}

/* Waits until some have died, whose `pid` is 0 then; 0 at SIGTERM. */
static inline int prefork_await_dead(struct prefork *all) {
  int signal;
  pid_t dead;
  sigwait(&all->awaited, &signal);
  if (signal == SIGTERM) return 0;
  /* One that dies as soon as it begins shall not keep us busy. */
  usleep(10000);
  /* One SIGCHLD may stand for many. */
  while ((dead = waitpid(-1, NULL, WNOHANG)) > 0) {
    for (int i = 0; i < all->count; ++i) {
      if (all->workers[i].pid == dead) all->workers[i].pid = 0;
    }
  }
  return 1;
}

/* Ends all workers, and tells what they counted. */
static inline void prefork_end(struct prefork *all,
                               const struct model_options *options) {
  struct model_stats sum = {0, 0, 0};
  for (int i = 0; i < all->count; ++i) {
    if (all->workers[i].pid > 0) kill(all->workers[i].pid, SIGTERM);
  }
  while (wait(NULL) > 0) {
  }
  for (int i = 0; i < all->count; ++i) {
    const struct prefork_worker *worker = &all->workers[i];
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

#endif /* EVOKE_EXAMPLES_MODELS_PREFORK_H_ */
