// SPDX-License-Identifier: BSD-3-Clause
//
// Instructions that bring bytes into evbuffers without copying them (memory
// of others, files) and that move bytes between evbuffers and sockets.
#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/differential/random/interpreter.h"

#define SEGMENTS_MAX 3

static struct evbuffer_file_segment *segments[SEGMENTS_MAX];
static long segment_bytes[SEGMENTS_MAX];
static int pair[2];
static int references_live;

void buffer_io_start(void) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0) {
    rec("no socketpair\n");
  }
}

void buffer_io_free_all(void) {
  for (int i = 0; i < SEGMENTS_MAX; i++) {
    if (segments[i] != NULL) evbuffer_file_segment_free(segments[i]);
    segments[i] = NULL;
  }
  rec("references left %d\n", references_live);
  close(pair[0]);
  close(pair[1]);
}

static void done(const char *what, const long *a, long result) {
  rec("%s %ld -> %ld, length %zu\n", what, a[0], result,
      evbuffer_get_length(buf_of(a[0])));
}

// --- References
// ---------------------------------------------------------------------

static void on_unreferenced(const void *bytes, size_t count, void *arg) {
  rec("unreferenced %zu\n", count);
  if (arg != bytes) rec("with another's argument\n");
  references_live--;
  free(arg);
}

void op_buf_add_reference(const long *a) {
  char *bytes = malloc((size_t)a[1] + 1);
  memcpy(bytes, data_for(a[1], a[2]), (size_t)a[1]);
  int result = evbuffer_add_reference(buf_of(a[0]), bytes, (size_t)a[1],
                                      on_unreferenced, bytes);
  EFFECT_IF(evbuffer_add_reference, result == 0 && a[1] > 0);
  if (result == 0) {
    references_live++;
  } else {
    free(bytes);
  }
  done("add_reference", a, result);
}

void op_buf_add_buffer_reference(const long *a) {
  if (!buf_is_plain(a[1])) return;
  size_t bytes = evbuffer_get_length(buf_of(a[1]));
  buf_make_special(a[0]);
  m.moving = true;  // see begin_move
  int result = evbuffer_add_buffer_reference(buf_of(a[0]), buf_of(a[1]));
  m.moving = false;
  if (result == 0) buf_lend(a[1], a[0]);
  EFFECT_IF(evbuffer_add_buffer_reference, result == 0 && bytes > 0);
  done("add_buffer_reference", a, result);
}

// --- Files
// ----------------------------------------------------------------------------

// A file of `bytes` bytes, which has no name.
static int file_of(long bytes) {
  int fd = memfd_create("random", MFD_CLOEXEC);
  if (fd >= 0 && write(fd, data_for(bytes, bytes), (size_t)bytes) != bytes) {
    rec("short file\n");
  }
  return fd;
}

void op_buf_add_file(const long *a) {
  if (a[2] + a[3] > a[1] || a[3] == 0) return;
  int fd = file_of(a[1]);
  buf_make_special(a[0]);
  int result = evbuffer_add_file(buf_of(a[0]), fd, a[2], a[3]);
  EFFECT_IF(evbuffer_add_file, result == 0);
  if (result != 0) close(fd);
  done("add_file", a, result);
}

static void on_segment_gone(const struct evbuffer_file_segment *segment,
                            int flags, void *arg) {
  (void)segment;
  rec("segment %d gone, flags %d\n",
      (int)((struct evbuffer_file_segment **)arg - segments), flags);
}

void op_segment_new(const long *a) {
  if (segments[a[0]] != NULL || a[2] + a[3] > a[1] || a[3] == 0) return;
  int fd = file_of(a[1]);
  segments[a[0]] = evbuffer_file_segment_new(
      fd, a[2], a[3], (unsigned)a[4] | EVBUF_FS_CLOSE_ON_FREE);
  rec("segment %d\n", segments[a[0]] != NULL);
  if (segments[a[0]] == NULL) {
    close(fd);
    return;
  }
  EFFECT(evbuffer_file_segment_new);
  segment_bytes[a[0]] = a[3];
  evbuffer_file_segment_add_cleanup_cb(segments[a[0]], on_segment_gone,
                                       &segments[a[0]]);
  EFFECT(evbuffer_file_segment_add_cleanup_cb);
}

void op_segment_free(const long *a) {
  if (segments[a[0]] == NULL) return;
  evbuffer_file_segment_free(segments[a[0]]);
  EFFECT(evbuffer_file_segment_free);
  segments[a[0]] = NULL;
}

void op_buf_add_segment(const long *a) {
  // Where it fails, libevent gives our reference away (docs/differences.md).
  if (segments[a[1]] == NULL || buf_end_is_frozen(a[0]) || a[3] == 0 ||
      a[2] + a[3] > segment_bytes[a[1]]) {
    return;
  }
  buf_make_special(a[0]);
  int result =
      evbuffer_add_file_segment(buf_of(a[0]), segments[a[1]], a[2], a[3]);
  EFFECT_IF(evbuffer_add_file_segment, result == 0);
  done("add_segment", a, result);
}

// --- Sockets
// -----------------------------------------------------------------------------

// Takes what was written to the socket out at its other end.
static void read_peer(void) {
  char room[1 << 16];
  ssize_t n = read(pair[1], room, sizeof(room));
  if (n > 0) rec_bytes("wrote", room, (size_t)n);
}

// A buffer whose bytes only go to a socket: bytes, a piece of a file that may
// be sent by sendfile, bytes. How much one call writes is open, so it is
// called until all is out.
void op_buf_sendfile(const long *a) {
  struct evbuffer *buf = evbuffer_new();
  EFFECT_IF(evbuffer_set_flags,
            evbuffer_set_flags(buf, EVBUFFER_FLAG_DRAINS_TO_FD) == 0);
  struct evbuffer_file_segment *segment = evbuffer_file_segment_new(
      file_of(a[1] + 1), 0, -1, (unsigned)a[3] | EVBUF_FS_CLOSE_ON_FREE);
  EFFECT_IF(evbuffer_file_segment_new, segment != NULL);
  evbuffer_add(buf, data_for(a[0], a[0]), (size_t)a[0]);
  int result = evbuffer_add_file_segment(buf, segment, 1, a[1]);
  rec("sendfile add %d length %zu\n", result, evbuffer_get_length(buf));
  evbuffer_add(buf, data_for(a[2], a[2]), (size_t)a[2]);
  evbuffer_file_segment_free(segment);
  char room[1 << 16];
  size_t seen = 0;
  for (int i = 0; i < 100 && evbuffer_get_length(buf) > 0; i++) {
    if (evbuffer_write(buf, pair[0]) < 0) rec("%s\n", strerror(errno));
    ssize_t n = read(pair[1], room + seen, sizeof(room) - seen);
    if (n > 0) seen += (size_t)n;
  }
  rec_bytes("sent", room, seen);
  EFFECT_IF(evbuffer_clear_flags,
            evbuffer_clear_flags(buf, EVBUFFER_FLAG_DRAINS_TO_FD) == 0);
  evbuffer_free(buf);
}

// One call writes a limited number of pieces, and how many there are is open.
#define WRITTEN_BYTES_MAX 3000

void op_buf_write(const long *a) {
  if (evbuffer_get_length(buf_of(a[0])) > WRITTEN_BYTES_MAX) return;
  int result = evbuffer_write(buf_of(a[0]), pair[0]);
  EFFECT_IF(evbuffer_write, result > 0);
  done("write", a, result);
  read_peer();
}

void op_buf_write_atmost(const long *a) {
  if (evbuffer_get_length(buf_of(a[0])) > WRITTEN_BYTES_MAX) return;
  int result = evbuffer_write_atmost(buf_of(a[0]), pair[0], a[1]);
  EFFECT_IF(evbuffer_write_atmost, result > 0);
  done("write_atmost", a, result);
  read_peer();
}

// `bytes` lie in the socket, `atmost` are asked for; the rest is thrown away.
void op_buf_read(const long *a) {
  // libevent does not survive reading no bytes.
  if (a[2] == 0) return;
  if (a[1] > 0 &&
      send(pair[1], data_for(a[1], a[3]), (size_t)a[1], 0) != a[1]) {
    rec("short send\n");
  }
  int result = evbuffer_read(buf_of(a[0]), pair[0], (int)a[2]);
  EFFECT_IF(evbuffer_read, result > 0);
  done("read", a, result);
  char room[1 << 14];
  if (read(pair[0], room, sizeof(room)) < 0 && errno != EAGAIN) rec("lost\n");
}
