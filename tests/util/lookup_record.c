// SPDX-License-Identifier: BSD-3-Clause
//
// Writes down what lookups that need no name server give, for all kinds of
// hints. Compiled against evoke and against libevent; the records must be
// equal.
#include <event2/util.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void print_list(const struct evutil_addrinfo *list) {
  for (; list != NULL; list = list->ai_next) {
    printf("  %d %d %d %d %s ", list->ai_flags, list->ai_family,
           list->ai_socktype, list->ai_protocol,
           list->ai_canonname != NULL ? list->ai_canonname : "-");
    for (unsigned i = 0; i < list->ai_addrlen; ++i) {
      printf("%02x", ((const unsigned char *)list->ai_addr)[i]);
    }
    printf("\n");
  }
}

static void record(const char *node, const char *service,
                   const struct evutil_addrinfo *hints) {
  struct evutil_addrinfo *list = NULL;
  const int result = evutil_getaddrinfo(node, service, hints, &list);
  printf("%s %s: %d\n", node != NULL ? node : "(null)",
         service != NULL ? service : "(null)", result);
  if (result == 0) {
    print_list(list);
    evutil_freeaddrinfo(list);
  }
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

// One node with every service, family and type, and with each flag and `more`.
static void record_all(const char *node, int more) {
  static const char *const kServices[] = {
      NULL,  "80",    "0",    "65535",  "65536",           "-1",
      "",    "http",  "80x",  "domain", "no such service", "+80",
      " 80", "00080", "0x50", "tftp"};
  static const int kFlags[] = {
      0,
      EVUTIL_AI_PASSIVE,
      EVUTIL_AI_CANONNAME,
      EVUTIL_AI_NUMERICSERV,
      EVUTIL_AI_V4MAPPED | EVUTIL_AI_ALL,
      EVUTIL_AI_ADDRCONFIG,
      (int)0x80000000u,
      0x40000000,
  };
  static const int kFamilies[] = {AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX, 99};
  static const int kTypes[][2] = {{0, 0},
                                  {SOCK_STREAM, 0},
                                  {SOCK_DGRAM, IPPROTO_UDP},
                                  {SOCK_STREAM, IPPROTO_UDP},
                                  {0, IPPROTO_TCP},
                                  {99, 0}};
  for (unsigned s = 0; s < COUNT_OF(kServices); ++s) {
    for (unsigned f = 0; f < COUNT_OF(kFlags); ++f) {
      for (unsigned a = 0; a < COUNT_OF(kFamilies); ++a) {
        for (unsigned t = 0; t < COUNT_OF(kTypes); ++t) {
          struct evutil_addrinfo hints;
          memset(&hints, 0, sizeof(hints));
          hints.ai_flags = kFlags[f] | more;
          hints.ai_family = kFamilies[a];
          hints.ai_socktype = kTypes[t][0];
          hints.ai_protocol = kTypes[t][1];
          printf("%x %d %d %d: ", (unsigned)hints.ai_flags, kFamilies[a],
                 kTypes[t][0], kTypes[t][1]);
          record(node, kServices[s], &hints);
        }
      }
    }
  }
}

int main(void) {
  static const char *const kNodes[] = {
      NULL,        "127.0.0.1",      "::1", "fe80::1%lo", "localhost", "1.2.3",
      "1.2.3.4.5", "::ffff:1.2.3.4", "",    "0x7f000001"};
  // These are numbers even where names are allowed: nobody is asked.
  static const char *const kNumbers[] = {
      NULL,    "127.0.0.1", "::1", "fe80::1%lo",      "::1%1",
      "127.1", "1.2.3",     "0",   "::ffff:127.0.0.1"};
  for (unsigned n = 0; n < COUNT_OF(kNodes); ++n) {
    record_all(kNodes[n], EVUTIL_AI_NUMERICHOST);
  }
  for (unsigned n = 0; n < COUNT_OF(kNumbers); ++n) record_all(kNumbers[n], 0);
  // Without hints, and by the hosts file.
  record("127.0.0.1", "80", NULL);
  record("::1", NULL, NULL);
  // Where libc does not know it, libevent doesn't either, and ours is the
  // loopback all the same (getaddrinfo_test.cc).
  struct addrinfo *known = NULL;
  if (getaddrinfo("localhost", "80", NULL, &known) == 0) {
    freeaddrinfo(known);
    record("localhost", "80", NULL);
  }
  record(NULL, NULL, NULL);
  record(NULL, "80", NULL);

  for (int error = -120; error < 10; ++error) {
    printf("%d %s\n", error, evutil_gai_strerror(error));
  }
  printf("%s\n", evutil_gai_strerror(EVUTIL_EAI_CANCEL));
  printf("%s\n", evutil_gai_strerror(INT32_MAX));
  return 0;
}
