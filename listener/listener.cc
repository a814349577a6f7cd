// SPDX-License-Identifier: BSD-3-Clause
//
// Listeners: sockets whose connections the loop accepts and hands to the
// program. The C type `struct evconnlistener` is what this file defines.
//
// When the socket is readable, connections are accepted one after another until
// there are no more, or until the callback disables or frees the listener: what
// still waits then stays with the kernel.
//
// Without a free descriptor (EMFILE and the like) a connection can neither be
// accepted nor refused, and the socket stays readable: looking again at once
// would spin. So the listener says it once, and looks again after a while,
// until accepting works.
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "util/log.h"
#include "util/memory.h"
#include "util/socket.h"

struct evconnlistener {
  event readable;
  event retry;  // ends a pause

  evconnlistener_cb callback;
  evconnlistener_errorcb error_callback;
  void* arg;

  unsigned flags;  // LEV_OPT_...
  int accept_flags;
  uint32_t refs;
  bool enabled;
  bool is_short_of_fds;  // and has said so
  bool paused;           // `retry` is pending
};

namespace evoke {
namespace {

constexpr int kDefaultBacklog = 128;
constexpr timeval kPause = {0, 100 * 1000};

void EndPause(evconnlistener* listener) {
  if (!listener->paused) return;
  listener->paused = false;
  event_del(&listener->retry);
}

void Decref(evconnlistener* listener) {
  if (--listener->refs > 0) return;
  event_del(&listener->readable);
  EndPause(listener);
  if (listener->flags & LEV_OPT_CLOSE_ON_FREE) {
    CloseKeepingErrno(event_get_fd(&listener->readable));
  }
  Free(listener);
}

// Keeps a listener while its callbacks run, which may free it.
class Guard {
 public:
  explicit Guard(evconnlistener* listener) : listener_(listener) {
    ++listener->refs;
  }
  ~Guard() { Decref(listener_); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // The program has freed the listener meanwhile.
  bool is_last() const { return listener_->refs == 1; }

 private:
  evconnlistener* listener_;
};

int Start(evconnlistener* listener) {
  EndPause(listener);
  return event_add(&listener->readable, nullptr);
}

int Stop(evconnlistener* listener) {
  EndPause(listener);
  return event_del(&listener->readable);
}

bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS ||
         error == ENOMEM;
}

// Accepting failed for a reason that the program should know.
void Report(evconnlistener* listener, int error) {
  errno = error;
  if (listener->error_callback != nullptr) {
    listener->error_callback(listener, listener->arg);
  } else {
    LogWarnErrno("accept");
  }
}

void AcceptFailed(evconnlistener* listener, int error) {
  if (IsAcceptRetriable(error)) return;
  if (!IsShortage(error)) {
    Report(listener, error);
    return;
  }
  // Before the report, which may end the pause by enabling anew.
  event_del(&listener->readable);
  listener->paused = event_add(&listener->retry, &kPause) == 0;
  if (!listener->paused) event_add(&listener->readable, nullptr);
  if (listener->is_short_of_fds) return;
  listener->is_short_of_fds = true;
  Report(listener, error);
}

// Accepts one connection and hands it over. False: the burst is over.
bool AcceptOne(evconnlistener* listener, const Guard& guard) {
  sockaddr_storage storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  socklen_t address_bytes = sizeof(storage);
  int fd = AcceptSocket(event_get_fd(&listener->readable), address,
                        &address_bytes, listener->accept_flags);
  if (fd < 0) {
    AcceptFailed(listener, errno);
    return false;
  }
  listener->is_short_of_fds = false;
  if (address_bytes == 0) {
    // Some kernels let a peer through that is gone already.
    CloseKeepingErrno(fd);
    return true;
  }
  if (listener->callback == nullptr) {
    CloseKeepingErrno(fd);
    return false;
  }
  listener->callback(listener, fd, address, static_cast<int>(address_bytes),
                     listener->arg);
  return !guard.is_last() && listener->enabled;
}

void OnReadable(evutil_socket_t, short, void* arg) {
  auto* listener = static_cast<evconnlistener*>(arg);
  Guard guard(listener);
  while (AcceptOne(listener, guard)) {
  }
}

void OnPauseOver(evutil_socket_t, short, void* arg) {
  Start(static_cast<evconnlistener*>(arg));
}

// Sets on a new socket what has to be set before bind(). 0, or -1 with errno.
int SetOptions(int fd, unsigned flags) {
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0) return -1;
  if ((flags & LEV_OPT_REUSEABLE) &&
      evutil_make_listen_socket_reuseable(fd) < 0) {
    return -1;
  }
  if ((flags & LEV_OPT_REUSEABLE_PORT) &&
      evutil_make_listen_socket_reuseable_port(fd) < 0) {
    return -1;
  }
  if ((flags & LEV_OPT_DEFERRED_ACCEPT) &&
      evutil_make_tcp_listen_socket_deferred(fd) < 0) {
    return -1;
  }
  if ((flags & LEV_OPT_BIND_IPV6ONLY) &&
      evutil_make_listen_socket_ipv6only(fd) < 0) {
    return -1;
  }
  return 0;
}

bool IsMissing(const void* argument, const char* function) {
  if (argument != nullptr) return false;
  LogWarn("%s: null argument", function);
  return true;
}

}  // namespace
}  // namespace evoke

using evoke::IsMissing;

extern "C" {

evconnlistener* evconnlistener_new(event_base* base, evconnlistener_cb callback,
                                   void* arg, unsigned flags, int backlog,
                                   evutil_socket_t fd) {
  // Zero: it listens already.
  if (backlog != 0 &&
      listen(fd, backlog > 0 ? backlog : evoke::kDefaultBacklog) < 0) {
    return nullptr;
  }
  auto* listener = static_cast<evconnlistener*>(
      evoke::AllocateZeroed(1, sizeof(evconnlistener)));
  if (listener == nullptr) return nullptr;
  listener->callback = callback;
  listener->arg = arg;
  listener->flags = flags;
  listener->refs = 1;
  if (!(flags & LEV_OPT_LEAVE_SOCKETS_BLOCKING)) {
    listener->accept_flags |= SOCK_NONBLOCK;
  }
  if (flags & LEV_OPT_CLOSE_ON_EXEC) listener->accept_flags |= SOCK_CLOEXEC;
  event_assign(&listener->readable, base, fd, EV_READ | EV_PERSIST,
               evoke::OnReadable, listener);
  event_assign(&listener->retry, base, -1, 0, evoke::OnPauseOver, listener);
  // Of what keeps it from waiting only want of memory is an error here: a
  // descriptor that cannot be waited for is told by the log, as in libevent.
  errno = 0;
  if (!(flags & LEV_OPT_DISABLED) && evconnlistener_enable(listener) < 0 &&
      errno == ENOMEM) {
    evoke::Free(listener);
    errno = ENOMEM;
    return nullptr;
  }
  return listener;
}

evconnlistener* evconnlistener_new_bind(event_base* base,
                                        evconnlistener_cb callback, void* arg,
                                        unsigned flags, int backlog,
                                        const sockaddr* address,
                                        int address_bytes) {
  if (backlog == 0) return nullptr;
  int type = SOCK_STREAM | SOCK_NONBLOCK;
  if (flags & LEV_OPT_CLOSE_ON_EXEC) type |= SOCK_CLOEXEC;
  int fd = evoke::OpenSocket(
      address != nullptr ? address->sa_family : AF_UNSPEC, type, 0);
  if (fd < 0) return nullptr;
  evconnlistener* listener = nullptr;
  if (evoke::SetOptions(fd, flags) == 0 &&
      (address == nullptr ||
       bind(fd, address, static_cast<socklen_t>(address_bytes)) == 0)) {
    listener = evconnlistener_new(base, callback, arg, flags, backlog, fd);
  }
  if (listener == nullptr) evoke::CloseKeepingErrno(fd);
  return listener;
}

void evconnlistener_free(evconnlistener* listener) {
  if (IsMissing(listener, __func__)) return;
  listener->callback = nullptr;
  listener->error_callback = nullptr;
  listener->enabled = false;
  evoke::Decref(listener);
}

int evconnlistener_enable(evconnlistener* listener) {
  if (IsMissing(listener, __func__)) return -1;
  listener->enabled = true;
  // Begins when there is somebody to hand connections to.
  return listener->callback != nullptr ? evoke::Start(listener) : 0;
}

int evconnlistener_disable(evconnlistener* listener) {
  if (IsMissing(listener, __func__)) return -1;
  listener->enabled = false;
  return evoke::Stop(listener);
}

event_base* evconnlistener_get_base(evconnlistener* listener) {
  if (IsMissing(listener, __func__)) return nullptr;
  return event_get_base(&listener->readable);
}

evutil_socket_t evconnlistener_get_fd(evconnlistener* listener) {
  if (IsMissing(listener, __func__)) return -1;
  return event_get_fd(&listener->readable);
}

void evconnlistener_set_cb(evconnlistener* listener, evconnlistener_cb callback,
                           void* arg) {
  if (IsMissing(listener, __func__)) return;
  bool starts = listener->enabled && listener->callback == nullptr;
  listener->callback = callback;
  listener->arg = arg;
  if (starts) evconnlistener_enable(listener);
}

void evconnlistener_set_error_cb(evconnlistener* listener,
                                 evconnlistener_errorcb error_callback) {
  if (IsMissing(listener, __func__)) return;
  listener->error_callback = error_callback;
}

}  // extern "C"
