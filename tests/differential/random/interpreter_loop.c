// SPDX-License-Identifier: BSD-3-Clause
//
// Instructions about the base: making it, turning its loop, leaving the loop,
// its clock.
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/differential/random/interpreter.h"
#include "tests/differential/random/virtual_time.h"

#define CALLBACKS_MAX 60
#define WAITS_MAX 4000
#define COMMON_MAX 3

static const char *const kMethods[] = {"epoll", "poll", "select"};
static int once_on_fd[FDS_MAX];

static const struct timeval *common_tv[COMMON_MAX];

void op_base_new(const long *a) {
  if (m.base != NULL) return;
  struct event_config *config = event_config_new();
  EFFECT(event_config_new);
  for (int i = 0; i < 3; i++) {
    if (i == a[0]) continue;
    int result = event_config_avoid_method(config, kMethods[i]);
    EFFECT_IF(event_config_avoid_method, result == 0);
  }
  for (int flag = 1; flag <= a[1]; flag <<= 1) {
    if (!(a[1] & flag)) continue;
    int result = event_config_set_flag(config, flag);
    EFFECT_IF(event_config_set_flag, result == 0);
  }
  int hint = event_config_set_num_cpus_hint(config, 2);
  EFFECT_IF(event_config_set_num_cpus_hint, hint == 0);
  m.limited = a[3] >= 0 || a[4] >= 0;
  if (m.limited) {
    struct timeval interval = {0, a[3]};
    int result = event_config_set_max_dispatch_interval(
        config, a[3] >= 0 ? &interval : NULL, (int)a[4], (int)a[5]);
    EFFECT_IF(event_config_set_max_dispatch_interval, result == 0);
  }
  m.base = event_base_new_with_config(config);
  event_config_free(config);
  EFFECT(event_config_free);
  if (m.base == NULL) {
    rec("no base\n");
    return;
  }
  EFFECT(event_base_new_with_config);
  m.epoll = a[0] == 0;
  m.priorities = 1;
  if (a[2] > 0) {
    int result = event_base_priority_init(m.base, (int)a[2]);
    EFFECT_IF(event_base_priority_init, result == 0);
    m.priorities = event_base_get_npriorities(m.base);
    EFFECT(event_base_get_npriorities);
  }
  rec("base %d priorities\n", m.priorities);
}

void op_base_info(const long *a) {
  (void)a;
  if (m.base == NULL) return;
  rec("method %s features %d priorities %d\n", event_base_get_method(m.base),
      event_base_get_features(m.base), event_base_get_npriorities(m.base));
  EFFECT(event_base_get_method);
  EFFECT(event_base_get_features);
  EFFECT(event_base_get_npriorities);
}

static void on_stopped(int why) {
  rec("stopped %c at %lld\n", why, (long long)vt_elapsed_us());
  event_base_loopbreak(m.base);
}

static bool any_common(void) {
  for (int i = 0; i < COMMON_MAX; i++) {
    if (common_tv[i] != NULL) return true;
  }
  return false;
}

// A loop of at most `cells` of time and CALLBACKS_MAX callbacks.
static void turn(long flags, long cells) {
  if (m.base == NULL) return;
  if (m.in_loop) {
    rec("loop in loop %d\n", event_base_loop(m.base, (int)flags));
    return;
  }
  // Callbacks of buffers that no loop calls must not start one.
  if (m.depth > 0) return;
  // What is a turn differs then.
  if (flags > 0 && !m.quiet && something_slow_is_stirred()) return;
  // The callback with which libevent fires common timeouts counts as work left
  // to do when a limit cuts it off.
  if (flags > 0 && (flags & EVLOOP_ONCE) && m.limited && any_common()) return;
  m.in_loop = true;
  // How many turns a settling takes is open, and so is what a limit cuts off.
  m.callbacks_left = m.quiet ? INT_MAX : CALLBACKS_MAX;
  vt_limit(cells, WAITS_MAX, on_stopped);
  int result;
  if (flags < 0) {
    result = event_base_dispatch(m.base);
    EFFECT_IF(event_base_dispatch, result >= 0);
  } else {
    result = event_base_loop(m.base, (int)flags);
    EFFECT_IF(event_base_loop, result >= 0);
  }
  vt_limit(0, 0, NULL);
  m.in_loop = false;
  if (m.quiet) return;
  rec("loop %d at %lld exit %d break %d\n", result, (long long)vt_elapsed_us(),
      event_base_got_exit(m.base), event_base_got_break(m.base));
  EFFECT_IF(event_base_got_exit, event_base_got_exit(m.base));
  EFFECT_IF(event_base_got_break, event_base_got_break(m.base));
}

void loop_quietly(void) {
  m.quiet = true;
  turn(EVLOOP_NONBLOCK, 1);
  m.quiet = false;
}

void op_loop(const long *a) { turn(a[0], a[1]); }

void op_dispatch(const long *a) { turn(-1, a[0]); }

void op_loopexit(const long *a) {
  if (m.base == NULL) return;
  struct timeval tv = timeout_for(OWNER_ONCE, 0, a[0]);
  int result = event_base_loopexit(m.base, a[0] < 0 ? NULL : &tv);
  EFFECT_IF(event_base_loopexit, result == 0);
  rec("loopexit %d\n", result);
}

void op_loopbreak(const long *a) {
  (void)a;
  if (m.base == NULL) return;
  int result = event_base_loopbreak(m.base);
  EFFECT_IF(event_base_loopbreak, m.in_loop && result == 0);
  rec("loopbreak %d\n", result);
}

void op_loopcontinue(const long *a) {
  (void)a;
  if (m.base == NULL) return;
  int result = event_base_loopcontinue(m.base);
  EFFECT_IF(event_base_loopcontinue, m.in_loop && result == 0);
  rec("loopcontinue %d\n", result);
}

void op_got_flags(const long *a) {
  (void)a;
  if (m.base == NULL) return;
  int got_exit = event_base_got_exit(m.base);
  int got_break = event_base_got_break(m.base);
  EFFECT_IF(event_base_got_exit, got_exit);
  EFFECT_IF(event_base_got_break, got_break);
  rec("exit %d break %d\n", got_exit, got_break);
}

struct once {
  int script;
  int fd;  // slot, -1 for a timer
  short what;
};

// The arguments of once-callbacks, which need not be freed one by one.
static struct once onces[256];
static int onces_used;

static void on_once(evutil_socket_t fd, short what, void *arg) {
  struct once *once = arg;
  note_callback();
  if (once->fd >= 0) once_on_fd[once->fd]--;
  rec("once %d fd %d what %d at %lld\n", (int)(once - onces), fd_slot_of(fd),
      what, (long long)vt_elapsed_us());
  run_script(once->script);
}

int once_pending_on_fd(int fd) { return once_on_fd[fd]; }

// kind: 0 timer, 1 readable, 2 writable, 3 readable or timer, 4 and 5 are
// refused.
void op_once(const long *a) {
  static const short kWhat[] = {EV_TIMEOUT, EV_READ,
                                EV_WRITE,   EV_READ | EV_TIMEOUT,
                                EV_SIGNAL,  EV_READ | EV_PERSIST};
  if (m.base == NULL || onces_used == 256) return;
  struct once *once = &onces[onces_used];
  once->script = (int)a[3];
  once->fd = -1;
  once->what = kWhat[a[0]];
  int fd = -1;
  if (a[0] != 0) {
    // Such events get the default priority, which belongs to one slot.
    int slot = (m.priorities / 2 - 1) / 2;
    // These are never edge-triggered.
    if (fd_of(slot) < 0 || fd_is_edge_triggered(slot)) return;
    fd = fd_of(slot);
    once->fd = slot;
  }
  struct timeval tv = timeout_for(OWNER_ONCE, 0, a[2]);
  if (a[2] == 0) memset(&tv, 0, sizeof(tv));
  bool timed = a[0] == 0 || a[0] == 3;
  // A zero timeout makes a timer active at once; with an fd it would be a
  // deadline like another's.
  if (a[0] == 3 && a[2] == 0) return;
  int result = event_base_once(m.base, fd, once->what, on_once, once,
                               timed && a[2] >= 0 ? &tv : NULL);
  if (result == 0) {
    EFFECT(event_base_once);
    onces_used++;
    if (once->fd >= 0) once_on_fd[once->fd]++;
  }
  rec("once %d -> %d\n", (int)(once - onces), result);
}

// --- Common timeouts
// -------------------------------------------------------------

void op_common_timeout(const long *a) {
  if (m.base == NULL || m.priorities < 4 || common_tv[a[0]] != NULL) return;
  struct timeval tv = timeout_for(OWNER_COMMON, (int)a[0], a[1]);
  common_tv[a[0]] = event_base_init_common_timeout(m.base, &tv);
  EFFECT_IF(event_base_init_common_timeout, common_tv[a[0]] != NULL);
  rec("common %ld %d\n", a[0], common_tv[a[0]] != NULL);
}

const struct timeval *common_timeout(long index) { return common_tv[index]; }

// --- Clock and counts
// --------------------------------------------------------------

void op_cached_time(const long *a) {
  (void)a;
  if (m.base == NULL) return;
  struct timeval tv;
  int result = event_base_gettimeofday_cached(m.base, &tv);
  EFFECT_IF(event_base_gettimeofday_cached, result == 0);
  rec("cached time %d %lld.%06lld\n", result, (long long)tv.tv_sec,
      (long long)tv.tv_usec);
}

void op_update_cache_time(const long *a) {
  (void)a;
  if (m.base == NULL) return;
  int result = event_base_update_cache_time(m.base);
  EFFECT_IF(event_base_update_cache_time, result == 0);
  rec("update cache time %d\n", result);
}

void op_reinit(const long *a) {
  (void)a;
  if (m.base == NULL || m.in_loop) return;
  int result = event_reinit(m.base);
  EFFECT_IF(event_reinit, result == 0);
  rec("reinit %d\n", result);
}

void op_spend(const long *a) {
  vt_spend(a[0]);
  // A long callback that does not say so is late in libevent and on time here
  // (docs/differences.md).
  if (m.in_loop && m.base != NULL) {
    int result = event_base_update_cache_time(m.base);
    EFFECT_IF(event_base_update_cache_time, result == 0);
  }
}

void base_free_and_check(void) {
  if (m.base == NULL) return;
  // What was freed in the loop's absence ends in its next turn.
  turn(EVLOOP_NONBLOCK, 1);
  event_base_free(m.base);
  EFFECT(event_base_free);
  m.base = NULL;
}
