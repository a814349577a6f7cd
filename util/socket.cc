// SPDX-License-Identifier: BSD-3-Clause
#include "util/socket.h"

#include <errno.h>
#include <event2/util.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "util/log.h"

namespace {

// Sets an option that is an int. Returns what setsockopt() does.
int SetOption(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value));
}

int EnableOption(int fd, int level, int option) {
  return SetOption(fd, level, option, 1);
}

// Or-s `flag` to the flags that fcntl `get` reads and `set` writes; no call to
// set what is set already. `get_name` and `set_name` are for the log.
int AddFcntlFlag(int fd, int get, const char* get_name, int set,
                 const char* set_name, int flag) {
  int flags = fcntl(fd, get, 0);
  if (flags < 0) {
    evoke::LogWarnErrno("fcntl(%d, %s)", fd, get_name);
    return -1;
  }
  if ((flags & flag) != 0) return 0;
  if (fcntl(fd, set, flags | flag) == -1) {
    evoke::LogWarnErrno("fcntl(%d, %s)", fd, set_name);
    return -1;
  }
  return 0;
}

evoke::ConnectState StateOfConnectError(int error) {
  switch (error) {
    case EINTR:
    case EINPROGRESS:
      return evoke::ConnectState::kInProgress;
    case ECONNREFUSED:
      return evoke::ConnectState::kRefused;
    default:
      return evoke::ConnectState::kFailed;
  }
}

}  // namespace

namespace evoke {

int OpenSocket(int domain, int type, int protocol) {
  return socket(domain, type, protocol);
}

int AcceptSocket(int fd, sockaddr* address, socklen_t* address_bytes,
                 int flags) {
  return accept4(fd, address, address_bytes, flags);
}

bool IsAcceptRetriable(int error) {
  return error == EAGAIN || error == EINTR || error == ECONNABORTED;
}

bool IsIoRetriable(int error) { return error == EAGAIN || error == EINTR; }

ConnectState StartConnect(int fd, const sockaddr* address,
                          socklen_t address_bytes) {
  if (connect(fd, address, address_bytes) == 0) return ConnectState::kConnected;
  return StateOfConnectError(errno);
}

ConnectState FinishConnect(int fd) {
  int error = 0;
  socklen_t error_bytes = sizeof(error);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes) < 0) {
    return ConnectState::kFailed;
  }
  if (error == 0) return ConnectState::kConnected;
  errno = error;
  return StateOfConnectError(error);
}

void CloseKeepingErrno(int fd) {
  if (fd < 0) return;
  const int saved = errno;
  close(fd);
  errno = saved;
}

}  // namespace evoke

extern "C" {

int evutil_socketpair(int domain, int type, int protocol,
                      evutil_socket_t sv[2]) {
  return socketpair(domain, type, protocol, sv);
}

int evutil_make_socket_nonblocking(evutil_socket_t sock) {
  return AddFcntlFlag(sock, F_GETFL, "F_GETFL", F_SETFL, "F_SETFL", O_NONBLOCK);
}

int evutil_make_socket_closeonexec(evutil_socket_t sock) {
  return AddFcntlFlag(sock, F_GETFD, "F_GETFD", F_SETFD, "F_SETFD", FD_CLOEXEC);
}

int evutil_make_listen_socket_reuseable(evutil_socket_t sock) {
  return EnableOption(sock, SOL_SOCKET, SO_REUSEADDR);
}

int evutil_make_listen_socket_reuseable_port(evutil_socket_t sock) {
  return EnableOption(sock, SOL_SOCKET, SO_REUSEPORT);
}

int evutil_make_listen_socket_ipv6only(evutil_socket_t sock) {
  return EnableOption(sock, IPPROTO_IPV6, IPV6_V6ONLY);
}

int evutil_make_tcp_listen_socket_deferred(evutil_socket_t sock) {
  // The value is how many seconds the kernel waits for the first byte.
  return EnableOption(sock, IPPROTO_TCP, TCP_DEFER_ACCEPT);
}

int evutil_set_tcp_keepalive(evutil_socket_t sock, int on, int timeout_s) {
  if (SetOption(sock, SOL_SOCKET, SO_KEEPALIVE, on != 0) < 0) return -1;
  if (!on || timeout_s < 1) return 0;
  constexpr int kProbes = 3;
  const int interval_s = timeout_s / kProbes > 0 ? timeout_s / kProbes : 1;
  if (SetOption(sock, IPPROTO_TCP, TCP_KEEPIDLE, timeout_s) < 0 ||
      SetOption(sock, IPPROTO_TCP, TCP_KEEPINTVL, interval_s) < 0) {
    return -1;
  }
  return SetOption(sock, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
}

int evutil_closesocket(evutil_socket_t sock) { return close(sock); }

}  // extern "C"
