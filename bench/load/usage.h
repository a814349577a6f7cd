// SPDX-License-Identifier: BSD-3-Clause
//
// What a server uses, all of its processes and threads together: they are those
// of its session, for server.h gives each server a session of its own. Read
// from /proc, so that the server knows nothing of it.
#ifndef EVOKE_BENCH_LOAD_USAGE_H_
#define EVOKE_BENCH_LOAD_USAGE_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <vector>

namespace evoke::load {

// The processes of a session, zombies left out.
std::vector<pid_t> ProcessesOf(pid_t session);

// The memory of these processes in bytes, where a page that several share
// counts in parts (PSS). What the kernel keeps for them (stacks of threads,
// page tables, sockets) is not in it. Negative when none could be read.
int64_t MemoryBytes(const std::vector<pid_t>& processes);

// What the kernel keeps for all processes of the machine, sockets, stacks of
// threads and page tables among it. It grows by what a server needs, and by
// what everybody else does; a difference says something where much was opened.
int64_t KernelMemoryBytes();

// What a server has used up to a moment.
struct Usage {
  std::map<pid_t, int64_t> cpu_ns;     // by process, user and kernel
  std::map<pid_t, uint64_t> switches;  // by thread, voluntary and not

  static Usage Of(pid_t session);
  int processes() const { return static_cast<int>(cpu_ns.size()); }
  int threads() const { return static_cast<int>(switches.size()); }
};

// What was used in between. Processes that are new count from their beginning;
// of those that have ended meanwhile nothing is known.
struct Used {
  int64_t cpu_ns = 0;
  uint64_t switches = 0;
};
Used Between(const Usage& before, const Usage& after);

}  // namespace evoke::load

#endif  // EVOKE_BENCH_LOAD_USAGE_H_
