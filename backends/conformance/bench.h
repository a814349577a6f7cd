// SPDX-License-Identifier: BSD-3-Clause
//
// Where a backend under test stands: one open state, the loop's side of the
// contract (told interests, per-fd memory, the sink), descriptors to watch, and
// the first promise that was broken.
//
// A case runs on a bench of its own, in a process of its own (see
// ../conformance.cc), so what it leaves open goes with that process.
#ifndef EVOKE_BACKENDS_CONFORMANCE_BENCH_H_
#define EVOKE_BACKENDS_CONFORMANCE_BENCH_H_

#include <evoke/backend.h>
#include <stdint.h>

#include "absl/base/attributes.h"
#include "backends/array.h"
#include "backends/fd_table.h"

namespace evoke::conformance {

// Longer than any wait that ends by itself, shorter than the runner's patience.
inline constexpr int64_t kLongUs = 5000000;

// What the loop knows of one backend that is open.
class Bench {
 public:
  // Opens a state of `table`, which outlives the bench.
  Bench(const evoke_backend* table, unsigned options);
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench() { Close(); }

  void Close();

  const evoke_backend* table() const { return table_; }
  unsigned options() const { return options_; }
  bool Has(int feature) const { return (table_->features & feature) != 0; }

  // --- What is expected ------------------------------------------------------

  // Unless `kept`, remembers the sentence as the broken promise. The first one
  // counts. Returns `kept`.
  bool Expect(bool kept, const char* format, ...) ABSL_PRINTF_ATTRIBUTE(3, 4);
  bool is_broken() const { return broken_[0] != '\0'; }
  // The sentence, empty as long as every promise was kept.
  const char* broken() const { return broken_; }

  // --- The loop's part -------------------------------------------------------

  // Tells the backend of a new interest, as the loop does. Returns what
  // change() returned.
  int Change(int fd, short interest, bool edge = false);
  // As Change(), and the refusal of it is a broken promise.
  void Watch(int fd, short interest, bool edge = false);
  void Unwatch(int fd) { Watch(fd, 0); }
  // The interest is as before, but the kernel may have lost it.
  void Reassert(int fd);
  short InterestOf(int fd) const {
    return static_cast<short>(interests_.Get(fd) & ~uint32_t{EV_ET});
  }

  // Waits, and checks what holds of every wait: it succeeds, each descriptor
  // comes once, with nothing that was not asked for. Hands all interests over
  // again when the backend says so. Returns the number of ready descriptors.
  int Wait(int64_t timeout_us);
  // Wait() in two steps, of which another thread may do the first.
  void StartWait(int64_t timeout_us);
  int FinishWait();
  // The ready set of `fd` in the last Wait(), or 0.
  short ReadyOf(int fd) const;
  // Waits without time and expects exactly `ready` of `fd`; `when` completes
  // the sentence "..., when".
  void ExpectReady(int fd, short ready, const char* when);
  // The sink has room for `count` from now on, and does not grow.
  void LimitSink(int count) { sink_limit_ = count; }

  // The process is a child: calls forked(), and hands over what is watched.
  void Forked();

 private:
  struct Sink : evoke_ready_sink {
    Array<evoke_ready> items;
    int limit;
  };

  static int GrowSink(evoke_ready_sink* sink);
  int Tell(int fd, short old_interest, uint32_t told);
  void CheckReports();
  void HandOver();

  const evoke_backend* table_;
  unsigned options_;
  void* state_ = nullptr;
  // The interest, and EV_ET where it is edge-triggered.
  FdTable<uint32_t> interests_;
  // Pointers to the memory that the loop keeps for each descriptor.
  FdTable<uintptr_t> rooms_;
  int highest_fd_ = -1;
  Sink sink_ = {};
  int sink_limit_ = -1;  // no limit
  int wait_result_ = 0;
  int wait_errno_ = 0;
  char broken_[256] = "";
};

// --- Descriptors to watch. Each ends the process when the system has none,
// with a status that the runner understands: then nothing can be said.
// -------------

// Two connected stream sockets, non-blocking, Unix-domain or TCP on loopback.
struct Pair {
  int ours;
  int peer;
};
Pair MakePair();
Pair MakeTcpPair();

void WriteByte(int fd);
void Drain(int fd);
void Fill(int fd);

// Closes a TCP socket so that its peer sees a reset.
void Reset(int fd);

// The lowest number that is free.
int LowestFreeFd();

// Microseconds that passed since `start_us` of MonotonicMicros().
int64_t ElapsedUs(int64_t start_us);

// A child process that runs what follows in the branch where it returns 0, as
// fork(); it dies of SIGALRM when it hangs. Await() is true when it ended with
// _exit(0).
int ForkHelper();
bool Await(int pid);

// Ends the process: the machine lacks what the case needs.
[[noreturn]] void CannotRun();
inline constexpr int kCannotRunStatus = 77;

}  // namespace evoke::conformance

#endif  // EVOKE_BACKENDS_CONFORMANCE_BENCH_H_
