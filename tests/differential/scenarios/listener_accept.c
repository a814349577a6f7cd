// SPDX-License-Identifier: BSD-3-Clause
//
// Listeners: accepting, enabling, addresses. Options are in listener_options.c.

#include <event2/listener.h>
#include <stddef.h>
#include <sys/un.h>

#include "tests/differential/scenarios/listener_support.h"

SCENARIO(listener_accepts_at_once,
         "behaviour 54: without LEV_OPT_DISABLED it accepts at once, and the "
         "callback gets the peer's address") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener = listen_loopback(
      base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE, -1, &addr);
  int client = tcp_client(&addr);
  rec("%s", listener ? "listener" : "NULL");
  rec("base %d, fd %d", evconnlistener_get_base(listener) == base,
      evconnlistener_get_fd(listener) >= 0);
  rec("before the loop %d", hosts.accepted);
  await_accepts(base, &hosts, 1);
  rec("%d accepted", hosts.accepted);
  evconnlistener_free(listener);
  close(client);
  event_base_free(base);
}

SCENARIO(listener_burst,
         "behaviour 54: many waiting connections are all accepted") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 1};
  struct sockaddr_in addr;
  struct evconnlistener *listener = listen_loopback(
      base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE, 64, &addr);
  int clients[50];
  int i;
  for (i = 0; i < 50; i++) clients[i] = tcp_client(&addr);
  await_accepts(base, &hosts, 50);
  rec("%d accepted", hosts.accepted);
  evconnlistener_free(listener);
  for (i = 0; i < 50; i++) close(clients[i]);
  event_base_free(base);
}

SCENARIO(listener_disabled,
         "behaviour 54: with LEV_OPT_DISABLED it waits for enable; disable "
         "stops it again") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener =
      listen_loopback(base, on_accept, &hosts,
                      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_DISABLED, -1, &addr);
  int client = tcp_client(&addr);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("disable -> %d", evconnlistener_disable(listener));
  rec("enable -> %d", evconnlistener_enable(listener));
  await_accepts(base, &hosts, 1);
  rec("enable twice -> %d", evconnlistener_enable(listener));
  close(client);
  client = tcp_client(&addr);
  await_accepts(base, &hosts, 2);
  rec("disable -> %d", evconnlistener_disable(listener));
  rec("disable twice -> %d", evconnlistener_disable(listener));
  close(client);
  client = tcp_client(&addr);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("%d accepted", hosts.accepted);
  rec("enable -> %d", evconnlistener_enable(listener));
  await_accepts(base, &hosts, 3);
  evconnlistener_free(listener);
  close(client);
  event_base_free(base);
}

SCENARIO(listener_without_callback,
         "behaviour 54: without a callback it does not accept, enable is 0 all "
         "the same, and setting one starts it") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener =
      listen_loopback(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE, -1, &addr);
  int client = tcp_client(&addr);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("enable -> %d", evconnlistener_enable(listener));
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("client open %d", client_state(client));
  rec("set a callback");
  evconnlistener_set_cb(listener, on_accept, &hosts);
  await_accepts(base, &hosts, 1);
  rec("%d accepted", hosts.accepted);
  evconnlistener_free(listener);
  close(client);
  event_base_free(base);
}

SCENARIO(listener_without_callback_disabled,
         "behaviour 54: setting a callback does not start a listener that was "
         "disabled") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener = listen_loopback(
      base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_DISABLED, -1, &addr);
  int client = tcp_client(&addr);
  evconnlistener_set_cb(listener, on_accept, &hosts);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("%d accepted", hosts.accepted);
  rec("enable -> %d", evconnlistener_enable(listener));
  await_accepts(base, &hosts, 1);
  evconnlistener_free(listener);
  close(client);
  event_base_free(base);
}

SCENARIO(listener_callback_taken_away,
         "behaviour 54: with a NULL callback set on a running one connections "
         "are accepted and closed") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener = listen_loopback(
      base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE, -1, &addr);
  int client;
  rec("set no callback");
  evconnlistener_set_cb(listener, NULL, NULL);
  client = tcp_client(&addr);
  rec("client %s", await_closed(base, client));
  close(client);
  rec("set one again");
  evconnlistener_set_cb(listener, on_accept, &hosts);
  client = tcp_client(&addr);
  await_accepts(base, &hosts, 1);
  rec("%d accepted", hosts.accepted);
  evconnlistener_free(listener);
  close(client);
  event_base_free(base);
}

SCENARIO(listener_callback_changed,
         "behaviour 54: set_cb changes callback and argument for the next "
         "connection") {
  struct event_base *base = new_base();
  struct hosts one = {0, 0, 0, 0};
  struct hosts two = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener =
      listen_loopback(base, on_accept, &one, LEV_OPT_CLOSE_ON_FREE, -1, &addr);
  int client = tcp_client(&addr);
  evconnlistener_set_cb(listener, on_accept, &two);
  await_accepts(base, &two, 1);
  rec("%d and %d accepted", one.accepted, two.accepted);
  evconnlistener_free(listener);
  close(client);
  event_base_free(base);
}

SCENARIO(listener_backlog,
         "behaviour 56: in new_bind a negative backlog is the library's "
         "choice, 0 is NULL") {
  struct event_base *base = new_base();
  static const int kBacklog[] = {-1, -100, 0, 1, 500};
  size_t i;
  for (i = 0; i < sizeof kBacklog / sizeof *kBacklog; i++) {
    struct hosts hosts = {0, 0, 0, 0};
    struct sockaddr_in addr;
    struct evconnlistener *listener = listen_loopback(
        base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE, kBacklog[i], &addr);
    rec("%d: %s", kBacklog[i], listener ? "listener" : "NULL");
    if (listener == NULL) continue;
    rec("listening %d",
        option(evconnlistener_get_fd(listener), SOL_SOCKET, SO_ACCEPTCONN));
    evconnlistener_free(listener);
  }
  event_base_free(base);
}

SCENARIO(listener_on_a_socket,
         "behaviour 56: evconnlistener_new takes a socket that listens already "
         "with 0, or makes it listen") {
  struct event_base *base = new_base();
  int backlog;
  for (backlog = -1; backlog <= 5; backlog += 1) {
    struct hosts hosts = {0, 0, 0, 0};
    struct sockaddr_in addr;
    struct evconnlistener *listener;
    int client;
    int fd = tcp_bound(&addr, backlog == 0 ? 5 : 0);
    evutil_make_socket_nonblocking(fd);
    listener = evconnlistener_new(base, on_accept, &hosts, 0, backlog, fd);
    rec("backlog %d: %s", backlog, listener ? "listener" : "NULL");
    rec("the same fd %d", evconnlistener_get_fd(listener) == fd);
    client = tcp_client(&addr);
    await_accepts(base, &hosts, 1);
    evconnlistener_free(listener);
    rec("fd open %d", fd_is_open(fd));
    close(fd);
    close(client);
  }
  event_base_free(base);
}

SCENARIO(listener_port_in_use,
         "behaviour 56: a port in use gives NULL, errno is kept, no fd is "
         "leaked") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  int taken = tcp_bound(&addr, 5);
  int before = lowest_free_fd();
  int i;
  long blocks = blocks_in_use();
  for (i = 0; i < 3; i++) {
    struct evconnlistener *listener;
    int error;
    errno = 0;
    listener = evconnlistener_new_bind(
        base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, -1,
        (struct sockaddr *)&addr, sizeof addr);
    error = errno;
    rec("%s, %s", listener ? "listener" : "NULL", errno_name(error));
  }
  rec("no fd leaked %d, no memory %d", lowest_free_fd() == before,
      blocks_in_use() == blocks);
  close(taken);
  event_base_free(base);
}

SCENARIO(listener_bad_addresses,
         "behaviour 56: addresses that cannot be bound, unknown families, a "
         "Unix path without a directory") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct sockaddr_un path;
  struct evconnlistener *listener;
  int error;
  int before = lowest_free_fd();
  memset(&addr, 0, sizeof addr);
  addr.sin_family = AF_INET;
  addr.sin_addr.s_addr = htonl(0xC0000201);  // of a documentation network
  errno = 0;
  listener = evconnlistener_new_bind(base, on_accept, &hosts, 0, -1,
                                     (struct sockaddr *)&addr, sizeof addr);
  error = errno;
  rec("not ours: %s, %s", listener ? "listener" : "NULL", errno_name(error));
  addr.sin_family = 999;
  errno = 0;
  listener = evconnlistener_new_bind(base, on_accept, &hosts, 0, -1,
                                     (struct sockaddr *)&addr, sizeof addr);
  error = errno;
  rec("family 999: %s, %s", listener ? "listener" : "NULL", errno_name(error));
  addr.sin_family = AF_INET;
  errno = 0;
  listener = evconnlistener_new_bind(base, on_accept, &hosts, 0, -1,
                                     (struct sockaddr *)&addr, 3);
  error = errno;
  rec("3 bytes: %s, %s", listener ? "listener" : "NULL", errno_name(error));
  memset(&path, 0, sizeof path);
  path.sun_family = AF_UNIX;
  strcpy(path.sun_path, "/nonexistent/socket");
  errno = 0;
  listener = evconnlistener_new_bind(base, on_accept, &hosts, 0, -1,
                                     (struct sockaddr *)&path, sizeof path);
  error = errno;
  rec("no directory: %s, %s", listener ? "listener" : "NULL",
      errno_name(error));
  rec("no fd leaked %d", lowest_free_fd() == before);
  event_base_free(base);
}

SCENARIO(listener_unix,
         "behaviour 56: Unix-domain addresses: accept, and the address that "
         "the callback gets") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_un addr;
  socklen_t length = sizeof addr;
  struct evconnlistener *listener;
  int client;
  memset(&addr, 0, sizeof addr);
  addr.sun_family = AF_UNIX;
  // The family alone: the kernel chooses an abstract name.
  listener = evconnlistener_new_bind(
      base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, -1,
      (struct sockaddr *)&addr, (int)sizeof(sa_family_t));
  rec("%s", listener ? "listener" : "NULL");
  getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&addr,
              &length);
  client = socket(AF_UNIX, SOCK_STREAM, 0);
  rec("connect %d", connect(client, (struct sockaddr *)&addr, length));
  await_accepts(base, &hosts, 1);
  rec("%d accepted", hosts.accepted);
  evconnlistener_free(listener);
  close(client);
  event_base_free(base);
}

SCENARIO(listener_unix_path,
         "behaviour 56: a Unix path is bound, in use while the file is there, "
         "and left behind by free") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_un addr;
  char dir[64] = "/tmp/listener.XXXXXX";
  struct evconnlistener *listener;
  int round;
  if (mkdtemp(dir) == NULL) return;
  memset(&addr, 0, sizeof addr);
  addr.sun_family = AF_UNIX;
  snprintf(addr.sun_path, sizeof addr.sun_path, "%s/socket", dir);
  for (round = 0; round < 2; round++) {
    int error;
    errno = 0;
    listener =
        evconnlistener_new_bind(base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE,
                                -1, (struct sockaddr *)&addr, sizeof addr);
    error = errno;
    if (listener == NULL) {
      rec("NULL, %s", errno_name(error));
      continue;
    }
    rec("listener");
    {
      int client = socket(AF_UNIX, SOCK_STREAM, 0);
      rec("connect %d", connect(client, (struct sockaddr *)&addr, sizeof addr));
      await_accepts(base, &hosts, 1);
      close(client);
    }
    evconnlistener_free(listener);
    rec("file left %d", access(addr.sun_path, F_OK) == 0);
  }
  unlink(addr.sun_path);
  rmdir(dir);
  event_base_free(base);
}

SCENARIO(listener_close_on_free,
         "behaviour 57: free closes the socket only when asked") {
  struct event_base *base = new_base();
  int asked;
  for (asked = 0; asked < 2; asked++) {
    struct hosts hosts = {0, 0, 0, 0};
    struct sockaddr_in addr;
    struct evconnlistener *listener = listen_loopback(
        base, on_accept, &hosts, asked ? LEV_OPT_CLOSE_ON_FREE : 0, -1, &addr);
    int fd = evconnlistener_get_fd(listener);
    evconnlistener_free(listener);
    rec("asked %d: open %d", asked, fd_is_open(fd));
    if (!asked) close(fd);
  }
  event_base_free(base);
}

SCENARIO(listener_without_address,
         "behaviour 56: new_bind without an address") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct evconnlistener *listener;
  int error;
  errno = 0;
  listener = evconnlistener_new_bind(base, on_accept, &hosts,
                                     LEV_OPT_CLOSE_ON_FREE, -1, NULL, 0);
  error = errno;
  rec("%s, %s", listener ? "listener" : "NULL", errno_name(error));
  if (listener != NULL) evconnlistener_free(listener);
  event_base_free(base);
}

SCENARIO(listener_ipv6_accept,
         "behaviour 54: an IPv6 client's address is handed over whole") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in6 addr;
  socklen_t length = sizeof addr;
  struct evconnlistener *listener;
  memset(&addr, 0, sizeof addr);
  addr.sin6_family = AF_INET6;
  addr.sin6_addr = in6addr_loopback;
  listener =
      evconnlistener_new_bind(base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE,
                              -1, (struct sockaddr *)&addr, sizeof addr);
  // Not every machine has IPv6.
  rec("%s", listener ? "listener" : "NULL");
  if (listener != NULL) {
    int client = socket(AF_INET6, SOCK_STREAM, 0);
    getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&addr,
                &length);
    rec("connect %d", connect(client, (struct sockaddr *)&addr, length));
    await_accepts(base, &hosts, 1);
    evconnlistener_free(listener);
    close(client);
  }
  event_base_free(base);
}

// Echoes over a bufferevent made in the accept callback.
static void echo_read(struct bufferevent *bev, void *arg) {
  (void)arg;
  bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void echo_event(struct bufferevent *bev, short what, void *arg) {
  (void)what;
  ((struct hosts *)arg)->errors++;
  bufferevent_free(bev);
}

static void echo_accept(struct evconnlistener *listener, evutil_socket_t fd,
                        struct sockaddr *addr, int length, void *arg) {
  struct bufferevent *bev = bufferevent_socket_new(
      evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
  (void)addr;
  (void)length;
  ((struct hosts *)arg)->accepted++;
  bufferevent_setcb(bev, echo_read, NULL, echo_event, arg);
  bufferevent_enable(bev, EV_READ);
}

SCENARIO(listener_echo_server,
         "behaviour 54: a listener whose connections become bufferevents "
         "serves several clients to their end") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener = listen_loopback(
      base, echo_accept, &hosts, LEV_OPT_CLOSE_ON_FREE, -1, &addr);
  int clients[5];
  char out[32];
  int i;
  for (i = 0; i < 5; i++) {
    clients[i] = tcp_client(&addr);
    snprintf(out, sizeof out, "client %d", i);
    if (send(clients[i], out, strlen(out), MSG_NOSIGNAL) < 0) rec("not sent");
    shutdown(clients[i], SHUT_WR);
  }
  // The end of file frees a connection, and with it what was not sent yet.
  run_until(base, &hosts.errors, 5);
  rec("%d accepted, %d ended", hosts.accepted, hosts.errors);
  glance(base, 3);
  for (i = 0; i < 5; i++) {
    rec("client %s", await_closed(base, clients[i]));
    close(clients[i]);
  }
  evconnlistener_free(listener);
  event_base_free(base);
}
