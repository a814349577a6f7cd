// SPDX-License-Identifier: BSD-3-Clause
//
// The trace of one base, as the JSON of chrome://tracing: the sink behind
// evoke_trace_start(). Each base is a "thread" in its file: its turns, waits
// and callbacks are nested slices, all else are marks.
#ifndef EVOKE_TRACE_JSON_TRACE_H_
#define EVOKE_TRACE_JSON_TRACE_H_

#include <stddef.h>
#include <stdint.h>

#include "trace/points.h"
#include "trace/trace_file.h"

namespace evoke {

class JsonTrace {
 public:
  // Null when memory is short. Takes the reference to `file`, also then. The
  // base's Points own it.
  static JsonTrace* New(TraceFile* file, const char* backend);
  static JsonTrace* In(const Points& points);

  PointSink* sink() { return &sink_; }

 private:
  static constexpr size_t kNames = 128;
  static constexpr size_t kNameBytes = 240;
  struct Name {
    evoke_function function;
    char text[kNameBytes];
  };

  static void Tell(PointSink* sink, const evoke_point& point);
  static void Destroy(PointSink* sink);

  void BeginTurn(const evoke_point& point);
  void BeginCallback(const evoke_point& point);
  void Mark(const char* name, const evoke_point& point);
  // Ends the innermost slice, with `args`, a JSON object or "".
  void End(const evoke_point& point, const char* args);
  // Ends all that have begun.
  void EndAll(const evoke_point& point);
  const char* NameOfFunction(evoke_function function);
  void Write(const char* format, ...) __attribute__((format(printf, 2, 3)));

  PointSink sink_ = {Tell, Destroy, nullptr};
  TraceFile* file_ = nullptr;
  int writer_ = 0;
  int process_ = 0;
  bool in_turn_ = false;
  bool in_wait_ = false;
  int depth_ = 0;  // callbacks that have begun
  // Names that were looked up, by function, one for each place.
  Name names_[kNames];
};

}  // namespace evoke

#endif  // EVOKE_TRACE_JSON_TRACE_H_
