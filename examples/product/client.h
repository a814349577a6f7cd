/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client: a person with a name, in a room, at the other end of a connection.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_CLIENT_H_
#define EVOKE_EXAMPLES_PRODUCT_CLIENT_H_

#include <event2/util.h>
#include <sys/queue.h>

#include "examples/product/text.h"

struct chat;
struct connection;
struct connections;
struct room;

TAILQ_HEAD(client_list, client);

struct client {
  TAILQ_ENTRY(client) link;    /* among all */
  TAILQ_ENTRY(client) in_room; /* among those of its room */
  struct chat *chat;
  struct room *room; /* NULL: in none */
  struct connection *connection;
  char name[NAME_BYTES + 1];
};

/* Somebody has come, on `fd`, which is taken in any case. The client lives
 * until its connection is over. */
void client_welcome(struct chat *chat, struct connections *connections,
                    evutil_socket_t fd);

/* Sends one line. */
void client_tell(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif /* EVOKE_EXAMPLES_PRODUCT_CLIENT_H_ */
