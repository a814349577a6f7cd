// SPDX-License-Identifier: BSD-3-Clause
//
// A range of a file that buffers may hold, behind `struct
// evbuffer_file_segment`. Nothing is read before somebody looks: what goes to a
// socket by sendfile(2) never enters our memory; else the range is mapped, or
// read where mapping is not wanted.
//
// A segment may be in buffers of several threads: what is not constant after
// evbuffer_file_segment_new() is atomic or under its lock.
#ifndef EVOKE_BUFFER_FILE_SEGMENT_H_
#define EVOKE_BUFFER_FILE_SEGMENT_H_

#include <event2/buffer.h>
#include <stddef.h>
#include <stdint.h>

#include "util/locks.h"

namespace evoke {
inline constexpr uint32_t kFileSegmentMagic = 0x66736567;
}

struct evbuffer_file_segment {
  uint32_t magic = evoke::kFileSegmentMagic;  // as long as it is one
  int fd = -1;
  unsigned flags = 0;  // EVBUF_FS_*
  // The program's reference, and one for each chain. Atomic.
  uint32_t refs = 1;
  bool is_programs = true;   // the program has not given its reference back
  int64_t offset_bytes = 0;  // in the file
  size_t length_bytes = 0;

  // Held while the contents are loaded and the cleanup is set.
  evoke::Mutex lock;

  // The range's bytes once loaded: inside `mapping`, or our own memory when
  // that is null. Set last, atomically, and for good.
  uint8_t* contents = nullptr;
  void* mapping = nullptr;
  size_t mapping_bytes = 0;

  evbuffer_file_segment_cleanup_cb cleanup = nullptr;
  void* cleanup_arg = nullptr;
};

namespace evoke {

// Maps or reads the range, if that has not happened. False with errno set when
// it cannot be done; the segment is then as it was.
[[nodiscard]] bool FileSegmentLoad(evbuffer_file_segment* segment);

// The range's bytes, or null as long as nobody has loaded them.
inline const uint8_t* FileSegmentContents(
    const evbuffer_file_segment* segment) {
  return __atomic_load_n(&segment->contents, __ATOMIC_ACQUIRE);
}

inline void FileSegmentRef(evbuffer_file_segment* segment) {
  __atomic_fetch_add(&segment->refs, 1, __ATOMIC_RELAXED);
}

// Gives up one reference. With the last one the contents go, the fd is closed
// if EVBUF_FS_CLOSE_ON_FREE asks for it, and the cleanup is called.
void FileSegmentUnref(evbuffer_file_segment* segment);

}  // namespace evoke

#endif  // EVOKE_BUFFER_FILE_SEGMENT_H_
