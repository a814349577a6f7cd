// SPDX-License-Identifier: BSD-3-Clause
//
// examples/custom_backend.cc from outside: its backend keeps every promise, and
// the hello world runs on it.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace {

std::string Program() {
  const char* root = getenv("TEST_SRCDIR");
  const char* workspace = getenv("TEST_WORKSPACE");
  return std::string(root) + "/" + workspace + "/examples/custom_backend";
}

TEST(CustomBackend, KeepsEveryPromise) {
  EXPECT_EQ(system((Program() + " --check").c_str()), 0);
}

// The program with pipes at its outputs; ended with this object.
class Running {
 public:
  Running() {
    int out[2], err[2];
    EXPECT_EQ(pipe(out), 0);
    EXPECT_EQ(pipe(err), 0);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      dup2(err[1], STDERR_FILENO);
      std::string program = Program();
      execl(program.c_str(), program.c_str(), "--port", "0", "--verbose",
            nullptr);
      _exit(127);
    }
    close(out[1]);
    close(err[1]);
    out_ = fdopen(out[0], "r");
    err_ = fdopen(err[0], "r");
  }
  ~Running() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    fclose(out_);
    fclose(err_);
  }
  std::string OutLine() { return Line(out_); }
  std::string ErrLine() { return Line(err_); }

 private:
  static std::string Line(FILE* file) {
    char line[2048];
    return fgets(line, sizeof(line), file) != nullptr ? line : "(ended)";
  }
  int pid_;
  FILE* out_;
  FILE* err_;
};

int Connect(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
            0);
  return fd;
}

TEST(CustomBackend, RunsTheHelloWorld) {
  Running program;
  EXPECT_EQ(program.ErrLine(), "backend: pselect\n");
  int port = 0;
  ASSERT_EQ(sscanf(program.ErrLine().c_str(), "port: %d", &port), 1);
  int first = Connect(port);
  int second = Connect(port);
  EXPECT_EQ(send(first, "hello", 5, 0), 5);
  EXPECT_EQ(program.OutLine(), "hello\n");
  EXPECT_EQ(send(second, "world", 5, 0), 5);
  EXPECT_EQ(program.OutLine(), "world\n");
  close(first);
  EXPECT_EQ(program.OutLine(), "delete event\n");
  EXPECT_EQ(send(second, "still here", 10, 0), 10);
  EXPECT_EQ(program.OutLine(), "still here\n");
  close(second);
  EXPECT_EQ(program.OutLine(), "delete event\n");
}

}  // namespace
