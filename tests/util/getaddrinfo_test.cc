// SPDX-License-Identifier: BSD-3-Clause
//
// Lookups beside what lookup_record.c compares with libevent: ownership of
// lists, lists of libc's own, and "localhost" where nobody knows it.
#include <dlfcn.h>
#include <event2/util.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "gtest/gtest.h"

namespace {

// The families in which the machine knows "localhost"; as it is, if below zero.
int g_known_families = -1;
constexpr int kKnowsInet = 1;

}  // namespace

// Stands before libc's, as on a machine with another hosts file.
extern "C" int getaddrinfo(const char* node, const char* service,
                           const addrinfo* hints, addrinfo** list) {
  auto real =
      reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
  bool by_name = node != nullptr && strcmp(node, "localhost") == 0;
  if (g_known_families < 0 || !by_name) {
    return real(node, service, hints, list);
  }
  int family = hints != nullptr ? hints->ai_family : AF_UNSPEC;
  if (!(g_known_families & kKnowsInet) || family == AF_INET6) return EAI_NONAME;
  return real("127.0.0.1", service, hints, list);
}

namespace {

class LocalhostTest : public testing::Test {
 protected:
  void TearDown() override { g_known_families = -1; }

  int LookUp(int family, int flags) {
    evutil_addrinfo hints = {};
    hints.ai_family = family;
    hints.ai_flags = flags;
    hints.ai_socktype = SOCK_STREAM;
    return evutil_getaddrinfo("localhost", "8080", &hints, &list_);
  }

  evutil_addrinfo* list_ = nullptr;
};

TEST_F(LocalhostTest, IsTheLoopbackWhereNobodyKnowsIt) {
  g_known_families = 0;
  for (int flags : {0, EVUTIL_AI_ADDRCONFIG}) {
    for (int family : {AF_UNSPEC, AF_INET}) {
      ASSERT_EQ(LookUp(family, flags), 0);
      sockaddr_in address;
      ASSERT_EQ(list_->ai_addrlen, sizeof(address));
      memcpy(&address, list_->ai_addr, sizeof(address));
      EXPECT_EQ(ntohl(address.sin_addr.s_addr), INADDR_LOOPBACK);
      EXPECT_EQ(ntohs(address.sin_port), 8080);
      EXPECT_EQ(list_->ai_canonname, nullptr);
      evutil_freeaddrinfo(list_);
    }
    ASSERT_EQ(LookUp(AF_INET6, flags), 0);
    EXPECT_EQ(list_->ai_family, AF_INET6);
    evutil_freeaddrinfo(list_);
  }
}

TEST_F(LocalhostTest, KeepsItsNameAsTheCanonicalOne) {
  g_known_families = 0;
  ASSERT_EQ(LookUp(AF_INET, EVUTIL_AI_CANONNAME), 0);
  EXPECT_STREQ(list_->ai_canonname, "localhost");
  evutil_freeaddrinfo(list_);
}

TEST_F(LocalhostTest, IsWhatTheMachineSaysWhereThatKnowsIt) {
  g_known_families = kKnowsInet;
  EXPECT_EQ(LookUp(AF_INET6, 0), EVUTIL_EAI_NONAME);
  ASSERT_EQ(LookUp(AF_INET, 0), 0);
  evutil_freeaddrinfo(list_);
}

TEST_F(LocalhostTest, IsNoNumber) {
  g_known_families = 0;
  EXPECT_EQ(LookUp(AF_INET, EVUTIL_AI_NUMERICHOST), EVUTIL_EAI_NONAME);
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
