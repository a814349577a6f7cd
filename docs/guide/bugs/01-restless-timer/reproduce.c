/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A timer ticks every 0.9 ms; nothing else happens. How many turns does the
 * loop take for each tick?
 */
#include <event2/event.h>
#include <event2/watch.h>
#include <stdio.h>

enum { kTicks = 200 };

static int ticks;
static int turns;

static void on_wait(struct evwatch *watcher,
                    const struct evwatch_prepare_cb_info *info, void *arg) {
  (void)watcher, (void)info, (void)arg;
  ++turns;
}

static void on_tick(evutil_socket_t fd, short what, void *base) {
  (void)fd, (void)what;
  if (++ticks == kTicks) event_base_loopbreak(base);
}

int main(void) {
  const struct timeval period = {0, 900};
  struct event_base *base = event_base_new();
  struct event *timer = event_new(base, -1, EV_PERSIST, on_tick, base);
  int is_calm;
  evwatch_prepare_new(base, on_wait, NULL);
  event_add(timer, &period);
  event_base_dispatch(base);
  event_free(timer);
  event_base_free(base);
  is_calm = turns <= 3 * ticks;
  printf("turns of the loop for each tick: %s\n",
         is_calm ? "3 at most" : "more than 3");
  return is_calm ? 0 : 1;
}
