// SPDX-License-Identifier: BSD-3-Clause
//
// evbuffer_ptr_set() and evbuffer_peek().
#include "buffer/position.h"

#include "buffer/chain_list.h"
#include "util/log.h"

namespace evoke {

Position StartOf(const evbuffer* buffer) {
  return {buffer->tail != nullptr ? buffer->first : nullptr, 0, 0};
}

bool FromPtr(const evbuffer_ptr& ptr, Position* position) {
  if (ptr.pos < 0) return false;
  *position = {static_cast<Chain*>(ptr.internal_.chain),
               ptr.internal_.pos_in_chain, static_cast<size_t>(ptr.pos)};
  return true;
}

evbuffer_ptr ToPtr(const Position& position) {
  evbuffer_ptr ptr;
  ptr.pos = static_cast<ev_ssize_t>(position.offset_bytes);
  ptr.internal_.chain = position.chain;
  ptr.internal_.pos_in_chain = position.in_chain;
  return ptr;
}

evbuffer_ptr NoPtr() {
  evbuffer_ptr ptr;
  ptr.pos = -1;
  ptr.internal_.chain = nullptr;
  ptr.internal_.pos_in_chain = 0;
  return ptr;
}

bool Advance(const evbuffer* buffer, Position* position, size_t bytes) {
  if (position->offset_bytes > buffer->length_bytes ||
      bytes > buffer->length_bytes - position->offset_bytes) {
    return false;
  }
  if (bytes == 0) return true;
  // The end as it was before more came: there is no way on from it.
  if (position->chain == nullptr) return false;
  position->offset_bytes += bytes;
  if (position->offset_bytes == buffer->length_bytes) {
    position->chain = nullptr;
    position->in_chain = 0;
    return true;
  }
  position->in_chain += bytes;
  while (position->in_chain >= position->chain->length_bytes) {
    position->in_chain -= position->chain->length_bytes;
    position->chain = position->chain->next;
  }
  return true;
}

}  // namespace evoke

extern "C" {

int evbuffer_ptr_set(evbuffer* buffer, evbuffer_ptr* ptr, size_t position,
                     evbuffer_ptr_how how) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  if (ptr == nullptr) {
    LogWarn("%s: no pointer", __func__);
    return -1;
  }
  BufferGuard guard(buffer);
  Position at = StartOf(buffer);
  bool ok = how == EVBUFFER_PTR_SET;
  if (how == EVBUFFER_PTR_ADD) {
    // A sum beyond a size_t leaves the pointer alone; one that is only too far
    // unsets it, as a SET too far does.
    if (ptr->pos >= 0 && position > SIZE_MAX - ptr->pos) return -1;
    ok = FromPtr(*ptr, &at);
  }
  ok = ok && Advance(buffer, &at, position);
  *ptr = ok ? ToPtr(at) : NoPtr();
  return ok ? 0 : -1;
}

int evbuffer_peek(evbuffer* buffer, ev_ssize_t len, evbuffer_ptr* start_at,
                  evbuffer_iovec* vec_out, int n_vec) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  Position at = StartOf(buffer);
  if (start_at != nullptr && !FromPtr(*start_at, &at)) return -1;
  if (vec_out == nullptr || n_vec < 0) n_vec = 0;
  bool all = len < 0;
  size_t wanted_bytes = all ? buffer->length_bytes : len;
  int n = 0;
  size_t seen_bytes = 0;
  Chain* end = FirstSpare(buffer);
  for (Chain* chain = at.chain; chain != nullptr && chain != end;
       chain = chain->next) {
    // The extent at a given start is always told, even for no bytes.
    bool is_given_start = start_at != nullptr && n == 0;
    if (seen_bytes >= wanted_bytes && !is_given_start) break;
    // "As much as fits" ends with the vectors; else all that would be needed
    // are counted.
    if (all && n_vec > 0 && n == n_vec) break;
    size_t skip_bytes = chain == at.chain ? at.in_chain : 0;
    size_t bytes = chain->length_bytes - skip_bytes;
    if (n < n_vec) {
      if (!ChainLoad(chain)) return n;
      vec_out[n].iov_base = chain->bytes() + skip_bytes;
      vec_out[n].iov_len = bytes;
    }
    seen_bytes += bytes;
    ++n;
  }
  return n;
}

}  // extern "C"
