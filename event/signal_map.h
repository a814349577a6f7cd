// SPDX-License-Identifier: BSD-3-Clause
//
// Signals as events: signal number -> events, and the way from a signal handler
// into the loop.
//
// The handler counts the signal and writes one byte into a pipe that the loop
// watches through an internal event at the highest priority: counting loses
// nothing when the pipe is full. One base at a time handles the signals of a
// process, the one that added or ran last. A signal's old disposition comes
// back when the last event on it goes. With signalfd (signal_fd.h), all that is
// between the signal and its events is another.
#ifndef EVOKE_EVENT_SIGNAL_MAP_H_
#define EVOKE_EVENT_SIGNAL_MAP_H_

#include <event2/event_struct.h>
#include <signal.h>

#include "event/signal_fd.h"

namespace evoke {

class SignalMap {
 public:
  explicit SignalMap(event_base* base) : base_(base), signal_fd_(base) {}
  SignalMap(const SignalMap&) = delete;
  SignalMap& operator=(const SignalMap&) = delete;
  ~SignalMap();

  // Signals by signalfd from now on, where the kernel has it. Before any is
  // added.
  void UseSignalFd() { signal_fd_.Open(); }
  bool uses_signal_fd() const { return signal_fd_.is_open(); }

  // Adds a signal event, and handles its signal from now on if it is the first.
  // Returns 0, or -1 with errno set; all is then as it was.
  [[nodiscard]] int Add(event* ev);

  // Takes it out; the last one on a signal brings its old disposition back.
  int Remove(event* ev);

  // Makes every event on `signal` active, for `ncalls` deliveries.
  void Activate(int signal, short ncalls);

  // The base is about to run its loop: signals come to it.
  void TakeOver();

  // The process is a fork's child: a pipe of its own. Returns 0 or -1.
  int Forked();

  // Puts back all dispositions, closes the pipe. Events stay where they are.
  void Close();

  event* First(int signal) const { return events_[signal]; }

 private:
  static void OnPipeReadable(evutil_socket_t fd, short what, void* arg);
  [[nodiscard]] int OpenPipe();
  [[nodiscard]] int Handle(int signal);
  int Unhandle(int signal);
  // Moves what the handler counted here. Whether there was any.
  bool KeepDeliveries();

  event_base* base_;
  SignalFd signal_fd_;  // instead of all that follows
  int count_ = 0;       // events of the program
  int pipe_[2] = {-1, -1};
  // A fork's child could not get a pipe yet; and whether it is to handle
  // signals once it has one.
  bool pipe_is_lost_ = false;
  bool handling_is_lost_ = false;
  event pipe_event_ = {};  // internal; added while any signal is handled
  event* events_[NSIG] = {};
  int deliveries_[NSIG] = {};  // to this base, not yet seen
  struct sigaction* old_actions_[NSIG] = {};
};

}  // namespace evoke

#endif  // EVOKE_EVENT_SIGNAL_MAP_H_
