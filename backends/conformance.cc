// SPDX-License-Identifier: BSD-3-Clause
//
// evoke_backend_conformance(): tries every promise of include/evoke/backend.h
// on any backend. The cases are in conformance/, the contract's other side that
// they stand on in conformance/bench.h.
//
// Each case runs in a process of its own, so a backend that crashes or hangs
// breaks one promise and hides no other. The child sends the sentence that says
// how a promise was broken through a pipe; an end without the closing byte is a
// crash, silence a hang.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/backend.h"
#include "backends/conformance/cases.h"
#include "util/clock.h"
#include "util/log.h"

namespace evoke::conformance {
namespace {

constexpr int64_t kPatienceUs = 10 * kMicrosPerSecond;
constexpr char kEnd = '\n';

// How the backend is opened. The first that breaks a promise is told.
constexpr struct {
  unsigned flags;
  const char* remark;
} kOptions[] = {
    {0, ""},
    {EVOKE_OPTION_CHANGELIST | EVOKE_OPTION_PRECISE_TIMER,
     "with the changelist and precise timers: "},
};

enum class Verdict { kKept, kBroken, kCannotRun };

[[noreturn]] void RunInChild(const evoke_backend* backend, unsigned options,
                             const Case& test_case, int result_fd) {
  // Waits end by signals only where a case wants it.
  signal(SIGALRM, SIG_DFL);
  {
    Bench bench(backend, options);
    if (!bench.is_broken()) test_case.run(bench);
    size_t length = strlen(bench.broken());
    if (write(result_fd, bench.broken(), length) !=
        static_cast<ssize_t>(length)) {
      _exit(1);
    }
  }
  // After close(), so that a crash in there is noticed too.
  _exit(write(result_fd, &kEnd, 1) == 1 ? 0 : 1);
}

// Reads until the child ends or patience does. True when it ended.
bool ReadResult(int fd, char* result, size_t size_bytes, size_t* length) {
  int64_t end_us = MonotonicMicros() + kPatienceUs;
  *length = 0;
  for (;;) {
    int64_t left_us = end_us - MonotonicMicros();
    pollfd entry = {fd, POLLIN, 0};
    int ready =
        left_us <= 0 ? 0 : poll(&entry, 1, static_cast<int>(left_us / 1000));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    ssize_t got = read(fd, result + *length, size_bytes - *length);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    *length += static_cast<size_t>(got);
  }
}

// Puts the sentence into `result` where the promise was broken.
Verdict RunCase(const evoke_backend* backend, unsigned options,
                const Case& test_case, char* result, size_t size_bytes) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) < 0) return Verdict::kCannotRun;
  int pid = fork();
  if (pid == 0) {
    close(fds[0]);
    RunInChild(backend, options, test_case, fds[1]);
  }
  close(fds[1]);
  size_t length = 0;
  bool has_ended = false;
  if (pid > 0) {
    has_ended = ReadResult(fds[0], result, size_bytes - 1, &length);
  }
  close(fds[0]);
  if (pid < 0) return Verdict::kCannotRun;
  if (!has_ended) kill(pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  bool is_complete = has_ended && length > 0 && result[length - 1] == kEnd;
  if (is_complete) result[length - 1] = '\0';
  if (is_complete && length > 1) return Verdict::kBroken;
  if (is_complete && status == 0) return Verdict::kKept;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotRunStatus) {
    return Verdict::kCannotRun;
  }
  if (!has_ended) {
    snprintf(result, size_bytes, "it hangs");
  } else if (WIFSIGNALED(status)) {
    snprintf(result, size_bytes, "it crashed with signal %d", WTERMSIG(status));
  } else {
    snprintf(result, size_bytes, "the process ended with status %d",
             WEXITSTATUS(status));
  }
  return Verdict::kBroken;
}

// Returns the number of broken promises, or -1.
int RunCases(std::span<const Case> cases, const evoke_backend* backend,
             evoke_conformance_cb report, void* arg) {
  int broken_count = 0;
  for (const Case& test_case : cases) {
    const char* broken = nullptr;
    char result[512];
    for (const auto& options : kOptions) {
      char sentence[400];
      Verdict verdict = RunCase(backend, options.flags, test_case, sentence,
                                sizeof(sentence));
      if (verdict == Verdict::kCannotRun) return -1;
      if (verdict == Verdict::kKept) continue;
      snprintf(result, sizeof(result), "%s%s", options.remark, sentence);
      broken = result;
      ++broken_count;
      break;
    }
    report(test_case.promise, broken, arg);
  }
  return broken_count;
}

void LogBroken(const char* promise, const char* broken, void* arg) {
  if (broken == nullptr) return;
  LogWarn("backend %s: \"%s\" does not hold: %s",
          static_cast<const evoke_backend*>(arg)->name, promise, broken);
}

}  // namespace
}  // namespace evoke::conformance

extern "C" int evoke_backend_conformance_report(const evoke_backend* backend,
                                                evoke_conformance_cb report,
                                                void* arg) {
  using namespace evoke::conformance;
  if (!evoke::IsComplete(backend) || report == nullptr) {
    errno = EINVAL;
    return -1;
  }
  int broken_count = 0;
  for (auto cases :
       {InterestCases(), DescriptorCases(), WaitCases(), StateCases()}) {
    int more = RunCases(cases, backend, report, arg);
    if (more < 0) return -1;
    broken_count += more;
  }
  return broken_count;
}

extern "C" int evoke_backend_conformance(const evoke_backend* backend) {
  return evoke_backend_conformance_report(backend,
                                          evoke::conformance::LogBroken,
                                          const_cast<evoke_backend*>(backend));
}
