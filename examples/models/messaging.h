/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the messaging models share beside model.h: the role that a program
 * plays, evoke's loop, which ends by SIGTERM, and the lines of stdin, read only
 * when somebody asks for one: who cannot send does not ask, so that the lines
 * wait in the pipe, and whoever writes them waits, too.
 *
 *   --role R   one of the two that each program names in its head
 *
 * The service is theirs: what --port listens on is the first of the two roles,
 * and the other one connects to it.
 */
#ifndef EVOKE_EXAMPLES_MODELS_MESSAGING_H_
#define EVOKE_EXAMPLES_MODELS_MESSAGING_H_

#include <event2/buffer.h>
#include <event2/event.h>
#include <signal.h>

#include "model.h"

/*
 * The value of the flag `name` ("--role VALUE" or "--role=VALUE"), which is
 * taken out of the command line, so that model_parse() never sees it; or
 * `otherwise`.
 */
static inline const char *messaging_flag(int *argc, char **argv,
                                         const char *name,
                                         const char *otherwise) {
  size_t length = strlen(name);
  int i, j;
  for (i = 1; i < *argc; ++i) {
    int words = strcmp(argv[i], name) == 0 && i + 1 < *argc ? 2 : 0;
    if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=') {
      words = 1;
    }
    if (words == 0) continue;
    otherwise = words == 2 ? argv[i + 1] : argv[i] + length + 1;
    for (j = i; j + words <= *argc; ++j) argv[j] = argv[j + words];
    *argc -= words;
    break;
  }
  return otherwise;
}

/* Whether the role is the second of two, the first being what one gets unasked;
 * ends the program when it is neither. */
static inline int messaging_second_role(int *argc, char **argv,
                                        const char *first, const char *second) {
  const char *role = messaging_flag(argc, argv, "--role", first);
  if (strcmp(role, first) != 0 && strcmp(role, second) != 0) {
    fprintf(stderr, "%s: --role is %s or %s\n", argv[0], first, second);
    exit(2);
  }
  return strcmp(role, second) == 0;
}

static inline void messaging_on_sigterm(evutil_socket_t signal, short what,
                                        void *base) {
  (void)signal, (void)what;
  event_base_loopbreak((struct event_base *)base);
}

/*
 * A base whose loop ends by SIGTERM, by the event `*end`, which the caller
 * frees before the base. stdin may be a file, which epoll refuses: hence the
 * feature.
 */
static inline struct event_base *messaging_base(struct event **end) {
  struct event_config *config = event_config_new();
  struct event_base *base;
  if (config == NULL ||
      event_config_require_features(config, EV_FEATURE_FDS) < 0 ||
      (base = event_base_new_with_config(config)) == NULL) {
    model_die("event_base_new_with_config");
    return NULL;
  }
  event_config_free(config);
  *end = evsignal_new(base, SIGTERM, messaging_on_sigterm, base);
  if (*end == NULL || event_add(*end, NULL) < 0) model_die("evsignal_new");
  return base;
}

/* --- The lines of stdin. */
struct lines {
  struct event *readable;
  struct evbuffer *bytes;
  char *held;           /* the line that came back by lines_put_back() */
  void (*more)(void *); /* told that there may be one, or the end */
  void *arg;
  int ended;
};

static inline void lines_on_readable(evutil_socket_t fd, short what,
                                     void *arg) {
  struct lines *lines = (struct lines *)arg;
  int got = evbuffer_read(lines->bytes, fd, MODEL_BUFFER_BYTES);
  (void)what;
  lines->ended = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
  lines->more(lines->arg);
}

static inline void lines_open(struct lines *lines, struct event_base *base,
                              void (*more)(void *), void *arg) {
  memset(lines, 0, sizeof(*lines));
  lines->more = more;
  lines->arg = arg;
  lines->bytes = evbuffer_new();
  lines->readable =
      event_new(base, STDIN_FILENO, EV_READ, lines_on_readable, lines);
  if (lines->bytes == NULL || lines->readable == NULL ||
      event_add(lines->readable, NULL) < 0) {
    model_die("stdin");
  }
}

/*
 * The next line, without its end, to be freed. NULL when there is none: `more`
 * is called when that may have changed, unless stdin has ended.
 */
static inline char *lines_next(struct lines *lines) {
  char *line = lines->held;
  lines->held = NULL;
  if (line == NULL) {
    line = evbuffer_readln(lines->bytes, NULL, EVBUFFER_EOL_LF);
  }
  if (line == NULL && lines->ended) {
    /* What has no end is a line all the same, once. */
    if (evbuffer_get_length(lines->bytes) == 0) return NULL;
    if (evbuffer_add(lines->bytes, "\n", 1) < 0) model_die("evbuffer_add");
    line = evbuffer_readln(lines->bytes, NULL, EVBUFFER_EOL_LF);
  }
  if (line == NULL) event_add(lines->readable, NULL);
  return line;
}

/* Whether stdin has ended, and no line is left. */
static inline int lines_done(const struct lines *lines) {
  return lines->ended && lines->held == NULL &&
         evbuffer_get_length(lines->bytes) == 0;
}

/* It could not be sent: it is the next one again. */
static inline void lines_put_back(struct lines *lines, char *line) {
  lines->held = line;
}

static inline void lines_close(struct lines *lines) {
  if (lines->readable != NULL) event_free(lines->readable);
  if (lines->bytes != NULL) evbuffer_free(lines->bytes);
  free(lines->held);
}

#endif /* EVOKE_EXAMPLES_MODELS_MESSAGING_H_ */
