// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: signals, in one base, in several, and across a fork.
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/differential/scenarios/event_support.h"

static void on_signal(evutil_socket_t signum, short what, void *arg) {
  rec("%s runs: %s, %s", (const char *)arg,
      signum == SIGUSR1   ? "SIGUSR1"
      : signum == SIGUSR2 ? "SIGUSR2"
                          : "another signal",
      ev_flags(what));
}

SCENARIO(signals_are_delivered_in_the_loop,
         "behaviour 22: a signal is delivered in the loop, once for each "
         "delivery") {
  struct event_base *base = new_base();
  struct event *one = evsignal_new(base, SIGUSR1, on_signal, "one");
  struct event *two = evsignal_new(base, SIGUSR2, on_signal, "two");
  rec("add %d", event_add(one, NULL));
  rec("add %d", event_add(two, NULL));
  raise(SIGUSR2);
  rec("raised once");
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  raise(SIGUSR1);
  raise(SIGUSR1);
  raise(SIGUSR1);
  rec("raised three times");
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(one);
  event_free(two);
  event_base_free(base);
}

SCENARIO(
    several_events_on_one_signal,
    "behaviour 15: of several events on one signal all run, the last added "
    "first; removing one leaves the others") {
  struct event_base *base = new_base();
  static char *const kNames[] = {"first", "second", "third"};
  struct event *events[3];
  for (int i = 0; i < 3; ++i) {
    events[i] = evsignal_new(base, SIGUSR1, on_signal, kNames[i]);
    rec("add %d", event_add(events[i], NULL));
  }
  raise(SIGUSR1);
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("del the second %d", event_del(events[1]));
  raise(SIGUSR1);
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("del the first %d", event_del(events[0]));
  raise(SIGUSR1);
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  for (int i = 0; i < 3; ++i) event_free(events[i]);
  event_base_free(base);
}

static void count_run(evutil_socket_t signum, short what, void *arg) {
  (void)signum;
  (void)what;
  ++*(int *)arg;
}

SCENARIO(many_deliveries,
         "behaviour 22: hundreds of deliveries before the loop looks") {
  struct event_base *base = new_base();
  int runs = 0;
  struct event *ev = evsignal_new(base, SIGUSR1, count_run, &runs);
  event_add(ev, NULL);
  for (int i = 0; i < 300; ++i) raise(SIGUSR1);
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("ran %d times", runs);
  event_free(ev);
  event_base_free(base);
}

SCENARIO(blocked_signals_are_merged,
         "behaviour 22: what the kernel merges while the signal is blocked is "
         "one delivery") {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  struct event_base *base = new_base();
  struct event *ev = evsignal_new(base, SIGUSR1, on_signal, "signal");
  event_add(ev, NULL);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  for (int i = 0; i < 3; ++i) raise(SIGUSR1);
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  sigprocmask(SIG_UNBLOCK, &blocked, NULL);
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

static void raise_again(evutil_socket_t signum, short what, void *arg) {
  int *left = arg;
  on_signal(signum, what, "raising");
  if ((*left)-- > 0) raise(signum);
}

SCENARIO(signal_raised_in_its_callback,
         "behaviour 22: a signal raised in its own callback runs it again") {
  struct event_base *base = new_base();
  int left = 3;
  struct event *ev = evsignal_new(base, SIGUSR1, raise_again, &left);
  event_add(ev, NULL);
  raise(SIGUSR1);
  rec("once %d", event_base_loop(base, EVLOOP_ONCE));
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

SCENARIO(signal_ends_a_wait,
         "behaviour 22: a signal that comes while the loop waits ends the "
         "wait") {
  struct event_base *base = new_base();
  struct event *ev = event_new(base, SIGALRM, EV_SIGNAL, on_event, "alarm");
  event_add(ev, NULL);
  struct itimerval soon = {{0, 0}, {0, 10000}};
  setitimer(ITIMER_REAL, &soon, NULL);
  rec("loop %d", event_base_dispatch(base));
  event_free(ev);
  event_base_free(base);
}

SCENARIO(signal_with_a_timeout,
         "behaviour 22: a signal event may have a timeout") {
  virtual_time();
  struct event_base *base = new_base();
  struct event *ev = event_new(base, SIGUSR1, EV_SIGNAL, on_signal, "one-shot");
  event_add(ev, ms(50));
  rec("loop %d", event_base_dispatch(base));
  rec("at %d ms, pending %s", (int)now_ms(), pending(ev));
  event_add(ev, ms(50));
  raise(SIGUSR1);
  rec("loop %d", event_base_dispatch(base));
  rec("at %d ms, pending %s", (int)now_ms(), pending(ev));
  event_free(ev);
  event_base_free(base);
}

// --- Dispositions ------------------------------------------------------------

static volatile sig_atomic_t g_handled;

static void own_handler(int signum) {
  (void)signum;
  ++g_handled;
}

static const char *disposition(int signum) {
  struct sigaction action;
  sigaction(signum, NULL, &action);
  if (action.sa_handler == SIG_DFL) return "default";
  if (action.sa_handler == SIG_IGN) return "ignored";
  if (action.sa_handler == own_handler) return "our own";
  return "the library's";
}

SCENARIO(old_disposition_returns,
         "behaviour 22: the old disposition returns when the last event on a "
         "signal goes") {
  struct sigaction own = {.sa_handler = own_handler};
  sigaction(SIGUSR1, &own, NULL);
  signal(SIGUSR2, SIG_IGN);
  struct event_base *base = new_base();
  struct event *one = evsignal_new(base, SIGUSR1, on_signal, "one");
  struct event *two = evsignal_new(base, SIGUSR1, on_signal, "two");
  struct event *other = event_new(base, SIGUSR2, EV_SIGNAL, on_signal, "other");
  rec("made: %s, %s", disposition(SIGUSR1), disposition(SIGUSR2));
  event_add(one, NULL);
  event_add(two, NULL);
  event_add(other, NULL);
  rec("added: %s, %s", disposition(SIGUSR1), disposition(SIGUSR2));
  event_del(one);
  rec("one deleted: %s", disposition(SIGUSR1));
  raise(SIGUSR2);
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("one-shot fired: %s", disposition(SIGUSR2));
  event_del(two);
  rec("both deleted: %s", disposition(SIGUSR1));
  raise(SIGUSR1);
  rec("our own handler ran %d", (int)g_handled);
  event_free(one);
  event_free(two);
  event_free(other);
  event_base_free(base);
}

SCENARIO(base_free_restores_dispositions,
         "behaviour 22: freeing the base with signal events added restores "
         "dispositions") {
  signal(SIGUSR2, SIG_IGN);
  struct event_base *base = new_base();
  struct event *ev = evsignal_new(base, SIGUSR2, on_signal, "signal");
  event_add(ev, NULL);
  rec("added: %s", disposition(SIGUSR2));
  event_base_free(base);
  rec("freed: %s", disposition(SIGUSR2));
  event_free(ev);
}

SCENARIO(raised_before_del_is_lost,
         "behaviour 22: a signal whose event is deleted before the loop looks "
         "runs nothing") {
  struct event_base *base = new_base();
  struct event *ev = evsignal_new(base, SIGUSR1, on_signal, "signal");
  event_add(ev, NULL);
  raise(SIGUSR1);
  rec("del %d", event_del(ev));
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_add(ev, NULL);
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

SCENARIO(raised_before_the_base_is_freed,
         "behaviour 22: what a freed base did not see comes to no other base") {
  struct event_base *base = new_base();
  struct event *ev = evsignal_new(base, SIGUSR1, on_signal, "signal");
  event_add(ev, NULL);
  raise(SIGUSR1);
  event_base_free(base);
  event_free(ev);
  base = new_base();
  ev = evsignal_new(base, SIGUSR1, on_signal, "of the second base");
  event_add(ev, NULL);
  rec("glance %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

SCENARIO(events_of_a_freed_base_and_a_new_one,
         "behaviour 22: signals work in a second base after the first was "
         "freed") {
  for (int i = 0; i < 3; ++i) {
    struct event_base *base = new_base();
    struct event *ev = event_new(base, SIGUSR1, EV_SIGNAL, on_signal, "signal");
    event_add(ev, NULL);
    raise(SIGUSR1);
    rec("loop %d", event_base_dispatch(base));
    event_free(ev);
    event_base_free(base);
  }
}

SCENARIO(second_base_takes_signals_over,
         "behaviour 22: one base at a time handles signals; adding on a second "
         "warns and takes over") {
  struct event_base *first = new_base(), *second = new_base();
  struct event *one = evsignal_new(first, SIGUSR1, on_signal, "of the first");
  struct event *two = evsignal_new(second, SIGUSR2, on_signal, "of the second");
  rec("add to the first %d", event_add(one, NULL));
  raise(SIGUSR1);
  rec("first %d", event_base_loop(first, EVLOOP_NONBLOCK));
  rec("add to the second %d", event_add(two, NULL));
  raise(SIGUSR2);
  rec("second %d", event_base_loop(second, EVLOOP_NONBLOCK));
  raise(SIGUSR1);
  rec("first %d", event_base_loop(first, EVLOOP_NONBLOCK));
  rec("second %d", event_base_loop(second, EVLOOP_NONBLOCK));
  rec("del of the second %d", event_del(two));
  struct event *three =
      evsignal_new(first, SIGUSR2, on_signal, "another of the first");
  rec("add to the first again %d", event_add(three, NULL));
  raise(SIGUSR1);
  raise(SIGUSR2);
  rec("first %d", event_base_loop(first, EVLOOP_NONBLOCK));
  event_free(three);
  event_free(one);
  event_free(two);
  event_base_free(first);
  event_base_free(second);
}

// --- What cannot be ----------------------------------------------------------

SCENARIO(impossible_signals,
         "section 7: signal numbers that are none, or cannot be caught") {
  struct event_base *base = new_base();
  static const int kSignals[] = {-1, -100, NSIG, NSIG + 1000, SIGKILL, SIGSTOP};
  static const char *const kNames[] = {"-1",          "-100",    "NSIG",
                                       "NSIG + 1000", "SIGKILL", "SIGSTOP"};
  for (int i = 0; i < 6; ++i) {
    struct event *ev = evsignal_new(base, kSignals[i], on_signal, "impossible");
    rec("%s: made %d", kNames[i], ev != NULL);
    if (!ev) continue;
    rec_call("add", event_add(ev, NULL), ev);
    rec_call("del", event_del(ev), ev);
    event_free(ev);
  }
  rec("loop %d", event_base_dispatch(base));
  event_base_free(base);
}

SCENARIO(signal_zero, "section 7: signal number 0") {
  struct event_base *base = new_base();
  struct event *ev = evsignal_new(base, 0, on_signal, "zero");
  rec("made %d", ev != NULL);
  rec_call("add", event_add(ev, NULL), ev);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec_call("del", event_del(ev), ev);
  event_free(ev);
  event_base_free(base);
}

// --- Fork --------------------------------------------------------------------

// Runs `in_child` in a child and waits for it.
static void fork_and_wait(void (*in_child)(void)) {
  pid_t child = fork();
  if (child == 0) {
    in_child();
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  rec("child ended with %d", status);
}

static struct event_base *g_base;
static struct event *g_reader, *g_signal, *g_timer;
static evutil_socket_t g_fds[2];

static void make_one_of_each(void) {
  socket_pair(g_fds);
  g_base = new_base();
  g_reader =
      event_new(g_base, g_fds[0], EV_READ | EV_PERSIST, on_readable, "reader");
  g_signal = evsignal_new(g_base, SIGUSR1, on_signal, "signal");
  g_timer = evtimer_new(g_base, on_event, "timer");
  event_add(g_reader, NULL);
  event_add(g_signal, NULL);
}

static void free_one_of_each(void) {
  event_free(g_reader);
  event_free(g_signal);
  event_free(g_timer);
  event_base_free(g_base);
  close_pair(g_fds);
}

static void glance(const char *who) {
  rec("%s: glance %d", who,
      event_base_loop(g_base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
}

static void child_works_on_its_own(void) {
  rec("child: reinit %d", event_reinit(g_base));
  put(g_fds[1], "from the child");
  glance("child");
  raise(SIGUSR1);
  glance("child");
  event_add(g_timer, ms(0));
  glance("child");
  rec("child: del %d", event_del(g_reader));
  free_one_of_each();
}

SCENARIO(reinit_after_fork,
         "behaviour 23: event_reinit in the child gives its own kernel object, "
         "the parent is not disturbed, signals work in both") {
  make_one_of_each();
  glance("parent");
  fork_and_wait(child_works_on_its_own);
  put(g_fds[1], "from the parent");
  glance("parent");
  raise(SIGUSR1);
  glance("parent");
  free_one_of_each();
}

static void child_changes_interests(void) {
  rec("child: reinit %d", event_reinit(g_base));
  struct event *writer =
      event_new(g_base, g_fds[0], EV_WRITE, on_event, "writer");
  rec("child: add %d", event_add(writer, NULL));
  rec("child: del %d", event_del(g_reader));
  glance("child");
  rec("child: del the signal %d", event_del(g_signal));
  event_free(writer);
}

SCENARIO(child_does_not_disturb_parent,
         "behaviour 23: what the child adds and deletes after event_reinit is "
         "not the parent's") {
  make_one_of_each();
  fork_and_wait(child_changes_interests);
  glance("parent");
  put(g_fds[1], "hello");
  glance("parent");
  raise(SIGUSR1);
  glance("parent");
  free_one_of_each();
}

static void child_reinits_twice(void) {
  rec("child: reinit %d", event_reinit(g_base));
  rec("child: reinit %d", event_reinit(g_base));
  put(g_fds[1], "x");
  glance("child");
}

SCENARIO(reinit_twice_and_without_fork,
         "behaviour 23: event_reinit may be called again, and without a fork") {
  make_one_of_each();
  fork_and_wait(child_reinits_twice);
  rec("parent: reinit %d", event_reinit(g_base));
  put(g_fds[1], "hello");
  glance("parent");
  raise(SIGUSR1);
  glance("parent");
  free_one_of_each();
}

static void child_with_active_events(void) {
  rec("child: reinit %d", event_reinit(g_base));
  glance("child");
}

SCENARIO(reinit_keeps_active_events,
         "behaviour 23: what was active before the fork runs in both") {
  make_one_of_each();
  event_active(g_timer, EV_TIMEOUT, 1);
  fork_and_wait(child_with_active_events);
  glance("parent");
  free_one_of_each();
}

static void child_glances(void) {
  rec("child: reinit %d", event_reinit(g_base));
  glance("child");
}

SCENARIO(signal_before_the_fork_is_the_parents,
         "behaviour 23: a signal that came before the fork runs in the parent "
         "only") {
  make_one_of_each();
  raise(SIGUSR1);
  fork_and_wait(child_glances);
  glance("parent");
  free_one_of_each();
}

static void child_is_signalled(void) {
  raise(SIGUSR1);
  child_glances();
}

SCENARIO(signal_before_reinit_is_the_childs,
         "behaviour 23: a signal that comes to the child before event_reinit "
         "does not disturb the parent") {
  make_one_of_each();
  fork_and_wait(child_is_signalled);
  glance("parent");
  free_one_of_each();
}
SCENARIO_DIFFERS(
    signal_before_reinit_is_the_childs,
    "libevent's handler writes into the pipe that the child shares "
    "with its parent");

static void child_frees_the_base(void) {
  event_del(g_reader);
  event_del(g_signal);
  event_base_free(g_base);
  rec("child: freed");
}

SCENARIO(child_frees_base_without_reinit,
         "architecture: a child that frees the base without event_reinit does "
         "not disturb its parent") {
  make_one_of_each();
  fork_and_wait(child_frees_the_base);
  put(g_fds[1], "hello");
  glance("parent");
  raise(SIGUSR1);
  glance("parent");
  free_one_of_each();
}
SCENARIO_DIFFERS(
    child_frees_base_without_reinit,
    "on epoll the child of libevent takes the parent's descriptors "
    "out of the kernel's set, which both share");
