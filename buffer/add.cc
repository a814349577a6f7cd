// SPDX-License-Identifier: BSD-3-Clause
//
// Bytes in, by copying: at the end, or in front of the first.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>

#include "absl/base/attributes.h"
#include "buffer/callbacks.h"
#include "buffer/chain_list.h"
#include "buffer/evbuffer.h"
#include "buffer/room.h"

namespace evoke {

namespace {

// Where many small pieces are added, each new chain is twice the last one, up
// to this: few chains for much, little memory for little.
constexpr size_t kMaxGrowthBytes = 16 * 1024;

size_t NewChainBytes(const evbuffer* buffer, size_t needed_bytes) {
  if (buffer->tail == nullptr) return needed_bytes;
  size_t twice_bytes = 2 * buffer->tail->capacity_bytes;
  return std::max(needed_bytes, std::min(twice_bytes, kMaxGrowthBytes));
}

// Copies as much as the room of `chain` takes, and moves the caller's view on.
void Fill(evbuffer* buffer, Chain* chain, const uint8_t** data, size_t* bytes) {
  size_t n = std::min(chain->room(), *bytes);
  if (n == 0) return;
  memcpy(chain->bytes_end(), *data, n);
  chain->length_bytes += n;
  buffer->tail = chain;
  CountAdded(buffer, n);
  *data += n;
  *bytes -= n;
}

bool AddAcrossChains(evbuffer* buffer, const uint8_t* data, size_t bytes) {
  size_t room_bytes = UsableRoom(buffer, bytes);
  if (room_bytes < bytes && RealignFor(buffer, bytes)) room_bytes = bytes;
  Chain* more = nullptr;
  if (room_bytes < bytes) {
    more = ChainNew(buffer->pool, NewChainBytes(buffer, bytes - room_bytes));
    if (more == nullptr) return false;
  }
  for (Chain* chain = WriteChain(buffer); chain != nullptr && bytes > 0;
       chain = chain->next) {
    if (chain != buffer->tail && chain->immutable) break;
    Fill(buffer, chain, &data, &bytes);
  }
  if (more == nullptr) return true;
  memcpy(more->memory, data, bytes);
  more->length_bytes = bytes;
  AppendChain(buffer, more);
  return true;
}

}  // namespace

bool AppendBytes(evbuffer* buffer, const void* data, size_t bytes) {
  if (bytes == 0) return true;
  if (!FitsInBuffer(buffer, bytes)) return false;
  auto* from = static_cast<const uint8_t*>(data);
  Chain* chain = WriteChain(buffer);
  if (chain != nullptr && chain->room() >= bytes) {
    Fill(buffer, chain, &from, &bytes);
    return true;
  }
  return AddAcrossChains(buffer, from, bytes);
}

namespace {

bool Prepend(evbuffer* buffer, const uint8_t* data, size_t bytes) {
  if (!FitsInBuffer(buffer, bytes)) return false;
  if (buffer->length_bytes == 0) return AppendBytes(buffer, data, bytes);
  Chain* first = buffer->first;
  size_t before_bytes = first->immutable ? 0 : first->begin;
  Chain* more = nullptr;
  if (before_bytes < bytes) {
    more = ChainNew(buffer->pool, bytes - before_bytes);
    if (more == nullptr) return false;
  }
  size_t n = std::min(before_bytes, bytes);
  if (n > 0) {
    first->begin -= n;
    first->length_bytes += n;
    memcpy(first->bytes(), data + bytes - n, n);
  }
  if (more != nullptr) {
    // At the end of its memory, so that the next one fits in front of it.
    more->length_bytes = bytes - n;
    more->begin = more->capacity_bytes - more->length_bytes;
    memcpy(more->bytes(), data, more->length_bytes);
    LinkInFront(buffer, more, more);
  }
  CountAdded(buffer, bytes);
  return true;
}

// Formats straight into the room at the end; a second time where it was short.
int AddFormatted(evbuffer* buffer, const char* format, va_list arguments)
    ABSL_PRINTF_ATTRIBUTE(2, 0);
int AddFormatted(evbuffer* buffer, const char* format, va_list arguments) {
  constexpr size_t kFirstTryBytes = 64;
  size_t needed_bytes = kFirstTryBytes;
  for (;;) {
    Chain* chain = ContiguousRoom(buffer, needed_bytes);
    if (chain == nullptr) return -1;
    va_list copy;
    va_copy(copy, arguments);
    int length = vsnprintf(reinterpret_cast<char*>(chain->bytes_end()),
                           chain->room(), format, copy);
    va_end(copy);
    if (length < 0) return -1;
    size_t bytes = length;
    if (bytes < chain->room()) {
      if (!FitsInBuffer(buffer, bytes)) return -1;
      TakeRoom(buffer, chain, bytes);
      return length;
    }
    needed_bytes = bytes + 1;  // vsnprintf() ends with a NUL
  }
}

}  // namespace

}  // namespace evoke

extern "C" {

int evbuffer_add(evbuffer* buffer, const void* data, size_t datlen) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  if (buffer->end_frozen) return -1;
  if (!AppendBytes(buffer, data, datlen)) return -1;
  if (datlen > 0) BufferChanged(buffer);
  return 0;
}

size_t evbuffer_add_iovec(evbuffer* buffer, evbuffer_iovec* vec, int n_vec) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return 0;
  BufferGuard guard(buffer);
  if (buffer->end_frozen || n_vec <= 0 || vec == nullptr) return 0;
  size_t total_bytes = 0;
  for (int i = 0; i < n_vec; ++i) {
    if (!FitsInBuffer(buffer, total_bytes) ||
        vec[i].iov_len > kMaxBufferBytes - total_bytes) {
      return 0;
    }
    total_bytes += vec[i].iov_len;
  }
  if (!EnsureRoom(buffer, total_bytes)) return 0;
  size_t added_bytes = 0;
  for (int i = 0; i < n_vec; ++i) {
    if (evbuffer_add(buffer, vec[i].iov_base, vec[i].iov_len) < 0) break;
    added_bytes += vec[i].iov_len;
  }
  return added_bytes;
}

int evbuffer_prepend(evbuffer* buffer, const void* data, size_t size) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  if (size == 0) return 0;
  if (buffer->start_frozen) return -1;
  if (!Prepend(buffer, static_cast<const uint8_t*>(data), size)) return -1;
  BufferChanged(buffer);
  return 0;
}

int evbuffer_add_vprintf(evbuffer* buffer, const char* fmt, va_list ap) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  if (buffer->end_frozen) return -1;
  int length = AddFormatted(buffer, fmt, ap);
  if (length > 0) BufferChanged(buffer);
  return length;
}

int evbuffer_add_printf(evbuffer* buffer, const char* fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int length = evbuffer_add_vprintf(buffer, fmt, ap);
  va_end(ap);
  return length;
}

}  // extern "C"
