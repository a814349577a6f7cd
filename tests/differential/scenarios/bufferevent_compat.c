// SPDX-License-Identifier: BSD-3-Clause
//
// Bufferevents: the old functions of bufferevent_compat.h.

#include "tests/differential/scenarios/bufferevent_support.h"

SCENARIO(bufferevent_compat_new,
         "behaviour 41: the old bufferevent_new belongs to the base of "
         "event_init and has its callbacks set") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  select_method_by_environment();
  base = event_init();
  socket_pair(fds);
  bev = bufferevent_new(fds[0], on_read, on_write, on_event, &seen);
  rec("%s", bev ? "bufferevent" : "NULL");
  rec("enabled %s", enabled_text(bufferevent_get_enabled(bev)));
  rec("enable -> %d", bufferevent_enable(bev, EV_READ));
  put(fds[1], "data");
  glance(base, 3);
  rec("%d reads, %zu bytes", seen.reads, seen.bytes);
  bufferevent_free(bev);
  glance(base, 1);
  rec("fd open %d", fd_is_open(fds[0]));
  close_pair(fds);
  event_base_free(base);
}

SCENARIO(bufferevent_compat_base_set,
         "behaviour 41: the old way: bufferevent_new, then base_set to another "
         "base") {
  struct event_base *current;
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  select_method_by_environment();
  current = event_init();
  base = new_base();
  socket_pair(fds);
  bev = bufferevent_new(fds[0], on_read, NULL, on_event, &seen);
  rec("%s", bev ? "bufferevent" : "NULL");
  rec("base_set -> %d", bufferevent_base_set(base, bev));
  rec("enable -> %d", bufferevent_enable(bev, EV_READ));
  put(fds[1], "data");
  glance(current, 2);
  rec("%d reads", seen.reads);
  glance(base, 3);
  rec("%d reads, %zu bytes", seen.reads, seen.bytes);
  bufferevent_free(bev);
  glance(base, 1);
  close_pair(fds);
  // NULL would mean the current base.
  if (base != NULL) event_base_free(base);
  event_base_free(current);
}

SCENARIO(bufferevent_compat_settimeout,
         "behaviour 45: the old settimeout counts in seconds, 0 is none") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  virtual_time();
  base = new_base();
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, NULL, NULL, on_event, &seen);
  bufferevent_settimeout(bev, 0, 0);
  bufferevent_enable(bev, EV_READ);
  run_for_ms(base, 5000);
  rec("%d events", seen.events);
  bufferevent_settimeout(bev, 2, 0);
  run_for_ms(base, 1500);
  rec("%d events", seen.events);
  run_for_ms(base, 1500);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}
