/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the programs of the tour share: a headline for each of their sections, a
 * base on the backend that --method names, sockets to play with, and an account
 * of the library's memory. All they print is the same in each run, on each
 * backend, and on evoke as on libevent: no time, no port, no pointer.
 */
#ifndef EVOKE_EXAMPLES_TOUR_TOUR_H_
#define EVOKE_EXAMPLES_TOUR_TOUR_H_

#include <event2/event.h>
#include <event2/util.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "examples/options.h"

/* How many blocks of memory the library was ever given, and still has. */
static atomic_long blocks_given, blocks_in_use;

static inline void *counting_malloc(size_t size) {
  void *block = malloc(size);
  if (block == NULL) return NULL;
  ++blocks_given;
  ++blocks_in_use;
  return block;
}

static inline void *counting_realloc(void *block, size_t size) {
  return block != NULL ? realloc(block, size) : counting_malloc(size);
}

/* Also for what the library allocates and the program frees. */
static inline void counting_free(void *block) {
  if (block != NULL) --blocks_in_use;
  free(block);
}

/* That the library logs comes out among the program's lines; its words are the
 * library's own. */
static inline void print_log(int severity, const char *message) {
  static const char *const names[] = {"debug", "message", "warning", "error"};
  printf("  log: %s\n", names[severity & 3]);
  (void)message;
}

/* Reads the options and sets the library up, before its first other call.
 * Returns the method that was asked for, or NULL. */
static inline const char *tour_begin(int argc, char **argv) {
  struct options options = parse_options(argc, argv, 0);
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  event_set_mem_functions(counting_malloc, counting_realloc, counting_free);
  event_set_log_callback(print_log);
  return options.method;
}

/* The last line: whatever was not freed shows in it. Returns main()'s result.
 */
static inline int tour_end(void) {
  libevent_global_shutdown();
  printf("== end: %s blocks of memory were given, %ld are in use\n",
         blocks_given > 0 ? "some" : "no", (long)blocks_in_use);
  return blocks_in_use != 0;
}

static inline void section(const char *title) { printf("== %s\n", title); }

/* `pointer`, unless it is NULL, which ends the program. */
static inline void *must(void *pointer, const char *what) {
  if (pointer != NULL) return pointer;
  printf("no %s\n", what);
  exit(1);
}

/* Ends the program unless `result` is 0. */
static inline void must_be_0(int result, const char *what) {
  if (result == 0) return;
  printf("%s failed\n", what);
  exit(1);
}

/* A base on `method` (NULL: the best), by taking the others away. */
static inline struct event_base *tour_base(const char *method) {
  static const char *const names[] = {"epoll", "poll", "select"};
  struct event_config *config = must(event_config_new(), "config");
  struct event_base *base;
  size_t i;
  for (i = 0; method != NULL && i < sizeof(names) / sizeof(names[0]); ++i) {
    if (strcmp(method, names[i]) != 0) {
      event_config_avoid_method(config, names[i]);
    }
  }
  base = must(event_base_new_with_config(config), "base");
  event_config_free(config);
  return base;
}

/* Two connected sockets that never block. */
static inline void connected_pair(evutil_socket_t pair[2]) {
  must_be_0(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
  must_be_0(evutil_make_socket_nonblocking(pair[0]), "nonblocking");
  must_be_0(evutil_make_socket_nonblocking(pair[1]), "nonblocking");
}

static inline void close_pair(evutil_socket_t pair[2]) {
  evutil_closesocket(pair[0]);
  evutil_closesocket(pair[1]);
}

/* "read|persist" for EV_READ | EV_PERSIST; good until the next call. */
static inline const char *flags_of(int flags) {
  static const struct {
    int flag;
    const char *name;
  } names[] = {{EV_TIMEOUT, "timeout"}, {EV_READ, "read"},
               {EV_WRITE, "write"},     {EV_SIGNAL, "signal"},
               {EV_PERSIST, "persist"}, {EV_ET, "edge"},
               {EV_FINALIZE, "final"},  {EV_CLOSED, "closed"}};
  static char text[80];
  size_t i;
  text[0] = '\0';
  for (i = 0; i < sizeof(names) / sizeof(names[0]); ++i) {
    if ((flags & names[i].flag) == 0) continue;
    if (text[0] != '\0') strcat(text, "|");
    strcat(text, names[i].name);
  }
  return text[0] != '\0' ? text : "nothing";
}

#endif /* EVOKE_EXAMPLES_TOUR_TOUR_H_ */
