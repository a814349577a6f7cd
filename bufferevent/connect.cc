// SPDX-License-Identifier: BSD-3-Clause
//
// How a socket's bufferevent gets connected: to an address, or to a name that
// is looked up first.
//
// Connecting, a bufferevent waits for writability whatever is enabled; the
// first time the socket's error tells how it went. Until then nothing is sent.
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "absl/cleanup/cleanup.h"
#include "bufferevent/bufferevent.h"
#include "bufferevent/socket.h"
#include "util/socket.h"

namespace evoke {

bool ConnectBecameWritable(SocketBufferevent* socket) {
  bufferevent* bev = &socket->impl.face;
  ConnectState state = FinishConnect(bev->ev_write.ev_fd);
  if (socket->refused) {
    socket->refused = false;
    state = ConnectState::kRefused;
    errno = ECONNREFUSED;
  }
  if (state == ConnectState::kInProgress) return false;
  socket->connecting = false;
  if (state != ConnectState::kConnected) {
    int error = errno;
    event_del_noblock(&bev->ev_write);
    event_del_noblock(&bev->ev_read);
    errno = error;
    RunEventCallback(bev, BEV_EVENT_ERROR, 0);
    return false;
  }
  RunEventCallback(bev, BEV_EVENT_CONNECTED, 0);
  if (!(bev->enabled & EV_WRITE) || socket->impl.write_suspended != 0) {
    event_del_noblock(&bev->ev_write);
    return false;
  }
  return true;
}

namespace {

// What is known of a connect that was just started.
int TakeUpConnect(SocketBufferevent* socket, ConnectState state, int error) {
  bufferevent* bev = &socket->impl.face;
  switch (state) {
    case ConnectState::kInProgress:
      if (WaitForWritable(bev) < 0) return -1;
      socket->connecting = true;
      return 0;
    case ConnectState::kConnected:
      // Told when the socket is writable, as if it had taken its time.
      if ((bev->enabled & EV_WRITE) && WaitForWritable(bev) < 0) return -1;
      socket->connecting = true;
      Trigger(bev, EV_WRITE, BEV_OPT_DEFER_CALLBACKS);
      return 0;
    default:
      errno = error;
      RunEventCallback(bev, BEV_EVENT_ERROR, BEV_OPT_DEFER_CALLBACKS);
      bufferevent_disable(bev, EV_READ | EV_WRITE);
      return 0;
  }
}

int ConnectSocket(SocketBufferevent* socket, const sockaddr* address,
                  int address_bytes) {
  bufferevent* bev = &socket->impl.face;
  int fd = bufferevent_getfd(bev);
  bool is_new = fd < 0;
  if (is_new) {
    if (address == nullptr) return -1;
    fd = OpenSocket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
  }
  ConnectState state = ConnectState::kInProgress;
  if (address != nullptr) {
    state = StartConnect(fd, address, static_cast<socklen_t>(address_bytes));
  }
  int error = errno;
  if (state == ConnectState::kFailed) {
    if (is_new) CloseKeepingErrno(fd);
    return -1;
  }
  SocketSetFd(bev, fd);
  return TakeUpConnect(socket, state, error);
}

// The lookup is over. `list` holds its addresses when `error` is 0.
void ConnectToFirst(SocketBufferevent* socket, int error,
                    const evutil_addrinfo* list) {
  bufferevent* bev = &socket->impl.face;
  ResumeWrite(bev, kSuspendLookup);
  ResumeRead(bev, kSuspendLookup);
  if (error != 0) {
    socket->dns_error = error;
    RunEventCallback(bev, BEV_EVENT_ERROR, 0);
    return;
  }
  if (ConnectSocket(socket, list->ai_addr, static_cast<int>(list->ai_addrlen)) <
      0) {
    RunEventCallback(bev, BEV_EVENT_ERROR, 0);
  }
}

}  // namespace

}  // namespace evoke

extern "C" {

int bufferevent_socket_connect(bufferevent* bev, const sockaddr* address,
                               int address_bytes) {
  evoke::SocketBufferevent* socket = evoke::SocketOf(bev, __func__);
  if (socket == nullptr) return -1;
  evoke::BuffereventGuard guard(bev);
  return evoke::ConnectSocket(socket, address, address_bytes);
}

int bufferevent_socket_connect_hostname(bufferevent* bev, evdns_base*,
                                        int family, const char* hostname,
                                        int port) {
  evoke::SocketBufferevent* socket = evoke::SocketOf(bev, __func__);
  if (socket == nullptr) return -1;
  if (family != AF_INET && family != AF_INET6 && family != AF_UNSPEC) return -1;
  if (port < 1 || port > 65535) return -1;

  evoke::BuffereventGuard guard(bev);
  socket->dns_error = 0;
  char service[8];
  snprintf(service, sizeof(service), "%d", port);
  evutil_addrinfo hints = {};
  hints.ai_family = family;
  hints.ai_protocol = IPPROTO_TCP;
  hints.ai_socktype = SOCK_STREAM;
  evoke::SuspendWrite(bev, evoke::kSuspendLookup);
  evoke::SuspendRead(bev, evoke::kSuspendLookup);
  evutil_addrinfo* list = nullptr;
  // A lookup may take seconds, in which the loop must not wait for the lock.
  evoke::UnlockIfAny(socket->impl.lock);
  int error = evutil_getaddrinfo(hostname, service, &hints, &list);
  absl::Cleanup free_list = [list] { evutil_freeaddrinfo(list); };
  evoke::LockIfAny(socket->impl.lock);
  // Another thread may have freed it meanwhile.
  if (!guard.is_last()) evoke::ConnectToFirst(socket, error, list);
  return 0;
}

int bufferevent_socket_get_dns_error(bufferevent* bev) {
  const evoke::SocketBufferevent* socket = evoke::SocketOf(bev, __func__);
  if (socket == nullptr) return -1;
  evoke::BuffereventLock lock(bev);
  return socket->dns_error;
}

}  // extern "C"
