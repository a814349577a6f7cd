// SPDX-License-Identifier: BSD-3-Clause
//
// A buffer's life, its lock, its flags and its freeze.
#include "buffer/evbuffer.h"

#include "buffer/callbacks.h"
#include "buffer/chain_list.h"
#include "buffer/chain_pool.h"
#include "util/memory.h"

namespace evoke {

namespace {

// Ends the buffer, but not its lock, which may be held: returns the reference
// on it.
SharedLock* TakeApart(evbuffer* buffer) {
  // Cleanups run inside; one that uses the buffer must not end it twice.
  buffer->refs = 1;
  RemoveAllCallbacks(buffer);
  buffer->watcher_fn = nullptr;
  buffer->length_bytes = 0;
  FreeChains(buffer, DetachAll(buffer));
  if (buffer->pool != nullptr) buffer->pool->Decref();
  SharedLock* lock = buffer->lock;
  Delete(buffer);
  return lock;
}

// Which lock it is: buffers may share one of the program's without knowing.
const void* HandleOf(const evbuffer* buffer) {
  return buffer->lock == nullptr ? nullptr : buffer->lock->handle();
}

}  // namespace

void BufferGuard::Enter(const evbuffer* held) {
  lock_ = buffer_->lock;
  // A lock of the program's need not be recursive.
  if (held != nullptr && HandleOf(held) == HandleOf(buffer_)) lock_ = nullptr;
  LockIfAny(lock_);
}

void BufferGuard::Leave() {
  // The buffer's memory goes while its lock is held, the lock when it is not.
  SharedLock* unused = --buffer_->refs == 0 ? TakeApart(buffer_) : nullptr;
  UnlockIfAny(lock_);
  if (unused != nullptr) unused->Unref();
}

void BufferGuard::Destroy(evbuffer* buffer) {
  SharedLock* unused = TakeApart(buffer);
  if (unused != nullptr) unused->Unref();
}

bool BufferPairGuard::IsLockedFirst(const evbuffer* a, const evbuffer* b) {
  return HandleOf(a) < HandleOf(b);
}

void BufferDecref(evbuffer* buffer) {
  BufferGuard guard(buffer);
  --buffer->refs;
}

void BufferShareLock(evbuffer* buffer, SharedLock* lock) {
  if (buffer->lock != nullptr) {
    if (buffer->refs > 1) return;
    buffer->lock->Unref();
  }
  lock->Ref();
  buffer->lock = lock;
  buffer->guarded = true;
}

void BufferSetWatcher(evbuffer* buffer, evbuffer_cb_func fn, void* arg) {
  buffer->watcher_fn = fn;
  buffer->watcher_arg = arg;
  buffer->unwatched_added_bytes = 0;
  buffer->unwatched_deleted_bytes = 0;
}

void BufferSetParent(evbuffer* buffer, bufferevent* parent) {
  buffer->parent = parent;
}

void BufferSetPool(evbuffer* buffer, ChainPool* pool) {
  if (pool != nullptr) pool->Incref();
  if (buffer->pool != nullptr) buffer->pool->Decref();
  buffer->pool = pool;
}

}  // namespace evoke

extern "C" {

evbuffer* evbuffer_new(void) { return evoke::New<evbuffer>(); }

void evbuffer_free(evbuffer* buffer) {
  if (!evoke::IsBuffer(buffer, __func__)) return;
  evoke::BufferDecref(buffer);
}

size_t evbuffer_get_length(const evbuffer* buffer) {
  if (!evoke::IsBuffer(buffer, __func__)) return 0;
  evoke::SharedLockGuard guard(buffer->lock);
  return buffer->length();
}

size_t evbuffer_get_contiguous_space(const evbuffer* buffer) {
  if (!evoke::IsBuffer(buffer, __func__)) return 0;
  evoke::SharedLockGuard guard(buffer->lock);
  return buffer->first == nullptr ? 0 : buffer->first->length_bytes;
}

int evbuffer_set_flags(evbuffer* buffer, ev_uint64_t flags) {
  if (!evoke::IsBuffer(buffer, __func__)) return -1;
  evoke::SharedLockGuard guard(buffer->lock);
  buffer->flags |= static_cast<uint32_t>(flags);
  return 0;
}

int evbuffer_clear_flags(evbuffer* buffer, ev_uint64_t flags) {
  if (!evoke::IsBuffer(buffer, __func__)) return -1;
  evoke::SharedLockGuard guard(buffer->lock);
  buffer->flags &= ~static_cast<uint32_t>(flags);
  return 0;
}

int evbuffer_freeze(evbuffer* buffer, int at_front) {
  if (!evoke::IsBuffer(buffer, __func__)) return -1;
  evoke::SharedLockGuard guard(buffer->lock);
  (at_front != 0 ? buffer->start_frozen : buffer->end_frozen) = true;
  return 0;
}

int evbuffer_unfreeze(evbuffer* buffer, int at_front) {
  if (!evoke::IsBuffer(buffer, __func__)) return -1;
  evoke::SharedLockGuard guard(buffer->lock);
  (at_front != 0 ? buffer->start_frozen : buffer->end_frozen) = false;
  return 0;
}

int evbuffer_enable_locking(evbuffer* buffer, void* lock) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__) || buffer->lock != nullptr) return -1;
  // One of the program's is taken even while threading is off.
  if (lock == nullptr && !LocksAreOn()) return -1;
  buffer->lock =
      lock != nullptr ? SharedLock::Borrow(lock) : SharedLock::Create();
  if (buffer->lock == nullptr) return -1;
  buffer->guarded = true;
  return 0;
}

void evbuffer_lock(evbuffer* buffer) {
  if (evoke::IsBuffer(buffer, __func__)) evoke::LockIfAny(buffer->lock);
}

void evbuffer_unlock(evbuffer* buffer) {
  if (evoke::IsBuffer(buffer, __func__)) evoke::UnlockIfAny(buffer->lock);
}

}  // extern "C"
