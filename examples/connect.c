/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client: connects, sends one line, prints what comes back, and ends with the
 * connection or after five seconds of silence.
 *
 *   connect [--port N] [--method epoll|poll|select] [--verbose]
 *
 * Try it against echo_server. What is written before the connection stands is
 * sent when it does.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "examples/options.h"

static const char greeting[] = "hello from evoke\n";

static void on_read(struct bufferevent *bev, void *arg) {
  struct evbuffer *input = bufferevent_get_input(bev);
  size_t length;
  char *line;
  (void)arg;
  while ((line = evbuffer_readln(input, &length, EVBUFFER_EOL_LF)) != NULL) {
    printf("%s\n", line);
    free(line);
    event_base_loopbreak(bufferevent_get_base(bev));
  }
}

static void on_event(struct bufferevent *bev, short what, void *failed) {
  if (what & BEV_EVENT_CONNECTED) {
    fprintf(stderr, "connected\n");
    return;
  }
  *(int *)failed = 1;
  if (what & BEV_EVENT_ERROR) {
    fprintf(stderr, "error: %s\n",
            evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
  } else {
    fprintf(stderr, "%s\n", what & BEV_EVENT_EOF ? "closed" : "timed out");
  }
  event_base_loopbreak(bufferevent_get_base(bev));
}

int main(int argc, char **argv) {
  struct options options = parse_options(argc, argv, 9988);
  struct event_base *base = base_for_method(options.method);
  const struct timeval patience = {5, 0};
  struct bufferevent *bev;
  int failed = 0;
  if (base == NULL) return 1;

  bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
  if (bev == NULL) {
    event_base_free(base);
    return 1;
  }
  bufferevent_setcb(bev, on_read, NULL, on_event, &failed);
  if (bufferevent_set_timeouts(bev, &patience, NULL) < 0 ||
      bufferevent_enable(bev, EV_READ | EV_WRITE) < 0 ||
      bufferevent_write(bev, greeting, strlen(greeting)) < 0 ||
      bufferevent_socket_connect_hostname(bev, NULL, AF_INET, "127.0.0.1",
                                          options.port) < 0) {
    perror("cannot connect");
    failed = 1;
  } else if (!failed && event_base_dispatch(base) < 0) {
    failed = 1;
  }

  bufferevent_free(bev);
  event_base_free(base);
  return failed;
}
