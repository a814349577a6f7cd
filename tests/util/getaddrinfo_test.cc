// SPDX-License-Identifier: BSD-3-Clause
//
// Lookups beside what lookup_record.c compares with libevent: ownership of
// lists, and lists of libc's own.
#include <event2/util.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "gtest/gtest.h"

namespace {

TEST(Getaddrinfo, FindsLocalhostWithoutANameServer) {
  evutil_addrinfo hints = {};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  evutil_addrinfo* list = nullptr;
  ASSERT_EQ(evutil_getaddrinfo("localhost", "8080", &hints, &list), 0);
  ASSERT_NE(list, nullptr);
  sockaddr_in address;
  ASSERT_EQ(list->ai_addrlen, sizeof(address));
  memcpy(&address, list->ai_addr, sizeof(address));
  EXPECT_EQ(ntohl(address.sin_addr.s_addr) >> 24, 127u);
  EXPECT_EQ(ntohs(address.sin_port), 8080);
  evutil_freeaddrinfo(list);
}

TEST(Getaddrinfo, DoesNotChangeTheHints) {
  evutil_addrinfo hints = {};
  hints.ai_flags = EVUTIL_AI_NUMERICHOST | INT32_MIN;
  const evutil_addrinfo before = hints;
  evutil_addrinfo* list = nullptr;
  ASSERT_EQ(evutil_getaddrinfo("::1", nullptr, &hints, &list), 0);
  EXPECT_EQ(memcmp(&hints, &before, sizeof(hints)), 0);
  evutil_freeaddrinfo(list);
}

TEST(Getaddrinfo, ListsAreInterchangeableWithLibcs) {
  addrinfo* list = nullptr;
  ASSERT_EQ(getaddrinfo("127.0.0.1", "1", nullptr, &list), 0);
  evutil_freeaddrinfo(list);
  ASSERT_EQ(evutil_getaddrinfo("127.0.0.1", "1", nullptr, &list), 0);
  freeaddrinfo(list);
}

TEST(Getaddrinfo, FreesNothingAsWell) { evutil_freeaddrinfo(nullptr); }

TEST(Getaddrinfo, NamesNothingAsAnError) {
  evutil_addrinfo* list = nullptr;
  EXPECT_EQ(evutil_getaddrinfo(nullptr, nullptr, nullptr, &list),
            EVUTIL_EAI_NONAME);
  EXPECT_EQ(list, nullptr);
}

TEST(Getaddrinfo, RefusesNoRoomForTheList) {
  EXPECT_EQ(evutil_getaddrinfo("::1", "80", nullptr, nullptr),
            EVUTIL_EAI_SYSTEM);
}

TEST(GaiStrerror, HasATextForEveryError) {
  for (int error :
       {EVUTIL_EAI_ADDRFAMILY, EVUTIL_EAI_AGAIN, EVUTIL_EAI_BADFLAGS,
        EVUTIL_EAI_FAIL, EVUTIL_EAI_FAMILY, EVUTIL_EAI_MEMORY,
        EVUTIL_EAI_NODATA, EVUTIL_EAI_NONAME, EVUTIL_EAI_SERVICE,
        EVUTIL_EAI_SOCKTYPE, EVUTIL_EAI_SYSTEM, EVUTIL_EAI_CANCEL}) {
    EXPECT_STRNE(evutil_gai_strerror(error), evutil_gai_strerror(12345))
        << error;
  }
}

}  // namespace
