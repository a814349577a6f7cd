// SPDX-License-Identifier: BSD-3-Clause
//
// What all kinds of bufferevents share: making, sharing and freeing them,
// enabling, and the many small questions and settings.
#include "bufferevent/bufferevent.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stddef.h>

#include "buffer/chain_pool.h"
#include "buffer/evbuffer.h"
#include "bufferevent/rate_limit.h"
#include "event/debug_mode.h"
#include "event/deferred.h"
#include "event/event_base.h"
#include "util/log.h"
#include "util/memory.h"

static_assert(sizeof(bufferevent) == 392 &&
                  offsetof(bufferevent, ev_read) == 16 &&
                  offsetof(bufferevent, ev_write) == 144 &&
                  offsetof(bufferevent, input) == 272 &&
                  offsetof(bufferevent, wm_read) == 288 &&
                  offsetof(bufferevent, readcb) == 320 &&
                  offsetof(bufferevent, timeout_read) == 352 &&
                  offsetof(bufferevent, enabled) == 384,
              "struct bufferevent is public: programs look inside");

namespace evoke {

namespace {

static_assert(offsetof(BuffereventImpl, face) == 0);

bool MakeBuffers(bufferevent* bev, event_base* base) {
  ChainPool* pool = ChainPool::Of(base);
  if (pool == nullptr) return false;
  bev->input = evbuffer_new();
  if (bev->input == nullptr) return false;
  bev->output = evbuffer_new();
  if (bev->output == nullptr) {
    evbuffer_free(bev->input);
    return false;
  }
  for (evbuffer* buffer : {bev->input, bev->output}) {
    BufferSetPool(buffer, pool);
    BufferSetParent(buffer, bev);
  }
  BufferSetWatcher(bev->input, InputChanged, bev);
  return true;
}

// Whoever gave up the last reference may still be about to let the lock go.
void Finalize(event_callback*, void* arg) {
  auto* impl = static_cast<BuffereventImpl*>(arg);
  bufferevent* bev = &impl->face;
  SharedLock* lock = impl->lock;
  {
    SharedLockGuard guard(lock);
    bev->be_ops->destroy(bev);
    for (evbuffer* buffer : {bev->input, bev->output}) {
      BufferSetParent(buffer, nullptr);
      evbuffer_free(buffer);
    }
  }
  if (lock != nullptr) lock->Unref();
  FreeRateLimit(impl->limit);
  DebugForget(&bev->ev_read);
  DebugForget(&bev->ev_write);
  __atomic_store_n(&impl->magic, 0, __ATOMIC_RELAXED);
  Free(impl);
}

// False when there should be a lock and none can be had.
bool MakeLock(bufferevent* bev, SharedLock* shared) {
  if (shared != nullptr) {
    BuffereventShareLock(bev, shared);
    return true;
  }
  SharedLock* lock = LocksAreOn() ? SharedLock::Create() : nullptr;
  if (lock == nullptr) return false;
  BuffereventShareLock(bev, lock);
  lock->Unref();
  return true;
}

}  // namespace

bool IsMissing(const void* argument, const char* function) {
  if (ABSL_PREDICT_TRUE(argument != nullptr)) return false;
  LogWarn("%s: null argument", function);
  return true;
}

bool IsNoBufferevent(const bufferevent* bev, const char* function) {
  if (bev == nullptr) return IsMissing(static_cast<const void*>(bev), function);
  LogWarn("%s: %p is no bufferevent, or has been freed", function,
          static_cast<const void*>(bev));
  return true;
}

event_base* BaseOf(const bufferevent* bev) {
  return bev->ev_base != nullptr ? bev->ev_base : g_current_base;
}

bool HasLostBase(const bufferevent* bev) { return bev->input->pool->closed(); }

bool BuffereventInit(BuffereventImpl* impl, event_base* base,
                     const bufferevent_ops* ops, int options,
                     SharedLock* shared) {
  if ((options & BEV_OPT_UNLOCK_CALLBACKS) &&
      !(options & BEV_OPT_DEFER_CALLBACKS)) {
    LogWarn(
        "bufferevent: BEV_OPT_UNLOCK_CALLBACKS without "
        "BEV_OPT_DEFER_CALLBACKS");
    return false;
  }
  bufferevent* bev = &impl->face;
  bev->ev_base = base;
  if (base == nullptr) base = g_current_base;
  if (base == nullptr) {
    LogWarn("bufferevent: no event_base");
    return false;
  }
  if (!MakeBuffers(bev, base)) {
    LogWarn("bufferevent: no memory");
    return false;
  }
  if ((options & BEV_OPT_THREADSAFE) && !MakeLock(bev, shared)) {
    evbuffer_free(bev->input);
    evbuffer_free(bev->output);
    return false;
  }
  impl->magic = kBuffereventMagic;
  bev->be_ops = ops;
  bev->enabled = EV_WRITE;
  impl->refs = 1;
  impl->options = options;
  impl->max_single_read_bytes = kDefaultMaxSingleBytes;
  impl->max_single_write_bytes = kDefaultMaxSingleBytes;
  CallbacksInit(impl,
                static_cast<uint8_t>(event_base_get_npriorities(base) / 2));
  return true;
}

void BuffereventShareLock(bufferevent* bev, SharedLock* lock) {
  BuffereventImpl* impl = ImplOf(bev);
  lock->Ref();
  for (; impl->bare_locks > 0; --impl->bare_locks) lock->Lock();
  impl->lock = lock;
  BufferShareLock(bev->input, lock);
  BufferShareLock(bev->output, lock);
}

void BuffereventGuard::TakeLate() {
  BuffereventImpl* impl = ImplOf(bev_);
  if (!impl->taken_late) impl->lock->Lock();
  impl->taken_late = false;
}

bool BuffereventDecrefAndUnlock(bufferevent* bev) {
  BuffereventImpl* impl = ImplOf(bev);
  SharedLock* lock = impl->lock;
  if (--impl->refs > 0 || impl->ended) {
    UnlockIfAny(lock);
    return false;
  }
  impl->ended = true;
  CancelDeferred(bev);
  bev->be_ops->detach(bev);
  if (impl->limit != nullptr) DetachRateLimit(bev);
  for (evbuffer* buffer : {bev->input, bev->output}) {
    BufferSetWatcher(buffer, nullptr, nullptr);
    BufferCancelDeferred(buffer);
  }
  // The loop may finalize it before this function ends.
  if (lock != nullptr) lock->Ref();
  if (HasLostBase(bev)) {
    LogWarn("bufferevent freed after its event_base");
    Finalize(nullptr, impl);
  } else {
    FinalizeLater(BaseOf(bev), &impl->finalizer, impl->deferred.evcb_pri,
                  Finalize, impl);
  }
  if (lock != nullptr) {
    lock->Unlock();
    lock->Unref();
  }
  return true;
}

bool BuffereventDecref(bufferevent* bev) {
  LockIfAny(ImplOf(bev)->lock);
  return BuffereventDecrefAndUnlock(bev);
}

}  // namespace evoke

using evoke::BuffereventLock;
using evoke::ImplOf;
using evoke::IsMissing;
using evoke::LockIfAny;
using evoke::LogWarn;

namespace {

// A reference that nobody has cannot be given up. Lets the lock go then.
bool IsGivenUp(bufferevent* bev, const char* function) {
  if (ABSL_PREDICT_TRUE(ImplOf(bev)->refs != 0)) return false;
  LogWarn("%s: %p has been freed", function, static_cast<void*>(bev));
  evoke::UnlockIfAny(ImplOf(bev)->lock);
  return true;
}

size_t SingleLimit(size_t size) {
  return size == 0 || size > EV_SSIZE_MAX ? evoke::kDefaultMaxSingleBytes
                                          : size;
}

}  // namespace

extern "C" {

// --- Life --------------------------------------------------------------------

void bufferevent_free(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return;
  LockIfAny(ImplOf(bev)->lock);
  if (IsGivenUp(bev, __func__)) return;
  bufferevent_setcb(bev, nullptr, nullptr, nullptr, nullptr);
  evoke::BuffereventDecrefAndUnlock(bev);
}

void bufferevent_incref(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return;
  BuffereventLock lock(bev);
  ++ImplOf(bev)->refs;
}

int bufferevent_decref(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return 0;
  LockIfAny(ImplOf(bev)->lock);
  if (IsGivenUp(bev, __func__)) return 0;
  return evoke::BuffereventDecrefAndUnlock(bev);
}

// A program may count on the reference in between, lock or not.
void bufferevent_lock(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return;
  evoke::BuffereventImpl* impl = ImplOf(bev);
  LockIfAny(impl->lock);
  if (impl->lock == nullptr) ++impl->bare_locks;
  ++impl->refs;
}

void bufferevent_unlock(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return;
  if (ImplOf(bev)->bare_locks > 0) --ImplOf(bev)->bare_locks;
  evoke::BuffereventDecrefAndUnlock(bev);
}

// --- Directions --------------------------------------------------------------

int bufferevent_enable(bufferevent* bev, short events) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  const evoke::BuffereventImpl* impl = ImplOf(bev);
  bev->enabled |= events;
  if (impl->read_suspended != 0) events &= ~EV_READ;
  if (impl->write_suspended != 0) events &= ~EV_WRITE;
  if (events == 0) return 0;
  return bev->be_ops->enable(bev, events) < 0 ? -1 : 0;
}

int bufferevent_disable(bufferevent* bev, short events) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  bev->enabled &= ~events;
  return bev->be_ops->disable(bev, events) < 0 ? -1 : 0;
}

short bufferevent_get_enabled(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return 0;
  BuffereventLock lock(bev);
  return bev->enabled;
}

int bufferevent_set_timeouts(bufferevent* bev, const timeval* timeout_read,
                             const timeval* timeout_write) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  bev->timeout_read = timeout_read != nullptr ? *timeout_read : timeval{};
  bev->timeout_write = timeout_write != nullptr ? *timeout_write : timeval{};
  return bev->be_ops->timeouts_changed(bev);
}

int bufferevent_flush(bufferevent* bev, short events,
                      bufferevent_flush_mode mode) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  return bev->be_ops->flush(bev, events, mode);
}

// --- Bytes -------------------------------------------------------------------

evbuffer* bufferevent_get_input(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return nullptr;
  return bev->input;
}

evbuffer* bufferevent_get_output(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return nullptr;
  return bev->output;
}

int bufferevent_write(bufferevent* bev, const void* data, size_t size) {
  if (IsMissing(bev, __func__)) return -1;
  return evbuffer_add(bev->output, data, size) < 0 ? -1 : 0;
}

int bufferevent_write_buffer(bufferevent* bev, evbuffer* buffer) {
  if (IsMissing(bev, __func__)) return -1;
  return evbuffer_add_buffer(bev->output, buffer) < 0 ? -1 : 0;
}

size_t bufferevent_read(bufferevent* bev, void* data, size_t size) {
  if (IsMissing(bev, __func__)) return 0;
  int taken = evbuffer_remove(bev->input, data, size);
  return static_cast<size_t>(taken);
}

int bufferevent_read_buffer(bufferevent* bev, evbuffer* buffer) {
  if (IsMissing(bev, __func__)) return -1;
  return evbuffer_add_buffer(buffer, bev->input);
}

// --- Base, fd, priority ------------------------------------------------------

event_base* bufferevent_get_base(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return nullptr;
  BuffereventLock lock(bev);
  return bev->ev_base;
}

int bufferevent_base_set(event_base* base, bufferevent* bev) {
  if (IsMissing(bev, __func__) || IsMissing(base, __func__)) return -1;
  BuffereventLock lock(bev);
  if (bev->be_ops->set_base == nullptr) return -1;
  evoke::ChainPool* pool = evoke::ChainPool::Of(base);
  if (pool == nullptr) return -1;
  if (bev->be_ops->set_base(bev, base) < 0) return -1;
  bev->ev_base = base;
  if (ImplOf(bev)->limit != nullptr) evoke::MoveRateLimit(bev, base);
  evoke::BufferSetPool(bev->input, pool);
  evoke::BufferSetPool(bev->output, pool);
  return 0;
}

int bufferevent_priority_set(bufferevent* bev, int priority) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  if (bev->be_ops->set_priority == nullptr) return -1;
  return bev->be_ops->set_priority(bev, priority);
}

int bufferevent_get_priority(const bufferevent* bev) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  if (event_initialized(&bev->ev_read)) {
    return event_get_priority(&bev->ev_read);
  }
  return event_base_get_npriorities(bev->ev_base) / 2;
}

int bufferevent_setfd(bufferevent* bev, evutil_socket_t fd) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  if (bev->be_ops->set_fd == nullptr) return -1;
  return bev->be_ops->set_fd(bev, fd);
}

int bufferevent_replacefd(bufferevent* bev, evutil_socket_t fd) {
  if (IsMissing(bev, __func__)) return -1;
  const bufferevent_ops* ops = bev->be_ops;
  if (ops->set_fd == nullptr || ops->get_fd == nullptr) return -1;
  BuffereventLock lock(bev);
  evutil_socket_t old_fd = ops->get_fd(bev);
  if (ops->set_fd(bev, fd) < 0) return -1;
  if (old_fd < 0 || old_fd == fd) return 0;
  evoke::TellBeforeClose(evoke::BaseOf(bev), old_fd);
  return evutil_closesocket(old_fd);
}

evutil_socket_t bufferevent_getfd(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  if (bev->be_ops->get_fd == nullptr) return -1;
  return bev->be_ops->get_fd(bev);
}

bufferevent* bufferevent_get_underlying(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return nullptr;
  BuffereventLock lock(bev);
  if (bev->be_ops->get_underlying == nullptr) return nullptr;
  return bev->be_ops->get_underlying(bev);
}

// --- How much at once --------------------------------------------------------

int bufferevent_set_max_single_read(bufferevent* bev, size_t size) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  ImplOf(bev)->max_single_read_bytes = SingleLimit(size);
  return 0;
}

int bufferevent_set_max_single_write(bufferevent* bev, size_t size) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  ImplOf(bev)->max_single_write_bytes = SingleLimit(size);
  return 0;
}

ev_ssize_t bufferevent_get_max_single_read(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  return static_cast<ev_ssize_t>(ImplOf(bev)->max_single_read_bytes);
}

ev_ssize_t bufferevent_get_max_single_write(bufferevent* bev) {
  if (IsMissing(bev, __func__)) return -1;
  BuffereventLock lock(bev);
  return static_cast<ev_ssize_t>(ImplOf(bev)->max_single_write_bytes);
}

}  // extern "C"
