// SPDX-License-Identifier: BSD-3-Clause
#include "bench/load/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace evoke::load {
namespace {

// A file of /proc in one read; they are small. Empty when there is none.
std::string ReadAll(const std::string& path) {
  char bytes[8192];
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  ssize_t got = read(fd, bytes, sizeof(bytes));
  close(fd);
  return got > 0 ? std::string(bytes, got) : "";
}

// The entries of a directory whose names are numbers.
std::vector<pid_t> Numbers(const std::string& directory) {
  std::vector<pid_t> numbers;
  DIR* opened = opendir(directory.c_str());
  if (opened == nullptr) return numbers;
  while (const dirent* entry = readdir(opened)) {
    pid_t number;
    if (absl::SimpleAtoi(entry->d_name, &number)) numbers.push_back(number);
  }
  closedir(opened);
  return numbers;
}

// The number behind "\nNAME" (and blanks) in `text`; -1 when it is not there.
int64_t Field(absl::string_view text, absl::string_view name) {
  size_t at = text.find(absl::StrCat("\n", name));
  if (at == absl::string_view::npos) return -1;
  std::vector<absl::string_view> words =
      absl::StrSplit(text.substr(at + 1 + name.size(), 64),
                     absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
  int64_t value;
  if (words.empty() || !absl::SimpleAtoi(words[0], &value)) return -1;
  return value;
}

}  // namespace

std::vector<pid_t> ProcessesOf(pid_t session) {
  std::vector<pid_t> processes;
  for (pid_t pid : Numbers("/proc")) {
    std::string stat = ReadAll(absl::StrCat("/proc/", pid, "/stat"));
    // pid (name) state parent group session ...; the name may have anything.
    size_t name_end = stat.rfind(") ");
    if (name_end == std::string::npos) continue;
    std::vector<absl::string_view> words = absl::StrSplit(
        absl::string_view(stat).substr(name_end + 2), absl::MaxSplits(' ', 4));
    pid_t of;
    if (words.size() < 5 || words[0] == "Z" || words[0] == "X") continue;
    if (absl::SimpleAtoi(words[3], &of) && of == session) {
      processes.push_back(pid);
    }
  }
  return processes;
}

int64_t MemoryBytes(const std::vector<pid_t>& processes) {
  int64_t sum = -1;
  for (pid_t pid : processes) {
    int64_t kib =
        Field(ReadAll(absl::StrCat("/proc/", pid, "/smaps_rollup")), "Pss:");
    if (kib >= 0) sum = (sum < 0 ? 0 : sum) + kib * 1024;
  }
  return sum;
}

int64_t KernelMemoryBytes() {
  int64_t sum = 0;
  std::string text = ReadAll("/proc/meminfo");
  for (const char* name : {"Slab:", "KernelStack:", "PageTables:"}) {
    int64_t kib = Field(text, name);
    if (kib < 0) return -1;
    sum += kib * 1024;
  }
  return sum;
}

Usage Usage::Of(pid_t session) {
  Usage usage;
  for (pid_t pid : ProcessesOf(session)) {
    clockid_t clock;
    timespec time;
    if (clock_getcpuclockid(pid, &clock) != 0 ||
        clock_gettime(clock, &time) < 0) {
      continue;
    }
    usage.cpu_ns[pid] = time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
    std::string tasks = absl::StrCat("/proc/", pid, "/task/");
    for (pid_t thread : Numbers(tasks)) {
      std::string status = ReadAll(absl::StrCat(tasks, thread, "/status"));
      int64_t voluntary = Field(status, "voluntary_ctxt_switches:");
      int64_t others = Field(status, "nonvoluntary_ctxt_switches:");
      if (voluntary >= 0 && others >= 0) {
        usage.switches[thread] = voluntary + others;
      }
    }
  }
  return usage;
}

Used Between(const Usage& before, const Usage& after) {
  Used used;
  for (const auto& [pid, cpu_ns] : after.cpu_ns) {
    auto old = before.cpu_ns.find(pid);
    used.cpu_ns += cpu_ns - (old == before.cpu_ns.end() ? 0 : old->second);
  }
  for (const auto& [thread, switches] : after.switches) {
    auto old = before.switches.find(thread);
    used.switches +=
        switches - (old == before.switches.end() ? 0 : old->second);
  }
  return used;
}

}  // namespace evoke::load
