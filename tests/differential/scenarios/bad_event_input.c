// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: arguments that make no sense, for everything in event2/event.h.
// Each call runs in a child of its own, because libevent crashes on many.

// The old calls need the declaration of struct event that comes with the new.
#include <event2/event.h>
#include <event2/event_compat.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/differential/scenarios/event_support.h"

SCENARIO(null_base, "section 7: NULL in place of a base is refused") {
  struct timeval tv = {0, 0};
  ATTEMPT("event_base_free") event_base_free(NULL);
  ATTEMPT("event_base_free_nofinalize") event_base_free_nofinalize(NULL);
  ATTEMPT("event_base_loop") rec("  %d", event_base_loop(NULL, 0));
  ATTEMPT("event_base_dispatch") rec("  %d", event_base_dispatch(NULL));
  ATTEMPT("event_base_loopexit") rec("  %d", event_base_loopexit(NULL, NULL));
  ATTEMPT("event_base_loopbreak") rec("  %d", event_base_loopbreak(NULL));
  ATTEMPT("event_base_loopcontinue") rec("  %d", event_base_loopcontinue(NULL));
  ATTEMPT("event_base_got_exit") rec("  %d", event_base_got_exit(NULL));
  ATTEMPT("event_base_got_break") rec("  %d", event_base_got_break(NULL));
  ATTEMPT("event_base_get_method")
  rec("  %d", event_base_get_method(NULL) != NULL);
  ATTEMPT("event_base_get_features") rec("  %d", event_base_get_features(NULL));
  ATTEMPT("event_base_priority_init")
  rec("  %d", event_base_priority_init(NULL, 3));
  ATTEMPT("event_base_get_npriorities")
  rec("  %d", event_base_get_npriorities(NULL));
  ATTEMPT("event_base_init_common_timeout")
  rec("  %d", event_base_init_common_timeout(NULL, ms(5)) != NULL);
  ATTEMPT("event_base_once")
  rec("  %d", event_base_once(NULL, -1, EV_TIMEOUT, on_event, "once", ms(0)));
  ATTEMPT("event_reinit") rec("  %d", event_reinit(NULL));
  ATTEMPT("event_base_gettimeofday_cached")
  rec("  %d", event_base_gettimeofday_cached(NULL, &tv));
  ATTEMPT("event_base_update_cache_time")
  rec("  %d", event_base_update_cache_time(NULL));
  ATTEMPT("event_base_get_running_event")
  rec("  %d", event_base_get_running_event(NULL) != NULL);
  ATTEMPT("event_base_active_by_fd") event_base_active_by_fd(NULL, 1, EV_READ);
  ATTEMPT("event_base_active_by_signal")
  event_base_active_by_signal(NULL, SIGUSR1);
}
SCENARIO_DIFFERS(null_base, "libevent dereferences NULL in most calls");

SCENARIO(null_event, "section 7: NULL in place of an event is refused") {
  struct event_base *base = new_base();
  ATTEMPT("event_priority_set of an event without base") {
    struct event ev;
    event_assign(&ev, NULL, -1, 0, on_event, NULL);
    rec("  %d", event_priority_set(&ev, 0));
  }
  ATTEMPT("event_assign")
  rec("  %d", event_assign(NULL, base, -1, 0, on_event, NULL));
  ATTEMPT("event_add") rec("  %d", event_add(NULL, NULL));
  ATTEMPT("event_del") rec("  %d", event_del(NULL));
  ATTEMPT("event_del_block") rec("  %d", event_del_block(NULL));
  ATTEMPT("event_del_noblock") rec("  %d", event_del_noblock(NULL));
  ATTEMPT("event_remove_timer") rec("  %d", event_remove_timer(NULL));
  ATTEMPT("event_free") event_free(NULL);
  ATTEMPT("event_active") event_active(NULL, EV_READ, 1);
  ATTEMPT("event_pending") rec("  %d", event_pending(NULL, EV_READ, NULL));
  ATTEMPT("event_initialized") rec("  %d", event_initialized(NULL));
  ATTEMPT("event_priority_set") rec("  %d", event_priority_set(NULL, 0));
  ATTEMPT("event_get_priority") rec("  %d", event_get_priority(NULL));
  ATTEMPT("event_base_set") rec("  %d", event_base_set(base, NULL));
  ATTEMPT("event_get_fd") rec("  %d", event_get_fd(NULL));
  ATTEMPT("event_get_events") rec("  %d", event_get_events(NULL));
  ATTEMPT("event_get_base") rec("  %d", event_get_base(NULL) != NULL);
  ATTEMPT("event_get_callback") rec("  %d", event_get_callback(NULL) != NULL);
  ATTEMPT("event_get_callback_arg")
  rec("  %d", event_get_callback_arg(NULL) != NULL);
  ATTEMPT("event_get_assignment")
  event_get_assignment(NULL, NULL, NULL, NULL, NULL, NULL);
  ATTEMPT("event_set") event_set(NULL, -1, 0, on_event, NULL);
  event_base_free(base);
}
SCENARIO_DIFFERS(null_event, "libevent dereferences NULL in most calls");

SCENARIO(null_config,
         "section 7: NULL in place of a configuration or a method's name") {
  struct event_config *config = new_config();
  ATTEMPT("event_config_free") event_config_free(NULL);
  ATTEMPT("event_config_avoid_method of NULL")
  rec("  %d", event_config_avoid_method(NULL, "poll"));
  ATTEMPT("event_config_avoid_method without a name")
  rec("  %d", event_config_avoid_method(config, NULL));
  ATTEMPT("event_config_require_features")
  rec("  %d", event_config_require_features(NULL, EV_FEATURE_ET));
  ATTEMPT("event_config_set_flag")
  rec("  %d", event_config_set_flag(NULL, EVENT_BASE_FLAG_NOLOCK));
  ATTEMPT("event_config_set_num_cpus_hint")
  rec("  %d", event_config_set_num_cpus_hint(NULL, 2));
  ATTEMPT("event_config_set_max_dispatch_interval")
  rec("  %d", event_config_set_max_dispatch_interval(NULL, NULL, 1, 0));
  ATTEMPT("event_base_new_with_config") {
    struct event_base *base = event_base_new_with_config(NULL);
    rec("  %d", base != NULL);
  }
  event_config_free(config);
}
SCENARIO_DIFFERS(null_config, "libevent dereferences NULL in most calls");

SCENARIO(old_calls_without_a_base,
         "section 7: the old calls before event_init are refused") {
  struct event ev;
  memset(&ev, 0, sizeof ev);
  ATTEMPT("event_dispatch") rec("  %d", event_dispatch());
  ATTEMPT("event_loop") rec("  %d", event_loop(EVLOOP_NONBLOCK));
  ATTEMPT("event_loopexit") rec("  %d", event_loopexit(NULL));
  ATTEMPT("event_loopbreak") rec("  %d", event_loopbreak());
  ATTEMPT("event_once")
  rec("  %d", event_once(-1, EV_TIMEOUT, on_event, NULL, ms(0)));
  ATTEMPT("event_get_method") rec("  %d", event_get_method() != NULL);
  ATTEMPT("event_priority_init") rec("  %d", event_priority_init(2));
  ATTEMPT("event_set") {
    event_set(&ev, -1, 0, on_event, NULL);
    rec("  base %d", event_get_base(&ev) != NULL);
  }
}
SCENARIO_DIFFERS(old_calls_without_a_base, "libevent dereferences NULL");

SCENARIO(event_without_base,
         "section 7: an event that has no base cannot be added, activated or "
         "deleted") {
  struct event ev;
  memset(&ev, 0, sizeof ev);
  ATTEMPT("event_add") rec("  %d", event_add(&ev, ms(1)));
  ATTEMPT("event_del") rec("  %d", event_del(&ev));
  ATTEMPT("event_remove_timer") rec("  %d", event_remove_timer(&ev));
  ATTEMPT("event_active") event_active(&ev, EV_READ, 1);
  ATTEMPT("event_pending") rec("  %d", event_pending(&ev, EV_READ, NULL));
  ATTEMPT("event_initialized") rec("  %d", event_initialized(&ev));
  ATTEMPT("event_assign without base") {
    rec("  %d", event_assign(&ev, NULL, -1, 0, on_event, NULL));
    rec("  add %d", event_add(&ev, ms(1)));
    rec("  del %d", event_del(&ev));
  }
  ATTEMPT("event_new without base") {
    struct event *made = event_new(NULL, -1, 0, on_event, NULL);
    rec("  made %d", made != NULL);
    if (made) {
      rec("  add %d", event_add(made, ms(1)));
      event_free(made);
    }
  }
}

SCENARIO(no_callback, "section 7: events without a callback") {
  struct event_base *base = new_base();
  ATTEMPT("event_new") {
    event_reinit(base);
    struct event *ev = event_new(base, -1, 0, NULL, NULL);
    rec("  made %d", ev != NULL);
    if (ev) {
      rec("  add %d", event_add(ev, ms(0)));
      rec("  loop %d", event_base_dispatch(base));
    }
  }
  ATTEMPT("event_base_once") {
    event_reinit(base);
    rec("  %d", event_base_once(base, -1, EV_TIMEOUT, NULL, NULL, ms(0)));
    rec("  loop %d", event_base_dispatch(base));
  }
  event_base_free(base);
}
SCENARIO_DIFFERS(no_callback, "libevent calls NULL");

SCENARIO(null_results,
         "section 7: NULL in place of where a result goes, or of a timeout") {
  struct event_base *base = new_base();
  ATTEMPT("event_base_gettimeofday_cached")
  rec("  %d", event_base_gettimeofday_cached(base, NULL));
  ATTEMPT("event_base_init_common_timeout")
  rec("  %d", event_base_init_common_timeout(base, NULL) != NULL);
  event_base_free(base);
}
SCENARIO_DIFFERS(null_results, "libevent writes or reads through NULL");

SCENARIO(nothing_to_build_a_base_on,
         "section 7: event_init without any backend is fatal") {
  setenv("EVENT_NOIO_URING", "1", 1);
  setenv("EVENT_NOEPOLL", "1", 1);
  setenv("EVENT_NOPOLL", "1", 1);
  setenv("EVENT_NOSELECT", "1", 1);
  ATTEMPT("event_base_new") rec("  %d", event_base_new() != NULL);
  ATTEMPT("event_init") rec("  %d", event_init() != NULL);
}

// --- Out of range ------------------------------------------------------------

static void add_with(struct event_base *base, const char *label, long seconds,
                     long microseconds) {
  struct timeval tv = {seconds, microseconds};
  struct event *ev = evtimer_new(base, on_timed, (void *)label);
  rec_call(label, event_add(ev, &tv), ev);
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
}

SCENARIO(negative_timeouts, "section 7: a negative timeout expires at once") {
  virtual_time();
  struct event_base *base = new_base();
  add_with(base, "-1 s", -1, 0);
  add_with(base, "-1 us", 0, -1);
  add_with(base, "-1000000 s", -1000000, 0);
  event_base_free(base);
}

static int g_turns_left;

static void stop_after_some(evutil_socket_t fd, short what, void *arg) {
  on_timed(fd, what, "persistent");
  if (--g_turns_left == 0) event_base_loopbreak(arg);
}

SCENARIO(negative_persistent_timeout,
         "section 7: a persistent event with a negative timeout runs in every "
         "turn") {
  virtual_time();
  struct event_base *base = new_base();
  struct event *ev = event_new(base, -1, EV_PERSIST, stop_after_some, base);
  struct timeval minus = {-1, 0};
  g_turns_left = 3;
  rec_call("add", event_add(ev, &minus), ev);
  rec("loop %d", event_base_dispatch(base));
  event_free(ev);
  event_base_free(base);
}

SCENARIO(negative_exits,
         "section 7: a negative time until the exit, or for event_base_once") {
  virtual_time();
  struct event_base *base = new_base();
  struct timeval minus = {-1, 0};
  struct event *ev = evtimer_new(base, on_timed, "timer");
  event_add(ev, ms(50));
  rec("once %d",
      event_base_once(base, -1, EV_TIMEOUT, on_timed, "once", &minus));
  rec("loopexit %d", event_base_loopexit(base, &minus));
  rec("loop %d", event_base_dispatch(base));
  rec("got exit %d", event_base_got_exit(base));
  event_free(ev);
  event_base_free(base);
}

SCENARIO(odd_common_timeouts,
         "section 7: common timeouts of zero and of negative length") {
  virtual_time();
  struct event_base *base = new_base();
  struct timeval zero = {0, 0}, minus = {-1, 0};
  const struct timeval *a = event_base_init_common_timeout(base, &zero);
  const struct timeval *b = event_base_init_common_timeout(base, &minus);
  rec("made %d %d", a != NULL, b != NULL);
  struct event *one = evtimer_new(base, on_timed, "zero");
  struct event *two = evtimer_new(base, on_timed, "minus");
  rec_call("add", event_add(one, a), one);
  rec_call("add", event_add(two, b), two);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(one);
  event_free(two);
  event_base_free(base);
}

SCENARIO(priority_beyond_a_smaller_number,
         "section 7: an event whose priority the base has no more") {
  struct event_base *base = new_base();
  event_base_priority_init(base, 5);
  struct event *ev = evtimer_new(base, on_event, "event");
  event_priority_set(ev, 4);
  event_add(ev, ms(0));
  rec("fewer %d", event_base_priority_init(base, 2));
  ATTEMPT("runs") {
    event_reinit(base);
    rec("  loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  }
  ATTEMPT("activated") {
    event_reinit(base);
    event_active(ev, EV_TIMEOUT, 1);
    rec("  loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  }
  rec("priority %d", event_get_priority(ev));
  event_free(ev);
  event_base_free(base);
}
SCENARIO_DIFFERS(priority_beyond_a_smaller_number,
                 "libevent's assertion fails");

SCENARIO(huge_timeouts, "section 7: timeouts of years do not expire early") {
  virtual_time();
  struct event_base *base = new_base();
  add_with(base, "a year", 31536000, 0);
  add_with(base, "a century", 3153600000L, 0);
  add_with(base, "2^40 s", 1L << 40, 0);
  event_base_free(base);
}

SCENARIO(long_wait_is_cut_into_pieces,
         "section 7: a timeout beyond what a wait can take still comes on "
         "time") {
  virtual_time();
  struct event_base *base = new_base();
  struct timeval sixty_days = {60 * 86400, 0};
  struct event *ev = evtimer_new(base, on_event, "sixty days");
  event_add(ev, &sixty_days);
  rec("loop %d", event_base_dispatch(base));
  rec("after %d s", (int)(now_ms() / 1000));
  event_free(ev);
  event_base_free(base);
}

SCENARIO(microseconds_out_of_range,
         "section 7: more than a second of microseconds") {
  virtual_time();
  struct event_base *base = new_base();
  struct timeval odd = {0, 1500000};
  struct event *ev = evtimer_new(base, on_timed, "1500000 us");
  rec_call("add", event_add(ev, &odd), ev);
  rec("loop %d", event_base_dispatch(base));
  event_free(ev);
  event_base_free(base);
}

SCENARIO(signals_out_of_range_are_not_activated,
         "section 7: event_base_active_by_signal with impossible numbers") {
  struct event_base *base = new_base();
  static const int kSignals[] = {-1, 0, NSIG, 100000, INT_MAX, INT_MIN};
  static const char *const kNames[] = {"-1",     "0",       "NSIG",
                                       "100000", "INT_MAX", "INT_MIN"};
  for (int i = 0; i < 6; ++i) {
    ATTEMPT(kNames[i]) {
      event_reinit(base);
      event_base_active_by_signal(base, kSignals[i]);
      rec("  glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
    }
  }
  event_base_free(base);
}

SCENARIO(descriptors_out_of_range,
         "section 7: descriptors that can never be open") {
  struct event_base *base = new_base();
  struct event *ev = event_new(base, INT_MAX, EV_READ, on_event, "reader");
  rec("made %d", ev != NULL);
  ATTEMPT("active by INT_MAX") event_base_active_by_fd(base, INT_MAX, EV_READ);
  ATTEMPT("active by INT_MIN") event_base_active_by_fd(base, INT_MIN, EV_READ);
  event_free(ev);
  event_base_free(base);
}

SCENARIO(huge_descriptor_that_is_not_open,
         "section 7: garbage for a descriptor does not cost gigabytes") {
  struct event_base *base = new_base();
  struct event *ev = event_new(base, 3000000, EV_READ, on_event, "reader");
  ATTEMPT("add") {
    event_reinit(base);
    rec_call("  add", event_add(ev, NULL), ev);
  }
  event_free(ev);
  event_base_free(base);
}
SCENARIO_DIFFERS(huge_descriptor_that_is_not_open,
                 "libevent's poll and select take any number");

SCENARIO(unknown_event_flags,
         "section 7: unknown bits in an event's flags are ignored") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_base *base = new_base();
  put(fds[1], "x");
  static const short kWhat[] = {EV_READ | 0x100, EV_READ | 0x4000,
                                EV_READ | (short)0x8000, 0x100};
  for (int i = 0; i < 4; ++i) {
    struct event *ev = event_new(base, fds[0], kWhat[i], on_event, "event");
    rec("made %d", ev != NULL);
    if (!ev) continue;
    rec_call("add", event_add(ev, NULL), ev);
    rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
    event_free(ev);
  }
  event_base_free(base);
  close_pair(fds);
}

SCENARIO(add_without_interest_or_timeout,
         "section 7: an event of no interest, added without a timeout") {
  struct event_base *base = new_base();
  struct event *ev = event_new(base, -1, 0, on_event, "event");
  rec_call("add", event_add(ev, NULL), ev);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec_call("del", event_del(ev), ev);
  event_free(ev);
  event_base_free(base);
}

struct counted {
  struct event *ev;
  int runs;
};

static void run_ten_times(evutil_socket_t signum, short what, void *arg) {
  struct counted *counted = arg;
  (void)signum;
  (void)what;
  if (++counted->runs == 10) event_del(counted->ev);
}

SCENARIO(negative_ncalls, "section 7: event_active with a negative ncalls") {
  struct event_base *base = new_base();
  struct counted counted = {.runs = 0};
  counted.ev = evsignal_new(base, SIGUSR1, run_ten_times, &counted);
  event_add(counted.ev, NULL);
  event_active(counted.ev, EV_SIGNAL, -1);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("runs %d", counted.runs);
  event_free(counted.ev);
  event_base_free(base);
}
SCENARIO_DIFFERS(negative_ncalls,
                 "libevent counts down from a negative number, through 65,535 "
                 "calls");
