// SPDX-License-Identifier: BSD-3-Clause
//
// Writes down what the string and date functions do. Compiled against evoke and
// against libevent; the records must be equal.
#include <errno.h>
#include <event2/util.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

static void record_strtoll(void) {
  static const char *const kTexts[] = {"",
                                       "0",
                                       "12",
                                       "-12",
                                       "+12",
                                       " \t12",
                                       "12x",
                                       "x",
                                       "0x1F",
                                       "0x",
                                       "017",
                                       "08",
                                       "zz",
                                       "-",
                                       "1 2",
                                       "0b1",
                                       "9223372036854775807",
                                       "9223372036854775808",
                                       "-9223372036854775808",
                                       "-9223372036854775809",
                                       "99999999999999999999999",
                                       "7fffffffffffffff"};
  static const int kBases[] = {0, 2, 8, 10, 16, 36, 1, 37, -1};
  for (size_t i = 0; i < sizeof(kTexts) / sizeof(kTexts[0]); ++i) {
    for (size_t j = 0; j < sizeof(kBases) / sizeof(kBases[0]); ++j) {
      char *end = NULL;
      errno = 0;
      const ev_int64_t value = evutil_strtoll(kTexts[i], &end, kBases[j]);
      // Of a base that does not exist the end is unspecified.
      const int used = errno == EINVAL ? -1 : (int)(end - kTexts[i]);
      printf("strtoll \"%s\" %d: %lld %d %d\n", kTexts[i], kBases[j],
             (long long)value, used, errno);
    }
  }
  printf("strtoll without end: %lld\n",
         (long long)evutil_strtoll("5x", NULL, 0));
}

static void record_snprintf(void) {
  char text[16];
  for (size_t room = 0; room <= sizeof(text); ++room) {
    memset(text, '#', sizeof(text));
    const int length = evutil_snprintf(text, room, "%s-%d", "abcdef", 4711);
    printf("snprintf %zu: %d \"%.*s\"\n", room, length, (int)sizeof(text),
           text);
  }
  printf("snprintf nowhere: %d\n", evutil_snprintf(NULL, 0, "%d", 1));
  // No multibyte character: libc reports an error.
  setlocale(LC_ALL, "C");
  memset(text, '#', sizeof(text));
  printf("snprintf invalid: %d",
         evutil_snprintf(text, 5, "%lc", (wint_t)0xd800));
  printf(" %d\n", text[4]);
}

static int sign(int number) { return (number > 0) - (number < 0); }

static void record_comparisons(void) {
  static const char *const kTexts[] = {"",    "a",    "A",    "b",     "abc",
                                       "ABC", "abcd", "[",    "{",     "@",
                                       "`",   "\xe4", "\xc4", "a\xff", "Z"};
  const int count = sizeof(kTexts) / sizeof(kTexts[0]);
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j < count; ++j) {
      printf("compare %d %d: %d", i, j,
             evutil_ascii_strcasecmp(kTexts[i], kTexts[j]));
      for (size_t limit = 0; limit < 6; ++limit) {
        printf(" %d",
               sign(evutil_ascii_strncasecmp(kTexts[i], kTexts[j], limit)));
      }
      printf("\n");
    }
  }
}

static void record_date(const struct tm *tm) {
  char text[64];
  static const size_t kRooms[] = {0, 1, 2, 10, 29, 30, 31, 64};
  for (size_t i = 0; i < sizeof(kRooms) / sizeof(kRooms[0]); ++i) {
    memset(text, '#', sizeof(text));
    const int length = evutil_date_rfc1123(text, kRooms[i], tm);
    printf("date %zu: %d %.*s\n", kRooms[i], length,
           kRooms[i] == 0 ? 1 : (int)sizeof(text), text);
  }
}

static void record_dates(void) {
  static const time_t kTimes[] = {
      0,          1,          951782399, 951782400,    1795475000,
      2147483647, 4102444800, -1,        -62135596800, 253402300800};
  struct tm tm;
  for (size_t i = 0; i < sizeof(kTimes) / sizeof(kTimes[0]); ++i) {
    record_date(gmtime_r(&kTimes[i], &tm));
  }
  // Numbers that no calendar has are printed as they are.
  memset(&tm, 0, sizeof(tm));
  record_date(&tm);
  tm.tm_mday = 77;
  tm.tm_hour = -1;
  tm.tm_min = 100;
  tm.tm_sec = 60;
  tm.tm_year = -1899;
  record_date(&tm);
  char text[64];
  printf("date now: %d\n", evutil_date_rfc1123(text, sizeof(text), NULL));
}

int main(void) {
  record_strtoll();
  record_snprintf();
  record_comparisons();
  record_dates();
  return 0;
}
