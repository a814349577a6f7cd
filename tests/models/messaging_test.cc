// SPDX-License-Identifier: BSD-3-Clause
//
// The messaging models of both libraries: each test starts a role or more of
// one program, feeds their stdin, and reads what they print.
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/models/echo_client.h"

namespace evoke::testing {
namespace {

// A program whose stdin is a pipe of ours.
class Fed {
 public:
  explicit Fed(std::vector<std::string> command) {
    int in[2], ours = dup(0);
    EXPECT_EQ(pipe2(in, O_CLOEXEC | O_NONBLOCK), 0);
    fcntl(in[0], F_SETFL, 0);  // the program's end blocks, as usual
    dup2(in[0], 0);
    process_ = std::make_unique<Process>(std::move(command));
    close(in[0]);
    if (ours >= 0) {
      dup2(ours, 0);
      close(ours);
    } else {
      close(0);
    }
    in_ = in[1];
  }
  ~Fed() { EndInput(); }

  Process& process() { return *process_; }
  Process* operator->() { return process_.get(); }

  // Feeds until all is taken, or nothing was for `quiet_millis`; how much was.
  size_t FeedWhileTaken(const std::string& text, int quiet_millis) {
    size_t fed = 0;
    while (fed < text.size()) {
      pollfd ready = {in_, POLLOUT, 0};
      if (poll(&ready, 1, quiet_millis) <= 0) break;
      ssize_t some = write(in_, text.data() + fed, text.size() - fed);
      if (some < 0 && errno != EAGAIN) break;
      if (some > 0) fed += static_cast<size_t>(some);
    }
    return fed;
  }
  void Feed(const std::string& text) {
    EXPECT_EQ(FeedWhileTaken(text, kPatienceMillis), text.size());
  }
  void EndInput() {
    if (in_ >= 0) close(in_);
    in_ = -1;
  }

  // The number of a "NAME: number" line on stderr.
  int Number(const std::string& name) {
    for (;;) {
      std::string line = process_->err().Next();
      if (line == "<nothing>") return -1;
      if (line.rfind(name + ": ", 0) == 0) {
        return std::stoi(line.substr(name.size() + 2));
      }
    }
  }

  // Ends it by SIGTERM; the last line of stderr.
  std::string End() {
    process_->Signal(SIGTERM);
    EXPECT_EQ(process_->Wait(), 0);
    return process_->err().Next();
  }

 private:
  std::unique_ptr<Process> process_;
  int in_ = -1;
};

class MessagingTest : public ::testing::TestWithParam<std::string> {
 protected:
  MessagingTest() { signal(SIGPIPE, SIG_IGN); }

  // `role` of the model "nanomsg_PATTERN" or "zeromq_PATTERN".
  std::unique_ptr<Fed> Start(const std::string& pattern,
                             const std::string& role, int port,
                             std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(),
                 {"examples/models/" + GetParam() + "_" + pattern, "--role",
                  role, "--port", std::to_string(port)});
    return std::make_unique<Fed>(flags);
  }
};

TEST_P(MessagingTest, AnswersEachRequestWithItself) {
  auto server = Start("reqrep", "server", 0, {"--stats"});
  auto client = Start("reqrep", "client", server->Number("port"), {"--stats"});
  client->Feed("hello\n");
  EXPECT_EQ((*client)->out().Next(), "hello");
  client->Feed("\ntwo words\nno end of line");
  client->EndInput();
  EXPECT_EQ((*client)->out().Rest(), "\ntwo words\nno end of line\n");
  EXPECT_EQ((*client)->Wait(), 0);
  std::string stats = (*client)->err().Next();
  EXPECT_NE(stats.find("messages=4 bytes=28"), std::string::npos) << stats;
  stats = server->End();
  EXPECT_NE(stats.find("messages=4 bytes=28"), std::string::npos) << stats;
  if (GetParam() == "nanomsg") {
    EXPECT_NE(stats.find("connections=1 "), std::string::npos) << stats;
  }
}

TEST_P(MessagingTest, AnswersFourMebibytes) {
  auto server = Start("reqrep", "server", 0);
  auto client = Start("reqrep", "client", server->Number("port"));
  std::string sent = Pattern(4 << 20);
  for (char& byte : sent) byte = static_cast<char>('a' + (byte & 15));
  client->Feed(sent + "\n");
  EXPECT_TRUE((*client)->out().Next() == sent);
  client->EndInput();
  EXPECT_EQ((*client)->Wait(), 0);
  server->End();
}

TEST_P(MessagingTest, AnswersManyClientsEachItsOwn) {
  constexpr int kClients = 20;
  auto server = Start("reqrep", "server", 0, {"--stats"});
  int port = server->Number("port");
  std::vector<std::unique_ptr<Fed>> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(Start("reqrep", "client", port));
  }
  std::vector<std::string> lines(kClients);
  for (int i = 0; i < kClients; ++i) {
    for (int n = 0; n < 50; ++n) {
      lines[i] += std::to_string(i) + "," + std::to_string(n) + "\n";
    }
    clients[i]->Feed(lines[i]);
    clients[i]->EndInput();
  }
  for (int i = 0; i < kClients; ++i) {
    EXPECT_EQ((*clients[i])->out().Rest(), lines[i]);
    EXPECT_EQ((*clients[i])->Wait(), 0);
  }
  std::string stats = server->End();
  EXPECT_NE(stats.find("messages=1000 "), std::string::npos) << stats;
}

TEST_P(MessagingTest, PrintingServerAnswersNothing) {
  auto server = Start("reqrep", "server", 0, {"--print"});
  auto client = Start("reqrep", "client", server->Number("port"));
  client->Feed("hello\nagain\n");
  client->EndInput();
  EXPECT_EQ((*client)->out().Rest(), "\n\n");
  EXPECT_EQ((*client)->Wait(), 0);
  server->End();
  EXPECT_EQ((*server)->out().Rest(), "hello\nagain\n");
}

TEST_P(MessagingTest, ThePortIsFreeAtOnceAndClientsComeBack) {
  auto server = Start("reqrep", "server", 0);
  int port = server->Number("port");
  auto client = Start("reqrep", "client", port);
  client->Feed("one\n");
  EXPECT_EQ((*client)->out().Next(), "one");
  server->End();
  server = Start("reqrep", "server", port);
  EXPECT_EQ(server->Number("port"), port);
  client->Feed("two\n");
  EXPECT_EQ((*client)->out().Next(), "two");
  client->EndInput();
  EXPECT_EQ((*client)->Wait(), 0);
  server->End();
}

TEST_P(MessagingTest, ARequestWhoseServerDiesIsSentAgain) {
  if (GetParam() == "zeromq") GTEST_SKIP() << "its head says that it is not";
  auto server = Start("reqrep", "server", 0);
  int port = server->Number("port");
  auto client = Start("reqrep", "client", port);
  client->Feed("one\n");
  EXPECT_EQ((*client)->out().Next(), "one");
  (*server)->Signal(SIGSTOP);
  client->Feed("two\n");
  (*server)->Signal(SIGKILL);
  (*server)->Wait();
  server = Start("reqrep", "server", port);
  EXPECT_EQ((*client)->out().Next(), "two");
  client->EndInput();
  EXPECT_EQ((*client)->Wait(), 0);
  server->End();
}

TEST_P(MessagingTest, SigtermEndsAClientThatWaitsForItsServer) {
  auto server = Start("reqrep", "server", 0);
  auto client = Start("reqrep", "client", server->Number("port"));
  client->Feed("one\n");
  EXPECT_EQ((*client)->out().Next(), "one");
  server->End();
  client->Feed("nobody hears\n");
  EXPECT_EQ(client->End(), "<nothing>");
}

// Publishes "TOPIC probe N" until `subscriber` prints one of them: there is no
// other sign that it has subscribed.
void ProbeUntilHeard(Fed* publisher, Fed* subscriber,
                     const std::string& topic) {
  pid_t prober = fork();
  if (prober == 0) {
    for (int i = 0; i < kPatienceMillis / 10; ++i) {
      publisher->Feed(topic + " probe " + std::to_string(i) + "\n");
      usleep(10'000);
    }
    _exit(0);
  }
  std::string heard = (*subscriber)->out().Next();
  kill(prober, SIGKILL);
  waitpid(prober, nullptr, 0);
  EXPECT_EQ(heard.rfind(topic + " probe ", 0), 0u) << heard;
}

// The next line that is no probe.
std::string NextNews(Fed* subscriber) {
  for (;;) {
    std::string line = (*subscriber)->out().Next();
    if (line.find(" probe ") == std::string::npos) return line;
  }
}

TEST_P(MessagingTest, SubscribersGetWhatIsPublishedAfterwards) {
  auto publisher = Start("pubsub", "publisher", 0, {"--print", "--stats"});
  int port = publisher->Number("port");
  publisher->Feed("nobody hears\n");
  EXPECT_EQ((*publisher)->out().Next(), "nobody hears");
  auto all = Start("pubsub", "subscriber", port);
  auto b_alone = Start("pubsub", "subscriber", port, {"--topic", "b"});
  ProbeUntilHeard(publisher.get(), all.get(), "a");
  ProbeUntilHeard(publisher.get(), b_alone.get(), "b");
  for (int i = 0; i < 100; ++i) {
    publisher->Feed("a " + std::to_string(i) + "\nb " + std::to_string(i) +
                    "\n");
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(NextNews(all.get()), "a " + std::to_string(i));
    EXPECT_EQ(NextNews(all.get()), "b " + std::to_string(i));
    EXPECT_EQ(NextNews(b_alone.get()), "b " + std::to_string(i));
  }
  all->End();
  b_alone->End();
  EXPECT_EQ(publisher->End().rfind("stats: ", 0), 0u);
}

TEST_P(MessagingTest, AStoppedSubscriberHoldsUpNobody) {
  // Under asan: what is freed shall not look as if it were kept.
  const char* given = getenv("ASAN_OPTIONS");
  std::string usual = given != nullptr ? given : "";
  setenv("ASAN_OPTIONS", (usual + ":quarantine_size_mb=1").c_str(), 1);
  auto publisher = Start("pubsub", "publisher", 0);
  int port = publisher->Number("port");
  auto stopped = Start("pubsub", "subscriber", port);
  auto other = Start("pubsub", "subscriber", port, {"--topic", "end"});
  ProbeUntilHeard(publisher.get(), stopped.get(), "x");
  (*stopped)->Signal(SIGSTOP);
  std::string line(1023, 'x');
  line += '\n';
  for (int i = 0; i < 64; ++i) {
    std::string mebibyte;
    for (int n = 0; n < 1024; ++n) mebibyte += line;
    publisher->Feed(mebibyte);
  }
  ProbeUntilHeard(publisher.get(), other.get(), "end");
  // It has not kept what the stopped one did not take.
  std::ifstream status("/proc/" + std::to_string((*publisher)->pid()) +
                       "/statm");
  long pages = 0;
  status >> pages >> pages;
  EXPECT_LT(pages * sysconf(_SC_PAGESIZE), 48 << 20);
  other->End();
  publisher->End();
  (*stopped)->Signal(SIGTERM);
  (*stopped)->Signal(SIGCONT);
  setenv("ASAN_OPTIONS", usual.c_str(), 1);
  (*stopped)->out().Rest();  // or it would not end: the pipe is full
  EXPECT_EQ((*stopped)->Wait(), 0);
}

class Pipeline {
 public:
  Pipeline(std::unique_ptr<Fed> source) : source_(std::move(source)) {
    port = source_->Number("port");
    results = source_->Number("results");
  }
  Fed& source() { return *source_; }

  // Waits for the result of `count` tasks; who worked how often.
  std::map<std::string, int> Collect(int count, std::set<std::string>* tasks) {
    std::map<std::string, int> workers;
    for (int i = 0; i < count; ++i) {
      std::string result = source_->process().out().Next();
      size_t space = result.find(' ');
      if (space == std::string::npos) {
        ADD_FAILURE() << result;
        break;
      }
      ++workers[result.substr(0, space)];
      EXPECT_TRUE(tasks->insert(result.substr(space + 1)).second) << result;
    }
    return workers;
  }

  int port, results;

 private:
  std::unique_ptr<Fed> source_;
};

TEST_P(MessagingTest, WorkIsSpreadAndEachTaskDoneOnce) {
  Pipeline pipeline(
      Start("pipeline", "source", 0, {"--results", "0", "--stats"}));
  std::vector<std::unique_ptr<Fed>> workers;
  for (int i = 0; i < 3; ++i) {
    workers.push_back(
        Start("pipeline", "worker", pipeline.port,
              {"--results=" + std::to_string(pipeline.results), "--stats"}));
  }
  // One by one until all three have come.
  std::set<std::string> done, seen;
  int fed = 0;
  EXPECT_TRUE(Eventually([&] {
    pipeline.source().Feed("task " + std::to_string(fed++) + "\n");
    for (auto& [who, count] : pipeline.Collect(1, &done)) seen.insert(who);
    return seen.size() == 3;
  }));
  for (int i = 0; i < 300; ++i) {
    pipeline.source().Feed("task " + std::to_string(fed++) + "\n");
  }
  std::map<std::string, int> shares = pipeline.Collect(300, &done);
  EXPECT_EQ(shares.size(), 3u);
  EXPECT_EQ(done.size(), static_cast<size_t>(fed));
  for (auto& worker : workers) {
    EXPECT_EQ(worker->End().rfind("stats: ", 0), 0u);
  }
  std::string stats = pipeline.source().End();
  EXPECT_NE(stats.find("messages=" + std::to_string(fed) + " "),
            std::string::npos)
      << stats;
}

TEST_P(MessagingTest, WithoutWorkersTheTasksWaitAndNoneIsLost) {
  Pipeline pipeline(Start("pipeline", "source", 0, {"--results", "0"}));
  std::string tasks;
  for (int i = 0; tasks.size() < (4u << 20); ++i) {
    tasks += std::to_string(i) + std::string(100, '.') + "\n";
  }
  size_t fed = pipeline.source().FeedWhileTaken(tasks, 200);
  EXPECT_LT(fed, 1u << 20) << "it takes without end";
  auto worker = Start("pipeline", "worker", pipeline.port,
                      {"--results", std::to_string(pipeline.results)});
  int lines = static_cast<int>(
      std::count(tasks.begin(), tasks.begin() + static_cast<long>(fed), '\n'));
  std::set<std::string> done;
  pipeline.Collect(lines, &done);
  EXPECT_EQ(done.size(), static_cast<size_t>(lines));
  worker->End();
  pipeline.source().End();
}

TEST_P(MessagingTest, PrintingWorkerGivesNoResult) {
  Pipeline pipeline(Start("pipeline", "source", 0, {"--results", "0"}));
  auto worker =
      Start("pipeline", "worker", pipeline.port,
            {"--print", "--results", std::to_string(pipeline.results)});
  pipeline.source().Feed("a task\nanother\n");
  EXPECT_EQ((*worker)->out().Next(), "a task");
  EXPECT_EQ((*worker)->out().Next(), "another");
  worker->End();
  pipeline.source().End();
  EXPECT_EQ(pipeline.source().process().out().Rest(), "");
}

TEST_P(MessagingTest, AnUnknownRoleIsRefused) {
  auto program = Start("pipeline", "boss", 0);
  EXPECT_EQ((*program)->Wait(), 2);
}

INSTANTIATE_TEST_SUITE_P(, MessagingTest,
                         ::testing::Values("nanomsg", "zeromq"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace evoke::testing
