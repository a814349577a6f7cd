// SPDX-License-Identifier: BSD-3-Clause
#include "scope/symbols.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

// C linkage, so that its name is its name; static, so that nobody exports it.
extern "C" {
__attribute__((noinline)) static void a_function_of_the_test(void) {
  asm volatile("");
}
}

namespace evoke::scope {
namespace {

TEST(Symbols, NamesAFunctionThatNobodyExports) {
  Symbols symbols;
  std::string text = symbols.Describe(a_function_of_the_test);
  EXPECT_EQ(text.rfind("a_function_of_the_test (symbols_test+0x", 0), 0u)
      << text;
  // The second time from memory.
  EXPECT_EQ(symbols.Describe(a_function_of_the_test),
            symbols.Describe(a_function_of_the_test));
}

TEST(Symbols, SaysWhereAnAddressIsThatHasNoName) {
  Symbols symbols;
  auto inside = reinterpret_cast<evoke_function>(
      reinterpret_cast<uintptr_t>(a_function_of_the_test) + 1);
  std::string text = symbols.Describe(inside);
  EXPECT_EQ(text.rfind("symbols_test+0x", 0), 0u) << text;
  EXPECT_STREQ(symbols.Describe(nullptr), "no function");
  text = symbols.Describe(reinterpret_cast<evoke_function>(uintptr_t{1}));
  EXPECT_NE(text, "");
}

TEST(Symbols, SaysWhereWhenItIsFull) {
  Symbols symbols;
  for (uintptr_t i = 1; i <= 3000; ++i) {
    symbols.Want(reinterpret_cast<evoke_function>(i));
    ASSERT_NE(symbols.Describe(reinterpret_cast<evoke_function>(i)), nullptr);
  }
  std::string text = symbols.Describe(a_function_of_the_test);
  EXPECT_EQ(text.rfind("symbols_test+0x", 0), 0u) << text;
}

TEST(Symbols, AddsWhatWasWanted) {
  Symbols symbols;
  symbols.Want(a_function_of_the_test);
  symbols.Want(a_function_of_the_test);
  symbols.Want(nullptr);
  Text text;
  symbols.AddWanted(&text);
  char expected[200];
  snprintf(expected, sizeof(expected), "{\"%p\":\"%s\"}",
           reinterpret_cast<void*>(a_function_of_the_test),
           symbols.Describe(a_function_of_the_test));
  EXPECT_EQ(std::string(text.data(), text.size()), expected);
  // Once.
  Text more;
  symbols.AddWanted(&more);
  EXPECT_EQ(std::string(more.data(), more.size()), "{}");
}

TEST(Symbols, LooksIntoFilesThatAreNone) {
  char name[32];
  EXPECT_FALSE(NameFromFile("/nowhere", 0, 0, name, sizeof(name)));
  EXPECT_FALSE(NameFromFile("/", 0, 0, name, sizeof(name)));
  EXPECT_FALSE(NameFromFile("/dev/null", 0, 0, name, sizeof(name)));
}

// What a file says of itself is not believed: a damaged one has no names, or
// wrong ones, and is never read beyond its end (a sanitizer, or SIGBUS, would
// tell).
TEST(Symbols, SurvivesDamagedFiles) {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
  ASSERT_GT(length, 0);
  path[length] = '\0';
  std::ifstream self(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(self)),
                          std::istreambuf_iterator<char>());
  ASSERT_GT(whole.size(), 1000u);
  uint64_t sections;
  memcpy(&sections, whole.data() + 40, sizeof(sections));
  const std::string damaged = std::string(getenv("TEST_TMPDIR")) + "/damaged";
  std::mt19937 random(20261127);
  for (int i = 0; i < 60; ++i) {
    std::string copy = whole;
    if (i % 3 == 0) copy.resize(random() % copy.size());
    for (int n = 0; n < 20; ++n) {
      // In the header or in the table of sections.
      size_t at = i % 2 == 0 ? 16 + random() % 48
                             : sections + random() % (whole.size() - sections);
      if (at < copy.size()) copy[at] = static_cast<char>(random());
    }
    std::ofstream(damaged, std::ios::binary) << copy;
    char name[32];
    for (uintptr_t address : {uintptr_t{0}, uintptr_t{0x1000}}) {
      NameFromFile(damaged.c_str(), 0, address, name, sizeof(name));
    }
  }
}

}  // namespace
}  // namespace evoke::scope
