/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event loop: bases, events, and what runs them.
 *
 * A program makes an event_base, makes events that name what they wait for (a
 * file descriptor, a signal, a time, or nothing but event_active()), adds
 * them, and calls event_base_dispatch().  The loop waits in the kernel and
 * calls each event's callback when its condition holds.
 *
 *   struct event_base *base = event_base_new();
 *   struct event *tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
 *   struct timeval second = {1, 0};
 *   event_add(tick, &second);
 *   event_base_dispatch(base);
 *   event_free(tick);
 *   event_base_free(base);
 *
 * Conventions of all headers of event2/:
 * - Functions that return int return 0 on success and -1 on failure, unless
 *   said otherwise; functions that return a pointer return NULL on failure.  A
 *   call that fails has changed nothing.  Memory may be short in any call that
 *   can fail.
 * - Times are struct timeval: seconds and microseconds.  Timeouts are relative
 *   to now and measured on the monotonic clock, so that setting the system's
 *   clock moves none.  The caller keeps every timeval that it passes.
 * - Strings that are passed in are copied, if they are kept at all.
 * - A base, its events, and all objects that belong to it are used by one
 *   thread at a time, unless locking was switched on before the base was made
 *   (event2/thread.h).  Then the functions here may be called from any thread,
 *   but for freeing the base and what says otherwise; and callbacks of the
 *   program run without the base's lock.
 * - "Since 2.2": libevent 2.1 has no such function; libevent 2.2 does.
 */
#ifndef EVENT2_EVENT_H_INCLUDED_
#define EVENT2_EVENT_H_INCLUDED_

#include <event2/event-config.h>
#include <event2/util.h>
#include <event2/visibility.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The state of one loop.  Opaque. */
struct event_base;
/* Something to wait for, and the callback to run then.  Its layout is in
 * event2/event_struct.h; programs had better use event_new(). */
struct event;
/* Wishes about a base that is to be made.  Opaque. */
struct event_config;

/* ---- Making and freeing a base ------------------------------------------ */

/*
 * Makes a base on the best backend of this system: epoll, else poll, else
 * select.  The environment can rule backends out: EVENT_NOEPOLL, EVENT_NOPOLL,
 * EVENT_NOSELECT; EVENT_SHOW_METHOD logs the choice (all ignored in setuid
 * programs).  The caller frees it with event_base_free().  NULL when no
 * backend can be opened or memory is short.
 */
struct event_base *event_base_new(void);

/*
 * As event_base_new(), with the wishes of `cfg` (NULL for none).  `cfg` stays
 * the caller's and may be freed at once.  NULL also when no backend fulfils
 * the wishes.
 */
struct event_base *event_base_new_with_config(const struct event_config *cfg);

/*
 * Frees the base and closes its file descriptors.  Events that are still added
 * are taken out, but neither freed nor called: they stay their owner's, who
 * may free them later.  Events of event_base_once() that never fired are
 * freed.  With NULL the base of event_init() is freed, if there is one; else a
 * warning is logged.  Must not be called from a callback of this base.
 */
void event_base_free(struct event_base *base);

/* As event_base_free(), but finalizers that have not run yet do not run. */
void event_base_free_nofinalize(struct event_base *base);

/*
 * Gives the base a kernel object of its own; to be called in the child after
 * fork(), before the child uses the base.  Added events, signals too, stay
 * added; the parent is not disturbed.  -1 when the kernel refuses the new
 * object or one of the events.
 */
int event_reinit(struct event_base *base);

/* The name of the backend in use: "epoll", "poll", "select", or a plug-in's
 * name.  The string belongs to the library. */
const char *event_base_get_method(const struct event_base *base);

/* How the base learns of signals: "signal", by a handler that writes to a pipe,
 * or "signalfd_signal", by signalfd(2).  The string belongs to the library.
 * Since 2.2. */
const char *event_base_get_signal_method(const struct event_base *base);

/*
 * The names of all backends of this build, best first, ended by NULL, whether
 * or not the environment rules them out.  Array and strings belong to the
 * library; a later call replaces the array.  NULL when memory is short.
 */
const char **event_get_supported_methods(void);

/* What the base's backend can do: EV_FEATURE_... or-ed together. */
int event_base_get_features(const struct event_base *base);

/* Abilities of a backend. */
enum event_method_feature {
  /* EV_ET: report changes of readiness rather than readiness. */
  EV_FEATURE_ET = 0x01,
  /* The cost of an event does not grow with the number of events added. */
  EV_FEATURE_O1 = 0x02,
  /* Takes any kind of file descriptor, regular files too. */
  EV_FEATURE_FDS = 0x04,
  /* EV_CLOSED: notices that the peer closed without reading all bytes. */
  EV_FEATURE_EARLY_CLOSE = 0x08
};

/* Flags of event_config_set_flag(). */
enum event_base_config_flag {
  /* No locks for this base, even where locking is on: only one thread will
   * ever use it. */
  EVENT_BASE_FLAG_NOLOCK = 0x01,
  /* Pay no attention to EVENT_... variables of the environment. */
  EVENT_BASE_FLAG_IGNORE_ENV = 0x02,
  /* For Windows; without effect here. */
  EVENT_BASE_FLAG_STARTUP_IOCP = 0x04,
  /* Read the clock whenever the time is asked for, instead of once a turn of
   * the loop. */
  EVENT_BASE_FLAG_NO_CACHE_TIME = 0x08,
  /* On epoll: collect the changes of a turn and tell the kernel about each fd
   * once, before the wait.  Not for programs that add dup()ed fds of one
   * socket.  The variable EVENT_EPOLL_USE_CHANGELIST does the same. */
  EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST = 0x10,
  /* Time with a resolution finer than the kernel's cheap clock.  The variable
   * EVENT_PRECISE_TIMER does the same. */
  EVENT_BASE_FLAG_PRECISE_TIMER = 0x20,
  /* Signals by signalfd(2), where the kernel has it, instead of a handler.  A
   * signal is blocked, in the thread that adds its first event, until its last
   * one is deleted; children inherit that.  The other threads must block it
   * themselves.  The variable EVENT_USE_SIGNALFD does the same.  Since 2.2. */
  EVENT_BASE_FLAG_USE_SIGNALFD = 0x80
};

/* Makes an empty set of wishes, which the caller frees.  NULL when memory is
 * short. */
struct event_config *event_config_new(void);

/* Frees `cfg`; bases made with it keep working. */
void event_config_free(struct event_config *cfg);

/* Rules out the backend named `method`.  May be called for several; an unknown
 * name is no error.  -1 when memory is short. */
int event_config_avoid_method(struct event_config *cfg, const char *method);

/* Allows only backends with all abilities in `feature` (EV_FEATURE_...).  A
 * later call replaces the set.  -1 when `cfg` is NULL. */
int event_config_require_features(struct event_config *cfg, int feature);

/* Adds `flag` (EVENT_BASE_FLAG_...) to those already set.  -1 when `cfg` is
 * NULL. */
int event_config_set_flag(struct event_config *cfg, int flag);

/* A hint for thread pools that only Windows has; remembered and not used.  -1
 * when `cfg` is NULL. */
int event_config_set_num_cpus_hint(struct event_config *cfg, int cpus);

/*
 * Bounds how long low priorities may keep the loop from asking the kernel
 * about high ones.  In a queue whose priority number is `min_priority` or more
 * (a negative one counts as 0), callbacks run until `max_interval` has gone by
 * (NULL: no bound) or `max_callbacks` have run (negative: no bound); then the
 * loop looks for new events before it goes on.  More urgent queues are not
 * bounded.  Always 0.
 */
int event_config_set_max_dispatch_interval(struct event_config *cfg,
                                           const struct timeval *max_interval,
                                           int max_callbacks, int min_priority);

/* ---- Running the loop --------------------------------------------------- */

/* Flags of event_base_loop(). */
/* Wait until something becomes active, run all of it, and return. */
#define EVLOOP_ONCE 0x01
/* Do not wait: run what is ready, until a look at the kernel finds nothing. */
#define EVLOOP_NONBLOCK 0x02
/* Go on even when no event is added, until loopexit or loopbreak. */
#define EVLOOP_NO_EXIT_ON_EMPTY 0x04

/*
 * Runs the loop: waits, and runs callbacks, until no event is pending or
 * active, or event_base_loopexit() or event_base_loopbreak() was called, or
 * the flags say so.  EVLOOP_ONCE and EVLOOP_NONBLOCK together take one glance.
 *
 * Returns 1 when there is nothing pending or active any more, 0 when it ended
 * for another reason, and -1 when the backend failed or when it was called
 * from a callback of the same base (which also logs a warning).
 */
int event_base_loop(struct event_base *base, int flags);

/* event_base_loop() without flags. */
int event_base_dispatch(struct event_base *base);

/*
 * Ends the loop once `tv` has gone by, or, with NULL, after the active events
 * of the current priority have run.  Sets got_exit.  May be called before the
 * loop starts.  -1 when the timer cannot be added.
 */
int event_base_loopexit(struct event_base *base, const struct timeval *tv);

/*
 * Ends the loop after the callback that runs now; other active events stay
 * active and run in the next loop.  Without a running loop it is forgotten
 * when the next one starts.  -1 when `base` is NULL.
 */
int event_base_loopbreak(struct event_base *base);

/*
 * After the callback that runs now, looks for new events before it runs the
 * rest of the active ones.  Without effect outside a callback.  -1 when `base`
 * is NULL.
 */
int event_base_loopcontinue(struct event_base *base);

/* Whether the last loop ended by event_base_loopexit(): 1 or 0.  Stays set
 * until the next loop starts. */
int event_base_got_exit(struct event_base *base);

/* The same for event_base_loopbreak(). */
int event_base_got_break(struct event_base *base);

/* The event whose callback runs now, or NULL outside of callbacks.  Meant for
 * use inside one. */
struct event *event_base_get_running_event(struct event_base *base);

/* ---- Time --------------------------------------------------------------- */

/*
 * The wall-clock time of the turn: while callbacks run it stays what it was
 * when the batch began, outside it is the real time.  A NULL base means the one
 * of event_init(), and without that the real time.  -1 when the clock cannot be
 * read.
 */
int event_base_gettimeofday_cached(struct event_base *base, struct timeval *tv);

/* Reads the clock anew inside a callback that took long, so that timers that
 * are added next count from now.  Does nothing outside the loop; -1 when
 * `base` is NULL and there is no base of event_init(). */
int event_base_update_cache_time(struct event_base *base);

/* The time, not cached, on the monotonic clock that the base's timers live in.
 * -1 when `base` or `tp` is NULL. */
int event_gettime_monotonic(struct event_base *base, struct timeval *tp);

/*
 * Tells the base that many events will have the timeout `duration`.  Use the
 * returned pointer as the timeout of event_add() (copies of its value serve as
 * well): these events share a queue, so that adding and removing one costs
 * constant time.  They fire in the order in which they were added.  The
 * pointer is valid as long as the base; the same duration gives the same
 * pointer.  NULL, and a warning, when there are 256 durations already, and NULL
 * when memory is short.
 */
const struct timeval *event_base_init_common_timeout(
    struct event_base *base, const struct timeval *duration);

/* ---- Events ------------------------------------------------------------- */

/* What an event waits for, and what its callback is told.  Or-ed together. */
/* A timeout has gone by.  Only told, never asked for: event_add() does that. */
#define EV_TIMEOUT 0x01
/* The fd has bytes to read, a connection to accept, an end of file or an
 * error. */
#define EV_READ 0x02
/* The fd takes bytes to write, or has an error. */
#define EV_WRITE 0x04
/* The signal whose number stands in place of the fd was raised.  Not together
 * with EV_READ, EV_WRITE or EV_CLOSED. */
#define EV_SIGNAL 0x08
/* The event stays added when it fires; with a timeout, that starts again. */
#define EV_PERSIST 0x10
/* Edge-triggered, where the backend has EV_FEATURE_ET: told when the state
 * changes, and then not again until it changes anew. */
#define EV_ET 0x20
/* The event has a finalizer; event_del() never waits for its callback. */
#define EV_FINALIZE 0x40
/* The peer closed its side, noticed without reading, where the backend has
 * EV_FEATURE_EARLY_CLOSE. */
#define EV_CLOSED 0x80

/*
 * What runs when an event fires: the fd or signal number of the event, the
 * conditions that hold (EV_...), and the `arg` of event_new().  It may add,
 * delete or free any event, its own too.  An event without EV_PERSIST is no
 * longer pending when its callback runs.
 */
typedef void (*event_callback_fn)(evutil_socket_t fd, short what, void *arg);

/*
 * Makes an event, not yet added, which the caller frees with event_free()
 * before or after the base.  `fd` is a file descriptor that is non-blocking, a
 * signal number with EV_SIGNAL, or -1 for events that only time out or are
 * activated by hand.  `events` is EV_READ, EV_WRITE, EV_CLOSED, EV_SIGNAL,
 * with EV_PERSIST and EV_ET where wanted.  `arg` is handed to the callback; it
 * is event_self_cbarg() to get the event itself.  The fd stays the caller's,
 * who must delete the event before closing it.  NULL when memory is short or
 * the events contradict each other.
 */
struct event *event_new(struct event_base *base, evutil_socket_t fd,
                        short events, event_callback_fn callback, void *arg);

/*
 * Fills in an event whose memory is the caller's, for
 * event_get_struct_event_size() bytes; otherwise as event_new().  The event
 * must not be pending.  A NULL base means the one of event_init().  -1 when
 * the events contradict each other.
 */
int event_assign(struct event *ev, struct event_base *base, evutil_socket_t fd,
                 short events, event_callback_fn callback, void *arg);

/* Deletes an event of event_new(), pending or not, and frees it. */
void event_free(struct event *ev);

/* A value that event_new() and event_assign() take as `arg` to mean: the event
 * itself. */
void *event_self_cbarg(void);

/*
 * Calls `callback` once when one of `events` holds (EV_READ, EV_WRITE,
 * EV_CLOSED) or `tv` has gone by; the library owns the event behind it.  With
 * EV_TIMEOUT alone it is called after `tv`, or as soon as the loop runs when
 * that is NULL or zero; otherwise NULL means without a timeout.  -1 for
 * EV_SIGNAL, EV_PERSIST or nothing to wait for, or when memory is short.
 */
int event_base_once(struct event_base *base, evutil_socket_t fd, short events,
                    event_callback_fn callback, void *arg,
                    const struct timeval *tv);

/*
 * Starts waiting: the event is pending until it fires (unless EV_PERSIST) or
 * is deleted.  `timeout` makes it fire after that time even if nothing else
 * happened, with EV_TIMEOUT.  NULL sets no timeout, and on an event that is
 * pending leaves the one it has alone; a new one replaces it.  -1 when the
 * backend refuses the fd (errno says why) or memory is short.
 */
int event_add(struct event *ev, const struct timeval *timeout);

/* Takes the timeout away; the event goes on waiting for the rest.  0 also when
 * it had none; -1, and a warning, for an event that has no base. */
int event_remove_timer(struct event *ev);

/*
 * Stops waiting; if the event is active its callback does not run, and a
 * signal's remaining calls are dropped.  0 also when it was not pending; -1,
 * and a warning, for an event that has no base.  Where locking is on and
 * another thread runs the event's callback, waits for its end, unless the event
 * has EV_FINALIZE.
 */
int event_del(struct event *ev);

/* event_del() that never waits for a callback that runs in another thread. */
int event_del_noblock(struct event *ev);

/* event_del() that waits for it even with EV_FINALIZE. */
int event_del_block(struct event *ev);

/*
 * Makes the event active as if `res` (EV_...) had happened, pending or not;
 * its callback runs in the loop.  On an event that is active already `res` is
 * or-ed to what it has.  `ncalls` is how often a signal event's callback runs;
 * ignored for others.
 */
void event_active(struct event *ev, int res, short ncalls);

/* Makes all events active that are added for `fd` and wait for one of `events`
 * (EV_READ, EV_WRITE, EV_CLOSED), and with EV_TIMEOUT those among them that
 * have a timeout. */
void event_base_active_by_fd(struct event_base *base, evutil_socket_t fd,
                             short events);

/* Makes all events active that are added for the signal `sig`. */
void event_base_active_by_signal(struct event_base *base, int sig);

/*
 * Which of `events` (EV_...) the event waits for or is active with; 0 when
 * none.  With EV_TIMEOUT among the result and `tv` not NULL, `*tv` is the
 * deadline in wall-clock time.
 */
int event_pending(const struct event *ev, short events, struct timeval *tv);

/* Whether the memory holds an event that was assigned: non-zero or 0.  The
 * memory must have been set to zero before. */
int event_initialized(const struct event *ev);

/* ---- Finalizers: giving up an event that another thread may be running --- */

/* Runs in the loop, with the event's priority, when no callback of the event
 * runs or will run any more: `ev` and its `arg` may be freed here.  It must not
 * add or activate the event. */
typedef void (*event_finalize_callback_fn)(struct event *ev, void *arg);

/*
 * Deletes the event and has `callback` called once nothing uses the event any
 * more.  Never waits, from whichever thread, even while the event's callback
 * runs in another: for programs that would deadlock if event_del() waited, and
 * which make such events with EV_FINALIZE.  From here on the event cannot be
 * added or activated, and the memory belongs to the library until `callback`
 * runs; freeing the base first runs it, too (see event_base_free_nofinalize()).
 * event_free_finalize() frees the event after `callback`, event_finalize() does
 * not.  `flags` is 0.  0; -1 when the event has no base.
 */
int event_finalize(unsigned flags, struct event *ev,
                   event_finalize_callback_fn callback);
int event_free_finalize(unsigned flags, struct event *ev,
                        event_finalize_callback_fn callback);

/* ---- What an event was made with ---------------------------------------- */

/* The file descriptor, the signal number, or -1. */
evutil_socket_t event_get_fd(const struct event *ev);
/* The signal number of a signal event. */
#define event_get_signal(ev) ((int)event_get_fd(ev))
/* The base, NULL if it has none. */
struct event_base *event_get_base(const struct event *ev);
/* The events it was made for (EV_...). */
short event_get_events(const struct event *ev);
/* The callback and its argument. */
event_callback_fn event_get_callback(const struct event *ev);
void *event_get_callback_arg(const struct event *ev);
/* The priority; 0 is the most urgent. */
int event_get_priority(const struct event *ev);
/* All of these at once.  Each of the last five pointers may be NULL. */
void event_get_assignment(const struct event *ev, struct event_base **base_out,
                          evutil_socket_t *fd_out, short *events_out,
                          event_callback_fn *callback_out, void **arg_out);

/* Bytes that an event takes in this version of the library.  For programs that
 * put events into memory of their own without event2/event_struct.h. */
size_t event_get_struct_event_size(void);

/* ---- Priorities --------------------------------------------------------- */

/* Bound on the number of priorities: event_base_priority_init() takes fewer
 * than this. */
#define EVENT_MAX_PRIORITIES 256

/*
 * Gives the base `npriorities` priorities, 0 to npriorities-1; a new base has
 * 1.  Active events of a lower number run first; after each round the kernel
 * is asked again, so that busy low numbers can starve high ones.  Events that
 * are made later start in the middle (npriorities / 2).  -1 when events are
 * active, when the number is below 1 or not below EVENT_MAX_PRIORITIES, or
 * when memory is short.
 */
int event_base_priority_init(struct event_base *base, int npriorities);

/* The number of priorities. */
int event_base_get_npriorities(struct event_base *base);

/* Sets the event's priority.  -1 when it is active, or when the base has no
 * such priority. */
int event_priority_set(struct event *ev, int priority);

/* Moves an event that is not pending and not active to another base; its
 * priority becomes that base's middle.  -1 when it is in use. */
int event_base_set(struct event_base *base, struct event *ev);

/* ---- Looking at a base --------------------------------------------------- */

/* What event_base_get_num_events() counts, or-ed together: */
/* events that are active, */
#define EVENT_BASE_COUNT_ACTIVE 1U
/* what keeps the loop running without being an event, such as a deferred
 * callback that has to come, */
#define EVENT_BASE_COUNT_VIRTUAL 2U
/* events that are added. */
#define EVENT_BASE_COUNT_ADDED 4U

/* How many events there are of the kinds in `flags` (EVENT_BASE_COUNT_...).
 * One of two kinds counts twice, and what the library adds for itself counts:
 * a measure of load rather than of what the program did. */
int event_base_get_num_events(struct event_base *base, unsigned int flags);

/* The highest number that there ever was of each kind in `flags`, added up.
 * With `clear` not 0 the measure begins anew from 0. */
int event_base_get_max_events(struct event_base *base, unsigned int flags,
                              int clear);

/* Sees one event; 0 to go on, anything else to stop.  It must not change what
 * is added or active. */
typedef int (*event_base_foreach_event_cb)(const struct event_base *base,
                                           const struct event *ev, void *arg);

/* Calls `fn` for each event that is added or active, the library's own too,
 * once each, with the base's lock held.  Returns 0, or what `fn` returned when
 * it stopped; -1 when an argument is NULL. */
int event_base_foreach_event(struct event_base *base,
                             event_base_foreach_event_cb fn, void *arg);

/* Writes a list of the events that are added, and of those that are active, to
 * `output`, for people to read.  The form may change. */
void event_base_dump_events(struct event_base *base, FILE *output);

/* ---- Timers, signals and user events by shorter names ------------------- */

/* Timers: events without fd.  One-shot; event_new() with EV_PERSIST repeats. */
#define evtimer_assign(ev, b, cb, arg) \
  event_assign((ev), (b), -1, 0, (cb), (arg))
#define evtimer_new(b, cb, arg) event_new((b), -1, 0, (cb), (arg))
#define evtimer_add(ev, tv) event_add((ev), (tv))
#define evtimer_del(ev) event_del(ev)
#define evtimer_pending(ev, tv) event_pending((ev), EV_TIMEOUT, (tv))
#define evtimer_initialized(ev) event_initialized(ev)

/*
 * Signals: persistent; the callback runs in the loop, not in the handler.  One
 * base at a time receives a process's signals.  The old disposition returns
 * when the last event on a signal is deleted.
 */
#define evsignal_add(ev, tv) event_add((ev), (tv))
#define evsignal_assign(ev, b, x, cb, arg) \
  event_assign((ev), (b), (x), EV_SIGNAL | EV_PERSIST, cb, (arg))
#define evsignal_new(b, x, cb, arg) \
  event_new((b), (x), EV_SIGNAL | EV_PERSIST, (cb), (arg))
#define evsignal_del(ev) event_del(ev)
#define evsignal_pending(ev, tv) event_pending((ev), EV_SIGNAL, (tv))
#define evsignal_initialized(ev) event_initialized(ev)

/* User events: they fire only by evuser_trigger(). */
#define evuser_new(b, cb, arg) event_new((b), -1, 0, (cb), (arg))
#define evuser_del(ev) event_del(ev)
#define evuser_pending(ev, tv) event_pending((ev), 0, (tv))
#define evuser_initialized(ev) event_initialized(ev)
#define evuser_trigger(ev) event_active((ev), 0, 0)

/* ---- The library as a whole --------------------------------------------- */

/* The version that is running, as a string and as a number of the form of
 * EVENT__NUMERIC_VERSION. */
const char *event_get_version(void);
ev_uint32_t event_get_version_number(void);

/* The version that the program is compiled for. */
#define LIBEVENT_VERSION EVENT__VERSION
#define LIBEVENT_VERSION_NUMBER EVENT__NUMERIC_VERSION

/* Severities of log messages. */
#define EVENT_LOG_DEBUG 0
#define EVENT_LOG_MSG 1
#define EVENT_LOG_WARN 2
#define EVENT_LOG_ERR 3

/* Old names of the severities. */
#define _EVENT_LOG_DEBUG EVENT_LOG_DEBUG
#define _EVENT_LOG_MSG EVENT_LOG_MSG
#define _EVENT_LOG_WARN EVENT_LOG_WARN
#define _EVENT_LOG_ERR EVENT_LOG_ERR

/* Gets each log message, without a newline; it must not call back into the
 * library. */
typedef void (*event_log_cb)(int severity, const char *msg);

/* Sends log messages to `cb`, for the whole process; NULL means standard error
 * again, which is the default.  Not thread-safe: call it first. */
void event_set_log_callback(event_log_cb cb);

/* Gets the exit status when the library cannot go on. */
typedef void (*event_fatal_cb)(int err);

/* Calls `cb` instead of exit() on a fatal error, for the whole process; it
 * should not return.  NULL sets the default.  Not thread-safe: call it first.
 */
void event_set_fatal_callback(event_fatal_cb cb);

/* Values of event_enable_debug_logging(). */
#define EVENT_DBG_ALL 0xffffffffu
#define EVENT_DBG_NONE 0

/* Switches messages of EVENT_LOG_DEBUG on (EVENT_DBG_ALL) or off
 * (EVENT_DBG_NONE), where the library was built with them. */
void event_enable_debug_logging(ev_uint32_t which);

/*
 * Watches over the use of events from now on, for the whole process, at a
 * price in time and memory: adding or deleting what was never assigned,
 * assigning or changing what is pending, and the like end the process with a
 * message (see event_set_fatal_callback()).  To be called before any event or
 * base is made, and once; too late, or again, is fatal.
 */
void event_enable_debug_mode(void);

/* Tells debug mode that memory of event_assign() is no event any more, before
 * it is reused; event_free() does so by itself.  Does nothing without debug
 * mode.  The event must be neither pending nor active. */
void event_debug_unassign(struct event *ev);

/*
 * Takes all memory from these functions from now on; NULL for one means the C
 * library's.  They must align as malloc() does; `realloc_fn` gets NULL and 0
 * as realloc() does.  To be called before anything else of the library: memory
 * must be freed by the partner of the function that it came from.
 */
void event_set_mem_functions(void *(*malloc_fn)(size_t sz),
                             void *(*realloc_fn)(void *ptr, size_t sz),
                             void (*free_fn)(void *ptr));
/* Tells programs that event_set_mem_functions() exists. */
#define EVENT_SET_MEM_FUNCTIONS_IMPLEMENTED

/* Frees what the library holds for the process, for leak checkers.  All bases
 * must be gone; nothing of the library may be called afterwards. */
void libevent_global_shutdown(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* EVENT2_EVENT_H_INCLUDED_ */
