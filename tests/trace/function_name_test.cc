// SPDX-License-Identifier: BSD-3-Clause
#include "trace/function_name.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>

namespace evoke {
namespace {

void Local() {}

evoke_function AddressOf(auto* function) {
  return reinterpret_cast<evoke_function>(function);
}

TEST(FunctionName, WhatALibraryExportsHasItsName) {
  // One that no sanitizer puts itself before.
  FunctionName name = NameOf(AddressOf(&l64a));
  ASSERT_NE(name.symbol, nullptr);
  EXPECT_STREQ(name.symbol, "l64a");
  EXPECT_NE(strstr(name.module, "libc"), nullptr);
}

TEST(FunctionName, WhatIsNotExportedHasItsFileAndOffset) {
  FunctionName name = NameOf(AddressOf(&Local));
  EXPECT_EQ(name.symbol, nullptr);
  EXPECT_NE(strstr(name.module, "function_name_test"), nullptr);
  char text[100];
  DescribeFunction(AddressOf(&Local), text, sizeof(text));
  EXPECT_EQ(std::string(text).rfind("function_name_test+0x", 0), 0u) << text;
}

TEST(FunctionName, AnAddressOfNoFileIsTold) {
  char text[100];
  DescribeFunction(reinterpret_cast<evoke_function>(16), text, sizeof(text));
  EXPECT_STREQ(text, "?+0x10");
  DescribeFunction(nullptr, text, sizeof(text));
  EXPECT_STREQ(text, "no function");
}

TEST(FunctionName, TextsAreCutWhereTheRoomEnds) {
  char text[8];
  DescribeFunction(AddressOf(&Local), text, sizeof(text));
  EXPECT_EQ(strlen(text), 7u);
}

}  // namespace
}  // namespace evoke
