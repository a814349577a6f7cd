// SPDX-License-Identifier: BSD-3-Clause
//
// How connections spread over the workers of the prefork_* models, and that no
// herd wakes for one of them.
#include <cstdio>
#include <memory>
#include <string>
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

// One after the other, all workers waiting: a herd would be three wake-ups for
// nothing each time, 1,200 in all.
void ConnectOneByOne(int port, std::vector<std::unique_ptr<EchoClient>>* all) {
  for (int i = 0; i < kConnections; ++i) {
    all->push_back(std::make_unique<EchoClient>(port));
    EXPECT_EQ(all->back()->Echo("hello"), "hello");
  }
}

TEST(PreforkSpreadTest, ASharedListenerWakesOneWorkerForOneConnection) {
  auto server = Start("prefork_shared_listener");
  std::vector<std::unique_ptr<EchoClient>> clients;
  ConnectOneByOne(server->Port(), &clients);
  Worker sum = Sum(End(server.get()));
  EXPECT_EQ(sum.connections, kConnections);
  // One may be waiting no longer when the connection of another comes; seldom.
  EXPECT_LE(sum.empty, kConnections / 4) << "a herd";
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
