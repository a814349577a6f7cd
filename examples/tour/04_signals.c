/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signals as events, and children: what a process hears of others.
 *
 *   04_signals [--method epoll|poll|select]
 *
 * A signal handler may call nearly nothing. So the library's handler only notes
 * the signal and wakes the loop, which calls back in its turn, where all is
 * allowed. Signals that come while others are handled are counted; the kernel
 * itself keeps one of a kind. A child that is forked has its parent's loop, and
 * makes it its own before it goes on.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "examples/tour/tour.h"

static void on_signal(evutil_socket_t number, short what, void *arg) {
  printf("  callback: %s, %s\n", strsignal((int)number), flags_of(what));
  (void)arg;
}

/* --- Waiting for one -------------------------------------------------------
 */

static void wait_for(struct event_base *base) {
  struct event *event =
      must(evsignal_new(base, SIGUSR1, on_signal, NULL), "event");
  section("waiting for a signal");
  printf("its number is SIGUSR1's: %d\n", event_get_signal(event) == SIGUSR1);
  evsignal_add(event, NULL);
  printf("pending: %d\n", evsignal_pending(event, NULL) != 0);
  raise(SIGUSR1);
  printf("raised; nothing runs outside of the loop\n");
  event_base_loop(base, EVLOOP_ONCE);
  raise(SIGUSR1);
  raise(SIGUSR1);
  event_base_loop(base, EVLOOP_ONCE);
  /* As if it had come: for tests, and for callbacks that share their work. */
  event_base_active_by_signal(base, SIGUSR1);
  printf("activated: %d\n",
         event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
  event_base_loop(base, EVLOOP_ONCE);
  evsignal_del(event);
  printf("pending: %d\n", evsignal_pending(event, NULL) != 0);
  event_free(event);
}

/* --- What was there before comes back --------------------------------------
 */

static void own_handler(int number) {
  static const char text[] = "  the program's own handler\n";
  if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0) _exit(1);
  (void)number;
}

static void restore(struct event_base *base) {
  struct event *event =
      must(evsignal_new(base, SIGUSR2, on_signal, NULL), "event");
  section("the handler from before");
  signal(SIGUSR2, own_handler);
  event_add(event, NULL);
  raise(SIGUSR2);
  event_base_loop(base, EVLOOP_ONCE);
  event_del(event);
  raise(SIGUSR2);
  event_free(event);
}

/* --- Children that end -----------------------------------------------------
 */

/* One SIGCHLD may stand for several children: ask until there are none. */
static void on_child(evutil_socket_t number, short what, void *children) {
  int status;
  pid_t child;
  while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
    printf("  callback: a child ended with %d\n", WEXITSTATUS(status));
    --*(int *)children;
  }
  (void)number;
  (void)what;
}

static void reap(struct event_base *base) {
  int children = 3, i;
  struct event *event =
      must(evsignal_new(base, SIGCHLD, on_child, &children), "event");
  section("children that end");
  event_add(event, NULL);
  fflush(stdout);
  for (i = 0; i < 3; ++i) {
    if (fork() == 0) _exit(7);
  }
  while (children > 0) event_base_loop(base, EVLOOP_ONCE);
  event_free(event);
}

/* --- A child ---------------------------------------------------------------
 */

static void on_byte(evutil_socket_t fd, short what, void *who) {
  char byte;
  if (read(fd, &byte, 1) == 1) printf("  callback: the %s\n", (char *)who);
  (void)what;
}

static void beget(struct event_base *base) {
  evutil_socket_t pair[2];
  char who[] = "parent";
  struct event *event;
  pid_t child;
  section("a child that goes on");
  connected_pair(pair);
  event = must(event_new(base, pair[0], EV_READ, on_byte, who), "event");
  event_add(event, NULL);
  fflush(stdout);
  child = fork();
  if (child == 0) {
    strcpy(who, "child");
    /* The kernel's object is the parent's; the child gets one of its own. */
    printf("reinit: %d\n", event_reinit(base));
    if (write(pair[1], "!", 1) != 1) printf("cannot write\n");
    event_base_dispatch(base);
    exit(0);
  }
  waitpid(child, NULL, 0);
  if (write(pair[1], "!", 1) != 1) printf("cannot write\n");
  event_base_dispatch(base);
  event_free(event);
  close_pair(pair);
}

/* --- A clean end -----------------------------------------------------------
 */

static void on_terminate(evutil_socket_t number, short what, void *base) {
  printf("  callback: %s, so the loop ends\n", strsignal((int)number));
  event_base_loopexit(base, NULL);
  (void)what;
}

static void terminate(struct event_base *base) {
  const struct timeval far = {1000, 0};
  struct event *event =
      must(evsignal_new(base, SIGTERM, on_terminate, base), "event");
  struct event *work = must(evtimer_new(base, on_signal, NULL), "timer");
  section("a clean end");
  event_add(event, NULL);
  event_add(work, &far);
  kill(getpid(), SIGTERM);
  printf("dispatch: %d, work left: %d\n", event_base_dispatch(base),
         evtimer_pending(work, NULL) != 0);
  event_free(work);
  event_free(event);
}

int main(int argc, char **argv) {
  const char *method = tour_begin(argc, argv);
  struct event_base *base = tour_base(method);
  wait_for(base);
  restore(base);
  reap(base);
  beget(base);
  terminate(base);
  event_base_free(base);
  return tour_end();
}
