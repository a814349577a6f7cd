// SPDX-License-Identifier: BSD-3-Clause
//
// From the word that the user typed to the ELF file that the kernel will
// execute: PATH, then the #! lines of scripts, then the ELF header. Nothing
// here runs a program, and nothing believes what a file says without a look at
// its size.
//
// Neighbours: loader.h asks the dynamic loader about the file found here.
#ifndef EVOKE_TOOLS_EVOKE_RUN_PROGRAM_H_
#define EVOKE_TOOLS_EVOKE_RUN_PROGRAM_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace evoke_run {

// Why a program cannot be looked at or run: `exit_status` is env(1)'s, 127 when
// there is no such program, 126 when there is one that cannot be executed, 125
// when evoke-run itself failed or refuses. 0 is no error.
struct Error {
  int exit_status = 0;
  std::string message;
};

// Finds `name` as execvp(3) would: as it is when it has a slash, else in the
// directories of `path` (the value of PATH; an empty entry is the current
// directory). Sets `*found` to the path of an executable regular file.
Error FindProgram(const std::string& name, std::string_view path,
                  std::string* found);

// What the kernel executes when `file` is given to execve(2): `file` itself,
// or for a script its interpreter. `/usr/bin/env NAME` as an interpreter is
// followed to NAME.
struct Executable {
  std::string file;
  // The scripts on the way, in order; empty when `file` is no script's.
  std::vector<std::string> scripts;
};
Error FollowScripts(const std::string& file, std::string_view path,
                    Executable* executable);

// The words that `env` would look up in its first line: the first argument
// that is neither an option nor NAME=VALUE; empty when there is none.
std::string ProgramOfEnv(std::string_view arguments);

// The part of an ELF file that decides who starts it.
struct ElfFile {
  uint8_t elf_class = 0;         // ELFCLASS64, ELFCLASS32
  uint8_t byte_order = 0;        // ELFDATA2LSB, ELFDATA2MSB
  uint16_t machine = 0;          // EM_X86_64, ...
  bool needs_libraries = false;  // has a DT_NEEDED
  // The loader; empty in a static program, or a library.
  std::string interpreter;
};
// Reads the header and the program headers of `file`. Only files of evoke-run's
// own class and byte order are read further than their first 20 bytes.
Error ReadElf(const std::string& file, ElfFile* elf);

// Why the loader would ignore LD_LIBRARY_PATH when the calling user executes
// `file` ("is setuid", ...); empty when it heeds it.
std::string WhyPrivileged(const std::string& file);

}  // namespace evoke_run

#endif  // EVOKE_TOOLS_EVOKE_RUN_PROGRAM_H_
