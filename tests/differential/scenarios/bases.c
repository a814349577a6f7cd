// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: making and freeing bases, configurations, the environment.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/differential/scenarios/event_support.h"

// --- Freeing -----------------------------------------------------------------

SCENARIO(base_free_detaches_events,
         "behaviour 24: event_base_free with pending events detaches them") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *reader = event_new(base, fds[0], EV_READ, on_event, "reader");
  struct event *timer = evtimer_new(base, on_event, "timer");
  struct event *active = evtimer_new(base, on_event, "active");
  event_add(reader, ms(1000));
  event_add(timer, ms(1000));
  event_active(active, EV_TIMEOUT, 1);
  event_base_free(base);
  rec("pending %s", pending(reader));
  rec("pending %s", pending(timer));
  rec("pending %s", pending(active));
  event_free(reader);
  event_free(timer);
  event_free(active);
  rec("blocks %ld", blocks_in_use());
  close_pair(fds);
}

SCENARIO(events_outlive_their_base,
         "behaviour 24: event_free of an event of a freed base does not touch "
         "the base") {
  guard_memory();
  struct event_base *base = new_base();
  struct event *was_pending = evtimer_new(base, on_event, "timer");
  struct event *never_added = evtimer_new(base, on_event, "timer");
  event_add(was_pending, ms(1000));
  event_base_free(base);
  rec("del %d", event_del(was_pending));
  rec("del %d", event_del(never_added));
  event_free(was_pending);
  event_free(never_added);
  rec("blocks %ld", blocks_in_use());
}
SCENARIO_ORACLE_CRASHES(events_outlive_their_base,
                        "libevent reads the freed base");

SCENARIO(memory_is_given_back,
         "behaviour 24: after everything is freed no memory is held") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  for (int round = 0; round < 2; ++round) {
    struct event_base *base = new_base();
    event_base_priority_init(base, 10);
    event_base_init_common_timeout(base, ms(5));
    struct event *events[100];
    for (int i = 0; i < 100; ++i) {
      events[i] = event_new(base, i % 2 ? fds[0] : -1, EV_READ | EV_PERSIST,
                            on_event, "event");
      event_add(events[i], ms(1000 + i));
    }
    struct event *sig = evsignal_new(base, 12, on_event, "signal");
    event_add(sig, NULL);
    rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
    for (int i = 0; i < 100; ++i) event_free(events[i]);
    event_free(sig);
    event_base_free(base);
    rec("blocks %ld", blocks_in_use());
  }
  close_pair(fds);
}

SCENARIO(base_free_nofinalize_frees,
         "behaviour 24: event_base_free_nofinalize frees as event_base_free "
         "does, as long as nothing is finalized") {
  struct event_base *base = new_base();
  struct event *ev = evtimer_new(base, on_event, "timer");
  event_add(ev, ms(1000));
  event_base_free_nofinalize(base);
  rec("pending %s", pending(ev));
  event_free(ev);
  rec("blocks %ld", blocks_in_use());
}

// --- Configurations ----------------------------------------------------------

SCENARIO(required_features,
         "behaviour 27: requiring what no backend has gives no base, else one "
         "that has it") {
  static const int kFeatures[] = {
      EV_FEATURE_ET,
      EV_FEATURE_O1,
      EV_FEATURE_FDS,
      EV_FEATURE_EARLY_CLOSE,
      EV_FEATURE_ET | EV_FEATURE_O1,
      EV_FEATURE_FDS | EV_FEATURE_EARLY_CLOSE,
      EV_FEATURE_ET | EV_FEATURE_FDS,
      EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_FDS | EV_FEATURE_EARLY_CLOSE};
  for (size_t i = 0; i < sizeof kFeatures / sizeof *kFeatures; ++i) {
    struct event_config *config = event_config_new();
    event_config_avoid_method(config, "io_uring");
    rec("require 0x%x: %d", (unsigned)kFeatures[i],
        event_config_require_features(config, kFeatures[i]));
    struct event_base *base = event_base_new_with_config(config);
    rec("%s", base ? event_base_get_method(base) : "none");
    if (base) event_base_free(base);
    event_config_free(config);
  }
}

SCENARIO(unknown_features, "section 7: requiring bits that are no features") {
  struct event_config *config = new_config();
  rec("require 0x1000: %d", event_config_require_features(config, 0x1000));
  struct event_base *base = event_base_new_with_config(config);
  rec("base %d", base != NULL);
  if (base) event_base_free(base);
  rec("require 0 afterwards: %d", event_config_require_features(config, 0));
  base = event_base_new_with_config(config);
  rec("base %d", base != NULL);
  if (base) event_base_free(base);
  event_config_free(config);
}

SCENARIO(
    features_of_the_asked_backend,
    "behaviour 27: a backend that is left but has not the feature gives no "
    "base") {
  static const int kFeatures[] = {EV_FEATURE_ET, EV_FEATURE_FDS,
                                  EV_FEATURE_EARLY_CLOSE};
  for (int i = 0; i < 3; ++i) {
    struct event_config *config = new_config();
    event_config_require_features(config, kFeatures[i]);
    struct event_base *base = event_base_new_with_config(config);
    rec("0x%x: %d", (unsigned)kFeatures[i], base != NULL);
    if (base) event_base_free(base);
    event_config_free(config);
  }
}
SCENARIO_PER_BACKEND(features_of_the_asked_backend,
                     "each has its own features");

SCENARIO(avoided_methods,
         "behaviour 27: avoid_method takes backends out by name; unknown names "
         "do nothing; without any left there is no base") {
  static const char *const kAvoid[][5] = {
      {"io_uring", NULL},
      {"io_uring", "epoll", NULL},
      {"io_uring", "epoll", "poll", NULL},
      {"io_uring", "epoll", "poll", "select", NULL},
      {"io_uring", "poll", "poll", "kqueue", NULL},
      {"io_uring", "EPOLL", "epol", "", NULL}};
  for (size_t i = 0; i < sizeof kAvoid / sizeof *kAvoid; ++i) {
    struct event_config *config = event_config_new();
    for (const char *const *name = kAvoid[i]; *name; ++name)
      rec("avoid \"%s\": %d", *name, event_config_avoid_method(config, *name));
    struct event_base *base = event_base_new_with_config(config);
    rec("%s", base ? event_base_get_method(base) : "none");
    if (base) event_base_free(base);
    event_config_free(config);
  }
  rec("blocks %ld", blocks_in_use());
}

SCENARIO(environment_switches_backends_off,
         "behaviour 27: EVENT_NO... in the environment counts unless "
         "IGNORE_ENV") {
  static const char *const kOff[] = {"EVENT_NOEPOLL", "EVENT_NOPOLL",
                                     "EVENT_NOSELECT"};
  setenv("EVENT_NOIO_URING", "1", 1);
  for (int i = 0; i < 3; ++i) {
    setenv(kOff[i], "", 1);
    for (int ignore = 0; ignore < 2; ++ignore) {
      struct event_config *config = event_config_new();
      event_config_avoid_method(config, "io_uring");
      if (ignore)
        rec("ignore %d",
            event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV));
      struct event_base *base = event_base_new_with_config(config);
      rec("%s set: %s", kOff[i], base ? event_base_get_method(base) : "none");
      if (base) event_base_free(base);
      event_config_free(config);
    }
    struct event_base *base = event_base_new();
    rec("event_base_new: %s", base ? event_base_get_method(base) : "none");
    if (base) event_base_free(base);
  }
}

SCENARIO(environment_selects_the_backend,
         "behaviour 27: the environment selects for event_base_new as well") {
  select_method_by_environment();
  struct event_base *base = event_base_new();
  const char *name = base ? event_base_get_method(base) : "none";
  rec("the asked one: %d", strcmp(name, method()) == 0);
  if (base) event_base_free(base);
}

SCENARIO(environment_shows_the_method,
         "behaviour 27: EVENT_SHOW_METHOD logs which backend is used") {
  setenv("EVENT_SHOW_METHOD", "1", 1);
  struct event_base *base = new_base();
  event_base_free(base);
  rec_log(0);
  struct event_config *config = new_config();
  event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
  rec_log(1);
  rec("with IGNORE_ENV");
  base = new_base_with(config);
  event_base_free(base);
}

SCENARIO(config_flags,
         "section 7: each flag of a configuration alone, and unknown ones") {
  static const int kFlags[] = {0,
                               EVENT_BASE_FLAG_NOLOCK,
                               EVENT_BASE_FLAG_IGNORE_ENV,
                               EVENT_BASE_FLAG_NO_CACHE_TIME,
                               EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST,
                               EVENT_BASE_FLAG_PRECISE_TIMER,
                               0x40000000,
                               -1};
  for (size_t i = 0; i < sizeof kFlags / sizeof *kFlags; ++i) {
    struct event_config *config = new_config();
    rec("set 0x%x: %d", (unsigned)kFlags[i],
        event_config_set_flag(config, (enum event_base_config_flag)kFlags[i]));
    struct event_base *base = new_base_with(config);
    struct event *ev = evtimer_new(base, on_event, "timer");
    event_add(ev, ms(1));
    rec("loop %d", event_base_dispatch(base));
    event_free(ev);
    event_base_free(base);
  }
  struct event_config *config = new_config();
  rec("cpus hint %d", event_config_set_num_cpus_hint(config, 4));
  rec("cpus hint %d", event_config_set_num_cpus_hint(config, -4));
  rec("cpus hint %d", event_config_set_num_cpus_hint(config, 0));
  event_base_free(new_base_with(config));
}

// --- The changelist ----------------------------------------------------------

static struct event *g_readers[2];

static void shuffle(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  for (int i = 0; i < 3; ++i) {
    event_del(g_readers[1]);
    event_add(g_readers[1], NULL);
  }
  event_del(g_readers[0]);
}

SCENARIO(changelist_gives_the_same,
         "behaviour 15: with EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST events come "
         "as without") {
  evutil_socket_t one[2], two[2];
  socket_pair(one);
  socket_pair(two);
  struct event_config *config = new_config();
  event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
  struct event_base *base = new_base_with(config);
  rec("%s", event_base_get_method(base));
  g_readers[0] = event_new(base, one[0], EV_READ | EV_PERSIST, shuffle, "one");
  g_readers[1] =
      event_new(base, two[0], EV_READ | EV_PERSIST, on_readable, "two");
  event_add(g_readers[0], NULL);
  event_add(g_readers[1], NULL);
  put(one[1], "x");
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  put(two[1], "y");
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_add(g_readers[0], NULL);
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(g_readers[0]);
  event_free(g_readers[1]);
  event_base_free(base);
  close_pair(one);
  close_pair(two);
}
SCENARIO_PER_BACKEND(changelist_gives_the_same,
                     "the names of the backends are recorded");

SCENARIO(
    changelist_puts_failures_off,
    "architecture: with the changelist on a change that fails is logged at "
    "the next wait") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_config *config = new_config();
  event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
  struct event_base *base = new_base_with(config);
  close_pair(fds);
  struct event *ev = event_new(base, fds[0], EV_READ, on_event, "reader");
  rec_call("add", event_add(ev, NULL), ev);
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec("pending %s", pending(ev));
  rec("del %d", event_del(ev));
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}
SCENARIO_PER_BACKEND(changelist_puts_failures_off,
                     "only epoll has a changelist");

SCENARIO(
    changelist_by_environment,
    "behaviour 27: EVENT_EPOLL_USE_CHANGELIST in the environment turns the "
    "changelist on, unless IGNORE_ENV") {
  setenv("EVENT_EPOLL_USE_CHANGELIST", "yes", 1);
  struct event_base *base = new_base();
  rec("%s", event_base_get_method(base));
  event_base_free(base);
  struct event_config *config = new_config();
  event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
  base = new_base_with(config);
  rec("%s", event_base_get_method(base));
  event_base_free(base);
}
SCENARIO_PER_BACKEND(changelist_by_environment,
                     "the names of the backends are recorded");

// --- What the library says about itself --------------------------------------

SCENARIO(supported_methods,
         "event_get_supported_methods lists the backends in the order of "
         "preference") {
  const char **names = event_get_supported_methods();
  for (; names && *names; ++names)
    if (strcmp(*names, "epoll") == 0 || strcmp(*names, "poll") == 0 ||
        strcmp(*names, "select") == 0)
      rec("%s", *names);
}

SCENARIO(versions, "the version is the one whose behaviour is rebuilt") {
  rec("version %s", event_get_version());
  rec("number 0x%08x", (unsigned)event_get_version_number());
  rec("header's number 0x%08x", (unsigned)LIBEVENT_VERSION_NUMBER);
}

SCENARIO(global_shutdown,
         "libevent_global_shutdown may be called at the end, and again") {
  struct event_base *base = new_base();
  event_base_free(base);
  libevent_global_shutdown();
  libevent_global_shutdown();
  rec("blocks %ld", blocks_in_use());
}
