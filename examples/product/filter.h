/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What may lie between the socket and the chat: two functions, one for each
 * direction, that a bufferevent_filter calls. TLS is one more of this kind; see
 * stack.c for its place.
 *
 * Both take bytes out of `from`, change them, and put them into `to`, `room`
 * bytes at most (-1: any number). They return BEV_OK when they moved anything,
 * BEV_NEED_MORE when they could not, and BEV_ERROR when the peer breaks the
 * rules.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_FILTER_H_
#define EVOKE_EXAMPLES_PRODUCT_FILTER_H_

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stddef.h>

struct filter {
  const char *name;
  bufferevent_filter_cb in;  /* from the socket to the chat */
  bufferevent_filter_cb out; /* from the chat to the socket */
};

/* The last argument of both: what one connection's filter has to remember. */
struct filter_memory {
  struct bufferevent *top; /* the bufferevent of the filter */
  size_t left_bytes;       /* record.c: still to come of this record */
};

extern const struct filter filter_rot13;
extern const struct filter filter_record;

/* Finds one by its name; "none" is NULL. 0, or -1 when there is none. */
int filter_find(const char *name, const struct filter **filter);

/* For filters: the peer breaks the rules. Neither library tells anybody of a
 * BEV_ERROR, so this lets the connection's event callback come, later. */
enum bufferevent_filter_result filter_fail(const struct filter_memory *memory);

#endif /* EVOKE_EXAMPLES_PRODUCT_FILTER_H_ */
