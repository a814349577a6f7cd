// SPDX-License-Identifier: BSD-3-Clause
//
// A messaging library: nanomsg, publish and subscribe.
//
//   --role publisher    sends each line of stdin to whoever has subscribed
//                       (with --print: prints it as well)
//   --role subscriber   prints what comes; --topic T: what begins with T
//
// Idea: whoever says something does not know who listens. A topic is how a
// message begins, and a subscription is a prefix; here each subscriber's own
// library drops what was not asked for. As in nanomsg_reqrep.c, evoke's loop
// waits on one descriptor of a socket that has any number of connections.
// Right when: many want the same news, and old news are worth nothing: prices,
// positions, cache invalidations, metrics.
// Breaks when: each message counts. Who subscribes late has missed what came
// before, without a word, and who is slow loses what his queue has no room for:
// the publisher waits for nobody.
// Who: stock exchanges' feeds work so, by multicast; Redis has it as PUBLISH.
#include <nanomsg/pubsub.h>

#include "nanomsg_socket.h"

static struct model_options options;
static struct model_stats stats;
static struct lines lines;
static int sock;

// Goes on until there are no lines: a publisher can always send.
static void publish(void *arg) {
  char *line;
  (void)arg;
  while ((line = lines_next(&lines)) != NULL) {
    size_t bytes = strlen(line);
    if (nn_send(sock, line, bytes, 0) < 0) nanomsg_die("nn_send");
    ++stats.messages;
    stats.bytes += bytes;
    if (options.print) model_print(line, bytes);
    free(line);
  }
}

// One message each time: the descriptor stays ready as long as there are more.
static void on_news(evutil_socket_t fd, short what, void *arg) {
  void *message = NULL;
  int bytes = nn_recv(sock, &message, NN_MSG, NN_DONTWAIT);
  (void)fd, (void)what, (void)arg;
  if (bytes < 0) return;
  ++stats.messages;
  stats.bytes += (unsigned long)bytes;
  model_print(message, (size_t)bytes);
  nn_freemsg(message);
}

int main(int argc, char **argv) {
  struct event *end, *ready = NULL;
  int subscriber =
      messaging_second_role(&argc, argv, "publisher", "subscriber");
  const char *topic = messaging_flag(&argc, argv, "--topic", "");
  options = model_parse(argc, argv);
  struct event_base *base = messaging_base(&end);
  sock = nanomsg_socket(subscriber ? NN_SUB : NN_PUB);
  if (subscriber) {
    // Without a subscription nothing comes; the empty prefix is everything.
    if (nn_setsockopt(sock, NN_SUB, NN_SUB_SUBSCRIBE, topic, strlen(topic)) <
        0) {
      nanomsg_die("NN_SUB_SUBSCRIBE");
    }
    nanomsg_connect(sock, options.port);
    ready = nanomsg_event(base, sock, NN_RCVFD, EV_PERSIST, on_news, NULL);
    event_add(ready, NULL);
  } else {
    nanomsg_bind(sock, options.port, "port");
    lines_open(&lines, base, publish, NULL);
  }
  event_base_dispatch(base);

  stats.connections = (unsigned long)nn_get_statistic(
      sock, subscriber ? NN_STAT_ESTABLISHED_CONNECTIONS
                       : NN_STAT_ACCEPTED_CONNECTIONS);
  lines_close(&lines);
  if (ready != NULL) event_free(ready);
  nn_close(sock);
  event_free(end);
  event_base_free(base);
  model_end(&options, &stats);
  return 0;
}
