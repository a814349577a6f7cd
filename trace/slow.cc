// SPDX-License-Identifier: BSD-3-Clause
#include "trace/slow.h"

#include <stdio.h>

#include "trace/function_name.h"
#include "trace/what_text.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

constexpr double kNanosPerMilli = 1e6;

}  // namespace

SlowWarning* SlowWarning::New(int64_t limit_ns) {
  auto* self = evoke::New<SlowWarning>();
  if (self != nullptr) self->limit_ns_ = limit_ns;
  return self;
}

SlowWarning* SlowWarning::In(const Points& points) {
  return reinterpret_cast<SlowWarning*>(points.Find(Tell));
}

void SlowWarning::Destroy(PointSink* sink) {
  Delete(reinterpret_cast<SlowWarning*>(sink));
}

void SlowWarning::Tell(PointSink* sink, const evoke_point& point) {
  auto* self = reinterpret_cast<SlowWarning*>(sink);
  if (point.kind == EVOKE_POINT_CALLBACK) {
    if (self->stack_.depth() == 0) {
      self->has_named_ = false;
      self->sample_.Arm(self->limit_ns_);
    }
    self->stack_.Begin(point);
  } else if (point.kind == EVOKE_POINT_CALLBACK_DONE) {
    CallbackStack::Ended ended;
    if (!self->stack_.End(point, &ended)) return;
    // Of nested ones the one that spent the time is named, once; if it was none
    // of them alone, the outermost.
    if (ended.own_ns > self->limit_ns_) {
      self->Warn(point, ended.own_ns, "");
    } else if (ended.depth == 0 && ended.whole_ns > self->limit_ns_ &&
               !self->has_named_) {
      self->Warn(point, ended.whole_ns, " with those within it");
    }
    if (ended.depth == 0) self->sample_.Disarm();
  }
}

void SlowWarning::Warn(const evoke_point& point, int64_t held_ns,
                       const char* remark) {
  has_named_ = true;
  char function[160];
  DescribeFunction(point.function, function, sizeof(function));
  char what[64];
  WhatText(point, what, sizeof(what));
  char fd[32] = "";
  if (point.fd >= 0) {
    const char* name = point.source == EVOKE_SOURCE_SIGNAL ? "signal" : "fd";
    snprintf(fd, sizeof(fd), ", %s %d", name, point.fd);
  }
  LogWarn("slow callback: %s held the loop for %.1f ms%s (%s%s)", function,
          static_cast<double>(held_ns) / kNanosPerMilli, remark, what, fd);
  sample_.Log();
}

}  // namespace evoke
