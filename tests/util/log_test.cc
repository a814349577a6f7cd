// SPDX-License-Identifier: BSD-3-Clause
//
// How the library speaks: severities, cut messages, the fatal callback.
#include "util/log.h"

#include <errno.h>
#include <event2/event.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <string>

namespace evoke {
namespace {

int g_severity;
std::string g_message;

void Keep(int severity, const char* message) {
  g_severity = severity;
  g_message = message;
  errno = EIO;  // as a callback that writes to a broken file may leave it
}

class Log : public testing::Test {
 protected:
  void SetUp() override {
    g_severity = -1;
    g_message.clear();
    event_set_log_callback(Keep);
  }
  void TearDown() override {
    event_set_log_callback(nullptr);
    event_set_fatal_callback(nullptr);
    event_enable_debug_logging(EVENT_DBG_NONE);
  }
};

TEST_F(Log, EachKindHasItsSeverity) {
  LogWarn("%s %d", "one", 1);
  EXPECT_EQ(g_severity, EVENT_LOG_WARN);
  EXPECT_EQ(g_message, "one 1");
  LogMessage("two");
  EXPECT_EQ(g_severity, EVENT_LOG_MSG);
  LogDebugSlow("three");
  EXPECT_EQ(g_severity, EVENT_LOG_DEBUG);
}

TEST_F(Log, ErrnoIsSpelledOutAndLeftAlone) {
  errno = EPERM;
  LogWarnErrno("fd %d", 7);
  EXPECT_EQ(g_message, std::string("fd 7: ") + strerror(EPERM));
  EXPECT_EQ(errno, EPERM);
}

TEST_F(Log, LongMessagesAreCut) {
  const std::string text(5000, 'x');
  LogWarn("%s", text.c_str());
  EXPECT_EQ(g_message, std::string(1023, 'x'));
  errno = EPERM;
  LogWarnErrno("%s", text.c_str());
  EXPECT_EQ(g_message, std::string(1023, 'x'));
}

TEST_F(Log, DebugArgumentsAreEvaluatedOnlyWhenItIsOn) {
  int evaluated = 0;
  EVOKE_LOG_DEBUG("%d", ++evaluated);
  EXPECT_EQ(evaluated, 0);
  event_enable_debug_logging(EVENT_DBG_ALL);
  EVOKE_LOG_DEBUG("%d", ++evaluated);
  EXPECT_EQ(evaluated, 1);
  EXPECT_EQ(g_message, "1");
}

using LogDeathTest = Log;

TEST_F(LogDeathTest, WithoutACallbackItGoesToStderr) {
  EXPECT_EXIT(
      {
        event_set_log_callback(nullptr);
        LogWarn("spoken");
        exit(0);
      },
      testing::ExitedWithCode(0), "\\[warn\\] spoken");
}

TEST_F(LogDeathTest, FatalExitsWithItsCode) {
  event_set_log_callback(nullptr);
  EXPECT_EXIT(LogFatal(3, "no %s", "more"), testing::ExitedWithCode(3),
              "\\[err\\] no more");
}

TEST_F(LogDeathTest, TheFatalCallbackGetsTheCode) {
  event_set_fatal_callback([](int code) { _Exit(code + 40); });
  EXPECT_EXIT(LogFatal(2, "over"), testing::ExitedWithCode(42), "");
}

TEST_F(LogDeathTest, AFatalCallbackThatReturnsIsTheEndAllTheSame) {
  event_set_fatal_callback([](int) {});
  EXPECT_EXIT(LogFatal(2, "over"), testing::KilledBySignal(SIGABRT), "");
}

}  // namespace
}  // namespace evoke
