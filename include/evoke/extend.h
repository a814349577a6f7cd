/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a library that looks into a loop needs of the core, beside the points
 * that evoke/trace.h tells: where to write, where memory comes from, and what
 * bufferevents hold. libevoke_scope is such a library.
 *
 * This header may be included from C99 and C++.
 */
#ifndef EVOKE_EXTEND_H_INCLUDED_
#define EVOKE_EXTEND_H_INCLUDED_

#include <event2/event.h>
#include <event2/visibility.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Writes `message` (without an end of line) where the library writes its own:
 * through the log callback, or to stderr. `severity` is EVENT_LOG_MSG or
 * EVENT_LOG_WARN. Any thread; errno is kept.
 */
EVENT2_EXPORT_SYMBOL
void evoke_log(int severity, const char *message);

/*
 * As realloc(3), by the functions of event_set_mem_functions(): NULL for
 * `memory` asks for new memory, 0 bytes give it back and return NULL. Returns
 * NULL with errno set to ENOMEM when memory is short; the old memory is as it
 * was then. Any thread; also by an evoke_point_cb.
 */
EVENT2_EXPORT_SYMBOL
void *evoke_realloc(void *memory, size_t bytes);

/* What a bufferevent holds, in bytes; no limit: 0. */
struct evoke_buffers {
  const void *bufferevent; /* only to be compared; NULL: was freed */
  size_t input;            /* read, and not taken out yet */
  size_t output;           /* to be written */
  size_t read_low;         /* low watermark for reading */
  size_t read_high;        /* high watermark for reading */
  size_t write_low;        /* low watermark for writing */
  size_t write_high;       /* high watermark for writing */
};

/*
 * The buffers of the socket bufferevent that `ev` belongs to. Waits for no
 * lock, and calls nothing of the program's.
 *
 * To be called with the lock of its base held and while `ev` waits there: by an
 * event_base_foreach_event_cb, or by an evoke_point_cb, although that may call
 * no other function. Returns 0; 1 when another thread is at work on the
 * bufferevent; -1 when `ev` is not one of a socket bufferevent's two.
 */
EVENT2_EXPORT_SYMBOL
int evoke_peek_buffers(const struct event *ev, struct evoke_buffers *buffers);

#ifdef __cplusplus
}
#endif

#endif /* EVOKE_EXTEND_H_INCLUDED_ */
