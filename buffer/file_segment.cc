// SPDX-License-Identifier: BSD-3-Clause
#include "buffer/file_segment.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer/callbacks.h"
#include "buffer/chain.h"
#include "buffer/chain_list.h"
#include "buffer/evbuffer.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

void SetContents(evbuffer_file_segment* segment, uint8_t* contents) {
  __atomic_store_n(&segment->contents, contents, __ATOMIC_RELEASE);
}

bool Map(evbuffer_file_segment* segment) {
  // Mappings begin on a page.
  static_assert(sizeof(off_t) == sizeof(int64_t));
  int64_t page_bytes = sysconf(_SC_PAGESIZE);
  size_t lead_bytes = segment->offset_bytes % page_bytes;
  size_t mapping_bytes = segment->length_bytes + lead_bytes;
  void* mapping = mmap(nullptr, mapping_bytes, PROT_READ, MAP_PRIVATE,
                       segment->fd, segment->offset_bytes - lead_bytes);
  if (mapping == MAP_FAILED) {
    LogWarnErrno("file segment: mapping %zu bytes of fd %d failed",
                 mapping_bytes, segment->fd);
    return false;
  }
  segment->mapping = mapping;
  segment->mapping_bytes = mapping_bytes;
  SetContents(segment, static_cast<uint8_t*>(mapping) + lead_bytes);
  return true;
}

// Reads without moving the file's position, which is the program's.
bool Read(evbuffer_file_segment* segment) {
  if (segment->length_bytes == 0) return false;
  auto* contents = static_cast<uint8_t*>(Allocate(segment->length_bytes));
  if (contents == nullptr) return false;
  size_t done_bytes = 0;
  while (done_bytes < segment->length_bytes) {
    ssize_t n = pread(segment->fd, contents + done_bytes,
                      segment->length_bytes - done_bytes,
                      segment->offset_bytes + done_bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      int error = n < 0 ? errno : 0;
      Free(contents);
      errno = error;
      return false;
    }
    done_bytes += n;
  }
  SetContents(segment, contents);
  return true;
}

void Unload(evbuffer_file_segment* segment) {
  if (segment->mapping != nullptr) {
    if (munmap(segment->mapping, segment->mapping_bytes) != 0) {
      LogWarnErrno("file segment: unmapping failed");
    }
  } else {
    Free(segment->contents);
  }
}

// A range that ends behind the file's end is refused here, because touching a
// mapping of it would kill the process. Only regular files have an end to ask
// for; length -1 stands for the file's size, whatever the offset. Files of the
// kernel's (proc(5)) say that they are empty; what is wanted of such a file has
// to be read at once, which `reads_at_once` then tells.
bool ResolveLength(int fd, int64_t offset_bytes, int64_t* length_bytes,
                   bool* reads_at_once) {
  struct stat status;
  if (fstat(fd, &status) != 0) {
    // As libevent has it, a bad fd with a length is found when it is used.
    return *length_bytes != -1;
  }
  if (*length_bytes == -1) *length_bytes = status.st_size;
  if (!S_ISREG(status.st_mode)) return true;
  if (status.st_size == 0 && *length_bytes > 0) {
    *reads_at_once = true;
    return true;
  }
  if (offset_bytes > status.st_size ||
      *length_bytes > status.st_size - offset_bytes) {
    LogWarn("file segment: %lld bytes at %lld are not within the file's %lld",
            static_cast<long long>(*length_bytes),
            static_cast<long long>(offset_bytes),
            static_cast<long long>(status.st_size));
    errno = EINVAL;
    return false;
  }
  return true;
}

enum class AddResult { kAdded, kNotLoaded, kRefused };

AddResult AddSegment(evbuffer* buffer, evbuffer_file_segment* segment,
                     ev_off_t offset, ev_off_t length) {
  BufferGuard guard(buffer);
  if (buffer->end_frozen) return AddResult::kRefused;
  bool by_sendfile = (buffer->flags & EVBUFFER_FLAG_DRAINS_TO_FD) != 0 &&
                     (segment->flags & EVBUF_FS_DISABLE_SENDFILE) == 0;
  if (!by_sendfile && !FileSegmentLoad(segment)) return AddResult::kNotLoaded;

  int64_t segment_bytes = segment->length_bytes;
  if (offset < 0 || offset > segment_bytes) return AddResult::kRefused;
  if (length < 0) length = segment_bytes - offset;
  if (length > segment_bytes - offset) return AddResult::kRefused;
  if (!FitsInBuffer(buffer, length)) return AddResult::kRefused;

  Chain* chain = ChainNewFile(segment, offset, length);
  if (chain == nullptr) return AddResult::kRefused;
  AppendChain(buffer, chain);
  BufferChanged(buffer);
  return AddResult::kAdded;
}

}  // namespace

bool FileSegmentLoad(evbuffer_file_segment* segment) {
  if (FileSegmentContents(segment) != nullptr) return true;
  MutexLock lock(segment->lock);
  if (segment->contents != nullptr) return true;
  bool may_map = (segment->flags & EVBUF_FS_DISABLE_MMAP) == 0;
  return (may_map && Map(segment)) || Read(segment);
}

void FileSegmentUnref(evbuffer_file_segment* segment) {
  if (__atomic_sub_fetch(&segment->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
  Unload(segment);
  if ((segment->flags & EVBUF_FS_CLOSE_ON_FREE) != 0 && segment->fd >= 0) {
    close(segment->fd);
  }
  if (segment->cleanup != nullptr) {
    segment->cleanup(segment, static_cast<int>(segment->flags),
                     segment->cleanup_arg);
  }
  segment->lock.Destroy();
  __atomic_store_n(&segment->magic, 0, __ATOMIC_RELAXED);
  Delete(segment);
}

namespace {

// Logs and returns true for what is null, no segment, or a freed one.
bool IsNoSegment(const evbuffer_file_segment* segment, const char* function) {
  if (ABSL_PREDICT_TRUE(segment != nullptr &&
                        __atomic_load_n(&segment->magic, __ATOMIC_RELAXED) ==
                            kFileSegmentMagic)) {
    return false;
  }
  LogWarn("%s: %s", function,
          segment == nullptr ? "no segment" : "no segment, or a freed one");
  return true;
}

}  // namespace

}  // namespace evoke

extern "C" {

evbuffer_file_segment* evbuffer_file_segment_new(int fd, ev_off_t offset,
                                                 ev_off_t length,
                                                 unsigned flags) {
  using namespace evoke;
  int64_t length_bytes = length;
  bool reads_at_once = false;
  if (length < -1 || offset < 0 ||
      !ResolveLength(fd, offset, &length_bytes, &reads_at_once) ||
      length_bytes > INT64_MAX - offset) {
    return nullptr;
  }
  evbuffer_file_segment* segment = New<evbuffer_file_segment>();
  if (segment == nullptr) return nullptr;
  segment->fd = fd;
  segment->flags = flags;
  segment->offset_bytes = offset;
  segment->length_bytes = static_cast<size_t>(length_bytes);
  if (reads_at_once) {
    segment->flags |= EVBUF_FS_DISABLE_SENDFILE | EVBUF_FS_DISABLE_MMAP;
  }
  // What can never go by sendfile(2) is loaded at once: the program hears now
  // of a file that cannot be.
  bool load = (segment->flags & EVBUF_FS_DISABLE_SENDFILE) != 0;
  bool lock = (flags & EVBUF_FS_DISABLE_LOCKING) == 0;
  if ((lock && !segment->lock.Init(LockKind::kPlain)) ||
      (load && !FileSegmentLoad(segment))) {
    segment->lock.Destroy();
    Delete(segment);
    return nullptr;
  }
  return segment;
}

void evbuffer_file_segment_free(evbuffer_file_segment* segment) {
  if (evoke::IsNoSegment(segment, __func__)) return;
  // Chains may have it still, a second reference of the program's there is not.
  if (!__atomic_exchange_n(&segment->is_programs, false, __ATOMIC_ACQ_REL)) {
    evoke::LogWarn("%s: %p has been freed", __func__,
                   static_cast<void*>(segment));
    return;
  }
  evoke::FileSegmentUnref(segment);
}

void evbuffer_file_segment_add_cleanup_cb(evbuffer_file_segment* segment,
                                          evbuffer_file_segment_cleanup_cb cb,
                                          void* arg) {
  if (evoke::IsNoSegment(segment, __func__)) return;
  evoke::MutexLock lock(segment->lock);
  segment->cleanup = cb;
  segment->cleanup_arg = arg;
}

int evbuffer_add_file_segment(evbuffer* buffer, evbuffer_file_segment* segment,
                              ev_off_t offset, ev_off_t length) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  if (IsNoSegment(segment, __func__)) return -1;
  return AddSegment(buffer, segment, offset, length) == AddResult::kAdded ? 0
                                                                          : -1;
}

int evbuffer_add_file(evbuffer* buffer, int fd, ev_off_t offset,
                      ev_off_t length) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  evbuffer_file_segment* segment =
      evbuffer_file_segment_new(fd, offset, length, EVBUF_FS_CLOSE_ON_FREE);
  if (segment == nullptr) return -1;
  AddResult result = AddSegment(buffer, segment, 0, length);
  if (result == AddResult::kNotLoaded) {
    // As libevent has it, a file without readable contents stays the caller's
    // to close; every other failure closes it.
    segment->flags &= ~EVBUF_FS_CLOSE_ON_FREE;
  }
  FileSegmentUnref(segment);
  return result == AddResult::kAdded ? 0 : -1;
}

}  // extern "C"
