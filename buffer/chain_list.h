// SPDX-License-Identifier: BSD-3-Clause
//
// What the operations on evbuffers are made of: linking and unlinking chains
// with the buffer's invariants kept (evbuffer.h), and where the room is.
//
// Freeing a chain may call a cleanup of the program, which may use the buffer.
// So chains are always unlinked first, the buffer put in order, and what was
// unlinked freed then.
#ifndef EVOKE_BUFFER_CHAIN_LIST_H_
#define EVOKE_BUFFER_CHAIN_LIST_H_

#include <stddef.h>

#include "absl/base/optimization.h"
#include "buffer/chain.h"
#include "buffer/evbuffer.h"

namespace evoke {

// False, with a warning that names `function`, when the program gave no buffer:
// null, something else, or one that has been freed and whose memory nobody has
// used since.
bool IsBufferSlow(const evbuffer* buffer, const char* function);
inline bool IsBuffer(const evbuffer* buffer, const char* function) {
  return ABSL_PREDICT_TRUE(buffer != nullptr &&
                           buffer->magic == kBufferMagic) ||
         IsBufferSlow(buffer, function);
}

inline bool FitsInBuffer(const evbuffer* buffer, size_t more_bytes) {
  return more_bytes <= kMaxBufferBytes - buffer->length_bytes;
}

// Notes that the length grew or shrank, for the callbacks too.
inline void CountAdded(evbuffer* buffer, size_t bytes) {
  buffer->length_bytes += bytes;
  buffer->added_bytes += bytes;
  buffer->unwatched_added_bytes += bytes;
}
inline void CountDeleted(evbuffer* buffer, size_t bytes) {
  buffer->length_bytes -= bytes;
  buffer->deleted_bytes += bytes;
  buffer->unwatched_deleted_bytes += bytes;
}

// The first chain behind the bytes.
inline Chain* FirstSpare(const evbuffer* buffer) {
  return buffer->tail != nullptr ? buffer->tail->next : buffer->first;
}

// The chain where the next byte goes if it has room: `tail`, or the first spare
// one of an empty buffer. Null when there is none.
inline Chain* WriteChain(const evbuffer* buffer) {
  return buffer->tail != nullptr ? buffer->tail : buffer->first;
}

// Frees a list of chains that is in no buffer any more.
void FreeChains(evbuffer* buffer, Chain* list);

// Unlinks the spare chains and returns them.
[[nodiscard]] Chain* DetachSpare(evbuffer* buffer);

// Unlinks what is behind `chain`. REQUIRES: `chain` is `tail` or spare.
[[nodiscard]] Chain* DetachAfter(evbuffer* buffer, Chain* chain);

// Unlinks all and returns it; counts nothing.
[[nodiscard]] Chain* DetachAll(evbuffer* buffer);

// Puts `chain` behind the bytes, counts its bytes and frees what was spare. An
// empty one becomes spare itself: it is freed when its turn comes.
void AppendChain(evbuffer* buffer, Chain* chain);

// Puts `chain` at the very end, as room. REQUIRES: it is empty.
void AppendSpare(evbuffer* buffer, Chain* chain);

// Puts the non-empty chains `first` to `last` behind the bytes, in front of
// what is spare; counts nothing.
void LinkBehindBytes(evbuffer* buffer, Chain* first, Chain* last);

// Puts them in front of everything; counts nothing.
void LinkInFront(evbuffer* buffer, Chain* first, Chain* last);

// Takes `bytes` from the start and counts them. REQUIRES: there are as many.
void DropFront(evbuffer* buffer, size_t bytes);

// Copies `bytes` from the start, or from `offset` in `chain`. False when a part
// of a file cannot be loaded. REQUIRES: there are as many.
[[nodiscard]] bool CopyBytes(Chain* chain, size_t offset, void* out,
                             size_t bytes);

}  // namespace evoke

#endif  // EVOKE_BUFFER_CHAIN_LIST_H_
