// SPDX-License-Identifier: BSD-3-Clause
//
// What is lost when one does not drain an edge-triggered descriptor, and how
// the two ways out of examples/models/epoll_edge.c bring it back.
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <string>

#include "tests/models/echo_client.h"

namespace evoke::testing {
namespace {

class EdgeTest : public ::testing::Test {
 protected:
  EdgeTest() {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                         ends_),
              0);
  }
  ~EdgeTest() override {
    close(queue_);
    close(ends_[0]);
    close(ends_[1]);
  }

  void Watch(int operation, uint32_t events) {
    epoll_event event = {events, {.fd = ends_[0]}};
    ASSERT_EQ(epoll_ctl(queue_, operation, ends_[0], &event), 0);
  }
  // Whether epoll reports it. What was written is there already, so that no
  // waiting could change the answer.
  bool IsReported() {
    epoll_event event;
    return epoll_wait(queue_, &event, 1, 0) == 1;
  }
  void Write(const std::string& bytes) {
    ASSERT_EQ(write(ends_[1], bytes.data(), bytes.size()),
              static_cast<ssize_t>(bytes.size()));
  }
  ssize_t ReadOnce(size_t bytes) {
    std::string buffer(bytes, '\0');
    return read(ends_[0], buffer.data(), bytes);
  }
  int Unread() {
    int bytes = -1;
    ioctl(ends_[0], FIONREAD, &bytes);
    return bytes;
  }

  int queue_ = epoll_create1(EPOLL_CLOEXEC);
  int ends_[2];
};

TEST_F(EdgeTest, LevelTriggeredIsReportedAsLongAsThereAreBytes) {
  Watch(EPOLL_CTL_ADD, EPOLLIN);
  Write("two pieces");
  EXPECT_TRUE(IsReported());
  EXPECT_EQ(ReadOnce(5), 5);
  EXPECT_TRUE(IsReported());
}

TEST_F(EdgeTest, EdgeTriggeredForgetsWhatIsLeft) {
  Watch(EPOLL_CTL_ADD, EPOLLIN | EPOLLET);
  Write("two pieces");
  EXPECT_TRUE(IsReported());
  EXPECT_EQ(ReadOnce(4), 4);
  EXPECT_EQ(Unread(), 6);
  // The bytes are there, and nobody will ever tell: a client that waits for
  // their answer sends no more.
  EXPECT_FALSE(IsReported());
  // Only new bytes bring the old ones to light.
  Write("!");
  EXPECT_TRUE(IsReported());
  EXPECT_EQ(Unread(), 7);
}

TEST_F(EdgeTest, WhoDrainsUntilEagainMissesNothing) {
  Watch(EPOLL_CTL_ADD, EPOLLIN | EPOLLET);
  Write("two pieces");
  EXPECT_TRUE(IsReported());
  while (ReadOnce(4) > 0) {
  }
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_FALSE(IsReported());
  Write("more");
  EXPECT_TRUE(IsReported());
}

TEST_F(EdgeTest, ModifyingReportsAnewWhatIsStillReady) {
  Watch(EPOLL_CTL_ADD, EPOLLIN | EPOLLET);
  Write("two pieces");
  EXPECT_TRUE(IsReported());
  EXPECT_EQ(ReadOnce(4), 4);
  EXPECT_FALSE(IsReported());
  Watch(EPOLL_CTL_MOD, EPOLLIN | EPOLLET);
  EXPECT_TRUE(IsReported());
}

}  // namespace
}  // namespace evoke::testing
