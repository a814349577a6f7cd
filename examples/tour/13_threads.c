/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads: locks of one's own, and a loop that others reach into.
 *
 *   13_threads [--method epoll|poll|select]
 *
 * The library knows no threads until it is given locks, before its first other
 * call; then other threads may add, delete and activate events, and the loop
 * wakes up for them. Nearly all programs call evthread_use_pthreads(). This one
 * hands in its own functions, to see when they are called.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/thread.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "examples/tour/tour.h"

/* --- Locks of one's own ----------------------------------------------------
 */

static atomic_int locks, conditions; /* that exist */
static _Thread_local int held;       /* by this thread */

static void *new_lock(unsigned kind) {
  pthread_mutex_t *mutex = must(malloc(sizeof(*mutex)), "memory");
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  ++locks;
  (void)kind;
  return mutex;
}

static void free_lock(void *lock, unsigned kind) {
  pthread_mutex_destroy(lock);
  free(lock);
  --locks;
  (void)kind;
}

static int take(unsigned mode, void *lock) {
  int failed = mode & EVTHREAD_TRY ? pthread_mutex_trylock(lock)
                                   : pthread_mutex_lock(lock);
  if (!failed) ++held;
  return failed;
}

static int release(unsigned mode, void *lock) {
  (void)mode;
  if (held == 0) return EPERM; /* the library does not look */
  --held;
  return pthread_mutex_unlock(lock);
}

static void *new_condition(unsigned kind) {
  pthread_cond_t *condition = must(malloc(sizeof(*condition)), "memory");
  pthread_cond_init(condition, NULL);
  ++conditions;
  (void)kind;
  return condition;
}

static void free_condition(void *condition) {
  pthread_cond_destroy(condition);
  free(condition);
  --conditions;
}

static int signal_condition(void *condition, int all) {
  return all ? pthread_cond_broadcast(condition)
             : pthread_cond_signal(condition);
}

static int wait_condition(void *condition, void *lock,
                          const struct timeval *timeout) {
  struct timespec until;
  if (timeout == NULL) return pthread_cond_wait(condition, lock) ? -1 : 0;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += timeout->tv_sec + 1;
  return pthread_cond_timedwait(condition, lock, &until) ? 1 : 0;
}

static unsigned long thread_id(void) { return (unsigned long)pthread_self(); }

static void hand_in(void) {
  static const struct evthread_lock_callbacks lock_callbacks = {
      EVTHREAD_LOCK_API_VERSION,
      EVTHREAD_LOCKTYPE_RECURSIVE,
      new_lock,
      free_lock,
      take,
      release};
  static const struct evthread_condition_callbacks condition_callbacks = {
      EVTHREAD_CONDITION_API_VERSION, new_condition, free_condition,
      signal_condition, wait_condition};
  must_be_0(evthread_set_lock_callbacks(&lock_callbacks), "locks");
  must_be_0(evthread_set_condition_callbacks(&condition_callbacks),
            "conditions");
  evthread_set_id_callback(thread_id);
}

/* --- Mistakes with locks ---------------------------------------------------
 */

static void on_fatal(int error) {
  printf("  fatal\n");
  fflush(stdout);
  _exit(3);
  (void)error;
}

/* Lets go of a lock that nobody holds, in a child. */
static void mistake(const char *who, void (*prepare)(void)) {
  int status = 0;
  pid_t child;
  fflush(stdout);
  child = fork();
  if (child == 0) {
    struct evbuffer *buffer;
    event_set_fatal_callback(on_fatal);
    if (prepare != NULL) prepare();
    hand_in();
    buffer = must(evbuffer_new(), "buffer");
    must_be_0(evbuffer_enable_locking(buffer, NULL), "locking");
    evbuffer_unlock(buffer);
    _exit(0);
  }
  waitpid(child, &status, 0);
  printf("%s: %s\n", who, status == 0 ? "not noticed" : "noticed");
}

static void debug_locks(void) { evthread_enable_lock_debugging(); }
static void debug_locks_by_the_old_name(void) {
  evthread_enable_lock_debuging();
}

/* --- A base that can be woken ----------------------------------------------
 */

static int open_descriptors(void) {
  int fd, count = 0;
  for (fd = 0; fd < 64; ++fd) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

/* A base from before there were threads learns it when it is told to. */
static void notifiable(const char *method) {
  struct event_base *base = tour_base(method);
  int before = open_descriptors();
  section("a base that can be woken");
  printf("made so: %d", evthread_make_base_notifiable(base));
  printf(", by a descriptor more: %d\n", open_descriptors() - before);
  event_base_free(base);
}

/* --- Who holds what --------------------------------------------------------
 */

static void holding(const char *method) {
  struct event_base *base = tour_base(method);
  struct evbuffer *buffer = must(evbuffer_new(), "buffer");
  struct bufferevent *bev =
      must(bufferevent_socket_new(base, -1, BEV_OPT_THREADSAFE), "bufferevent");
  section("who holds what");
  evbuffer_lock(buffer);
  printf("a buffer has no lock: %d held\n", held);
  evbuffer_enable_locking(buffer, NULL);
  evbuffer_lock(buffer);
  printf("it has one: %d held", held);
  evbuffer_lock(buffer);
  printf(", and again: %d held", held);
  evbuffer_unlock(buffer);
  evbuffer_unlock(buffer);
  printf(", let go: %d held\n", held);
  bufferevent_lock(bev);
  printf("a bufferevent: %d held", held);
  bufferevent_unlock(bev);
  printf(", let go: %d held\n", held);
  bufferevent_free(bev);
  event_base_loop(base, EVLOOP_NONBLOCK);
  evbuffer_free(buffer);
  event_base_free(base);
}

/* --- Reaching into a loop --------------------------------------------------
 */

struct shared {
  struct event_base *base;
  struct event *event;
  pthread_t loop_thread;
  atomic_int in_callback, may_go, finished;
  int long_work;
};

/* Works for a while, or until the other thread lets it go. */
static void on_work(evutil_socket_t fd, short what, void *arg) {
  struct shared *shared = arg;
  printf("  callback, in the loop's thread: %d\n",
         pthread_equal(pthread_self(), shared->loop_thread) != 0);
  shared->in_callback = 1;
  if (shared->long_work) usleep(100 * 1000);
  while (!shared->long_work && !shared->may_go) usleep(1000);
  shared->finished = 1;
  (void)fd;
  (void)what;
}

static void *run_loop(void *arg) {
  struct shared *shared = arg;
  shared->loop_thread = pthread_self();
  event_base_loop(shared->base, EVLOOP_NO_EXIT_ON_EMPTY);
  return NULL;
}

/* Wakes the loop, and deletes the event while its callback runs. */
static void work(struct shared *shared, int long_work, const char *how,
                 int (*delete)(struct event *)) {
  shared->in_callback = shared->may_go = shared->finished = 0;
  shared->long_work = long_work;
  event_active(shared->event, EV_TIMEOUT, 0);
  while (!shared->in_callback) usleep(1000);
  delete (shared->event);
  printf("%s, the callback has ended: %d\n", how, shared->finished);
  shared->may_go = 1;
  while (!shared->finished) usleep(1000);
}

static int delete_and_wait(struct event *event) {
  return event_del_block(event);
}

static int delete_at_once(struct event *event) {
  return event_del_noblock(event);
}

static void reach(const char *method) {
  struct shared shared = {0};
  pthread_t thread;
  section("reaching into a loop");
  shared.base = tour_base(method);
  shared.event =
      must(event_new(shared.base, -1, EV_PERSIST, on_work, &shared), "event");
  if (pthread_create(&thread, NULL, run_loop, &shared) != 0) exit(1);
  work(&shared, 1, "deleted and waited", delete_and_wait);
  work(&shared, 0, "deleted without waiting", delete_at_once);
  event_base_loopexit(shared.base, NULL);
  pthread_join(thread, NULL);
  printf("the loop has ended: %d\n", event_base_got_exit(shared.base));
  event_free(shared.event);
  event_base_free(shared.base);
}

int main(int argc, char **argv) {
  const char *method = tour_begin(argc, argv);
  int failed;
  section("letting go of what nobody holds");
  mistake("as it is", NULL);
  mistake("with lock debugging", debug_locks);
  mistake("by its old name", debug_locks_by_the_old_name);
  notifiable(method);
  hand_in();
  holding(method);
  reach(method);
  failed = tour_end();
  printf("%d locks, %d conditions are left\n", locks, conditions);
  return failed;
}
