// SPDX-License-Identifier: BSD-3-Clause
//
// Connections and listeners when the loop has no memory to wait for them: what
// is told, and to whom.
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "tests/differential/scenarios/io_support.h"

static int g_left = -1;  // allocations that still succeed; -1: all

static int refused(void) { return g_left == 0 || (g_left > 0 && !g_left--); }

static void *take(size_t size) { return refused() ? NULL : malloc(size); }

static void *take_more(void *block, size_t size) {
  return refused() ? NULL : realloc(block, size);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  (void)arg;
}

static void on_accepted(struct evconnlistener *listener, evutil_socket_t fd,
                        struct sockaddr *peer, int length, void *arg) {
  (void)listener;
  (void)peer;
  (void)length;
  (void)arg;
  close(fd);
}

static void on_told(struct bufferevent *bev, short what, void *arg) {
  int error = EVUTIL_SOCKET_ERROR();
  (void)arg;
  rec("  event %s%s, enabled %s", what_text(what), errno_name(error),
      enabled_text(bufferevent_get_enabled(bev)));
}

// Adds timers until the base has no place for another, and no memory for more.
static void fill_timers(struct event_base *base, struct event *timers, int n) {
  int i;
  for (i = 0; i < n; i++) event_assign(&timers[i], base, -1, 0, on_timer, NULL);
  g_left = 0;
  for (i = 0; i < n; i++)
    if (event_add(&timers[i], ms(1000000)) != 0) break;
  rec("full %d", i < n);
}

SCENARIO_DIFFERS(bufferevent_without_memory,
                 "libevent goes on in silence, and reads no more");

SCENARIO(bufferevent_without_memory,
         "section 7: reading that cannot go on for want of memory is an error, "
         "and so is a new descriptor that cannot be waited for") {
  static struct event timers[1000];
  struct bufferevent *bev;
  evutil_socket_t fds[2];
  event_set_mem_functions(take, take_more, free);
  rec_log(0);
  struct event_base *base = new_base();
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], 0);
  bufferevent_setcb(bev, NULL, NULL, on_told, NULL);
  bufferevent_set_timeouts(bev, ms(10000), NULL);
  bufferevent_setwatermark(bev, EV_READ, 0, 4);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "12345678");
  glance(base, 3);
  rec("input %zu", evbuffer_get_length(bufferevent_get_input(bev)));
  fill_timers(base, timers, 1000);
  rec("drain %d", evbuffer_drain(bufferevent_get_input(bev), 4));
  glance(base, 3);
  bufferevent_enable(bev, EV_READ);
  rec("setfd %d", bufferevent_setfd(bev, fds[0]));
  g_left = -1;
  rec("setfd %d", bufferevent_setfd(bev, fds[0]));
  glance(base, 3);
  rec("input %zu", evbuffer_get_length(bufferevent_get_input(bev)));
  bufferevent_free(bev);
  event_base_free(base);
  close_pair(fds);
}

SCENARIO_DIFFERS(listener_without_memory,
                 "libevent returns a listener that never accepts");

SCENARIO(listener_without_memory,
         "section 7: there is no listener when there is no memory to wait for "
         "its socket") {
  struct sockaddr_in address = {.sin_family = AF_INET};
  int left;
  event_set_mem_functions(take, take_more, free);
  rec_log(0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (left = 0; left < 10; left++) {
    struct event_base *base = new_base();
    struct evconnlistener *listener;
    int waits;
    g_left = left;
    listener = evconnlistener_new_bind(
        base, on_accepted, NULL, LEV_OPT_CLOSE_ON_FREE, -1,
        (struct sockaddr *)&address, sizeof address);
    g_left = -1;
    waits = event_base_loop(base, EVLOOP_NONBLOCK) == 0;
    // How many allocations it takes is the library's own affair.
    if (listener != NULL && !waits) rec("a listener that does not wait");
    if (left == 9) rec("listener %d", listener != NULL);
    if (listener != NULL) evconnlistener_free(listener);
    event_base_free(base);
  }
}
