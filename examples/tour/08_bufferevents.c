/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bufferevent: a connection with an input and an output.
 *
 *   08_bufferevents [--method epoll|poll|select]
 *
 * The loop fills the input and calls back; the program fills the output, and
 * the loop sends it when the socket takes it. The rest is about how much and
 * when: watermarks, timeouts, directions. Here both ends of a connection live
 * in one program: a bufferevent, and a bare socket as its peer.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <unistd.h>

#include "examples/tour/tour.h"

struct connection {
  struct event_base *base;
  struct bufferevent *bev;
  evutil_socket_t peer;
  int reads;   /* how often on_read was called */
  size_t take; /* how much it takes */
};

static void on_read(struct bufferevent *bev, void *arg) {
  struct connection *connection = arg;
  printf("  read callback %d: %d bytes in the input\n", ++connection->reads,
         (int)evbuffer_get_length(bufferevent_get_input(bev)));
  evbuffer_drain(bufferevent_get_input(bev), connection->take);
}

static void on_written(struct bufferevent *bev, void *arg) {
  printf("  write callback: %d bytes in the output\n",
         (int)evbuffer_get_length(bufferevent_get_output(bev)));
  (void)arg;
}

static void on_event(struct bufferevent *bev, short what, void *arg) {
  printf("  event callback:%s%s%s%s%s\n",
         what & BEV_EVENT_READING ? " reading" : "",
         what & BEV_EVENT_WRITING ? " writing" : "",
         what & BEV_EVENT_EOF ? " end" : "",
         what & BEV_EVENT_ERROR ? " error" : "",
         what & BEV_EVENT_TIMEOUT ? " timeout" : "");
  (void)bev;
  (void)arg;
}

static void turn(struct connection *connection) {
  event_base_loop(connection->base, EVLOOP_NONBLOCK);
}

static void peer_sends(struct connection *connection, const char *text) {
  if (write(connection->peer, text, strlen(text)) < 0) printf("cannot write\n");
}

static void peer_shows(struct connection *connection) {
  char bytes[64];
  ssize_t got = read(connection->peer, bytes, sizeof(bytes));
  printf("  the peer got: \"%.*s\"\n", got < 0 ? 0 : (int)got, bytes);
}

static struct connection open_connection(struct event_base *base, int options) {
  struct connection connection = {base, NULL, -1, 0, 0};
  evutil_socket_t pair[2];
  connected_pair(pair);
  connection.peer = pair[1];
  connection.bev = must(
      bufferevent_socket_new(base, pair[0], options | BEV_OPT_CLOSE_ON_FREE),
      "bufferevent");
  return connection;
}

static void close_connection(struct connection *connection) {
  bufferevent_free(connection->bev);
  evutil_closesocket(connection->peer);
  turn(connection); /* it is gone when the loop has let go of it */
}

/* --- Bytes -----------------------------------------------------------------
 */

static void bytes(struct event_base *base) {
  struct connection connection = open_connection(base, 0);
  struct evbuffer *buffer = must(evbuffer_new(), "buffer");
  char text[16] = "";
  section("bytes");
  bufferevent_setcb(connection.bev, on_read, on_written, on_event, &connection);
  printf("enabled at first: %s\n",
         flags_of(bufferevent_get_enabled(connection.bev)));
  peer_sends(&connection, "hello");
  turn(&connection);
  bufferevent_enable(connection.bev, EV_READ);
  printf("enabled: %s\n", flags_of(bufferevent_get_enabled(connection.bev)));
  turn(&connection);
  printf("took %d: ", (int)bufferevent_read(connection.bev, text, 3));
  printf("\"%s\"\n", text);
  bufferevent_read_buffer(connection.bev, buffer);
  printf("took the rest: %d\n", (int)evbuffer_get_length(buffer));

  bufferevent_write(connection.bev, "answer ", 7);
  bufferevent_write_buffer(connection.bev, buffer); /* moved, not copied */
  turn(&connection);
  peer_shows(&connection);
  bufferevent_disable(connection.bev, EV_READ | EV_WRITE);
  printf("enabled: %s\n", flags_of(bufferevent_get_enabled(connection.bev)));
  bufferevent_write(connection.bev, "later", 5);
  turn(&connection);
  peer_shows(&connection);
  evbuffer_free(buffer);
  close_connection(&connection);
}

/* --- How much --------------------------------------------------------------
 */

static void watermarks(struct event_base *base) {
  struct connection connection = open_connection(base, 0);
  size_t low = 0, high = 0;
  section("how much");
  bufferevent_setcb(connection.bev, on_read, on_written, on_event, &connection);
  bufferevent_setwatermark(connection.bev, EV_READ, 4, 8);
  bufferevent_getwatermark(connection.bev, EV_READ, &low, &high);
  printf("between %d and %d\n", (int)low, (int)high);
  bufferevent_enable(connection.bev, EV_READ);
  peer_sends(&connection, "123");
  turn(&connection);
  printf("three are too few\n");
  printf("of ten, two wait in the socket until the callback takes six\n");
  connection.take = 6;
  peer_sends(&connection, "4567890");
  turn(&connection);
  turn(&connection);

  /* So much at a time, so that no connection holds up the others. */
  bufferevent_setwatermark(connection.bev, EV_READ, 0, 0);
  bufferevent_set_max_single_read(connection.bev, 3);
  bufferevent_set_max_single_write(connection.bev, 2);
  printf("at a time: %d in, %d out\n",
         (int)bufferevent_get_max_single_read(connection.bev),
         (int)bufferevent_get_max_single_write(connection.bev));
  printf("so now: %d in, %d out\n",
         (int)bufferevent_get_max_to_read(connection.bev),
         (int)bufferevent_get_max_to_write(connection.bev));
  peer_sends(&connection, "12345");
  turn(&connection);
  turn(&connection);
  close_connection(&connection);
}

/* --- When ------------------------------------------------------------------
 */

static void timeouts(struct event_base *base) {
  const struct timeval soon = {0, 20 * 1000};
  struct connection connection = open_connection(base, 0);
  section("when");
  bufferevent_setcb(connection.bev, on_read, NULL, on_event, &connection);
  bufferevent_set_timeouts(connection.bev, &soon, NULL);
  bufferevent_enable(connection.bev, EV_READ);
  printf("nothing comes\n");
  event_base_loop(base, EVLOOP_ONCE);
  printf("reading is off after that: %d\n",
         (bufferevent_get_enabled(connection.bev) & EV_READ) == 0);
  bufferevent_set_timeouts(connection.bev, NULL, NULL);
  bufferevent_enable(connection.bev, EV_READ);
  printf("the peer says good bye\n");
  peer_sends(&connection, "bye");
  shutdown(connection.peer, SHUT_WR);
  turn(&connection);
  turn(&connection);
  close_connection(&connection);
}

/* --- Calling back by hand, and later ---------------------------------------
 */

static void by_hand(struct event_base *base) {
  struct connection connection = open_connection(base, 0);
  struct connection deferred = open_connection(base, BEV_OPT_DEFER_CALLBACKS);
  bufferevent_data_cb read_callback = NULL, write_callback = NULL;
  bufferevent_event_cb event_callback = NULL;
  void *argument = NULL;
  section("by hand");
  bufferevent_setcb(connection.bev, on_read, NULL, on_event, &connection);
  bufferevent_getcb(connection.bev, &read_callback, &write_callback,
                    &event_callback, &argument);
  printf("callbacks: %d %d %d, argument %d\n", read_callback == on_read,
         write_callback == NULL, event_callback == on_event,
         argument == &connection);
  bufferevent_trigger(connection.bev, EV_READ, 0);
  bufferevent_trigger_event(connection.bev, BEV_EVENT_EOF, 0);
  bufferevent_setcb(deferred.bev, on_read, NULL, on_event, &deferred);
  bufferevent_trigger(deferred.bev, EV_READ, 0);
  printf("deferred ones wait for the loop\n");
  turn(&deferred);
  close_connection(&connection);
  close_connection(&deferred);
}

/* --- What it belongs to ----------------------------------------------------
 */

static void belonging(struct event_base *base, const char *method) {
  struct connection connection = open_connection(base, 0);
  struct event_base *other = tour_base(method);
  evutil_socket_t pair[2], own = bufferevent_getfd(connection.bev);
  section("what it belongs to");
  bufferevent_setcb(connection.bev, on_read, NULL, on_event, &connection);
  printf("base: %d\n", bufferevent_get_base(connection.bev) == base);
  printf("moved: %d", bufferevent_base_set(other, connection.bev));
  printf(", base: %d\n", bufferevent_get_base(connection.bev) == other);
  event_base_priority_init(other, 4);
  printf("priority: %d", bufferevent_get_priority(connection.bev));
  bufferevent_priority_set(connection.bev, 3);
  printf(", then %d\n", bufferevent_get_priority(connection.bev));
  bufferevent_enable(connection.bev, EV_READ);
  connected_pair(pair);
  bufferevent_setfd(connection.bev, pair[0]);
  printf("another socket: %d\n", bufferevent_getfd(connection.bev) == pair[0]);
  if (write(pair[1], "new", 3) != 3) printf("cannot write\n");
  event_base_loop(other, EVLOOP_NONBLOCK);

  /* Who holds it keeps it alive. */
  bufferevent_incref(connection.bev);
  printf("freed by the first to let go: %d\n",
         bufferevent_decref(connection.bev));
  evutil_closesocket(own);
  evutil_closesocket(pair[1]);
  close_connection(&connection);
  event_base_loop(other, EVLOOP_NONBLOCK);
  event_base_free(other);
}

int main(int argc, char **argv) {
  const char *method = tour_begin(argc, argv);
  struct event_base *base = tour_base(method);
  bytes(base);
  watermarks(base);
  timeouts(base);
  by_hand(base);
  belonging(base, method);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_free(base);
  return tour_end();
}
