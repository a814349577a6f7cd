// SPDX-License-Identifier: BSD-3-Clause
//
// A client of the page's server, and what there is in its URL.
#ifndef EVOKE_TESTS_SCOPE_CLIENT_H_
#define EVOKE_TESTS_SCOPE_CLIENT_H_

#include <arpa/inet.h>
#include <errno.h>
#include <evoke/scope.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace evoke::scope::testing {

inline std::string Url() {
  char url[256];
  evoke_scope_url(url, sizeof(url));
  return url;
}

inline int PortOf(const std::string& url) {
  return std::stoi(url.substr(url.rfind(':', url.find("/?")) + 1));
}

inline std::string TokenOf(const std::string& url) {
  return url.substr(url.find("token=") + 6);
}

// A client's socket, which gives up after a minute.
class Client {
 public:
  explicit Client(const std::string& url)
      : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    timeval patience = {60, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(PortOf(url)));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(fd_); }

  bool connected() const { return connected_; }
  void Send(const std::string& bytes) {
    EXPECT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Until the end.
  std::string Receive() {
    std::string all;
    char bytes[65536];
    for (;;) {
      const ssize_t got = recv(fd_, bytes, sizeof(bytes), 0);
      // With a timeout it is interrupted when the process was stopped, too.
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return all;
      all.append(bytes, static_cast<size_t>(got));
    }
  }

 private:
  int fd_;
  bool connected_ = false;
};

inline std::string Get(const std::string& url, const std::string& path = "/",
                       const std::string& more = "") {
  return "GET " + path + "?token=" + TokenOf(url) + more +
         " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

}  // namespace evoke::scope::testing

#endif  // EVOKE_TESTS_SCOPE_CLIENT_H_
