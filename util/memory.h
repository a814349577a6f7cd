// SPDX-License-Identifier: BSD-3-Clause
//
// All memory of the library comes from here: the three functions that a
// program may replace by event_set_mem_functions(), and the small helpers that
// construct objects in what they return.
//
// Every function here can fail. A caller turns that into its own error return
// and leaves its arguments as they were; nothing in the library aborts for want
// of memory, and no container that throws is used.
#ifndef EVOKE_UTIL_MEMORY_H_
#define EVOKE_UTIL_MEMORY_H_

#include <stddef.h>

#include <new>
#include <utility>

namespace evoke {

// Returns `size` bytes, aligned as malloc() aligns, or nullptr with errno set
// to ENOMEM. A size of zero yields nullptr without an error.
[[nodiscard]] void* Allocate(size_t size);

// As Allocate(), for `count` items of `size` bytes, filled with zeros. A
// product that overflows is refused as if memory were short.
[[nodiscard]] void* AllocateZeroed(size_t count, size_t size = 1);

// Changes the size of what Allocate() returned, as realloc(). On failure the
// old memory is untouched and nullptr comes back.
[[nodiscard]] void* Reallocate(void* memory, size_t size);

// Takes back what the functions above gave. nullptr is allowed.
void Free(void* memory);

// A copy of the NUL-terminated `text`, to be given to Free(); nullptr with
// errno set: EINVAL for a null text, ENOMEM when memory is short.
[[nodiscard]] char* DuplicateString(const char* text);

// Constructs a T in memory of the hooks; nullptr when memory is short.
template <typename T, typename... Args>
[[nodiscard]] T* New(Args&&... args) {
  static_assert(alignof(T) <= alignof(max_align_t));
  void* memory = Allocate(sizeof(T));
  if (memory == nullptr) return nullptr;
  return new (memory) T(std::forward<Args>(args)...);
}

// Destroys what New() made. nullptr is allowed.
template <typename T>
void Delete(T* object) {
  if (object == nullptr) return;
  object->~T();
  Free(object);
}

}  // namespace evoke

#endif  // EVOKE_UTIL_MEMORY_H_
