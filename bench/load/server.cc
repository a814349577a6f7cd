// SPDX-License-Identifier: BSD-3-Clause
#include "bench/load/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace evoke::load {
namespace {

constexpr size_t kSaidBytes = 500;

std::atomic<pid_t> g_running{-1};

void KillAndEnd(int signal) {
  pid_t running = g_running;
  if (running > 0) kill(-running, SIGKILL);
  _exit(128 + signal);
}

// What happens between fork and exec: system calls alone, since the parent may
// have threads.
[[noreturn]] void Become(const char* path, const cpu_set_t& cores,
                         int error_fd) {
  char port_flag[] = "--port", port[] = "0";
  char* arguments[] = {const_cast<char*>(path), port_flag, port, nullptr};
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sched_setaffinity(0, sizeof(cores), &cores);
  int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  (void)!write(score, "1000", 4);
  // What --print would print, and what a model says to its user.
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(nothing, 0);
  dup2(nothing, 1);
  dup2(error_fd, 2);
  execv(path, arguments);
  _exit(127);
}

}  // namespace

Server::Server(const std::string& path, const cpu_set_t& cores) {
  int errors[2];
  if (pipe2(errors, O_CLOEXEC) < 0 || pipe2(port_pipe_, O_CLOEXEC) < 0) {
    perror("pipe");
    abort();
  }
  pid_ = fork();
  if (pid_ == 0) Become(path.c_str(), cores, errors[1]);
  close(errors[1]);
  g_running = pid_;
  reader_ = std::thread(&Server::ReadErrors, this, errors[0]);
}

Server::~Server() {
  Kill();
  close(port_pipe_[0]);
}

// Kills what is left: its group, which has those that the first process
// started, too, unless they chose another. That one is reaped last, so that
// nobody else can have its number.
void Server::Kill() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);  // in case that it has no group yet
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_ = g_running = -1;
  if (reader_.joinable()) reader_.join();  // nobody is left who could write
}

// The reader's thread: passes on the port, keeps the last of the rest.
void Server::ReadErrors(int fd) {
  std::string line;
  int port_fd = port_pipe_[1];
  char bytes[1024];
  ssize_t got;
  while ((got = read(fd, bytes, sizeof(bytes))) > 0 ||
         (got < 0 && errno == EINTR)) {
    for (ssize_t i = 0; i < got; ++i) {
      if (bytes[i] != '\n') {
        line += bytes[i];
        continue;
      }
      absl::string_view rest = line;
      int port;
      if (port_fd >= 0 && absl::ConsumePrefix(&rest, "port: ") &&
          absl::SimpleAtoi(rest, &port)) {
        if (write(port_fd, &port, sizeof(port)) < 0) perror("write");
        close(port_fd);
        port_fd = -1;
      } else {
        absl::StrAppend(&said_, line, "\n");
        if (said_.size() > kSaidBytes) {
          said_.erase(0, said_.size() - kSaidBytes);
        }
      }
      line.clear();
    }
  }
  if (port_fd >= 0) close(port_fd);
  close(fd);
}

int Server::Port(int64_t limit_ns) {
  pollfd ready = {port_pipe_[0], POLLIN, 0};
  int port;
  if (poll(&ready, 1, static_cast<int>(limit_ns / 1'000'000)) <= 0) return -1;
  if (read(port_pipe_[0], &port, sizeof(port)) != sizeof(port)) return -1;
  return port;
}

// Waits for the end of the first process, and does not reap it.
bool Server::WaitForEnd(int64_t limit_ns, siginfo_t& end) {
  int fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  pollfd ready = {fd, POLLIN, 0};
  bool ended = fd >= 0 && poll(&ready, 1, limit_ns / 1'000'000) > 0;
  if (fd >= 0) close(fd);
  return ended && waitid(P_PID, pid_, &end, WEXITED | WNOWAIT) == 0;
}

std::string Server::Stop(int64_t limit_ns) {
  if (pid_ < 0) return "could not be started";
  siginfo_t end = {};
  bool early = WaitForEnd(0, end);
  if (!early) kill(pid_, SIGTERM);
  std::string how;
  if (!WaitForEnd(limit_ns, end)) {
    how = "does not end by SIGTERM";
  } else if (end.si_code != CLD_EXITED) {
    how = absl::StrCat("was ended by a signal: ", strsignal(end.si_status));
  } else if (end.si_status != 0) {
    how = absl::StrCat("ended with status ", end.si_status);
  } else if (early) {
    how = "ended before it was asked to";
  }
  Kill();
  if (!how.empty() && !said_.empty()) {
    absl::StrAppend(&how, ": ", absl::StripSuffix(said_, "\n"));
  }
  return how;
}

void Server::EndOnSignals() {
  struct sigaction action = {};
  action.sa_handler = KillAndEnd;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace evoke::load
