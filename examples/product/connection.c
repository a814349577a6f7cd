/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a connection:
 *
 *   OPEN       lines come and go
 *   ENDING     last words are written; the loop will tell the user that it is
 *              over
 *   FLUSHING   the user is gone; what is written goes out
 *   LINGERING  we have closed our side and wait for the peer to close its own:
 *              a close() with bytes of the peer unread would reset the
 *              connection, and the last words could be lost with it
 *
 * The last three together take as long as settings->last at most.
 */
#include "examples/product/connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/product/figures.h"
#include "examples/product/log.h"
#include "examples/product/settings.h"
#include "examples/product/stack.h"
#include "examples/product/text.h"

enum state { OPEN, ENDING, FLUSHING, LINGERING };

struct connection {
  TAILQ_ENTRY(connection) link;
  struct connections *all;
  const struct connection_user *user; /* NULL once over() was called */
  void *arg;
  struct stack stack;
  /* Lets the loop call us: at once, or when the time for the end is up. */
  struct event *turn;
  enum state state;
  int is_broken;   /* nothing can be sent */
  int is_held;     /* its peer reads too little: we read nothing */
  int is_skipping; /* the rest of a line that was too long */
};

static void on_read(struct bufferevent *top, void *arg);
static void on_written(struct bufferevent *top, void *arg);
static void on_event(struct bufferevent *top, short what, void *arg);
static void on_turn(evutil_socket_t fd, short what, void *arg);

static void connection_free(struct connection *connection) {
  struct connections *all = connection->all;
  TAILQ_REMOVE(&all->list, connection, link);
  event_free(connection->turn);
  stack_close(&connection->stack, &all->limits);
  free(connection);
  if (TAILQ_EMPTY(&all->list)) all->on_empty(all->arg);
}

static void tell_user(struct connection *connection) {
  const struct connection_user *user = connection->user;
  connection->user = NULL;
  if (user != NULL) user->over(connection->arg);
}

struct connection *connection_open(struct connections *all, evutil_socket_t fd,
                                   const struct connection_user *user,
                                   void *arg) {
  struct connection *connection =
      (struct connection *)calloc(1, sizeof(*connection));
  if (connection == NULL) {
    evutil_closesocket(fd);
    return NULL;
  }
  connection->all = all;
  connection->user = user;
  connection->arg = arg;
  connection->turn = event_new(all->base, -1, 0, on_turn, connection);
  if (connection->turn == NULL) {
    evutil_closesocket(fd);
    free(connection);
    return NULL;
  }
  if (stack_open(&connection->stack, all->base, fd, all->settings,
                 &all->limits) < 0) {
    event_free(connection->turn);
    free(connection);
    return NULL;
  }
  TAILQ_INSERT_TAIL(&all->list, connection, link);
  bufferevent_setcb(connection->stack.top, on_read, on_written, on_event,
                    connection);
  /* We are called when so little is left, to let go of who was held back. A
   * filter may hide as much again (stack.c). */
  bufferevent_setwatermark(connection->stack.top, EV_WRITE,
                           (size_t)all->settings->hold_bytes / 4, 0);
  if (bufferevent_enable(connection->stack.top, EV_READ | EV_WRITE) < 0) {
    connection->is_broken = 1;
    connection_end(connection, NULL);
  }
  return connection;
}

/* --- In ------------------------------------------------------------------- */

static void tell_too_long(struct connection *connection) {
  char words[80];
  snprintf(words, sizeof(words), "* a line has %d bytes at most", LINE_BYTES);
  ++connection->all->figures->lines_too_long;
  connection_send(connection, words);
}

/* Takes the next line out of the input into `line`, of LINE_BYTES + 1, without
 * its end. False when there is none. */
static int take_line(struct connection *connection, char *line,
                     size_t *length) {
  struct evbuffer *input = bufferevent_get_input(connection->stack.top);
  size_t end_bytes;
  struct evbuffer_ptr end =
      evbuffer_search_eol(input, NULL, &end_bytes, EVBUFFER_EOL_CRLF);
  if (end.pos < 0) {
    if (evbuffer_get_length(input) <= LINE_BYTES) return 0;
    /* Nothing of it is kept until its end comes. */
    evbuffer_drain(input, evbuffer_get_length(input));
    if (!connection->is_skipping) tell_too_long(connection);
    connection->is_skipping = 1;
    return 0;
  }
  *length = (size_t)end.pos;
  if (connection->is_skipping || *length > LINE_BYTES) {
    evbuffer_drain(input, *length + end_bytes);
    if (!connection->is_skipping) tell_too_long(connection);
    connection->is_skipping = 0;
    *length = 0; /* an empty line means nothing */
  } else {
    evbuffer_remove(input, line, *length);
    evbuffer_drain(input, end_bytes);
  }
  line[*length] = '\0';
  return 1;
}

static void take_lines(struct connection *connection) {
  char line[LINE_BYTES + 1];
  size_t length;
  while (connection->state == OPEN && !connection->is_held &&
         take_line(connection, line, &length)) {
    ++connection->all->figures->lines_in;
    connection->user->line(connection->arg, line, length);
  }
}

static void on_read(struct bufferevent *top, void *arg) {
  struct connection *connection = (struct connection *)arg;
  if (connection->state == OPEN) {
    take_lines(connection);
  } else {
    struct evbuffer *input = bufferevent_get_input(top);
    evbuffer_drain(input, evbuffer_get_length(input));
  }
}

/* --- Out ------------------------------------------------------------------ */

static void hold(struct connection *connection) {
  connection->is_held = 1;
  ++connection->all->figures->held;
  bufferevent_disable(connection->stack.top, EV_READ);
}

static void let_go(struct connection *connection) {
  connection->is_held = 0;
  bufferevent_enable(connection->stack.top, EV_READ);
  take_lines(connection); /* those that had come before */
}

void connection_send(struct connection *connection, const char *line) {
  const struct settings *settings = connection->all->settings;
  struct bufferevent *top = connection->stack.top;
  size_t unsent_bytes;
  if (connection->state != OPEN) return;
  if (bufferevent_write(top, line, strlen(line)) < 0 ||
      bufferevent_write(top, "\n", 1) < 0) {
    connection->is_broken = 1;
    connection_end(connection, NULL);
    return;
  }
  ++connection->all->figures->lines_out;
  unsent_bytes = stack_unsent_bytes(&connection->stack);
  if (unsent_bytes > (size_t)settings->drop_bytes) {
    ++connection->all->figures->dropped_slow;
    connection_end(connection, "* you read too slowly: good bye");
  } else if (unsent_bytes > (size_t)settings->hold_bytes &&
             !connection->is_held) {
    hold(connection);
  }
}

static void half_close(struct connection *connection) {
  struct bufferevent *socket = connection->stack.socket;
  connection->state = LINGERING;
  shutdown(bufferevent_getfd(socket), SHUT_WR);
  on_read(socket, connection); /* what had come before */
  bufferevent_enable(socket, EV_READ);
}

static void on_written(struct bufferevent *top, void *arg) {
  struct connection *connection = (struct connection *)arg;
  size_t unsent_bytes = stack_unsent_bytes(&connection->stack);
  (void)top;
  if (connection->state == OPEN && connection->is_held &&
      unsent_bytes <= (size_t)connection->all->settings->hold_bytes / 2) {
    let_go(connection);
  } else if (connection->state == FLUSHING && unsent_bytes == 0) {
    half_close(connection);
  }
}

/* --- The end -------------------------------------------------------------- */

void connection_end(struct connection *connection, const char *last_words) {
  if (connection->state != OPEN) return;
  if (last_words != NULL && !connection->is_broken) {
    bufferevent_write(connection->stack.top, last_words, strlen(last_words));
    bufferevent_write(connection->stack.top, "\n", 1);
  }
  connection->state = ENDING;
  bufferevent_disable(connection->stack.top, EV_READ);
  event_active(connection->turn, EV_TIMEOUT, 1);
}

static void on_turn(evutil_socket_t fd, short what, void *arg) {
  struct connection *connection = (struct connection *)arg;
  struct connections *all = connection->all;
  (void)fd;
  (void)what;
  tell_user(connection);
  if (connection->is_broken || connection->state != ENDING ||
      event_add(connection->turn, &all->settings->last) < 0) {
    connection_free(connection); /* broken, or its time is up */
    return;
  }
  stack_finish(&connection->stack, &all->limits);
  connection->state = FLUSHING;
  bufferevent_setcb(connection->stack.socket, on_read, on_written, on_event,
                    connection);
  /* An error that the filter had put off may have stopped the writing. */
  bufferevent_enable(connection->stack.socket, EV_WRITE);
  if (stack_unsent_bytes(&connection->stack) == 0) half_close(connection);
}

/* What a filter has put off comes together: an error may hide behind an end. */
static void on_event(struct bufferevent *top, short what, void *arg) {
  struct connection *connection = (struct connection *)arg;
  struct figures *figures = connection->all->figures;
  (void)top;
  if (connection->state == FLUSHING || connection->state == LINGERING) {
    connection_free(connection);
  } else if (connection->state == ENDING) {
    /* How it ends is decided, but it need not be waited for. */
    if (what & (BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) {
      connection->is_broken = 1;
    }
  } else if (what & BEV_EVENT_ERROR) {
    ++figures->dropped_error;
    connection->is_broken = 1;
    connection_end(connection, NULL);
  } else if (what & BEV_EVENT_EOF) {
    connection_end(connection, NULL); /* it may still read */
  } else if ((what & BEV_EVENT_TIMEOUT) && (what & BEV_EVENT_WRITING)) {
    ++figures->dropped_slow;
    connection->is_broken = 1;
    connection_end(connection, NULL);
  } else if (what & BEV_EVENT_TIMEOUT) {
    ++figures->dropped_idle;
    connection_end(connection, "* you have been silent too long: good bye");
  }
}

void connections_end(struct connections *all, const char *last_words) {
  struct connection *connection;
  TAILQ_FOREACH(connection, &all->list, link) {
    connection_end(connection, last_words);
  }
}

void connections_close(struct connections *all) {
  struct connection *connection, *next;
  for (connection = TAILQ_FIRST(&all->list); connection != NULL;
       connection = next) {
    next = TAILQ_NEXT(connection, link);
    tell_user(connection);
    connection_free(connection);
  }
}
