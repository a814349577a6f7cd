// SPDX-License-Identifier: BSD-3-Clause
#include "scope/state_json.h"

#include <fcntl.h>
#include <inttypes.h>

#include <algorithm>

#include "scope/memory.h"
#include "trace/what_text.h"

namespace evoke::scope {

namespace {

constexpr size_t kMostShown = 2000;  // descriptors, and timers
constexpr int kMostFunctions = 12;

// "," between the elements of a list.
class Comma {
 public:
  explicit Comma(Text* out) : out_(out) {}
  void Next() {
    if (!first_) out_->Add(",", 1);
    first_ = false;
  }

 private:
  Text* out_;
  bool first_ = true;
};

void AddFunction(const StateOptions& options, evoke_function function,
                 Text* out) {
  out->AddJsonString(options.symbols->Describe(function));
}

void AddWhat(int source, short what, Text* out) {
  char text[128];
  evoke_point point = {};
  point.source = static_cast<evoke_point_source>(source);
  point.what = static_cast<short>(what & ~EV_FINALIZE);
  WhatText(point, text, sizeof(text));
  out->AddJsonString(text);
}

// Nanoseconds as a member in microseconds, with what is behind the point.
void AddMicros(const char* name, int64_t ns, Text* out) {
  out->Format(",\"%s\":%s%" PRId64 ".%03d", name, ns < 0 ? "-" : "",
              (ns < 0 ? -ns : ns) / 1000,
              static_cast<int>((ns < 0 ? -ns : ns) % 1000));
}

// A time between two moments, -1 as long as one of them was not come to.
void AddSpan(const char* name, int64_t from_ns, int64_t to_ns, Text* out) {
  const bool known = from_ns != 0 && to_ns != 0;
  AddMicros(name, known ? to_ns - from_ns : -1000, out);
}

void AddTurn(const StateOptions& options, const TurnRecord& turn, Text* out) {
  out->Format("{\"n\":%" PRId64 ",\"timeout_us\":%" PRId64, turn.number,
              turn.timeout_us);
  AddSpan("ago_us", turn.start_ns, options.now_ns, out);
  AddSpan("before_us", turn.start_ns, turn.wait_ns, out);
  AddSpan("wait_us", turn.wait_ns, turn.done_ns, out);
  AddSpan("run_us", turn.done_ns, turn.end_ns, out);
  out->Format(
      ",\"ready\":%d,\"timers\":%d,\"added\":%d,\"deleted\":%d,"
      "\"wakes\":%d,\"callbacks\":%d,\"sent\":%" PRId64 ",\"read\":%" PRId64
      ",\"written\":%" PRId64,
      turn.ready, turn.timers, turn.added, turn.deleted, turn.wakes,
      turn.callbacks, turn.sent_bytes, turn.read_bytes, turn.written_bytes);
  out->Add(",\"queued\":[");
  int priorities = kPriorities;
  while (priorities > 0 && turn.queued[priorities - 1] == 0) --priorities;
  for (int i = 0; i < priorities; ++i) {
    out->Format(i == 0 ? "%d" : ",%d", turn.queued[i]);
  }
  out->Add("],\"calls\":[");
  Comma comma(out);
  for (int i = 0; i < turn.kept; ++i) {
    const CallbackRecord& call = turn.callback[i];
    comma.Next();
    out->Add("{\"source\":");
    out->AddJsonString(
        SourceText(static_cast<evoke_point_source>(call.source)));
    out->Add(",\"what\":");
    AddWhat(call.source, call.what, out);
    out->Add(",\"name\":");
    AddFunction(options, call.function, out);
    AddSpan("us", call.start_ns, call.end_ns, out);
    out->Format(",\"fd\":%d,\"depth\":%d,\"late_us\":%" PRId64 "}", call.fd,
                call.depth, call.late_us);
  }
  out->Add("]}");
}

// Pointers to some of the events that wait, in an order of one's own.
class Selection {
 public:
  Selection() = default;
  Selection(const Selection&) = delete;
  Selection& operator=(const Selection&) = delete;
  ~Selection() { Free(events_); }

  // False without memory.
  template <typename Wanted, typename Before>
  bool Select(const EventTable& all, Wanted wanted, Before before) {
    events_ = AllocateZeroed<const WaitingEvent*>(all.count() + 1);
    if (events_ == nullptr) return false;
    for (const WaitingEvent& event : all) {
      if (event.object != nullptr && wanted(event)) events_[count_++] = &event;
    }
    std::sort(events_, events_ + count_,
              [&](const auto* a, const auto* b) { return before(*a, *b); });
    return true;
  }

  size_t count() const { return count_; }
  const WaitingEvent& operator[](size_t i) const { return *events_[i]; }

 private:
  const WaitingEvent** events_ = nullptr;
  size_t count_ = 0;
};

void AddBuffers(const evoke_buffers& buffers, Text* out) {
  out->Format(
      ",\"buffers\":{\"input\":%zu,\"output\":%zu,\"read_low\":%zu,"
      "\"read_high\":%zu,\"write_low\":%zu,\"write_high\":%zu}",
      buffers.input, buffers.output, buffers.read_low, buffers.read_high,
      buffers.write_low, buffers.write_high);
}

// What was counted for the descriptor, and the end of its object.
void AddCounts(const Recorder& recorder, evutil_socket_t fd, Text* out) {
  const FdRecord* record = recorder.fd(fd);
  if (record != nullptr) {
    out->Format(",\"read\":%" PRIu64 ",\"written\":%" PRIu64
                ",\"callbacks\":%" PRIu64,
                record->read_bytes, record->written_bytes, record->callbacks);
    AddMicros("busy_us", record->busy_ns, out);
    if (record->buffers.bufferevent != nullptr) {
      AddBuffers(record->buffers, out);
    }
  }
  out->Add("}");
}

// A bufferevent that waits for nothing at the moment: its input is full, say.
bool IsQuiet(const Recorder& recorder, evutil_socket_t fd) {
  const FdRecord* record = recorder.fd(fd);
  return record != nullptr && record->buffers.bufferevent != nullptr &&
         fcntl(fd, F_GETFD) >= 0;
}

// Each descriptor once, in order, with all of its events.
void AddFds(const StateOptions& options, const Recorder& recorder, Text* out) {
  Selection events;
  out->Add(",\"fds\":[");
  Comma comma(out);
  size_t shown = 0;
  evutil_socket_t next = 0;  // that was not looked at
  auto add_quiet_below = [&](evutil_socket_t end) {
    for (; next < end && shown < kMostShown; ++next) {
      if (!IsQuiet(recorder, next)) continue;
      ++shown;
      comma.Next();
      out->Format("{\"fd\":%d,\"waits\":[]", next);
      AddCounts(recorder, next, out);
    }
  };
  if (events.Select(
          recorder.events(),
          [](const auto& event) { return event.fd >= 0 && !event.is_signal; },
          [](const auto& a, const auto& b) { return a.fd < b.fd; })) {
    for (size_t i = 0; i < events.count() && shown < kMostShown;) {
      const evutil_socket_t fd = events[i].fd;
      add_quiet_below(fd);
      next = fd + 1;
      ++shown;
      comma.Next();
      out->Format("{\"fd\":%d,\"waits\":[", fd);
      Comma between(out);
      for (; i < events.count() && events[i].fd == fd; ++i) {
        between.Next();
        out->Add("{\"what\":");
        AddWhat(EVOKE_SOURCE_EVENT, events[i].what, out);
        out->Format(
            ",\"priority\":%d,\"internal\":%s,\"name\":", events[i].priority,
            events[i].is_internal ? "true" : "false");
        AddFunction(options, events[i].function, out);
        out->Add("}");
      }
      out->Add("]");
      AddCounts(recorder, fd, out);
    }
  }
  add_quiet_below(recorder.fd_end());
  out->Add("]");
}

// The nearest first.
void AddTimers(const StateOptions& options, const Recorder& recorder,
               Text* out) {
  Selection events;
  out->Add(",\"timers\":[");
  Comma comma(out);
  if (events.Select(
          recorder.events(),
          [](const auto& event) { return event.deadline_ns >= 0; },
          [](const auto& a, const auto& b) {
            return a.deadline_ns < b.deadline_ns;
          })) {
    for (size_t i = 0; i < std::min(events.count(), kMostShown); ++i) {
      const WaitingEvent& event = events[i];
      comma.Next();
      out->Format("{\"in_us\":%" PRId64 ",\"of_us\":%" PRId64
                  ",\"fd\":%d,\"priority\":%d,\"what\":",
                  (event.deadline_ns - options.now_ns) / 1000,
                  event.timeout_ns < 0 ? -1 : event.timeout_ns / 1000, event.fd,
                  event.priority);
      AddWhat(EVOKE_SOURCE_EVENT, event.what, out);
      out->Add(",\"name\":");
      AddFunction(options, event.function, out);
      out->Add("}");
    }
  }
  out->Add("]");
}

void AddSignals(const StateOptions& options, const Recorder& recorder,
                Text* out) {
  Selection events;
  out->Add(",\"signals\":[");
  Comma comma(out);
  if (events.Select(
          recorder.events(), [](const auto& event) { return event.is_signal; },
          [](const auto& a, const auto& b) { return a.fd < b.fd; })) {
    for (size_t i = 0; i < std::min(events.count(), kMostShown); ++i) {
      comma.Next();
      out->Format("{\"signal\":%d,\"name\":", events[i].fd);
      AddFunction(options, events[i].function, out);
      out->Add("}");
    }
  }
  out->Add("]");
}

void AddSlowest(const StateOptions& options, const Recorder& recorder,
                Text* out) {
  const FunctionRecord* order[kSlowest];
  const int count = recorder.function_count();
  for (int i = 0; i < count; ++i) order[i] = recorder.functions() + i;
  std::sort(order, order + count, [](const auto* a, const auto* b) {
    return a->longest_ns > b->longest_ns;
  });
  out->Add(",\"slowest\":[");
  Comma comma(out);
  for (int i = 0; i < std::min(count, kMostFunctions); ++i) {
    const FunctionRecord& function = *order[i];
    comma.Next();
    out->Add("{\"name\":");
    AddFunction(options, function.function, out);
    out->Add(",\"source\":");
    out->AddJsonString(
        SourceText(static_cast<evoke_point_source>(function.source)));
    AddMicros("total_us", function.total_ns, out);
    AddMicros("longest_us", function.longest_ns, out);
    out->Format(",\"calls\":%" PRIu64 ",\"turn\":%" PRId64 ",\"fd\":%d}",
                function.calls, function.longest_turn, function.longest_fd);
  }
  out->Add("]");
}

void AddStats(const struct evoke_stats& stats, Text* out) {
  out->Format(",\"stats\":{\"turns\":%" PRIu64 ",\"events\":%" PRIu64
              ",\"timers\":%" PRIu64 ",\"active_max\":%" PRIu64
              ",\"timers_late\":%" PRIu64 ",\"late_max_us\":%" PRIu64
              ",\"wakeups\":%" PRIu64 ",\"waits\":%" PRIu64
              ",\"changes\":%" PRIu64 ",\"bytes_read\":%" PRIu64
              ",\"bytes_written\":%" PRIu64 "}",
              stats.turns, stats.events, stats.timers, stats.active_max,
              stats.timers_late, stats.late_max_us, stats.wakeups, stats.waits,
              stats.changes, stats.bytes_read, stats.bytes_written);
}

}  // namespace

void AddState(const Recorder& recorder, const StateOptions& options,
              Text* out) {
  const int64_t count = recorder.turn_count();
  const int64_t from = std::max(recorder.first_turn(), options.since);
  out->Add("{\"method\":");
  out->AddJsonString(options.method);
  out->Format(",\"first\":%" PRId64 ",\"next\":%" PRId64
              ",\"own_turns\":%" PRId64,
              from, count, recorder.own_turns());
  if (options.stats != nullptr) AddStats(*options.stats, out);
  AddFds(options, recorder, out);
  AddTimers(options, recorder, out);
  AddSignals(options, recorder, out);
  AddSlowest(options, recorder, out);
  out->Add(",\"turns\":[");
  Comma comma(out);
  for (int64_t i = from; i < count; ++i) {
    comma.Next();
    AddTurn(options, recorder.turn(i), out);
  }
  out->Add("]");
  if (recorder.turn_under_way() != nullptr) {
    out->Add(",\"now\":");
    AddTurn(options, *recorder.turn_under_way(), out);
  }
  out->Add("}");
}

}  // namespace evoke::scope
