/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hello world of event libraries: a server that prints what it is sent.
 *
 *   hello_world [--port N] [--method epoll|poll|select] [--verbose]
 *
 * It answers nothing. Each time bytes arrive it takes up to 1024 of them, once,
 * and prints them as a line; when a client closes, it prints "delete event".
 * Try it: run it, then `nc 127.0.0.1 9988` in another terminal.
 *
 * The same source runs on libevent: //examples:hello_world_libevent.
 */
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/options.h"

static int verbose;

static void on_read(struct bufferevent *bev, void *arg) {
  char line[1024 + 1];
  size_t length = bufferevent_read(bev, line, sizeof(line) - 1);
  (void)arg;
  line[length] = '\0';
  printf("%s\n", line);
}

static void on_event(struct bufferevent *bev, short what, void *arg) {
  (void)arg;
  if (what & BEV_EVENT_EOF) printf("delete event\n");
  if (verbose && (what & BEV_EVENT_ERROR)) {
    fprintf(stderr, "connection lost: %s\n",
            evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
  }
  if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) bufferevent_free(bev);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *peer, int peer_length, void *arg) {
  struct event_base *base = evconnlistener_get_base(listener);
  struct bufferevent *bev =
      bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  (void)peer_length;
  (void)arg;
  if (bev == NULL) {
    evutil_closesocket(fd);
    return;
  }
  if (verbose) print_peer("accepted", peer);
  bufferevent_setcb(bev, on_read, NULL, on_event, NULL);
  if (bufferevent_enable(bev, EV_READ | EV_WRITE) < 0) bufferevent_free(bev);
}

static void on_signal(evutil_socket_t sig, short what, void *base) {
  (void)sig;
  (void)what;
  event_base_loopbreak((struct event_base *)base);
}

int main(int argc, char **argv) {
  struct options options = parse_options(argc, argv, 9988);
  struct event_base *base;
  struct evconnlistener *listener;
  struct event *on_sigint, *on_sigterm;
  struct sockaddr_in address;
  int failed;

  verbose = options.verbose;
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* a line at a time, also to a file */
  base = base_for_method(options.method);
  if (base == NULL) return 1;
  if (verbose) fprintf(stderr, "backend: %s\n", event_base_get_method(base));

  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)options.port);
  listener = evconnlistener_new_bind(
      base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 250,
      (struct sockaddr *)&address, sizeof(address));
  if (listener == NULL) {
    perror("cannot listen");
    event_base_free(base);
    return 1;
  }

  on_sigint = evsignal_new(base, SIGINT, on_signal, base);
  on_sigterm = evsignal_new(base, SIGTERM, on_signal, base);
  if (evconnlistener_enable(listener) < 0 || on_sigint == NULL ||
      on_sigterm == NULL || event_add(on_sigint, NULL) < 0 ||
      event_add(on_sigterm, NULL) < 0) {
    fprintf(stderr, "out of memory\n");
    failed = 1;
  } else {
    if (verbose) print_port(evconnlistener_get_fd(listener));
    failed = event_base_dispatch(base) < 0;
  }

  if (on_sigint != NULL) event_free(on_sigint);
  if (on_sigterm != NULL) event_free(on_sigterm);
  evconnlistener_free(listener);
  event_base_free(base);
  return failed;
}
