// SPDX-License-Identifier: BSD-3-Clause
//
// Filters: a bufferevent over another, whose bytes go through functions of the
// program in each direction.
//
//     filter's input  <- input_filter  <- underlying's input  <- ...
//     filter's output -> output_filter -> underlying's output -> ...
//
// In:   the underlying's read callback is ours: we filter until there is no
//       more, the filter wants more, or our input is at its high watermark;
//       what is left is taken up when the program drains our input.
// Out:  what is added to our output is filtered at once, until the underlying's
//       output is at its high watermark; its write callback goes on.
//
// As long as reading is not enabled here, or paused, the underlying does not
// read either. A filter holds a reference on what lies under it, and both hold
// their common lock, so either may be freed first.
#include <event2/buffer.h>
#include <event2/event.h>

#include "buffer/evbuffer.h"
#include "bufferevent/bufferevent.h"
#include "bufferevent/timers.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

struct FilterBufferevent {
  BuffereventImpl impl;  // first

  bufferevent* underlying;  // holds a reference
  bufferevent_filter_cb filter_in;
  bufferevent_filter_cb filter_out;
  void (*free_context)(void*);
  void* context;

  bool input_left;  // the underlying holds bytes that we had no room for
  // Calls of FilterOut() that are under way: what is added to the output is
  // seen anyway then.
  uint8_t out_depth;
};

static_assert(offsetof(FilterBufferevent, impl) == 0);

// The write callback of what lies underneath may come while we filter, and
// filters on; with much output and a low watermark that must not fill the
// stack. Beyond this the outer calls go on.
constexpr int kMaxOutDepth = 50;

FilterBufferevent* Self(bufferevent* bev) {
  return reinterpret_cast<FilterBufferevent*>(bev);
}

// What a filter does where the program has none.
bufferevent_filter_result PassOn(evbuffer* source, evbuffer* destination,
                                 ev_ssize_t limit_bytes, bufferevent_flush_mode,
                                 void*) {
  size_t bytes = static_cast<size_t>(limit_bytes);  // -1: everything
  return BufferMove(source, destination, bytes) ? BEV_OK : BEV_ERROR;
}

// High watermarks hold back only in normal mode: flushing goes through.
bool IsFull(const evbuffer* buffer, const event_watermark& level,
            bufferevent_flush_mode mode) {
  return mode == BEV_NORMAL && level.high != 0 &&
         buffer->length() >= level.high;
}

bool IsInputFull(const FilterBufferevent* filter, bufferevent_flush_mode mode) {
  return IsFull(filter->impl.face.input, filter->impl.face.wm_read, mode);
}

bool IsUnderlyingFull(const FilterBufferevent* filter,
                      bufferevent_flush_mode mode) {
  return IsFull(filter->underlying->output, filter->underlying->wm_write, mode);
}

// How many bytes a filter may add; -1: any number.
ev_ssize_t RoomIn(const evbuffer* buffer, const event_watermark& level,
                  bufferevent_flush_mode mode) {
  if (mode != BEV_NORMAL || level.high == 0) return -1;
  return static_cast<ev_ssize_t>(level.high - buffer->length());
}

// --- In ----------------------------------------------------------------------

// True when anything was filtered.
bool FilterIn(FilterBufferevent* filter, bufferevent_flush_mode mode) {
  bufferevent* bev = &filter->impl.face;
  evbuffer* source = filter->underlying->input;
  if (mode == BEV_NORMAL &&
      (!(bev->enabled & EV_READ) || IsInputFull(filter, mode))) {
    return false;
  }
  bool any = false;
  bool goes_on;
  do {
    goes_on = filter->filter_in(source, bev->input,
                                RoomIn(bev->input, bev->wm_read, mode), mode,
                                filter->context) == BEV_OK;
    any |= goes_on;
  } while (goes_on && (bev->enabled & EV_READ) && source->length() > 0 &&
           !IsInputFull(filter, mode));
  if (any) TimersRestart(bev, EV_READ);
  return any;
}

void ReadOn(FilterBufferevent* filter) {
  bufferevent* bev = &filter->impl.face;
  if (!FilterIn(filter, BEV_NORMAL)) return;
  Trigger(bev, EV_READ, 0);
  filter->input_left |= filter->underlying->input->length() > 0 &&
                        IsInputFull(filter, BEV_NORMAL);
}

void UnderlyingRead(bufferevent*, void* arg) {
  auto* filter = static_cast<FilterBufferevent*>(arg);
  BuffereventGuard guard(&filter->impl.face);
  if (!filter->impl.ended) ReadOn(filter);
}

// Told by the input of every change of its length.
void FilterInputChanged(evbuffer* input, const evbuffer_cb_info* info,
                        void* arg) {
  auto* bev = static_cast<bufferevent*>(arg);
  FilterBufferevent* filter = Self(bev);
  BuffereventGuard guard(bev);
  InputChanged(input, info, arg);
  if (!filter->input_left || IsInputFull(filter, BEV_NORMAL)) return;
  filter->input_left = false;
  if (filter->underlying->input->length() > 0) ReadOn(filter);
}

// --- Out ---------------------------------------------------------------------

bool MayFilterOut(const FilterBufferevent* filter,
                  bufferevent_flush_mode mode) {
  const bufferevent* bev = &filter->impl.face;
  return (bev->enabled & EV_WRITE) && bev->output->length() > 0 &&
         !IsUnderlyingFull(filter, mode);
}

// Filters as long as it goes. True when the last call said BEV_OK; `*any` is
// set when one did.
bool FilterOutOnce(FilterBufferevent* filter, bufferevent_flush_mode mode,
                   bool* any) {
  bufferevent* bev = &filter->impl.face;
  bufferevent* under = filter->underlying;
  bool goes_on;
  do {
    goes_on = filter->filter_out(bev->output, under->output,
                                 RoomIn(under->output, under->wm_write, mode),
                                 mode, filter->context) == BEV_OK;
    *any |= goes_on;
  } while (goes_on && MayFilterOut(filter, mode));
  return goes_on;
}

// True when anything was filtered, or `any` is given.
bool FilterOut(FilterBufferevent* filter, bufferevent_flush_mode mode,
               bool any = false) {
  bufferevent* bev = &filter->impl.face;
  if (mode == BEV_NORMAL && !MayFilterOut(filter, mode)) return any;
  if (filter->out_depth == kMaxOutDepth) return any;
  ++filter->out_depth;
  bool again;
  do {
    bool some = false;
    bool goes_on = FilterOutOnce(filter, mode, &some);
    any |= some;
    // The program may add more in its write callback.
    if (some) Trigger(bev, EV_WRITE, 0);
    again = some && goes_on && MayFilterOut(filter, mode);
  } while (again);
  --filter->out_depth;
  if (any) TimersRestart(bev, EV_WRITE);
  return any;
}

// Told by the output of every change of its length.
void FilterOutputChanged(evbuffer*, const evbuffer_cb_info* info, void* arg) {
  auto* bev = static_cast<bufferevent*>(arg);
  if (info->n_added == 0 || Self(bev)->out_depth > 0) return;
  BuffereventGuard guard(bev);
  FilterOut(Self(bev), BEV_NORMAL);
}

void UnderlyingWritten(bufferevent*, void* arg) {
  auto* filter = static_cast<FilterBufferevent*>(arg);
  BuffereventGuard guard(&filter->impl.face);
  if (!filter->impl.ended) FilterOut(filter, BEV_NORMAL);
}

// --- What happens under the filter happens to it -----------------------------

void UnderlyingEvent(bufferevent*, short what, void* arg) {
  auto* filter = static_cast<FilterBufferevent*>(arg);
  bufferevent* bev = &filter->impl.face;
  BuffereventGuard guard(bev);
  if (filter->impl.ended) return;
  RunEventCallback(bev, what, 0);
}

// --- The table ---------------------------------------------------------------

int Enable(bufferevent* bev, short events) {
  int result = TimersRestart(bev, events);
  if (events & EV_READ) ResumeRead(Self(bev)->underlying, kSuspendFilter);
  return result;
}

int Disable(bufferevent* bev, short events) {
  int result = TimersStop(bev, events);
  if (events & EV_READ) SuspendRead(Self(bev)->underlying, kSuspendFilter);
  return result;
}

void Detach(bufferevent* bev) {
  FilterBufferevent* filter = Self(bev);
  bufferevent* under = filter->underlying;
  TimersDetach(bev);
  if (filter->impl.options & BEV_OPT_CLOSE_ON_FREE) {
    if (ImplOf(under)->refs > 1) {
      bufferevent_free(under);
      return;
    }
    LogWarn("bufferevent: what lies under a filter was freed before it");
    return;
  }
  if (under->cbarg == filter && under->errorcb == UnderlyingEvent) {
    bufferevent_setcb(under, nullptr, nullptr, nullptr, nullptr);
  }
  ResumeRead(under, kSuspendFilter);
}

void Destroy(bufferevent* bev) {
  FilterBufferevent* filter = Self(bev);
  if (filter->free_context != nullptr) filter->free_context(filter->context);
  BuffereventDecref(filter->underlying);
}

// What the filters let through goes on to what lies underneath, which is then
// flushed too.
int Flush(bufferevent* bev, short events, bufferevent_flush_mode mode) {
  FilterBufferevent* filter = Self(bev);
  BuffereventGuard guard(bev);
  bool any = (events & EV_READ) && FilterIn(filter, mode);
  // What came in also counts for the write timeout.
  if (events & EV_WRITE) any = FilterOut(filter, mode, any);
  bufferevent_flush(filter->underlying, events, mode);
  return any ? 1 : 0;
}

int SetFd(bufferevent* bev, evutil_socket_t fd) {
  return bufferevent_setfd(Self(bev)->underlying, fd);
}

evutil_socket_t GetFd(const bufferevent* bev) {
  return bufferevent_getfd(Self(const_cast<bufferevent*>(bev))->underlying);
}

bufferevent* GetUnderlying(bufferevent* bev) { return Self(bev)->underlying; }

constinit const bufferevent_ops kFilterOps = {
    .name = "filter",
    .enable = Enable,
    .disable = Disable,
    .detach = Detach,
    .destroy = Destroy,
    .timeouts_changed = TimersChanged,
    .flush = Flush,
    .set_fd = SetFd,
    .get_fd = GetFd,
    .get_underlying = GetUnderlying,
    .set_base = nullptr,
    .set_priority = nullptr,
};

// One lock for the filter and all that lies under it, if any of them has one.
void ShareLock(bufferevent* bev, bufferevent* under) {
  SharedLock* lock = ImplOf(bev)->lock;
  if (lock == nullptr) {
    SharedLock* theirs = ImplOf(under)->lock;
    if (theirs != nullptr) BuffereventShareLock(bev, theirs);
    return;
  }
  while (under != nullptr && ImplOf(under)->lock == nullptr) {
    BuffereventShareLock(under, lock);
    under = bufferevent_get_underlying(under);
  }
}

}  // namespace

}  // namespace evoke

extern "C" {

bufferevent* bufferevent_filter_new(bufferevent* underlying,
                                    bufferevent_filter_cb input_filter,
                                    bufferevent_filter_cb output_filter,
                                    int options, void (*free_context)(void*),
                                    void* ctx) {
  using namespace evoke;
  if (underlying == nullptr) return nullptr;
  // Other kinds are refused then.
  if (!LocksAreOn()) options &= ~BEV_OPT_THREADSAFE;
  auto* filter = static_cast<FilterBufferevent*>(
      AllocateZeroed(1, sizeof(FilterBufferevent)));
  if (filter == nullptr) return nullptr;
  if (!BuffereventInit(&filter->impl, underlying->ev_base, &kFilterOps, options,
                       ImplOf(underlying)->lock)) {
    Free(filter);
    return nullptr;
  }
  filter->underlying = underlying;
  filter->filter_in = input_filter != nullptr ? input_filter : PassOn;
  filter->filter_out = output_filter != nullptr ? output_filter : PassOn;
  filter->free_context = free_context;
  filter->context = ctx;
  bufferevent* bev = &filter->impl.face;
  TimersInit(bev);
  BufferSetWatcher(bev->input, FilterInputChanged, bev);
  BufferSetWatcher(bev->output, FilterOutputChanged, bev);
  ShareLock(bev, underlying);
  BuffereventLock lock(underlying);
  bufferevent_incref(underlying);
  bufferevent_setcb(underlying, UnderlyingRead, UnderlyingWritten,
                    UnderlyingEvent, filter);
  SuspendRead(underlying, kSuspendFilter);
  bufferevent_enable(underlying, EV_READ | EV_WRITE);
  return bev;
}

}  // extern "C"
