/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watchers: callbacks around the loop's wait.  Since 2.2.
 *
 * A prepare watcher runs just before the loop waits for events, a check watcher
 * just after, before any event's callback.  With them a program joins another
 * library's loop to this one, or measures how long its loop sleeps.  They do
 * not keep the loop running.
 *
 * Watchers of one base run in the order in which they were made, in the loop's
 * thread and without the base's lock.  A watcher's callback may add and delete
 * events, and make and free watchers, itself too.
 */
#ifndef EVENT2_WATCH_H_INCLUDED_
#define EVENT2_WATCH_H_INCLUDED_

#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct event_base;
struct timeval;
/* A watcher.  Opaque. */
struct evwatch;
/* What a prepare, or a check, callback can ask about.  Opaque, and valid during
 * the call. */
struct evwatch_prepare_cb_info;
struct evwatch_check_cb_info;

/* Runs before the wait; `arg` is that of evwatch_prepare_new(). */
typedef void (*evwatch_prepare_cb)(struct evwatch *watcher,
                                   const struct evwatch_prepare_cb_info *info,
                                   void *arg);

/* Runs after the wait; `arg` is that of evwatch_check_new(). */
typedef void (*evwatch_check_cb)(struct evwatch *watcher,
                                 const struct evwatch_check_cb_info *info,
                                 void *arg);

/* Makes a watcher, which works at once and until it is freed; the caller frees
 * it, or the base does with itself.  NULL when memory is short. */
struct evwatch *evwatch_prepare_new(struct event_base *base,
                                    evwatch_prepare_cb callback, void *arg);
struct evwatch *evwatch_check_new(struct event_base *base,
                                  evwatch_check_cb callback, void *arg);

/* The base it was made for. */
struct event_base *evwatch_base(struct evwatch *watcher);

/*
 * Frees the watcher; its callback does not run any more, and what it uses may
 * be freed next.  Where locking is on and another thread runs the callback just
 * now, waits for its end, as event_del() does: the caller must not hold what
 * the callback wants, and the callback must not wait for the caller.
 */
void evwatch_free(struct evwatch *watcher);

/* How long the loop is about to wait, if nothing happens: returns 1 and writes
 * it to `*timeout`; 0 when it waits without a limit. */
int evwatch_prepare_get_timeout(const struct evwatch_prepare_cb_info *info,
                                struct timeval *timeout);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* EVENT2_WATCH_H_INCLUDED_ */
