// SPDX-License-Identifier: BSD-3-Clause
//
// What interpreter_bufferevents.c (instructions) and
// interpreter_connections.c (what they are connected to) share.
//
// Neither library promises when within a turn of the loop output reaches the
// socket, and in which order one bufferevent's reading and writing are seen
// when both are due. So only one direction of a bufferevent is stirred
// between two settlings (see may_stir), and what is recorded of its bytes are
// the streams: the bytes in total and their hash, never how many one callback
// found.
#ifndef EVOKE_TESTS_DIFFERENTIAL_RANDOM_INTERPRETER_BUFFEREVENTS_H_
#define EVOKE_TESTS_DIFFERENTIAL_RANDOM_INTERPRETER_BUFFEREVENTS_H_

#include <event2/bufferevent.h>

#include "tests/differential/random/interpreter.h"

struct stream {
  uint64_t hash;
  long total;
};

enum direction { STIR_IN = 1, STIR_OUT = 2 };

struct bev_slot {
  struct bufferevent *bev;  // NULL: empty
  int options;
  int script;        // of the read callback; + 1 write, + 2 event
  int own;           // the socket, -1: none
  bool own_is_ours;  // nobody but us closes it
  int peer;          // the other end, -1: none, or a bufferevent's
  bool is_tcp;
  int partner;        // the slot at the other end, of a linked one
  bool is_linked;     // the other end is a bufferevent's
  bool is_slow;       // its output takes several turns of the loop
  bool had_timeout;   // for writing
  bool keeps;         // the read callback leaves the input alone
  bool has_high;      // a high watermark: the read callback takes everything
  int stirred;        // directions stirred since the last settling
  int running;        // its callbacks on the stack
  long load;          // written since the last settling, see may_write
  long written;       // bytes for this connection so far
  struct stream in;   // what came out of the bufferevent
  struct stream out;  // what arrived at the peer
};

extern struct bev_slot bevs[BEVS_MAX];

// How much one may write between two settlings. A Unix socket tells that it is
// not writable at a quarter of what it takes: more would be stuck for one who
// asks first, and not for one who just writes. Nor does one writing take more
// than 16 KiB. Each byte counts twice, and each writing 1024.
#define LOAD_MAX 32000

// The slot of argument 0, NULL when it is empty.
struct bev_slot *bev_of(const long *a);
int bev_index(const struct bev_slot *slot);

// Whether `directions` may be stirred now; notes it if so. While a slow or
// linked one is at work nobody else is: libevent does not look at lower
// priorities meanwhile, evoke does.
bool may_stir(struct bev_slot *slot, int directions);

void stream_add(struct stream *stream, const void *bytes, size_t count);

// The callbacks of all bufferevents; the argument is the slot.
void on_bev_read(struct bufferevent *bev, void *arg);
void on_bev_write(struct bufferevent *bev, void *arg);
void on_bev_event(struct bufferevent *bev, short what, void *arg);

// Records the state of each bufferevent and its peer's stream.
void record_connections(void);
// The bufferevent is gone: its socket stays until the slot is used again.
void connection_orphan(struct bev_slot *slot);

#endif  // EVOKE_TESTS_DIFFERENTIAL_RANDOM_INTERPRETER_BUFFEREVENTS_H_
