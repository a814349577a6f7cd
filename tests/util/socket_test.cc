// SPDX-License-Identifier: BSD-3-Clause
//
// The internal calls on sockets, over loopback. The public ones are compared
// with libevent's in socket_record.c.
#include "util/socket.h"

#include <errno.h>
#include <event2/util.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace {

using evoke::ConnectState;

bool IsNonblocking(int fd) { return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }
bool IsCloseOnExec(int fd) { return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

// A socket that listens on a port of loopback that the kernel chose.
class SocketTest : public testing::Test {
 protected:
  void SetUp() override {
    listener_ = evoke::OpenSocket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ASSERT_GE(listener_, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof(address_);
    ASSERT_EQ(bind(listener_, address(), bytes), 0);
    ASSERT_EQ(listen(listener_, 8), 0);
    ASSERT_EQ(getsockname(listener_, address(), &bytes), 0);
  }
  void TearDown() override { evoke::CloseKeepingErrno(listener_); }

  sockaddr* address() { return reinterpret_cast<sockaddr*>(&address_); }

  // Connects a new socket and waits until that is done.
  int Connect() {
    const int fd = evoke::OpenSocket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ConnectState state = evoke::StartConnect(fd, address(), sizeof(address_));
    if (state == ConnectState::kInProgress) state = WaitAndFinish(fd);
    EXPECT_EQ(state, ConnectState::kConnected);
    return fd;
  }

  static ConnectState WaitAndFinish(int fd) {
    pollfd writable = {fd, POLLOUT, 0};
    EXPECT_EQ(poll(&writable, 1, -1), 1);
    return evoke::FinishConnect(fd);
  }

  int listener_ = -1;
  sockaddr_in address_ = {};
};

TEST_F(SocketTest, AcceptSetsTheFlagsThatAreAskedFor) {
  for (int flags : {0, int{SOCK_NONBLOCK}, int{SOCK_CLOEXEC},
                    SOCK_NONBLOCK | SOCK_CLOEXEC}) {
    const int client = Connect();
    pollfd readable = {listener_, POLLIN, 0};
    ASSERT_EQ(poll(&readable, 1, -1), 1);
    sockaddr_storage peer = {};
    socklen_t bytes = sizeof(peer);
    const int server = evoke::AcceptSocket(
        listener_, reinterpret_cast<sockaddr*>(&peer), &bytes, flags);
    ASSERT_GE(server, 0);
    EXPECT_EQ(peer.ss_family, AF_INET);
    EXPECT_EQ(bytes, sizeof(sockaddr_in));
    EXPECT_EQ(IsNonblocking(server), (flags & SOCK_NONBLOCK) != 0);
    EXPECT_EQ(IsCloseOnExec(server), (flags & SOCK_CLOEXEC) != 0);
    close(server);
    close(client);
  }
}

TEST_F(SocketTest, NothingToAcceptIsRetriable) {
  EXPECT_EQ(evoke::AcceptSocket(listener_, nullptr, nullptr, 0), -1);
  EXPECT_TRUE(evoke::IsAcceptRetriable(errno));
  EXPECT_EQ(evoke::AcceptSocket(-1, nullptr, nullptr, 0), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_FALSE(evoke::IsAcceptRetriable(EBADF));
  EXPECT_FALSE(evoke::IsAcceptRetriable(EMFILE));
  EXPECT_TRUE(evoke::IsAcceptRetriable(ECONNABORTED));
}

TEST_F(SocketTest, ConnectToAClosedPortIsRefused) {
  close(listener_);
  listener_ = -1;
  const int fd = evoke::OpenSocket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  ConnectState state = evoke::StartConnect(fd, address(), sizeof(address_));
  if (state == ConnectState::kInProgress) state = WaitAndFinish(fd);
  EXPECT_EQ(state, ConnectState::kRefused);
  EXPECT_EQ(errno, ECONNREFUSED);
  close(fd);
}

TEST_F(SocketTest, ConnectFailsAtOnceForBadArguments) {
  EXPECT_EQ(evoke::StartConnect(-1, address(), sizeof(address_)),
            ConnectState::kFailed);
  EXPECT_EQ(errno, EBADF);
  const int fd = evoke::OpenSocket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(evoke::StartConnect(fd, address(), 1), ConnectState::kFailed);
  EXPECT_EQ(errno, EINVAL);
  close(fd);
  EXPECT_EQ(evoke::FinishConnect(-1), ConnectState::kFailed);
}

TEST(Socket, OpenReportsWhatTheKernelRefuses) {
  EXPECT_EQ(evoke::OpenSocket(-1, SOCK_STREAM, 0), -1);
  EXPECT_EQ(errno, EAFNOSUPPORT);
}

TEST(Socket, OnlyWaitingIsRetriable) {
  EXPECT_TRUE(evoke::IsIoRetriable(EAGAIN));
  EXPECT_TRUE(evoke::IsIoRetriable(EINTR));
  EXPECT_FALSE(evoke::IsIoRetriable(EPIPE));
  EXPECT_FALSE(evoke::IsIoRetriable(0));
}

TEST(Socket, CloseKeepsErrno) {
  errno = EPROTO;
  evoke::CloseKeepingErrno(-1);
  EXPECT_EQ(errno, EPROTO);
  int pair[2];
  ASSERT_EQ(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  errno = EPROTO;
  evoke::CloseKeepingErrno(pair[0]);
  evoke::CloseKeepingErrno(pair[0]);  // closed already
  EXPECT_EQ(errno, EPROTO);
  char byte;
  EXPECT_EQ(read(pair[1], &byte, 1), 0);
  close(pair[1]);
}

int OptionOf(int fd, int level, int option) {
  int value = -1;
  socklen_t size = sizeof(value);
  EXPECT_EQ(getsockopt(fd, level, option, &value, &size), 0);
  return value;
}

TEST(Socket, KeepAliveProbesAfterTheTimeout) {
  const int fd = evoke::OpenSocket(AF_INET, SOCK_STREAM, 0);
  const int idle_s = OptionOf(fd, IPPROTO_TCP, TCP_KEEPIDLE);
  const int interval_s = OptionOf(fd, IPPROTO_TCP, TCP_KEEPINTVL);
  const int probes = OptionOf(fd, IPPROTO_TCP, TCP_KEEPCNT);

  // Without a time the system's own stay.
  EXPECT_EQ(evutil_set_tcp_keepalive(fd, 1, 0), 0);
  EXPECT_EQ(OptionOf(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(OptionOf(fd, IPPROTO_TCP, TCP_KEEPIDLE), idle_s);
  EXPECT_EQ(OptionOf(fd, IPPROTO_TCP, TCP_KEEPINTVL), interval_s);
  EXPECT_EQ(OptionOf(fd, IPPROTO_TCP, TCP_KEEPCNT), probes);

  EXPECT_EQ(evutil_set_tcp_keepalive(fd, 77, 120), 0);
  EXPECT_EQ(OptionOf(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(OptionOf(fd, IPPROTO_TCP, TCP_KEEPIDLE), 120);
  EXPECT_EQ(OptionOf(fd, IPPROTO_TCP, TCP_KEEPINTVL), 40);
  EXPECT_EQ(OptionOf(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);

  EXPECT_EQ(evutil_set_tcp_keepalive(fd, 1, 1), 0);
  EXPECT_EQ(OptionOf(fd, IPPROTO_TCP, TCP_KEEPIDLE), 1);
  EXPECT_EQ(OptionOf(fd, IPPROTO_TCP, TCP_KEEPINTVL), 1);

  // Off, the time says nothing.
  EXPECT_EQ(evutil_set_tcp_keepalive(fd, 0, 300), 0);
  EXPECT_EQ(OptionOf(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(OptionOf(fd, IPPROTO_TCP, TCP_KEEPIDLE), 1);
  close(fd);
}

TEST(Socket, KeepAliveReportsWhatTheKernelRefuses) {
  EXPECT_EQ(evutil_set_tcp_keepalive(-1, 1, 60), -1);
  EXPECT_EQ(errno, EBADF);
  const int fd = evoke::OpenSocket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(evutil_set_tcp_keepalive(fd, 1, 1 << 20), -1);
  EXPECT_EQ(errno, EINVAL);
  close(fd);
  // Keep-alive is more than TCP's, its times are not.
  int pair[2];
  ASSERT_EQ(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  EXPECT_EQ(evutil_set_tcp_keepalive(pair[0], 1, 0), 0);
  EXPECT_EQ(evutil_set_tcp_keepalive(pair[0], 1, 60), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  close(pair[0]);
  close(pair[1]);
}

TEST(Socket, SocketpairReportsABadArray) {
  EXPECT_EQ(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, nullptr), -1);
  EXPECT_EQ(errno, EFAULT);
}

}  // namespace
