// SPDX-License-Identifier: BSD-3-Clause
//
// Telling those who watch a buffer that its length changed.
#ifndef EVOKE_BUFFER_CALLBACKS_H_
#define EVOKE_BUFFER_CALLBACKS_H_

#include "buffer/evbuffer.h"

namespace evoke {

void RunCallbacksSlow(evbuffer* buffer);

// Called by every operation once it is done, with the buffer in order: runs the
// callbacks or schedules them, if bytes came or went since the last call. They
// may do anything to the buffer, so nothing but the guard's release may follow.
inline void BufferChanged(evbuffer* buffer) {
  if (buffer->callbacks == nullptr && buffer->watcher_fn == nullptr) {
    buffer->added_bytes = buffer->unwatched_added_bytes = 0;
    buffer->deleted_bytes = buffer->unwatched_deleted_bytes = 0;
    return;
  }
  RunCallbacksSlow(buffer);
}

// Frees every entry of the list (not the watcher).
void RemoveAllCallbacks(evbuffer* buffer);

// For evbuffer_setcb(): one callback of the old form in place of all others.
[[nodiscard]] bool ReplaceCallbacks(
    evbuffer* buffer, void (*fn)(evbuffer*, size_t, size_t, void*), void* arg);

}  // namespace evoke

#endif  // EVOKE_BUFFER_CALLBACKS_H_
