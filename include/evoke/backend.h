/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Backends: how a loop asks the kernel which file descriptors are ready.
 *
 * A backend is a table of functions, struct evoke_backend, plus whatever state
 * its open() returns. The library brings epoll, poll and select; a program may
 * register its own, prefer it or avoid it by name (event_config_avoid_method),
 * and have evoke_backend_conformance() tell whether it keeps every promise
 * that is written here. examples/custom_backend.cc is a whole one.
 *
 * A backend knows nothing of events. It is told, for each file descriptor, the
 * merged interest of all events on it: an or of EV_READ, EV_WRITE and
 * EV_CLOSED, or 0. It reports, for each ready descriptor, a ready set of the
 * same three flags.
 *
 * This header may be included from C99 and C++.
 */
#ifndef EVOKE_BACKEND_H_INCLUDED_
#define EVOKE_BACKEND_H_INCLUDED_

#include <event2/event.h>
#include <event2/visibility.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this table's contract. */
#define EVOKE_BACKEND_VERSION 1

/* One ready descriptor. */
struct evoke_ready {
  evutil_socket_t fd; /* its number */
  short ready;        /* EV_READ | EV_WRITE | EV_CLOSED, what holds now */
};

/*
 * Where wait() puts what is ready. The list is the loop's; a backend writes to
 * it through evoke_sink_put() only.
 */
struct evoke_ready_sink {
  struct evoke_ready *list; /* `capacity` entries */
  int count;                /* entries that are filled in */
  int capacity;             /* entries that fit without growing */
  /* Makes room for more; 0 when memory is short. */
  int (*grow)(struct evoke_ready_sink *sink);
};

/*
 * Hands one ready descriptor to the loop. Each descriptor at most once a wait.
 * Returns 1, or 0 when memory is short: then stop, and report the rest in the
 * next wait.
 */
static inline int evoke_sink_put(struct evoke_ready_sink *sink,
                                 evutil_socket_t fd, short ready) {
  if (sink->count == sink->capacity && !sink->grow(sink)) return 0;
  sink->list[sink->count].fd = fd;
  sink->list[sink->count].ready = ready;
  ++sink->count;
  return 1;
}

/* What open() is told about the base that it is opened for. */
struct evoke_backend_options {
  size_t struct_size; /* sizeof(struct evoke_backend_options) of the library */
  unsigned flags;     /* EVOKE_OPTION_... */
};

/* Timeouts are wanted to the microsecond (EVENT_BASE_FLAG_PRECISE_TIMER). */
#define EVOKE_OPTION_PRECISE_TIMER 0x01u
/* Changes may be gathered until just before the wait
 * (EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST). A backend may ignore it. */
#define EVOKE_OPTION_CHANGELIST 0x02u

/* wait() returns this after it had to make its kernel object anew: the loop
 * then hands it every interest again, as after a fork. */
#define EVOKE_WAIT_REBUILT 1

/* Properties of a backend, in evoke_backend.flags. */
/* change() may be called by another thread while wait() waits, and counts at
 * once. */
#define EVOKE_BACKEND_CHANGE_DURING_WAIT 0x01u

/*
 * The method table. All pointers are to be set; the table and the strings in it
 * must outlive every base that uses it. No function is called by two threads
 * at once for one state, unless EVOKE_BACKEND_CHANGE_DURING_WAIT says that
 * change() may meet wait(). None may call back into the library, except
 * evoke_sink_put().
 */
struct evoke_backend {
  size_t struct_size; /* sizeof(struct evoke_backend) */
  int version;        /* EVOKE_BACKEND_VERSION */

  /* As event_base_get_method() returns it. EVENT_NO<NAME> in the environment,
   * in capitals, switches the backend off. */
  const char *name;

  int features;        /* EV_FEATURE_ET | EV_FEATURE_O1 | ... */
  unsigned flags;      /* EVOKE_BACKEND_... */
  size_t per_fd_bytes; /* room that the loop keeps for change(), see there */

  /*
   * Makes the state of one base; descriptors of its own are close-on-exec.
   * NULL: not usable here, and the next backend is tried; set errno.
   */
  void *(*open)(const struct evoke_backend_options *options);

  /* Frees the state. Descriptors that still have interests stay open. */
  void (*close)(void *state);

  /*
   * The merged interest of `fd` (not negative) went from `old_interest` to
   * `new_interest`; either may be 0, and they may be equal: then the kernel may
   * have lost the registration together with a closed descriptor of the same
   * number, and it is to be made sure of. With `edge`, the new interest is
   * edge-triggered (only where EV_FEATURE_ET is offered).
   *
   * `per_fd` points to `per_fd_bytes` of memory kept for this descriptor,
   * aligned as an element of that size in an array, zeroed before the first
   * call and not touched by the loop; valid during the call only, since it may
   * move afterwards. Null when `per_fd_bytes` is 0.
   *
   * Returns 0, or -1 with errno set, and event_add() fails. Taking out a
   * descriptor that is closed already is no failure.
   */
  int (*change)(void *state, evutil_socket_t fd, short old_interest,
                short new_interest, int edge, void *per_fd);

  /*
   * Waits until a descriptor is ready or `timeout_us` microseconds are over
   * (never less; -1: without limit, 0: only looks), and puts what is ready into
   * `sink`. Hang-up and error are reported as EV_READ and EV_WRITE, as far as
   * there is interest in them. A signal ends the wait early and is no error.
   *
   * Returns 0, EVOKE_WAIT_REBUILT, or -1 with errno set: the loop logs it and
   * ends with -1.
   */
  int (*wait)(void *state, int64_t timeout_us, struct evoke_ready_sink *sink);

  /*
   * The process is a child after fork(). Makes a kernel object of its own,
   * empty, without disturbing the parent's; every interest is then handed over
   * again by change() with `old_interest` 0 and a zeroed `per_fd`. Returns 0,
   * or -1 with errno set.
   */
  int (*forked)(void *state);
};

/* When a registered backend is tried. */
enum evoke_backend_place {
  EVOKE_BACKEND_BEFORE, /* tried before the built-in ones */
  EVOKE_BACKEND_AFTER   /* tried when no built-in one is usable */
};

/*
 * Makes `backend` known to every base that is created from now on. Of several
 * in one place the one registered last is tried first. A name that is known
 * already (letter case ignored) is refused. Not thread-safe: register before
 * other threads create bases.
 *
 * Returns 0, or -1: a null or incomplete table, an unknown version, a known
 * name (errno EEXIST), or memory is short.
 */
EVENT2_EXPORT_SYMBOL
int evoke_backend_register(const struct evoke_backend *backend,
                           enum evoke_backend_place place);

/*
 * Forgets a backend that evoke_backend_register() made known. Bases that use it
 * go on using it. Returns 0, or -1 if it is not registered.
 */
EVENT2_EXPORT_SYMBOL
int evoke_backend_unregister(const struct evoke_backend *backend);

/*
 * Runs every promise of the contract above against `backend`, which need not be
 * registered, and tells of each broken one, in a sentence, as a warning through
 * the log callback (event_set_log_callback).
 *
 * Opens sockets and pipes on this machine only. Each promise is tried in a
 * child process, so that a backend that crashes or hangs hides no other; that
 * takes about a second, and more where one hangs. Returns the number of broken
 * promises, 0 for a sound backend, or -1 when it could not run (null or
 * incomplete table, no descriptors left).
 */
EVENT2_EXPORT_SYMBOL
int evoke_backend_conformance(const struct evoke_backend *backend);

/* One outcome: `broken` is NULL when the promise was kept, else says how. */
typedef void (*evoke_conformance_cb)(const char *promise, const char *broken,
                                     void *arg);

/* As evoke_backend_conformance(), but hands each outcome to `report`. */
EVENT2_EXPORT_SYMBOL
int evoke_backend_conformance_report(const struct evoke_backend *backend,
                                     evoke_conformance_cb report, void *arg);

#ifdef __cplusplus
}
#endif

#endif /* EVOKE_BACKEND_H_INCLUDED_ */
