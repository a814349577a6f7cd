// SPDX-License-Identifier: BSD-3-Clause
#include "tests/differential/scenario_runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace {

// As in scenario_internal.h, which is C.
constexpr int kExitFatal = 71;
constexpr int kExitSpinning = 72;
constexpr size_t kOutputBytesMax = 4 << 20;

// Appends what `fd` holds to `out`; false at its end.
bool Drain(int fd, std::string& out) {
  char buffer[65536];
  const ssize_t n = read(fd, buffer, sizeof buffer);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (out.size() < kOutputBytesMax) out.append(buffer, n);
  return n > 0;
}

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

}  // namespace

bool Outcome::Exited(int code) const {
  return !timed_out && WIFEXITED(status) && WEXITSTATUS(status) == code;
}

bool Outcome::Crashed() const {
  return !timed_out && (WIFSIGNALED(status) || Exited(kExitFatal));
}

bool Outcome::Spun() const { return Exited(kExitSpinning); }

std::string Outcome::Describe() const {
  if (timed_out) return "ran into the time limit";
  if (WIFSIGNALED(status))
    return "was killed by signal " + std::to_string(WTERMSIG(status));
  if (Exited(kExitFatal)) return "called the fatal callback";
  if (Spun()) return "wrote an endless record";
  return "exited with " + std::to_string(WEXITSTATUS(status));
}

Outcome RunProgram(const std::vector<std::string>& command, int limit_ms,
                   bool is_oracle) {
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
             "detect_leaks=0:allocator_may_return_null=1:"
             "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_abort=0",
             1);
      setenv("TSAN_OPTIONS",
             "report_bugs=0:allocator_may_return_null=1:"
             "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_abort=0",
             1);
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

std::vector<Scenario> ParseList(const std::string& list) {
  std::vector<Scenario> scenarios;
  for (const std::string& line : Lines(list)) scenarios.push_back(Parse(line));
  return scenarios;
}

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
