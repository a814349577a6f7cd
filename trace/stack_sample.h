// SPDX-License-Identifier: BSD-3-Clause
//
// Where is a thread when its time is over? A timer of the thread's own sends it
// a signal after the limit, and the handler writes down the stack. In builds
// with NDEBUG nothing of that is there: a signal may end a program's system
// call early, which is a price for looking, not for running.
#ifndef EVOKE_TRACE_STACK_SAMPLE_H_
#define EVOKE_TRACE_STACK_SAMPLE_H_

#include <stdint.h>
#include <time.h>

namespace evoke {

#ifdef NDEBUG

class StackSample {
 public:
  void Arm(int64_t) {}
  void Disarm() {}
  void Log() {}
};

#else

class StackSample {
 public:
  StackSample() = default;
  StackSample(const StackSample&) = delete;
  StackSample& operator=(const StackSample&) = delete;
  ~StackSample();

  // Begins the time of the calling thread; ends another's.
  void Arm(int64_t limit_ns);
  // To be called by the same thread.
  void Disarm();
  // Logs the stack that was written down since Arm(), one line a function, if
  // any was; once.
  void Log();

 private:
  static constexpr int kMostFrames = 32;
  static void OnSignal(int signal);

  bool MakeTimer();

  timer_t timer_ = nullptr;
  int thread_id_ = 0;  // that the timer is for; 0: there is none
  void* frames_[kMostFrames];
  volatile int frame_count_ = 0;
};

#endif  // NDEBUG

}  // namespace evoke

#endif  // EVOKE_TRACE_STACK_SAMPLE_H_
