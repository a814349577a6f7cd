// SPDX-License-Identifier: BSD-3-Clause
//
// Runs a program under test: reads what it prints line by line, with a deadline
// instead of a sleep, and ends it.
#ifndef EVOKE_TESTS_EXAMPLES_PROCESS_H_
#define EVOKE_TESTS_EXAMPLES_PROCESS_H_

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace evoke::testing {

constexpr int kPatienceMillis = 60000;  // for sanitizers on a busy machine

// libtsan of gcc 12 loses about one signal in 3,000, of those that come just
// before epoll_wait(2): the kernel has delivered it, and the handler never
// runs. So where nothing comes of a SIGTERM under it, another is sent.
#ifdef __SANITIZE_THREAD__
constexpr int kSignalPatienceMillis = 5000;
#else
constexpr int kSignalPatienceMillis = kPatienceMillis;
#endif

// The lines that come out of a file descriptor.
class Lines {
 public:
  explicit Lines(int fd, std::function<void()> remind = nullptr)
      : fd_(fd), remind_(std::move(remind)) {}
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  ~Lines() { close(fd_); }

  // The next line without its end; "<nothing>" at the end or after the
  // deadline.
  std::string Next() {
    for (;;) {
      size_t end = bytes_.find('\n');
      if (end != std::string::npos) {
        std::string line = bytes_.substr(0, end);
        bytes_.erase(0, end + 1);
        return line;
      }
      if (!More()) return "<nothing>";
    }
  }

  // Everything until the end.
  std::string Rest() {
    while (More()) {
    }
    return std::exchange(bytes_, {});
  }

 private:
  bool More() {
    pollfd ready = {fd_, POLLIN, 0};
    int waited_ms = 0;
    while (poll(&ready, 1, kSignalPatienceMillis) <= 0) {
      waited_ms += kSignalPatienceMillis;
      if (waited_ms >= kPatienceMillis) return false;
      if (remind_) remind_();
    }
    char bytes[4096];
    ssize_t got = read(fd_, bytes, sizeof(bytes));
    if (got <= 0) return false;
    bytes_.append(bytes, got);
    return true;
  }

  int fd_;
  std::function<void()> remind_;
  std::string bytes_;
};

class Process {
 public:
  explicit Process(std::vector<std::string> command) {
    int out[2], err[2];
    EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(err, O_CLOEXEC), 0);
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], 1);
      dup2(err[1], 2);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    close(out[1]);
    close(err[1]);
    out_ = std::make_unique<Lines>(out[0], [this] { Remind(); });
    err_ = std::make_unique<Lines>(err[0], [this] { Remind(); });
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  Lines& out() { return *out_; }
  Lines& err() { return *err_; }
  pid_t pid() const { return pid_; }
  void Signal(int signal) {
    was_asked_to_end_ = signal == SIGTERM;
    kill(pid_, signal);
  }

  // The port of a "port: N" line on stderr; skips other lines.
  int Port() {
    for (;;) {
      std::string line = err().Next();
      if (line == "<nothing>") return -1;
      if (line.rfind("port: ", 0) == 0) return std::stoi(line.substr(6));
    }
  }

  // Waits for the end; the exit status, or 128 and the signal's number. After
  // the deadline it is killed.
  int Wait() {
    int status = 0;
    pollfd end = {static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)), POLLIN,
                  0};
    EXPECT_GE(end.fd, 0);
    int waited_ms = 0;
    while (poll(&end, 1, kSignalPatienceMillis) <= 0) {
      waited_ms += kSignalPatienceMillis;
      if (waited_ms >= kPatienceMillis) {
        ADD_FAILURE() << "the program does not end";
        kill(pid_, SIGKILL);
        break;
      }
      Remind();
    }
    close(end.fd);
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  void Remind() {
    if (was_asked_to_end_ && pid_ > 0) kill(pid_, SIGTERM);
  }

  pid_t pid_;
  bool was_asked_to_end_ = false;
  std::unique_ptr<Lines> out_, err_;
};

// A TCP connection to a port of this machine.
class Client {
 public:
  explicit Client(int port) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(
        connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0)
        << strerror(errno);
    lines_ = std::make_unique<Lines>(dup(fd_));
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { Close(); }

  void Send(const std::string& bytes) {
    EXPECT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  Lines& lines() { return *lines_; }
  void HalfClose() { shutdown(fd_, SHUT_WR); }
  void Reset() {
    linger now = {1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    Close();
  }
  void Close() {
    lines_.reset();
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
  std::unique_ptr<Lines> lines_;
};

}  // namespace evoke::testing

#endif  // EVOKE_TESTS_EXAMPLES_PROCESS_H_
