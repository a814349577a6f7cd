// SPDX-License-Identifier: BSD-3-Clause
//
// In every scenario, each allocation of the library fails, once, and from there
// on for good: it must neither crash nor leak. The work is done by
// allocation_failures.c in the program of scenarios, on each backend.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/differential/scenario_runner.h"

namespace {

constexpr int kLimitMs = 300000;
constexpr std::array kMethods = {"epoll", "poll", "select"};

// Each failure is a fork, which is slow under a sanitizer: there the backends
// take turns, one for each scenario.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kTakesTurns = true;
#else
constexpr bool kTakesTurns = false;
#endif

std::string g_ours_path;

class EachAllocationFails : public testing::Test {
 public:
  EachAllocationFails(const std::string& name, const std::string& method)
      : name_(name), method_(method) {}

  void TestBody() override {
    const Outcome outcome = RunProgram(
        {g_ours_path, "--fail-each", "--run", name_, "--method", method_},
        kLimitMs);
    EXPECT_TRUE(outcome.Completed())
        << name_ << " on " << method_ << " " << outcome.Describe() << "\n"
        << outcome.record << outcome.errors;
  }

 private:
  std::string name_;
  std::string method_;
};

}  // namespace

int main(int argc, char** argv) {
  g_ours_path = TakeFlag(argc, argv, "ours");
  testing::InitGoogleTest(&argc, argv);
  const std::vector<Scenario> scenarios =
      ParseList(RunProgram({g_ours_path, "--list"}, kLimitMs).record);
  if (scenarios.empty()) {
    fprintf(stderr, "%s lists no scenarios\n", g_ours_path.c_str());
    return 1;
  }
  size_t turn = 0;
  for (const Scenario& scenario : scenarios) {
    ++turn;
    for (size_t i = 0; i < kMethods.size(); ++i) {
      if (kTakesTurns && i != turn % kMethods.size()) continue;
      const char* method = kMethods[i];
      testing::RegisterTest(
          "EachAllocationFails", (scenario.name + "." + method).c_str(),
          nullptr, nullptr, __FILE__, __LINE__, [name = scenario.name, method] {
            return static_cast<testing::Test*>(
                new EachAllocationFails(name, method));
          });
    }
  }
  return RUN_ALL_TESTS();
}
