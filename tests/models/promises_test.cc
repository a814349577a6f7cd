// SPDX-License-Identifier: BSD-3-Clause
//
// One promise a test, the same for each model that is an echo server, whatever
// it is made of. EVOKE_MODELS, a comma-separated list of programs in
// examples/models, comes from BUILD: what the programs need is not on every
// machine.
#include <sys/syscall.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/models/echo_client.h"

namespace evoke::testing {
namespace {

constexpr size_t kMebibyte = 1 << 20;
constexpr int kPlaces = 16;  // of the models that are bounded

std::vector<std::string> Models() {
  std::vector<std::string> models;
  std::istringstream list(EVOKE_MODELS);
  for (std::string name; std::getline(list, name, ',');) models.push_back(name);
  return models;
}

class ModelTest : public ::testing::TestWithParam<std::string> {
 protected:
  // Containers often switch io_uring off; the kernel says so itself.
  void SetUp() override {
    if (GetParam() == "io_uring_loop" &&
        syscall(__NR_io_uring_setup, 0, nullptr) < 0 &&
        (errno == ENOSYS || errno == EPERM)) {
      GTEST_SKIP() << "no io_uring here: " << strerror(errno);
    }
  }

  std::unique_ptr<Process> Start(std::vector<std::string> flags = {},
                                 int port = 0) {
    flags.insert(flags.begin(),
                 {std::string(EVOKE_MODELS_DIRECTORY "/") + GetParam(),
                  "--port", std::to_string(port)});
    return std::make_unique<Process>(flags);
  }

  // Ends it by SIGTERM; the last line of stderr, which is that of --stats.
  static std::string End(Process* server) {
    std::vector<pid_t> children = Children(server->pid());
    server->Signal(SIGTERM);
    EXPECT_EQ(server->Wait(), 0);
    for (pid_t child : children) {
      EXPECT_TRUE(kill(child, 0) < 0 && errno == ESRCH) << "a child is left";
    }
    std::string line = server->err().Next();
    while (line.rfind("worker ", 0) == 0) line = server->err().Next();
    return line;
  }

  // Waits until the server has nothing more to do, neither beginning nor with
  // clients that have gone. Its processes.
  static std::vector<pid_t> Settle(const Process& server) {
    std::vector<pid_t> all;
    int descriptors = -1;
    EXPECT_TRUE(Eventually([&] {
      std::vector<pid_t> now = Processes(server.pid());
      const int open = OpenDescriptors(now);
      const bool same = now == std::exchange(all, now);
      return std::exchange(descriptors, open) == open && same && AllSleep(all);
    })) << "it never rests";
    return all;
  }

  // Who is short of something must not ask for it without a pause: a thread
  // that does is never found asleep. (Its processor time would tell less: on a
  // busy machine it may get little.)
  static void ExpectRest(const Process& server) {
    std::map<pid_t, int> asleep;
    EXPECT_TRUE(Eventually([&] {
      bool all = true;
      for (pid_t pid : Processes(server.pid())) {
        for (const auto& [thread, state] : ThreadStates(pid)) {
          asleep[thread] += state == 'S';
          all = all && asleep[thread] >= 5;
        }
      }
      return all;
    })) << "it spins";
  }

  // These close, while they are short of descriptors, whoever comes.
  static bool Refuses() { return GetParam() == "on_libuv"; }

  // These serve a client to its end before they look at the next.
  static bool IsBounded() {
    return GetParam() == "prefork_accept" || GetParam() == "thread_pool";
  }
};

TEST_P(ModelTest, EchoesASmallMessage) {
  auto server = Start();
  EchoClient client(server->Port());
  EXPECT_EQ(client.Echo("hello"), "hello");
  EXPECT_EQ(client.Echo("again"), "again");
  EXPECT_EQ(End(server.get()), "<nothing>");
}

TEST_P(ModelTest, EchoesFourMebibytes) {
  auto server = Start();
  EchoClient client(server->Port());
  std::string sent = Pattern(4 * kMebibyte);
  EXPECT_TRUE(client.Echo(sent) == sent);
  End(server.get());
}

TEST_P(ModelTest, TheEndOfAClientComesAfterItsLastAnswer) {
  auto server = Start();
  EchoClient client(server->Port());
  std::string sent = Pattern(kMebibyte);
  std::string got = client.Exchange(sent, sent.size() / 2);
  client.HalfClose();
  got += client.ReceiveRest();
  EXPECT_TRUE(got == sent) << got.size();
  End(server.get());
}

TEST_P(ModelTest, ServesManyClientsAtOnce) {
  const int kClients = IsBounded() ? kPlaces : 200;
  auto server = Start({"--stats"});
  int port = server->Port();
  std::vector<std::unique_ptr<EchoClient>> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<EchoClient>(port));
  }
  for (int i = 0; i < kClients; ++i) clients[i]->Send(Pattern(i + 1, i));
  for (int i = kClients - 1; i >= 0; --i) {
    EXPECT_TRUE(clients[i]->Receive(i + 1) == Pattern(i + 1, i)) << i;
  }
  EXPECT_EQ(End(server.get()),
            "stats: connections=" + std::to_string(kClients) +
                " messages=" + std::to_string(kClients) +
                " bytes=" + std::to_string(kClients * (kClients + 1) / 2));
}

TEST_P(ModelTest, WhoFindsNoPlaceIsServedWhenOneIsFree) {
  if (!IsBounded()) GTEST_SKIP() << "it has no bound";
  auto server = Start();
  int port = server->Port();
  std::vector<std::unique_ptr<EchoClient>> clients;
  for (int i = 0; i < kPlaces; ++i) {
    clients.push_back(std::make_unique<EchoClient>(port));
    EXPECT_EQ(clients.back()->Echo("here"), "here");
  }
  EchoClient late(port);
  late.Send("me, too");
  // All others are served before and after; nobody looks at this one.
  for (auto& client : clients) EXPECT_EQ(client->Echo("again"), "again");
  EXPECT_FALSE(late.HasBytes());
  clients.pop_back();
  EXPECT_EQ(late.Receive(7), "me, too");
  End(server.get());
}

TEST_P(ModelTest, WhoDoesNotReadLosesNothingAndHoldsUpNobody) {
  auto server = Start();
  int port = server->Port();
  EchoClient slow(port, 16384);
  // More than all buffers on the way would take, if the server had no bound.
  std::string sent = Pattern(64 * kMebibyte);
  size_t taken = slow.SendWhileTaken(sent, 200);
  EXPECT_LT(taken, sent.size()) << "the server takes without end";
  EchoClient quick(port);
  EXPECT_EQ(quick.Echo("not held up"), "not held up");
  sent.resize(taken);
  std::string got = slow.Receive(taken);
  EXPECT_TRUE(got == sent) << got.size() << " of " << taken;
  EXPECT_EQ(slow.Echo("quick now"), "quick now");
  End(server.get());
}

TEST_P(ModelTest, PrintsByteForByteAndAnswersNothing) {
  auto server = Start({"--print"});
  EchoClient client(server->Port());
  client.Send("hello");
  EXPECT_EQ(server->out().Next(), "hello");
  client.Send("a line\n");
  EXPECT_EQ(server->out().Next(), "a line");
  EXPECT_EQ(server->out().Next(), "");
  client.Send(std::string(1000, 'x'));
  EXPECT_EQ(server->out().Next(), std::string(1000, 'x'));
  End(server.get());
  EXPECT_EQ(server->out().Rest(), "");
  EXPECT_EQ(client.ReceiveRest(), "");
}

TEST_P(ModelTest, SigtermEndsItAndThePortIsFreeAtOnce) {
  auto server = Start();
  int port = server->Port();
  std::vector<std::unique_ptr<EchoClient>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<EchoClient>(port));
    EXPECT_EQ(clients.back()->Echo("here"), "here");
  }
  End(server.get());
  for (auto& client : clients) EXPECT_EQ(client->ReceiveRest(), "");
  server = Start({}, port);
  ASSERT_EQ(server->Port(), port);
  EXPECT_EQ(EchoClient(port).Echo("again"), "again");
  End(server.get());
}

TEST_P(ModelTest, SigtermEndsItWhileAClientDoesNotRead) {
  auto server = Start();
  EchoClient slow(server->Port(), 16384);
  slow.SendWhileTaken(Pattern(64 * kMebibyte), 200);
  End(server.get());
}

TEST_P(ModelTest, StatsCountWhatWasServed) {
  auto server = Start({"--stats"});
  int port = server->Port();
  for (int i = 0; i < 3; ++i) {
    EchoClient client(port);
    EXPECT_EQ(client.Echo("12345"), "12345");
    EXPECT_EQ(client.Echo("678"), "678");
  }
  EXPECT_EQ(End(server.get()), "stats: connections=3 messages=6 bytes=24");
}

TEST_P(ModelTest, ClientsThatGoLeaveNoDescriptorBehind) {
  auto server = Start();
  int port = server->Port();
  {
    EchoClient first(port);
    EXPECT_EQ(first.Echo("warm"), "warm");
  }
  std::vector<pid_t> all = Settle(*server);
  const size_t processes = all.size();
  const int before = OpenDescriptors(all);
  for (int i = 0; i < 60; ++i) {
    EchoClient client(port, 16384);
    EXPECT_EQ(client.Echo("hello"), "hello");
    // The server is about to answer when the connection breaks.
    if (i % 3 == 0) client.SendWhileTaken(Pattern(kMebibyte), 10);
    if (i % 3 == 1) client.HalfClose();
    if (i % 3 != 1) client.Reset();
  }
  EXPECT_TRUE(Eventually([&] {
    all = Processes(server->pid());
    return OpenDescriptors(all) <= before && all.size() <= processes;
  })) << all.size()
      << " processes, before: " << processes << "; " << OpenDescriptors(all)
      << " descriptors, before: " << before;
  EXPECT_EQ(EchoClient(port).Echo("still here"), "still here");
  End(server.get());
}

TEST_P(ModelTest, AShortageOfDescriptorsThatClientsCausePasses) {
  if (GetParam() == "process_per_client" || GetParam() == "prefork_accept") {
    GTEST_SKIP() << "each process has one client: they cannot cause any";
  }
  // The server is born with its limit, for io_uring_loop's accept keeps that,
  // and gets it again, for ACE raises it when the first client comes. The
  // places of workers would be enough for all clients: they get fewer.
  constexpr rlim_t kLimit = 40;
  constexpr int kRoom = 3;  // of each worker
  rlimit usual, few = {kLimit, 0};
  getrlimit(RLIMIT_NOFILE, &usual);
  few.rlim_max = usual.rlim_max;
  setrlimit(RLIMIT_NOFILE, &few);
  auto server = Start();
  setrlimit(RLIMIT_NOFILE, &usual);
  int port = server->Port();
  std::vector<std::unique_ptr<EchoClient>> clients;
  clients.push_back(std::make_unique<EchoClient>(port));
  EXPECT_EQ(clients[0]->Echo("served"), "served");
  std::vector<pid_t> all = Settle(*server);
  LimitDescriptors(server->pid(), kLimit);
  for (size_t i = 1; i < all.size(); ++i) {
    LimitDescriptors(all[i], UnusedDescriptor(all[i], kRoom));
  }
  for (int i = 0; i < 50; ++i) {
    clients.push_back(std::make_unique<EchoClient>(port));
  }
  EXPECT_TRUE(Eventually([&] {
    return std::any_of(all.begin(), all.end(), std::not_fn(HasRoom));
  })) << "it is short of nothing";
  ExpectRest(*server);
  EXPECT_EQ(clients[0]->Echo("served"), "served");
  clients.clear();
  // Some libraries refuse while they are short, the others let wait.
  EXPECT_TRUE(
      Eventually([&] { return EchoClient(port).Echo("again") == "again"; }));
  End(server.get());
}

// No process has a number for another descriptor, and no client that goes gives
// one back, until the limit is what it was.
TEST_P(ModelTest, AShortageOfDescriptorsHurtsNobodyWhoIsThere) {
  if (GetParam() == "io_uring_loop") {
    GTEST_SKIP() << "its accept keeps the limit that it was asked for with";
  }
  const int kWarm = IsBounded() ? kPlaces : 1;
  constexpr int kLate = 10;
  auto server = Start();
  int port = server->Port();
  std::vector<std::pair<pid_t, rlim_t>> limits;
  for (pid_t pid : Settle(*server)) {
    limits.emplace_back(pid, UnusedDescriptor(pid, 0));
  }
  // In accept(2) a thread has the number for the next client already: where
  // the processes wait there, each gets a client first.
  std::vector<std::unique_ptr<EchoClient>> clients;
  for (int i = 0; i < kWarm; ++i) {
    clients.push_back(std::make_unique<EchoClient>(port));
    EXPECT_EQ(clients.back()->Echo("here"), "here");
  }
  for (auto [pid, limit] : limits) LimitDescriptors(pid, limit);
  clients.resize(1);
  for (int i = 0; i < kLate; ++i) {
    clients.push_back(std::make_unique<EchoClient>(port));
    clients.back()->Send("late");
  }
  EXPECT_EQ(clients[0]->Echo("still served"), "still served");
  ExpectRest(*server);
  EXPECT_EQ(clients[0]->Echo("still served"), "still served");
  int unanswered = 0;
  for (auto& client : clients) unanswered += !client->HasBytes();
  if (!Refuses()) {
    EXPECT_GT(unanswered, 1) << "it is short of nothing";
  }
  for (auto [pid, limit] : limits) LimitDescriptors(pid, RLIM_INFINITY);
  for (int i = 1; i <= kLate && !Refuses(); ++i) {
    EXPECT_EQ(clients[i]->Receive(4), "late");
  }
  EXPECT_TRUE(
      Eventually([&] { return EchoClient(port).Echo("again") == "again"; }));
  End(server.get());
}

INSTANTIATE_TEST_SUITE_P(, ModelTest, ::testing::ValuesIn(Models()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace evoke::testing
