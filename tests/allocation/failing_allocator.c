// SPDX-License-Identifier: BSD-3-Clause
//
// Linked into a program that knows nothing of it: gives the library memory
// functions that keep count and fail where the environment says.
//
//   EVOKE_FAIL_ALLOCATION=N   the N-th allocation fails (none when 0 or unset)
//   EVOKE_FAIL_FROM=1         ... and all that come after it
//   EVOKE_ALLOCATION_REPORT=F the file that gets, when the program has ended by
//                             exit(), one line: allocations asked for, failed,
//                             blocks not given back, blocks given back that
//                             were never given out (or twice)
//
// What the library keeps for the life of the process it must give back in
// libevent_global_shutdown(), which is called first.
#include <event2/event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

enum { kTableSize = 1 << 16, kMostBlocks = kTableSize / 2 };

static long g_asked;
static long g_failed;
static long g_blocks;
static long g_foreign;
static long g_fail_at;
static int g_fail_from;

// The blocks that are out: open addressing, nothing in a free slot.
static void *g_table[kTableSize];

static size_t home_of(const void *block) {
  return (size_t)(((uintptr_t)block >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 48);
}

static size_t slot_of(const void *block) {
  size_t slot = home_of(block) % kTableSize;
  while (g_table[slot] != NULL && g_table[slot] != block)
    slot = (slot + 1) % kTableSize;
  return slot;
}

static void note(void *block) {
  if (++g_blocks > kMostBlocks) abort();
  g_table[slot_of(block)] = block;
}

// False when `block` is not out.
static int forget(const void *block) {
  size_t hole = slot_of(block);
  if (g_table[hole] == NULL) return 0;
  --g_blocks;
  // What follows moves up where its way from home passes the hole.
  for (size_t slot = (hole + 1) % kTableSize; g_table[slot] != NULL;
       slot = (slot + 1) % kTableSize) {
    size_t home = home_of(g_table[slot]) % kTableSize;
    if ((slot - home) % kTableSize < (slot - hole) % kTableSize) continue;
    g_table[hole] = g_table[slot];
    hole = slot;
  }
  g_table[hole] = NULL;
  return 1;
}

static int must_fail(void) {
  ++g_asked;
  if (g_fail_at == 0 || g_asked < g_fail_at) return 0;
  if (g_asked > g_fail_at && !g_fail_from) return 0;
  ++g_failed;
  return 1;
}

static void *allocate(size_t size) {
  if (must_fail()) return NULL;
  void *block = malloc(size);
  if (block != NULL) note(block);
  return block;
}

static void *resize(void *block, size_t size) {
  if (block == NULL) return allocate(size);
  if (must_fail()) return NULL;
  if (!forget(block)) {
    ++g_foreign;
    return NULL;
  }
  void *moved = realloc(block, size);
  note(moved != NULL ? moved : block);
  return moved;
}

static void release(void *block) {
  if (block == NULL) return;
  if (forget(block))
    free(block);
  else
    ++g_foreign;
}

// Programs give what evbuffer_readln() returned to free(); the linker brings
// their calls, and the library's own, here (--wrap=free).
void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block) {
  if (block != NULL) forget(block);
  __real_free(block);
}

static long number(const char *name) {
  const char *text = getenv(name);
  return text != NULL ? atol(text) : 0;
}

__attribute__((constructor)) static void install(void) {
  g_fail_at = number("EVOKE_FAIL_ALLOCATION");
  g_fail_from = number("EVOKE_FAIL_FROM") != 0;
  event_set_mem_functions(allocate, resize, release);
}

__attribute__((destructor)) static void report(void) {
  const char *path = getenv("EVOKE_ALLOCATION_REPORT");
  if (path == NULL) return;
  libevent_global_shutdown();
  FILE *file = fopen(path, "w");
  if (file == NULL) return;
  fprintf(file, "%ld %ld %ld %ld\n", g_asked, g_failed, g_blocks, g_foreign);
  fclose(file);
}
