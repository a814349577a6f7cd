// SPDX-License-Identifier: BSD-3-Clause
//
// Where is a thread when its time is over? A timer of the thread's own sends it
// a signal after the limit, and the handler writes down the stack. In builds
// with NDEBUG nothing of that is there: a signal may end a program's system
// call early, which is a price for looking, not for running.
#ifndef EVOKE_TRACE_STACK_SAMPLE_H_
#define EVOKE_TRACE_STACK_SAMPLE_H_

#include <stdint.h>
#include <sys/types.h>
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
  // Any thread may destroy it, also while another one's time runs or its stack
  // is just being written down; but no two threads may call anything of it at
  // once.
  ~StackSample();

  // Begins the time of the calling thread; ends another's.
  void Arm(int64_t limit_ns);
  // To be called by the same thread.
  void Disarm();
  // Logs the stack that was written down since Arm(), one line a function, if
  // any was; once.
  void Log();

 private:
  // What a thread's handler works with.
  struct Thread {
    StackSample* armed;  // what it is to fill in, or null
    bool is_in_handler;
  };

  static constexpr int kMostFrames = 32;
  static void OnSignal(int signal);
  static __thread Thread t_thread;

  bool MakeTimer();
  void DeleteTimer();
  // No handler touches this any more when it returns.
  void Withdraw();

  Thread* thread_ = nullptr;  // whose time runs, or null
  timer_t timer_ = nullptr;
  int thread_id_ = 0;  // that the timer is for; 0: there is none
  pid_t process_ = 0;  // whose timer it is: a fork's child has none
  void* frames_[kMostFrames];
  volatile int frame_count_ = 0;
};

#endif  // NDEBUG

}  // namespace evoke

#endif  // EVOKE_TRACE_STACK_SAMPLE_H_
