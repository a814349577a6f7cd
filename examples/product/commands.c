/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One function for each command, and the table that names them. `rest` is what
 * comes behind the name, without spaces in front; it may be empty.
 */
#include "examples/product/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/product/chat.h"
#include "examples/product/connection.h"
#include "examples/product/settings.h"

static void run_help(struct client *client, const char *rest);

static void run_nick(struct client *client, const char *rest) {
  char words[TOLD_BYTES];
  const struct client *other = chat_find(client->chat, rest);
  if (!text_is_name(rest)) {
    client_tell(client,
                "* a name has letters, digits, - and _, %d of them at most",
                NAME_BYTES);
    return;
  }
  if (other != NULL && other != client) {
    client_tell(client, "* %s is somebody else", other->name);
    return;
  }
  snprintf(words, sizeof(words), "* %s is now %s", client->name, rest);
  snprintf(client->name, sizeof(client->name), "%s", rest);
  room_tell(client->room, NULL, words);
}

static void run_join(struct client *client, const char *rest) {
  struct chat *chat = client->chat;
  struct room *room;
  if (!text_is_name(rest)) {
    client_tell(client, "* /join ROOM");
    return;
  }
  if (strcmp(client->room->name, rest) == 0) {
    client_tell(client, "* you are there already");
    return;
  }
  room = room_find(&chat->rooms, rest, chat->settings->history_lines);
  if (room == NULL) {
    client_tell(client, "* there are too many rooms");
    return;
  }
  room_leave(&chat->rooms, client);
  room_enter(&chat->rooms, room, client);
}

/* Names, as many to a line as fit. */
static void run_who(struct client *client, const char *rest) {
  const struct room *room = client->room;
  const struct client *member;
  char line[TOLD_BYTES];
  size_t length = (size_t)snprintf(line, sizeof(line), "* in %s:", room->name);
  (void)rest;
  TAILQ_FOREACH(member, &room->members, in_room) {
    if (length + 1 + strlen(member->name) > LINE_BYTES) {
      client_tell(client, "%s", line);
      length = (size_t)snprintf(line, sizeof(line), "* and:");
    }
    length += (size_t)snprintf(line + length, sizeof(line) - length, " %s",
                               member->name);
  }
  client_tell(client, "%s", line);
}

static void run_rooms(struct client *client, const char *rest) {
  const struct room *room;
  (void)rest;
  TAILQ_FOREACH(room, &client->chat->rooms, link) {
    client_tell(client, "* %s: %d there, %zu lines kept", room->name,
                room->member_count, room->history.count);
  }
}

static void run_history(struct client *client, const char *rest) {
  char *end;
  unsigned long most = strtoul(rest, &end, 10);
  if (*rest == '\0') most = client->room->history.count;
  if (*end != '\0') {
    client_tell(client, "* /history [LINES]");
    return;
  }
  room_replay(client->room, client, most);
}

static void run_stats(struct client *client, const char *rest) {
  const struct chat *chat = client->chat;
  const struct figures *figures = &chat->figures;
  (void)rest;
  client_tell(client, "* up for %lld s; %ld are here, %lu have come",
              chat_now_s() - figures->started_s, chat->client_count,
              figures->connections);
  client_tell(client, "* lines: %lu heard, %lu told, %lu too long",
              figures->lines_in, figures->lines_out, figures->lines_too_long);
  client_tell(client, "* slow readers: held back %lu times, %lu dropped",
              figures->held, figures->dropped_slow);
  client_tell(client, "* others: %lu idle, %lu broken, %lu refused",
              figures->dropped_idle, figures->dropped_error, figures->refused);
}

static void run_quit(struct client *client, const char *rest) {
  (void)rest;
  connection_end(client->connection, "* good bye");
}

static const struct command {
  const char *name;
  const char *help;
  void (*run)(struct client *client, const char *rest);
} commands[] = {
    {"nick", "NAME: call yourself so", run_nick},
    {"join", "ROOM: go there", run_join},
    {"who", ": who is in this room?", run_who},
    {"rooms", ": which rooms are there?", run_rooms},
    {"history", "[LINES]: what was said before", run_history},
    {"stats", ": what the server has counted", run_stats},
    {"help", ": this list", run_help},
    {"quit", ": leave", run_quit},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void run_help(struct client *client, const char *rest) {
  int i;
  (void)rest;
  for (i = 0; i < COMMANDS; ++i) {
    const char *space = commands[i].help[0] == ':' ? "" : " ";
    client_tell(client, "* /%s%s%s", commands[i].name, space, commands[i].help);
  }
}

void command_run(struct client *client, char *line) {
  char *rest = line + strcspn(line, " \t");
  size_t length;
  int i;
  if (*rest != '\0') *rest++ = '\0';
  rest += strspn(rest, " \t");
  for (length = strlen(rest); length > 0; --length) {
    if (rest[length - 1] != ' ' && rest[length - 1] != '\t') break;
  }
  rest[length] = '\0';
  for (i = 0; i < COMMANDS; ++i) {
    if (strcmp(line, commands[i].name) == 0) {
      commands[i].run(client, rest);
      return;
    }
  }
  client_tell(client, "* no such command; /help lists them");
}
