// SPDX-License-Identifier: BSD-3-Clause
//
// An event library: libevent's face. One source, two programs: `on_evoke` runs
// on evoke, `on_libevent` on Debian's libevent.
//
// Idea: a base waits for everything; a listener hands over connections, and a
// bufferevent owns the two buffers of each. The callbacks speak of bytes that
// came and bytes that left; reading, writing and EAGAIN are the library's work.
// Right when: a program in C has many connections of moderate traffic, timers
// and signals, and should run on every Unix.
// Breaks when: a callback computes or blocks (all others wait), or nobody
// bounds the output buffer: it takes what it is given, and a peer that does not
// read makes it grow. Here a client with much unsent output is not read from.
// Who: memcached, tmux, Tor.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>

#include "model.h"

// As much may wait for a client that does not read.
enum { OUTPUT_LIMIT_BYTES = 256 * 1024 };

static struct model_options options;
static struct model_stats stats;

// The connections that are open, so that all can be freed at the end.
struct client {
  struct bufferevent *bev;
  struct client *next, **link;
};
static struct client *clients;

static void close_client(struct client *client) {
  *client->link = client->next;
  if (client->next != NULL) client->next->link = client->link;
  bufferevent_free(client->bev);
  free(client);
}

static void on_read(struct bufferevent *bev, void *arg) {
  struct evbuffer *input = bufferevent_get_input(bev);
  struct evbuffer *output = bufferevent_get_output(bev);
  ++stats.messages;
  stats.bytes += evbuffer_get_length(input);
  if (options.print) {
    char bytes[MODEL_BUFFER_BYTES];
    while (evbuffer_get_length(input) > 0) {
      model_print(bytes, (size_t)evbuffer_remove(input, bytes, sizeof(bytes)));
    }
  } else if (evbuffer_add_buffer(output, input) < 0) {  // moves, copies nothing
    close_client(arg);
  } else if (evbuffer_get_length(output) > OUTPUT_LIMIT_BYTES) {
    bufferevent_disable(bev, EV_READ);  // the rest waits in the kernel
  }
}

static void on_written(struct bufferevent *bev, void *arg) {
  if (bufferevent_enable(bev, EV_READ) < 0) close_client(arg);
}

static void on_last_written(struct bufferevent *bev, void *arg) {
  (void)bev;
  close_client(arg);
}

// The last answers are still to be sent to who has closed its end.
static void on_event(struct bufferevent *bev, short what, void *arg) {
  if ((what & BEV_EVENT_EOF) &&
      evbuffer_get_length(bufferevent_get_output(bev)) > 0) {
    bufferevent_setcb(bev, NULL, on_last_written, on_event, arg);
  } else {
    close_client(arg);
  }
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *peer, int peer_length, void *arg) {
  struct client *client = malloc(sizeof(*client));
  struct event_base *base = evconnlistener_get_base(listener);
  (void)peer, (void)peer_length, (void)arg;
  if (client != NULL) {
    client->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  }
  if (client == NULL || client->bev == NULL) {
    evutil_closesocket(fd);
    free(client);
    return;
  }
  ++stats.connections;
  client->next = clients;
  client->link = &clients;
  if (clients != NULL) clients->link = &client->next;
  clients = client;
  bufferevent_setcb(client->bev, on_read, on_written, on_event, client);
  if (bufferevent_enable(client->bev, EV_READ | EV_WRITE) < 0) {
    close_client(client);
  }
}

static void on_rested(evutil_socket_t fd, short what, void *listener) {
  (void)fd, (void)what;
  evconnlistener_enable(listener);
}

// Descriptors are short: the listener rests. (evoke's does so without being
// told, libevent's would be ready for ever.)
static void on_accept_error(struct evconnlistener *listener, void *arg) {
  struct timeval rest = {0, 10000};
  (void)arg;
  evconnlistener_disable(listener);
  event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT, on_rested,
                  listener, &rest);
}

static void on_sigterm(evutil_socket_t signal, short what, void *base) {
  (void)signal, (void)what;
  event_base_loopbreak(base);
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {0};
  options = model_parse(argc, argv);
  signal(SIGPIPE, SIG_IGN);  // libevent writes to sockets as to any file
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((unsigned short)options.port);

  struct event_base *base = event_base_new();
  if (base == NULL) model_die("event_base_new");
  struct evconnlistener *listener = evconnlistener_new_bind(
      base, on_accept, NULL,
      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC,
      SOMAXCONN, (struct sockaddr *)&address, sizeof(address));
  if (listener == NULL) model_die("evconnlistener_new_bind");
  evconnlistener_set_error_cb(listener, on_accept_error);
  struct event *end = evsignal_new(base, SIGTERM, on_sigterm, base);
  if (end == NULL || event_add(end, NULL) < 0) model_die("evsignal_new");
  model_print_port(evconnlistener_get_fd(listener));
  event_base_dispatch(base);

  while (clients != NULL) close_client(clients);
  event_free(end);
  evconnlistener_free(listener);
  event_base_free(base);
  model_end(&options, &stats);
  return 0;
}
