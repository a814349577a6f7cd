/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What io_uring_loop.c needs before its idea begins: a ring, a pool of buffers
 * that the kernel takes from, SIGTERM as a descriptor, and bytes that grow. C11
 * and C++, beside model.h; one file of a program includes it.
 */
#ifndef EVOKE_EXAMPLES_MODELS_RING_H_
#define EVOKE_EXAMPLES_MODELS_RING_H_

#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/signalfd.h>

#include "model.h"

enum { RING_BUFFERS = 256, RING_POOL = 1, RING_ENTRIES = 256 };

static struct io_uring ring;
static struct io_uring_buf ring_pool[RING_BUFFERS]
    __attribute__((aligned(4096)));
static char ring_buffers[RING_BUFFERS][MODEL_BUFFER_BYTES];

/* A request, which tells `data` when it completes. A full queue is handed over
 * first. */
static inline struct io_uring_sqe *ring_request(uint64_t data) {
  struct io_uring_sqe *sqe;
  while ((sqe = io_uring_get_sqe(&ring)) == NULL) io_uring_submit(&ring);
  io_uring_sqe_set_data64(sqe, data);
  return sqe;
}

/* Puts a buffer into the pool. */
static inline void ring_give_buffer(int id) {
  struct io_uring_buf_ring *shared = (struct io_uring_buf_ring *)ring_pool;
  io_uring_buf_ring_add(shared, ring_buffers[id], MODEL_BUFFER_BYTES,
                        (unsigned short)id, RING_BUFFERS - 1, 0);
  io_uring_buf_ring_advance(shared, 1);
}

/* Makes the ring and fills its pool. Returns a descriptor that is readable once
 * SIGTERM has come, which is blocked. */
static inline int ring_open(void) {
  struct io_uring_buf_reg registered = {.ring_addr = (uintptr_t)ring_pool,
                                        .ring_entries = RING_BUFFERS,
                                        .bgid = RING_POOL};
  struct io_uring_probe *probe = NULL;
  sigset_t ends;
  int error =
      io_uring_queue_init(RING_ENTRIES, &ring, IORING_SETUP_SINGLE_ISSUER);
  if (error == 0) error = io_uring_register_buf_ring(&ring, &registered, 0);
  if (error == 0) probe = io_uring_get_probe_ring(&ring);
  errno = error != 0 ? -error : EOPNOTSUPP;
  /* Multishot recv cannot be asked for; IORING_OP_SEND_ZC came with it. */
  if (probe == NULL || !io_uring_opcode_supported(probe, IORING_OP_SEND_ZC)) {
    model_die("io_uring as of Linux 6.0");
  }
  io_uring_free_probe(probe);
  for (int id = 0; id < RING_BUFFERS; ++id) ring_give_buffer(id);
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, NULL);
  return signalfd(-1, &ends, SFD_CLOEXEC);
}

static inline void ring_close(int signals) {
  close(signals);
  io_uring_queue_exit(&ring);
}

/* Accepts connections, one completion each, until one comes without
 * IORING_CQE_F_MORE. */
static inline void ring_accept(int listener, uint64_t data) {
  io_uring_prep_multishot_accept(ring_request(data), listener, NULL, NULL,
                                 SOCK_CLOEXEC);
}

/* Completes after 10 ms. */
static inline void ring_rest(uint64_t data) {
  static struct __kernel_timespec rest = {0, 10000000};
  io_uring_prep_timeout(ring_request(data), &rest, 0, 0);
}

struct bytes {
  char *at;
  size_t used;
};

static inline void bytes_append(struct bytes *bytes, const char *more,
                                size_t count) {
  char *grown = (char *)realloc(bytes->at, bytes->used + count);
  if (grown == NULL) model_die("realloc");
  memcpy(grown + bytes->used, more, count);
  bytes->at = grown;
  bytes->used += count;
}

/* Puts all of `from` in the place of what was in `to`. */
static inline void bytes_take(struct bytes *to, struct bytes *from) {
  struct bytes gone = *to;
  *to = *from;
  from->at = gone.at;
  from->used = 0;
}

#endif /* EVOKE_EXAMPLES_MODELS_RING_H_ */
