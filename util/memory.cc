// SPDX-License-Identifier: BSD-3-Clause
#include "util/memory.h"

#include <errno.h>
#include <event2/event.h>
#include <evoke/extend.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "absl/base/optimization.h"

namespace {

// Null means libc's own. They are set before any other call, as the manual
// demands, so they need no lock.
void* (*g_malloc)(size_t) = nullptr;
void* (*g_realloc)(void*, size_t) = nullptr;
void (*g_free)(void*) = nullptr;

}  // namespace

extern "C" void event_set_mem_functions(void* (*malloc_fn)(size_t),
                                        void* (*realloc_fn)(void*, size_t),
                                        void (*free_fn)(void*)) {
  g_malloc = malloc_fn;
  g_realloc = realloc_fn;
  g_free = free_fn;
}

namespace evoke {

void* Allocate(size_t size) {
  if (size == 0) return nullptr;
  if (ABSL_PREDICT_TRUE(g_malloc == nullptr)) return malloc(size);
  void* memory = g_malloc(size);
  if (memory == nullptr) errno = ENOMEM;
  return memory;
}

void* AllocateZeroed(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) {
    errno = ENOMEM;
    return nullptr;
  }
  if (total == 0) return nullptr;
  if (ABSL_PREDICT_TRUE(g_malloc == nullptr)) return calloc(count, size);
  void* memory = Allocate(total);
  if (memory != nullptr) memset(memory, 0, total);
  return memory;
}

void* Reallocate(void* memory, size_t size) {
  if (ABSL_PREDICT_TRUE(g_realloc == nullptr)) return realloc(memory, size);
  void* moved = g_realloc(memory, size);
  if (moved == nullptr && size != 0) errno = ENOMEM;
  return moved;
}

void Free(void* memory) {
  if (memory == nullptr) return;
  if (ABSL_PREDICT_TRUE(g_free == nullptr)) {
    free(memory);
  } else {
    g_free(memory);
  }
}

char* DuplicateString(const char* text) {
  if (text == nullptr) {
    errno = EINVAL;
    return nullptr;
  }
  size_t size = strlen(text) + 1;
  char* copy = static_cast<char*>(Allocate(size));
  if (copy != nullptr) memcpy(copy, text, size);
  return copy;
}

}  // namespace evoke

// What a libevent_pthreads, ours or the system's, takes its memory from.
// Private to libevent, as the names tell.
extern "C" {

void* event_mm_malloc_(size_t size);
void* event_mm_malloc_(size_t size) { return evoke::Allocate(size); }

void event_mm_free_(void* memory);
void event_mm_free_(void* memory) { evoke::Free(memory); }

void* evoke_realloc(void* memory, size_t bytes) {
  if (bytes == 0) {
    evoke::Free(memory);
    return nullptr;
  }
  if (memory == nullptr) return evoke::Allocate(bytes);
  return evoke::Reallocate(memory, bytes);
}

}  // extern "C"
