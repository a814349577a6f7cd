// SPDX-License-Identifier: BSD-3-Clause
//
// The suite finds every built-in backend sound, and every broken one broken.
#include <errno.h>
#include <evoke/backend.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "backends/backend.h"
#include "tests/backends/broken_backends.h"

namespace evoke::testing {
namespace {

// What the suite said: how each promise was broken, or nothing.
using Outcome = std::map<std::string, std::string>;

Outcome OutcomeOf(const evoke_backend& table) {
  Outcome outcome;
  int broken_count = evoke_backend_conformance_report(
      &table,
      [](const char* promise, const char* broken, void* arg) {
        static_cast<Outcome*>(arg)->emplace(promise, broken ? broken : "");
      },
      &outcome);
  int counted = 0;
  for (const auto& [promise, broken] : outcome) counted += !broken.empty();
  EXPECT_EQ(broken_count, counted);
  return outcome;
}

class SoundBackend : public ::testing::TestWithParam<const evoke_backend*> {};

TEST_P(SoundBackend, KeepsEveryPromise) {
  for (const auto& [promise, broken] : OutcomeOf(*GetParam())) {
    EXPECT_EQ(broken, "") << promise;
  }
  EXPECT_EQ(evoke_backend_conformance(GetParam()), 0);
}

INSTANTIATE_TEST_SUITE_P(BuiltIn, SoundBackend,
                         ::testing::Values(&kEpollBackend,
                                           &kEpollChangelistBackend,
                                           &kPollBackend, &kSelectBackend));

TEST(Conformance, TheWrapperAroundTheBrokenOnesIsSoundItself) {
  for (const auto& [promise, broken] :
       OutcomeOf(TableOf(BrokenBackends()[0]))) {
    EXPECT_EQ(broken, "") << promise;
  }
}

class Broken : public ::testing::TestWithParam<size_t> {};

TEST_P(Broken, IsTold) {
  const BrokenBackend& backend = BrokenBackends()[GetParam()];
  SCOPED_TRACE(backend.name);
  bool found = false;
  for (const auto& [promise, broken] : OutcomeOf(TableOf(backend))) {
    if (promise.starts_with(backend.promise)) found = !broken.empty();
  }
  EXPECT_TRUE(found) << "nothing was said against: " << backend.promise;
}

INSTANTIATE_TEST_SUITE_P(EachLie, Broken,
                         ::testing::Range(size_t{1}, BrokenBackends().size()),
                         [](const auto& info) {
                           return BrokenBackends()[info.param].name;
                         });

TEST(Conformance, EveryPromiseIsBrokenByOneOfTheBrokenBackends) {
  std::set<std::string> never_broken;
  for (const auto& [promise, broken] : OutcomeOf(kSelectBackend)) {
    bool has_liar = false;
    for (const BrokenBackend& backend : BrokenBackends()) {
      has_liar |=
          !backend.promise.empty() && promise.starts_with(backend.promise);
    }
    if (!has_liar) never_broken.insert(promise);
  }
  EXPECT_EQ(never_broken, std::set<std::string>());
}

TEST(Conformance, ACrashIsToldAndHidesNothing) {
  Lies lies;
  lies.change = [](Wrapped* self, int fd, short from, short to, int edge) {
    if (to & EV_CLOSED) abort();
    return SoundChange(self, fd, from, to, edge);
  };
  std::string broken;
  for (const auto& [promise, said] : OutcomeOf(TableOf({"", "", lies}))) {
    broken += said;
  }
  EXPECT_EQ(broken, "it crashed with signal 6");
}

TEST(Conformance, WhatCannotBeCalledIsRefused) {
  EXPECT_EQ(evoke_backend_conformance(nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
  evoke_backend table = kPollBackend;
  table.wait = nullptr;
  EXPECT_EQ(evoke_backend_conformance(&table), -1);
  EXPECT_EQ(evoke_backend_conformance_report(&kPollBackend, nullptr, nullptr),
            -1);
}

TEST(Conformance, ABrokenPromiseIsLoggedInASentence) {
  static std::string* const log = new std::string;
  event_set_log_callback([](int severity, const char* message) {
    EXPECT_EQ(severity, EVENT_LOG_WARN);
    *log += message;
  });
  evoke_backend table = kPollBackend;
  table.name = "deaf";
  table.features |= EV_FEATURE_ET;  // a claim, not a fact
  EXPECT_EQ(evoke_backend_conformance(&table), 2);
  event_set_log_callback(nullptr);
  EXPECT_NE(log->find("backend deaf: \"edge-triggered: a change is told once\" "
                      "does not hold: the ready set was 0x2 instead of 0x0, "
                      "when nothing new came, edge-triggered"),
            std::string::npos)
      << *log;
}

}  // namespace
}  // namespace evoke::testing
