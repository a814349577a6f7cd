// SPDX-License-Identifier: BSD-3-Clause
//
// A program with threads as a user of the library would write it: others
// activate an event and end the loop, which waits in the kernel meanwhile. It
// needs libevent_pthreads beside the library with the rest.
//
// Prints how often the callback ran; exits with 0 when all went well.
#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <stdio.h>

enum { kThreads = 4, kRounds = 1000 };

struct shared {
  struct event_base* base;
  struct event* event;
  // Answers the callback has given, and one waits for.
  int calls;
  pthread_mutex_t mutex;
  pthread_cond_t called;
};

static void on_event(evutil_socket_t fd, short what, void* arg) {
  struct shared* shared = arg;
  (void)fd;
  (void)what;
  pthread_mutex_lock(&shared->mutex);
  ++shared->calls;
  pthread_cond_broadcast(&shared->called);
  pthread_mutex_unlock(&shared->mutex);
}

// Each activation is answered: none is lost while the loop waits.
static void* activate(void* arg) {
  struct shared* shared = arg;
  for (int i = 0; i < kRounds; ++i) {
    pthread_mutex_lock(&shared->mutex);
    int before = shared->calls;
    pthread_mutex_unlock(&shared->mutex);
    event_active(shared->event, EV_READ, 1);
    pthread_mutex_lock(&shared->mutex);
    while (shared->calls == before) {
      pthread_cond_wait(&shared->called, &shared->mutex);
    }
    pthread_mutex_unlock(&shared->mutex);
  }
  return NULL;
}

static void* run(void* arg) {
  struct shared* shared = arg;
  event_base_loop(shared->base, EVLOOP_NO_EXIT_ON_EMPTY);
  return NULL;
}

int main(void) {
  struct shared shared = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                          .called = PTHREAD_COND_INITIALIZER};
  pthread_t loop, threads[kThreads];
  if (evthread_use_pthreads() != 0) return 1;
  if ((shared.base = event_base_new()) == NULL) return 1;
  shared.event = event_new(shared.base, -1, EV_PERSIST, on_event, &shared);
  if (shared.event == NULL) return 1;
  if (pthread_create(&loop, NULL, run, &shared) != 0) return 1;
  for (int i = 0; i < kThreads; ++i) {
    if (pthread_create(&threads[i], NULL, activate, &shared) != 0) return 1;
  }
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  event_base_loopbreak(shared.base);
  pthread_join(loop, NULL);
  printf("%d calls\n", shared.calls);
  event_free(shared.event);
  event_base_free(shared.base);
  libevent_global_shutdown();
  return shared.calls >= kRounds ? 0 : 1;
}
