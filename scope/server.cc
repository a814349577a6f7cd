// SPDX-License-Identifier: BSD-3-Clause
#include "scope/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/util.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "scope/memory.h"

namespace evoke::scope {

namespace {

constexpr timeval kPatience = {10, 0};  // for a client that stalls
// Until the next try when there is no descriptor for a connection.
constexpr timeval kPause = {1, 0};
constexpr char kPublic[] = "public:";
constexpr char kNoMemory[] =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
    "Connection: close\r\n\r\n";

bool IsLoopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    return ntohl(in.sin_addr.s_addr) >> 24 == 127;
  }
  const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address);
  return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

void Describe(const sockaddr_storage& address, char* text, size_t size) {
  char host[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
    snprintf(text, size, "%s:%d", host, ntohs(in.sin_port));
  } else {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
    snprintf(text, size, "[%s]:%d", host, ntohs(in6.sin6_port));
  }
}

// "ADDRESS:PORT", or "ADDRESS:0" and "ADDRESS" for any free port.
bool Read(const char* text, sockaddr_storage* address, int* bytes) {
  const size_t length = strlen(text);
  char copy[128];
  if (length >= sizeof(copy)) return false;
  memcpy(copy, text, length + 1);
  // The library's function takes no port for zero, so it goes without one.
  if (length > 2 && strcmp(copy + length - 2, ":0") == 0) {
    copy[length - 2] = '\0';
  }
  return evutil_parse_sockaddr_port(copy, reinterpret_cast<sockaddr*>(address),
                                    bytes) == 0;
}

// 0, or an error number: EINVAL for what is no address, EPERM for one that
// others can reach and that is not meant to be.
int Understand(const char* text, sockaddr_storage* where, int* bytes,
               bool* is_public) {
  *where = {};
  *bytes = sizeof(*where);
  *is_public = strncmp(text, kPublic, strlen(kPublic)) == 0;
  if (*is_public) text += strlen(kPublic);
  if (!Read(text, where, bytes)) return EINVAL;
  return *is_public || IsLoopback(*where) ? 0 : EPERM;
}

int Listen(const sockaddr_storage& address, int bytes) {
  const int on = 1;
  int fd =
      socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address),
           static_cast<socklen_t>(bytes)) == 0 &&
      listen(fd, 16) == 0) {
    return fd;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

}  // namespace

int Server::CheckAddress(const char* address) {
  sockaddr_storage where;
  int bytes;
  bool is_public;
  return Understand(address, &where, &bytes, &is_public);
}

int Server::Start(event_base* base, const char* address) {
  sockaddr_storage where;
  int bytes;
  bool is_public;
  const int error = Understand(address, &where, &bytes, &is_public);
  if (error != 0) {
    errno = error;
    return -1;
  }
  loopback_only_ = !is_public;
  unsigned char random[kTokenBytes];
  if (getrandom(random, sizeof(random), 0) != sizeof(random)) return -1;
  for (int i = 0; i < kTokenBytes; ++i) {
    snprintf(token_ + 2 * i, 3, "%02x", random[i]);
  }
  silent_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (silent_fd_ < 0) return -1;
  listener_fd_ = Listen(where, bytes);
  if (listener_fd_ < 0) {
    CloseListener();
    return -1;
  }
  socklen_t length = sizeof(where);
  getsockname(listener_fd_, reinterpret_cast<sockaddr*>(&where), &length);
  Describe(where, host_, sizeof(host_));
  base_ = base;
  owner_ = getpid();
  event_assign(&acceptable_, base, listener_fd_, EV_READ | EV_PERSIST,
               OnAcceptable, this);
  event_assign(&retry_, base, -1, 0, OnRetry, this);
  errno = 0;
  if (!AddInternal(&acceptable_, nullptr)) {
    const int error = errno != 0 ? errno : EIO;
    Stop();
    errno = error;
    return -1;
  }
  return 0;
}

void Server::Stop() {
  for (Connection& connection : connections_) {
    if (connection.fd >= 0) Close(&connection);
  }
  if (listener_fd_ < 0) return;
  event_del(&acceptable_);
  event_del(&retry_);
  event_debug_unassign(&acceptable_);
  event_debug_unassign(&retry_);
  CloseListener();
}

void Server::CloseListener() {
  const int error = errno;
  if (listener_fd_ >= 0) close(std::exchange(listener_fd_, -1));
  if (silent_fd_ >= 0) close(std::exchange(silent_fd_, -1));
  errno = error;
}

size_t Server::Url(char* url, size_t size) const {
  int length = snprintf(url, size, "http://%s/?token=%s", host_, token_);
  return length < 0 ? 0 : static_cast<size_t>(length);
}

// As the library's own events: they do not keep a loop from ending, and run
// beside its most urgent queue without holding up the next one.
bool Server::AddInternal(event* ev, const timeval* timeout) {
  ev->ev_evcallback.evcb_flags |= EVLIST_INTERNAL;
  ev->ev_evcallback.evcb_pri = 0;
  return event_add(ev, timeout) == 0;
}

// In a fork's child the sockets are the parent's to serve.
bool Server::LeftByFork() {
  if (getpid() == owner_) return false;
  Stop();
  return true;
}

void Server::OnAcceptable(evutil_socket_t fd, short, void* arg) {
  auto* self = static_cast<Server*>(arg);
  if (self->LeftByFork()) return;
  for (Connection& connection : self->connections_) {
    if (connection.fd >= 0) continue;
    connection.fd = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection.fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
          errno == ENOBUFS) {
        event_del(&self->acceptable_);
        if (!AddInternal(&self->retry_, &kPause)) self->ListenAgain();
      }
      return;
    }
    connection.server = self;
    connection.received = 0;
    self->Wait(&connection, EV_READ);
    return;
  }
  // All places are taken: the next one that is free listens again.
  event_del(&self->acceptable_);
}

void Server::OnRetry(evutil_socket_t, short, void* arg) {
  auto* self = static_cast<Server*>(arg);
  if (!self->LeftByFork()) self->ListenAgain();
}

void Server::ListenAgain() {
  if (listener_fd_ < 0 || event_pending(&acceptable_, EV_READ, nullptr)) return;
  if (!AddInternal(&acceptable_, nullptr) && !AddInternal(&retry_, &kPause)) {
    evoke_log(EVENT_LOG_WARN, "loopscope: no memory to go on listening");
  }
}

void Server::Wait(Connection* connection, short what) {
  event_debug_unassign(&connection->ev);
  event_assign(&connection->ev, base_, connection->fd, what, OnReady,
               connection);
  if (!AddInternal(&connection->ev, &kPatience)) Close(connection);
}

void Server::OnReady(evutil_socket_t, short what, void* arg) {
  auto* connection = static_cast<Connection*>(arg);
  Server* self = connection->server;
  if (self->LeftByFork()) return;
  if (what & EV_TIMEOUT) {
    self->Close(connection);
  } else if (connection->answer != nullptr) {
    self->Send(connection);
  } else {
    self->Receive(connection);
  }
}

void Server::Receive(Connection* connection) {
  ssize_t got = recv(connection->fd, connection->request + connection->received,
                     kRequestBytes - connection->received, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    Wait(connection, EV_READ);
    return;
  }
  if (got <= 0) {
    Close(connection);
    return;
  }
  // The end may have begun in what came before.
  const size_t from = connection->received < 3 ? 0 : connection->received - 3;
  connection->received += static_cast<size_t>(got);
  connection->request[connection->received] = '\0';
  if (IsWhole(connection->request + from, connection->received - from)) {
    Respond(connection, Parse(connection->request, connection->received,
                              {token_, loopback_only_, host_}));
  } else if (connection->received == kRequestBytes) {
    Request too_large;
    too_large.status = 431;
    Respond(connection, too_large);
  } else {
    Wait(connection, EV_READ);
  }
}

void Server::Respond(Connection* connection, const Request& request) {
  Text body, answer;
  const char* type = "text/plain";
  if (request.status == 200) {
    type = answer_(request, &body);
  } else {
    body.Format("%d\n", request.status);
  }
  if (!body.failed()) {
    AddAnswer(request.status, type, body.data(), body.size(), request.head_only,
              &answer);
  }
  connection->sent = 0;
  connection->answer = connection->answer_memory =
      body.failed() ? nullptr : answer.Release(&connection->answer_bytes);
  if (connection->answer == nullptr) {
    connection->answer = kNoMemory;
    connection->answer_bytes = strlen(kNoMemory);
  }
  Send(connection);
}

void Server::Send(Connection* connection) {
  while (connection->sent < connection->answer_bytes) {
    ssize_t sent =
        send(connection->fd, connection->answer + connection->sent,
             connection->answer_bytes - connection->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) {
      Wait(connection, EV_WRITE);
      return;
    }
    if (sent < 0) break;
    connection->sent += static_cast<size_t>(sent);
  }
  // What is left unread would have the kernel reset the connection, and the
  // client lose the answer.
  shutdown(connection->fd, SHUT_WR);
  for (int i = 0; i < 16; ++i) {
    if (recv(connection->fd, connection->request, kRequestBytes, 0) <= 0) break;
  }
  Close(connection);
}

void Server::Drop(Connection* connection) {
  close(std::exchange(connection->fd, -1));
  Free(connection->answer_memory);
  connection->answer = connection->answer_memory = nullptr;
}

void Server::Abandon() {
  for (Connection& connection : connections_) {
    event_debug_unassign(&connection.ev);
    if (connection.fd >= 0) Drop(&connection);
  }
  event_debug_unassign(&acceptable_);
  event_debug_unassign(&retry_);
  CloseListener();
}

void Server::LeaveToParent() {
  if (listener_fd_ >= 0) dup3(silent_fd_, listener_fd_, O_CLOEXEC);
  for (const Connection& connection : connections_) {
    if (connection.fd >= 0) dup3(silent_fd_, connection.fd, O_CLOEXEC);
  }
}

void Server::Close(Connection* connection) {
  event_del(&connection->ev);
  event_debug_unassign(&connection->ev);
  Drop(connection);
  ListenAgain();
}

}  // namespace evoke::scope
