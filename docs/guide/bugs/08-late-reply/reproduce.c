/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A loop runs in a thread of its own; another thread works out the replies and
 * writes them. How long does a reply take to the client?
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kReplies = 10, kPatienceMs = 2000 };

static sem_t requested;

static void on_request(struct bufferevent *bev, void *arg) {
  (void)arg;
  evbuffer_drain(bufferevent_get_input(bev), 1);
  sem_post(&requested);
}

static void *run_loop(void *base) {
  event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
  return NULL;
}

/* Whether the client has something to read in time. */
static int comes(int client) {
  struct pollfd wait = {.fd = client, .events = POLLIN};
  char byte;
  return poll(&wait, 1, kPatienceMs) == 1 && read(client, &byte, 1) == 1;
}

int main(void) {
  struct event_base *base;
  struct bufferevent *bev;
  pthread_t loop;
  int ends[2];
  int in_time = 0, late = 0;
  evthread_use_pthreads();
  sem_init(&requested, 0, 0);
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) return 2;
  evutil_make_socket_nonblocking(ends[0]);
  base = event_base_new();
  bev = bufferevent_socket_new(base, ends[0],
                               BEV_OPT_THREADSAFE | BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, on_request, NULL, NULL, NULL);
  bufferevent_enable(bev, EV_READ);
  pthread_create(&loop, NULL, run_loop, base);

  while (in_time < kReplies && late == 0) {
    if (write(ends[1], "?", 1) != 1) return 2;
    sem_wait(&requested);
    usleep(10 * 1000); /* working it out */
    bufferevent_write(bev, "!", 1);
    if (comes(ends[1])) {
      ++in_time;
    } else {
      ++late;
    }
  }
  printf("late replies: %s\n", late == 0 ? "none" : "some");
  if (late != 0 && write(ends[1], "?", 1) == 1) {
    printf("after another request: %s\n", comes(ends[1]) ? "it comes" : "no");
  }

  event_base_loopbreak(base);
  pthread_join(loop, NULL);
  bufferevent_free(bev);
  event_base_free(base);
  close(ends[1]);
  return late == 0 ? 0 : 1;
}
