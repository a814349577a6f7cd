/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bufferevents: connections with an input and an output buffer.
 *
 * The library reads into the input buffer and calls the read callback; the
 * program puts bytes into the output buffer and the library writes them, at
 * the end of the loop's turn and whenever the socket takes them.  What is not a
 * byte, such as the connection's begin, its end, errors and timeouts, comes to
 * the event callback.
 *
 * Callbacks run in the loop, with the bufferevent's lock held where it has
 * one.  A callback may free its bufferevent.
 *
 * A bufferevent belongs to one thread at a time, unless it was made with
 * BEV_OPT_THREADSAFE while locking is on (event2/thread.h): then every function
 * here may be called from any thread.  Its two buffers share its lock.  None of
 * them waits for a callback that runs in another thread, but for the lock that
 * this callback holds: two callbacks that call into each other's bufferevents
 * can lock each other out, unless they are made with BEV_OPT_UNLOCK_CALLBACKS.
 */
#ifndef EVENT2_BUFFEREVENT_H_INCLUDED_
#define EVENT2_BUFFEREVENT_H_INCLUDED_

#include <event2/event-config.h>
#include <event2/util.h>
#include <event2/visibility.h>
#include <sys/time.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct event_base;
struct evbuffer;
struct sockaddr;
/* Opaque; the layout is in event2/bufferevent_struct.h. */
struct bufferevent;

/* ---- Callbacks ---------------------------------------------------------- */

/* What happened, for the event callback.  The direction, */
#define BEV_EVENT_READING 0x01
#define BEV_EVENT_WRITING 0x02
/* or-ed to one of these: the peer sends no more, */
#define BEV_EVENT_EOF 0x10
/* an error that nothing recovers; EVUTIL_SOCKET_ERROR() says which, */
#define BEV_EVENT_ERROR 0x20
/* nothing could be read or written for the time that was set; or alone: */
#define BEV_EVENT_TIMEOUT 0x40
/* a connect has succeeded. */
#define BEV_EVENT_CONNECTED 0x80

/* As read callback: bytes were added to the input, which is at or above its
 * low watermark.  As write callback: the output fell to its low watermark or
 * below.  `arg` is that of bufferevent_setcb(). */
typedef void (*bufferevent_data_cb)(struct bufferevent *bev, void *arg);

/* Something else happened: `what` is BEV_EVENT_... .  After EOF, ERROR and
 * TIMEOUT the direction is disabled; bytes that came before an EOF are in the
 * input. */
typedef void (*bufferevent_event_cb)(struct bufferevent *bev, short what,
                                     void *arg);

/* Sets the callbacks; each may be NULL, which means not to be told. */
void bufferevent_setcb(struct bufferevent *bev, bufferevent_data_cb readcb,
                       bufferevent_data_cb writecb,
                       bufferevent_event_cb eventcb, void *arg);

/* Reads them; each pointer may be NULL. */
void bufferevent_getcb(struct bufferevent *bev, bufferevent_data_cb *readcb_ptr,
                       bufferevent_data_cb *writecb_ptr,
                       bufferevent_event_cb *eventcb_ptr, void **arg_ptr);

/* ---- Making, connecting, freeing ---------------------------------------- */

/* Options of a bufferevent, or-ed together. */
enum bufferevent_options {
  /* bufferevent_free() closes the fd (or frees what is underneath). */
  BEV_OPT_CLOSE_ON_FREE = (1 << 0),
  /* It has a lock, where locking is on. */
  BEV_OPT_THREADSAFE = (1 << 1),
  /* Callbacks run from the loop's queue, never inside a call that the program
   * makes. */
  BEV_OPT_DEFER_CALLBACKS = (1 << 2),
  /* Callbacks run without the lock.  Only with BEV_OPT_DEFER_CALLBACKS. */
  BEV_OPT_UNLOCK_CALLBACKS = (1 << 3)
};

/*
 * Makes a bufferevent for the non-blocking socket `fd`, or for none yet (-1).
 * Writing is enabled, reading is not.  The caller frees it; the fd stays the
 * caller's without BEV_OPT_CLOSE_ON_FREE.  NULL when memory is short.
 */
struct bufferevent *bufferevent_socket_new(struct event_base *base,
                                           evutil_socket_t fd, int options);

/*
 * Connects to the `socklen` bytes of address at `addr`; a bufferevent without
 * fd gets a new non-blocking socket.  A NULL address tells that the fd is
 * connecting already.  The outcome comes to the event callback:
 * BEV_EVENT_CONNECTED, or BEV_EVENT_ERROR.  Bytes that are put into the output
 * meanwhile are sent after it.  0; -1 when it fails at once, without a
 * callback.
 */
int bufferevent_socket_connect(struct bufferevent *bev,
                               const struct sockaddr *addr, int socklen);

/* A resolver; none exists yet but NULL. */
struct evdns_base;

/*
 * Looks `hostname` up, for `family` AF_INET, AF_INET6, or AF_UNSPEC, and
 * connects to `port` of its first address.  With a NULL `evdns_base` the lookup
 * is evutil_getaddrinfo(), which waits for the answer.  The outcome is told as
 * by bufferevent_socket_connect(); of a failed lookup
 * bufferevent_socket_get_dns_error() says more.  -1 when the family is none of
 * the three, the port is out of range or memory is short.
 */
int bufferevent_socket_connect_hostname(struct bufferevent *bev,
                                        struct evdns_base *evdns_base,
                                        int family, const char *hostname,
                                        int port);

/* The EVUTIL_EAI_ error of the last failed lookup; 0 when there was none. */
int bufferevent_socket_get_dns_error(struct bufferevent *bev);

/*
 * Frees the bufferevent.  Its callbacks do not run any more.  Bytes in the
 * output that were not written are dropped: to send them, free it in a write
 * callback that finds the output empty.  The fd is closed in the loop's next
 * turn with BEV_OPT_CLOSE_ON_FREE.
 */
void bufferevent_free(struct bufferevent *bev);

/* One more owner, and one less: the last bufferevent_free() or decref frees.
 * decref returns 1 when it did, else 0. */
void bufferevent_incref(struct bufferevent *bev);
int bufferevent_decref(struct bufferevent *bev);

/* Takes the lock, and gives it back; both also keep the bufferevent from being
 * freed in between.  Without a lock that is all. */
void bufferevent_lock(struct bufferevent *bev);
void bufferevent_unlock(struct bufferevent *bev);

/* ---- What it consists of ------------------------------------------------ */

/* Moves it to another base; no callback may be due.  -1 when it is of a kind
 * that cannot, or the base refuses. */
int bufferevent_base_set(struct event_base *base, struct bufferevent *bev);

/* Its base. */
struct event_base *bufferevent_get_base(struct bufferevent *bev);

/* The priority of its events and callbacks; half of the base's number to begin
 * with.  Setting: -1 when it is of a kind that has none, or the base has no
 * such priority. */
int bufferevent_priority_set(struct bufferevent *bev, int priority);
int bufferevent_get_priority(const struct bufferevent *bev);

/* Gives it another fd, or none (-1); buffers, callbacks and enabled directions
 * stay.  The old fd is not closed.  -1 when it is of a kind without fd. */
int bufferevent_setfd(struct bufferevent *bev, evutil_socket_t fd);

/* As bufferevent_setfd(), but the old fd is closed, with or without
 * BEV_OPT_CLOSE_ON_FREE, unless it is the new one too.  -1 when it is of a kind
 * without fd; the old fd is open then.  Since 2.2. */
int bufferevent_replacefd(struct bufferevent *bev, evutil_socket_t fd);

/* The fd, or -1. */
evutil_socket_t bufferevent_getfd(struct bufferevent *bev);

/* The bufferevent underneath, for kinds that are built on another; else NULL.
 */
struct bufferevent *bufferevent_get_underlying(struct bufferevent *bev);

/* The buffers, which stay the bufferevent's.  The program takes bytes from the
 * front of the input and adds them to the end of the output; other changes are
 * refused. */
struct evbuffer *bufferevent_get_input(struct bufferevent *bev);
struct evbuffer *bufferevent_get_output(struct bufferevent *bev);

/* ---- Reading and writing ------------------------------------------------ */

/* Adds `size` bytes to the output.  -1 when memory is short. */
int bufferevent_write(struct bufferevent *bev, const void *data, size_t size);

/* Moves all of `buf` to the output; `buf` is empty then.  -1 on failure. */
int bufferevent_write_buffer(struct bufferevent *bev, struct evbuffer *buf);

/* Takes up to `size` bytes from the input; returns how many. */
size_t bufferevent_read(struct bufferevent *bev, void *data, size_t size);

/* Moves all of the input to the end of `buf`.  -1 on failure. */
int bufferevent_read_buffer(struct bufferevent *bev, struct evbuffer *buf);

/* Enables directions: EV_READ, EV_WRITE, or both.  Enabling to write calls the
 * write callback once, from the loop, if there is nothing to write.  -1 on
 * failure. */
int bufferevent_enable(struct bufferevent *bev, short event);

/* Disables directions: nothing is read, or written, until they are enabled.
 * -1 on failure. */
int bufferevent_disable(struct bufferevent *bev, short event);

/* The enabled directions. */
short bufferevent_get_enabled(struct bufferevent *bev);

/*
 * Tells the event callback BEV_EVENT_TIMEOUT and disables the direction when
 * nothing could be read for `timeout_read` while reading is enabled, or nothing
 * written for `timeout_write` while there is something to write.  NULL: no
 * timeout.  -1 on failure.
 */
int bufferevent_set_timeouts(struct bufferevent *bev,
                             const struct timeval *timeout_read,
                             const struct timeval *timeout_write);

/*
 * Sets the levels, in bytes, of the directions in `events` (EV_READ, EV_WRITE).
 * Input: the read callback waits for `lowmark`; reading pauses while there are
 * `highmark` bytes or more (0: never).  Output: the write callback waits until
 * no more than `lowmark` are left; `highmark` is not used by sockets.
 */
void bufferevent_setwatermark(struct bufferevent *bev, short events,
                              size_t lowmark, size_t highmark);

/* Reads the levels of one direction, EV_READ or EV_WRITE; pointers may be
 * NULL.  -1 for any other `events`. */
int bufferevent_getwatermark(struct bufferevent *bev, short events,
                             size_t *lowmark, size_t *highmark);

/* How thoroughly bufferevent_flush() works. */
enum bufferevent_flush_mode {
  /* Handle what can be handled. */
  BEV_NORMAL = 0,
  /* Keep nothing back in between. */
  BEV_FLUSH = 1,
  /* There will be no more: tell the other side so. */
  BEV_FINISHED = 2
};

/* Moves bytes on in kinds that keep some in between, in the directions of
 * `iotype` (EV_READ, EV_WRITE).  1 when something was moved, 0 when not, as
 * always for sockets, -1 on failure. */
int bufferevent_flush(struct bufferevent *bev, short iotype,
                      enum bufferevent_flush_mode mode);

/* Options of bufferevent_trigger(). */
enum bufferevent_trigger_options {
  /* Whatever the watermarks say. */
  BEV_TRIG_IGNORE_WATERMARKS = (1 << 16),
  /* From the loop, as with BEV_OPT_DEFER_CALLBACKS. */
  BEV_TRIG_DEFER_CALLBACKS = BEV_OPT_DEFER_CALLBACKS
};

/* Calls the data callbacks of the directions in `iotype` (EV_READ, EV_WRITE),
 * if the buffers' levels would allow it. */
void bufferevent_trigger(struct bufferevent *bev, short iotype, int options);

/* Calls the event callback with `what` (BEV_EVENT_...). */
void bufferevent_trigger_event(struct bufferevent *bev, short what,
                               int options);

/* ---- Filters ------------------------------------------------------------- */

/* What a filter did. */
enum bufferevent_filter_result {
  /* Bytes were written. */
  BEV_OK = 0,
  /* None can be until there are more. */
  BEV_NEED_MORE = 1,
  /* It cannot go on.  No callback tells: the bytes stay where they are, and
   * it is called again when more come. */
  BEV_ERROR = 2
};

/* Takes bytes from `src` and adds what it makes of them to `dst`, at most
 * `dst_limit` of them if it can (-1: any number).  `mode` tells whether it may
 * keep some back.  `ctx` is that of bufferevent_filter_new(). */
typedef enum bufferevent_filter_result (*bufferevent_filter_cb)(
    struct evbuffer *src, struct evbuffer *dst, ev_ssize_t dst_limit,
    enum bufferevent_flush_mode mode, void *ctx);

/*
 * Makes a bufferevent over `underlying`, on its base, and takes over its
 * callbacks: what is read there comes through `input_filter`, what is written
 * here goes there through `output_filter`; NULL passes the bytes on as they
 * are.  A filter is called again as long as it says BEV_OK and there are bytes
 * and room.  Events of `underlying` come up to the callbacks of the new one;
 * as long as reading is not enabled here, it is paused there.
 *
 * `options` are BEV_OPT_...; with BEV_OPT_CLOSE_ON_FREE the filter frees
 * `underlying`, which otherwise stays the caller's and may be freed before or
 * after.  `free_context` (NULL: none) is called with `ctx` once, by the loop,
 * when the filter is gone.
 *
 * Both have one lock, if either has one: with BEV_OPT_THREADSAFE (which counts
 * for nothing where locking is off) an `underlying` without a lock gets the
 * filter's, and must then be used by this thread only until the call returns.
 *
 * The caller frees it.  NULL when memory is short, or `underlying` is NULL.
 */
struct bufferevent *bufferevent_filter_new(struct bufferevent *underlying,
                                           bufferevent_filter_cb input_filter,
                                           bufferevent_filter_cb output_filter,
                                           int options,
                                           void (*free_context)(void *),
                                           void *ctx);

/* ---- Pairs --------------------------------------------------------------- */

/*
 * Makes two bufferevents in `pair`, each of which reads what is written to the
 * other, without a socket; bytes are moved, not copied.  Their callbacks are
 * always deferred; with BEV_OPT_THREADSAFE they share a lock, and each may be
 * used from any thread.  An end tells the other that it will write no more by
 * bufferevent_flush() with EV_WRITE and BEV_FINISHED.
 *
 * Freeing one leaves the other, which is not told; each is the caller's to
 * free.  0, or -1 when memory is short, there is no base, or locking is off
 * with BEV_OPT_THREADSAFE.
 */
int bufferevent_pair_new(struct event_base *base, int options,
                         struct bufferevent *pair[2]);

/* The other one of a pair; NULL when it was freed, or for other kinds. */
struct bufferevent *bufferevent_pair_get_partner(struct bufferevent *bev);

/* ---- How much at once --------------------------------------------------- */

/* The most bytes that one read or write moves; 0 or more than EV_SSIZE_MAX
 * means the default, 16384.  Always 0. */
int bufferevent_set_max_single_read(struct bufferevent *bev, size_t size);
int bufferevent_set_max_single_write(struct bufferevent *bev, size_t size);
ev_ssize_t bufferevent_get_max_single_read(struct bufferevent *bev);
ev_ssize_t bufferevent_get_max_single_write(struct bufferevent *bev);

/* The most bytes that the next read or write would move. */
ev_ssize_t bufferevent_get_max_to_read(struct bufferevent *bev);
ev_ssize_t bufferevent_get_max_to_write(struct bufferevent *bev);

/* ---- Rate limits --------------------------------------------------------- */

/* How fast, as token buckets: bytes that come in each tick, and how many there
 * may be at most.  Opaque. */
struct ev_token_bucket_cfg;

/* Bufferevents that share one limit.  Opaque. */
struct bufferevent_rate_limit_group;

/* No limit: the highest rate and burst. */
#define EV_RATE_LIMIT_MAX EV_SSIZE_MAX

/*
 * Makes a limit: `read_rate` and `write_rate` bytes a tick on average,
 * `read_burst` and `write_burst` bytes at most in any one.  A tick is
 * `tick_len`, in whole milliseconds; NULL: a second.  The caller frees it, when
 * no bufferevent uses it any more.  NULL when a rate is 0, above its burst or
 * above EV_RATE_LIMIT_MAX, a tick is below a millisecond, or memory is short.
 */
struct ev_token_bucket_cfg *ev_token_bucket_cfg_new(
    size_t read_rate, size_t read_burst, size_t write_rate, size_t write_burst,
    const struct timeval *tick_len);

/* Frees `cfg`, which nothing uses any more. */
void ev_token_bucket_cfg_free(struct ev_token_bucket_cfg *cfg);

/* Limits the bufferevent to `cfg`, which stays the caller's and must outlive
 * that; NULL: limits it no more.  Reading, and writing, pause while the bucket
 * is empty; while it is not, one read or write may take all that it holds,
 * whatever bufferevent_set_max_single_read() says.  The bucket begins with one
 * tick's worth; a new limit only takes away what is above its burst.  Sockets
 * heed limits.  -1 when memory is short. */
int bufferevent_set_rate_limit(struct bufferevent *bev,
                               struct ev_token_bucket_cfg *cfg);

/* The limit that was set, or NULL. */
const struct ev_token_bucket_cfg *bufferevent_get_token_bucket_cfg(
    const struct bufferevent *bev);

/* The bytes left in the bufferevent's own bucket, which may be negative;
 * EV_SSIZE_MAX without a limit. */
ev_ssize_t bufferevent_get_read_limit(struct bufferevent *bev);
ev_ssize_t bufferevent_get_write_limit(struct bufferevent *bev);

/* Takes `decr` bytes from the bucket (a negative number gives some back);
 * reading or writing pauses or goes on as that asks for.  -1 when the
 * bufferevent has no limit, or memory is short. */
int bufferevent_decrement_read_limit(struct bufferevent *bev, ev_ssize_t decr);
int bufferevent_decrement_write_limit(struct bufferevent *bev, ev_ssize_t decr);

/* Makes a group limited to a copy of `cfg`, with its timer on `base`, whose
 * loop it keeps going; members may have other bases, if they are made with
 * BEV_OPT_THREADSAFE.  With locking on, any thread may use a group.  The caller
 * frees it.  NULL when memory is short. */
struct bufferevent_rate_limit_group *bufferevent_rate_limit_group_new(
    struct event_base *base, const struct ev_token_bucket_cfg *cfg);

/* Frees a group.  One that has members stays, with a warning. */
void bufferevent_rate_limit_group_free(
    struct bufferevent_rate_limit_group *group);

/* Puts the bufferevent into `group` and out of any other; NULL: only out.  -1
 * when memory is short. */
int bufferevent_add_to_rate_limit_group(
    struct bufferevent *bev, struct bufferevent_rate_limit_group *group);

/* Takes the bufferevent out of its group, if it is in one.  Always 0. */
int bufferevent_remove_from_rate_limit_group(struct bufferevent *bev);

/* Replaces the group's limit by a copy of `cfg`.  -1 when an argument is NULL
 * or the timer cannot be set. */
int bufferevent_rate_limit_group_set_cfg(
    struct bufferevent_rate_limit_group *group,
    const struct ev_token_bucket_cfg *cfg);

/* The fewest bytes that a member gets at a time while the group has any, 64 to
 * begin with; keeps many members from sending tiny packets.  -1 when it is more
 * than EV_SSIZE_MAX. */
int bufferevent_rate_limit_group_set_min_share(
    struct bufferevent_rate_limit_group *group, size_t min_share);

/* The bytes left in the group's bucket, which may be negative. */
ev_ssize_t bufferevent_rate_limit_group_get_read_limit(
    struct bufferevent_rate_limit_group *group);
ev_ssize_t bufferevent_rate_limit_group_get_write_limit(
    struct bufferevent_rate_limit_group *group);

/* Takes `decr` bytes from the group's bucket (a negative number gives some
 * back); the members pause or go on as that asks for.  -1 on failure. */
int bufferevent_rate_limit_group_decrement_read(
    struct bufferevent_rate_limit_group *group, ev_ssize_t decr);
int bufferevent_rate_limit_group_decrement_write(
    struct bufferevent_rate_limit_group *group, ev_ssize_t decr);

/* How many bytes the members have read and written since the group was made or
 * the totals were reset; each pointer may be NULL. */
void bufferevent_rate_limit_group_get_totals(
    struct bufferevent_rate_limit_group *group, ev_uint64_t *total_read_out,
    ev_uint64_t *total_written_out);

/* Sets both totals to 0. */
void bufferevent_rate_limit_group_reset_totals(
    struct bufferevent_rate_limit_group *group);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* EVENT2_BUFFEREVENT_H_INCLUDED_ */
