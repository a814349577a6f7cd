// SPDX-License-Identifier: BSD-3-Clause
#include "scope/text.h"

#include <gtest/gtest.h>

#include <string>

#include "scope/memory.h"

namespace evoke::scope {
namespace {

std::string Of(const Text& text) { return {text.data(), text.size()}; }

TEST(Text, PutsPiecesTogether) {
  Text text;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    text.Add("a,");
    text.Format("%d;", i);
    expected += "a," + std::to_string(i) + ";";
  }
  EXPECT_EQ(Of(text), expected);
  EXPECT_FALSE(text.failed());
}

TEST(Text, QuotesForJson) {
  Text text;
  text.AddJsonString("a\"b\\c\n\x01\xc3\xa4\x7f");
  EXPECT_EQ(Of(text), "\"a\\\"b\\\\c\\u000a\\u0001??\x7f\"");
}

TEST(Text, GivesItsBytesAway) {
  Text text;
  text.Add("abc");
  size_t count = 0;
  char* bytes = text.Release(&count);
  EXPECT_EQ(std::string(bytes, count), "abc");
  EXPECT_EQ(text.size(), 0u);
  Free(bytes);
}

int g_left;

// From some request for memory on there is none.
TEST(Text, FailsOnceAndForAllWithoutMemory) {
  event_set_mem_functions(
      malloc,
      [](void* memory, size_t size) -> void* {
        return g_left-- > 0 ? realloc(memory, size) : nullptr;
      },
      free);
  for (int i = 0; i < 3; ++i) {
    g_left = i;
    Text text;
    for (int n = 0; n < 10000; ++n) text.Format("%d", n);
    g_left = 1000;
    text.Add("more");
    EXPECT_TRUE(text.failed());
    size_t count;
    EXPECT_EQ(text.Release(&count), nullptr);
  }
  event_set_mem_functions(nullptr, nullptr, nullptr);
}

}  // namespace
}  // namespace evoke::scope
