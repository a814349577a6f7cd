/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program whose events are known, to be stopped and looked at by gdb: two
 * bases, of which the first has one of everything, and runs until its callback
 * calls stop_here(). Then it waits for nothing but the time, or a signal. With
 * an argument it has locks.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/thread.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct event_base *first, *second;
static int pipe_fds[2], quiet_fds[2], pair_fds[2], filtered_fds[2];
static int pipe_arg, timer_arg;
static struct bufferevent *talker, *filtered, *filter, *pair[2], *lonely;
static struct event *urgent, *reader;
static struct evconnlistener *listener;

/* The test breaks here: inside of a callback, others are active. */
void stop_here(void);
void __attribute__((noinline)) stop_here(void) { __asm__ volatile(""); }

static void on_pipe(evutil_socket_t fd, short what, void *arg) {
  char byte;
  (void)what;
  (void)arg;
  if (read(fd, &byte, 1) != 1) return;
  event_active(urgent, EV_TIMEOUT, 1);
  bufferevent_trigger(talker, EV_WRITE,
                      BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
  bufferevent_write(talker, "and out again", 13);
  stop_here();
}
static void on_event(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  (void)arg;
}
static void on_late_timer(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
}
static void on_common_timer(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
}
static void on_once(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
}
static void on_signal(evutil_socket_t number, short what, void *arg) {
  on_event(number, what, arg);
}
static void on_urgent(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
}
static void on_read(struct bufferevent *bev, void *arg) {
  (void)bev;
  (void)arg;
}
static void on_written(struct bufferevent *bev, void *arg) {
  on_read(bev, arg);
}
static void on_bufferevent(struct bufferevent *bev, short what, void *arg) {
  (void)what;
  on_read(bev, arg);
}
static void on_accept(struct evconnlistener *from, evutil_socket_t fd,
                      struct sockaddr *peer, int peer_bytes, void *arg) {
  (void)from;
  (void)fd;
  (void)peer;
  (void)peer_bytes;
  (void)arg;
}

static void check(int ok) {
  if (!ok) abort();
}

static void open_pair(int fds[2]) {
  check(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  evutil_make_socket_nonblocking(fds[0]);
}

static struct event *add(struct event *ev, int seconds) {
  struct timeval time = {seconds, 0};
  check(ev != NULL);
  check(event_add(ev, seconds > 0 ? &time : NULL) == 0);
  return ev;
}

static void make_events(void) {
  const struct timeval half_an_hour = {1800, 0}, hour = {3600, 0};
  struct event *common = evtimer_new(first, on_common_timer, NULL);
  check(pipe(pipe_fds) == 0);
  open_pair(quiet_fds);
  reader =
      event_new(first, pipe_fds[0], EV_READ | EV_PERSIST, on_pipe, &pipe_arg);
  event_priority_set(reader, 1);
  add(reader, 1000);
  add(event_new(first, quiet_fds[0], EV_READ | EV_ET, on_event, NULL), 0);
  add(event_new(first, quiet_fds[0], EV_WRITE | EV_ET, on_event, NULL), 0);
  add(evsignal_new(first, SIGUSR1, on_signal, NULL), 0);
  add(evtimer_new(first, on_late_timer, &timer_arg), 7200);
  check(event_add(common,
                  event_base_init_common_timeout(first, &half_an_hour)) == 0);
  check(event_base_once(first, -1, EV_TIMEOUT, on_once, NULL, &hour) == 0);
  urgent = event_new(first, -1, 0, on_urgent, NULL);
  event_priority_set(urgent, 2);
}

static void make_listener(void) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = evconnlistener_new_bind(
      first, on_accept, &timer_arg, LEV_OPT_CLOSE_ON_FREE, 5,
      (struct sockaddr *)&address, sizeof(address));
  check(listener != NULL);
}

static void make_bufferevents(void) {
  const struct timeval minute = {60, 0}, hour = {3600, 0};
  struct bufferevent_rate_limit_group *group = bufferevent_rate_limit_group_new(
      first, ev_token_bucket_cfg_new(1000, 1000, 1000, 1000, &hour));
  check(group != NULL);
  open_pair(pair_fds);
  open_pair(filtered_fds);
  talker = bufferevent_socket_new(first, pair_fds[0], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(talker, on_read, on_written, on_bufferevent, &timer_arg);
  bufferevent_setwatermark(talker, EV_READ, 100, 1000);
  bufferevent_setwatermark(talker, EV_WRITE, 10, 0);
  bufferevent_set_timeouts(talker, &minute, NULL);
  bufferevent_enable(talker, EV_READ);
  filtered = bufferevent_socket_new(first, filtered_fds[0], 0);
  filter = bufferevent_filter_new(filtered, NULL, NULL, BEV_OPT_DEFER_CALLBACKS,
                                  NULL, NULL);
  bufferevent_setcb(filter, on_read, NULL, NULL, NULL);
  bufferevent_setwatermark(filter, EV_READ, 0, 4);
  bufferevent_enable(filter, EV_READ);
  /* Once it is paused, only its group knows it. */
  bufferevent_add_to_rate_limit_group(filtered, group);
  check(bufferevent_pair_new(first, 0, pair) == 0);
  bufferevent_set_timeouts(pair[1], &hour, NULL);
  bufferevent_enable(pair[1], EV_READ);
  lonely = bufferevent_socket_new(first, -1, 0);
}

int main(int argc, char **argv) {
  struct event_config *config = event_config_new();
  (void)argv;
  if (argc > 1) check(evthread_use_pthreads() == 0);
  event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
  second = event_base_new_with_config(config);
  event_config_free(config);
  first = event_base_new();
  check(first != NULL && second != NULL);
  event_base_priority_init(first, 3);
  make_bufferevents();
  make_events();
  make_listener();
  check(write(pair_fds[1], "hello", 5) == 5);
  check(write(filtered_fds[1], "filter", 6) == 6);
  event_base_loop(first, EVLOOP_NONBLOCK);
  check(write(pipe_fds[1], "x", 1) == 1);
  event_base_dispatch(first);
  return 0;
}
