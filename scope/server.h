// SPDX-License-Identifier: BSD-3-Clause
//
// The page's server: a listening socket and a few connections, as events of the
// library's own kind in the loop that is watched, so that the loop ends when
// the program's events are gone. Each connection is one request and one answer.
#ifndef EVOKE_SCOPE_SERVER_H_
#define EVOKE_SCOPE_SERVER_H_

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <sys/types.h>

#include "scope/http.h"
#include "scope/text.h"

namespace evoke::scope {

class Server {
 public:
  // Adds the body of an answer, and names its type.
  using Answer = const char* (*)(const Request& request, Text* body);

  explicit Server(Answer answer) : answer_(answer) {}
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() { Stop(); }

  // 0, or the error number that Start() would fail with for this address:
  // EINVAL, EPERM.
  static int CheckAddress(const char* address);
  // Listens at `address`, see evoke/scope.h. 0, or -1 with errno.
  int Start(event_base* base, const char* address);
  // Closes everything. On the loop's thread.
  void Stop();
  // The same when the base is freed and holds no event any more.
  void Abandon();
  // In a fork's child: the descriptors, which are the parent's, go. Their
  // numbers stay taken, by one that never becomes readable, since they are in
  // the child's base.
  void LeaveToParent();

  bool is_running() const { return listener_fd_ >= 0; }
  // Into `url`; as snprintf.
  size_t Url(char* url, size_t size) const;
  // Whether an event is the server's. Any thread.
  bool IsOwn(const void* object) const {
    return object >= this && object < this + 1;
  }

 private:
  static constexpr int kConnections = 8;  // more wait in the kernel's queue
  static constexpr int kTokenBytes = 16;
  struct Connection {
    Server* server = nullptr;
    event ev = {};
    evutil_socket_t fd = -1;
    size_t received = 0;
    char request[kRequestBytes + 1];
    const char* answer = nullptr;
    char* answer_memory = nullptr;  // null for an answer that is none of ours
    size_t answer_bytes = 0, sent = 0;
  };

  static void OnAcceptable(evutil_socket_t fd, short what, void* arg);
  static void OnRetry(evutil_socket_t fd, short what, void* arg);
  static void OnReady(evutil_socket_t fd, short what, void* arg);
  [[nodiscard]] static bool AddInternal(event* ev, const timeval* timeout);
  bool LeftByFork();
  void ListenAgain();
  void CloseListener();
  void Wait(Connection* connection, short what);
  void Receive(Connection* connection);
  void Respond(Connection* connection, const Request& request);
  void Send(Connection* connection);
  void Close(Connection* connection);
  void Drop(Connection* connection);

  const Answer answer_;
  event_base* base_ = nullptr;
  event acceptable_ = {};
  event retry_ = {};
  evutil_socket_t listener_fd_ = -1;
  int silent_fd_ = -1;
  bool loopback_only_ = true;
  pid_t owner_ = 0;
  char token_[2 * kTokenBytes + 1] = "";
  char host_[64] = "";  // and port
  Connection connections_[kConnections];
};

}  // namespace evoke::scope

#endif  // EVOKE_SCOPE_SERVER_H_
