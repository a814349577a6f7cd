/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signals as events: the callback runs in the loop, where it may do anything,
 * not in a signal handler, where nearly nothing is allowed.
 *
 *   signal [--method epoll|poll|select]
 *
 * Press Ctrl-C three times to end it, or send it SIGTERM once.
 */
#include <event2/event.h>
#include <signal.h>

#include "examples/options.h"

enum { PRESSES = 3 };

struct state {
  struct event *on_sigint;
  struct event *on_sigterm;
  int presses;
};

/* A loop without events ends: deleting both is how this program stops. */
static void stop(struct state *state) {
  event_del(state->on_sigint);
  event_del(state->on_sigterm);
}

static void on_sigint(evutil_socket_t sig, short what, void *arg) {
  struct state *state = (struct state *)arg;
  (void)what;
  printf("signal %d, %d to go\n", (int)sig, PRESSES - ++state->presses);
  if (state->presses == PRESSES) stop(state);
}

static void on_sigterm(evutil_socket_t sig, short what, void *arg) {
  (void)what;
  printf("signal %d, good bye\n", (int)sig);
  stop((struct state *)arg);
}

int main(int argc, char **argv) {
  struct options options = parse_options(argc, argv, 0);
  struct event_base *base = base_for_method(options.method);
  struct state state = {NULL, NULL, 0};
  int failed = 0;
  if (base == NULL) return 1;
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);

  state.on_sigint = evsignal_new(base, SIGINT, on_sigint, &state);
  state.on_sigterm = evsignal_new(base, SIGTERM, on_sigterm, &state);
  if (state.on_sigint == NULL || state.on_sigterm == NULL ||
      event_add(state.on_sigint, NULL) < 0 ||
      event_add(state.on_sigterm, NULL) < 0) {
    fprintf(stderr, "cannot handle signals\n");
    failed = 1;
  } else {
    printf("ready\n");
    failed = event_base_dispatch(base) < 0;
  }

  if (state.on_sigint != NULL) event_free(state.on_sigint);
  if (state.on_sigterm != NULL) event_free(state.on_sigterm);
  event_base_free(base);
  return failed;
}
