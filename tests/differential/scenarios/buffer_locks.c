// SPDX-License-Identifier: BSD-3-Clause
//
// Buffers with locks: who gets one, when it is held, and that callbacks and
// cleanups run under it. Locks of the scenario's own tell how deep the library
// is in them; how often it takes one is its own affair.
#include <event2/thread.h>
#include <pthread.h>

#include "tests/differential/scenarios/io_support.h"

static int depth;  // locks that are held, counted as often as they were taken
static int taken;  // since the last look
static int made;   // locks that have not been freed
static int failing;

static void *make_lock(unsigned type) {
  (void)type;
  if (failing) return NULL;
  made++;
  return malloc(1);
}
static void free_lock(void *lock, unsigned type) {
  (void)type;
  made--;
  free(lock);
}
static int take_lock(unsigned mode, void *lock) {
  (void)mode;
  (void)lock;
  depth++;
  taken++;
  return 0;
}
static int let_go(unsigned mode, void *lock) {
  (void)mode;
  (void)lock;
  depth--;
  return 0;
}

static void use_own_locks(void) {
  static const struct evthread_lock_callbacks kLocks = {
      EVTHREAD_LOCK_API_VERSION,
      EVTHREAD_LOCKTYPE_RECURSIVE,
      make_lock,
      free_lock,
      take_lock,
      let_go};
  rec("set lock callbacks -> %d", evthread_set_lock_callbacks(&kLocks));
  made = 0;  // those of the library itself stay
  taken = 0;
}

// What the call before did with locks.
static void rec_locks(const char *what) {
  rec("%s: %s, depth %d", what, taken > 0 ? "locked" : "not locked", depth);
  taken = 0;
}

static void depth_cb(struct evbuffer *buffer,
                     const struct evbuffer_cb_info *info, void *arg) {
  (void)buffer;
  rec("%s: +%zu -%zu, %s", (const char *)arg, info->n_added, info->n_deleted,
      depth > 0 ? "locked" : "not locked");
}

static void depth_cleanup(const void *data, size_t length, void *arg) {
  (void)data;
  rec("cleanup of %s, %zu bytes, %s", (const char *)arg, length,
      depth > 0 ? "locked" : "not locked");
}

SCENARIO(buffer_locking_without_threads,
         "locks: without threading a buffer makes no lock") {
  struct evbuffer *b = evbuffer_new();
  rec("enable -> %d", evbuffer_enable_locking(b, NULL));
  evbuffer_lock(b);
  rec("add -> %d", evbuffer_add(b, "bytes", 5));
  evbuffer_unlock(b);
  rec_buffer("b", b);
  evbuffer_free(b);
}

SCENARIO_ORACLE_CRASHES(buffer_locking_given_without_threads,
                        "libevent calls a lock function that is not there");

SCENARIO(buffer_locking_given_without_threads,
         "locks: a lock that is given while threading is off does no "
         "harm") {
  struct evbuffer *b = evbuffer_new();
  int lock;
  rec("enable -> %d", evbuffer_enable_locking(b, &lock));
  rec("again -> %d", evbuffer_enable_locking(b, &lock));
  evbuffer_lock(b);
  rec("add -> %d", evbuffer_add(b, "bytes", 5));
  evbuffer_unlock(b);
  rec_buffer("b", b);
  evbuffer_free(b);
}

SCENARIO(buffer_locking_enabled,
         "locks: enable_locking makes a lock or takes the one that is "
         "given, once") {
  struct evbuffer *before = evbuffer_new();
  struct evbuffer *b;
  int lock;
  use_own_locks();
  b = evbuffer_new();
  rec("made %d", made);
  rec("own -> %d, made %d", evbuffer_enable_locking(b, NULL), made);
  rec("own again -> %d, made %d", evbuffer_enable_locking(b, NULL), made);
  rec("given -> %d, made %d", evbuffer_enable_locking(b, &lock), made);
  evbuffer_free(b);
  rec("freed, made %d", made);
  b = evbuffer_new();
  rec("given -> %d, made %d", evbuffer_enable_locking(b, &lock), made);
  rec("own -> %d, made %d", evbuffer_enable_locking(b, NULL), made);
  evbuffer_free(b);
  rec("freed, made %d", made);
  rec("made before threading -> %d, made %d",
      evbuffer_enable_locking(before, NULL), made);
  evbuffer_free(before);
  b = evbuffer_new();
  failing = 1;
  rec("no lock to be had -> %d", evbuffer_enable_locking(b, NULL));
  failing = 0;
  taken = 0;
  evbuffer_add(b, "x", 1);
  rec_locks("add without a lock");
  evbuffer_free(b);
}

SCENARIO(buffer_locking_nested,
         "locks: evbuffer_lock nests, with itself and with every "
         "function") {
  struct evbuffer *b = evbuffer_new();
  use_own_locks();
  evbuffer_enable_locking(b, NULL);
  evbuffer_lock(b);
  rec_locks("lock");
  evbuffer_lock(b);
  rec_locks("lock again");
  evbuffer_add(b, "bytes", 5);
  rec_locks("add");
  evbuffer_unlock(b);
  rec_locks("unlock");
  evbuffer_unlock(b);
  rec_locks("unlock again");
  rec_buffer("b", b);
  evbuffer_free(b);
  rec_locks("free");
}

#define LOCKS_OF(call) \
  (void)call;          \
  rec_locks(#call)

SCENARIO(buffer_locking_looking, "locks: functions that look take the lock") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_ptr at;
  struct evbuffer_iovec vec[2];
  char out[4];
  use_own_locks();
  evbuffer_enable_locking(b, NULL);
  evbuffer_add(b, "one\ntwo\n", 8);
  taken = 0;
  LOCKS_OF(evbuffer_get_length(b));
  LOCKS_OF(evbuffer_get_contiguous_space(b));
  LOCKS_OF(evbuffer_copyout(b, out, 3));
  LOCKS_OF(evbuffer_pullup(b, -1));
  LOCKS_OF(evbuffer_ptr_set(b, &at, 2, EVBUFFER_PTR_SET));
  LOCKS_OF(evbuffer_peek(b, -1, NULL, vec, 2));
  LOCKS_OF(evbuffer_search(b, "two", 3, NULL));
  LOCKS_OF(evbuffer_search_eol(b, NULL, NULL, EVBUFFER_EOL_LF));
  LOCKS_OF(evbuffer_set_flags(b, 0));
  LOCKS_OF(evbuffer_clear_flags(b, 0));
  LOCKS_OF(evbuffer_freeze(b, 1));
  LOCKS_OF(evbuffer_drain(b, 1));
  LOCKS_OF(evbuffer_unfreeze(b, 1));
  evbuffer_free(b);
}

SCENARIO(buffer_locking_changing,
         "locks: functions that change take the lock, and callbacks run "
         "with it held") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_iovec vec[2];
  char out[4];
  size_t length;
  use_own_locks();
  evbuffer_enable_locking(b, NULL);
  evbuffer_add_cb(b, depth_cb, "b");
  rec_locks("add_cb");
  LOCKS_OF(evbuffer_add(b, "one\ntwo\nthree\n", 14));
  LOCKS_OF(evbuffer_prepend(b, "zero\n", 5));
  LOCKS_OF(evbuffer_add_printf(b, "%s\n", "four"));
  LOCKS_OF(evbuffer_expand(b, 100));
  if (evbuffer_reserve_space(b, 4, vec, 1) == 1) {
    rec_locks("reserve");
    memcpy(vec[0].iov_base, "five", 4);
    vec[0].iov_len = 4;
    LOCKS_OF(evbuffer_commit_space(b, vec, 1));
    LOCKS_OF(evbuffer_add_iovec(b, vec, 1));
  }
  LOCKS_OF(evbuffer_add_reference(b, "six", 3, depth_cleanup, "six"));
  LOCKS_OF(evbuffer_remove(b, out, 3));
  LOCKS_OF(evbuffer_drain(b, 2));
  free_result(evbuffer_readln(b, &length, EVBUFFER_EOL_LF));
  rec_locks("readln");
  LOCKS_OF(evbuffer_drain(b, 100));
  LOCKS_OF(evbuffer_remove_cb(b, depth_cb, "b"));
  rec("add without callbacks -> %d", evbuffer_add(b, "x", 1));
  rec_locks("add");
  evbuffer_free(b);
  rec_locks("free");
  rec("made %d", made);
}

SCENARIO(buffer_locking_two,
         "locks: what goes from buffer to buffer is under both locks, "
         "whether they are two, one, or one is missing") {
  static int shared;
  int way;
  use_own_locks();
  for (way = 0; way < 3; way++) {
    static const char *const kWay[] = {"two locks", "the same", "one only"};
    struct evbuffer *a = evbuffer_new();
    struct evbuffer *b = evbuffer_new();
    rec("%s", kWay[way]);
    evbuffer_enable_locking(a, way == 1 ? (void *)&shared : NULL);
    if (way < 2) evbuffer_enable_locking(b, way == 1 ? (void *)&shared : NULL);
    evbuffer_add_cb(a, depth_cb, "a");
    evbuffer_add_cb(b, depth_cb, "b");
    evbuffer_add(a, "0123456789", 10);
    taken = 0;
    LOCKS_OF(evbuffer_remove_buffer(a, b, 4));
    LOCKS_OF(evbuffer_remove_buffer(b, a, 1));
    LOCKS_OF(evbuffer_add_buffer(b, a));
    LOCKS_OF(evbuffer_prepend_buffer(a, b));
    LOCKS_OF(evbuffer_add_buffer_reference(b, a));
    LOCKS_OF(evbuffer_add_buffer(a, a));
    rec_buffer("a", a);
    rec_buffer("b", b);
    evbuffer_free(a);
    rec_buffer("b", b);
    taken = 0;
    evbuffer_free(b);
    rec("depth %d, made %d", depth, made);
  }
}

SCENARIO(buffer_locking_cleanups,
         "locks: cleanups run with the lock of the last buffer held") {
  struct evbuffer *source = evbuffer_new();
  struct evbuffer *view = evbuffer_new();
  use_own_locks();
  evbuffer_enable_locking(source, NULL);
  evbuffer_enable_locking(view, NULL);
  evbuffer_add_reference(source, "drained", 7, depth_cleanup, "drained");
  rec("drain -> %d", evbuffer_drain(source, 7));
  evbuffer_add_reference(source, "viewed", 6, depth_cleanup, "viewed");
  rec("view -> %d", evbuffer_add_buffer_reference(view, source));
  evbuffer_free(source);
  rec("source is free, depth %d", depth);
  rec_buffer("view", view);
  evbuffer_free(view);
  rec("depth %d, made %d", depth, made);
}

SCENARIO_DIFFERS(buffer_locking_views_of_each_other,
                 "in libevent such buffers keep each other for ever");

SCENARIO(buffer_locking_views_of_each_other,
         "locks: two buffers with views of each other's bytes, freed in "
         "either order") {
  int way;
  use_own_locks();
  for (way = 0; way < 2; way++) {
    struct evbuffer *a = evbuffer_new();
    struct evbuffer *b = evbuffer_new();
    struct evbuffer *from_a = evbuffer_new();
    struct evbuffer *from_b = evbuffer_new();
    evbuffer_enable_locking(a, NULL);
    evbuffer_enable_locking(b, NULL);
    evbuffer_add_reference(a, "A", 1, depth_cleanup, "a");
    evbuffer_add_reference(b, "B", 1, depth_cleanup, "b");
    rec("views -> %d %d", evbuffer_add_buffer_reference(from_a, a),
        evbuffer_add_buffer_reference(from_b, b));
    rec("moved -> %d %d", evbuffer_add_buffer(a, from_b),
        evbuffer_add_buffer(b, from_a));
    rec_buffer("a", a);
    rec_buffer("b", b);
    evbuffer_free(from_a);
    evbuffer_free(from_b);
    evbuffer_free(way == 0 ? a : b);
    rec_buffer("the other", way == 0 ? b : a);
    evbuffer_free(way == 0 ? b : a);
    rec("depth %d, made %d", depth, made);
  }
}

static void free_cb(struct evbuffer *buffer,
                    const struct evbuffer_cb_info *info, void *arg) {
  depth_cb(buffer, info, arg);
  evbuffer_free(buffer);
}

SCENARIO(buffer_locking_freed_in_callback,
         "locks: a callback may free its locked buffer") {
  struct evbuffer *b = evbuffer_new();
  int is_told;
  int added;
  use_own_locks();
  evbuffer_enable_locking(b, NULL);
  is_told = evbuffer_add_cb(b, free_cb, "free") != NULL;
  added = evbuffer_add(b, "x", 1);
  rec("add -> %d", added);
  if (!is_told || added < 0) evbuffer_free(b);  // for want of memory
  rec("depth %d, made %d", depth, made);
}

SCENARIO(buffer_locking_deferred,
         "locks: deferred callbacks run with the lock held; a scheduled "
         "one keeps its buffer") {
  struct event_base *base;
  struct evbuffer *b;
  int before;
  use_own_locks();
  base = new_base();
  before = made;
  b = evbuffer_new();
  evbuffer_enable_locking(b, NULL);
  evbuffer_add_cb(b, depth_cb, "deferred");
  rec("defer -> %d", evbuffer_defer_callbacks(b, base));
  evbuffer_add(b, "one", 3);
  evbuffer_drain(b, 1);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("depth %d", depth);
  evbuffer_add_reference(b, "two", 3, depth_cleanup, "two");
  evbuffer_free(b);
  rec("freed, %d of its locks", made - before);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("%d of its locks, depth %d", made - before, depth);
  event_base_free(base);
}

SCENARIO(buffer_locking_segments,
         "locks: a file segment in several locked buffers lives until "
         "the last of them") {
  struct evbuffer *a = evbuffer_new();
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_file_segment *segment;
  char name[] = "/tmp/evoke_locks_XXXXXX";
  int fd = mkstemp(name);
  unlink(name);
  if (write(fd, "0123456789", 10) != 10) rec("write failed");
  use_own_locks();
  evbuffer_enable_locking(a, NULL);
  evbuffer_enable_locking(b, NULL);
  segment = evbuffer_file_segment_new(fd, 2, 6, EVBUF_FS_CLOSE_ON_FREE);
  rec("segment %d", segment != NULL);
  rec("a -> %d", evbuffer_add_file_segment(a, segment, 0, -1));
  rec("b -> %d", evbuffer_add_file_segment(b, segment, 1, 3));
  evbuffer_file_segment_free(segment);
  rec("fd is open: %d", fcntl(fd, F_GETFD) != -1);
  rec_buffer("a", a);
  rec("move -> %d", evbuffer_add_buffer(b, a));
  evbuffer_free(a);
  rec_buffer("b", b);
  rec("drain -> %d", evbuffer_drain(b, 4));
  rec_buffer("b", b);
  evbuffer_free(b);
  rec("fd is open: %d", fcntl(fd, F_GETFD) != -1);
  rec("depth %d, made %d", depth, made);
}

enum { kAdds = 500 };

static void *add_many(void *arg) {
  struct evbuffer *b = arg;
  int i;
  for (i = 0; i < kAdds; i++) {
    evbuffer_lock(b);
    evbuffer_add(b, "pa", 2);
    evbuffer_add(b, "ir", 2);
    evbuffer_unlock(b);
  }
  return NULL;
}

SCENARIO(buffer_locking_pthreads,
         "locks: with evthread_use_pthreads two threads add to one "
         "buffer, and what is under evbuffer_lock stays together") {
  struct evbuffer *b;
  pthread_t threads[2];
  char out[4];
  int pairs = 0;
  int use = evthread_use_pthreads();
  int enabled;
  rec("use pthreads -> %d", use);
  b = evbuffer_new();
  enabled = evbuffer_enable_locking(b, NULL);
  rec("enable -> %d", enabled);
  if (use < 0 || enabled < 0) {  // for want of memory: one thread at a time
    if (b) evbuffer_free(b);
    return;
  }
  pthread_create(&threads[0], NULL, add_many, b);
  pthread_create(&threads[1], NULL, add_many, b);
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
  rec("%zu bytes", evbuffer_get_length(b));
  while (evbuffer_remove(b, out, 4) == 4 && memcmp(out, "pair", 4) == 0)
    pairs++;
  rec("%d pairs, %zu bytes left", pairs, evbuffer_get_length(b));
  evbuffer_free(b);
}
