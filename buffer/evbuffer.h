// SPDX-License-Identifier: BSD-3-Clause
//
// The byte queue behind `struct evbuffer`: a list of chains (chain.h), bytes in
// at the end, out at the start.
//
// What a list of chains looks like:
//
//     first                tail                last
//     [bytes] -> [bytes] -> [bytes|room] -> [room] -> [room]
//
// Every chain up to `tail` holds at least one byte; the chains behind it hold
// none and are our own writable memory, put there by evbuffer_expand() or
// evbuffer_reserve_space(). `tail` is null when the buffer is empty.
//
// The public functions are in the files named after what they do: guard.cc
// (locking), add.cc,
// reserve.cc, take.cc, move.cc, reference.cc, position.cc, search.cc, eol.cc,
// io.cc, file_segment.cc, callbacks.cc, compat.cc. What bufferevents use beside
// them is declared below the struct.
#ifndef EVOKE_BUFFER_EVBUFFER_H_
#define EVOKE_BUFFER_EVBUFFER_H_

#include <event2/buffer.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "absl/base/optimization.h"
#include "util/locks.h"

struct bufferevent;
struct event_base;

namespace evoke {
struct CallbackCursor;
struct Chain;
class ChainPool;

inline constexpr uint32_t kDefaultMaxReadBytes = 1 << 20;
inline constexpr uint32_t kBufferMagic = 0xeb0ff3a5;
}  // namespace evoke

struct evbuffer {
  // The bytes.
  evoke::Chain* first = nullptr;
  evoke::Chain* tail = nullptr;  // the last one that holds bytes
  evoke::Chain* last = nullptr;
  size_t length_bytes = 0;

  // What callbacks have not been told yet (callbacks.cc).
  size_t added_bytes = 0;
  size_t deleted_bytes = 0;
  evbuffer_cb_entry* callbacks = nullptr;    // last added first
  evoke::CallbackCursor* cursors = nullptr;  // the runs that are under way
  size_t unwatched_added_bytes = 0;
  size_t unwatched_deleted_bytes = 0;
  evbuffer_cb_func watcher_fn = nullptr;  // see BufferSetWatcher()
  void* watcher_arg = nullptr;

  // Where chains come from and go to; null: straight to the memory hooks.
  evoke::ChainPool* pool = nullptr;
  // How much a read lately found; sizes the room of the next (io.cc).
  uint32_t read_hint_bytes = 0;
  // What one evbuffer_read() takes at most.
  uint32_t max_read_bytes = evoke::kDefaultMaxReadBytes;

  // Null without a lock. Set before other threads know the buffer.
  evoke::SharedLock* lock = nullptr;
  // A guard has more to do than to count: there is a lock, or debug mode is on.
  bool guarded = false;
  bool misuse_told = false;  // debug mode warns once of each buffer
  // In debug mode, without a lock: the thread that is inside, and how deep.
  const void* user = nullptr;
  uint32_t user_depth = 0;
  // Of a live buffer; see IsBuffer().
  uint32_t magic = evoke::kBufferMagic;

  uint32_t refs = 1;
  uint32_t flags = 0;  // EVBUFFER_FLAG_*
  bool start_frozen = false;
  bool end_frozen = false;
  bool deferred = false;         // callbacks run from `defer_base`
  bool defer_scheduled = false;  // they are due
  // Runs of `deferred_callback` that wait in the loop's queues, or that it has
  // begun and that wait for the lock. Each holds a reference.
  uint32_t defer_runs = 0;
  event_base* defer_base = nullptr;
  event_callback deferred_callback = {};

  // The bufferevent that this is the input or output of, or null.
  bufferevent* parent = nullptr;

  size_t length() const { return length_bytes; }
};

namespace evoke {

// --- For bufferevents --------------------------------------------------------
// None of these but BufferMove() looks at the freeze: a bufferevent freezes the
// end of its input and the start of its output against the user, once, and
// works on them through here.

// Reads what `fd` has, at most `limit_bytes`, with one read(2) or readv(2) into
// room that is sized by what this buffer lately received: 16 KiB to 128 KiB, of
// which only what was filled stays with the buffer. What does not fit is left
// for the next call, which offers more. Works on every kind of fd.
//
// Returns the bytes read, 0 at the end of the file (and when `limit_bytes` is
// 0, without a system call), -1 with errno set otherwise: EAGAIN, EINTR and
// the like as read(2) has it, ENOMEM when there is no memory for any room; the
// buffer is then as it was.
//
// Runs the callbacks, which may free the buffer's owner: the caller holds a
// reference on what it touches afterwards.
ssize_t BufferReadFd(evbuffer* buffer, int fd, size_t limit_bytes);

// Writes at most `limit_bytes` from the start with one writev(2), or with one
// sendfile(2) where the first chain is a part of a file, and drains what was
// written. SIGPIPE is raised as writev(2) raises it.
//
// Returns the bytes written, which may be less than there are; 0 when there is
// nothing to write or `limit_bytes` is 0; -1 with errno set, and the buffer is
// then as it was. Runs the callbacks, as BufferReadFd() does.
ssize_t BufferWriteFd(evbuffer* buffer, int fd, size_t limit_bytes);

// evbuffer_remove_buffer() for any number of bytes, which its int does not
// hold: moves `bytes`, or all where there are fewer. Returns false, and has
// moved nothing, where they are frozen, or memory is short.
[[nodiscard]] bool BufferMove(evbuffer* source, evbuffer* destination,
                              size_t bytes);

// References. evbuffer_new() gives one, which evbuffer_free() takes back; the
// bytes, callbacks and references into foreign memory go with the last one.
// They are counted under the buffer's lock, which BufferDecref() takes itself.
// REQUIRES (BufferIncref): the buffer is locked, if it can be.
inline void BufferIncref(evbuffer* buffer) { ++buffer->refs; }
void BufferDecref(evbuffer* buffer);

// The buffer is locked by `lock` from now on, of which a reference is taken. No
// effect when it has a lock that a call further up the stack may hold.
// REQUIRES: only this thread uses the buffer.
void BufferShareLock(evbuffer* buffer, SharedLock* lock);

// The owner's callback: one for each buffer, without an allocation, told at
// once even where the user's are deferred, after the user's, and not in the
// list that evbuffer_setcb() clears. `fn` null takes it away. Called once for
// each operation that changed the length, as an evbuffer_cb_func.
void BufferSetWatcher(evbuffer* buffer, evbuffer_cb_func fn, void* arg);

// Callbacks that are deferred and have not run yet run no more, unless the
// buffer changes again. REQUIRES: the caller holds a reference, and the buffer
// is locked, if it can be.
void BufferCancelDeferred(evbuffer* buffer);

// The bufferevent that owns the buffer; null when it lets go.
void BufferSetParent(evbuffer* buffer, bufferevent* parent);

// Chains come from and go back to `pool` from now on, of which a reference is
// taken (chain_pool.h); null: the memory hooks again.
// REQUIRES: the buffer is locked, if it can be. Without a lock it is used by
// the thread that runs the pool's loop only.
void BufferSetPool(evbuffer* buffer, ChainPool* pool);

// --- For the files of this folder --------------------------------------------

// Ends the buffer, but not its lock, which may be held: returns the reference
// on it, or null. REQUIRES: nobody else refers to the buffer.
[[nodiscard]] SharedLock* BufferTakeApart(evbuffer* buffer);

// Held by every public function while it works: it has the buffer's lock, and
// whatever the callbacks do, free the buffer included, the buffer stays until
// the function is done with it.
class BufferGuard {
 public:
  explicit BufferGuard(evbuffer* buffer) : buffer_(buffer) {
    if (ABSL_PREDICT_FALSE(buffer->guarded)) taken_ = Enter(buffer);
    ++buffer->refs;
  }
  ~BufferGuard() {
    if (ABSL_PREDICT_FALSE(buffer_->guarded)) {
      Leave(buffer_, taken_);
    } else if (--buffer_->refs == 0) {
      Destroy(buffer_);
    }
  }
  BufferGuard(const BufferGuard&) = delete;
  BufferGuard& operator=(const BufferGuard&) = delete;

 private:
  friend class BufferPairGuard;

  // Returns the lock that it took, null where there is none.
  static SharedLock* Enter(evbuffer* buffer);
  static void Leave(evbuffer* buffer, SharedLock* taken);
  static void Destroy(evbuffer* buffer);

  evbuffer* buffer_;
  SharedLock* taken_ = nullptr;  // a callback may give the buffer one later
};

// For two buffers, which may be the same or share a lock. Two locks are always
// taken in the same order, so that two threads that move bytes in opposite
// directions do not wait for each other.
class BufferPairGuard {
 public:
  BufferPairGuard(evbuffer* a, evbuffer* b) : first_(Sort(a, b)), second_(b) {}
  BufferPairGuard(const BufferPairGuard&) = delete;
  BufferPairGuard& operator=(const BufferPairGuard&) = delete;

 private:
  // Swaps them where the lock of `b` is the first to take. Returns `a`.
  static evbuffer* Sort(evbuffer*& a, evbuffer*& b) {
    if (ABSL_PREDICT_FALSE(a->guarded && b->guarded)) SortSlow(a, b);
    return a;
  }
  static void SortSlow(evbuffer*& a, evbuffer*& b);

  BufferGuard first_;
  BufferGuard second_;
};

}  // namespace evoke

#endif  // EVOKE_BUFFER_EVBUFFER_H_
