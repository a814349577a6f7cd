// SPDX-License-Identifier: BSD-3-Clause
//
// The kind of bufferevent that reads and writes a socket; see socket.cc for how
// bytes go in and out.
#ifndef EVOKE_BUFFEREVENT_SOCKET_H_
#define EVOKE_BUFFEREVENT_SOCKET_H_

#include "bufferevent/bufferevent.h"
#include "event/flush_list.h"

namespace evoke {

// What remains to be done after a direct write, where the program may be
// called.
enum class WrittenTask : uint8_t {
  kTell,          // call the write callback: there is more to come
  kTellAndWrite,  // the same; what was added meanwhile goes out before
  kTellError,
};

struct SocketBufferevent {
  BuffereventImpl impl;  // first

  // On the list of its base while output waits to be written directly.
  FlushItem flush;
  // Runs what a direct write left to be done from the active queue, at the
  // priority of ev_write.
  event_callback written;
  WrittenTask written_task;
  // Whether the calls of these two are still wanted: the loop takes them off
  // its list and queue before it has the lock.
  bool flush_wanted;
  bool written_wanted;
  int write_errno;  // for kTellError

  bool connecting;  // until the first writability says how it went
  bool refused;     // a read has already taken the error of the connect
  int dns_error;    // EVUTIL_EAI_...
};

extern const bufferevent_ops kSocketOps;

// The socket bufferevent that `ev` is one of the two events of, or null.
const bufferevent* OwnerOf(const event& ev);

// `bev` as what it is; null and a logged warning when it is of another kind.
SocketBufferevent* SocketOf(bufferevent* bev, const char* function);

// Waits for `fd` from now on instead of the old one, in the enabled directions.
// -1 with errno when it cannot wait for it; the fd is set all the same.
int SocketSetFd(bufferevent* bev, evutil_socket_t fd);

// Waits until the socket can be written, and until the write timeout if there
// is one. 0, or -1 with errno set.
int WaitForWritable(bufferevent* bev);

// connect.cc: the first writability of a connecting socket. Tells the program
// how it went. True when the bufferevent may write now.
bool ConnectBecameWritable(SocketBufferevent* socket);

}  // namespace evoke

#endif  // EVOKE_BUFFEREVENT_SOCKET_H_
