// SPDX-License-Identifier: BSD-3-Clause
//
// A chain: one piece of memory with bytes in it, the link of which evbuffers
// are made. Read this file first.
//
//     memory      begin          begin + length_bytes      capacity_bytes
//     |  drained  |     bytes    |          room           |
//
// Most chains own their memory, which lies behind the header. The others point
// at what somebody else has: memory of the program, a part of a file, or the
// bytes of another chain. Those are immutable: nothing is ever written to them.
//
// Every chain is memory of the hooks (util/memory.h) that may be freed from any
// buffer; it belongs to no pool and to no buffer but the one whose list it is
// in.
#ifndef EVOKE_BUFFER_CHAIN_H_
#define EVOKE_BUFFER_CHAIN_H_

#include <event2/buffer.h>
#include <stddef.h>
#include <stdint.h>

namespace evoke {

class ChainPool;

enum class ChainKind : uint8_t {
  kOwn,        // the memory behind the header
  kReference,  // the program's, from evbuffer_add_reference()
  kFile,       // a file segment's
  kShared,     // another chain's, from evbuffer_add_buffer_reference()
};

struct Chain {
  Chain* next;
  uint8_t* memory;  // null: a part of a file that nobody has looked at yet
  size_t capacity_bytes;
  size_t begin;  // offset of the first byte in `memory`
  size_t length_bytes;
  // The list that the chain is in, and the chains that share its memory, which
  // may be in buffers of other threads: counted atomically. The rest belongs to
  // the buffer whose list it is in; those that share look at none of it.
  uint32_t refs;
  ChainKind kind;
  bool immutable;

  uint8_t* bytes() { return memory + begin; }
  uint8_t* bytes_end() { return memory + begin + length_bytes; }
  // Where bytes can be added behind the last, without moving any.
  size_t room() const {
    return immutable ? 0 : capacity_bytes - begin - length_bytes;
  }
  bool needs_load() const {
    return memory == nullptr && kind == ChainKind::kFile;
  }
};
static_assert(sizeof(Chain) == 48, "a chain of 512 bytes is 560 in all");

// What an evbuffer can hold in all, as the API's signed lengths demand.
inline constexpr size_t kMaxBufferBytes = EV_SSIZE_MAX;

// Chains of these sizes are kept for reuse (chain_pool.h).
inline constexpr size_t kMinChainBytes = 512;
inline constexpr size_t kMaxPooledChainBytes = 64 * 1024;

// The capacity that a chain for `bytes` is made with: the next power of two up
// to 64 KiB, then the next multiple of 4 KiB.
size_t ChainCapacityFor(size_t bytes);

// An empty chain with room for at least `bytes`, from `pool` if that is not
// null and has one; nullptr when memory is short or `bytes` more than fits.
[[nodiscard]] Chain* ChainNew(ChainPool* pool, size_t bytes);

// A chain over `length_bytes` of the program's memory; `cleanup` (may be null)
// is called with `cleanup_arg` when the last user of it is gone.
[[nodiscard]] Chain* ChainNewReference(const void* data, size_t length_bytes,
                                       evbuffer_ref_cleanup_cb cleanup,
                                       void* cleanup_arg);

// A chain over a part of `segment`, of which a reference is taken. Its memory
// is the segment's if that is loaded; null otherwise.
// REQUIRES: the range lies within the segment.
[[nodiscard]] Chain* ChainNewFile(evbuffer_file_segment* segment,
                                  size_t offset_bytes, size_t length_bytes);

// A chain over the bytes of `source`, which lives, immutable from now on, until
// both are gone.
// REQUIRES: `source` is kOwn or kReference.
[[nodiscard]] Chain* ChainNewShared(Chain* source);

// A second chain over the first `length_bytes` of a part of a file.
// REQUIRES: `chain` is kFile.
[[nodiscard]] Chain* ChainSplitFile(const Chain* chain, size_t length_bytes);

// Where in which file the bytes of a kFile chain are, for sendfile(2).
struct FileRange {
  int fd;
  int64_t offset_bytes;
};
FileRange ChainFileRange(const Chain* chain);

// Gives the chain its memory if it has none yet. False, with errno set, when
// the file cannot be mapped or read.
[[nodiscard]] bool ChainLoadSlow(Chain* chain);
[[nodiscard]] inline bool ChainLoad(Chain* chain) {
  return !chain->needs_load() || ChainLoadSlow(chain);
}

// Gives up one reference; with the last the chain goes to `pool` (may be null)
// or to Free(), after its cleanup was called.
void ChainUnref(Chain* chain, ChainPool* pool);

// Moves the bytes to the front of the memory, to make room behind them.
// REQUIRES: not immutable.
void ChainRealign(Chain* chain);

}  // namespace evoke

#endif  // EVOKE_BUFFER_CHAIN_H_
