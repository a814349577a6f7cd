// SPDX-License-Identifier: BSD-3-Clause
//
// Locks that bufferevents share (the ends of a pair, a filter and what lies
// under it), seen by lock callbacks that notice when one is used that was
// freed. One thread is enough for that.

#include <event2/thread.h>

#include "tests/differential/scenarios/filter_support.h"

enum { kLocksMax = 256 };

static struct lock {
  int depth;
  int freed;
} g_locks[kLocksMax];                          // none is used twice
static char g_in_order[kLocksMax][kLocksMax];  // the second under the first
static int g_made, g_used_late, g_freed_held, g_unlocked_in_vain;

static void *make_lock(unsigned type) {
  (void)type;
  return g_made < kLocksMax ? &g_locks[g_made++] : NULL;
}

static void free_lock(void *arg, unsigned type) {
  struct lock *lock = arg;
  (void)type;
  if (lock->freed) g_used_late++;
  if (lock->depth) g_freed_held++;
  lock->freed = 1;
}

static int take_lock(unsigned mode, void *arg) {
  struct lock *lock = arg;
  int i;
  (void)mode;
  if (lock->freed) g_used_late++;
  for (i = 0; i < g_made; i++)
    if (g_locks[i].depth > 0 && lock->depth == 0)
      g_in_order[i][lock - g_locks] = 1;
  lock->depth++;
  return 0;
}

static int drop_lock(unsigned mode, void *arg) {
  struct lock *lock = arg;
  (void)mode;
  if (lock->freed) g_used_late++;
  if (--lock->depth < 0) g_unlocked_in_vain++;
  return 0;
}

static unsigned long this_thread(void) { return 1; }

static void watch_locks(void) {
  static const struct evthread_lock_callbacks kCallbacks = {
      EVTHREAD_LOCK_API_VERSION,
      EVTHREAD_LOCKTYPE_RECURSIVE,
      make_lock,
      free_lock,
      take_lock,
      drop_lock};
  evthread_set_id_callback(this_thread);
  rec("set -> %d", evthread_set_lock_callbacks(&kCallbacks));
}

static void rec_locks(void) {
  int i, held = 0;
  for (i = 0; i < g_made; i++) held += g_locks[i].depth != 0;
  rec("used after they were freed: %s; freed while held: %d; held: %d; "
      "unlocked in vain: %d",
      g_used_late ? "yes" : "no", g_freed_held, held, g_unlocked_in_vain);
}

// Two threads that take two locks in opposite orders may wait for ever.
static void rec_orders(void) {
  int i, j, both = 0;
  for (i = 0; i < g_made; i++)
    for (j = 0; j < i; j++) both += g_in_order[i][j] && g_in_order[j][i];
  rec("taken in both orders: %s", both ? "yes" : "no");
}

SCENARIO(locks_of_pairs,
         "the ends of a pair share a lock, and are freed in any order") {
  int order;
  watch_locks();
  for (order = 0; order < 6; order++) {
    struct event_base *base = new_base();
    struct bufferevent *pair[2] = {NULL, NULL};
    int first = order % 2;
    rec("order %d: %d", order,
        bufferevent_pair_new(base, BEV_OPT_THREADSAFE, pair));
    bufferevent_enable(pair[1], EV_READ);
    say(pair[0], "bytes");
    if (pair[first]) bufferevent_free(pair[first]);
    if (order / 2 > 0) glance(base, 2);
    say(pair[!first], "bytes");
    if (pair[!first]) bufferevent_free(pair[!first]);
    if (order / 2 > 1) glance(base, 2);
    event_base_free(base);
  }
  rec_locks();
}

// Frees a filter and what lies under it in the order that `order` tells.
static void free_filter(int order, int options, int over_socket) {
  struct event_base *base = new_base();
  struct bufferevent *pair[2] = {NULL, NULL}, *under, *filter;
  struct work work = {.name = "work", .quiet = 1};
  int fds[2];
  socket_pair(fds);
  if (over_socket) {
    under = bufferevent_socket_new(base, fds[0], BEV_OPT_THREADSAFE);
  } else {
    bufferevent_pair_new(base, BEV_OPT_THREADSAFE, pair);
    under = pair[1];
  }
  filter =
      bufferevent_filter_new(under, work_in, work_out, options, NULL, &work);
  bufferevent_enable(filter, EV_READ);
  say(filter, "bytes");
  if (filter && order & 1) {
    bufferevent_free(filter);
    filter = NULL;
    if (options & BEV_OPT_CLOSE_ON_FREE) under = NULL;
    if (order & 2) glance(base, 3);
  }
  if (under) bufferevent_free(under);
  if (order & 2) glance(base, 3);
  if (filter) {
    say(filter, "bytes");
    bufferevent_free(filter);
  }
  if (pair[0]) bufferevent_free(pair[0]);
  if (order & 4) glance(base, 3);
  event_base_free(base);
  close_pair(fds);
}

SCENARIO(locks_of_filters,
         "a filter and what lies under it share a lock, and are freed in any "
         "order") {
  int order, over_socket;
  watch_locks();
  for (over_socket = 0; over_socket < 2; over_socket++)
    for (order = 0; order < 8; order++)
      free_filter(order, BEV_OPT_THREADSAFE, over_socket);
  rec_locks();
}

SCENARIO(locks_of_closing_filters,
         "the same, of filters that free what lies under them") {
  int order, over_socket;
  watch_locks();
  for (over_socket = 0; over_socket < 2; over_socket++)
    for (order = 1; order < 8; order += 2)
      free_filter(order, BEV_OPT_THREADSAFE | BEV_OPT_CLOSE_ON_FREE,
                  over_socket);
  rec_locks();
}

SCENARIO(locks_brought_by_filters,
         "a filter with a lock over a bufferevent without one") {
  int order;
  watch_locks();
  for (order = 0; order < 4; order++) {
    struct event_base *base = new_base();
    struct work work = {.name = "work", .quiet = 1};
    struct bufferevent *under = bufferevent_socket_new(base, -1, 0);
    struct bufferevent *filter = bufferevent_filter_new(
        under, work_in, work_out, BEV_OPT_THREADSAFE, NULL, &work);
    bufferevent_enable(filter, EV_READ);
    say(filter, "bytes");
    if (order & 1 && under) bufferevent_free(under);
    if (order & 2) glance(base, 2);
    say(filter, "bytes");
    if (filter) bufferevent_free(filter);
    if (order & 2) glance(base, 2);
    if (!(order & 1) && under) bufferevent_free(under);
    glance(base, 3);
    event_base_free(base);
  }
  rec_locks();
}

SCENARIO_DIFFERS(locks_of_filters_in_order,
                 "libevent's filter has a lock of its own, and takes it before "
                 "or after that of what lies under it");
SCENARIO(locks_of_filters_in_order,
         "a filter that is written to and read from never takes two locks in "
         "opposite orders") {
  struct event_base *base;
  struct bufferevent *under, *filter;
  struct work work = {.name = "work", .quiet = 1};
  int fds[2];
  watch_locks();
  base = new_base();
  socket_pair(fds);
  under = bufferevent_socket_new(base, fds[0], BEV_OPT_THREADSAFE);
  filter = bufferevent_filter_new(under, work_in, work_out, BEV_OPT_THREADSAFE,
                                  NULL, &work);
  bufferevent_enable(filter, EV_READ);
  say(filter, "out");
  put(fds[1], "in");
  glance(base, 3);
  rec_one("filter", filter);
  rec_one("socket", under);
  if (filter) bufferevent_free(filter);
  if (under) bufferevent_free(under);
  glance(base, 3);
  event_base_free(base);
  close_pair(fds);
  rec_locks();
  rec_orders();
}

SCENARIO(locks_of_pairs_in_order,
         "a pair that talks never takes two locks in opposite orders") {
  struct event_base *base;
  struct bufferevent *pair[2] = {NULL, NULL};
  int i;
  watch_locks();
  base = new_base();
  bufferevent_pair_new(base, BEV_OPT_THREADSAFE, pair);
  for (i = 0; i < 2; i++) {
    say(pair[i], "before");
    bufferevent_enable(pair[i], EV_READ);
    say(pair[i], "after");
    glance(base, 1);
    rec_one("end", pair[i]);
  }
  for (i = 0; i < 2; i++)
    if (pair[i]) bufferevent_free(pair[i]);
  glance(base, 1);
  event_base_free(base);
  rec_locks();
  rec_orders();
}
