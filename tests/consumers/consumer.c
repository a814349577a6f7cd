// SPDX-License-Identifier: BSD-3-Clause
//
// A program as a user of the library would write it: a line goes through a
// socket pair between two bufferevents and comes back in capitals. It is built
// in four ways by the tests of this folder.
//
// Prints the version, the method and the answer; with a directory as its
// argument it also checks that event_base_new comes from a file below it, not
// from another libevent of this machine.
#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void on_request(struct bufferevent* bev, void* arg) {
  (void)arg;
  char* line =
      evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_LF);
  if (line == NULL) return;
  for (char* c = line; *c != '\0'; ++c) *c = (char)toupper((unsigned char)*c);
  evbuffer_add_printf(bufferevent_get_output(bev), "%s\n", line);
  free(line);
}

static void on_answer(struct bufferevent* bev, void* arg) {
  char* line =
      evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_LF);
  if (line == NULL) return;
  printf("answer: %s\n", line);
  *(int*)arg = strcmp(line, "HELLO, CONSUMER") == 0;
  free(line);
  event_base_loopexit(bufferevent_get_base(bev), NULL);
}

// Is the library's code in a file below `directory`?
static int comes_from(const char* directory) {
  char want[PATH_MAX];
  char have[PATH_MAX];
  Dl_info info;
  union {
    struct event_base* (*function)(void);
    void* address;
  } symbol = {event_base_new};
  if (realpath(directory, want) == NULL) return 0;
  if (dladdr(symbol.address, &info) == 0) return 0;
  if (realpath(info.dli_fname, have) == NULL) return 0;
  printf("library: %s\n", have);
  return strncmp(have, want, strlen(want)) == 0;
}

int main(int argc, char** argv) {
  if (argc > 1 && !comes_from(argv[1])) {
    fprintf(stderr, "the library is not below %s\n", argv[1]);
    return 1;
  }
  evutil_socket_t pair[2];
  if (evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ||
      evutil_make_socket_nonblocking(pair[0]) != 0 ||
      evutil_make_socket_nonblocking(pair[1]) != 0) {
    perror("socketpair");
    return 1;
  }
  struct event_base* base = event_base_new();
  if (base == NULL) return 1;
  printf("version: %s\nmethod: %s\n", event_get_version(),
         event_base_get_method(base));

  int answered = 0;
  struct bufferevent* server =
      bufferevent_socket_new(base, pair[0], BEV_OPT_CLOSE_ON_FREE);
  struct bufferevent* client =
      bufferevent_socket_new(base, pair[1], BEV_OPT_CLOSE_ON_FREE);
  if (server == NULL || client == NULL) return 1;
  bufferevent_setcb(server, on_request, NULL, NULL, NULL);
  bufferevent_setcb(client, on_answer, NULL, NULL, &answered);
  bufferevent_enable(server, EV_READ | EV_WRITE);
  bufferevent_enable(client, EV_READ | EV_WRITE);
  bufferevent_write(client, "hello, consumer\n", 16);

  // Ends by itself should no answer come.
  const struct timeval limit = {20, 0};
  event_base_loopexit(base, &limit);
  event_base_dispatch(base);

  bufferevent_free(server);
  bufferevent_free(client);
  event_base_free(base);
  return answered ? 0 : 1;
}
