// SPDX-License-Identifier: BSD-3-Clause
//
// Buffers: files and their segments, by sendfile, mmap and plain reading.

#include "tests/differential/scenarios/io_support.h"

// How a segment's bytes are had, as flags of segment_new.
static const struct {
  const char *name;
  unsigned flags;
} kWay[] = {
    {"default", 0},
    {"no sendfile", EVBUF_FS_DISABLE_SENDFILE},
    {"no mmap", EVBUF_FS_DISABLE_MMAP},
    {"reading", EVBUF_FS_DISABLE_SENDFILE | EVBUF_FS_DISABLE_MMAP},
    {"no locking", EVBUF_FS_DISABLE_LOCKING},
};
enum { kWays = sizeof kWay / sizeof *kWay };

// A file of `size` bytes that repeat the alphabet; -1 on failure.
static int make_file(size_t size) {
  int fd = memfd_create("segment", MFD_CLOEXEC);
  size_t i;
  for (i = 0; i < size; i++) {
    char c = (char)('a' + i % 26);
    if (write(fd, &c, 1) != 1) return -1;
  }
  return fd;
}

// Writes the buffer to a socket and records what came out at the other end.
static void rec_written(struct evbuffer *b) {
  int fds[2];
  char out[4096];
  int rounds = 0;
  size_t got = 0;
  int n = 0;
  socket_pair(fds);
  while (evbuffer_get_length(b) > 0 && rounds++ < 20) {
    n = evbuffer_write(b, fds[0]);
    if (n <= 0) break;
  }
  while (got < sizeof out &&
         (n = (int)read(fds[1], out + got, sizeof out - got)) > 0)
    got += (size_t)n;
  rec_data("  written", out, got);
  rec("  left %zu", evbuffer_get_length(b));
  close_pair(fds);
}

static void cleaned_cb(struct evbuffer_file_segment const *segment, int flags,
                       void *name) {
  (void)segment;
  rec("  cleaned %s, flags %x", (const char *)name, (unsigned)flags);
}

SCENARIO(buffer_segment_ways,
         "behaviour 38: a segment's bytes by sendfile, mmap and reading, "
         "whole, in part, twice") {
  int way;
  for (way = 0; way < kWays; way++) {
    int fd = make_file(100);
    struct evbuffer *b = evbuffer_new();
    struct evbuffer_file_segment *segment =
        evbuffer_file_segment_new(fd, 10, 50, kWay[way].flags);
    rec("%s: %s", kWay[way].name, segment ? "segment" : "NULL");
    evbuffer_file_segment_add_cleanup_cb(segment, cleaned_cb, "segment");
    rec("add all -> %d", evbuffer_add_file_segment(b, segment, 0, -1));
    rec("length %zu", evbuffer_get_length(b));
    rec_written(b);
    rec("add from 20 -> %d", evbuffer_add_file_segment(b, segment, 20, -1));
    rec("add 3 from 5 -> %d", evbuffer_add_file_segment(b, segment, 5, 3));
    rec("length %zu", evbuffer_get_length(b));
    rec_written(b);
    rec("add the last -> %d", evbuffer_add_file_segment(b, segment, 49, 1));
    evbuffer_add(b, "!", 1);
    evbuffer_prepend(b, "?", 1);
    rec("free the segment");
    evbuffer_file_segment_free(segment);
    rec_written(b);
    rec("free the buffer");
    evbuffer_free(b);
    rec("fd open %d", fd_is_open(fd));
    close(fd);
  }
}

SCENARIO(buffer_segment_ranges,
         "behaviour 38: in add_file_segment -1 is the rest, and a range inside "
         "the segment is added") {
  static const struct {
    ev_off_t offset;
    ev_off_t length;
  } kRange[] = {{0, 0},  {0, 20}, {5, 15}, {20, 0}, {20, -1},
                {0, -1}, {5, -1}, {19, 1}, {3, 17}, {19, -1}};
  int way;
  for (way = 0; way < kWays; way++) {
    int fd = make_file(20);
    size_t i;
    struct evbuffer_file_segment *segment =
        evbuffer_file_segment_new(fd, 0, 20, kWay[way].flags);
    rec("%s", kWay[way].name);
    for (i = 0; i < sizeof kRange / sizeof *kRange; i++) {
      struct evbuffer *b = evbuffer_new();
      rec("from %d, %d -> %d", (int)kRange[i].offset, (int)kRange[i].length,
          evbuffer_add_file_segment(b, segment, kRange[i].offset,
                                    kRange[i].length));
      rec_buffer("b", b);
      evbuffer_free(b);
    }
    evbuffer_file_segment_free(segment);
    close(fd);
  }
}

SCENARIO(buffer_segment_new_ranges,
         "behaviour 38: segment_new of parts of a file, of all of it, of "
         "nothing") {
  static const struct {
    ev_off_t offset;
    ev_off_t length;
  } kRange[] = {{0, 0}, {0, -1}, {0, 20}, {5, 15}, {20, 0}, {19, 1}, {7, 0}};
  int way;
  for (way = 0; way < kWays; way++) {
    int fd = make_file(20);
    size_t i;
    rec("%s", kWay[way].name);
    for (i = 0; i < sizeof kRange / sizeof *kRange; i++) {
      struct evbuffer *b = evbuffer_new();
      struct evbuffer_file_segment *segment = evbuffer_file_segment_new(
          fd, kRange[i].offset, kRange[i].length, kWay[way].flags);
      rec("new %d, %d: %s", (int)kRange[i].offset, (int)kRange[i].length,
          segment ? "segment" : "NULL");
      if (segment != NULL) {
        rec("add -> %d", evbuffer_add_file_segment(b, segment, 0, -1));
        rec_buffer("b", b);
        evbuffer_file_segment_free(segment);
      }
      evbuffer_free(b);
    }
    close(fd);
  }
}

SCENARIO_DIFFERS(buffer_segment_beyond_the_file,
                 "libevent lets mmap and sendfile pass the end of the file");

SCENARIO(buffer_segment_beyond_the_file,
         "behaviour 38: a segment that ends beyond the file is refused; -1 is "
         "the whole file's size whatever the offset") {
  static const struct {
    ev_off_t offset;
    ev_off_t length;
  } kRange[] = {{0, 21}, {5, 16}, {21, 0}, {20, 1}, {1, -1}, {20, -1}};
  int way;
  for (way = 0; way < kWays; way++) {
    int fd = make_file(20);
    size_t i;
    rec("%s", kWay[way].name);
    for (i = 0; i < sizeof kRange / sizeof *kRange; i++) {
      struct evbuffer *b = evbuffer_new();
      struct evbuffer_file_segment *segment = evbuffer_file_segment_new(
          fd, kRange[i].offset, kRange[i].length, kWay[way].flags);
      rec("new %d, %d: %s", (int)kRange[i].offset, (int)kRange[i].length,
          segment ? "segment" : "NULL");
      if (segment != NULL) {
        rec("add -> %d", evbuffer_add_file_segment(b, segment, 0, -1));
        rec_buffer("b", b);
        evbuffer_file_segment_free(segment);
      }
      evbuffer_free(b);
    }
    rec("fd open %d", fd_is_open(fd));
    close(fd);
  }
}

SCENARIO_ORACLE_CRASHES(buffer_segment_failing_add,
                        "libevent gives the caller's reference back when "
                        "adding a segment fails, and then frees it twice");

SCENARIO(buffer_segment_failing_add,
         "behaviour 38: a failing add_file_segment leaves the segment with its "
         "caller") {
  static const struct {
    ev_off_t offset;
    ev_off_t length;
  } kRange[] = {{0, 21}, {21, 0}, {20, 1}, {3, 18}, {15, 6}};
  struct evbuffer *b;
  struct evbuffer_file_segment *segment;
  size_t i;
  int fd = make_file(20);
  guard_memory();
  b = evbuffer_new();
  segment = evbuffer_file_segment_new(fd, 0, 20, 0);
  evbuffer_file_segment_add_cleanup_cb(segment, cleaned_cb, "segment");
  for (i = 0; i < sizeof kRange / sizeof *kRange; i++)
    rec("from %d, %d -> %d", (int)kRange[i].offset, (int)kRange[i].length,
        evbuffer_add_file_segment(b, segment, kRange[i].offset,
                                  kRange[i].length));
  evbuffer_freeze(b, 0);
  rec("frozen -> %d", evbuffer_add_file_segment(b, segment, 0, -1));
  evbuffer_unfreeze(b, 0);
  rec("all -> %d", evbuffer_add_file_segment(b, segment, 0, -1));
  rec_buffer("b", b);
  rec("free the segment");
  evbuffer_file_segment_free(segment);
  rec("free the buffer");
  evbuffer_free(b);
  close(fd);
}

SCENARIO(buffer_segment_close,
         "behaviour 38: the fd closes when the last user is gone, if asked") {
  int way;
  for (way = 0; way < kWays; way++) {
    int fd = make_file(20);
    struct evbuffer *a = evbuffer_new();
    struct evbuffer *b = evbuffer_new();
    struct evbuffer_file_segment *segment = evbuffer_file_segment_new(
        fd, 0, 20, EVBUF_FS_CLOSE_ON_FREE | kWay[way].flags);
    rec("%s: %s", kWay[way].name, segment ? "segment" : "NULL");
    evbuffer_file_segment_add_cleanup_cb(segment, cleaned_cb, "segment");
    rec("add -> %d %d", evbuffer_add_file_segment(a, segment, 0, 10),
        evbuffer_add_file_segment(b, segment, 10, 10));
    rec("fd open %d", fd_is_open(fd));
    evbuffer_file_segment_free(segment);
    rec("segment freed, fd open %d", fd_is_open(fd));
    evbuffer_drain(a, 10);
    rec("a drained, fd open %d", fd_is_open(fd));
    evbuffer_free(b);
    rec("b freed, fd open %d", fd_is_open(fd));
    evbuffer_free(a);
  }
}

SCENARIO(buffer_segment_unused,
         "behaviour 38: a segment that nobody added, and its cleanup callback "
         "replaced") {
  int fd = make_file(20);
  struct evbuffer_file_segment *segment =
      evbuffer_file_segment_new(fd, 0, -1, EVBUF_FS_CLOSE_ON_FREE);
  evbuffer_file_segment_add_cleanup_cb(segment, cleaned_cb, "first");
  evbuffer_file_segment_add_cleanup_cb(segment, cleaned_cb, "second");
  rec("free");
  evbuffer_file_segment_free(segment);
  rec("fd open %d", fd_is_open(fd));
}

SCENARIO(buffer_segment_to_fd,
         "behaviour 38: with DRAINS_TO_FD a segment goes out as it is, also in "
         "parts, and is released by it") {
  int way;
  for (way = 0; way < kWays; way++) {
    int fd = make_file(1000);
    int fds[2];
    char out[2000];
    size_t got = 0;
    ssize_t n;
    struct evbuffer *b = evbuffer_new();
    struct evbuffer_file_segment *segment =
        evbuffer_file_segment_new(fd, 100, 700, kWay[way].flags);
    socket_pair(fds);
    rec("%s: flags -> %d", kWay[way].name,
        evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD));
    evbuffer_file_segment_add_cleanup_cb(segment, cleaned_cb, "segment");
    evbuffer_add(b, "head ", 5);
    rec("add -> %d", evbuffer_add_file_segment(b, segment, 50, 600));
    evbuffer_file_segment_free(segment);
    evbuffer_add(b, " tail", 5);
    rec("length %zu", evbuffer_get_length(b));
    rec("write_atmost 5 -> %d", evbuffer_write_atmost(b, fds[0], 5));
    rec("drain 50 -> %d", evbuffer_drain(b, 50));
    rec("length %zu", evbuffer_get_length(b));
    // libevent's sendfile goes beyond what write_atmost allows, so that only
    // the sum is recorded.
    if (evbuffer_write_atmost(b, fds[0], 100) < 100) rec("wrote too little");
    while (evbuffer_get_length(b) > 0) {
      if (evbuffer_write(b, fds[0]) <= 0) break;
    }
    rec("length %zu", evbuffer_get_length(b));
    while ((n = read(fds[1], out + got, sizeof out - got)) > 0)
      got += (size_t)n;
    rec_data("peer", out, got);
    evbuffer_free(b);
    rec("fd open %d", fd_is_open(fd));
    close(fd);
    close_pair(fds);
  }
}

SCENARIO(buffer_segment_to_fd_moved,
         "behaviour 38: a segment for sendfile that moves to another buffer, "
         "is cut, and drained") {
  int fd = make_file(100);
  struct evbuffer *a = evbuffer_new();
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_file_segment *segment =
      evbuffer_file_segment_new(fd, 0, 100, 0);
  evbuffer_file_segment_add_cleanup_cb(segment, cleaned_cb, "segment");
  evbuffer_set_flags(a, EVBUFFER_FLAG_DRAINS_TO_FD);
  evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
  rec("add -> %d", evbuffer_add_file_segment(a, segment, 0, -1));
  evbuffer_file_segment_free(segment);
  rec("move -> %d", evbuffer_add_buffer(b, a));
  rec("lengths %zu %zu", evbuffer_get_length(a), evbuffer_get_length(b));
  rec("drain 30 -> %d", evbuffer_drain(b, 30));
  rec_written(b);
  evbuffer_free(a);
  evbuffer_free(b);
  close(fd);
}

SCENARIO(buffer_set_flags,
         "behaviour 38: set_flags and clear_flags take anything") {
  struct evbuffer *b = evbuffer_new();
  rec("drains to fd -> %d", evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD));
  rec("clear -> %d", evbuffer_clear_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD));
  rec("clear again -> %d", evbuffer_clear_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD));
  rec("none -> %d %d", evbuffer_set_flags(b, 0), evbuffer_clear_flags(b, 0));
  rec("unknown -> %d", evbuffer_set_flags(b, (ev_uint64_t)1 << 40));
  rec("add -> %d", evbuffer_add(b, "abc", 3));
  rec_buffer("b", b);
  evbuffer_free(b);
}

SCENARIO(buffer_add_file,
         "behaviour 38: add_file takes the fd over and closes it when its "
         "bytes are gone; -1 is all of it") {
  static const struct {
    ev_off_t offset;
    ev_off_t length;
  } kRange[] = {{0, 50}, {0, -1}, {10, 30}, {50, 0}, {0, 0}};
  size_t i;
  int to_fd;
  for (to_fd = 0; to_fd < 2; to_fd++) {
    for (i = 0; i < sizeof kRange / sizeof *kRange; i++) {
      struct evbuffer *b = evbuffer_new();
      int fd = make_file(50);
      if (to_fd) evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD);
      rec("add_file %d, %d -> %d", (int)kRange[i].offset, (int)kRange[i].length,
          evbuffer_add_file(b, fd, kRange[i].offset, kRange[i].length));
      rec("length %zu, fd open %d", evbuffer_get_length(b), fd_is_open(fd));
      rec_written(b);
      rec("fd open %d", fd_is_open(fd));
      evbuffer_free(b);
      rec("freed, fd open %d", fd_is_open(fd));
      close(fd);
    }
  }
}

SCENARIO(buffer_add_file_refused,
         "behaviour 38: add_file of a pipe, of a closed fd, to a frozen "
         "buffer") {
  struct evbuffer *b = evbuffer_new();
  int fd = make_file(50);
  int ends[2];
  if (pipe(ends) != 0) return;
  rec_log(1);
  rec("fd -1 -> %d", evbuffer_add_file(b, -1, 0, 10));
  rec("fd -1, whole -> %d", evbuffer_add_file(b, -1, 0, -1));
  rec("segment of fd -1: %s",
      evbuffer_file_segment_new(-1, 0, 10, EVBUF_FS_DISABLE_SENDFILE)
          ? "segment"
          : "NULL");
  rec("pipe by reading: %s",
      evbuffer_file_segment_new(
          ends[0], 0, 10, EVBUF_FS_DISABLE_SENDFILE | EVBUF_FS_DISABLE_MMAP)
          ? "segment"
          : "NULL");
  rec("pipe open %d", fd_is_open(ends[0]));
  evbuffer_freeze(b, 0);
  rec("frozen -> %d", evbuffer_add_file(b, fd, 0, 50));
  evbuffer_unfreeze(b, 0);
  rec("fd open %d", fd_is_open(fd));
  rec_buffer("b", b);
  evbuffer_free(b);
  close(fd);
  close(ends[0]);
  close(ends[1]);
}

SCENARIO(buffer_segment_pullup,
         "behaviour 38: a mapped or read segment can be searched, pulled up, "
         "cut and referenced like any bytes") {
  int way;
  for (way = 0; way < kWays; way++) {
    int fd = make_file(60);
    struct evbuffer *b = evbuffer_new();
    struct evbuffer *view = evbuffer_new();
    struct evbuffer_file_segment *segment =
        evbuffer_file_segment_new(fd, 3, 40, kWay[way].flags);
    char out[8] = "";
    rec("%s", kWay[way].name);
    evbuffer_add(b, "<", 1);
    evbuffer_add_file_segment(b, segment, 0, -1);
    evbuffer_file_segment_free(segment);
    evbuffer_add(b, ">", 1);
    rec("search %zd", (ssize_t)evbuffer_search(b, "zab", 3, NULL).pos);
    rec("view -> %d", evbuffer_add_buffer_reference(view, b));
    rec_buffer("view", view);
    rec("remove -> %d", evbuffer_remove(b, out, 5));
    rec("out %s", out);
    rec("pullup %d", evbuffer_pullup(b, -1) != NULL);
    rec_buffer("b", b);
    evbuffer_free(b);
    evbuffer_free(view);
    close(fd);
  }
}

SCENARIO(buffer_segment_after_the_file_changed,
         "behaviour 38: bytes that were read stay; the fd's own position is "
         "left alone") {
  int fd = make_file(30);
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_file_segment *segment = evbuffer_file_segment_new(
      fd, 5, 10, EVBUF_FS_DISABLE_SENDFILE | EVBUF_FS_DISABLE_MMAP);
  rec("position %ld", (long)lseek(fd, 2, SEEK_SET));
  rec("add -> %d", evbuffer_add_file_segment(b, segment, 0, -1));
  rec("position %ld", (long)lseek(fd, 0, SEEK_CUR));
  rec("truncate %d", ftruncate(fd, 0));
  rec_buffer("b", b);
  evbuffer_file_segment_free(segment);
  evbuffer_free(b);
  close(fd);
}

SCENARIO(buffer_segment_of_the_kernels,
         "behaviour 38: files that say they are empty, and what cannot be "
         "mapped, are read") {
  static const struct {
    const char *path;
    ev_off_t length;
  } kFile[] = {{"/proc/version", 13}, {"/dev/zero", 16}, {"/dev/null", 16}};
  size_t i;
  for (i = 0; i < sizeof kFile / sizeof *kFile; i++) {
    int fd = open(kFile[i].path, O_RDONLY | O_CLOEXEC);
    struct evbuffer *b = evbuffer_new();
    struct evbuffer_file_segment *segment = evbuffer_file_segment_new(
        fd, 0, kFile[i].length,
        EVBUF_FS_DISABLE_SENDFILE | EVBUF_FS_DISABLE_MMAP);
    rec("%s: %s", kFile[i].path, segment ? "segment" : "NULL");
    if (segment != NULL) {
      rec("add -> %d", evbuffer_add_file_segment(b, segment, 0, -1));
      rec_buffer("b", b);
      evbuffer_file_segment_free(segment);
    }
    evbuffer_free(b);
    close(fd);
  }
}
