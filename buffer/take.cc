// SPDX-License-Identifier: BSD-3-Clause
//
// Bytes out, or looked at: drain, remove, copyout, pullup.
#include <algorithm>

#include "buffer/callbacks.h"
#include "buffer/chain_list.h"
#include "buffer/evbuffer.h"
#include "buffer/position.h"

namespace evoke {

namespace {

// Makes the first chain hold `bytes`, of which it holds fewer now. It grows in
// place if it has the room, so that pointers into it stay good.
bool Linearize(evbuffer* buffer, size_t bytes) {
  Chain* target = buffer->first;
  size_t missing_bytes = bytes - target->length_bytes;
  Chain* source = target->next;
  if (target->room() < missing_bytes) {
    target = ChainNew(buffer->pool, bytes);
    if (target == nullptr) return false;
    missing_bytes = bytes;
    source = buffer->first;
  }
  // The only step that can fail comes before anything is moved.
  if (!CopyBytes(source, 0, target->bytes_end(), missing_bytes)) {
    if (target != buffer->first) ChainUnref(target, buffer->pool);
    return false;
  }
  target->length_bytes += missing_bytes;

  // Unlink what was copied whole, and the start of what was copied in part.
  Chain* replaced = source;
  Chain** end = &replaced;
  bool took_tail = false;
  while (missing_bytes > 0 && (*end)->length_bytes <= missing_bytes) {
    missing_bytes -= (*end)->length_bytes;
    took_tail = *end == buffer->tail;
    end = &(*end)->next;
  }
  Chain* rest = *end;
  *end = nullptr;
  if (missing_bytes > 0) {
    rest->begin += missing_bytes;
    rest->length_bytes -= missing_bytes;
  }
  buffer->first = target;
  target->next = rest;
  if (took_tail) buffer->tail = target;
  if (rest == nullptr) buffer->last = target;
  FreeChains(buffer, replaced);
  return true;
}

ev_ssize_t CopyOut(evbuffer* buffer, Chain* chain, size_t offset, void* out,
                   size_t bytes) {
  if (bytes == 0) return 0;
  if (buffer->start_frozen) return -1;
  if (!CopyBytes(chain, offset, out, bytes)) return -1;
  return static_cast<ev_ssize_t>(bytes);
}

}  // namespace

uint8_t* PullUp(evbuffer* buffer, size_t bytes) {
  if (bytes == 0 || bytes > buffer->length_bytes) return nullptr;
  Chain* first = buffer->first;
  if (first->length_bytes < bytes) {
    if (!Linearize(buffer, bytes)) return nullptr;
    // Cleanups of foreign memory ran, and may have used the buffer.
    first = buffer->first;
    if (first == nullptr || first->length_bytes < bytes) return nullptr;
  }
  if (!ChainLoad(buffer->first)) return nullptr;
  return buffer->first->bytes();
}

}  // namespace evoke

extern "C" {

int evbuffer_drain(evbuffer* buffer, size_t len) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  if (buffer->length_bytes == 0) return 0;
  if (buffer->start_frozen) return -1;
  if (len == 0) return 0;
  DropFront(buffer, std::min(len, buffer->length_bytes));
  BufferChanged(buffer);
  return 0;
}

int evbuffer_remove(evbuffer* buffer, void* data, size_t datlen) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  size_t bytes = std::min(datlen, buffer->length_bytes);
  ev_ssize_t n = CopyOut(buffer, buffer->first, 0, data, bytes);
  if (n > 0) {
    DropFront(buffer, bytes);
    BufferChanged(buffer);
  }
  return static_cast<int>(n);
}

ev_ssize_t evbuffer_copyout(evbuffer* buffer, void* data_out, size_t datlen) {
  return evbuffer_copyout_from(buffer, nullptr, data_out, datlen);
}

ev_ssize_t evbuffer_copyout_from(evbuffer* buffer, const evbuffer_ptr* pos,
                                 void* data_out, size_t datlen) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  if (pos == nullptr) {
    return CopyOut(buffer, buffer->first, 0, data_out,
                   std::min(datlen, buffer->length_bytes));
  }
  if (pos->pos < 0 || datlen > kMaxBufferBytes - pos->pos) return -1;
  size_t start_bytes = pos->pos;
  if (start_bytes > buffer->length_bytes) return -1;
  size_t bytes = std::min(datlen, buffer->length_bytes - start_bytes);
  return CopyOut(buffer, static_cast<Chain*>(pos->internal_.chain),
                 pos->internal_.pos_in_chain, data_out, bytes);
}

unsigned char* evbuffer_pullup(evbuffer* buffer, ev_ssize_t size) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return nullptr;
  BufferGuard guard(buffer);
  return PullUp(buffer, size < 0 ? buffer->length_bytes : size);
}

}  // extern "C"
