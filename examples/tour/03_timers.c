/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time: timers, many with one interval, and what time it is in the loop.
 *
 *   03_timers [--method epoll|poll|select]
 *
 * A timeout counts from the time at which the loop woke up, which it keeps for
 * the length of a turn: asking for the time is then free, and a callback that
 * takes long sees no time pass unless it asks for it. Deadlines are kept on the
 * monotonic clock, which nobody sets.
 */
#include <time.h>
#include <unistd.h>

#include "examples/tour/tour.h"

static const struct timeval ten_ms = {0, 10 * 1000};
static const struct timeval twenty_ms = {0, 20 * 1000};
static const struct timeval thirty_ms = {0, 30 * 1000};
static const struct timeval hundred_ms = {0, 100 * 1000};

static void say(evutil_socket_t fd, short what, void *name) {
  printf("  callback: %s\n", (const char *)name);
  (void)fd;
  (void)what;
}

/* --- One shot, and ticking -------------------------------------------------
 */

struct timers {
  struct event *late, *early, *moved, *never;
};

/* All count from the time at which this turn began. */
static void add_timers(evutil_socket_t fd, short what, void *arg) {
  const struct timeval hour = {3600, 0};
  struct timers *timers = arg;
  evtimer_add(timers->late, &thirty_ms);
  evtimer_add(timers->moved, &hour);
  evtimer_add(timers->moved, &twenty_ms); /* adding again moves it */
  evtimer_add(timers->early, &ten_ms);
  evtimer_add(timers->never, &ten_ms);
  evtimer_del(timers->never);
  printf("  added: pending are %d of two\n",
         (evtimer_pending(timers->early, NULL) != 0) +
             (evtimer_pending(timers->never, NULL) != 0));
  (void)fd;
  (void)what;
}

static void order(struct event_base *base) {
  struct timers timers = {
      must(evtimer_new(base, say, "30 ms"), "timer"),
      must(evtimer_new(base, say, "10 ms"), "timer"),
      must(evtimer_new(base, say, "20 ms, was 1 h"), "timer"),
      must(evtimer_new(base, say, "never"), "timer")};
  section("in the order of their deadlines");
  event_base_once(base, -1, EV_TIMEOUT, add_timers, &timers, NULL);
  event_base_dispatch(base);
  event_free(timers.late);
  event_free(timers.early);
  event_free(timers.moved);
  event_free(timers.never);
}

struct ticker {
  struct event *event;
  int ticks;
};

static void on_tick(evutil_socket_t fd, short what, void *arg) {
  struct ticker *ticker = arg;
  printf("  tick %d\n", ++ticker->ticks);
  if (ticker->ticks == 3) event_del(ticker->event);
  (void)fd;
  (void)what;
}

static void tick(struct event_base *base) {
  struct ticker ticker = {NULL, 0};
  struct timeval start = {0, 0}, end = {0, 0};
  section("ticking");
  ticker.event =
      must(event_new(base, -1, EV_PERSIST, on_tick, &ticker), "timer");
  event_add(ticker.event, &ten_ms);
  event_gettime_monotonic(base, &start);
  event_base_dispatch(base);
  event_gettime_monotonic(base, &end);
  evutil_timersub(&end, &start, &end);
  printf("three ticks took more than 20 ms: %d\n",
         evutil_timercmp(&end, &twenty_ms, >));
  event_free(ticker.event);
}

/* --- A descriptor with a timeout -------------------------------------------
 */

static void on_byte_or_silence(evutil_socket_t fd, short what, void *event) {
  char byte;
  printf("  callback: %s\n", flags_of(what));
  if (what & EV_READ) {
    if (read(fd, &byte, 1) != 1) printf("cannot read\n");
  } else {
    event_del(*(struct event **)event);
  }
}

static void silence(struct event_base *base) {
  evutil_socket_t pair[2];
  struct event *event;
  section("a byte, then silence");
  connected_pair(pair);
  event = must(event_new(base, pair[0], EV_READ | EV_PERSIST,
                         on_byte_or_silence, &event),
               "event");
  event_add(event, &hundred_ms);
  if (write(pair[1], "!", 1) != 1) printf("cannot write\n");
  event_base_dispatch(base);
  event_free(event);
  close_pair(pair);
}

/* --- Many with one interval ------------------------------------------------
 */

static void count_and_say(evutil_socket_t fd, short what, void *name) {
  static int fired;
  ++fired;
  if (name != NULL) printf("  callback: %s, number %d\n", (char *)name, fired);
  (void)fd;
  (void)what;
}

/* A thousand connections with the same timeout need no heap, but a queue: the
 * one that was added last is due last. The base hands out a mark for that. */
static void common(struct event_base *base) {
  enum { CONNECTIONS = 1000 };
  static struct event *timers[CONNECTIONS];
  static char first[] = "the first", last[] = "the last";
  const struct timeval *mark = event_base_init_common_timeout(base, &ten_ms);
  int i;
  section("many with one interval");
  printf("a mark beside the time: %d\n",
         mark->tv_sec == 0 && mark->tv_usec != ten_ms.tv_usec);
  for (i = 0; i < CONNECTIONS; ++i) {
    char *name = i == 0 ? first : i == CONNECTIONS - 1 ? last : NULL;
    timers[i] = must(evtimer_new(base, count_and_say, name), "timer");
    event_add(timers[i], mark);
  }
  event_base_dispatch(base);
  for (i = 0; i < CONNECTIONS; ++i) event_free(timers[i]);
}

/* --- What time is it? ------------------------------------------------------
 */

/* The base's idea of the time, before and after it is told to look. */
static void ask_the_time(evutil_socket_t fd, short what, void *base) {
  struct timeval before = {0, 0}, after = {0, 0}, looked = {0, 0};
  event_base_gettimeofday_cached(base, &before);
  usleep(20 * 1000);
  event_base_gettimeofday_cached(base, &after);
  event_base_update_cache_time(base);
  event_base_gettimeofday_cached(base, &looked);
  printf("  in a callback, 20 ms later: %s, and when it has looked: %s\n",
         evutil_timercmp(&after, &before, ==) ? "the same time" : "later",
         evutil_timercmp(&looked, &before, >) ? "later" : "the same time");
  (void)fd;
  (void)what;
}

static void the_time(struct event_base *base) {
  struct timeval now, cached = {0, 0};
  struct timespec raw;
  struct evutil_monotonic_timer *clock;
  section("what time is it?");
  event_base_once(base, -1, EV_TIMEOUT, ask_the_time, base, &ten_ms);
  event_base_dispatch(base);
  /* Outside of the loop there is no turn whose time it could be. */
  evutil_gettimeofday(&now, NULL);
  event_base_gettimeofday_cached(base, &cached);
  printf("outside it is the present: %d\n", !evutil_timercmp(&cached, &now, <));

  clock = must(evutil_monotonic_timer_new(), "clock");
  printf("configured: %d\n",
         evutil_configure_monotonic_time(clock, EV_MONOT_PRECISE));
  clock_gettime(CLOCK_MONOTONIC, &raw);
  evutil_gettime_monotonic(clock, &now);
  printf("the system's monotonic clock: %d\n",
         now.tv_sec >= raw.tv_sec && now.tv_sec - raw.tv_sec < 100);
  usleep(2000);
  cached = now;
  evutil_gettime_monotonic(clock, &now);
  printf("it goes on: %d\n", evutil_timercmp(&now, &cached, >));
  evutil_monotonic_timer_free(clock);
}

int main(int argc, char **argv) {
  const char *method = tour_begin(argc, argv);
  struct event_base *base = tour_base(method);
  order(base);
  tick(base);
  silence(base);
  common(base);
  the_time(base);
  event_base_free(base);
  return tour_end();
}
