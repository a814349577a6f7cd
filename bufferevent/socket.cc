// SPDX-License-Identifier: BSD-3-Clause
//
// The bufferevent of a socket: how bytes come in and go out.
//
// In:   ev_read fires -> one readv() into the input -> the read callback.
//       Never a second read to learn that there is no more: the loop tells.
//
// Out:  the program adds to the output -> the bufferevent goes on the flush
//       list of its loop -> step 2 of the next turn: one writev() without
//       asking whether the socket is writable. Only when the kernel takes less
//       than there is, ev_write waits for writability and goes on from there.
//       What a direct write has to tell the program is put into the active
//       queue (`written`), since no callback may run in step 2.
//
// Each of these begins by taking the lock, and looks whether it is still
// wanted.
//
// ev_write also waits after EV_WRITE was enabled: programs start to send from
// the write callback that comes of it, with an empty output.
#include "bufferevent/socket.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/util.h>

#include "buffer/evbuffer.h"
#include "bufferevent/rate_limit.h"
#include "event/deferred.h"
#include "event/event_base.h"
#include "util/log.h"
#include "util/memory.h"
#include "util/socket.h"

namespace evoke {

namespace {

static_assert(offsetof(SocketBufferevent, impl) == 0);

SocketBufferevent* Self(bufferevent* bev) {
  return reinterpret_cast<SocketBufferevent*>(bev);
}

// Whether one of its two events waits for the fd. The flags of an event belong
// to its base, whose loop may be another thread's.
bool IsWaiting(const bufferevent* bev, const event& ev) {
  if (ABSL_PREDICT_FALSE(ImplOf(bev)->lock != nullptr)) {
    return event_pending(&ev, EV_READ | EV_WRITE, nullptr) != 0;
  }
  return (ev.ev_evcallback.evcb_flags & EVLIST_INSERTED) != 0;
}

// The base whose flush list and active queues its I/O uses.
event_base* LoopOf(const bufferevent* bev) { return bev->ev_write.ev_base; }

void ListForFlush(bufferevent* bev) {
  Self(bev)->flush_wanted = true;
  FlushSoon(LoopOf(bev), &Self(bev)->flush);
}

void UnlistFromFlush(bufferevent* bev) {
  if (!Self(bev)->flush_wanted) return;
  Self(bev)->flush_wanted = false;
  FlushCancel(LoopOf(bev), &Self(bev)->flush);
}

// Whether the loop's call for `ev` came too late: another thread got the lock
// first, and has ended, disabled or paused what it was for.
bool IsTooLate(const bufferevent* bev, const event& ev, evutil_socket_t fd) {
  const BuffereventImpl* impl = ImplOf(bev);
  if (ABSL_PREDICT_TRUE(impl->lock == nullptr)) return false;
  if (impl->ended || ev.ev_fd != fd) return true;
  if (&ev == &bev->ev_read) {
    return !(bev->enabled & EV_READ) || impl->read_suspended != 0;
  }
  if (reinterpret_cast<const SocketBufferevent*>(bev)->connecting) return false;
  return !(bev->enabled & EV_WRITE) || impl->write_suspended != 0;
}

bool MayWrite(const bufferevent* bev) {
  return (bev->enabled & EV_WRITE) && ImplOf(bev)->write_suspended == 0;
}

int AddWithTimeout(event* ev, const timeval& timeout) {
  return event_add(ev, evutil_timerisset(&timeout) ? &timeout : nullptr);
}

// --- In ----------------------------------------------------------------------

// Reading is over: disables it and tells why.
void StopReading(bufferevent* bev, short why, int error) {
  bufferevent_disable(bev, EV_READ);
  errno = error;
  RunEventCallback(bev, BEV_EVENT_READING | why, 0);
}

void ReadReady(evutil_socket_t fd, short what, void* arg) {
  auto* bev = static_cast<bufferevent*>(arg);
  BuffereventGuard guard(bev);
  if (IsTooLate(bev, bev->ev_read, fd)) return;
  if (what == EV_TIMEOUT) {
    StopReading(bev, BEV_EVENT_TIMEOUT, errno);
    return;
  }
  size_t limit_bytes = ReadLimit(bev);
  if (ImplOf(bev)->read_suspended != 0) return;
  if (limit_bytes == 0) {
    SuspendRead(bev, kSuspendWatermark);
    return;
  }

  bev->input->end_frozen = true;
  ssize_t bytes = BufferReadFd(bev->input, fd, limit_bytes);
  if (ABSL_PREDICT_TRUE(bytes > 0)) {
    CountRead(bev, static_cast<size_t>(bytes));
    Trigger(bev, EV_READ, 0);
  } else if (bytes == 0) {
    StopReading(bev, BEV_EVENT_EOF, errno);
  } else if (errno == ECONNREFUSED) {
    // The connect's error: told when ev_write finds out.
    Self(bev)->refused = true;
  } else if (!IsIoRetriable(errno)) {
    StopReading(bev, BEV_EVENT_ERROR, errno);
  }
}

// --- Out, when the loop says that the socket is writable ---------------------

void StopWriting(bufferevent* bev, short why, int error) {
  bufferevent_disable(bev, EV_WRITE);
  errno = error;
  RunEventCallback(bev, BEV_EVENT_WRITING | why, 0);
}

// Writes what one call may, and tells the program. `is_news` is false when an
// output that was empty already is not worth a callback.
void WriteOutput(bufferevent* bev, bool is_news) {
  size_t limit_bytes = WriteLimit(bev);
  if (ImplOf(bev)->write_suspended != 0) return;
  bev->output->start_frozen = true;
  if (bev->output->length() > 0) {
    ssize_t bytes =
        BufferWriteFd(bev->output, bev->ev_write.ev_fd, limit_bytes);
    if (bytes < 0 && IsIoRetriable(errno)) {
      if (!IsWaiting(bev, bev->ev_write) && WaitForWritable(bev) < 0) {
        StopWriting(bev, BEV_EVENT_ERROR, errno);
      }
      return;
    }
    if (bytes <= 0) {
      StopWriting(bev, bytes == 0 ? BEV_EVENT_EOF : BEV_EVENT_ERROR, errno);
      return;
    }
    CountWritten(bev, static_cast<size_t>(bytes));
    is_news = true;
  }
  if (bev->output->length() == 0) {
    event_del_noblock(&bev->ev_write);
  } else if (MayWrite(bev) && !IsWaiting(bev, bev->ev_write) &&
             WaitForWritable(bev) < 0) {
    StopWriting(bev, BEV_EVENT_ERROR, errno);
    return;
  }
  if (is_news) Trigger(bev, EV_WRITE, 0);
}

void WriteReady(evutil_socket_t fd, short what, void* arg) {
  auto* bev = static_cast<bufferevent*>(arg);
  BuffereventGuard guard(bev);
  if (IsTooLate(bev, bev->ev_write, fd)) return;
  if (what == EV_TIMEOUT) {
    StopWriting(bev, BEV_EVENT_TIMEOUT, errno);
    return;
  }
  bool was_connecting = Self(bev)->connecting;
  if (was_connecting && !ConnectBecameWritable(Self(bev))) return;
  // The callback may have changed the fd, or let the bufferevent go.
  if (bev->ev_write.ev_fd != fd || guard.is_last()) return;
  WriteOutput(bev, /*is_news=*/!was_connecting);
}

// --- Out, directly -----------------------------------------------------------

SocketBufferevent* OfFlushItem(FlushItem* item) {
  return reinterpret_cast<SocketBufferevent*>(
      reinterpret_cast<char*>(item) - offsetof(SocketBufferevent, flush));
}

void ActivateWritten(SocketBufferevent* socket, WrittenTask task) {
  socket->written_task = task;
  socket->written_wanted = true;
  ActivateCallback(LoopOf(&socket->impl.face), &socket->written);
}

void ActivateError(SocketBufferevent* socket, int error) {
  socket->write_errno = error;
  ActivateWritten(socket, WrittenTask::kTellError);
}

// Step 2 of a turn. Runs nothing of the program. True when bytes went out.
bool FlushOutput(FlushItem* item) {
  SocketBufferevent* socket = OfFlushItem(item);
  bufferevent* bev = &socket->impl.face;
  // Beside callbacks on the output only the cleanup of foreign memory that was
  // written can call the program here; it may even disable or free the
  // bufferevent.
  BuffereventGuard guard(bev);
  if (!socket->flush_wanted) return false;
  socket->flush_wanted = false;
  evbuffer* output = bev->output;
  if (output->callbacks != nullptr) {
    // Writing would call them, so it has to be done from the active queue.
    ActivateWritten(socket, WrittenTask::kTellAndWrite);
    return false;
  }
  size_t limit_bytes = WriteLimit(bev);
  if (limit_bytes == 0) return false;  // paused by that
  ssize_t bytes = BufferWriteFd(output, bev->ev_write.ev_fd, limit_bytes);
  if (bytes < 0 && !IsIoRetriable(errno)) {
    ActivateError(socket, errno);
    return false;
  }
  if (bytes > 0) CountWritten(bev, static_cast<size_t>(bytes));
  if (guard.is_last() || !(bev->enabled & EV_WRITE)) return bytes > 0;
  bool is_empty = output->length() == 0;
  if (!is_empty && ImplOf(bev)->write_suspended == 0) {
    if (bytes >= static_cast<ssize_t>(limit_bytes)) {
      // The socket may take more, but this was the turn's share.
      ListForFlush(bev);
    } else if (WaitForWritable(bev) < 0) {
      ActivateError(socket, errno);
      return bytes > 0;
    }
  }
  if (bytes > 0 && bev->writecb != nullptr &&
      output->length() <= bev->wm_write.low) {
    ActivateWritten(socket,
                    is_empty ? WrittenTask::kTellAndWrite : WrittenTask::kTell);
  }
  return bytes > 0;
}

void RunWritten(event_callback*, void* arg) {
  auto* socket = static_cast<SocketBufferevent*>(arg);
  bufferevent* bev = &socket->impl.face;
  BuffereventGuard guard(bev);
  if (!socket->written_wanted) return;
  socket->written_wanted = false;
  switch (socket->written_task) {
    case WrittenTask::kTell:
      Trigger(bev, EV_WRITE, 0);
      break;
    case WrittenTask::kTellAndWrite:
      UnlistFromFlush(bev);
      if (ImplOf(bev)->write_suspended != 0 && bev->output->length() == 0) {
        Trigger(bev, EV_WRITE, 0);  // it was paused after the last byte
      } else {
        WriteOutput(bev, /*is_news=*/true);
      }
      break;
    case WrittenTask::kTellError:
      StopWriting(bev, BEV_EVENT_ERROR, socket->write_errno);
      break;
  }
}

// Told by the output of every change of its length.
void OutputChanged(evbuffer*, const evbuffer_cb_info* info, void* arg) {
  auto* bev = static_cast<bufferevent*>(arg);
  if (info->n_added == 0 || !(bev->enabled & EV_WRITE) ||
      ImplOf(bev)->write_suspended != 0 || IsWaiting(bev, bev->ev_write)) {
    return;
  }
  // Without an fd nothing can go out, but the write timeout runs.
  if (Self(bev)->connecting || bev->ev_write.ev_fd < 0) {
    if (WaitForWritable(bev) < 0) ActivateError(Self(bev), errno);
  } else {
    ListForFlush(bev);
  }
}

// Takes back whatever is under way to write directly.
void CancelDirectWrite(bufferevent* bev) {
  SocketBufferevent* socket = Self(bev);
  // Where other threads are, what is wanted no more may have been scheduled
  // again while the loop was about to call it.
  bool may_be_scheduled = socket->flush_wanted || socket->written_wanted ||
                          socket->impl.lock != nullptr;
  socket->flush_wanted = socket->written_wanted = false;
  if (!may_be_scheduled || HasLostBase(bev)) return;
  FlushCancel(LoopOf(bev), &socket->flush);
  DeferredCancel(LoopOf(bev), &socket->written);
}

// --- The table ---------------------------------------------------------------

int Enable(bufferevent* bev, short events) {
  if (events & EV_READ) {
    // Of two events on one fd the later runs first; so a write that came before
    // has to wait for writability, or its callback would overtake.
    if (Self(bev)->flush_wanted && !IsWaiting(bev, bev->ev_read)) {
      if (WaitForWritable(bev) < 0) return -1;
      UnlistFromFlush(bev);
    }
    if (AddWithTimeout(&bev->ev_read, bev->timeout_read) < 0) return -1;
  }
  if ((events & EV_WRITE) && !Self(bev)->flush_wanted) {
    return WaitForWritable(bev);
  }
  return 0;
}

int Disable(bufferevent* bev, short events) {
  if ((events & EV_READ) && event_del_noblock(&bev->ev_read) < 0) return -1;
  // How the connect goes has to be found out in any case.
  if ((events & EV_WRITE) && !Self(bev)->connecting) {
    // Paused by a limit, it still tells what was written.
    if (bev->enabled & EV_WRITE) {
      UnlistFromFlush(bev);
    } else {
      CancelDirectWrite(bev);
    }
    return event_del_noblock(&bev->ev_write);
  }
  return 0;
}

void Detach(bufferevent* bev) {
  CancelDirectWrite(bev);
  event_del_noblock(&bev->ev_read);
  event_del_noblock(&bev->ev_write);
}

void Destroy(bufferevent* bev) {
  if (!(ImplOf(bev)->options & BEV_OPT_CLOSE_ON_FREE)) return;
  if (!HasLostBase(bev)) TellBeforeClose(LoopOf(bev), bev->ev_read.ev_fd);
  CloseKeepingErrno(bev->ev_read.ev_fd);
}

int AdjustTimer(const bufferevent* bev, event* ev, const timeval& timeout) {
  if (!IsWaiting(bev, *ev)) return 0;
  if (evutil_timerisset(&timeout)) return event_add(ev, &timeout);
  return event_remove_timer(ev);
}

int TimeoutsChanged(bufferevent* bev) {
  int read_result = AdjustTimer(bev, &bev->ev_read, bev->timeout_read);
  int write_result = AdjustTimer(bev, &bev->ev_write, bev->timeout_write);
  return read_result < 0 || write_result < 0 ? -1 : 0;
}

int Flush(bufferevent*, short, bufferevent_flush_mode) { return 0; }

int SetFd(bufferevent* bev, evutil_socket_t fd) {
  // A descriptor that cannot be waited for is told by the log, as in libevent;
  // want of memory is an error.
  errno = 0;
  return SocketSetFd(bev, fd) < 0 && errno == ENOMEM ? -1 : 0;
}

evutil_socket_t GetFd(const bufferevent* bev) { return bev->ev_read.ev_fd; }

// REQUIRES: `written` is in no queue.
void FollowPriority(bufferevent* bev) {
  DeferredSetPriority(&Self(bev)->written,
                      bev->ev_write.ev_evcallback.evcb_pri);
}

int SetBase(bufferevent* bev, event_base* base) {
  // Output that waits to be written holds it, as ev_write would.
  if (Self(bev)->flush_wanted || Self(bev)->written_wanted) return -1;
  event_base* old_base = bev->ev_read.ev_base;
  auto old_priority = bev->ev_read.ev_evcallback.evcb_pri;
  if (event_base_set(base, &bev->ev_read) < 0) return -1;
  CancelDirectWrite(bev);  // while LoopOf() is still the old one
  if (event_base_set(base, &bev->ev_write) < 0) {
    bev->ev_read.ev_base = old_base;
    bev->ev_read.ev_evcallback.evcb_pri = old_priority;
    return -1;
  }
  FollowPriority(bev);
  return 0;
}

int SetPriority(bufferevent* bev, int priority) {
  if (event_priority_set(&bev->ev_read, priority) < 0 ||
      event_priority_set(&bev->ev_write, priority) < 0) {
    return -1;
  }
  DeferredCancel(LoopOf(bev), &Self(bev)->written);
  FollowPriority(bev);
  if (Self(bev)->written_wanted) {
    ActivateCallback(LoopOf(bev), &Self(bev)->written);
  }
  CallbacksSetPriority(bev, static_cast<uint8_t>(priority));
  return 0;
}

// EV_FINALIZE: nobody who deletes them, not even a program by the public
// struct, waits for their callbacks, which want the lock.
void AssignEvents(bufferevent* bev, event_base* base, evutil_socket_t fd) {
  constexpr short kAlways = EV_PERSIST | EV_FINALIZE;
  event_assign(&bev->ev_read, base, fd, EV_READ | kAlways, ReadReady, bev);
  event_assign(&bev->ev_write, base, fd, EV_WRITE | kAlways, WriteReady, bev);
  FollowPriority(bev);
}

}  // namespace

constinit const bufferevent_ops kSocketOps = {
    .name = "socket",
    .enable = Enable,
    .disable = Disable,
    .detach = Detach,
    .destroy = Destroy,
    .timeouts_changed = TimeoutsChanged,
    .flush = Flush,
    .set_fd = SetFd,
    .get_fd = GetFd,
    .get_underlying = nullptr,
    .set_base = SetBase,
    .set_priority = SetPriority,
};

const bufferevent* OwnerOf(const event& ev) {
  auto callback = ev.ev_evcallback.evcb_cb_union.evcb_callback;
  if (callback != ReadReady && callback != WriteReady) return nullptr;
  return static_cast<const bufferevent*>(ev.ev_evcallback.evcb_arg);
}

SocketBufferevent* SocketOf(bufferevent* bev, const char* function) {
  if (IsMissing(bev, function)) return nullptr;
  if (bev->be_ops != &kSocketOps) {
    LogWarn("%s: a bufferevent of kind %s has no socket", function,
            bev->be_ops->name);
    return nullptr;
  }
  return Self(bev);
}

int WaitForWritable(bufferevent* bev) {
  return AddWithTimeout(&bev->ev_write, bev->timeout_write);
}

int SocketSetFd(bufferevent* bev, evutil_socket_t fd) {
  CancelDirectWrite(bev);
  event_del_noblock(&bev->ev_read);
  event_del_noblock(&bev->ev_write);
  // Between here and the first byte a program may put into the input what it
  // has read from the fd by itself.
  evbuffer_unfreeze(bev->input, 0);
  evbuffer_unfreeze(bev->output, 1);
  AssignEvents(bev, LoopOf(bev), fd);
  return fd >= 0 ? bufferevent_enable(bev, bev->enabled) : 0;
}

}  // namespace evoke

extern "C" {

bufferevent* bufferevent_socket_new(event_base* base, evutil_socket_t fd,
                                    int options) {
  auto* socket = static_cast<evoke::SocketBufferevent*>(
      evoke::AllocateZeroed(1, sizeof(evoke::SocketBufferevent)));
  if (socket == nullptr) return nullptr;
  if (!evoke::BuffereventInit(&socket->impl, base, &evoke::kSocketOps,
                              options)) {
    evoke::Free(socket);
    return nullptr;
  }
  bufferevent* bev = &socket->impl.face;
  socket->flush.flush = evoke::FlushOutput;
  evoke::DeferredInit(&socket->written, 0, evoke::RunWritten, socket);
  evoke::AssignEvents(bev, base, fd);
  evoke::BufferSetWatcher(bev->output, evoke::OutputChanged, bev);
  evbuffer_freeze(bev->input, 0);
  evbuffer_freeze(bev->output, 1);
  return bev;
}

}  // extern "C"
