// SPDX-License-Identifier: BSD-3-Clause
//
// Dates as HTTP writes them, in English whatever the locale; which is why this
// is not strftime(3).
#include <event2/util.h>
#include <time.h>

namespace {

constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed",
                                 "Thu", "Fri", "Sat"};
constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// "???" for what no calendar has.
template <int kCount>
const char* NameOf(const char* const (&names)[kCount], int index) {
  return index >= 0 && index < kCount ? names[index] : "???";
}

}  // namespace

extern "C" int evutil_date_rfc1123(char* date, const size_t datelen,
                                   const struct tm* tm) {
  struct tm now;
  if (tm == nullptr) {
    const time_t seconds = time(nullptr);
    if (gmtime_r(&seconds, &now) == nullptr) return -1;
    tm = &now;
  }
  return evutil_snprintf(date, datelen, "%s, %02d %s %4lld %02d:%02d:%02d GMT",
                         NameOf(kDays, tm->tm_wday), tm->tm_mday,
                         NameOf(kMonths, tm->tm_mon), 1900LL + tm->tm_year,
                         tm->tm_hour, tm->tm_min, tm->tm_sec);
}
