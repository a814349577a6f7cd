// SPDX-License-Identifier: BSD-3-Clause
//
// Listeners: freeing and disabling inside callbacks, errors of accept.

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/differential/scenarios/listener_support.h"

static void free_on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                           struct sockaddr *addr, int length, void *arg) {
  struct hosts *hosts = arg;
  (void)addr;
  (void)length;
  hosts->accepted++;
  rec("  accept: free the listener");
  evconnlistener_free(listener);
  close(fd);
}

static void disable_on_accept(struct evconnlistener *listener,
                              evutil_socket_t fd, struct sockaddr *addr,
                              int length, void *arg) {
  struct hosts *hosts = arg;
  (void)addr;
  (void)length;
  hosts->accepted++;
  rec("  accept: disable -> %d", evconnlistener_disable(listener));
  close(fd);
}

SCENARIO(listener_freed_in_callback,
         "behaviour 57: freeing the listener inside its callback stops the "
         "burst; waiting connections are closed") {
  struct event_base *base;
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener;
  int clients[3];
  int fd;
  int i;
  guard_memory();
  base = new_base();
  listener = listen_loopback(base, free_on_accept, &hosts,
                             LEV_OPT_CLOSE_ON_FREE, -1, &addr);
  fd = evconnlistener_get_fd(listener);
  for (i = 0; i < 3; i++) clients[i] = tcp_client(&addr);
  await_accepts(base, &hosts, 1);
  glance(base, 3);
  rec("%d accepted, open %d", hosts.accepted, fd_is_open(fd));
  if (hosts.accepted == 0) evconnlistener_free(listener);
  for (i = 0; i < 3; i++) {
    rec("client %s", await_closed(base, clients[i]));
    close(clients[i]);
  }
  event_base_free(base);
}

SCENARIO(listener_disabled_in_callback,
         "behaviour 57: disabling the listener inside its callback stops the "
         "burst; enabling goes on with those that wait") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener = listen_loopback(
      base, disable_on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE, -1, &addr);
  int clients[3];
  int i;
  for (i = 0; i < 3; i++) clients[i] = tcp_client(&addr);
  await_accepts(base, &hosts, 1);
  glance(base, 3);
  rec("%d accepted", hosts.accepted);
  for (i = 2; i <= 3; i++) {
    rec("enable -> %d", evconnlistener_enable(listener));
    await_accepts(base, &hosts, i);
    glance(base, 3);
    rec("%d accepted", hosts.accepted);
  }
  evconnlistener_free(listener);
  for (i = 0; i < 3; i++) close(clients[i]);
  event_base_free(base);
}

static void changing_on_accept(struct evconnlistener *listener,
                               evutil_socket_t fd, struct sockaddr *addr,
                               int length, void *arg) {
  (void)addr;
  (void)length;
  ((struct hosts *)arg)->accepted++;
  rec("  accept: another callback from now on");
  evconnlistener_set_cb(listener, on_accept, arg);
  close(fd);
}

SCENARIO(listener_callback_changed_in_callback,
         "behaviour 57: set_cb inside the callback holds for the rest of the "
         "burst") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener = listen_loopback(
      base, changing_on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE, -1, &addr);
  int clients[3];
  int i;
  for (i = 0; i < 3; i++) clients[i] = tcp_client(&addr);
  await_accepts(base, &hosts, 3);
  rec("%d accepted", hosts.accepted);
  evconnlistener_free(listener);
  for (i = 0; i < 3; i++) close(clients[i]);
  event_base_free(base);
}

static void disable_on_error(struct evconnlistener *listener, void *arg) {
  int error = EVUTIL_SOCKET_ERROR();
  struct hosts *hosts = arg;
  hosts->errors++;
  rec("  error %s: disable -> %d", errno_name(error),
      evconnlistener_disable(listener));
}

static void free_on_error(struct evconnlistener *listener, void *arg) {
  int error = EVUTIL_SOCKET_ERROR();
  struct hosts *hosts = arg;
  hosts->errors++;
  rec("  error %s: free", errno_name(error));
  evconnlistener_free(listener);
}

SCENARIO(listener_error_callback,
         "behaviour 58: an accept that fails for good goes to the error "
         "callback with the listener's argument") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  // A socket that does not listen, taken for one that does.
  int fd = tcp_bound(&addr, 0);
  struct evconnlistener *listener;
  evutil_make_socket_nonblocking(fd);
  listener = evconnlistener_new(base, on_accept, &hosts, 0, 0, fd);
  rec("%s", listener ? "listener" : "NULL");
  evconnlistener_set_error_cb(listener, disable_on_error);
  glance(base, 3);
  rec("%d errors, %d accepted", hosts.errors, hosts.accepted);
  rec("enable -> %d", evconnlistener_enable(listener));
  glance(base, 3);
  rec("%d errors", hosts.errors);
  rec("freed in the callback");
  evconnlistener_set_error_cb(listener, free_on_error);
  rec("enable -> %d", evconnlistener_enable(listener));
  glance(base, 3);
  rec("%d errors, fd open %d", hosts.errors, fd_is_open(fd));
  if (hosts.errors < 3) evconnlistener_free(listener);
  close(fd);
  event_base_free(base);
}

SCENARIO(listener_error_logged,
         "behaviour 58: without an error callback a failing accept is "
         "logged") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  int fd = tcp_bound(&addr, 0);
  struct evconnlistener *listener;
  rec_log(1);
  evutil_make_socket_nonblocking(fd);
  listener =
      evconnlistener_new(base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE, 0, fd);
  rec("one turn");
  glance(base, 1);
  rec("disable -> %d", evconnlistener_disable(listener));
  glance(base, 1);
  evconnlistener_free(listener);
  event_base_free(base);
}

static void steal_cb(evutil_socket_t fd, short events, void *arg) {
  int client = accept(fd, NULL, NULL);
  (void)events;
  *(int *)arg = client >= 0;
  close(client);
}

SCENARIO(listener_eagain,
         "behaviour 58: a connection that somebody else accepted first is "
         "nothing to report") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener;
  struct event *thief;
  int stolen = 0;
  int client;
  event_base_priority_init(base, 3);
  listener = listen_loopback(base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE, -1,
                             &addr);
  evconnlistener_set_error_cb(listener, disable_on_error);
  // Of the two that are active in one turn the thief's priority comes first.
  thief = event_new(base, evconnlistener_get_fd(listener), EV_READ, steal_cb,
                    &stolen);
  event_priority_set(thief, 0);
  event_add(thief, NULL);
  client = tcp_client(&addr);
  run_until(base, &stolen, 1);
  glance(base, 3);
  rec("stolen %d, %d accepted, %d errors", stolen, hosts.accepted,
      hosts.errors);
  event_free(thief);
  evconnlistener_free(listener);
  close(client);
  event_base_free(base);
}

SCENARIO(listener_reset_before_accept,
         "behaviour 58: a client that resets before it is accepted does no "
         "harm to the next one") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 1};
  struct sockaddr_in addr;
  struct evconnlistener *listener = listen_loopback(
      base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE, -1, &addr);
  int client;
  evconnlistener_set_error_cb(listener, disable_on_error);
  close_with_reset(tcp_client(&addr));
  client = tcp_client(&addr);
  await_accepts(base, &hosts, 2);
  rec("%d accepted, %d errors", hosts.accepted, hosts.errors);
  evconnlistener_free(listener);
  close(client);
  event_base_free(base);
}

SCENARIO(listener_bad_descriptors,
         "behaviour 56: listeners on a negative fd, a closed one, a pipe") {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 0};
  int backlog;
  rec_log(0);
  for (backlog = -1; backlog <= 0; backlog++) {
    struct evconnlistener *listener;
    int ends[2];
    if (pipe(ends) != 0) return;
    rec("backlog %d", backlog);
    if (backlog != 0) {
      listener = evconnlistener_new(base, on_accept, &hosts, 0, backlog, -1);
      rec("fd -1: %s", listener ? "listener" : "NULL");
      if (listener) evconnlistener_free(listener);
      listener =
          evconnlistener_new(base, on_accept, &hosts, 0, backlog, ends[0]);
      rec("a pipe: %s", listener ? "listener" : "NULL");
      if (listener) evconnlistener_free(listener);
    }
    close(ends[0]);
    close(ends[1]);
    listener = evconnlistener_new(base, on_accept, &hosts, LEV_OPT_DISABLED,
                                  backlog, ends[0]);
    rec("closed: %s", listener ? "listener" : "NULL");
    if (listener) evconnlistener_free(listener);
  }
  event_base_free(base);
}

static void report_error(struct evconnlistener *listener, void *arg) {
  int error = EVUTIL_SOCKET_ERROR();
  (void)listener;
  ((struct hosts *)arg)->errors++;
  rec("  error %s", errno_name(error));
}

// Accepting fails twice with `error` while a client waits, and works then.
static void fail_accepts_with(int error, int with_callback) {
  struct event_base *base = new_base();
  struct hosts hosts = {0, 0, 0, 1};
  struct sockaddr_in addr;
  struct evconnlistener *listener = listen_loopback(
      base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE, -1, &addr);
  int client;
  if (with_callback) evconnlistener_set_error_cb(listener, report_error);
  client = tcp_client(&addr);
  rec("%s", errno_name(error));
  fail_next_accepts(2, error);
  await_accepts(base, &hosts, 1);
  rec("%d failed, %d accepted, %d errors", failed_accepts(), hosts.accepted,
      hosts.errors);
  evconnlistener_free(listener);
  close(client);
  event_base_free(base);
}

SCENARIO(listener_silent_errors,
         "behaviour 58: ECONNABORTED, EINTR and EAGAIN in accept are not "
         "reported") {
  static const int errors[] = {ECONNABORTED, EINTR, EAGAIN};
  int i;
  rec_log(1);
  for (i = 0; i < 3; i++) {
    fail_accepts_with(errors[i], 1);
    fail_accepts_with(errors[i], 0);
  }
}

SCENARIO(listener_told_errors,
         "behaviour 58: each other error of accept is told, each time, and the "
         "listener goes on") {
  // Not EINVAL: libevent then tries accept(), which is not made to fail.
  static const int errors[] = {EPERM,        EPROTO, ENETDOWN,   ENOTSOCK,
                               EHOSTUNREACH, EFAULT, EOPNOTSUPP, ENONET};
  size_t i;
  rec_log(1);
  for (i = 0; i < sizeof errors / sizeof errors[0]; i++)
    fail_accepts_with(errors[i], 1);
  fail_accepts_with(EPROTO, 0);
}

static void count_errors(struct evconnlistener *listener, void *arg) {
  int error = EVUTIL_SOCKET_ERROR();
  (void)listener;
  ((struct hosts *)arg)->errors++;
  rec("  error %s", errno_name(error));
}

// Lets no further descriptor be opened; returns the old limit.
static rlim_t forbid_descriptors(void) {
  struct rlimit limit;
  rlim_t old;
  getrlimit(RLIMIT_NOFILE, &limit);
  old = limit.rlim_cur;
  limit.rlim_cur = (rlim_t)lowest_free_fd();
  setrlimit(RLIMIT_NOFILE, &limit);
  return old;
}

static void allow_descriptors(rlim_t limit) {
  struct rlimit now;
  getrlimit(RLIMIT_NOFILE, &now);
  now.rlim_cur = limit;
  setrlimit(RLIMIT_NOFILE, &now);
}

// The process runs out of descriptors for 5 seconds while a client waits.
static void starve(int with_callback) {
  struct event_base *base;
  struct hosts hosts = {0, 0, 0, 1};
  struct sockaddr_in addr;
  struct evconnlistener *listener;
  int client;
  rlim_t limit;
  virtual_time();
  base = new_base();
  listener = listen_loopback(base, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE, -1,
                             &addr);
  if (with_callback) evconnlistener_set_error_cb(listener, count_errors);
  client = tcp_client(&addr);
  limit = forbid_descriptors();
  rec("no descriptors");
  run_for_ms(base, 5000);
  rec("%d accepted", hosts.accepted);
  rec("descriptors again");
  allow_descriptors(limit);
  run_for_ms(base, 5000);
  rec("%d accepted", hosts.accepted);
  evconnlistener_free(listener);
  close(client);
  event_base_free(base);
}

SCENARIO_ORACLE_SPINS(listener_out_of_descriptors,
                      "libevent turns for ever and calls back in each turn");

SCENARIO(listener_out_of_descriptors,
         "behaviour 58: without descriptors the listener backs off, says so "
         "once to the error callback, and goes on later") {
  starve(1);
}

SCENARIO_ORACLE_SPINS(listener_out_of_descriptors_logged,
                      "libevent turns for ever and logs in each turn");

SCENARIO(listener_out_of_descriptors_logged,
         "behaviour 58: without descriptors and without an error callback the "
         "listener logs once") {
  starve(0);
}

// Gives up what root may do more than others.
static void become_nobody(void) {
  if (geteuid() == 0 && setuid(65534) != 0)
    rec("setuid: %s", errno_name(errno));
}

SCENARIO(listener_not_permitted,
         "section 7: an address that is not permitted gives NULL, errno is "
         "kept, no fd is leaked") {
  char dir[] = "/tmp/listener.XXXXXX";
  struct event_base *base = new_base();
  if (mkdtemp(dir) == NULL || chmod(dir, 0500) != 0) return;
  ATTEMPT("a directory of somebody else") {
    struct hosts hosts = {0, 0, 0, 0};
    struct evconnlistener *listener;
    struct sockaddr_un path;
    int before = lowest_free_fd();
    int error;
    event_reinit(base);
    become_nobody();
    memset(&path, 0, sizeof path);
    path.sun_family = AF_UNIX;
    snprintf(path.sun_path, sizeof path.sun_path, "%s/socket", dir);
    errno = 0;
    listener =
        evconnlistener_new_bind(base, on_accept, &hosts, 0, -1,
                                (struct sockaddr *)&path, (int)sizeof path);
    error = errno;
    rec("  %s, %s", listener ? "listener" : "NULL", errno_name(error));
    rec("  no fd leaked %d", lowest_free_fd() == before);
    unlink(path.sun_path);  // where nobody could become nobody
  }
  rmdir(dir);
  event_base_free(base);
}
