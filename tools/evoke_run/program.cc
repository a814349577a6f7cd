// SPDX-License-Identifier: BSD-3-Clause
#include "tools/evoke_run/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstddef>

namespace evoke_run {
namespace {

// The kernel reads this much of a script's first line, and follows scripts of
// scripts this deep.
constexpr size_t kScriptHeadBytes = 256;
constexpr size_t kMaxScripts = 5;
// More program headers than any linker writes; a file that claims more is not
// worth the memory.
constexpr size_t kMaxProgramHeaders = 1024;
constexpr size_t kMaxDynamicEntries = 65536;

constexpr uint8_t kOwnClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
constexpr uint8_t kOwnByteOrder =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

// An open file, closed with its scope.
class File {
 public:
  explicit File(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return fd_ >= 0; }

  // Reads up to `size` bytes at `offset`; the number read, 0 on any failure.
  size_t ReadAt(uint64_t offset, void* to, size_t size) const {
    size_t done = 0;
    while (done < size) {
      const ssize_t got = pread(fd_, static_cast<char*>(to) + done, size - done,
                                static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

 private:
  int fd_;
};

// The exit status for a file that cannot be executed because of `error`.
Error ExecutionError(const std::string& file, int error) {
  const bool missing = error == ENOENT || error == ENOTDIR;
  return {missing ? 127 : 126, file + ": " + strerror(error)};
}

// 0 when `file` is a regular file that the caller may execute, else an errno.
int CheckExecutable(const std::string& file) {
  struct stat status;
  if (stat(file.c_str(), &status) != 0) return errno;
  if (!S_ISREG(status.st_mode)) return EACCES;
  return access(file.c_str(), X_OK) == 0 ? 0 : errno;
}

std::string_view SkipBlanks(std::string_view text) {
  const size_t start = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(start);
}

// Cuts the first word off `*text`.
std::string_view TakeWord(std::string_view* text) {
  const std::string_view rest = SkipBlanks(*text);
  const size_t end = std::min(rest.find_first_of(" \t"), rest.size());
  *text = rest.substr(end);
  return rest.substr(0, end);
}

bool EndsWithEnv(std::string_view interpreter) {
  const size_t slash = interpreter.rfind('/');
  return interpreter.substr(slash == std::string_view::npos ? 0 : slash + 1) ==
         "env";
}

// Reads the dynamic section, as far as it is in the file.
bool ReadDynamic(const File& file, const ElfW(Phdr) & segment, ElfFile* elf) {
  const size_t count = segment.p_filesz / sizeof(ElfW(Dyn));
  if (count > kMaxDynamicEntries) return false;
  std::vector<ElfW(Dyn)> entries(count);
  const size_t size = count * sizeof(ElfW(Dyn));
  if (file.ReadAt(segment.p_offset, entries.data(), size) != size) return false;
  for (const ElfW(Dyn) & entry : entries) {
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_NEEDED) elf->needs_libraries = true;
  }
  return true;
}

}  // namespace

Error FindProgram(const std::string& name, std::string_view path,
                  std::string* found) {
  if (name.empty()) return {127, "the name of the program is empty"};
  if (name.find('/') != std::string::npos) {
    const int error = CheckExecutable(name);
    if (error != 0) return ExecutionError(name, error);
    *found = name;
    return {};
  }
  // As execvp(3): a file that may not be executed does not end the search, but
  // is what is reported when nothing better comes.
  int reported = ENOENT;
  while (true) {
    const size_t colon = path.find(':');
    const std::string_view directory = path.substr(0, colon);
    const std::string candidate =
        directory.empty() ? "./" + name : std::string(directory) + "/" + name;
    const int error = CheckExecutable(candidate);
    if (error == 0) {
      *found = candidate;
      return {};
    }
    if (error == EACCES) reported = EACCES;
    if (colon == std::string_view::npos) break;
    path.remove_prefix(colon + 1);
  }
  return ExecutionError(name, reported);
}

std::string ProgramOfEnv(std::string_view arguments) {
  while (true) {
    std::string_view word = TakeWord(&arguments);
    if (word.empty()) return "";
    // -S splits the rest, which the kernel hands over in one piece, into words:
    // "-S python3 -u", "-Spython3".
    if (word.substr(0, 2) == "-S" && word.size() > 2) word.remove_prefix(2);
    if (word.front() == '-' || word.find('=') != std::string_view::npos)
      continue;
    return std::string(word);
  }
}

Error FollowScripts(const std::string& file, std::string_view path,
                    Executable* executable) {
  executable->file = file;
  executable->scripts.clear();
  while (true) {
    const std::string current = executable->file;
    const File opened(current);
    if (!opened.is_open())
      return {126, current + ": cannot be read: " + strerror(errno)};
    char head[kScriptHeadBytes];
    const std::string_view line(head, opened.ReadAt(0, head, sizeof(head)));
    if (line.substr(0, 2) != "#!") return {};
    if (executable->scripts.size() == kMaxScripts)
      return {126, file + ": " + strerror(ELOOP)};

    std::string_view words =
        line.substr(2, line.find_first_of(std::string_view("\n\0", 2)) - 2);
    const std::string interpreter(TakeWord(&words));
    if (interpreter.empty())
      return {126, current + ": its #! line names no interpreter"};
    executable->scripts.push_back(current);
    int error = CheckExecutable(interpreter);
    if (error != 0)
      return {126, current + ": " + ExecutionError(interpreter, error).message};
    executable->file = interpreter;

    if (!EndsWithEnv(interpreter)) continue;
    const std::string program = ProgramOfEnv(words);
    if (program.empty()) continue;
    const Error not_found = FindProgram(program, path, &executable->file);
    if (not_found.exit_status != 0)
      return {126, current + ": " + not_found.message};
  }
}

Error ReadElf(const std::string& file, ElfFile* elf) {
  const File opened(file);
  if (!opened.is_open())
    return {126, file + ": cannot be read: " + strerror(errno)};

  ElfW(Ehdr) header;
  static_assert(offsetof(ElfW(Ehdr), e_machine) + 2 == 20);
  const size_t got = opened.ReadAt(0, &header, sizeof(header));
  if (got < 20 || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return {126, file + ": neither an ELF program nor a script with a #! line"};
  }
  *elf = ElfFile();
  elf->elf_class = header.e_ident[EI_CLASS];
  elf->byte_order = header.e_ident[EI_DATA];
  elf->machine = header.e_machine;
  if (elf->elf_class != kOwnClass || elf->byte_order != kOwnByteOrder)
    return {};

  const Error damaged = {126, file + ": a damaged ELF file"};
  if (got < sizeof(header) || header.e_phnum > kMaxProgramHeaders ||
      (header.e_phnum != 0 && header.e_phentsize != sizeof(ElfW(Phdr)))) {
    return damaged;
  }
  std::vector<ElfW(Phdr)> segments(header.e_phnum);
  const size_t size = segments.size() * sizeof(segments[0]);
  if (opened.ReadAt(header.e_phoff, segments.data(), size) != size)
    return damaged;
  for (const ElfW(Phdr) & segment : segments) {
    if (segment.p_type == PT_DYNAMIC) {
      if (!ReadDynamic(opened, segment, elf)) return damaged;
    }
    if (segment.p_type != PT_INTERP) continue;
    char name[4096];
    if (segment.p_filesz < 2 || segment.p_filesz > sizeof(name)) return damaged;
    if (opened.ReadAt(segment.p_offset, name, segment.p_filesz) !=
            segment.p_filesz ||
        name[segment.p_filesz - 1] != '\0') {
      return damaged;
    }
    elf->interpreter = name;
  }
  return {};
}

std::string WhyPrivileged(const std::string& file) {
  struct stat status;
  if (stat(file.c_str(), &status) != 0) return "";
  if ((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid())
    return "is setuid";
  // Without the group's x bit, the bit means something else to the kernel.
  constexpr mode_t kSetGroup = S_ISGID | S_IXGRP;
  if ((status.st_mode & kSetGroup) == kSetGroup && status.st_gid != getgid())
    return "is setgid";
  // Root gains nothing by them.
  if (getuid() != 0 &&
      getxattr(file.c_str(), "security.capability", nullptr, 0) > 0) {
    return "has file capabilities";
  }
  return "";
}

}  // namespace evoke_run
