/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rooms: who is in one hears what is said in it, and who comes later is told
 * the last lines of it.
 *
 * A room is there from the first visit on. It outlives its last visitor, for
 * the sake of its history; only when there are too many rooms, the one that has
 * been empty longest goes.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_ROOM_H_
#define EVOKE_EXAMPLES_PRODUCT_ROOM_H_

#include <sys/queue.h>

#include "examples/product/history.h"
#include "examples/product/text.h"

struct client;

enum { ROOMS_MAX = 100 };

TAILQ_HEAD(member_list, client);
TAILQ_HEAD(room_list, room);

struct room {
  TAILQ_ENTRY(room) link;
  struct member_list members;
  int member_count;
  struct history history;
  char name[NAME_BYTES + 1];
};

/* The room of that name, made when there is none. NULL when there are too many
 * that are not empty, or memory is short. Empty rooms come last in the list,
 * the longest empty first among them. */
struct room *room_find(struct room_list *rooms, const char *name,
                       long history_lines);

/* Also tells the others, and the client how it is there. */
void room_enter(struct room_list *rooms, struct room *room,
                struct client *client);
/* Also tells the others. */
void room_leave(struct room_list *rooms, struct client *client);

/* Sends a line to all who are in the room but `except` (NULL: to all). */
void room_tell(const struct room *room, const struct client *except,
               const char *line);

/* Replays the last lines, `most` at most. */
void room_replay(const struct room *room, struct client *client, size_t most);

void rooms_close(struct room_list *rooms);

#endif /* EVOKE_EXAMPLES_PRODUCT_ROOM_H_ */
