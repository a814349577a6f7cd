// SPDX-License-Identifier: BSD-3-Clause
//
// Instructions about events: of timers, fds and signals, made in each of the
// ways there are, and freed by each other.
#include <event2/event.h>
#include <event2/event_compat.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/differential/random/interpreter.h"
#include "tests/differential/random/virtual_time.h"

// How an event is made (argument `how` of event_new).
enum { HOW_NEW, HOW_ASSIGN, HOW_SELF, HOW_SET };

static const int kSignals[SIGNALS_MAX] = {SIGUSR1, SIGUSR2, SIGHUP, SIGWINCH};

struct slot {
  struct event *event;   // NULL: empty
  struct event storage;  // of assigned ones
  bool is_assigned;
  bool is_common;  // had a common timeout
  int fd;          // fd slot, -1 for timers and signals
  int number;      // what the library calls its fd
  short what;
  int script;
};
static struct slot slots[EVENTS_MAX];
// Whose callback runs, and whether something was activated in it.
static struct slot *running;
static bool activated_inside;

void events_start(void) { memset(slots, 0, sizeof(slots)); }

static struct slot *slot_of(const long *a) {
  return slots[a[0]].event != NULL ? &slots[a[0]] : NULL;
}

static int slot_of_event(const struct event *event) {
  for (int i = 0; i < EVENTS_MAX; i++) {
    if (event != NULL && slots[i].event == event) return i;
  }
  return -1;
}

static void called(struct slot *slot, evutil_socket_t fd, short what) {
  note_callback();
  rec("event %d fd %d what %d at %lld\n", (int)(slot - slots),
      fd == slot->number ? slot->fd : -2, what, (long long)vt_elapsed_us());
  struct slot *outer = running;
  running = slot;
  activated_inside = false;
  run_script(slot->script);
  running = outer;
}

static void on_event(evutil_socket_t fd, short what, void *arg) {
  called(arg, fd, what);
}

static void on_event_with_itself(evutil_socket_t fd, short what, void *arg) {
  int slot = slot_of_event(arg);
  if (slot < 0) {
    rec("an event that is none of ours\n");
    return;
  }
  called(&slots[slot], fd, what);
}

static void slot_free(struct slot *slot) {
  if (slot->is_assigned) {
    event_del(slot->event);
  } else {
    event_free(slot->event);
    EFFECT(event_free);
  }
  slot->event = NULL;
}

void events_free_all(void) {
  for (int i = 0; i < EVENTS_MAX; i++) {
    // Assigned events of odd slots stay: event_base_free must let go of them.
    if (slots[i].event == NULL || (slots[i].is_assigned && i % 2 == 1))
      continue;
    slot_free(&slots[i]);
  }
}

bool events_free_on_fd(int fd) {
  for (int i = 0; i < EVENTS_MAX; i++) {
    if (slots[i].event != NULL && slots[i].fd == fd) slot_free(&slots[i]);
  }
  return true;
}

bool fd_is_edge_triggered(long fd) { return m.epoll && fd % 3 == 1; }

// The flags that an event on `fd` may have: one mode for each fd, since
// mixing edge and level is not defined; edge and EV_CLOSED where it exists.
static short flags_for_fd(long fd, long what) {
  short flags = (short)(what & (EV_READ | EV_WRITE | EV_PERSIST | EV_CLOSED));
  if (!m.epoll) flags &= ~EV_CLOSED;
  if (fd_is_edge_triggered(fd)) flags |= EV_ET;
  return flags;
}

static bool make(struct slot *slot, long how, int fd, short what) {
  int result = -1;
  switch (how) {
    case HOW_NEW:
      slot->event = event_new(m.base, fd, what, on_event, slot);
      EFFECT_IF(event_new, slot->event != NULL);
      break;
    case HOW_SELF:
      slot->event =
          event_new(m.base, fd, what, on_event_with_itself, event_self_cbarg());
      EFFECT_IF(event_self_cbarg, slot->event != NULL);
      break;
    case HOW_ASSIGN:
      result = event_assign(&slot->storage, m.base, fd, what, on_event, slot);
      EFFECT_IF(event_assign, result == 0);
      break;
    default:
      event_set(&slot->storage, fd, what, on_event, slot);
      result = event_base_set(m.base, &slot->storage);
      EFFECT_IF(event_set, result == 0);
      EFFECT_IF(event_base_set, result == 0);
      break;
  }
  slot->is_assigned = result == 0;
  if (result == 0) slot->event = &slot->storage;
  return slot->event != NULL;
}

static int events_on_fd(long fd) {
  int count = 0;
  for (int i = 0; i < EVENTS_MAX; i++) {
    count += slots[i].event != NULL && slots[i].fd == fd;
  }
  return count;
}

// target: -1 a timer, an fd slot, or 100 + a signal.
void op_event_new(const long *a) {
  struct slot *slot = &slots[a[0]];
  if (m.base == NULL || slot->event != NULL) return;
  long priority = a[4] % (m.priorities < 4 ? m.priorities : m.priorities - 1);
  int fd = -1;
  short what = (short)(a[3] & EV_PERSIST);
  slot->fd = -1;
  if (a[2] >= 100) {
    // At a single priority they have no order with fds.
    if (m.priorities == 1) return;
    fd = kSignals[a[2] - 100];
    what |= EV_SIGNAL;
    // Both bits at once are refused; event_set has no way to say so and ends
    // the process instead.
    if (a[3] & EV_CLOSED && a[1] != HOW_SET) what |= EV_READ;
  } else if (a[2] >= 0) {
    fd = fd_of(a[2]);
    priority = fd_priority(a[2], a[4]);
    what = flags_for_fd(a[2], a[3]);
    if (fd < 0 || priority < 0) return;
    // A second event on an edge-triggered fd is told of what is there already
    // by evoke, which asks the kernel again, and not by libevent.
    if ((what & EV_ET) && events_on_fd(a[2]) > 0) return;
    slot->fd = (int)a[2];
  }
  slot->is_common = false;
  slot->number = fd;
  slot->what = what;
  slot->script = (int)a[5];
  if (!make(slot, a[1], fd, what)) {
    rec("event %ld refused\n", a[0]);
    return;
  }
  int result = event_priority_set(slot->event, (int)priority);
  EFFECT_IF(event_priority_set, result == 0);
}

void op_event_free(const long *a) {
  struct slot *slot = slot_of(a);
  // libevent goes on with the calls of a signal event that was activated
  // again, although it is gone.
  if (slot == NULL || (slot == running && activated_inside)) return;
  slot_free(slot);
}

static void add(struct slot *slot, const struct timeval *tv) {
  int result = event_add(slot->event, tv);
  EFFECT_IF(event_add, result == 0);
  rec("add %d -> %d\n", (int)(slot - slots), result);
}

void op_event_add(const long *a) {
  struct slot *slot = slot_of(a);
  if (slot == NULL) return;
  enum deadline_owner owner =
      slot->what & EV_PERSIST ? OWNER_PERSISTENT_EVENT : OWNER_EVENT;
  // A persistent event without an interval would be active in every turn.
  struct timeval tv = timeout_for(owner, (int)a[0], a[1]);
  add(slot, a[1] < 0 ? NULL : &tv);
}

void op_event_add_common(const long *a) {
  struct slot *slot = slot_of(a);
  // Only timers, and at a priority of their own: libevent makes those of a
  // common timeout active by a callback of its own, which waits its turn among
  // what is active already.
  if (slot == NULL || common_timeout(a[1]) == NULL || slot->fd >= 0 ||
      (slot->what & EV_SIGNAL)) {
    return;
  }
  if (!slot->is_common &&
      event_priority_set(slot->event, m.priorities - 1) < 0) {
    return;
  }
  slot->is_common = true;
  add(slot, common_timeout(a[1]));
}

void op_event_del(const long *a) {
  struct slot *slot = slot_of(a);
  if (slot == NULL) return;
  int result = event_del(slot->event);
  EFFECT_IF(event_del, result == 0);
  rec("del %ld -> %d\n", a[0], result);
}

void op_event_remove_timer(const long *a) {
  struct slot *slot = slot_of(a);
  // libevent loses the calls of an active signal event with its timer.
  if (slot == NULL || (slot->what & EV_SIGNAL)) return;
  bool had = event_pending(slot->event, EV_TIMEOUT, NULL) != 0;
  int result = event_remove_timer(slot->event);
  EFFECT_IF(event_remove_timer, had && result == 0);
  rec("remove_timer %ld -> %d\n", a[0], result);
}

void op_event_active(const long *a) {
  struct slot *slot = slot_of(a);
  if (slot == NULL || slot->is_common) return;
  activated_inside = true;
  event_active(slot->event, (int)a[1], (short)a[2]);
  EFFECT(event_active);
}

void op_event_pending(const long *a) {
  struct slot *slot = slot_of(a);
  if (slot == NULL) return;
  struct timeval tv = {0, 0};
  int result = event_pending(slot->event, (short)a[1], &tv);
  EFFECT_IF(event_pending, result != 0);
  rec("pending %ld -> %d %lld.%06lld\n", a[0], result, (long long)tv.tv_sec,
      (long long)tv.tv_usec);
}

void op_event_look(const long *a) {
  struct slot *slot = slot_of(a);
  if (slot == NULL) return;
  struct event_base *base = NULL;
  evutil_socket_t fd = -1;
  short what = 0;
  event_callback_fn callback = NULL;
  void *arg = NULL;
  event_get_assignment(slot->event, &base, &fd, &what, &callback, &arg);
  rec("look %ld: initialized %d base %d fd %d what %d arg %d priority %d\n",
      a[0], event_initialized(slot->event), base == m.base,
      fd == event_get_fd(slot->event), what, arg == slot || arg == slot->event,
      event_get_priority(slot->event));
  EFFECT_IF(event_initialized, event_initialized(slot->event));
  EFFECT_IF(event_get_assignment, base == m.base);
  EFFECT_IF(event_get_base, event_get_base(slot->event) == m.base);
  EFFECT_IF(event_get_fd, event_get_fd(slot->event) == fd);
  EFFECT_IF(event_get_events, event_get_events(slot->event) == what);
  EFFECT_IF(event_get_callback, event_get_callback(slot->event) == callback);
  EFFECT_IF(event_get_callback_arg, event_get_callback_arg(slot->event) == arg);
  EFFECT(event_get_priority);
}

void op_event_priority_set(const long *a) {
  struct slot *slot = slot_of(a);
  if (slot == NULL) return;
  long priority = a[1];
  if (slot->is_common || (m.priorities > 3 && priority == m.priorities - 1)) {
    return;
  }
  if (slot->fd >= 0) {
    priority = fd_priority(slot->fd, a[1]);
    if (priority < 0) return;
  }
  int result = event_priority_set(slot->event, (int)priority);
  EFFECT_IF(event_priority_set, result == 0);
  rec("priority %ld -> %d\n", a[0], result);
}

void op_running_event(const long *a) {
  (void)a;
  // Outside of callbacks libevent's crashes.
  if (m.base == NULL || !m.in_loop || m.depth == 0) return;
  struct event *running = event_base_get_running_event(m.base);
  EFFECT_IF(event_base_get_running_event, running != NULL);
  rec("running %d %d\n", running != NULL, slot_of_event(running));
}

// Whether an event waits for one of `what` on fd slot `fd` or, if that is -1,
// for the signal.
static bool waits(int fd, int number, short what) {
  for (int i = 0; i < EVENTS_MAX; i++) {
    if (slots[i].event != NULL && slots[i].fd == fd &&
        event_get_fd(slots[i].event) == number &&
        event_pending(slots[i].event, what, NULL) != 0) {
      return true;
    }
  }
  return false;
}

void op_active_by_fd(const long *a) {
  int fd = fd_of(a[0]);
  if (m.base == NULL || fd < 0) return;
  EFFECT_IF(event_base_active_by_fd, waits((int)a[0], fd, (short)a[1]));
  event_base_active_by_fd(m.base, fd, (short)a[1]);
}

void op_active_by_signal(const long *a) {
  if (m.base == NULL) return;
  EFFECT_IF(event_base_active_by_signal, waits(-1, kSignals[a[0]], EV_SIGNAL));
  activated_inside = true;
  event_base_active_by_signal(m.base, kSignals[a[0]]);
}

// Refused while something is active. Only then is it called: else pending
// events would be left with priorities that are no more.
void op_priority_init_again(const long *a) {
  struct slot *slot = slot_of(a);
  if (slot == NULL || slot->is_common) return;
  activated_inside = true;
  event_active(slot->event, EV_READ, 1);
  rec("priority_init %d\n", event_base_priority_init(m.base, (int)a[1] + 1));
}

// Only a signal that somebody handles; else it would end the process.
void op_raise_signal(const long *a) {
  struct sigaction action;
  sigaction(kSignals[a[0]], NULL, &action);
  bool handled = action.sa_handler != SIG_DFL;
  if (handled) raise(kSignals[a[0]]);
  rec("raise %d\n", handled);
}
