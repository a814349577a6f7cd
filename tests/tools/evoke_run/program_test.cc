// SPDX-License-Identifier: BSD-3-Clause
#include "tools/evoke_run/program.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <link.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>

namespace evoke_run {
namespace {

// A directory of the test's own.
class Files : public testing::Test {
 protected:
  Files() {
    std::string name = testing::TempDir() + "/evoke_run.XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~Files() override {
    for (const std::string& file : written_) unlink(file.c_str());
    rmdir(directory_.c_str());
  }

  std::string Path(const std::string& name) const {
    return directory_ + "/" + name;
  }

  std::string Write(const std::string& name, std::string_view content,
                    mode_t mode = 0755) {
    const std::string path = Path(name);
    std::ofstream(path, std::ios::binary).write(content.data(), content.size());
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    written_.push_back(path);
    return path;
  }

  std::string directory_;
  std::vector<std::string> written_;
};

// The head of a program with a loader and one needed library.
struct SmallElf {
  ElfW(Ehdr) header = {};
  ElfW(Phdr) segments[2] = {};
  ElfW(Dyn) dynamic[2] = {};
  char interpreter[16] = "/lib/ld-test.so";

  SmallElf() {
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_machine = EM_X86_64;
    header.e_phoff = offsetof(SmallElf, segments);
    header.e_phnum = 2;
    header.e_phentsize = sizeof(segments[0]);
    segments[0].p_type = PT_INTERP;
    segments[0].p_offset = offsetof(SmallElf, interpreter);
    segments[0].p_filesz = sizeof(interpreter);
    segments[1].p_type = PT_DYNAMIC;
    segments[1].p_offset = offsetof(SmallElf, dynamic);
    segments[1].p_filesz = sizeof(dynamic);
    dynamic[0].d_tag = DT_NEEDED;
    dynamic[1].d_tag = DT_NULL;
  }
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(this), sizeof(*this)};
  }
};

using FindProgramTest = Files;

TEST_F(FindProgramTest, TakesANameWithASlashAsItIs) {
  const std::string path = Write("program", "");
  std::string found;
  EXPECT_EQ(FindProgram(path, "/nowhere", &found).exit_status, 0);
  EXPECT_EQ(found, path);
}

TEST_F(FindProgramTest, SearchesPathInOrder) {
  Write("program", "");
  std::string found;
  EXPECT_EQ(FindProgram("program", "/nowhere:" + directory_ + ":/bin", &found)
                .exit_status,
            0);
  EXPECT_EQ(found, Path("program"));
}

TEST_F(FindProgramTest, PassesOverWhatCannotBeExecuted) {
  Write("sh", "", 0644);
  std::string found;
  EXPECT_EQ(FindProgram("sh", directory_ + ":/bin", &found).exit_status, 0);
  EXPECT_EQ(found, "/bin/sh");
}

TEST_F(FindProgramTest, Says126ForAFileThatIsNotExecutable) {
  Write("plain", "", 0644);
  std::string found;
  EXPECT_EQ(FindProgram("plain", directory_, &found).exit_status, 126);
  EXPECT_EQ(FindProgram(Path("plain"), "", &found).exit_status, 126);
  EXPECT_EQ(FindProgram(directory_, "", &found).exit_status, 126);
}

TEST_F(FindProgramTest, Says127ForNoFile) {
  std::string found;
  EXPECT_EQ(FindProgram("none", directory_, &found).exit_status, 127);
  EXPECT_EQ(FindProgram(Path("none"), directory_, &found).exit_status, 127);
  EXPECT_EQ(FindProgram("", directory_, &found).exit_status, 127);
}

using FollowScriptsTest = Files;

TEST_F(FollowScriptsTest, LeavesAProgramAlone) {
  Executable executable;
  EXPECT_EQ(FollowScripts("/bin/sh", "", &executable).exit_status, 0);
  EXPECT_EQ(executable.file, "/bin/sh");
  EXPECT_TRUE(executable.scripts.empty());
}

TEST_F(FollowScriptsTest, FindsTheInterpreter) {
  for (const char* line :
       {"#!/bin/sh\n", "#! /bin/sh -e\n", "#!\t/bin/sh\t\n", "#!/bin/sh"}) {
    const std::string script = Write("script", line);
    Executable executable;
    EXPECT_EQ(FollowScripts(script, "", &executable).exit_status, 0) << line;
    EXPECT_EQ(executable.file, "/bin/sh") << line;
    EXPECT_EQ(executable.scripts, std::vector<std::string>{script});
  }
}

TEST_F(FollowScriptsTest, FollowsEnvAndScriptsOfScripts) {
  const std::string inner = Write("inner", "#!/usr/bin/env -S A=b sh -e\n");
  const std::string outer = Write("outer", "#!" + inner + "\n");
  Executable executable;
  EXPECT_EQ(FollowScripts(outer, "/bin", &executable).exit_status, 0);
  EXPECT_EQ(executable.file, "/bin/sh");
  EXPECT_EQ(executable.scripts, (std::vector<std::string>{outer, inner}));
}

TEST_F(FollowScriptsTest, EndsWithAnErrorWhereTheKernelWould) {
  Executable executable;
  EXPECT_EQ(
      FollowScripts(Write("loop", "#!" + Path("loop") + "\n"), "", &executable)
          .exit_status,
      126);
  EXPECT_EQ(FollowScripts(Write("gone", "#!/nowhere/sh\n"), "", &executable)
                .exit_status,
            126);
  EXPECT_EQ(FollowScripts(Write("empty", "#!\n"), "", &executable).exit_status,
            126);
  EXPECT_EQ(
      FollowScripts(Write("blank", "#!  \t"), "", &executable).exit_status,
      126);
  EXPECT_EQ(
      FollowScripts(Write("env", "#!/usr/bin/env none\n"), "/bin", &executable)
          .exit_status,
      126);
}

TEST(ProgramOfEnv, IsTheFirstWordThatIsNeitherOptionNorVariable) {
  EXPECT_EQ(ProgramOfEnv(" python3"), "python3");
  EXPECT_EQ(ProgramOfEnv("-S A=1 B=2 python3 -u"), "python3");
  EXPECT_EQ(ProgramOfEnv("-Spython3 -u"), "python3");
  EXPECT_EQ(ProgramOfEnv("-i"), "");
  EXPECT_EQ(ProgramOfEnv(""), "");
}

using ReadElfTest = Files;

TEST_F(ReadElfTest, ReadsTheLoaderAndThatLibrariesAreNeeded) {
  ElfFile elf;
  EXPECT_EQ(ReadElf(Write("elf", SmallElf().bytes()), &elf).exit_status, 0);
  EXPECT_EQ(elf.interpreter, "/lib/ld-test.so");
  EXPECT_TRUE(elf.needs_libraries);
  EXPECT_EQ(elf.machine, EM_X86_64);
}

TEST_F(ReadElfTest, SeesThatNothingIsNeeded) {
  SmallElf file;
  file.segments[0].p_type = PT_NULL;
  file.dynamic[0].d_tag = DT_NULL;
  ElfFile elf;
  EXPECT_EQ(ReadElf(Write("elf", file.bytes()), &elf).exit_status, 0);
  EXPECT_EQ(elf.interpreter, "");
  EXPECT_FALSE(elf.needs_libraries);
}

TEST_F(ReadElfTest, ReadsNoFurtherInAFileOfAnotherKind) {
  SmallElf file;
  file.header.e_ident[EI_CLASS] ^= ELFCLASS32 ^ ELFCLASS64;
  file.header.e_phoff = ~ElfW(Off){0};
  ElfFile elf;
  EXPECT_EQ(ReadElf(Write("elf", file.bytes()), &elf).exit_status, 0);
  EXPECT_EQ(elf.elf_class, file.header.e_ident[EI_CLASS]);
}

TEST_F(ReadElfTest, RefusesWhatIsNoElfFile) {
  ElfFile elf;
  EXPECT_EQ(ReadElf(Write("empty", ""), &elf).exit_status, 126);
  EXPECT_EQ(ReadElf(Write("text", std::string(100, 'x')), &elf).exit_status,
            126);
  EXPECT_EQ(ReadElf(Path("none"), &elf).exit_status, 126);
  EXPECT_EQ(ReadElf(directory_, &elf).exit_status, 126);
}

TEST_F(ReadElfTest, RefusesDamagedHeaders) {
  const auto damaged = [&](void (*damage)(SmallElf*)) {
    SmallElf file;
    damage(&file);
    ElfFile elf;
    return ReadElf(Write("elf", file.bytes()), &elf).exit_status == 126;
  };
  EXPECT_TRUE(damaged([](SmallElf* f) { f->header.e_phoff = 1 << 20; }));
  EXPECT_TRUE(damaged([](SmallElf* f) { f->header.e_phoff = ~ElfW(Off){0}; }));
  EXPECT_TRUE(damaged([](SmallElf* f) { f->header.e_phnum = 0xffff; }));
  EXPECT_TRUE(damaged([](SmallElf* f) { f->header.e_phentsize = 1; }));
  EXPECT_TRUE(
      damaged([](SmallElf* f) { f->segments[0].p_filesz = ~ElfW(Xword){0}; }));
  EXPECT_TRUE(damaged([](SmallElf* f) { f->segments[0].p_filesz = 0; }));
  EXPECT_TRUE(
      damaged([](SmallElf* f) { f->segments[0].p_offset = sizeof(*f) - 4; }));
  EXPECT_TRUE(damaged([](SmallElf* f) { f->interpreter[15] = 'x'; }));
  EXPECT_TRUE(
      damaged([](SmallElf* f) { f->segments[1].p_offset = ~ElfW(Off){0}; }));
  EXPECT_TRUE(
      damaged([](SmallElf* f) { f->segments[1].p_filesz = ~ElfW(Xword){0}; }));
}

TEST_F(ReadElfTest, SurvivesEveryCutAndEveryChangedByte) {
  const SmallElf file;
  const std::string_view whole = file.bytes();
  ElfFile elf;
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(ReadElf(Write("cut", whole.substr(0, size)), &elf).exit_status,
              126)
        << size;
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const char byte : {'\0', '\x7f', '\xff'}) {
      std::string changed(whole);
      changed[i] = byte;
      const int status = ReadElf(Write("changed", changed), &elf).exit_status;
      EXPECT_TRUE(status == 0 || status == 126) << i;
    }
  }
}

using WhyPrivilegedTest = Files;

TEST_F(WhyPrivilegedTest, OneSOwnSetuidFileIsNot) {
  EXPECT_EQ(WhyPrivileged(Write("own", "", 0755)), "");
  EXPECT_EQ(WhyPrivileged(Write("own_setuid", "", 04755)), "");
  EXPECT_EQ(WhyPrivileged(Path("none")), "");
}

TEST_F(WhyPrivilegedTest, SomebodyElsesIs) {
  if (getuid() != 0) GTEST_SKIP() << "only root can give files away";
  const std::string path = Write("file", "");
  if (chown(path.c_str(), 1, 1) != 0)
    GTEST_SKIP() << "no other user in this namespace";
  chmod(path.c_str(), 04755);
  EXPECT_EQ(WhyPrivileged(path), "is setuid");
  chmod(path.c_str(), 02755);
  EXPECT_EQ(WhyPrivileged(path), "is setgid");
  // Without x for the group, the bit is none of execution's.
  chmod(path.c_str(), 02745);
  EXPECT_EQ(WhyPrivileged(path), "");
}

}  // namespace
}  // namespace evoke_run
