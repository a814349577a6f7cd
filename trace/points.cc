// SPDX-License-Identifier: BSD-3-Clause
#include "trace/points.h"

namespace evoke {

void Points::Add(PointSink* sink) {
  sink->next = first_;
  SetFirst(sink);
}

bool Points::Remove(PointSink* sink) {
  if (first_ == sink) {
    SetFirst(sink->next);
    return true;
  }
  for (PointSink* before = first_; before != nullptr; before = before->next) {
    if (before->next != sink) continue;
    before->next = sink->next;
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
    sink->destroy(sink);
  }
}

}  // namespace evoke
