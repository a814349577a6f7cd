// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: the cached time, long callbacks, and jumps of the system's clock.
#include "tests/differential/scenarios/event_support.h"

static struct event_base *g_base;

// Milliseconds from the wall clock's present to the base's cached time.
static int cached_ms(void) {
  struct timeval cached = {0, 0}, now;
  int result = event_base_gettimeofday_cached(g_base, &cached);
  if (result != 0) rec("gettimeofday_cached %d", result);
  evutil_gettimeofday(&now, NULL);
  return (int)((cached.tv_sec - now.tv_sec) * 1000 +
               (cached.tv_usec - now.tv_usec) / 1000);
}

static void pass_and_ask(evutil_socket_t fd, short what, void *arg) {
  on_timed(fd, what, arg);
  rec("the cached time is %d ms off", cached_ms());
  pass_time_ms(40);
  rec("the cached time is %d ms off", cached_ms());
}

static void ask_twice(void) {
  struct event *one = evtimer_new(g_base, pass_and_ask, "one");
  struct event *two = evtimer_new(g_base, pass_and_ask, "two");
  event_add(one, ms(10));
  event_add(two, ms(11));
  pass_time_ms(15);
  rec("outside %d ms", cached_ms());
  rec("loop %d", event_base_dispatch(g_base));
  rec("outside %d ms", cached_ms());
  pass_time_ms(15);
  rec("outside %d ms", cached_ms());
  event_free(one);
  event_free(two);
  event_base_free(g_base);
}

SCENARIO(
    cached_time_stands_in_a_batch,
    "behaviour 20: the cached time is constant in a batch of callbacks and "
    "real outside the loop") {
  virtual_time();
  g_base = new_base();
  ask_twice();
}

SCENARIO(no_cached_time_on_request,
         "behaviour 20: with EVENT_BASE_FLAG_NO_CACHE_TIME the time is always "
         "real") {
  virtual_time();
  struct event_config *config = new_config();
  event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
  g_base = new_base_with(config);
  ask_twice();
}

static struct event *g_next;

static void pass_update_and_add(evutil_socket_t fd, short what, void *arg) {
  on_timed(fd, what, arg);
  pass_time_ms(30);
  rec("update %d", event_base_update_cache_time(g_base));
  rec("the cached time is %d ms off", cached_ms());
  event_add(g_next, ms(20));
}

SCENARIO(update_of_cached_time,
         "behaviour 20: event_base_update_cache_time makes it real inside, and "
         "does nothing outside the loop") {
  virtual_time();
  g_base = new_base();
  struct event *ev = evtimer_new(g_base, pass_update_and_add, "updating");
  g_next = evtimer_new(g_base, on_timed, "next");
  rec("update outside %d", event_base_update_cache_time(g_base));
  pass_time_ms(10);
  rec("outside %d ms", cached_ms());
  event_add(ev, ms(10));
  rec("loop %d", event_base_dispatch(g_base));
  event_free(ev);
  event_free(g_next);
  event_base_free(g_base);
}

static void pass_and_add(evutil_socket_t fd, short what, void *arg) {
  on_timed(fd, what, arg);
  pass_time_ms(30);
  event_add(g_next, ms(50));
}

static void add_after_a_long_callback(void) {
  struct event *ev = evtimer_new(g_base, pass_and_add, "long");
  g_next = evtimer_new(g_base, on_timed, "next");
  event_add(ev, ms(10));
  rec("loop %d", event_base_dispatch(g_base));
  event_free(ev);
  event_free(g_next);
  event_base_free(g_base);
}

SCENARIO(timeouts_count_from_the_cached_time,
         "behaviour 20: a timeout added in a long callback counts from the "
         "cached time") {
  virtual_time();
  g_base = new_base();
  add_after_a_long_callback();
}
SCENARIO_DIFFERS(timeouts_count_from_the_cached_time,
                 "libevent reckons its wait from the cached time as well, so "
                 "that the timer is late by the callback's length");

SCENARIO(timeouts_count_from_real_time_on_request,
         "behaviour 20: with EVENT_BASE_FLAG_NO_CACHE_TIME a timeout counts "
         "from when it is added") {
  virtual_time();
  struct event_config *config = new_config();
  event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
  g_base = new_base_with(config);
  add_after_a_long_callback();
}

static void pass_long(evutil_socket_t fd, short what, void *arg) {
  on_timed(fd, what, arg);
  pass_time_ms(30);
}

SCENARIO(long_callback_and_later_timers,
         "behaviour 20: a long callback does not delay later timers") {
  virtual_time();
  g_base = new_base();
  struct event *ev = evtimer_new(g_base, pass_long, "long");
  struct event *later = evtimer_new(g_base, on_timed, "later");
  struct event *last = evtimer_new(g_base, on_timed, "last");
  event_add(ev, ms(10));
  event_add(later, ms(100));
  event_add(last, ms(200));
  rec("loop %d", event_base_dispatch(g_base));
  event_free(ev);
  event_free(later);
  event_free(last);
  event_base_free(g_base);
}
SCENARIO_DIFFERS(long_callback_and_later_timers,
                 "libevent's wait after a long callback is too long by the "
                 "callback's length");

SCENARIO(wall_clock_jumps_move_no_timer,
         "behaviour 21: a jump of the system's clock moves no timer") {
  virtual_time();
  g_base = new_base();
  struct event *one = evtimer_new(g_base, on_timed, "one");
  struct event *two = evtimer_new(g_base, on_timed, "two");
  struct event *three = evtimer_new(g_base, on_timed, "three");
  event_add(one, ms(50));
  event_add(two, ms(100));
  jump_wall_clock_s(-3600);
  rec("once %d", event_base_loop(g_base, EVLOOP_ONCE));
  jump_wall_clock_s(7200);
  event_add(three, ms(10));
  rec("loop %d", event_base_dispatch(g_base));
  event_free(one);
  event_free(two);
  event_free(three);
  event_base_free(g_base);
}

SCENARIO(cached_time_without_base,
         "section 7: the cached time of no base is that of the current one, or "
         "refused") {
  struct timeval tv = {0, 0};
  rec("%d", event_base_gettimeofday_cached(NULL, &tv));
  rec("set %d", tv.tv_sec > 0);
}
