/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the examples share, so that each of them shows its idea alone: the three
 * options --port, --method and --verbose, a base on the backend that was asked
 * for, a word about sockets, and an end. Plain C, and C++ too.
 */
#ifndef EVOKE_EXAMPLES_OPTIONS_H_
#define EVOKE_EXAMPLES_OPTIONS_H_

#include <event2/event.h>
#include <event2/util.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct options {
  int port;           /* 0: any free one */
  const char *method; /* NULL: the library's choice */
  int verbose;
};

static inline void usage(const char *program) {
  fprintf(stderr,
          "usage: %s [--port N] [--method epoll|poll|select] [--verbose]\n",
          program);
  exit(2);
}

/* Reads the command line; ends the program on anything that is not listed. */
static inline struct options parse_options(int argc, char **argv,
                                           int default_port) {
  static const struct option known[] = {
      {"port", required_argument, NULL, 'p'},
      {"method", required_argument, NULL, 'm'},
      {"verbose", no_argument, NULL, 'v'},
      {NULL, 0, NULL, 0}};
  struct options options = {default_port, NULL, 0};
  int name;
  while ((name = getopt_long(argc, argv, "", known, NULL)) != -1) {
    if (name == 'v') {
      options.verbose = 1;
    } else if (name == 'm') {
      options.method = optarg;
    } else if (name == 'p') {
      char *end;
      long port = strtol(optarg, &end, 10);
      if (end == optarg || *end != '\0' || port < 0 || port > 65535) {
        usage(argv[0]);
      }
      options.port = (int)port;
    } else {
      usage(argv[0]);
    }
  }
  if (optind != argc) usage(argv[0]);
  return options;
}

/*
 * A base on the backend `method` (NULL: whichever is best), by avoiding all
 * others. Says why and returns NULL when there is none; event_base_free() it.
 */
static inline struct event_base *base_for_method(const char *method) {
  struct event_config *config = event_config_new();
  struct event_base *base = NULL;
  const char **known = event_get_supported_methods();
  int i;
  if (config == NULL || known == NULL) {
    fprintf(stderr, "out of memory\n");
  } else {
    for (i = 0; method != NULL && known[i] != NULL; ++i) {
      if (strcmp(known[i], method) != 0) {
        event_config_avoid_method(config, known[i]);
      }
    }
    base = event_base_new_with_config(config);
    if (base != NULL && method != NULL &&
        strcmp(event_base_get_method(base), method) != 0) {
      event_base_free(base);
      base = NULL;
    }
    if (base == NULL) {
      fprintf(stderr, "no backend %s\n", method != NULL ? method : "usable");
    }
  }
  if (config != NULL) event_config_free(config);
  return base;
}

static inline void stop_loop(evutil_socket_t sig, short what, void *base) {
  (void)sig;
  (void)what;
  event_base_loopbreak((struct event_base *)base);
}

/*
 * Lets SIGTERM end the loop of `base`. Returns the event, to be given to
 * event_free(); says why and returns NULL when that cannot be had.
 */
static inline struct event *stop_on_sigterm(struct event_base *base) {
  struct event *stop = evsignal_new(base, SIGTERM, stop_loop, base);
  if (stop != NULL && event_add(stop, NULL) == 0) return stop;
  fprintf(stderr, "cannot handle signals\n");
  if (stop != NULL) event_free(stop);
  return NULL;
}

/* Tells on stderr which port a listening socket got. */
static inline void print_port(evutil_socket_t fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof(address);
  if (getsockname(fd, (struct sockaddr *)&address, &length) == 0) {
    fprintf(stderr, "port: %d\n", ntohs(address.sin_port));
  }
}

/* Tells on stderr what happened to the connection with `peer` (IPv4). */
static inline void print_peer(const char *what, const struct sockaddr *peer) {
  char text[INET_ADDRSTRLEN];
  const struct sockaddr_in *address = (const struct sockaddr_in *)peer;
  if (peer->sa_family == AF_INET &&
      evutil_inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text))) {
    fprintf(stderr, "%s %s:%d\n", what, text, ntohs(address->sin_port));
  }
}

#endif /* EVOKE_EXAMPLES_OPTIONS_H_ */
