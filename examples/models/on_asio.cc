// SPDX-License-Identifier: BSD-3-Clause
//
// An event library: Asio's face.
//
// Idea: the proactor. One starts an operation on an object (a socket, an
// acceptor, a signal set) and gives it a completion handler; the io_context
// calls that when the operation is done. A conversation is a chain of such
// operations, and each holds a shared pointer to its connection: when no
// operation is left, the last pointer goes, and the connection with its socket.
// Right when: the program is C++, and types, templates and exceptions are
// welcome; what one writes runs on epoll, kqueue and IOCP, with callbacks,
// futures or coroutines, and with one thread or several that all call run().
// Breaks when: two operations write to one socket at once, or a buffer is gone
// before its operation ends; and compile times and error messages are long.
// Who: rippled, Ceph's object gateway, Bitcoin Core's RPC server once.
#include <array>
#include <asio.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <utility>

#include "model.h"

namespace {

using asio::ip::tcp;

model_options options;
model_stats stats;

// One connection: receive, answer, receive again. Only one operation is under
// way at a time, so a client that does not read is not read from.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(tcp::socket socket) : socket_(std::move(socket)) {}

  void Receive() {
    socket_.async_read_some(
        asio::buffer(bytes_),
        [self = shared_from_this()](std::error_code error, std::size_t got) {
          if (!error) self->Serve(got);
        });
  }

 private:
  void Serve(std::size_t got) {
    ++stats.messages;
    stats.bytes += got;
    if (options.print) {
      model_print(bytes_.data(), got);
      Receive();
      return;
    }
    // asio::async_write goes on until all of it is written.
    asio::async_write(
        socket_, asio::buffer(bytes_, got),
        [self = shared_from_this()](std::error_code error, std::size_t) {
          if (!error) self->Receive();
        });
  }

  tcp::socket socket_;
  std::array<char, MODEL_BUFFER_BYTES> bytes_;
};

class Server {
 public:
  Server(asio::io_context& context, int port)
      : acceptor_(context, tcp::endpoint(asio::ip::address_v4::loopback(),
                                         static_cast<unsigned short>(port))),
        rest_(context) {
    model_print_port(acceptor_.native_handle());
    Accept();
  }

 private:
  void Accept() {
    acceptor_.async_accept([this](std::error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) {
        Rest();
        return;
      }
      ++stats.connections;
      std::make_shared<Connection>(std::move(socket))->Receive();
      Accept();
    });
  }

  // Mostly, descriptors are short, and the next try would fail at once, too.
  void Rest() {
    rest_.expires_after(std::chrono::milliseconds(10));
    rest_.async_wait([this](std::error_code error) {
      if (!error) Accept();
    });
  }

  tcp::acceptor acceptor_;
  asio::steady_timer rest_;
};

}  // namespace

int main(int argc, char** argv) {
  options = model_parse(argc, argv);
  try {
    // The hint says that one thread alone runs it: no locks.
    asio::io_context context(1);
    asio::signal_set ends(context, SIGTERM);
    ends.async_wait([&context](std::error_code, int) { context.stop(); });
    Server server(context, options.port);
    context.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "on_asio: %s\n", error.what());
    return 1;
  }
  // With the context went the operations that waited in it, and with those the
  // connections.
  model_end(&options, &stats);
  return 0;
}
