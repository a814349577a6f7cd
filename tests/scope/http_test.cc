// SPDX-License-Identifier: BSD-3-Clause
#include "scope/http.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace evoke::scope {
namespace {

constexpr char kToken[] = "0123456789abcdef";

Request Ask(const std::string& head, bool loopback_only = true) {
  return Parse(head.data(), head.size(),
               {kToken, loopback_only, "127.0.0.2:80"});
}

std::string Get(const std::string& target,
                const std::string& host = "127.0.0.1:80") {
  return "GET " + target + " HTTP/1.1\r\nHost: " + host +
         "\r\nAccept: */*\r\n\r\n";
}

const std::string kGood = std::string("/?token=") + kToken;

TEST(Http, KnowsAWholeHead) {
  EXPECT_FALSE(IsWhole("GET / HTTP/1.1\r\n", 16));
  EXPECT_TRUE(IsWhole("GET / HTTP/1.1\r\n\r\n", 18));
  EXPECT_FALSE(IsWhole("", 0));
}

TEST(Http, FindsThePages) {
  EXPECT_EQ(Ask(Get(kGood)).status, 200);
  EXPECT_EQ(Ask(Get(kGood)).page, Page::kPage);
  Request state = Ask(
      Get(std::string("/state?since=41&token=") + kToken + "&base=3&other=x"));
  EXPECT_EQ(state.status, 200);
  EXPECT_EQ(state.page, Page::kState);
  EXPECT_EQ(state.since, 41);
  EXPECT_EQ(state.base, 3);
  EXPECT_FALSE(state.head_only);
  EXPECT_EQ(Ask(Get(std::string("/other?token=") + kToken)).status, 404);
}

TEST(Http, WantsTheToken) {
  EXPECT_EQ(Ask(Get("/")).status, 403);
  EXPECT_EQ(Ask(Get("/?token=")).status, 403);
  EXPECT_EQ(Ask(Get("/?token=0123456789abcdeX")).status, 403);
  EXPECT_EQ(Ask(Get("/?token=0123456789abcde")).status, 403);
  EXPECT_EQ(Ask(Get(kGood + "0")).status, 403);
  EXPECT_EQ(Ask(Get(std::string("/?xtoken=") + kToken)).status, 403);
  // Nor does it tell what there is.
  EXPECT_EQ(Ask(Get("/other")).status, 403);
  EXPECT_EQ(Ask(Get("/state?base=0")).status, 403);
}

// A page of another site reaches us by a name of its own (DNS rebinding).
TEST(Http, AnswersByLoopbackNamesOnly) {
  for (const char* host :
       {"127.0.0.1", "127.0.0.1:1234", "localhost", "localhost:80", "[::1]",
        "[::1]:80", "127.0.0.2", "127.0.0.2:1"}) {
    EXPECT_EQ(Ask(Get(kGood, host)).status, 200) << host;
  }
  for (const char* host :
       {"example.com", "127.0.0.1.example.com:80", "", "localhost.",
        "10.0.0.1:80", "127.0.0.3", "[::2]:80", "::1"}) {
    EXPECT_EQ(Ask(Get(kGood, host)).status, 421) << host;
    EXPECT_EQ(Ask(Get(kGood, host), /*loopback_only=*/false).status, 200);
  }
  EXPECT_EQ(Ask("GET " + kGood + " HTTP/1.1\r\n\r\n").status, 421);
}

TEST(Http, IsReadOnly) {
  for (const char* method :
       {"POST", "PUT", "DELETE", "OPTIONS", "get", "GETX"}) {
    std::string head = Get(kGood).replace(0, 3, method);
    EXPECT_EQ(Ask(head).status, 405) << method;
  }
  Request head = Ask(Get(kGood).replace(0, 3, "HEAD"));
  EXPECT_EQ(head.status, 200);
  EXPECT_TRUE(head.head_only);
}

TEST(Http, RefusesWhatIsNoRequest) {
  for (const char* head :
       {"\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET  HTTP\r\n\r\n",
        "GET / FTP/1.1\r\n\r\n", " \r\n\r\n", "nonsense\r\n\r\n"}) {
    EXPECT_EQ(Ask(head).status, 400) << head;
  }
  std::string with_nul = Get(kGood);
  with_nul[20] = '\0';
  EXPECT_EQ(Ask(with_nul).status, 400);
}

TEST(Http, TakesNumbersAsFarAsTheyAreOnes) {
  const std::string state = std::string("/state?token=") + kToken + "&since=";
  EXPECT_EQ(Ask(Get(state + "-1")).since, 0);
  EXPECT_EQ(Ask(Get(state + "7x")).since, 0);
  EXPECT_EQ(Ask(Get(state)).since, 0);
  EXPECT_EQ(Ask(Get(state + "99999999999999999999999999")).since, 0);
  EXPECT_GE(Ask(Get(state + "0&base=99999999")).base, 0);
}

// Whatever comes, there is an answer, and nothing beyond the head is read
// (which a sanitizer would tell).
TEST(Http, SurvivesRandomHeads) {
  std::mt19937 random(20261127);
  const std::string pieces[] = {
      "GET ",      "/",    "?",         "&",     "token=", kToken,  "\r\n",
      "Host:",     " ",    "127.0.0.1", ":80",   "[::1]",  "=",     "\t",
      " HTTP/1.1", "HEAD", "state",     "since", "\xff",   "base=1"};
  int good = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string head = random() % 2 == 0 ? "" : Get(kGood);
    for (unsigned n = random() % 20; n > 0; --n) {
      head.insert(random() % (head.size() + 1),
                  pieces[random() % std::size(pieces)]);
    }
    head += "\r\n\r\n";
    const Request request = Ask(head);
    EXPECT_GE(request.status, 200);
    EXPECT_LT(request.status, 500);
    good += request.status == 200;
  }
  EXPECT_GT(good, 0);
}

TEST(Http, WritesAnAnswer) {
  Text out;
  AddAnswer(200, "text/html", "body", 4, /*head_only=*/false, &out);
  std::string answer(out.data(), out.size());
  EXPECT_EQ(answer.rfind("HTTP/1.1 200 OK\r\n", 0), 0u) << answer;
  EXPECT_NE(answer.find("\r\nContent-Length: 4\r\n"), std::string::npos);
  EXPECT_NE(answer.find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(answer.substr(answer.size() - 8), "\r\n\r\nbody");
  Text head;
  AddAnswer(200, "text/html", "body", 4, /*head_only=*/true, &head);
  EXPECT_EQ(std::string(head.data(), head.size()) + "body", answer);
}

}  // namespace
}  // namespace evoke::scope
