// SPDX-License-Identifier: BSD-3-Clause
//
// Which backend a new base gets.
#include <errno.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <set>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "tests/backends/backend_bench.h"

namespace evoke::testing {
namespace {

unsigned g_opened_with;
bool g_is_usable = true;

void* OpenFake(const evoke_backend_options* options) {
  EXPECT_EQ(options->struct_size, sizeof(evoke_backend_options));
  g_opened_with = options->flags;
  return g_is_usable ? &g_opened_with : nullptr;
}
void CloseFake(void*) {}
int ChangeFake(void*, evutil_socket_t, short, short, int, void*) { return 0; }
int WaitFake(void*, int64_t, evoke_ready_sink*) { return 0; }
int ForkedFake(void*) { return 0; }

evoke_backend Fake(const char* name) {
  return BuiltInTable(name, EV_FEATURE_FDS, 0, 0, OpenFake, CloseFake,
                      ChangeFake, WaitFake, ForkedFake);
}

class RegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name :
         {"EVENT_NOEPOLL", "EVENT_NOPOLL", "EVENT_NOSELECT", "EVENT_NOMINE",
          "EVENT_SHOW_METHOD", "EVENT_EPOLL_USE_CHANGELIST",
          "EVENT_PRECISE_TIMER"}) {
      unsetenv(name);
    }
    g_opened_with = 0;
    g_is_usable = true;
  }
  void TearDown() override {
    SetUp();
    FreeRegistry();
  }

  // The name of what a base would get, or "none".
  std::string Chosen() {
    OpenBackend opened = OpenFirstUsable(choice_);
    if (opened.table == nullptr) return "none";
    EXPECT_NE(opened.state, nullptr);
    opened.table->close(opened.state);
    return opened.table->name;
  }

  void Avoid(std::set<std::string> names) {
    avoided_ = std::move(names);
    choice_.avoided_arg = &avoided_;
    choice_.avoided = [](const char* name, const void* arg) {
      return static_cast<const std::set<std::string>*>(arg)->contains(name);
    };
  }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const char** name = SupportedMethods(); *name != nullptr; ++name) {
      names.push_back(*name);
    }
    return names;
  }

  BackendChoice choice_;
  std::set<std::string> avoided_;
  const evoke_backend mine_ = Fake("mine");
  const evoke_backend other_ = Fake("other");
};

using Strings = std::vector<std::string>;

TEST_F(RegistryTest, EpollComesFirstThenPollThenSelect) {
  EXPECT_EQ(Names(), (Strings{"epoll", "poll", "select"}));
  EXPECT_EQ(Chosen(), "epoll");
  Avoid({"epoll"});
  EXPECT_EQ(Chosen(), "poll");
  Avoid({"epoll", "poll"});
  EXPECT_EQ(Chosen(), "select");
  Avoid({"epoll", "poll", "select"});
  EXPECT_EQ(Chosen(), "none");
}

TEST_F(RegistryTest, FeaturesAreRequired) {
  choice_.required_features = EV_FEATURE_FDS;
  EXPECT_EQ(Chosen(), "poll");
  choice_.required_features = EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE;
  EXPECT_EQ(Chosen(), "epoll");
  choice_.required_features = EV_FEATURE_ET | EV_FEATURE_FDS;
  EXPECT_EQ(Chosen(), "none");
}

TEST_F(RegistryTest, TheEnvironmentSwitchesOff) {
  setenv("EVENT_NOEPOLL", "", 1);
  EXPECT_EQ(Chosen(), "poll");
  setenv("EVENT_NOPOLL", "0", 1);
  EXPECT_EQ(Chosen(), "select");
  setenv("EVENT_NOSELECT", "1", 1);
  EXPECT_EQ(Chosen(), "none");
  EXPECT_EQ(Names(), (Strings{"epoll", "poll", "select"}));
  choice_.ignore_environment = true;
  EXPECT_EQ(Chosen(), "epoll");
}

TEST_F(RegistryTest, OptionsComeFromTheChoiceOrTheEnvironment) {
  ASSERT_EQ(evoke_backend_register(&mine_, EVOKE_BACKEND_BEFORE), 0);
  Chosen();
  EXPECT_EQ(g_opened_with, 0u);
  setenv("EVENT_PRECISE_TIMER", "", 1);
  Chosen();
  EXPECT_EQ(g_opened_with, EVOKE_OPTION_PRECISE_TIMER);
  setenv("EVENT_EPOLL_USE_CHANGELIST", "yes", 1);
  Chosen();
  EXPECT_EQ(g_opened_with,
            EVOKE_OPTION_PRECISE_TIMER | EVOKE_OPTION_CHANGELIST);
  choice_.ignore_environment = true;
  Chosen();
  EXPECT_EQ(g_opened_with, 0u);
  choice_.options = EVOKE_OPTION_CHANGELIST;
  Chosen();
  EXPECT_EQ(g_opened_with, EVOKE_OPTION_CHANGELIST);
}

TEST_F(RegistryTest, TheChangelistHasLibeventsName) {
  choice_.options = EVOKE_OPTION_CHANGELIST;
  EXPECT_EQ(Chosen(), "epoll (with changelist)");
  Avoid({"epoll"});
  EXPECT_EQ(Chosen(), "poll");
}

TEST_F(RegistryTest, TheMethodIsShownEvenIfTheEnvironmentIsIgnored) {
  static std::string* const log = new std::string;
  event_set_log_callback([](int severity, const char* message) {
    EXPECT_EQ(severity, EVENT_LOG_MSG);
    log->assign(message);
  });
  setenv("EVENT_SHOW_METHOD", "1", 1);
  choice_.ignore_environment = true;
  Avoid({"epoll"});
  Chosen();
  EXPECT_EQ(*log, "libevent using: poll");
  event_set_log_callback(nullptr);
}

// --- Backends of the program's own
// ------------------------------------------------

TEST_F(RegistryTest, RegisteredBeforeIsTriedFirstTheLastOneFirst) {
  ASSERT_EQ(evoke_backend_register(&mine_, EVOKE_BACKEND_BEFORE), 0);
  EXPECT_EQ(Chosen(), "mine");
  ASSERT_EQ(evoke_backend_register(&other_, EVOKE_BACKEND_BEFORE), 0);
  EXPECT_EQ(Chosen(), "other");
  EXPECT_EQ(Names(), (Strings{"other", "mine", "epoll", "poll", "select"}));
  Avoid({"other", "mine"});
  EXPECT_EQ(Chosen(), "epoll");
}

TEST_F(RegistryTest, RegisteredAfterIsTriedLast) {
  ASSERT_EQ(evoke_backend_register(&mine_, EVOKE_BACKEND_AFTER), 0);
  ASSERT_EQ(evoke_backend_register(&other_, EVOKE_BACKEND_AFTER), 0);
  EXPECT_EQ(Chosen(), "epoll");
  EXPECT_EQ(Names(), (Strings{"epoll", "poll", "select", "other", "mine"}));
  Avoid({"epoll", "poll", "select"});
  EXPECT_EQ(Chosen(), "other");
}

TEST_F(RegistryTest, WhatCannotBeOpenedIsPassedOver) {
  ASSERT_EQ(evoke_backend_register(&mine_, EVOKE_BACKEND_BEFORE), 0);
  g_is_usable = false;
  EXPECT_EQ(Chosen(), "epoll");
}

TEST_F(RegistryTest, TheEnvironmentSwitchesOwnOnesOffByName) {
  ASSERT_EQ(evoke_backend_register(&mine_, EVOKE_BACKEND_BEFORE), 0);
  setenv("EVENT_NOMINE", "1", 1);
  EXPECT_EQ(Chosen(), "epoll");
}

TEST_F(RegistryTest, UnregisteredIsForgotten) {
  ASSERT_EQ(evoke_backend_register(&mine_, EVOKE_BACKEND_BEFORE), 0);
  ASSERT_EQ(evoke_backend_register(&other_, EVOKE_BACKEND_AFTER), 0);
  EXPECT_EQ(evoke_backend_unregister(&mine_), 0);
  EXPECT_EQ(Chosen(), "epoll");
  EXPECT_EQ(evoke_backend_unregister(&mine_), -1);
  EXPECT_EQ(evoke_backend_unregister(&other_), 0);
  EXPECT_EQ(evoke_backend_unregister(&kEpollBackend), -1);
  EXPECT_EQ(Names(), (Strings{"epoll", "poll", "select"}));
  EXPECT_EQ(evoke_backend_register(&mine_, EVOKE_BACKEND_AFTER), 0);
}

TEST_F(RegistryTest, AKnownNameIsRefused) {
  const evoke_backend poll = Fake("POLL");
  const evoke_backend changelist = Fake("epoll (with changelist)");
  const evoke_backend same = Fake("Mine");
  EXPECT_EQ(evoke_backend_register(&poll, EVOKE_BACKEND_BEFORE), -1);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_EQ(evoke_backend_register(&changelist, EVOKE_BACKEND_BEFORE), -1);
  EXPECT_EQ(errno, EEXIST);
  ASSERT_EQ(evoke_backend_register(&mine_, EVOKE_BACKEND_BEFORE), 0);
  EXPECT_EQ(evoke_backend_register(&mine_, EVOKE_BACKEND_AFTER), -1);
  EXPECT_EQ(evoke_backend_register(&same, EVOKE_BACKEND_BEFORE), -1);
  EXPECT_EQ(errno, EEXIST);
}

TEST_F(RegistryTest, AnIncompleteTableIsRefused) {
  auto refused = [&](auto spoil) {
    evoke_backend table = mine_;
    spoil(&table);
    errno = 0;
    return evoke_backend_register(&table, EVOKE_BACKEND_BEFORE) == -1 &&
           errno == EINVAL;
  };
  EXPECT_EQ(evoke_backend_register(nullptr, EVOKE_BACKEND_BEFORE), -1);
  EXPECT_TRUE(refused([](evoke_backend* t) { t->struct_size = 8; }));
  EXPECT_TRUE(refused([](evoke_backend* t) { t->version = 0; }));
  EXPECT_TRUE(refused([](evoke_backend* t) { ++t->version; }));
  EXPECT_TRUE(refused([](evoke_backend* t) { t->name = nullptr; }));
  EXPECT_TRUE(refused([](evoke_backend* t) { t->name = ""; }));
  EXPECT_TRUE(refused([](evoke_backend* t) { t->open = nullptr; }));
  EXPECT_TRUE(refused([](evoke_backend* t) { t->close = nullptr; }));
  EXPECT_TRUE(refused([](evoke_backend* t) { t->change = nullptr; }));
  EXPECT_TRUE(refused([](evoke_backend* t) { t->wait = nullptr; }));
  EXPECT_TRUE(refused([](evoke_backend* t) { t->forked = nullptr; }));
  EXPECT_EQ(
      evoke_backend_register(&mine_, static_cast<enum evoke_backend_place>(2)),
      -1);
  EXPECT_EQ(Names(), (Strings{"epoll", "poll", "select"}));
}

TEST_F(RegistryTest, SurvivesShortMemory) {
  CountMemory();
  g_allocations_left = 0;
  EXPECT_EQ(evoke_backend_register(&mine_, EVOKE_BACKEND_BEFORE), -1);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(SupportedMethods(), nullptr);
  EXPECT_EQ(Chosen(), "none");
  g_allocations_left = -1;
  EXPECT_EQ(Names(), (Strings{"epoll", "poll", "select"}));
  FreeRegistry();
  EXPECT_EQ(g_allocations_alive, 0);
  event_set_mem_functions(nullptr, nullptr, nullptr);
}

}  // namespace
}  // namespace evoke::testing
