/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers: queues of bytes.
 *
 * Bytes are added at the end and taken from the front.  Inside they lie in a
 * chain of pieces, so that adding never moves what is there and moving from
 * buffer to buffer does not copy.  Pointers into a buffer are valid until it is
 * changed.
 *
 * A buffer belongs to one thread at a time, unless evbuffer_enable_locking()
 * gave it a lock: then every function here may be called from any thread.
 *
 * Functions that return int return 0 on success and -1 on failure, unless said
 * otherwise; a failure leaves the buffer as it was.  Those that change one end
 * fail when that end is frozen (evbuffer_freeze()).
 */
#ifndef EVENT2_BUFFER_H_INCLUDED_
#define EVENT2_BUFFER_H_INCLUDED_

#include <event2/event-config.h>
#include <event2/util.h>
#include <event2/visibility.h>
#include <stdarg.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct event_base;
/* A buffer.  Opaque. */
struct evbuffer;

/* A place in a buffer; valid until the buffer changes. */
struct evbuffer_ptr {
  /* The offset from the front in bytes, or -1 for "not found". */
  ev_ssize_t pos;
  /* The library's. */
  struct {
    void *chain;
    size_t pos_in_chain;
  } internal_;
};

/* A piece of memory: struct iovec of sys/uio.h. */
#define evbuffer_iovec iovec
#define EVBUFFER_IOVEC_IS_NATIVE_

/* ---- Making, freeing, locking ------------------------------------------- */

/* Makes an empty buffer, which the caller frees.  NULL when memory is short. */
struct evbuffer *evbuffer_new(void);

/* Frees the buffer and what is in it; not before deferred callbacks that wait
 * have run, or a function that uses it in another thread has ended. */
void evbuffer_free(struct evbuffer *buf);

/* Gives the buffer a lock, before other threads know it: `lock`, a recursive
 * one that stays the caller's and must outlive the buffer, or a new one (NULL).
 * Its callbacks and cleanups run with the lock held.  -1 when it has one
 * already, or when there is none to be had because threading is off
 * (event2/thread.h). */
int evbuffer_enable_locking(struct evbuffer *buf, void *lock);

/* Takes the lock, for several calls in a row, and gives it back.  Recursive;
 * without effect on a buffer that has none. */
void evbuffer_lock(struct evbuffer *buf);
void evbuffer_unlock(struct evbuffer *buf);

/* Flag: the buffer is only emptied by evbuffer_write(), so that its content
 * need not be readable by the program; allows sendfile(). */
#define EVBUFFER_FLAG_DRAINS_TO_FD 1

/* Sets, and clears, flags.  Always 0. */
int evbuffer_set_flags(struct evbuffer *buf, ev_uint64_t flags);
int evbuffer_clear_flags(struct evbuffer *buf, ev_uint64_t flags);

/* ---- Length and room ---------------------------------------------------- */

/* How many bytes there are. */
size_t evbuffer_get_length(const struct evbuffer *buf);

/* How many of them lie in one piece at the front. */
size_t evbuffer_get_contiguous_space(const struct evbuffer *buf);

/* Makes room for `datlen` more bytes, which the next calls that add them use.
 * -1 when memory is short. */
int evbuffer_expand(struct evbuffer *buf, size_t datlen);

/*
 * Room to fill in at the end: writes up to `n_vec` pieces of memory, `size`
 * bytes or more in all, to `vec` and returns how many; -1 on failure.  With 1
 * vector it is in one piece.  The buffer must not be changed before
 * evbuffer_commit_space().
 */
int evbuffer_reserve_space(struct evbuffer *buf, ev_ssize_t size,
                           struct evbuffer_iovec *vec, int n_vec);

/* Adds what was filled into vectors of evbuffer_reserve_space(): the first
 * `n_vec` of them, in order, with iov_len set to what was written.  -1 when
 * they are not the ones that were reserved. */
int evbuffer_commit_space(struct evbuffer *buf, struct evbuffer_iovec *vec,
                          int n_vec);

/* ---- Adding ------------------------------------------------------------- */

/* Adds a copy of `datlen` bytes at the end, or at the front. */
int evbuffer_add(struct evbuffer *buf, const void *data, size_t datlen);
int evbuffer_prepend(struct evbuffer *buf, const void *data, size_t datlen);

/* Moves all of `src` to the end, or to the front, of `dst`, without copying;
 * `src` is empty then.  A buffer moved to itself stays as it is. */
int evbuffer_add_buffer(struct evbuffer *dst, struct evbuffer *src);
int evbuffer_prepend_buffer(struct evbuffer *dst, struct evbuffer *src);

/*
 * Adds the bytes of `src` to `dst` without copying and without taking them
 * away; both share the memory.  Bytes that are added to `src` later are not
 * included.  -1 also when `src` holds file segments or references of this kind,
 * or is `dst`.
 */
int evbuffer_add_buffer_reference(struct evbuffer *dst, struct evbuffer *src);

/* Copies `n_vec` pieces of memory to the end; returns how many bytes were
 * added. */
size_t evbuffer_add_iovec(struct evbuffer *buf, struct evbuffer_iovec *vec,
                          int n_vec);

/* Adds formatted text, without a NUL.  Returns its length in bytes, or -1. */
int evbuffer_add_printf(struct evbuffer *buf, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int evbuffer_add_vprintf(struct evbuffer *buf, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Called when a buffer has no more use for the memory of
 * evbuffer_add_reference(). */
typedef void (*evbuffer_ref_cleanup_cb)(const void *data, size_t datalen,
                                        void *extra);

/*
 * Adds `datlen` bytes without copying them.  They must stay as they are until
 * `cleanupfn` (may be NULL) is called with them and `cleanupfn_arg`, once, when
 * no buffer uses them any more.
 */
int evbuffer_add_reference(struct evbuffer *buf, const void *data,
                           size_t datlen, evbuffer_ref_cleanup_cb cleanupfn,
                           void *cleanupfn_arg);

/*
 * Adds `length` bytes of the file `fd` from `offset` on; a length of -1 means
 * as many as the whole file has.  The buffer takes the fd over on success and
 * closes it when it has no more use for it.  The bytes are read no sooner than
 * needed, or go from file to socket in the kernel, so the file must not change.
 */
int evbuffer_add_file(struct evbuffer *buf, int fd, ev_off_t offset,
                      ev_off_t length);

/* ---- File segments ------------------------------------------------------ */

/* A part of a file that several buffers can share, those of several threads too
 * where threading is on.  Opaque. */
struct evbuffer_file_segment;

/* Flags of evbuffer_file_segment_new(), or-ed together. */
/* The fd becomes the segment's, which closes it at its end. */
#define EVBUF_FS_CLOSE_ON_FREE 0x01
/* Do not map the file into memory. */
#define EVBUF_FS_DISABLE_MMAP 0x02
/* Do not send from file to socket in the kernel. */
#define EVBUF_FS_DISABLE_SENDFILE 0x04
/* No lock: only one thread uses the segment and all buffers that it is in. */
#define EVBUF_FS_DISABLE_LOCKING 0x08

/* Called at the end of a segment, after its fd was closed, if it was to be; the
 * segment's memory is freed next. */
typedef void (*evbuffer_file_segment_cleanup_cb)(
    struct evbuffer_file_segment const *seg, int flags, void *arg);

/* Makes a segment of `length` bytes of the file from `offset` on; -1 means as
 * many as the whole file has.  The caller frees it.  NULL on failure; the fd is
 * then still the caller's. */
struct evbuffer_file_segment *evbuffer_file_segment_new(int fd, ev_off_t offset,
                                                        ev_off_t length,
                                                        unsigned flags);

/* Gives the caller's share of the segment up; it ends when no buffer has any of
 * it left. */
void evbuffer_file_segment_free(struct evbuffer_file_segment *seg);

/* Sets what is called at the segment's end; one at a time. */
void evbuffer_file_segment_add_cleanup_cb(struct evbuffer_file_segment *seg,
                                          evbuffer_file_segment_cleanup_cb cb,
                                          void *arg);

/* Adds `length` bytes of the segment from `offset` (counted from the segment's
 * begin) on; -1 means all the rest.  -1 also when the range is not inside. */
int evbuffer_add_file_segment(struct evbuffer *buf,
                              struct evbuffer_file_segment *seg,
                              ev_off_t offset, ev_off_t length);

/* ---- Taking ------------------------------------------------------------- */

/* Moves up to `datlen` bytes from the front to `data`.  Returns how many, or
 * -1. */
int evbuffer_remove(struct evbuffer *buf, void *data, size_t datlen);

/* Copies up to `datlen` bytes from the front, or from `pos` on, and leaves them
 * in the buffer.  Return how many, or -1. */
ev_ssize_t evbuffer_copyout(struct evbuffer *buf, void *data_out,
                            size_t datlen);
ev_ssize_t evbuffer_copyout_from(struct evbuffer *buf,
                                 const struct evbuffer_ptr *pos, void *data_out,
                                 size_t datlen);

/* Moves up to `datlen` bytes from the front of `src` to the end of `dst`, whole
 * pieces without copying.  Returns how many, or -1. */
int evbuffer_remove_buffer(struct evbuffer *src, struct evbuffer *dst,
                           size_t datlen);

/* Drops `len` bytes from the front; all, if there are fewer. */
int evbuffer_drain(struct evbuffer *buf, size_t len);

/* Makes the first `size` bytes contiguous (-1: all) and returns their address,
 * which is valid until the buffer changes.  NULL when there are fewer, when
 * `size` is 0 or the buffer empty, or memory is short. */
unsigned char *evbuffer_pullup(struct evbuffer *buf, ev_ssize_t size);

/*
 * Shows where bytes lie, without copying: writes up to `n_vec` pieces, which
 * hold `len` bytes (-1: all; the last piece may hold more) from `start_at`
 * (NULL: the front) on, to `vec_out`.  Returns how many pieces it takes, which
 * may be more than `n_vec`.
 */
int evbuffer_peek(struct evbuffer *buf, ev_ssize_t len,
                  struct evbuffer_ptr *start_at, struct evbuffer_iovec *vec_out,
                  int n_vec);

/* ---- Lines and searching ------------------------------------------------ */

/* What ends a line. */
enum evbuffer_eol_style {
  /* Any number of CR and LF in any order. */
  EVBUFFER_EOL_ANY,
  /* LF, and a CR before it if there is one. */
  EVBUFFER_EOL_CRLF,
  /* CR LF. */
  EVBUFFER_EOL_CRLF_STRICT,
  /* LF. */
  EVBUFFER_EOL_LF,
  /* NUL. */
  EVBUFFER_EOL_NUL
};

/*
 * Takes one line and its end from the front.  Returns the line, without its end
 * and with a NUL behind it; the caller frees it with free(), or with the
 * function given to event_set_mem_functions().  Its length in bytes goes to
 * `*n_read_out`, unless that is NULL.  NULL, and 0 as length, when there is no
 * whole line or memory is short.
 */
char *evbuffer_readln(struct evbuffer *buf, size_t *n_read_out,
                      enum evbuffer_eol_style eol_style);

/* Finds the end of a line from `start` (NULL: the front) on; its length in
 * bytes goes to `*eol_len_out`, unless that is NULL. */
struct evbuffer_ptr evbuffer_search_eol(struct evbuffer *buf,
                                        struct evbuffer_ptr *start,
                                        size_t *eol_len_out,
                                        enum evbuffer_eol_style eol_style);

/* Finds the first place of the `len` bytes at `what`, from `start` (NULL: the
 * front) on, and, with evbuffer_search_range(), wholly before `end` (NULL: the
 * end of the buffer). */
struct evbuffer_ptr evbuffer_search(struct evbuffer *buf, const char *what,
                                    size_t len,
                                    const struct evbuffer_ptr *start);
struct evbuffer_ptr evbuffer_search_range(struct evbuffer *buf,
                                          const char *what, size_t len,
                                          const struct evbuffer_ptr *start,
                                          const struct evbuffer_ptr *end);

/* How evbuffer_ptr_set() counts. */
enum evbuffer_ptr_how {
  /* From the front of the buffer. */
  EVBUFFER_PTR_SET,
  /* From where the pointer is. */
  EVBUFFER_PTR_ADD
};

/* Sets `ptr` to `position` bytes from where `how` says.  The end of the buffer
 * is a place, too.  Beyond it: -1, and `ptr->pos` becomes -1. */
int evbuffer_ptr_set(struct evbuffer *buf, struct evbuffer_ptr *ptr,
                     size_t position, enum evbuffer_ptr_how how);

/* ---- Reading from and writing to files ---------------------------------- */

/* Reads up to `howmuch` bytes (-1: what is there) from `fd` to the end, but no
 * more than evbuffer_get_max_read() in one call.  Returns how many; 0 at the
 * end of the file; -1 with errno, EAGAIN for one. */
int evbuffer_read(struct evbuffer *buf, evutil_socket_t fd, int howmuch);

/* The most bytes that one evbuffer_read() takes, 1,048,576 to begin with; a
 * `howmuch` above it is cut down to it.  It holds for the input of a
 * bufferevent too, beside bufferevent_set_max_single_read().  Setting: -1 when
 * `max` is 0 or more than INT_MAX.  Since 2.2, where 4,096 is what a buffer
 * begins with. */
int evbuffer_set_max_read(struct evbuffer *buf, size_t max);
size_t evbuffer_get_max_read(struct evbuffer *buf);

/* Writes from the front to `fd`, as much as it takes in one call, or at most
 * `howmuch` bytes (-1: no limit), and drops what was written.  Return how many
 * bytes; -1 with errno, and when there is nothing to write. */
int evbuffer_write(struct evbuffer *buf, evutil_socket_t fd);
int evbuffer_write_atmost(struct evbuffer *buf, evutil_socket_t fd,
                          ev_ssize_t howmuch);

/* ---- Callbacks ---------------------------------------------------------- */

/* What changed. */
struct evbuffer_cb_info {
  /* The length in bytes before. */
  size_t orig_size;
  /* How many bytes came, and how many went, since. */
  size_t n_added;
  size_t n_deleted;
};

/* Called after the buffer changed.  It may change the buffer, which calls
 * again. */
typedef void (*evbuffer_cb_func)(struct evbuffer *buf,
                                 const struct evbuffer_cb_info *info,
                                 void *arg);

/* A callback of a buffer.  Opaque. */
struct evbuffer_cb_entry;

/* Adds a callback, enabled, which is called before those that were there.  The
 * buffer frees the entry.  NULL when memory is short. */
struct evbuffer_cb_entry *evbuffer_add_cb(struct evbuffer *buf,
                                          evbuffer_cb_func cb, void *arg);

/* Removes a callback, by its entry, which is invalid then, or by function and
 * argument: the latest that has both.  -1 when there is none. */
int evbuffer_remove_cb_entry(struct evbuffer *buf,
                             struct evbuffer_cb_entry *entry);
int evbuffer_remove_cb(struct evbuffer *buf, evbuffer_cb_func cb, void *arg);

/* Flag: the callback is called. */
#define EVBUFFER_CB_ENABLED 1

/* Sets, and clears, flags of a callback.  Always 0. */
int evbuffer_cb_set_flags(struct evbuffer *buf, struct evbuffer_cb_entry *entry,
                          ev_uint32_t flags);
int evbuffer_cb_clear_flags(struct evbuffer *buf,
                            struct evbuffer_cb_entry *entry, ev_uint32_t flags);

/* Runs the callbacks from the loop of `base` from now on, changes added up,
 * instead of inside the call that changes the buffer.  Always 0. */
int evbuffer_defer_callbacks(struct evbuffer *buf, struct event_base *base);

/* Refuses changes at the front (`at_front` is not 0) or at the end, and allows
 * them again.  Always 0. */
int evbuffer_freeze(struct evbuffer *buf, int at_front);
int evbuffer_unfreeze(struct evbuffer *buf, int at_front);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* EVENT2_BUFFER_H_INCLUDED_ */
