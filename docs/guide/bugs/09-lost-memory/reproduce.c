/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server at its limit of memory: each connection that it cannot take up fails
 * for want of one piece or another. Is all memory given back?
 */
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

static int left = -1; /* allocations that still succeed; -1: all do */
static int blocks;    /* that the library has */

static int may_have(void) { return left < 0 || left-- > 0; }

static void *our_malloc(size_t size) {
  void *block = may_have() ? malloc(size) : NULL;
  blocks += block != NULL;
  return block;
}

static void *our_realloc(void *old, size_t size) {
  void *block = may_have() ? realloc(old, size) : NULL;
  blocks += block != NULL && old == NULL;
  return block;
}

static void our_free(void *block) {
  blocks -= block != NULL;
  free(block);
}

static void no_log(int severity, const char *text) {
  (void)severity, (void)text;
}

int main(void) {
  struct event_base *base;
  struct bufferevent *bev = NULL;
  int before, tries = 0, lost = 0;
  event_set_mem_functions(our_malloc, our_realloc, our_free);
  event_set_log_callback(no_log);
  base = event_base_new();
  /* One that succeeds, so that the base has all that it keeps. */
  bufferevent_free(bufferevent_socket_new(base, -1, 0));
  event_base_loop(base, EVLOOP_NONBLOCK);

  before = blocks;
  while (bev == NULL) {
    left = tries++; /* the first fails, then the second, and so on */
    bev = bufferevent_socket_new(base, -1, 0);
    left = -1;
    if (bev == NULL) lost += blocks - before, before = blocks;
  }
  printf("blocks that are lost: %d\n", lost);

  bufferevent_free(bev);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_free(base);
  return lost == 0 ? 0 : 1;
}
