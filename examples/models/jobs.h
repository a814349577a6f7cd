/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages that one thread gives to others, in order: a list with a lock. C11
 * and C++, beside connection.h.
 */
#ifndef EVOKE_EXAMPLES_MODELS_JOBS_H_
#define EVOKE_EXAMPLES_MODELS_JOBS_H_

#include <pthread.h>

#include "connection.h"

struct job {
  struct connection *client;
  struct job *next;
  size_t bytes;
  char data[MODEL_BUFFER_BYTES];
};

struct jobs {
  pthread_mutex_t lock;
  pthread_cond_t has_some;
  struct job *first, **last; /* no `last` while the list is empty */
  int is_over;
};

/* Returns whether the list was empty before: then somebody may have to be told.
 */
static inline int jobs_put(struct jobs *jobs, struct job *job) {
  job->next = NULL;
  pthread_mutex_lock(&jobs->lock);
  int was_empty = jobs->first == NULL;
  *(was_empty ? &jobs->first : jobs->last) = job;
  jobs->last = &job->next;
  pthread_cond_signal(&jobs->has_some);
  pthread_mutex_unlock(&jobs->lock);
  return was_empty;
}

/* Waits for a job; NULL once it is over. */
static inline struct job *jobs_take(struct jobs *jobs) {
  pthread_mutex_lock(&jobs->lock);
  while (jobs->first == NULL && !jobs->is_over) {
    pthread_cond_wait(&jobs->has_some, &jobs->lock);
  }
  struct job *job = jobs->is_over ? NULL : jobs->first;
  if (job != NULL) jobs->first = job->next;
  pthread_mutex_unlock(&jobs->lock);
  return job;
}

/* All that there are, without waiting. */
static inline struct job *jobs_take_all(struct jobs *jobs) {
  pthread_mutex_lock(&jobs->lock);
  struct job *first = jobs->first;
  jobs->first = NULL;
  pthread_mutex_unlock(&jobs->lock);
  return first;
}

/* Sends everybody home who waits. */
static inline void jobs_end(struct jobs *jobs) {
  pthread_mutex_lock(&jobs->lock);
  jobs->is_over = 1;
  pthread_cond_broadcast(&jobs->has_some);
  pthread_mutex_unlock(&jobs->lock);
}

/* Frees what is left. */
static inline void jobs_clear(struct jobs *jobs) {
  struct job *job = jobs_take_all(jobs);
  while (job != NULL) {
    struct job *next = job->next;
    free(job);
    job = next;
  }
}

#endif /* EVOKE_EXAMPLES_MODELS_JOBS_H_ */
