// SPDX-License-Identifier: BSD-3-Clause
#include "trace/points.h"

namespace evoke {

int g_point_sinks = 0;

namespace {

void CountSinks(int more) {
  __atomic_fetch_add(&g_point_sinks, more, __ATOMIC_RELAXED);
}

}  // namespace

void Points::Add(PointSink* sink) {
  sink->next = first_;
  SetFirst(sink);
  CountSinks(1);
}

bool Points::Remove(PointSink* sink) {
  if (first_ == sink) {
    SetFirst(sink->next);
    CountSinks(-1);
    return true;
  }
  for (PointSink* before = first_; before != nullptr; before = before->next) {
    if (before->next != sink) continue;
    before->next = sink->next;
    CountSinks(-1);
    return true;
  }
  return false;
}

PointSink* Points::Find(void (*tell)(PointSink*, const evoke_point&)) const {
  PointSink* sink = first_;
  while (sink != nullptr && sink->tell != tell) sink = sink->next;
  return sink;
}

void Points::Tell(const evoke_point& point) {
  for (PointSink* sink = first_; sink != nullptr; sink = sink->next) {
    sink->tell(sink, point);
  }
}

void Points::Clear() {
  while (PointSink* sink = first_) {
    SetFirst(sink->next);
    CountSinks(-1);
    sink->destroy(sink);
  }
}

}  // namespace evoke
