// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>

#include "buffer/chain_pool.h"
#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

class Io : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_), 0);
    int bytes = 1 << 20;
    setsockopt(fds_[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  }
  void TearDown() override {
    close(fds_[0]);
    close(fds_[1]);
  }
  void Send(const std::string& text) {
    ASSERT_EQ(send(fds_[0], text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
  }
  std::string Receive() {
    std::string text(1 << 20, '?');
    ssize_t n = recv(fds_[0], text.data(), text.size(), 0);
    return text.substr(0, n < 0 ? 0 : n);
  }
  size_t MemoryBytes() const {
    size_t bytes = 0;
    for (Chain* c = buffer_->first; c != nullptr; c = c->next) {
      bytes += c->capacity_bytes;
    }
    return bytes;
  }

  int fds_[2];
  OwnedBuffer owned_ = NewBuffer();
  evbuffer* buffer_ = owned_.get();
};

TEST_F(Io, ReadTakesWhatIsThere) {
  std::string text(100000, 'x');
  Send(text);
  EXPECT_EQ(evbuffer_read(buffer_, fds_[1], -1), 100000);
  EXPECT_TRUE(Contents(buffer_) == text);
  EXPECT_EQ(evbuffer_read(buffer_, fds_[1], -1), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(evbuffer_get_length(buffer_), 100000u);
}

TEST_F(Io, ReadTakesNoMoreThanAskedFor) {
  Send(std::string(10000, 'x'));
  EXPECT_EQ(evbuffer_read(buffer_, fds_[1], 0), 0);
  EXPECT_EQ(evbuffer_read(buffer_, fds_[1], 3), 3);
  EXPECT_EQ(evbuffer_read(buffer_, fds_[1], 9000), 9000);
  EXPECT_EQ(evbuffer_read(buffer_, fds_[1], 9000), 997);
}

TEST_F(Io, ReadTakesNoMoreThanItsLimit) {
  EXPECT_EQ(evbuffer_get_max_read(buffer_), size_t{1} << 20);
  EXPECT_EQ(evbuffer_set_max_read(buffer_, 0), -1);
  EXPECT_EQ(evbuffer_set_max_read(buffer_, size_t{INT_MAX} + 1), -1);
  EXPECT_EQ(evbuffer_set_max_read(buffer_, INT_MAX), 0);
  EXPECT_EQ(evbuffer_set_max_read(buffer_, 4096), 0);
  EXPECT_EQ(evbuffer_get_max_read(buffer_), 4096u);
  Send(std::string(10000, 'x'));
  EXPECT_EQ(evbuffer_read(buffer_, fds_[1], -1), 4096);
  EXPECT_EQ(evbuffer_read(buffer_, fds_[1], 5000), 4096);
  EXPECT_EQ(evbuffer_read(buffer_, fds_[1], 100), 100);
  EXPECT_EQ(BufferReadFd(buffer_, fds_[1], 5000), 1708)
      << "bufferevents have a limit of their own";
}

TEST_F(Io, ReadTakesAMebibyteOfAFileAtOnce) {
  int fd = FileWith(std::string((1 << 20) + 10, 'f'));
  lseek(fd, 0, SEEK_SET);
  EXPECT_EQ(evbuffer_read(buffer_, fd, 2 << 20), 1 << 20);
  EXPECT_EQ(evbuffer_set_max_read(buffer_, INT_MAX), 0);
  lseek(fd, 0, SEEK_SET);
  EXPECT_EQ(evbuffer_read(buffer_, fd, -1), (1 << 20) + 10);
  close(fd);
}

TEST_F(Io, ReadTellsTheEndAndErrors) {
  EXPECT_EQ(evbuffer_read(buffer_, -1, 10), -1);
  EXPECT_EQ(errno, EBADF);
  shutdown(fds_[0], SHUT_WR);
  EXPECT_EQ(evbuffer_read(buffer_, fds_[1], -1), 0);
  EXPECT_EQ(buffer_->first, nullptr) << "room without bytes stayed";
}

TEST_F(Io, ReadFillsExpandedRoomFirst) {
  evbuffer_expand(buffer_, 3000);
  Chain* chain = buffer_->first;
  Send(std::string(3000, 'x'));
  EXPECT_EQ(evbuffer_read(buffer_, fds_[1], -1), 3000);
  EXPECT_EQ(buffer_->first, chain);
  EXPECT_EQ(ChainCount(buffer_), 1);
}

TEST_F(Io, ReadWorksOnFiles) {
  std::string text(200000, 'f');
  int fd = FileWith(text);
  lseek(fd, 0, SEEK_SET);
  EXPECT_EQ(evbuffer_read(buffer_, fd, -1), 200000);
  EXPECT_TRUE(Contents(buffer_) == text);
  EXPECT_EQ(evbuffer_read(buffer_, fd, -1), 0);
  close(fd);
}

TEST_F(Io, ReadForBufferevents) {
  evbuffer_freeze(buffer_, 0);
  EXPECT_EQ(BufferReadFd(buffer_, fds_[1], 0), 0);
  EXPECT_EQ(BufferReadFd(buffer_, fds_[1], 100), -1);
  EXPECT_EQ(errno, EAGAIN);
  Send("bytes");
  EXPECT_EQ(BufferReadFd(buffer_, fds_[1], 3), 3);
  EXPECT_EQ(BufferReadFd(buffer_, fds_[1], 100), 2);
  EXPECT_EQ(Contents(buffer_), "bytes");
  close(fds_[0]);
  fds_[0] = dup(fds_[1]);
  EXPECT_EQ(BufferReadFd(buffer_, fds_[1], 100), 0);
}

TEST_F(Io, OneReadTakesABurstAndTheRoomAdapts) {
  Send(std::string(60000, 'x'));
  EXPECT_EQ(BufferReadFd(buffer_, fds_[1], 1 << 20), 60000);
  evbuffer_drain(buffer_, 60000);
  Send(std::string(120000, 'x'));
  EXPECT_EQ(BufferReadFd(buffer_, fds_[1], 1 << 20), 120000);
  CheckInvariants(buffer_);
}

TEST_F(Io, SmallMessagesKeepLittleMemory) {
  for (int i = 0; i < 100; ++i) {
    Send(std::string(64, 'x'));
    ASSERT_EQ(BufferReadFd(buffer_, fds_[1], 1 << 20), 64);
    EXPECT_LE(MemoryBytes(), 1024u);
    evbuffer_drain(buffer_, 64);
    EXPECT_EQ(MemoryBytes(), 0u);
  }
  // A spill that got little is not kept for it.
  Send(std::string(2000, 'x'));
  ASSERT_EQ(BufferReadFd(buffer_, fds_[1], 1 << 20), 2000);
  EXPECT_LE(MemoryBytes(), 4096u);
}

TEST_F(Io, WriteSendsAllChainsAndDrainsThem) {
  int releases = 0;
  evbuffer_add(buffer_, "one ", 4);
  AddReference(buffer_, "two ", &releases);
  evbuffer_add(buffer_, "three", 5);
  EXPECT_EQ(evbuffer_write(buffer_, fds_[1]), 13);
  EXPECT_EQ(releases, 1);
  EXPECT_EQ(Receive(), "one two three");
  EXPECT_EQ(evbuffer_write(buffer_, fds_[1]), -1) << "nothing to write";
}

TEST_F(Io, WriteSendsNoMoreThanAskedFor) {
  evbuffer_add(buffer_, "abc", 3);
  int releases = 0;
  AddReference(buffer_, "def", &releases);
  EXPECT_EQ(evbuffer_write_atmost(buffer_, fds_[1], 0), -1);
  EXPECT_EQ(evbuffer_write_atmost(buffer_, fds_[1], 4), 4);
  EXPECT_EQ(Contents(buffer_), "ef");
  EXPECT_EQ(evbuffer_write_atmost(buffer_, fds_[1], -1), 2);
  EXPECT_EQ(Receive(), "abcdef");
}

TEST_F(Io, AFailedWriteKeepsTheBytes) {
  evbuffer_add(buffer_, "abc", 3);
  EXPECT_EQ(evbuffer_write(buffer_, -1), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(Contents(buffer_), "abc");
}

TEST_F(Io, ManyChainsTakeSeveralWrites) {
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    evbuffer_add_reference(buffer_, "ab", 2, nullptr, nullptr);
    expected += "ab";
  }
  EXPECT_EQ(BufferWriteFd(buffer_, fds_[1], SIZE_MAX), 256);
  EXPECT_EQ(BufferWriteFd(buffer_, fds_[1], SIZE_MAX), 256);
  EXPECT_EQ(BufferWriteFd(buffer_, fds_[1], SIZE_MAX), 88);
  EXPECT_EQ(BufferWriteFd(buffer_, fds_[1], SIZE_MAX), 0);
  EXPECT_EQ(Receive(), expected);
}

}  // namespace
}  // namespace evoke
