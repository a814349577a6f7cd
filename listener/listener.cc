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
//
// Threads: with LEV_OPT_THREADSAFE each function takes the listener's lock. The
// program's callbacks run without it, with a reference held, and nothing here
// waits for a callback that runs in another thread. The event of a listener may
// start after another thread has stopped or freed it: it looks again under the
// lock, and the memory goes when the loop is past it (FinalizeLater()).
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <new>

#include "absl/base/optimization.h"
#include "absl/base/thread_annotations.h"
#include "event/debug_mode.h"
#include "event/deferred.h"
#include "event/event_base.h"
#include "event/live_bases.h"
#include "event/points.h"
#include "util/locks.h"
#include "util/log.h"
#include "util/memory.h"
#include "util/socket.h"

namespace evoke {
// What each listener begins with; anything else is none, or was freed.
constexpr uint32_t kListenerMagic = 0xeb115ef3;
}  // namespace evoke

struct evconnlistener {
  uint32_t magic = evoke::kListenerMagic;

  event readable;
  event retry;  // ends a pause

  // There with LEV_OPT_THREADSAFE, where locking is on.
  evoke::Mutex lock;

  evconnlistener_cb callback ABSL_GUARDED_BY(lock);
  evconnlistener_errorcb error_callback ABSL_GUARDED_BY(lock);
  void* arg ABSL_GUARDED_BY(lock);

  unsigned flags;  // LEV_OPT_...
  int accept_flags;
  // One is the program's, until it frees the listener.
  uint32_t refs ABSL_GUARDED_BY(lock);
  bool is_given_up ABSL_GUARDED_BY(lock);  // by the program
  bool enabled ABSL_GUARDED_BY(lock);
  bool is_short_of_fds ABSL_GUARDED_BY(lock);  // and has said so
  bool paused ABSL_GUARDED_BY(lock);           // `retry` is pending

  event_callback finalizer;
};

namespace evoke {
namespace {

constexpr int kDefaultBacklog = 128;
constexpr timeval kPause = {0, 100 * 1000};

void EndPause(evconnlistener* listener)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(listener->lock) {
  if (!listener->paused) return;
  listener->paused = false;
  event_del_noblock(&listener->retry);
}

int Start(evconnlistener* listener)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(listener->lock) {
  EndPause(listener);
  return event_add(&listener->readable, nullptr);
}

int Stop(evconnlistener* listener)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(listener->lock) {
  EndPause(listener);
  return event_del_noblock(&listener->readable);
}

void Destroy(event_callback*, void* arg) {
  auto* listener = static_cast<evconnlistener*>(arg);
  DebugForget(&listener->readable);
  DebugForget(&listener->retry);
  listener->lock.Destroy();
  Free(listener);
}

// Gives up a reference and the lock. With the last one the socket is closed at
// once, while the memory may have to wait for the loop.
void DecrefAndUnlock(evconnlistener* listener)
    ABSL_UNLOCK_FUNCTION(listener->lock) {
  if (--listener->refs > 0) {
    listener->lock.Unlock();
    return;
  }
  __atomic_store_n(&listener->magic, 0, __ATOMIC_RELAXED);
  Stop(listener);
  event_base* base = event_get_base(&listener->readable);
  bool is_live = IsLiveBase(base);
  if (listener->flags & LEV_OPT_CLOSE_ON_FREE) {
    evutil_socket_t fd = event_get_fd(&listener->readable);
    if (is_live) TellBeforeClose(base, fd);
    CloseKeepingErrno(fd);
  }
  auto priority = static_cast<uint8_t>(event_get_priority(&listener->readable));
  listener->lock.Unlock();
  // Another thread's loop may be about to call OnReadable().
  if (LocksAreOn() && is_live) {
    FinalizeLater(base, &listener->finalizer, priority, Destroy, listener);
  } else {
    Destroy(nullptr, listener);
  }
}

bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS ||
         error == ENOMEM;
}

// Accepting failed for a reason that the program should know.
void Report(evconnlistener* listener, int error)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(listener->lock) {
  if (listener->error_callback == nullptr) {
    errno = error;
    LogWarnErrno("accept");
    return;
  }
  evconnlistener_errorcb callback = listener->error_callback;
  void* arg = listener->arg;
  listener->lock.Unlock();
  errno = error;
  callback(listener, arg);
  listener->lock.Lock();
}

void AcceptFailed(evconnlistener* listener, int error)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(listener->lock) {
  if (IsAcceptRetriable(error)) return;
  if (!IsShortage(error)) {
    Report(listener, error);
    return;
  }
  // Before the report, which may end the pause by enabling anew.
  event_del_noblock(&listener->readable);
  listener->paused = event_add(&listener->retry, &kPause) == 0;
  if (!listener->paused) event_add(&listener->readable, nullptr);
  if (listener->is_short_of_fds) return;
  listener->is_short_of_fds = true;
  Report(listener, error);
}

// Accepts one connection and hands it over. False: the burst is over.
bool AcceptOne(evconnlistener* listener)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(listener->lock) {
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
  evconnlistener_cb callback = listener->callback;
  void* arg = listener->arg;
  listener->lock.Unlock();
  EVOKE_PROBE(callback, callback, fd, 0);
  if (IsTold()) {
    CallbackPoint point(EVOKE_SOURCE_LISTENER, callback, listener, fd, 0);
    callback(listener, fd, address, static_cast<int>(address_bytes), arg);
  } else {
    callback(listener, fd, address, static_cast<int>(address_bytes), arg);
  }
  EVOKE_PROBE(callback_done, callback, fd);
  listener->lock.Lock();
  // Not if it was freed meanwhile.
  return !listener->is_given_up && listener->enabled;
}

void OnReadable(evutil_socket_t, short, void* arg) {
  auto* listener = static_cast<evconnlistener*>(arg);
  listener->lock.Lock();
  // Stopped or freed by another thread, before this one had the lock.
  if (listener->refs == 0 || !listener->enabled) {
    listener->lock.Unlock();
    return;
  }
  // The callbacks may free the listener.
  ++listener->refs;
  while (AcceptOne(listener)) {
  }
  DecrefAndUnlock(listener);
}

void OnPauseOver(evutil_socket_t, short, void* arg) {
  auto* listener = static_cast<evconnlistener*>(arg);
  MutexLock lock(listener->lock);
  // False when another thread has ended it meanwhile.
  if (listener->paused) Start(listener);
}

// Makes an IPv6 socket take IPv4 connections, too. 0, or -1 with errno.
int TakeBothFamilies(int fd) {
  const int off = 0;
  return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
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
  if ((flags & LEV_OPT_BIND_IPV6ONLY) && (flags & LEV_OPT_BIND_IPV4_AND_IPV6)) {
    errno = EINVAL;
    return -1;
  }
  if ((flags & LEV_OPT_BIND_IPV6ONLY) &&
      evutil_make_listen_socket_ipv6only(fd) < 0) {
    return -1;
  }
  if ((flags & LEV_OPT_BIND_IPV4_AND_IPV6) && TakeBothFamilies(fd) < 0) {
    return -1;
  }
  return 0;
}

bool IsNone(const evconnlistener* listener, const char* function) {
  if (ABSL_PREDICT_TRUE(listener != nullptr &&
                        __atomic_load_n(&listener->magic, __ATOMIC_RELAXED) ==
                            kListenerMagic)) {
    return false;
  }
  LogWarn(
      "%s: %s", function,
      listener == nullptr ? "null argument" : "no listener, or a freed one");
  return true;
}

}  // namespace
}  // namespace evoke

using evoke::IsNone;

extern "C" {

evconnlistener* evconnlistener_new(event_base* base, evconnlistener_cb callback,
                                   void* arg, unsigned flags, int backlog,
                                   evutil_socket_t fd)
    ABSL_NO_THREAD_SAFETY_ANALYSIS /* nobody else knows it yet */ {
  // Zero: it listens already.
  if (backlog != 0 &&
      listen(fd, backlog > 0 ? backlog : evoke::kDefaultBacklog) < 0) {
    return nullptr;
  }
  void* memory = evoke::Allocate(sizeof(evconnlistener));
  if (memory == nullptr) return nullptr;
  auto* listener = new (memory) evconnlistener();
  if ((flags & LEV_OPT_THREADSAFE) &&
      !listener->lock.Init(evoke::LockKind::kRecursive)) {
    evoke::Free(listener);
    return nullptr;
  }
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
    evoke::Destroy(nullptr, listener);
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
  if (IsNone(listener, __func__)) return;
  listener->lock.Lock();
  if (listener->is_given_up) {
    // The reference that is left belongs to a callback further up the stack.
    listener->lock.Unlock();
    evoke::LogWarn("%s: freed twice", __func__);
    return;
  }
  listener->is_given_up = true;
  listener->callback = nullptr;
  listener->error_callback = nullptr;
  listener->enabled = false;
  evoke::DecrefAndUnlock(listener);
}

int evconnlistener_enable(evconnlistener* listener) {
  if (IsNone(listener, __func__)) return -1;
  evoke::MutexLock lock(listener->lock);
  listener->enabled = true;
  // Begins when there is somebody to hand connections to.
  return listener->callback != nullptr ? evoke::Start(listener) : 0;
}

int evconnlistener_disable(evconnlistener* listener) {
  if (IsNone(listener, __func__)) return -1;
  evoke::MutexLock lock(listener->lock);
  listener->enabled = false;
  return evoke::Stop(listener);
}

// Base and socket never change, which makes these two safe from any thread.
event_base* evconnlistener_get_base(evconnlistener* listener) {
  if (IsNone(listener, __func__)) return nullptr;
  return event_get_base(&listener->readable);
}

evutil_socket_t evconnlistener_get_fd(evconnlistener* listener) {
  if (IsNone(listener, __func__)) return -1;
  return event_get_fd(&listener->readable);
}

void evconnlistener_set_cb(evconnlistener* listener, evconnlistener_cb callback,
                           void* arg) {
  if (IsNone(listener, __func__)) return;
  evoke::MutexLock lock(listener->lock);
  bool starts = listener->enabled && listener->callback == nullptr;
  listener->callback = callback;
  listener->arg = arg;
  if (starts && callback != nullptr) evoke::Start(listener);
}

void evconnlistener_set_error_cb(evconnlistener* listener,
                                 evconnlistener_errorcb error_callback) {
  if (IsNone(listener, __func__)) return;
  evoke::MutexLock lock(listener->lock);
  listener->error_callback = error_callback;
}

}  // extern "C"
