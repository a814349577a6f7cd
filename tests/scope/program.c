// SPDX-License-Identifier: BSD-3-Clause
//
// A program whose loop holds known things, for live_test.py and page_test.py:
// it obeys the lines of its standard input, and answers each with one line of
// its own: what it knows of itself by libevent's functions.
//
//   queues   one callback at priority 0, two at 1, three at 2, at once
//   slow     a callback that works for 30 ms
//   fill     250 bytes for a bufferevent that takes 100 at most
//   write    bytes for a peer that does not read
//   drain    takes out what the first bufferevent holds
//   other    a second loop, in a thread of its own: it reads from a socket, and
//            has a timer
//   poke     a byte for that
//   report   {"paused": FD, "input": N, "stuck": FD, "output": N, "events": N,
//            "other": FD}: the second loop's socket, or -1
//   quit
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct event_base *base;
static struct bufferevent *paused, *stuck;
static evutil_socket_t peers[2];
static struct event *urgent, *usual[2], *idle[3], *slow;
// The second loop: its end of a pair, and the end to poke it with.
static evutil_socket_t other_fds[2] = {-1, -1};
static pthread_t other_thread;

static void on_hourly(evutil_socket_t fd, short what, void *arg) {
  (void)fd, (void)what, (void)arg;
}

static void on_queued(evutil_socket_t fd, short what, void *arg) {
  (void)fd, (void)what, (void)arg;
}

static void on_slow(evutil_socket_t fd, short what, void *arg) {
  struct timespec start, now;
  (void)fd, (void)what, (void)arg;
  clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - start.tv_sec) * 1000000000LL +
               (now.tv_nsec - start.tv_nsec) <
           30000000);
}

static void on_daily(evutil_socket_t fd, short what, void *arg) {
  (void)fd, (void)what, (void)arg;
}

// Until the other end is closed.
static void on_poke(evutil_socket_t fd, short what, void *arg) {
  char byte;
  (void)what;
  if (read(fd, &byte, 1) <= 0) event_base_loopbreak(arg);
}

static void *run_other(void *arg) {
  struct timeval day = {86400, 0};
  struct event_base *other = event_base_new();
  (void)arg;
  if (other == NULL) abort();
  struct event *daily = event_new(other, -1, EV_PERSIST, on_daily, NULL);
  event_add(daily, &day);
  struct event *poke =
      event_new(other, other_fds[0], EV_READ | EV_PERSIST, on_poke, other);
  event_add(poke, NULL);
  if (write(other_fds[0], "!", 1) != 1) abort();
  event_base_dispatch(other);
  event_free(poke);
  event_free(daily);
  event_base_free(other);
  return NULL;
}

// Returns when all that it holds is there.
static void start_other(void) {
  char byte;
  if (other_fds[0] >= 0) return;
  if (evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, other_fds) != 0) abort();
  if (pthread_create(&other_thread, NULL, run_other, NULL) != 0) abort();
  if (read(other_fds[1], &byte, 1) != 1) abort();
}

static void end_other(void) {
  if (other_fds[0] < 0) return;
  evutil_closesocket(other_fds[1]);
  pthread_join(other_thread, NULL);
  evutil_closesocket(other_fds[0]);
}

static void on_signal(evutil_socket_t signal, short what, void *arg) {
  (void)signal, (void)what;
  event_base_loopbreak(arg);
}

static void answer(const char *text) {
  printf("%s\n", text);
  fflush(stdout);
}

static void activate_all(void) {
  event_active(urgent, EV_TIMEOUT, 1);
  for (int i = 0; i < 2; ++i) event_active(usual[i], EV_TIMEOUT, 1);
  for (int i = 0; i < 3; ++i) event_active(idle[i], EV_TIMEOUT, 1);
}

static void obey(char *line) {
  char text[256];
  if (strcmp(line, "queues") == 0) {
    activate_all();
  } else if (strcmp(line, "slow") == 0) {
    event_active(slow, EV_TIMEOUT, 1);
  } else if (strcmp(line, "fill") == 0) {
    memset(text, 'x', 250);
    if (write(peers[0], text, 250) != 250) abort();
  } else if (strcmp(line, "write") == 0) {
    char *much = calloc(1, 1 << 21);
    bufferevent_write(stuck, much, 1 << 21);
    free(much);
  } else if (strcmp(line, "drain") == 0) {
    struct evbuffer *input = bufferevent_get_input(paused);
    evbuffer_drain(input, evbuffer_get_length(input));
  } else if (strcmp(line, "other") == 0) {
    start_other();
  } else if (strcmp(line, "poke") == 0) {
    if (write(other_fds[1], "!", 1) != 1) abort();
  } else if (strcmp(line, "report") == 0) {
    snprintf(text, sizeof(text),
             "{\"paused\": %d, \"input\": %zu, \"stuck\": %d, \"output\": %zu, "
             "\"events\": %d, \"other\": %d}",
             (int)bufferevent_getfd(paused),
             evbuffer_get_length(bufferevent_get_input(paused)),
             (int)bufferevent_getfd(stuck),
             evbuffer_get_length(bufferevent_get_output(stuck)),
             event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED),
             (int)other_fds[0]);
    answer(text);
    return;
  } else if (strcmp(line, "quit") == 0) {
    event_base_loopbreak(base);
  }
  answer("done");
}

static void on_line(evutil_socket_t fd, short what, void *arg) {
  char line[64];
  (void)what, (void)arg;
  // One line a write, and an answer before the next one.
  ssize_t got = read(fd, line, sizeof(line) - 1);
  if (got <= 0) {
    event_base_loopbreak(base);
    return;
  }
  line[got - 1] = '\0';
  obey(line);
}

static struct bufferevent *connect_pair(int number) {
  evutil_socket_t fds[2];
  if (evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) abort();
  evutil_make_socket_nonblocking(fds[0]);
  peers[number] = fds[1];
  return bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
}

static struct event *queued(int priority) {
  struct event *ev = event_new(base, -1, 0, on_queued, NULL);
  event_priority_set(ev, priority);
  return ev;
}

int main(void) {
  struct timeval hour = {3600, 0};
  base = event_base_new();
  if (base == NULL) return 1;
  event_base_priority_init(base, 3);
  urgent = queued(0);
  for (int i = 0; i < 2; ++i) usual[i] = queued(1);
  for (int i = 0; i < 3; ++i) idle[i] = queued(2);
  slow = event_new(base, -1, 0, on_slow, NULL);
  struct event *hourly = event_new(base, -1, EV_PERSIST, on_hourly, NULL);
  event_add(hourly, &hour);
  struct event *line =
      event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_line, NULL);
  event_add(line, NULL);
  struct event *term = evsignal_new(base, SIGTERM, on_signal, base);
  event_add(term, NULL);
  paused = connect_pair(0);
  bufferevent_setwatermark(paused, EV_READ, 0, 100);
  bufferevent_enable(paused, EV_READ);
  stuck = connect_pair(1);

  event_base_dispatch(base);

  end_other();
  bufferevent_free(paused);
  bufferevent_free(stuck);
  for (int i = 0; i < 2; ++i) evutil_closesocket(peers[i]);
  event_free(term);
  event_free(line);
  event_free(hourly);
  event_free(slow);
  event_free(urgent);
  for (int i = 0; i < 2; ++i) event_free(usual[i]);
  for (int i = 0; i < 3; ++i) event_free(idle[i]);
  event_base_free(base);
  return 0;
}
