// SPDX-License-Identifier: BSD-3-Clause
#include "trace/json_trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "trace/function_name.h"
#include "trace/what_text.h"
#include "util/memory.h"

namespace evoke {

namespace {

// Holds the longest path that is told whole.
constexpr int kMostRecordBytes = 2048;

// Microseconds, which is the format's unit, with three places.
struct Micros {
  explicit Micros(int64_t ns)
      : whole(static_cast<long long>(ns / 1000)),
        thousandths(static_cast<int>(ns % 1000)) {}
  long long whole;
  int thousandths;
};

// The inside of a JSON string. What is no printable ASCII becomes '?': these
// are names of files and functions.
void Escape(const char* text, char* out, size_t size) {
  size_t length = 0;
  for (; *text != '\0' && length + 2 < size; ++text) {
    if (*text == '"' || *text == '\\') out[length++] = '\\';
    out[length++] = *text >= ' ' && *text <= '~' ? *text : '?';
  }
  out[length] = '\0';
}

}  // namespace

JsonTrace* JsonTrace::New(TraceFile* file, const char* backend) {
  auto* self = evoke::New<JsonTrace>();
  if (self == nullptr) {
    TraceFile::Unref(file);
    return nullptr;
  }
  memset(self->names_, 0, sizeof(self->names_));
  self->file_ = file;
  self->writer_ = file->NextWriter();
  self->process_ = static_cast<int>(getpid());
  char name[64];
  Escape(backend, name, sizeof(name));
  self->Write(
      "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%d,"
      "\"args\":{\"name\":\"base %d (%s)\"}}",
      self->process_, self->writer_, self->writer_, name);
  return self;
}

JsonTrace* JsonTrace::In(const Points& points) {
  return reinterpret_cast<JsonTrace*>(points.Find(Tell));
}

void JsonTrace::Destroy(PointSink* sink) {
  auto* self = reinterpret_cast<JsonTrace*>(sink);
  TraceFile::Unref(self->file_);
  Delete(self);
}

void JsonTrace::Write(const char* format, ...) {
  char record[kMostRecordBytes];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(record, sizeof(record), format, arguments);
  va_end(arguments);
  // A record that was cut would spoil the document.
  if (length <= 0 || length >= kMostRecordBytes) return;
  file_->Append(record, static_cast<size_t>(length));
}

void JsonTrace::Tell(PointSink* sink, const evoke_point& point) {
  auto* self = reinterpret_cast<JsonTrace*>(sink);
  char args[64] = "";
  switch (point.kind) {
    case EVOKE_POINT_TURN:
      self->BeginTurn(point);
      break;
    case EVOKE_POINT_WAIT: {
      Micros at(point.time_ns);
      self->in_wait_ = true;
      self->Write(
          "{\"ph\":\"B\",\"name\":\"wait\",\"cat\":\"wait\",\"pid\":%d,"
          "\"tid\":%d,\"ts\":%lld.%03d,\"args\":{\"timeout_us\":%lld}}",
          self->process_, self->writer_, at.whole, at.thousandths,
          static_cast<long long>(point.value));
      break;
    }
    case EVOKE_POINT_WAIT_DONE:
      if (!self->in_wait_) break;
      self->in_wait_ = false;
      snprintf(args, sizeof(args), ",\"args\":{\"ready\":%lld}",
               static_cast<long long>(point.value));
      self->End(point, args);
      break;
    case EVOKE_POINT_CALLBACK:
      self->BeginCallback(point);
      break;
    case EVOKE_POINT_CALLBACK_DONE:
      if (self->depth_ == 0) break;
      --self->depth_;
      self->End(point, "");
      break;
    case EVOKE_POINT_ADD:
      self->Mark("add", point);
      break;
    case EVOKE_POINT_DEL:
      self->Mark("del", point);
      break;
    case EVOKE_POINT_READ:
      self->Mark("read", point);
      break;
    case EVOKE_POINT_WRITE:
      self->Mark("write", point);
      break;
    case EVOKE_POINT_WAKE:
      self->Mark("wake", point);
      break;
    case EVOKE_POINT_RETURN:
    case EVOKE_POINT_END:
      self->EndAll(point);
      break;
    case EVOKE_POINT_QUEUE:
      break;  // its callbacks follow
  }
}

void JsonTrace::BeginTurn(const evoke_point& point) {
  Micros at(point.time_ns);
  if (in_turn_) End(point, "");
  in_turn_ = true;
  Write(
      "{\"ph\":\"B\",\"name\":\"turn\",\"cat\":\"turn\",\"pid\":%d,\"tid\":%d,"
      "\"ts\":%lld.%03d,\"args\":{\"number\":%lld}}",
      process_, writer_, at.whole, at.thousandths,
      static_cast<long long>(point.value));
}

void JsonTrace::BeginCallback(const evoke_point& point) {
  Micros at(point.time_ns);
  char what[96];
  WhatText(point, what, sizeof(what));
  ++depth_;
  Write(
      "{\"ph\":\"B\",\"name\":\"%s\",\"cat\":\"callback\",\"pid\":%d,"
      "\"tid\":%d,\"ts\":%lld.%03d,\"args\":{\"function\":\"0x%lx\","
      "\"source\":\"%s\",\"fd\":%d,\"what\":\"%s\",\"late_us\":%lld,"
      "\"object\":\"%p\"}}",
      NameOfFunction(point.function), process_, writer_, at.whole,
      at.thousandths,
      reinterpret_cast<unsigned long>(reinterpret_cast<void*>(point.function)),
      SourceText(point.source), point.fd, what,
      static_cast<long long>(point.value), point.object);
}

void JsonTrace::Mark(const char* name, const evoke_point& point) {
  Micros at(point.time_ns);
  char args[256] = "";
  char what[96];
  switch (point.kind) {
    case EVOKE_POINT_READ:
    case EVOKE_POINT_WRITE:
      snprintf(args, sizeof(args), "\"fd\":%d,\"bytes\":%lld", point.fd,
               static_cast<long long>(point.value));
      break;
    case EVOKE_POINT_ADD:
    case EVOKE_POINT_DEL:
      WhatText(point, what, sizeof(what));
      snprintf(
          args, sizeof(args),
          "\"fd\":%d,\"what\":\"%s\",\"timeout_us\":%lld,\"object\":\"%p\"",
          point.fd, what, static_cast<long long>(point.value), point.object);
      break;
    default:
      break;
  }
  Write(
      "{\"ph\":\"i\",\"s\":\"t\",\"name\":\"%s\",\"cat\":\"%s\",\"pid\":%d,"
      "\"tid\":%d,\"ts\":%lld.%03d,\"args\":{%s}}",
      name, name, process_, writer_, at.whole, at.thousandths, args);
}

void JsonTrace::End(const evoke_point& point, const char* args) {
  Micros at(point.time_ns);
  Write("{\"ph\":\"E\",\"pid\":%d,\"tid\":%d,\"ts\":%lld.%03d%s}", process_,
        writer_, at.whole, at.thousandths, args);
}

// In the middle of a callback or a wait, too: whoever stops the trace may be
// there.
void JsonTrace::EndAll(const evoke_point& point) {
  for (; depth_ > 0; --depth_) End(point, "");
  if (in_wait_) End(point, "");
  in_wait_ = false;
  if (in_turn_) End(point, "");
  in_turn_ = false;
}

// Looked up once; where it lies is told in a record of its own, for
// tools/symbolize.
const char* JsonTrace::NameOfFunction(evoke_function function) {
  auto address = reinterpret_cast<uintptr_t>(function);
  Name& name = names_[(address * 0x9E3779B97F4A7C15u >> 32) % kNames];
  if (name.function == function && name.text[0] != '\0') return name.text;
  name.function = function;
  if (function == nullptr) {
    snprintf(name.text, sizeof(name.text), "none");
    return name.text;
  }
  char text[kNameBytes / 2];
  DescribeFunction(function, text, sizeof(text));
  Escape(text, name.text, sizeof(name.text));
  FunctionName found = NameOf(function);
  char module[kMostRecordBytes / 2];
  Escape(found.module, module, sizeof(module));
  Write(
      "{\"ph\":\"M\",\"name\":\"evoke_function\",\"pid\":%d,\"tid\":%d,"
      "\"args\":{\"function\":\"0x%lx\",\"module\":\"%s\","
      "\"offset\":\"0x%lx\"}}",
      process_, writer_, static_cast<unsigned long>(address), module,
      static_cast<unsigned long>(found.offset));
  return name.text;
}

}  // namespace evoke
