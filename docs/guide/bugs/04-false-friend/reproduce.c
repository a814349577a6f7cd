/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connects to a port where nobody listens. What is the program told?
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int was_refused;

static void on_event(struct bufferevent *bev, short what, void *base) {
  const int error = errno;
  (void)bev;
  if (what & BEV_EVENT_CONNECTED) {
    printf("connected\n");
  } else if (what & BEV_EVENT_ERROR) {
    printf("error: %s\n", strerror(error));
    was_refused = error == ECONNREFUSED;
  } else if (what & BEV_EVENT_EOF) {
    printf("the other side has closed\n");
  }
  if (!(what & BEV_EVENT_CONNECTED)) event_base_loopbreak(base);
}

int main(void) {
  struct event_base *base = event_base_new();
  struct bufferevent *bev;
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof(address);
  /* A port that is taken, and does not listen. */
  int taken = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(taken, (struct sockaddr *)&address, size) < 0 ||
      getsockname(taken, (struct sockaddr *)&address, &size) < 0) {
    return 2;
  }
  bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, NULL, NULL, on_event, base);
  bufferevent_socket_connect(bev, (struct sockaddr *)&address, (int)size);
  bufferevent_enable(bev, EV_READ | EV_WRITE);
  event_base_dispatch(base);

  bufferevent_free(bev);
  event_base_free(base);
  close(taken);
  return was_refused ? 0 : 1;
}
