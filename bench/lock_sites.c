/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one call costs in instructions, for lock_sites.sh, which counts those of
 * two runs: the difference is what the calls cost.
 *
 *   lock_sites CASE CALLS [threads]
 *
 * CASE: add_del (event_add and event_del of a timer), active (event_active and
 * its callback in the loop), buffer (evbuffer_add and evbuffer_drain). With
 * "threads", threading is turned on first, and so there are locks.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void nothing(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  (void)arg;
}

static void add_del(struct event *event, long calls) {
  const struct timeval hour = {3600, 0};
  for (long i = 0; i < calls; ++i) {
    event_add(event, &hour);
    event_del(event);
  }
}

static void active(struct event_base *base, struct event *event, long calls) {
  for (long i = 0; i < calls; ++i) {
    event_active(event, EV_READ, 0);
    event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
  }
}

static void buffer(long calls, int locked) {
  struct evbuffer *buffer = evbuffer_new();
  if (locked) evbuffer_enable_locking(buffer, NULL);
  evbuffer_add(buffer, "x", 1); /* the chain stays */
  for (long i = 0; i < calls; ++i) {
    evbuffer_add(buffer, "0123456789", 10);
    evbuffer_drain(buffer, 10);
  }
  evbuffer_free(buffer);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: lock_sites CASE CALLS [threads]\n");
    return 2;
  }
  long calls = atol(argv[2]);
  if (argc > 3 && evthread_use_pthreads() < 0) return 1;
  struct event_base *base = event_base_new();
  struct event *event = event_new(base, -1, 0, nothing, NULL);
  if (strcmp(argv[1], "add_del") == 0) {
    add_del(event, calls);
  } else if (strcmp(argv[1], "active") == 0) {
    active(base, event, calls);
  } else if (strcmp(argv[1], "buffer") == 0) {
    buffer(calls, argc > 3);
  } else {
    return 2;
  }
  event_free(event);
  event_base_free(base);
  return 0;
}
