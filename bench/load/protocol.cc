// SPDX-License-Identifier: BSD-3-Clause
#include "bench/load/protocol.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace evoke::load {
namespace {

// `bytes` of them, the most significant first.
std::string BigEndian(uint64_t value, int bytes) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(value >> (8 * bytes));
  return text;
}

std::string Unframed(const std::string& body) { return body; }

// --- nanomsg -----------------------------------------------------------------

constexpr int kSpReq = 0x30, kSpRep = 0x31;

std::string SpHeader(int protocol) {
  return absl::StrCat(BigEndian(0, 1), "SP", BigEndian(0, 1),
                      BigEndian(protocol, 2), BigEndian(0, 2));
}

// A length, and the body behind a number by which the client knows the answer;
// its highest bit says that no other number is below it. All messages of ours
// have the same.
std::string SpFrame(const std::string& body) {
  constexpr uint32_t kRequest = 0x80000001;
  return absl::StrCat(BigEndian(4 + body.size(), 8), BigEndian(kRequest, 4),
                      body);
}

// --- ZeroMQ ------------------------------------------------------------------

enum ZmtpFlag { kMore = 1, kLong = 2, kCommand = 4 };

std::string ZmtpFrame(int flags, const std::string& body) {
  return body.size() > 255 ? absl::StrCat(BigEndian(flags | kLong, 1),
                                          BigEndian(body.size(), 8), body)
                           : absl::StrCat(BigEndian(flags, 1),
                                          BigEndian(body.size(), 1), body);
}

std::string ZmtpSignature() {
  return absl::StrCat("\xff", BigEndian(0, 8), "\x7f");
}

// 64 bytes: the signature, version 3.0, the mechanism, that we are no server
// of it, and nothing.
std::string ZmtpGreeting() {
  std::string greeting =
      absl::StrCat(ZmtpSignature(), BigEndian(0x0300, 2), "NULL");
  greeting.resize(64);
  return greeting;
}

std::string ZmtpReady(const std::string& socket_type) {
  constexpr char kType[] = "Socket-Type";
  return ZmtpFrame(
      kCommand,
      absl::StrCat("\x05READY", BigEndian(sizeof(kType) - 1, 1), kType,
                   BigEndian(socket_type.size(), 4), socket_type));
}

// An empty frame, which ends the addresses, and the body.
std::string ZmtpRequest(const std::string& body) {
  return absl::StrCat(ZmtpFrame(kMore, ""), ZmtpFrame(0, body));
}

}  // namespace

const Protocol& Raw() {
  static const Protocol protocol = {"raw", "", "", 0, &Unframed};
  return protocol;
}

const Protocol& SpRequests() {
  static const Protocol protocol = {"nanomsg", SpHeader(kSpReq),
                                    SpHeader(kSpRep), SpHeader(kSpRep).size(),
                                    &SpFrame};
  return protocol;
}

const Protocol& ZmtpRequests() {
  // Of the server's greeting only the beginning is always the same: within the
  // signature it may say a length, for old peers, and its minor version.
  static const Protocol protocol = {
      "zeromq", absl::StrCat(ZmtpGreeting(), ZmtpReady("REQ")), "\xff",
      ZmtpGreeting().size() + ZmtpReady("REP").size(), &ZmtpRequest};
  return protocol;
}

}  // namespace evoke::load
