// SPDX-License-Identifier: BSD-3-Clause
//
// An event library: libev's face.
//
// Idea: a loop and watchers, and nothing else. A watcher (ev_io, ev_timer,
// ev_signal) is a struct of yours that the library links into its lists, so a
// connection costs no allocation but your own; it tells readiness alone, and
// every read, write and EAGAIN is yours. libev has no listener and no buffers:
// where another library keeps an output buffer, this program holds one message
// and waits for either readability or writability, never both.
// Right when: the program has its own buffers or protocol library, and wants a
// thin and quick loop.
// Breaks when: one forgets that a watcher must be stopped to be changed, or
// wants portability to Windows (select at best).
// Who: gevent, shadowsocks-libev, Node.js before it had libuv.
#include <ev.h>
#include <signal.h>

#include "model.h"

struct client {
  ev_io io;           // the first member: the callback's watcher is the client
  size_t begin, end;  // what of `bytes` is still to be sent
  struct client *next, **link;
  char bytes[MODEL_BUFFER_BYTES];
};

static struct model_options options;
static struct model_stats stats;
static struct client *clients;

static void close_client(struct ev_loop *loop, struct client *client) {
  ev_io_stop(loop, &client->io);
  close(client->io.fd);
  *client->link = client->next;
  if (client->next != NULL) client->next->link = client->link;
  free(client);
}

static void wait_for(struct ev_loop *loop, struct client *client, int events) {
  if (client->io.events == events) return;
  ev_io_stop(loop, &client->io);
  ev_io_set(&client->io, client->io.fd, events);
  ev_io_start(loop, &client->io);
}

// Sends what there is; what the kernel does not take waits for writability, and
// nothing is read from this client until then.
static void send_pending(struct ev_loop *loop, struct client *client) {
  ssize_t sent = send(client->io.fd, client->bytes + client->begin,
                      client->end - client->begin, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    close_client(loop, client);
    return;
  }
  if (sent > 0) client->begin += (size_t)sent;
  wait_for(loop, client, client->begin < client->end ? EV_WRITE : EV_READ);
}

static void receive(struct ev_loop *loop, struct client *client) {
  ssize_t got = recv(client->io.fd, client->bytes, sizeof(client->bytes), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    close_client(loop, client);
    return;
  }
  ++stats.messages;
  stats.bytes += (unsigned long)got;
  if (options.print) {
    model_print(client->bytes, (size_t)got);
    return;
  }
  client->begin = 0;
  client->end = (size_t)got;
  send_pending(loop, client);
}

static void on_client(struct ev_loop *loop, ev_io *io, int events) {
  struct client *client = (struct client *)io;
  if (events & EV_WRITE) {
    send_pending(loop, client);
  } else {
    receive(loop, client);
  }
}

// Descriptors are short: the listener rests, instead of being ready for ever.
static void on_rested(struct ev_loop *loop, ev_timer *rest, int events) {
  (void)events;
  ev_io_start(loop, rest->data);
}

static void on_listener(struct ev_loop *loop, ev_io *listener, int events) {
  static ev_timer rest;
  int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  struct client *client = fd < 0 ? NULL : malloc(sizeof(*client));
  (void)events;
  if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
    ev_io_stop(loop, listener);
    ev_timer_init(&rest, on_rested, 0.01, 0);
    rest.data = listener;
    ev_timer_start(loop, &rest);
  }
  if (client == NULL) {
    if (fd >= 0) close(fd);
    return;
  }
  ++stats.connections;
  client->next = clients;
  client->link = &clients;
  if (clients != NULL) clients->link = &client->next;
  clients = client;
  ev_io_init(&client->io, on_client, fd, EV_READ);
  ev_io_start(loop, &client->io);
}

static void on_sigterm(struct ev_loop *loop, ev_signal *signal, int events) {
  (void)signal, (void)events;
  ev_break(loop, EVBREAK_ALL);
}

int main(int argc, char **argv) {
  ev_io listener;
  ev_signal end;
  options = model_parse(argc, argv);
  struct ev_loop *loop = ev_default_loop(0);
  if (loop == NULL) model_die("ev_default_loop");
  ev_signal_init(&end, on_sigterm, SIGTERM);
  ev_signal_start(loop, &end);
  ev_io_init(&listener, on_listener, model_listen(options.port, SOCK_NONBLOCK),
             EV_READ);
  ev_io_start(loop, &listener);
  ev_run(loop, 0);

  while (clients != NULL) close_client(loop, clients);
  close(listener.fd);
  ev_loop_destroy(loop);
  model_end(&options, &stats);
  return 0;
}
