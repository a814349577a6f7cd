// SPDX-License-Identifier: BSD-3-Clause
//
// Our string, number and address functions beside libevent's, in one process
// and on random input: both shared objects are loaded, and each call goes to
// both. The seed is fixed; the input is short and made of the characters that
// matter, so that much of it is almost right.
//
//   random_answers_test OUR_LIBEVENT_CORE
#include <dlfcn.h>
#include <event2/util.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cerrno>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>

namespace {

constexpr int kRounds = 20000;

void* g_ours;
void* g_theirs;

// A function of both libraries.
template <typename Function>
struct Both {
  explicit Both(const char* name)
      : ours(reinterpret_cast<Function*>(dlsym(g_ours, name))),
        theirs(reinterpret_cast<Function*>(dlsym(g_theirs, name))) {
    EXPECT_NE(ours, nullptr) << name;
    EXPECT_NE(theirs, nullptr) << name;
    EXPECT_NE(ours, theirs) << name;
  }
  Function* ours;
  Function* theirs;
};
#define BOTH(name) \
  const Both<decltype(name)> name##_both { #name }

class RandomAnswers : public ::testing::Test {
 protected:
  int Below(int limit) {
    return std::uniform_int_distribution<int>(0, limit - 1)(random_);
  }

  // Up to `max` characters of `alphabet`.
  std::string Text(int max, std::string_view alphabet) {
    std::string text;
    for (int left = Below(max + 1); left > 0; --left) {
      text += alphabet[Below(static_cast<int>(alphabet.size()))];
    }
    return text;
  }

  std::string Address() {
    return Below(2) == 0 ? Text(30, "0123456789.:")
                         : Text(30, "[]%0123456789abcdefFl:.:. -+xo");
  }

  int Family() {
    constexpr int kFamilies[] = {AF_INET, AF_INET6, AF_UNIX};
    return kFamilies[Below(3)];
  }

  std::mt19937 random_{20261124};
};

TEST_F(RandomAnswers, AddressesWithPorts) {
  BOTH(evutil_parse_sockaddr_port);
  int accepted = 0;
  for (int round = 0; round < kRounds; ++round) {
    // Often of the right form.
    std::string text = Address();
    if (Below(4) == 0) text = "1.2.3." + Text(3, "0123456789");
    if (Below(8) == 0) text = "[::" + Text(4, "0123456789abcdef") + "]";
    if (Below(4) == 0) text += ":" + Text(6, "0123456789");
    sockaddr_storage ours;
    sockaddr_storage theirs;
    memset(&ours, 0xee, sizeof(ours));
    memset(&theirs, 0xee, sizeof(theirs));
    int our_size = Below(2) == 0 ? Below(40) : int{sizeof(ours)};
    int their_size = our_size;
    const int result = evutil_parse_sockaddr_port_both.ours(
        text.c_str(), reinterpret_cast<sockaddr*>(&ours), &our_size);
    ASSERT_EQ(result, evutil_parse_sockaddr_port_both.theirs(
                          text.c_str(), reinterpret_cast<sockaddr*>(&theirs),
                          &their_size))
        << text;
    ASSERT_EQ(our_size, their_size) << text;
    if (result != 0) continue;
    ++accepted;
    ASSERT_EQ(memcmp(&ours, &theirs, sizeof(ours)), 0) << text;
  }
  EXPECT_GT(accepted, kRounds / 50);
}

TEST_F(RandomAnswers, AddressesFromText) {
  BOTH(evutil_inet_pton);
  BOTH(evutil_inet_pton_scope);
  for (int round = 0; round < kRounds; ++round) {
    const std::string text = Address();
    const int family = Family();
    unsigned char ours[32] = {};
    unsigned char theirs[32] = {};
    const int result = evutil_inet_pton_both.ours(family, text.c_str(), ours);
    ASSERT_EQ(result,
              evutil_inet_pton_both.theirs(family, text.c_str(), theirs))
        << text;
    if (result == 1) {
      ASSERT_EQ(memcmp(ours, theirs, 16), 0) << text;
    }
    unsigned our_index = 77;
    unsigned their_index = 77;
    ASSERT_EQ(evutil_inet_pton_scope_both.ours(family, text.c_str(), ours,
                                               &our_index),
              evutil_inet_pton_scope_both.theirs(family, text.c_str(), theirs,
                                                 &their_index))
        << text;
    ASSERT_EQ(our_index, their_index) << text;
  }
}

TEST_F(RandomAnswers, AddressesAsText) {
  BOTH(evutil_inet_ntop);
  for (int round = 0; round < kRounds; ++round) {
    unsigned char address[16];
    // Runs of zeros, and embedded IPv4 addresses, are what matters.
    for (unsigned char& byte : address) {
      byte = Below(3) > 0 ? 0 : static_cast<unsigned char>(Below(256));
    }
    if (Below(4) == 0) {
      memset(address, 0, 10);
      memset(address + 10, Below(2) == 0 ? 0 : 0xff, 2);
    }
    const int family = Family();
    const auto size = static_cast<size_t>(Below(50));
    char ours[64] = {};
    char theirs[64] = {};
    const char* result =
        evutil_inet_ntop_both.ours(family, address, ours, size);
    ASSERT_EQ(result != nullptr, evutil_inet_ntop_both.theirs(
                                     family, address, theirs, size) != nullptr)
        << ours << " in " << size;
    if (result != nullptr) {
      ASSERT_STREQ(ours, theirs);
    }
  }
}

TEST_F(RandomAnswers, OrderOfAddresses) {
  BOTH(evutil_sockaddr_cmp);
  const auto sign = [](int value) { return (value > 0) - (value < 0); };
  for (int round = 0; round < kRounds; ++round) {
    sockaddr_in6 sides[2] = {};
    for (sockaddr_in6& side : sides) {
      side.sin6_family = Below(2) == 0 ? AF_INET : AF_INET6;
      // Differ in a byte or two.
      reinterpret_cast<char*>(&side)[2 + Below(26)] =
          static_cast<char>(Below(3));
    }
    const auto* a = reinterpret_cast<sockaddr*>(&sides[0]);
    const auto* b = reinterpret_cast<sockaddr*>(&sides[1]);
    const int with_port = Below(2);
    ASSERT_EQ(sign(evutil_sockaddr_cmp_both.ours(a, b, with_port)),
              sign(evutil_sockaddr_cmp_both.theirs(a, b, with_port)));
  }
}

TEST_F(RandomAnswers, Numbers) {
  BOTH(evutil_strtoll);
  constexpr int kBases[] = {0, 2, 8, 10, 16, 36, 1, 37, -1, 7};
  for (int round = 0; round < kRounds; ++round) {
    const std::string text = Text(26, "0123456789-+ xXaAfFzZ9\t");
    const int base = kBases[Below(10)];
    char* our_end = nullptr;
    char* their_end = nullptr;
    errno = 0;
    const auto ours = evutil_strtoll_both.ours(text.c_str(), &our_end, base);
    const int our_error = errno;
    errno = 0;
    const auto theirs =
        evutil_strtoll_both.theirs(text.c_str(), &their_end, base);
    ASSERT_EQ(our_error, errno) << text << " to base " << base;
    ASSERT_EQ(ours, theirs) << text << " to base " << base;
    ASSERT_EQ(our_end, their_end) << text << " to base " << base;
  }
}

TEST_F(RandomAnswers, OrderOfStrings) {
  BOTH(evutil_ascii_strcasecmp);
  BOTH(evutil_ascii_strncasecmp);
  for (int round = 0; round < kRounds; ++round) {
    const std::string a = Text(5, "aAbBzZ@[`{\x80\xc0");
    const std::string b = Text(5, "aAbBzZ@[`{\x80\xc0");
    const auto n = static_cast<size_t>(Below(7));
    ASSERT_EQ(evutil_ascii_strcasecmp_both.ours(a.c_str(), b.c_str()),
              evutil_ascii_strcasecmp_both.theirs(a.c_str(), b.c_str()));
    ASSERT_EQ(evutil_ascii_strncasecmp_both.ours(a.c_str(), b.c_str(), n),
              evutil_ascii_strncasecmp_both.theirs(a.c_str(), b.c_str(), n));
  }
}

TEST_F(RandomAnswers, DatesAndFormats) {
  BOTH(evutil_date_rfc1123);
  // Its own type has an attribute that templates do not take.
  const Both<int(char*, size_t, const char*, ...)> evutil_snprintf_both{
      "evutil_snprintf"};
  for (int round = 0; round < kRounds; ++round) {
    tm when = {};
    when.tm_sec = Below(61);
    when.tm_min = Below(60);
    when.tm_hour = Below(24);
    when.tm_mday = Below(32);
    when.tm_mon = Below(12);
    when.tm_year = Below(9000) - 2000;
    when.tm_wday = Below(7);
    const auto size = static_cast<size_t>(Below(40));
    char ours[64] = {};
    char theirs[64] = {};
    ASSERT_EQ(evutil_date_rfc1123_both.ours(ours, size, &when),
              evutil_date_rfc1123_both.theirs(theirs, size, &when));
    ASSERT_STREQ(ours, theirs);
    const int number = Below(1 << 30);
    const std::string text = Text(9, "abc");
    ASSERT_EQ(evutil_snprintf_both.ours(ours, size, "%d %s %x", number,
                                        text.c_str(), number),
              evutil_snprintf_both.theirs(theirs, size, "%d %s %x", number,
                                          text.c_str(), number));
    ASSERT_STREQ(ours, theirs);
  }
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  // The loader's own search finds the installed libevent.
  g_theirs = dlopen("libevent_core-2.1.so.7", RTLD_NOW | RTLD_LOCAL);
  g_ours = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (g_ours == nullptr || g_theirs == nullptr || g_ours == g_theirs) {
    fprintf(stderr, "not both libraries: %s\n", dlerror());
    return 1;
  }
  return RUN_ALL_TESTS();
}
