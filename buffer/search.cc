// SPDX-License-Identifier: BSD-3-Clause
//
// Finding bytes, across chains. Within a chain memchr(3) and memmem(3) do the
// work; only the last few bytes of a chain are compared with care.
#include <event2/buffer_compat.h>
#include <string.h>

#include <algorithm>

#include "buffer/chain_list.h"
#include "buffer/evbuffer.h"
#include "buffer/position.h"

namespace evoke {

namespace {

// Is `what` at this place? REQUIRES: the buffer has as many bytes from there.
bool Matches(Position at, const char* what, size_t bytes) {
  while (bytes > 0) {
    if (!ChainLoad(at.chain)) return false;
    size_t n = std::min(bytes, at.chain->length_bytes - at.in_chain);
    if (memcmp(at.chain->bytes() + at.in_chain, what, n) != 0) return false;
    what += n;
    bytes -= n;
    at.chain = at.chain->next;
    at.in_chain = 0;
  }
  return true;
}

// As memmem(3), for `bytes` <= `n`. memchr(3), which looks at many bytes at
// once, is several times faster where the first byte is rare; memmem() takes
// over when it was found in vain so often that this does not pay.
const void* FindBytes(const uint8_t* p, size_t n, const char* what,
                      size_t bytes) {
  constexpr size_t kCostOfMiss = 16;
  constexpr size_t kCreditBytes = 256;
  const uint8_t* begin = p;
  const uint8_t* end = p + n;
  const uint8_t* starts_end = end - bytes + 1;
  size_t cost = 0;
  while (cost <= kCreditBytes + static_cast<size_t>(p - begin)) {
    if (p == starts_end) return nullptr;
    p = static_cast<const uint8_t*>(memchr(p, what[0], starts_end - p));
    if (p == nullptr || memcmp(p, what, bytes) == 0) return p;
    ++p;
    cost += kCostOfMiss + bytes;
  }
  return memmem(p, end - p, what, bytes);
}

// Looks at the starts within `at.chain` from `at` on, up to `starts` of them,
// where the whole of `what` may lie in later chains.
bool FindInChain(Position at, size_t starts, const char* what, size_t bytes,
                 Position* found) {
  const uint8_t* begin = at.chain->bytes();
  const uint8_t* p = begin + at.in_chain;
  const uint8_t* p_end = p + starts;
  const uint8_t* chain_end = at.chain->bytes_end();
  auto result = [&](const uint8_t* where) {
    found->chain = at.chain;
    found->in_chain = where - begin;
    found->offset_bytes = at.offset_bytes + (found->in_chain - at.in_chain);
  };
  size_t inner_bytes = std::min<size_t>(starts + bytes - 1, chain_end - p);
  if (inner_bytes >= bytes) {
    if (const void* hit = FindBytes(p, inner_bytes, what, bytes)) {
      result(static_cast<const uint8_t*>(hit));
      return true;
    }
    p += inner_bytes - bytes + 1;
  }
  while (p < p_end) {
    p = static_cast<const uint8_t*>(memchr(p, what[0], p_end - p));
    if (p == nullptr) return false;
    result(p);
    if (Matches(*found, what, bytes)) return true;
    ++p;
  }
  return false;
}

}  // namespace

bool Find(const evbuffer* buffer, const Position& from, size_t end_bytes,
          const char* what, size_t bytes, Position* found) {
  end_bytes = std::min(end_bytes, buffer->length_bytes);
  Position at = from;
  while (at.chain != nullptr && at.offset_bytes < end_bytes &&
         end_bytes - at.offset_bytes >= bytes) {
    if (!ChainLoad(at.chain)) return false;
    size_t in_chain_bytes = at.chain->length_bytes - at.in_chain;
    size_t starts =
        std::min(in_chain_bytes, end_bytes - at.offset_bytes - bytes + 1);
    if (FindInChain(at, starts, what, bytes, found)) return true;
    at.offset_bytes += in_chain_bytes;
    at.chain = at.chain->next;
    at.in_chain = 0;
  }
  return false;
}

}  // namespace evoke

extern "C" {

evbuffer_ptr evbuffer_search_range(evbuffer* buffer, const char* what,
                                   size_t len, const evbuffer_ptr* start,
                                   const evbuffer_ptr* end) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return NoPtr();
  BufferGuard guard(buffer);
  Position from = StartOf(buffer);
  if (start != nullptr && !FromPtr(*start, &from)) return NoPtr();
  if (len == 0 || len > kMaxBufferBytes) return ToPtr(from);
  size_t end_bytes = buffer->length_bytes;
  if (end != nullptr) {
    if (end->pos < 0) return NoPtr();
    end_bytes = end->pos;
  }
  Position found;
  if (!Find(buffer, from, end_bytes, what, len, &found)) return NoPtr();
  return ToPtr(found);
}

evbuffer_ptr evbuffer_search(evbuffer* buffer, const char* what, size_t len,
                             const evbuffer_ptr* start) {
  return evbuffer_search_range(buffer, what, len, start, nullptr);
}

unsigned char* evbuffer_find(evbuffer* buffer, const unsigned char* what,
                             size_t len) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return nullptr;
  BufferGuard guard(buffer);
  evbuffer_ptr at = evbuffer_search(buffer, reinterpret_cast<const char*>(what),
                                    len, nullptr);
  if (at.pos < 0) return nullptr;
  uint8_t* bytes = PullUp(buffer, at.pos + len);
  return bytes == nullptr ? nullptr : bytes + at.pos;
}

}  // extern "C"
