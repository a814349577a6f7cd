// SPDX-License-Identifier: BSD-3-Clause
//
// What the address functions promise beyond being libevent's (which
// address_record.c compares): bad arguments, rooms, round trips, log texts.
#include "util/address.h"

#include <arpa/inet.h>
#include <event2/util.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include <string>

#include "gtest/gtest.h"

namespace {

sockaddr* AsSockaddr(sockaddr_storage* storage) {
  return reinterpret_cast<sockaddr*>(storage);
}

// The address of a text like "1.2.3.4:80"; the test fails if it is none.
sockaddr_storage Parse(const char* text) {
  sockaddr_storage storage = {};
  int room = sizeof(storage);
  EXPECT_EQ(evutil_parse_sockaddr_port(text, AsSockaddr(&storage), &room), 0)
      << text;
  return storage;
}

std::string Format(const sockaddr_storage& storage, socklen_t bytes) {
  char text[evoke::kSockaddrTextBytes];
  return evoke::FormatSockaddrPort(reinterpret_cast<const sockaddr*>(&storage),
                                   bytes, text, sizeof(text));
}

TEST(InetNtop, RefusesNullAndUnknownFamilies) {
  char text[INET6_ADDRSTRLEN];
  const in_addr any = {};
  EXPECT_EQ(evutil_inet_ntop(AF_INET, nullptr, text, sizeof(text)), nullptr);
  EXPECT_EQ(evutil_inet_ntop(AF_INET, &any, nullptr, 0), nullptr);
  EXPECT_EQ(evutil_inet_ntop(AF_UNIX, &any, text, sizeof(text)), nullptr);
}

TEST(InetNtop, NeverWritesBeyondTheRoom) {
  const in6_addr address = {{{0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}}};
  for (int family : {AF_INET, AF_INET6}) {
    for (size_t room = 0; room <= INET6_ADDRSTRLEN; ++room) {
      std::string text(room + 1, '#');
      evutil_inet_ntop(family, &address, text.data(), room);
      EXPECT_EQ(text[room], '#') << room;
    }
  }
}

TEST(InetPton, ReadsWhatInetNtopWrites) {
  for (const char* text :
       {"::", "::1", "1::", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1:0:0:2::3",
        "fe80::a:b:c", "::1.2.3.4", "0:1:2:3:4:5:6:7"}) {
    in6_addr address;
    char again[INET6_ADDRSTRLEN];
    ASSERT_EQ(evutil_inet_pton(AF_INET6, text, &address), 1) << text;
    EXPECT_STREQ(evutil_inet_ntop(AF_INET6, &address, again, sizeof(again)),
                 text);
  }
}

TEST(InetPton, RefusesNull) {
  in6_addr address;
  EXPECT_EQ(evutil_inet_pton(AF_INET, nullptr, &address), 0);
  EXPECT_EQ(evutil_inet_pton(AF_INET6, "::1", nullptr), 0);
  EXPECT_EQ(evutil_inet_pton(AF_UNIX, "::1", &address), -1);
  unsigned index = 7;
  EXPECT_EQ(evutil_inet_pton_scope(AF_INET6, nullptr, &address, &index), 0);
  EXPECT_EQ(index, 0u);
  EXPECT_EQ(evutil_inet_pton_scope(AF_INET6, "::1%1", &address, nullptr), 0);
  EXPECT_EQ(evutil_inet_pton_scope(AF_INET6, "::1%1", nullptr, &index), 0);
}

TEST(InetPton, LeavesTheDestinationAloneOnFailure) {
  in6_addr address;
  memset(&address, 0xee, sizeof(address));
  const in6_addr before = address;
  EXPECT_EQ(evutil_inet_pton(AF_INET6, "1:2:3::4::5", &address), 0);
  EXPECT_EQ(evutil_inet_pton(AF_INET, "1.2.3.256", &address), 0);
  EXPECT_EQ(memcmp(&address, &before, sizeof(address)), 0);
}

TEST(InetPtonScope, FindsTheInterface) {
  in6_addr address;
  unsigned index = 0;
  ASSERT_EQ(evutil_inet_pton_scope(AF_INET6, "fe80::1%lo", &address, &index),
            1);
  EXPECT_EQ(index, if_nametoindex("lo"));
}

TEST(ParseSockaddrPort, RefusesNullAndShortRooms) {
  sockaddr_storage storage;
  memset(&storage, 0xaa, sizeof(storage));
  const sockaddr_storage before = storage;
  int room = sizeof(sockaddr_in) - 1;
  EXPECT_EQ(evutil_parse_sockaddr_port(nullptr, AsSockaddr(&storage), &room),
            -1);
  EXPECT_EQ(evutil_parse_sockaddr_port("1.2.3.4", nullptr, &room), -1);
  EXPECT_EQ(
      evutil_parse_sockaddr_port("1.2.3.4", AsSockaddr(&storage), nullptr), -1);
  EXPECT_EQ(evutil_parse_sockaddr_port("1.2.3.4", AsSockaddr(&storage), &room),
            -1);
  room = -1;
  EXPECT_EQ(evutil_parse_sockaddr_port("::1", AsSockaddr(&storage), &room), -1);
  EXPECT_EQ(room, -1);
  EXPECT_EQ(memcmp(&storage, &before, sizeof(storage)), 0);
}

TEST(ParseSockaddrPort, TakesTextsOfAnyLength) {
  sockaddr_storage storage;
  int room = sizeof(storage);
  const std::string zeros(5000, '0');
  EXPECT_EQ(evutil_parse_sockaddr_port((zeros + ".0.0.1").c_str(),
                                       AsSockaddr(&storage), &room),
            0);
  EXPECT_EQ(evutil_parse_sockaddr_port(("[" + zeros + "::1]:80").c_str(),
                                       AsSockaddr(&storage), &room),
            -1);
}

TEST(SockaddrCmp, IsAnOrder) {
  sockaddr_storage all[] = {Parse("1.2.3.4:1"), Parse("1.2.3.4:2"),
                            Parse("9.9.9.9:1"), Parse("[::1]:5"),
                            Parse("[::2]:5"),   Parse("[::1]:6")};
  for (sockaddr_storage& a : all) {
    for (sockaddr_storage& b : all) {
      const int there = evutil_sockaddr_cmp(AsSockaddr(&a), AsSockaddr(&b), 1);
      const int back = evutil_sockaddr_cmp(AsSockaddr(&b), AsSockaddr(&a), 1);
      EXPECT_EQ(there<0, back> 0);
      EXPECT_EQ(there == 0, &a == &b);
    }
  }
}

TEST(SockaddrCmp, PutsNullFirst) {
  sockaddr_storage a = Parse("1.2.3.4");
  EXPECT_LT(evutil_sockaddr_cmp(nullptr, AsSockaddr(&a), 0), 0);
  EXPECT_GT(evutil_sockaddr_cmp(AsSockaddr(&a), nullptr, 0), 0);
  EXPECT_EQ(evutil_sockaddr_cmp(nullptr, nullptr, 0), 0);
}

TEST(FormatSockaddrPort, WritesWhatTheParserReads) {
  for (const char* text : {"1.2.3.4:80", "[::1]:65535", "[1:2::3]:1"}) {
    const sockaddr_storage storage = Parse(text);
    EXPECT_EQ(Format(storage, sizeof(storage)), text);
  }
}

TEST(FormatSockaddrPort, NamesUnixSocketsAndTheRest) {
  sockaddr_storage storage = {};
  auto* local = reinterpret_cast<sockaddr_un*>(&storage);
  constexpr socklen_t kHead = offsetof(sockaddr_un, sun_path);
  local->sun_family = AF_UNIX;
  EXPECT_EQ(Format(storage, kHead), "");
  memcpy(local->sun_path, "/tmp/x", 7);
  EXPECT_EQ(Format(storage, kHead + 7), "/tmp/x");
  memcpy(local->sun_path, "\0abc", 4);
  EXPECT_EQ(Format(storage, kHead + 4), "@abc");
  // A path may fill its field and have no NUL.
  memset(local->sun_path, 'p', sizeof(local->sun_path));
  EXPECT_EQ(Format(storage, sizeof(sockaddr_un)),
            std::string(sizeof(local->sun_path), 'p'));
  storage.ss_family = 77;
  EXPECT_EQ(Format(storage, sizeof(storage)), "<family 77>");
  storage.ss_family = AF_INET;
  EXPECT_EQ(Format(storage, 3), "<family 2>");
  EXPECT_EQ(Format(storage, 0), "<family 0>");
}

TEST(FormatSockaddrPort, CutsToTheRoom) {
  const sockaddr_storage storage = Parse("1.2.3.4:80");
  char text[6];
  EXPECT_STREQ(
      evoke::FormatSockaddrPort(reinterpret_cast<const sockaddr*>(&storage),
                                sizeof(sockaddr_in), text, sizeof(text)),
      "1.2.3");
}

}  // namespace
