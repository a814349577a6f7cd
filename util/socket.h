// SPDX-License-Identifier: BSD-3-Clause
//
// Sockets as listeners and bufferevents make, accept and connect them. Every
// system call on a socket's setup is here or in socket.cc, which also holds the
// public evutil_...() calls of event2/util.h that set options.
//
// All functions are thread-safe and report errors in errno; none logs.
#ifndef EVOKE_UTIL_SOCKET_H_
#define EVOKE_UTIL_SOCKET_H_

#include <sys/socket.h>

namespace evoke {

// Makes a socket. `type` may have SOCK_NONBLOCK and SOCK_CLOEXEC or-ed to it.
// Returns the fd, which is the caller's, or -1.
[[nodiscard]] int OpenSocket(int domain, int type, int protocol);

// Takes a connection from the listening socket `fd`; the peer's address goes to
// `*address`, and its length to `*address_bytes`, which holds the room there
// before. `flags` are SOCK_NONBLOCK and SOCK_CLOEXEC for the new socket.
// Returns its fd, which is the caller's, or -1.
[[nodiscard]] int AcceptSocket(int fd, sockaddr* address,
                               socklen_t* address_bytes, int flags);

// Whether an error of AcceptSocket() only says that there is nothing to accept
// now: EAGAIN, EINTR, or a peer that was gone before (ECONNABORTED).
bool IsAcceptRetriable(int error);

// Whether an error of a read or write only says: not now.
bool IsIoRetriable(int error);

// How a connect attempt stands.
enum class ConnectState {
  kConnected,
  // Wait for the socket to become writable, then call FinishConnect().
  kInProgress,
  // The peer says no (ECONNREFUSED).
  kRefused,
  // Another failure.
  kFailed,
};

// Starts to connect the non-blocking socket `fd`. After kRefused and kFailed
// errno says why, and the socket is still the caller's.
ConnectState StartConnect(int fd, const sockaddr* address,
                          socklen_t address_bytes);

// How the connect stands of a socket that became writable. After kRefused and
// kFailed errno is the connect's error.
ConnectState FinishConnect(int fd);

// close(2) that leaves errno as it was, for error paths. -1 is allowed.
void CloseKeepingErrno(int fd);

}  // namespace evoke

#endif  // EVOKE_UTIL_SOCKET_H_
