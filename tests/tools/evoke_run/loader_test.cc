// SPDX-License-Identifier: BSD-3-Clause
#include "tools/evoke_run/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace evoke_run {
namespace {

TEST(ParseTrace, ReadsLibrariesAndMissingSymbols) {
  const Trace trace = ParseTrace(
      "\tlinux-vdso.so.1 (0x00007f05b2e89000)\n"
      "\tlibevent-2.1.so.7 => /usr/lib/evoke/lib/libevent-2.1.so.7 "
      "(0x00007f05b2e54000)\n"
      "\tlibgone.so.1 => not found\n"
      "\t/lib64/ld-linux-x86-64.so.2 (0x00007f05b2e8b000)\n"
      "undefined symbol: evhttp_new\t(./a program)\n"
      "undefined symbol: other, version V_1\t(/lib/b.so)\n"
      "symbol third, version V_2 not defined in file b.so with link time "
      "reference\t(./c)\n"
      "./a: /lib/b.so: version `V_3' not found (required by ./a)\n");
  ASSERT_EQ(trace.libraries.size(), 4u);
  EXPECT_EQ(trace.libraries[0].name, "linux-vdso.so.1");
  EXPECT_EQ(trace.libraries[1].name, "libevent-2.1.so.7");
  EXPECT_EQ(trace.libraries[1].path, "/usr/lib/evoke/lib/libevent-2.1.so.7");
  EXPECT_EQ(trace.libraries[2].name, "libgone.so.1");
  EXPECT_EQ(trace.libraries[2].path, "");
  EXPECT_EQ(trace.libraries[3].name, "ld-linux-x86-64.so.2");
  ASSERT_EQ(trace.missing.size(), 3u);
  EXPECT_EQ(trace.missing[0], (Missing{"evhttp_new", "./a program"}));
  EXPECT_EQ(trace.missing[1], (Missing{"other", "/lib/b.so"}));
  EXPECT_EQ(trace.missing[2], (Missing{"third", "./c"}));
  ASSERT_EQ(trace.others.size(), 1u);
}

TEST(ParseTrace, SurvivesEveryCut) {
  const std::string text =
      "\tlibevent.so => /a (b)/c (0x01)\n\tx => not found\nundefined symbol: "
      "a\t(b)\nsymbol \t(\n";
  for (size_t size = 0; size <= text.size(); ++size) {
    const Trace trace = ParseTrace(std::string_view(text).substr(0, size));
    EXPECT_LE(
        trace.libraries.size() + trace.missing.size() + trace.others.size(),
        4u);
  }
  EXPECT_EQ(ParseTrace(text).libraries[0].path, "/a (b)/c");
}

// The loader that runs this test.
std::string OwnLoader() {
  ElfFile self;
  EXPECT_EQ(ReadElf("/proc/self/exe", &self).exit_status, 0);
  return self.interpreter;
}

TEST(TraceProgram, ListsLibrariesWithoutRunningTheProgram) {
  Trace trace;
  ASSERT_EQ(TraceProgram(OwnLoader(), "/bin/false", "", &trace).exit_status, 0);
  EXPECT_TRUE(std::any_of(trace.libraries.begin(), trace.libraries.end(),
                          [](const Library& l) {
                            return l.name == "libc.so.6" && !l.path.empty();
                          }));
  EXPECT_TRUE(trace.missing.empty());
}

TEST(TraceProgram, ReportsWhatItCannotRun) {
  Trace trace;
  EXPECT_EQ(
      TraceProgram("/nowhere/ld.so", "/bin/false", "", &trace).exit_status,
      125);
  const Error error = TraceProgram(OwnLoader(), "/etc/passwd", "", &trace);
  EXPECT_EQ(error.exit_status, 125);
  EXPECT_NE(error.message.find("/etc/passwd"), std::string::npos);
}

}  // namespace
}  // namespace evoke_run
