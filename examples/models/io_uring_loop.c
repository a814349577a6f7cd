// SPDX-License-Identifier: BSD-3-Clause
//
// io_uring: one loop over completions.
//
// Idea: a ring carries requests to the kernel and another one brings back what
// is done; io_uring_enter(2), one call, hands over a turn's requests and waits.
// Two requests here go on answering: a multishot accept completes for each
// connection, a multishot recv for each message, in a buffer that the kernel
// takes from a pool when bytes are there (so idle clients hold none).
// Right when: messages are many and small, and system calls are what they cost.
// Breaks when: the kernel is older than Linux 6.0 or io_uring is switched off,
// as in many containers (the program then says so and ends); and wherever one
// forgets that a request's memory is the kernel's until the request completes.
// Who: TigerBeetle; QEMU and PostgreSQL 18, for files.
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "model.h"

enum { POOL_BUFFERS = 256, POOL_ID = 1, OUTPUT_LIMIT_BYTES = 65536 };
// What a completion is of: the lowest bits of its user_data, beside the client.
enum kind { ACCEPT, RECEIVE, SEND, CANCEL, REST, END, KINDS = 8 };

struct bytes {
  char *at;
  size_t used;
};

struct client {
  int fd;
  int receiving, cancelling, sending;  // requests that are under way
  int over;                            // nothing more will come
  struct bytes next, sent;             // what waits, and what the kernel reads
  struct client *after, **link;
};

static struct model_options options;
static struct model_stats stats;
static struct io_uring ring;
static struct io_uring_buf pool[POOL_BUFFERS] __attribute__((aligned(4096)));
static char pool_bytes[POOL_BUFFERS][MODEL_BUFFER_BYTES];
static struct client *clients;

// A request that tells `kind` and `client` when it completes. A full queue is
// handed over first.
static struct io_uring_sqe *request(enum kind kind, struct client *client) {
  struct io_uring_sqe *sqe;
  while ((sqe = io_uring_get_sqe(&ring)) == NULL) io_uring_submit(&ring);
  io_uring_sqe_set_data64(sqe, (uintptr_t)client | kind);
  return sqe;
}

static void give_buffer(int id) {
  struct io_uring_buf_ring *shared = (struct io_uring_buf_ring *)pool;
  io_uring_buf_ring_add(shared, pool_bytes[id], MODEL_BUFFER_BYTES,
                        (unsigned short)id, POOL_BUFFERS - 1, 0);
  io_uring_buf_ring_advance(shared, 1);
}

static void free_client(struct client *client) {
  *client->link = client->after;
  if (client->after != NULL) client->after->link = client->link;
  close(client->fd);
  free(client->next.at);
  free(client->sent.at);
  free(client);
}

// Asks for what the client's state calls for; frees it when no request is left
// that could touch it. Who does not read is not received from: the multishot
// recv is taken back, and comes again when the bytes have gone.
static void go_on(struct client *client) {
  if (!client->sending && client->next.used > 0) {
    struct bytes gone = client->sent;
    client->sent = client->next;
    client->next = (struct bytes){gone.at, 0};
    // MSG_WAITALL: the kernel goes on until all is sent.
    io_uring_prep_send(request(SEND, client), client->fd, client->sent.at,
                       client->sent.used, MSG_NOSIGNAL | MSG_WAITALL);
    client->sending = 1;
  }
  int full = client->next.used > OUTPUT_LIMIT_BYTES;
  if (client->receiving && full && !client->cancelling) {
    io_uring_prep_cancel64(request(CANCEL, NULL), (uintptr_t)client | RECEIVE,
                           0);
    client->cancelling = 1;
  } else if (!client->receiving && !client->over && !full) {
    struct io_uring_sqe *sqe = request(RECEIVE, client);
    io_uring_prep_recv_multishot(sqe, client->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = POOL_ID;
    client->receiving = 1;
  } else if (!client->receiving && !client->sending && client->over) {
    free_client(client);
  }
}

static void serve(struct client *client, const char *bytes, size_t got) {
  struct bytes *next = &client->next;
  ++stats.messages;
  stats.bytes += got;
  if (options.print) {
    model_print(bytes, got);
    return;
  }
  char *grown = realloc(next->at, next->used + got);
  if (grown == NULL) model_die("realloc");
  next->at = grown;
  memcpy(next->at + next->used, bytes, got);
  next->used += got;
}

static void on_received(struct client *client, int got, unsigned flags) {
  if (!(flags & IORING_CQE_F_MORE)) client->receiving = client->cancelling = 0;
  // That no buffer was free, or the recv taken back, says nothing of the
  // client.
  if (got <= 0 && got != -ENOBUFS && got != -ECANCELED) client->over = 1;
  if (flags & IORING_CQE_F_BUFFER) {
    int id = (int)(flags >> IORING_CQE_BUFFER_SHIFT);
    if (got > 0) serve(client, pool_bytes[id], (size_t)got);
    give_buffer(id);  // at once: a slow client holds none of the pool
  }
  go_on(client);
}

static void on_sent(struct client *client, int sent) {
  client->sending = 0;
  if (sent < (int)client->sent.used) {  // broken: the recv completes, too
    shutdown(client->fd, SHUT_RDWR);
    client->over = 1;
    client->next.used = 0;
  }
  go_on(client);
}

static void start_accept(int listener) {
  io_uring_prep_multishot_accept(request(ACCEPT, NULL), listener, NULL, NULL,
                                 SOCK_CLOEXEC);
}

static void on_accepted(int listener, int fd, unsigned flags) {
  static struct __kernel_timespec rest = {0, 10000000};
  if (fd < 0) {  // no descriptor is free, and none would be at once
    io_uring_prep_timeout(request(REST, NULL), &rest, 0, 0);
    return;
  }
  if (!(flags & IORING_CQE_F_MORE)) start_accept(listener);
  struct client *client = calloc(1, sizeof(*client));
  if (client == NULL) model_die("calloc");
  ++stats.connections;
  *client = (struct client){.fd = fd, .after = clients, .link = &clients};
  if (clients != NULL) clients->link = &client->after;
  clients = client;
  go_on(client);
}

static void make_ring(void) {
  struct io_uring_buf_reg registered = {.ring_addr = (uintptr_t)pool,
                                        .ring_entries = POOL_BUFFERS,
                                        .bgid = POOL_ID};
  struct io_uring_probe *probe = NULL;
  int error = io_uring_queue_init(256, &ring, IORING_SETUP_SINGLE_ISSUER);
  if (error == 0) error = io_uring_register_buf_ring(&ring, &registered, 0);
  if (error == 0) probe = io_uring_get_probe_ring(&ring);
  errno = error != 0 ? -error : EOPNOTSUPP;
  // Multishot recv cannot be asked for; IORING_OP_SEND_ZC came with it.
  if (probe == NULL || !io_uring_opcode_supported(probe, IORING_OP_SEND_ZC)) {
    model_die("io_uring as of Linux 6.0");
  }
  io_uring_free_probe(probe);
  for (int id = 0; id < POOL_BUFFERS; ++id) give_buffer(id);
}

static void on_completion(const struct io_uring_cqe *cqe, int listener,
                          int *running) {
  enum kind kind = cqe->user_data & (KINDS - 1);
  struct client *client = (struct client *)(uintptr_t)(cqe->user_data - kind);
  if (kind == ACCEPT) on_accepted(listener, cqe->res, cqe->flags);
  if (kind == RECEIVE) on_received(client, cqe->res, cqe->flags);
  if (kind == SEND) on_sent(client, cqe->res);
  if (kind == REST) start_accept(listener);
  if (kind == END) *running = 0;
}

int main(int argc, char **argv) {
  sigset_t ends;
  int running = 1;
  options = model_parse(argc, argv);
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, NULL);
  make_ring();
  int signals = signalfd(-1, &ends, SFD_CLOEXEC);
  io_uring_prep_poll_add(request(END, NULL), signals, POLLIN);
  int listener = model_listen(options.port, 0);
  start_accept(listener);
  while (running) {
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    io_uring_submit_and_wait(&ring, 1);
    io_uring_for_each_cqe(&ring, head, cqe) {
      on_completion(cqe, listener, &running);
      ++seen;
    }
    io_uring_cq_advance(&ring, seen);
  }
  shutdown(listener, SHUT_RDWR);  // free at once, whoever still holds the file
  close(listener);
  close(signals);
  io_uring_queue_exit(&ring);
  while (clients != NULL) free_client(clients);
  model_end(&options, &stats);
  return 0;
}
