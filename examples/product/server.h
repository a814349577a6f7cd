/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server: the loop, the listening socket, the chat, and the three ways in
 * which it ends:
 *
 *   SIGTERM, SIGINT   nobody is let in any more; all get last words and are
 *                     closed; at the second one, at once
 *   SIGUSR2           another process takes over (handover.h); who is here may
 *                     stay for a while, and is then told to come back
 *   a failure         of the loop
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_SERVER_H_
#define EVOKE_EXAMPLES_PRODUCT_SERVER_H_

#include "examples/product/acceptor.h"
#include "examples/product/chat.h"
#include "examples/product/connection.h"
#include "examples/product/handover.h"

enum phase {
  SERVING,
  DRAINING,   /* another process serves; ours are still here */
  SAYING_BYE, /* last words are under way */
};

enum { SIGNALS = 4 };

struct server {
  const struct settings *settings;
  struct event_base *base;
  struct chat chat;
  struct connections connections;
  struct acceptor acceptor;
  struct handover handover;
  struct event *signals[SIGNALS];
  struct event *deadline; /* of the phase; none while it serves */
  enum phase phase;
};

/* 0, or -1 after saying why; server_close() it in either case. */
int server_open(struct server *server, const struct settings *settings);

/* Serves until the end. 0, or -1 when the loop failed. */
int server_run(struct server *server);

void server_close(struct server *server);

#endif /* EVOKE_EXAMPLES_PRODUCT_SERVER_H_ */
