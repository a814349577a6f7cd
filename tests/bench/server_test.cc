// SPDX-License-Identifier: BSD-3-Clause
//
// Servers as programs: how they start and end, what they use, and what a
// measurement tells of them.
#include "bench/load/server.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "bench/load/crowd.h"
#include "bench/load/measure.h"
#include "bench/load/usage.h"

namespace evoke::load {
namespace {

constexpr char kServer[] = "tests/bench/plain_server";
constexpr int64_t kLong = 60 * kNsPerSecond;

cpu_set_t AllCores() {
  cpu_set_t cores;
  sched_getaffinity(0, sizeof(cores), &cores);
  return cores;
}

// A shell script as a server; the path of a file of this name.
std::string Script(const std::string& name, const std::string& commands) {
  std::string path = ::testing::TempDir() + name;
  std::ofstream(path) << "#!/bin/sh\n" << commands;
  chmod(path.c_str(), 0755);
  return path;
}

TEST(Server, TellsItsPortAndEndsWhenAsked) {
  Server server(kServer, AllCores());
  EXPECT_GT(server.Port(kLong), 0);
  EXPECT_EQ(server.Stop(kLong), "");
}

TEST(Server, HowItFailsIsTold) {
  Server missing("tests/bench/no_such_server", AllCores());
  EXPECT_EQ(missing.Port(kLong), -1);
  EXPECT_EQ(missing.Stop(kLong), "ended with status 127");

  Server failing(Script("failing", "echo no luck >&2\nexit 3\n"), AllCores());
  EXPECT_EQ(failing.Port(kLong), -1);
  EXPECT_EQ(failing.Stop(kLong), "ended with status 3: no luck");

  Server killed(Script("killed", "kill -KILL $$\n"), AllCores());
  EXPECT_EQ(killed.Port(kLong), -1);
  EXPECT_EQ(killed.Stop(kLong), "was ended by a signal: Killed");

  Server early(Script("early", "echo port: 1 >&2\nexit 0\n"), AllCores());
  EXPECT_EQ(early.Port(kLong), 1);
  while (!ProcessesOf(early.pid()).empty()) sched_yield();
  EXPECT_EQ(early.Stop(kLong), "ended before it was asked to");
}

TEST(Server, WhatDoesNotEndIsKilled) {
  Server server(Script("deaf",
                       "trap '' TERM\necho port: 1 >&2\n"
                       "while :; do sleep 1000; done\n"),
                AllCores());
  EXPECT_EQ(server.Port(kLong), 1);
  pid_t session = server.pid();
  EXPECT_EQ(server.Stop(kNsPerSecond / 2), "does not end by SIGTERM");
  while (!ProcessesOf(session).empty()) sched_yield();
}

TEST(Server, TakesAlongWhatItHasStarted) {
  Server server(Script("parent",
                       "sleep 1000 &\ntrap 'exit 0' TERM\n"
                       "echo port: 1 >&2\nwait\n"),
                AllCores());
  EXPECT_EQ(server.Port(kLong), 1);
  pid_t session = server.pid();
  while (ProcessesOf(session).size() < 2) sched_yield();
  EXPECT_EQ(server.Stop(kLong), "");
  while (!ProcessesOf(session).empty()) sched_yield();
}

TEST(Usage, CountsAllProcessesOfTheSession) {
  Server server(Script("three",
                       "sleep 1000 &\nsleep 1000 &\n"
                       "echo port: 1 >&2\nwait\n"),
                AllCores());
  EXPECT_EQ(server.Port(kLong), 1);
  while (ProcessesOf(server.pid()).size() < 3) sched_yield();
  Usage usage = Usage::Of(server.pid());
  EXPECT_EQ(usage.processes(), 3);
  EXPECT_EQ(usage.threads(), 3);
  std::vector<pid_t> all = ProcessesOf(server.pid());
  EXPECT_GT(MemoryBytes(all), MemoryBytes({all[0]}));
  EXPECT_GT(MemoryBytes({all[0]}), 0);
  EXPECT_LT(MemoryBytes({}), 0);
}

TEST(Usage, CountsWhatIsUsedInBetween) {
  Usage before, after;
  before.cpu_ns = {{10, 500}, {11, 7}};
  after.cpu_ns = {{10, 800}, {12, 50}};  // one has ended, one is new
  before.switches = {{10, 3}};
  after.switches = {{10, 5}, {12, 1}};
  Used used = Between(before, after);
  EXPECT_EQ(used.cpu_ns, 350);
  EXPECT_EQ(used.switches, 3u);
}

Plan PlanOf(const std::string& server, int connections) {
  Plan plan;
  plan.server = server;
  plan.connections = connections;
  plan.active = 3;
  plan.seconds = 0.1;
  plan.per_second = 1000;
  plan.patience_seconds = 60;
  plan.server_cores = AllCores();
  return plan;
}

TEST(Measure, TellsWhatAServerDoesAndUses) {
  Measurement result = Measure(PlanOf(kServer, 10));
  EXPECT_EQ(result.trouble, "");
  EXPECT_EQ(result.opened.served, 10);
  EXPECT_EQ(result.processes, 1);
  EXPECT_EQ(result.threads, 1);
  EXPECT_GT(result.memory_before_bytes, 0);
  EXPECT_GT(result.memory_bytes, 0);
  ASSERT_TRUE(result.few && result.all && result.open);
  EXPECT_GT(result.few->run.messages, 3u);
  EXPECT_GT(result.all->run.messages, 10u);
  EXPECT_GT(result.all->used.cpu_ns, 0);
  EXPECT_GT(result.open->used.switches, 0u);
  EXPECT_EQ(result.open->run.messages, 100u);
}

TEST(Measure, AServerThatFailsIsAResult) {
  Measurement result = Measure(PlanOf("tests/bench/no_such_server", 2));
  EXPECT_EQ(result.opened.asked, 2);
  EXPECT_EQ(result.opened.served, 0);
  EXPECT_EQ(result.trouble, "does not listen; ended with status 127");
  EXPECT_FALSE(result.few || result.all || result.open);

  JsonObject object;
  AddTo(object, result);
  EXPECT_NE(object.text().find("\"trouble\": \"does not listen"),
            std::string::npos);
}

TEST(Measure, ServesLessThanAskedAndStillIsMeasured) {
  std::string server = std::filesystem::canonical(kServer);
  Measurement result = Measure(
      PlanOf(Script("limited", "exec " + server + " --serve 5 \"$@\"\n"), 8));
  EXPECT_EQ(result.trouble, "");
  EXPECT_EQ(result.opened.served, 5);
  EXPECT_EQ(result.opened.closed, 3);
  ASSERT_TRUE(result.all);
  EXPECT_GT(result.all->run.messages, 5u);
}

}  // namespace
}  // namespace evoke::load
