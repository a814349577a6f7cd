// SPDX-License-Identifier: BSD-3-Clause
//
// Socket pairs: one end carries events, the other is the peer, which the
// program drives.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/differential/random/interpreter.h"

// Small enough to be filled by a few writes.
#define SOCKET_BUFFER_BYTES 4608

static struct {
  int own;
  int peer;
} fds[FDS_MAX];

void fds_start(void) {
  for (int i = 0; i < FDS_MAX; i++) fds[i].own = fds[i].peer = -1;
}

void fds_close_all(void) {
  for (int i = 0; i < FDS_MAX; i++) {
    if (fds[i].own >= 0) close(fds[i].own);
    if (fds[i].peer >= 0) close(fds[i].peer);
  }
  fds_start();
}

int fd_of(long fd) { return fd >= 0 && fd < FDS_MAX ? fds[fd].own : -1; }

int peer_of(long fd) { return fd >= 0 && fd < FDS_MAX ? fds[fd].peer : -1; }

int fd_slot_of(int fd) {
  for (int i = 0; i < FDS_MAX; i++) {
    if (fd >= 0 && fds[i].own == fd) return i;
  }
  return -1;
}

int fd_priority(long fd, long wanted) {
  if (m.priorities == 1) return fd == 0 ? 0 : -1;
  long priority = 1 + fd * 2 + wanted % 2;
  // The last one is that of common timeouts, where there are any.
  int last = m.priorities > 3 ? m.priorities - 2 : m.priorities - 1;
  return priority <= last ? (int)priority : -1;
}

// A new pair for the slot; events on the old one go first.
void op_fd_open(const long *a) {
  int slot = (int)a[0];
  if (once_pending_on_fd(slot) != 0 || !events_free_on_fd(slot)) return;
  if (fds[slot].own >= 0) close(fds[slot].own);
  if (fds[slot].peer >= 0) close(fds[slot].peer);
  int pair[2];
  int bytes = SOCKET_BUFFER_BYTES;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) <
      0) {
    rec("no socketpair\n");
    fds[slot].own = fds[slot].peer = -1;
    return;
  }
  for (int i = 0; i < 2; i++) {
    setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  }
  fds[slot].own = pair[0];
  fds[slot].peer = pair[1];
}

void read_and_record(const char *what, int fd, long bytes) {
  char room[DATA_BYTES_MAX];
  if (fd < 0) return;
  ssize_t n =
      read(fd, room,
           bytes < DATA_BYTES_MAX ? (size_t)bytes : (size_t)DATA_BYTES_MAX);
  if (n > 0) {
    rec_bytes(what, room, (size_t)n);
  } else {
    rec("%s %zd %s\n", what, n, n < 0 ? strerror(errno) : "");
  }
}

static void write_and_record(const char *what, int fd, long bytes, long seed) {
  if (fd < 0) return;
  ssize_t n = send(fd, data_for(bytes, seed), (size_t)bytes, MSG_NOSIGNAL);
  rec("%s %zd %s\n", what, n, n < 0 ? strerror(errno) : "");
}

void op_fd_read(const long *a) { read_and_record("read", fd_of(a[0]), a[1]); }

void op_peer_read(const long *a) {
  read_and_record("peer read", peer_of(a[0]), a[1]);
}

void op_fd_write(const long *a) {
  write_and_record("write", fd_of(a[0]), a[1], a[2]);
}

void op_peer_write(const long *a) {
  write_and_record("peer write", peer_of(a[0]), a[1], a[2]);
}

// Writes until the socket takes no more.
void op_fd_fill(const long *a) {
  int fd = fd_of(a[0]);
  long total = 0;
  ssize_t n = 0;
  if (fd < 0) return;
  while ((n = send(fd, data_for(1024, 0), 1024, MSG_NOSIGNAL)) > 0) total += n;
  rec("filled with %ld\n", total);
}

void op_peer_close(const long *a) {
  if (peer_of(a[0]) < 0) return;
  close(fds[a[0]].peer);
  fds[a[0]].peer = -1;
}

void op_peer_shutdown(const long *a) {
  if (peer_of(a[0]) >= 0) shutdown(peer_of(a[0]), SHUT_WR);
}
