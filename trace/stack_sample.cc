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

int SampleSignal() { return SIGRTMAX - 3; }

void SetTimer(timer_t timer, int64_t ns) {
  itimerspec time = {};
  time.it_value.tv_sec = ns / kNanosPerSecond;
  time.it_value.tv_nsec = ns % kNanosPerSecond;
  timer_settime(timer, 0, &time, nullptr);
}

}  // namespace

__thread StackSample::Thread StackSample::t_thread;

StackSample::~StackSample() {
  DeleteTimer();
  Withdraw();
}

// Why a sample may be destroyed while a signal for it is on its way, or its
// handler runs: the handler, on the thread that is timed, first says that it
// runs and then looks whom it is to serve; whoever destroys a sample, on any
// thread, first takes that away and then looks whether the handler runs. In the
// one order that all threads see these four steps in (sequential consistency)
// either the handler finds nothing and leaves, or it is seen to run and is
// waited for. It takes no lock that could be held meanwhile, and what it wrote
// is seen before the memory is given back (release, acquire). So a signal that
// comes late, or from somebody else, does no harm.
//
// `thread_` is a variable of the timed thread, and as alive as that: it is set
// only from the begin of a callback to its end.
void StackSample::OnSignal(int) {
  int saved_errno = errno;
  __atomic_store_n(&t_thread.is_in_handler, true, __ATOMIC_SEQ_CST);
  StackSample* self = __atomic_load_n(&t_thread.armed, __ATOMIC_SEQ_CST);
  if (self != nullptr) {
    self->frame_count_ = backtrace(self->frames_, kMostFrames);
  }
  __atomic_store_n(&t_thread.is_in_handler, false, __ATOMIC_RELEASE);
  errno = saved_errno;
}

void StackSample::Withdraw() {
  Thread* thread = thread_;
  thread_ = nullptr;
  if (thread == nullptr) return;
  // In a fork's child there is no other thread, and none that could be waited
  // for.
  bool is_own = thread == &t_thread;
  if (!is_own && process_ != getpid()) return;
  StackSample* self = this;  // unless a loop within the callback took its place
  __atomic_compare_exchange_n(&thread->armed, &self, nullptr, /*weak=*/false,
                              __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  while (!is_own && __atomic_load_n(&thread->is_in_handler, __ATOMIC_SEQ_CST)) {
    // Not sched_yield(), which lets no thread of a lower priority run.
    const timespec moment = {0, 10000};
    nanosleep(&moment, nullptr);
  }
}

void StackSample::DeleteTimer() {
  if (thread_id_ != 0 && process_ == getpid()) timer_delete(timer_);
  thread_id_ = 0;
}

bool StackSample::MakeTimer() {
  if (thread_id_ == gettid()) return true;
  DeleteTimer();
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
  process_ = getpid();
  return true;
}

void StackSample::Arm(int64_t limit_ns) {
  Withdraw();
  frame_count_ = 0;
  if (!MakeTimer()) return;
  thread_ = &t_thread;
  __atomic_store_n(&t_thread.armed, this, __ATOMIC_SEQ_CST);
  SetTimer(timer_, limit_ns > 0 ? limit_ns : 1);
}

void StackSample::Disarm() {
  if (thread_ == nullptr) return;
  Withdraw();
  // In a fork's child the number may be that of another timer.
  if (process_ == getpid()) SetTimer(timer_, 0);
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
