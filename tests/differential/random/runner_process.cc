// SPDX-License-Identifier: BSD-3-Clause
//
// See runner_process.h.
#include "tests/differential/random/runner_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace evoke::random_programs {

RunnerProcess::RunnerProcess(const std::string& path) : path_(path) {
  int to[2];
  int from[2];
  if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0) {
    std::perror("pipe2");
    std::exit(2);
  }
  pid_ = fork();
  if (pid_ == 0) {
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    execl(path.c_str(), path.c_str(), static_cast<char*>(nullptr));
    std::perror(path.c_str());
    _exit(127);
  }
  if (pid_ < 0) {
    std::perror("fork");
    std::exit(2);
  }
  close(to[0]);
  close(from[1]);
  to_ = to[1];
  from_ = from[0];
}

RunnerProcess::~RunnerProcess() {
  // The runner ends with its input.
  close(to_);
  close(from_);
  waitpid(pid_, nullptr, 0);
}

void RunnerProcess::WriteAll(const void* bytes, size_t count) {
  const char* at = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t n = write(to_, at, count);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      std::fprintf(stderr, "%s takes no programs\n", path_.c_str());
      std::exit(2);
    }
    at += n;
    count -= static_cast<size_t>(n);
  }
}

void RunnerProcess::ReadAll(void* bytes, size_t count) {
  char* at = static_cast<char*>(bytes);
  while (count > 0) {
    const ssize_t n = read(from_, at, count);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      std::fprintf(stderr, "%s gives no records\n", path_.c_str());
      std::exit(2);
    }
    at += n;
    count -= static_cast<size_t>(n);
  }
}

uint32_t RunnerProcess::ReadU32() {
  uint32_t value;
  ReadAll(&value, sizeof(value));
  return value;
}

void RunnerProcess::Start(const std::string& program) {
  const auto bytes = static_cast<uint32_t>(program.size());
  WriteAll(&bytes, sizeof(bytes));
  WriteAll(program.data(), program.size());
}

Run RunnerProcess::Finish() {
  Run run;
  const int status = static_cast<int>(ReadU32());
  run.record.resize(ReadU32());
  ReadAll(run.record.data(), run.record.size());
  run.counts.resize(ReadU32());
  ReadAll(run.counts.data(), run.counts.size() * sizeof(uint32_t));
  if (WIFSIGNALED(status)) {
    run.record +=
        "killed by " + std::string(strsignal(WTERMSIG(status))) + "\n";
  } else if (WEXITSTATUS(status) != 0) {
    run.record += "exited with " + std::to_string(WEXITSTATUS(status)) + "\n";
  }
  return run;
}

}  // namespace evoke::random_programs
