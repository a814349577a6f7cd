// SPDX-License-Identifier: BSD-3-Clause
//
// Signals by signalfd(2) instead of a handler: EVENT_BASE_FLAG_USE_SIGNALFD, or
// EVENT_USE_SIGNALFD in the environment. The kernel keeps a blocked signal
// until the loop reads it from a descriptor, so no code runs at a bad moment,
// and several bases can each have their own signals. The price: the signal must
// be blocked in every thread, and children inherit that.
//
// Beside SignalMap, which owns one and asks it where a base is to work so.
#ifndef EVOKE_EVENT_SIGNAL_FD_H_
#define EVOKE_EVENT_SIGNAL_FD_H_

#include <event2/event_struct.h>
#include <signal.h>

namespace evoke {

// All is guarded by the base's lock.
class SignalFd {
 public:
  explicit SignalFd(event_base* base) : base_(base) {}
  SignalFd(const SignalFd&) = delete;
  SignalFd& operator=(const SignalFd&) = delete;

  // Opens the descriptor; false where the kernel has none. Before any signal is
  // handled.
  bool Open();
  // Whether signals come this way; also in a child that could not get a
  // descriptor yet.
  bool is_open() const { return fd_ >= 0 || is_lost_; }

  // Blocks `signal` in the calling thread and watches it. Returns 0, or -1 with
  // errno set; all is then as it was.
  [[nodiscard]] int Handle(int signal);

  // Drops what is pending, and lets the signal through again in the calling
  // thread unless it was blocked before. Returns 0, or -1 with errno set.
  int Unhandle(int signal);

  // The process is a fork's child: a descriptor of its own, since the mask of
  // the old one is shared with the parent. Returns 0, or -1 when there is none
  // to be had; then to be called again.
  int Forked();

  // Unblocks all and closes the descriptor. Leaves its event where it is.
  void Close();

 private:
  static void OnReadable(evutil_socket_t fd, short what, void* arg);
  [[nodiscard]] int Watch();
  void Unblock(int signal);

  event_base* base_;
  int fd_ = -1;
  bool is_lost_ = false;
  sigset_t watched_ = {};
  sigset_t blocked_by_us_ = {};
  event readable_ = {};  // internal; added while any signal is watched
};

}  // namespace evoke

#endif  // EVOKE_EVENT_SIGNAL_FD_H_
