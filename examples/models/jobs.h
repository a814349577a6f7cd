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

#define JOBS_NONE \
  { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, NULL, 0 }

/* Starts threads that work on jobs. */
static inline void jobs_start(pthread_t *threads, int count,
                              void *(*work)(void *)) {
  for (int i = 0; i < count; ++i) {
    if (pthread_create(&threads[i], NULL, work, NULL) != 0) {
      model_die("pthread_create");
    }
  }
}

/* What a client has sent, as a job. NULL without, and how it goes on with it.
 */
static inline struct job *job_receive(struct connection *client,
                                      enum progress *progress) {
  struct job *job = (struct job *)malloc(sizeof(*job));
  *progress = CONNECTION_OVER;
  if (job == NULL) return NULL;
  ssize_t got = recv(client->fd, job->data, sizeof(job->data), 0);
  if (got > 0) {
    job->client = client;
    job->bytes = (size_t)got;
    return job;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    *progress = CONNECTION_EMPTY;
  }
  free(job);
  return NULL;
}

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

/* Frees what is left. */
static inline void jobs_clear(struct jobs *jobs) {
  struct job *job = jobs_take_all(jobs);
  while (job != NULL) {
    struct job *next = job->next;
    free(job);
    job = next;
  }
}

/* Ends the threads of jobs_start(), once each has done what it has begun. */
static inline void jobs_stop(pthread_t *threads, int count, struct jobs *jobs) {
  pthread_mutex_lock(&jobs->lock);
  jobs->is_over = 1;
  pthread_cond_broadcast(&jobs->has_some);
  pthread_mutex_unlock(&jobs->lock);
  for (int i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  jobs_clear(jobs);
}

#endif /* EVOKE_EXAMPLES_MODELS_JOBS_H_ */
