// SPDX-License-Identifier: BSD-3-Clause
#include "bench/load/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/crowd.h"
#include "tests/bench/fake_server.h"

namespace evoke::load {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kLong = 60 * kNsPerSecond;  // for a busy machine

Opening OpeningOf(int count, int64_t patience_ns = kLong) {
  return {.count = count, .patience_ns = patience_ns, .limit_ns = kLong};
}

int Sum(const std::map<std::string, int>& errors) {
  int sum = 0;
  for (const auto& [name, count] : errors) sum += count;
  return sum;
}

// --- Opening -----------------------------------------------------------------

TEST(Open, AllAreServed) {
  FakeServer server;
  Client client(server.port(), 64);
  Opened opened = client.Open(OpeningOf(700));  // more than one window
  EXPECT_EQ(opened.asked, 700);
  EXPECT_EQ(opened.served, 700);
  EXPECT_TRUE(opened.errors.empty());
  EXPECT_EQ(client.served(), 700);
  EXPECT_EQ(server.bytes(), 700 * 64);
}

TEST(Open, WhatTheServerClosesIsCounted) {
  FakeServer server({.serves = 5});
  Client client(server.port(), 64);
  Opened opened = client.Open(OpeningOf(12));
  EXPECT_EQ(opened.served, 5);
  EXPECT_EQ(opened.closed, 7);
  EXPECT_EQ(Sum(opened.errors), 7);
}

TEST(Open, WhoGetsNoAnswerIsCounted) {
  FakeServer server({.answers = 3});
  Client client(server.port(), 64);
  Opened opened = client.Open(OpeningOf(10, 500 * kMs));
  EXPECT_EQ(opened.served, 3);
  EXPECT_EQ(opened.unanswered, 7);
  EXPECT_EQ(client.served(), 3);
}

TEST(Open, WhereNobodyListensAllAreRefused) {
  // Bound, so that nobody else has the port, and not listening.
  int holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(holder, generic, length), 0);
  ASSERT_EQ(getsockname(holder, generic, &length), 0);
  Client client(ntohs(address.sin_port), 64);
  Opened opened = client.Open(OpeningOf(4));
  EXPECT_EQ(opened.refused, 4);
  EXPECT_EQ(opened.errors["ECONNREFUSED"], 4);
  close(holder);
}

TEST(Open, AnAnswerThatIsNoEchoServesNobody) {
  FakeServer server({.garbles = true});
  Client client(server.port(), 64);
  Opened opened = client.Open(OpeningOf(2));
  EXPECT_EQ(opened.served, 0);
  EXPECT_EQ(opened.closed, 2);
  EXPECT_EQ(opened.errors["wrong echo"], 2);
}

TEST(Open, TheTimeIsLimited) {
  FakeServer server({.answers = 0});
  Client client(server.port(), 64);
  Opening opening = OpeningOf(3);
  opening.limit_ns = 300 * kMs;
  Opened opened = client.Open(opening);
  EXPECT_EQ(opened.served, 0);
  EXPECT_EQ(opened.unanswered + opened.unconnected, 3);
}

// A frame around each message, and a handshake before them.
const Protocol& Framed() {
  static const Protocol protocol = {
      "framed", "HELLO", "WEL", 7,
      [](const std::string& body) { return "<" + body + ">"; }};
  return protocol;
}

TEST(Open, ShakesHandsWhereTheProtocolDoes) {
  FakeServer server({.hello = "HELLO", .welcome = "WELCOME"});
  Client client(server.port(), 64, Framed());
  Opened opened = client.Open(OpeningOf(20));
  EXPECT_EQ(opened.served, 20);
  Outcome run = client.RunClosed(
      {.active = 20, .messages = 500, .patience_ns = kLong, .limit_ns = kLong});
  EXPECT_EQ(run.messages, 500u);
  EXPECT_EQ(server.bytes(), (20 + 500) * 66);
}

TEST(Open, AnotherWelcomeServesNobody) {
  FakeServer server({.hello = "HELLO", .welcome = "WARNING"});
  Client client(server.port(), 64, Framed());
  Opened opened = client.Open(OpeningOf(2));
  EXPECT_EQ(opened.served, 0);
  EXPECT_EQ(opened.closed, 2);
  EXPECT_EQ(opened.errors["wrong welcome"], 2);
  EXPECT_EQ(server.bytes(), 0);
}

// --- Closed loop -------------------------------------------------------------

TEST(ClosedLoop, SendsSoManyMessagesAndCountsTheirAnswers) {
  FakeServer server;
  Client client(server.port(), 64);
  client.Open(OpeningOf(7));
  Outcome run = client.RunClosed(
      {.active = 7, .messages = 1000, .patience_ns = kLong, .limit_ns = kLong});
  EXPECT_EQ(run.messages, 1000u);
  EXPECT_EQ(run.latency_ns.count(), 1000u);
  EXPECT_EQ(run.unanswered, 0u);
  EXPECT_EQ(run.closed, 0);
  EXPECT_EQ(server.bytes(), (7 + 1000) * 64);
}

TEST(ClosedLoop, RunsForSuchATime) {
  FakeServer server;
  Client client(server.port(), 100);
  client.Open(OpeningOf(3));
  int64_t start = NowNs();
  Outcome run = client.RunClosed({.active = 3,
                                  .duration_ns = 200 * kMs,
                                  .patience_ns = kLong,
                                  .limit_ns = kLong});
  EXPECT_GE(NowNs() - start, 200 * kMs);
  EXPECT_GT(run.messages, 3u);
  EXPECT_EQ(server.bytes(), (3 + static_cast<int64_t>(run.messages)) * 100);
}

TEST(ClosedLoop, OthersStayIdle) {
  FakeServer server;
  Client client(server.port(), 64);
  client.Open(OpeningOf(5));
  EXPECT_EQ(server.Speakers(), 5u);
  client.RunClosed(
      {.active = 2, .messages = 100, .patience_ns = kLong, .limit_ns = kLong});
  EXPECT_EQ(server.Speakers(), 2u);
}

TEST(ClosedLoop, MessagesMayBeLargerThanWhatASocketTakes) {
  constexpr int kBytes = 12'345'678;
  FakeServer server;
  Client client(server.port(), kBytes);
  client.Open(OpeningOf(1));
  Outcome run = client.RunClosed(
      {.active = 1, .messages = 3, .patience_ns = kLong, .limit_ns = kLong});
  EXPECT_EQ(run.messages, 3u);
  EXPECT_EQ(server.bytes(), int64_t{4} * kBytes);
}

TEST(ClosedLoop, ConnectionsThatTheServerEndsAreCounted) {
  FakeServer server({.ends_after_bytes = 50 * 64});
  Client client(server.port(), 64);
  client.Open(OpeningOf(4));
  Outcome run = client.RunClosed(
      {.active = 4, .messages = 1000, .patience_ns = kLong, .limit_ns = kLong});
  EXPECT_EQ(run.closed, 4);
  EXPECT_EQ(run.unanswered, 4u);
  EXPECT_LT(run.messages, 50u);
  EXPECT_EQ(client.served(), 0);
}

TEST(ClosedLoop, AServerThatFallsSilentEndsIt) {
  FakeServer server({.silent_after_bytes = 50 * 64});
  Client client(server.port(), 64);
  client.Open(OpeningOf(4));
  Outcome run = client.RunClosed({.active = 4,
                                  .duration_ns = 100 * kMs,
                                  .patience_ns = 300 * kMs,
                                  .limit_ns = kLong});
  EXPECT_EQ(run.unanswered, 4u);
  // Those have waited, and count with it.
  EXPECT_EQ(run.latency_ns.count(), run.messages + 4);
  EXPECT_GE(run.latency_ns.max(), 300 * kMs);
}

// --- Open loop ---------------------------------------------------------------

OpenLoop OpenLoopOf(int active, double per_second, int64_t duration_ns) {
  return {.active = active,
          .per_second = per_second,
          .duration_ns = duration_ns,
          .patience_ns = kLong,
          .limit_ns = kLong};
}

TEST(OpenLoop, SendsAtItsRate) {
  for (bool spin : {false, true}) {
    FakeServer server;
    Client client(server.port(), 64);
    client.Open(OpeningOf(3));
    OpenLoop loop = OpenLoopOf(3, 2000, 250 * kMs);
    loop.spin = spin;
    int64_t start = NowNs();
    Outcome run = client.RunOpen(loop);
    EXPECT_EQ(run.messages, 500u);
    EXPECT_EQ(run.lateness_ns.count(), 500u);
    // The last one was due half a millisecond before the end.
    EXPECT_GE(NowNs() - start, 249 * kMs);
    EXPECT_EQ(server.bytes(), (3 + 500) * 64);
  }
}

TEST(OpenLoop, AStalledServerMakesAllLateThatWereDueMeanwhile) {
  // A thousand messages a second, and no answer for 400 ms: those that were due
  // in the first 300 of them waited 100 ms or more.
  Behaviour stalls = {.stalls_after_bytes = 200 * 64, .stall_ms = 400};
  FakeServer server(stalls);
  Client client(server.port(), 64);
  client.Open(OpeningOf(4));
  Outcome run = client.RunOpen(OpenLoopOf(4, 1000, kNsPerSecond));
  EXPECT_EQ(run.messages, 1000u);
  EXPECT_GE(run.latency_ns.CountFrom(100 * kMs), 290u);
  EXPECT_GE(run.latency_ns.ValueAt(80), 100 * kMs);
  EXPECT_GE(run.latency_ns.max(), 390 * kMs);

  // The closed loop does not send meanwhile, and so cannot see it: in so short
  // a time its connections have few messages that wait so long, whatever the
  // server does.
  FakeServer another(stalls);
  Client polite(another.port(), 64);
  polite.Open(OpeningOf(4));
  Outcome closed = polite.RunClosed({.active = 4,
                                     .duration_ns = kNsPerSecond,
                                     .patience_ns = kLong,
                                     .limit_ns = kLong});
  EXPECT_LE(closed.latency_ns.CountFrom(100 * kMs), 4u * 11);
  EXPECT_GE(closed.latency_ns.max(), 390 * kMs);
}

TEST(OpenLoop, AMessageThatIsSentLateCountsFromWhenItWasDue) {
  // Nobody sends so many in so short a time.
  FakeServer server;
  Client client(server.port(), 64);
  client.Open(OpeningOf(4));
  Outcome run = client.RunOpen(OpenLoopOf(4, 1e9, kMs / 20));
  EXPECT_EQ(run.messages, 50000u);
  EXPECT_GT(run.lateness_ns.ValueAt(50), kMs);
  for (double percentile : {10, 50, 90, 99}) {
    EXPECT_GE(run.latency_ns.ValueAt(percentile),
              run.lateness_ns.ValueAt(percentile) / 1001 * 1000);
  }
}

TEST(OpenLoop, MessagesWithoutAnAnswerCountWithTheirWaiting) {
  FakeServer server({.silent_after_bytes = 100 * 64});
  Client client(server.port(), 64);
  client.Open(OpeningOf(2));
  OpenLoop loop = OpenLoopOf(2, 1000, 300 * kMs);
  loop.patience_ns = 400 * kMs;
  Outcome run = client.RunOpen(loop);
  EXPECT_GE(run.unanswered, 200u);
  EXPECT_EQ(run.messages + run.unanswered, 300u);
  EXPECT_EQ(run.latency_ns.count(), 300u);
  EXPECT_GE(run.latency_ns.CountFrom(400 * kMs), run.unanswered);
}

TEST(OpenLoop, EndsWhenNoConnectionIsLeft) {
  FakeServer server({.ends_after_bytes = 20 * 64});
  Client client(server.port(), 64);
  client.Open(OpeningOf(2));
  Outcome run = client.RunOpen(OpenLoopOf(2, 1000, kLong));
  EXPECT_EQ(run.closed, 2);
  EXPECT_LT(run.messages, 20u);
}

// --- Several threads ---------------------------------------------------------

TEST(Crowd, SharesTheWork) {
  FakeServer server;
  Crowd crowd(server.port(), 64, 3);
  Opened opened = crowd.Open(OpeningOf(10));
  EXPECT_EQ(opened.asked, 10);
  EXPECT_EQ(opened.served, 10);
  EXPECT_EQ(crowd.served(), 10);
  Outcome run = crowd.RunClosed({.active = 10,
                                 .messages = 1000,
                                 .patience_ns = kLong,
                                 .limit_ns = kLong});
  EXPECT_EQ(run.messages, 1000u);
  EXPECT_EQ(crowd.RunOpen(OpenLoopOf(10, 3000, 100 * kMs)).messages, 300u);
}

TEST(Crowd, MayHaveMoreThreadsThanConnections) {
  FakeServer server;
  Crowd crowd(server.port(), 64, 3);
  EXPECT_EQ(crowd.Open(OpeningOf(1)).served, 1);
  Outcome run = crowd.RunClosed(
      {.active = 1, .messages = 2, .patience_ns = kLong, .limit_ns = kLong});
  EXPECT_EQ(run.messages, 2u);
  EXPECT_EQ(crowd.RunOpen(OpenLoopOf(1, 1000, 100 * kMs)).messages, 100u);
}

}  // namespace
}  // namespace evoke::load
