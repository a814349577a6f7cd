// SPDX-License-Identifier: BSD-3-Clause
#include "trace/trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/log.h"
#include "util/memory.h"
#include "util/process_mutex.h"

namespace evoke {

namespace {

constexpr char kHead[] = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[";
constexpr char kTail[] = "\n]}\n";
constexpr size_t kTailBytes = sizeof(kTail) - 1;
constexpr size_t kPieceBytes = 1 << 20;

constinit ProcessMutex g_mutex;  // over the list and all files
TraceFile* g_files = nullptr;

// `path` with each "%p" replaced. False when it is too long.
bool Expand(const char* path, char* out, size_t size) {
  size_t length = 0;
  while (*path != '\0') {
    if (path[0] == '%' && path[1] == 'p') {
      int wrote = snprintf(out + length, size - length, "%d",
                           static_cast<int>(getpid()));
      length += static_cast<size_t>(wrote);
      path += 2;
    } else {
      out[length++] = *path++;
    }
    // Room for a number and the end.
    if (length + 16 > size) return false;
  }
  out[length] = '\0';
  return true;
}

}  // namespace

void TraceFile::LetGoAfterFork() {
  for (TraceFile* file = g_files; file != nullptr; file = file->next_) {
    file->LetGo();
  }
}

// Without memory for the handler it is as if there were none: a child that
// lives longer than its parent then keeps others from the file. Without
// g_mutex, which a fork waits for while it may keep others from adding
// handlers.
void TraceFile::WatchForks() {
  static bool is_done = false;
  if (__atomic_exchange_n(&is_done, true, __ATOMIC_ACQ_REL)) return;
  pthread_atfork(nullptr, nullptr, LetGoAfterFork);
}

TraceFile* TraceFile::Open(const char* path, size_t limit_bytes) {
  char name[kMostPath];
  if (!Expand(path, name, sizeof(name))) {
    errno = ENAMETOOLONG;
    LogWarnErrno("trace: %s", path);
    return nullptr;
  }
  WatchForks();
  ProcessMutexLock lock(g_mutex);
  for (TraceFile* file = g_files; file != nullptr; file = file->next_) {
    if (file->process_ != getpid() || strcmp(file->path_, name) != 0) continue;
    ++file->references_;
    return file;
  }
  auto* file = New<TraceFile>();
  if (file == nullptr) return nullptr;
  strcpy(file->path_, name);
  if (!file->Create(limit_bytes)) {
    int error = errno;
    file->Close();
    Delete(file);
    errno = error;
    if (error == EWOULDBLOCK) {
      LogWarn(
          "trace: %s: another process writes it; %%p in the name gives each "
          "process a file of its own",
          name);
    } else {
      LogWarnErrno("trace: %s", name);
    }
    errno = error;
    return nullptr;
  }
  file->next_ = g_files;
  g_files = file;
  return file;
}

void TraceFile::Unref(TraceFile* file) {
  ProcessMutexLock lock(g_mutex);
  if (--file->references_ > 0) return;
  TraceFile** link = &g_files;
  while (*link != file) link = &(*link)->next_;
  *link = file->next_;
  file->Close();
  Delete(file);
}

bool TraceFile::Create(size_t limit_bytes) {
  process_ = getpid();
  limit_bytes_ = limit_bytes;
  fd_ = open(path_, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0) return false;
  // A file that is cut short while somebody has it mapped is the end of that
  // process (SIGBUS), so first it has to be ours alone. The lock is that of
  // this very open(): the child of a fork that opens the file again is another,
  // and so is this process if it comes by another name.
  // (Where a file system knows no locks, nobody can be asked.)
  if (flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
  if (ftruncate(fd_, 0) != 0) return false;
  void* memory =
      mmap(nullptr, limit_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (memory == MAP_FAILED) return false;
  memory_ = static_cast<char*>(memory);
  if (!Grow()) return false;
  memcpy(memory_, kHead, sizeof(kHead) - 1);
  length_bytes_ = sizeof(kHead) - 1;
  memcpy(memory_ + length_bytes_, kTail, kTailBytes);
  return true;
}

// By a piece that is really there: writing to mapped memory that finds no disk
// space would be the process's end (SIGBUS).
bool TraceFile::Grow() {
  size_t piece_bytes = limit_bytes_ - mapped_bytes_;
  if (piece_bytes > kPieceBytes) piece_bytes = kPieceBytes;
  if (piece_bytes == 0) return false;
  int error = posix_fallocate(fd_, static_cast<off_t>(mapped_bytes_),
                              static_cast<off_t>(piece_bytes));
  if (error != 0) {
    errno = error;
    return false;
  }
  memset(memory_ + mapped_bytes_, ' ', piece_bytes);
  mapped_bytes_ += piece_bytes;
  return true;
}

bool TraceFile::Append(const char* record, size_t bytes) {
  ProcessMutexLock lock(g_mutex);
  if (is_full_ || process_ != getpid()) return false;
  size_t needed_bytes = length_bytes_ + 2 + bytes + kTailBytes;
  while (needed_bytes > mapped_bytes_) {
    if (Grow()) continue;
    is_full_ = true;
    LogWarn("trace: %s is full", path_);
    return false;
  }
  // From behind: the old end goes last.
  char* old_end = memory_ + length_bytes_;
  size_t comma_bytes = is_first_ ? 0 : 1;
  char* record_at = old_end + comma_bytes + 1;
  memcpy(record_at + bytes, kTail, kTailBytes);
  memcpy(record_at, record, bytes);
  record_at[-1] = '\n';
  if (!is_first_) old_end[0] = ',';
  is_first_ = false;
  length_bytes_ += comma_bytes + 1 + bytes;
  return true;
}

int TraceFile::NextWriter() {
  ProcessMutexLock lock(g_mutex);
  return ++writers_;
}

void TraceFile::Close() {
  if (fd_ >= 0 && process_ == getpid()) {
    if (length_bytes_ != 0) {
      // What stays behind the end is spaces, which do no harm.
      int ignored =
          ftruncate(fd_, static_cast<off_t>(length_bytes_ + kTailBytes));
      static_cast<void>(ignored);
    }
    // Also where a child that has only begun still holds what it inherited.
    flock(fd_, LOCK_UN);
  }
  LetGo();
}

// Of all that share the open file the last to do so gives up the lock. It is
// no process's any more: a child may have the number of the one it was.
void TraceFile::LetGo() {
  process_ = 0;
  if (memory_ != nullptr) munmap(memory_, limit_bytes_);
  memory_ = nullptr;
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace evoke
