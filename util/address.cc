// SPDX-License-Identifier: BSD-3-Clause
//
// What counts as an address here is what libevent takes, which is more than
// inet_pton(3) does: numbers may have leading zeros, spaces and signs. Programs
// have configuration files that rely on it, so both parsers below say where
// they are lenient.
#include "util/address.h"

#include <arpa/inet.h>
#include <event2/util.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <algorithm>

#include "util/log.h"

namespace {

constexpr int kWords = 8;  // 16-bit words of an IPv6 address

bool IsHexDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
         (c >= 'A' && c <= 'F');
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Reads "a.b.c.d", which must end at `end`, into four bytes. Each number may
// have what strtoul() takes before it, and counts modulo 2^32.
bool ParseIpv4(const char* text, const char* end, uint8_t out[4]) {
  for (int i = 0; i < 4; ++i) {
    char* after;
    auto value = static_cast<uint32_t>(strtoul(text, &after, 10));
    if (after == text || after > end || value > 255) return false;
    const bool last = i == 3;
    if (last ? after != end : *after != '.') return false;
    out[i] = static_cast<uint8_t>(value);
    text = after + 1;
  }
  return true;
}

// Reads the words of an IPv6 address up to `end` into `words`. `*gap` is the
// index of the word before which "::" stands, or -1. Returns how many words
// there are, or -1. A single ":" at the very end is passed over, and a word may
// begin with "0x" if it has no more than four characters with it.
int ParseIpv6Words(const char* text, const char* end, uint16_t words[kWords],
                   int* gap) {
  int count = 0;
  *gap = -1;
  while (text < end) {
    if (count == kWords) return -1;
    if (IsHexDigit(*text)) {
      char* after;
      const long value = strtol(text, &after, 16);
      if (after - text > 4 || after > end) return -1;
      words[count++] = static_cast<uint16_t>(value);
      text = after;
      if (text < end && *text != ':') return -1;
      ++text;
      continue;
    }
    // "::": its first colon was passed with the word before it, if any.
    if (*text != ':' || *gap != -1) return -1;
    if (count == 0) {
      ++text;
      if (text == end || *text != ':') return -1;
    }
    *gap = count;
    ++text;
  }
  return count;
}

// Reads an IPv6 address that ends at `end`, the last 32 bits of which may be
// in IPv4's form.
bool ParseIpv6(const char* text, const char* end, uint8_t out[16]) {
  uint16_t words[kWords];
  uint8_t quad[4];
  int tail_words = 0;
  const char* words_end = end;
  const char* dot = static_cast<const char*>(
      memchr(text, '.', static_cast<size_t>(end - text)));
  if (dot != nullptr) {
    words_end = dot;
    while (words_end > text && IsDigit(words_end[-1])) --words_end;
    if (!ParseIpv4(words_end, end, quad)) return false;
    tail_words = 2;
  }
  int gap;
  int count = ParseIpv6Words(text, words_end, words, &gap);
  if (count < 0 || count + tail_words > kWords) return false;
  if (tail_words != 0) {
    words[count++] = static_cast<uint16_t>(quad[0] << 8 | quad[1]);
    words[count++] = static_cast<uint16_t>(quad[2] << 8 | quad[3]);
  }
  // "::" stands for one word of zeros at least.
  if ((gap == -1) != (count == kWords)) return false;
  if (gap != -1) {
    const int after_gap = count - gap;
    std::copy_backward(words + gap, words + count, words + kWords);
    std::fill(words + gap, words + kWords - after_gap, uint16_t{0});
  }
  for (int i = 0; i < kWords; ++i) {
    out[2 * i] = static_cast<uint8_t>(words[i] >> 8);
    out[2 * i + 1] = static_cast<uint8_t>(words[i] & 0xff);
  }
  return true;
}

// The longest run of two or more zero words, the first of equals: the words
// from `*begin` up to `*end`. False when there is none.
bool LongestZeroRun(const uint16_t words[kWords], int* begin, int* end) {
  *begin = *end = 0;
  for (int i = 0; i < kWords; ++i) {
    int j = i;
    while (j < kWords && words[j] == 0) ++j;
    if (j - i > *end - *begin) {
      *begin = i;
      *end = j;
    }
    i = j;
  }
  return *end - *begin >= 2;
}

// Writes an IPv6 address to `text`, with "::" for the longest run of zeros, and
// the last 32 bits in IPv4's form where the first 96 say that they are one.
void WriteIpv6(const uint8_t address[16], char text[INET6_ADDRSTRLEN]) {
  uint16_t words[kWords];
  for (int i = 0; i < kWords; ++i) {
    words[i] = static_cast<uint16_t>(address[2 * i] << 8 | address[2 * i + 1]);
  }
  const bool leading_zeros =
      std::all_of(words, words + 5, [](uint16_t word) { return word == 0; });
  if (leading_zeros && ((words[5] == 0 && words[6] != 0 && words[7] != 0) ||
                        words[5] == 0xffff)) {
    snprintf(text, INET6_ADDRSTRLEN, "::%s%d.%d.%d.%d",
             words[5] == 0 ? "" : "ffff:", address[12], address[13],
             address[14], address[15]);
    return;
  }
  int run_begin;
  int run_end;
  if (!LongestZeroRun(words, &run_begin, &run_end)) run_begin = run_end = -1;
  char* out = text;
  for (int i = 0; i < kWords; ++i) {
    if (i == run_begin) {
      *out++ = ':';
      if (run_end == kWords) *out++ = ':';
      i = run_end - 1;
      continue;
    }
    out += snprintf(out, 6, i == 0 ? "%x" : ":%x", words[i]);
  }
  *out = '\0';
}

// The interface index after '%': a name, or else a number. False when it is
// neither.
bool ParseZone(const char* zone, unsigned* index) {
  *index = if_nametoindex(zone);
  if (*index != 0) return true;
  char* after;
  const unsigned long number = strtoul(zone, &after, 10);
  if (*after != '\0') return false;
  *index = static_cast<unsigned>(number);
  return true;
}

// Copies a parsed address to the caller's room and clears the rest of that.
template <typename Address>
int HandOut(const Address& address, sockaddr* out, int* out_bytes) {
  constexpr int kBytes = sizeof(Address);
  if (*out_bytes < kBytes) return -1;
  memset(out, 0, static_cast<size_t>(*out_bytes));
  memcpy(out, &address, kBytes);
  *out_bytes = kBytes;
  return 0;
}

// The parts of "address:port".
struct HostAndPort {
  bool is_ipv6;
  // All of the text, or the part of it that is copied to `room`.
  const char* host;
  // Null when there is none.
  const char* port;
  char room[128];
};

bool SplitHostAndPort(const char* text, HostAndPort* parts) {
  const char* colon = strchr(text, ':');
  parts->is_ipv6 = false;
  parts->host = text;
  parts->port = nullptr;
  const char* host_end;
  if (*text == '[') {
    parts->is_ipv6 = true;
    ++text;
    host_end = strchr(text, ']');
    if (host_end == nullptr) return false;
    // What follows the bracket is ignored, unless it is a port.
    if (host_end[1] == ':') parts->port = host_end + 2;
  } else if (colon != nullptr && strchr(colon + 1, ':') != nullptr) {
    parts->is_ipv6 = true;
    return true;
  } else if (colon != nullptr) {
    host_end = colon;
    parts->port = colon + 1;
  } else {
    return true;
  }
  const auto host_bytes = static_cast<size_t>(host_end - text);
  if (host_bytes >= sizeof(parts->room)) return false;
  memcpy(parts->room, text, host_bytes);
  parts->room[host_bytes] = '\0';
  parts->host = parts->room;
  return true;
}

int Compare(uint32_t a, uint32_t b) { return a < b ? -1 : a > b; }

}  // namespace

namespace evoke {

const char* FormatSockaddrPort(const sockaddr* address, socklen_t address_bytes,
                               char* text, size_t text_bytes) {
  char host[INET6_ADDRSTRLEN];
  const int family =
      address_bytes >= sizeof(sa_family_t) ? address->sa_family : AF_UNSPEC;
  if (family == AF_INET && address_bytes >= sizeof(sockaddr_in)) {
    sockaddr_in in;
    memcpy(&in, address, sizeof(in));
    evutil_inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
    snprintf(text, text_bytes, "%s:%d", host, ntohs(in.sin_port));
  } else if (family == AF_INET6 && address_bytes >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in6;
    memcpy(&in6, address, sizeof(in6));
    evutil_inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
    snprintf(text, text_bytes, "[%s]:%d", host, ntohs(in6.sin6_port));
  } else if (family == AF_UNIX) {
    constexpr size_t kPathOffset = offsetof(sockaddr_un, sun_path);
    const char* path = reinterpret_cast<const char*>(address) + kPathOffset;
    int path_bytes = static_cast<int>(
        std::max<size_t>(address_bytes, kPathOffset) - kPathOffset);
    // An abstract name begins with a NUL.
    const bool abstract = path_bytes > 0 && *path == '\0';
    snprintf(text, text_bytes, "%s%.*s", abstract ? "@" : "",
             path_bytes - abstract, path + abstract);
  } else {
    snprintf(text, text_bytes, "<family %d>", family);
  }
  return text;
}

}  // namespace evoke

extern "C" {

const char* evutil_inet_ntop(int af, const void* src, char* dst, size_t len) {
  if (src == nullptr || dst == nullptr) {
    evoke::LogWarn("%s: no %s", __func__, src == nullptr ? "address" : "room");
    return nullptr;
  }
  const auto* bytes = static_cast<const uint8_t*>(src);
  char text[INET6_ADDRSTRLEN];
  if (af == AF_INET) {
    snprintf(text, sizeof(text), "%d.%d.%d.%d", bytes[0], bytes[1], bytes[2],
             bytes[3]);
    const size_t text_bytes = strlen(text) + 1;
    if (len > 0) snprintf(dst, len, "%s", text);
    return text_bytes <= len ? dst : nullptr;
  }
  if (af != AF_INET6) return nullptr;
  WriteIpv6(bytes, text);
  // A room without place for the NUL gets the text without its last character,
  // as from libevent.
  if (strlen(text) > len) return nullptr;
  snprintf(dst, len, "%s", text);
  return dst;
}

int evutil_inet_pton(int af, const char* src, void* dst) {
  if (af != AF_INET && af != AF_INET6) return -1;
  if (src == nullptr || dst == nullptr) {
    evoke::LogWarn("%s: no %s", __func__, src == nullptr ? "text" : "room");
    return 0;
  }
  const char* end = src + strlen(src);
  uint8_t bytes[16];
  const bool is_address =
      af == AF_INET ? ParseIpv4(src, end, bytes) : ParseIpv6(src, end, bytes);
  if (is_address) memcpy(dst, bytes, af == AF_INET ? 4 : 16);
  return is_address;
}

int evutil_inet_pton_scope(int af, const char* src, void* dst,
                           unsigned* indexp) {
  if (indexp == nullptr) {
    evoke::LogWarn("%s: no room for the index", __func__);
    return 0;
  }
  *indexp = 0;
  const char* zone =
      af == AF_INET6 && src != nullptr ? strchr(src, '%') : nullptr;
  if (zone == nullptr || dst == nullptr) return evutil_inet_pton(af, src, dst);
  uint8_t bytes[16];
  if (!ParseZone(zone + 1, indexp) || !ParseIpv6(src, zone, bytes)) return 0;
  memcpy(dst, bytes, sizeof(bytes));
  return 1;
}

int evutil_parse_sockaddr_port(const char* str, sockaddr* out, int* outlen) {
  if (str == nullptr || out == nullptr || outlen == nullptr) {
    evoke::LogWarn("%s: no %s", __func__, str == nullptr ? "text" : "room");
    return -1;
  }
  HostAndPort parts;
  if (!SplitHostAndPort(str, &parts)) return -1;
  int port = 0;
  if (parts.port != nullptr) {
    port = atoi(parts.port);
    if (port <= 0 || port > 65535) return -1;
  }
  if (parts.is_ipv6) {
    sockaddr_in6 in6 = {};
    unsigned index = 0;
    if (evutil_inet_pton_scope(AF_INET6, parts.host, &in6.sin6_addr, &index) !=
        1) {
      return -1;
    }
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(static_cast<uint16_t>(port));
    in6.sin6_scope_id = index;
    return HandOut(in6, out, outlen);
  }
  sockaddr_in in = {};
  if (evutil_inet_pton(AF_INET, parts.host, &in.sin_addr) != 1) return -1;
  in.sin_family = AF_INET;
  in.sin_port = htons(static_cast<uint16_t>(port));
  return HandOut(in, out, outlen);
}

int evutil_sockaddr_cmp(const sockaddr* sa1, const sockaddr* sa2,
                        int include_port) {
  if (sa1 == nullptr || sa2 == nullptr) {
    evoke::LogWarn("%s: no address", __func__);
    return (sa1 != nullptr) - (sa2 != nullptr);
  }
  if (sa1->sa_family != sa2->sa_family) return sa1->sa_family - sa2->sa_family;
  // Numbers are compared as they lie in memory, which is an order as good as
  // any, and libevent's.
  if (sa1->sa_family == AF_INET) {
    sockaddr_in a;
    sockaddr_in b;
    memcpy(&a, sa1, sizeof(a));
    memcpy(&b, sa2, sizeof(b));
    const int order = Compare(a.sin_addr.s_addr, b.sin_addr.s_addr);
    if (order != 0 || !include_port) return order;
    return a.sin_port - b.sin_port;
  }
  if (sa1->sa_family == AF_INET6) {
    sockaddr_in6 a;
    sockaddr_in6 b;
    memcpy(&a, sa1, sizeof(a));
    memcpy(&b, sa2, sizeof(b));
    const int order = memcmp(&a.sin6_addr, &b.sin6_addr, sizeof(a.sin6_addr));
    if (order != 0 || !include_port) return order;
    return a.sin6_port - b.sin6_port;
  }
  // Of other families nothing is known, so no two are the same.
  return 1;
}

}  // extern "C"
