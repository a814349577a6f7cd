// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: arguments that make no sense, for event2/util.h. Each call runs in
// a child of its own, because libevent crashes on many.

#include <errno.h>
#include <event2/util.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/differential/scenario.h"

SCENARIO(null_util_address, "section 7: NULL in place of an address or room") {
  struct sockaddr_storage address = {.ss_family = AF_INET};
  struct sockaddr *sa = (struct sockaddr *)&address;
  char text[64];
  unsigned index = 77;
  int room = sizeof(address);
  ATTEMPT("evutil_inet_ntop of no address")
  rec("  %d", evutil_inet_ntop(AF_INET, NULL, text, sizeof(text)) != NULL);
  ATTEMPT("evutil_inet_ntop to no room")
  rec("  %d", evutil_inet_ntop(AF_INET6, sa, NULL, 64) != NULL);
  ATTEMPT("evutil_inet_pton of no text")
  rec("  %d", evutil_inet_pton(AF_INET, NULL, text));
  ATTEMPT("evutil_inet_pton to no room")
  rec("  %d", evutil_inet_pton(AF_INET6, "::1", NULL));
  ATTEMPT("evutil_inet_pton_scope of no text")
  rec("  %d", evutil_inet_pton_scope(AF_INET6, NULL, text, &index));
  ATTEMPT("evutil_inet_pton_scope without an index")
  rec("  %d", evutil_inet_pton_scope(AF_INET6, "::1%1", text, NULL));
  ATTEMPT("evutil_parse_sockaddr_port of no text")
  rec("  %d", evutil_parse_sockaddr_port(NULL, sa, &room));
  ATTEMPT("evutil_parse_sockaddr_port to no room")
  rec("  %d", evutil_parse_sockaddr_port("1.2.3.4", NULL, &room));
  ATTEMPT("evutil_parse_sockaddr_port without a length")
  rec("  %d", evutil_parse_sockaddr_port("1.2.3.4", sa, NULL));
  ATTEMPT("evutil_sockaddr_cmp with nothing")
  rec("  %d", evutil_sockaddr_cmp(sa, NULL, 0));
  ATTEMPT("evutil_getaddrinfo to no room")
  rec("  %d", evutil_getaddrinfo("127.0.0.1", NULL, NULL, NULL));
  ATTEMPT("evutil_freeaddrinfo of nothing") {
    evutil_freeaddrinfo(NULL);
    rec("  returned");
  }
}
SCENARIO_DIFFERS(null_util_address, "libevent dereferences NULL");

SCENARIO(null_util_rest, "section 7: NULL in place of a text, time or timer") {
  char text[64];
  struct timeval tv;
  ATTEMPT("evutil_strtoll") {
    errno = 0;
    const ev_int64_t value = evutil_strtoll(NULL, NULL, 10);
    rec("  %lld %s", (long long)value, errno_name(errno));
  }
  ATTEMPT("evutil_ascii_strcasecmp")
  rec("  %d", evutil_ascii_strcasecmp("a", NULL));
  ATTEMPT("evutil_ascii_strncasecmp of nothing")
  rec("  %d", evutil_ascii_strncasecmp(NULL, NULL, 0));
  ATTEMPT("evutil_snprintf to no room") {
    rec("  %d", evutil_snprintf(NULL, sizeof(text), "a"));
  }
  ATTEMPT("evutil_date_rfc1123 to no room")
  rec("  %d", evutil_date_rfc1123(NULL, sizeof(text), NULL));
  ATTEMPT("evutil_configure_monotonic_time")
  rec("  %d", evutil_configure_monotonic_time(NULL, 0));
  ATTEMPT("evutil_gettime_monotonic without a timer")
  rec("  %d", evutil_gettime_monotonic(NULL, &tv));
  ATTEMPT("evutil_gettime_monotonic to no room") {
    struct evutil_monotonic_timer *timer = evutil_monotonic_timer_new();
    evutil_configure_monotonic_time(timer, 0);
    rec("  %d", evutil_gettime_monotonic(timer, NULL));
    evutil_monotonic_timer_free(timer);
  }
  ATTEMPT("evutil_socketpair") {
    const int result = evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, NULL);
    rec("  %d %s", result, errno_name(errno));
  }
  ATTEMPT("evutil_secure_rng_get_bytes") {
    evutil_secure_rng_get_bytes(NULL, 16);
    rec("  returned");
  }
}
SCENARIO_DIFFERS(null_util_rest, "libevent dereferences NULL");

SCENARIO(date_outside_the_calendar,
         "section 7: days and months that do not exist are ???") {
  static const int kBad[] = {INT_MIN, INT_MAX};
  for (int i = 0; i < 2; ++i) {
    char text[64];
    struct tm tm;
    memset(&tm, 0, sizeof(tm));
    tm.tm_year = 126;
    tm.tm_wday = kBad[i];
    ATTEMPT("a weekday")
    rec("  %d %s", evutil_date_rfc1123(text, sizeof(text), &tm), text);
    tm.tm_wday = 0;
    tm.tm_mon = kBad[i];
    ATTEMPT("a month")
    rec("  %d %s", evutil_date_rfc1123(text, sizeof(text), &tm), text);
  }
}
SCENARIO_DIFFERS(date_outside_the_calendar,
                 "libevent reads far beyond its tables");
