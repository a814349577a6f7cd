// SPDX-License-Identifier: BSD-3-Clause
//
// Listeners: the options LEV_OPT_... and what they do to the sockets.

#include <event2/listener.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/un.h>

#include "tests/differential/scenarios/listener_support.h"

SCENARIO(listener_socket_flags,
         "behaviour 55: accepted sockets are non-blocking unless told "
         "otherwise, and close on exec when asked") {
  static const unsigned kFlags[] = {
      0, LEV_OPT_LEAVE_SOCKETS_BLOCKING, LEV_OPT_CLOSE_ON_EXEC,
      LEV_OPT_LEAVE_SOCKETS_BLOCKING | LEV_OPT_CLOSE_ON_EXEC};
  size_t i;
  struct event_base *base = new_base();
  for (i = 0; i < sizeof kFlags / sizeof *kFlags; i++) {
    struct hosts hosts = {0, 0, 1, 0};
    struct sockaddr_in addr;
    struct evconnlistener *listener = listen_loopback(
        base, on_accept, &hosts, kFlags[i] | LEV_OPT_CLOSE_ON_FREE, -1, &addr);
    int client = tcp_client(&addr);
    int fd = evconnlistener_get_fd(listener);
    rec("flags %x: listener non-blocking %d, cloexec %d", kFlags[i],
        (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0,
        (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    await_accepts(base, &hosts, 1);
    evconnlistener_free(listener);
    close(client);
  }
  event_base_free(base);
}

// The value of an integer socket option, -1 when there is none.
SCENARIO(listener_socket_options,
         "behaviour 55: REUSEABLE, REUSEABLE_PORT, DEFERRED_ACCEPT map to "
         "their socket options") {
  static const unsigned kFlags[] = {0, LEV_OPT_REUSEABLE,
                                    LEV_OPT_REUSEABLE_PORT,
                                    LEV_OPT_DEFERRED_ACCEPT, 1u << 20};
  size_t i;
  struct event_base *base = new_base();
  for (i = 0; i < sizeof kFlags / sizeof *kFlags; i++) {
    struct hosts hosts = {0, 0, 0, 0};
    struct sockaddr_in addr;
    struct evconnlistener *listener = listen_loopback(
        base, on_accept, &hosts, kFlags[i] | LEV_OPT_CLOSE_ON_FREE, -1, &addr);
    int fd = evconnlistener_get_fd(listener);
    rec("flags %x: %s", kFlags[i], listener ? "listener" : "NULL");
    rec("reuseaddr %d, reuseport %d, keepalive %d, defer %d, listening %d",
        option(fd, SOL_SOCKET, SO_REUSEADDR),
        option(fd, SOL_SOCKET, SO_REUSEPORT),
        option(fd, SOL_SOCKET, SO_KEEPALIVE),
        option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT),
        option(fd, SOL_SOCKET, SO_ACCEPTCONN));
    if (listener) evconnlistener_free(listener);
  }
  event_base_free(base);
}

SCENARIO(listener_deferred_accept,
         "behaviour 55: with DEFERRED_ACCEPT a connection counts once it has "
         "sent something") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener = listen_loopback(
      base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_DEFERRED_ACCEPT,
      -1, &addr);
  int client = tcp_client(&addr);
  glance(base, 3);
  rec("%d accepted", hosts.accepted);
  rec("sent %zd", write(client, "x", 1));
  await_accepts(base, &hosts, 1);
  rec("%d accepted", hosts.accepted);
  evconnlistener_free(listener);
  close(client);
  event_base_free(base);
}

SCENARIO(listener_ipv6_only,
         "behaviour 55: BIND_IPV6ONLY sets IPV6_V6ONLY before binding") {
  struct event_base *base = new_base();
  int only;
  for (only = 0; only < 2; only++) {
    struct hosts hosts = {0, 0, 0, 0};
    struct sockaddr_in6 addr;
    struct evconnlistener *listener;
    memset(&addr, 0, sizeof addr);
    addr.sin6_family = AF_INET6;
    addr.sin6_addr = in6addr_loopback;
    listener = evconnlistener_new_bind(
        base, on_accept, &hosts,
        LEV_OPT_CLOSE_ON_FREE | (only ? LEV_OPT_BIND_IPV6ONLY : 0), -1,
        (struct sockaddr *)&addr, sizeof addr);
    rec("%s", listener ? "listener" : "NULL");
    if (listener == NULL) continue;
    rec("asked for %d", only);
    if (only)
      rec("v6only %d",
          option(evconnlistener_get_fd(listener), IPPROTO_IPV6, IPV6_V6ONLY));
    evconnlistener_free(listener);
  }
  event_base_free(base);
}

SCENARIO(listener_ipv6_only_on_ipv4,
         "behaviour 55: BIND_IPV6ONLY for an IPv4 address") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener =
      listen_loopback(base, on_accept, &hosts,
                      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_BIND_IPV6ONLY, -1, &addr);
  rec("%s", listener ? "listener" : "NULL");
  if (listener) evconnlistener_free(listener);
  event_base_free(base);
}

SCENARIO(listener_reuse_port,
         "behaviour 55: two listeners share a port with REUSEABLE_PORT") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE_PORT;
  struct evconnlistener *one =
      listen_loopback(base, on_accept, &hosts, flags, -1, &addr);
  struct evconnlistener *two =
      evconnlistener_new_bind(base, on_accept, &hosts, flags, -1,
                              (struct sockaddr *)&addr, sizeof addr);
  rec("%s %s", one ? "listener" : "NULL", two ? "listener" : "NULL");
  if (one) evconnlistener_free(one);
  if (two) evconnlistener_free(two);
  event_base_free(base);
}

SCENARIO(listener_options_for_threads,
         "behaviour 55: THREADSAFE without threads") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  int before = lowest_free_fd();
  struct evconnlistener *listener =
      listen_loopback(base, on_accept, &hosts,
                      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_THREADSAFE, -1, &addr);
  rec("%s", listener ? "listener" : "NULL");
  if (listener) evconnlistener_free(listener);
  rec("no fd leaked %d", lowest_free_fd() == before);
  event_base_free(base);
}

SCENARIO(listener_flags_of_unix_sockets,
         "behaviour 56: options that a Unix-domain socket may not have") {
  static const unsigned kFlags[] = {
      LEV_OPT_REUSEABLE, LEV_OPT_REUSEABLE_PORT, LEV_OPT_DEFERRED_ACCEPT,
      LEV_OPT_BIND_IPV6ONLY, LEV_OPT_CLOSE_ON_EXEC};
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_un addr;
  int before = lowest_free_fd();
  size_t i;
  memset(&addr, 0, sizeof addr);
  addr.sun_family = AF_UNIX;
  for (i = 0; i < sizeof kFlags / sizeof *kFlags; i++) {
    struct evconnlistener *listener;
    int error;
    errno = 0;
    listener = evconnlistener_new_bind(
        base, on_accept, &hosts, kFlags[i] | LEV_OPT_CLOSE_ON_FREE, -1,
        (struct sockaddr *)&addr, (int)sizeof(sa_family_t));
    error = errno;
    if (listener != NULL) {
      rec("%x: listener", kFlags[i]);
      evconnlistener_free(listener);
    } else {
      rec("%x: NULL, %s", kFlags[i], errno_name(error));
    }
    rec("no fd leaked %d", lowest_free_fd() == before);
  }
  event_base_free(base);
}
