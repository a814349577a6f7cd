// SPDX-License-Identifier: BSD-3-Clause
//
// Bufferevents: connecting to addresses, names and Unix paths.

#include <netdb.h>
#include <sys/un.h>

#include "tests/differential/scenarios/bufferevent_support.h"

static struct bufferevent *make(struct event_base *base, int fd,
                                struct seen *seen) {
  struct bufferevent *bev =
      bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, on_read, on_write, on_event, seen);
  return bev;
}

// Accepts the connection that `bev` has begun; -1 when there is none.
static int accept_from(int listener, struct bufferevent *bev) {
  struct pollfd wait = {listener, POLLIN, 0};
  int fd;
  if (bufferevent_getfd(bev) < 0 || poll(&wait, 1, 2000) != 1) return -1;
  fd = accept(listener, NULL, NULL);
  if (fd >= 0) evutil_make_socket_nonblocking(fd);
  return fd;
}

static int connect_to(struct bufferevent *bev, const struct sockaddr_in *addr) {
  return bufferevent_socket_connect(bev, (const struct sockaddr *)addr,
                                    sizeof *addr);
}

struct arrived {
  char bytes[64];
  int count;
};

static void arrived_cb(evutil_socket_t fd, short events, void *arg) {
  struct arrived *to = arg;
  ssize_t n =
      read(fd, to->bytes + to->count, sizeof to->bytes - 1 - (size_t)to->count);
  (void)events;
  if (n > 0) to->count += (int)n;
}

// Runs the loop until the raw peer got `want` bytes, and records them.
static void rec_peer_until(struct event_base *base, int fd, int want) {
  struct arrived got = {"", 0};
  struct event *event =
      event_new(base, fd, EV_READ | EV_PERSIST, arrived_cb, &got);
  if (event == NULL) return;
  event_add(event, NULL);
  run_until(base, &got.count, want);
  event_free(event);
  rec("peer got %d %s", got.count, got.bytes);
}

SCENARIO(bufferevent_connect,
         "behaviour 46: CONNECTED once, before any read; data written before "
         "goes out after") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct sockaddr_in addr;
  int listener = tcp_bound(&addr, 5);
  struct bufferevent *bev = make(base, -1, &seen);
  int peer;
  bufferevent_setcb(bev, on_read, NULL, on_event, &seen);
  rec("write before -> %d", bufferevent_write(bev, "early ", 6));
  rec("enable -> %d", bufferevent_enable(bev, EV_READ));
  rec("connect -> %d", connect_to(bev, &addr));
  rec("inside connect %d", seen.events);
  rec("has an fd %d", bufferevent_getfd(bev) >= 0);
  rec("non-blocking %d",
      (fcntl(bufferevent_getfd(bev), F_GETFL) & O_NONBLOCK) != 0);
  rec("write -> %d", bufferevent_write(bev, "late", 4));
  peer = accept_from(listener, bev);
  run_until(base, &seen.events, 1);
  rec_peer_until(base, peer, 10);
  if (peer >= 0) put(peer, "hello");
  run_until(base, &seen.reads, 1);
  rec("%d reads, %zu bytes, %d events", seen.reads, seen.bytes, seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  close(peer);
  close(listener);
  event_base_free(base);
}

SCENARIO(
    bufferevent_connect_write_callback,
    "behaviour 46: after CONNECTED the write callback runs when what there "
    "was to write is out, and not with nothing to write") {
  struct event_base *base = new_base();
  int with_data;
  for (with_data = 0; with_data < 2; with_data++) {
    struct seen seen = {"bev", 0, 0, 0, 0, 100};
    struct sockaddr_in addr;
    int listener = tcp_bound(&addr, 5);
    struct bufferevent *bev = make(base, -1, &seen);
    int peer;
    rec("with data %d", with_data);
    if (with_data) bufferevent_write(bev, "data", 4);
    rec("connect -> %d", connect_to(bev, &addr));
    peer = accept_from(listener, bev);
    run_until(base, &seen.events, 1);
    if (with_data) run_until(base, &seen.writes, 1);
    glance(base, 4);
    rec("%d writes, %d events", seen.writes, seen.events);
    bufferevent_free(bev);
    glance(base, 1);
    close(peer);
    close(listener);
  }
  event_base_free(base);
}

SCENARIO(bufferevent_connect_refused,
         "behaviour 46: a refused connect gives ERROR, and leaves what is "
         "enabled") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct sockaddr_in addr;
  int bound = tcp_bound(&addr, 0);
  struct bufferevent *bev = make(base, -1, &seen);
  bufferevent_enable(bev, EV_READ);
  rec("write -> %d", bufferevent_write(bev, "data", 4));
  rec("connect -> %d", connect_to(bev, &addr));
  run_until(base, &seen.events, 1);
  glance(base, 4);
  rec("%d events, %d reads, %d writes, enabled %s, output %zu", seen.events,
      seen.reads, seen.writes, enabled_text(bufferevent_get_enabled(bev)),
      evbuffer_get_length(bufferevent_get_output(bev)));
  bufferevent_free(bev);
  glance(base, 1);
  close(bound);
  event_base_free(base);
}

SCENARIO(bufferevent_connect_refused_deferred,
         "behaviour 46: a refused connect's event deferred keeps its errno") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct sockaddr_in addr;
  int bound = tcp_bound(&addr, 0);
  struct bufferevent *bev = bufferevent_socket_new(
      base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
  bufferevent_setcb(bev, on_read, on_write, on_event, &seen);
  rec("connect -> %d", connect_to(bev, &addr));
  run_until(base, &seen.events, 1);
  bufferevent_free(bev);
  glance(base, 1);
  close(bound);
  event_base_free(base);
}

SCENARIO(bufferevent_connect_unix,
         "behaviour 46: Unix paths: connected, or -1 at once and no event when "
         "the path is missing") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct sockaddr_un addr;
  struct bufferevent *bev;
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  socklen_t length = sizeof addr;
  int peer;
  int result;
  // An empty name lets the kernel choose an abstract one.
  memset(&addr, 0, sizeof addr);
  addr.sun_family = AF_UNIX;
  if (bind(listener, (struct sockaddr *)&addr, sizeof(sa_family_t)) != 0 ||
      listen(listener, 5) != 0 ||
      getsockname(listener, (struct sockaddr *)&addr, &length) != 0)
    return;
  bev = make(base, -1, &seen);
  rec("connect -> %d",
      bufferevent_socket_connect(bev, (struct sockaddr *)&addr, (int)length));
  rec("inside connect %d events", seen.events);
  run_until(base, &seen.events, 1);
  glance(base, 3);
  peer = accept_from(listener, bev);
  rec("%d events, %d writes, accepted %d", seen.events, seen.writes, peer >= 0);
  bufferevent_free(bev);
  glance(base, 1);
  close(peer);
  close(listener);

  strcpy(addr.sun_path, "/nonexistent/socket");
  seen.events = 0;
  bev = make(base, -1, &seen);
  errno = 0;
  result =
      bufferevent_socket_connect(bev, (struct sockaddr *)&addr, sizeof addr);
  rec("missing path -> %d", result);
  glance(base, 4);
  rec("%d events, fd %d, enabled %s", seen.events, (int)bufferevent_getfd(bev),
      enabled_text(bufferevent_get_enabled(bev)));
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_connect_existing_fd,
         "behaviour 46: connect on an fd that is not connected works; on a "
         "connected one it is 0 and gives CONNECTED again") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct sockaddr_in addr;
  int listener = tcp_bound(&addr, 5);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct bufferevent *bev = make(base, fd, &seen);
  int peer;
  bufferevent_setcb(bev, on_read, NULL, on_event, &seen);
  rec("connect -> %d", connect_to(bev, &addr));
  rec("the same fd %d", bufferevent_getfd(bev) == fd);
  peer = accept_from(listener, bev);
  run_until(base, &seen.events, 1);
  rec("connect again -> %d", connect_to(bev, &addr));
  run_until(base, &seen.events, 2);
  glance(base, 3);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  close(peer);
  close(listener);
  event_base_free(base);
}

SCENARIO(bufferevent_connect_without_address,
         "behaviour 46: connect without an address waits for a connect that "
         "the program began") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct sockaddr_in addr;
  int listener = tcp_bound(&addr, 5);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct bufferevent *bev;
  int peer;
  int result = connect(fd, (struct sockaddr *)&addr, sizeof addr);
  rec("begun %d", result == 0 || errno == EINPROGRESS);
  bev = make(base, fd, &seen);
  bufferevent_setcb(bev, on_read, NULL, on_event, &seen);
  rec("connect -> %d", bufferevent_socket_connect(bev, NULL, 0));
  rec("inside connect %d events", seen.events);
  peer = accept_from(listener, bev);
  run_until(base, &seen.events, 1);
  glance(base, 3);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  rec("neither fd nor address");
  bev = make(base, -1, &seen);
  rec("connect -> %d", bufferevent_socket_connect(bev, NULL, 0));
  glance(base, 3);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  close(peer);
  close(listener);
  event_base_free(base);
}

SCENARIO(bufferevent_connect_bad_address,
         "behaviour 46: unknown families and short addresses are refused") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct sockaddr_in addr;
  struct bufferevent *bev = make(base, -1, &seen);
  memset(&addr, 0, sizeof addr);
  addr.sin_family = 999;
  rec("family 999 -> %d", connect_to(bev, &addr));
  glance(base, 3);
  rec("%d events, fd %d", seen.events, (int)bufferevent_getfd(bev));
  addr.sin_family = AF_INET;
  rec("2 bytes -> %d",
      bufferevent_socket_connect(bev, (struct sockaddr *)&addr, 2));
  glance(base, 3);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

static void free_when_connected(struct bufferevent *bev, short what,
                                void *arg) {
  struct seen *seen = arg;
  seen->events++;
  rec("  event %s: free", what_text(what));
  bufferevent_free(bev);
}

SCENARIO(bufferevent_connect_free,
         "behaviour 44: freeing in the CONNECTED callback and in that of a "
         "refused connect") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  int refused;
  guard_memory();
  base = new_base();
  for (refused = 0; refused < 2; refused++) {
    struct sockaddr_in addr;
    int listener = tcp_bound(&addr, refused ? 0 : 5);
    struct bufferevent *bev = make(base, -1, &seen);
    int events = seen.events;
    bufferevent_setcb(bev, on_read, on_write, free_when_connected, &seen);
    bufferevent_enable(bev, EV_READ);
    bufferevent_write(bev, "never", 5);
    rec("connect -> %d", connect_to(bev, &addr));
    run_until(base, &seen.events, refused + 1);
    glance(base, 3);
    if (seen.events == events) bufferevent_free(bev);
    close(listener);
  }
  rec("%d events, %d writes", seen.events, seen.writes);
  event_base_free(base);
}

SCENARIO(bufferevent_connect_freed_before,
         "behaviour 46: freed while the connect is under way: no event, the "
         "fd closes") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct sockaddr_in addr;
  int listener = tcp_bound(&addr, 5);
  struct bufferevent *bev = make(base, -1, &seen);
  int fd;
  rec("connect -> %d", connect_to(bev, &addr));
  fd = bufferevent_getfd(bev);
  bufferevent_free(bev);
  glance(base, 3);
  rec("%d events, fd open %d", seen.events, fd_is_open(fd));
  close(listener);
  event_base_free(base);
}

SCENARIO(bufferevent_connect_disabled_write,
         "behaviour 46: connecting needs no enabled direction") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct sockaddr_in addr;
  int listener = tcp_bound(&addr, 5);
  struct bufferevent *bev = make(base, -1, &seen);
  int peer;
  bufferevent_disable(bev, EV_READ | EV_WRITE);
  rec("connect -> %d", connect_to(bev, &addr));
  rec("enabled %s", enabled_text(bufferevent_get_enabled(bev)));
  peer = accept_from(listener, bev);
  run_until(base, &seen.events, 1);
  glance(base, 4);
  rec("%d events, %d writes, enabled %s", seen.events, seen.writes,
      enabled_text(bufferevent_get_enabled(bev)));
  rec("write -> %d", bufferevent_write(bev, "held", 4));
  glance(base, 3);
  rec("output %zu", evbuffer_get_length(bufferevent_get_output(bev)));
  bufferevent_enable(bev, EV_WRITE);
  rec_peer_until(base, peer, 4);
  bufferevent_free(bev);
  glance(base, 1);
  close(peer);
  close(listener);
  event_base_free(base);
}

// Connects to `host` on a listener's port and records what comes of it.
static void try_host(struct event_base *base, int family, const char *host) {
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct sockaddr_in addr;
  int listener = tcp_bound(&addr, 5);
  struct bufferevent *bev = make(base, -1, &seen);
  int result;
  bufferevent_setcb(bev, on_read, NULL, on_event, &seen);
  result = bufferevent_socket_connect_hostname(bev, NULL, family, host,
                                               ntohs(addr.sin_port));
  rec("%s -> %d, %d events inside", host, result, seen.events);
  run_until(base, &seen.events, 1);
  glance(base, 3);
  rec("%d events, dns error %d", seen.events,
      bufferevent_socket_get_dns_error(bev));
  bufferevent_free(bev);
  glance(base, 1);
  close(listener);
}

SCENARIO(bufferevent_connect_hostname,
         "behaviour 46: connect_hostname to numeric addresses and localhost, "
         "without a resolver of its own") {
  struct event_base *base = new_base();
  try_host(base, AF_INET, "127.0.0.1");
  try_host(base, AF_UNSPEC, "127.0.0.1");
  // Where there is no hosts file, libevent does not know it (differences.md).
  struct addrinfo *known = NULL;
  if (getaddrinfo("localhost", NULL, NULL, &known) == 0) {
    freeaddrinfo(known);
    try_host(base, AF_INET, "localhost");
  }
  event_base_free(base);
}

// A failed look-up promises no errno.
static void on_failure(struct bufferevent *bev, short what, void *arg) {
  struct seen *seen = arg;
  (void)bev;
  seen->events++;
  rec("  event %s", what_text(what));
}

SCENARIO(bufferevent_connect_hostname_fails,
         "behaviour 46: a name that does not fit its family, a port out of "
         "range, a family that has no names") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  static const struct {
    int family;
    const char *host;
    int port;
  } kTry[] = {
      {AF_INET6, "127.0.0.1", 80}, {AF_INET, "::1", 80},
      {AF_UNIX, "127.0.0.1", 80},  {AF_INET, "127.0.0.1", 0},
      {AF_INET, "127.0.0.1", -1},  {AF_INET, "127.0.0.1", 65536},
      {999, "127.0.0.1", 80},
  };
  size_t i;
  for (i = 0; i < sizeof kTry / sizeof *kTry; i++) {
    struct bufferevent *bev;
    int result;
    bev = make(base, -1, &seen);
    seen.events = 0;
    bufferevent_setcb(bev, NULL, NULL, on_failure, &seen);
    result = bufferevent_socket_connect_hostname(bev, NULL, kTry[i].family,
                                                 kTry[i].host, kTry[i].port);
    rec("%d %s %d -> %d, %d events", kTry[i].family, kTry[i].host, kTry[i].port,
        result, seen.events);
    glance(base, 3);
    rec("%d events, dns error %d", seen.events,
        bufferevent_socket_get_dns_error(bev));
    bufferevent_free(bev);
    glance(base, 1);
  }
  event_base_free(base);
}

SCENARIO(bufferevent_connect_timeout,
         "behaviour 45: the write timeout runs while a connect is under way") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct sockaddr_in addr;
  struct bufferevent *bev;
  int waiting[40];
  int listener;
  int i;
  virtual_time();
  base = new_base();
  listener = tcp_bound(&addr, 1);
  // Once the queue of the listener is full, a further connect hangs.
  for (i = 0; i < 40; i++) {
    waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(waiting[i], (struct sockaddr *)&addr, sizeof addr);
  }
  bev = make(base, -1, &seen);
  rec("set -> %d", bufferevent_set_timeouts(bev, NULL, ms(100)));
  rec("connect -> %d", connect_to(bev, &addr));
  run_for_ms(base, 250);
  rec("%d events, enabled %s", seen.events,
      enabled_text(bufferevent_get_enabled(bev)));
  bufferevent_free(bev);
  glance(base, 1);
  for (i = 0; i < 40; i++) close(waiting[i]);
  close(listener);
  event_base_free(base);
}
