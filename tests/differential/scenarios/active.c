// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: event_active, and deleting what is active.
#include <signal.h>
#include <unistd.h>

#include "tests/differential/scenarios/event_support.h"

// For events that a callback frees: at the end of a scenario too, in case that
// it did not run (allocations may fail).
static void free_once(struct event **ev) {
  if (*ev) event_free(*ev);
  *ev = NULL;
}

SCENARIO(one_shot_not_pending_inside,
         "behaviour 2: a one-shot event is not pending when its callback ran") {
  struct event_base *base = new_base();
  struct event *ev = evtimer_new(base, on_event, "timer");
  rec_call("add", event_add(ev, ms(0)), ev);
  rec("loop %d", event_base_dispatch(base));
  rec("after %s", pending(ev));
  event_free(ev);
  event_base_free(base);
}

struct again {
  struct event *ev;
  int left;
};

static void pend_and_add(evutil_socket_t fd, short what, void *arg) {
  struct again *again = arg;
  char text[8];
  rec("runs: %s, pending %s", ev_flags(what), pending(again->ev));
  if (again->left-- > 0)
    rec_call("add", event_add(again->ev, NULL), again->ev);
  else
    rec("read %d", get(fd, text, sizeof text));
}

SCENARIO(one_shot_added_again_inside,
         "behaviour 2: a one-shot event may be added again in its callback") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_base *base = new_base();
  struct again again = {.left = 2};
  again.ev = event_new(base, fds[0], EV_READ, pend_and_add, &again);
  event_add(again.ev, NULL);
  put(fds[1], "abc");
  rec("loop %d", event_base_dispatch(base));
  event_free(again.ev);
  event_base_free(base);
  close_pair(fds);
}

SCENARIO(active_runs_without_add,
         "behaviour 4: event_active on a non-pending event runs it once with "
         "the given flags") {
  struct event_base *base = new_base();
  struct event *ev = event_new(base, -1, 0, on_event, "event");
  static const short kFlags[] = {EV_READ,   EV_WRITE,  EV_TIMEOUT,
                                 EV_SIGNAL, EV_CLOSED, EV_READ | EV_WRITE,
                                 0};
  for (size_t i = 0; i < sizeof kFlags / sizeof *kFlags; ++i) {
    event_active(ev, kFlags[i], 1);
    rec("pending %s", pending(ev));
    rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
    rec("pending %s", pending(ev));
  }
  event_free(ev);
  event_base_free(base);
}

SCENARIO(activations_are_merged,
         "behaviour 4: several activations before it runs are merged") {
  struct event_base *base = new_base();
  struct event *ev = event_new(base, -1, 0, on_event, "event");
  event_active(ev, EV_READ, 1);
  event_active(ev, EV_WRITE, 7);
  event_active(ev, EV_READ | EV_TIMEOUT, 1);
  rec("loop %d", event_base_dispatch(base));
  rec("loop %d", event_base_dispatch(base));
  event_free(ev);
  event_base_free(base);
}

SCENARIO(persistent_stays_after_active,
         "behaviour 4: event_active leaves a pending persistent event pending, "
         "and takes out a one-shot one") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *persistent =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_event, "persistent");
  struct event *one_shot =
      event_new(base, fds[0], EV_READ, on_event, "one-shot");
  event_add(persistent, NULL);
  event_add(one_shot, NULL);
  event_active(persistent, EV_WRITE, 1);
  event_active(one_shot, EV_WRITE, 1);
  rec("persistent %s, one-shot %s", pending(persistent), pending(one_shot));
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("persistent %s, one-shot %s", pending(persistent), pending(one_shot));
  event_free(persistent);
  event_free(one_shot);
  event_base_free(base);
  close_pair(fds);
}

SCENARIO(active_signal_repeats_ncalls,
         "behaviour 4: ncalls counts for signal events, and the first counts") {
  struct event_base *base = new_base();
  struct event *sig =
      event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, on_event, "signal");
  event_add(sig, NULL);
  event_active(sig, EV_SIGNAL, 3);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_active(sig, EV_SIGNAL, 2);
  event_active(sig, EV_SIGNAL, 5);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_active(sig, EV_SIGNAL, 1);
  event_active(sig, EV_READ, 1);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_active(sig, EV_SIGNAL, 0);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(sig);
  event_base_free(base);
}

SCENARIO(one_shot_signal_raised_twice,
         "behaviour 4: a one-shot signal event raised twice before the loop "
         "looked runs twice") {
  struct event_base *base = new_base();
  struct event *sig = event_new(base, SIGUSR1, EV_SIGNAL, on_event, "signal");
  rec("add %d", event_add(sig, NULL));
  raise(SIGUSR1);
  raise(SIGUSR1);
  rec("loop %d", event_base_dispatch(base));
  rec("pending %s", pending(sig));
  event_free(sig);
  event_base_free(base);
}

// --- Deleting what is active -------------------------------------------------

SCENARIO(deleted_active_does_not_run,
         "behaviour 5: deleting an active event takes it out of the queue") {
  struct event_base *base = new_base();
  struct event *gone = event_new(base, -1, 0, on_event, "gone");
  struct event *stays = event_new(base, -1, 0, on_event, "stays");
  event_active(gone, EV_READ, 1);
  event_active(stays, EV_READ, 1);
  rec_call("del", event_del(gone), gone);
  rec("loop %d", event_base_dispatch(base));
  rec("del what is nowhere: %d", event_del(gone));
  event_free(gone);
  event_free(stays);
  event_base_free(base);
}

struct self_deleting {
  struct event *ev;
  int runs;
};

static void delete_at_second_run(evutil_socket_t fd, short what, void *arg) {
  struct self_deleting *self = arg;
  (void)fd;
  rec("run %d: %s", ++self->runs, ev_flags(what));
  if (self->runs == 2) rec("del %d", event_del(self->ev));
}

SCENARIO(signal_callback_deletes_itself,
         "behaviour 5: a signal callback that deletes its event stops the "
         "remaining calls") {
  struct event_base *base = new_base();
  struct self_deleting self = {.runs = 0};
  self.ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST,
                      delete_at_second_run, &self);
  event_add(self.ev, NULL);
  event_active(self.ev, EV_SIGNAL, 5);
  rec("loop %d", event_base_dispatch(base));
  self.runs = 0;
  event_add(self.ev, NULL);
  for (int i = 0; i < 4; ++i) raise(SIGUSR1);
  rec("loop %d", event_base_dispatch(base));
  event_free(self.ev);
  event_base_free(base);
}

static void free_at_second_run(evutil_socket_t fd, short what, void *arg) {
  struct self_deleting *self = arg;
  (void)fd;
  rec("run %d: %s", ++self->runs, ev_flags(what));
  if (self->runs == 2) free_once(&self->ev);
}

SCENARIO(
    signal_callback_frees_itself,
    "behaviour 5: a signal callback may free its event between its calls") {
  struct event_base *base = new_base();
  struct self_deleting self = {.runs = 0};
  self.ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, free_at_second_run,
                      &self);
  event_add(self.ev, NULL);
  event_active(self.ev, EV_SIGNAL, 5);
  rec("loop %d", event_base_dispatch(base));
  free_once(&self.ev);
  event_base_free(base);
}

struct victim {
  struct event *ev;
  int free_it;
};

static void take_away(evutil_socket_t fd, short what, void *arg) {
  struct victim *victim = arg;
  (void)fd;
  rec("first runs: %s; the other is %s", ev_flags(what), pending(victim->ev));
  if (victim->free_it)
    free_once(&victim->ev);
  else
    rec("del %d", event_del(victim->ev));
}

static void victim_of_activation(int free_it) {
  struct event_base *base = new_base();
  struct victim victim = {.free_it = free_it};
  victim.ev = event_new(base, -1, 0, on_event, "victim");
  struct event *first = event_new(base, -1, 0, take_away, &victim);
  event_active(first, EV_READ, 1);
  event_active(victim.ev, EV_READ, 1);
  rec("loop %d", event_base_dispatch(base));
  free_once(&victim.ev);
  event_free(first);
  event_base_free(base);
}

SCENARIO(deleted_by_another_never_runs,
         "behaviour 6: B, deleted in A's callback when both are active, never "
         "runs") {
  victim_of_activation(0);
}

SCENARIO(freed_by_another_never_runs,
         "behaviour 6: B, freed in A's callback when both are active, never "
         "runs") {
  victim_of_activation(1);
}

SCENARIO(freed_by_another_with_io_and_timer,
         "behaviour 6: whatever made B active, freeing it in A's callback "
         "stops it") {
  evutil_socket_t fds[2];
  virtual_time();
  socket_pair(fds);
  struct event_base *base = new_base();
  for (int kind = 0; kind < 2; ++kind) {
    struct victim victim = {.free_it = 1};
    // The last added runs first.
    victim.ev = event_new(base, fds[0], EV_READ | EV_PERSIST, on_event, "B");
    struct event *first = event_new(base, fds[0], EV_READ, take_away, &victim);
    if (kind == 0) {
      event_add(victim.ev, NULL);
      event_add(first, NULL);
      put(fds[1], "x");
    } else {
      event_add(first, ms(10));
      event_add(victim.ev, ms(20));
      char text[8];
      get(fds[0], text, sizeof text);
      pass_time_ms(30);
    }
    rec("loop %d", event_base_dispatch(base));
    free_once(&victim.ev);
    event_free(first);
  }
  event_base_free(base);
  close_pair(fds);
}

static void free_self(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  rec("runs once: %s", ev_flags(what));
  free_once(arg);
}

SCENARIO(callback_frees_its_own_event,
         "behaviour 6: a callback may free its own event, persistent or not") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event_base *base = new_base();
  put(fds[1], "x");
  struct event *ev =
      event_new(base, fds[0], EV_READ | EV_PERSIST, free_self, &ev);
  event_add(ev, ms(1000));
  rec("loop %d", event_base_dispatch(base));
  free_once(&ev);
  ev = event_new(base, fds[0], EV_READ, free_self, &ev);
  event_add(ev, NULL);
  rec("loop %d", event_base_dispatch(base));
  free_once(&ev);
  event_base_free(base);
  close_pair(fds);
}

// --- By descriptor and by signal ---------------------------------------------

SCENARIO(active_by_descriptor,
         "event_base_active_by_fd runs the events of one descriptor whose "
         "interests match") {
  evutil_socket_t fds[2];
  virtual_time();
  socket_pair(fds);
  struct event_base *base = new_base();
  struct event *reader =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_event, "reader");
  struct event *timed = event_new(base, fds[0], EV_READ, on_event, "timed");
  struct event *both = event_new(base, fds[0], EV_READ | EV_WRITE | EV_PERSIST,
                                 on_event, "both");
  struct event *other = event_new(base, fds[1], EV_READ, on_event, "other");
  event_add(reader, NULL);
  event_add(timed, ms(10));
  event_add(other, NULL);
  event_base_active_by_fd(base, fds[0], EV_READ);
  rec("loop %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_add(timed, ms(10));
  event_base_active_by_fd(base, fds[0], EV_TIMEOUT);
  rec("loop %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_add(timed, event_base_init_common_timeout(base, ms(10)));
  event_base_active_by_fd(base, fds[0], EV_TIMEOUT | EV_READ);
  event_base_active_by_fd(base, fds[1], EV_TIMEOUT);
  rec("loop %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_add(both, NULL);
  event_base_active_by_fd(base, fds[0], EV_WRITE);
  rec("del %d", event_del(both));
  event_base_active_by_fd(base, fds[0], EV_WRITE);
  event_base_active_by_fd(base, fds[0], 0);
  event_base_active_by_fd(base, fds[0], EV_SIGNAL | EV_PERSIST);
  event_base_active_by_fd(base, -1, EV_READ);
  event_base_active_by_fd(base, 1000, EV_READ);
  rec("loop %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(reader);
  event_free(timed);
  event_free(both);
  event_free(other);
  event_base_free(base);
  close_pair(fds);
}

SCENARIO(active_by_signal,
         "event_base_active_by_signal runs the events of one signal") {
  struct event_base *base = new_base();
  struct event *one =
      event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, on_event, "one");
  struct event *two =
      event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, on_event, "two");
  struct event *other =
      event_new(base, SIGUSR2, EV_SIGNAL | EV_PERSIST, on_event, "other");
  event_add(one, NULL);
  event_add(two, NULL);
  event_add(other, NULL);
  event_base_active_by_signal(base, SIGUSR1);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_base_active_by_signal(base, SIGUSR1);
  event_base_active_by_signal(base, SIGUSR1);
  event_base_active_by_signal(base, SIGUSR2);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_base_active_by_signal(base, SIGHUP);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(one);
  event_free(two);
  event_free(other);
  event_base_free(base);
}

// --- Who runs ----------------------------------------------------------------

struct runner {
  struct event_base *base;
  struct event *ev;
};

static void ask_who_runs(evutil_socket_t fd, short what, void *arg) {
  struct runner *runner = arg;
  (void)fd;
  (void)what;
  rec("running event is this one: %d",
      event_base_get_running_event(runner->base) == runner->ev);
}

SCENARIO(running_event_is_known,
         "event_base_get_running_event names the event whose callback runs") {
  struct event_base *base = new_base();
  struct runner runner = {.base = base};
  runner.ev = evtimer_new(base, ask_who_runs, &runner);
  event_active(runner.ev, EV_TIMEOUT, 1);
  rec("loop %d", event_base_dispatch(base));
  event_free(runner.ev);
  event_base_free(base);
}

SCENARIO(no_running_event_outside,
         "section 7: outside of callbacks event_base_get_running_event is "
         "NULL") {
  struct event_base *base = new_base();
  rec("none: %d", event_base_get_running_event(base) == NULL);
  event_base_free(base);
}
SCENARIO_ORACLE_CRASHES(no_running_event_outside,
                        "libevent dereferences NULL when no event runs");

static void on_self(evutil_socket_t fd, short what, void *arg) {
  struct event *ev = arg;
  (void)fd;
  rec("self runs: %s, its argument is itself: %d", ev_flags(what),
      event_get_callback_arg(ev) == ev);
}

SCENARIO(self_argument, "event_self_cbarg makes the event its own argument") {
  struct event_base *base = new_base();
  struct event *ev = event_new(base, -1, 0, on_self, event_self_cbarg());
  rec("argument is the event: %d", event_get_callback_arg(ev) == ev);
  event_add(ev, ms(0));
  rec("loop %d", event_base_dispatch(base));
  event_free(ev);
  struct event assigned;
  rec("assign %d",
      event_assign(&assigned, base, -1, 0, on_self, event_self_cbarg()));
  rec("argument is the event: %d",
      event_get_callback_arg(&assigned) == &assigned);
  event_base_free(base);
}
