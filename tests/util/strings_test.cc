// SPDX-License-Identifier: BSD-3-Clause
//
// Properties of the string and date functions. string_record.c compares them
// with libevent's.
#include "util/strings.h"

#include <errno.h>
#include <event2/util.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <algorithm>
#include <string>

#include "gtest/gtest.h"

namespace {

TEST(AsciiToLower, ChangesCapitalsOnly) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool capital = byte >= 'A' && byte <= 'Z';
    EXPECT_EQ(evoke::AsciiToLower(c),
              capital ? static_cast<char>(byte + 32) : c);
  }
}

TEST(Strcasecmp, AgreesWithLibcOnAsciiText) {
  // LC_ALL is the C locale in tests.
  const std::string texts[] = {
      "",  "a", "A", "Content-Length", "content-length", "content-lengtH:",
      "[", "z", "_"};
  for (const std::string& a : texts) {
    for (const std::string& b : texts) {
      const int ours = evutil_ascii_strcasecmp(a.c_str(), b.c_str());
      const int libc = strcasecmp(a.c_str(), b.c_str());
      EXPECT_EQ(ours < 0, libc < 0) << a << " " << b;
      EXPECT_EQ(ours == 0, libc == 0) << a << " " << b;
    }
  }
}

TEST(Strncasecmp, LooksNoFurtherThanItMay) {
  const char unterminated[] = {'a', 'b'};
  EXPECT_EQ(evutil_ascii_strncasecmp(unterminated, "ABC", 2), 0);
  EXPECT_EQ(evutil_ascii_strncasecmp(unterminated, "xyz", 0), 0);
  EXPECT_EQ(evutil_ascii_strncasecmp("a", "a", SIZE_MAX), 0);
}

TEST(Strcasecmp, PutsNullFirst) {
  EXPECT_LT(evutil_ascii_strcasecmp(nullptr, ""), 0);
  EXPECT_GT(evutil_ascii_strncasecmp("", nullptr, 1), 0);
  EXPECT_EQ(evutil_ascii_strcasecmp(nullptr, nullptr), 0);
}

TEST(Strtoll, RefusesNull) {
  errno = 0;
  EXPECT_EQ(evutil_strtoll(nullptr, nullptr, 10), 0);
  EXPECT_EQ(errno, EINVAL);
}

TEST(Snprintf, NeverWritesBeyondTheRoom) {
  for (size_t room = 0; room < 12; ++room) {
    std::string text(12, '#');
    const int length = evutil_snprintf(text.data(), room, "%s", "0123456789");
    EXPECT_EQ(length, room == 0 ? 0 : 10);
    for (size_t i = room; i < text.size(); ++i) EXPECT_EQ(text[i], '#');
    if (room > 0) {
      EXPECT_EQ(strlen(text.c_str()), std::min<size_t>(room - 1, 10));
    }
  }
}

TEST(Date, IsOfTheNowWhenNoneIsGiven) {
  char text[64];
  const time_t before = time(nullptr);
  ASSERT_EQ(evutil_date_rfc1123(text, sizeof(text), nullptr), 29);
  const time_t after = time(nullptr);
  struct tm tm = {};
  ASSERT_NE(strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm), nullptr) << text;
  const time_t said = timegm(&tm);
  EXPECT_GE(said, before);
  EXPECT_LE(said, after);
}

// libevent reads beyond its tables here.
TEST(Date, MarksDaysAndMonthsThatDoNotExist) {
  char text[64];
  for (int bad : {-1, 12, INT_MIN, INT_MAX}) {
    struct tm tm = {};
    tm.tm_year = 126;
    tm.tm_mday = 1;
    tm.tm_wday = bad;
    tm.tm_mon = bad;
    EXPECT_EQ(evutil_date_rfc1123(text, sizeof(text), &tm), 29);
    EXPECT_STREQ(text, "???, 01 ??? 2026 00:00:00 GMT");
  }
}

TEST(Date, TakesAnyYear) {
  char text[64];
  struct tm tm = {};
  tm.tm_year = INT_MAX;
  EXPECT_EQ(evutil_date_rfc1123(text, sizeof(text), &tm), 35);
  EXPECT_STREQ(text, "Sun, 00 Jan 2147485547 00:00:00 GMT");
}

}  // namespace
