// SPDX-License-Identifier: BSD-3-Clause
//
// Bufferevents: timeouts of reading and writing, in virtual time.

#include "tests/differential/scenarios/bufferevent_support.h"

static void on_timed_event(struct bufferevent *bev, short what, void *arg) {
  struct seen *seen = arg;
  seen->events++;
  rec("  %s: event %s at %lld ms, enabled %s", seen->name, what_text(what),
      (long long)now_ms(), enabled_text(bufferevent_get_enabled(bev)));
}

static struct bufferevent *make(struct event_base *base, int fd,
                                struct seen *seen) {
  struct bufferevent *bev =
      bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, on_read, NULL, on_timed_event, seen);
  return bev;
}

// A socket that takes no byte more until its peer reads.
static void fill_socket(int fd) {
  static char block[65536];
  while (write(fd, block, sizeof block) > 0) {
  }
  while (write(fd, block, 1) > 0) {
  }
}

SCENARIO(bufferevent_read_timeout,
         "behaviour 45: a read timeout gives TIMEOUT with READING, and reading "
         "is then disabled") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  virtual_time();
  base = new_base();
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  rec("set -> %d", bufferevent_set_timeouts(bev, ms(50), NULL));
  run_for_ms(base, 200);
  rec("not while reading is disabled: %d", seen.events);
  bufferevent_enable(bev, EV_READ);
  run_for_ms(base, 200);
  rec("%d events, enabled %s", seen.events,
      enabled_text(bufferevent_get_enabled(bev)));
  put(fds[1], "later");
  run_for_ms(base, 200);
  rec("%d reads", seen.reads);
  rec("enable again -> %d", bufferevent_enable(bev, EV_READ));
  run_for_ms(base, 200);
  rec("%d reads, %d events", seen.reads, seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_read_timeout_restarts,
         "behaviour 45: each arrival of bytes and each enable begins the read "
         "timeout anew") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  int i;
  virtual_time();
  base = new_base();
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_set_timeouts(bev, ms(50), NULL);
  bufferevent_enable(bev, EV_READ);
  for (i = 0; i < 4; i++) {
    run_for_ms(base, 40);
    put(fds[1], "x");
  }
  rec("%d reads, %d events", seen.reads, seen.events);
  for (i = 0; i < 4; i++) {
    run_for_ms(base, 40);
    bufferevent_enable(bev, EV_READ);
  }
  rec("%d reads, %d events", seen.reads, seen.events);
  run_for_ms(base, 200);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_read_timeout_disabled,
         "behaviour 45: the read timer stops when reading is disabled or "
         "paused by the high watermark") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  virtual_time();
  base = new_base();
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_setcb(bev, NULL, NULL, on_timed_event, &seen);
  bufferevent_set_timeouts(bev, ms(50), NULL);
  bufferevent_enable(bev, EV_READ);
  run_for_ms(base, 30);
  bufferevent_disable(bev, EV_READ);
  run_for_ms(base, 100);
  rec("disabled: %d events", seen.events);
  bufferevent_setwatermark(bev, EV_READ, 0, 4);
  put(fds[1], "01234567");
  bufferevent_enable(bev, EV_READ);
  run_for_ms(base, 200);
  rec("paused: %d events, input %zu", seen.events,
      evbuffer_get_length(bufferevent_get_input(bev)));
  evbuffer_drain(bufferevent_get_input(bev), 1);
  run_for_ms(base, 200);
  rec("paused again: %d events, input %zu", seen.events,
      evbuffer_get_length(bufferevent_get_input(bev)));
  evbuffer_drain(bufferevent_get_input(bev), 4);
  run_for_ms(base, 200);
  rec("%d events, input %zu", seen.events,
      evbuffer_get_length(bufferevent_get_input(bev)));
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_write_timeout,
         "behaviour 45: the write timer runs only while there is something to "
         "write; its event is TIMEOUT with WRITING") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  virtual_time();
  base = new_base();
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  rec("set -> %d", bufferevent_set_timeouts(bev, NULL, ms(50)));
  run_for_ms(base, 200);
  rec("nothing to write: %d events", seen.events);
  bufferevent_write(bev, "goes out", 8);
  run_for_ms(base, 200);
  rec("all written: %d events", seen.events);
  fill_socket(fds[0]);
  bufferevent_write(bev, "stuck", 5);
  run_for_ms(base, 200);
  rec("%d events, output %zu, enabled %s", seen.events,
      evbuffer_get_length(bufferevent_get_output(bev)),
      enabled_text(bufferevent_get_enabled(bev)));
  rec("enable -> %d", bufferevent_enable(bev, EV_WRITE));
  run_for_ms(base, 200);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_both_timeouts,
         "behaviour 45: both directions at once, and taking timeouts away") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  virtual_time();
  base = new_base();
  socket_pair(fds);
  fill_socket(fds[0]);
  bev = make(base, fds[0], &seen);
  bufferevent_set_timeouts(bev, ms(30), ms(70));
  bufferevent_enable(bev, EV_READ);
  bufferevent_write(bev, "stuck", 5);
  run_for_ms(base, 200);
  rec("%d events", seen.events);
  bufferevent_enable(bev, EV_READ | EV_WRITE);
  run_for_ms(base, 10);
  rec("take them away -> %d", bufferevent_set_timeouts(bev, NULL, NULL));
  run_for_ms(base, 200);
  rec("%d events, enabled %s", seen.events,
      enabled_text(bufferevent_get_enabled(bev)));
  rec("set while pending -> %d", bufferevent_set_timeouts(bev, ms(20), ms(40)));
  run_for_ms(base, 200);
  rec("%d events, enabled %s", seen.events,
      enabled_text(bufferevent_get_enabled(bev)));
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_timeout_keeps_until_set,
         "behaviour 45: NULL for one direction takes that one away and sets "
         "the other") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  virtual_time();
  base = new_base();
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_set_timeouts(bev, ms(30), ms(40));
  bufferevent_set_timeouts(bev, NULL, ms(60));
  bufferevent_enable(bev, EV_READ);
  run_for_ms(base, 200);
  rec("%d events", seen.events);
  bufferevent_set_timeouts(bev, ms(25), NULL);
  run_for_ms(base, 200);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_timeout_and_bytes,
         "behaviour 45: bytes that came before the deadline are read, though "
         "the loop looks late") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  virtual_time();
  base = new_base();
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_set_timeouts(bev, ms(50), NULL);
  bufferevent_enable(bev, EV_READ);
  run_for_ms(base, 10);
  put(fds[1], "in time");
  pass_time_ms(20);
  run_for_ms(base, 5);
  rec("%d reads, %d events", seen.reads, seen.events);
  run_for_ms(base, 100);
  rec("%d reads, %d events", seen.reads, seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_timeout_while_parked,
         "behaviour 45: timeouts of a bufferevent without an fd") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  virtual_time();
  base = new_base();
  socket_pair(fds);
  bev = make(base, -1, &seen);
  rec("set -> %d", bufferevent_set_timeouts(bev, ms(30), ms(50)));
  bufferevent_enable(bev, EV_READ);
  bufferevent_write(bev, "x", 1);
  run_for_ms(base, 200);
  rec("%d events, enabled %s", seen.events,
      enabled_text(bufferevent_get_enabled(bev)));
  bufferevent_enable(bev, EV_READ | EV_WRITE);
  rec("setfd -> %d", bufferevent_setfd(bev, fds[0]));
  run_for_ms(base, 200);
  rec("%d events, output %zu", seen.events,
      evbuffer_get_length(bufferevent_get_output(bev)));
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}
