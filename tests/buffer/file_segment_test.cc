// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

// How the bytes come: by sendfile, mmap or read.
struct Way {
  const char* name;
  unsigned flags;
  bool drains_to_fd;
};

class FileSegment : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    if (GetParam().drains_to_fd) {
      evbuffer_set_flags(buffer_, EVBUFFER_FLAG_DRAINS_TO_FD);
    }
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets_), 0);
    event_set_log_callback([](int, const char*) {});
  }
  void TearDown() override {
    event_set_log_callback(nullptr);
    close(sockets_[0]);
    close(sockets_[1]);
  }
  std::string WriteAll() {
    std::string text;
    char out[1000];
    while (evbuffer_get_length(buffer_) > 0) {
      EXPECT_GT(evbuffer_write(buffer_, sockets_[0]), 0);
    }
    ssize_t n;
    while ((n = recv(sockets_[1], out, sizeof(out), 0)) > 0)
      text.append(out, n);
    return text;
  }
  evbuffer_file_segment* Segment(int fd, int64_t offset, int64_t length) {
    return evbuffer_file_segment_new(fd, offset, length,
                                     GetParam().flags | EVBUF_FS_CLOSE_ON_FREE);
  }

  OwnedBuffer owned_ = NewBuffer();
  evbuffer* buffer_ = owned_.get();
  int sockets_[2];
};

int g_warnings;

// While a chain has it, too.
TEST_P(FileSegment, TheProgramGivesItsReferenceBackOnce) {
  g_warnings = 0;
  event_set_log_callback([](int, const char*) { ++g_warnings; });
  int fd = FileWith("0123456789");
  evbuffer_file_segment* segment = Segment(fd, 0, -1);
  EXPECT_EQ(evbuffer_add_file_segment(buffer_, segment, 0, 10), 0);
  evbuffer_file_segment_free(segment);
  EXPECT_EQ(g_warnings, 0);
  evbuffer_file_segment_free(segment);
  EXPECT_EQ(g_warnings, 1);
  EXPECT_TRUE(IsOpen(fd));
  EXPECT_EQ(WriteAll(), "0123456789");
  EXPECT_FALSE(IsOpen(fd));
}

// A device can be read, but not mapped.
TEST(FileSegmentOfADevice, IsReadWhereItCannotBeMapped) {
  event_set_log_callback([](int, const char*) {});
  for (const char* path : {"/dev/urandom", "/proc/version"}) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    OwnedBuffer buffer = NewBuffer();
    EXPECT_EQ(evbuffer_add_file(buffer.get(), fd, 0, 16), 0) << path;
    EXPECT_EQ(Contents(buffer.get()).size(), 16u);
  }
  event_set_log_callback(nullptr);
}

TEST_P(FileSegment, PartsGoWhereTheyAreAdded) {
  int fd = FileWith("0123456789");
  evbuffer_file_segment* segment = Segment(fd, 2, 7);  // 2345678
  ASSERT_NE(segment, nullptr);
  evbuffer_add(buffer_, "<", 1);
  EXPECT_EQ(evbuffer_add_file_segment(buffer_, segment, 0, 2), 0);
  evbuffer_add(buffer_, "|", 1);
  EXPECT_EQ(evbuffer_add_file_segment(buffer_, segment, 4, -1), 0);
  evbuffer_add(buffer_, ">", 1);
  evbuffer_file_segment_free(segment);
  EXPECT_EQ(evbuffer_get_length(buffer_), 8u);
  EXPECT_TRUE(IsOpen(fd));
  EXPECT_EQ(WriteAll(), "<23|678>");
  EXPECT_FALSE(IsOpen(fd));
}

TEST_P(FileSegment, WriteAtmostHoldsInsideAFile) {
  evbuffer_file_segment* segment = Segment(FileWith("0123456789"), 0, -1);
  ASSERT_EQ(evbuffer_add_file_segment(buffer_, segment, 0, -1), 0);
  evbuffer_file_segment_free(segment);
  EXPECT_EQ(evbuffer_write_atmost(buffer_, sockets_[0], 4), 4);
  EXPECT_EQ(evbuffer_get_length(buffer_), 6u);
  EXPECT_EQ(WriteAll(), "0123456789");
}

TEST_P(FileSegment, CanBeReadInEveryWay) {
  evbuffer_file_segment* segment =
      Segment(FileWith("one\ntwo\nthree\n"), 0, -1);
  ASSERT_EQ(evbuffer_add_file_segment(buffer_, segment, 0, -1), 0);
  evbuffer_file_segment_free(segment);
  evbuffer_prepend(buffer_, "zero ", 5);
  EXPECT_EQ(evbuffer_search(buffer_, "two", 3, nullptr).pos, 9);
  char* line = evbuffer_readln(buffer_, nullptr, EVBUFFER_EOL_LF);
  EXPECT_STREQ(line, "zero one");
  free(line);
  OwnedBuffer other = NewBuffer();
  EXPECT_EQ(evbuffer_remove_buffer(buffer_, other.get(), 2), 2);
  EXPECT_EQ(Contents(other.get()), "tw");
  EXPECT_EQ(memcmp(evbuffer_pullup(buffer_, -1), "o\nthree\n", 8), 0);
}

TEST_P(FileSegment, CleanupRunsOnceWhenTheLastUserIsGone) {
  static int cleanups;
  cleanups = 0;
  evbuffer_file_segment* segment = Segment(FileWith("shared"), 0, -1);
  evbuffer_file_segment_add_cleanup_cb(
      segment,
      [](const evbuffer_file_segment*, int flags, void*) {
        ++cleanups;
        EXPECT_TRUE(flags & EVBUF_FS_CLOSE_ON_FREE);
      },
      nullptr);
  OwnedBuffer other = NewBuffer();
  evbuffer_add_file_segment(buffer_, segment, 0, 3);
  evbuffer_add_file_segment(other.get(), segment, 3, 3);
  evbuffer_file_segment_free(segment);
  evbuffer_drain(buffer_, 3);
  EXPECT_EQ(cleanups, 0);
  EXPECT_EQ(Contents(other.get()), "red");
  other.reset();
  EXPECT_EQ(cleanups, 1);
}

TEST_P(FileSegment, RangesOutsideAreRefusedAndTheReferenceStays) {
  evbuffer_file_segment* segment = Segment(FileWith("0123456789"), 0, 5);
  EXPECT_EQ(evbuffer_add_file_segment(buffer_, segment, 3, 3), -1);
  EXPECT_EQ(evbuffer_add_file_segment(buffer_, segment, 6, -1), -1);
  EXPECT_EQ(evbuffer_add_file_segment(buffer_, segment, -1, 1), -1);
  evbuffer_freeze(buffer_, 0);
  EXPECT_EQ(evbuffer_add_file_segment(buffer_, segment, 0, 1), -1);
  evbuffer_unfreeze(buffer_, 0);
  EXPECT_EQ(evbuffer_add_file_segment(buffer_, segment, 4, 1), 0);
  evbuffer_file_segment_free(segment);
  EXPECT_EQ(WriteAll(), "4");
}

TEST_P(FileSegment, BeyondTheEndOfTheFileIsRefused) {
  int fd = FileWith("0123456789");
  EXPECT_EQ(Segment(fd, 0, 11), nullptr);
  EXPECT_EQ(Segment(fd, 6, 5), nullptr);
  EXPECT_EQ(Segment(fd, 1, -1), nullptr) << "-1 is the size of the whole file";
  EXPECT_EQ(Segment(fd, -1, 5), nullptr);
  EXPECT_EQ(Segment(fd, 0, -2), nullptr);
  EXPECT_TRUE(IsOpen(fd)) << "what is refused stays the caller's";
  close(fd);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, FileSegment,
    testing::Values(Way{"sendfile", 0, true}, Way{"mmap", 0, false},
                    Way{"mmap_only", EVBUF_FS_DISABLE_SENDFILE, true},
                    Way{"read", EVBUF_FS_DISABLE_MMAP, false},
                    Way{"read_only",
                        EVBUF_FS_DISABLE_MMAP | EVBUF_FS_DISABLE_SENDFILE,
                        true}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(AddFile, OwnsTheFd) {
  OwnedBuffer buffer = NewBuffer("a ");
  int fd = FileWith("0123456789");
  ASSERT_EQ(evbuffer_add_file(buffer.get(), fd, 3, 5), 0);
  EXPECT_EQ(Contents(buffer.get()), "a 34567");
  EXPECT_TRUE(IsOpen(fd));
  evbuffer_drain(buffer.get(), 7);
  EXPECT_FALSE(IsOpen(fd));
}

TEST(AddFile, FailureOfTheBufferClosesFailureOfTheFileDoesNot) {
  event_set_log_callback([](int, const char*) {});
  OwnedBuffer buffer = NewBuffer();
  int empty = FileWith("");
  EXPECT_EQ(evbuffer_add_file(buffer.get(), empty, 0, -1), -1);
  EXPECT_TRUE(IsOpen(empty));
  close(empty);
  EXPECT_EQ(evbuffer_add_file(buffer.get(), -1, 0, 5), -1);
  EXPECT_EQ(evbuffer_add_file(buffer.get(), -1, 0, -1), -1);
  evbuffer_freeze(buffer.get(), 0);
  int fd = FileWith("0123456789");
  EXPECT_EQ(evbuffer_add_file(buffer.get(), fd, 0, -1), -1);
  EXPECT_FALSE(IsOpen(fd));
  event_set_log_callback(nullptr);
}

TEST(AddFile, ReadingDoesNotMoveTheFilesPosition) {
  OwnedBuffer buffer = NewBuffer();
  int fd = FileWith("0123456789");
  lseek(fd, 3, SEEK_SET);
  evbuffer_file_segment* segment = evbuffer_file_segment_new(
      fd, 0, -1, EVBUF_FS_DISABLE_MMAP | EVBUF_FS_DISABLE_SENDFILE);
  ASSERT_EQ(evbuffer_add_file_segment(buffer.get(), segment, 0, -1), 0);
  evbuffer_file_segment_free(segment);
  EXPECT_EQ(Contents(buffer.get()), "0123456789");
  EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 3);
  EXPECT_TRUE(IsOpen(fd)) << "nobody asked to close it";
  close(fd);
}

// What is no regular file has no end, so these go as far as numbers do.
TEST(FileSegment, RangesBeyondAllOffsetsAreRefused) {
  int fd = open("/dev/zero", O_RDONLY);
  ASSERT_GE(fd, 0);
  constexpr int64_t kMax = INT64_MAX;
  EXPECT_EQ(evbuffer_file_segment_new(fd, 1, kMax, 0), nullptr);
  EXPECT_EQ(evbuffer_file_segment_new(fd, kMax, 1, 0), nullptr);
  EXPECT_EQ(evbuffer_file_segment_new(fd, kMax, kMax, 0), nullptr);

  evbuffer_file_segment* segment =
      evbuffer_file_segment_new(fd, 1, kMax - 1, 0);
  ASSERT_NE(segment, nullptr);
  OwnedBuffer buffer = NewBuffer();
  evbuffer_set_flags(buffer.get(), EVBUFFER_FLAG_DRAINS_TO_FD);
  EXPECT_EQ(evbuffer_add_file_segment(buffer.get(), segment, 0, -1), 0);
  EXPECT_EQ(evbuffer_get_length(buffer.get()), size_t{kMax} - 1);
  EXPECT_EQ(evbuffer_add_file_segment(buffer.get(), segment, 0, 2), -1);
  EXPECT_EQ(evbuffer_add(buffer.get(), "xy", 2), -1);
  EXPECT_EQ(evbuffer_add(buffer.get(), "x", 1), 0);
  EXPECT_EQ(evbuffer_get_length(buffer.get()), size_t{kMax});
  // Nothing of it is in memory, and it cannot be.
  EXPECT_EQ(evbuffer_pullup(buffer.get(), 10), nullptr);
  EXPECT_EQ(evbuffer_drain(buffer.get(), size_t{kMax} - 1), 0);
  EXPECT_EQ(Contents(buffer.get()), "x");
  evbuffer_file_segment_free(segment);
  close(fd);
}

}  // namespace
}  // namespace evoke
