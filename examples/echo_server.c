/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server that sends back what it gets: the smallest one that answers.
 *
 *   echo_server [--port N] [--method epoll|poll|select] [--verbose]
 *
 * The bytes are moved from the input buffer to the output buffer, not copied.
 * A client that sends without reading is held back: above 1 MiB of unread
 * answers its requests stay in the kernel, until the output has drained.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "examples/options.h"

enum { OUTPUT_LIMIT_BYTES = 1 << 20 };

static void on_read(struct bufferevent *bev, void *arg) {
  struct evbuffer *output = bufferevent_get_output(bev);
  (void)arg;
  if (evbuffer_add_buffer(output, bufferevent_get_input(bev)) < 0) {
    bufferevent_free(bev);
  } else if (evbuffer_get_length(output) > OUTPUT_LIMIT_BYTES) {
    bufferevent_disable(bev, EV_READ);
  }
}

static void on_written(struct bufferevent *bev, void *arg) {
  (void)arg; /* the output is empty: whoever was held back may go on */
  if (bufferevent_enable(bev, EV_READ) < 0) bufferevent_free(bev);
}

/* The last answers are still to be sent when the client has closed its end. */
static void on_last_written(struct bufferevent *bev, void *arg) {
  (void)arg;
  bufferevent_free(bev);
}

static void on_event(struct bufferevent *bev, short what, void *arg) {
  (void)arg;
  if ((what & BEV_EVENT_EOF) &&
      evbuffer_get_length(bufferevent_get_output(bev)) > 0) {
    bufferevent_setcb(bev, NULL, on_last_written, on_event, NULL);
  } else {
    bufferevent_free(bev);
  }
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *peer, int peer_length, void *verbose) {
  struct bufferevent *bev = bufferevent_socket_new(
      evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
  (void)peer_length;
  if (bev == NULL) {
    evutil_closesocket(fd);
    return;
  }
  if (*(int *)verbose) print_peer("accepted", peer);
  bufferevent_setcb(bev, on_read, on_written, on_event, NULL);
  if (bufferevent_enable(bev, EV_READ | EV_WRITE) < 0) bufferevent_free(bev);
}

int main(int argc, char **argv) {
  struct options options = parse_options(argc, argv, 9988);
  struct event_base *base = base_for_method(options.method);
  struct evconnlistener *listener;
  struct event *on_sigterm;
  struct sockaddr_in address;
  int failed = 1;
  if (base == NULL) return 1;

  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)options.port);
  listener = evconnlistener_new_bind(
      base, on_accept, &options.verbose,
      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC, -1,
      (struct sockaddr *)&address, sizeof(address));
  if (listener == NULL) {
    perror("cannot listen");
    event_base_free(base);
    return 1;
  }
  on_sigterm = stop_on_sigterm(base);
  if (on_sigterm != NULL) {
    if (options.verbose) print_port(evconnlistener_get_fd(listener));
    failed = event_base_dispatch(base) < 0;
    event_free(on_sigterm);
  }

  evconnlistener_free(listener);
  event_base_free(base);
  return failed;
}
