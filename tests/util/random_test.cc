// SPDX-License-Identifier: BSD-3-Clause
#include "util/random.h"

#include <errno.h>
#include <event2/util.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace {

TEST(Random, FillsAllOfTheRoomAndNoMore) {
  // 256 bytes is what the kernel gives in one piece at least.
  for (size_t count : {0, 1, 7, 255, 256, 257, 4096, 1 << 20}) {
    std::vector<unsigned char> bytes(count + 16, 0);
    ASSERT_TRUE(evoke::FillWithRandomBytes(bytes.data(), count));
    EXPECT_TRUE(std::all_of(bytes.begin() + count, bytes.end(),
                            [](unsigned char byte) { return byte == 0; }));
    if (count >= 32) {
      // 32 zeros in a row: once in 2^256 times.
      EXPECT_FALSE(std::all_of(bytes.begin() + count - 32,
                               bytes.begin() + count,
                               [](unsigned char byte) { return byte == 0; }));
    }
  }
}

TEST(Random, NeverRepeats) {
  std::set<std::array<char, 16>> seen;
  for (int i = 0; i < 1000; ++i) {
    std::array<char, 16> bytes;
    evutil_secure_rng_get_bytes(bytes.data(), bytes.size());
    EXPECT_TRUE(seen.insert(bytes).second);
  }
}

TEST(Random, KeepsErrno) {
  errno = EPROTO;
  char byte;
  ASSERT_TRUE(evoke::FillWithRandomBytes(&byte, 1));
  EXPECT_EQ(errno, EPROTO);
}

TEST(Random, ParentAndChildDiffer) {
  std::array<char, 16> ours;
  std::array<char, 16> theirs;
  evutil_secure_rng_get_bytes(ours.data(), ours.size());
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    evutil_secure_rng_get_bytes(theirs.data(), theirs.size());
    const bool sent =
        write(fds[1], theirs.data(), theirs.size()) == ssize_t{16};
    _exit(sent ? 0 : 1);
  }
  ASSERT_EQ(read(fds[0], theirs.data(), theirs.size()), ssize_t{16});
  int status;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  close(fds[0]);
  close(fds[1]);
  evutil_secure_rng_get_bytes(ours.data(), ours.size());
  EXPECT_NE(ours, theirs);
}

TEST(Random, NeedsNoDeviceFileAndNoSeed) {
  std::string name = "/nonexistent";
  EXPECT_EQ(evutil_secure_rng_set_urandom_device_file(name.data()), -1);
  EXPECT_EQ(evutil_secure_rng_set_urandom_device_file(nullptr), -1);
  evutil_secure_rng_add_bytes(nullptr, 0);
  EXPECT_EQ(evutil_secure_rng_init(), 0);
}

}  // namespace
