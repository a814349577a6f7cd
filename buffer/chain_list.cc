// SPDX-License-Identifier: BSD-3-Clause
#include "buffer/chain_list.h"

#include <string.h>

#include <algorithm>

#include "util/log.h"

namespace evoke {

bool IsBufferSlow(const evbuffer* buffer, const char* function) {
  if (buffer == nullptr) {
    LogWarn("%s: no buffer", function);
  } else {
    LogWarn("%s: %p is no buffer, or has been freed", function,
            static_cast<const void*>(buffer));
  }
  return false;
}

void FreeChains(evbuffer* buffer, Chain* list) {
  while (list != nullptr) {
    Chain* next = list->next;
    list->next = nullptr;
    ChainUnref(list, buffer->pool);
    list = next;
  }
}

Chain* DetachSpare(evbuffer* buffer) {
  if (buffer->tail == nullptr) return DetachAll(buffer);
  return DetachAfter(buffer, buffer->tail);
}

Chain* DetachAfter(evbuffer* buffer, Chain* chain) {
  Chain* behind = chain->next;
  chain->next = nullptr;
  buffer->last = chain;
  return behind;
}

Chain* DetachAll(evbuffer* buffer) {
  Chain* all = buffer->first;
  buffer->first = nullptr;
  buffer->tail = nullptr;
  buffer->last = nullptr;
  return all;
}

void AppendChain(evbuffer* buffer, Chain* chain) {
  Chain* spare = DetachSpare(buffer);
  AppendSpare(buffer, chain);
  if (chain->length_bytes > 0) {
    buffer->tail = chain;
    CountAdded(buffer, chain->length_bytes);
  }
  FreeChains(buffer, spare);
}

void AppendSpare(evbuffer* buffer, Chain* chain) {
  chain->next = nullptr;
  if (buffer->last != nullptr) {
    buffer->last->next = chain;
  } else {
    buffer->first = chain;
  }
  buffer->last = chain;
}

void LinkBehindBytes(evbuffer* buffer, Chain* first, Chain* last) {
  if (buffer->tail == nullptr) {
    LinkInFront(buffer, first, last);
    return;
  }
  last->next = buffer->tail->next;
  buffer->tail->next = first;
  buffer->tail = last;
  if (last->next == nullptr) buffer->last = last;
}

void LinkInFront(evbuffer* buffer, Chain* first, Chain* last) {
  last->next = buffer->first;
  buffer->first = first;
  if (buffer->tail == nullptr) buffer->tail = last;
  if (buffer->last == nullptr) buffer->last = last;
}

void DropFront(evbuffer* buffer, size_t bytes) {
  Chain* dropped;
  if (bytes == buffer->length_bytes) {
    // The room goes too: an idle connection holds no memory.
    dropped = DetachAll(buffer);
  } else {
    dropped = nullptr;
    Chain** end = &dropped;
    size_t left_bytes = bytes;
    Chain* chain = buffer->first;
    while (left_bytes >= chain->length_bytes) {
      left_bytes -= chain->length_bytes;
      *end = chain;
      end = &chain->next;
      chain = chain->next;
    }
    *end = nullptr;
    buffer->first = chain;
    chain->begin += left_bytes;
    chain->length_bytes -= left_bytes;
  }
  CountDeleted(buffer, bytes);
  FreeChains(buffer, dropped);
}

bool CopyBytes(Chain* chain, size_t offset, void* out, size_t bytes) {
  auto* to = static_cast<uint8_t*>(out);
  while (bytes > 0) {
    if (!ChainLoad(chain)) return false;
    size_t n = std::min(bytes, chain->length_bytes - offset);
    memcpy(to, chain->bytes() + offset, n);
    to += n;
    bytes -= n;
    offset = 0;
    chain = chain->next;
  }
  return true;
}

}  // namespace evoke
