// SPDX-License-Identifier: BSD-3-Clause
#include <event2/buffer_compat.h>

#include <string>

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

void Record(evbuffer*, size_t old_length, size_t new_length, void* arg) {
  *static_cast<std::string*>(arg) +=
      std::to_string(old_length) + ">" + std::to_string(new_length) + " ";
}

void Count(evbuffer*, const evbuffer_cb_info*, void* arg) {
  ++*static_cast<int*>(arg);
}

TEST(Setcb, ReplacesAllCallbacks) {
  OwnedBuffer buffer = NewBuffer();
  int count = 0;
  std::string calls;
  evbuffer_add_cb(buffer.get(), &Count, &count);
  ASSERT_EQ(evbuffer_setcb(buffer.get(), &Record, &calls), 0);
  evbuffer_add(buffer.get(), "abc", 3);
  evbuffer_drain(buffer.get(), 1);
  EXPECT_EQ(calls, "0>3 3>2 ");
  EXPECT_EQ(count, 0);
}

TEST(Setcb, NullTakesAllAway) {
  OwnedBuffer buffer = NewBuffer();
  std::string calls;
  evbuffer_setcb(buffer.get(), &Record, &calls);
  ASSERT_EQ(evbuffer_setcb(buffer.get(), nullptr, nullptr), 0);
  evbuffer_add(buffer.get(), "abc", 3);
  EXPECT_EQ(calls, "");
}

}  // namespace
}  // namespace evoke
