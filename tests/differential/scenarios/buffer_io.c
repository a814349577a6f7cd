// SPDX-License-Identifier: BSD-3-Clause
//
// Buffers: reading from and writing to descriptors; lengths that overflow.

#include "tests/differential/scenarios/io_support.h"

SCENARIO(buffer_read,
         "behaviour 39: read of -1 takes what is there, 0 is end of file, -1 "
         "with EAGAIN no data") {
  struct evbuffer *b = evbuffer_new();
  int fds[2];
  int n;
  socket_pair(fds);
  errno = 0;
  n = evbuffer_read(b, fds[0], -1);
  rec("nothing there -> %d, %s", n, errno_name(errno));
  put(fds[1], "hello, world");
  rec("read 5 -> %d", evbuffer_read(b, fds[0], 5));
  rec_buffer("b", b);
  rec("read -1 -> %d", evbuffer_read(b, fds[0], -1));
  rec_buffer("b", b);
  put(fds[1], "more");
  rec("read 100 -> %d", evbuffer_read(b, fds[0], 100));
  rec_buffer("b", b);
  put(fds[1], "the last");
  close(fds[1]);
  rec("read 3 -> %d", evbuffer_read(b, fds[0], 3));
  rec("read -1 -> %d", evbuffer_read(b, fds[0], -1));
  rec("end of file -> %d", evbuffer_read(b, fds[0], -1));
  rec("again -> %d", evbuffer_read(b, fds[0], 10));
  rec_buffer("b", b);
  close(fds[0]);
  evbuffer_free(b);
}

SCENARIO_DIFFERS(buffer_read_limit, "libevent takes 4,096 bytes at most");

SCENARIO(buffer_read_limit,
         "behaviour 39: one read takes what is there, or as much as is asked "
         "for") {
  static const char kBlock[10000];
  struct evbuffer *b = evbuffer_new();
  int fds[2];
  socket_pair(fds);
  rec("sent %d", (int)write(fds[1], kBlock, sizeof kBlock));
  rec("read -1 -> %d", evbuffer_read(b, fds[0], -1));
  evbuffer_drain(b, sizeof kBlock);
  while (get(fds[0], (char[512]){0}, 512) > 0) continue;
  rec("sent %d", (int)write(fds[1], kBlock, sizeof kBlock));
  rec("read 6000 -> %d", evbuffer_read(b, fds[0], 6000));
  rec("length %zu", evbuffer_get_length(b));
  close_pair(fds);
  evbuffer_free(b);
}

SCENARIO(buffer_read_arguments,
         "behaviour 39: reading 0 bytes, from a closed or negative fd") {
  struct evbuffer *b = evbuffer_new();
  int fds[2];
  int n;
  socket_pair(fds);
  put(fds[1], "data");
  n = evbuffer_read(b, fds[0], 0);
  rec("read 0 -> %d", n);
  rec("length %zu", evbuffer_get_length(b));
  errno = 0;
  n = evbuffer_read(b, -1, 10);
  rec("fd -1 -> %d, %s", n, errno_name(errno));
  close_pair(fds);
  errno = 0;
  n = evbuffer_read(b, fds[0], -1);
  rec("closed fd -> %d, %s", n, errno_name(errno));
  rec("length %zu", evbuffer_get_length(b));
  evbuffer_free(b);
}

SCENARIO(buffer_read_large,
         "behaviour 39: large amounts arrive whole and in order, in as many "
         "reads as it takes") {
  struct evbuffer *b = evbuffer_new();
  int fds[2];
  char *block = malloc(100000);
  size_t sent = 0;
  size_t i;
  int rounds = 0;
  if (block == NULL) return;
  socket_pair(fds);
  for (i = 0; i < 100000; i++) block[i] = (char)(i % 253);
  while (evbuffer_get_length(b) < 100000 && rounds++ < 1000) {
    if (sent < 100000) {
      ssize_t n = write(fds[1], block + sent, 100000 - sent);
      if (n > 0) sent += (size_t)n;
    }
    if (evbuffer_read(b, fds[0], rounds % 2 ? -1 : 5000) < 0) break;
  }
  rec_buffer("b", b);
  rec("same bytes %d", evbuffer_get_length(b) == 100000 &&
                           evbuffer_pullup(b, -1) != NULL &&
                           memcmp(evbuffer_pullup(b, -1), block, 100000) == 0);
  close_pair(fds);
  evbuffer_free(b);
  free(block);
}

SCENARIO(buffer_read_pipe,
         "behaviour 39: pipes and files are read and written too") {
  struct evbuffer *b = evbuffer_new();
  int ends[2];
  int file = memfd_create("file", MFD_CLOEXEC);
  if (pipe2(ends, O_NONBLOCK) != 0) return;
  evbuffer_add(b, "through a pipe", 14);
  rec("write -> %d", evbuffer_write(b, ends[1]));
  rec("read -> %d", evbuffer_read(b, ends[0], -1));
  rec_buffer("b", b);
  rec("to a file -> %d", evbuffer_write(b, file));
  rec("seek %ld", (long)lseek(file, 8, SEEK_SET));
  rec("from the file -> %d", evbuffer_read(b, file, -1));
  rec_buffer("b", b);
  rec("at its end -> %d", evbuffer_read(b, file, -1));
  close(file);
  close(ends[1]);
  rec("closed pipe -> %d", evbuffer_read(b, ends[0], -1));
  close(ends[0]);
  evbuffer_free(b);
}

SCENARIO(buffer_write,
         "behaviour 39: write_atmost never writes more and leaves the rest; "
         "an empty buffer, or at most 0 bytes, is -1") {
  struct evbuffer *b = evbuffer_new();
  int fds[2];
  char out[64];
  int n;
  socket_pair(fds);
  rec("empty -> %d", evbuffer_write(b, fds[0]));
  rec("empty, at most 5 -> %d", evbuffer_write_atmost(b, fds[0], 5));
  rec("empty, at most -1 -> %d", evbuffer_write_atmost(b, fds[0], -1));
  add_piece(b, "abc", 3);
  add_piece(b, "defg", 4);
  add_piece(b, "hi", 2);
  rec("at most 0 -> %d", evbuffer_write_atmost(b, fds[0], 0));
  rec("at most 2 -> %d", evbuffer_write_atmost(b, fds[0], 2));
  rec_buffer("b", b);
  rec("at most 4 -> %d", evbuffer_write_atmost(b, fds[0], 4));
  rec_buffer("b", b);
  rec("at most 100 -> %d", evbuffer_write_atmost(b, fds[0], 100));
  rec_buffer("b", b);
  n = get(fds[1], out, sizeof out);
  rec("peer %d %s", n, out);
  evbuffer_add(b, "rest", 4);
  rec("at most -1 -> %d", evbuffer_write_atmost(b, fds[0], -1));
  evbuffer_add(b, "rest", 4);
  rec("at most -5 -> %d", evbuffer_write_atmost(b, fds[0], -5));
  evbuffer_add(b, "end", 3);
  rec("write -> %d", evbuffer_write(b, fds[0]));
  n = get(fds[1], out, sizeof out);
  rec("peer %d %s", n, out);
  rec_buffer("b", b);
  close_pair(fds);
  evbuffer_free(b);
}

SCENARIO(buffer_write_fails,
         "behaviour 39: a full socket is -1 with EAGAIN, a closed peer EPIPE; "
         "the bytes stay") {
  struct evbuffer *b = evbuffer_new();
  int fds[2];
  int n;
  char block[4096];
  memset(block, 'x', sizeof block);
  socket_pair(fds);
  while (write(fds[0], block, sizeof block) > 0) {
  }
  while (write(fds[0], block, 1) > 0) {
  }
  evbuffer_add(b, "waits", 5);
  errno = 0;
  n = evbuffer_write(b, fds[0]);
  rec("full -> %d, %s", n, errno_name(errno));
  rec_buffer("b", b);
  close(fds[1]);
  errno = 0;
  n = evbuffer_write(b, fds[0]);
  rec("closed -> %d, %s", n, errno_name(errno));
  rec_buffer("b", b);
  close(fds[0]);
  errno = 0;
  n = evbuffer_write(b, fds[0]);
  rec("closed fd -> %d, %s", n, errno_name(errno));
  errno = 0;
  n = evbuffer_write(b, -1);
  rec("fd -1 -> %d, %s", n, errno_name(errno));
  rec_buffer("b", b);
  evbuffer_free(b);
}

SCENARIO(buffer_write_many_chains,
         "behaviour 39: hundreds of chains go out in order, in as many writes "
         "as it takes") {
  struct evbuffer *b = evbuffer_new();
  int fds[2];
  char out[1200];
  size_t got = 0;
  int i;
  ssize_t n;
  socket_pair(fds);
  for (i = 0; i < 300; i++) add_piece(b, &"abcdefghijkl"[i % 9], 3);
  for (i = 0; i < 20 && evbuffer_get_length(b) > 0; i++)
    if (evbuffer_write(b, fds[0]) <= 0) break;
  rec("left %zu", evbuffer_get_length(b));
  while ((n = read(fds[1], out + got, sizeof out - got)) > 0) got += (size_t)n;
  rec_data("peer", out, got);
  close_pair(fds);
  evbuffer_free(b);
}

SCENARIO(buffer_overflow,
         "behaviour 40: lengths that would overflow are refused before "
         "anything is changed") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_iovec vec[2];
  char byte = 'x';
  rec("empty: add EV_SSIZE_MAX -> %d", evbuffer_add(b, &byte, EV_SSIZE_MAX));
  rec("empty: add SIZE_MAX -> %d", evbuffer_add(b, &byte, SIZE_MAX));
  rec("empty: prepend EV_SSIZE_MAX -> %d",
      evbuffer_prepend(b, &byte, EV_SSIZE_MAX));
  rec("empty: expand EV_SSIZE_MAX -> %d", evbuffer_expand(b, EV_SSIZE_MAX));
  rec("empty: expand SIZE_MAX -> %d", evbuffer_expand(b, SIZE_MAX));
  rec("length %zu", evbuffer_get_length(b));
  evbuffer_add(b, "abc", 3);
  rec("add SIZE_MAX -> %d", evbuffer_add(b, &byte, SIZE_MAX));
  rec("add SIZE_MAX-1 -> %d", evbuffer_add(b, &byte, SIZE_MAX - 1));
  rec("add EV_SSIZE_MAX -> %d", evbuffer_add(b, &byte, EV_SSIZE_MAX));
  rec("prepend SIZE_MAX -> %d", evbuffer_prepend(b, &byte, SIZE_MAX));
  rec("prepend EV_SSIZE_MAX -> %d", evbuffer_prepend(b, &byte, EV_SSIZE_MAX));
  rec("expand SIZE_MAX -> %d", evbuffer_expand(b, SIZE_MAX));
  rec("expand EV_SSIZE_MAX -> %d", evbuffer_expand(b, EV_SSIZE_MAX));
  rec("reserve EV_SSIZE_MAX -> %d",
      evbuffer_reserve_space(b, EV_SSIZE_MAX, vec, 1));
  rec("copyout SIZE_MAX of 0 %d", evbuffer_get_length(b) == 3);
  rec_buffer("b", b);
  rec("still works -> %d", evbuffer_add(b, "def", 3));
  rec_buffer("b", b);
  evbuffer_free(b);
}

SCENARIO_DIFFERS(buffer_overflow_reference,
                 "libevent lets the length overflow in add_reference");

SCENARIO(buffer_overflow_reference,
         "behaviour 40: a reference whose length would overflow is refused") {
  struct evbuffer *b = evbuffer_new();
  evbuffer_add(b, "abc", 3);
  rec("SIZE_MAX -> %d", evbuffer_add_reference(b, "x", SIZE_MAX, NULL, NULL));
  rec("length %zu", evbuffer_get_length(b));
  // libevent's buffer is broken now.
  if (evbuffer_get_length(b) <= 3) evbuffer_free(b);
}

SCENARIO(buffer_lock_unlocked,
         "behaviour 40: lock and unlock of a buffer without a lock do nothing; "
         "a lock cannot be made without threads") {
  struct evbuffer *b = evbuffer_new();
  evbuffer_lock(b);
  rec("add -> %d", evbuffer_add(b, "abc", 3));
  evbuffer_unlock(b);
  rec("enable_locking -> %d", evbuffer_enable_locking(b, NULL));
  rec("add -> %d", evbuffer_add(b, "def", 3));
  rec_buffer("b", b);
  evbuffer_free(b);
}
