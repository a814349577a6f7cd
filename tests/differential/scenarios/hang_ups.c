// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: hang-ups, errors and half-closes, as readers, writers and watchers
// for EV_CLOSED hear of them.
#include <sys/socket.h>
#include <unistd.h>

#include "tests/differential/scenarios/event_support.h"

// What readers, writers and watchers for EV_CLOSED on fds[0] see.
static void look_at_hang_up(evutil_socket_t fd) {
  struct event_base *base = new_base();
  static char *const kNames[] = {"reader", "writer", "both"};
  static const short kWhat[] = {EV_READ, EV_WRITE, EV_READ | EV_WRITE};
  for (int i = 0; i < 3; ++i) {
    struct event *ev =
        event_new(base, fd, kWhat[i] | EV_PERSIST, on_event, kNames[i]);
    rec("add %d", event_add(ev, NULL));
    rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
    event_free(ev);
  }
  event_base_free(base);
}

SCENARIO(hang_up_wakes_all,
         "behaviour 18: a hang-up wakes readers and writers alike") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  close(fds[1]);
  look_at_hang_up(fds[0]);
  close(fds[0]);
}

SCENARIO(half_close_wakes_readers,
         "behaviour 18: the peer's half-close wakes readers") {
  evutil_socket_t fds[2];
  tcp_pair(fds);
  shutdown(fds[1], SHUT_WR);
  await_readable(fds[0]);
  look_at_hang_up(fds[0]);
  close_pair(fds);
}

static void reset_peer(evutil_socket_t fds[2]) {
  struct linger now = {1, 0};
  setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fds[1]);
  await_readable(fds[0]);
}

SCENARIO(reset_wakes_all,
         "behaviour 18: an error wakes readers and writers alike") {
  evutil_socket_t fds[2];
  tcp_pair(fds);
  reset_peer(fds);
  look_at_hang_up(fds[0]);
  close(fds[0]);
}

SCENARIO(refused_connect_wakes_writers,
         "behaviour 18: a refused connect wakes who waits for writing") {
  evutil_socket_t fds[2];
  // A connected pair, of which the first is connected again after a reset:
  // the simplest descriptor with an error that needs no network round trip.
  tcp_pair(fds);
  reset_peer(fds);
  struct event_base *base = new_base();
  struct event *ev = event_new(base, fds[0], EV_WRITE, on_event, "writer");
  rec("add %d", event_add(ev, ms(100000)));
  rec("loop %d", event_base_dispatch(base));
  int error = 0;
  socklen_t len = sizeof error;
  getsockopt(fds[0], SOL_SOCKET, SO_ERROR, &error, &len);
  rec("error %s", errno_name(error));
  event_free(ev);
  event_base_free(base);
  close(fds[0]);
}

SCENARIO(pipe_ends,
         "behaviour 18: a pipe whose other end is closed, on both sides") {
  int ends[2];
  if (pipe(ends) < 0) return;
  close(ends[1]);
  struct event_base *base = new_base();
  struct event *reader = event_new(base, ends[0], EV_READ, on_event, "reader");
  event_add(reader, NULL);
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(reader);
  close(ends[0]);
  if (pipe(ends) < 0) return;
  close(ends[0]);
  struct event *writer = event_new(base, ends[1], EV_WRITE, on_event, "writer");
  event_add(writer, NULL);
  rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(writer);
  event_base_free(base);
  close(ends[1]);
}

// EV_CLOSED alone, then beside EV_READ, for a peer that `ends` its side.
static void watch_for_closed(void (*ends)(evutil_socket_t fds[2])) {
  static const short kWhat[] = {EV_CLOSED, EV_CLOSED | EV_READ,
                                EV_CLOSED | EV_WRITE};
  for (int i = 0; i < 3; ++i) {
    evutil_socket_t fds[2];
    tcp_pair(fds);
    struct event_base *base = new_base();
    struct event *ev =
        event_new(base, fds[0], kWhat[i] | EV_PERSIST, on_event, "watcher");
    rec_call(ev_flags(kWhat[i]), event_add(ev, NULL), ev);
    rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
    put(fds[1], "x");
    await_readable(fds[0]);
    rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
    char text[8];
    get(fds[0], text, sizeof text);
    ends(fds);
    rec("glance %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
    event_free(ev);
    event_base_free(base);
    close_pair(fds);
  }
}

static void half_close(evutil_socket_t fds[2]) {
  shutdown(fds[1], SHUT_WR);
  await_readable(fds[0]);
}

SCENARIO(closed_is_told_where_known,
         "behaviour 18: EV_CLOSED comes only when asked for and where "
         "EARLY_CLOSE exists") {
  watch_for_closed(half_close);
}
SCENARIO_PER_BACKEND(closed_is_told_where_known,
                     "only epoll knows of an early close");

SCENARIO(
    closed_after_a_reset,
    "behaviour 18: on epoll an event of EV_CLOSED alone gets nothing for a "
    "reset") {
  watch_for_closed(reset_peer);
}
SCENARIO_PER_BACKEND(closed_after_a_reset,
                     "only epoll knows of an early close");
