// SPDX-License-Identifier: BSD-3-Clause
//
// Memory by the program's functions (evoke/extend.h).
#ifndef EVOKE_SCOPE_MEMORY_H_
#define EVOKE_SCOPE_MEMORY_H_

#include <evoke/extend.h>
#include <stddef.h>
#include <string.h>

namespace evoke::scope {

// Zeroed memory for `count` objects; null without memory.
template <typename T>
T* AllocateZeroed(size_t count) {
  void* memory = evoke_realloc(nullptr, count * sizeof(T));
  if (memory != nullptr) memset(memory, 0, count * sizeof(T));
  return static_cast<T*>(memory);
}

inline void Free(void* memory) { evoke_realloc(memory, 0); }

}  // namespace evoke::scope

#endif  // EVOKE_SCOPE_MEMORY_H_
