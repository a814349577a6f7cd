// SPDX-License-Identifier: BSD-3-Clause
//
// Writes down what the address functions make of a table of texts and of
// 50,000 texts that are derived from it by chance. Compiled against evoke and
// against libevent; the records must be equal.
#include <arpa/inet.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum { kTextBytes = 512 };

static const char *const kTexts[] = {
    "",
    "0.0.0.0",
    "1.2.3.4",
    "1.2.3.4:80",
    "255.255.255.255:65535",
    "256.1.1.1",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.4 ",
    " 1. 2.+3.04",
    "4294967297.0.0.1",
    "1.2.3.4:",
    "1.2.3.4:0",
    "1.2.3.4:65536",
    "1.2.3.4:-1",
    "1.2.3.4: 80x",
    "::",
    "::1",
    "1::",
    "1::2",
    "::1:",
    ":::",
    ":",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:8:",
    "1:2:3:4:5:6:7::",
    "::2:3:4:5:6:7:8",
    "1::3:4:5:6:7:8",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "0x12::",
    "g::",
    "::ffff:1.2.3.4",
    "::1.2.3.4",
    "1:2:3:4:5:6:1.2.3.4",
    "1:2:3:4:5:6:7:1.2.3.4",
    "abcd:EF01::1.2.3.4",
    "1.2.3.4::",
    "[::1]",
    "[::1]:80",
    "[::1]80",
    "[::1",
    "[]:80",
    "[1.2.3.4]:80",
    "[fe80::1%lo]:443",
    "fe80::1%lo",
    "fe80::1%1",
    "fe80::1%",
    "fe80::1%-1",
    "fe80::1%no-such-interface",
    "1.2.3.4%lo",
    "localhost",
    "localhost:80",
};

static uint64_t g_random = 88172645463325252u;

// xorshift64: the same numbers everywhere.
static unsigned below(unsigned limit) {
  g_random ^= g_random << 13;
  g_random ^= g_random >> 7;
  g_random ^= g_random << 17;
  return (unsigned)((g_random >> 11) % limit);
}

static const char *any_text(void) {
  return kTexts[below(sizeof(kTexts) / sizeof(kTexts[0]))];
}

// Changes one character, adds one, drops one, or grafts another text's end on.
static void mutate(char *text) {
  static const char kAlphabet[] = "0123456789abcdefxg:.:.:.[]% +-lo";
  const size_t length = strlen(text);
  const char any = kAlphabet[below(sizeof(kAlphabet) - 1)];
  switch (below(4)) {
    case 0:
      if (length > 0) text[below((unsigned)length)] = any;
      break;
    case 1:
      if (length < 200) {
        char *at = text + below((unsigned)length + 1);
        memmove(at + 1, at, strlen(at) + 1);
        *at = any;
      }
      break;
    case 2:
      if (length > 0) {
        char *at = text + below((unsigned)length);
        memmove(at, at + 1, strlen(at));
      }
      break;
    default: {
      const char *other = any_text();
      strcpy(text + below((unsigned)length + 1),
             other + below((unsigned)strlen(other) + 1));
    }
  }
}

static void derive(char *text) {
  strcpy(text, any_text());
  for (unsigned i = below(6); i > 0; --i) mutate(text);
  if (below(50) == 0) {
    // Around the 128 bytes that parsing may copy.
    const size_t zeros = below(180);
    memmove(text + zeros, text, strlen(text) + 1);
    memset(text, '0', zeros);
  }
}

static void print_bytes(const void *bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    printf("%02x", ((const unsigned char *)bytes)[i]);
  }
}

static void record_text(const char *text) {
  unsigned char address[16];
  unsigned index = 77;
  struct sockaddr_storage storage;
  static const int kRooms[] = {0, 15, 16, 27, 28, 100, 128};
  int room = kRooms[below(7)];

  printf("%s|", text);
  memset(address, 0xee, sizeof(address));
  printf(" %d ", evutil_inet_pton(AF_INET, text, address));
  print_bytes(address, 4);
  memset(address, 0xee, sizeof(address));
  printf(" %d ", evutil_inet_pton(AF_INET6, text, address));
  print_bytes(address, 16);
  printf(" %d", evutil_inet_pton(AF_UNIX, text, address));

  memset(address, 0xee, sizeof(address));
  int result = evutil_inet_pton_scope(AF_INET6, text, address, &index);
  printf(" %d %u ", result, index);
  print_bytes(address, 16);
  result = evutil_inet_pton_scope(AF_INET, text, address, &index);
  printf(" %d %u", result, index);

  memset(&storage, 0xaa, sizeof(storage));
  result = evutil_parse_sockaddr_port(text, (struct sockaddr *)&storage, &room);
  printf(" %d %d ", result, room);
  print_bytes(&storage, sizeof(storage));
  printf("\n");
}

static void record_ntop(int family, const unsigned char *address, size_t room) {
  char text[64] = "untouched";
  const char *result = evutil_inet_ntop(family, address, text, room);
  printf("ntop %d ", family);
  print_bytes(address, family == AF_INET ? 4 : 16);
  printf(" %zu %s\n", room, result != NULL ? result : "(null)");
}

// Addresses full of zeros and ones, where the forms of IPv6 differ.
static void record_random_ntop(void) {
  unsigned char address[16];
  for (int i = 0; i < 16; ++i) {
    address[i] = below(3) != 0 ? 0 : (unsigned char)below(256);
  }
  if (below(4) == 0) memset(address, 0, 10);
  if (below(4) == 0) memset(address + 10, 0xff, 2);
  record_ntop(below(3) != 0 ? AF_INET6 : AF_INET, address, below(50));
}

static int sign(int number) { return (number > 0) - (number < 0); }

static void record_comparisons(void) {
  struct sockaddr_storage addresses[12];
  int count = 0;
  static const char *const kEqualOrNot[] = {
      "1.2.3.4:1", "1.2.3.4:256", "4.3.2.1:1", "1.2.3.4",
      "[::1]:1",   "[::1]:256",   "[::2]:1",   "[fe80::1%7]:1"};
  memset(addresses, 0, sizeof(addresses));
  for (; count < 8; ++count) {
    int room = sizeof(addresses[0]);
    evutil_parse_sockaddr_port(kEqualOrNot[count],
                               (struct sockaddr *)&addresses[count], &room);
  }
  for (int i = 0; i < 2; ++i, ++count) {
    struct sockaddr_un *local = (struct sockaddr_un *)&addresses[count];
    local->sun_family = AF_UNIX;
    strcpy(local->sun_path, i == 0 ? "/a" : "/b");
  }
  addresses[count++].ss_family = AF_UNSPEC;
  addresses[count++].ss_family = 77;
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j < count; ++j) {
      const struct sockaddr *a = (const struct sockaddr *)&addresses[i];
      const struct sockaddr *b = (const struct sockaddr *)&addresses[j];
      printf("cmp %d %d: %d %d\n", i, j, sign(evutil_sockaddr_cmp(a, b, 0)),
             sign(evutil_sockaddr_cmp(a, b, 1)));
    }
  }
}

int main(void) {
  char text[kTextBytes];
  static const unsigned char kLoopback[16] = {[15] = 1};
  for (size_t i = 0; i < sizeof(kTexts) / sizeof(kTexts[0]); ++i) {
    record_text(kTexts[i]);
  }
  for (size_t room = 0; room < 20; ++room) {
    record_ntop(AF_INET, kLoopback, room);
    record_ntop(AF_INET6, kLoopback, room);
  }
  record_ntop(AF_UNIX, kLoopback, 20);
  record_comparisons();
  for (int i = 0; i < 50000; ++i) {
    derive(text);
    record_text(text);
    record_random_ntop();
  }
  return 0;
}
