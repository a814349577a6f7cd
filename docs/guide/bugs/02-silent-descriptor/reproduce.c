/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection is closed, a new one gets the same number, and the event of the
 * old one is freed a little later. Is the new one heard?
 *
 * Tried with each way of asking the kernel.
 */
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int heard;

static void on_old(evutil_socket_t fd, short what, void *arg) {
  (void)fd, (void)what, (void)arg;
}

static void on_new(evutil_socket_t fd, short what, void *arg) {
  char byte;
  (void)what, (void)arg;
  if (read(fd, &byte, 1) == 1) heard = 1;
}

static struct event_base *base_on(const char *method) {
  static const char *const kMethods[] = {"epoll", "poll", "select"};
  struct event_config *config = event_config_new();
  struct event_base *base;
  for (int i = 0; i < 3; ++i) {
    if (strcmp(kMethods[i], method) != 0) {
      event_config_avoid_method(config, kMethods[i]);
    }
  }
  base = event_base_new_with_config(config);
  event_config_free(config);
  return base;
}

static int is_heard(const char *method) {
  struct event_base *base = base_on(method);
  struct event *old_event, *new_event;
  int old_pipe[2], new_pipe[2];
  heard = 0;
  if (base == NULL || pipe(old_pipe) < 0) return 0;
  old_event = event_new(base, old_pipe[0], EV_READ | EV_PERSIST, on_old, NULL);
  event_add(old_event, NULL);

  close(old_pipe[0]);
  if (pipe(new_pipe) < 0 || new_pipe[0] != old_pipe[0]) return 0;
  new_event = event_new(base, new_pipe[0], EV_READ | EV_PERSIST, on_new, NULL);
  event_add(new_event, NULL);
  if (write(new_pipe[1], "x", 1) == 1) event_base_loop(base, EVLOOP_NONBLOCK);

  event_free(old_event);
  event_free(new_event);
  event_base_free(base);
  close(new_pipe[0]), close(new_pipe[1]), close(old_pipe[1]);
  printf("%s: %s\n", method, heard ? "heard" : "silent");
  return heard;
}

int main(void) {
  int all = is_heard("epoll") + is_heard("poll") + is_heard("select");
  return all == 3 ? 0 : 1;
}
