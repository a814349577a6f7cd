// SPDX-License-Identifier: BSD-3-Clause
//
// A messaging library: nanomsg, request and reply.
//
//   --role server   answers each request with itself (with --print: prints it,
//                   and answers with an empty message, since an answer is due)
//   --role client   sends each line of stdin as a request, prints the answers,
//                   and ends when stdin has ended and all are answered
//
// Idea: the library owns the connections: its threads accept, connect,
// reconnect, and cut the stream into messages, and a socket speaks a protocol
// with any number of peers. The program sees whole messages alone, and of the
// plumbing one descriptor, readable as long as a message can be received: so it
// fits any loop, here evoke's. A request whose server dies is sent again to the
// next one.
// Right when: services talk to services, messages are small, and the peers come
// and go.
// Breaks when: the peer speaks anything else (this is no echo for `nc`), or a
// server needs to see who its clients are, or to refuse one.
// Who: the kind began with AMQP and ZeroMQ; nanomsg is what the author of
// ZeroMQ and of Crossroads I/O (xs) wrote after those.
#include <nanomsg/reqrep.h>

#include "nanomsg_socket.h"

static struct model_options options;
static struct model_stats stats;
static struct event_base *base;
static struct lines lines;
static int sock;
static int waiting;  // an answer is due to the client

// One message each time: the descriptor stays ready as long as there are more.
static void on_request(evutil_socket_t fd, short what, void *arg) {
  void *message = NULL;
  int bytes = nn_recv(sock, &message, NN_MSG, NN_DONTWAIT);
  (void)fd, (void)what, (void)arg;
  if (bytes < 0) return;
  ++stats.messages;
  stats.bytes += (unsigned long)bytes;
  if (options.print) {
    model_print(message, (size_t)bytes);
    nn_freemsg(message);
    nn_send(sock, "", 0, NN_DONTWAIT);
  } else if (nn_send(sock, &message, NN_MSG, NN_DONTWAIT) < 0) {
    nn_freemsg(message);  // else it is nanomsg's
  }
}

// The protocol allows one request at a time: another one would take it back.
static void send_request(void *arg) {
  char *line = waiting ? NULL : lines_next(&lines);
  (void)arg;
  if (line != NULL) {
    if (nn_send(sock, line, strlen(line), 0) < 0) nanomsg_die("nn_send");
    waiting = 1;
    free(line);
  } else if (!waiting && lines_done(&lines)) {
    event_base_loopbreak(base);
  }
}

static void on_answer(evutil_socket_t fd, short what, void *arg) {
  void *message = NULL;
  int bytes = nn_recv(sock, &message, NN_MSG, NN_DONTWAIT);
  (void)fd, (void)what;
  if (bytes < 0) return;
  ++stats.messages;
  stats.bytes += (unsigned long)bytes;
  model_print(message, (size_t)bytes);
  nn_freemsg(message);
  waiting = 0;
  send_request(arg);
}

int main(int argc, char **argv) {
  struct event *end, *ready;
  int client = messaging_second_role(&argc, argv, "server", "client");
  options = model_parse(argc, argv);
  base = messaging_base(&end);
  sock = nanomsg_socket(client ? NN_REQ : NN_REP);
  if (client) {
    nanomsg_connect(sock, options.port);
    lines_open(&lines, base, send_request, NULL);
  } else {
    nanomsg_bind(sock, options.port, "port");
  }
  ready = nanomsg_event(base, sock, NN_RCVFD, EV_PERSIST,
                        client ? on_answer : on_request, NULL);
  event_add(ready, NULL);
  event_base_dispatch(base);

  stats.connections = (unsigned long)nn_get_statistic(
      sock,
      client ? NN_STAT_ESTABLISHED_CONNECTIONS : NN_STAT_ACCEPTED_CONNECTIONS);
  lines_close(&lines);
  event_free(ready);
  nn_close(sock);
  event_free(end);
  event_base_free(base);
  model_end(&options, &stats);
  return 0;
}
