// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: events on descriptors: several on one, closed and reused ones,
// regular files. Hang-ups are in hang_ups.c.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/differential/scenarios/event_support.h"

// --- Edge and level ----------------------------------------------------------

SCENARIO(
    edge_and_level_mixed_are_accepted,
    "behaviour 14: without debug mode EV_ET and level events on one fd are "
    "all accepted") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *edge =
      event_new(base, fds[0], EV_READ | EV_ET | EV_PERSIST, on_event, "edge");
  struct event *level =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_event, "level");
  struct event *writer =
      event_new(base, fds[0], EV_WRITE | EV_ET, on_event, "writer");
  rec("edge %d", event_add(edge, NULL));
  rec("level %d", event_add(level, NULL));
  rec("writer %d", event_add(writer, NULL));
  put(fds[1], "x");
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec("del edge %d", event_del(edge));
  rec("add edge %d", event_add(edge, NULL));
  rec("del level %d", event_del(level));
  event_free(edge);
  event_free(level);
  event_free(writer);
  event_base_free(base);
  close_pair(fds);
}
SCENARIO_PER_BACKEND(edge_and_level_mixed_are_accepted,
                     "callbacks are told EV_ET where the backend knows edges");

SCENARIO(edge_triggers_once,
         "behaviour 14: with EV_ET bytes left over do not trigger again where "
         "the backend knows edges") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *edge =
      event_new(base, fds[0], EV_READ | EV_ET | EV_PERSIST, on_event, "edge");
  rec("knows edges %d", !!(event_base_get_features(base) & EV_FEATURE_ET));
  event_add(edge, NULL);
  put(fds[1], "x");
  for (int i = 0; i < 3; ++i)
    rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  put(fds[1], "y");
  for (int i = 0; i < 2; ++i)
    rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(edge);
  event_base_free(base);
  close_pair(fds);
}
SCENARIO_PER_BACKEND(edge_triggers_once, "poll and select know no edges");

// --- Several events on one descriptor ----------------------------------------

SCENARIO(last_added_runs_first,
         "behaviour 15: of several events on one fd all that match run, the "
         "last added first") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_base *base = new_base();
  static char *const kNames[] = {"first r", "second w", "third rw", "fourth r",
                                 "fifth w"};
  static const short kWhat[] = {EV_READ, EV_WRITE, EV_READ | EV_WRITE, EV_READ,
                                EV_WRITE};
  struct event *events[5];
  for (int i = 0; i < 5; ++i) {
    events[i] =
        event_new(base, fds[0], kWhat[i] | EV_PERSIST, on_event, kNames[i]);
    rec("add %d", event_add(events[i], NULL));
  }
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  put(fds[1], "x");
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec("second and fourth go: %d", event_del(events[1]));
  rec("%d", event_del(events[3]));
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec("second comes back: %d", event_add(events[1], NULL));
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec("all writers go");
  event_del(events[1]);
  event_del(events[2]);
  event_del(events[4]);
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec("the last reader goes");
  event_del(events[0]);
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  for (int i = 0; i < 5; ++i) event_free(events[i]);
  event_base_free(base);
  close_pair(fds);
}

SCENARIO(one_shots_on_one_descriptor,
         "behaviour 15: one-shot events on one fd run once each, a persistent "
         "one beside them goes on") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *one = event_new(base, fds[0], EV_READ, on_event, "one-shot");
  struct event *two = event_new(base, fds[0], EV_WRITE, on_event, "writer");
  struct event *stays =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_event, "persistent");
  event_add(one, NULL);
  event_add(two, NULL);
  event_add(stays, NULL);
  put(fds[1], "x");
  for (int i = 0; i < 3; ++i)
    rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(one);
  event_free(two);
  event_free(stays);
  event_base_free(base);
  close_pair(fds);
}

struct relay {
  struct event *ev;
  evutil_socket_t peer;
  int left;
};

static void read_and_add_again(evutil_socket_t fd, short what, void *arg) {
  struct relay *relay = arg;
  char text[16];
  (void)what;
  int n = get(fd, text, sizeof text);
  rec("read %d \"%s\"", n, text);
  if (relay->left-- <= 0) return;
  rec("add %d", event_add(relay->ev, NULL));
  put(relay->peer, "more");
}

SCENARIO(one_shot_re_added_each_time,
         "behaviour 15: a one-shot event added again in its own callback goes "
         "on hearing") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_base *base = new_base();
  struct relay relay = {.peer = fds[1], .left = 4};
  relay.ev = event_new(base, fds[0], EV_READ, read_and_add_again, &relay);
  event_add(relay.ev, NULL);
  put(fds[1], "begin");
  rec("loop %d", event_base_dispatch(base));
  rec("a write afterwards is not heard");
  put(fds[1], "late");
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("added later it is");
  event_add(relay.ev, NULL);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(relay.ev);
  event_base_free(base);
  close_pair(fds);
}

SCENARIO(adding_twice_is_once,
         "section 7: adding an event twice is adding it once") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *ev = event_new(base, fds[0], EV_READ, on_event, "reader");
  for (int i = 0; i < 3; ++i) rec_call("add", event_add(ev, NULL), ev);
  put(fds[1], "x");
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  for (int i = 0; i < 2; ++i) rec_call("add", event_add(ev, NULL), ev);
  for (int i = 0; i < 2; ++i) rec_call("del", event_del(ev), ev);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
  close_pair(fds);
}

// --- Closed and reused descriptors -------------------------------------------

// Makes `number` another name of a new socket pair's first end.
static void reuse_number(evutil_socket_t number, evutil_socket_t fds[2]) {
  evutil_socket_t fresh[2];
  socket_pair(fresh);
  fds[0] = number;
  fds[1] = fresh[1];
  if (fresh[0] == number) return;
  dup2(fresh[0], number);
  close(fresh[0]);
}

SCENARIO(closed_before_del,
         "behaviour 16: closing an fd before deleting its event is no crash") {
  evutil_socket_t fds[2];
  rec_log(0);
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *ev =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_event, "reader");
  event_add(ev, NULL);
  close(fds[0]);
  rec("del %d", event_del(ev));
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  close(fds[1]);
  event_free(ev);
  event_base_free(base);
}

SCENARIO(reused_after_close_and_del,
         "behaviour 16: after close and del a new event on the same number "
         "hears") {
  evutil_socket_t fds[2], again[2];
  rec_log(0);
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *old =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_event, "old");
  event_add(old, NULL);
  close_pair(fds);
  reuse_number(fds[0], again);
  rec("del %d", event_del(old));
  struct event *fresh =
      event_new(base, again[0], EV_READ | EV_PERSIST, on_event, "new");
  rec("add %d", event_add(fresh, NULL));
  put(again[1], "x");
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(old);
  event_free(fresh);
  event_base_free(base);
  close_pair(again);
}

SCENARIO(reused_before_del,
         "behaviour 16: a new event on a reused number fires, though the old "
         "one is still added") {
  evutil_socket_t fds[2], again[2];
  rec_log(0);
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *old =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_event, "old");
  event_add(old, NULL);
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  close_pair(fds);
  reuse_number(fds[0], again);
  struct event *fresh =
      event_new(base, again[0], EV_READ | EV_PERSIST, on_event, "new");
  rec("add %d", event_add(fresh, NULL));
  put(again[1], "x");
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec("del old %d", event_del(old));
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(old);
  event_free(fresh);
  event_base_free(base);
  close_pair(again);
}
SCENARIO_DIFFERS(reused_before_del,
                 "on epoll libevent's new event starves until the old one is "
                 "deleted");

SCENARIO(reused_with_other_interest,
         "behaviour 16: a new event with another interest on a reused number "
         "fires") {
  evutil_socket_t fds[2], again[2];
  rec_log(0);
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *old =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_event, "old");
  event_add(old, NULL);
  close_pair(fds);
  reuse_number(fds[0], again);
  struct event *fresh =
      event_new(base, again[0], EV_WRITE | EV_PERSIST, on_event, "new");
  rec("add %d", event_add(fresh, NULL));
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec("del old %d", event_del(old));
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(old);
  event_free(fresh);
  event_base_free(base);
  close_pair(again);
}

SCENARIO(dup_keeps_its_registration,
         "behaviour 16: a dup'ed fd keeps its own registration") {
  evutil_socket_t fds[2];
  rec_log(0);
  socket_pair(fds);
  struct event_base *base = new_base();
  evutil_socket_t copy = dup(fds[0]);
  struct event *one =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_event, "original");
  struct event *two =
      event_new(base, copy, EV_READ | EV_PERSIST, on_event, "copy");
  rec("add %d", event_add(one, NULL));
  rec("add %d", event_add(two, NULL));
  rec("del %d", event_del(one));
  put(fds[1], "x");
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  close(fds[0]);
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(one);
  event_free(two);
  event_base_free(base);
  close(copy);
  close(fds[1]);
}

SCENARIO(closed_while_a_dup_lives,
         "behaviour 16: an fd closed before its event is deleted, whose file a "
         "dup keeps open") {
  evutil_socket_t fds[2];
  rec_log(0);
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *ev =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_event, "reader");
  event_add(ev, NULL);
  evutil_socket_t copy = dup(fds[0]);
  close(fds[0]);
  put(fds[1], "x");
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec("del %d", event_del(ev));
  struct event *other =
      event_new(base, copy, EV_READ | EV_PERSIST, on_event, "copy");
  rec("add %d", event_add(other, NULL));
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(ev);
  event_free(other);
  event_base_free(base);
  close(copy);
  close(fds[1]);
}
SCENARIO_PER_BACKEND(closed_while_a_dup_lives,
                     "epoll goes on hearing, poll reports an error, select's "
                     "wait fails");

struct replacement {
  struct event_base *base;
  evutil_socket_t own[2];
  evutil_socket_t fds[2];
  struct event *ev;
};

static void replace_other(evutil_socket_t fd, short what, void *arg) {
  struct replacement *other = arg;
  char text[8];
  (void)what;
  rec("first runs, read %d", get(fd, text, sizeof text));
  event_free(other->ev);
  close_pair(other->fds);
  reuse_number(other->fds[0], other->fds);
  other->ev = event_new(other->base, other->fds[0], EV_READ | EV_PERSIST,
                        on_readable, "replacement");
  rec("add %d", event_add(other->ev, NULL));
}

SCENARIO(replaced_in_a_callback,
         "behaviour 16: what was ready on a number before it was reused in a "
         "callback is not the new event's") {
  struct replacement r;
  socket_pair(r.own);
  socket_pair(r.fds);
  r.base = new_base();
  event_base_priority_init(r.base, 2);
  struct event *first =
      event_new(r.base, r.own[0], EV_READ | EV_PERSIST, replace_other, &r);
  r.ev = event_new(r.base, r.fds[0], EV_READ | EV_PERSIST, on_readable, "old");
  event_priority_set(first, 0);
  event_add(first, NULL);
  event_add(r.ev, NULL);
  put(r.own[1], "x");
  put(r.fds[1], "y");
  rec("glance %d", event_base_loop(r.base, EVLOOP_NONBLOCK));
  put(r.fds[1], "z");
  rec("glance %d", event_base_loop(r.base, EVLOOP_NONBLOCK));
  event_free(first);
  event_free(r.ev);
  event_base_free(r.base);
  close_pair(r.own);
  close_pair(r.fds);
}

// --- What the kernel refuses -------------------------------------------------

SCENARIO(features_of_the_backend,
         "behaviour 17: the features of each backend") {
  struct event_base *base = new_base();
  int features = event_base_get_features(base);
  rec("ET %d", !!(features & EV_FEATURE_ET));
  rec("O1 %d", !!(features & EV_FEATURE_O1));
  rec("FDS %d", !!(features & EV_FEATURE_FDS));
  rec("EARLY_CLOSE %d", !!(features & EV_FEATURE_EARLY_CLOSE));
  rec("others 0x%x", (unsigned)features & ~0xfu);
  rec("method %d", event_base_get_method(base) != NULL);
  event_base_free(base);
}
SCENARIO_PER_BACKEND(features_of_the_backend, "each has its own features");

SCENARIO(regular_files,
         "behaviour 17: epoll refuses a regular file (EPERM), poll and select "
         "report it ready") {
  struct event_base *base = new_base();
  FILE *file = tmpfile();
  struct event *reader =
      event_new(base, fileno(file), EV_READ, on_event, "reader");
  struct event *writer =
      event_new(base, fileno(file), EV_WRITE, on_event, "writer");
  errno = 0;
  int result = event_add(reader, NULL);
  rec("add %d, %s", result, errno_name(result ? errno : 0));
  rec("pending %s", pending(reader));
  rec_call("with timeout", event_add(writer, ms(100000)), writer);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec_call("del", event_del(writer), writer);
  event_free(reader);
  event_free(writer);
  event_base_free(base);
  fclose(file);
}
SCENARIO_PER_BACKEND(regular_files, "epoll refuses regular files");

SCENARIO(closed_descriptor_is_added,
         "section 7: adding an event on a closed fd") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_base *base = new_base();
  close_pair(fds);
  struct event *ev = event_new(base, fds[0], EV_READ, on_event, "reader");
  errno = 0;
  int result = event_add(ev, NULL);
  rec("add %d, %s", result, errno_name(result ? errno : 0));
  rec("pending %s", pending(ev));
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec("pending %s", pending(ev));
  rec("del %d", event_del(ev));
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}
SCENARIO_PER_BACKEND(closed_descriptor_is_added,
                     "epoll refuses it, poll reports it, select's wait fails");

SCENARIO(negative_descriptors, "section 7: events on negative descriptors") {
  virtual_time();
  struct event_base *base = new_base();
  static const int kFds[] = {-1, -2, -1000};
  for (int i = 0; i < 3; ++i) {
    struct event *ev = event_new(base, kFds[i], EV_READ, on_timed, "reader");
    rec("made %d", ev != NULL);
    rec_call("add", event_add(ev, NULL), ev);
    rec_call("with timeout", event_add(ev, ms(10)), ev);
    rec("loop %d", event_base_loop(base, EVLOOP_ONCE));
    rec_call("del", event_del(ev), ev);
    event_free(ev);
  }
  event_base_free(base);
}

SCENARIO(high_descriptor_numbers,
         "behaviour 15: descriptors far above 1024 work") {
  struct rlimit limit;
  evutil_socket_t fds[2];
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max > 6000) limit.rlim_max = 6000;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  socket_pair(fds);
  int high = fcntl(fds[0], F_DUPFD, 4000);
  rec("there is one: %d", high >= 4000);
  struct event_base *base = new_base();
  struct event *ev =
      event_new(base, high, EV_READ | EV_WRITE, on_event, "high");
  rec("add %d", event_add(ev, NULL));
  put(fds[1], "x");
  rec("loop %d", event_base_dispatch(base));
  event_free(ev);
  event_base_free(base);
  close_pair(fds);
  close(high);
}
SCENARIO_ORACLE_CRASHES(high_descriptor_numbers,
                        "libevent's select, as Debian builds it, aborts on "
                        "descriptors above 1023");
