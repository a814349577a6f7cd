/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * event_del() while the event's callback runs in the loop's thread, and adds
 * its event again: is it still pending when event_del() has returned, so that
 * the callback starts once more (libevent's #225)?
 *
 * The locks are this program's own and tell when event_del() waits, so the
 * order of things is arranged, not hoped for. Built with evoke and with
 * libevent; event_del_again_test.sh compares.
 */
#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

static atomic_int waiters;
static atomic_int entered;

static void *make_lock(unsigned kind) {
  pthread_mutex_t *mutex = malloc(sizeof(*mutex));
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  if (kind & EVTHREAD_LOCKTYPE_RECURSIVE) {
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  }
  pthread_mutex_init(mutex, &attributes);
  return mutex;
}

static void free_lock(void *lock, unsigned kind) {
  (void)kind;
  pthread_mutex_destroy(lock);
  free(lock);
}

static int do_lock(unsigned mode, void *lock) {
  (void)mode;
  return pthread_mutex_lock(lock);
}

static int do_unlock(unsigned mode, void *lock) {
  (void)mode;
  return pthread_mutex_unlock(lock);
}

static void *make_condition(unsigned kind) {
  pthread_cond_t *condition = malloc(sizeof(*condition));
  (void)kind;
  pthread_cond_init(condition, NULL);
  return condition;
}

static void free_condition(void *condition) {
  pthread_cond_destroy(condition);
  free(condition);
}

static int signal_condition(void *condition, int all) {
  return all ? pthread_cond_broadcast(condition)
             : pthread_cond_signal(condition);
}

static int wait_condition(void *condition, void *lock,
                          const struct timeval *timeout) {
  (void)timeout; /* the library gives none */
  atomic_fetch_add(&waiters, 1);
  return pthread_cond_wait(condition, lock);
}

static unsigned long thread_id(void) { return (unsigned long)pthread_self(); }

static void on_event(evutil_socket_t fd, short what, void *arg) {
  const struct timeval hour = {3600, 0};
  (void)fd;
  (void)what;
  atomic_store(&entered, 1);
  while (atomic_load(&waiters) == 0) sched_yield();
  event_add(*(struct event **)arg, &hour);
}

static void *run_loop(void *base) {
  event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
  return NULL;
}

int main(void) {
  const struct evthread_lock_callbacks locks = {EVTHREAD_LOCK_API_VERSION,
                                                EVTHREAD_LOCKTYPE_RECURSIVE,
                                                make_lock,
                                                free_lock,
                                                do_lock,
                                                do_unlock};
  const struct evthread_condition_callbacks conditions = {
      EVTHREAD_CONDITION_API_VERSION, make_condition, free_condition,
      signal_condition, wait_condition};
  struct event_base *base;
  struct event *event = NULL;
  pthread_t loop;

  alarm(60);
  evthread_set_lock_callbacks(&locks);
  evthread_set_condition_callbacks(&conditions);
  evthread_set_id_callback(thread_id);
  base = event_base_new();
  event = event_new(base, -1, 0, on_event, &event);
  event_active(event, EV_READ, 0);
  pthread_create(&loop, NULL, run_loop, base);
  while (atomic_load(&entered) == 0) sched_yield();
  printf("event_del: %d\n", event_del(event));
  printf("pending: %d\n", event_pending(event, EV_TIMEOUT, NULL) != 0);
  event_base_loopbreak(base);
  pthread_join(loop, NULL);
  event_free(event);
  event_base_free(base);
  return 0;
}
