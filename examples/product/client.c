/* SPDX-License-Identifier: BSD-3-Clause */
#include "examples/product/client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "examples/product/chat.h"
#include "examples/product/commands.h"
#include "examples/product/connection.h"
#include "examples/product/log.h"
#include "examples/product/settings.h"

void client_tell(struct client *client, const char *format, ...) {
  char line[TOLD_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  connection_send(client->connection, line);
}

static void say(struct client *client, const char *words) {
  char line[TOLD_BYTES];
  snprintf(line, sizeof(line), "<%s> %s", client->name, words);
  history_add(&client->room->history, line);
  room_tell(client->room, client, line);
}

static void on_line(void *arg, char *line, size_t length) {
  struct client *client = (struct client *)arg;
  text_clean(line, length);
  if (line[0] == '/') {
    command_run(client, line + 1);
  } else if (line[0] != '\0' && client->room != NULL) {
    say(client, line);
  }
}

static void on_over(void *arg) {
  struct client *client = (struct client *)arg;
  struct chat *chat = client->chat;
  log_detail("%s is gone", client->name);
  TAILQ_REMOVE(&chat->clients, client, link);
  --chat->client_count;
  room_leave(&chat->rooms, client);
  free(client);
}

static const struct connection_user client_user = {on_line, on_over};

static void name_guest(struct client *client) {
  do {
    snprintf(client->name, sizeof(client->name), "guest%u",
             ++client->chat->guests);
  } while (chat_find(client->chat, client->name) != NULL);
}

static void refuse(struct chat *chat, struct connections *connections,
                   evutil_socket_t fd) {
  struct connection *connection = connection_open(connections, fd, NULL, NULL);
  ++chat->figures.refused;
  if (connection == NULL) return;
  connection_end(connection, "* the server is full: come back later");
}

void client_welcome(struct chat *chat, struct connections *connections,
                    evutil_socket_t fd) {
  struct client *client;
  struct room *lobby;
  ++chat->figures.connections;
  if (chat->client_count >= chat->settings->clients_max) {
    refuse(chat, connections, fd);
    return;
  }
  client = (struct client *)calloc(1, sizeof(*client));
  if (client == NULL) {
    evutil_closesocket(fd);
    return;
  }
  client->chat = chat;
  client->connection = connection_open(connections, fd, &client_user, client);
  if (client->connection == NULL) {
    free(client);
    return;
  }
  name_guest(client);
  TAILQ_INSERT_TAIL(&chat->clients, client, link);
  ++chat->client_count;
  log_detail("%s has come", client->name);
  client_tell(client, "* welcome, %s; /help lists what you can do",
              client->name);
  lobby = room_find(&chat->rooms, LOBBY, chat->settings->history_lines);
  if (lobby != NULL) {
    room_enter(&chat->rooms, lobby, client);
  } else {
    connection_end(client->connection, "* there is no room: come back later");
  }
}
