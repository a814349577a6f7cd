/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two buffers, each with a lock, and two threads: one moves bytes from the
 * first to the second, the other back. Do both come to their end?
 */
#include <event2/buffer.h>
#include <event2/thread.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { kMoves = 1000000, kPatienceMs = 5000, kLookMs = 10 };

struct pump {
  struct evbuffer *from, *to;
  struct pump *other;
  long moves;
};

static long moves_of(struct pump *pump) {
  return __atomic_load_n(&pump->moves, __ATOMIC_RELAXED);
}

/* Goes on until the other one has done its part, too: so both are at work at
 * the same time, whoever began first. */
static void *run(void *arg) {
  struct pump *pump = arg;
  while (moves_of(pump) < kMoves || moves_of(pump->other) < kMoves) {
    evbuffer_remove_buffer(pump->from, pump->to, 10);
    __atomic_fetch_add(&pump->moves, 1, __ATOMIC_RELAXED);
  }
  return NULL;
}

int main(void) {
  struct evbuffer *a, *b;
  struct pump pumps[2] = {{0}};
  pthread_t threads[2];
  long done = 0;
  int still_ms = 0;
  evthread_use_pthreads();
  a = evbuffer_new(), b = evbuffer_new();
  evbuffer_enable_locking(a, NULL), evbuffer_enable_locking(b, NULL);
  evbuffer_add_printf(a, "%1000d", 1), evbuffer_add_printf(b, "%1000d", 2);
  pumps[0].from = pumps[1].to = a;
  pumps[0].to = pumps[1].from = b;
  pumps[0].other = &pumps[1], pumps[1].other = &pumps[0];
  for (int i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, run, &pumps[i]);

  while ((moves_of(&pumps[0]) < kMoves || moves_of(&pumps[1]) < kMoves) &&
         still_ms < kPatienceMs) {
    long moves;
    usleep(kLookMs * 1000);
    moves = moves_of(&pumps[0]) + moves_of(&pumps[1]);
    still_ms = moves == done ? still_ms + kLookMs : 0;
    done = moves;
  }
  if (still_ms >= kPatienceMs) {
    printf("both stand still\n");
    return 1;
  }
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  printf("both are done, %zu bytes are left\n",
         evbuffer_get_length(a) + evbuffer_get_length(b));
  evbuffer_free(a), evbuffer_free(b);
  return 0;
}
