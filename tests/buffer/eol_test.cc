// SPDX-License-Identifier: BSD-3-Clause
#include <event2/buffer_compat.h>

#include <vector>

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

struct Case {
  const char* text;
  evbuffer_eol_style style;
  std::vector<std::string> lines;
  const char* rest;
};

const Case kCases[] = {
    {"a\r\n\n\rb\n", EVBUFFER_EOL_ANY, {"a", "b"}, ""},
    {"\r\nx", EVBUFFER_EOL_ANY, {""}, "x"},
    {"a\r\nb\nc\rd\n", EVBUFFER_EOL_CRLF, {"a", "b", "c\rd"}, ""},
    {"a\r\r\nb\r", EVBUFFER_EOL_CRLF, {"a\r"}, "b\r"},
    {"\n\r\n\r\r\n", EVBUFFER_EOL_CRLF, {"", "", "\r"}, ""},
    {"a\rb\rc\n\n", EVBUFFER_EOL_CRLF, {"a\rb\rc", ""}, ""},
    {"a\nb\r\nc\r", EVBUFFER_EOL_CRLF_STRICT, {"a\nb"}, "c\r"},
    {"a\r\n\nb", EVBUFFER_EOL_LF, {"a\r", ""}, "b"},
    {"none", EVBUFFER_EOL_LF, {}, "none"},
    {"", EVBUFFER_EOL_ANY, {}, ""},
};

// In one chain, and in one chain for every byte.
void TakeLines(evbuffer* buffer, const Case& c) {
  for (const std::string& expected : c.lines) {
    size_t length;
    char* line = evbuffer_readln(buffer, &length, c.style);
    ASSERT_NE(line, nullptr);
    EXPECT_EQ(std::string(line, length), expected);
    EXPECT_EQ(line[length], '\0');
    free(line);
  }
  size_t length = 77;
  EXPECT_EQ(evbuffer_readln(buffer, &length, c.style), nullptr);
  EXPECT_EQ(length, 0u);
  EXPECT_EQ(Contents(buffer), c.rest);
}

TEST(Readln, EveryStyleEndsLinesAsItSays) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::PrintToString(c.text));
    TakeLines(NewBuffer(c.text).get(), c);
    OwnedBuffer bytes = NewBuffer();
    for (const char* p = c.text; *p != '\0'; ++p) {
      evbuffer_add_reference(bytes.get(), p, 1, nullptr, nullptr);
    }
    TakeLines(bytes.get(), c);
  }
}

TEST(Readln, NulEndsALineAndMayBeInOne) {
  OwnedBuffer buffer = NewBuffer(std::string("a\0b\nc\0", 6));
  size_t length;
  char* line = evbuffer_readln(buffer.get(), &length, EVBUFFER_EOL_LF);
  EXPECT_EQ(std::string(line, length), std::string("a\0b", 3));
  free(line);
  line = evbuffer_readln(buffer.get(), nullptr, EVBUFFER_EOL_NUL);
  EXPECT_STREQ(line, "c");
  free(line);
}

TEST(Readline, IsAnyEol) {
  OwnedBuffer buffer = NewBuffer("a\r\rb");
  char* line = evbuffer_readline(buffer.get());
  EXPECT_STREQ(line, "a");
  free(line);
  EXPECT_EQ(Contents(buffer.get()), "b");
}

TEST(SearchEol, ACrBeforeTheStartIsNoneOfIts) {
  OwnedBuffer buffer = NewBuffer("ab\r\n");
  evbuffer_ptr start;
  evbuffer_ptr_set(buffer.get(), &start, 3, EVBUFFER_PTR_SET);
  size_t length = 77;
  EXPECT_EQ(
      evbuffer_search_eol(buffer.get(), &start, &length, EVBUFFER_EOL_CRLF).pos,
      3);
  EXPECT_EQ(length, 1u);
}

TEST(SearchEol, TellsWhereAndHowLong) {
  OwnedBuffer buffer = NewBuffer("ab\r\ncd\r\n");
  size_t length = 77;
  evbuffer_ptr at = evbuffer_search_eol(buffer.get(), nullptr, &length,
                                        EVBUFFER_EOL_CRLF_STRICT);
  EXPECT_EQ(at.pos, 2);
  EXPECT_EQ(length, 2u);
  evbuffer_ptr_set(buffer.get(), &at, 2, EVBUFFER_PTR_ADD);
  EXPECT_EQ(
      evbuffer_search_eol(buffer.get(), &at, nullptr, EVBUFFER_EOL_CRLF).pos,
      6);
  EXPECT_EQ(evbuffer_search_eol(buffer.get(), nullptr, &length,
                                static_cast<evbuffer_eol_style>(9))
                .pos,
            -1);
  EXPECT_EQ(length, 0u);
}

}  // namespace
}  // namespace evoke
