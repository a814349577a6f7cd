// SPDX-License-Identifier: BSD-3-Clause
//
// bazel run -c opt //bench:echo
//
// What does an echoed message cost the server? Three servers run the same
// load: a raw epoll loop, libevent's bufferevents, evoke's. Closed loop: each
// connection has one message outstanding. The servers are measured in turn in
// every round (interleaved, so that what the machine does in the meantime hits
// all of them), in CPU time of the server process, and once each under
// `strace -c` for its system calls. What counts are the ratios to the raw loop.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

ABSL_FLAG(int, rounds, 7, "rounds; each measures every server once");
ABSL_FLAG(int, connections, 50, "connections, each with one message under way");
ABSL_FLAG(std::vector<std::string>, sizes,
          std::vector<std::string>({"64", "16384"}), "message sizes in bytes");
ABSL_FLAG(int, megabytes, 256,
          "bytes to echo for each measurement, at most --messages messages");
ABSL_FLAG(int, messages, 200000, "messages for each measurement at most");
ABSL_FLAG(int, counted, 20000, "messages for the system call count");
ABSL_FLAG(std::string, dir, "bench", "where the servers are");

namespace {

struct Server {
  const char* label;
  const char* file;
  pid_t pid = -1;
  int port = 0;
};

[[noreturn]] void Fail(const std::string& what) {
  fprintf(stderr, "echo: %s: %s\n", what.c_str(), strerror(errno));
  exit(1);
}

// Keeps the servers on one core and this process on the other, where there are
// two, so that neither is moved about in a measurement.
void PinTo(int core) {
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

void Start(Server& server) {
  int out[2];
  if (pipe2(out, O_CLOEXEC) < 0) Fail("pipe");
  std::string path = absl::StrCat(absl::GetFlag(FLAGS_dir), "/", server.file);
  server.pid = fork();
  if (server.pid < 0) Fail("fork");
  if (server.pid == 0) {
    PinTo(0);
    dup2(out[1], 1);
    execl(path.c_str(), path.c_str(), nullptr);
    Fail(path);
  }
  close(out[1]);
  FILE* from = fdopen(out[0], "r");
  if (fscanf(from, "%d", &server.port) != 1) Fail(path);
  fclose(from);
}

void Stop(Server& server) {
  kill(server.pid, SIGKILL);
  waitpid(server.pid, nullptr, 0);
}

double CpuSeconds(pid_t pid) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(pid, &clock) != 0 ||
      clock_gettime(clock, &time) < 0) {
    Fail("clock of the server");
  }
  return time.tv_sec + time.tv_nsec * 1e-9;
}

// The client: epoll, one message under way on each connection.
class Load {
 public:
  Load(int port, int connections, size_t bytes)
      : message_(bytes, 'e'), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < connections; ++i) {
      int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) <
          0) {
        Fail("connect");
      }
      int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      epoll_event event = {};
      event.events = EPOLLIN;
      event.data.u32 = i;
      epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
      fds_.push_back(fd);
    }
    got_.resize(connections);
  }
  ~Load() {
    for (int fd : fds_) close(fd);
    close(epoll_);
  }

  // Echoes `messages` messages in all and waits for the last.
  void Run(int messages) {
    int to_send = messages, to_come = messages;
    for (size_t i = 0; i < fds_.size() && to_send > 0; ++i, --to_send) Send(i);
    std::string bytes(std::max<size_t>(message_.size(), 65536), 0);
    epoll_event events[64];
    while (to_come > 0) {
      int ready = epoll_wait(epoll_, events, 64, 10000);
      if (ready == 0) Fail("the server does not answer");
      for (int i = 0; i < ready; ++i) {
        size_t which = events[i].data.u32;
        ssize_t got = read(fds_[which], bytes.data(), bytes.size());
        if (got <= 0) Fail("read");
        got_[which] += got;
        if (got_[which] < message_.size()) continue;
        got_[which] = 0;
        --to_come;
        if (to_send > 0) {
          --to_send;
          Send(which);
        }
      }
    }
  }

 private:
  void Send(size_t which) {
    // Blocking: a message fits the socket's buffer, or the server reads on.
    if (write(fds_[which], message_.data(), message_.size()) !=
        static_cast<ssize_t>(message_.size())) {
      Fail("write");
    }
  }

  std::string message_;
  int epoll_;
  std::vector<int> fds_;
  std::vector<size_t> got_;
};

// System calls for each message, by `strace -c`; negative where there is none.
double CountSyscalls(const Server& server, int connections, size_t bytes) {
  Load load(server.port, connections, bytes);
  load.Run(connections * 20);
  char file[] = "/tmp/evoke_echo_XXXXXX";
  int fd = mkstemp(file);
  if (fd < 0) Fail("mkstemp");
  close(fd);
  int err[2];
  if (pipe2(err, O_CLOEXEC) < 0) Fail("pipe");
  pid_t strace = fork();
  if (strace == 0) {
    dup2(err[1], 2);
    execlp("strace", "strace", "-f", "-c", "-o", file, "-p",
           absl::StrCat(server.pid).c_str(), nullptr);
    _exit(127);
  }
  close(err[1]);
  // It says "Process N attached" when it counts.
  char said[256] = "";
  ssize_t length = read(err[0], said, sizeof(said) - 1);
  double per_message = -1;
  if (length > 0 && strstr(said, "attached") != nullptr) {
    int messages = absl::GetFlag(FLAGS_counted);
    load.Run(messages);
    kill(strace, SIGINT);
    waitpid(strace, nullptr, 0);
    // % time, seconds, usecs/call, calls, [errors,] name
    std::ifstream table(file);
    long calls = 0;
    for (std::string line; std::getline(table, line);) {
      std::vector<std::string> words =
          absl::StrSplit(line, ' ', absl::SkipEmpty());
      double share;
      long count;
      if (words.size() >= 5 && words.back() != "total" &&
          absl::SimpleAtod(words[0], &share) &&
          absl::SimpleAtoi(words[3], &count)) {
        calls += count;
      }
    }
    per_message = static_cast<double>(calls) / messages;
  } else {
    kill(strace, SIGKILL);
    waitpid(strace, nullptr, 0);
  }
  close(err[0]);
  unlink(file);
  return per_message;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle]
                           : (values[middle - 1] + values[middle]) / 2;
}

void Measure(size_t bytes) {
  Server servers[] = {{"raw epoll loop", "echo_raw_server"},
                      {"libevent", "echo_libevent_server"},
                      {"evoke", "echo_evoke_server"}};
  constexpr int kServers = 3;
  int connections = absl::GetFlag(FLAGS_connections);
  int rounds = absl::GetFlag(FLAGS_rounds);
  int messages = static_cast<int>(
      std::min<int64_t>(absl::GetFlag(FLAGS_messages),
                        (int64_t{absl::GetFlag(FLAGS_megabytes)} << 20) /
                            static_cast<int64_t>(bytes)));
  std::vector<double> micros[kServers], ratios[kServers];
  double syscalls[kServers];
  for (Server& server : servers) Start(server);
  for (int round = 0; round < rounds; ++round) {
    double of_round[kServers];
    for (int turn = 0; turn < kServers; ++turn) {
      int which = (turn + round) % kServers;
      Load load(servers[which].port, connections, bytes);
      load.Run(messages / 20);
      double before = CpuSeconds(servers[which].pid);
      load.Run(messages);
      of_round[which] =
          (CpuSeconds(servers[which].pid) - before) / messages * 1e6;
      micros[which].push_back(of_round[which]);
    }
    for (int i = 0; i < kServers; ++i) {
      ratios[i].push_back(of_round[i] / of_round[0]);
    }
  }
  for (int i = 0; i < kServers; ++i) {
    syscalls[i] = CountSyscalls(servers[i], connections, bytes);
  }
  for (Server& server : servers) Stop(server);

  absl::PrintF("\n%d bytes, %d connections, %d messages x %d rounds\n", bytes,
               connections, messages, rounds);
  absl::PrintF("%-16s %14s %10s %17s %12s\n", "server", "CPU us/message",
               "x raw", "(lowest-highest)", "syscalls/msg");
  for (int i = 0; i < kServers; ++i) {
    auto [low, high] = std::minmax_element(ratios[i].begin(), ratios[i].end());
    absl::PrintF(
        "%-16s %14.2f %10.2f %8.2f -%7.2f %12s\n", servers[i].label,
        Median(micros[i]), Median(ratios[i]), *low, *high,
        syscalls[i] < 0 ? "no strace" : absl::StrFormat("%.2f", syscalls[i]));
  }
}

}  // namespace

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  PinTo(1);
  printf("Server CPU for each echoed message; medians over rounds.\n");
  for (const std::string& size : absl::GetFlag(FLAGS_sizes)) {
    int bytes;
    if (!absl::SimpleAtoi(size, &bytes) || bytes <= 0) Fail("--sizes");
    Measure(bytes);
  }
}
