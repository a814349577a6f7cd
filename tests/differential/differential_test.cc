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
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr int kLimitMs = 10000;
// How long the oracle may take where a hang is declared. Scenarios take
// milliseconds, but sanitizers and loaded machines are slow.
constexpr int kDeclaredHangLimitMs = 1500;
constexpr int kExitFatal = 71;
constexpr int kExitSpinning = 72;
constexpr size_t kOutputBytesMax = 4 << 20;
constexpr const char* kMethods[] = {"epoll", "poll", "select"};

struct Scenario {
  std::string name;
  std::string kind;  // "equal", "differs", "crash", "hang", "spin"
  bool per_backend = false;
  std::string promise;
  std::string why;
};

struct Outcome {
  std::string record;
  std::string errors;
  bool timed_out = false;
  int status = 0;

  bool Completed() const {
    return !timed_out && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  bool Exited(int code) const {
    return !timed_out && WIFEXITED(status) && WEXITSTATUS(status) == code;
  }
  std::string Describe() const {
    if (timed_out) return "ran into the time limit";
    if (WIFSIGNALED(status))
      return "was killed by signal " + std::to_string(WTERMSIG(status));
    if (Exited(kExitFatal)) return "called the fatal callback";
    if (Exited(kExitSpinning)) return "wrote an endless record";
    return "exited with " + std::to_string(WEXITSTATUS(status));
  }
};

std::string g_ours_path;
std::string g_oracle_path;
std::string g_expected_dir;

// Appends what `fd` holds to `out`; false at its end.
bool Drain(int fd, std::string& out) {
  char buffer[65536];
  const ssize_t n = read(fd, buffer, sizeof buffer);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (out.size() < kOutputBytesMax) out.append(buffer, n);
  return n > 0;
}

// Runs a program to its end or to the limit; then its whole process group is
// killed, so that nothing which a scenario forked stays behind.
Outcome Run(const std::vector<std::string>& command, int limit_ms,
            bool is_oracle = false) {
  Outcome outcome;
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0) abort();
  std::vector<char*> argv;
  for (const std::string& word : command)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) abort();
  if (child == 0) {
    setpgid(0, 0);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    if (is_oracle) {
      // What it leaks is not ours, and a crash of it shall look like one.
      setenv("ASAN_OPTIONS",
             "detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_abort=0", 1);
      setenv("TSAN_OPTIONS",
             "report_bugs=0:handle_segv=0:handle_sigbus=0:handle_abort=0", 1);
    }
    execv(argv[0], argv.data());
    _exit(127);
  }
  setpgid(child, child);
  close(out[1]);
  close(err[1]);
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline =
      Clock::now() + std::chrono::milliseconds(limit_ms);
  pollfd fds[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - Clock::now());
    if (left.count() <= 0) {
      outcome.timed_out = true;
      break;
    }
    if (poll(fds, 2, static_cast<int>(left.count())) <= 0) continue;
    if (fds[0].revents && !Drain(out[0], outcome.record)) fds[0].fd = -1;
    if (fds[1].revents && !Drain(err[0], outcome.errors)) fds[1].fd = -1;
  }
  kill(-child, SIGKILL);
  close(out[0]);
  close(err[0]);
  while (waitpid(child, &outcome.status, 0) < 0 && errno == EINTR) {
  }
  return outcome;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

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
  return Run({g_ours_path, "--run", scenario.name, "--method", method},
             kLimitMs);
}

Outcome RunOracle(const Scenario& scenario, const std::string& method) {
  const bool may_stay = scenario.kind == "hang";
  return Run({g_oracle_path, "--run", scenario.name, "--method", method},
             may_stay ? kDeclaredHangLimitMs : kLimitMs, /*is_oracle=*/true);
}

bool ShowsDeclaredKind(const Scenario& scenario, const Outcome& oracle,
                       const std::string& ours) {
  if (scenario.kind == "differs")
    return oracle.Completed() && oracle.record != ours;
  if (scenario.kind == "crash")
    return !oracle.timed_out &&
           (WIFSIGNALED(oracle.status) || oracle.Exited(kExitFatal));
  if (scenario.kind == "hang") return oracle.timed_out;
  if (scenario.kind == "spin") return oracle.Exited(kExitSpinning);
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
    std::string expected;
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

// Splits a line of --list; the last field may be empty.
Scenario Parse(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == '\t')
      fields.emplace_back();
    else
      fields.back() += c;
  }
  if (fields.size() != 5) {
    fprintf(stderr, "not a line of --list: %s\n", line.c_str());
    exit(1);
  }
  return {fields[0], fields[1], fields[2] == "per-backend", fields[3],
          fields[4]};
}

void RegisterAll() {
  const Outcome ours = Run({g_ours_path, "--list"}, kLimitMs);
  const Outcome oracle = Run({g_oracle_path, "--list"}, kLimitMs);
  if (!ours.Completed() || ours.record.empty() ||
      ours.record != oracle.record) {
    fprintf(stderr, "the two programs do not list the same scenarios\n%s%s",
            ours.errors.c_str(), oracle.errors.c_str());
    exit(1);
  }
  for (const std::string& line : Lines(ours.record)) {
    const Scenario scenario = Parse(line);
    for (const char* method : kMethods)
      testing::RegisterTest(scenario.name.c_str(), method, nullptr, nullptr,
                            __FILE__, __LINE__, [scenario, method] {
                              return static_cast<testing::Test*>(
                                  new OnOneBackend(scenario, method));
                            });
  }
  for (const std::string& line : Lines(ours.record)) {
    const Scenario scenario = Parse(line);
    testing::RegisterTest(
        "AllBackends", scenario.name.c_str(), nullptr, nullptr, __FILE__,
        __LINE__, [scenario] {
          return static_cast<testing::Test*>(new OnAllBackends(scenario));
        });
  }
}

// Takes `--name=value` out of argv.
std::string TakeFlag(int& argc, char** argv, const std::string& name) {
  const std::string prefix = "--" + name + "=";
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg.rfind(prefix, 0) != 0) continue;
    std::copy(argv + i + 1, argv + argc + 1, argv + i);
    --argc;
    return arg.substr(prefix.size());
  }
  fprintf(stderr, "%s is needed\n", prefix.c_str());
  exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  g_ours_path = TakeFlag(argc, argv, "ours");
  g_oracle_path = TakeFlag(argc, argv, "oracle");
  g_expected_dir = TakeFlag(argc, argv, "expected");
  testing::InitGoogleTest(&argc, argv);
  RegisterAll();
  return RUN_ALL_TESTS();
}
