// SPDX-License-Identifier: BSD-3-Clause
//
// One server at one number of connections: starts it, opens the connections,
// puts it under load in three ways, and looks at what it used. Each measurement
// has a server of its own, so that none inherits what another left.
//
//   few   closed loop on some connections, beside which the others are idle
//   all   closed loop on all
//   open  open loop on all, at a fixed rate
#ifndef EVOKE_BENCH_LOAD_MEASURE_H_
#define EVOKE_BENCH_LOAD_MEASURE_H_

#include <sched.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "bench/load/client.h"
#include "bench/load/json.h"
#include "bench/load/usage.h"

namespace evoke::load {

struct Plan {
  std::string server;  // the program's path
  const Protocol* protocol = &Raw();
  int connections = 1;
  int active = 10;  // of "few"
  size_t message_bytes = 64;
  double seconds = 1;           // for each load
  double per_second = 10000;    // messages, of "open"
  double limit_seconds = 60;    // for opening the connections
  double patience_seconds = 2;  // without any answer
  int threads = 1;              // of the load generator
  bool spin = false;            // of OpenLoop
  cpu_set_t server_cores;
};

// A load, and what it cost.
struct Load {
  Outcome run;
  Used used;               // by the server
  double client_busy = 0;  // share of its threads' time that the generator ran
};

struct Measurement {
  Opened opened;
  int processes = 0;  // of the server, with all connections open
  int threads = 0;
  int64_t memory_before_bytes = -1;  // without a connection
  int64_t memory_bytes = -1;         // with all
  // The same of KernelMemoryBytes(), with both ends of the connections in it.
  int64_t kernel_before_bytes = -1;
  int64_t kernel_bytes = -1;
  std::optional<Load> few, all, open;
  std::string trouble;  // how the server failed; empty when it did not
};

Measurement Measure(const Plan& plan);

// The system calls of a closed loop on all connections, in a run of their own.
struct SyscallCount {
  int connections = 0;  // those that were served
  uint64_t messages = 0;
  std::map<std::string, uint64_t> calls;
  std::string trouble;  // why there are none
};

SyscallCount MeasureSyscalls(const Plan& plan, uint64_t messages);

// As JSON: docs/models/README.md lists the fields.
void AddTo(JsonObject& object, const Measurement& measurement);
void AddTo(JsonObject& object, const SyscallCount& count);

}  // namespace evoke::load

#endif  // EVOKE_BENCH_LOAD_MEASURE_H_
