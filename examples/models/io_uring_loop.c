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
#include "ring.h"

enum { OUTPUT_LIMIT_BYTES = 65536 };
// What a completion is of: the lowest bits of its user_data, beside the client.
enum kind { ACCEPT, RECEIVE, SEND, CANCEL, REST, END, KINDS = 8 };

struct client {
  int fd;
  int receiving, cancelling, sending;  // requests that are under way
  int over;                            // nothing more will come
  struct bytes next, sent;             // what waits, and what the kernel reads
  struct client *after, **link;
};

static struct model_options options;
static struct model_stats stats;
static struct client *clients;

// A request that tells `kind` and `client` when it completes.
static struct io_uring_sqe *request(enum kind kind, struct client *client) {
  return ring_request((uintptr_t)client | kind);
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
    bytes_take(&client->sent, &client->next);
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
    sqe->buf_group = RING_POOL;
    client->receiving = 1;
  } else if (!client->receiving && !client->sending && client->over) {
    free_client(client);
  }
}

static void on_received(struct client *client, int got, unsigned flags) {
  if (!(flags & IORING_CQE_F_MORE)) client->receiving = client->cancelling = 0;
  // That no buffer was free, or the recv taken back, says nothing of the
  // client.
  if (got <= 0 && got != -ENOBUFS && got != -ECANCELED) client->over = 1;
  if (flags & IORING_CQE_F_BUFFER) {
    int id = (int)(flags >> IORING_CQE_BUFFER_SHIFT);
    if (got > 0) model_count(&stats, got);
    if (got > 0 && options.print) model_print(ring_buffers[id], (size_t)got);
    if (got > 0 && !options.print) {
      bytes_append(&client->next, ring_buffers[id], (size_t)got);
    }
    ring_give_buffer(id);  // at once: a slow client holds none of the pool
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

static void on_accepted(int listener, int fd, unsigned flags) {
  if (fd < 0) {  // no descriptor is free, and none would be at once
    ring_rest(REST);
    return;
  }
  if (!(flags & IORING_CQE_F_MORE)) ring_accept(listener, ACCEPT);
  struct client *client = calloc(1, sizeof(*client));
  if (client == NULL) model_die("calloc");
  ++stats.connections;
  *client = (struct client){.fd = fd, .after = clients, .link = &clients};
  if (clients != NULL) clients->link = &client->after;
  clients = client;
  go_on(client);
}

static void on_completion(const struct io_uring_cqe *cqe, int listener,
                          int *running) {
  enum kind kind = cqe->user_data & (KINDS - 1);
  struct client *client = (struct client *)(uintptr_t)(cqe->user_data - kind);
  if (kind == ACCEPT) on_accepted(listener, cqe->res, cqe->flags);
  if (kind == RECEIVE) on_received(client, cqe->res, cqe->flags);
  if (kind == SEND) on_sent(client, cqe->res);
  if (kind == REST) ring_accept(listener, ACCEPT);
  if (kind == END) *running = 0;
}

int main(int argc, char **argv) {
  int running = 1;
  options = model_parse(argc, argv);
  int signals = ring_open();
  io_uring_prep_poll_add(request(END, NULL), signals, POLLIN);
  int listener = model_listen(options.port, 0);
  ring_accept(listener, ACCEPT);
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
  ring_close(signals);
  while (clients != NULL) free_client(clients);
  model_end(&options, &stats);
  return 0;
}
