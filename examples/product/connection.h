/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection: lines come in, lines go out, and nobody can make it take more
 * memory than the settings say.
 *
 *   too long a line   is thrown away, and the client told
 *   a slow reader     is held back first: nothing is read from it any more, so
 *                     that it cannot ask for yet more output; if others fill
 *                     its output further, it is dropped
 *   silence           ends it, and so does a reader that stands still
 *
 * Who uses a connection (a client of the chat) is called by the loop only,
 * never from inside one of the functions below. So a loop over all clients that
 * sends to each is safe, whatever happens to any of them.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_CONNECTION_H_
#define EVOKE_EXAMPLES_PRODUCT_CONNECTION_H_

#include <event2/util.h>
#include <stddef.h>
#include <sys/queue.h>

#include "examples/product/limits.h"

struct connection;
struct event_base;
struct figures;
struct settings;

TAILQ_HEAD(connection_list, connection);

/* What all connections have in common, and the list of them. */
struct connections {
  struct event_base *base;
  const struct settings *settings;
  struct figures *figures;
  struct limits limits;
  struct connection_list list;
  /* Called when the last one has gone. */
  void (*on_empty)(void *arg);
  void *arg;
};

/* What the user of a connection does. */
struct connection_user {
  /* A line has come, without its end and NUL-terminated; `length` bytes, which
   * may be any bytes. It may be changed, and is lost afterwards. */
  void (*line)(void *arg, char *line, size_t length);
  /* No more lines will come, and none can be sent. Called once. */
  void (*over)(void *arg);
};

/* Takes `fd`, also when it fails: then it is closed, and NULL returned. `arg`
 * must live until over() is called. Without a user (NULL), end it at once. */
struct connection *connection_open(struct connections *all, evutil_socket_t fd,
                                   const struct connection_user *user,
                                   void *arg);

/* Sends a line, to which its end is added. Nothing once it is ending. */
void connection_send(struct connection *connection, const char *line);

/* Sends last words (NULL: none) and then closes; the user's over() comes soon.
 * No effect when it is ending already. */
void connection_end(struct connection *connection, const char *last_words);

/* Ends all of them that way, */
void connections_end(struct connections *all, const char *last_words);
/* or closes all at once. */
void connections_close(struct connections *all);

#endif /* EVOKE_EXAMPLES_PRODUCT_CONNECTION_H_ */
