/* SPDX-License-Identifier: BSD-3-Clause */
#include "examples/product/stack.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "examples/product/filter.h"
#include "examples/product/limits.h"
#include "examples/product/settings.h"
#include "examples/product/text.h"

/* No more input than that waits in memory to be taken apart. */
enum { INPUT_BYTES = 8 * LINE_BYTES };

/* Lines go out at once, not when the last one has been acknowledged; and what a
 * slow reader lets pile up in the kernel is bounded, too. */
static void tune(evutil_socket_t fd) {
  const int at_once = 1, unsent_bytes = 65536;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &unsent_bytes, sizeof(unsent_bytes));
}

/*
 * The place for TLS. With libevent_openssl it would be
 *
 *   bufferevent_openssl_filter_new(base, stack->socket, SSL_new(context),
 *                                  BUFFEREVENT_SSL_ACCEPTING, options);
 *
 * DEFER_CALLBACKS: a filter calls back from inside bufferevent_write(), where
 * connection.c is in the middle of something. A socket never does.
 */
static struct bufferevent *put_filter_on(struct bufferevent *socket,
                                         const struct settings *settings) {
  const struct filter *filter = settings->filter;
  struct filter_memory *memory =
      (struct filter_memory *)calloc(1, sizeof(*memory));
  if (memory == NULL) return NULL;
  memory->top = bufferevent_filter_new(socket, filter->in, filter->out,
                                       BEV_OPT_DEFER_CALLBACKS, free, memory);
  if (memory->top == NULL) {
    free(memory);
    return NULL;
  }
  /* Not all of the output goes through at once: what stays in front of the
   * filter lets connection.c know, by its own watermark, how it shrinks. */
  bufferevent_setwatermark(socket, EV_WRITE, (size_t)settings->hold_bytes / 16,
                           (size_t)settings->hold_bytes / 4);
  return memory->top;
}

int stack_open(struct stack *stack, struct event_base *base, evutil_socket_t fd,
               const struct settings *settings, const struct limits *limits) {
  stack->socket = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  if (stack->socket == NULL) {
    evutil_closesocket(fd);
    return -1;
  }
  stack->top = stack->socket;
  tune(fd);
  if (limits_apply(limits, stack->socket) < 0) {
    stack_close(stack, limits);
    return -1;
  }
  /* On the wire, where the filter cannot hide that nothing comes or goes. */
  bufferevent_set_timeouts(stack->socket, &settings->idle, &settings->stall);
  if (settings->filter != NULL) {
    struct bufferevent *top = put_filter_on(stack->socket, settings);
    if (top == NULL) {
      stack_close(stack, limits);
      return -1;
    }
    stack->top = top;
  }
  bufferevent_setwatermark(stack->top, EV_READ, 0, INPUT_BYTES);
  return 0;
}

static size_t output_bytes(struct bufferevent *bev) {
  return evbuffer_get_length(bufferevent_get_output(bev));
}

size_t stack_unsent_bytes(const struct stack *stack) {
  size_t bytes = output_bytes(stack->socket);
  if (stack->top != stack->socket) bytes += output_bytes(stack->top);
  return bytes;
}

static void take_filter_off(struct stack *stack) {
  if (stack->top == stack->socket) return;
  bufferevent_setcb(stack->top, NULL, NULL, NULL, NULL);
  bufferevent_free(stack->top);
  stack->top = stack->socket;
}

void stack_finish(struct stack *stack, const struct limits *limits) {
  limits_lift(limits, stack->socket);
  if (stack->top != stack->socket) {
    /* All of it, whatever the watermarks say. TLS would say good bye here. */
    bufferevent_flush(stack->top, EV_WRITE, BEV_FINISHED);
    take_filter_off(stack);
  }
  bufferevent_disable(stack->socket, EV_READ);
  bufferevent_setcb(stack->socket, NULL, NULL, NULL, NULL);
  bufferevent_setwatermark(stack->socket, EV_WRITE, 0, 0);
}

void stack_close(struct stack *stack, const struct limits *limits) {
  limits_lift(limits, stack->socket);
  take_filter_off(stack);
  bufferevent_free(stack->socket);
  stack->socket = stack->top = NULL;
}
