// SPDX-License-Identifier: BSD-3-Clause
#include "buffer/chain_pool.h"

#include <bit>

#include "buffer/chain.h"
#include "event/event_base.h"
#include "util/locks.h"
#include "util/memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define EVOKE_POOLS_KEEP_CHAINS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EVOKE_POOLS_KEEP_CHAINS false
#endif
#endif
#ifndef EVOKE_POOLS_KEEP_CHAINS
#define EVOKE_POOLS_KEEP_CHAINS true
#endif

namespace evoke {

namespace {

// REQUIRES: `capacity_bytes` is a power of two that is not below the minimum.
int ClassOf(size_t capacity_bytes) {
  return std::countr_zero(capacity_bytes) - std::countr_zero(kMinChainBytes);
}

}  // namespace

ChainPool* ChainPool::Of(event_base* base) {
  MutexLock lock(base->lock);
  auto* pool = static_cast<ChainPool*>(base->pool);
  if (pool == nullptr) {
    pool = Create(base->lock.exists());
    base->free_pool = [](void* pool_of_base) {
      if (pool_of_base != nullptr) {
        static_cast<ChainPool*>(pool_of_base)->Close();
      }
    };
    __atomic_store_n(&base->pool, pool, __ATOMIC_RELAXED);
  }
  return pool;
}

ChainPool* ChainPool::Create(bool shared) {
  static_assert(kMinChainBytes << (kClasses - 1) == kMaxPooledChainBytes);
  ChainPool* pool = New<ChainPool>();
  if (pool != nullptr) pool->shared_ = shared;
  return pool;
}

void ChainPool::Close() {
  __atomic_store_n(&max_waiting_bytes_, 0, __ATOMIC_RELAXED);
  FreeAll();
  Decref();
}

void ChainPool::Decref() {
  if (__atomic_sub_fetch(&refs_, 1, __ATOMIC_ACQ_REL) > 0) return;
  FreeAll();
  Delete(this);
}

bool ChainPool::IsOfRunningLoop() const {
  // Another thread may be making the pool of that loop just now.
  return t_running_base != nullptr &&
         __atomic_load_n(&t_running_base->pool, __ATOMIC_RELAXED) == this;
}

Chain* ChainPool::Take(size_t capacity_bytes) {
  if (capacity_bytes > kMaxPooledChainBytes || !IsOpenToThisThread()) {
    return nullptr;
  }
  Chain*& waiting = waiting_[ClassOf(capacity_bytes)];
  Chain* chain = waiting;
  if (chain == nullptr) return nullptr;
  waiting = chain->next;
  waiting_bytes_ -= capacity_bytes;
  chain->next = nullptr;
  chain->begin = 0;
  chain->length_bytes = 0;
  chain->refs = 1;
  chain->immutable = false;
  return chain;
}

bool ChainPool::Give(Chain* chain) {
  if (!EVOKE_POOLS_KEEP_CHAINS || !IsOpenToThisThread()) return false;
  size_t capacity_bytes = chain->capacity_bytes;
  if (capacity_bytes > kMaxPooledChainBytes) return false;
  if (capacity_bytes > max_waiting_bytes_ - waiting_bytes_) return false;
  Chain*& waiting = waiting_[ClassOf(capacity_bytes)];
  chain->next = waiting;
  waiting = chain;
  waiting_bytes_ += capacity_bytes;
  return true;
}

void ChainPool::FreeAll() {
  for (Chain*& waiting : waiting_) {
    while (waiting != nullptr) {
      Chain* chain = waiting;
      waiting = chain->next;
      Free(chain);
    }
  }
  waiting_bytes_ = 0;
}

}  // namespace evoke
