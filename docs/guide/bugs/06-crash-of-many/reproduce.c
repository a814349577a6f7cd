/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All clients of a server send something at the same time, twice. At the first
 * byte of the second time the server throws out all others, and lets as many
 * new ones in.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct event_base *base;
static struct event *admission;
static struct bufferevent **clients;
static int *peers; /* the other ends of their connections */
static int count;
static int greeted;

static void admit(int i) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) exit(2);
  evutil_make_socket_nonblocking(ends[0]);
  clients[i] = bufferevent_socket_new(
      base, ends[0], BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
  peers[i] = ends[1];
}

static void throw_out(int i) {
  bufferevent_free(clients[i]);
  close(peers[i]);
}

static void on_admission(evutil_socket_t fd, short what, void *arg) {
  (void)fd, (void)what, (void)arg;
  for (int i = 1; i < count; ++i) admit(i);
}

static void on_data(struct bufferevent *bev, void *arg) {
  (void)arg;
  evbuffer_drain(bufferevent_get_input(bev), 1);
  if (++greeted <= count) return;
  for (int i = 0; i < count; ++i) {
    if (clients[i] != bev) continue;
    clients[i] = clients[0], clients[0] = bev;
    int peer = peers[i];
    peers[i] = peers[0], peers[0] = peer;
  }
  for (int i = 1; i < count; ++i) throw_out(i);
  event_active(admission, EV_TIMEOUT, 1);
}

static void send_all(void) {
  for (int i = 0; i < count; ++i) {
    if (write(peers[i], "x", 1) != 1) exit(2);
  }
}

int main(int argc, char **argv) {
  count = argc > 1 ? atoi(argv[1]) : 100;
  base = event_base_new();
  admission = event_new(base, -1, 0, on_admission, NULL);
  clients = calloc((size_t)count, sizeof(*clients));
  peers = calloc((size_t)count, sizeof(*peers));
  for (int i = 0; i < count; ++i) {
    admit(i);
    bufferevent_setcb(clients[i], on_data, NULL, NULL, NULL);
    bufferevent_enable(clients[i], EV_READ);
  }
  send_all();
  while (greeted < count) event_base_loop(base, EVLOOP_NONBLOCK);
  printf("%d clients have sent a byte\n", count);
  fflush(stdout);
  send_all();
  for (int i = 0; i < 3; ++i) event_base_loop(base, EVLOOP_NONBLOCK);
  printf("%d clients are there again\n", count);

  for (int i = 0; i < count; ++i) throw_out(i);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_free(admission);
  event_base_free(base);
  free(clients);
  free(peers);
  return 0;
}
