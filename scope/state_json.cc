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
  // Its name may be looked up later, when nobody waits for a lock.
  options.symbols->Want(function);
  out->Format("\"%p\"", reinterpret_cast<void*>(function));
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
    out->Add(",\"function\":");
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
  Selection(const Selection&) = delete;
  Selection& operator=(const Selection&) = delete;
  ~Selection() { Free(events_); }

  // Those that are wanted, the first kMostShown in their order.
  template <typename Wanted, typename Before>
  Selection(const EventTable& all, Wanted wanted, Before before) {
    events_ = AllocateZeroed<const WaitingEvent*>(all.count() + 1);
    if (events_ == nullptr) {
      truncated_ = true;
      return;
    }
    for (const WaitingEvent& event : all) {
      if (event.object != nullptr && wanted(event)) events_[count_++] = &event;
    }
    auto is_before = [&](const auto* a, const auto* b) {
      return before(*a, *b);
    };
    if (count_ > kMostShown) {
      truncated_ = true;
      std::nth_element(events_, events_ + kMostShown, events_ + count_,
                       is_before);
      count_ = kMostShown;
    }
    std::sort(events_, events_ + count_, is_before);
  }

  // Not all that are wanted are there.
  bool truncated() const { return truncated_; }
  size_t count() const { return count_; }
  const WaitingEvent& operator[](size_t i) const { return *events_[i]; }

 private:
  const WaitingEvent** events_ = nullptr;
  size_t count_ = 0;
  bool truncated_ = false;
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
// As far as is known: nobody tells when it is closed.
bool MayBeQuiet(const Recorder& recorder, evutil_socket_t fd) {
  const FdRecord* record = recorder.fd(fd);
  return record != nullptr && record->buffers.bufferevent != nullptr;
}

// The event at `i` and those behind it that have the same descriptor; `i` is
// then behind them.
void AddWaits(const StateOptions& options, const Selection& events, size_t* i,
              Text* out) {
  const evutil_socket_t fd = events[*i].fd;
  Comma between(out);
  for (; *i < events.count() && events[*i].fd == fd; ++*i) {
    const WaitingEvent& event = events[*i];
    between.Next();
    out->Add("{\"what\":");
    AddWhat(EVOKE_SOURCE_EVENT, event.what, out);
    out->Format(",\"priority\":%d,\"internal\":%s,\"function\":",
                event.priority, event.is_internal ? "true" : "false");
    AddFunction(options, event.function, out);
    out->Add("}");
  }
}

// Each descriptor once, in order, with all of its events. False when they are
// not all there.
bool AddFds(const StateOptions& options, const Recorder& recorder, Text* out) {
  const Selection events(
      recorder.events(),
      [](const auto& event) { return event.fd >= 0 && !event.is_signal; },
      [](const auto& a, const auto& b) { return a.fd < b.fd; });
  out->Add(",\"fds\":[");
  Comma comma(out);
  size_t rows = 0;
  size_t quiet_looks = 0;  // each is a system call
  size_t i = 0;
  for (evutil_socket_t fd = 0;
       rows < kMostShown && (fd < recorder.fd_end() || i < events.count());
       ++fd) {
    // Of those behind the last one that was selected nobody knows whether they
    // wait.
    if (events.truncated() && i == events.count()) break;
    const bool waits = i < events.count() && events[i].fd == fd;
    if (!waits && fd >= recorder.fd_end()) {
      fd = events[i].fd - 1;  // nothing is known of those between
      continue;
    }
    if (!waits && (quiet_looks >= kMostShown || !MayBeQuiet(recorder, fd) ||
                   (++quiet_looks, fcntl(fd, F_GETFD) < 0))) {
      continue;
    }
    ++rows;
    comma.Next();
    out->Format("{\"fd\":%d,\"waits\":[", fd);
    if (waits) AddWaits(options, events, &i, out);
    out->Add("]");
    AddCounts(recorder, fd, out);
  }
  out->Add("]");
  return !events.truncated() && rows < kMostShown && quiet_looks < kMostShown;
}

// The nearest first.
bool AddTimers(const StateOptions& options, const Recorder& recorder,
               Text* out) {
  const Selection events(
      recorder.events(),
      [](const auto& event) { return event.deadline_ns >= 0; },
      [](const auto& a, const auto& b) {
        return a.deadline_ns < b.deadline_ns;
      });
  out->Add(",\"timers\":[");
  Comma comma(out);
  for (size_t i = 0; i < events.count(); ++i) {
    const WaitingEvent& event = events[i];
    comma.Next();
    out->Format("{\"in_us\":%" PRId64 ",\"of_us\":%" PRId64
                ",\"fd\":%d,\"priority\":%d,\"function\":",
                (event.deadline_ns - options.now_ns) / 1000,
                event.timeout_ns < 0 ? -1 : event.timeout_ns / 1000,
                event.is_signal ? -1 : event.fd, event.priority);
    AddFunction(options, event.function, out);
    out->Add("}");
  }
  out->Add("]");
  return !events.truncated();
}

bool AddSignals(const StateOptions& options, const Recorder& recorder,
                Text* out) {
  const Selection events(
      recorder.events(), [](const auto& event) { return event.is_signal; },
      [](const auto& a, const auto& b) { return a.fd < b.fd; });
  out->Add(",\"signals\":[");
  Comma comma(out);
  for (size_t i = 0; i < events.count(); ++i) {
    comma.Next();
    out->Format("{\"signal\":%d,\"function\":", events[i].fd);
    AddFunction(options, events[i].function, out);
    out->Add("}");
  }
  out->Add("]");
  return !events.truncated();
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
    out->Add("{\"function\":");
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
  bool all = AddFds(options, recorder, out);
  all = AddTimers(options, recorder, out) && all;
  all = AddSignals(options, recorder, out) && all;
  out->Format(",\"complete\":%s",
              all && recorder.lost() == 0 ? "true" : "false");
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
