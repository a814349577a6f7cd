// SPDX-License-Identifier: BSD-3-Clause
//
// A messaging library: ZeroMQ, request and reply.
//
//   --role server   answers each request with itself (with --print: prints it,
//                   and answers with an empty message, since an answer is due)
//   --role client   sends each line of stdin as a request, prints the answers,
//                   and ends when stdin has ended and all are answered
//
// Idea: as in nanomsg_reqrep.c, the library's threads own the connections, and
// a socket stands for all of them. Its descriptor in evoke's loop is an edge,
// which tells that something has happened and not what: zeromq_socket.h says
// what follows. A message may have several parts, and an answer has the same
// here.
// Right when: services talk to services, in any language, and a broker between
// them would be one thing more that can stop.
// Breaks when: the client's server dies between request and answer: this kind
// of socket then waits for ever, and the larger patterns (retries with a socket
// made anew, DEALER and ROUTER) begin. And when the edge is taken for a level.
// Who: Jupyter's kernels, SaltStack.
#include "zeromq_socket.h"

static struct model_options options;
static struct model_stats stats;  // connections are ZeroMQ's own affair: 0
static struct event_base *base;
static struct event *ready;
static struct lines lines;
static void *sock;
static int waiting;  // an answer is due to the client

static void count(zmq_msg_t *part) {
  ++stats.messages;
  stats.bytes += zmq_msg_size(part);
}

// One request, part by part, and its answer.
static void serve(void) {
  int more = 1;
  while (more) {
    zmq_msg_t part;
    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, sock, ZMQ_DONTWAIT) < 0) zeromq_die("zmq_msg_recv");
    more = zmq_msg_more(&part);
    count(&part);
    if (options.print) {
      model_print(zmq_msg_data(&part), zmq_msg_size(&part));
      zmq_msg_close(&part);
      if (!more) zmq_send(sock, "", 0, ZMQ_DONTWAIT);
    } else if (zmq_msg_send(&part, sock, more ? ZMQ_SNDMORE : 0) < 0) {
      zmq_msg_close(&part);  // else it is ZeroMQ's
    }
  }
}

static void on_server(evutil_socket_t fd, short what, void *arg) {
  int served = 0;
  (void)fd, (void)what, (void)arg;
  while (zeromq_can(sock) & ZMQ_POLLIN) {
    if (served++ == ZEROMQ_MESSAGES_PER_TURN) {
      zeromq_continue(ready);
      return;
    }
    serve();
  }
}

static void receive_answer(void) {
  zmq_msg_t part;
  zmq_msg_init(&part);
  if (zmq_msg_recv(&part, sock, ZMQ_DONTWAIT) < 0) zeromq_die("zmq_msg_recv");
  count(&part);
  model_print(zmq_msg_data(&part), zmq_msg_size(&part));
  waiting = zmq_msg_more(&part);
  zmq_msg_close(&part);
}

// Whatever happened (an answer, a line, room to send), what can be done is
// done, until ZMQ_EVENTS and the lines have no more.
static void go_on(void *arg) {
  int can;
  (void)arg;
  while ((can = zeromq_can(sock)) != 0) {
    char *line = NULL;
    if (can & ZMQ_POLLIN) {
      receive_answer();
    } else if (!waiting && (line = lines_next(&lines)) != NULL) {
      if (zmq_send(sock, line, strlen(line), 0) < 0) zeromq_die("zmq_send");
      waiting = 1;
      free(line);
    } else {
      break;
    }
  }
  if (!waiting && lines_done(&lines)) event_base_loopbreak(base);
}

static void on_client(evutil_socket_t fd, short what, void *arg) {
  (void)fd, (void)what;
  go_on(arg);
}

int main(int argc, char **argv) {
  struct event *end;
  int client = messaging_second_role(&argc, argv, "server", "client");
  options = model_parse(argc, argv);
  base = messaging_base(&end);
  void *context = zeromq_context();
  sock = zeromq_socket(context, client ? ZMQ_REQ : ZMQ_REP);
  if (client) {
    zeromq_connect(sock, options.port);
    lines_open(&lines, base, go_on, NULL);
  } else {
    zeromq_bind(sock, options.port, "port");
  }
  ready = zeromq_event(base, sock, client ? on_client : on_server, NULL);
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
