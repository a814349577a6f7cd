/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners: sockets that accept connections in the loop.
 *
 * A listener calls its callback with each connection.  It accepts several in
 * one turn if several wait.
 *
 * A listener belongs to one thread at a time, unless it was made with
 * LEV_OPT_THREADSAFE while locking is on (event2/thread.h): then every function
 * here may be called from any thread, also while the callback runs in the
 * loop's, and none waits for it.  The callback runs without the listener's
 * lock.
 */
#ifndef EVENT2_LISTENER_H_INCLUDED_
#define EVENT2_LISTENER_H_INCLUDED_

#include <event2/event.h>
#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct sockaddr;
/* A listener.  Opaque. */
struct evconnlistener;

/*
 * Gets a connection `fd`, which is the callback's to close, and its peer's
 * address, which is valid during the call: `socklen` bytes at `addr` (a Unix
 * peer has no more than its family).  `arg` is the listener's.  The callback
 * may disable or free the listener; connections that were not handed over yet
 * are then closed or left in the kernel's queue.
 */
typedef void (*evconnlistener_cb)(struct evconnlistener *listener,
                                  evutil_socket_t fd, struct sockaddr *addr,
                                  int socklen, void *arg);

/* Called when accept() fails for another reason than that there is nothing to
 * accept; EVUTIL_SOCKET_ERROR() says which. */
typedef void (*evconnlistener_errorcb)(struct evconnlistener *listener,
                                       void *arg);

/* Flags, or-ed together. */
/* Hand over sockets that wait; otherwise they are non-blocking. */
#define LEV_OPT_LEAVE_SOCKETS_BLOCKING (1u << 0)
/* evconnlistener_free() closes the listening socket. */
#define LEV_OPT_CLOSE_ON_FREE (1u << 1)
/* The listening and the accepted sockets are close-on-exec. */
#define LEV_OPT_CLOSE_ON_EXEC (1u << 2)
/* evutil_make_listen_socket_reuseable() before bind(). */
#define LEV_OPT_REUSEABLE (1u << 3)
/* The listener has a lock, where locking is on. */
#define LEV_OPT_THREADSAFE (1u << 4)
/* Do not accept before evconnlistener_enable(). */
#define LEV_OPT_DISABLED (1u << 5)
/* evutil_make_tcp_listen_socket_deferred() before listen(). */
#define LEV_OPT_DEFERRED_ACCEPT (1u << 6)
/* evutil_make_listen_socket_reuseable_port() before bind(). */
#define LEV_OPT_REUSEABLE_PORT (1u << 7)
/* evutil_make_listen_socket_ipv6only() before bind(). */
#define LEV_OPT_BIND_IPV6ONLY (1u << 8)
/* An IPv6 socket takes IPv4 connections too, whatever the system's default;
 * their peers' addresses are v4-mapped.  Only for evconnlistener_new_bind(),
 * and not together with LEV_OPT_BIND_IPV6ONLY.  Since 2.2. */
#define LEV_OPT_BIND_IPV4_AND_IPV6 (1u << 9)

/*
 * Makes a listener for `fd`, a bound, non-blocking socket.  listen() is called
 * with `backlog`: the number of connections that may wait to be accepted; a
 * negative one lets the library choose, and 0 means that the socket listens
 * already.  Accepts at once, unless LEV_OPT_DISABLED is set or `cb` is NULL.
 * The caller frees the listener.  NULL on failure, with `fd` open.
 */
struct evconnlistener *evconnlistener_new(struct event_base *base,
                                          evconnlistener_cb cb, void *arg,
                                          unsigned flags, int backlog,
                                          evutil_socket_t fd);

/*
 * Makes a stream socket, binds it to the `socklen` bytes of address at `sa`
 * (NULL: makes the socket of AF_UNSPEC unbound, which fails here), and makes a
 * listener for it.  `backlog` as above, but 0 is an error.  NULL on failure,
 * for one when the address is in use; errno says why, and nothing is left
 * open.
 */
struct evconnlistener *evconnlistener_new_bind(struct event_base *base,
                                               evconnlistener_cb cb, void *arg,
                                               unsigned flags, int backlog,
                                               const struct sockaddr *sa,
                                               int socklen);

/* Stops accepting and frees the listener; the socket is closed with
 * LEV_OPT_CLOSE_ON_FREE, and else left to the caller. */
void evconnlistener_free(struct evconnlistener *listener);

/* Starts accepting.  Without a callback it does not, until one is set; that is
 * no error.  -1 when the event cannot be added. */
int evconnlistener_enable(struct evconnlistener *listener);

/* Stops accepting; connections wait in the kernel.  -1 on failure. */
int evconnlistener_disable(struct evconnlistener *listener);

/* The base and the socket it was made with. */
struct event_base *evconnlistener_get_base(struct evconnlistener *listener);
evutil_socket_t evconnlistener_get_fd(struct evconnlistener *listener);

/* Replaces the callback and its argument, the error callback's too.  An
 * enabled listener without callback starts to accept; one whose callback
 * becomes NULL closes what it accepts. */
void evconnlistener_set_cb(struct evconnlistener *listener,
                           evconnlistener_cb cb, void *arg);

/* Sets the error callback; NULL: errors are logged. */
void evconnlistener_set_error_cb(struct evconnlistener *listener,
                                 evconnlistener_errorcb errorcb);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* EVENT2_LISTENER_H_INCLUDED_ */
