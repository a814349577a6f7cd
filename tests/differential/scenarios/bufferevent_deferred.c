// SPDX-License-Identifier: BSD-3-Clause
//
// Bufferevents: deferred callbacks, triggers, flush, priorities, options.

#include "tests/differential/scenarios/bufferevent_support.h"

static struct bufferevent *make(struct event_base *base, int fd, int options,
                                struct seen *seen) {
  struct bufferevent *bev =
      bufferevent_socket_new(base, fd, options | BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, on_read, on_write, on_event, seen);
  return bev;
}

SCENARIO(bufferevent_deferred_order,
         "behaviour 49: deferred callbacks run from the loop, in the order "
         "connected, read, write, event") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev = make(base, -1, BEV_OPT_DEFER_CALLBACKS, &seen);
  rec("trigger an event");
  bufferevent_trigger_event(bev, BEV_EVENT_READING | BEV_EVENT_EOF, 0);
  rec("trigger writing");
  bufferevent_trigger(bev, EV_WRITE, 0);
  rec("trigger reading");
  bufferevent_trigger(bev, EV_READ, 0);
  rec("trigger connected");
  bufferevent_trigger_event(bev, BEV_EVENT_CONNECTED, 0);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("connected alone");
  bufferevent_trigger_event(bev, BEV_EVENT_CONNECTED, 0);
  glance(base, 2);
  rec("two events");
  bufferevent_trigger_event(bev, BEV_EVENT_READING | BEV_EVENT_TIMEOUT, 0);
  bufferevent_trigger_event(bev, BEV_EVENT_WRITING | BEV_EVENT_TIMEOUT, 0);
  glance(base, 2);
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_deferred_two,
         "behaviour 49: deferred callbacks of two bufferevents run in the "
         "order in which they were first asked for") {
  struct event_base *base = new_base();
  struct seen one = {"one", 0, 0, 0, 0, 0};
  struct seen two = {"two", 0, 0, 0, 0, 0};
  struct bufferevent *a = make(base, -1, BEV_OPT_DEFER_CALLBACKS, &one);
  struct bufferevent *b = make(base, -1, BEV_OPT_DEFER_CALLBACKS, &two);
  bufferevent_trigger(b, EV_READ, 0);
  bufferevent_trigger(a, EV_READ, 0);
  bufferevent_trigger(b, EV_WRITE, 0);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  bufferevent_free(a);
  bufferevent_free(b);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_deferred_io,
         "behaviour 49: with deferral bytes, write callbacks and the end of "
         "file still arrive in order") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], BEV_OPT_DEFER_CALLBACKS, &seen);
  bufferevent_enable(bev, EV_READ);
  rec("write -> %d", bufferevent_write(bev, "out", 3));
  glance(base, 4);
  put(fds[1], "in");
  glance(base, 4);
  put(fds[1], "last");
  close(fds[1]);
  glance(base, 6);
  rec("%d reads, %zu bytes, %d events", seen.reads, seen.bytes, seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_deferred_dropped,
         "behaviour 47: callbacks that were deferred are dropped by free") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev = make(base, -1, BEV_OPT_DEFER_CALLBACKS, &seen);
  bufferevent_trigger(bev, EV_READ | EV_WRITE, 0);
  bufferevent_trigger_event(bev, BEV_EVENT_EOF, 0);
  bufferevent_free(bev);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("%d %d %d", seen.reads, seen.writes, seen.events);
  event_base_free(base);
}

SCENARIO(bufferevent_deferred_callbacks_changed,
         "behaviour 49: deferred callbacks are those that are set when they "
         "run") {
  struct event_base *base = new_base();
  struct seen one = {"one", 0, 0, 0, 0, 0};
  struct seen two = {"two", 0, 0, 0, 0, 0};
  struct bufferevent *bev = make(base, -1, BEV_OPT_DEFER_CALLBACKS, &one);
  bufferevent_trigger(bev, EV_READ, 0);
  bufferevent_setcb(bev, on_read, on_write, on_event, &two);
  glance(base, 2);
  bufferevent_trigger(bev, EV_READ | EV_WRITE, 0);
  bufferevent_setcb(bev, NULL, on_write, NULL, &two);
  glance(base, 2);
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_options,
         "behaviour 49: UNLOCK_CALLBACKS needs DEFER_CALLBACKS; locks need "
         "threads; unknown options pass") {
  struct event_base *base = new_base();
  static const int kOptions[] = {
      0,
      BEV_OPT_CLOSE_ON_FREE,
      BEV_OPT_DEFER_CALLBACKS,
      BEV_OPT_UNLOCK_CALLBACKS,
      BEV_OPT_UNLOCK_CALLBACKS | BEV_OPT_DEFER_CALLBACKS,
      BEV_OPT_THREADSAFE,
      1 << 10,
  };
  size_t i;
  rec_log(1);
  for (i = 0; i < sizeof kOptions / sizeof *kOptions; i++) {
    struct bufferevent *bev = bufferevent_socket_new(base, -1, kOptions[i]);
    rec("%x: %s", (unsigned)kOptions[i], bev ? "bufferevent" : "NULL");
    if (bev != NULL) bufferevent_free(bev);
    glance(base, 1);
  }
  event_base_free(base);
}

SCENARIO(bufferevent_trigger,
         "behaviour 53: trigger honours the watermarks unless told otherwise, "
         "and runs at once unless deferred") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev = make(base, -1, 0, &seen);
  rec("R");
  bufferevent_trigger(bev, EV_READ, 0);
  rec("W");
  bufferevent_trigger(bev, EV_WRITE, 0);
  rec("RW");
  bufferevent_trigger(bev, EV_READ | EV_WRITE, 0);
  rec("nothing");
  bufferevent_trigger(bev, 0, 0);
  rec("watermarks that hold back");
  bufferevent_setwatermark(bev, EV_READ, 5, 0);
  bufferevent_disable(bev, EV_WRITE);
  bufferevent_write(bev, "output", 6);
  bufferevent_trigger(bev, EV_READ | EV_WRITE, 0);
  rec("ignored");
  bufferevent_trigger(bev, EV_READ | EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
  rec("ignored and deferred");
  bufferevent_trigger(bev, EV_READ | EV_WRITE,
                      BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("an unknown option");
  bufferevent_setwatermark(bev, EV_READ, 0, 0);
  bufferevent_trigger(bev, EV_READ, 1 << 20);
  bufferevent_setwatermark(bev, EV_WRITE, 6, 0);
  rec("output at the low watermark");
  bufferevent_trigger(bev, EV_WRITE, 0);
  rec("without callbacks");
  bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
  bufferevent_trigger(bev, EV_READ | EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
  bufferevent_trigger_event(bev, BEV_EVENT_EOF, 0);
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_trigger_event,
         "behaviour 53: trigger_event hands any flags to the event callback, "
         "at once or deferred") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev = make(base, -1, 0, &seen);
  bufferevent_enable(bev, EV_READ);
  rec("at once");
  bufferevent_trigger_event(bev, BEV_EVENT_READING | BEV_EVENT_EOF, 0);
  rec("enabled %s", enabled_text(bufferevent_get_enabled(bev)));
  rec("deferred");
  bufferevent_trigger_event(bev, BEV_EVENT_WRITING | BEV_EVENT_TIMEOUT,
                            BEV_TRIG_DEFER_CALLBACKS);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("nothing");
  bufferevent_trigger_event(bev, 0, 0);
  rec("many");
  errno = ETIMEDOUT;
  bufferevent_trigger_event(bev, 0xf3, 0);
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_flush,
         "behaviour 53: flush of a socket is 0 and does nothing") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  char out[8];
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], 0, &seen);
  bufferevent_write(bev, "data", 4);
  rec("NORMAL -> %d", bufferevent_flush(bev, EV_WRITE, BEV_NORMAL));
  rec("FLUSH -> %d", bufferevent_flush(bev, EV_READ | EV_WRITE, BEV_FLUSH));
  rec("FINISHED -> %d", bufferevent_flush(bev, EV_WRITE, BEV_FINISHED));
  rec("nothing -> %d", bufferevent_flush(bev, 0, BEV_FINISHED));
  rec("peer %d, output %zu", get(fds[1], out, sizeof out),
      evbuffer_get_length(bufferevent_get_output(bev)));
  glance(base, 3);
  rec("peer %d", get(fds[1], out, sizeof out));
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_getters,
         "behaviour 48: getcb, get_base, getfd, get_underlying; NULL for what "
         "one does not want") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev = make(base, -1, 0, &seen);
  bufferevent_data_cb read_cb = NULL;
  bufferevent_data_cb write_cb = NULL;
  bufferevent_event_cb event_cb = NULL;
  void *arg = NULL;
  bufferevent_getcb(bev, &read_cb, &write_cb, &event_cb, &arg);
  rec("getcb %d %d %d %d", read_cb == on_read, write_cb == on_write,
      event_cb == on_event, arg == &seen);
  bufferevent_getcb(bev, NULL, NULL, NULL, NULL);
  bufferevent_setcb(bev, NULL, on_write, NULL, NULL);
  bufferevent_getcb(bev, &read_cb, NULL, &event_cb, &arg);
  rec("getcb %d %d %d", read_cb == NULL, event_cb == NULL, arg == NULL);
  rec("base %d", bufferevent_get_base(bev) == base);
  rec("underlying %d", bufferevent_get_underlying(bev) == NULL);
  rec("fd %d", (int)bufferevent_getfd(bev));
  rec("dns error %d", bufferevent_socket_get_dns_error(bev));
  rec("input is not output %d",
      bufferevent_get_input(bev) != bufferevent_get_output(bev));
  bufferevent_lock(bev);
  bufferevent_unlock(bev);
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_priority,
         "behaviour 53: priority_set within the base's range; the default is "
         "half of it") {
  struct event_base *base = new_base();
  struct bufferevent *bev;
  int i;
  rec("init -> %d", event_base_priority_init(base, 6));
  bev = bufferevent_socket_new(base, -1, 0);
  rec("default %d", bufferevent_get_priority(bev));
  for (i = -1; i <= 6; i++) {
    rec("set %d -> %d", i, bufferevent_priority_set(bev, i));
    rec("get %d", bufferevent_get_priority(bev));
  }
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_priority_order,
         "behaviour 53: the callbacks of a bufferevent of a lower number run "
         "first") {
  struct event_base *base = new_base();
  struct seen low = {"low", 0, 0, 0, 0, 100};
  struct seen high = {"high", 0, 0, 0, 0, 100};
  struct bufferevent *a;
  struct bufferevent *b;
  int first[2];
  int second[2];
  int round;
  event_base_priority_init(base, 3);
  socket_pair(first);
  socket_pair(second);
  a = make(base, first[0], 0, &low);
  b = make(base, second[0], 0, &high);
  rec("set -> %d %d", bufferevent_priority_set(a, 2),
      bufferevent_priority_set(b, 0));
  bufferevent_enable(a, EV_READ);
  bufferevent_enable(b, EV_READ);
  glance(base, 4);
  rec("both readable");
  for (round = 0; round < 2; round++) {
    put(first[1], "x");
    put(second[1], "y");
    glance(base, 4);
  }
  bufferevent_free(a);
  bufferevent_free(b);
  glance(base, 1);
  close(first[1]);
  close(second[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_base_set,
         "behaviour 48: base_set moves a bufferevent to another base while "
         "nothing is pending") {
  struct event_base *one = new_base();
  struct event_base *two = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(one, fds[0], 0, &seen);
  rec("base_set -> %d", bufferevent_base_set(two, bev));
  rec("base %d", bufferevent_get_base(bev) == two);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "data");
  glance(one, 3);
  rec("%d reads", seen.reads);
  glance(two, 3);
  rec("%d reads", seen.reads);
  bufferevent_free(bev);
  glance(two, 1);
  close(fds[1]);
  event_base_free(one);
  event_base_free(two);
}

SCENARIO_DIFFERS(bufferevent_base_set_fails,
                 "libevent names the new base, and serves it in the old one");
SCENARIO(
    bufferevent_base_set_fails,
    "behaviour 48: a bufferevent that waits for something stays whole with "
    "its base") {
  static const short kEvents[] = {EV_READ, EV_WRITE, EV_READ | EV_WRITE};
  struct event_base *one = new_base();
  struct event_base *two = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  size_t i;
  for (i = 0; i < 3; i++) {
    struct bufferevent *bev;
    int fds[2];
    socket_pair(fds);
    bev = make(one, fds[0], 0, &seen);
    bufferevent_disable(bev, EV_READ | EV_WRITE);
    bufferevent_enable(bev, kEvents[i]);
    rec("base_set -> %d", bufferevent_base_set(two, bev));
    rec("old base %d, new base %d", bufferevent_get_base(bev) == one,
        bufferevent_get_base(bev) == two);
    put(fds[1], "data");
    glance(two, 1);
    glance(one, 1);
    bufferevent_disable(bev, EV_READ | EV_WRITE);
    rec("base_set -> %d", bufferevent_base_set(two, bev));
    rec("old base %d, new base %d", bufferevent_get_base(bev) == one,
        bufferevent_get_base(bev) == two);
    bufferevent_free(bev);
    glance(two, 1);
    close(fds[1]);
  }
  event_base_free(one);
  event_base_free(two);
}

SCENARIO(bufferevent_callback_changes_callbacks,
         "behaviour 48: setcb inside a callback takes effect from the next "
         "one") {
  struct event_base *base = new_base();
  struct seen one = {"one", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], 0, &one);
  bufferevent_setcb(bev, on_read, NULL, NULL, &one);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "a");
  glance(base, 3);
  rec("no event callback, end of file");
  shutdown(fds[1], SHUT_WR);
  glance(base, 3);
  rec("enabled %s", enabled_text(bufferevent_get_enabled(bev)));
  bufferevent_setcb(bev, on_read, NULL, on_event, &one);
  bufferevent_enable(bev, EV_READ);
  glance(base, 3);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}
