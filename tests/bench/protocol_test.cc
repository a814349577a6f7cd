// SPDX-License-Identifier: BSD-3-Clause
//
// The bytes of the protocols, against those of the specifications, by hand.
#include "bench/load/protocol.h"

#include <gtest/gtest.h>

#include <string>

namespace evoke::load {
namespace {

// With the zeros in it.
template <size_t N>
std::string Bytes(const char (&text)[N]) {
  return std::string(text, N - 1);
}

TEST(Raw, HasNothingAroundAMessage) {
  EXPECT_EQ(Raw().hello, "");
  EXPECT_EQ(Raw().welcome_bytes, 0u);
  EXPECT_EQ(Raw().frame("body"), "body");
}

TEST(SpRequests, SayWhatTheyAre) {
  EXPECT_EQ(SpRequests().hello, Bytes("\0SP\0\0\x30\0\0"));
  EXPECT_EQ(SpRequests().welcome, Bytes("\0SP\0\0\x31\0\0"));
  EXPECT_EQ(SpRequests().welcome_bytes, 8u);
}

TEST(SpRequests, HaveALengthAndANumber) {
  EXPECT_EQ(SpRequests().frame("body"),
            Bytes("\0\0\0\0\0\0\0\x08\x80\0\0\1body"));
}

TEST(ZmtpRequests, SayWhatTheyAre) {
  const std::string hello = ZmtpRequests().hello;
  EXPECT_EQ(hello.substr(0, 17), Bytes("\xff\0\0\0\0\0\0\0\0\x7f\3\0NULL\0"));
  EXPECT_EQ(hello.substr(17, 47), std::string(47, '\0'));
  EXPECT_EQ(hello.substr(64), Bytes("\4\x19\5READY\x0bSocket-Type\0\0\0\3REQ"));
  EXPECT_EQ(ZmtpRequests().welcome_bytes, hello.size());
}

TEST(ZmtpRequests, HaveAnEmptyFrameAndOneOfTheirOwn) {
  EXPECT_EQ(ZmtpRequests().frame("body"), Bytes("\1\0\0\4body"));
  EXPECT_EQ(ZmtpRequests().frame(std::string(255, 'x')),
            Bytes("\1\0\0\xff") + std::string(255, 'x'));
  EXPECT_EQ(ZmtpRequests().frame(std::string(256, 'x')),
            Bytes("\1\0\2\0\0\0\0\0\0\1\0") + std::string(256, 'x'));
}

}  // namespace
}  // namespace evoke::load
