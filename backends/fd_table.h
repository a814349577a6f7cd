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

// T is a plain number; 0 means that nothing is known.
template <typename T>
class FdTable {
 public:
  FdTable() = default;
  FdTable(const FdTable&) = delete;
  FdTable& operator=(const FdTable&) = delete;
  ~FdTable() {
    for (std::atomic<T*>& chunk : chunks_) Free(chunk.load());
  }

  // What was set for `fd`, or 0. Any thread.
  T Get(int fd) const {
    T* entry = Find(fd);
    if (entry == nullptr) return 0;
    return std::atomic_ref(*entry).load(std::memory_order_relaxed);
  }

  // One thread at a time. REQUIRES: MakeRoom(fd) returned true once, or
  // `value` is 0.
  void Set(int fd, T value) {
    T* entry = Find(fd);
    if (entry == nullptr) return;
    std::atomic_ref(*entry).store(value, std::memory_order_relaxed);
  }

  // Has `fd` remembered from now on. False when memory is short. One thread at
  // a time.
  [[nodiscard]] bool MakeRoom(int fd) {
    int index = IndexOf(fd);
    if (chunks_[index].load(std::memory_order_relaxed) != nullptr) return true;
    T* chunk = static_cast<T*>(AllocateZeroed(Entries(index), sizeof(T)));
    chunks_[index].store(chunk, std::memory_order_release);
    return chunk != nullptr;
  }

  // Sets all to 0. REQUIRES: no other thread is here.
  void Clear() {
    for (int i = 0; i < kChunks; ++i) {
      T* chunk = chunks_[i].load(std::memory_order_relaxed);
      if (chunk != nullptr) memset(chunk, 0, Entries(i) * sizeof(T));
    }
  }

 private:
  static constexpr uint32_t kFirstEntries = 64;
  static constexpr int kChunks = 26;

  // Chunk i holds the numbers from kFirstEntries * (2^i - 1) on.
  static size_t Entries(int index) { return size_t{kFirstEntries} << index; }
  static uint32_t Position(int fd) {
    return static_cast<uint32_t>(fd) + kFirstEntries;
  }
  static int IndexOf(int fd) {
    return std::bit_width(Position(fd)) - std::bit_width(kFirstEntries);
  }

  T* Find(int fd) const {
    int index = IndexOf(fd);
    T* chunk = chunks_[index].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : chunk + (Position(fd) - Entries(index));
  }

  std::atomic<T*> chunks_[kChunks] = {};
};

}  // namespace evoke

#endif  // EVOKE_BACKENDS_FD_TABLE_H_
