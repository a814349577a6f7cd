// SPDX-License-Identifier: BSD-3-Clause
//
// A buffer's life, its flags and its freeze.
#include "buffer/evbuffer.h"

#include "buffer/callbacks.h"
#include "buffer/chain_list.h"
#include "buffer/chain_pool.h"
#include "event/debug_mode.h"
#include "util/memory.h"

namespace evoke {

SharedLock* BufferTakeApart(evbuffer* buffer) {
  // Cleanups run inside; one that uses the buffer must not end it twice.
  buffer->refs = 1;
  RemoveAllCallbacks(buffer);
  buffer->watcher_fn = nullptr;
  buffer->length_bytes = 0;
  FreeChains(buffer, DetachAll(buffer));
  if (buffer->pool != nullptr) buffer->pool->Decref();
  SharedLock* lock = buffer->lock;
  // Atomic, lest the compiler takes it for a store that nobody sees.
  __atomic_store_n(&buffer->magic, 0, __ATOMIC_RELAXED);
  Delete(buffer);
  return lock;
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

evbuffer* evbuffer_new(void) {
  auto* buffer = evoke::New<evbuffer>();
  if (buffer != nullptr) buffer->guarded = evoke::DebugModeIsOn();
  return buffer;
}

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

}  // extern "C"
