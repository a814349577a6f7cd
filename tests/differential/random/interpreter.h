// SPDX-License-Identifier: BSD-3-Clause
//
// Runs a program and writes down what it observes.
//
// The same C source is compiled against evoke and against libevent. A program
// is text (see ops.h for the instructions):
//
//   script 0
//   event_new slot=3 how=0 target=-1 what=16 priority=1 script=2
//   event_add slot=3 cells=4
//   loop flags=0 cells=100
//   script 2
//   loopbreak
//
// Script 0 is the program, the others are what callbacks do. The record is
// text too, one line for each observation, in the order in which they were
// made.
//
// Everything that neither library promises is kept out of the programs here,
// where the state of the run is known: equal deadlines (see deadline_after),
// readiness of two fds at one priority (see fd_priority), loops without end
// (see note_callback).
#ifndef EVOKE_TESTS_DIFFERENTIAL_RANDOM_INTERPRETER_H_
#define EVOKE_TESTS_DIFFERENTIAL_RANDOM_INTERPRETER_H_

#include <event2/event.h>
#include <event2/util.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#define OP_ARGS_MAX 6
#define SCRIPTS_MAX 32
#define EVENTS_MAX 12
#define FDS_MAX 6
#define BUFS_MAX 4
#define BEVS_MAX 4
#define SIGNALS_MAX 4
#define DATA_BYTES_MAX 8192

// Runs `text` and fills `record` (NUL-terminated, cut at `record_bytes`).
// `counts`: room for the effects of each function of api_list.h, in its order.
void run_program(const char *text, char *record, size_t record_bytes,
                 uint32_t *counts);

// --- For the instructions ---------------------------------------------------

enum api {
#define API(name) API_##name,
#include "tests/differential/random/api_list.h"
#undef API
  API_COUNT
};

#define OP(name, args) void op_##name(const long *a);
#include "tests/differential/random/ops.h"
#undef OP

struct machine {
  struct event_base *base;
  int priorities;      // number of queues of `base`
  int depth;           // callbacks that are on the stack
  bool in_loop;        // event_base_loop is on the stack
  bool quiet;          // how the loop ends is not recorded
  bool moving;         // between two buffers: callbacks only look
  bool ending;         // callbacks run no scripts any more
  bool limited;        // few callbacks run between two looks at the kernel
  bool epoll;          // `base` runs on epoll
  int callbacks_left;  // until note_callback ends the loop
};
extern struct machine m;

// Writes to the record, printf style.
void rec(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Writes `count` bytes to the record: all when short, else start and hash.
void rec_bytes(const char *what, const void *bytes, size_t count);

// Counts a call of `name` that had an effect.
void effect_of(enum api name);
#define EFFECT(name) effect_of(API_##name)
// Counts the call if `condition` holds.
#define EFFECT_IF(name, condition)        \
  do {                                    \
    if (condition) effect_of(API_##name); \
  } while (0)

// Runs a script inside a callback: each at most a few times in a program, and
// at most three callbacks deep.
void run_script(int script);

// A user's callback began: ends the loop once too many ran in it.
void note_callback(void);

// `bytes` bytes that depend on nothing but `seed`; good until the next call.
const char *data_for(long bytes, long seed);
// 64 bits of `count` bytes, carried on from `hash`.
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count);

// Who owns a deadline: each owner's deadlines differ from all others'.
enum deadline_owner {
  OWNER_EVENT,             // + slot, events without EV_PERSIST
  OWNER_PERSISTENT_EVENT,  // + slot
  OWNER_COMMON,            // + index of the common timeout
  OWNER_BUFFEREVENT,       // + 2 * slot, + 1 for writing
  OWNER_ONCE,              // each call gives another
};
// A timeout of `cells` cells of the clock's grid and a few microseconds that
// no other owner has. Cells of 0 on event 0 are no time at all.
struct timeval timeout_for(enum deadline_owner owner, int index, long cells);

// The memory that programs and the library share.
void *counted_malloc(size_t bytes);
void counted_free(void *block);

// interpreter_events.c
void events_start(void);
void events_free_all(void);  // those that must not outlive the base
bool fd_is_edge_triggered(long fd);
bool events_free_on_fd(int fd);  // false: one of them cannot be freed now
// interpreter_fds.c
void fds_start(void);
void fds_close_all(void);
// The socket of fd slot `fd` (-1: none) and its peer.
int fd_of(long fd);
int peer_of(long fd);
int fd_slot_of(int fd);  // -1 if it is none of ours
// The priority of an event on fd slot `fd`: two fds never share one, since
// neither library promises an order between fds that are ready at once. Nor
// does one have priority 0, at which libevent looks after signals. -1: this
// base has no priority for the slot.
int fd_priority(long fd, long wanted);
// Reads at most `bytes` from `fd` and records them as `what`.
void read_and_record(const char *what, int fd, long bytes);
// interpreter_loop.c
// Turns the loop without waiting, and without recording that it did.
void loop_quietly(void);
void base_free_and_check(void);
int once_pending_on_fd(int fd);
const struct timeval *common_timeout(long index);  // NULL: not made
// interpreter_buffers.c, interpreter_buffer_io.c
void buffers_start(void);
void buffers_free_all(void);
struct evbuffer *buf_of(long buf);
bool buf_end_is_frozen(long buf);
// A buffer with parts of files or borrowed bytes cannot be lent; which of its
// bytes are copies by now is open, so that is not tried.
bool buf_is_plain(long buf);
void buf_make_special(long buf);
void buf_lend(long from, long to);  // `to` refers to the bytes of `from` now
// libevent grows a chain in place, over the bytes of others that share it.
bool buf_may_be_pulled_up(long buf);
void buffer_text_start(void);
void buffer_text_forget(long buf);  // its callbacks went with it
// Its callbacks are deferred: then adding nothing makes libevent's loop turn.
bool buf_is_deferred(long buf);
void buffer_io_start(void);
void buffer_io_free_all(void);
// interpreter_bufferevents.c
void bufferevents_start(void);
// Whether output is on its way that takes more than one turn of the loop.
bool something_slow_is_stirred(void);
void bufferevents_free_all(void);
void connections_start(void);
void connections_close_all(void);

#endif  // EVOKE_TESTS_DIFFERENTIAL_RANDOM_INTERPRETER_H_
