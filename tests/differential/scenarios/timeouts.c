// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: a timeout of an event, set, replaced, removed and repeated.
#include <unistd.h>

#include "tests/differential/scenarios/event_support.h"

SCENARIO(add_null_keeps_timeout,
         "behaviour 1: event_add(NULL) leaves a waiting timeout alone") {
  evutil_socket_t fds[2];
  virtual_time();
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *ev = event_new(base, fds[0], EV_READ, on_timed, "reader");
  rec_call("add with 50 ms", event_add(ev, ms(50)), ev);
  rec_call("add NULL", event_add(ev, NULL), ev);
  rec("loop %d", event_base_dispatch(base));
  rec_call("add NULL", event_add(ev, NULL), ev);
  rec_call("add with 70 ms", event_add(ev, ms(70)), ev);
  rec("loop %d", event_base_dispatch(base));
  event_free(ev);
  event_base_free(base);
  close_pair(fds);
}

SCENARIO(new_timeout_replaces_old,
         "behaviour 1: a new timeout replaces the one that waits") {
  virtual_time();
  struct event_base *base = new_base();
  struct event *ev = evtimer_new(base, on_timed, "timer");
  evtimer_add(ev, ms(50));
  rec("later: %d", evtimer_add(ev, ms(80)));
  rec("loop %d", event_base_dispatch(base));
  evtimer_add(ev, ms(50));
  rec("earlier: %d", evtimer_add(ev, ms(20)));
  rec("loop %d", event_base_dispatch(base));
  event_free(ev);
  event_base_free(base);
}

SCENARIO(remove_timer_takes_timeout_away,
         "behaviour 1: only event_remove_timer takes the timeout away") {
  evutil_socket_t fds[2];
  virtual_time();
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *ev = event_new(base, fds[0], EV_READ, on_readable, "reader");
  struct event *late = evtimer_new(base, on_timed, "late timer");
  rec("remove before add: %d", event_remove_timer(ev));
  event_add(ev, ms(50));
  evtimer_add(late, ms(200));
  rec_call("remove", event_remove_timer(ev), ev);
  rec_call("remove again", event_remove_timer(ev), ev);
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  rec("still %s", pending(ev));
  put(fds[1], "x");
  rec("loop %d", event_base_dispatch(base));
  rec("remove from a plain timer:");
  evtimer_add(late, ms(10));
  rec_call("remove", event_remove_timer(late), late);
  rec("loop %d", event_base_dispatch(base));
  event_free(ev);
  event_free(late);
  event_base_free(base);
  close_pair(fds);
}

// --- Persistent timeouts -----------------------------------------------------

struct ticker {
  struct event *ev;
  int runs;
  int limit;
  int duration_ms[8];  // how long each run takes
};

static void on_tick(evutil_socket_t fd, short what, void *arg) {
  struct ticker *ticker = arg;
  (void)fd;
  rec("tick %d at %d ms: %s, pending %s", ticker->runs, (int)now_ms(),
      ev_flags(what), pending(ticker->ev));
  if (ticker->duration_ms[ticker->runs])
    pass_time_ms(ticker->duration_ms[ticker->runs]);
  // So that the wait that follows is reckoned from the end of the callback.
  event_base_update_cache_time(event_get_base(ticker->ev));
  if (++ticker->runs == ticker->limit) rec("del %d", event_del(ticker->ev));
}

SCENARIO(persistent_timer_does_not_drift,
         "behaviour 3: the next deadline is the old one plus the interval, or "
         "now plus the interval when that is past") {
  virtual_time();
  struct event_base *base = new_base();
  struct ticker ticker = {.limit = 8,
                          .duration_ms = {0, 30, 0, 250, 0, 0, 100, 0}};
  ticker.ev = event_new(base, -1, EV_PERSIST, on_tick, &ticker);
  event_add(ticker.ev, ms(100));
  rec("loop %d", event_base_dispatch(base));
  event_free(ticker.ev);
  event_base_free(base);
}

static void write_a_byte(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  rec("write at %d ms", (int)now_ms());
  put(*(evutil_socket_t *)arg, "x");
}

static void on_tick_or_bytes(evutil_socket_t fd, short what, void *arg) {
  char text[8];
  if (what & EV_READ) rec("read %d", get(fd, text, sizeof text));
  on_tick(fd, what, arg);
}

SCENARIO(persistent_timeout_restarts_after_io,
         "behaviour 3: after I/O the next deadline is now plus the interval") {
  evutil_socket_t fds[2];
  virtual_time();
  socket_pair(fds);
  struct event_base *base = new_base();
  struct ticker ticker = {.limit = 5};
  ticker.ev =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_tick_or_bytes, &ticker);
  event_add(ticker.ev, ms(100));
  struct event *writer = evtimer_new(base, write_a_byte, &fds[1]);
  evtimer_add(writer, ms(30));
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  evtimer_add(writer, ms(250));
  rec("loop %d", event_base_dispatch(base));
  event_free(writer);
  event_free(ticker.ev);
  event_base_free(base);
  close_pair(fds);
}

SCENARIO(persistent_interval_survives_del,
         "behaviour 3: deleted and added with NULL, a persistent event has its "
         "interval back after it fired") {
  evutil_socket_t fds[2];
  virtual_time();
  socket_pair(fds);
  struct event_base *base = new_base();
  struct ticker ticker = {.limit = 4};
  ticker.ev =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_tick_or_bytes, &ticker);
  event_add(ticker.ev, ms(100));
  rec("del %d", event_del(ticker.ev));
  rec_call("add NULL", event_add(ticker.ev, NULL), ticker.ev);
  put(fds[1], "x");
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  rec("now %s", pending(ticker.ev));
  rec("loop %d", event_base_dispatch(base));
  event_free(ticker.ev);
  event_base_free(base);
  close_pair(fds);
}

SCENARIO(
    persistent_timeout_removed_inside,
    "behaviour 3: event_remove_timer in the callback ends the repetition") {
  evutil_socket_t fds[2];
  virtual_time();
  socket_pair(fds);
  struct event_base *base = new_base();
  struct ticker ticker = {.limit = 3};
  ticker.ev =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_tick_or_bytes, &ticker);
  struct event *writer = evtimer_new(base, write_a_byte, &fds[1]);
  event_add(ticker.ev, ms(100));
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  rec_call("remove", event_remove_timer(ticker.ev), ticker.ev);
  evtimer_add(writer, ms(500));
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  rec("after I/O %s", pending(ticker.ev));
  evtimer_add(writer, ms(500));
  rec("loop %d", event_base_dispatch(base));
  event_free(writer);
  event_free(ticker.ev);
  event_base_free(base);
  close_pair(fds);
}

// --- Order -------------------------------------------------------------------

SCENARIO(timers_run_in_deadline_order,
         "behaviour 19: timers of one turn run in the order of deadlines") {
  virtual_time();
  struct event_base *base = new_base();
  static const int kDelays_ms[] = {70, 10, 90, 30, 50, 20, 80, 40, 60};
  static char *const kNames[] = {"70", "10", "90", "30", "50",
                                 "20", "80", "40", "60"};
  struct event *timers[9];
  for (int i = 0; i < 9; ++i) {
    timers[i] = evtimer_new(base, on_timed, kNames[i]);
    evtimer_add(timers[i], ms(kDelays_ms[i]));
  }
  rec("del 50: %d", event_del(timers[4]));
  rec("80 becomes 15: %d", evtimer_add(timers[6], ms(15)));
  pass_time_ms(100);
  rec("loop %d", event_base_loop(base, EVLOOP_ONCE));
  for (int i = 0; i < 9; ++i) event_free(timers[i]);
  event_base_free(base);
}

SCENARIO(equal_deadlines_keep_adding_order,
         "behaviour 19: timers of equal deadlines run in the order of adding") {
  virtual_time();
  struct event_base *base = new_base();
  static char *const kNames[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9"};
  struct event *timers[9];
  for (int i = 0; i < 9; ++i) {
    timers[i] = evtimer_new(base, on_timed, kNames[i]);
    evtimer_add(timers[i], ms(10));
  }
  rec("1 is added again %d", evtimer_add(timers[0], ms(10)));
  rec("loop %d", event_base_dispatch(base));
  for (int i = 0; i < 9; ++i) event_free(timers[i]);
  event_base_free(base);
}
SCENARIO_DIFFERS(equal_deadlines_keep_adding_order,
                 "libevent's heap gives equal deadlines no order");

static struct event *g_again;
static int g_left;

static void add_again_with_zero(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  if (g_left-- > 0) rec("add %d", event_add(g_again, ms(0)));
}

SCENARIO(zero_timer_runs_in_next_turn,
         "behaviour 19: a timer added with zero in a callback runs in the next "
         "turn") {
  virtual_time();
  struct event_base *base = new_base();
  g_again = evtimer_new(base, add_again_with_zero, "again");
  struct event *other = evtimer_new(base, on_event, "other");
  g_left = 2;
  event_add(g_again, ms(0));
  pass_time_ms(1);
  event_add(other, ms(0));
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  rec("pending %s, other %s", pending(g_again), pending(other));
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  event_free(g_again);
  event_free(other);
  event_base_free(base);
}

SCENARIO(timer_precedes_none_of_io,
         "behaviour 19: what is ready runs before what expires in one turn") {
  evutil_socket_t fds[2];
  virtual_time();
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *timer = evtimer_new(base, on_event, "timer");
  struct event *reader =
      event_new(base, fds[0], EV_READ, on_readable, "reader");
  event_add(timer, ms(10));
  event_add(reader, ms(5));
  pass_time_ms(20);
  put(fds[1], "x");
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  event_free(timer);
  event_free(reader);
  event_base_free(base);
  close_pair(fds);
}

// --- Common timeouts ---------------------------------------------------------

SCENARIO(common_timeouts_fire_in_adding_order,
         "behaviour 19: equal deadlines of a common timeout keep the order of "
         "adding") {
  virtual_time();
  struct event_base *base = new_base();
  const struct timeval *common = event_base_init_common_timeout(base, ms(50));
  rec("made %d, again the same %d", common != NULL,
      event_base_init_common_timeout(base, ms(50)) == common);
  rec("by itself the same %d",
      event_base_init_common_timeout(base, common) == common);
  rec("another %d", event_base_init_common_timeout(base, ms(60)) != common);
  rec("seconds %d", common ? (int)common->tv_sec : -1);
  static char *const kNames[] = {"first", "second", "third", "fourth"};
  struct event *timers[4];
  for (int i = 0; i < 4; ++i) {
    timers[i] = evtimer_new(base, on_timed, kNames[i]);
    event_add(timers[i], common);
  }
  struct timeval deadline = {0, 0}, now;
  event_pending(timers[0], EV_TIMEOUT, &deadline);
  evutil_gettimeofday(&now, NULL);
  evutil_timersub(&deadline, &now, &deadline);
  rec("due in %d ms", (int)(deadline.tv_sec * 1000 + deadline.tv_usec / 1000));
  struct event *plain = evtimer_new(base, on_timed, "plain");
  event_add(plain, ms(49));
  rec("del the second: %d", event_del(timers[1]));
  rec("first again: %d", event_add(timers[0], common));
  rec("loop %d", event_base_dispatch(base));
  for (int i = 0; i < 4; ++i) event_free(timers[i]);
  event_free(plain);
  event_base_free(base);
}

SCENARIO(
    common_timeout_persists,
    "behaviour 3: a persistent event with a common timeout keeps its pace") {
  virtual_time();
  struct event_base *base = new_base();
  const struct timeval *common = event_base_init_common_timeout(base, ms(100));
  struct ticker ticker = {.limit = 6, .duration_ms = {0, 30, 0, 250, 0, 0}};
  ticker.ev = event_new(base, -1, EV_PERSIST, on_tick, &ticker);
  event_add(ticker.ev, common);
  struct event *once = evtimer_new(base, on_timed, "one-shot");
  pass_time_ms(20);
  event_add(once, common);
  rec("loop %d", event_base_dispatch(base));
  event_free(once);
  event_free(ticker.ev);
  event_base_free(base);
}

SCENARIO(common_timeout_limits,
         "section 7: at most 256 common timeouts, of any length") {
  struct event_base *base = new_base();
  int made = 0;
  while (made < 1000 && event_base_init_common_timeout(base, ms(made + 1)))
    ++made;
  rec("made %d", made);
  event_base_free(base);
}

SCENARIO(common_timeout_normalises,
         "section 7: microseconds beyond a second are carried over") {
  struct event_base *base = new_base();
  struct timeval odd = {1, 2500000};
  struct timeval even = {3, 500000};
  const struct timeval *a = event_base_init_common_timeout(base, &odd);
  const struct timeval *b = event_base_init_common_timeout(base, &even);
  rec("made %d, the same %d, seconds %d", a != NULL, a == b,
      a ? (int)a->tv_sec : -1);
  event_base_free(base);
}
