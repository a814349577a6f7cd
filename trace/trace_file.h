// SPDX-License-Identifier: BSD-3-Clause
//
// The file of a trace: a JSON document that is whole at any moment.
//
// The file is mapped, so that what was written is the kernel's, whatever
// becomes of the process. Behind the last record stands the end of the
// document, over which the next record is written; behind that there are spaces
// up to the end of the file, which grows a piece at a time and is cut to size
// when it is closed. As long as it is mapped it is locked (flock(2)), so that
// no other process makes it anew.
#ifndef EVOKE_TRACE_TRACE_FILE_H_
#define EVOKE_TRACE_TRACE_FILE_H_

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

namespace evoke {

class TraceFile {
 public:
  // The file of that name that this process writes already, or a new one, with
  // a reference for the caller; `path` may hold "%p". Null with errno set,
  // after logging why: EWOULDBLOCK when another process writes it. Any thread
  // may call it, as all of these.
  static TraceFile* Open(const char* path, size_t limit_bytes);
  // Gives the reference back; the last one closes the file.
  static void Unref(TraceFile* file);

  // Appends one record, a JSON object. False when there is no room for it, or
  // the limit is reached: then nothing comes any more.
  bool Append(const char* record, size_t bytes);

  // 1, 2, ...: tells apart who writes.
  int NextWriter();

  const char* path() const { return path_; }

 private:
  bool Create(size_t limit_bytes);
  bool Grow();
  void Close();
  void LetGo();

  // A fork's child lets its parent's files go at once, and their locks with
  // them: it may live longer, and must keep nobody from writing them anew.
  static void WatchForks();
  static void LetGoAfterFork();

  static constexpr size_t kMostPath = 4096;

  TraceFile* next_ = nullptr;  // in the list of all
  int references_ = 1;
  int writers_ = 0;
  pid_t process_ = 0;  // whose file it is
  int fd_ = -1;
  char* memory_ = nullptr;  // `limit_bytes_` of address space
  size_t limit_bytes_ = 0;
  size_t mapped_bytes_ = 0;  // as long as the file is
  size_t length_bytes_ = 0;  // without the end of the document
  bool is_first_ = true;
  bool is_full_ = false;
  char path_[kMostPath];
};

}  // namespace evoke

#endif  // EVOKE_TRACE_TRACE_FILE_H_
