// SPDX-License-Identifier: BSD-3-Clause
//
// Runs every scenario on every backend, with evoke and with the oracle
// (Debian's libevent), and compares what they wrote down.
//
// For each scenario three promises, each a test of its own on each backend:
// the record of ours is the oracle's (or, where scenario.h declares a
// difference, the file in expected/, with the oracle doing what is declared);
// and one more test for all backends together: ours are equal to each other,
// and a declared difference still exists.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/differential/scenario_runner.h"

namespace {

constexpr int kLimitMs = 10000;
// How long the oracle may take where a hang is declared. Scenarios take
// milliseconds, but sanitizers and loaded machines are slow.
constexpr int kDeclaredHangLimitMs = 1500;
constexpr const char* kMethods[] = {"epoll", "poll", "select"};

std::string g_ours_path;
std::string g_oracle_path;
std::string g_expected_dir;
std::string g_differences_path;

// The two records side by side as a diff: common lines, then '-' for `left`
// and '+' for `right`, by the longest common subsequence.
std::string Diff(const std::string& left_text, const std::string& right_text) {
  std::vector<std::string> left = Lines(left_text), right = Lines(right_text);
  left.resize(std::min<size_t>(left.size(), 1000));
  right.resize(std::min<size_t>(right.size(), 1000));
  const size_t n = left.size(), m = right.size();
  std::vector<std::vector<int>> common(n + 1, std::vector<int>(m + 1));
  for (size_t i = n; i-- > 0;)
    for (size_t j = m; j-- > 0;)
      common[i][j] = left[i] == right[j]
                         ? common[i + 1][j + 1] + 1
                         : std::max(common[i + 1][j], common[i][j + 1]);
  std::string out;
  for (size_t i = 0, j = 0; i < n || j < m;) {
    if (i < n && j < m && left[i] == right[j]) {
      out += "    " + left[i] + "\n";
      ++i, ++j;
    } else if (j == m || (i < n && common[i + 1][j] >= common[i][j + 1])) {
      out += "  - " + left[i++] + "\n";
    } else {
      out += "  + " + right[j++] + "\n";
    }
  }
  return out;
}

bool ReadFile(const std::string& path, std::string& content) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return false;
  std::ostringstream all;
  all << in.rdbuf();
  content = all.str();
  return true;
}

// The record that a declared difference must have on `method`.
bool ReadExpected(const std::string& name, const std::string& method,
                  std::string& content) {
  return ReadFile(g_expected_dir + "/" + name + "." + method + ".txt",
                  content) ||
         ReadFile(g_expected_dir + "/" + name + ".txt", content);
}

Outcome RunOurs(const Scenario& scenario, const std::string& method) {
  return RunProgram({g_ours_path, "--run", scenario.name, "--method", method},
                    kLimitMs);
}

Outcome RunOracle(const Scenario& scenario, const std::string& method) {
  const bool may_stay = scenario.kind == "hang";
  return RunProgram({g_oracle_path, "--run", scenario.name, "--method", method},
                    may_stay ? kDeclaredHangLimitMs : kLimitMs,
                    /*is_oracle=*/true);
}

bool ShowsDeclaredKind(const Scenario& scenario, const Outcome& oracle,
                       const std::string& ours) {
  if (scenario.kind == "differs")
    return oracle.Completed() && oracle.record != ours;
  if (scenario.kind == "crash") return oracle.Crashed();
  if (scenario.kind == "hang") return oracle.timed_out;
  if (scenario.kind == "spin") return oracle.Spun();
  return false;
}

class OnOneBackend : public testing::Test {
 public:
  OnOneBackend(const Scenario& scenario, const std::string& method)
      : scenario_(scenario), method_(method) {}

  void TestBody() override {
    const Outcome ours = RunOurs(scenario_, method_);
    ASSERT_TRUE(ours.Completed()) << scenario_.promise << "\nours "
                                  << ours.Describe() << "; its record:\n"
                                  << ours.record << "its messages:\n"
                                  << ours.errors;
    const Outcome oracle = RunOracle(scenario_, method_);
    if (scenario_.kind == "equal")
      CompareWithOracle(ours, oracle);
    else
      CompareWithExpectation(ours, oracle);
  }

 private:
  void CompareWithOracle(const Outcome& ours, const Outcome& oracle) {
    ASSERT_TRUE(oracle.Completed()) << scenario_.promise << "\nthe oracle "
                                    << oracle.Describe() << "; its record:\n"
                                    << oracle.record << "its messages:\n"
                                    << oracle.errors;
    EXPECT_TRUE(ours.record == oracle.record)
        << scenario_.promise << "\n- the oracle's record, + ours:\n"
        << Diff(oracle.record, ours.record) << "messages of ours:\n"
        << ours.errors;
  }

  void CompareWithExpectation(const Outcome& ours, const Outcome& oracle) {
    std::string expected, differences;
    ASSERT_TRUE(ReadFile(g_differences_path, differences));
    EXPECT_NE(differences.find("`" + scenario_.name + "`"), std::string::npos)
        << g_differences_path << " does not explain it";
    ASSERT_TRUE(ReadExpected(scenario_.name, method_, expected))
        << "expected/" << scenario_.name << ".txt is missing";
    EXPECT_TRUE(ours.record == expected)
        << scenario_.promise << "\n- expected, + ours:\n"
        << Diff(expected, ours.record) << "messages of ours:\n"
        << ours.errors;
    const bool same = oracle.Completed() && oracle.record == ours.record;
    EXPECT_TRUE(same || ShowsDeclaredKind(scenario_, oracle, ours.record))
        << scenario_.promise << "\nthe oracle should show \"" << scenario_.kind
        << "\" but " << oracle.Describe() << "; its record:\n"
        << oracle.record;
  }

  Scenario scenario_;
  std::string method_;
};

class OnAllBackends : public testing::Test {
 public:
  explicit OnAllBackends(const Scenario& scenario) : scenario_(scenario) {}

  void TestBody() override {
    std::map<std::string, std::string> records;
    bool seen = scenario_.kind == "equal";
    for (const char* method : kMethods) {
      records[method] = RunOurs(scenario_, method).record;
      if (!seen)
        seen = ShowsDeclaredKind(scenario_, RunOracle(scenario_, method),
                                 records[method]);
    }
    EXPECT_TRUE(seen) << "a difference of kind \"" << scenario_.kind
                      << "\" is declared, but the oracle shows it nowhere";
    if (scenario_.per_backend) {
      EXPECT_FALSE(records["poll"] == records["epoll"] &&
                   records["select"] == records["epoll"])
          << "declared to differ between backends, but does not";
      return;
    }
    for (const char* method : {"poll", "select"})
      EXPECT_TRUE(records[method] == records["epoll"])
          << scenario_.promise << "\nours: - on epoll, + on " << method << "\n"
          << Diff(records["epoll"], records[method]);
  }

 private:
  Scenario scenario_;
};

void RegisterAll() {
  const Outcome ours = RunProgram({g_ours_path, "--list"}, kLimitMs);
  const Outcome oracle = RunProgram({g_oracle_path, "--list"}, kLimitMs);
  if (!ours.Completed() || ours.record.empty() ||
      ours.record != oracle.record) {
    fprintf(stderr, "the two programs do not list the same scenarios\n%s%s",
            ours.errors.c_str(), oracle.errors.c_str());
    exit(1);
  }
  const std::vector<Scenario> scenarios = ParseList(ours.record);
  for (const Scenario& scenario : scenarios)
    for (const char* method : kMethods)
      testing::RegisterTest(scenario.name.c_str(), method, nullptr, nullptr,
                            __FILE__, __LINE__, [scenario, method] {
                              return static_cast<testing::Test*>(
                                  new OnOneBackend(scenario, method));
                            });
  for (const Scenario& scenario : scenarios)
    testing::RegisterTest(
        "AllBackends", scenario.name.c_str(), nullptr, nullptr, __FILE__,
        __LINE__, [scenario] {
          return static_cast<testing::Test*>(new OnAllBackends(scenario));
        });
}

}  // namespace

int main(int argc, char** argv) {
  g_ours_path = TakeFlag(argc, argv, "ours");
  g_oracle_path = TakeFlag(argc, argv, "oracle");
  g_expected_dir = TakeFlag(argc, argv, "expected");
  g_differences_path = TakeFlag(argc, argv, "differences");
  testing::InitGoogleTest(&argc, argv);
  RegisterAll();
  return RUN_ALL_TESTS();
}
