// SPDX-License-Identifier: BSD-3-Clause
//
// The hello world on evoke and on Debian's libevent, on every backend, driven
// by one client: what they print must be the same, byte for byte.
#include <sys/resource.h>

#include <functional>
#include <memory>

#include "tests/examples/process.h"

namespace evoke::testing {
namespace {

// Drives a server and returns all that it printed. Each step waits for the line
// that it causes, so that the order of lines is the order of steps.
class Session {
 public:
  Session(const std::string& binary, const std::string& method)
      : server_({binary, "--port=0", "--method=" + method, "--verbose"}) {
    std::string backend = server_.err().Next();
    EXPECT_EQ(backend, "backend: " + method);
    port_ = server_.Port();
    EXPECT_GT(port_, 0);
  }

  std::unique_ptr<Client> Connect() { return std::make_unique<Client>(port_); }

  void AwaitLine() { printed_ += server_.out().Next() + "\n"; }

  void Say(Client& client, const std::string& bytes) {
    client.Send(bytes);
    AwaitLine();
  }

  // Closes in the ordinary way and waits for "delete event".
  void Leave(std::unique_ptr<Client> client) {
    client.reset();
    AwaitLine();
  }

  std::string End() {
    server_.Signal(SIGTERM);
    printed_ += server_.out().Rest();
    EXPECT_EQ(server_.Wait(), 0);
    return printed_;
  }

 private:
  Process server_;
  int port_;
  std::string printed_;
};

using Script = std::function<void(Session&)>;

class HelloWorldTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string Run(const char* binary, const Script& script) {
    Session session(std::string("examples/") + binary, GetParam());
    script(session);
    return session.End();
  }
  void ExpectSame(const Script& script, const std::string& expected) {
    std::string ours = Run("hello_world", script);
    EXPECT_EQ(ours, Run("hello_world_libevent", script));
    EXPECT_EQ(ours, expected);
  }
};

TEST_P(HelloWorldTest, AShortMessage) {
  ExpectSame(
      [](Session& session) {
        auto client = session.Connect();
        session.Say(*client, "hello, world");
        session.Leave(std::move(client));
      },
      "hello, world\ndelete event\n");
}

TEST_P(HelloWorldTest, AMessageThatFillsTheBuffer) {
  std::string full(1024, 'x');
  ExpectSame(
      [&](Session& session) {
        auto client = session.Connect();
        session.Say(*client, full);
        session.Leave(std::move(client));
      },
      full + "\ndelete event\n");
}

TEST_P(HelloWorldTest, WhatIsLeftOverComesWithTheNextMessage) {
  ExpectSame(
      [&](Session& session) {
        auto client = session.Connect();
        session.Say(*client, std::string(1024, 'a') + "bcd");
        session.Say(*client, "ef");
        session.Leave(std::move(client));
      },
      std::string(1024, 'a') + "\nbcdef\ndelete event\n");
}

TEST_P(HelloWorldTest, BytesThatAreNoAsciiAndNulBytes) {
  std::string text = "\xe4\xbd\xa0\xe5\xa5\xbd \xff\xfe\t\x01";
  ExpectSame(
      [&](Session& session) {
        auto client = session.Connect();
        session.Say(*client, text);
        session.Say(*client, std::string("before\0behind", 13));
        session.Leave(std::move(client));
      },
      text + "\nbefore\ndelete event\n");
}

TEST_P(HelloWorldTest, InterleavedClients) {
  ExpectSame(
      [](Session& session) {
        auto a = session.Connect(), b = session.Connect();
        session.Say(*a, "a1");
        session.Say(*b, "b1");
        session.Say(*a, "a2");
        session.Leave(std::move(a));
        session.Say(*b, "b2");
        session.Leave(std::move(b));
      },
      "a1\nb1\na2\ndelete event\nb2\ndelete event\n");
}

TEST_P(HelloWorldTest, HalfCloseIsTheEnd) {
  ExpectSame(
      [](Session& session) {
        auto client = session.Connect();
        session.Say(*client, "last words");
        client->HalfClose();
        session.AwaitLine();
        EXPECT_EQ(client->lines().Rest(), "") << "it answers nothing";
      },
      "last words\ndelete event\n");
}

TEST_P(HelloWorldTest, AnAbruptResetPrintsNothingAndHurtsNobody) {
  ExpectSame(
      [](Session& session) {
        auto a = session.Connect(), b = session.Connect();
        session.Say(*a, "a");
        a->Reset();
        session.Say(*b, "b");
        session.Leave(std::move(b));
      },
      "a\nb\ndelete event\n");
}

TEST_P(HelloWorldTest, FiveHundredClientsAtOnce) {
  rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  constexpr int kClients = 500;
  std::string expected;
  for (int i = 0; i < kClients; ++i) {
    expected += "client " + std::to_string(i) + "\n";
  }
  for (int i = 0; i < kClients; ++i) expected += "delete event\n";
  ExpectSame(
      [](Session& session) {
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = 0; i < kClients; ++i) {
          clients.push_back(session.Connect());
        }
        for (int i = 0; i < kClients; ++i) {
          session.Say(*clients[i], "client " + std::to_string(i));
        }
        for (auto& client : clients) session.Leave(std::move(client));
      },
      expected);
}

INSTANTIATE_TEST_SUITE_P(Backends, HelloWorldTest,
                         ::testing::Values("epoll", "poll", "select"),
                         [](const auto& info) {
                           return std::string(info.param);
                         });

TEST(HelloWorld, APortInUseIsAnError) {
  Process first({"examples/hello_world", "--port=0", "--verbose"});
  std::string port = std::to_string(first.Port());
  Process second({"examples/hello_world", "--port=" + port});
  EXPECT_EQ(second.err().Next(), "cannot listen: Address already in use");
  EXPECT_EQ(second.Wait(), 1);
  first.Signal(SIGINT);
  EXPECT_EQ(first.Wait(), 0);
}

TEST(HelloWorld, AnUnknownMethodOrOptionIsAnError) {
  Process method({"examples/hello_world", "--method=kqueue"});
  EXPECT_EQ(method.Wait(), 1);
  Process option({"examples/hello_world", "--colour"});
  EXPECT_EQ(option.Wait(), 2);
  Process port({"examples/hello_world", "--port=65536"});
  EXPECT_EQ(port.Wait(), 2);
}

}  // namespace
}  // namespace evoke::testing
