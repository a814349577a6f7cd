// SPDX-License-Identifier: BSD-3-Clause
//
// How connections spread over the workers of the prefork_* models, and that no
// herd wakes for one of them.
#include <sys/epoll.h>
#include <sys/prctl.h>

#include <cstddef>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/models/echo_client.h"

namespace evoke::testing {
namespace {

constexpr int kWorkers = 4;
constexpr int kConnections = 400;

struct Worker {
  int connections = 0, wakeups = 0, empty = 0;
};

std::unique_ptr<Process> Start(const std::string& model) {
  return std::make_unique<Process>(std::vector<std::string>{
      "examples/models/" + model, "--port", "0", "--stats"});
}

// Ends the server; what its workers counted.
std::vector<Worker> End(Process* server) {
  std::vector<Worker> workers(kWorkers);
  server->Signal(SIGTERM);
  EXPECT_EQ(server->Wait(), 0);
  for (int i = 0; i < kWorkers; ++i) {
    Worker& worker = workers[i];
    int number = -1;
    std::string line = server->err().Next();
    EXPECT_EQ(
        sscanf(line.c_str(), "worker %d: connections=%d wakeups=%d empty=%d",
               &number, &worker.connections, &worker.wakeups, &worker.empty),
        4)
        << line;
    EXPECT_EQ(number, i);
    EXPECT_EQ(worker.wakeups, worker.connections + worker.empty);
  }
  return workers;
}

Worker Sum(const std::vector<Worker>& workers) {
  Worker sum;
  for (const Worker& worker : workers) {
    sum.connections += worker.connections;
    sum.wakeups += worker.wakeups;
    sum.empty += worker.empty;
  }
  return sum;
}

void ConnectOneByOne(int port, std::vector<std::unique_ptr<EchoClient>>* all) {
  for (int i = 0; i < kConnections; ++i) {
    all->push_back(std::make_unique<EchoClient>(port));
    EXPECT_EQ(all->back()->Echo("hello"), "hello");
  }
}

// The workers of a server, when all of them are there.
std::vector<pid_t> Workers(const Process& server, size_t count) {
  std::vector<pid_t> workers;
  EXPECT_TRUE(Eventually([&] {
    workers = Children(server.pid());
    return workers.size() == count;
  }));
  return workers;
}

// How often a process has gone to sleep, which is how often it was woken. Not
// all show in what it does: it may be woken within epoll_wait(2), and sleep
// again because another was quicker.
long Sleeps(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    long sleeps;
    if (sscanf(line.c_str(), "voluntary_ctxt_switches: %ld", &sleeps) == 1) {
      return sleeps;
    }
  }
  return -1;
}

// The same for each, as soon as all sleep.
std::vector<long> SleepsAtRest(const std::vector<pid_t>& pids) {
  std::vector<long> sleeps;
  EXPECT_TRUE(Eventually([&] {
    std::vector<long> now;
    const bool asleep = AllSleep(pids);
    for (pid_t pid : pids) now.push_back(Sleeps(pid));
    return std::exchange(sleeps, now) == now && asleep;
  }));
  return sleeps;
}

// How many workers a connection wakes, in the sum of `count` connections. Each
// comes when all workers sleep that have nobody, and stays.
int Woken(const std::vector<pid_t>& workers, int port, int count) {
  int woken = 0;
  std::vector<std::unique_ptr<EchoClient>> clients;
  std::vector<long> before = SleepsAtRest(workers);
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<EchoClient>(port));
    EXPECT_EQ(clients.back()->Echo("hello"), "hello");
    std::vector<long> after = SleepsAtRest(workers);
    for (size_t w = 0; w < workers.size(); ++w) woken += after[w] != before[w];
    before = std::move(after);
  }
  return woken;
}

// prefork_shared_listener's idea and no more, with or without the flag.
class Herd {
 public:
  explicit Herd(uint32_t flags) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in address = {};
    socklen_t length = sizeof(address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, any, length), 0);
    EXPECT_EQ(listen(listener_, SOMAXCONN), 0);
    EXPECT_EQ(getsockname(listener_, any, &length), 0);
    port_ = ntohs(address.sin_port);
    const pid_t parent = getpid();
    for (int i = 0; i < kWorkers; ++i) {
      workers_.push_back(fork());
      if (workers_.back() != 0) continue;
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() == parent) Work(flags);
      _exit(1);
    }
  }
  Herd(const Herd&) = delete;
  Herd& operator=(const Herd&) = delete;
  ~Herd() {
    for (pid_t worker : workers_) {
      kill(worker, SIGKILL);
      waitpid(worker, nullptr, 0);
    }
    close(listener_);
  }

  int port() const { return port_; }
  const std::vector<pid_t>& workers() const { return workers_; }

 private:
  // Answers one message of whomever it accepts.
  void Work(uint32_t flags) {
    int queue = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event = {EPOLLIN | flags, {}};
    if (epoll_ctl(queue, EPOLL_CTL_ADD, listener_, &event) < 0) return;
    for (;;) {
      char bytes[16];
      epoll_wait(queue, &event, 1, -1);
      int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      ssize_t got = fd < 0 ? 0 : recv(fd, bytes, sizeof(bytes), 0);
      if (got > 0) send(fd, bytes, static_cast<size_t>(got), MSG_NOSIGNAL);
    }
  }

  int listener_, port_;
  std::vector<pid_t> workers_;
};

// What a connection wakes is counted in sleeps, which are seen a moment late at
// times; so a tenth is granted. The herd is four times as many.
constexpr int kCounted = 100;

TEST(PreforkSpreadTest, WithoutExclusiveAConnectionWakesAllWorkers) {
  Herd herd(0);
  EXPECT_GE(Woken(herd.workers(), herd.port(), kCounted),
            kCounted * kWorkers * 9 / 10);
}

TEST(PreforkSpreadTest, WithExclusiveAConnectionWakesOneWorker) {
  Herd herd(EPOLLEXCLUSIVE);
  const int woken = Woken(herd.workers(), herd.port(), kCounted);
  EXPECT_GE(woken, kCounted);
  EXPECT_LE(woken, kCounted * 11 / 10);
}

TEST(PreforkSpreadTest, InTheModelsAConnectionWakesOneWorker) {
  struct {
    std::string model;
    size_t workers;
    int connections;
  } const models[] = {
      {"prefork_shared_listener", kWorkers, kCounted},
      {"prefork_reuseport", kWorkers, kCounted},
      {"prefork_accept", 16, 10},  // each holds one of the 16
  };
  for (const auto& [model, count, connections] : models) {
    auto server = Start(model);
    int port = server->Port();
    const int woken = Woken(Workers(*server, count), port, connections);
    EXPECT_GE(woken, connections) << model;
    EXPECT_LE(woken, connections * 11 / 10) << model << ": a herd";
    server->Signal(SIGTERM);
    EXPECT_EQ(server->Wait(), 0);
  }
}

TEST(PreforkSpreadTest, ASharedListenerServesEachConnectionOnce) {
  auto server = Start("prefork_shared_listener");
  std::vector<std::unique_ptr<EchoClient>> clients;
  ConnectOneByOne(server->Port(), &clients);
  // Who has how many is the kernel's affair: one worker may have them all.
  EXPECT_EQ(Sum(End(server.get())).connections, kConnections);
}

// Who has been given something is stopped, as one that computes would be, until
// each worker has been needed.
TEST(PreforkSpreadTest, ASharedListenerIsServedByWhoeverIsNotBusy) {
  auto server = Start("prefork_shared_listener");
  int port = server->Port();
  std::vector<pid_t> idle = Workers(*server, kWorkers), busy;
  std::vector<std::unique_ptr<EchoClient>> clients;
  for (int i = 0; i < kWorkers; ++i) {
    SleepsAtRest(idle);
    std::vector<int> had;
    for (pid_t worker : idle) had.push_back(OpenDescriptors(worker));
    clients.push_back(std::make_unique<EchoClient>(port));
    EXPECT_EQ(clients.back()->Echo("hello"), "hello") << i;
    for (size_t w = 0; w < idle.size(); ++w) {
      if (OpenDescriptors(idle[w]) == had[w]) continue;
      busy.push_back(idle[w]);
      kill(busy.back(), SIGSTOP);
      EXPECT_TRUE(Eventually(
          [&] { return ThreadStates(busy.back())[busy.back()] == 'T'; }));
      idle.erase(idle.begin() + static_cast<std::ptrdiff_t>(w));
      break;
    }
  }
  for (pid_t worker : busy) kill(worker, SIGCONT);
  for (auto& client : clients) EXPECT_EQ(client->Echo("again"), "again");
  for (const Worker& worker : End(server.get())) {
    EXPECT_EQ(worker.connections, 1);
  }
}

TEST(PreforkSpreadTest, ReuseportSpreadsOverAllWorkersAndWakesNobodyElse) {
  auto server = Start("prefork_reuseport");
  std::vector<std::unique_ptr<EchoClient>> clients;
  ConnectOneByOne(server->Port(), &clients);
  std::vector<Worker> workers = End(server.get());
  Worker sum = Sum(workers);
  EXPECT_EQ(sum.connections, kConnections);
  EXPECT_EQ(sum.empty, 0);  // nobody else is at this socket
  for (const Worker& worker : workers) {
    // 100 each, by a hash of the ports: 50 are six deviations away.
    EXPECT_GE(worker.connections, kConnections / kWorkers / 2);
  }
}

TEST(PreforkSpreadTest, AWorkerThatDiesIsReplacedAndItsPlaceServed) {
  for (std::string model : {"prefork_shared_listener", "prefork_reuseport"}) {
    auto server = Start(model);
    int port = server->Port();
    EXPECT_EQ(EchoClient(port).Echo("before"), "before");
    std::vector<pid_t> first;
    EXPECT_TRUE(Eventually([&] {
      first = Children(server->pid());
      return first.size() == kWorkers;
    })) << model;
    for (pid_t worker : first) kill(worker, SIGKILL);
    // Those that come meanwhile wait in the sockets, which the parent has, too.
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(EchoClient(port).Echo("after"), "after") << model;
    }
    EXPECT_TRUE(Eventually(
        [&] { return Children(server->pid()).size() == first.size(); }));
    End(server.get());
  }
}

}  // namespace
}  // namespace evoke::testing
