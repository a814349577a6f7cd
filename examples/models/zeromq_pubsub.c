// SPDX-License-Identifier: BSD-3-Clause
//
// A messaging library: ZeroMQ, publish and subscribe.
//
//   --role publisher    sends each line of stdin to whoever has subscribed
//                       (with --print: prints it as well)
//   --role subscriber   prints what comes; --topic T: what begins with T
//
// Idea: whoever says something does not know who listens. A topic is how a
// message begins, and a subscription is a prefix. Other than nanomsg's,
// ZeroMQ's subscribers tell the publisher, which sends nothing that nobody
// wants. The descriptor in evoke's loop is an edge: zeromq_socket.h.
// Right when: many want the same news, and old news are worth nothing: prices,
// positions, cache invalidations, metrics.
// Breaks when: each message counts. Who subscribes late has missed what came
// before (and a subscription takes its time to arrive), and for who is slow at
// most 1000 messages are kept (ZMQ_SNDHWM), then dropped: the publisher waits
// for nobody.
// Who: Bitcoin Core tells of blocks so; Jupyter's kernels, of their output.
#include "zeromq_socket.h"

static struct model_options options;
static struct model_stats stats;  // connections are ZeroMQ's own affair: 0
static struct event *ready;
static struct lines lines;
static void *sock;

// Goes on until there are no lines: a publisher can always send.
static void publish(void *arg) {
  char *line;
  (void)arg;
  while ((line = lines_next(&lines)) != NULL) {
    size_t bytes = strlen(line);
    if (zmq_send(sock, line, bytes, 0) < 0) zeromq_die("zmq_send");
    ++stats.messages;
    stats.bytes += bytes;
    if (options.print) model_print(line, bytes);
    free(line);
  }
  zeromq_can(sock);  // sending may have taken a wakeup
}

// Somebody has subscribed, or gone: reading ZMQ_EVENTS lets ZeroMQ see to it.
static void on_publisher(evutil_socket_t fd, short what, void *arg) {
  (void)fd, (void)what, (void)arg;
  zeromq_can(sock);
}

static void receive(void) {
  zmq_msg_t part;
  zmq_msg_init(&part);
  if (zmq_msg_recv(&part, sock, ZMQ_DONTWAIT) < 0) zeromq_die("zmq_msg_recv");
  ++stats.messages;
  stats.bytes += zmq_msg_size(&part);
  model_print(zmq_msg_data(&part), zmq_msg_size(&part));
  zmq_msg_close(&part);
}

static void on_subscriber(evutil_socket_t fd, short what, void *arg) {
  int received = 0;
  (void)fd, (void)what, (void)arg;
  while (zeromq_can(sock) & ZMQ_POLLIN) {
    if (received++ == ZEROMQ_MESSAGES_PER_TURN) {
      zeromq_continue(ready);
      return;
    }
    receive();
  }
}

int main(int argc, char **argv) {
  struct event *end;
  int subscriber =
      messaging_second_role(&argc, argv, "publisher", "subscriber");
  const char *topic = messaging_flag(&argc, argv, "--topic", "");
  options = model_parse(argc, argv);
  struct event_base *base = messaging_base(&end);
  void *context = zeromq_context();
  sock = zeromq_socket(context, subscriber ? ZMQ_SUB : ZMQ_PUB);
  if (subscriber) {
    // Without a subscription nothing comes; the empty prefix is everything.
    if (zmq_setsockopt(sock, ZMQ_SUBSCRIBE, topic, strlen(topic)) < 0) {
      zeromq_die("ZMQ_SUBSCRIBE");
    }
    zeromq_connect(sock, options.port);
  } else {
    zeromq_bind(sock, options.port, "port");
    lines_open(&lines, base, publish, NULL);
  }
  ready =
      zeromq_event(base, sock, subscriber ? on_subscriber : on_publisher, NULL);
  event_base_dispatch(base);

  lines_close(&lines);
  event_free(ready);
  event_free(end);
  event_base_free(base);
  zmq_close(sock);
  zmq_ctx_term(context);
  model_end(&options, &stats);
  return 0;
}
