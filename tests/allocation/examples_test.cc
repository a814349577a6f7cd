// SPDX-License-Identifier: BSD-3-Clause
//
// Every example, on every backend, with its n-th allocation failing, for every
// n: once, and from there on for good. Each run must end by itself with an exit
// status of its own, 0 or 1, without a word from a sanitizer, and with all
// memory given back.
//
// Clients do here what those of //tests/examples do, but expect less: a server
// may refuse, say nothing, or hang up, only never keep a client waiting.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "tests/examples/process.h"

namespace evoke::testing {
namespace {

constexpr int kRunsMax = 5000;
constexpr int kServerLimitMs = 20000;  // for one answer, under sanitizers
constexpr size_t kEchoBytes = 600000;
// What sanitizers exit with, here; programs that fail exit with 1.
constexpr const char* kSanitizerStatus = "99";

struct Report {
  bool complete = false;
  long asked = 0, failed = 0, blocks = 0, foreign = 0;
};

// How a run was driven to its end.
struct Run {
  Process& process;
  const std::string& name;
  const std::string& method;
};

struct Example {
  const char* name;
  std::vector<const char*> methods;
  std::vector<std::string> arguments;
  std::function<void(Run)> drive;
};

std::string Binary(const std::string& name) {
  return "tests/allocation/" + name;
}

std::string ReportPath() {
  return std::string(getenv("TEST_TMPDIR") ? getenv("TEST_TMPDIR") : "/tmp") +
         "/allocations." + std::to_string(getpid());
}

// A client that sends before it reads, and never waits for ever.
class Peer {
 public:
  // May fail: a server that ends closes its port.
  explicit Peer(int port) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int little = 4096;  // so that a server meets a peer that takes no more
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) <
        0) {
      Close();
    }
  }
  ~Peer() { Close(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  // Sends what the other side takes without being read from, then reads and
  // sends in turn, closes its end, and reads until the other side has closed.
  // The bytes that came; with a failure when the end does not come.
  std::string Converse(const std::string& bytes) {
    std::string came;
    size_t sent = 0;
    bool sending = fd_ >= 0;
    while (fd_ >= 0) {
      if (sending && sent == bytes.size()) {
        shutdown(fd_, SHUT_WR);
        sending = false;
      }
      // A server that is held back shows in that it takes nothing for a while.
      pollfd ready = {fd_, static_cast<short>(sending ? POLLOUT : POLLIN), 0};
      int found = poll(&ready, 1, sending ? 20 : kServerLimitMs);
      if (found == 0 && sending) {
        ready.events = POLLIN | POLLOUT;
        found = poll(&ready, 1, kServerLimitMs);
      }
      if (found <= 0) {
        ADD_FAILURE() << "the server keeps its client waiting";
        break;
      }
      if (ready.revents & POLLOUT) {
        ssize_t n = send(fd_, bytes.data() + sent, bytes.size() - sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) sent += n;
        if (n < 0 && errno != EAGAIN) break;
      }
      if (ready.revents & ~POLLOUT) {
        char part[65536];
        ssize_t n = recv(fd_, part, sizeof(part), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) break;
        if (n > 0) came.append(part, n);
      }
    }
    Close();
    return came;
  }

 private:
  int fd_ = -1;
};

// --- How each example is driven ----------------------------------------------

void DriveNothing(Run) {}

void DriveSignal(Run run) {
  if (run.process.out().Next() != "ready") return;
  run.process.Signal(SIGINT);
  run.process.out().Next();
  run.process.Signal(SIGTERM);
}

void DriveEcho(Run run) {
  int port = run.process.Port();
  if (port < 0) return;
  const std::string sent(kEchoBytes, 'e');
  std::string came = Peer(port).Converse(sent);
  // No byte is lost in the middle: what came is how the message begins.
  EXPECT_EQ(came, sent.substr(0, came.size()));
  Peer(port).Converse("again\n");
  run.process.Signal(SIGTERM);
}

void DriveHelloWorld(Run run) {
  int port = run.process.Port();
  if (port < 0) return;
  Peer(port).Converse("hello\n");
  Peer(port).Converse(std::string(3000, 'x'));
  run.process.Signal(SIGTERM);
}

void DriveLineChat(Run run) {
  int port = run.process.Port();
  if (port < 0) return;
  {
    Peer listener(port), other(port);
    other.Converse("hello\r\nagain\n");
    listener.Converse("");
  }
  Peer(port).Converse(std::string(5000, 'x'));
  // One that stays: the server closes it when it ends.
  Peer stays(port);
  Peer(port).Converse("last words\n");
  run.process.Signal(SIGTERM);
}

const Example kExamples[] = {
    {"timer", {"epoll", "poll", "select"}, {}, DriveNothing},
    {"signal", {"epoll", "poll", "select"}, {}, DriveSignal},
    {"connect", {"epoll", "poll", "select"}, {}, DriveNothing},
    {"echo_server",
     {"epoll", "poll", "select"},
     {"--port=0", "--verbose"},
     DriveEcho},
    {"hello_world",
     {"epoll", "poll", "select"},
     {"--port=0", "--verbose"},
     DriveHelloWorld},
    {"line_chat",
     {"epoll", "poll", "select"},
     {"--port=0", "--verbose"},
     DriveLineChat},
// ThreadSanitizer puts signal handlers off until the next call that it
// intercepts, and pselect(2) is none: SIGTERM would never arrive.
#ifndef __SANITIZE_THREAD__
    {"custom_backend", {"pselect"}, {"--port=0", "--verbose"}, DriveHelloWorld},
#endif
};

// --- The test ----------------------------------------------------------------

enum class Fails { kOnce, kFromThereOn };

class FailingExample : public ::testing::Test {
 public:
  FailingExample(const Example& example, std::string method, Fails fails)
      : example_(example), method_(std::move(method)), fails_(fails) {}

  void SetUp() override {
    SetSanitizerStatus("ASAN_OPTIONS");
    SetSanitizerStatus("UBSAN_OPTIONS");
    SetSanitizerStatus("TSAN_OPTIONS");
    if (std::string(example_.name) != "connect") return;
    // It has someone to talk to, whom nothing fails.
    server_ = std::make_unique<Process>(std::vector<std::string>{
        Binary("echo_server"), "--port=0", "--verbose"});
    arguments_.push_back("--port=" + std::to_string(server_->Port()));
  }

  void TearDown() override {
    if (server_ == nullptr) return;
    server_->Signal(SIGTERM);
    EXPECT_EQ(server_->Wait(), 0);
  }

  void TestBody() override {
    long n = 1;
    for (; n <= kRunsMax; ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n) + " fails");
      Report report = RunOnce(n);
      if (HasFailure()) return;
      if (report.failed == 0) break;
    }
    EXPECT_LE(n, kRunsMax);
    EXPECT_GT(n, 5) << "hardly any allocation was made";
  }

 private:
  static void SetSanitizerStatus(const char* variable) {
    const char* old = getenv(variable);
    std::string options = old != nullptr ? std::string(old) + ":" : "";
    setenv(variable, (options + "exitcode=" + kSanitizerStatus).c_str(), 1);
  }

  Report RunOnce(long n) {
    const std::string path = ReportPath();
    unlink(path.c_str());
    setenv("EVOKE_ALLOCATION_REPORT", path.c_str(), 1);
    setenv("EVOKE_FAIL_ALLOCATION", std::to_string(n).c_str(), 1);
    setenv("EVOKE_FAIL_FROM", fails_ == Fails::kFromThereOn ? "1" : "0", 1);
    std::vector<std::string> command = {Binary(example_.name),
                                        "--method=" + method_};
    for (const auto& more : {example_.arguments, arguments_})
      command.insert(command.end(), more.begin(), more.end());
    Process process(command);
    for (const char* name : {"EVOKE_ALLOCATION_REPORT", "EVOKE_FAIL_ALLOCATION",
                             "EVOKE_FAIL_FROM"})
      unsetenv(name);

    example_.drive({process, example_.name, method_});
    std::string printed = process.out().Rest();
    std::string messages = process.err().Rest();
    int status = process.Wait();
    EXPECT_TRUE(status == 0 || status == 1) << "status " << status << "\n"
                                            << messages;
    Report report;
    std::ifstream file(path);
    report.complete = static_cast<bool>(file >> report.asked >> report.failed >>
                                        report.blocks >> report.foreign);
    EXPECT_TRUE(report.complete) << "it did not exit\n" << messages;
    EXPECT_EQ(report.blocks, 0) << "leaked\n" << messages;
    EXPECT_EQ(report.foreign, 0) << "freed what was not there\n" << messages;
    if (report.failed == 0) {
      EXPECT_EQ(status, 0) << "without any failure\n" << messages;
    }
    unlink(path.c_str());
    return report;
  }

  const Example& example_;
  std::string method_;
  Fails fails_;
  std::vector<std::string> arguments_;
  std::unique_ptr<Process> server_;
};

void RegisterAll() {
  for (const Example& example : kExamples)
    for (const std::string method : example.methods)
      for (Fails fails : {Fails::kOnce, Fails::kFromThereOn}) {
        std::string suite = std::string(example.name) +
                            (fails == Fails::kOnce ? "_once" : "_for_good");
        ::testing::RegisterTest(
            suite.c_str(), method.c_str(), nullptr, nullptr, __FILE__, __LINE__,
            [&example, method, fails]() -> ::testing::Test* {
              return new FailingExample(example, method, fails);
            });
      }
}

}  // namespace
}  // namespace evoke::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  evoke::testing::RegisterAll();
  return RUN_ALL_TESTS();
}
