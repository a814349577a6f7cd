/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lies between the wire and the lines of one connection:
 *
 *     top       what connection.c reads from and writes to
 *     filter    changes the bytes, where there is one: here TLS would be
 *     socket    the fd, its rate limits and its timeouts
 *
 * Without a filter, the top is the socket's bufferevent itself. Whoever uses
 * the top need not know; stack.c alone does.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_STACK_H_
#define EVOKE_EXAMPLES_PRODUCT_STACK_H_

#include <event2/bufferevent.h>
#include <event2/util.h>
#include <stddef.h>

struct limits;
struct settings;

struct stack {
  struct bufferevent *socket;
  struct bufferevent *top;
};

/* Takes `fd`, also when it fails: then it is closed, and -1 returned. */
int stack_open(struct stack *stack, struct event_base *base, evutil_socket_t fd,
               const struct settings *settings, const struct limits *limits);

/* How many bytes the peer has not taken yet. */
size_t stack_unsent_bytes(const struct stack *stack);

/* No more will be said: what was goes through the filter, which then goes
 * itself, and no limit holds any more. The top is the socket from now on. The
 * callbacks are gone.
 * REQUIRES: no callback of the stack is running. */
void stack_finish(struct stack *stack, const struct limits *limits);

/* Closes the fd and frees all. */
void stack_close(struct stack *stack, const struct limits *limits);

#endif /* EVOKE_EXAMPLES_PRODUCT_STACK_H_ */
