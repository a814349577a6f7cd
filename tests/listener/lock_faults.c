/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which calls on a thread-safe listener hang while its accept callback, or its
 * error callback, runs in the loop's thread?
 *
 * The callback waits until the call of the main thread has returned, as it does
 * in a program where it wants a mutex that the caller holds. Each case runs in
 * a process of its own, which is ended when it takes too long. One line for
 * each: the case, and how it ended.
 *
 * Built with evoke and with libevent; lock_faults_test.sh compares both with
 * what is expected of them.
 */
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/thread.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct scene {
  struct event_base *base;
  struct evconnlistener *listener;
  pthread_t loop;
  int socket; /* the listener's */
  int client;
  int has_stayed; /* of the loop's thread */
  sem_t in_callback;
  sem_t may_leave;
};

/* The first callback of a scene waits, others do not. */
static void stay(struct scene *s) {
  if (s->has_stayed) return;
  s->has_stayed = 1;
  sem_post(&s->in_callback);
  sem_wait(&s->may_leave);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *address, int length, void *arg) {
  (void)listener;
  (void)address;
  (void)length;
  close(fd);
  stay(arg);
}

static void on_error(struct evconnlistener *listener, void *arg) {
  /* Once is enough of a socket that can never accept. */
  evconnlistener_disable(listener);
  stay(arg);
}

static void ignore(struct evconnlistener *listener, evutil_socket_t fd,
                   struct sockaddr *address, int length, void *arg) {
  (void)listener;
  (void)address;
  (void)length;
  (void)arg;
  close(fd);
}

static void *run_loop(void *base) {
  event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
  return NULL;
}

/* A socket on a port of the loopback interface; one that does not listen fails
 * to accept. */
static int bound_socket(struct sockaddr_in *address) {
  socklen_t length = sizeof(*address);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  memset(address, 0, sizeof(*address));
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)address, length) < 0 ||
      getsockname(fd, (struct sockaddr *)address, &length) < 0) {
    abort();
  }
  return fd;
}

static void open_scene(struct scene *s, int fails) {
  struct sockaddr_in address;
  memset(s, 0, sizeof(*s));
  sem_init(&s->in_callback, 0, 0);
  sem_init(&s->may_leave, 0, 0);
  evthread_use_pthreads();
  s->base = event_base_new();
  s->socket = bound_socket(&address);
  s->listener = evconnlistener_new(s->base, on_accept, s,
                                   LEV_OPT_THREADSAFE | LEV_OPT_CLOSE_ON_FREE,
                                   fails ? 0 : -1, s->socket);
  if (s->listener == NULL) abort();
  evconnlistener_set_error_cb(s->listener, on_error);
  if (!fails) {
    s->client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s->client, (struct sockaddr *)&address, sizeof(address)) < 0) {
      abort();
    }
  }
  pthread_create(&s->loop, NULL, run_loop, s->base);
  sem_wait(&s->in_callback);
}

static void close_scene(struct scene *s) {
  event_base_loopbreak(s->base);
  pthread_join(s->loop, NULL);
  event_base_free(s->base);
}

static void call_free(struct scene *s) { evconnlistener_free(s->listener); }
static void call_disable(struct scene *s) {
  evconnlistener_disable(s->listener);
}
static void call_enable(struct scene *s) { evconnlistener_enable(s->listener); }
static void call_set_cb(struct scene *s) {
  evconnlistener_set_cb(s->listener, ignore, NULL);
}
static void call_set_error_cb(struct scene *s) {
  evconnlistener_set_error_cb(s->listener, NULL);
}
static void call_getters(struct scene *s) {
  if (evconnlistener_get_base(s->listener) != s->base ||
      evconnlistener_get_fd(s->listener) != s->socket) {
    abort();
  }
}

static const struct {
  const char *name;
  void (*run)(struct scene *s);
} calls[] = {
    {"free", call_free},
    {"disable", call_disable},
    {"enable", call_enable},
    {"set_cb", call_set_cb},
    {"set_error_cb", call_set_error_cb},
    {"getters", call_getters},
};
enum { NUM_CALLS = sizeof(calls) / sizeof(calls[0]) };

static void call_during_callback(int fails, int call) {
  struct scene s;
  open_scene(&s, fails);
  calls[call].run(&s);
  sem_post(&s.may_leave);
  if (calls[call].run != call_free) evconnlistener_free(s.listener);
  close_scene(&s);
  /* Closed with the last reference, at the latest by the end of the callback.
   */
  if (close(s.socket) == 0) abort();
}

/* Usage: PROGRAM SECONDS, the limit of one case. */
int main(int argc, char **argv) {
  unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
  for (int fails = 0; fails <= 1; ++fails) {
    for (int call = 0; call < NUM_CALLS; ++call) {
      fflush(stdout);
      pid_t child = fork();
      if (child == 0) {
        alarm(seconds);
        call_during_callback(fails, call);
        exit(0);
      }
      int status = 0;
      waitpid(child, &status, 0);
      const char *result = "fails";
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) result = "returns";
      if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) result = "hangs";
      printf("in the %s callback: %s %s\n", fails ? "error" : "accept",
             calls[call].name, result);
    }
  }
  return 0;
}
