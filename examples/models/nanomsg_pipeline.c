// SPDX-License-Identifier: BSD-3-Clause
//
// A messaging library: nanomsg, a pipeline.
//
//   --role source   listens on --port for workers and gives each line of stdin
//                   to one of them; listens on --results (9989) for what they
//                   made of it, and prints that
//   --role worker   connects to both; here the work is to put its process id
//                   before the line (with --print: print it, without a result)
//
// Idea: work flows in one direction, from PUSH to PULL. The library gives each
// message to a worker that has room; workers come and go, and nobody keeps a
// list of them. What evoke's loop adds is back-pressure: with no room anywhere,
// sending fails with EAGAIN, and one waits on the descriptor for sending before
// one reads more from stdin.
// Right when: tasks are independent and longer than a message takes: encoding,
// crawling, tests.
// Breaks when: a worker dies: what it had in its queue is lost, and nobody
// knows. That takes acknowledgements, which this protocol has not.
// Who: `make -j` and job servers (gearmand) are of the kind, with a
// book-keeper.
#include <nanomsg/pipeline.h>

#include "nanomsg_socket.h"

static struct model_options options;
static struct model_stats stats;
static struct lines lines;
static int tasks, results;
static struct event *can_send, *can_receive;
static char *unsent;  // a worker's result that found no room

static void on_can_send(evutil_socket_t fd, short what, void *arg);

// The source: lines to workers, as long as one of them has room.
static void give_tasks(void *arg) {
  char *line;
  (void)arg;
  while ((line = lines_next(&lines)) != NULL) {
    if (nn_send(tasks, line, strlen(line), NN_DONTWAIT) < 0) {
      if (nn_errno() != EAGAIN) nanomsg_die("nn_send");
      lines_put_back(&lines, line);
      event_add(can_send, NULL);
      return;
    }
    free(line);
  }
}

static void on_result(evutil_socket_t fd, short what, void *arg) {
  void *message = NULL;
  int bytes = nn_recv(results, &message, NN_MSG, NN_DONTWAIT);
  (void)fd, (void)what, (void)arg;
  if (bytes < 0) return;
  ++stats.messages;
  stats.bytes += (unsigned long)bytes;
  model_print(message, (size_t)bytes);
  nn_freemsg(message);
}

// The worker: no new task before the last one's result has gone.
static void give_result(void) {
  if (nn_send(results, unsent, strlen(unsent), NN_DONTWAIT) < 0) {
    if (nn_errno() != EAGAIN) nanomsg_die("nn_send");
    event_del(can_receive);
    event_add(can_send, NULL);
    return;
  }
  free(unsent);
  unsent = NULL;
  event_add(can_receive, NULL);
}

static void on_task(evutil_socket_t fd, short what, void *arg) {
  void *message = NULL;
  int bytes = nn_recv(tasks, &message, NN_MSG, NN_DONTWAIT);
  (void)fd, (void)what, (void)arg;
  if (bytes < 0) return;
  ++stats.messages;
  stats.bytes += (unsigned long)bytes;
  if (options.print) {
    model_print(message, (size_t)bytes);
  } else if ((unsent = malloc((size_t)bytes + 32)) != NULL) {
    sprintf(unsent, "%d %.*s", (int)getpid(), bytes, (char *)message);
    give_result();
  }
  nn_freemsg(message);
}

static void on_can_send(evutil_socket_t fd, short what, void *source) {
  (void)fd, (void)what;
  if (source != NULL) {
    give_tasks(NULL);
  } else {
    give_result();
  }
}

int main(int argc, char **argv) {
  struct event *end;
  int worker = messaging_second_role(&argc, argv, "source", "worker");
  int results_port = atoi(messaging_flag(&argc, argv, "--results", "9989"));
  options = model_parse(argc, argv);
  struct event_base *base = messaging_base(&end);
  tasks = nanomsg_socket(worker ? NN_PULL : NN_PUSH);
  results = nanomsg_socket(worker ? NN_PUSH : NN_PULL);
  if (worker) {
    nanomsg_connect(tasks, options.port);
    nanomsg_connect(results, results_port);
  } else {
    nanomsg_bind(tasks, options.port, "port");
    nanomsg_bind(results, results_port, "results");
    lines_open(&lines, base, give_tasks, NULL);
  }
  can_send = nanomsg_event(base, worker ? results : tasks, NN_SNDFD, 0,
                           on_can_send, worker ? NULL : &lines);
  can_receive = nanomsg_event(base, worker ? tasks : results, NN_RCVFD,
                              EV_PERSIST, worker ? on_task : on_result, NULL);
  event_add(can_receive, NULL);
  event_base_dispatch(base);

  stats.connections = (unsigned long)nn_get_statistic(
      tasks,
      worker ? NN_STAT_ESTABLISHED_CONNECTIONS : NN_STAT_ACCEPTED_CONNECTIONS);
  lines_close(&lines);
  free(unsent);
  event_free(can_send);
  event_free(can_receive);
  nn_close(tasks);
  nn_close(results);
  event_free(end);
  event_base_free(base);
  model_end(&options, &stats);
  return 0;
}
