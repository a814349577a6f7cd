// SPDX-License-Identifier: BSD-3-Clause
//
// Limited bufferevents whose sockets have a peer in the scenario, in virtual
// time: what moved is recorded with the millisecond in which it did.
#ifndef TESTS_DIFFERENTIAL_SCENARIOS_RATE_LIMIT_SUPPORT_H_
#define TESTS_DIFFERENTIAL_SCENARIOS_RATE_LIMIT_SUPPORT_H_

#include "tests/differential/scenarios/bufferevent_support.h"

// After event2/bufferevent.h, whose types libevent's needs.
#include <event2/bufferevent_struct.h>

// One bufferevent and its peer. No name: its callbacks record nothing.
struct limited {
  const char *name;
  struct bufferevent *bev;
  int fds[2];  // [0] is the bufferevent's
  long read_bytes;
  long sent_bytes;  // as the peer has received them
};

static inline void on_limited_read(struct bufferevent *bev, void *arg) {
  struct limited *self = arg;
  struct evbuffer *input = bufferevent_get_input(bev);
  size_t length = evbuffer_get_length(input);
  evbuffer_drain(input, length);
  self->read_bytes += (long)length;
  if (self->name)
    rec("  %lld ms: %s read %zu", (long long)now_ms(), self->name, length);
}

static inline void on_limited_write(struct bufferevent *bev, void *arg) {
  struct limited *self = arg;
  (void)bev;
  if (self->name) rec("  %lld ms: %s write", (long long)now_ms(), self->name);
}

static inline void on_limited_event(struct bufferevent *bev, short what,
                                    void *arg) {
  struct limited *self = arg;
  (void)bev;
  rec("  %lld ms: %s event %s", (long long)now_ms(),
      self->name ? self->name : "", what_text(what));
}

static inline void limited_open(struct limited *self, const char *name,
                                struct event_base *base) {
  memset(self, 0, sizeof *self);
  self->name = name;
  socket_pair(self->fds);
  self->bev = bufferevent_socket_new(base, self->fds[0], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(self->bev, on_limited_read, on_limited_write,
                    on_limited_event, self);
}

static inline void limited_close(struct limited *self,
                                 struct event_base *base) {
  bufferevent_free(self->bev);
  glance(base, 2);
  if (self->bev == NULL) close(self->fds[0]);
  close(self->fds[1]);
}

// The peer writes `bytes` of them; takes everything that has come.
static inline void peer_writes(struct limited *self, size_t bytes) {
  static const char block[65536];
  if (write(self->fds[1], block, bytes) != (ssize_t)bytes)
    rec("the peer cannot write");
}

static inline void peer_reads(struct limited *self) {
  char block[65536];
  ssize_t bytes;
  while ((bytes = read(self->fds[1], block, sizeof block)) > 0)
    self->sent_bytes += (long)bytes;
}

// Which directions wait for the socket now.
static inline const char *waits_text(const struct limited *self) {
  if (self->bev == NULL) return "no bufferevent";
  return enabled_text((
      short)((event_pending(&self->bev->ev_read, EV_READ, NULL) ? EV_READ : 0) |
             (event_pending(&self->bev->ev_write, EV_WRITE, NULL) ? EV_WRITE
                                                                  : 0)));
}

// What is left in the buckets, what may be moved at once, what is waited for.
static inline void rec_limits(const char *when, const struct limited *self) {
  rec("%s: left %zd %zd, at once %zd %zd, waits %s", when,
      (ssize_t)bufferevent_get_read_limit(self->bev),
      (ssize_t)bufferevent_get_write_limit(self->bev),
      (ssize_t)bufferevent_get_max_to_read(self->bev),
      (ssize_t)bufferevent_get_max_to_write(self->bev), waits_text(self));
}

#endif  // TESTS_DIFFERENTIAL_SCENARIOS_RATE_LIMIT_SUPPORT_H_
