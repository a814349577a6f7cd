// SPDX-License-Identifier: BSD-3-Clause
//
// What a loop has done, in numbers: evoke/stats.h.
#include <evoke/stats.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>

#include "event/event_base.h"
#include "event/points.h"
#include "trace/function_name.h"
#include "trace/timing.h"
#include "util/log.h"

namespace evoke {

namespace {

// The function of this name hides it.
using Stats = struct evoke_stats;

uint64_t FiredWith(const LoopStats& stats, short flag) {
  uint64_t sum = 0;
  for (int kind = 0; kind < LoopStats::kKinds; ++kind) {
    if (kind & flag) sum += stats.fired[kind];
  }
  return sum;
}

void CollectTiming(const Points& points, Stats* out) {
  const Timing* timing = Timing::In(points);
  if (timing == nullptr) return;
  out->waiting_ns = static_cast<uint64_t>(timing->waiting_ns());
  out->running_ns = static_cast<uint64_t>(timing->running_ns());
  out->busiest_ns = static_cast<uint64_t>(timing->busiest().ns);
  out->busiest = timing->busiest().function;
  out->longest_ns = static_cast<uint64_t>(timing->longest().ns);
  out->longest = timing->longest().function;
}

Stats Collect(event_base* base) {
  Stats out = {};
  MutexLock lock(base->lock);
  const LoopStats& stats = base->stats;
  out.struct_size = sizeof(out);
  out.turns = stats.turns;
  out.fired_read = FiredWith(stats, EV_READ);
  out.fired_write = FiredWith(stats, EV_WRITE);
  out.fired_timeout = FiredWith(stats, EV_TIMEOUT);
  out.fired_signal = FiredWith(stats, EV_SIGNAL);
  out.fired_other = stats.fired[0];
  out.deferred = stats.deferred;
  out.added = stats.added;
  out.deleted = stats.deleted;
  out.timers_late = stats.timers_late;
  out.wakeups = stats.wakeups;
  out.waits = stats.waits;
  out.changes = base->interests.changes();
  out.reads = LoopStats::CountOf(stats.reads);
  out.writes = LoopStats::CountOf(stats.writes);
  out.bytes_read = LoopStats::CountOf(stats.bytes_read);
  out.bytes_written = LoopStats::CountOf(stats.bytes_written);
  out.events = static_cast<uint64_t>(base->counts.waiting);
  out.timers = base->timers.size();
  out.active = static_cast<uint64_t>(base->counts.active);
  out.active_max = static_cast<uint64_t>(base->counts.max_active);
  out.late_max_us = static_cast<uint64_t>(stats.late_max_us);
  CollectTiming(base->points, &out);
  return out;
}

// --- Text --------------------------------------------------------------------

// Appends as snprintf(3) would, and goes on counting where the room ends.
class Text {
 public:
  Text(char* text, size_t size) : text_(text), size_(size) {
    if (size > 0) text[0] = '\0';
  }

  void Add(const char* format, ...) ABSL_PRINTF_ATTRIBUTE(2, 3) {
    size_t at = std::min(length_, size_);
    va_list arguments;
    va_start(arguments, format);
    int wrote = vsnprintf(size_ > at ? text_ + at : nullptr, size_ - at, format,
                          arguments);
    va_end(arguments);
    if (wrote > 0) length_ += static_cast<size_t>(wrote);
  }

  size_t length() const { return length_; }

 private:
  char* text_;
  size_t size_;
  size_t length_ = 0;
};

struct Metric {
  const char* name;
  const char* type;
  const char* help;
};

void AddHead(Text& text, const Metric& metric) {
  text.Add("# HELP evoke_%s %s\n# TYPE evoke_%s %s\n", metric.name, metric.help,
           metric.name, metric.type);
}

// One number; `more` are labels of its own, `labels` the caller's; either may
// be empty.
void AddNumber(Text& text, const char* name, const char* more,
               const char* labels, double value, int places) {
  bool both = *more != '\0' && *labels != '\0';
  bool any = *more != '\0' || *labels != '\0';
  text.Add("evoke_%s%s%s%s%s%s %.*f\n", name, any ? "{" : "", more,
           both ? "," : "", labels, any ? "}" : "", places, value);
}

void AddCounters(Text& text, const Stats& stats, const char* labels) {
  const struct {
    Metric metric;
    uint64_t value;
  } kPlain[] = {
      {{"turns_total", "counter", "Turns of the loop."}, stats.turns},
      {{"deferred_total", "counter", "Callbacks of the library itself."},
       stats.deferred},
      {{"events_added_total", "counter", "Events added."}, stats.added},
      {{"events_deleted_total", "counter", "Events deleted or fired once."},
       stats.deleted},
      {{"timers_late_total", "counter", "Timers 1 ms late or later."},
       stats.timers_late},
      {{"wakeups_total", "counter", "Wake-ups by other threads."},
       stats.wakeups},
      {{"events", "gauge", "Places in which events wait."}, stats.events},
      {{"timers", "gauge", "Deadlines in the heap."}, stats.timers},
      {{"active", "gauge", "Callbacks queued to run."}, stats.active},
      {{"active_max", "gauge", "Most callbacks ever queued."},
       stats.active_max},
      {{"bytes_read_total", "counter", "Bytes that buffers read."},
       stats.bytes_read},
      {{"bytes_written_total", "counter", "Bytes that buffers wrote."},
       stats.bytes_written},
  };
  for (const auto& plain : kPlain) {
    AddHead(text, plain.metric);
    AddNumber(text, plain.metric.name, "", labels,
              static_cast<double>(plain.value), 0);
  }
  const struct {
    const char* label;
    uint64_t value;
  } kFired[] = {{"kind=\"read\"", stats.fired_read},
                {"kind=\"write\"", stats.fired_write},
                {"kind=\"timeout\"", stats.fired_timeout},
                {"kind=\"signal\"", stats.fired_signal},
                {"kind=\"other\"", stats.fired_other}},
    kCalls[] = {{"call=\"wait\"", stats.waits},
                {"call=\"change\"", stats.changes},
                {"call=\"read\"", stats.reads},
                {"call=\"write\"", stats.writes}};
  AddHead(text, {"fired_total", "counter",
                 "Callbacks of events, by what fired; of two kinds, by both."});
  for (const auto& fired : kFired) {
    AddNumber(text, "fired_total", fired.label, labels,
              static_cast<double>(fired.value), 0);
  }
  AddHead(text, {"syscalls_total", "counter", "System calls of the library."});
  for (const auto& call : kCalls) {
    AddNumber(text, "syscalls_total", call.label, labels,
              static_cast<double>(call.value), 0);
  }
}

// The name of a function as a label; a quote or backslash would end it.
void FunctionLabel(evoke_function function, char* label, size_t size) {
  char name[160];
  DescribeFunction(function, name, sizeof(name));
  for (char* p = name; *p != '\0'; ++p) {
    if (*p == '"' || *p == '\\') *p = '?';
  }
  snprintf(label, size, "function=\"%s\"", name);
}

void AddDurations(Text& text, const Stats& stats, const char* labels) {
  constexpr double kPerSecond = 1e9;
  const struct {
    Metric metric;
    uint64_t ns;
    const evoke_function* function;
  } kDurations[] = {
      {{"late_max_seconds", "gauge", "The latest that a timer ever was."},
       stats.late_max_us * 1000,
       nullptr},
      {{"waiting_seconds_total", "counter", "Time in the kernel, waiting."},
       stats.waiting_ns,
       nullptr},
      {{"running_seconds_total", "counter", "Time in callbacks."},
       stats.running_ns,
       nullptr},
      {{"busiest_callback_seconds", "gauge",
        "Time in all callbacks of the busiest function."},
       stats.busiest_ns,
       &stats.busiest},
      {{"longest_callback_seconds", "gauge", "The longest callback."},
       stats.longest_ns,
       &stats.longest},
  };
  for (const auto& duration : kDurations) {
    char label[200] = "";
    if (duration.function != nullptr) {
      if (*duration.function == nullptr) continue;
      FunctionLabel(*duration.function, label, sizeof(label));
    }
    AddHead(text, duration.metric);
    AddNumber(text, duration.metric.name, label, labels,
              static_cast<double>(duration.ns) / kPerSecond, 9);
  }
}

}  // namespace

}  // namespace evoke

extern "C" {

int evoke_stats(event_base* base, struct evoke_stats* stats) {
  if (base == nullptr || stats == nullptr) {
    evoke::LogWarn("%s: no %s", __func__, base ? "struct" : "base");
    return -1;
  }
  // The first version's size, which new fields do not change; whoever knows
  // more fields than we gets the rest as it was.
  constexpr size_t kFirstVersionBytes =
      offsetof(evoke::Stats, longest) + sizeof(evoke::Stats::longest);
  static_assert(kFirstVersionBytes == 232 || sizeof(void*) != 8);
  size_t size = stats->struct_size;
  if (size < kFirstVersionBytes) return -1;
  evoke::Stats now = evoke::Collect(base);
  now.struct_size = size;
  memcpy(stats, &now, std::min(size, sizeof(now)));
  return 0;
}

int evoke_stats_enable_timing(event_base* base, int on) {
  if (base == nullptr) return -1;
  evoke::MutexLock lock(base->lock);
  if (auto* timing = evoke::Timing::In(base->points)) {
    evoke::PointSink* sink = timing->sink();
    base->points.Remove(sink);
    sink->destroy(sink);
  }
  if (!on) return 0;
  auto* timing = evoke::Timing::New();
  if (timing == nullptr) return -1;
  evoke::Listen(base, timing->sink());
  return 0;
}

int evoke_stats_prometheus(event_base* base, const char* labels, char* text,
                           size_t size) {
  if (base == nullptr) {
    evoke::LogWarn("%s: no base", __func__);
    return -1;
  }
  if (labels == nullptr) labels = "";
  evoke::Stats stats = evoke::Collect(base);
  evoke::Text out(text, size);
  evoke::AddCounters(out, stats, labels);
  evoke::AddDurations(out, stats, labels);
  return static_cast<int>(out.length());
}

}  // extern "C"
