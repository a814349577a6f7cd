// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: what event_enable_debug_mode() catches. The mode is the whole
// process's, so each attempt has a process of its own.
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/differential/scenarios/event_support.h"

static struct event_base *g_base;
static evutil_socket_t g_pair[2];
static struct event g_event, g_other;

// Debug mode, a base, a pair, and two events: all zeros but for a base.
static void begin(void) {
  event_enable_debug_mode();
  g_base = new_base();
  socket_pair(g_pair);
  g_event.ev_base = g_base;
}

static int assign(struct event *ev, short events) {
  return event_assign(ev, g_base, g_pair[0], events, on_event, "event");
}

// ATTEMPT() with all that made.
#define IN_DEBUG_MODE(call) \
  ATTEMPT(call)             \
  for (int once = (begin(), 1); once; once = 0)

SCENARIO(debug_mode_unknown_event,
         "debug mode: what was never set up is no event") {
  IN_DEBUG_MODE("event_add of zeros") rec("  %d", event_add(&g_other, NULL));
  IN_DEBUG_MODE("event_add") rec("  %d", event_add(&g_event, NULL));
  IN_DEBUG_MODE("event_add with the right flags") {
    g_event.ev_evcallback.evcb_flags = EVLIST_INIT;
    rec("  %d", event_add(&g_event, NULL));
  }
  IN_DEBUG_MODE("event_del") rec("  %d", event_del(&g_event));
  IN_DEBUG_MODE("event_active") event_active(&g_event, EV_READ, 1);
  IN_DEBUG_MODE("event_remove_timer")
  rec("  %d", event_remove_timer(&g_event));
  IN_DEBUG_MODE("event_pending")
  rec("  %d", event_pending(&g_event, EV_READ, NULL));
  IN_DEBUG_MODE("event_priority_set")
  rec("  %d", event_priority_set(&g_event, 0));
  IN_DEBUG_MODE("event_base_set")
  rec("  %d", event_base_set(g_base, &g_event));
  IN_DEBUG_MODE("event_base_set with the right flags") {
    g_event.ev_evcallback.evcb_flags = EVLIST_INIT;
    rec("  %d", event_base_set(g_base, &g_event));
  }
  IN_DEBUG_MODE("event_free") event_free(&g_event);
  IN_DEBUG_MODE("event_finalize")
  rec("  %d", event_finalize(0, &g_event, NULL));
  IN_DEBUG_MODE("event_debug_unassign") event_debug_unassign(&g_event);
}

SCENARIO(debug_mode_asking_an_unknown_event,
         "debug mode: what was never set up cannot be asked") {
  IN_DEBUG_MODE("event_initialized") rec("  %d", event_initialized(&g_event));
  IN_DEBUG_MODE("event_get_fd") rec("  %d", event_get_fd(&g_event));
  IN_DEBUG_MODE("event_get_base")
  rec("  %d", event_get_base(&g_event) == g_base);
  IN_DEBUG_MODE("event_get_events") rec("  %d", event_get_events(&g_event));
  IN_DEBUG_MODE("event_get_callback")
  rec("  %d", event_get_callback(&g_event) == NULL);
  IN_DEBUG_MODE("event_get_callback_arg")
  rec("  %d", event_get_callback_arg(&g_event) == NULL);
  IN_DEBUG_MODE("event_get_priority")
  rec("  %d", event_get_priority(&g_event));
  IN_DEBUG_MODE("event_get_assignment")
  event_get_assignment(&g_event, NULL, NULL, NULL, NULL, NULL);
}

SCENARIO(debug_mode_assign,
         "behaviour 13: in debug mode a pending event cannot be assigned") {
  IN_DEBUG_MODE("twice") {
    rec("  %d", assign(&g_event, EV_READ));
    rec("  %d", assign(&g_event, EV_WRITE));
    rec("  %d", event_add(&g_event, NULL));
  }
  IN_DEBUG_MODE("while pending") {
    rec("  %d", assign(&g_event, EV_READ));
    rec("  %d", event_add(&g_event, NULL));
    rec("  %d", assign(&g_event, EV_WRITE));
  }
  IN_DEBUG_MODE("after event_del") {
    rec("  %d", assign(&g_event, EV_READ));
    rec("  %d", event_add(&g_event, NULL));
    rec("  %d", event_del(&g_event));
    rec("  %d", assign(&g_event, EV_WRITE));
  }
  IN_DEBUG_MODE("a timer that was added without a timeout") {
    rec("  %d", event_assign(&g_event, g_base, -1, 0, on_event, "timer"));
    rec("  %d", event_add(&g_event, NULL));
    rec("  %d", assign(&g_event, EV_WRITE));
  }
  IN_DEBUG_MODE("after that timer was deleted") {
    rec("  %d", event_assign(&g_event, g_base, -1, 0, on_event, "timer"));
    rec("  %d", event_add(&g_event, NULL));
    rec("  %d", event_del(&g_event));
    rec("  %d", assign(&g_event, EV_WRITE));
  }
  IN_DEBUG_MODE("after it ran") {
    rec("  %d", event_assign(&g_event, g_base, -1, 0, on_event, "timer"));
    rec("  %d", event_add(&g_event, ms(0)));
    rec("  %d", event_base_loop(g_base, 0));
    rec("  %d", assign(&g_event, EV_WRITE));
  }
  IN_DEBUG_MODE("after a persistent one ran") {
    rec("  %d",
        event_assign(&g_event, g_base, -1, EV_PERSIST, on_event, "timer"));
    rec("  %d", event_add(&g_event, ms(0)));
    rec("  %d", event_base_loop(g_base, EVLOOP_ONCE));
    rec("  %d", assign(&g_event, EV_WRITE));
  }
  IN_DEBUG_MODE("after its base was freed") {
    rec("  %d", assign(&g_event, EV_READ));
    rec("  %d", event_add(&g_event, ms(1000)));
    event_base_free(g_base);
    g_base = NULL;
    rec("  %d", assign(&g_event, EV_WRITE));
  }
  IN_DEBUG_MODE("with what does not go together") {
    rec("  %d", assign(&g_event, EV_SIGNAL | EV_READ));
    rec("  %d", event_add(&g_event, NULL));
  }
}

SCENARIO(debug_mode_unassign,
         "debug mode: after event_debug_unassign it is no event any more") {
  ATTEMPT("without debug mode") {
    struct event_base *base = new_base();
    event_assign(&g_event, base, -1, 0, on_event, "event");
    event_debug_unassign(&g_event);
    rec("  %d", event_initialized(&g_event));
  }
  IN_DEBUG_MODE("then event_add") {
    rec("  %d", assign(&g_event, EV_READ));
    event_debug_unassign(&g_event);
    rec("  %d", event_initialized(&g_event));
    rec("  %d", event_add(&g_event, NULL));
  }
  IN_DEBUG_MODE("then event_assign") {
    rec("  %d", assign(&g_event, EV_READ));
    event_debug_unassign(&g_event);
    rec("  %d", assign(&g_event, EV_READ));
    rec("  %d", event_add(&g_event, NULL));
  }
  IN_DEBUG_MODE("while pending") {
    rec("  %d", assign(&g_event, EV_READ));
    rec("  %d", event_add(&g_event, NULL));
    event_debug_unassign(&g_event);
  }
}

SCENARIO(debug_mode_free_twice, "debug mode: an event is freed once") {
  IN_DEBUG_MODE("event_free") {
    struct event *ev = event_new(g_base, g_pair[0], EV_READ, on_event, "event");
    event_free(ev);
    event_free(ev);
  }
  IN_DEBUG_MODE("event_free of a pending event") {
    struct event *ev = event_new(g_base, g_pair[0], EV_READ, on_event, "event");
    rec("  %d", event_add(ev, NULL));
    event_free(ev);
    event_free(ev);
  }
  IN_DEBUG_MODE("event_free of a timer that ran") {
    struct event *ev = event_new(g_base, -1, 0, on_event, "event");
    rec("  %d", event_add(ev, ms(0)));
    rec("  %d", event_base_loop(g_base, 0));
    event_free(ev);
    rec("  once");
    event_free(ev);
  }
#ifndef __SANITIZE_ADDRESS__ /* it would be the one to tell */
  IN_DEBUG_MODE("event_del after event_free") {
    struct event *ev = event_new(g_base, g_pair[0], EV_READ, on_event, "event");
    event_free(ev);
    rec("  %d", event_del(ev));
  }
#endif
}

static void on_finalize(struct event *ev, void *arg) {
  (void)ev;
  rec("finalizer of %s", (const char *)arg);
}

SCENARIO(debug_mode_finalize,
         "debug mode: a finalized event is no event any more") {
  IN_DEBUG_MODE("event_finalize") {
    rec("  %d", assign(&g_event, EV_READ));
    rec("  %d", event_add(&g_event, NULL));
    rec("  %d", event_finalize(0, &g_event, on_finalize));
    rec("  %d", event_add(&g_event, NULL));
    rec("  %d", event_pending(&g_event, EV_READ, NULL));
    rec("  %d", event_base_loop(g_base, EVLOOP_NONBLOCK));
    rec("  %d", event_add(&g_event, NULL));
  }
  IN_DEBUG_MODE("event_assign after that") {
    rec("  %d", assign(&g_event, EV_READ));
    rec("  %d", event_finalize(0, &g_event, on_finalize));
    rec("  %d", event_base_loop(g_base, EVLOOP_NONBLOCK));
    rec("  %d", assign(&g_event, EV_READ));
    rec("  %d", event_add(&g_event, NULL));
  }
}

// What a program may do with `ev` when its finalizer has begun, and what not.
static void free_it(struct event *ev) { event_free(ev); }
static void del_it(struct event *ev) { rec("  %d", event_del(ev)); }
static void del_it_and_wait(struct event *ev) {
  rec("  %d", event_del_block(ev));
}
static void del_and_free_it(struct event *ev) {
  rec("  %d", event_del_noblock(ev));
  event_free(ev);
}
static void assign_it(struct event *ev) {
  rec("  %d", assign(ev, EV_READ));
  rec("  %d", event_add(ev, NULL));
  event_free(ev);
}
static void unassign_it(struct event *ev) {
  event_debug_unassign(ev);
  rec("  %d", event_initialized(ev));
}
static void finalize_it(struct event *ev) {
  rec("  %d", event_finalize(0, ev, on_finalize));
}
static void add_it(struct event *ev) { rec("  %d", event_add(ev, NULL)); }
static void activate_it(struct event *ev) { event_active(ev, EV_READ, 1); }
static void remove_its_timer(struct event *ev) {
  rec("  %d", event_remove_timer(ev));
}
static void ask_it(struct event *ev) { rec("  %d", event_get_fd(ev) >= 0); }
static void ask_whether_it_waits(struct event *ev) {
  rec("  %d", event_pending(ev, EV_READ, NULL));
}
static void set_its_priority(struct event *ev) {
  rec("  %d", event_priority_set(ev, 0));
}
static void set_its_base(struct event *ev) {
  rec("  %d", event_base_set(g_base, ev));
}

static const struct {
  const char *name;
  void (*use)(struct event *ev);
} kUses[] = {
    {"event_free", free_it},
    {"event_del", del_it},
    {"event_del_block", del_it_and_wait},
    {"event_del_noblock and event_free", del_and_free_it},
    {"event_assign", assign_it},
    {"event_debug_unassign", unassign_it},
    {"event_finalize", finalize_it},
    {"event_add", add_it},
    {"event_active", activate_it},
    {"event_remove_timer", remove_its_timer},
    {"event_get_fd", ask_it},
    {"event_pending", ask_whether_it_waits},
    {"event_priority_set", set_its_priority},
    {"event_base_set", set_its_base},
};

static void (*g_use)(struct event *ev);

static void use_in_finalizer(struct event *ev, void *arg) {
  on_finalize(ev, arg);
  g_use(ev);
  rec("  done");
}

SCENARIO(debug_mode_in_a_finalizer,
         "debug mode: the finalizer of event_finalize may free the event") {
  for (size_t i = 0; i < sizeof(kUses) / sizeof(kUses[0]); ++i) {
    g_use = kUses[i].use;
    IN_DEBUG_MODE(kUses[i].name) {
      struct event *ev =
          event_new(g_base, g_pair[0], EV_READ, on_event, "event");
      rec("  %d", event_add(ev, NULL));
      rec("  %d", event_finalize(0, ev, use_in_finalizer));
      rec("  %d", event_base_loop(g_base, EVLOOP_NONBLOCK));
      rec("  %d", event_base_loop(g_base, EVLOOP_NONBLOCK));
    }
  }
}

SCENARIO(debug_mode_after_a_finalizer,
         "debug mode: after the finalizer the event may be freed") {
  for (size_t i = 0; i < sizeof(kUses) / sizeof(kUses[0]); ++i) {
    IN_DEBUG_MODE(kUses[i].name) {
      struct event *ev =
          event_new(g_base, g_pair[0], EV_READ, on_event, "event");
      rec("  %d", event_finalize(0, ev, on_finalize));
      rec("  %d", event_base_loop(g_base, EVLOOP_NONBLOCK));
      kUses[i].use(ev);
      rec("  %d", event_base_loop(g_base, EVLOOP_NONBLOCK));
    }
  }
  IN_DEBUG_MODE("event_free when the base is gone") {
    struct event *ev = event_new(g_base, -1, EV_READ, on_event, "event");
    rec("  %d", event_finalize(0, ev, on_finalize));
    event_base_free(g_base);
    event_free(ev);
    rec("  done");
  }
}

static void del_in_finalizer(struct event *ev, void *arg) {
  on_finalize(ev, arg);
  rec("  %d", event_del(ev));
}

SCENARIO(debug_mode_free_finalize,
         "debug mode: a finalizer may delete what is freed after it") {
  IN_DEBUG_MODE("event_del") {
    struct event *ev = event_new(g_base, g_pair[0], EV_READ, on_event, "event");
    rec("  %d", event_free_finalize(0, ev, del_in_finalizer));
    rec("  %d", event_base_loop(g_base, EVLOOP_NONBLOCK));
  }
}

SCENARIO(debug_mode_free_after_free_finalize,
         "debug mode: event_free_finalize frees too") {
  IN_DEBUG_MODE("event_free") {
    struct event *ev = event_new(g_base, g_pair[0], EV_READ, on_event, "event");
    rec("  %d", event_free_finalize(0, ev, on_finalize));
    rec("  %d", event_base_loop(g_base, EVLOOP_NONBLOCK));
    event_free(ev);
  }
}
SCENARIO_DIFFERS(debug_mode_free_after_free_finalize,
                 "libevent forgets that the memory is no event");

SCENARIO(debug_mode_edges,
         "behaviour 14: in debug mode edges and levels do not mix") {
  IN_DEBUG_MODE("edge after level") {
    assign(&g_event, EV_READ);
    assign(&g_other, EV_READ | EV_ET);
    rec("  %d", event_add(&g_event, NULL));
    rec("  %d", event_add(&g_other, NULL));
    rec("  %d", event_add(&g_other, ms(1000)));
    rec("  %s", ev_flags(event_pending(&g_other, EV_READ | EV_TIMEOUT, NULL)));
    rec("  %d", event_del(&g_event));
    rec("  %d", event_add(&g_other, NULL));
  }
  IN_DEBUG_MODE("level after edge, for writing") {
    assign(&g_event, EV_READ | EV_ET);
    assign(&g_other, EV_WRITE);
    rec("  %d", event_add(&g_event, NULL));
    rec("  %d", event_add(&g_other, NULL));
  }
}

SCENARIO(debug_mode_blocking,
         "debug mode: an event's descriptor does not block") {
  evutil_socket_t blocking[2];
  if (evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, blocking) < 0) abort();
  IN_DEBUG_MODE("event_assign")
  rec("  %d",
      event_assign(&g_event, g_base, blocking[0], EV_READ, on_event, "event"));
  IN_DEBUG_MODE("event_new for nothing but time")
  rec("  %d", event_new(g_base, blocking[0], 0, on_event, "event") != NULL);
  IN_DEBUG_MODE("event_base_once")
  rec("  %d",
      event_base_once(g_base, blocking[0], EV_READ, on_event, "once", NULL));
  IN_DEBUG_MODE("of that number, a signal")
  rec("  %d", event_assign(&g_event, g_base, blocking[0], EV_SIGNAL, on_event,
                           "signal"));
  IN_DEBUG_MODE("of a closed one") {
    close(blocking[0]);
    rec("  %d", event_assign(&g_event, g_base, blocking[0], EV_READ, on_event,
                             "event"));
  }
  close_pair(blocking);
}

SCENARIO(debug_mode_too_late,
         "debug mode is turned on once, before anything else") {
  ATTEMPT("twice") {
    event_enable_debug_mode();
    event_enable_debug_mode();
  }
  ATTEMPT("after event_base_new") {
    new_base();
    event_enable_debug_mode();
  }
  ATTEMPT("after event_assign") {
    event_assign(&g_event, NULL, -1, 0, on_event, "event");
    event_enable_debug_mode();
  }
  ATTEMPT("after event_config_new") {
    event_config_free(event_config_new());
    event_enable_debug_mode();
    rec("  on");
  }
  IN_DEBUG_MODE("after libevent_global_shutdown") {
    event_base_free(g_base);
    libevent_global_shutdown();
    rec("  shut down");
    event_enable_debug_mode();
  }
}

// Callbacks that do nothing.
static void *alloc_lock(unsigned kind) {
  (void)kind;
  return &g_other;
}
static void free_lock(void *lock, unsigned kind) {
  (void)lock;
  (void)kind;
}
static int lock_or_unlock(unsigned mode, void *lock) {
  (void)mode;
  (void)lock;
  return 0;
}
static unsigned long thread_id(void) { return 1; }

static const struct evthread_lock_callbacks kLocks = {
    EVTHREAD_LOCK_API_VERSION,
    EVTHREAD_LOCKTYPE_RECURSIVE,
    alloc_lock,
    free_lock,
    lock_or_unlock,
    lock_or_unlock};

SCENARIO(debug_mode_threads_too_late,
         "debug mode: threading is turned on before the first base") {
  IN_DEBUG_MODE("lock callbacks")
  rec("  %d", evthread_set_lock_callbacks(&kLocks));
  IN_DEBUG_MODE("no lock callbacks")
  rec("  %d", evthread_set_lock_callbacks(NULL));
  IN_DEBUG_MODE("condition callbacks")
  rec("  %d", evthread_set_condition_callbacks(NULL));
  IN_DEBUG_MODE("a thread's number") {
    evthread_set_id_callback(thread_id);
    rec("  set");
  }
  ATTEMPT("before the base") {
    event_enable_debug_mode();
    rec("  %d", evthread_set_lock_callbacks(&kLocks));
    new_base();
  }
  ATTEMPT("after an event") {
    event_enable_debug_mode();
    event_assign(&g_event, NULL, -1, 0, on_event, "event");
    rec("  %d", evthread_set_lock_callbacks(&kLocks));
  }
  ATTEMPT("without debug mode") {
    new_base();
    rec("  %d", evthread_set_lock_callbacks(&kLocks));
  }
}

// A whole program in debug mode, all of it right.
SCENARIO(debug_mode_right_program, "debug mode has nothing against it") {
  IN_DEBUG_MODE("run") {
    struct event *timer = event_new(g_base, -1, EV_PERSIST, on_event, "timer");
    assign(&g_event, EV_READ);
    event_assign(&g_other, g_base, SIGUSR1, EV_SIGNAL | EV_PERSIST, on_event,
                 "signal");
    event_add(timer, ms(0));
    event_add(&g_event, ms(1000));
    event_add(&g_other, NULL);
    put(g_pair[1], "x");
    // Without memory it is not added, and the signal would end the process.
    if (event_pending(&g_other, EV_SIGNAL, NULL)) raise(SIGUSR1);
    event_base_once(g_base, -1, EV_TIMEOUT, on_event, "once", NULL);
    rec("  %d", event_base_loop(g_base, EVLOOP_ONCE));
    event_free(timer);
    event_del(&g_event);
    event_debug_unassign(&g_event);
    event_base_free(g_base);
    event_debug_unassign(&g_other);
    libevent_global_shutdown();
  }
}
