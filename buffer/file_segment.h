// SPDX-License-Identifier: BSD-3-Clause
//
// A range of a file that buffers may hold, behind `struct
// evbuffer_file_segment`. Nothing is read before somebody looks: what goes to a
// socket by sendfile(2) never enters our memory; else the range is mapped, or
// read where mapping is not wanted.
#ifndef EVOKE_BUFFER_FILE_SEGMENT_H_
#define EVOKE_BUFFER_FILE_SEGMENT_H_

#include <event2/buffer.h>
#include <stddef.h>
#include <stdint.h>

struct evbuffer_file_segment {
  int fd;
  unsigned flags;  // EVBUF_FS_*
  // The program's reference, and one for each chain.
  uint32_t refs;
  int64_t offset_bytes;  // in the file
  size_t length_bytes;

  // The range's bytes once loaded: inside `mapping`, or our own memory when
  // that is null.
  uint8_t* contents;
  void* mapping;
  size_t mapping_bytes;

  evbuffer_file_segment_cleanup_cb cleanup;
  void* cleanup_arg;
};

namespace evoke {

// Maps or reads the range, if that has not happened. False with errno set when
// it cannot be done; the segment is then as it was.
[[nodiscard]] bool FileSegmentLoad(evbuffer_file_segment* segment);

// Gives up one reference. With the last one the contents go, the fd is closed
// if EVBUF_FS_CLOSE_ON_FREE asks for it, and the cleanup is called.
void FileSegmentUnref(evbuffer_file_segment* segment);

}  // namespace evoke

#endif  // EVOKE_BUFFER_FILE_SEGMENT_H_
