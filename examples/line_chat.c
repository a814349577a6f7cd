/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A chat: what one client says in a line, all others hear.
 *
 *   line_chat [--port N] [--method epoll|poll|select] [--verbose]
 *
 * Shows several clients, lines out of a stream (evbuffer_readln), and one
 * buffer for each connection that the loop empties when the peer is ready.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "examples/options.h"

enum { LINE_LIMIT_BYTES = 4096 };

struct client {
  struct client *next, **link; /* `link` points to what points here */
  struct bufferevent *bev;
  int number;
};

static struct client *clients;
static int next_number = 1;

static void tell_others(const struct client *who, const char *what) {
  struct client *other;
  for (other = clients; other != NULL; other = other->next) {
    if (other == who) continue;
    evbuffer_add_printf(bufferevent_get_output(other->bev), "%d %s\n",
                        who->number, what);
  }
}

static void leave(struct client *client) {
  *client->link = client->next;
  if (client->next != NULL) client->next->link = client->link;
  tell_others(client, "left");
  bufferevent_free(client->bev);
  free(client);
}

static void on_read(struct bufferevent *bev, void *arg) {
  struct client *client = (struct client *)arg;
  struct evbuffer *input = bufferevent_get_input(bev);
  char *line, said[LINE_LIMIT_BYTES + 8];
  while ((line = evbuffer_readln(input, NULL, EVBUFFER_EOL_CRLF)) != NULL) {
    snprintf(said, sizeof(said), "says %s", line);
    tell_others(client, said);
    free(line);
  }
  /* Who never ends a line must not fill our memory. */
  if (evbuffer_get_length(input) > LINE_LIMIT_BYTES) leave(client);
}

static void on_event(struct bufferevent *bev, short what, void *arg) {
  (void)bev;
  if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) leave((struct client *)arg);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *peer, int peer_length, void *arg) {
  struct client *client = (struct client *)calloc(1, sizeof(*client));
  struct bufferevent *bev = bufferevent_socket_new(
      evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
  (void)peer;
  (void)peer_length;
  (void)arg;
  if (client == NULL || bev == NULL) {
    if (bev != NULL) bufferevent_free(bev);
    if (bev == NULL) evutil_closesocket(fd);
    free(client);
    return;
  }
  client->bev = bev;
  client->number = next_number++;
  client->next = clients;
  client->link = &clients;
  if (clients != NULL) clients->link = &client->next;
  clients = client;
  bufferevent_setcb(bev, on_read, NULL, on_event, client);
  if (bufferevent_enable(bev, EV_READ | EV_WRITE) < 0) {
    leave(client);
    return;
  }
  tell_others(client, "joined");
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
      base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, -1,
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

  while (clients != NULL) leave(clients);
  evconnlistener_free(listener);
  event_base_free(base);
  return failed;
}
