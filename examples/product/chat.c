/* SPDX-License-Identifier: BSD-3-Clause */
#include "examples/product/chat.h"

#include <event2/util.h>
#include <string.h>
#include <time.h>

#include "examples/product/settings.h"

void chat_open(struct chat *chat, const struct settings *settings) {
  memset(chat, 0, sizeof(*chat));
  chat->settings = settings;
  chat->figures.started_s = chat_now_s();
  TAILQ_INIT(&chat->clients);
  TAILQ_INIT(&chat->rooms);
}

void chat_close(struct chat *chat) { rooms_close(&chat->rooms); }

struct client *chat_find(const struct chat *chat, const char *name) {
  struct client *client;
  TAILQ_FOREACH(client, &chat->clients, link) {
    if (evutil_ascii_strcasecmp(client->name, name) == 0) return client;
  }
  return NULL;
}

/* A line "room NAME", then the lines of it, each behind a space. */
static void save_room(const struct room *room, FILE *to) {
  size_t i;
  fprintf(to, "room %s\n", room->name);
  for (i = 0; i < room->history.count; ++i) {
    fprintf(to, " %s\n", history_line(&room->history, i));
  }
}

/* Empty ones first: where they are loaded, they are the first to go. */
void chat_save(const struct chat *chat, FILE *to) {
  const struct room *room;
  int inhabited;
  for (inhabited = 0; inhabited <= 1; ++inhabited) {
    TAILQ_FOREACH(room, &chat->rooms, link) {
      if ((room->member_count > 0) == inhabited) save_room(room, to);
    }
  }
}

void chat_load(struct chat *chat, FILE *from) {
  char line[TOLD_BYTES + 2];
  struct room *room = NULL;
  while (fgets(line, sizeof(line), from) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == ' ' && room != NULL) {
      history_add(&room->history, line + 1);
    } else if (strncmp(line, "room ", 5) == 0 && text_is_name(line + 5)) {
      room = room_find(&chat->rooms, line + 5, chat->settings->history_lines);
    }
  }
}

long long chat_now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec;
}
