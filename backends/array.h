// SPDX-License-Identifier: BSD-3-Clause
//
// Plain memory that doubles: what the backends exchange with the kernel.
#ifndef EVOKE_BACKENDS_ARRAY_H_
#define EVOKE_BACKENDS_ARRAY_H_

#include <errno.h>
#include <limits.h>
#include <stddef.h>

#include <type_traits>

#include "util/memory.h"

namespace evoke {

template <typename T>
struct Array {
  static_assert(std::is_trivially_copyable_v<T>);

  T* items = nullptr;
  int count = 0;     // in use
  int capacity = 0;  // that fit

  Array() = default;
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { Free(items); }

  // Doubles the capacity, 32 items first; new ones hold garbage. False with
  // errno set when memory is short, and all is as it was.
  [[nodiscard]] bool Grow() {
    if (capacity > INT_MAX / 2) {
      errno = ENOMEM;
      return false;
    }
    int wanted = capacity == 0 ? 32 : capacity * 2;
    void* moved = Reallocate(items, static_cast<size_t>(wanted) * sizeof(T));
    if (moved == nullptr) return false;
    items = static_cast<T*>(moved);
    capacity = wanted;
    return true;
  }

  // As Grow(), but only where another item would not fit.
  [[nodiscard]] bool Reserve() { return count < capacity || Grow(); }
};

}  // namespace evoke

#endif  // EVOKE_BACKENDS_ARRAY_H_
