/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The chat: all who are there, all rooms, and what is counted. It knows of
 * connections, but of no socket.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_CHAT_H_
#define EVOKE_EXAMPLES_PRODUCT_CHAT_H_

#include <stdio.h>
#include <sys/queue.h>

#include "examples/product/client.h"
#include "examples/product/figures.h"
#include "examples/product/room.h"

struct settings;

/* Where everybody begins. */
#define LOBBY "lobby"

struct chat {
  const struct settings *settings;
  struct figures figures;
  struct client_list clients;
  long client_count;
  struct room_list rooms;
  unsigned guests; /* named so far */
};

void chat_open(struct chat *chat, const struct settings *settings);
/* REQUIRES: no client is left. */
void chat_close(struct chat *chat);

/* Who has this name, in letters of any case; NULL: nobody. */
struct client *chat_find(const struct chat *chat, const char *name);

/* The histories of all rooms, as text, for the process that comes after; and
 * back. What makes no sense is left out. */
void chat_save(const struct chat *chat, FILE *to);
void chat_load(struct chat *chat, FILE *from);

/* On the monotonic clock. */
long long chat_now_s(void);

#endif /* EVOKE_EXAMPLES_PRODUCT_CHAT_H_ */
