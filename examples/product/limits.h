/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How fast clients may send: each by itself, so that nobody floods the others,
 * and all together, so that a crowd does not either. Reading a socket pauses
 * when its tokens are used up, and TCP then slows the sender down: nothing is
 * lost, and nobody is punished.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_LIMITS_H_
#define EVOKE_EXAMPLES_PRODUCT_LIMITS_H_

struct bufferevent;
struct bufferevent_rate_limit_group;
struct ev_token_bucket_cfg;
struct event_base;
struct settings;

struct limits {
  struct ev_token_bucket_cfg *one;            /* NULL: none */
  struct ev_token_bucket_cfg *all;            /* NULL: none */
  struct bufferevent_rate_limit_group *group; /* NULL: none */
};

/* 0, or -1 when memory is short. */
int limits_open(struct limits *limits, struct event_base *base,
                const struct settings *settings);
/* REQUIRES: no bufferevent has them any more. */
void limits_close(struct limits *limits);

/* Limits a socket, until limits_lift(); 0, or -1 when memory is short. */
int limits_apply(const struct limits *limits, struct bufferevent *socket);
void limits_lift(const struct limits *limits, struct bufferevent *socket);

#endif /* EVOKE_EXAMPLES_PRODUCT_LIMITS_H_ */
