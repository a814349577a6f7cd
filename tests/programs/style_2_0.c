// SPDX-License-Identifier: BSD-3-Clause
//
// A program as they were written for libevent 2.0: a base with a
// configuration, events from the library, a listener, bufferevents with
// options and with deferred callbacks, buffers that refer to memory, and a
// second thread that wakes the loop.
//
// Serves a port of the loopback that it prints; a line "get N" is answered
// with N numbered lines, "sum" reads numbers up to an empty line. After the
// line "go" on its input it is its own client, and shows what it got.
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/thread.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct session {
  long sum;
  int summing;
};

struct client {
  struct bufferevent* bev;
  const char* request;
  size_t received;
  unsigned hash;
  int quiet;
  struct event_base* base;
};

static struct sockaddr_in address;
static int clients_left;

static void freed(const void* data, size_t length, void* arg) {
  (void)data;
  *(size_t*)arg += length;
}

static size_t bytes_freed;
static const char kBanner[] = "welcome\n";

static void serve_line(struct bufferevent* bev, struct session* session,
                       const char* line) {
  struct evbuffer* out = bufferevent_get_output(bev);
  if (session->summing && *line != '\0') {
    session->sum += atol(line);
  } else if (session->summing) {
    evbuffer_add_printf(out, "%ld\n", session->sum);
    session->summing = 0;
  } else if (strncmp(line, "get ", 4) == 0) {
    struct evbuffer* answer = evbuffer_new();
    long count = atol(line + 4);
    for (long i = 0; i < count; ++i)
      evbuffer_add_printf(answer, "line number %ld\n", i);
    evbuffer_prepend(answer, "begin\n", 6);
    evbuffer_add_buffer(out, answer);
    evbuffer_free(answer);
    evbuffer_add_reference(out, "end\n", 4, freed, &bytes_freed);
  } else if (strcmp(line, "sum") == 0) {
    session->summing = 1;
    session->sum = 0;
  }
}

static void server_read(struct bufferevent* bev, void* arg) {
  struct evbuffer* in = bufferevent_get_input(bev);
  char* line;
  while ((line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF)) != NULL) {
    serve_line(bev, arg, line);
    free(line);
  }
}

// The other side has ended: what is still to be written goes out first.
static void server_wrote(struct bufferevent* bev, void* arg) {
  if (evbuffer_get_length(bufferevent_get_output(bev)) > 0) return;
  free(arg);
  bufferevent_free(bev);
}

static void server_event(struct bufferevent* bev, short what, void* arg) {
  if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
    bufferevent_setcb(bev, NULL, server_wrote, server_event, arg);
    if (what & BEV_EVENT_ERROR ||
        evbuffer_get_length(bufferevent_get_output(bev)) == 0) {
      free(arg);
      bufferevent_free(bev);
    }
  }
}

static void on_accept(struct evconnlistener* listener, evutil_socket_t fd,
                      struct sockaddr* peer, int length, void* arg) {
  struct bufferevent* bev = bufferevent_socket_new(
      evconnlistener_get_base(listener), fd,
      BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_THREADSAFE);
  (void)arg;
  if (peer->sa_family != AF_INET || length != sizeof(struct sockaddr_in))
    abort();
  bufferevent_setcb(bev, server_read, NULL, server_event,
                    calloc(1, sizeof(struct session)));
  bufferevent_setwatermark(bev, EV_READ, 0, 4096);
  bufferevent_enable(bev, EV_READ | EV_WRITE);
  evbuffer_add_reference(bufferevent_get_output(bev), kBanner,
                         sizeof(kBanner) - 1, freed, &bytes_freed);
}

static void client_read(struct bufferevent* bev, void* arg) {
  struct client* client = arg;
  struct evbuffer* in = bufferevent_get_input(bev);
  struct evbuffer_iovec pieces[4];
  int count;
  while ((count = evbuffer_peek(in, -1, NULL, pieces, 4)) > 0) {
    size_t taken = 0;
    for (int i = 0; i < count && i < 4; ++i) {
      const unsigned char* data = pieces[i].iov_base;
      for (size_t j = 0; j < pieces[i].iov_len; ++j)
        client->hash = client->hash * 31 + data[j];
      taken += pieces[i].iov_len;
    }
    evbuffer_drain(in, taken);
    client->received += taken;
  }
}

static void client_event(struct bufferevent* bev, short what, void* arg) {
  struct client* client = arg;
  if (what & BEV_EVENT_CONNECTED) {
    bufferevent_write(bev, client->request, strlen(client->request));
    bufferevent_enable(bev, EV_READ);
    return;
  }
  int name_length = (int)strcspn(client->request, "\r\n");
  if (!(what & BEV_EVENT_EOF)) {
    printf("%.*s: %s\n", name_length, client->request,
           evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
  } else if (!client->quiet) {
    printf("%.*s: %zu bytes, hash %08x\n", name_length, client->request,
           client->received, client->hash);
  }
  bufferevent_free(bev);
  if (--clients_left == 0) event_base_loopbreak(client->base);
}

// Everything is written: no more will be sent, the answer is still to come.
static void client_wrote(struct bufferevent* bev, void* arg) {
  (void)arg;
  shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void start_client(struct event_base* base, struct client* client,
                         const char* request) {
  memset(client, 0, sizeof(*client));
  client->base = base;
  client->request = request;
  client->bev = bufferevent_socket_new(
      base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_THREADSAFE);
  bufferevent_setcb(client->bev, client_read, client_wrote, client_event,
                    client);
  bufferevent_socket_connect(client->bev, (struct sockaddr*)&address,
                             sizeof(address));
  ++clients_left;
}

// One after the other, so that the output has an order.
static void run_clients(struct event_base* base) {
  static const char* const kRequests[] = {
      "get 3\r\n", "get 100000\n", "sum\n1\n2\n-10\n\n", "get 1\nget 2\n\n"};
  struct client client;
  for (size_t i = 0; i < 4; ++i) {
    start_client(base, &client, kRequests[i]);
    event_base_dispatch(base);
    printf("loop was broken: %d\n", event_base_got_break(base));
  }
  struct client many[50];
  for (int i = 0; i < 50; ++i) {
    start_client(base, &many[i], "get 1000\n");
    many[i].quiet = 1;
  }
  event_base_dispatch(base);
  unsigned hash = 0;
  size_t received = 0;
  for (int i = 0; i < 50; ++i) {
    hash = hash * 31 + many[i].hash;
    received += many[i].received;
  }
  printf("50 at once: %zu bytes, hash %08x\n", received, hash);
}

static void on_event(evutil_socket_t fd, short what, void* arg) {
  (void)fd;
  printf("%s: what %d\n", (const char*)arg, what);
}

static void* second_thread(void* arg) {
  struct event** events = arg;
  event_active(events[0], EV_WRITE, 1);
  event_add(events[1], NULL);
  kill(getpid(), SIGUSR2);
  return NULL;
}

static void run_threads(struct event_base* base) {
  static struct event* events[2];
  pthread_t thread;
  events[0] = event_new(base, -1, EV_PERSIST, on_event, "from a thread");
  events[1] = evsignal_new(base, SIGUSR2, on_event, "signal");
  event_priority_set(events[0], 0);
  if (pthread_create(&thread, NULL, second_thread, events) != 0) abort();
  // One turn may see one of the two, or both.
  event_base_loop(base, EVLOOP_ONCE);
  int woken = !event_base_got_exit(base);
  pthread_join(thread, NULL);
  event_base_loop(base, EVLOOP_NONBLOCK);
  printf("woken by the thread: %d\n", woken);
  event_free(events[0]);
  event_free(events[1]);
}

static void on_input(evutil_socket_t fd, short what, void* arg) {
  char line[100];
  (void)what;
  if (read(fd, line, sizeof(line)) > 0) event_base_loopexit(arg, NULL);
}

static struct event_base* new_base(void) {
  struct event_config* config = event_config_new();
  struct event_base* base;
  event_config_avoid_method(config, "select");
  event_config_require_features(config, EV_FEATURE_O1);
  event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
  base = event_base_new_with_config(config);
  event_config_free(config);
  event_base_priority_init(base, 2);
  return base;
}

int main(void) {
  if (evthread_use_pthreads() != 0) return 2;
  struct event_base* base = new_base();
  struct sockaddr_in any = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct evconnlistener* listener = evconnlistener_new_bind(
      base, on_accept, NULL,
      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_THREADSAFE, 64,
      (struct sockaddr*)&any, sizeof(any));
  ev_socklen_t length = sizeof(address);
  if (base == NULL || listener == NULL) return 2;
  getsockname(evconnlistener_get_fd(listener), (struct sockaddr*)&address,
              &length);
  struct event* input =
      event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, base);
  const struct timeval limit = {60, 0};
  event_base_loopexit(base, &limit);
  event_add(input, NULL);
  printf("%s with %s, features %d\n", event_get_version(),
         event_base_get_method(base), event_base_get_features(base));
  fflush(stdout);
  event_base_dispatch(base);
  event_free(input);
  printf("exit was asked for: %d\n", event_base_got_exit(base));
  run_clients(base);
  evconnlistener_free(listener);
  event_base_loop(base, EVLOOP_NONBLOCK);
  run_threads(base);
  event_base_free(base);
  printf("referred bytes freed: %zu\n", bytes_freed);
  return 0;
}
