// SPDX-License-Identifier: BSD-3-Clause
#include "tools/evoke_run/verdict.h"

#include <gtest/gtest.h>

namespace evoke_run {
namespace {

using Kind = Verdict::Kind;

// No such directories: names are compared as they are.
constexpr char kOurs[] = "/evoke/lib";
const Library kOurCore = {"libevent_core-2.1.so.7",
                          "/evoke/lib/libevent_core-2.1.so.7"};
const Library kTheirCore = {"libevent_core-2.1.so.7",
                            "/theirs/libevent_core-2.1.so.7"};
const Library kTheirExtra = {"libevent_extra-2.1.so.7",
                             "/theirs/libevent_extra-2.1.so.7"};
const Library kLibc = {"libc.so.6", "/theirs/libc.so.6"};

TEST(IsLibevent, KnowsItsLibrariesInEveryVersion) {
  for (const char* name :
       {"libevent-2.1.so.7", "libevent_core-2.1.so.7",
        "libevent_extra-2.0.so.5", "libevent_openssl-2.1.so.7",
        "libevent_pthreads-2.2.so.1", "libevent-1.4.so.2", "libevent_core.so",
        "libevent.so"}) {
    EXPECT_TRUE(IsLibevent(name)) << name;
  }
  for (const char* name :
       {"libeventlog.so.0", "libevents-2.so", "libev.so.4", "libevent", "",
        "libevent-", "libevent_glib-2.1.so.0", "libevent-more.so.1"}) {
    EXPECT_FALSE(IsLibevent(name)) << name;
  }
}

TEST(Judge, RunsWhatFindsAllInOurs) {
  const Verdict verdict = Judge("p", kOurs, {{kOurCore, kLibc}, {}, {}},
                                {{kTheirCore, kLibc}, {}, {}});
  EXPECT_EQ(verdict.kind, Kind::kRuns);
  ASSERT_EQ(verdict.lines.size(), 1u);
  EXPECT_NE(verdict.lines[0].find(kOurCore.path), std::string::npos);
}

TEST(Judge, SaysThatNoLibeventIsNeeded) {
  EXPECT_EQ(Judge("p", kOurs, {{kLibc}, {}, {}}, {{kLibc}, {}, {}}).kind,
            Kind::kNoLibevent);
}

TEST(Judge, NamesASymbolThatWeLack) {
  const Verdict verdict =
      Judge("p", kOurs, {{kOurCore}, {{"any_name", "p"}}, {}},
            {{kTheirCore}, {}, {}});
  EXPECT_EQ(verdict.kind, Kind::kRefused);
  ASSERT_EQ(verdict.lines.size(), 2u);
  EXPECT_NE(verdict.lines[1].find("any_name"), std::string::npos);
}

TEST(Judge, RefusesWhatTheLoaderWarnsOfOnlyWithOurs) {
  const std::string warning = "./p: no version information available";
  EXPECT_EQ(Judge("p", kOurs, {{kOurCore}, {}, {warning}},
                  {{kTheirCore}, {}, {warning}})
                .kind,
            Kind::kRuns);
  const Verdict verdict =
      Judge("p", kOurs, {{kOurCore}, {}, {warning}}, {{kTheirCore}, {}, {}});
  EXPECT_EQ(verdict.kind, Kind::kRefused);
  EXPECT_NE(verdict.lines.back().find(warning), std::string::npos);
}

TEST(Judge, ForgivesWhatIsMissingAnyway) {
  const std::vector<Missing> plugin = {{"of_the_program", "plugin.so"},
                                       {"event_like", "plugin.so"}};
  EXPECT_EQ(
      Judge("p", kOurs, {{kOurCore}, plugin, {}}, {{kTheirCore}, plugin, {}})
          .kind,
      Kind::kRuns);
}

TEST(Judge, GoesByNamesWhereThereIsNoOtherLibevent) {
  const Library nowhere = {"libevent_core-2.1.so.7", ""};
  const Trace without = {
      {nowhere}, {{"event_new", "p"}, {"evhttp_new", "p"}, {"other", "p"}}, {}};
  EXPECT_EQ(Judge("p", kOurs, {{kOurCore}, {{"other", "p"}}, {}}, without).kind,
            Kind::kRuns);
  EXPECT_EQ(
      Judge("p", kOurs, {{kOurCore}, {{"evhttp_new", "p"}}, {}}, without).kind,
      Kind::kRefused);
}

TEST(Judge, RefusesAMixture) {
  const Verdict verdict = Judge("p", kOurs, {{kOurCore, kTheirExtra}, {}, {}},
                                {{kTheirCore, kTheirExtra}, {}, {}});
  EXPECT_EQ(verdict.kind, Kind::kRefused);
  EXPECT_NE(verdict.lines[1].find("mixed"), std::string::npos);
}

TEST(Judge, RefusesWhatWouldNotTakeOurs) {
  EXPECT_EQ(
      Judge("p", kOurs, {{kTheirCore}, {}, {}}, {{kTheirCore}, {}, {}}).kind,
      Kind::kRefused);
  const Library gone = {"libevent_core-2.1.so.7", ""};
  EXPECT_EQ(Judge("p", kOurs, {{gone}, {}, {}}, {{gone}, {}, {}}).kind,
            Kind::kRefused);
}

}  // namespace
}  // namespace evoke_run
