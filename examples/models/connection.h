/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection on a non-blocking socket, as all models with a loop serve it:
 * one recv(2), one answer, and when the answer does not fit, what is left of
 * it. What the socket is to be watched for, and by whom, is the model's idea
 * and not decided here. C11 and C++, beside model.h.
 */
#ifndef EVOKE_EXAMPLES_MODELS_CONNECTION_H_
#define EVOKE_EXAMPLES_MODELS_CONNECTION_H_

#include "model.h"

struct connection {
  int fd;
  size_t begin, end;               /* what of `unsent` is still to be sent */
  char *unsent;                    /* there while begin < end */
  struct connection *next, **link; /* the list of all, for the end */
  struct connection *next_ready;   /* where one thread queues it for another */
};

enum progress {
  CONNECTION_OVER,    /* the peer is gone, or an error: close it */
  CONNECTION_SERVED,  /* one message; there may be another */
  CONNECTION_EMPTY,   /* nothing to receive: wait until it is readable */
  CONNECTION_BLOCKED, /* the peer does not read: wait until it is writable */
};

/* Adds a connection for `fd` to a list. NULL, and fd closed, without memory. */
static inline struct connection *connection_new(int fd,
                                                struct connection **list) {
  struct connection *c = (struct connection *)calloc(1, sizeof(*c));
  if (c == NULL) {
    close(fd);
    return NULL;
  }
  c->fd = fd;
  c->next = *list;
  c->link = list;
  if (c->next != NULL) c->next->link = &c->next;
  *list = c;
  return c;
}

/* Closes the socket, too: with it the kernel forgets all that it watched. */
static inline void connection_free(struct connection *c) {
  close(c->fd);
  *c->link = c->next;
  if (c->next != NULL) c->next->link = c->link;
  free(c->unsent);
  free(c);
}

/* Sends `bytes`, and keeps for later what the socket does not take. */
static inline enum progress connection_send(struct connection *c,
                                            const char *data, size_t bytes) {
  while (bytes > 0) {
    ssize_t sent = send(c->fd, data, bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return CONNECTION_OVER;
    if (sent < 0) break;
    data += sent;
    bytes -= (size_t)sent;
  }
  if (bytes == 0) return CONNECTION_SERVED;
  c->unsent = (char *)malloc(bytes);
  if (c->unsent == NULL) return CONNECTION_OVER;
  memcpy(c->unsent, data, bytes);
  c->begin = 0;
  c->end = bytes;
  return CONNECTION_BLOCKED;
}

/* Goes on with what was left. */
static inline enum progress connection_resume(struct connection *c) {
  while (c->begin < c->end) {
    ssize_t sent =
        send(c->fd, c->unsent + c->begin, c->end - c->begin, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      return errno == EAGAIN ? CONNECTION_BLOCKED : CONNECTION_OVER;
    }
    c->begin += (size_t)sent;
  }
  free(c->unsent);
  c->unsent = NULL;
  return CONNECTION_SERVED;
}

/* Takes the next step, whichever it is. */
static inline enum progress connection_serve(
    struct connection *c, const struct model_options *options,
    struct model_stats *stats) {
  char bytes[MODEL_BUFFER_BYTES];
  if (c->unsent != NULL) return connection_resume(c);
  ssize_t got = recv(c->fd, bytes, sizeof(bytes), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return CONNECTION_EMPTY;
  if (got <= 0) return CONNECTION_OVER;
  model_count(stats, got);
  if (options->print) {
    model_print(bytes, (size_t)got);
    return CONNECTION_SERVED;
  }
  return connection_send(c, bytes, (size_t)got);
}

#endif /* EVOKE_EXAMPLES_MODELS_CONNECTION_H_ */
