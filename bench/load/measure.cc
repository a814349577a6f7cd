// SPDX-License-Identifier: BSD-3-Clause
#include "bench/load/measure.h"

#include <sys/resource.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/load/crowd.h"
#include "bench/load/server.h"
#include "bench/load/syscalls.h"

namespace evoke::load {
namespace {

constexpr int64_t kStartLimitNs = 60 * kNsPerSecond;  // wine is slow
constexpr int64_t kEndLimitNs = 20 * kNsPerSecond;
// For the answers that are missing when a load is over.
constexpr int64_t kDrainLimitNs = 10 * kNsPerSecond;

int64_t ToNs(double seconds) {
  return static_cast<int64_t>(seconds * kNsPerSecond);
}

int64_t OwnCpuNs() {
  rusage own;
  getrusage(RUSAGE_SELF, &own);
  return (own.ru_utime.tv_sec + own.ru_stime.tv_sec) * kNsPerSecond +
         (own.ru_utime.tv_usec + own.ru_stime.tv_usec) * 1000;
}

Opening OpeningOf(const Plan& plan) {
  Opening opening;
  opening.count = plan.connections;
  opening.patience_ns = ToNs(plan.patience_seconds);
  opening.limit_ns = ToNs(plan.limit_seconds);
  return opening;
}

// Runs a load, and looks at the server before and after it.
template <typename Function>
Load Observe(const Plan& plan, pid_t session, Function run) {
  Load load;
  Usage before = Usage::Of(session);
  int64_t cpu_before = OwnCpuNs(), start = NowNs();
  load.run = run();
  int64_t cpu = OwnCpuNs() - cpu_before, wall = NowNs() - start;
  load.used = Between(before, Usage::Of(session));
  load.client_busy = static_cast<double>(cpu) / wall / plan.threads;
  return load;
}

Load ObserveClosed(const Plan& plan, pid_t session, Crowd& crowd, int active) {
  ClosedLoop loop;
  loop.active = active;
  loop.duration_ns = ToNs(plan.seconds);
  loop.patience_ns = ToNs(plan.patience_seconds);
  loop.limit_ns = loop.duration_ns + kDrainLimitNs;
  return Observe(plan, session, [&] { return crowd.RunClosed(loop); });
}

Load ObserveOpen(const Plan& plan, pid_t session, Crowd& crowd) {
  OpenLoop loop;
  loop.active = plan.connections;
  loop.per_second = plan.per_second;
  loop.duration_ns = ToNs(plan.seconds);
  loop.spin = plan.spin;
  loop.patience_ns = ToNs(plan.patience_seconds);
  loop.limit_ns = loop.duration_ns + kDrainLimitNs;
  return Observe(plan, session, [&] { return crowd.RunOpen(loop); });
}

JsonObject Microseconds(const Histogram& histogram) {
  JsonObject object;
  for (double percentile : {50.0, 90.0, 99.0, 99.9, 99.99}) {
    object.Add(absl::StrCat("p", percentile),
               histogram.ValueAt(percentile) / 1000.0);
  }
  object.Add("max", histogram.max() / 1000.0);
  return object;
}

JsonObject JsonOfLoad(const Load& load) {
  const double messages = static_cast<double>(load.run.messages);
  JsonObject object;
  object.Add("messages", load.run.messages)
      .Add("unanswered", load.run.unanswered)
      .Add("closed", load.run.closed)
      .Add("seconds", load.run.seconds)
      .Add("per_second", messages / load.run.seconds)
      .Add("cpu_us_per_message", load.used.cpu_ns / 1000.0 / messages)
      .Add("switches_per_message", load.used.switches / messages)
      .Add("client_busy", load.client_busy)
      .Add("latency_us", Microseconds(load.run.latency_ns));
  if (load.run.lateness_ns.count() > 0) {
    object.Add("lateness_us", Microseconds(load.run.lateness_ns));
  }
  return object;
}

}  // namespace

Measurement Measure(const Plan& plan) {
  Measurement result;
  Server server(plan.server, plan.server_cores);
  int port = server.Port(kStartLimitNs);
  if (port < 0) {
    result.opened.asked = result.opened.unconnected = plan.connections;
    result.trouble =
        absl::StrCat("does not listen; ", server.Stop(kEndLimitNs));
    return result;
  }
  result.memory_before_bytes = MemoryBytes(ProcessesOf(server.pid()));
  result.kernel_before_bytes = KernelMemoryBytes();
  {
    Crowd crowd(port, plan.message_bytes, plan.threads, *plan.protocol);
    result.opened = crowd.Open(OpeningOf(plan));
    result.kernel_bytes = KernelMemoryBytes();
    Usage usage = Usage::Of(server.pid());
    result.processes = usage.processes();
    result.threads = usage.threads();
    result.memory_bytes = MemoryBytes(ProcessesOf(server.pid()));
    if (crowd.served() > plan.active) {
      result.few = ObserveClosed(plan, server.pid(), crowd, plan.active);
    }
    if (crowd.served() > 0) {
      result.all = ObserveClosed(plan, server.pid(), crowd, plan.connections);
    }
    if (crowd.served() > 0) {
      result.open = ObserveOpen(plan, server.pid(), crowd);
    }
  }
  result.trouble = server.Stop(kEndLimitNs);
  return result;
}

SyscallCount MeasureSyscalls(const Plan& plan, uint64_t messages) {
  SyscallCount count;
  Server server(plan.server, plan.server_cores);
  int port = server.Port(kStartLimitNs);
  if (port < 0) {
    count.trouble = "does not listen";
  } else {
    Crowd crowd(port, plan.message_bytes, plan.threads, *plan.protocol);
    crowd.Open(OpeningOf(plan));
    count.connections = crowd.served();
    SyscallCounter counter;
    if (counter.Start(ProcessesOf(server.pid()), ToNs(plan.limit_seconds))) {
      ClosedLoop loop;
      loop.active = plan.connections;
      loop.messages = messages;
      loop.patience_ns = ToNs(plan.patience_seconds);
      loop.limit_ns = ToNs(plan.limit_seconds);
      count.messages = crowd.RunClosed(loop).messages;
      count.calls = counter.Stop();
      if (count.messages == 0) count.trouble = "no connection is served";
    } else {
      count.trouble = counter.why();
    }
  }
  // It may have something to put away.
  std::string how = server.Stop(kEndLimitNs);
  if (count.trouble.empty()) count.trouble = how;
  return count;
}

void AddTo(JsonObject& object, const Measurement& measurement) {
  const Opened& opened = measurement.opened;
  JsonObject errors;
  for (const auto& [name, count] : opened.errors) errors.Add(name, count);
  object.Add("opened", JsonObject()
                           .Add("asked", opened.asked)
                           .Add("served", opened.served)
                           .Add("refused", opened.refused)
                           .Add("closed", opened.closed)
                           .Add("unanswered", opened.unanswered)
                           .Add("unconnected", opened.unconnected)
                           .Add("seconds", opened.seconds)
                           .Add("errors", errors));
  object.Add("processes", measurement.processes)
      .Add("threads", measurement.threads);
  if (measurement.memory_bytes >= 0 && measurement.memory_before_bytes >= 0) {
    object.Add("memory_bytes", measurement.memory_bytes)
        .Add("memory_before_bytes", measurement.memory_before_bytes);
  }
  if (measurement.kernel_bytes >= 0 && measurement.kernel_before_bytes >= 0) {
    object.Add("kernel_bytes", measurement.kernel_bytes)
        .Add("kernel_before_bytes", measurement.kernel_before_bytes);
  }
  if (measurement.few) object.Add("few", JsonOfLoad(*measurement.few));
  if (measurement.all) object.Add("all", JsonOfLoad(*measurement.all));
  if (measurement.open) object.Add("open", JsonOfLoad(*measurement.open));
  if (!measurement.trouble.empty()) object.Add("trouble", measurement.trouble);
}

void AddTo(JsonObject& object, const SyscallCount& count) {
  object.Add("served", count.connections).Add("messages", count.messages);
  JsonObject calls;
  for (const auto& [name, number] : count.calls) calls.Add(name, number);
  object.Add("calls", calls);
  if (!count.trouble.empty()) object.Add("trouble", count.trouble);
}

}  // namespace evoke::load
