// SPDX-License-Identifier: BSD-3-Clause
//
// The page's server, asked over loopback: who gets an answer, and what becomes
// of it when bases end, processes fork and memory is short. What the answers
// say is tested by live_test.py.
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <evoke/scope.h>
#include <evoke/stats.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/scope/client.h"
#include "tests/support/backend_test.h"

namespace {

using evoke::scope::testing::Client;
using evoke::scope::testing::Get;
using evoke::scope::testing::PortOf;
using evoke::scope::testing::TokenOf;
using evoke::scope::testing::Url;
using evoke::testing::Base;
using evoke::testing::SocketPair;
using evoke::testing::TestEvent;

std::vector<std::string> g_log;

class ScopeTest : public testing::Test {
 protected:
  void SetUp() override {
    g_log.clear();
    event_set_log_callback(
        [](int, const char* line) { g_log.emplace_back(line); });
    base_.reset(event_base_new());
  }
  void TearDown() override {
    base_.reset();
    event_set_log_callback(nullptr);
  }

  void Start(const char* address = "127.0.0.1:0") {
    ASSERT_EQ(evoke_scope_start(base_.get(), address), 0);
    url_ = Url();
  }

  // Runs the loop until `client` is done.
  template <typename ClientWork>
  void RunWith(ClientWork client) {
    SocketPair done;
    TestEvent end(base_.get(), done[0], EV_READ,
                  [&](short) { event_base_loopbreak(base_.get()); });
    end.Add();
    std::thread thread([&] {
      client();
      done.Write(1, "x");
    });
    event_base_dispatch(base_.get());
    thread.join();
  }

  std::string Ask(const std::string& request) {
    std::string answer;
    RunWith([&] {
      Client client(url_);
      client.Send(request);
      answer = client.Receive();
    });
    return answer;
  }

  Base base_;
  std::string url_;
};

TEST_F(ScopeTest, TellsItsUrlOnce) {
  EXPECT_EQ(Url(), "");
  Start();
  ASSERT_EQ(g_log.size(), 1u);
  EXPECT_EQ(g_log[0], "loopscope: " + url_);
  EXPECT_EQ(url_.rfind("http://127.0.0.1:", 0), 0u) << url_;
  EXPECT_EQ(TokenOf(url_).size(), 32u);
  char small[8];
  EXPECT_EQ(evoke_scope_url(small, sizeof(small)), url_.size());
  EXPECT_EQ(std::string(small), url_.substr(0, 7));
  EXPECT_EQ(evoke_scope_url(nullptr, 0), url_.size());
}

TEST_F(ScopeTest, AnswersWhoHasTheToken) {
  Start();
  std::string page = Ask(Get(url_));
  EXPECT_EQ(page.rfind("HTTP/1.1 200 OK\r\n", 0), 0u) << page;
  EXPECT_NE(page.find("<title>loopscope</title>"), std::string::npos);
  EXPECT_EQ(page.substr(page.size() - 8), "</html>\n");
  // Nothing from elsewhere.
  EXPECT_EQ(page.find("src="), std::string::npos);
  EXPECT_EQ(page.find("href="), std::string::npos);
  std::string state = Ask(Get(url_, "/state"));
  EXPECT_EQ(state.rfind("HTTP/1.1 200 OK\r\n", 0), 0u) << state;
  EXPECT_NE(state.find("\"method\":"), std::string::npos);
}

TEST_F(ScopeTest, RefusesEverybodyElse) {
  Start();
  auto status = [&](const std::string& request) {
    return Ask(request).substr(0, 13);
  };
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            "HTTP/1.1 403 ");
  EXPECT_EQ(status("GET /?token=" + TokenOf(url_) +
                   " HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
            "HTTP/1.1 421 ");
  std::string post = Get(url_);
  post.replace(0, 3, "POST");
  EXPECT_EQ(status(post), "HTTP/1.1 405 ");
  EXPECT_EQ(status("nonsense\r\n\r\n"), "HTTP/1.1 400 ");
  EXPECT_EQ(status("GET /" + std::string(20000, 'a')), "HTTP/1.1 431 ");
  EXPECT_EQ(status(Get(url_, "/etc/passwd")), "HTTP/1.1 404 ");
  // The token is told to nobody.
  for (const std::string& line : g_log) {
    EXPECT_EQ(line, "loopscope: " + url_);
  }
}

TEST_F(ScopeTest, TakesARequestInPieces) {
  Start();
  std::string answer;
  RunWith([&] {
    Client client(url_);
    for (char byte : Get(url_)) client.Send(std::string(1, byte));
    answer = client.Receive();
  });
  EXPECT_EQ(answer.rfind("HTTP/1.1 200 ", 0), 0u);
}

TEST_F(ScopeTest, ServesMoreClientsThanItHasPlacesFor) {
  Start();
  std::atomic<int> good{0};
  RunWith([&] {
    std::vector<std::unique_ptr<Client>> silent;
    // Some of all places are held by clients that say nothing.
    for (int i = 0; i < 6; ++i)
      silent.push_back(std::make_unique<Client>(url_));
    std::vector<std::thread> threads;
    for (int i = 0; i < 40; ++i) {
      threads.emplace_back([&] {
        Client client(url_);
        client.Send(Get(url_, "/state"));
        good += client.Receive().rfind("HTTP/1.1 200 ", 0) == 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_EQ(good, 40);
}

TEST_F(ScopeTest, RefusesAddresses) {
  struct {
    const char* address;
    int error;
  } const kCases[] = {
      {"0.0.0.0:0", EPERM},     {"10.0.0.1:80", EPERM},      {"[::]:0", EPERM},
      {"nonsense", EINVAL},     {"127.0.0.1:99999", EINVAL}, {"", EINVAL},
      {"localhost:80", EINVAL}, {"public:", EINVAL},
  };
  size_t lines = 0;
  for (const auto& [address, error] : kCases) {
    errno = 0;
    EXPECT_EQ(evoke_scope_start(base_.get(), address), -1) << address;
    EXPECT_EQ(errno, error) << address;
    EXPECT_EQ(Url(), "");
    ASSERT_EQ(g_log.size(), ++lines);
  }
  // Also while a page is served.
  Start();
  Base other(event_base_new());
  errno = 0;
  EXPECT_EQ(evoke_scope_start(other.get(), "nonsense"), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(evoke_scope_stop(base_.get()), 0);
  EXPECT_EQ(evoke_scope_start(nullptr, "127.0.0.1:0"), -1);
  EXPECT_EQ(evoke_scope_start(base_.get(), nullptr), -1);
  EXPECT_EQ(evoke_scope_stop(base_.get()), -1);
  EXPECT_EQ(evoke_scope_stop(nullptr), -1);
}

TEST_F(ScopeTest, ServesOthersWhenToldTo) {
  Start("public:0.0.0.0:0");
  std::string request = "GET /?token=" + TokenOf(url_) +
                        " HTTP/1.1\r\nHost: my.machine.example\r\n\r\n";
  EXPECT_EQ(Ask(request).rfind("HTTP/1.1 200 ", 0), 0u);
  EXPECT_EQ(Ask("GET / HTTP/1.1\r\nHost: my.machine.example\r\n\r\n")
                .rfind("HTTP/1.1 403 ", 0),
            0u);
}

TEST_F(ScopeTest, ServesIpv6) {
  if (evoke_scope_start(base_.get(), "[::1]:0") != 0) {
    GTEST_SKIP() << "a machine without IPv6";
  }
  EXPECT_EQ(Url().rfind("http://[::1]:", 0), 0u) << Url();
}

TEST_F(ScopeTest, SaysThatAPortIsInUse) {
  Start();
  const std::string address = "127.0.0.1:" + std::to_string(PortOf(url_));
  // Another process's, so to speak.
  pid_t child = fork();
  if (child == 0) {
    Base other(event_base_new());
    // The page of this process is the parent's.
    evoke_scope_stop(base_.get());
    const bool refused =
        evoke_scope_start(other.get(), address.c_str()) == -1 &&
        errno == EADDRINUSE;
    _exit(refused ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(ScopeTest, DoesNotKeepTheLoop) {
  Start();
  EXPECT_EQ(event_base_dispatch(base_.get()), 1);
  EXPECT_EQ(event_base_get_num_events(base_.get(), EVENT_BASE_COUNT_ADDED), 0);
}

TEST_F(ScopeTest, EndsAndBeginsAnew) {
  Start();
  errno = 0;
  EXPECT_EQ(evoke_scope_start(base_.get(), "127.0.0.1:0"), -1);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_EQ(evoke_scope_stop(base_.get()), 0);
  EXPECT_EQ(Url(), "");
  EXPECT_FALSE(Client(url_).connected());
  EXPECT_EQ(evoke_scope_stop(base_.get()), -1);
  const std::string before = url_;
  Start();
  EXPECT_NE(TokenOf(url_), TokenOf(before));
  EXPECT_EQ(Ask(Get(url_)).rfind("HTTP/1.1 200 ", 0), 0u);
  // Clients that are in the middle of it see an end.
  Client client(url_);
  client.Send("GET /");
  event_base_loop(base_.get(), EVLOOP_NONBLOCK);
  base_.reset();
  EXPECT_EQ(client.Receive(), "");
  EXPECT_EQ(Url(), "");
  EXPECT_FALSE(Client(url_).connected());
}

TEST_F(ScopeTest, StopsInACallbackToo) {
  Start();
  Client client(url_);
  client.Send("GET /");
  TestEvent timer(base_.get(), -1, 0,
                  [&](short) { EXPECT_EQ(evoke_scope_stop(base_.get()), 0); });
  timer.AddMicros(1);
  EXPECT_EQ(event_base_dispatch(base_.get()), 1);
  EXPECT_EQ(client.Receive(), "");
}

TEST_F(ScopeTest, ShowsSeveralBasesOnOnePage) {
  Start();
  Base other(event_base_new());
  ASSERT_EQ(evoke_scope_start(other.get(), "127.0.0.1:0"), 0);
  EXPECT_EQ(Url(), url_);
  TestEvent timer(other.get(), -1, EV_PERSIST, [](short) {});
  timer.AddMicros(60000000);
  event_base_loop(other.get(), EVLOOP_NONBLOCK);
  std::string state = Ask(Get(url_, "/state", "&base=1"));
  EXPECT_NE(state.find("{\"number\":0,"), std::string::npos) << state;
  EXPECT_NE(state.find("{\"number\":1,"), std::string::npos);
  EXPECT_NE(state.find("],\"number\":1,\"id\":"), std::string::npos);
  EXPECT_NE(state.find("\"timers\":[{\"in_us\":"), std::string::npos);
  // Gone, and the page goes on.
  timer.Del();
  other.reset();
  state = Ask(Get(url_, "/state", "&base=1"));
  EXPECT_EQ(state.find("\"number\":1,"), std::string::npos) << state;
  EXPECT_EQ(state.find("\"state\""), std::string::npos) << state;
  for (const char* base : {"&base=63", "&base=64", "&base=65535"}) {
    EXPECT_EQ(Ask(Get(url_, "/state", base)).rfind("HTTP/1.1 200 ", 0), 0u);
  }
}

// A forked child tells nothing, and does not answer in its parent's place.
TEST_F(ScopeTest, IsTheParentsAfterAFork) {
  Start();
  SocketPair end;
  pid_t child = fork();
  if (child == 0) {
    if (event_reinit(base_.get()) != 0) _exit(1);
    TestEvent go(base_.get(), end[1], EV_READ,
                 [&](short) { event_base_loopbreak(base_.get()); });
    go.Add();
    event_base_dispatch(base_.get());
    // Its base can be shown anew, on a page of its own.
    evoke_scope_stop(base_.get());
    const bool shown = evoke_scope_start(base_.get(), "127.0.0.1:0") == 0;
    _exit(shown && Url() != url_ ? 0 : 2);
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Ask(Get(url_, "/state")).rfind("HTTP/1.1 200 ", 0), 0u);
  }
  end.Write(0, "x");
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Ask(Get(url_, "/state")).rfind("HTTP/1.1 200 ", 0), 0u);
}

// A server that forks workers, which make bases of their own and outlive it:
// its port is free, and nothing of theirs gets mixed up with what was its.
TEST_F(ScopeTest, LeavesNothingToWorkers) {
  Start();
  const std::string address = "127.0.0.1:" + std::to_string(PortOf(url_));
  Client connected(url_);
  connected.Send("GET /");
  event_base_loop(base_.get(), EVLOOP_NONBLOCK);
  SocketPair end;
  pid_t worker = fork();
  if (worker == 0) {
    EXPECT_EQ(Url(), "");
    EXPECT_EQ(evoke_scope_stop(base_.get()), -1);
    event_base_free(base_.release());
    // Probably at the same address.
    Base own(event_base_new());
    EXPECT_EQ(evoke_scope_start(own.get(), "127.0.0.1:0"), 0);
    EXPECT_NE(Url(), url_);
    TestEvent go(own.get(), end[1], EV_READ,
                 [&](short) { event_base_loopbreak(own.get()); });
    go.Add();
    event_base_dispatch(own.get());
    EXPECT_EQ(evoke_scope_stop(own.get()), 0);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  EXPECT_EQ(evoke_scope_stop(base_.get()), 0);
  // The worker lives, and its parent's sockets are gone nevertheless.
  EXPECT_EQ(connected.Receive(), "");
  EXPECT_EQ(evoke_scope_start(base_.get(), address.c_str()), 0);
  url_ = Url();
  EXPECT_EQ(Ask(Get(url_)).rfind("HTTP/1.1 200 ", 0), 0u);
  end.Write(0, "x");
  int status = -1;
  EXPECT_EQ(waitpid(worker, &status, 0), worker);
  EXPECT_EQ(status, 0);
}

TEST_F(ScopeTest, ShowsSoManyBases) {
  Start();
  std::vector<Base> bases;
  for (int i = 0; i < 63; ++i) {
    bases.emplace_back(event_base_new());
    ASSERT_EQ(evoke_scope_start(bases.back().get(), "127.0.0.1:0"), 0);
  }
  Base more(event_base_new());
  errno = 0;
  EXPECT_EQ(evoke_scope_start(more.get(), "127.0.0.1:0"), -1);
  EXPECT_EQ(errno, ENOSPC);
  bases.pop_back();
  EXPECT_EQ(evoke_scope_start(more.get(), "127.0.0.1:0"), 0);
}

// A log callback may ask for the URL, which it is just told.
TEST_F(ScopeTest, LogsOutsideOfItsLocks) {
  static std::string url;
  event_set_log_callback([](int, const char*) { url = Url(); });
  Start();
  EXPECT_EQ(url, url_);
  EXPECT_EQ(evoke_scope_start(base_.get(), "nonsense"), -1);
  Base other(event_base_new());
  evoke_scope_stop(base_.get());
  EXPECT_EQ(evoke_scope_start(other.get(), "nonsense"), -1);
  EXPECT_EQ(url, "");
}

// No descriptor is left for a connection: it is answered when there is one, and
// until then the loop does not spin.
TEST_F(ScopeTest, WaitsWhenThereAreNoDescriptors) {
  Start();
  std::string answer;
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  SocketPair done;
  TestEvent end(base_.get(), done[0], EV_READ,
                [&](short) { event_base_loopbreak(base_.get()); });
  end.Add();
  Client client(url_);
  client.Send(Get(url_));
  rlimit none = {3, limit.rlim_max};
  TestEvent mend(base_.get(), -1, 0,
                 [&](short) { setrlimit(RLIMIT_NOFILE, &limit); });
  mend.AddMicros(300000);
  setrlimit(RLIMIT_NOFILE, &none);
  std::thread thread([&] {
    answer = client.Receive();
    done.Write(1, "x");
  });
  event_base_dispatch(base_.get());
  thread.join();
  setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(answer.rfind("HTTP/1.1 200 ", 0), 0u);
  struct evoke_stats stats = {};
  stats.struct_size = sizeof(stats);
  ASSERT_EQ(evoke_stats(base_.get(), &stats), 0);
  EXPECT_LT(stats.turns, 50u);
}

constexpr int kPlenty = 1 << 30;
std::atomic<int> g_requests_left{kPlenty};

// Whatever request for memory is the first to fail: an error, or an answer that
// does not come, and nothing lost.
TEST_F(ScopeTest, SurvivesWantOfMemory) {
  event_set_mem_functions(
      [](size_t size) -> void* {
        return g_requests_left-- > 0 ? malloc(size) : nullptr;
      },
      [](void* memory, size_t size) -> void* {
        return g_requests_left-- > 0 ? realloc(memory, size) : nullptr;
      },
      free);
  bool started = false;
  for (int n = 0; !started; ++n) {
    ASSERT_LT(n, 100);
    errno = 0;
    g_requests_left = n;
    started = evoke_scope_start(base_.get(), "127.0.0.1:0") == 0;
    const int error = errno;
    g_requests_left = kPlenty;
    if (!started) {
      EXPECT_EQ(error, ENOMEM) << n;
      EXPECT_EQ(Url(), "");
    }
  }
  url_ = Url();
  bool answered = false;
  for (int n = 0; !answered; ++n) {
    ASSERT_LT(n, 200);
    std::string answer;
    RunWith([&] {
      Client client(url_);
      // It is the loop's thread that asks for memory from here on.
      g_requests_left = n;
      client.Send(Get(url_, "/state"));
      answer = client.Receive();
      g_requests_left = kPlenty;
    });
    answered = answer.rfind("HTTP/1.1 200 ", 0) == 0;
    // Or the connection is closed, when there was no memory even to wait.
    if (!answered && answer != "") {
      EXPECT_EQ(answer.substr(0, 13), "HTTP/1.1 503 ");
    }
  }
  event_set_mem_functions(nullptr, nullptr, nullptr);
}

// Bases that are made by several threads at once, all of which would serve.
TEST(ScopeThreads, OneOfThemServes) {
  event_set_log_callback([](int, const char*) {});
  ASSERT_EQ(evthread_use_pthreads(), 0);
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> urls{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        while (!go) std::this_thread::yield();
        Base base(event_base_new());
        EXPECT_EQ(evoke_scope_start(base.get(), "127.0.0.1:0"), 0);
        urls += Url() != "";
        event_base_loop(base.get(), EVLOOP_NONBLOCK);
      });
    }
    go = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_GT(urls, 0);
    EXPECT_EQ(Url(), "");
  }
  event_set_log_callback(nullptr);
}

// Loops in four threads, events that come and go, one page.
TEST(ScopeThreads, ManyLoopsAndOnePage) {
  event_set_log_callback([](int, const char*) {});
  ASSERT_EQ(evthread_use_pthreads(), 0);
  constexpr int kLoops = 4;
  Base server(event_base_new());
  ASSERT_EQ(evoke_scope_start(server.get(), "127.0.0.1:0"), 0);
  const std::string url = Url();
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < kLoops; ++i) {
    threads.emplace_back([&] {
      while (!over) {
        Base base(event_base_new());
        EXPECT_EQ(evoke_scope_start(base.get(), "127.0.0.1:0"), 0);
        SocketPair pair;
        bufferevent* bev =
            bufferevent_socket_new(base.get(), pair[0], BEV_OPT_THREADSAFE);
        bufferevent_enable(bev, EV_READ);
        TestEvent tick(base.get(), -1, EV_PERSIST, [&](short) {
          bufferevent_write(bev, "x", 1);
          pair.Write(1, "y");
        });
        tick.AddMicros(200);
        // Another thread adds to it meanwhile.
        std::thread writer([&] {
          for (int n = 0; n < 50; ++n) bufferevent_write(bev, "z", 1);
        });
        timeval soon = {0, 20000};
        event_base_loopexit(base.get(), &soon);
        event_base_dispatch(base.get());
        writer.join();
        tick.Del();
        bufferevent_free(bev);
        event_base_loop(base.get(), EVLOOP_NONBLOCK);
      }
    });
  }
  std::thread client([&] {
    for (int i = 0; i < 100; ++i) {
      Client client(url);
      client.Send(Get(url, "/state", "&base=" + std::to_string(i % 6)));
      EXPECT_EQ(client.Receive().rfind("HTTP/1.1 200 ", 0), 0u);
    }
    over = true;
    event_base_loopbreak(server.get());
  });
  event_base_loop(server.get(), EVLOOP_NO_EXIT_ON_EMPTY);
  client.join();
  for (std::thread& thread : threads) thread.join();
  server.reset();
  event_set_log_callback(nullptr);
}

}  // namespace
