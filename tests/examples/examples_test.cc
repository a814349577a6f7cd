// SPDX-License-Identifier: BSD-3-Clause
//
// Each example does what its head says, on every backend.
#include <memory>

#include "tests/examples/process.h"

namespace evoke::testing {
namespace {

class ExamplesTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::vector<std::string> Command(const std::string& name,
                                   std::vector<std::string> more = {}) {
    more.insert(more.begin(),
                {"examples/" + name, std::string("--method=") + GetParam()});
    return more;
  }
};

TEST_P(ExamplesTest, TimerTicksFiveTimesInHalfASecond) {
  Process timer(Command("timer"));
  std::string printed = timer.out().Rest();
  EXPECT_EQ(timer.Wait(), 0);
  // The last tick and the end may trade places on a machine that is held up.
  EXPECT_EQ(printed.rfind("tick 1\ntick 2\ntick 3\n", 0), 0u) << printed;
  EXPECT_NE(printed.find("time is over\n"), std::string::npos);
}

TEST_P(ExamplesTest, SignalEndsAfterThreeInterrupts) {
  Process program(Command("signal"));
  EXPECT_EQ(program.out().Next(), "ready");
  for (const char* expected :
       {"signal 2, 2 to go", "signal 2, 1 to go", "signal 2, 0 to go"}) {
    program.Signal(SIGINT);
    EXPECT_EQ(program.out().Next(), expected);
  }
  EXPECT_EQ(program.Wait(), 0);
}

TEST_P(ExamplesTest, SignalEndsOnSigterm) {
  Process program(Command("signal"));
  EXPECT_EQ(program.out().Next(), "ready");
  program.Signal(SIGTERM);
  EXPECT_EQ(program.out().Next(), "signal 15, good bye");
  EXPECT_EQ(program.Wait(), 0);
}

TEST_P(ExamplesTest, ConnectTalksToTheEchoServer) {
  Process server(Command("echo_server", {"--port=0", "--verbose"}));
  std::string port = std::to_string(server.Port());
  Process client(Command("connect", {"--port=" + port}));
  EXPECT_EQ(client.err().Next(), "connected");
  EXPECT_EQ(client.out().Next(), "hello from evoke");
  EXPECT_EQ(client.Wait(), 0);
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

TEST_P(ExamplesTest, ConnectReportsARefusal) {
  // A port that was free a moment ago: its server is gone.
  Process server(Command("echo_server", {"--port=0", "--verbose"}));
  std::string port = std::to_string(server.Port());
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
  Process client(Command("connect", {"--port=" + port}));
  EXPECT_EQ(client.err().Next(), "error: Connection refused");
  EXPECT_EQ(client.Wait(), 1);
}

TEST_P(ExamplesTest, EchoServerSendsTheRestToWhoClosedItsEnd) {
  Process server(Command("echo_server", {"--port=0", "--verbose"}));
  Client client(server.Port());
  std::string sent(4 << 20, 'e');
  std::string got;
  // The answer is read only after everything is sent: more than the sockets'
  // buffers hold waits in the server, which holds the client back.
  pid_t writer = fork();
  if (writer == 0) {
    client.Send(sent);
    client.HalfClose();
    _exit(0);
  }
  got = client.lines().Rest();
  waitpid(writer, nullptr, 0);
  EXPECT_EQ(got.size(), sent.size());
  EXPECT_TRUE(got == sent);
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

TEST_P(ExamplesTest, LineChatTellsTheOthers) {
  Process server(Command("line_chat", {"--port=0", "--verbose"}));
  int port = server.Port();
  auto a = std::make_unique<Client>(port);
  auto b = std::make_unique<Client>(port);
  EXPECT_EQ(a->lines().Next(), "2 joined");
  auto c = std::make_unique<Client>(port);
  EXPECT_EQ(a->lines().Next(), "3 joined");
  EXPECT_EQ(b->lines().Next(), "3 joined");
  a->Send("hel");
  a->Send("lo\r\nagain\n");
  for (Client* other : {b.get(), c.get()}) {
    EXPECT_EQ(other->lines().Next(), "1 says hello");
    EXPECT_EQ(other->lines().Next(), "1 says again");
  }
  b.reset();
  EXPECT_EQ(a->lines().Next(), "2 left");
  EXPECT_EQ(c->lines().Next(), "2 left");
  c->Send(std::string(10000, 'x'));
  EXPECT_EQ(a->lines().Next(), "3 left") << "a line without end";
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

INSTANTIATE_TEST_SUITE_P(Backends, ExamplesTest,
                         ::testing::Values("epoll", "poll", "select"),
                         [](const auto& info) {
                           return std::string(info.param);
                         });

}  // namespace
}  // namespace evoke::testing
