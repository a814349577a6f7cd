// SPDX-License-Identifier: BSD-3-Clause
#include "trace/stack_sample.h"

#ifndef NDEBUG

#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <unistd.h>

#include "trace/function_name.h"
#include "util/log.h"

namespace evoke {

namespace {

constexpr int64_t kNanosPerSecond = 1000000000;

// What the handler on this thread is to fill in; null where nothing is timed.
__thread StackSample* volatile t_armed = nullptr;

int SampleSignal() { return SIGRTMAX - 3; }

void SetTimer(timer_t timer, int64_t ns) {
  itimerspec time = {};
  time.it_value.tv_sec = ns / kNanosPerSecond;
  time.it_value.tv_nsec = ns % kNanosPerSecond;
  timer_settime(timer, 0, &time, nullptr);
}

}  // namespace

StackSample::~StackSample() {
  if (thread_id_ != 0) timer_delete(timer_);
}

void StackSample::OnSignal(int) {
  int saved_errno = errno;
  StackSample* self = t_armed;
  if (self != nullptr) {
    self->frame_count_ = backtrace(self->frames_, kMostFrames);
  }
  errno = saved_errno;
}

bool StackSample::MakeTimer() {
  if (thread_id_ == gettid()) return true;
  if (thread_id_ != 0) timer_delete(timer_);
  thread_id_ = 0;
  // Somebody else's signal is left alone.
  struct sigaction action = {};
  if (sigaction(SampleSignal(), nullptr, &action) != 0) return false;
  if (action.sa_handler != OnSignal) {
    if (action.sa_handler != SIG_DFL) return false;
    action = {};
    action.sa_handler = OnSignal;
    action.sa_flags = SA_RESTART;
    if (sigaction(SampleSignal(), &action, nullptr) != 0) return false;
    // The first call loads the unwinder, which no handler may do.
    void* frame;
    backtrace(&frame, 1);
  }
  sigevent to_this_thread = {};
  to_this_thread.sigev_notify = SIGEV_THREAD_ID;
  to_this_thread.sigev_signo = SampleSignal();
  to_this_thread._sigev_un._tid = gettid();
  if (timer_create(CLOCK_MONOTONIC, &to_this_thread, &timer_) != 0) {
    return false;
  }
  thread_id_ = gettid();
  return true;
}

void StackSample::Arm(int64_t limit_ns) {
  frame_count_ = 0;
  if (!MakeTimer()) return;
  t_armed = this;
  SetTimer(timer_, limit_ns > 0 ? limit_ns : 1);
}

void StackSample::Disarm() {
  if (t_armed != this) return;
  t_armed = nullptr;
  SetTimer(timer_, 0);
}

void StackSample::Log() {
  int count = frame_count_;
  // Not written when there is nothing: a signal that comes between the two
  // lines would be forgotten.
  if (count == 0) return;
  frame_count_ = 0;
  // The first two are the handler and what called it.
  for (int i = 2; i < count; ++i) {
    char text[200];
    // Behind a call; one back is within it.
    auto address = reinterpret_cast<uintptr_t>(frames_[i]) - 1;
    DescribeCode(reinterpret_cast<evoke_function>(address), text, sizeof(text));
    LogWarn("  #%d %s", i - 2, text);
  }
}

}  // namespace evoke

#endif  // NDEBUG
