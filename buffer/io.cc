// SPDX-License-Identifier: BSD-3-Clause
//
// Between buffers and fds: readv(2), writev(2), sendfile(2).
//
// A read does not ask first how much there is (FIONREAD). It offers the kernel
//
//     [room of the last chain] [fresh room] [spill: 64 KiB]
//
// where the fresh room is sized by what this buffer lately received: at least
// 16 KiB, since a chain that got little is copied to one of its size and goes
// straight back to the pool. The spill is offered to a buffer that is new or
// receives much; a single piece of memory is cheaper to read into, by a
// twentieth of the whole system call, and serves the others.
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "buffer/callbacks.h"
#include "buffer/chain_list.h"
#include "buffer/evbuffer.h"
#include "buffer/room.h"
#include "event/points.h"

namespace evoke {

namespace {

constexpr uint32_t kMaxHintBytes = kMaxPooledChainBytes;
constexpr size_t kLeastRoomBytes = 16 * 1024;
constexpr size_t kSpillBytes = kMaxPooledChainBytes;
// From here on twice the hint is more than one chain.
constexpr uint32_t kSpillHintBytes = kMaxPooledChainBytes / 2;
constexpr size_t kMaxReadBytes = INT_MAX;
// The vectors of one writev(2); enough for every chain in most buffers.
constexpr int kMaxWriteVectors = 128;

// The memory that one read offers, in the order in which it is filled.
struct ReadRoom {
  static constexpr int kMaxExisting = 4;
  Chain* chains[kMaxExisting + 2];
  iovec vec[kMaxExisting + 2];
  int n = 0;
  int n_existing = 0;  // of these, how many are in the buffer already
  size_t bytes = 0;

  void Offer(Chain* chain, size_t limit_bytes) {
    size_t room_bytes = std::min(chain->room(), limit_bytes - bytes);
    if (room_bytes == 0) return;
    chains[n] = chain;
    vec[n].iov_base = chain->bytes_end();
    vec[n].iov_len = room_bytes;
    bytes += room_bytes;
    ++n;
  }
};

// Puts together at least `wanted_bytes` if memory allows, and the spill.
void OfferRoom(evbuffer* buffer, size_t wanted_bytes, size_t spill_bytes,
               size_t limit_bytes, ReadRoom* room) {
  for (Chain* chain = NextWritable(buffer, nullptr);
       chain != nullptr && room->n < ReadRoom::kMaxExisting;
       chain = NextWritable(buffer, chain)) {
    room->Offer(chain, limit_bytes);
  }
  room->n_existing = room->n;
  wanted_bytes = std::min(wanted_bytes, limit_bytes);
  if (room->bytes < wanted_bytes) {
    Chain* fresh = ChainNew(buffer->pool, wanted_bytes - room->bytes);
    if (fresh != nullptr) room->Offer(fresh, limit_bytes);
  }
  if (spill_bytes > 0 && room->bytes < limit_bytes) {
    Chain* spill = ChainNew(buffer->pool, spill_bytes);
    if (spill != nullptr) room->Offer(spill, limit_bytes);
  }
}

// Links a fresh chain that got `bytes`; little in much memory is copied to a
// chain of its size, so that only memory that was filled stays.
void KeepFilled(evbuffer* buffer, Chain* chain, size_t bytes) {
  if (bytes <= chain->capacity_bytes / 4) {
    Chain* fitting = ChainNew(buffer->pool, bytes);
    if (fitting != nullptr && fitting->capacity_bytes < chain->capacity_bytes) {
      memcpy(fitting->memory, chain->memory, bytes);
      std::swap(fitting, chain);
    }
    if (fitting != nullptr) ChainUnref(fitting, buffer->pool);
  }
  chain->length_bytes = bytes;
  AppendChain(buffer, chain);
}

// Turns the first `bytes` of the room into bytes of the buffer, and gives back
// what was fresh and stayed empty.
void TakeFilled(evbuffer* buffer, const ReadRoom& room, size_t bytes) {
  for (int i = 0; i < room.n; ++i) {
    size_t n = std::min(bytes, room.vec[i].iov_len);
    bytes -= n;
    if (i < room.n_existing) {
      TakeRoom(buffer, room.chains[i], n);
    } else if (n > 0) {
      KeepFilled(buffer, room.chains[i], n);
    } else {
      ChainUnref(room.chains[i], buffer->pool);
    }
  }
}

// One read; tells in `offered_bytes` how much it could have taken.
ssize_t ReadOnce(evbuffer* buffer, int fd, size_t wanted_bytes,
                 size_t spill_bytes, size_t limit_bytes,
                 size_t* offered_bytes) {
  ReadRoom room;
  limit_bytes = std::min(
      {limit_bytes, kMaxReadBytes, kMaxBufferBytes - buffer->length_bytes});
  OfferRoom(buffer, wanted_bytes, spill_bytes, limit_bytes, &room);
  *offered_bytes = room.bytes;
  if (room.n == 0) {
    errno = ENOMEM;
    return -1;
  }
  ssize_t n = room.n == 1 ? read(fd, room.vec[0].iov_base, room.vec[0].iov_len)
                          : readv(fd, room.vec, room.n);
  int error = errno;
  PointRead(fd, n);
  TakeFilled(buffer, room, n > 0 ? n : 0);
  errno = error;
  return n;
}

// Room for twice what was lately received.
size_t FreshRoomBytes(const evbuffer* buffer) {
  size_t twice_bytes = size_t{2} * buffer->read_hint_bytes;
  return std::clamp(twice_bytes, kLeastRoomBytes, kMaxPooledChainBytes);
}

size_t SpillBytes(const evbuffer* buffer) {
  uint32_t hint_bytes = buffer->read_hint_bytes;
  return hint_bytes == 0 || hint_bytes > kSpillHintBytes ? kSpillBytes : 0;
}

// Up at once, down slowly.
void AdaptHint(evbuffer* buffer, size_t read_bytes) {
  uint32_t hint_bytes = buffer->read_hint_bytes;
  auto bytes =
      static_cast<uint32_t>(std::min<size_t>(read_bytes, kMaxHintBytes));
  buffer->read_hint_bytes =
      bytes >= hint_bytes ? bytes : hint_bytes - (hint_bytes - bytes + 7) / 8;
}

// Without a pool there is no spill to fall back on cheaply, and a program may
// read a file with this; so when all the room was filled the kernel is asked
// how much more there is, which also never blocks.
ssize_t ReadAll(evbuffer* buffer, int fd, size_t limit_bytes) {
  size_t total_bytes = 0;
  size_t wanted_bytes = FreshRoomBytes(buffer);
  for (;;) {
    size_t offered_bytes;
    ssize_t n = ReadOnce(buffer, fd, wanted_bytes, 0, limit_bytes - total_bytes,
                         &offered_bytes);
    if (n <= 0) return total_bytes > 0 ? static_cast<ssize_t>(total_bytes) : n;
    total_bytes += n;
    int more_bytes = 0;
    if (static_cast<size_t>(n) < offered_bytes || total_bytes >= limit_bytes ||
        ioctl(fd, FIONREAD, &more_bytes) != 0 || more_bytes <= 0) {
      return total_bytes;
    }
    wanted_bytes = more_bytes;
  }
}

// The chains in front of the first part of a file that is not in memory.
int Gather(const evbuffer* buffer, size_t limit_bytes, iovec* vec) {
  int n = 0;
  Chain* end = FirstSpare(buffer);
  for (Chain* chain = buffer->first;
       chain != end && n < kMaxWriteVectors && limit_bytes > 0;
       chain = chain->next) {
    if (chain->needs_load()) break;
    vec[n].iov_base = chain->bytes();
    vec[n].iov_len = std::min(limit_bytes, chain->length_bytes);
    limit_bytes -= vec[n].iov_len;
    ++n;
  }
  return n;
}

ssize_t WriteVectors(const evbuffer* buffer, int fd, size_t limit_bytes) {
  iovec vec[kMaxWriteVectors];
  int n = Gather(buffer, limit_bytes, vec);
  if (n == 1) return write(fd, vec[0].iov_base, vec[0].iov_len);
  return writev(fd, vec, n);
}

ssize_t SendFile(evbuffer* buffer, int fd, size_t limit_bytes) {
  Chain* chain = buffer->first;
  FileRange range = ChainFileRange(chain);
  off_t offset_bytes = range.offset_bytes;
  size_t bytes = std::min(limit_bytes, chain->length_bytes);
  ssize_t n = sendfile(fd, range.fd, &offset_bytes, bytes);
  if (n >= 0 || (errno != EINVAL && errno != ENOSYS)) return n;
  // Not every pair of files can do it; those that cannot go through memory.
  if (!ChainLoad(chain)) return -1;
  return WriteVectors(buffer, fd, limit_bytes);
}

// REQUIRES: `limit_bytes` is not 0 and there are bytes.
ssize_t WriteOnce(evbuffer* buffer, int fd, size_t limit_bytes) {
  ssize_t n = buffer->first->needs_load()
                  ? SendFile(buffer, fd, limit_bytes)
                  : WriteVectors(buffer, fd, limit_bytes);
  PointWrite(fd, n);
  if (n > 0) {
    DropFront(buffer, n);
    BufferChanged(buffer);
  }
  return n;
}

}  // namespace

ssize_t BufferReadFd(evbuffer* buffer, int fd, size_t limit_bytes) {
  if (limit_bytes == 0) return 0;
  BufferGuard guard(buffer);
  limit_bytes = std::min<size_t>(limit_bytes, buffer->max_read_bytes);
  size_t offered_bytes;
  ssize_t n = ReadOnce(buffer, fd, FreshRoomBytes(buffer), SpillBytes(buffer),
                       limit_bytes, &offered_bytes);
  if (n > 0) {
    AdaptHint(buffer, n);
    BufferChanged(buffer);
  }
  return n;
}

ssize_t BufferWriteFd(evbuffer* buffer, int fd, size_t limit_bytes) {
  if (limit_bytes == 0 || buffer->length_bytes == 0) return 0;
  BufferGuard guard(buffer);
  return WriteOnce(buffer, fd, limit_bytes);
}

}  // namespace evoke

extern "C" {

int evbuffer_read(evbuffer* buffer, evutil_socket_t fd, int howmuch) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  if (buffer->end_frozen) return -1;
  if (howmuch == 0) return 0;
  size_t limit_bytes = buffer->max_read_bytes;
  if (howmuch > 0) limit_bytes = std::min<size_t>(limit_bytes, howmuch);
  ssize_t n = ReadAll(buffer, fd, limit_bytes);
  if (n > 0) {
    AdaptHint(buffer, n);
    BufferChanged(buffer);
  }
  return static_cast<int>(n);
}

int evbuffer_set_max_read(evbuffer* buffer, size_t max) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__) || max == 0 || max > INT_MAX) return -1;
  BufferGuard guard(buffer);
  buffer->max_read_bytes = static_cast<uint32_t>(max);
  return 0;
}

size_t evbuffer_get_max_read(evbuffer* buffer) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return 0;
  BufferGuard guard(buffer);
  return buffer->max_read_bytes;
}

int evbuffer_write_atmost(evbuffer* buffer, evutil_socket_t fd,
                          ev_ssize_t howmuch) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  if (buffer->start_frozen) return -1;
  size_t length_bytes = buffer->length_bytes;
  size_t bytes =
      howmuch < 0 ? length_bytes : std::min<size_t>(howmuch, length_bytes);
  if (bytes == 0) return -1;
  return static_cast<int>(WriteOnce(buffer, fd, bytes));
}

int evbuffer_write(evbuffer* buffer, evutil_socket_t fd) {
  return evbuffer_write_atmost(buffer, fd, -1);
}

}  // extern "C"
