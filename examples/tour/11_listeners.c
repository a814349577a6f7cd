/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners: sockets that others connect to.
 *
 *   11_listeners [--method epoll|poll|select]
 *
 * A listener accepts and calls back with the new socket, which is the program's
 * from then on. It can pause, while the kernel keeps who comes; and when
 * accept() fails, for want of descriptors say, it tells. The clients are bare
 * sockets in the same program, on ports that the kernel picks.
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "examples/tour/tour.h"

static int accepted;

static int is_open(evutil_socket_t fd) { return fcntl(fd, F_GETFD) >= 0; }

/* Says hello to the client and closes. */
static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *peer, int length, void *name) {
  ++accepted;
  printf("  %s: a client%s, its socket does %sblock\n", (const char *)name,
         peer->sa_family == AF_INET ? " from 127.0.0.1" : "",
         fcntl(fd, F_GETFL) & O_NONBLOCK ? "not " : "");
  if (write(fd, "hello\n", 6) != 6) printf("cannot write\n");
  evutil_closesocket(fd);
  (void)listener;
  (void)length;
}

static void on_accept_later(struct evconnlistener *listener, evutil_socket_t fd,
                            struct sockaddr *peer, int length, void *name) {
  ++accepted;
  printf("  another callback, %s\n", (const char *)name);
  evutil_closesocket(fd);
  (void)listener;
  (void)peer;
  (void)length;
}

static struct sockaddr_in loopback(void) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address; /* port 0: the kernel picks one */
}

/* A client's socket, connected as far as the kernel is concerned; -1 if it was
 * refused. */
static evutil_socket_t client_of(struct evconnlistener *listener) {
  struct sockaddr_storage address;
  socklen_t length = sizeof(address);
  evutil_socket_t fd;
  getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address,
              &length);
  fd = socket(address.ss_family, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&address, length) == 0) return fd;
  printf("  cannot connect: %s\n", strerror(errno));
  evutil_closesocket(fd);
  return -1;
}

static void hear(evutil_socket_t client) {
  char text[16] = "";
  if (read(client, text, sizeof(text) - 1) < 0) printf("cannot read\n");
  printf("  the client hears: %s", text[0] != '\0' ? text : "nothing\n");
  evutil_closesocket(client);
}

/* Turns the loop until so many clients have come. */
static void accept_until(struct event_base *base, int count) {
  while (accepted < count) event_base_loop(base, EVLOOP_ONCE);
  accepted = 0;
}

/* --- Accepting -------------------------------------------------------------
 */

static void accepting(struct event_base *base) {
  static char name[] = "accepted", later[] = "who has another name";
  struct sockaddr_in address = loopback();
  struct evconnlistener *listener =
      must(evconnlistener_new_bind(
               base, on_accept, name, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE,
               -1, (struct sockaddr *)&address, sizeof(address)),
           "listener");
  evutil_socket_t client, fd = evconnlistener_get_fd(listener);
  section("accepting");
  printf("base: %d\n", evconnlistener_get_base(listener) == base);
  client = client_of(listener);
  accept_until(base, 1);
  hear(client);
  evconnlistener_set_cb(listener, on_accept_later, later);
  client = client_of(listener);
  accept_until(base, 1);
  hear(client);

  printf("a pause: whoever comes waits\n");
  evconnlistener_disable(listener);
  client = client_of(listener);
  event_base_loop(base, EVLOOP_NONBLOCK);
  printf("accepted: %d\n", accepted);
  evconnlistener_set_cb(listener, on_accept, name);
  evconnlistener_enable(listener);
  accept_until(base, 1);
  hear(client);
  evconnlistener_free(listener);
  printf("freed and closed: %d\n", !is_open(fd));
}

/* --- A socket of one's own -------------------------------------------------
 */

static void own_socket(struct event_base *base) {
  static char name[] = "from a socket of one's own";
  struct sockaddr_in address = loopback();
  evutil_socket_t client, fd = socket(AF_INET, SOCK_STREAM, 0);
  struct evconnlistener *listener;
  section("a socket of one's own");
  must_be_0(evutil_make_listen_socket_reuseable(fd), "reuse");
  must_be_0(evutil_make_socket_nonblocking(fd), "nonblocking");
  must_be_0(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
  listener = must(evconnlistener_new(
                      base, on_accept, name,
                      LEV_OPT_LEAVE_SOCKETS_BLOCKING | LEV_OPT_DISABLED, 5, fd),
                  "listener");
  printf("its fd is ours: %d\n", evconnlistener_get_fd(listener) == fd);
  evconnlistener_enable(listener);
  client = client_of(listener);
  accept_until(base, 1);
  hear(client);
  evconnlistener_free(listener);
  printf("freed and still open: %d\n", is_open(fd));
  evutil_closesocket(fd);
}

/* --- A Unix domain socket --------------------------------------------------
 */

static void unix_domain(struct event_base *base) {
  static char name[] = "on this machine";
  struct sockaddr address;
  struct evconnlistener *listener;
  evutil_socket_t client;
  section("a Unix domain socket");
  memset(&address, 0, sizeof(address));
  address.sa_family = AF_UNIX; /* without a name: the kernel gives it one */
  listener =
      must(evconnlistener_new_bind(base, on_accept, name, LEV_OPT_CLOSE_ON_FREE,
                                   -1, &address, sizeof(address.sa_family)),
           "listener");
  client = client_of(listener);
  accept_until(base, 1);
  hear(client);
  evconnlistener_free(listener);
}

/* --- No descriptors left ---------------------------------------------------
 */

static void on_error(struct evconnlistener *listener, void *base) {
  int error = EVUTIL_SOCKET_ERROR();
  printf("  cannot accept: %s\n", evutil_socket_error_to_string(error));
  event_base_loopbreak(base);
  (void)listener;
}

/* Takes the arg of the error callback for its own: both have one. */
static void on_accept_after_error(struct evconnlistener *listener,
                                  evutil_socket_t fd, struct sockaddr *peer,
                                  int length, void *base) {
  static char name[] = "after the shortage";
  on_accept(listener, fd, peer, length, name);
  (void)base;
}

static void shortage(struct event_base *base) {
  struct sockaddr_in address = loopback();
  struct evconnlistener *listener =
      must(evconnlistener_new_bind(
               base, on_accept_after_error, base, LEV_OPT_CLOSE_ON_FREE, -1,
               (struct sockaddr *)&address, sizeof(address)),
           "listener");
  evutil_socket_t client = client_of(listener), next;
  struct rlimit before, none_left;
  section("no descriptors left");
  evconnlistener_set_error_cb(listener, on_error);
  next = dup(client); /* the lowest number that is free */
  evutil_closesocket(next);
  getrlimit(RLIMIT_NOFILE, &before);
  none_left = before;
  none_left.rlim_cur = (rlim_t)next;
  setrlimit(RLIMIT_NOFILE, &none_left);
  event_base_dispatch(base);
  setrlimit(RLIMIT_NOFILE, &before);
  printf("there are again\n");
  accept_until(base, 1);
  hear(client);
  evconnlistener_free(listener);
}

int main(int argc, char **argv) {
  const char *method = tour_begin(argc, argv);
  struct event_base *base = tour_base(method);
  accepting(base);
  own_socket(base);
  unix_domain(base);
  shortage(base);
  event_base_free(base);
  return tour_end();
}
