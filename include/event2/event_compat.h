/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The oldest face of the loop: functions that work on one base for the whole
 * process, the last that event_init() made.
 *
 * New programs use event2/event.h, where the base is an argument.  Nothing
 * here may be used by two threads at once.
 */
#ifndef EVENT2_EVENT_COMPAT_H_INCLUDED_
#define EVENT2_EVENT_COMPAT_H_INCLUDED_

#include <event2/event-config.h>
#include <event2/util.h>
#include <event2/visibility.h>
#include <sys/time.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct event;
struct event_base;

/*
 * Makes a base, remembers it as the process's current base, and returns it.
 * The caller frees it with event_base_free().  A failure is fatal: it is
 * logged and the process ends (see event_set_fatal_callback()).
 */
struct event_base *event_init(void);

/* event_base_dispatch(), event_base_loop(), event_base_loopexit(),
 * event_base_loopbreak(), event_base_priority_init() on the current base. */
int event_dispatch(void);
int event_loop(int flags);
int event_loopexit(const struct timeval *tv);
int event_loopbreak(void);
int event_priority_init(int npriorities);

/* event_base_once() on the current base. */
int event_once(evutil_socket_t fd, short events,
               void (*callback)(evutil_socket_t, short, void *), void *arg,
               const struct timeval *tv);

/* The name of the current base's backend. */
const char *event_get_method(void);

/* event_assign() to the current base; a contradiction is logged and otherwise
 * passes unnoticed. */
void event_set(struct event *ev, evutil_socket_t fd, short events,
               void (*callback)(evutil_socket_t, short, void *), void *arg);

/* event_set() for timers and signals. */
#define evtimer_set(ev, cb, arg) event_set((ev), -1, 0, (cb), (arg))
#define evsignal_set(ev, x, cb, arg) \
  event_set((ev), (x), EV_SIGNAL | EV_PERSIST, (cb), (arg))

/* Older names of evtimer_...() and evsignal_...(). */
#define timeout_add(ev, tv) event_add((ev), (tv))
#define timeout_set(ev, cb, arg) event_set((ev), -1, 0, (cb), (arg))
#define timeout_del(ev) event_del(ev)
#define timeout_pending(ev, tv) event_pending((ev), EV_TIMEOUT, (tv))
#define timeout_initialized(ev) event_initialized(ev)
#define signal_add(ev, tv) event_add((ev), (tv))
#define signal_set(ev, x, cb, arg) \
  event_set((ev), (x), EV_SIGNAL | EV_PERSIST, (cb), (arg))
#define signal_del(ev) event_del(ev)
#define signal_pending(ev, tv) event_pending((ev), EV_SIGNAL, (tv))
#define signal_initialized(ev) event_initialized(ev)

/* The fd or signal number of an event. */
#ifndef EVENT_FD
#define EVENT_FD(ev) ((int)event_get_fd(ev))
#define EVENT_SIGNAL(ev) event_get_signal(ev)
#endif

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* EVENT2_EVENT_COMPAT_H_INCLUDED_ */
