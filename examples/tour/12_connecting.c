/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connecting: clients, and the ways in which that goes wrong.
 *
 *   12_connecting [--method epoll|poll|select]
 *
 * To connect takes time, so a bufferevent does it in the loop and says how it
 * ended: connected, or an error. What is written before waits. This program has
 * a server that answers each line in capitals, and clients of all kinds of
 * luck.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "examples/tour/tour.h"

/* --- The server ------------------------------------------------------------
 */

static void on_line(struct bufferevent *bev, void *arg) {
  char *line, *c;
  while ((line = evbuffer_readln(bufferevent_get_input(bev), NULL,
                                 EVBUFFER_EOL_LF)) != NULL) {
    for (c = line; *c != '\0'; ++c) *c = (char)toupper((unsigned char)*c);
    evbuffer_add_printf(bufferevent_get_output(bev), "%s\n", line);
    counting_free(line);
  }
  (void)arg;
}

static int gone; /* clients that the server has seen go */

static void on_client_gone(struct bufferevent *bev, short what, void *arg) {
  printf("  the server sees the client go\n");
  ++gone;
  bufferevent_free(bev);
  (void)what;
  (void)arg;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *peer, int length, void *base) {
  struct bufferevent *bev = must(
      bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE), "bufferevent");
  bufferevent_setcb(bev, on_line, NULL, on_client_gone, NULL);
  bufferevent_enable(bev, EV_READ | EV_WRITE);
  (void)listener;
  (void)peer;
  (void)length;
}

static struct evconnlistener *serve(struct event_base *base, int *port) {
  struct sockaddr_in address;
  socklen_t length = sizeof(address);
  struct evconnlistener *listener;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener =
      must(evconnlistener_new_bind(base, on_accept, base, LEV_OPT_CLOSE_ON_FREE,
                                   -1, (struct sockaddr *)&address, length),
           "listener");
  getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address,
              &length);
  *port = ntohs(address.sin_port);
  return listener;
}

/* --- The client ------------------------------------------------------------
 */

struct client {
  struct bufferevent *bev;
  const char *name;
  int connected;
  int done; /* an answer, or an error */
};

static void on_answer(struct bufferevent *bev, void *arg) {
  struct client *client = arg;
  char *line =
      evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_LF);
  if (line == NULL) return;
  printf("  %s got \"%s\"\n", client->name, line);
  counting_free(line);
  client->done = 1;
}

static void on_event(struct bufferevent *bev, short what, void *arg) {
  struct client *client = arg;
  int error = EVUTIL_SOCKET_ERROR();
  if (what & BEV_EVENT_CONNECTED) {
    printf("  %s is connected\n", client->name);
    client->connected = 1;
  }
  if (what & BEV_EVENT_ERROR) {
    int dns_error = bufferevent_socket_get_dns_error(bev);
    printf("  %s failed: %s\n", client->name,
           dns_error != 0 ? evutil_gai_strerror(dns_error)
                          : evutil_socket_error_to_string(error));
    client->done = 1;
  }
}

static void start(struct event_base *base, struct client *client,
                  const char *name, evutil_socket_t fd) {
  client->name = name;
  client->connected = 0;
  client->done = 0;
  client->bev = must(bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE),
                     "bufferevent");
  bufferevent_setcb(client->bev, on_answer, NULL, on_event, client);
  bufferevent_enable(client->bev, EV_READ | EV_WRITE);
}

/* Turns the loop until the client is done, frees it, and lets the server see.
 */
static void finish(struct event_base *base, struct client *client) {
  while (!client->done) event_base_loop(base, EVLOOP_ONCE);
  bufferevent_free(client->bev);
  gone = 0;
  while (gone < client->connected) event_base_loop(base, EVLOOP_ONCE);
}

/* --- Luck of all kinds -----------------------------------------------------
 */

static struct sockaddr_in address_of(int port) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((unsigned short)port);
  return address;
}

static void by_address(struct event_base *base, int port) {
  struct sockaddr_in address = address_of(port);
  struct client client;
  section("by address");
  start(base, &client, "the first", -1);
  bufferevent_write(client.bev, "written before\n", 15);
  printf("connect: %d\n",
         bufferevent_socket_connect(client.bev, (struct sockaddr *)&address,
                                    sizeof(address)));
  printf("it made a socket: %d\n", bufferevent_getfd(client.bev) >= 0);
  finish(base, &client);

  /* A socket of one's own, which could be bound to an address, say. */
  start(base, &client, "the second", socket(AF_INET, SOCK_STREAM, 0));
  evutil_make_socket_nonblocking(bufferevent_getfd(client.bev));
  bufferevent_write(client.bev, "own socket\n", 11);
  bufferevent_socket_connect(client.bev, (struct sockaddr *)&address,
                             sizeof(address));
  finish(base, &client);
}

static void by_name(struct event_base *base, int port) {
  struct client client;
  section("by name");
  start(base, &client, "the third", -1);
  bufferevent_write(client.bev, "numbers are names\n", 18);
  /* Without an evdns_base it asks the system, and waits for it. */
  bufferevent_socket_connect_hostname(client.bev, NULL, AF_INET, "127.0.0.1",
                                      port);
  finish(base, &client);
}

static void unlucky(struct event_base *base, int closed_port) {
  struct sockaddr_in address = address_of(closed_port);
  struct client client;
  section("without luck");
  start(base, &client, "who comes too late", -1);
  bufferevent_socket_connect(client.bev, (struct sockaddr *)&address,
                             sizeof(address));
  finish(base, &client);
  start(base, &client, "who asks for IPv6 of an IPv4 address", -1);
  bufferevent_socket_connect_hostname(client.bev, NULL, AF_INET6, "127.0.0.1",
                                      closed_port);
  printf("dns error: %d\n", bufferevent_socket_get_dns_error(client.bev) != 0);
  finish(base, &client);
}

int main(int argc, char **argv) {
  const char *method = tour_begin(argc, argv);
  struct event_base *base = tour_base(method);
  int port;
  struct evconnlistener *listener = serve(base, &port);
  by_address(base, port);
  by_name(base, port);
  evconnlistener_free(listener);
  unlucky(base, port);
  event_base_loop(base, EVLOOP_NONBLOCK); /* what was freed is gone */
  event_base_free(base);
  return tour_end();
}
