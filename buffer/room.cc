// SPDX-License-Identifier: BSD-3-Clause
#include "buffer/room.h"

#include "buffer/chain_list.h"

namespace evoke {

namespace {

// More than this is not worth moving.
constexpr size_t kMaxRealignBytes = 2048;

}  // namespace

Chain* NextWritable(const evbuffer* buffer, Chain* chain) {
  chain = chain == nullptr ? WriteChain(buffer) : chain->next;
  if (chain == nullptr) return nullptr;
  return chain == buffer->tail || !chain->immutable ? chain : nullptr;
}

size_t UsableRoom(const evbuffer* buffer, size_t enough_bytes) {
  size_t bytes = 0;
  Chain* chain = nullptr;
  while (bytes < enough_bytes &&
         (chain = NextWritable(buffer, chain)) != nullptr) {
    bytes += chain->room();
  }
  return bytes;
}

bool RealignFor(evbuffer* buffer, size_t bytes) {
  Chain* tail = buffer->tail;
  if (tail == nullptr || tail->immutable || tail->begin == 0) return false;
  if (tail->capacity_bytes - tail->length_bytes < bytes) return false;
  if (tail->length_bytes > kMaxRealignBytes ||
      tail->length_bytes > tail->capacity_bytes / 2) {
    return false;
  }
  ChainRealign(tail);
  return true;
}

bool EnsureRoom(evbuffer* buffer, size_t bytes) {
  if (!FitsInBuffer(buffer, bytes)) return false;
  size_t room_bytes = UsableRoom(buffer, bytes);
  if (room_bytes >= bytes || RealignFor(buffer, bytes)) return true;
  Chain* more = ChainNew(buffer->pool, bytes);
  if (more == nullptr) return false;
  FreeChains(buffer, DetachSpare(buffer));
  AppendSpare(buffer, more);
  return true;
}

Chain* ContiguousRoom(evbuffer* buffer, size_t bytes) {
  if (bytes > kMaxBufferBytes) return nullptr;
  Chain* tail = buffer->tail;
  if (tail != nullptr && !tail->immutable && tail->room() >= bytes) return tail;
  if (RealignFor(buffer, bytes)) return tail;
  Chain* chain = nullptr;
  while ((chain = NextWritable(buffer, chain)) != nullptr) {
    if (chain->room() >= bytes && !chain->immutable) return chain;
  }
  Chain* more = ChainNew(buffer->pool, bytes);
  if (more == nullptr) return nullptr;
  FreeChains(buffer, DetachSpare(buffer));
  AppendSpare(buffer, more);
  return more;
}

void TakeRoom(evbuffer* buffer, Chain* chain, size_t bytes) {
  if (bytes == 0) return;
  chain->length_bytes += bytes;
  Chain* skipped = nullptr;
  if (chain != buffer->tail) {
    // What lies between the bytes and this chain is empty.
    Chain** link =
        buffer->tail != nullptr ? &buffer->tail->next : &buffer->first;
    Chain** end = &skipped;
    for (; *link != chain; *link = (*link)->next) {
      *end = *link;
      end = &(*link)->next;
    }
    *end = nullptr;
    buffer->tail = chain;
  }
  CountAdded(buffer, bytes);
  FreeChains(buffer, skipped);
}

}  // namespace evoke
