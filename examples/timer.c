/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timers: one that ticks, one that fires once and ends the loop.
 *
 *   timer [--method epoll|poll|select]
 *
 * The ticking one is persistent: its next deadline counts from its last one, so
 * that it does not drift, however late a callback runs.
 */
#include <event2/event.h>

#include "examples/options.h"

static void on_tick(evutil_socket_t fd, short what, void *count) {
  (void)fd;
  (void)what;
  printf("tick %d\n", ++*(int *)count);
}

static void on_end(evutil_socket_t fd, short what, void *base) {
  (void)fd;
  (void)what;
  printf("time is over\n");
  event_base_loopbreak((struct event_base *)base);
}

int main(int argc, char **argv) {
  struct options options = parse_options(argc, argv, 0);
  struct event_base *base = base_for_method(options.method);
  const struct timeval tick = {0, 100 * 1000}; /* seconds, microseconds */
  const struct timeval end = {0, 550 * 1000};
  int count = 0, failed = 0;
  struct event *ticker, *timer;
  if (base == NULL) return 1;

  ticker = event_new(base, -1, EV_PERSIST, on_tick, &count);
  timer = evtimer_new(base, on_end, base);
  if (ticker == NULL || timer == NULL || event_add(ticker, &tick) < 0 ||
      event_add(timer, &end) < 0) {
    fprintf(stderr, "out of memory\n");
    failed = 1;
  } else {
    failed = event_base_dispatch(base) < 0;
    printf("%d ticks\n", count);
  }

  if (ticker != NULL) event_free(ticker);
  if (timer != NULL) event_free(timer);
  event_base_free(base);
  return failed;
}
