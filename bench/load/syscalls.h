// SPDX-License-Identifier: BSD-3-Clause
//
// Counts the system calls of running processes, by Debian's `strace -c -f`.
// What is traced runs many times slower, so nothing else is to be measured
// then.
#ifndef EVOKE_BENCH_LOAD_SYSCALLS_H_
#define EVOKE_BENCH_LOAD_SYSCALLS_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace evoke::load {

// The calls of an `strace -c` table, by name.
std::map<std::string, uint64_t> ParseCounts(absl::string_view table);

class SyscallCounter {
 public:
  SyscallCounter() = default;
  SyscallCounter(const SyscallCounter&) = delete;
  SyscallCounter& operator=(const SyscallCounter&) = delete;
  ~SyscallCounter();

  // Attaches to `processes`, their threads and all that they will start. False
  // when that does not succeed within `limit_ns`; why() then tells the reason.
  bool Start(const std::vector<pid_t>& processes, int64_t limit_ns);

  // Detaches. The calls that were completed meanwhile, by name.
  std::map<std::string, uint64_t> Stop();

  const std::string& why() const { return why_; }

 private:
  pid_t strace_ = -1;
  int errors_ = -1;  // what strace says
  int table_ = -1;   // the file of its table
  std::string why_;
};

}  // namespace evoke::load

#endif  // EVOKE_BENCH_LOAD_SYSCALLS_H_
