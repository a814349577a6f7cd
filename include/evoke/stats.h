/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a loop has done so far, in numbers: counters that are always on, and
 * durations that cost clock readings and are taken on request.
 *
 * This header may be included from C99 and C++.
 */
#ifndef EVOKE_STATS_H_INCLUDED_
#define EVOKE_STATS_H_INCLUDED_

#include <event2/event.h>
#include <event2/visibility.h>
#include <evoke/trace.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* New fields come at the end; `struct_size` tells which of them there are. */
struct evoke_stats {
  size_t struct_size; /* set by the caller: sizeof(struct evoke_stats) */

  /* --- Counters since the base was made. */
  uint64_t turns;         /* of the loop */
  uint64_t fired_read;    /* callbacks of events that fired with EV_READ */
  uint64_t fired_write;   /* ... with EV_WRITE */
  uint64_t fired_timeout; /* ... with EV_TIMEOUT */
  uint64_t fired_signal;  /* ... with EV_SIGNAL */
  uint64_t fired_other;   /* ... with none of these (EV_CLOSED, event_active) */
  uint64_t deferred;      /* callbacks of the library itself */
  uint64_t added;         /* event_add(), of the library's own events too */
  uint64_t deleted;       /* event_del(), by hand or since the event fired */
  uint64_t timers_late;   /* timeouts that fired 1 ms after their deadline or
                           * later */
  uint64_t wakeups;       /* writes of other threads to wake the loop */

  /* --- System calls of the library for this base. */
  uint64_t waits;      /* epoll_wait and its kin */
  uint64_t changes;    /* changes of an interest that the backend was told of:
                        * on epoll one epoll_ctl each, on others none */
  uint64_t reads;      /* read, readv by buffers, inside of the loop */
  uint64_t writes;     /* write, writev, sendfile by buffers, likewise */
  uint64_t bytes_read; /* by them */
  uint64_t bytes_written;

  /* --- As it is now. */
  uint64_t events;      /* places in which events wait, as
                         * event_base_get_num_events() counts them */
  uint64_t timers;      /* deadlines in the heap */
  uint64_t active;      /* callbacks that are queued to run */
  uint64_t active_max;  /* the most that ever were */
  uint64_t late_max_us; /* the latest a timer ever was, microseconds */

  /* --- Durations in nanoseconds, 0 without evoke_stats_enable_timing(). */
  uint64_t waiting_ns;    /* in the kernel, waiting */
  uint64_t running_ns;    /* in callbacks */
  uint64_t busiest_ns;    /* in all callbacks of one function: the one with
                           * the most */
  evoke_function busiest; /* that function, or NULL */
  uint64_t longest_ns;    /* the longest callback */
  evoke_function longest; /* its function, or NULL */
};

/*
 * Fills `stats` in, as much of it as `stats->struct_size` says. Any thread may
 * call it. Returns 0, or -1: an argument is NULL, or the size is none of this
 * struct's versions.
 */
EVENT2_EXPORT_SYMBOL
int evoke_stats(struct event_base *base, struct evoke_stats *stats);

/*
 * Takes durations from now on (`on` not 0), beginning at zero, or no longer:
 * two clock readings for each wait and for each callback. Any thread may call
 * it. Returns 0, or -1: no base, or memory is short.
 */
EVENT2_EXPORT_SYMBOL
int evoke_stats_enable_timing(struct event_base *base, int on);

/*
 * Writes the numbers as text of Prometheus's exposition format into `text`,
 * whose room is `size` bytes, NUL included, and cuts it there. `labels`, such
 * as "base=\"main\"", are put to each number; NULL for none. Any thread may
 * call it.
 *
 * Returns the length of the whole text in bytes, as snprintf(3), so that 0 for
 * `size` asks how much room is needed; -1 without a base.
 */
EVENT2_EXPORT_SYMBOL
int evoke_stats_prometheus(struct event_base *base, const char *labels,
                           char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* EVOKE_STATS_H_INCLUDED_ */
