// SPDX-License-Identifier: BSD-3-Clause
//
// One small value for each file descriptor, which never moves: a change in one
// thread may make room while a wait in another one reads.
//
// Chunks double in size, 64 entries first, so 26 of them hold every number an
// int can have, and an index is a count of leading zeros away. Memory follows
// the highest descriptor, as everything does that the kernel numbers densely.
#ifndef EVOKE_BACKENDS_FD_TABLE_H_
#define EVOKE_BACKENDS_FD_TABLE_H_

#include <stdint.h>
#include <string.h>

#include <atomic>
#include <bit>

#include "util/memory.h"

namespace evoke {

// T is plain data whose zero bytes mean "nothing known".
template <typename T>
class FdTable {
 public:
  FdTable() = default;
  FdTable(const FdTable&) = delete;
  FdTable& operator=(const FdTable&) = delete;
  ~FdTable() {
    for (std::atomic<T*>& chunk : chunks_) Free(chunk.load());
  }

  // The entry of `fd`, or null where none was made. Any thread.
  T* Find(int fd) const {
    uint32_t position = static_cast<uint32_t>(fd) + kFirstEntries;
    int index = IndexOf(position);
    T* chunk = chunks_[index].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : chunk + (position - Entries(index));
  }

  // Makes room for the entry of `fd`. Null when memory is short. One thread at
  // a time.
  T* FindOrMake(int fd) {
    uint32_t position = static_cast<uint32_t>(fd) + kFirstEntries;
    int index = IndexOf(position);
    T* chunk = chunks_[index].load(std::memory_order_relaxed);
    if (chunk == nullptr) {
      chunk = static_cast<T*>(AllocateZeroed(Entries(index), sizeof(T)));
      if (chunk == nullptr) return nullptr;
      chunks_[index].store(chunk, std::memory_order_release);
    }
    return chunk + (position - Entries(index));
  }

  // Back to nothing known, for all. REQUIRES: no other thread is here.
  void Clear() {
    for (int i = 0; i < kChunks; ++i) {
      T* chunk = chunks_[i].load(std::memory_order_relaxed);
      if (chunk != nullptr) {
        memset(static_cast<void*>(chunk), 0, Entries(i) * sizeof(T));
      }
    }
  }

 private:
  static constexpr uint32_t kFirstEntries = 64;
  static constexpr int kChunks = 26;

  static size_t Entries(int index) { return size_t{kFirstEntries} << index; }
  static int IndexOf(uint32_t position) {
    return std::bit_width(position) - std::bit_width(kFirstEntries);
  }

  std::atomic<T*> chunks_[kChunks] = {};
};

}  // namespace evoke

#endif  // EVOKE_BACKENDS_FD_TABLE_H_
