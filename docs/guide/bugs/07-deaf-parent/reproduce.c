/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server forks a helper, which frees the events that it has no use for. Does
 * the server still hear its client?
 */
#include <event2/event.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int heard;

static void on_readable(evutil_socket_t fd, short what, void *arg) {
  char byte;
  (void)what, (void)arg;
  if (read(fd, &byte, 1) == 1) ++heard;
}

int main(void) {
  struct event_base *base = event_base_new();
  struct event *event;
  pid_t child;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) return 2;
  event = event_new(base, ends[0], EV_READ | EV_PERSIST, on_readable, NULL);
  event_add(event, NULL);

  if (write(ends[1], "a", 1) != 1) return 2;
  event_base_loop(base, EVLOOP_NONBLOCK);
  printf("before the fork: %s\n", heard == 1 ? "heard" : "silence");

  child = fork();
  if (child < 0) return 2;
  if (child == 0) {
    event_free(event);
    _exit(0); /* here it would run its own work */
  }
  waitpid(child, NULL, 0);

  if (write(ends[1], "b", 1) != 1) return 2;
  event_base_loop(base, EVLOOP_NONBLOCK);
  printf("after the fork: %s\n", heard == 2 ? "heard" : "silence");
  event_free(event);
  event_base_free(base);
  return heard == 2 ? 0 : 1;
}
