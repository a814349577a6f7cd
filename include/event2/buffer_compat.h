/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Old names and functions for buffers.  New programs use event2/buffer.h, which
 * says which threads may call what; it is the same here.
 */
#ifndef EVENT2_BUFFER_COMPAT_H_INCLUDED_
#define EVENT2_BUFFER_COMPAT_H_INCLUDED_

#include <event2/event-config.h>
#include <event2/visibility.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct evbuffer;

/* evbuffer_readln() for EVBUFFER_EOL_ANY, without the length: the next line,
 * which the caller frees with free(), or NULL. */
char *evbuffer_readline(struct evbuffer *buffer);

/* Called after the length changed from `old_len` to `new_len` bytes. */
typedef void (*evbuffer_cb)(struct evbuffer *buffer, size_t old_len,
                            size_t new_len, void *arg);

/* Removes all callbacks of the buffer and, unless `cb` is NULL, sets this one.
 * 0, or -1 when memory is short. */
int evbuffer_setcb(struct evbuffer *buffer, evbuffer_cb cb, void *cbarg);

/* Where the `len` bytes at `what` occur first, or NULL.  The buffer is made
 * contiguous up to there; the pointer is valid until it changes. */
unsigned char *evbuffer_find(struct evbuffer *buffer, const unsigned char *what,
                             size_t len);

/* The length in bytes, and all bytes, made contiguous. */
#define EVBUFFER_LENGTH(x) evbuffer_get_length(x)
#define EVBUFFER_DATA(x) evbuffer_pullup((x), -1)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* EVENT2_BUFFER_COMPAT_H_INCLUDED_ */
