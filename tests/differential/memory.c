// SPDX-License-Identifier: BSD-3-Clause
//
// The memory functions that the scenario frame gives the library: they count,
// can fail the n-th allocation, and can give each block pages of its own so
// that a use after free is a crash in any build.
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/differential/scenario.h"
#include "tests/differential/scenario_internal.h"

static long g_allocations;
static long g_blocks;
static long g_fail_at;
static bool g_failing;
static bool g_for_good;
static bool g_guarded;

static bool must_fail(void) {
  ++g_allocations;
  if (g_fail_at == 0 || g_allocations < g_fail_at) return false;
  if (g_allocations > g_fail_at && !g_for_good) return false;
  errno = ENOMEM;
  return true;
}

// A guarded block begins on a page; the page before holds its size.
static size_t guarded_bytes(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return page + (size + page - 1) / page * page;
}

static void *guarded_allocate(size_t size) {
  char *start = mmap(NULL, guarded_bytes(size), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return NULL;
  memcpy(start, &size, sizeof size);
  return start + sysconf(_SC_PAGESIZE);
}

static size_t guarded_size(void *block) {
  size_t size;
  memcpy(&size, (char *)block - sysconf(_SC_PAGESIZE), sizeof size);
  return size;
}

static void guarded_free(void *block) {
  char *start = (char *)block - sysconf(_SC_PAGESIZE);
  mprotect(start, guarded_bytes(guarded_size(block)), PROT_NONE);
}

static void *allocate(size_t size) {
  if (must_fail()) return NULL;
  void *block = g_guarded ? guarded_allocate(size) : malloc(size);
  if (block) ++g_blocks;
  return block;
}

static void release(void *block) {
  if (!block) return;
  --g_blocks;
  if (g_guarded)
    guarded_free(block);
  else
    free(block);
}

static void *resize(void *block, size_t size) {
  if (!block) return allocate(size);
  if (must_fail()) return NULL;
  if (!g_guarded) return realloc(block, size);
  void *moved = guarded_allocate(size);
  if (!moved) return NULL;
  size_t old_size = guarded_size(block);
  memcpy(moved, block, old_size < size ? old_size : size);
  guarded_free(block);
  return moved;
}

void count_allocations(void) {
  event_set_mem_functions(allocate, resize, release);
}

void free_result(void *result) { release(result); }

void guard_memory(void) {
  if (g_blocks) die("guard_memory() must come first");
  g_guarded = true;
}

long blocks_in_use(void) { return g_blocks; }

void fail_allocation(long n, bool for_good) {
  g_failing = true;
  g_fail_at = n;
  g_for_good = for_good;
  // What waits for an event that could not be added must not wait.
  virtual_time();
}

bool allocations_may_fail(void) { return g_failing; }

long allocations_made(void) { return g_allocations; }
