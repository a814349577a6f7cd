/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The listening socket: bound by us, or inherited from the process that we
 * replace (handover.h). It hands over each connection that comes in.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_ACCEPTOR_H_
#define EVOKE_EXAMPLES_PRODUCT_ACCEPTOR_H_

#include <event2/util.h>

struct evconnlistener;
struct event;
struct event_base;
struct settings;

struct acceptor {
  struct evconnlistener *listener; /* NULL: closed */
  struct event *again;             /* when descriptors had run out */
  /* Takes `fd`. */
  void (*on_connection)(evutil_socket_t fd, void *arg);
  void *arg;
};

/* Listens at settings->address, or on the socket `inherited` (-1: none), which
 * it takes. on_connection and arg are set before. 0, or -1, after saying why.
 */
int acceptor_open(struct acceptor *acceptor, struct event_base *base,
                  const struct settings *settings, evutil_socket_t inherited);

/* No effect when it is closed already. */
void acceptor_close(struct acceptor *acceptor);

/* The listening socket. REQUIRES: it is open. */
evutil_socket_t acceptor_fd(const struct acceptor *acceptor);

#endif /* EVOKE_EXAMPLES_PRODUCT_ACCEPTOR_H_ */
