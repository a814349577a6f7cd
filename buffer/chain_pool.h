// SPDX-License-Identifier: BSD-3-Clause
//
// Chains that wait to be used again: one pool for each loop, used by the
// buffers of what runs in it, so that a busy connection needs no malloc() and
// an idle one holds no memory.
//
// A pooled chain is plain memory of the hooks like any other: it may be taken
// from one pool, wander to a buffer without one, and be freed there. Under
// AddressSanitizer pools keep nothing, lest they hide a use after free.
#ifndef EVOKE_BUFFER_CHAIN_POOL_H_
#define EVOKE_BUFFER_CHAIN_POOL_H_

#include <stddef.h>
#include <stdint.h>

namespace evoke {

struct Chain;

class ChainPool {
 public:
  // A pool with one reference, its loop's; nullptr when memory is short.
  [[nodiscard]] static ChainPool* Create();

  // The loop ends: everything that waits is freed, nothing is kept from now on,
  // and the loop's reference is given up. Buffers that outlive their loop go on
  // with the memory hooks.
  void Close();
  bool closed() const { return max_waiting_bytes_ == 0; }

  // Each buffer that knows the pool holds a reference (BufferSetPool()).
  void Incref() { ++refs_; }
  void Decref();

  // A chain that holds nothing, with room for exactly `capacity_bytes`, or
  // nullptr when none waits here.
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

  void FreeAll();

  Chain* waiting_[kClasses] = {};
  size_t waiting_bytes_ = 0;
  size_t max_waiting_bytes_ = kMaxWaitingBytes;
  uint32_t refs_ = 1;
};

}  // namespace evoke

#endif  // EVOKE_BUFFER_CHAIN_POOL_H_
