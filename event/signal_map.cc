// SPDX-License-Identifier: BSD-3-Clause
#include "event/signal_map.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "event/event_base.h"
#include "event/fork.h"
#include "util/intrusive_list.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

// What the handler, which may run at any moment on any thread, looks at.
// Ints, read and written by lock-free atomics alone.
int g_deliveries[NSIG];           // not yet seen by a loop
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
  __atomic_fetch_add(&g_deliveries[signal], 1, __ATOMIC_ACQ_REL);
  int fd = Load(g_write_fd);
  // In a fork's child the pipe is the parent's: the delivery stays counted
  // until the child's base has a pipe of its own.
  if (fd >= 0 && *g_process_token == Load(g_write_fd_owner)) Wake(fd);
  errno = saved_errno;
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
  ++count_;
  return 0;
}

int SignalMap::Remove(event* ev) {
  EventsOnSignal::Remove(ev);
  --count_;
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
  for (int signal = 0; signal < NSIG; ++signal) {
    if (Load(g_deliveries[signal]) == 0) continue;
    int deliveries =
        __atomic_exchange_n(&g_deliveries[signal], 0, __ATOMIC_ACQ_REL);
    if (deliveries > SHRT_MAX) deliveries = SHRT_MAX;
    self->Activate(signal, static_cast<short>(deliveries));
  }
}

void SignalMap::TakeOver() {
  if (pipe_[0] < 0 || g_handling == this) return;
  Store(g_write_fd_owner, base_->owner);
  Store(g_write_fd, pipe_[1]);
  g_handling = this;
  if (AnyDelivery()) Wake(pipe_[1]);
}

int SignalMap::Forked() {
  if (pipe_[0] < 0) return 0;
  // The old ends are closed here only; the parent has its own.
  bool handling = g_handling == this;
  if (handling) {
    Store(g_write_fd, -1);
    g_handling = nullptr;
  }
  DeleteEvent(&pipe_event_);
  close(pipe_[0]);
  close(pipe_[1]);
  pipe_[0] = pipe_[1] = -1;
  if (OpenPipe() < 0) return -1;
  if (handling) TakeOver();
  return 0;
}

void SignalMap::Close() {
  for (int signal = 0; signal < NSIG; ++signal) {
    if (old_actions_[signal] != nullptr) Unhandle(signal);
  }
  if (g_handling == this) {
    Store(g_write_fd, -1);
    g_handling = nullptr;
  }
  for (int& fd : pipe_) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
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
  event_priority_set(&pipe_event_, 0);
  if (AddEvent(&pipe_event_, nullptr, TimeoutIs::kRelative) == 0) return 0;
  close(pipe_[0]);
  close(pipe_[1]);
  pipe_[0] = pipe_[1] = -1;
  return -1;
}

int SignalMap::Handle(int signal) {
  if (pipe_[0] < 0 && OpenPipe() < 0) return -1;
  auto* old_action = static_cast<struct sigaction*>(
      AllocateZeroed(1, sizeof(struct sigaction)));
  if (old_action == nullptr) {
    LogWarnErrno("%s: old disposition", __func__);
    return -1;
  }
  if (g_handling != nullptr && g_handling != this && g_handling->count_ > 0) {
    LogWarn(
        "A signal was added to base %p while base %p handles signals. Only one "
        "base can at a time: the last one that added a signal or ran its loop.",
        static_cast<void*>(base_), static_cast<void*>(g_handling->base_));
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
  struct sigaction* old_action = old_actions_[signal];
  if (old_action == nullptr) return 0;
  old_actions_[signal] = nullptr;
  int result = sigaction(signal, old_action, nullptr);
  if (result < 0) LogWarnErrno("sigaction");
  Free(old_action);
  return result;
}

}  // namespace evoke
