// SPDX-License-Identifier: BSD-3-Clause
//
// The points when somebody listens, and who may: evoke/trace.h.
#include "event/points.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "event/fork.h"
#include "event/load_scope.h"
#include "trace/json_trace.h"
#include "trace/slow.h"
#include "util/log.h"
#include "util/memory.h"

// A function of the program that listens.
struct evoke_watch {
  evoke::PointSink sink;
  event_base* base;
  evoke_point_cb callback;
  void* arg;
};

namespace evoke {

namespace {

constexpr int64_t kNanosPerMilli = 1000000;
constexpr int64_t kNanosPerSecond = 1000000000;
constexpr size_t kBytesPerMegabyte = size_t{1} << 20;
constexpr long kDefaultTraceMegabytes = 64;
constexpr long kMostTraceMegabytes = 4096;
constexpr long kMostSlowMillis = 24L * 60 * 60 * 1000;

evoke_point BarePoint(evoke_point_kind kind, int64_t value = 0) {
  evoke_point point = {};
  point.kind = kind;
  point.value = value;
  point.fd = -1;
  return point;
}

int64_t NowNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNanosPerSecond + now.tv_nsec;
}

void TellWatch(PointSink* sink, const evoke_point& point) {
  auto* watch = reinterpret_cast<evoke_watch*>(sink);
  watch->callback(&point, watch->arg);
}

void DestroyWatch(PointSink* sink) {
  Delete(reinterpret_cast<evoke_watch*>(sink));
}

// The number in the variable `name`, if it is one in the range; `otherwise`
// where it is not set. A bad one is logged, and -1.
long NumberFromEnvironment(const char* name, long least, long most,
                           long otherwise) {
  const char* text = secure_getenv(name);
  if (text == nullptr || *text == '\0') return otherwise;
  char* end;
  long number = strtol(text, &end, 10);
  if (*end == '\0' && number >= least && number <= most) return number;
  LogWarn("%s=%s: not a number from %ld to %ld", name, text, least, most);
  return -1;
}

size_t TraceLimitBytes() {
  long megabytes = NumberFromEnvironment(
      "EVOKE_TRACE_MB", 1, kMostTraceMegabytes, kDefaultTraceMegabytes);
  if (megabytes < 0) megabytes = kDefaultTraceMegabytes;
  return static_cast<size_t>(megabytes) * kBytesPerMegabyte;
}

}  // namespace

void Listen(event_base* base, PointSink* sink) {
  base->points_owner = ProcessToken();
  base->points.Add(sink);
  if (base == t_running_base) t_io_stats = nullptr;
}

void TellPoint(event_base* base, evoke_point point) {
  // Files and what else listens are the parent's, in a fork's child.
  if (!base->points.watched() || *g_process_token != base->points_owner) return;
  int saved_errno = errno;
  point.time_ns = NowNanos();
  base->points.Tell(point);
  errno = saved_errno;
}

void TellPoint(event_base* base, evoke_point_kind kind, int64_t value) {
  if (base->points.watched()) TellPoint(base, BarePoint(kind, value));
}

void TellPointOf(evoke_point_kind kind, const event* ev) {
  if (!ev->ev_base->points.watched()) return;
  // Added without a timeout, and for nothing or while it is queued to run, it
  // waits for nothing: there would be no end to tell.
  constexpr short kWaits = EVLIST_INSERTED | EVLIST_TIMEOUT;
  if (kind == EVOKE_POINT_ADD && !(ev->ev_evcallback.evcb_flags & kWaits)) {
    return;
  }
  evoke_point point = BarePoint(kind, -1);
  point.source =
      ev->ev_events & EV_SIGNAL ? EVOKE_SOURCE_SIGNAL : EVOKE_SOURCE_EVENT;
  point.function = reinterpret_cast<evoke_function>(
      ev->ev_evcallback.evcb_cb_union.evcb_callback);
  point.object = ev;
  point.fd = ev->ev_fd;
  point.what = ev->ev_events;
  if (ev->ev_evcallback.evcb_flags & EVLIST_TIMEOUT) {
    int64_t left_us = DeadlineOf(*ev) - ev->ev_base->Now();
    point.value = left_us > 0 ? left_us : 0;
  }
  TellPoint(ev->ev_base, point);
}

void TellTurn(event_base* base) {
  // Whoever began to listen in another thread is heard from this turn on.
  t_io_stats = nullptr;
  TellPoint(base, EVOKE_POINT_TURN,
            static_cast<int64_t>(base->stats.turns - 1));
}

void TellIo(evoke_point_kind kind, evutil_socket_t fd, int64_t bytes) {
  event_base* base = t_running_base;
  if (base == nullptr) return;
  if (kind == EVOKE_POINT_READ) {
    base->stats.CountRead(bytes);
  } else {
    base->stats.CountWrite(bytes);
  }
  if (!base->points.watched()) {
    t_io_stats = &base->stats;  // no need to come here again
    return;
  }
  evoke_point point = BarePoint(kind, bytes);
  point.fd = fd;
  MutexLock lock(base->lock);
  TellPoint(base, point);
}

void TellEnd(event_base* base) {
  MutexLock lock(base->lock);
  TellPoint(base, BarePoint(EVOKE_POINT_END));
  base->points.Clear();
}

void TellQueues(event_base* base) {
  if (base->queues_told_turn == base->stats.turns) return;
  base->queues_told_turn = base->stats.turns;
  for (int priority = 0; priority < base->active.priorities(); ++priority) {
    int64_t count = 0;
    for (event_callback* callback = base->active.Front(priority);
         callback != nullptr; callback = ActiveQueues::Next(callback)) {
      ++count;
    }
    if (count == 0) continue;
    evoke_point point = BarePoint(EVOKE_POINT_QUEUE, count);
    point.what = static_cast<short>(priority);
    TellPoint(base, point);
  }
}

evoke_point PointOf(const event_callback* callback) {
  evoke_point point = BarePoint(EVOKE_POINT_CALLBACK);
  point.object = callback;
  if (!IsEvent(callback)) {
    bool ends = (callback->evcb_flags & EVLIST_FINALIZING) != 0;
    point.source = ends ? EVOKE_SOURCE_FINALIZER : EVOKE_SOURCE_DEFERRED;
    point.function =
        reinterpret_cast<evoke_function>(callback->evcb_cb_union.evcb_selfcb);
    return point;
  }
  const event* ev = EventOf(const_cast<event_callback*>(callback));
  point.source = callback->evcb_flags & EVLIST_FINALIZING
                     ? EVOKE_SOURCE_FINALIZER
                 : ev->ev_events & EV_SIGNAL ? EVOKE_SOURCE_SIGNAL
                                             : EVOKE_SOURCE_EVENT;
  point.function =
      reinterpret_cast<evoke_function>(callback->evcb_cb_union.evcb_callback);
  point.fd = ev->ev_fd;
  point.what = ev->ev_res;
  if (ev->ev_res & EV_TIMEOUT) {
    // Not by the cached time, which is that of the whole batch.
    int64_t late_us = MonotonicMicros() - DeadlineOf(*ev);
    point.value = late_us > 0 && timerisset(&ev->ev_timeout) ? late_us : 0;
  }
  return point;
}

evoke_point PointOf(evwatch* watcher) {
  evoke_point point = BarePoint(EVOKE_POINT_CALLBACK);
  point.source = EVOKE_SOURCE_WATCHER;
  point.object = watcher;
  point.function =
      watcher->is_prepare
          ? reinterpret_cast<evoke_function>(watcher->callback.prepare)
          : reinterpret_cast<evoke_function>(watcher->callback.check);
  return point;
}

__thread event_base* t_told_base = nullptr;

event_base* TellBegin(event_base* base, const evoke_point& point) {
  TellPoint(base, point);
  return std::exchange(t_told_base, base);
}

void TellDone(event_base* base, evoke_point point, event_base* outer) {
  t_told_base = outer;
  point.kind = EVOKE_POINT_CALLBACK_DONE;
  TellPoint(base, point);
}

CallbackPoint::CallbackPoint(evoke_point_source source, evoke_function function,
                             const void* object, evutil_socket_t fd,
                             short what) {
  // A loop within a callback of another's loop: it would be nested in that.
  if (t_told_base != t_running_base) return;
  base_ = t_told_base;
  point_ = BarePoint(EVOKE_POINT_CALLBACK);
  point_.source = source;
  point_.function = function;
  point_.object = object;
  point_.fd = fd;
  point_.what = what;
  MutexLock lock(base_->lock);
  TellPoint(base_, point_);
}

CallbackPoint::~CallbackPoint() {
  if (base_ == nullptr) return;
  point_.kind = EVOKE_POINT_CALLBACK_DONE;
  MutexLock lock(base_->lock);
  TellPoint(base_, point_);
}

void StartPointsFromEnvironment(event_base* base) {
  if (base->flags & EVENT_BASE_FLAG_IGNORE_ENV) return;
  const char* file = secure_getenv("EVOKE_TRACE");
  if (file != nullptr && *file != '\0') evoke_trace_start(base, file);
  long limit_ms = NumberFromEnvironment("EVOKE_SLOW_MS", 1, kMostSlowMillis, 0);
  if (limit_ms > 0) evoke_warn_slow(base, static_cast<int>(limit_ms));
  const char* scope = secure_getenv("EVOKE_SCOPE");
  if (scope != nullptr && *scope != '\0') StartScope(base, scope);
}

}  // namespace evoke

extern "C" {

evoke_watch* evoke_watch_points(event_base* base, evoke_point_cb cb,
                                void* arg) {
  if (base == nullptr || cb == nullptr) return nullptr;
  auto* watch = evoke::New<evoke_watch>();
  if (watch == nullptr) return nullptr;
  watch->sink.tell = evoke::TellWatch;
  watch->sink.destroy = evoke::DestroyWatch;
  watch->base = base;
  watch->callback = cb;
  watch->arg = arg;
  evoke::MutexLock lock(base->lock);
  evoke::Listen(base, &watch->sink);
  return watch;
}

void evoke_unwatch_points(evoke_watch* watch) {
  if (watch == nullptr) return;
  {
    evoke::MutexLock lock(watch->base->lock);
    if (!watch->base->points.Remove(&watch->sink)) return;
  }
  evoke::Delete(watch);
}

int evoke_trace_start(event_base* base, const char* file) {
  if (base == nullptr || file == nullptr || *file == '\0') {
    errno = EINVAL;
    return -1;
  }
  evoke::MutexLock lock(base->lock);
  if (evoke::JsonTrace::In(base->points) != nullptr) {
    errno = EEXIST;
    return -1;
  }
  auto* trace_file = evoke::TraceFile::Open(file, evoke::TraceLimitBytes());
  if (trace_file == nullptr) return -1;
  auto* trace = evoke::JsonTrace::New(trace_file, base->backend.table->name);
  if (trace == nullptr) return -1;
  evoke::Listen(base, trace->sink());
  return 0;
}

int evoke_trace_stop(event_base* base) {
  if (base == nullptr) return -1;
  evoke::MutexLock lock(base->lock);
  auto* trace = evoke::JsonTrace::In(base->points);
  if (trace == nullptr) return -1;
  evoke::PointSink* sink = trace->sink();
  base->points.Remove(sink);
  evoke_point end = evoke::BarePoint(EVOKE_POINT_END);
  end.time_ns = evoke::NowNanos();
  sink->tell(sink, end);
  sink->destroy(sink);
  return 0;
}

int evoke_warn_slow(event_base* base, int limit_ms) {
  if (base == nullptr || limit_ms < 0) return -1;
  evoke::MutexLock lock(base->lock);
  auto* warning = evoke::SlowWarning::In(base->points);
  if (limit_ms == 0) {
    if (warning == nullptr) return 0;
    evoke::PointSink* sink = warning->sink();
    base->points.Remove(sink);
    sink->destroy(sink);
    return 0;
  }
  int64_t limit_ns = limit_ms * evoke::kNanosPerMilli;
  if (warning != nullptr) {
    warning->SetLimit(limit_ns);
    return 0;
  }
  warning = evoke::SlowWarning::New(limit_ns);
  if (warning == nullptr) return -1;
  evoke::Listen(base, warning->sink());
  return 0;
}

}  // extern "C"
