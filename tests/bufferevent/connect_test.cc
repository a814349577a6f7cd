// SPDX-License-Identifier: BSD-3-Clause
//
// Getting connected: to addresses, names and Unix paths, and what is told of
// it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/un.h>

#include <cstring>
#include <string>

#include "tests/bufferevent/test_bufferevent.h"

namespace evoke::testing {
namespace {

// A socket on an ephemeral loopback port; it listens when told to.
class Server {
 public:
  explicit Server(bool listens = true) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, address(), sizeof(address_)), 0);
    socklen_t size = sizeof(address_);
    EXPECT_EQ(getsockname(fd_, address(), &size), 0);
    if (listens) {
      EXPECT_EQ(listen(fd_, 16), 0);
    }
  }
  ~Server() {
    if (peer_ >= 0) close(peer_);
    close(fd_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  sockaddr* address() { return reinterpret_cast<sockaddr*>(&address_); }
  int size() const { return sizeof(address_); }
  int port() const { return ntohs(address_.sin_port); }

  void Accept() {
    peer_ = accept(fd_, nullptr, nullptr);
    EXPECT_GE(peer_, 0);
  }
  // Exactly `size` bytes from the peer; waits for them.
  std::string Read(size_t size) {
    std::string bytes(size, '\0');
    EXPECT_EQ(recv(peer_, bytes.data(), size, MSG_WAITALL),
              static_cast<ssize_t>(size));
    return bytes;
  }
  void Write(const std::string& bytes) {
    EXPECT_EQ(write(peer_, bytes.data(), bytes.size()),
              static_cast<ssize_t>(bytes.size()));
  }

 private:
  int fd_;
  int peer_ = -1;
  sockaddr_in address_ = {};
};

class ConnectTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    signal(SIGPIPE, SIG_IGN);
  }
  int Connect(TestBufferevent& bev, Server& server) {
    return bufferevent_socket_connect(bev.get(), server.address(),
                                      server.size());
  }
  // Runs the loop until the record has `size` entries.
  void RunUntil(const TestBufferevent& bev, size_t size) {
    while (bev.record.size() < size) {
      ASSERT_EQ(Loop(EVLOOP_ONCE), 0) << "nothing left to wait for";
    }
  }
};

TEST_P(ConnectTest, WhatWasWrittenBeforeGoesOutAfterConnected) {
  Server server;
  TestBufferevent bev(base(), -1, BEV_OPT_CLOSE_ON_FREE);
  bev.Write("early");
  bev.Enable(EV_READ);
  ASSERT_EQ(Connect(bev, server), 0);
  bev.Write(" late");
  RunUntil(bev, 2);
  EXPECT_EQ(bev.record, Record({"CONNECTED", "write"}));
  server.Accept();
  EXPECT_EQ(server.Read(10), "early late");
  server.Write("answer");
  RunUntil(bev, 3);
  EXPECT_EQ(bev.record, Record({"CONNECTED", "write", "read"}));
  EXPECT_EQ(bev.Take(), "answer");
}

TEST_P(ConnectTest, ARefusedConnectIsOneErrorAndLeavesWhatIsEnabled) {
  for (bool reading_first : {true, false}) {
    Server server(/*listens=*/false);
    TestBufferevent bev(base(), -1, BEV_OPT_CLOSE_ON_FREE);
    if (reading_first) bev.Enable(EV_READ);
    ASSERT_EQ(Connect(bev, server), 0);
    bev.Enable(EV_READ);
    RunUntil(bev, 1);
    EXPECT_EQ(bev.record, Record({"ERROR"}));
    EXPECT_EQ(bev.last_errno, ECONNREFUSED);
    EXPECT_EQ(bufferevent_get_enabled(bev.get()), EV_READ | EV_WRITE);
    EXPECT_EQ(Loop(), 1);
    EXPECT_EQ(bev.record.size(), 1u);
  }
}

TEST_P(ConnectTest, FreedWhenItIsToldOfTheConnection) {
  Server server;
  TestBufferevent bev(base(), -1, BEV_OPT_CLOSE_ON_FREE);
  bev.Write("never sent");
  bev.on_event = [&](short) { bev.Free(); };
  ASSERT_EQ(Connect(bev, server), 0);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record({"CONNECTED"}));
  server.Accept();
}

TEST_P(ConnectTest, FreedWhenItIsToldOfTheRefusal) {
  Server server(/*listens=*/false);
  TestBufferevent bev(base(), -1, BEV_OPT_CLOSE_ON_FREE);
  bev.on_event = [&](short) { bev.Free(); };
  ASSERT_EQ(Connect(bev, server), 0);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record({"ERROR"}));
}

TEST_P(ConnectTest, AMissingUnixPathFailsAtOnceWithoutAnEvent) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  strcpy(address.sun_path, "/nonexistent/evoke");
  TestBufferevent bev(base(), -1, BEV_OPT_CLOSE_ON_FREE);
  EXPECT_EQ(
      bufferevent_socket_connect(
          bev.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
      -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(bufferevent_getfd(bev.get()), -1);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(bev.record, Record());
}

TEST_P(ConnectTest, NumericAddressesAndLocalhostNeedNoResolver) {
  for (const char* name : {"127.0.0.1", "localhost"}) {
    Server server;
    TestBufferevent bev(base(), -1, BEV_OPT_CLOSE_ON_FREE);
    ASSERT_EQ(bufferevent_socket_connect_hostname(bev.get(), nullptr, AF_INET,
                                                  name, server.port()),
              0);
    EXPECT_EQ(bufferevent_socket_get_dns_error(bev.get()), 0);
    RunUntil(bev, 1);
    EXPECT_EQ(bev.record, Record({"CONNECTED"}));
    server.Accept();
  }
}

TEST_P(ConnectTest, ANameThatIsNoneIsAnErrorWithItsReason) {
  TestBufferevent bev(base(), -1, BEV_OPT_CLOSE_ON_FREE);
  EXPECT_EQ(bufferevent_socket_connect_hostname(bev.get(), nullptr, AF_INET6,
                                                "127.0.0.1", 80),
            0);
  EXPECT_EQ(bev.record, Record({"ERROR"}));
  EXPECT_EQ(bufferevent_socket_get_dns_error(bev.get()), EVUTIL_EAI_ADDRFAMILY);
  EXPECT_EQ(bufferevent_getfd(bev.get()), -1);
}

TEST_P(ConnectTest, FreedWhenTheNameIsNone) {
  TestBufferevent bev(base(), -1, BEV_OPT_CLOSE_ON_FREE);
  bev.on_event = [&](short) { bev.Free(); };
  EXPECT_EQ(bufferevent_socket_connect_hostname(bev.get(), nullptr, AF_INET6,
                                                "127.0.0.1", 80),
            0);
  EXPECT_EQ(bev.get(), nullptr);
  EXPECT_EQ(Loop(), 1);
}

TEST_P(ConnectTest, FamiliesAndPortsOutOfRangeAreRefused) {
  TestBufferevent bev(base(), -1);
  for (int port : {0, -1, 65536}) {
    EXPECT_EQ(bufferevent_socket_connect_hostname(bev.get(), nullptr, AF_INET,
                                                  "127.0.0.1", port),
              -1);
  }
  EXPECT_EQ(bufferevent_socket_connect_hostname(bev.get(), nullptr, AF_UNIX,
                                                "127.0.0.1", 80),
            -1);
  EXPECT_EQ(bufferevent_socket_connect(bev.get(), nullptr, 0), -1);
  EXPECT_EQ(bev.record, Record());
}

TEST_P(ConnectTest, AConnectThatTheProgramBeganIsTakenOver) {
  Server server;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int result = connect(fd, server.address(), server.size());
  ASSERT_TRUE(result == 0 || errno == EINPROGRESS);
  TestBufferevent bev(base(), fd, BEV_OPT_CLOSE_ON_FREE);
  EXPECT_EQ(bufferevent_socket_connect(bev.get(), nullptr, 0), 0);
  RunUntil(bev, 1);
  EXPECT_EQ(bev.record, Record({"CONNECTED"}));
  server.Accept();
}

EVOKE_ON_EVERY_BACKEND(ConnectTest);

}  // namespace
}  // namespace evoke::testing
