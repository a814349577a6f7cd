// SPDX-License-Identifier: BSD-3-Clause
#include "bench/load/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/load/client.h"

namespace evoke::load {

std::map<std::string, uint64_t> ParseCounts(absl::string_view table) {
  std::map<std::string, uint64_t> counts;
  for (absl::string_view line : absl::StrSplit(table, '\n')) {
    // % time, seconds, usecs/call, calls, [errors,] name
    std::vector<absl::string_view> words =
        absl::StrSplit(line, ' ', absl::SkipEmpty());
    double share;
    uint64_t calls;
    if (words.size() >= 5 && words.back() != "total" &&
        absl::SimpleAtod(words[0], &share) &&
        absl::SimpleAtoi(words[3], &calls)) {
      counts[std::string(words.back())] += calls;
    }
  }
  return counts;
}

SyscallCounter::~SyscallCounter() {
  if (strace_ > 0) Stop();
}

bool SyscallCounter::Start(const std::vector<pid_t>& processes,
                           int64_t limit_ns) {
  int said[2];
  table_ = memfd_create("strace", 0);  // strace inherits it, and writes there
  if (table_ < 0 || pipe2(said, O_CLOEXEC) < 0) {
    why_ = strerror(errno);
    return false;
  }
  std::vector<std::string> words = {"strace", "-f", "-c", "-o",
                                    absl::StrCat("/proc/self/fd/", table_)};
  for (pid_t pid : processes) {
    words.push_back("-p");
    words.push_back(absl::StrCat(pid));
  }
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  strace_ = fork();
  if (strace_ == 0) {
    dup2(said[1], 2);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(said[1]);
  errors_ = said[0];

  // One line for each process: "strace: Process N attached[ with M threads]".
  std::string lines;
  const int64_t limit = NowNs() + limit_ns;
  for (;;) {
    size_t attached = 0;
    for (absl::string_view line : absl::StrSplit(lines, '\n')) {
      attached += absl::StrContains(line, " attached");
    }
    if (attached >= processes.size()) return true;
    pollfd ready = {errors_, POLLIN, 0};
    int64_t left_ms = (limit - NowNs()) / 1'000'000;
    char bytes[4096];
    if (left_ms <= 0 || poll(&ready, 1, left_ms) <= 0) break;
    ssize_t got = read(errors_, bytes, sizeof(bytes));
    if (got <= 0) break;
    lines.append(bytes, got);
  }
  why_ = lines.empty() ? "no strace"
                       : std::string(lines, 0, lines.find_first_of('\n'));
  return false;
}

std::map<std::string, uint64_t> SyscallCounter::Stop() {
  std::string table;
  if (strace_ > 0) {
    kill(strace_, SIGINT);
    waitpid(strace_, nullptr, 0);
    strace_ = -1;
    close(errors_);
    char bytes[4096];
    ssize_t got;
    lseek(table_, 0, SEEK_SET);
    while ((got = read(table_, bytes, sizeof(bytes))) > 0) {
      table.append(bytes, got);
    }
  }
  if (table_ >= 0) close(table_);
  table_ = -1;
  return ParseCounts(table);
}

}  // namespace evoke::load
