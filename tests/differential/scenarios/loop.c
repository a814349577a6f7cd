// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: what event_base_loop returns, its flags, and the ways out of it.
#include <errno.h>
#include <unistd.h>

#include "tests/differential/scenarios/event_support.h"

static struct event_base *g_base;
static struct event *g_events[8];

// Events "a", "b", ... on g_base that a scenario activates by number.
static void make_events(int count, event_callback_fn callback) {
  static char *const kNames[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
  for (int i = 0; i < count; ++i)
    g_events[i] = event_new(g_base, -1, 0, callback, kNames[i]);
}

static void free_events(int count) {
  for (int i = 0; i < count; ++i) event_free(g_events[i]);
}

// --- What it returns ---------------------------------------------------------

SCENARIO(loop_without_events_returns_1,
         "behaviour 8: the loop returns 1 when nothing is pending or active") {
  g_base = new_base();
  rec("0: %d", event_base_loop(g_base, 0));
  rec("ONCE: %d", event_base_loop(g_base, EVLOOP_ONCE));
  rec("NONBLOCK: %d", event_base_loop(g_base, EVLOOP_NONBLOCK));
  rec("dispatch: %d", event_base_dispatch(g_base));
  struct event *ev = evtimer_new(g_base, on_event, "timer");
  event_add(ev, ms(0));
  rec("with one that ran: %d", event_base_dispatch(g_base));
  event_free(ev);
  event_base_free(g_base);
}

static void leave_loop(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  rec("loopexit %d", event_base_loopexit(g_base, NULL));
}

static void break_loop(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  rec("loopbreak %d", event_base_loopbreak(g_base));
}

static void continue_loop(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  rec("loopcontinue %d", event_base_loopcontinue(g_base));
}

static void rec_got(void) {
  rec("got exit %d, got break %d", event_base_got_exit(g_base),
      event_base_got_break(g_base));
}

SCENARIO(loop_left_returns_0,
         "behaviour 8: after exit or break the loop returns 0, even when "
         "nothing is left") {
  g_base = new_base();
  struct event *leaving = event_new(g_base, -1, 0, leave_loop, "leaving");
  struct event *breaking = event_new(g_base, -1, 0, break_loop, "breaking");
  rec_got();
  event_active(leaving, EV_READ, 1);
  rec("loop %d", event_base_dispatch(g_base));
  rec_got();
  rec("loop %d", event_base_dispatch(g_base));
  rec_got();
  event_active(breaking, EV_READ, 1);
  rec("loop %d", event_base_dispatch(g_base));
  rec_got();
  rec("loop %d", event_base_dispatch(g_base));
  rec_got();
  event_free(leaving);
  event_free(breaking);
  event_base_free(g_base);
}

static void loop_inside(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  rec("inner loop %d", event_base_loop(g_base, EVLOOP_NONBLOCK));
  rec("inner dispatch %d", event_base_dispatch(g_base));
}

SCENARIO(loop_inside_itself_is_refused,
         "behaviour 8: the loop called inside itself returns -1 and warns") {
  g_base = new_base();
  struct event *outer = event_new(g_base, -1, 0, loop_inside, "outer");
  struct event *other = event_new(g_base, -1, 0, on_event, "other");
  event_active(outer, EV_READ, 1);
  event_active(other, EV_READ, 1);
  rec("loop %d", event_base_dispatch(g_base));
  event_free(outer);
  event_free(other);
  event_base_free(g_base);
}

static void loop_on_another(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  struct event_base *another = new_base();
  struct event *ev = event_new(another, -1, 0, on_event, "of another base");
  event_add(ev, ms(0));
  rec("loop of another %d", event_base_dispatch(another));
  event_free(ev);
  event_base_free(another);
}

SCENARIO(loop_of_another_base_inside,
         "behaviour 8: another base may be dispatched in a callback") {
  g_base = new_base();
  struct event *outer = event_new(g_base, -1, 0, loop_on_another, "outer");
  event_active(outer, EV_READ, 1);
  rec("loop %d", event_base_dispatch(g_base));
  event_free(outer);
  event_base_free(g_base);
}

SCENARIO(backend_failure_returns_minus_1,
         "behaviour 8: the loop returns -1 when the backend fails, and can be "
         "called again") {
  virtual_time();
  g_base = new_base();
  struct event *ev = evtimer_new(g_base, on_timed, "timer");
  event_add(ev, ms(10));
  fail_next_wait(EBADF);
  rec("loop %d", event_base_dispatch(g_base));
  rec_got();
  rec("loop %d", event_base_dispatch(g_base));
  event_free(ev);
  event_base_free(g_base);
}

SCENARIO(interrupted_wait_is_no_failure,
         "behaviour 8: EINTR in the wait goes unnoticed") {
  virtual_time();
  g_base = new_base();
  struct event *ev = evtimer_new(g_base, on_timed, "timer");
  event_add(ev, ms(10));
  fail_next_wait(EINTR);
  rec("loop %d", event_base_dispatch(g_base));
  event_add(ev, ms(10));
  fail_next_wait(EINTR);
  rec("once %d", event_base_loop(g_base, EVLOOP_ONCE));
  rec("pending %s", pending(ev));
  event_free(ev);
  event_base_free(g_base);
}

// --- Flags -------------------------------------------------------------------

SCENARIO(once_runs_all_priorities,
         "behaviour 9: EVLOOP_ONCE runs all that is active at every priority") {
  g_base = new_base();
  event_base_priority_init(g_base, 3);
  make_events(4, on_event);
  event_priority_set(g_events[0], 2);
  event_priority_set(g_events[1], 0);
  event_priority_set(g_events[2], 1);
  event_priority_set(g_events[3], 2);
  for (int i = 0; i < 4; ++i) event_active(g_events[i], EV_READ, 1);
  rec("once %d", event_base_loop(g_base, EVLOOP_ONCE));
  for (int i = 0; i < 4; ++i) event_active(g_events[i], EV_READ, 1);
  rec("nonblock %d", event_base_loop(g_base, EVLOOP_NONBLOCK));
  for (int i = 0; i < 4; ++i) event_active(g_events[i], EV_READ, 1);
  rec("both %d", event_base_loop(g_base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec("rest %d", event_base_loop(g_base, 0));
  free_events(4);
  event_base_free(g_base);
}

SCENARIO(once_waits,
         "behaviour 9: EVLOOP_ONCE waits until something runs, NONBLOCK does "
         "not wait") {
  virtual_time();
  g_base = new_base();
  struct event *near = evtimer_new(g_base, on_timed, "near");
  struct event *far = evtimer_new(g_base, on_timed, "far");
  event_add(near, ms(20));
  event_add(far, ms(50));
  rec("nonblock %d", event_base_loop(g_base, EVLOOP_NONBLOCK));
  rec("at %d ms", (int)now_ms());
  rec("both %d", event_base_loop(g_base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec("at %d ms", (int)now_ms());
  rec("once %d", event_base_loop(g_base, EVLOOP_ONCE));
  rec("at %d ms", (int)now_ms());
  rec("once %d", event_base_loop(g_base, EVLOOP_ONCE));
  rec("at %d ms", (int)now_ms());
  event_free(near);
  event_free(far);
  event_base_free(g_base);
}

static int g_rounds_left;

static void add_zero_timer(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  if (g_rounds_left-- > 0) event_add(g_events[0], ms(0));
}

SCENARIO(
    nonblock_turns_until_nothing_activates,
    "behaviour 9: NONBLOCK turns until a turn activates nothing; with ONCE "
    "it is one glance") {
  g_base = new_base();
  g_events[0] = evtimer_new(g_base, add_zero_timer, "again");
  g_rounds_left = 3;
  event_add(g_events[0], ms(0));
  rec("nonblock %d", event_base_loop(g_base, EVLOOP_NONBLOCK));
  g_rounds_left = 2;
  event_add(g_events[0], ms(0));
  for (int i = 0; i < 4; ++i)
    rec("both %d", event_base_loop(g_base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  g_rounds_left = 2;
  event_add(g_events[0], ms(0));
  for (int i = 0; i < 4; ++i)
    rec("once %d", event_base_loop(g_base, EVLOOP_ONCE));
  free_events(1);
  event_base_free(g_base);
}

static void reactivate(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  if (g_rounds_left-- > 0) event_active(g_events[0], EV_READ, 1);
}

SCENARIO(reactivation_inside_once,
         "behaviour 9: what activates itself runs on in the same queue under "
         "ONCE and NONBLOCK") {
  g_base = new_base();
  make_events(2, reactivate);
  g_rounds_left = 3;
  event_active(g_events[0], EV_READ, 1);
  event_active(g_events[1], EV_WRITE, 1);
  rec("once %d", event_base_loop(g_base, EVLOOP_ONCE));
  g_rounds_left = 3;
  event_active(g_events[0], EV_READ, 1);
  rec("both %d", event_base_loop(g_base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec("rest %d", event_base_loop(g_base, 0));
  free_events(2);
  event_base_free(g_base);
}

static int g_idle;

static void when_idle(void) {
  rec("waits without limit");
  if (++g_idle == 1)
    event_active(g_events[0], EV_READ, 1);
  else
    rec("loopbreak %d", event_base_loopbreak(g_base));
}

SCENARIO(no_exit_on_empty_goes_on,
         "behaviour 9: EVLOOP_NO_EXIT_ON_EMPTY waits without events") {
  virtual_time();
  g_base = new_base();
  make_events(1, on_event);
  on_endless_wait(when_idle);
  rec("loop %d", event_base_loop(g_base, EVLOOP_NO_EXIT_ON_EMPTY));
  rec_got();
  rec("nonblock %d",
      event_base_loop(g_base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY));
  event_add(g_events[0], ms(30));
  rec("once %d",
      event_base_loop(g_base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY));
  rec("at %d ms", (int)now_ms());
  free_events(1);
  event_base_free(g_base);
}

SCENARIO(unknown_loop_flags,
         "section 7: unknown bits in the loop's flags are ignored") {
  virtual_time();
  g_base = new_base();
  struct event *ev = evtimer_new(g_base, on_timed, "timer");
  event_add(ev, ms(10));
  rec("0x40000000|NONBLOCK: %d",
      event_base_loop(g_base, 0x40000000 | EVLOOP_NONBLOCK));
  rec("0x100: %d", event_base_loop(g_base, 0x100));
  event_free(ev);
  event_base_free(g_base);
}

// --- Ways out ----------------------------------------------------------------

static void reactivate_and_leave(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  if (g_rounds_left-- > 0) {
    event_active(g_events[0], EV_READ, 1);
    rec("loopexit %d", event_base_loopexit(g_base, NULL));
  }
}

SCENARIO(exit_finishes_the_queue,
         "behaviour 10: loopexit ends after the current queue is empty, with "
         "what reactivates itself in it; lower priorities stay active") {
  g_base = new_base();
  event_base_priority_init(g_base, 3);
  static char *const kNames[] = {"beside", "middle", "low"};
  g_events[0] = event_new(g_base, -1, 0, reactivate_and_leave, "leaving");
  event_priority_set(g_events[0], 0);
  for (int i = 0; i < 3; ++i) {
    g_events[i + 1] = event_new(g_base, -1, 0, on_event, kNames[i]);
    event_priority_set(g_events[i + 1], i);
  }
  g_rounds_left = 2;
  for (int i = 0; i < 4; ++i) event_active(g_events[i], EV_READ, 1);
  rec("loop %d", event_base_dispatch(g_base));
  for (int i = 0; i < 3; ++i)
    rec("%s is %s", kNames[i], pending(g_events[i + 1]));
  rec_got();
  rec("loop %d", event_base_dispatch(g_base));
  rec("loop %d", event_base_dispatch(g_base));
  rec_got();
  free_events(4);
  event_base_free(g_base);
}

SCENARIO(
    exit_in_the_default_queue,
    "behaviour 10: loopexit in a callback of default priority: the rest of "
    "that queue runs, with what was activated in it") {
  g_base = new_base();
  event_base_priority_init(g_base, 3);
  g_events[0] = event_new(g_base, -1, 0, reactivate_and_leave, "leaving");
  g_events[1] = event_new(g_base, -1, 0, on_event, "beside");
  g_events[2] = event_new(g_base, -1, 0, on_event, "low");
  event_priority_set(g_events[2], 2);
  g_rounds_left = 3;
  for (int i = 0; i < 3; ++i) event_active(g_events[i], EV_READ, 1);
  rec("loop %d", event_base_dispatch(g_base));
  rec("low is %s", pending(g_events[2]));
  rec_got();
  rec("loop %d", event_base_dispatch(g_base));
  free_events(3);
  event_base_free(g_base);
}

SCENARIO(exit_before_the_loop,
         "behaviour 10: loopexit before the loop starts ends its first turn") {
  g_base = new_base();
  event_base_priority_init(g_base, 2);
  make_events(2, on_event);
  event_priority_set(g_events[1], 0);
  event_active(g_events[0], EV_READ, 1);
  event_active(g_events[1], EV_READ, 1);
  rec("loopexit %d", event_base_loopexit(g_base, NULL));
  rec_got();
  rec("loop %d", event_base_dispatch(g_base));
  rec_got();
  rec("loop %d", event_base_dispatch(g_base));
  rec_got();
  free_events(2);
  event_base_free(g_base);
}

SCENARIO(exit_after_a_time,
         "behaviour 10: loopexit with a time lets the loop run until then") {
  virtual_time();
  g_base = new_base();
  struct event *tick = event_new(g_base, -1, EV_PERSIST, on_timed, "tick");
  event_add(tick, ms(40));
  rec("loopexit %d", event_base_loopexit(g_base, ms(100)));
  rec("loop %d", event_base_dispatch(g_base));
  rec("at %d ms", (int)now_ms());
  rec_got();
  event_free(tick);
  rec("exit alone keeps the loop: %d", event_base_loopexit(g_base, ms(50)));
  rec("loop %d", event_base_dispatch(g_base));
  rec("at %d ms", (int)now_ms());
  event_base_free(g_base);
}

SCENARIO(
    break_stops_after_the_callback,
    "behaviour 10: loopbreak ends the loop after the running callback, the "
    "rest stays active") {
  g_base = new_base();
  g_events[0] = event_new(g_base, -1, 0, on_event, "before");
  g_events[1] = event_new(g_base, -1, 0, break_loop, "breaking");
  g_events[2] = event_new(g_base, -1, 0, on_event, "after");
  for (int i = 0; i < 3; ++i) event_active(g_events[i], EV_READ, 1);
  rec("loop %d", event_base_dispatch(g_base));
  rec("after is %s", pending(g_events[2]));
  rec_got();
  rec("loop %d", event_base_dispatch(g_base));
  rec_got();
  free_events(3);
  event_base_free(g_base);
}

SCENARIO(break_before_the_loop_is_forgotten,
         "behaviour 10: a break before the loop starts is forgotten") {
  g_base = new_base();
  make_events(2, on_event);
  event_active(g_events[0], EV_READ, 1);
  event_active(g_events[1], EV_READ, 1);
  rec("loopbreak %d", event_base_loopbreak(g_base));
  rec_got();
  rec("loop %d", event_base_dispatch(g_base));
  rec_got();
  free_events(2);
  event_base_free(g_base);
}

static void continue_after_write(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  rec("continuing runs: %s", ev_flags(what));
  put(*(evutil_socket_t *)arg, "x");
  rec("loopcontinue %d", event_base_loopcontinue(g_base));
}

SCENARIO(continue_looks_before_the_rest,
         "behaviour 10: loopcontinue looks for new events before the rest of "
         "the queue") {
  evutil_socket_t fds[2];
  socket_pair(fds);
  g_base = new_base();
  event_base_priority_init(g_base, 2);
  g_events[0] = event_new(g_base, -1, 0, continue_after_write, &fds[1]);
  g_events[1] = event_new(g_base, -1, 0, on_event, "rest one");
  g_events[2] = event_new(g_base, -1, 0, on_event, "rest two");
  g_events[3] = event_new(g_base, fds[0], EV_READ, on_event, "reader of 0");
  g_events[4] = event_new(g_base, fds[0], EV_READ, on_event, "reader of 1");
  event_priority_set(g_events[3], 0);
  event_add(g_events[3], NULL);
  event_add(g_events[4], NULL);
  for (int i = 0; i < 3; ++i) event_active(g_events[i], EV_READ, 1);
  rec("loop %d", event_base_dispatch(g_base));
  free_events(5);
  event_base_free(g_base);
  close_pair(fds);
}

SCENARIO(continue_under_once,
         "behaviour 10: loopcontinue in a loop with ONCE or NONBLOCK") {
  g_base = new_base();
  event_base_priority_init(g_base, 2);
  g_events[0] = event_new(g_base, -1, 0, continue_loop, "continuing");
  g_events[1] = event_new(g_base, -1, 0, on_event, "rest");
  g_events[2] = event_new(g_base, -1, 0, on_event, "of 0");
  event_priority_set(g_events[2], 0);
  static const int kFlags[] = {EVLOOP_ONCE, EVLOOP_NONBLOCK,
                               EVLOOP_ONCE | EVLOOP_NONBLOCK};
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3; ++i) event_active(g_events[i], EV_READ, 1);
    rec("loop with 0x%x: %d", (unsigned)kFlags[round],
        event_base_loop(g_base, kFlags[round]));
    rec("rest is %s", pending(g_events[1]));
    rec("loop %d", event_base_dispatch(g_base));
  }
  free_events(3);
  event_base_free(g_base);
}

static void exit_and_break(evutil_socket_t fd, short what, void *arg) {
  on_event(fd, what, arg);
  rec("loopexit %d", event_base_loopexit(g_base, NULL));
  rec("loopbreak %d", event_base_loopbreak(g_base));
  rec_got();
}

SCENARIO(
    exit_and_break_together,
    "behaviour 10: a break after an exit ends the loop; the exit stays for "
    "the next") {
  g_base = new_base();
  g_events[0] = event_new(g_base, -1, 0, exit_and_break, "both");
  g_events[1] = event_new(g_base, -1, 0, on_event, "other");
  event_active(g_events[0], EV_READ, 1);
  event_active(g_events[1], EV_READ, 1);
  rec("loop %d", event_base_dispatch(g_base));
  rec_got();
  rec("loop %d", event_base_dispatch(g_base));
  rec_got();
  rec("loop %d", event_base_dispatch(g_base));
  rec_got();
  free_events(2);
  event_base_free(g_base);
}

// --- event_base_once ---------------------------------------------------------

SCENARIO(base_once_refuses_signals,
         "behaviour 11: event_base_once refuses signals and EV_PERSIST") {
  virtual_time();
  g_base = new_base();
  static const struct {
    short what;
    const char *text;
  } kCases[] = {{EV_SIGNAL, "SIGNAL"},
                {EV_TIMEOUT | EV_SIGNAL, "TIMEOUT|SIGNAL"},
                {EV_READ | EV_PERSIST, "READ|PERSIST"},
                {EV_TIMEOUT | EV_PERSIST, "TIMEOUT|PERSIST"},
                {0, "0"},
                {EV_PERSIST, "PERSIST"},
                {EV_ET, "ET"},
                {0x4000, "0x4000"}};
  for (size_t i = 0; i < sizeof kCases / sizeof *kCases; ++i)
    rec("%s: %d", kCases[i].text,
        event_base_once(g_base, -1, kCases[i].what, on_event, "once", ms(1)));
  rec("no base: %d",
      event_base_once(NULL, -1, EV_SIGNAL, on_event, "once", ms(1)));
  rec("loop %d", event_base_dispatch(g_base));
  event_base_free(g_base);
  rec("blocks %ld", blocks_in_use());
}

SCENARIO(
    base_once_runs_once,
    "behaviour 11: a timeout of zero is active at once, others fire once") {
  evutil_socket_t fds[2];
  virtual_time();
  socket_pair(fds);
  g_base = new_base();
  rec("later: %d",
      event_base_once(g_base, -1, EV_TIMEOUT, on_timed, "later", ms(20)));
  rec("zero: %d",
      event_base_once(g_base, -1, EV_TIMEOUT, on_timed, "zero", ms(0)));
  rec("NULL: %d",
      event_base_once(g_base, -1, EV_TIMEOUT, on_timed, "NULL", NULL));
  rec("read: %d",
      event_base_once(g_base, fds[0], EV_READ, on_timed, "read", NULL));
  rec("read with timeout: %d",
      event_base_once(g_base, fds[1], EV_READ, on_timed, "patience", ms(10)));
  rec("write: %d", event_base_once(g_base, fds[0], EV_WRITE | EV_TIMEOUT,
                                   on_timed, "write", ms(10)));
  rec("once %d", event_base_loop(g_base, EVLOOP_ONCE));
  put(fds[1], "x");
  rec("loop %d", event_base_dispatch(g_base));
  rec("loop %d", event_base_dispatch(g_base));
  event_base_free(g_base);
  rec("blocks %ld", blocks_in_use());
  close_pair(fds);
}

SCENARIO(base_once_unfired_is_freed,
         "behaviour 11: unfired event_base_once events are freed with the "
         "base") {
  evutil_socket_t fds[2];
  virtual_time();
  socket_pair(fds);
  g_base = new_base();
  rec("%d", event_base_once(g_base, -1, EV_TIMEOUT, on_event, "t", ms(1000)));
  rec("%d", event_base_once(g_base, fds[0], EV_READ, on_event, "r", NULL));
  rec("%d", event_base_once(g_base, -1, EV_TIMEOUT, on_event, "z", ms(0)));
  event_base_free(g_base);
  rec("blocks %ld", blocks_in_use());
  close_pair(fds);
}
