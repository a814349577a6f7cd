// SPDX-License-Identifier: BSD-3-Clause
//
// An open-addressing hash table that is read without a lock: a slot only ever
// goes from empty to a base, to a grave, and to a base or empty again. A table
// that is too small is replaced; readers may still be in the old one, so it is
// kept until the library is shut down (each is half the size of the next).
#include "event/live_bases.h"

#include <stddef.h>
#include <stdint.h>

#include "util/memory.h"
#include "util/process_mutex.h"

namespace evoke {

namespace {

using Slot = const event_base*;

struct Table {
  Table* older;
  size_t mask;  // slots minus one
  Slot* slots;
};

constexpr size_t kFirstSlots = 64;

constinit ProcessMutex g_mutex;  // over who writes

Slot g_first_slots[kFirstSlots];
constinit Table g_first_table = {nullptr, kFirstSlots - 1, g_first_slots};
constinit Table* g_table = &g_first_table;
size_t g_used = 0;  // slots that are not empty, graves among them

Slot Grave() { return reinterpret_cast<Slot>(uintptr_t{1}); }

Slot Load(const Slot& slot) { return __atomic_load_n(&slot, __ATOMIC_ACQUIRE); }
void Store(Slot& slot, Slot value) {
  __atomic_store_n(&slot, value, __ATOMIC_RELEASE);
}

size_t Start(const event_base* base, size_t mask) {
  return static_cast<size_t>(
             reinterpret_cast<uintptr_t>(base) * 0x9E3779B97F4A7C15u >> 32) &
         mask;
}

// The slot that holds `base`, or the one where the search ends.
Slot& Find(const Table& table, const event_base* base) {
  size_t i = Start(base, table.mask);
  for (;; i = (i + 1) & table.mask) {
    Slot found = Load(table.slots[i]);
    if (found == base || found == nullptr) return table.slots[i];
  }
}

void Put(Table& table, const event_base* base) {
  size_t i = Start(base, table.mask);
  while (table.slots[i] != nullptr && table.slots[i] != Grave()) {
    i = (i + 1) & table.mask;
  }
  if (table.slots[i] == nullptr) ++g_used;
  Store(table.slots[i], base);
}

bool Grow() {
  size_t slots = (g_table->mask + 1) * 2;
  auto* table = static_cast<Table*>(
      AllocateZeroed(1, sizeof(Table) + slots * sizeof(Slot)));
  if (table == nullptr) return false;
  table->older = g_table;
  table->mask = slots - 1;
  table->slots = reinterpret_cast<Slot*>(table + 1);
  g_used = 0;
  for (size_t i = 0; i <= g_table->mask; ++i) {
    Slot base = g_table->slots[i];
    if (base != nullptr && base != Grave()) Put(*table, base);
  }
  __atomic_store_n(&g_table, table, __ATOMIC_RELEASE);
  return true;
}

// Graves that no search has to pass by become empty again.
void Tidy(Table& table, size_t i) {
  if (table.slots[(i + 1) & table.mask] != nullptr) return;
  while (table.slots[i] == Grave()) {
    Store(table.slots[i], nullptr);
    --g_used;
    i = (i - 1) & table.mask;
  }
}

}  // namespace

bool EnlistBase(const event_base* base) {
  ProcessMutexLock lock(g_mutex);
  if (g_used >= g_table->mask / 2 && !Grow()) return false;
  Put(*g_table, base);
  return true;
}

void DelistBase(const event_base* base) {
  ProcessMutexLock lock(g_mutex);
  Slot& slot = Find(*g_table, base);
  if (slot != base) return;
  Store(slot, Grave());
  Tidy(*g_table, static_cast<size_t>(&slot - g_table->slots));
}

bool IsLiveBase(const event_base* base) {
  if (base == nullptr) return false;
  const Table* table = __atomic_load_n(&g_table, __ATOMIC_ACQUIRE);
  return Load(Find(*table, base)) == base;
}

void FreeBaseTables() {
  ProcessMutexLock lock(g_mutex);
  Table* table = g_table->older;
  if (g_table != &g_first_table) g_table->older = nullptr;
  while (table != nullptr && table != &g_first_table) {
    Table* older = table->older;
    Free(table);
    table = older;
  }
  for (size_t i = 0; i <= g_table->mask; ++i) {
    if (g_table->slots[i] != nullptr && g_table->slots[i] != Grave()) return;
  }
  // No base is left: the first table will do.
  if (g_table != &g_first_table) {
    Free(g_table);
    g_table = &g_first_table;
  }
  for (Slot& slot : g_first_slots) slot = nullptr;
  g_used = 0;
}

}  // namespace evoke
