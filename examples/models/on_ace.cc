// SPDX-License-Identifier: BSD-3-Clause
//
// An event library: ACE's face.
//
// Idea: the patterns book in code. A reactor waits; an ACE_Event_Handler is
// asked through virtual functions (handle_input, handle_output, handle_signal,
// handle_close) and answers -1 for "I am done"; an acceptor makes a service
// handler for each connection. Which system call waits is the reactor's choice.
// Right when: a large C++ system of the old school (CORBA, telecoms) wants one
// face to threads, processes, sockets and reactors on every platform.
// Breaks when: one takes the default: on Linux that reactor is built on
// select(), with at most 1024 descriptors; here it is ACE_Dev_Poll_Reactor, on
// epoll. The price is a big library, written in the C++ of the nineties.
// Who: TAO and the products built on it, OpenDDS.
#include <ace/Acceptor.h>
#include <ace/Dev_Poll_Reactor.h>
#include <ace/Reactor.h>
#include <ace/SOCK_Acceptor.h>
#include <ace/SOCK_Stream.h>
#include <ace/Svc_Handler.h>
#include <signal.h>

#include "model.h"

namespace {

model_options options;
model_stats stats;

// One connection. What the kernel does not take waits for writability, and
// nothing is read from this client until then.
class Connection : public ACE_Svc_Handler<ACE_SOCK_STREAM, ACE_NULL_SYNCH> {
 public:
  // The acceptor calls it when the connection is there.
  int open(void*) override {
    ++stats.connections;
    if (peer().enable(ACE_NONBLOCK) < 0) return -1;
    return reactor()->register_handler(this, READ_MASK);
  }

  int handle_input(ACE_HANDLE) override {
    ssize_t got = peer().recv(bytes_, sizeof(bytes_));
    if (got < 0) return errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
    if (got == 0) return -1;
    ++stats.messages;
    stats.bytes += static_cast<unsigned long>(got);
    if (options.print) {
      model_print(bytes_, static_cast<size_t>(got));
      return 0;
    }
    begin_ = 0;
    end_ = static_cast<size_t>(got);
    if (Send() < 0) return -1;
    return begin_ == end_ ? 0 : Exchange(READ_MASK, WRITE_MASK);
  }

  int handle_output(ACE_HANDLE) override {
    if (Send() < 0) return -1;
    return begin_ < end_ ? 0 : Exchange(WRITE_MASK, READ_MASK);
  }

  // Whoever returned -1 comes here once, and the handler deletes itself: the
  // base class would wait for each mask to be closed.
  int handle_close(ACE_HANDLE, ACE_Reactor_Mask) override {
    destroy();
    return 0;
  }

 private:
  int Send() {
    ssize_t sent = peer().send(bytes_ + begin_, end_ - begin_);
    if (sent > 0) begin_ += static_cast<size_t>(sent);
    return sent < 0 && errno != EWOULDBLOCK && errno != EINTR ? -1 : 0;
  }

  // Waits for `next` in the place of `last`, within the registration.
  int Exchange(ACE_Reactor_Mask last, ACE_Reactor_Mask next) {
    if (reactor()->mask_ops(this, next, ACE_Reactor::ADD_MASK) < 0) return -1;
    return reactor()->mask_ops(this, last, ACE_Reactor::CLR_MASK) < 0 ? -1 : 0;
  }

  size_t begin_ = 0, end_ = 0;  // what of bytes_ is still to be sent
  char bytes_[MODEL_BUFFER_BYTES];
};

// Makes the connections. While descriptors are short, the listener rests: it
// would be ready for ever, and its base class tries again at once.
class Acceptor : public ACE_Acceptor<Connection, ACE_SOCK_ACCEPTOR> {
 public:
  int handle_accept_error() override {
    reactor()->remove_handler(this, ACCEPT_MASK | DONT_CALL);
    reactor()->schedule_timer(this, nullptr, ACE_Time_Value(0, 10000));
    return 0;
  }

  int handle_timeout(const ACE_Time_Value&, const void*) override {
    return reactor()->register_handler(this, ACCEPT_MASK);
  }
};

// Ends the loop.
class End : public ACE_Event_Handler {
 public:
  int handle_signal(int, siginfo_t*, ucontext_t*) override {
    reactor()->end_reactor_event_loop();
    return 0;
  }
};

}  // namespace

int main(int argc, char** argv) {
  options = model_parse(argc, argv);
  signal(SIGPIPE, SIG_IGN);  // ACE sends without MSG_NOSIGNAL
  ACE_Dev_Poll_Reactor on_epoll;
  on_epoll.restart(true);  // a signal is no reason to leave the loop
  ACE_Reactor reactor(&on_epoll);
  Acceptor acceptor;
  ACE_INET_Addr address(static_cast<u_short>(options.port), INADDR_LOOPBACK);
  End end;
  if (acceptor.open(address, &reactor, ACE_NONBLOCK) < 0) model_die("open");
  listen(acceptor.get_handle(), SOMAXCONN);  // ACE's own backlog is 5
  end.reactor(&reactor);
  if (reactor.register_handler(SIGTERM, &end) < 0) model_die("SIGTERM");
  model_print_port(acceptor.get_handle());
  reactor.run_reactor_event_loop();
  acceptor.close();
  reactor.close();  // closes each handler that is still registered
  model_end(&options, &stats);
  return 0;
}
