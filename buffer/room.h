// SPDX-License-Identifier: BSD-3-Clause
//
// Room at the end of a buffer: finding it, making it, and turning what was
// written into it into bytes. Making room moves the bytes of the last chain at
// most, and leaves the buffer's contents and length alone.
#ifndef EVOKE_BUFFER_ROOM_H_
#define EVOKE_BUFFER_ROOM_H_

#include <stddef.h>

#include "buffer/chain.h"
#include "buffer/evbuffer.h"

namespace evoke {

// The chains that can be written to are a run: the last one with bytes, full or
// immutable as it may be, and the writable spare ones behind it. Returns the
// first for a null `chain`, else the one behind it; nullptr at the end.
Chain* NextWritable(const evbuffer* buffer, Chain* chain);

// How many bytes can be added without an allocation; the count may stop at
// `enough_bytes`.
size_t UsableRoom(const evbuffer* buffer, size_t enough_bytes);

// Moves the last chain's bytes to its front where that makes room for `bytes`
// and little is moved. False when that is not so.
bool RealignFor(evbuffer* buffer, size_t bytes);

// Makes UsableRoom() at least `bytes`. False when memory is short.
[[nodiscard]] bool EnsureRoom(evbuffer* buffer, size_t bytes);

// The chain that may be written to next and has at least `bytes` of room in one
// piece; nullptr when memory is short.
[[nodiscard]] Chain* ContiguousRoom(evbuffer* buffer, size_t bytes);

// Turns the first `bytes` of the room of `chain` into bytes of the buffer and
// counts them. Empty chains in between go.
// REQUIRES: `chain` is `tail` or spare, and has that much room.
void TakeRoom(evbuffer* buffer, Chain* chain, size_t bytes);

// evbuffer_add() without callbacks, freeze and guard.
[[nodiscard]] bool AppendBytes(evbuffer* buffer, const void* data,
                               size_t bytes);

}  // namespace evoke

#endif  // EVOKE_BUFFER_ROOM_H_
