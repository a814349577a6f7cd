/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which calls on a thread-safe bufferevent hang while the loop's thread wants
 * its lock, or is inside one of its callbacks (libevent's #200, #512, #1311;
 * #1750 for two that write to each other)?
 *
 * The locks are this program's own and tell how many threads wait for them. So
 * each case is arranged, not hoped for: the main thread knows that the loop is
 * at the point in question before it makes its call. A case runs in a process
 * of its own, which is ended when it takes too long. One line for each: the
 * case, and how it ended.
 *
 * Built with evoke and with libevent; lock_faults_test.sh compares both with
 * what is expected of them.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <event2/util.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Locks that can be watched ------------------------------------------- */

struct lock {
  pthread_mutex_t mutex;
  atomic_int waiters;
};

/* While set, the first lock that this thread takes is noted here. */
static _Thread_local struct lock **lock_to_note;

static void *make_lock(unsigned kind) {
  struct lock *lock = calloc(1, sizeof(*lock));
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  if (kind & EVTHREAD_LOCKTYPE_RECURSIVE) {
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  }
  pthread_mutex_init(&lock->mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  return lock;
}

static void free_lock(void *memory, unsigned kind) {
  struct lock *lock = memory;
  (void)kind;
  pthread_mutex_destroy(&lock->mutex);
  free(lock);
}

static int take(unsigned mode, void *memory) {
  struct lock *lock = memory;
  if (lock_to_note != NULL) {
    *lock_to_note = lock;
    lock_to_note = NULL;
  }
  if (mode & EVTHREAD_TRY) return pthread_mutex_trylock(&lock->mutex);
  if (pthread_mutex_trylock(&lock->mutex) == 0) return 0;
  atomic_fetch_add(&lock->waiters, 1);
  int result = pthread_mutex_lock(&lock->mutex);
  atomic_fetch_sub(&lock->waiters, 1);
  return result;
}

static int give(unsigned mode, void *memory) {
  (void)mode;
  return pthread_mutex_unlock(&((struct lock *)memory)->mutex);
}

static void *make_condition(unsigned kind) {
  (void)kind;
  pthread_cond_t *condition = calloc(1, sizeof(*condition));
  pthread_cond_init(condition, NULL);
  return condition;
}

static void free_condition(void *condition) {
  pthread_cond_destroy(condition);
  free(condition);
}

static int wake(void *condition, int all) {
  return all ? pthread_cond_broadcast(condition)
             : pthread_cond_signal(condition);
}

static int wait_for(void *condition, void *memory,
                    const struct timeval *limit) {
  (void)limit; /* the library waits without one */
  return pthread_cond_wait(condition, &((struct lock *)memory)->mutex);
}

static unsigned long thread_number(void) {
  return (unsigned long)pthread_self();
}

static void use_own_locks(void) {
  static const struct evthread_lock_callbacks locks = {
      EVTHREAD_LOCK_API_VERSION,
      EVTHREAD_LOCKTYPE_RECURSIVE,
      make_lock,
      free_lock,
      take,
      give};
  static const struct evthread_condition_callbacks conditions = {
      EVTHREAD_CONDITION_API_VERSION, make_condition, free_condition, wake,
      wait_for};
  evthread_set_lock_callbacks(&locks);
  evthread_set_condition_callbacks(&conditions);
  evthread_set_id_callback(thread_number);
}

/* ---- A case ---------------------------------------------------------------
 */

static void await(atomic_int *value, int at_least) {
  while (atomic_load(value) < at_least) sched_yield();
}

/* One bufferevent on a loop that runs in a thread of its own. */
struct scene {
  struct event_base *base;
  pthread_t loop;
  int fds[2]; /* the bufferevent has the first */
  int spare_fd;
  struct bufferevent *bev;
  struct lock *lock; /* of `bev` */
  pthread_mutex_t of_program;
  atomic_int callbacks; /* begun */
  atomic_int turns;
  atomic_int held_up;
  atomic_int may_go_on;
};

static void *run_loop(void *base) {
  event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
  return NULL;
}

static void open_scene(struct scene *s, int options) {
  memset(s, 0, sizeof(*s));
  use_own_locks();
  pthread_mutex_init(&s->of_program, NULL);
  evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, s->fds);
  s->spare_fd = dup(s->fds[0]);
  evutil_make_socket_nonblocking(s->fds[0]);
  evutil_make_socket_nonblocking(s->fds[1]);
  s->base = event_base_new();
  s->bev =
      bufferevent_socket_new(s->base, s->fds[0], options | BEV_OPT_THREADSAFE);
  lock_to_note = &s->lock;
  bufferevent_lock(s->bev);
  bufferevent_unlock(s->bev);
}

static void start_loop(struct scene *s) {
  pthread_create(&s->loop, NULL, run_loop, s->base);
}

static void close_scene(struct scene *s) {
  event_base_loopbreak(s->base);
  pthread_join(s->loop, NULL);
  event_base_free(s->base);
}

/* What is called at the wrong moment. */
static void call_free(struct scene *s) { bufferevent_free(s->bev); }
static void call_disable(struct scene *s) {
  bufferevent_disable(s->bev, EV_READ | EV_WRITE);
}
static void call_enable(struct scene *s) {
  bufferevent_enable(s->bev, EV_READ | EV_WRITE);
}
static void call_write(struct scene *s) { bufferevent_write(s->bev, "x", 1); }
static void call_setfd(struct scene *s) {
  bufferevent_setfd(s->bev, s->spare_fd);
}
static void call_set_timeouts(struct scene *s) {
  struct timeval hour = {3600, 0};
  bufferevent_set_timeouts(s->bev, &hour, &hour);
  bufferevent_set_timeouts(s->bev, NULL, NULL);
}
static void call_setwatermark(struct scene *s) {
  bufferevent_setwatermark(s->bev, EV_READ, 0, 1);
  bufferevent_setwatermark(s->bev, EV_READ, 0, 0);
}
static void call_drain(struct scene *s) {
  struct evbuffer *input = bufferevent_get_input(s->bev);
  evbuffer_drain(input, evbuffer_get_length(input));
}
static void call_set_rate_limit(struct scene *s) {
  struct ev_token_bucket_cfg *cfg =
      ev_token_bucket_cfg_new(1000, 1000, 1000, 1000, NULL);
  bufferevent_set_rate_limit(s->bev, cfg);
  bufferevent_set_rate_limit(s->bev, NULL);
  ev_token_bucket_cfg_free(cfg);
}

static const struct {
  const char *name;
  void (*run)(struct scene *s);
} calls[] = {
    {"free", call_free},
    {"disable", call_disable},
    {"enable", call_enable},
    {"write", call_write},
    {"setfd", call_setfd},
    {"set_timeouts", call_set_timeouts},
    {"setwatermark", call_setwatermark},
    {"drain", call_drain},
    {"set_rate_limit", call_set_rate_limit},
};
enum { NUM_CALLS = sizeof(calls) / sizeof(calls[0]) };

static void count(struct bufferevent *bev, void *arg) {
  struct scene *s = arg;
  (void)bev;
  atomic_fetch_add(&s->callbacks, 1);
}
static void count_event(struct bufferevent *bev, short what, void *arg) {
  (void)what;
  count(bev, arg);
}

/* Keeps the loop between sending and telling so: evoke sends before it runs
 * what is active. */
static void hold_up(evutil_socket_t fd, short what, void *arg) {
  struct scene *s = arg;
  (void)fd;
  (void)what;
  atomic_store(&s->held_up, 1);
  await(&s->may_go_on, 1);
}

static void count_turn(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  atomic_fetch_add(&((struct scene *)arg)->turns, 1);
}

/* How a case ends that does not exit with 0. */
enum {
  WENT_ON = 3,   /* what was freed or disabled called back, or wrote */
  LOCKED_OUT = 4 /* two threads wait for each other's lock */
};

/* The loop has decided for a callback of the bufferevent and waits for the lock
 * that the caller holds. */
enum moment { READABLE, WRITABLE, SENDING, SENT, TIMED_OUT, DEFERRED };
static const char *const moments[] = {"readable", "writable",  "sending",
                                      "sent",     "timed out", "deferred"};

static void call_while_loop_wants_lock(int moment, int call) {
  struct scene s;
  struct timeval soon = {0, 1000};
  struct event *before = NULL;
  open_scene(&s, moment == DEFERRED ? BEV_OPT_DEFER_CALLBACKS : 0);
  bufferevent_setcb(s.bev, count, count, count_event, &s);
  bufferevent_lock(s.bev);
  switch (moment) {
    case READABLE:
      bufferevent_disable(s.bev, EV_WRITE);
      bufferevent_enable(s.bev, EV_READ);
      if (write(s.fds[1], "x", 1) != 1) abort();
      break;
    case WRITABLE:
      bufferevent_enable(s.bev, EV_WRITE);
      break;
    case SENDING:
      bufferevent_write(s.bev, "x", 1);
      break;
    case SENT:
      bufferevent_write(s.bev, "x", 1);
      before = event_new(s.base, -1, 0, hold_up, &s);
      event_active(before, EV_TIMEOUT, 1);
      bufferevent_unlock(s.bev);
      break;
    case TIMED_OUT:
      bufferevent_disable(s.bev, EV_WRITE);
      bufferevent_set_timeouts(s.bev, &soon, NULL);
      bufferevent_enable(s.bev, EV_READ);
      break;
    case DEFERRED:
      bufferevent_disable(s.bev, EV_WRITE);
      bufferevent_trigger(s.bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
      break;
  }
  start_loop(&s);
  if (moment == SENT) {
    await(&s.held_up, 1);
    bufferevent_lock(s.bev);
    atomic_store(&s.may_go_on, 1);
  }
  await(&s.lock->waiters, 1);
  calls[call].run(&s);
  bufferevent_unlock(s.bev);
  /* What was under way has had its turn when an event that comes after it has.
   */
  event_base_once(s.base, -1, EV_TIMEOUT, count_turn, &s, NULL);
  await(&s.turns, 1);
  char byte;
  bool goes_on =
      atomic_load(&s.callbacks) > 0 ||
      (moment != SENT && recv(s.fds[1], &byte, 1, MSG_DONTWAIT) == 1);
  bool is_over = calls[call].run == call_free ||
                 /* A deferred callback is due whatever is enabled. */
                 (calls[call].run == call_disable && moment != DEFERRED);
  if (calls[call].run != call_free) bufferevent_free(s.bev);
  if (before != NULL) event_free(before);
  close_scene(&s);
  if (is_over && goes_on) exit(WENT_ON);
}

/* The loop is inside a callback, without the bufferevent's lock, and waits for
 * the program's mutex, which the caller holds. */
static void wait_for_program(struct bufferevent *bev, void *arg) {
  struct scene *s = arg;
  (void)bev;
  atomic_fetch_add(&s->callbacks, 1);
  pthread_mutex_lock(&s->of_program);
  pthread_mutex_unlock(&s->of_program);
}

static void call_while_callback_waits(int call) {
  struct scene s;
  open_scene(&s, BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS);
  bufferevent_setcb(s.bev, wait_for_program, NULL, NULL, &s);
  bufferevent_enable(s.bev, EV_READ);
  pthread_mutex_lock(&s.of_program);
  if (write(s.fds[1], "x", 1) != 1) abort();
  start_loop(&s);
  await(&s.callbacks, 1);
  calls[call].run(&s);
  if (calls[call].run != call_free) bufferevent_free(s.bev);
  pthread_mutex_unlock(&s.of_program);
  close_scene(&s);
}

/* Two bufferevents on two loops, each of which writes to the other from its
 * callback; both callbacks have begun before either writes. */
struct crossing {
  struct scene scenes[2];
  atomic_int begun;
  atomic_int written;
};

static void write_to_other(struct bufferevent *bev, void *arg) {
  struct crossing *c = arg;
  int other = c->scenes[0].bev == bev;
  struct evbuffer *input = bufferevent_get_input(bev);
  evbuffer_drain(input, evbuffer_get_length(input));
  atomic_fetch_add(&c->begun, 1);
  await(&c->begun, 2);
  bufferevent_write(c->scenes[other].bev, "x", 1);
  atomic_fetch_add(&c->written, 1);
}

static void write_to_each_other(int options) {
  struct crossing *c = calloc(1, sizeof(*c));
  bool holds_locks = (options & BEV_OPT_UNLOCK_CALLBACKS) == 0;
  for (int i = 0; i < 2; ++i) {
    open_scene(&c->scenes[i], options);
    bufferevent_setcb(c->scenes[i].bev, write_to_other, NULL, NULL, c);
    bufferevent_enable(c->scenes[i].bev, EV_READ);
  }
  for (int i = 0; i < 2; ++i) {
    if (write(c->scenes[i].fds[1], "x", 1) != 1) abort();
    start_loop(&c->scenes[i]);
  }
  while (atomic_load(&c->written) < 2) {
    /* Each loop holds one lock and waits for the other: for ever. */
    if (holds_locks && atomic_load(&c->scenes[0].lock->waiters) > 0 &&
        atomic_load(&c->scenes[1].lock->waiters) > 0) {
      exit(LOCKED_OUT);
    }
    sched_yield();
  }
  for (int i = 0; i < 2; ++i) bufferevent_free(c->scenes[i].bev);
  for (int i = 0; i < 2; ++i) close_scene(&c->scenes[i]);
  free(c);
}

/* ---- Running them ---------------------------------------------------------
 */

/* Returns in the child only, which is to run the case and exit. */
static bool begins_case(const char *where, const char *call, unsigned seconds) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    alarm(seconds);
    return true;
  }
  int status = 0;
  waitpid(child, &status, 0);
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  const char *result = "fails";
  if (code == 0) result = "returns";
  if (code == WENT_ON) result = "returns, but it goes on";
  if (code == LOCKED_OUT) result = "locks out";
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) result = "hangs";
  printf("%s: %s %s\n", where, call, result);
  return false;
}

/* Usage: PROGRAM SECONDS, the limit of one case. */
int main(int argc, char **argv) {
  unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
  for (int moment = READABLE; moment <= DEFERRED; ++moment) {
    for (int call = 0; call < NUM_CALLS; ++call) {
      if (begins_case(moments[moment], calls[call].name, seconds)) {
        call_while_loop_wants_lock(moment, call);
        exit(0);
      }
    }
  }
  for (int call = 0; call < NUM_CALLS; ++call) {
    if (begins_case("in an unlocked callback", calls[call].name, seconds)) {
      call_while_callback_waits(call);
      exit(0);
    }
  }
  if (begins_case("each other", "write with the locks", seconds)) {
    write_to_each_other(0);
    exit(0);
  }
  if (begins_case("each other", "write without the locks", seconds)) {
    write_to_each_other(BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS);
    exit(0);
  }
  return 0;
}
