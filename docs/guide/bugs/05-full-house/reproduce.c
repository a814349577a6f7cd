/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server has no descriptor left, and clients still come. How often does its
 * loop turn meanwhile, and are they served when there are descriptors again?
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/watch.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kClients = 3 };

static int turns;
static int errors;
static int served;

static void on_wait(struct evwatch *watcher,
                    const struct evwatch_prepare_cb_info *info, void *arg) {
  (void)watcher, (void)info, (void)arg;
  ++turns;
}

static void on_error(struct evconnlistener *listener, void *arg) {
  (void)listener, (void)arg;
  ++errors;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *address, int size, void *arg) {
  (void)address, (void)size, (void)arg;
  close(fd);
  if (++served == kClients) {
    event_base_loopbreak(evconnlistener_get_base(listener));
  }
}

static void set_limit(rlim_t descriptors) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = descriptors;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void) {
  const struct timeval half_a_second = {0, 500 * 1000};
  const struct timeval ten_seconds = {10, 0};
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof(address);
  struct event_base *base = event_base_new();
  struct evconnlistener *listener;
  int clients[kClients];
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener =
      evconnlistener_new_bind(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, -1,
                              (struct sockaddr *)&address, (int)size);
  evconnlistener_set_error_cb(listener, on_error);
  getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address,
              &size);
  for (int i = 0; i < kClients; ++i) {
    clients[i] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(clients[i], (struct sockaddr *)&address, size) < 0) return 2;
  }
  evwatch_prepare_new(base, on_wait, NULL);

  set_limit(0);
  event_base_loopexit(base, &half_a_second);
  event_base_dispatch(base);
  printf("turns in half a second: %s\n",
         turns <= 100 ? "100 at most" : "more than 100");
  printf("calls of the error callback: %d\n", errors);

  set_limit(256);
  event_base_loopexit(base, &ten_seconds);
  event_base_dispatch(base);
  printf("served afterwards: %d of %d\n", served, kClients);

  for (int i = 0; i < kClients; ++i) close(clients[i]);
  evconnlistener_free(listener);
  event_base_free(base);
  return turns <= 100 && errors == 1 && served == kClients ? 0 : 1;
}
