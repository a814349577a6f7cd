/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the server models share, so that each program shows its idea alone: the
 * flags, a listening socket, the service for one message, and what is counted.
 * How a model waits, whom it hands a connection to, and how it ends is its own.
 * C11 and C++.
 *
 *   --port N   the port to listen on, 9988 unless told; 0 lets the kernel pick
 *   --print    print each message, as the book's hello world, answer nothing
 *   --stats    tell at the end what was served
 *
 * Every program says "port: N" on stderr when it listens, and ends by SIGTERM
 * with status 0.
 */
#ifndef EVOKE_EXAMPLES_MODELS_MODEL_H_
#define EVOKE_EXAMPLES_MODELS_MODEL_H_

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h> /* after winsock2.h */
#else
#include <netinet/in.h>
#include <sys/socket.h>
#endif

/* macOS has neither; there, one ignores SIGPIPE. */
#ifndef SOCK_CLOEXEC
#define SOCK_CLOEXEC 0
#endif
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* How much one read takes. */
enum { MODEL_BUFFER_BYTES = 16384 };

struct model_options {
  int port;
  int print;
  int stats;
};

/* Where several threads or processes count, they do by the __atomic functions.
 */
struct model_stats {
  unsigned long connections;
  unsigned long messages; /* reads that brought something */
  unsigned long bytes;
};

static inline void model_die(const char *what) {
  perror(what);
  exit(1);
}

/* Reads the command line; ends the program on anything that is not listed. */
static inline struct model_options model_parse(int argc, char **argv) {
  static const struct option known[] = {{"port", required_argument, NULL, 'p'},
                                        {"print", no_argument, NULL, 'P'},
                                        {"stats", no_argument, NULL, 's'},
                                        {NULL, 0, NULL, 0}};
  struct model_options options = {9988, 0, 0};
  int name;
  while ((name = getopt_long(argc, argv, "", known, NULL)) != -1) {
    char *end = NULL;
    long port = name == 'p' ? strtol(optarg, &end, 10) : 0;
    if (name == 'P') options.print = 1;
    if (name == 's') options.stats = 1;
    if (name == 'p') options.port = (int)port;
    if (name == '?' || (end != NULL && (end == optarg || *end != '\0')) ||
        port < 0 || port > 65535) {
      fprintf(stderr, "usage: %s [--port N] [--print] [--stats]\n", argv[0]);
      exit(2);
    }
  }
  return options;
}

/* Tells on stderr which port a listening socket got. */
static inline void model_print_port(int fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof(address);
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
    model_die("getsockname");
  }
  fprintf(stderr, "port: %d\n", ntohs(address.sin_port));
}

#ifndef _WIN32 /* iocp_echo.cc has its own */
/*
 * A TCP socket that listens on `port` of the loopback; close-on-exec, with
 * `type_flags` (SOCK_NONBLOCK, or 0) and, where `reuse_port`, SO_REUSEPORT.
 * Ends the program when it cannot be had.
 */
static inline int model_bind(int port, int type_flags, int reuse_port) {
  struct sockaddr_in address;
  int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0);
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((unsigned short)port);
  if (fd < 0) model_die("socket");
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
      (reuse_port &&
       setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)) {
    model_die("setsockopt");
  }
  if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
      listen(fd, SOMAXCONN) < 0) {
    model_die("bind");
  }
  return fd;
}

/* The same for the models that have one listening socket: says its port. */
static inline int model_listen(int port, int type_flags) {
  int fd = model_bind(port, type_flags, 0);
  model_print_port(fd);
  return fd;
}

/* Writes all of it to a blocking socket. 0, or -1 when the peer is gone. */
static inline int model_send_all(int fd, const char *data, size_t bytes) {
  while (bytes > 0) {
    ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return -1;
    data += sent;
    bytes -= (size_t)sent;
  }
  return 0;
}

#endif

/* Counts one message. */
static inline void model_count(struct model_stats *stats, ssize_t bytes) {
  __atomic_fetch_add(&stats->messages, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&stats->bytes, (unsigned long)bytes, __ATOMIC_RELAXED);
}

/* Prints what was received, as the book's hello world does. */
static inline void model_print(const char *data, size_t bytes) {
  printf("%.*s\n", (int)bytes, data);
  fflush(stdout);
}

#ifndef _WIN32
/*
 * Serves one message on a blocking socket: receives, and answers or prints.
 * 0, or -1 when the connection is over (the caller closes it).
 */
static inline int model_serve(int fd, const struct model_options *options,
                              struct model_stats *stats) {
  char buffer[MODEL_BUFFER_BYTES];
  ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
  if (got < 0 && errno == EINTR) return 0;
  if (got <= 0) return -1;
  model_count(stats, got);
  if (options->print) {
    model_print(buffer, (size_t)got);
    return 0;
  }
  return model_send_all(fd, buffer, (size_t)got);
}

#endif

/* The last word, with --stats. */
static inline void model_end(const struct model_options *options,
                             const struct model_stats *stats) {
  if (!options->stats) return;
  fprintf(stderr, "stats: connections=%lu messages=%lu bytes=%lu\n",
          __atomic_load_n(&stats->connections, __ATOMIC_RELAXED),
          __atomic_load_n(&stats->messages, __ATOMIC_RELAXED),
          __atomic_load_n(&stats->bytes, __ATOMIC_RELAXED));
}

#endif /* EVOKE_EXAMPLES_MODELS_MODEL_H_ */
