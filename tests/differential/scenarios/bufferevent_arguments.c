// SPDX-License-Identifier: BSD-3-Clause
//
// Bufferevents and bad input: null pointers, closed descriptors.

#include "tests/differential/scenarios/bufferevent_support.h"

SCENARIO_ORACLE_CRASHES(bufferevent_null, "libevent reads through the pointer");

SCENARIO(bufferevent_null,
         "bad input: no bufferevent: an error return and a warning from each "
         "function") {
  struct bufferevent *none = NULL;
  size_t low = 7;
  char out[4];
  bufferevent_data_cb cb = NULL;
  rec("enable %d", bufferevent_enable(none, EV_READ));
  rec("disable %d", bufferevent_disable(none, EV_READ));
  rec("enabled %d", bufferevent_get_enabled(none));
  rec("write %d", bufferevent_write(none, "x", 1));
  rec("read %zu", bufferevent_read(none, out, 1));
  rec("setfd %d", bufferevent_setfd(none, 0));
  rec("getfd %d", (int)bufferevent_getfd(none));
  rec("input %d", bufferevent_get_input(none) == NULL);
  rec("output %d", bufferevent_get_output(none) == NULL);
  rec("base %d", bufferevent_get_base(none) == NULL);
  rec("set_timeouts %d", bufferevent_set_timeouts(none, NULL, NULL));
  bufferevent_setwatermark(none, EV_READ, 0, 0);
  rec("getwatermark %d", bufferevent_getwatermark(none, EV_READ, &low, NULL));
  bufferevent_setcb(none, NULL, NULL, NULL, NULL);
  bufferevent_getcb(none, &cb, NULL, NULL, NULL);
  rec("flush %d", bufferevent_flush(none, EV_READ, BEV_NORMAL));
  bufferevent_trigger(none, EV_READ, 0);
  bufferevent_trigger_event(none, BEV_EVENT_EOF, 0);
  rec("priority %d", bufferevent_priority_set(none, 0));
  rec("connect %d", bufferevent_socket_connect(none, NULL, 0));
  bufferevent_free(none);
}

SCENARIO_ORACLE_CRASHES(bufferevent_null_base,
                        "libevent reads through the pointer");

SCENARIO(bufferevent_null_base, "bad input: a bufferevent without a base") {
  struct bufferevent *bev = bufferevent_socket_new(NULL, -1, 0);
  rec("%s", bev ? "bufferevent" : "NULL");
}

SCENARIO(bufferevent_closed_fd,
         "bad input: a bufferevent whose fd was closed reports errors and goes "
         "on to live") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  rec_log(0);
  socket_pair(fds);
  close(fds[0]);
  bev = bufferevent_socket_new(base, fds[0], 0);
  rec("%s", bev ? "bufferevent" : "NULL");
  bufferevent_setcb(bev, on_read, on_write, on_event, &seen);
  rec("disable -> %d", bufferevent_disable(bev, EV_WRITE));
  rec("setfd to an open one -> %d", bufferevent_setfd(bev, fds[1]));
  rec("enable -> %d", bufferevent_enable(bev, EV_READ));
  glance(base, 3);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_odd_writes,
         "bad input: writing nothing, more than there can be, to itself") {
  struct event_base *base = new_base();
  struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
  struct evbuffer *output = bufferevent_get_output(bev);
  rec("0 of NULL -> %d", bufferevent_write(bev, NULL, 0));
  rec("SIZE_MAX -> %d", bufferevent_write(bev, "x", SIZE_MAX));
  rec("its own output -> %d", bufferevent_write_buffer(bev, output));
  rec("its own input -> %d",
      bufferevent_write_buffer(bev, bufferevent_get_input(bev)));
  rec("length %zu", evbuffer_get_length(output));
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}
