/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watching a loop: what it does, point by point.
 *
 * A base tells of its turns, its waits, every callback, every event that is
 * added or deleted, the bytes that buffers read and write, and its wake-ups.
 * Untold, each point costs one predictable branch. Three ways to listen:
 *
 *   EVOKE_TRACE=FILE in the environment, or evoke_trace_start(): a file that
 *     Perfetto and chrome://tracing open;
 *   EVOKE_SLOW_MS=N: a warning through the log callback for each callback that
 *     held the loop for more than N milliseconds;
 *   evoke_watch_points(): a function of the program's own.
 *
 * The environment is not read in programs that run with the privileges of
 * another user (secure_getenv(3)), nor by a base with
 * EVENT_BASE_FLAG_IGNORE_ENV.
 *
 * This header may be included from C99 and C++.
 */
#ifndef EVOKE_TRACE_H_INCLUDED_
#define EVOKE_TRACE_H_INCLUDED_

#include <event2/event.h>
#include <event2/visibility.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a point tells of. In brackets, what its fields mean. */
enum evoke_point_kind {
  /* A turn of the loop begins [value: how many there were before]. */
  EVOKE_POINT_TURN = 1,
  /* The loop asks the kernel [value: microseconds at most, -1 without limit].
   */
  EVOKE_POINT_WAIT = 2,
  /* The kernel has answered [value: ready descriptors, -1 for a failure]. */
  EVOKE_POINT_WAIT_DONE = 3,
  /* A callback begins [source, function, object, fd, what; value: microseconds
   * after the deadline for what=EV_TIMEOUT, else 0]. */
  EVOKE_POINT_CALLBACK = 4,
  /* The same callback has returned; its object may be gone by then. Callbacks
   * are nested: a bufferevent's runs within that of its event. */
  EVOKE_POINT_CALLBACK_DONE = 5,
  /* An event was added and waits, or goes on without its timeout [function,
   * object, fd, what: its interests; value: microseconds until its timeout, -1
   * without one]. */
  EVOKE_POINT_ADD = 6,
  /* An event that waited does so no more, deleted or since it fired [function,
   * object, fd, what]. */
  EVOKE_POINT_DEL = 7,
  /* A buffer has read from a descriptor [fd; value: bytes, 0 at the end, -1 for
   * a failure or when there was nothing]. */
  EVOKE_POINT_READ = 8,
  /* A buffer has written to a descriptor [fd; value: bytes, or -1]. */
  EVOKE_POINT_WRITE = 9,
  /* Another thread wakes the loop. */
  EVOKE_POINT_WAKE = 10,
  /* The base is freed, and no event is in it any more: the last of all. */
  EVOKE_POINT_END = 11,
  /* Before the first callback of a turn, for each priority that has any queued
   * [what: the priority; value: how many callbacks]. */
  EVOKE_POINT_QUEUE = 12,
  /* The loop returns to its caller: the turn is over, and what comes until the
   * next one is the program's own. */
  EVOKE_POINT_RETURN = 13
};

/* Whose callback it is. */
enum evoke_point_source {
  EVOKE_SOURCE_EVENT = 1,    /* an event; what: EV_... */
  EVOKE_SOURCE_SIGNAL = 2,   /* a signal event; fd: the signal's number */
  EVOKE_SOURCE_DEFERRED = 3, /* a deferred callback of the library itself */
  EVOKE_SOURCE_FINALIZER = 4,
  EVOKE_SOURCE_BUFFEREVENT_READ = 5,
  EVOKE_SOURCE_BUFFEREVENT_WRITE = 6,
  EVOKE_SOURCE_BUFFEREVENT_EVENT = 7, /* what: BEV_EVENT_... */
  EVOKE_SOURCE_LISTENER = 8,          /* fd: the connection's */
  EVOKE_SOURCE_WATCHER = 9 /* of event2/watch.h, before or after the wait */
};

/* A function of whatever type, to be looked up, not called. */
typedef void (*evoke_function)(void);

/* One point. Valid during the call only. Fields may be added at the end. */
struct evoke_point {
  enum evoke_point_kind kind;     /* what it tells of */
  enum evoke_point_source source; /* whose callback it is */
  int64_t time_ns;                /* CLOCK_MONOTONIC, nanoseconds */
  int64_t value;                  /* see the kind */
  evoke_function function;        /* the callback, or NULL */
  const void *object; /* the event, bufferevent or listener: only an address */
  evutil_socket_t fd; /* -1 without one */
  short what;         /* EV_... or BEV_EVENT_..., see the source */
};

/*
 * Called for each point, on the thread that comes to it, one at a time for each
 * base, with the base's lock held: it must not call functions of the library
 * but those of which evoke/extend.h says so.
 */
typedef void (*evoke_point_cb)(const struct evoke_point *point, void *arg);

/* A function that listens. */
struct evoke_watch;

/*
 * Has `cb` told of all points of `base` from now on; of reads and writes, and
 * of callbacks within a callback, from the next turn on when the loop is in the
 * middle of one. Any thread may call it, but no evoke_point_cb. Returns a
 * handle for evoke_unwatch_points(), which ends with the base; NULL when memory
 * is short or an argument is NULL.
 */
EVENT2_EXPORT_SYMBOL
struct evoke_watch *evoke_watch_points(struct event_base *base,
                                       evoke_point_cb cb, void *arg);

/*
 * Ends that: `cb` is not called any more when this returns. Not to be called
 * after the base was freed, nor by an evoke_point_cb. NULL is allowed.
 */
EVENT2_EXPORT_SYMBOL
void evoke_unwatch_points(struct evoke_watch *watch);

/*
 * Writes what `base` does into `file`, which is made anew unless this process
 * writes a trace there already (of another base, or by EVOKE_TRACE; then both
 * are in it, as two threads). Where another process does, be it a child, it is
 * left alone. "%p" in the name stands for the process's number and so gives
 * each its own.
 *
 * The format is the JSON of chrome://tracing, which Perfetto reads too. The
 * file is a whole JSON document at any moment, also when the process is killed,
 * and stops growing at 64 MiB, or at EVOKE_TRACE_MB (1 to 4096) megabytes.
 * Of a base that was made before fork() the child writes nothing.
 *
 * Any thread may call it. Returns 0, or -1 with errno set: another process
 * writes the file (EWOULDBLOCK, logged), it cannot be made (logged), memory is
 * short, an argument is NULL (EINVAL), or this base has a trace already
 * (EEXIST).
 */
EVENT2_EXPORT_SYMBOL
int evoke_trace_start(struct event_base *base, const char *file);

/*
 * Ends the trace of `base`, as freeing it does. Returns 0, or -1 when there is
 * none.
 */
EVENT2_EXPORT_SYMBOL
int evoke_trace_stop(struct event_base *base);

/*
 * Warns through the log callback of each callback of `base` that holds the loop
 * for more than `limit_ms` milliseconds: its function, descriptor and duration,
 * and in builds without NDEBUG where it was when the time was over (for which
 * the real-time signal SIGRTMAX - 3 is used, if nobody else handles it). Of
 * callbacks within callbacks the one that took so long is named, or the
 * outermost where they did together. 0 ends it. EVOKE_SLOW_MS in the
 * environment does this for every base.
 *
 * Any thread may call it. Returns 0, or -1: no base, a negative limit, or
 * memory is short.
 */
EVENT2_EXPORT_SYMBOL
int evoke_warn_slow(struct event_base *base, int limit_ms);

#ifdef __cplusplus
}
#endif

#endif /* EVOKE_TRACE_H_INCLUDED_ */
