// SPDX-License-Identifier: BSD-3-Clause
//
// What every kind of bufferevent is made of, and the table that tells kinds
// apart.
//
// `struct bufferevent` is public with all its fields, so what only the library
// knows lies behind it in the same block of memory: first what all kinds share
// (BuffereventImpl), then what one kind adds (SocketBufferevent in socket.h).
//
// Where to find what:
//   bufferevent.cc  making, sharing and freeing; enabling; getting and setting
//   callbacks.cc    calling the program: at once or deferred, and triggers
//   watermarks.cc   levels of the buffers; pausing and resuming a direction
//   socket.cc       the kind that reads and writes an fd: the data path
//   connect.cc      how a socket's bufferevent gets connected
//   pair.cc         the kind that is one end of two, without a socket
//   filter.cc       the kind that lies over another and changes what goes by
//   timers.cc       the timeouts of pairs and filters
//   rate_limit.cc   how much it may move, by itself and in a group
//   compat.cc       the functions of event2/bufferevent_compat.h
//
// Threads: with BEV_OPT_THREADSAFE there is a lock, which guards the
// bufferevent and both buffers; the two ends of a pair share one, and so do a
// filter and what lies under it. Public functions take it, and so do the
// callbacks of the loop. Between the loop's decision to call one and the moment
// when it has the lock, another thread may have done anything, so each then
// looks whether it is still wanted; the memory stays until the finalizer, which
// the loop runs later. Nobody waits for a running callback with the lock held:
// event_del_noblock() here, never event_del(). Without the option the lock is
// null, and whoever uses the bufferevent sees to it that no two threads do so
// at once.
#ifndef EVOKE_BUFFEREVENT_BUFFEREVENT_H_
#define EVOKE_BUFFEREVENT_BUFFEREVENT_H_

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <stddef.h>
#include <stdint.h>

#include "util/locks.h"

struct event_base;

// What a kind does. The entries that say so may be null.
struct bufferevent_ops {
  // For messages.
  const char* name;

  // Begins, or stops, to move bytes in the directions of `events` (EV_READ,
  // EV_WRITE). Whether they are enabled or paused was looked at before. 0, or
  // -1 with errno set.
  int (*enable)(bufferevent* bev, short events);
  int (*disable)(bufferevent* bev, short events);

  // The last reference is gone: nothing more may be called for this
  // bufferevent. The memory stays until destroy(). All entries are called with
  // the lock held.
  void (*detach)(bufferevent* bev);
  // Gives back what the kind holds beside buffers and memory. Runs when nothing
  // further up the stack can know the bufferevent any more.
  void (*destroy)(bufferevent* bev);

  // The timeouts in the public struct were changed. 0, or -1.
  int (*timeouts_changed)(bufferevent* bev);

  // bufferevent_flush(): 1, 0 or -1.
  int (*flush)(bufferevent* bev, short events, bufferevent_flush_mode mode);

  // Null where the kind has none.
  int (*set_fd)(bufferevent* bev, evutil_socket_t fd);
  evutil_socket_t (*get_fd)(const bufferevent* bev);
  bufferevent* (*get_underlying)(bufferevent* bev);

  // Null where these cannot be changed. 0, or -1, and it stays with its base.
  int (*set_base)(bufferevent* bev, event_base* base);
  int (*set_priority)(bufferevent* bev, int priority);
};

namespace evoke {

// Why a direction is paused although it is enabled; a set of bits.
enum SuspendReason : uint8_t {
  kSuspendWatermark = 1,  // the input is at its high watermark
  kSuspendRate = 2,       // the bufferevent's own rate limit
  kSuspendGroupRate = 4,  // its group's
  kSuspendLookup = 8,     // a name is being looked up
  kSuspendFilter = 16,    // a filter over it does not read
};

// What bufferevent_get_max_single_read() tells as long as nothing was set.
inline constexpr size_t kDefaultMaxSingleBytes = 16384;

struct RateLimit;

inline constexpr uint32_t kBuffereventMagic = 0x62657665;

struct BuffereventImpl {
  bufferevent face;  // first: the public pointer points here
  uint32_t magic;    // kBuffereventMagic as long as it is one

  // Guards all of this; null without BEV_OPT_THREADSAFE. It does not change
  // once other threads can use the bufferevent; a filter may bring it late
  // (BuffereventShareLock). Holds one reference.
  SharedLock* lock;

  uint32_t refs;
  // Calls of bufferevent_lock() that found no lock, and whose
  // bufferevent_unlock() is to come.
  uint32_t bare_locks;
  // CallProgram() has taken the lock, which came while the program ran, for the
  // guard around it. Changed by who made that guard.
  bool taken_late;
  // The last reference was given up: only the finalizer is still to come. A
  // callback of the loop may find it so once it has the lock.
  bool ended;
  int options;             // BEV_OPT_...
  uint8_t read_suspended;  // SuspendReason
  uint8_t write_suspended;

  // What callbacks are due when `deferred` runs (callbacks.cc).
  bool read_due;
  bool write_due;
  short events_due;  // BEV_EVENT_...
  int events_errno;  // errno as it was when the last of these happened

  size_t max_single_read_bytes;
  size_t max_single_write_bytes;
  RateLimit* limit;  // null: none was ever set; see rate_limit.h

  event_callback deferred;
  event_base* deferred_base;  // in whose queue it is, or was
  event_callback finalizer;
};

inline BuffereventImpl* ImplOf(bufferevent* bev) {
  return reinterpret_cast<BuffereventImpl*>(bev);
}
inline const BuffereventImpl* ImplOf(const bufferevent* bev) {
  return reinterpret_cast<const BuffereventImpl*>(bev);
}

// Gives up one reference and then the lock; true when it was the last. The
// memory is given back by the loop, once no callback that is under way can
// touch it. REQUIRES: the lock is held, if there is one, and a reference.
bool BuffereventDecrefAndUnlock(bufferevent* bev);

// Holds the lock, and keeps the bufferevent while callbacks run that may free
// it, or make a filter over it that brings a lock.
class BuffereventGuard {
 public:
  explicit BuffereventGuard(bufferevent* bev)
      : bev_(bev), lock_(ImplOf(bev)->lock) {
    LockIfAny(lock_);
    ++ImplOf(bev)->refs;
  }
  ~BuffereventGuard() {
    BuffereventImpl* impl = ImplOf(bev_);
    // A lock may come, but it never goes.
    if (ABSL_PREDICT_FALSE(impl->lock != nullptr && lock_ == nullptr)) {
      TakeLate();
    }
    if (ABSL_PREDICT_FALSE(impl->refs == 1)) {
      BuffereventDecrefAndUnlock(bev_);
      return;
    }
    --impl->refs;
    UnlockIfAny(impl->lock);
  }
  BuffereventGuard(const BuffereventGuard&) = delete;
  BuffereventGuard& operator=(const BuffereventGuard&) = delete;

  // Nobody else keeps it: the program has freed it.
  bool is_last() const { return ImplOf(bev_)->refs == 1; }

 private:
  // Holds, from now on, the lock that came meanwhile.
  ABSL_ATTRIBUTE_COLD void TakeLate();

  bufferevent* bev_;
  SharedLock* lock_;  // what it took
};

// Holds the lock only: where no callback can run.
class BuffereventLock {
 public:
  explicit BuffereventLock(const bufferevent* bev)
      : guard_(ImplOf(bev)->lock) {}

 private:
  SharedLockGuard guard_;
};

// --- bufferevent.cc

// Fills in what all kinds share: buffers, defaults, one reference. `impl` is
// zeroed memory. With BEV_OPT_THREADSAFE it gets `shared` as its lock, or one
// of its own where that is null. Returns false after logging why (bad options,
// no memory, no base); without a word where there are no locks to be had.
// Nothing is held then, and the memory is still the caller's.
[[nodiscard]] bool BuffereventInit(BuffereventImpl* impl, event_base* base,
                                   const bufferevent_ops* ops, int options,
                                   SharedLock* shared = nullptr);

// Gives it and its buffers `lock`, of which a reference is taken: for a filter,
// whose lock becomes that of what lies under it. Guards further up the stack,
// in a callback, do not hold it then, nor may they let it go: each knows what
// it has taken. What the program has locked by bufferevent_lock() it holds.
// REQUIRES: it has none yet, and no other thread uses it.
void BuffereventShareLock(bufferevent* bev, SharedLock* lock);

// Its base: the one that was named, or the current one of event_init().
event_base* BaseOf(const bufferevent* bev);

// Its base was freed, and must not be touched any more.
bool HasLostBase(const bufferevent* bev);

// Gives up one reference; true when it was the last.
bool BuffereventDecref(bufferevent* bev);

// Logs and returns true when a program passed a null pointer.
bool IsMissing(const void* argument, const char* function);

// The same for one that is null, no bufferevent at all, or was freed and whose
// memory was given back.
bool IsNoBufferevent(const bufferevent* bev, const char* function);
inline bool IsMissing(const bufferevent* bev, const char* function) {
  return !(ABSL_PREDICT_TRUE(
             bev != nullptr &&
             __atomic_load_n(&ImplOf(bev)->magic, __ATOMIC_RELAXED) ==
                 kBuffereventMagic)) &&
         IsNoBufferevent(bev, function);
}

// --- callbacks.cc

void CallbacksInit(BuffereventImpl* impl, uint8_t priority);

// Deferred ones run at `priority`, those that are under way excepted.
void CallbacksSetPriority(bufferevent* bev, uint8_t priority);

// Call the program's callback, or note that it is due and defer. `options` are
// BEV_OPT_DEFER_CALLBACKS or 0, beside those of the bufferevent. The program
// may do anything inside: the caller holds a reference.
void RunReadCallback(bufferevent* bev, int options);
void RunWriteCallback(bufferevent* bev, int options);
void RunEventCallback(bufferevent* bev, short what, int options);

// Calls the data callbacks of `events` whose buffer is at the right level.
// `options`: BEV_TRIG_...
void Trigger(bufferevent* bev, short events, int options);

// Drops what is due.
void CancelDeferred(bufferevent* bev);

// --- watermarks.cc

// Told by the input of every change of its length.
void InputChanged(evbuffer* input, const evbuffer_cb_info* info, void* bev);

// Pause a direction, or take one reason to pause away.
void SuspendRead(bufferevent* bev, SuspendReason why);
void ResumeRead(bufferevent* bev, SuspendReason why);
void SuspendWrite(bufferevent* bev, SuspendReason why);
void ResumeWrite(bufferevent* bev, SuspendReason why);

// A direction (EV_READ or EV_WRITE) cannot go on, or pause and go on later, for
// want of memory: disables it and tells the program so from the loop.
void FailForWantOfMemory(bufferevent* bev, short direction);

// The most bytes that one read may take now; 0 when the high watermark is
// reached, or a rate limit that has paused reading by then.
size_t ReadLimit(bufferevent* bev);
// The most bytes that one write may send now; 0 when a rate limit has paused
// writing.
size_t WriteLimit(bufferevent* bev);

}  // namespace evoke

#endif  // EVOKE_BUFFEREVENT_BUFFEREVENT_H_
