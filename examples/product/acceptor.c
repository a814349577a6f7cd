/* SPDX-License-Identifier: BSD-3-Clause */
#include "examples/product/acceptor.h"

#include <event2/event.h>
#include <event2/listener.h>
#include <netdb.h>
#include <sys/socket.h>

#include "examples/product/log.h"
#include "examples/product/settings.h"

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *peer, int peer_bytes, void *arg) {
  struct acceptor *acceptor = (struct acceptor *)arg;
  (void)listener;
  (void)peer;
  (void)peer_bytes;
  acceptor->on_connection(fd, acceptor->arg);
}

/* No descriptor is left, as a rule. Who waits in the kernel's queue would only
 * bring us back here at once, so they wait until some have gone. */
static void on_error(struct evconnlistener *listener, void *arg) {
  struct acceptor *acceptor = (struct acceptor *)arg;
  const struct timeval second = {1, 0};
  log_errno("cannot accept, trying again in a second");
  evconnlistener_disable(listener);
  event_add(acceptor->again, &second);
}

static void on_again(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  evconnlistener_enable(((struct acceptor *)arg)->listener);
}

static void log_address(evutil_socket_t fd) {
  struct sockaddr_storage address;
  socklen_t bytes = sizeof(address);
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (getsockname(fd, (struct sockaddr *)&address, &bytes) == 0 &&
      getnameinfo((struct sockaddr *)&address, bytes, host, sizeof(host), port,
                  sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
    log_info("listening on %s port %s", host, port);
  }
}

int acceptor_open(struct acceptor *acceptor, struct event_base *base,
                  const struct settings *settings, evutil_socket_t inherited) {
  /* CLOSE_ON_EXEC: neither this socket nor a client's gets into the process
   * that a restart begins, but for the one that is handed over. */
  const unsigned flags =
      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
  if (inherited >= 0) {
    evutil_make_socket_nonblocking(inherited);
    acceptor->listener =
        evconnlistener_new(base, on_accept, acceptor, flags, 0, inherited);
    if (acceptor->listener == NULL) evutil_closesocket(inherited);
  } else {
    acceptor->listener = evconnlistener_new_bind(
        base, on_accept, acceptor, flags, SOMAXCONN,
        (const struct sockaddr *)&settings->address, settings->address_bytes);
  }
  if (acceptor->listener == NULL) {
    log_errno("cannot listen");
    return -1;
  }
  acceptor->again = evtimer_new(base, on_again, acceptor);
  if (acceptor->again == NULL) {
    acceptor_close(acceptor);
    return -1;
  }
  evconnlistener_set_error_cb(acceptor->listener, on_error);
  log_address(acceptor_fd(acceptor));
  return 0;
}

void acceptor_close(struct acceptor *acceptor) {
  if (acceptor->again != NULL) event_free(acceptor->again);
  if (acceptor->listener != NULL) evconnlistener_free(acceptor->listener);
  acceptor->again = NULL;
  acceptor->listener = NULL;
}

evutil_socket_t acceptor_fd(const struct acceptor *acceptor) {
  return evconnlistener_get_fd(acceptor->listener);
}
