/* SPDX-License-Identifier: BSD-3-Clause */
#include "examples/product/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/product/client.h"
#include "examples/product/connection.h"

static void room_free(struct room_list *rooms, struct room *room) {
  TAILQ_REMOVE(rooms, room, link);
  history_close(&room->history);
  free(room);
}

/* Makes sure that one more room may be. */
static int make_place(struct room_list *rooms) {
  struct room *room, *empty = NULL;
  int count = 0;
  TAILQ_FOREACH(room, rooms, link) {
    if (empty == NULL && room->member_count == 0) empty = room;
    ++count;
  }
  if (count < ROOMS_MAX) return 0;
  if (empty == NULL) return -1;
  room_free(rooms, empty);
  return 0;
}

struct room *room_find(struct room_list *rooms, const char *name,
                       long history_lines) {
  struct room *room;
  TAILQ_FOREACH(room, rooms, link) {
    if (strcmp(room->name, name) == 0) return room;
  }
  if (make_place(rooms) < 0) return NULL;
  room = (struct room *)calloc(1, sizeof(*room));
  if (room == NULL) return NULL;
  if (history_open(&room->history, (size_t)history_lines) < 0) {
    free(room);
    return NULL;
  }
  TAILQ_INIT(&room->members);
  snprintf(room->name, sizeof(room->name), "%s", name);
  TAILQ_INSERT_TAIL(rooms, room, link);
  return room;
}

void room_enter(struct room_list *rooms, struct room *room,
                struct client *client) {
  char words[TOLD_BYTES];
  snprintf(words, sizeof(words), "* %s has come", client->name);
  room_tell(room, NULL, words);
  if (room->member_count == 0) {
    TAILQ_REMOVE(rooms, room, link);
    TAILQ_INSERT_HEAD(rooms, room, link);
  }
  TAILQ_INSERT_TAIL(&room->members, client, in_room);
  ++room->member_count;
  client->room = room;
  client_tell(client, "* you are in %s; others: %d", room->name,
              room->member_count - 1);
  room_replay(room, client, room->history.count);
}

void room_leave(struct room_list *rooms, struct client *client) {
  struct room *room = client->room;
  char words[TOLD_BYTES];
  if (room == NULL) return;
  TAILQ_REMOVE(&room->members, client, in_room);
  --room->member_count;
  client->room = NULL;
  snprintf(words, sizeof(words), "* %s has left", client->name);
  room_tell(room, NULL, words);
  if (room->member_count == 0) {
    TAILQ_REMOVE(rooms, room, link);
    TAILQ_INSERT_TAIL(rooms, room, link);
  }
}

void room_tell(const struct room *room, const struct client *except,
               const char *line) {
  struct client *client;
  TAILQ_FOREACH(client, &room->members, in_room) {
    if (client != except) connection_send(client->connection, line);
  }
}

void room_replay(const struct room *room, struct client *client, size_t most) {
  size_t count = room->history.count;
  size_t i;
  for (i = count > most ? count - most : 0; i < count; ++i) {
    client_tell(client, "| %s", history_line(&room->history, i));
  }
}

void rooms_close(struct room_list *rooms) {
  while (!TAILQ_EMPTY(rooms)) room_free(rooms, TAILQ_FIRST(rooms));
}
