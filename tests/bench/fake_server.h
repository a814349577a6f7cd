// SPDX-License-Identifier: BSD-3-Clause
//
// An echo server in a thread of the test, which misbehaves as it is told.
#ifndef EVOKE_TESTS_BENCH_FAKE_SERVER_H_
#define EVOKE_TESTS_BENCH_FAKE_SERVER_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace evoke::load {

struct Behaviour {
  int serves = INT_MAX;   // closes the connections beyond so many
  int answers = INT_MAX;  // never answers those beyond so many
  // When so many bytes have come: stalls once for so long, falls silent for
  // ever, ends all connections.
  int64_t stalls_after_bytes = INT64_MAX;
  int stall_ms = 0;
  int64_t silent_after_bytes = INT64_MAX;
  int64_t ends_after_bytes = INT64_MAX;
  bool garbles = false;  // answers something else
  // A handshake: waits for this, and answers with that. Neither is a message.
  std::string hello = "", welcome = "";
};

class FakeServer {
 public:
  explicit FakeServer(const Behaviour& behaviour = {})
      : behaviour_(behaviour), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, generic, length), 0);
    EXPECT_EQ(listen(listener_, 1024), 0);
    EXPECT_EQ(getsockname(listener_, generic, &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread(&FakeServer::Serve, this);
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  ~FakeServer() {
    uint64_t one = 1;
    EXPECT_EQ(write(end_, &one, sizeof(one)), 8);
    thread_.join();
    close(end_);
  }

  int port() const { return port_; }
  int64_t bytes() const { return bytes_; }  // received
  // How many connections have sent anything since this was asked last.
  size_t Speakers() {
    std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(speakers_, {}).size();
  }

 private:
  void Serve() {
    std::vector<pollfd> fds = {{end_, POLLIN, 0}, {listener_, POLLIN, 0}};
    while (poll(fds.data(), fds.size(), -1) >= 0 && fds[0].revents == 0) {
      for (size_t i = 2; i < fds.size(); ++i) {
        if (fds[i].revents != 0 && !Answer(fds[i].fd, i - 2)) {
          close(fds[i].fd);
          fds[i].fd = -1;
        }
      }
      if (fds[1].revents == 0) continue;
      int fd = accept(listener_, nullptr, nullptr);
      if (static_cast<int>(fds.size()) - 2 < behaviour_.serves) {
        fds.push_back({fd, POLLIN, 0});
      } else {
        close(fd);
      }
    }
    for (size_t i = 1; i < fds.size(); ++i) {
      if (fds[i].fd >= 0) close(fds[i].fd);
    }
  }

  // False when the connection is over.
  bool Answer(int fd, size_t which) {
    static thread_local char bytes[65536];
    ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
    if (got <= 0) return false;
    if (greeted_[which] < behaviour_.hello.size()) {
      return Welcome(fd, greeted_[which], bytes, got);
    }
    bytes_ += got;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      speakers_.insert(which);
    }
    if (bytes_ >= behaviour_.ends_after_bytes) return false;
    if (bytes_ >= behaviour_.stalls_after_bytes) {
      behaviour_.stalls_after_bytes = INT64_MAX;
      std::this_thread::sleep_for(
          std::chrono::milliseconds(behaviour_.stall_ms));
    }
    if (bytes_ >= behaviour_.silent_after_bytes ||
        static_cast<int>(which) >= behaviour_.answers) {
      return true;
    }
    if (behaviour_.garbles) bytes[got - 1] ^= 1;
    for (ssize_t sent = 0; sent < got;) {
      ssize_t now = send(fd, bytes + sent, got - sent, MSG_NOSIGNAL);
      if (now <= 0) return false;
      sent += now;
    }
    return true;
  }

  // A client says nothing else before it is welcome.
  bool Welcome(int fd, size_t& greeted, const char* bytes, size_t got) {
    const std::string& welcome = behaviour_.welcome;
    EXPECT_EQ(std::string(bytes, got), behaviour_.hello.substr(greeted, got));
    greeted += got;
    if (greeted < behaviour_.hello.size()) return true;
    // In two parts, as a stream may have it.
    size_t half = welcome.size() / 2, rest = welcome.size() - half;
    return send(fd, welcome.data(), half, MSG_NOSIGNAL) ==
               static_cast<ssize_t>(half) &&
           send(fd, welcome.data() + half, rest, MSG_NOSIGNAL) ==
               static_cast<ssize_t>(rest);
  }

  Behaviour behaviour_;
  std::map<size_t, size_t> greeted_;  // bytes of each one's hello
  int listener_;
  int end_ = eventfd(0, EFD_CLOEXEC);
  int port_ = 0;
  std::atomic<int64_t> bytes_{0};
  std::mutex mutex_;
  std::set<size_t> speakers_;
  std::thread thread_;
};

}  // namespace evoke::load

#endif  // EVOKE_TESTS_BENCH_FAKE_SERVER_H_
