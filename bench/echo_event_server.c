/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The echo server of the benchmark on bufferevents: this one source is compiled
 * against evoke and against Debian's libevent. Prints its port, then serves
 * until it is killed. Its peer without a library is echo_raw_server.cc.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

static void on_read(struct bufferevent *bev, void *arg) {
  (void)arg;
  evbuffer_add_buffer(bufferevent_get_output(bev), bufferevent_get_input(bev));
}

static void on_event(struct bufferevent *bev, short what, void *arg) {
  (void)what;
  (void)arg;
  bufferevent_free(bev);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *peer, int peer_length, void *arg) {
  struct bufferevent *bev = bufferevent_socket_new(
      evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
  int on = 1;
  (void)peer;
  (void)peer_length;
  (void)arg;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  bufferevent_setcb(bev, on_read, NULL, on_event, NULL);
  bufferevent_enable(bev, EV_READ | EV_WRITE);
}

int main(void) {
  struct event_base *base = event_base_new();
  struct evconnlistener *listener;
  struct sockaddr_in address;
  socklen_t length = sizeof(address);
  if (base == NULL) return 1;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener =
      evconnlistener_new_bind(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE,
                              1024, (struct sockaddr *)&address, length);
  if (listener == NULL ||
      getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address,
                  &length) < 0) {
    perror("cannot listen");
    return 1;
  }
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  event_base_dispatch(base);
  return 0;
}
