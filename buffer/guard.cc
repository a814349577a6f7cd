// SPDX-License-Identifier: BSD-3-Clause
//
// A buffer's lock: giving it one, and what a guard (evbuffer.h) does where
// there is one. Without it none of this runs.
#include <utility>

#include "buffer/chain_list.h"
#include "buffer/evbuffer.h"
#include "event/debug_mode.h"
#include "util/locks.h"
#include "util/log.h"

namespace evoke {

namespace {

// Which lock it is: buffers may share one of the program's without knowing.
const void* HandleOf(const evbuffer* buffer) {
  return buffer->lock == nullptr ? nullptr : buffer->lock->handle();
}

// Debug mode: two threads that are inside the same buffer at once will sooner
// or later spoil it. One of them notices the other here.
void NoteUser(evbuffer* buffer) {
  const void* me = debug_mode::ThisThread();
  const void* other = nullptr;
  if (__atomic_compare_exchange_n(&buffer->user, &other, me, /*weak=*/false,
                                  __ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
      other == me) {
    ++buffer->user_depth;
  } else if (!__atomic_exchange_n(&buffer->misuse_told, true,
                                  __ATOMIC_RELAXED)) {
    LogWarn(
        "evbuffer %p: two threads use it at once, and it has no lock "
        "(evbuffer_enable_locking)",
        static_cast<void*>(buffer));
  }
}

void NoteUserGone(evbuffer* buffer) {
  if (__atomic_load_n(&buffer->user, __ATOMIC_RELAXED) !=
      debug_mode::ThisThread()) {
    return;
  }
  if (--buffer->user_depth > 0) return;
  __atomic_store_n(&buffer->user, nullptr, __ATOMIC_RELAXED);
}

}  // namespace

SharedLock* BufferGuard::Enter(evbuffer* buffer) {
  if (buffer->lock == nullptr) {
    NoteUser(buffer);
    return nullptr;
  }
  buffer->lock->Lock();
  return buffer->lock;
}

void BufferGuard::Leave(evbuffer* buffer, SharedLock* taken) {
  SharedLock* lock = taken;
  if (taken == nullptr) {
    NoteUserGone(buffer);
    // One that came meanwhile: others count by it now.
    lock = buffer->lock;
    if (lock != nullptr) lock->Lock();
  }
  // The buffer's memory goes while its lock is held, the lock when it is not.
  SharedLock* unused = --buffer->refs == 0 ? BufferTakeApart(buffer) : nullptr;
  UnlockIfAny(lock);
  if (unused != nullptr) unused->Unref();
}

void BufferGuard::Destroy(evbuffer* buffer) {
  SharedLock* unused = BufferTakeApart(buffer);
  if (unused != nullptr) unused->Unref();
}

void BufferPairGuard::SortSlow(evbuffer*& a, evbuffer*& b) {
  if (HandleOf(b) < HandleOf(a)) std::swap(a, b);
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

}  // namespace evoke

extern "C" {

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
