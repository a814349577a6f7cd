/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The names of libevent 1.4, for those who read old programs.
 *
 *   16_old_style [--method epoll|poll|select]
 *
 * There was one base in a program, which event_init() made and all functions
 * used without naming it. event.h still has these functions. A new program has
 * no need of them: with two bases, or two threads, nobody knows which base is
 * meant.
 */
#include <event.h>
#include <unistd.h>

#include "examples/tour/tour.h"

static void say(evutil_socket_t fd, short what, void *word) {
  char byte;
  if ((what & EV_READ) && read(fd, &byte, 1) < 0) printf("cannot read\n");
  printf("  callback: %s, %s\n", (const char *)word, flags_of(what));
}

static void stop_now(evutil_socket_t fd, short what, void *arg) {
  printf("  callback: stops the loop\n");
  event_loopbreak();
  (void)fd;
  (void)what;
  (void)arg;
}

/* event_init() asks nobody; its backend is chosen by the environment. */
static struct event_base *current_base(const char *method) {
  struct event_base *base;
  struct event event;
  if (method != NULL && strcmp(method, "epoll") != 0) {
    setenv("EVENT_NOEPOLL", "1", 1);
  }
  if (method != NULL && strcmp(method, "select") == 0) {
    setenv("EVENT_NOPOLL", "1", 1);
  }
  base = must(event_init(), "base");
  section("the current base");
  printf("it has the backend that was asked for: %d\n",
         strcmp(event_get_method(), method != NULL ? method : "epoll") == 0);
  timeout_set(&event, say, NULL);
  printf("it is the base of events that name none: %d\n",
         event_get_base(&event) == base);
  return base;
}

/* --- Events ----------------------------------------------------------------
 */

static void events(void) {
  const struct timeval now = {0, 0}, soon = {0, 10 * 1000}, hour = {3600, 0};
  struct event reader, first, second, stopper;
  evutil_socket_t pair[2];
  section("events");
  connected_pair(pair);
  event_set(&reader, pair[0], EV_READ, say, "a byte");
  event_add(&reader, NULL);
  printf("nothing yet: %d\n", event_loop(EVLOOP_NONBLOCK));
  if (write(pair[1], "!", 1) != 1) printf("cannot write\n");
  printf("all done: %d\n", event_dispatch());
  event_once(-1, EV_TIMEOUT, say, "once", &now);
  event_dispatch();

  /* Until ten milliseconds have passed, although there is an event to come. */
  timeout_set(&second, say, "never");
  timeout_add(&second, &hour);
  event_loopexit(&soon);
  printf("exit: %d, something is left: %d\n", event_dispatch(),
         timeout_pending(&second, NULL) != 0);
  timeout_del(&second);

  /* The important ones first: 0 is the most important. */
  timeout_set(&first, say, "priority 0");
  timeout_set(&second, say, "priority 2");
  timeout_set(&stopper, stop_now, NULL);
  printf("three priorities: %d\n", event_priority_init(3));
  event_priority_set(&first, 0);
  event_priority_set(&stopper, 1);
  event_priority_set(&second, 2);
  event_active(&second, EV_TIMEOUT, 1);
  event_active(&stopper, EV_TIMEOUT, 1);
  event_active(&first, EV_TIMEOUT, 1);
  event_dispatch();
  printf("stopped before the last\n");
  event_del(&second);
  close_pair(pair);
}

/* --- A bufferevent ---------------------------------------------------------
 */

static void on_read(struct bufferevent *bev, void *arg) {
  char *line = evbuffer_readline(EVBUFFER_INPUT(bev));
  printf("  callback: the line \"%s\"\n", line != NULL ? line : "");
  counting_free(line);
  (void)arg;
}

static void on_written(struct bufferevent *bev, void *arg) {
  printf("  callback: all is written, %d left\n",
         (int)EVBUFFER_LENGTH(EVBUFFER_OUTPUT(bev)));
  (void)arg;
}

static void on_error(struct bufferevent *bev, short what, void *arg) {
  printf("  callback:%s%s\n", what & EVBUFFER_TIMEOUT ? " timeout" : "",
         what & EVBUFFER_READ ? " while reading" : "");
  (void)bev;
  (void)arg;
}

static void connection(struct event_base *base) {
  struct bufferevent *bev;
  evutil_socket_t pair[2];
  section("a connection");
  connected_pair(pair);
  bev = must(bufferevent_new(pair[0], on_read, on_written, on_error, NULL),
             "bufferevent");
  bufferevent_base_set(base, bev); /* bufferevent_new() left it to this */
  bufferevent_enable(bev, EV_READ);
  if (write(pair[1], "hello\n", 6) != 6) printf("cannot write\n");
  event_loop(EVLOOP_ONCE);
  bufferevent_write(bev, "answer", 6);
  event_loop(EVLOOP_ONCE);
  bufferevent_settimeout(bev, 1, 0); /* whole seconds */
  printf("a second of silence\n");
  event_loop(EVLOOP_ONCE);
  bufferevent_free(bev);
  event_loop(EVLOOP_NONBLOCK);
  close_pair(pair);
}

int main(int argc, char **argv) {
  const char *method = tour_begin(argc, argv);
  struct event_base *base = current_base(method);
  events();
  connection(base);
  event_base_free(base);
  return tour_end();
}
