// SPDX-License-Identifier: BSD-3-Clause
#include "event/signal_fd.h"

#include <errno.h>
#include <limits.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "event/debug_mode.h"
#include "event/event_base.h"
#include "util/log.h"

namespace evoke {

namespace {

int OpenSignalFd(int fd, const sigset_t& signals) {
  return signalfd(fd, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

// The set of one signal. False, with errno set, where there is none such, or
// where nobody can watch it.
bool MakeSet(int signal, sigset_t* set) {
  sigemptyset(set);
  if (sigaddset(set, signal) < 0) return false;
  if (signal != SIGKILL && signal != SIGSTOP) return true;
  errno = EINVAL;
  return false;
}

int SetThreadMask(int how, const sigset_t& set, sigset_t* before) {
  int error = pthread_sigmask(how, &set, before);
  if (error == 0) return 0;
  errno = error;
  return -1;
}

}  // namespace

bool SignalFd::Open() {
  sigemptyset(&watched_);
  sigemptyset(&blocked_by_us_);
  fd_ = OpenSignalFd(-1, watched_);
  return fd_ >= 0;
}

int SignalFd::Handle(int signal) {
  sigset_t set, before;
  if (fd_ < 0) {
    errno = EMFILE;  // which is why it was lost
    return -1;
  }
  if (!MakeSet(signal, &set) || SetThreadMask(SIG_BLOCK, set, &before) < 0) {
    LogWarnErrno("signalfd: signal %d cannot be blocked", signal);
    return -1;
  }
  if (!sigismember(&before, signal)) sigaddset(&blocked_by_us_, signal);
  sigaddset(&watched_, signal);
  if (OpenSignalFd(fd_, watched_) >= 0 && Watch() == 0) return 0;
  int error = errno;
  LogWarnErrno("signalfd: signal %d is not watched", signal);
  sigdelset(&watched_, signal);
  OpenSignalFd(fd_, watched_);
  Unblock(signal);
  errno = error;
  return -1;
}

int SignalFd::Unhandle(int signal) {
  sigdelset(&watched_, signal);
  int result = OpenSignalFd(fd_, watched_) < 0 ? -1 : 0;
  if (result < 0) LogWarnErrno("signalfd: signal %d", signal);
  Unblock(signal);
  return result;
}

int SignalFd::Forked() {
  if (fd_ >= 0) {
    DeleteEvent(&readable_);
    close(fd_);
  }
  fd_ = OpenSignalFd(-1, watched_);
  is_lost_ = fd_ < 0;
  if (fd_ >= 0 && (sigisemptyset(&watched_) || Watch() == 0)) return 0;
  LogWarnErrno("signalfd: no signals in the child");
  return -1;
}

void SignalFd::Close() {
  if (!is_open()) return;
  // Its mask stays: it may be a parent's.
  for (int signal = 1; signal < NSIG; ++signal) Unblock(signal);
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  is_lost_ = false;
  DebugForget(&readable_);
}

int SignalFd::Watch() {
  if (readable_.ev_evcallback.evcb_flags & EVLIST_INSERTED) return 0;
  event_assign(&readable_, base_, fd_, EV_READ | EV_PERSIST, OnReadable, this);
  MakeInternal(&readable_);
  readable_.ev_evcallback.evcb_pri = 0;
  return AddEvent(&readable_, nullptr, TimeoutIs::kRelative);
}

// What is pending was meant for events that are gone; let through, it would
// meet the old disposition, which may end the process.
void SignalFd::Unblock(int signal) {
  if (sigismember(&blocked_by_us_, signal) != 1) return;
  sigdelset(&blocked_by_us_, signal);
  sigset_t set;
  MakeSet(signal, &set);
  const timespec no_time = {};
  while (sigtimedwait(&set, nullptr, &no_time) >= 0) continue;
  if (SetThreadMask(SIG_UNBLOCK, set, nullptr) < 0) {
    LogWarnErrno("signalfd: signal %d stays blocked", signal);
  }
}

void SignalFd::OnReadable(evutil_socket_t fd, short, void* arg) {
  auto* self = static_cast<SignalFd*>(arg);
  short deliveries[NSIG] = {};
  signalfd_siginfo infos[16];
  ssize_t got;
  do {
    got = read(fd, infos, sizeof(infos));
    size_t count = got > 0 ? static_cast<size_t>(got) / sizeof(infos[0]) : 0;
    for (size_t i = 0; i < count; ++i) {
      uint32_t signal = infos[i].ssi_signo;
      if (signal < NSIG && deliveries[signal] < SHRT_MAX) ++deliveries[signal];
    }
  } while (got == static_cast<ssize_t>(sizeof(infos)));
  if (got < 0 && errno != EAGAIN && errno != EINTR) {
    LogWarnErrno("signalfd: read");
  }
  MutexLock lock(self->base_->lock);
  for (int signal = 0; signal < NSIG; ++signal) {
    if (deliveries[signal] == 0) continue;
    self->base_->signals.Activate(signal, deliveries[signal]);
  }
}

}  // namespace evoke
