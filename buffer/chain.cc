// SPDX-License-Identifier: BSD-3-Clause
#include "buffer/chain.h"

#include <string.h>

#include <bit>

#include "absl/base/optimization.h"
#include "buffer/chain_pool.h"
#include "buffer/file_segment.h"
#include "util/memory.h"

namespace evoke {

namespace {

// What lies behind the header of a chain that does not own its memory.
struct ReferenceTail {
  evbuffer_ref_cleanup_cb cleanup;
  void* cleanup_arg;
};
struct FileTail {
  evbuffer_file_segment* segment;
  size_t offset_bytes;  // of the chain's memory within the segment
};
struct SharedTail {
  Chain* source;
};

template <typename T>
T* Tail(Chain* chain) {
  return reinterpret_cast<T*>(chain + 1);
}
template <typename T>
const T* Tail(const Chain* chain) {
  return reinterpret_cast<const T*>(chain + 1);
}

Chain* Construct(void* where, ChainKind kind, uint8_t* memory,
                 size_t capacity_bytes) {
  return new (where) Chain{.next = nullptr,
                           .memory = memory,
                           .capacity_bytes = capacity_bytes,
                           .begin = 0,
                           .length_bytes = 0,
                           .refs = 1,
                           .kind = kind,
                           .immutable = kind != ChainKind::kOwn};
}

template <typename T>
Chain* NewForeign(ChainKind kind, const void* memory, size_t length_bytes,
                  T tail) {
  void* where = Allocate(sizeof(Chain) + sizeof(T));
  if (where == nullptr) return nullptr;
  auto* bytes = static_cast<uint8_t*>(const_cast<void*>(memory));
  Chain* chain = Construct(where, kind, bytes, length_bytes);
  chain->length_bytes = length_bytes;
  new (chain + 1) T(tail);
  return chain;
}

}  // namespace

size_t ChainCapacityFor(size_t bytes) {
  if (bytes <= kMinChainBytes) return kMinChainBytes;
  if (bytes <= kMaxPooledChainBytes) return std::bit_ceil(bytes);
  constexpr size_t kPageBytes = 4096;
  return (bytes + kPageBytes - 1) & ~(kPageBytes - 1);
}

Chain* ChainNew(ChainPool* pool, size_t bytes) {
  if (bytes > kMaxBufferBytes - 2 * 4096) return nullptr;
  size_t capacity_bytes = ChainCapacityFor(bytes);
  if (pool != nullptr) {
    if (Chain* chain = pool->Take(capacity_bytes)) return chain;
  }
  void* where = Allocate(sizeof(Chain) + capacity_bytes);
  if (where == nullptr) return nullptr;
  return Construct(where, ChainKind::kOwn,
                   static_cast<uint8_t*>(where) + sizeof(Chain),
                   capacity_bytes);
}

Chain* ChainNewReference(const void* data, size_t length_bytes,
                         evbuffer_ref_cleanup_cb cleanup, void* cleanup_arg) {
  return NewForeign(ChainKind::kReference, data, length_bytes,
                    ReferenceTail{cleanup, cleanup_arg});
}

Chain* ChainNewFile(evbuffer_file_segment* segment, size_t offset_bytes,
                    size_t length_bytes) {
  const uint8_t* contents = FileSegmentContents(segment);
  Chain* chain = NewForeign(
      ChainKind::kFile, contents == nullptr ? nullptr : contents + offset_bytes,
      length_bytes, FileTail{segment, offset_bytes});
  if (chain != nullptr) FileSegmentRef(segment);
  return chain;
}

Chain* ChainNewShared(Chain* source) {
  Chain* chain = NewForeign(ChainKind::kShared, source->bytes(),
                            source->length_bytes, SharedTail{source});
  if (chain == nullptr) return nullptr;
  __atomic_fetch_add(&source->refs, 1, __ATOMIC_RELAXED);
  source->immutable = true;
  return chain;
}

Chain* ChainSplitFile(const Chain* chain, size_t length_bytes) {
  const FileTail* tail = Tail<FileTail>(chain);
  return ChainNewFile(tail->segment, tail->offset_bytes + chain->begin,
                      length_bytes);
}

FileRange ChainFileRange(const Chain* chain) {
  const FileTail* tail = Tail<FileTail>(chain);
  return {tail->segment->fd,
          tail->segment->offset_bytes +
              static_cast<int64_t>(tail->offset_bytes + chain->begin)};
}

bool ChainLoadSlow(Chain* chain) {
  FileTail* tail = Tail<FileTail>(chain);
  if (!FileSegmentLoad(tail->segment)) return false;
  chain->memory = tail->segment->contents + tail->offset_bytes;
  return true;
}

namespace {

// Most chains are in one list only, and whoever holds the only reference need
// not count it down; nobody else can add one.
bool IsLastRef(Chain* chain) {
  return ABSL_PREDICT_TRUE(__atomic_load_n(&chain->refs, __ATOMIC_ACQUIRE) ==
                           1) ||
         __atomic_sub_fetch(&chain->refs, 1, __ATOMIC_ACQ_REL) == 0;
}

}  // namespace

void ChainUnref(Chain* chain, ChainPool* pool) {
  if (!IsLastRef(chain)) return;
  switch (chain->kind) {
    case ChainKind::kOwn:
      if (pool != nullptr && pool->Give(chain)) return;
      break;
    case ChainKind::kReference: {
      ReferenceTail* tail = Tail<ReferenceTail>(chain);
      if (tail->cleanup != nullptr) {
        tail->cleanup(chain->memory, chain->capacity_bytes, tail->cleanup_arg);
      }
      break;
    }
    case ChainKind::kFile:
      FileSegmentUnref(Tail<FileTail>(chain)->segment);
      break;
    case ChainKind::kShared:
      ChainUnref(Tail<SharedTail>(chain)->source, pool);
      break;
  }
  Free(chain);
}

void ChainRealign(Chain* chain) {
  memmove(chain->memory, chain->bytes(), chain->length_bytes);
  chain->begin = 0;
}

}  // namespace evoke
