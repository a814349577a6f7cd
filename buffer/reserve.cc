// SPDX-License-Identifier: BSD-3-Clause
//
// Room that the program writes to itself: expand, reserve, commit.
#include <algorithm>

#include "buffer/callbacks.h"
#include "buffer/chain_list.h"
#include "buffer/evbuffer.h"
#include "buffer/room.h"

namespace evoke {

namespace {

// Finds up to `n_vec` (at least 2) extents that hold `bytes` together, adding a
// chain where they do not. Returns how many, or -1 when memory is short.
int ReserveSeveral(evbuffer* buffer, size_t bytes, evbuffer_iovec* vec,
                   int n_vec) {
  if (UsableRoom(buffer, bytes) < bytes) (void)RealignFor(buffer, bytes);
  int n = 0;
  size_t found_bytes = 0;
  Chain* chain = nullptr;
  while (found_bytes < bytes) {
    Chain* next = NextWritable(buffer, chain);
    if (next != nullptr && next->room() == 0) {
      chain = next;
      continue;
    }
    bool is_last = n == n_vec - 1;
    if (next == nullptr || (is_last && found_bytes + next->room() < bytes)) {
      Chain* more = ChainNew(buffer->pool, bytes - found_bytes);
      if (more == nullptr) return -1;
      // In place of the spare ones that are in the way or too small.
      Chain* unfit =
          chain != nullptr ? DetachAfter(buffer, chain) : DetachAll(buffer);
      AppendSpare(buffer, more);
      FreeChains(buffer, unfit);
      next = more;
    }
    vec[n].iov_base = next->bytes_end();
    vec[n].iov_len = next->room();
    found_bytes += next->room();
    ++n;
    chain = next;
  }
  return n;
}

int Reserve(evbuffer* buffer, size_t bytes, evbuffer_iovec* vec, int n_vec) {
  if (!FitsInBuffer(buffer, bytes)) return -1;
  if (n_vec > 1) return ReserveSeveral(buffer, bytes, vec, n_vec);
  Chain* chain = ContiguousRoom(buffer, bytes);
  if (chain == nullptr) return -1;
  vec[0].iov_base = chain->bytes_end();
  vec[0].iov_len = chain->room();
  return 1;
}

// The chain from `chain` on whose room begins where `vec` does and holds it.
Chain* FindReserved(const evbuffer* buffer, Chain* chain,
                    const evbuffer_iovec& vec) {
  for (; chain != nullptr; chain = NextWritable(buffer, chain)) {
    if (!chain->immutable && chain->bytes_end() == vec.iov_base &&
        vec.iov_len <= chain->room()) {
      return chain;
    }
  }
  return nullptr;
}

bool Commit(evbuffer* buffer, const evbuffer_iovec* vec, int n_vec) {
  // All are looked at before anything is changed.
  Chain* chain = NextWritable(buffer, nullptr);
  size_t total_bytes = 0;
  for (int i = 0; i < n_vec; ++i) {
    chain = FindReserved(buffer, chain, vec[i]);
    if (chain == nullptr) return false;
    total_bytes += vec[i].iov_len;
    if (!FitsInBuffer(buffer, total_bytes)) return false;
    chain = NextWritable(buffer, chain);
  }
  chain = NextWritable(buffer, nullptr);
  for (int i = 0; i < n_vec; ++i) {
    chain = FindReserved(buffer, chain, vec[i]);
    Chain* next = NextWritable(buffer, chain);
    TakeRoom(buffer, chain, vec[i].iov_len);
    chain = next;
  }
  return true;
}

}  // namespace

}  // namespace evoke

extern "C" {

int evbuffer_expand(evbuffer* buffer, size_t datlen) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  return EnsureRoom(buffer, datlen) ? 0 : -1;
}

int evbuffer_reserve_space(evbuffer* buffer, ev_ssize_t size,
                           evbuffer_iovec* vec, int n_vec) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  if (buffer->end_frozen || size < 0 || n_vec < 1 || vec == nullptr) return -1;
  return Reserve(buffer, size, vec, n_vec);
}

int evbuffer_commit_space(evbuffer* buffer, evbuffer_iovec* vec, int n_vecs) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  if (buffer->end_frozen) return -1;
  if (n_vecs <= 0) return 0;
  if (vec == nullptr || !Commit(buffer, vec, n_vecs)) return -1;
  BufferChanged(buffer);
  return 0;
}

}  // extern "C"
