// SPDX-License-Identifier: BSD-3-Clause
//
// A program as they were written for libevent 1.4: one base that nobody names,
// structs of the program's own, `<event.h>`, bufferevents without options.
// Reads lines from its input and answers in capitals; "pulse" shows three ticks
// of a timer, "signal" a signal, "late" what is left of a timeout, "quit" ends
// it; then a child goes on with the same base.
#include <ctype.h>
#include <err.h>
#include <event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

struct answer {
  TAILQ_ENTRY(answer) next;
  char* text;
};
TAILQ_HEAD(answers, answer);

static struct answers pending = TAILQ_HEAD_INITIALIZER(pending);
static struct event input_event, pulse_event, signal_event, low_event;
static struct bufferevent* worker;
static struct evbuffer* lines;
static int pulses;

static void say(const char* text) {
  printf("%s\n", text);
  fflush(stdout);
}

// The worker's end of the socket pair: sends each line back in capitals.
static void worker_read(struct bufferevent* bev, void* arg) {
  struct evbuffer* out = evbuffer_new();
  (void)arg;
  while (EVBUFFER_LENGTH(bev->input) > 0) {
    u_char* data = EVBUFFER_DATA(bev->input);
    size_t length = EVBUFFER_LENGTH(bev->input);
    for (size_t i = 0; i < length; ++i) data[i] = (u_char)toupper(data[i]);
    evbuffer_add(out, data, length);
    evbuffer_drain(bev->input, length);
  }
  bufferevent_write_buffer(bev, out);
  evbuffer_free(out);
}

static void worker_error(struct bufferevent* bev, short what, void* arg) {
  (void)arg;
  if ((what & EVBUFFER_EOF) && (what & EVBUFFER_READ)) say("worker: end");
  bufferevent_free(bev);
  if (bev == worker) worker = NULL;
}

static void client_read(struct bufferevent* bev, void* arg) {
  char* line;
  (void)arg;
  while ((line = evbuffer_readline(bev->input)) != NULL) {
    struct answer* answer = calloc(1, sizeof(*answer));
    if (answer == NULL) err(1, "calloc");
    answer->text = line;
    TAILQ_INSERT_TAIL(&pending, answer, next);
  }
  while (!TAILQ_EMPTY(&pending)) {
    struct answer* answer = TAILQ_FIRST(&pending);
    TAILQ_REMOVE(&pending, answer, next);
    say(answer->text);
    free(answer->text);
    free(answer);
  }
}

static void client_wrote(struct bufferevent* bev, void* arg) {
  ++*(int*)arg;
  (void)bev;
}

static void client_error(struct bufferevent* bev, short what, void* arg) {
  (void)arg, (void)bev;
  printf("client: %s%s\n", what & EVBUFFER_TIMEOUT ? "timeout" : "",
         what & EVBUFFER_EOF ? "end" : "");
  fflush(stdout);
}

static void on_pulse(int fd, short what, void* arg) {
  struct timeval tv = {0, 10000};
  (void)arg;
  printf("pulse %d fd %d what %d\n", ++pulses, fd, what);
  if (pulses < 3) {
    evtimer_add(&pulse_event, &tv);
  } else {
    say(evtimer_pending(&pulse_event, NULL) ? "pending" : "not pending");
    pulses = 0;
  }
}

static void on_signal(int number, short what, void* arg) {
  struct event* ev = arg;
  printf("signal %d is %d what %d\n", number, EVENT_SIGNAL(ev), what);
  fflush(stdout);
  signal_del(ev);
}

static void on_once(int fd, short what, void* arg) {
  (void)fd;
  printf("once what %d: %s\n", what, (char*)arg);
  fflush(stdout);
}

// Two active events, the less important one made active first.
static void on_priority(int fd, short what, void* arg) {
  (void)fd;
  printf("%s what %d\n", (char*)arg, what);
  fflush(stdout);
}

static void show_late(void) {
  struct timeval hour = {3600, 0}, left, now;
  struct event ev;
  evtimer_set(&ev, on_pulse, NULL);
  evtimer_add(&ev, &hour);
  gettimeofday(&now, NULL);
  if (!evtimer_pending(&ev, &left)) errx(1, "not pending");
  timersub(&left, &now, &left);
  printf("left: %s\n", left.tv_sec >= 3500 && left.tv_sec <= 3600 ? "about an "
                                                                    "hour"
                                                                  : "wrong");
  printf("initialized %d\n", evtimer_initialized(&ev) != 0);
  evtimer_del(&ev);
  printf("pending %d\n", evtimer_pending(&ev, NULL));
  fflush(stdout);
}

static void show_fork(struct event_base* base) {
  int status;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    struct timeval now = {0, 0};
    if (event_reinit(base) != 0) _exit(1);
    event_del(&input_event);
    event_once(-1, EV_TIMEOUT, on_once, "in the child", &now);
    event_loop(EVLOOP_ONCE);
    _exit(0);
  }
  if (child < 0 || waitpid(child, &status, 0) != child) err(1, "fork");
  printf("child ended with %d\n", WEXITSTATUS(status));
  fflush(stdout);
}

static void on_line(char* line, struct bufferevent* client) {
  struct timeval soon = {0, 10000};
  if (strcmp(line, "pulse") == 0) {
    evtimer_add(&pulse_event, &soon);
  } else if (strcmp(line, "signal") == 0) {
    signal_add(&signal_event, NULL);
    kill(getpid(), SIGUSR1);
  } else if (strcmp(line, "late") == 0) {
    show_late();
  } else if (strcmp(line, "once") == 0) {
    event_once(-1, EV_TIMEOUT, on_once, "once", &soon);
  } else if (strcmp(line, "priority") == 0) {
    event_active(&low_event, EV_READ, 1);
    event_active(&pulse_event, EV_TIMEOUT, 1);
    pulses = 2;
  } else if (strcmp(line, "timeout") == 0) {
    bufferevent_settimeout(client, 1, 0);
  } else if (strcmp(line, "quit") == 0) {
    event_loopexit(NULL);
  } else {
    char text[300];
    snprintf(text, sizeof(text), "%s\r\n", line);
    bufferevent_write(client, text, strlen(text));
  }
}

static void on_input(int fd, short what, void* arg) {
  struct bufferevent* client = arg;
  char* line;
  (void)what;
  // As in 1.4: no EV_PERSIST, so that each callback adds its event again.
  int got = evbuffer_read(lines, fd, 4096);
  if (got <= 0) {
    event_loopexit(NULL);
    return;
  }
  event_add(&input_event, NULL);
  while ((line = evbuffer_readline(lines)) != NULL) {
    on_line(line, client);
    free(line);
  }
}

int main(void) {
  int pair[2], writes = 0;
  struct timeval limit = {60, 0};
  signal(SIGPIPE, SIG_IGN);
  struct event_base* base = event_init();
  event_priority_init(3);
  lines = evbuffer_new();
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) err(1, "socketpair");
  evutil_make_socket_nonblocking(pair[0]);
  evutil_make_socket_nonblocking(pair[1]);
  worker = bufferevent_new(pair[0], worker_read, NULL, worker_error, NULL);
  struct bufferevent* client = bufferevent_new(
      pair[1], client_read, client_wrote, client_error, &writes);
  bufferevent_enable(worker, EV_READ | EV_WRITE);
  bufferevent_enable(client, EV_READ | EV_WRITE);
  bufferevent_setwatermark(client, EV_READ, 2, 0);
  event_set(&input_event, STDIN_FILENO, EV_READ, on_input, client);
  evtimer_set(&pulse_event, on_pulse, NULL);
  signal_set(&signal_event, SIGUSR1, on_signal, &signal_event);
  event_set(&low_event, pair[0], EV_READ, on_priority, "low");
  event_priority_set(&low_event, 2);
  event_priority_set(&pulse_event, 0);
  event_add(&input_event, NULL);
  event_loopexit(&limit);
  printf("method is %s, fd %d\n", event_get_method(), EVENT_FD(&input_event));
  fflush(stdout);
  printf("loop returned %d\n", event_dispatch());
  show_fork(base);
  printf("something was written: %d\n", writes > 0);
  // Closing the client's end is an end of file for the worker.
  bufferevent_free(client);
  close(pair[1]);
  event_loop(EVLOOP_NONBLOCK);
  evbuffer_free(lines);
  event_del(&input_event);
  event_base_free(base);
  close(pair[0]);
  return worker != NULL;
}
