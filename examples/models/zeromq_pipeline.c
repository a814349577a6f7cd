// SPDX-License-Identifier: BSD-3-Clause
//
// A messaging library: ZeroMQ, a pipeline.
//
//   --role source   listens on --port for workers and gives each line of stdin
//                   to one of them; listens on --results (9989) for what they
//                   made of it, and prints that
//   --role worker   connects to both; here the work is to put its process id
//                   before the line (with --print: print it, without a result)
//
// Idea: work flows in one direction, from PUSH to PULL; the library deals the
// messages out in turn to the workers whose queues have room. Back-pressure is
// the loop's part: without room no line is read from stdin, and a worker takes
// no task while it could not send the result. Both sockets' descriptors are
// edges, so one function does whatever both can do, and either edge calls it:
// zeromq_socket.h.
// Right when: tasks are independent and longer than a message takes: encoding,
// crawling, tests.
// Breaks when: a worker dies: what it had in its queue is lost, and nobody
// knows. And when tasks differ in length: they are dealt out in turn, up to
// 1000 in advance for each worker (ZMQ_SNDHWM, ZMQ_RCVHWM), however long its
// queue takes.
// Who: the ventilator and sink of ZeroMQ's guide; log shippers.
#include "zeromq_socket.h"

static struct model_options options;
static struct model_stats stats;  // connections are ZeroMQ's own affair: 0
static struct event *ready;
static struct lines lines;
static void *tasks, *results;

static void receive(void *sock, zmq_msg_t *part) {
  zmq_msg_init(part);
  if (zmq_msg_recv(part, sock, ZMQ_DONTWAIT) < 0) zeromq_die("zmq_msg_recv");
  ++stats.messages;
  stats.bytes += zmq_msg_size(part);
}

// The source: lines to workers, as long as one of them has room.
static void give_tasks(void *arg) {
  (void)arg;
  while (zeromq_can(tasks) & ZMQ_POLLOUT) {
    char *line = lines_next(&lines);
    if (line == NULL) break;
    if (zmq_send(tasks, line, strlen(line), 0) < 0) zeromq_die("zmq_send");
    free(line);
  }
}

static void on_tasks(evutil_socket_t fd, short what, void *arg) {
  (void)fd, (void)what;
  give_tasks(arg);
}

static void on_results(evutil_socket_t fd, short what, void *arg) {
  int received = 0;
  (void)fd, (void)what, (void)arg;
  while (zeromq_can(results) & ZMQ_POLLIN) {
    zmq_msg_t part;
    if (received++ == ZEROMQ_MESSAGES_PER_TURN) {
      zeromq_continue(ready);
      return;
    }
    receive(results, &part);
    model_print(zmq_msg_data(&part), zmq_msg_size(&part));
    zmq_msg_close(&part);
  }
}

static void work(void) {
  zmq_msg_t task;
  char name[32];
  int length = snprintf(name, sizeof(name), "%d ", (int)getpid());
  receive(tasks, &task);
  if (options.print) {
    model_print(zmq_msg_data(&task), zmq_msg_size(&task));
  } else {
    zmq_msg_t result;
    if (zmq_msg_init_size(&result, (size_t)length + zmq_msg_size(&task)) < 0) {
      zeromq_die("zmq_msg_init_size");
    }
    memcpy(zmq_msg_data(&result), name, (size_t)length);
    memcpy((char *)zmq_msg_data(&result) + length, zmq_msg_data(&task),
           zmq_msg_size(&task));
    if (zmq_msg_send(&result, results, 0) < 0) zeromq_die("zmq_msg_send");
  }
  zmq_msg_close(&task);
}

// The worker: called by either socket's edge.
static void on_worker(evutil_socket_t fd, short what, void *arg) {
  int worked = 0;
  (void)fd, (void)what, (void)arg;
  while ((zeromq_can(tasks) & ZMQ_POLLIN) &&
         (zeromq_can(results) & ZMQ_POLLOUT)) {
    if (worked++ == ZEROMQ_MESSAGES_PER_TURN) {
      zeromq_continue(ready);
      return;
    }
    work();
  }
}

int main(int argc, char **argv) {
  struct event *end, *other;
  int worker = messaging_second_role(&argc, argv, "source", "worker");
  int results_port = atoi(messaging_flag(&argc, argv, "--results", "9989"));
  options = model_parse(argc, argv);
  struct event_base *base = messaging_base(&end);
  void *context = zeromq_context();
  tasks = zeromq_socket(context, worker ? ZMQ_PULL : ZMQ_PUSH);
  results = zeromq_socket(context, worker ? ZMQ_PUSH : ZMQ_PULL);
  if (worker) {
    zeromq_connect(tasks, options.port);
    zeromq_connect(results, results_port);
  } else {
    zeromq_bind(tasks, options.port, "port");
    zeromq_bind(results, results_port, "results");
    lines_open(&lines, base, give_tasks, NULL);
  }
  ready = zeromq_event(base, results, worker ? on_worker : on_results, NULL);
  other = zeromq_event(base, tasks, worker ? on_worker : on_tasks, NULL);
  event_base_dispatch(base);

  lines_close(&lines);
  event_free(ready);
  event_free(other);
  event_free(end);
  event_base_free(base);
  zmq_close(tasks);
  zmq_close(results);
  zmq_ctx_term(context);
  model_end(&options, &stats);
  return 0;
}
