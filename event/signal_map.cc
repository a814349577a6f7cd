// SPDX-License-Identifier: BSD-3-Clause
#include "event/signal_map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "event/debug_mode.h"
#include "event/event_base.h"
#include "event/fork.h"
#include "util/intrusive_list.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

// Which base handles signals, and what was counted for which, is guarded by
// this; comes after the lock of a base.
Mutex& SignalLock() { return GlobalLock(Global::kSignals); }

// What the handler, which may run at any moment on any thread, looks at.
// Ints, read and written by lock-free atomics alone.
int g_deliveries[NSIG];           // to the base that handles, not yet seen
int g_orphans[NSIG];              // in a child, before its base has a pipe
int g_write_fd = -1;              // of the pipe of the base that handles
uint64_t g_write_fd_owner = 0;    // the process that the pipe belongs to
SignalMap* g_handling = nullptr;  // whose pipe that is

auto& LinkOf(event* ev) { return ev->ev_.ev_signal.ev_signal_next; }
using EventsOnSignal = Stack<event, LinkOf>;

template <typename T>
T Load(const T& from) {
  return __atomic_load_n(&from, __ATOMIC_ACQUIRE);
}
template <typename T>
void Store(T& to, T value) {
  __atomic_store_n(&to, value, __ATOMIC_RELEASE);
}

// One byte wakes the loop; a full pipe wakes it as well, so that its error does
// not matter.
void Wake(int fd) {
  char byte = 0;
  ssize_t ignored = write(fd, &byte, 1);
  static_cast<void>(ignored);
}

void OnSignal(int signal) {
  int saved_errno = errno;
  // In a fork's child the pipe is the parent's, and so are the deliveries that
  // were counted before; new ones wait until the child's base has its own pipe.
  if (*g_process_token == Load(g_write_fd_owner)) {
    __atomic_fetch_add(&g_deliveries[signal], 1, __ATOMIC_ACQ_REL);
    int fd = Load(g_write_fd);
    if (fd >= 0) Wake(fd);
  } else {
    __atomic_fetch_add(&g_orphans[signal], 1, __ATOMIC_ACQ_REL);
  }
  errno = saved_errno;
}

int Take(int& deliveries) {
  return __atomic_exchange_n(&deliveries, 0, __ATOMIC_ACQ_REL);
}

bool AnyDelivery() {
  for (const int& deliveries : g_deliveries) {
    if (Load(deliveries) != 0) return true;
  }
  return false;
}

}  // namespace

SignalMap::~SignalMap() { Close(); }

int SignalMap::Add(event* ev) {
  int signal = ev->ev_fd;
  if (signal < 0 || signal >= NSIG) {
    errno = EINVAL;
    return -1;
  }
  if (events_[signal] == nullptr && Handle(signal) < 0) return -1;
  EventsOnSignal::Push(&events_[signal], ev);
  MutexLock lock(SignalLock());
  ++count_;
  return 0;
}

int SignalMap::Remove(event* ev) {
  EventsOnSignal::Remove(ev);
  {
    MutexLock lock(SignalLock());
    --count_;
  }
  return events_[ev->ev_fd] == nullptr ? Unhandle(ev->ev_fd) : 0;
}

void SignalMap::Activate(int signal, short ncalls) {
  if (signal < 0 || signal >= NSIG) return;
  for (event* ev = events_[signal]; ev != nullptr;
       ev = EventsOnSignal::Next(ev)) {
    ActivateEvent(ev, EV_SIGNAL, ncalls);
  }
}

void SignalMap::OnPipeReadable(evutil_socket_t fd, short, void* arg) {
  auto* self = static_cast<SignalMap*>(arg);
  char bytes[256];
  ssize_t got;
  do {
    got = read(fd, bytes, sizeof(bytes));
  } while (got == static_cast<ssize_t>(sizeof(bytes)));
  if (got < 0 && errno != EAGAIN && errno != EINTR) {
    LogWarnErrno("%s: read", __func__);
  }
  MutexLock base_lock(self->base_->lock);
  int taken[NSIG];
  {
    MutexLock lock(SignalLock());
    if (g_handling == self) self->KeepDeliveries();
    memcpy(taken, self->deliveries_, sizeof(taken));
    memset(self->deliveries_, 0, sizeof(taken));
  }
  for (int signal = 0; signal < NSIG; ++signal) {
    int deliveries = taken[signal];
    if (deliveries == 0) continue;
    if (deliveries > SHRT_MAX) deliveries = SHRT_MAX;
    self->Activate(signal, static_cast<short>(deliveries));
  }
}

bool SignalMap::KeepDeliveries() {
  bool any = false;
  for (int signal = 0; signal < NSIG; ++signal) {
    if (Load(g_deliveries[signal]) == 0) continue;
    deliveries_[signal] += Take(g_deliveries[signal]);
    any = true;
  }
  return any;
}

void SignalMap::TakeOver() {
  if (ABSL_PREDICT_TRUE(pipe_[0] < 0)) return;
  MutexLock lock(SignalLock());
  if (g_handling == this) return;
  // What came while another base handled signals is that base's.
  // The byte of one that a handler counts right now may go into our pipe.
  if (g_handling != nullptr && g_handling->KeepDeliveries()) Wake(g_write_fd);
  Store(g_write_fd_owner, base_->owner);
  Store(g_write_fd, pipe_[1]);
  g_handling = this;
  if (AnyDelivery()) Wake(pipe_[1]);
}

int SignalMap::Forked() {
  if (signal_fd_.is_open()) return signal_fd_.Forked();
  if (pipe_[0] < 0 && !pipe_is_lost_) return 0;
  // The old ends are closed here only; the parent has its own.
  {
    MutexLock lock(SignalLock());
    if (g_handling == this) {
      handling_is_lost_ = true;
      Store(g_write_fd, -1);
      g_handling = nullptr;
      for (int& deliveries : g_deliveries) Store(deliveries, 0);
    }
    for (int signal = 0; handling_is_lost_ && signal < NSIG; ++signal) {
      __atomic_fetch_add(&g_deliveries[signal], Take(g_orphans[signal]),
                         __ATOMIC_ACQ_REL);
    }
    // What came before the fork came to the parent.
    for (int& deliveries : deliveries_) deliveries = 0;
  }
  if (pipe_[0] >= 0) {
    DeleteEvent(&pipe_event_);
    close(pipe_[0]);
    close(pipe_[1]);
    pipe_[0] = pipe_[1] = -1;
  }
  pipe_is_lost_ = OpenPipe() < 0;
  if (pipe_is_lost_) return -1;
  if (handling_is_lost_) TakeOver();
  handling_is_lost_ = false;
  return 0;
}

void SignalMap::Close() {
  signal_fd_.Close();
  for (int signal = 0; signal < NSIG; ++signal) {
    if (old_actions_[signal] != nullptr) Unhandle(signal);
  }
  {
    MutexLock lock(SignalLock());
    if (g_handling == this) {
      Store(g_write_fd, -1);
      g_handling = nullptr;
      KeepDeliveries();  // lest the next base gets them
    }
  }
  for (int& fd : pipe_) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  DebugForget(&pipe_event_);
}

int SignalMap::OpenPipe() {
  if (pipe2(pipe_, O_NONBLOCK | O_CLOEXEC) < 0) {
    LogWarnErrno("%s: pipe", __func__);
    pipe_[0] = pipe_[1] = -1;
    return -1;
  }
  event_assign(&pipe_event_, base_, pipe_[0], EV_READ | EV_PERSIST,
               OnPipeReadable, this);
  MakeInternal(&pipe_event_);
  pipe_event_.ev_evcallback.evcb_pri = 0;
  if (AddEvent(&pipe_event_, nullptr, TimeoutIs::kRelative) == 0) return 0;
  close(pipe_[0]);
  close(pipe_[1]);
  pipe_[0] = pipe_[1] = -1;
  return -1;
}

int SignalMap::Handle(int signal) {
  if (signal_fd_.is_open()) return signal_fd_.Handle(signal);
  if (pipe_[0] < 0 && OpenPipe() < 0) return -1;
  auto* old_action = static_cast<struct sigaction*>(
      AllocateZeroed(1, sizeof(struct sigaction)));
  if (old_action == nullptr) {
    LogWarnErrno("%s: old disposition", __func__);
    return -1;
  }
  const event_base* other = nullptr;
  {
    MutexLock lock(SignalLock());
    if (g_handling != nullptr && g_handling != this && g_handling->count_ > 0) {
      other = g_handling->base_;
    }
  }
  if (other != nullptr) {
    LogWarn(
        "A signal was added to base %p while base %p handles signals. Only one "
        "base can at a time: the last one that added a signal or ran its loop.",
        static_cast<const void*>(base_), static_cast<const void*>(other));
  }
  TakeOver();

  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  if (sigaction(signal, &action, old_action) < 0) {
    LogWarnErrno("sigaction");
    Free(old_action);
    return -1;
  }
  old_actions_[signal] = old_action;
  return 0;
}

int SignalMap::Unhandle(int signal) {
  if (signal_fd_.is_open()) return signal_fd_.Unhandle(signal);
  struct sigaction* old_action = old_actions_[signal];
  if (old_action == nullptr) return 0;
  old_actions_[signal] = nullptr;
  int result = sigaction(signal, old_action, nullptr);
  if (result < 0) LogWarnErrno("sigaction");
  Free(old_action);
  return result;
}

}  // namespace evoke
