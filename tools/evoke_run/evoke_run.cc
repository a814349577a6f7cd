// SPDX-License-Identifier: BSD-3-Clause
//
// evoke-run PROGRAM [ARGUMENT]...: runs one program on evoke's libraries in
// place of the libevent that it was built with, when nothing speaks against it.
//
// The order of things: find the file that the kernel will execute (program.h),
// ask the loader what it would get (loader.h), judge (verdict.h), and execute.
// The manual page is evoke-run.1.
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "tools/evoke_run/loader.h"
#include "tools/evoke_run/program.h"
#include "tools/evoke_run/verdict.h"

// Where evoke's libraries lie, seen from the directory of this program.
#ifndef EVOKE_LIBRARIES_FROM_BIN
#define EVOKE_LIBRARIES_FROM_BIN "../lib/evoke/lib"
#endif

namespace evoke_run {
namespace {

// Exit statuses, as env(1) has them.
constexpr int kRefusedByCheck = 1;
constexpr int kFailed = 125;

constexpr char kUsage[] =
    "usage: evoke-run [--library-path DIR] [--allow-none] PROGRAM "
    "[ARGUMENT]...\n"
    "       evoke-run [--library-path DIR] --check PROGRAM...\n"
    "\n"
    "Runs PROGRAM on evoke's libraries in place of libevent's, unless it "
    "needs\n"
    "something that they do not have.\n"
    "  --check             say whether it would run, and run nothing (exit "
    "status 0, 1)\n"
    "  --allow-none        run a PROGRAM that itself needs no libevent, too\n"
    "  --library-path DIR  take evoke's libraries from DIR\n"
    "  --help              print this\n";

struct Options {
  bool check = false;
  bool allow_none = false;
  bool help = false;
  std::string directory;
  int first_operand = 0;
};

void Say(const std::string& line) {
  fprintf(stderr, "evoke-run: %s\n", line.c_str());
}

// Options end at the first operand: those behind it are PROGRAM's.
bool ParseOptions(int argc, char** argv, Options* options) {
  int i = 1;
  for (; i < argc && argv[i][0] == '-'; ++i) {
    const std::string_view word = argv[i];
    constexpr std::string_view kDirectory = "--library-path=";
    if (word == "--") {
      ++i;
      break;
    } else if (word == "--check") {
      options->check = true;
    } else if (word == "--allow-none") {
      options->allow_none = true;
    } else if (word == "--help") {
      options->help = true;
    } else if (word == "--library-path" && i + 1 < argc) {
      options->directory = argv[++i];
    } else if (word.substr(0, kDirectory.size()) == kDirectory) {
      options->directory = word.substr(kDirectory.size());
    } else {
      Say("unknown option, or one without its value: " + std::string(word));
      return false;
    }
  }
  options->first_operand = i;
  return options->help || i < argc;
}

// The absolute path of evoke's libraries: as asked for, or as installed.
Error FindLibraries(const std::string& asked, std::string* directory) {
  std::string wanted = asked;
  if (wanted.empty()) {
    char self[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof(self));
    if (length <= 0)
      return {kFailed, "/proc/self/exe cannot be read; use --library-path"};
    wanted.assign(self, static_cast<size_t>(length));
    wanted.resize(wanted.rfind('/') + 1);
    wanted += EVOKE_LIBRARIES_FROM_BIN;
  }
  char resolved[PATH_MAX];
  if (realpath(wanted.c_str(), resolved) == nullptr) {
    return {kFailed, wanted + ": " + strerror(errno)};
  }
  *directory = resolved;
  if (access((*directory + "/libevent_core-2.1.so.7").c_str(), R_OK) != 0) {
    return {kFailed, *directory + " has no libevent_core-2.1.so.7"};
  }
  // These mean something to the loader.
  if (directory->find_first_of(":;$") != std::string::npos) {
    return {kFailed,
            *directory +
                ": LD_LIBRARY_PATH cannot name a path with ':', ';' or '$'"};
  }
  return {};
}

// LD_LIBRARY_PATH with `directory` in front of what the caller has.
std::string LibraryPath(const std::string& directory) {
  const char* old = getenv("LD_LIBRARY_PATH");
  return old == nullptr || *old == '\0' ? directory : directory + ":" + old;
}

// Is `file` one that our loader starts, or a library that it can load? Sets
// `*needs_nothing` for a program that is linked statically.
Error CheckKind(const std::string& file, const ElfFile& self,
                bool* needs_nothing) {
  ElfFile elf;
  Error error = ReadElf(file, &elf);
  if (error.exit_status != 0) return error;
  if (elf.elf_class != self.elf_class || elf.byte_order != self.byte_order ||
      elf.machine != self.machine) {
    return {kFailed,
            file + " is for another kind of processor than evoke's libraries"};
  }
  *needs_nothing = elf.interpreter.empty() && !elf.needs_libraries;
  if (elf.interpreter.empty()) return {};
  char ours[PATH_MAX];
  char its[PATH_MAX];
  if (realpath(elf.interpreter.c_str(), its) == nullptr) {
    return {126,
            file + ": its loader " + elf.interpreter + ": " + strerror(errno)};
  }
  if (realpath(self.interpreter.c_str(), ours) == nullptr ||
      strcmp(ours, its) != 0) {
    return {kFailed, file + " has a loader of its own, " + elf.interpreter +
                         ", with another C library than evoke's"};
  }
  return {};
}

// Judges the executable `file`. An error is a file that cannot be judged.
Error JudgeFile(const std::string& file, const std::string& directory,
                Verdict* verdict) {
  ElfFile self;
  Error error = ReadElf("/proc/self/exe", &self);
  if (error.exit_status != 0) return {kFailed, error.message};
  bool needs_nothing = false;
  error = CheckKind(file, self, &needs_nothing);
  if (error.exit_status != 0) return error;
  if (needs_nothing) {
    verdict->kind = Verdict::Kind::kRefused;
    verdict->lines = {
        file + " is linked statically: no library of it can be replaced"};
    return {};
  }
  const std::string privileged = WhyPrivileged(file);
  if (!privileged.empty()) {
    verdict->kind = Verdict::Kind::kRefused;
    verdict->lines = {file + " " + privileged +
                      ": the loader ignores LD_LIBRARY_PATH for it"};
    return {};
  }

  const char* path = getenv("LD_LIBRARY_PATH");
  Trace with;
  Trace without;
  error = TraceProgram(self.interpreter, file, LibraryPath(directory), &with);
  if (error.exit_status != 0) return error;
  error = TraceProgram(self.interpreter, file, path == nullptr ? "" : path,
                       &without);
  if (error.exit_status != 0) return error;
  *verdict = Judge(file, directory, with, without);
  return {};
}

// Finds and judges `name`; sets `*program` to what is to be executed, the
// script itself where it is one. With --check, a file in the current directory
// or a library will do.
Error Examine(const std::string& name, const Options& options,
              std::string* program, Verdict* verdict) {
  const char* path_variable = getenv("PATH");
  const std::string_view path =
      path_variable == nullptr ? "/bin:/usr/bin" : path_variable;
  Executable executable;
  Error error = FindProgram(name, path, program);
  if (error.exit_status == 126 && options.check &&
      name.find('/') != std::string::npos) {
    // Libraries and plug-ins are not executable, and can be looked at.
    *program = name;
    error = {};
  }
  if (error.exit_status == 0)
    error = FollowScripts(*program, path, &executable);
  if (error.exit_status == 0)
    error = JudgeFile(executable.file, options.directory, verdict);
  if (error.exit_status != 0) return error;
  if (!executable.scripts.empty() && verdict->kind != Verdict::Kind::kRuns) {
    verdict->lines.insert(
        verdict->lines.begin(),
        *program + " is a script; what runs it is " + executable.file);
  }
  if (verdict->kind == Verdict::Kind::kNoLibevent) {
    verdict->lines.push_back(executable.file + " needs no libevent");
  }
  return {};
}

// --check PROGRAM...: 0 when all would run, else the worst of their statuses.
int Check(const std::vector<std::string>& names, const Options& options) {
  int status = 0;
  for (const std::string& name : names) {
    std::string program;
    Verdict verdict;
    const Error error = Examine(name, options, &program, &verdict);
    if (error.exit_status != 0) {
      Say(error.message);
      status = error.exit_status > status ? error.exit_status : status;
      continue;
    }
    const bool runs =
        verdict.kind == Verdict::Kind::kRuns ||
        (verdict.kind == Verdict::Kind::kNoLibevent && options.allow_none);
    if (runs) {
      printf("%s runs on evoke:\n", program.c_str());
    } else if (status == 0) {
      status = kRefusedByCheck;
    }
    for (const std::string& line : verdict.lines) printf("%s\n", line.c_str());
  }
  if (fflush(stdout) != 0) return kFailed;
  return status;
}

int Run(char** arguments, const Options& options) {
  std::string program;
  Verdict verdict;
  const Error error = Examine(arguments[0], options, &program, &verdict);
  if (error.exit_status != 0) {
    Say(error.message);
    return error.exit_status;
  }
  if (verdict.kind == Verdict::Kind::kRefused ||
      (verdict.kind == Verdict::Kind::kNoLibevent && !options.allow_none)) {
    for (const std::string& line : verdict.lines) Say(line);
    if (verdict.kind == Verdict::Kind::kNoLibevent) {
      Say("use --allow-none if it starts, or loads later, what does");
    }
    return kFailed;
  }
  if (setenv("LD_LIBRARY_PATH", LibraryPath(options.directory).c_str(), 1) !=
      0) {
    Say(strerror(errno));
    return kFailed;
  }
  execv(program.c_str(), arguments);
  const int reason = errno;
  Say(program + ": " + strerror(reason));
  return reason == ENOENT ? 127 : 126;
}

int Main(int argc, char** argv) {
  Options options;
  if (!ParseOptions(argc, argv, &options)) {
    fputs(kUsage, stderr);
    return kFailed;
  }
  if (options.help)
    return fputs(kUsage, stdout) < 0 || fflush(stdout) != 0 ? kFailed : 0;
  const Error error = FindLibraries(options.directory, &options.directory);
  if (error.exit_status != 0) {
    Say(error.message);
    return error.exit_status;
  }
  if (options.check) {
    return Check({argv + options.first_operand, argv + argc}, options);
  }
  return Run(argv + options.first_operand, options);
}

}  // namespace
}  // namespace evoke_run

int main(int argc, char** argv) { return evoke_run::Main(argc, argv); }
