// SPDX-License-Identifier: BSD-3-Clause
//
// Bytes from one buffer to another, by moving chains.
#include <string.h>

#include <algorithm>

#include "buffer/callbacks.h"
#include "buffer/chain_list.h"
#include "buffer/evbuffer.h"

namespace evoke {

namespace {

// The source's room wanders with the bytes in front of it.
void MoveAllToEnd(evbuffer* out, evbuffer* in) {
  size_t bytes = in->length_bytes;
  Chain* last = in->last;
  Chain* tail = in->tail;
  Chain* first = DetachAll(in);
  Chain* spare = DetachSpare(out);
  if (out->tail != nullptr) {
    out->tail->next = first;
  } else {
    out->first = first;
  }
  out->tail = tail;
  out->last = last;
  CountDeleted(in, bytes);
  CountAdded(out, bytes);
  FreeChains(out, spare);
}

void MoveAllToStart(evbuffer* out, evbuffer* in) {
  size_t bytes = in->length_bytes;
  Chain* tail = in->tail;
  Chain* spare = DetachSpare(in);
  Chain* first = DetachAll(in);
  LinkInFront(out, first, tail);
  CountDeleted(in, bytes);
  CountAdded(out, bytes);
  FreeChains(in, spare);
}

// A chain of its own for the first `bytes` of `chain`. They stay in their file
// only if they are to be sent from there.
Chain* CopyStart(evbuffer* out, Chain* chain, size_t bytes) {
  if (chain->kind == ChainKind::kFile &&
      ((out->flags & EVBUFFER_FLAG_DRAINS_TO_FD) || !ChainLoad(chain))) {
    return ChainSplitFile(chain, bytes);
  }
  Chain* copy = ChainNew(out->pool, bytes);
  if (copy == nullptr) return nullptr;
  memcpy(copy->memory, chain->bytes(), bytes);
  copy->length_bytes = bytes;
  return copy;
}

// Moves `bytes`, which are fewer than there are, but not none. What is less
// than a chain is copied. False when memory is short.
bool MoveSome(evbuffer* out, evbuffer* in, size_t bytes) {
  Chain* whole_last = nullptr;
  size_t whole_bytes = 0;
  Chain* chain = in->first;
  while (bytes - whole_bytes >= chain->length_bytes) {
    whole_bytes += chain->length_bytes;
    whole_last = chain;
    chain = chain->next;
  }
  size_t part_bytes = bytes - whole_bytes;
  Chain* part = nullptr;
  if (part_bytes > 0) {
    // Small pieces go into the room that is there, if nothing goes before them.
    Chain* tail = out->tail;
    bool fits = whole_last == nullptr && tail != nullptr &&
                tail->room() >= part_bytes && !chain->needs_load();
    if (fits) {
      memcpy(tail->bytes_end(), chain->bytes(), part_bytes);
      tail->length_bytes += part_bytes;
      CountAdded(out, part_bytes);
    } else {
      part = CopyStart(out, chain, part_bytes);
      if (part == nullptr) return false;
    }
    chain->begin += part_bytes;
    chain->length_bytes -= part_bytes;
  }
  if (whole_last != nullptr) {
    Chain* whole_first = in->first;
    in->first = chain;
    LinkBehindBytes(out, whole_first, whole_last);
    CountAdded(out, whole_bytes);
  }
  CountDeleted(in, bytes);
  if (part != nullptr) AppendChain(out, part);
  return true;
}

// Both are guarded. False when it cannot be done; nothing has changed then.
bool Move(evbuffer* out, evbuffer* in, size_t bytes) {
  if (bytes == 0 || out == in) return true;
  if (out->end_frozen || in->start_frozen) return false;
  bytes = std::min(bytes, in->length_bytes);
  if (bytes == 0) return true;
  if (!FitsInBuffer(out, bytes)) return false;
  if (bytes == in->length_bytes) {
    MoveAllToEnd(out, in);
    BufferChanged(in);
    BufferChanged(out);
    return true;
  }
  if (!MoveSome(out, in, bytes)) return false;
  BufferChanged(out);
  BufferChanged(in);
  return true;
}

bool CanShare(const evbuffer* in) {
  Chain* end = FirstSpare(in);
  for (Chain* chain = in->first; chain != end; chain = chain->next) {
    if (chain->kind == ChainKind::kFile || chain->kind == ChainKind::kShared) {
      return false;
    }
  }
  return true;
}

// A list of chains that share the memory of those of `in`; null when memory is
// short.
Chain* ShareAll(evbuffer* in, Chain** last) {
  Chain* list = nullptr;
  Chain** link = &list;
  Chain* end = FirstSpare(in);
  for (Chain* chain = in->first; chain != end; chain = chain->next) {
    Chain* shared = ChainNewShared(chain);
    if (shared == nullptr) {
      FreeChains(in, list);
      return nullptr;
    }
    *link = shared;
    link = &shared->next;
    *last = shared;
  }
  return list;
}

bool IsPair(const evbuffer* a, const evbuffer* b, const char* function) {
  return IsBuffer(a, function) && IsBuffer(b, function);
}

}  // namespace

bool BufferMove(evbuffer* source, evbuffer* destination, size_t bytes) {
  BufferPairGuard guard(source, destination);
  return Move(destination, source, bytes);
}

}  // namespace evoke

extern "C" {

int evbuffer_add_buffer(evbuffer* outbuf, evbuffer* inbuf) {
  using namespace evoke;
  if (!IsPair(outbuf, inbuf, __func__)) return -1;
  BufferPairGuard guard(outbuf, inbuf);
  return Move(outbuf, inbuf, inbuf->length_bytes) ? 0 : -1;
}

int evbuffer_prepend_buffer(evbuffer* outbuf, evbuffer* inbuf) {
  using namespace evoke;
  if (!IsPair(outbuf, inbuf, __func__)) return -1;
  BufferPairGuard guard(outbuf, inbuf);
  if (inbuf->length_bytes == 0 || outbuf == inbuf) return 0;
  if (outbuf->start_frozen || inbuf->start_frozen) return -1;
  if (!FitsInBuffer(outbuf, inbuf->length_bytes)) return -1;
  MoveAllToStart(outbuf, inbuf);
  BufferChanged(inbuf);
  BufferChanged(outbuf);
  return 0;
}

int evbuffer_remove_buffer(evbuffer* src, evbuffer* dst, size_t datlen) {
  using namespace evoke;
  if (!IsPair(src, dst, __func__)) return -1;
  BufferPairGuard guard(src, dst);
  size_t bytes = dst == src ? 0 : std::min(datlen, src->length_bytes);
  return Move(dst, src, datlen) ? static_cast<int>(bytes) : -1;
}

int evbuffer_add_buffer_reference(evbuffer* outbuf, evbuffer* inbuf) {
  using namespace evoke;
  if (!IsPair(outbuf, inbuf, __func__)) return -1;
  BufferPairGuard guard(outbuf, inbuf);
  if (inbuf->length_bytes == 0) return 0;
  if (outbuf->end_frozen || outbuf == inbuf) return -1;
  if (!CanShare(inbuf)) return -1;
  if (!FitsInBuffer(outbuf, inbuf->length_bytes)) return -1;
  Chain* last = nullptr;
  Chain* first = ShareAll(inbuf, &last);
  if (first == nullptr) return -1;
  Chain* spare = DetachSpare(outbuf);
  LinkBehindBytes(outbuf, first, last);
  CountAdded(outbuf, inbuf->length_bytes);
  FreeChains(outbuf, spare);
  BufferChanged(outbuf);
  return 0;
}

}  // extern "C"
