// SPDX-License-Identifier: BSD-3-Clause
//
// Chains that wait to be used again: one pool for each loop, used by the
// buffers of what runs in it, so that a busy connection needs no malloc() and
// an idle one holds no memory.
//
// A pooled chain is plain memory of the hooks like any other: it may be taken
// from one pool, wander to a buffer without one, and be freed there. Under
// AddressSanitizer pools keep nothing, lest they hide a use after free.
//
// Pools have no lock. Where the loop has one, only the thread that runs it
// takes from the pool and gives to it; all others get their memory from the
// hooks.
#ifndef EVOKE_BUFFER_CHAIN_POOL_H_
#define EVOKE_BUFFER_CHAIN_POOL_H_

#include <stddef.h>
#include <stdint.h>

#include "absl/base/optimization.h"

struct event_base;

namespace evoke {

struct Chain;

class ChainPool {
 public:
  // The pool of the loop of `base`, made when it is first asked for; nullptr
  // when memory is short. The base holds a reference as long as it lives. From
  // any thread, without the base's lock.
  [[nodiscard]] static ChainPool* Of(event_base* base);

  // A pool with one reference, its loop's; nullptr when memory is short.
  // `shared`: threads other than the loop's may ask it (in vain).
  [[nodiscard]] static ChainPool* Create(bool shared);

  // The loop ends: everything that waits is freed, nothing is kept from now on,
  // and the loop's reference is given up. Buffers that outlive their loop go on
  // with the memory hooks.
  void Close();
  bool closed() const {
    return __atomic_load_n(&max_waiting_bytes_, __ATOMIC_RELAXED) == 0;
  }

  // Each buffer that knows the pool holds a reference (BufferSetPool()).
  void Incref() { __atomic_fetch_add(&refs_, 1, __ATOMIC_RELAXED); }
  void Decref();

  // A chain that holds nothing, with room for exactly `capacity_bytes`, or
  // nullptr when none waits here, or not for this thread.
  // REQUIRES: `capacity_bytes` is one that ChainCapacityFor() gives.
  Chain* Take(size_t capacity_bytes);

  // Keeps `chain` when it is of a pooled size and there is room for it; false:
  // the caller frees it.
  // REQUIRES: it is in no list, nothing else refers to it, its memory is its
  // own.
  bool Give(Chain* chain);

 private:
  // One for each power of two from kMinChainBytes to kMaxPooledChainBytes.
  static constexpr int kClasses = 8;
  // What may wait in all; a turn's worth of small messages, or of large ones
  // on some dozens of connections.
  static constexpr size_t kMaxWaitingBytes = size_t{1} << 20;

  bool IsOpenToThisThread() const {
    return ABSL_PREDICT_TRUE(!shared_) || IsOfRunningLoop();
  }
  bool IsOfRunningLoop() const;
  void FreeAll();

  Chain* waiting_[kClasses] = {};
  size_t waiting_bytes_ = 0;
  size_t max_waiting_bytes_ = kMaxWaitingBytes;
  uint32_t refs_ = 1;
  bool shared_ = false;
};

}  // namespace evoke

#endif  // EVOKE_BUFFER_CHAIN_POOL_H_
