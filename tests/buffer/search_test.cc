// SPDX-License-Identifier: BSD-3-Clause
#include <event2/buffer_compat.h>

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

// A chain for every piece.
OwnedBuffer InPieces(std::initializer_list<const char*> pieces) {
  OwnedBuffer buffer = NewBuffer();
  for (const char* piece : pieces) {
    evbuffer_add_reference(buffer.get(), piece, strlen(piece), nullptr,
                           nullptr);
  }
  return buffer;
}

ev_ssize_t Search(evbuffer* buffer, const char* what, size_t start,
                  size_t end) {
  evbuffer_ptr start_ptr, end_ptr;
  evbuffer_ptr_set(buffer, &start_ptr, start, EVBUFFER_PTR_SET);
  evbuffer_ptr_set(buffer, &end_ptr, end, EVBUFFER_PTR_SET);
  return evbuffer_search_range(buffer, what, strlen(what), &start_ptr, &end_ptr)
      .pos;
}

TEST(Search, FindsAcrossChains) {
  OwnedBuffer buffer = InPieces({"a", "ab", "a", "abc", "d"});  // aabaabcd
  EXPECT_EQ(Search(buffer.get(), "aabaabcd", 0, 8), 0);
  EXPECT_EQ(Search(buffer.get(), "aabc", 0, 8), 3);
  EXPECT_EQ(Search(buffer.get(), "aab", 1, 8), 3);
  EXPECT_EQ(Search(buffer.get(), "cd", 0, 8), 6);
  EXPECT_EQ(Search(buffer.get(), "cde", 0, 8), -1);
}

TEST(Search, EndsInFrontOfTheEnd) {
  OwnedBuffer buffer = InPieces({"ab", "cdab", "cdef"});
  EXPECT_EQ(Search(buffer.get(), "abcd", 0, 3), -1);
  EXPECT_EQ(Search(buffer.get(), "abcd", 0, 4), 0);
  EXPECT_EQ(Search(buffer.get(), "abcd", 1, 7), -1);
  EXPECT_EQ(Search(buffer.get(), "abcd", 1, 8), 4);
  EXPECT_EQ(Search(buffer.get(), "b", 5, 5), -1);
  EXPECT_EQ(Search(buffer.get(), "b", 6, 2), -1);
}

// Where the first byte is found in vain again and again, and where it is rare;
// against std::string::find.
TEST(Search, FindsWhatIsThereHoweverOftenItBeginsInVain) {
  for (size_t period : {1, 2, 7, 50, 400}) {
    std::string text;
    for (size_t i = 0; i < 5000; ++i) {
      text.push_back(i % period == 0 ? 'a' : 'b');
    }
    for (size_t end : {size_t{1}, size_t{2}, size_t{60}, text.size() - 1}) {
      for (const char* needle : {"ac", "aac", "abbbbbbc", "a", "abc"}) {
        std::string here = text.substr(0, end) + needle + "ab";
        evbuffer_ptr at = evbuffer_search(NewBuffer(here).get(), needle,
                                          strlen(needle), nullptr);
        EXPECT_EQ(at.pos, static_cast<ev_ssize_t>(here.find(needle)));
      }
    }
    EXPECT_EQ(evbuffer_search(NewBuffer(text).get(), "ac", 2, nullptr).pos, -1);
  }
}

TEST(Search, NothingIsFoundWhereItBegins) {
  OwnedBuffer buffer = InPieces({"ab"});
  EXPECT_EQ(Search(buffer.get(), "", 1, 0), 1);
  EXPECT_EQ(Search(buffer.get(), "", 2, 2), 2);
  EXPECT_EQ(evbuffer_search(NewBuffer().get(), "x", 1, nullptr).pos, -1);
}

TEST(Search, AnUnsetPointerFindsNothing) {
  OwnedBuffer buffer = InPieces({"ab"});
  evbuffer_ptr unset;
  evbuffer_ptr_set(buffer.get(), &unset, 100, EVBUFFER_PTR_SET);
  EXPECT_EQ(evbuffer_search(buffer.get(), "a", 1, &unset).pos, -1);
}

TEST(Search, AResultIsAPointerToGoOnFrom) {
  OwnedBuffer buffer = InPieces({"x,y", ",", "z"});
  int commas = 0;
  evbuffer_ptr at = evbuffer_search(buffer.get(), ",", 1, nullptr);
  while (at.pos >= 0) {
    ++commas;
    ASSERT_EQ(evbuffer_ptr_set(buffer.get(), &at, 1, EVBUFFER_PTR_ADD), 0);
    at = evbuffer_search(buffer.get(), ",", 1, &at);
  }
  EXPECT_EQ(commas, 2);
}

TEST(Find, PullsUpWhatItFound) {
  OwnedBuffer buffer = InPieces({"ab", "cd", "ef"});
  auto* what = reinterpret_cast<const unsigned char*>("bcd");
  unsigned char* found = evbuffer_find(buffer.get(), what, 3);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(memcmp(found - 1, "abcd", 4), 0);
  EXPECT_EQ(evbuffer_find(buffer.get(), what, 0), nullptr);
  what = reinterpret_cast<const unsigned char*>("no");
  EXPECT_EQ(evbuffer_find(buffer.get(), what, 2), nullptr);
}

}  // namespace
}  // namespace evoke
