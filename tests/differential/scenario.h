// SPDX-License-Identifier: BSD-3-Clause
//
// What a differential scenario is written with.
//
// A scenario is a small C program that drives the public API and writes down
// what it observes. All scenarios are linked twice, once with evoke and once
// with Debian's libevent; differential_test.cc runs both on every backend and
// compares the two records byte for byte.
//
// A record holds only what must be equal on any run: return values, flags,
// bytes, the order of callbacks. Never a descriptor's number, a pointer, or a
// measured time. A scenario that needs time to pass calls virtual_time() first
// (see virtual_time.c): waits then move a clock instead of waiting.
#ifndef TESTS_DIFFERENTIAL_SCENARIO_H_
#define TESTS_DIFFERENTIAL_SCENARIO_H_

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/util.h>
#include <stddef.h>
#include <stdint.h>

// ---------------------------------------------------------------------------
// Declaring a scenario.

// SCENARIO(name, "behaviour 2: what is promised, in one sentence") { body }
// Registers the body that follows. `name` is unique among all files.
#define SCENARIO(name, promise)                                             \
  static void scenario_##name(void);                                        \
  static struct scenario scenario_entry_##name = {#name, promise,           \
                                                  scenario_##name, 0};      \
  __attribute__((constructor)) static void scenario_register_##name(void) { \
    scenario_register(&scenario_entry_##name);                              \
  }                                                                         \
  static void scenario_##name(void)

// The record of ours differs on purpose. It is compared with
// expected/NAME.txt (or expected/NAME.METHOD.txt where that exists), and
// docs/differences.md says why. On each backend the oracle must either give
// our record too or show what is declared here, and show it on at least one.
// Beside the scenario, at file scope, at most one of:
#define SCENARIO_DIFFERS(name, why) SCENARIO_NOTE_(name, "differs", why)
// ... the oracle is killed by a signal, or calls its fatal callback;
#define SCENARIO_ORACLE_CRASHES(name, why) SCENARIO_NOTE_(name, "crash", why)
// ... the oracle waits for ever, or turns for ever, without a record;
#define SCENARIO_ORACLE_HANGS(name, why) SCENARIO_NOTE_(name, "hang", why)
// ... the oracle calls back for ever (its record passes kRecordLinesMax).
#define SCENARIO_ORACLE_SPINS(name, why) SCENARIO_NOTE_(name, "spin", why)

// The records of epoll, poll and select need not be equal to each other; each
// is still compared with the oracle's on the same backend.
#define SCENARIO_PER_BACKEND(name, why) SCENARIO_NOTE_(name, "per-backend", why)

// ---------------------------------------------------------------------------
// The record.

// Writes one line of the record; the newline is added. Also from a child
// process: what it writes comes before what the parent writes after waitpid.
void rec(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// Records `len` bytes with what cannot be printed as \xNN, after `label`.
void rec_bytes(const char *label, const void *bytes, size_t len);

// How the library's log messages appear: 0 not at all, 1 `log: <severity>`
// (the default), 2 with the text.
void rec_log(int how);

// "TIMEOUT|READ|..." for EV_* flags, "0" for none. One of four static buffers.
const char *ev_flags(int what);

// A symbolic errno ("EINVAL"), "0" for none, "E?" for one not in the table.
const char *errno_name(int err);

// ATTEMPT("event_add(NULL)") rec("  %d", event_add(NULL, NULL));
// Runs the statement in a child process and waits for it. When the child is
// killed the record says `crashes`, after two seconds `hangs`, when it called
// the fatal callback `is fatal`. What the child changes the parent never sees.
#define ATTEMPT(call) for (; attempt(call); attempt_done())
int attempt(const char *call);
void attempt_done(void);

// ---------------------------------------------------------------------------
// The backend under test.

// "epoll", "poll" or "select".
const char *method(void);

// A base on the backend under test; aborts when it is another. The caller
// frees it. NULL only under --fail-allocation.
struct event_base *new_base(void);

// A configuration that leaves only the backend under test, for the scenario
// to complete. The caller frees it.
struct event_config *new_config(void);

// A base from `config`, which is freed; checked as by new_base().
struct event_base *new_base_with(struct event_config *config);

// Switches the other backends off through the environment, for functions that
// make a base by themselves (event_init, event_base_new).
void select_method_by_environment(void);

// ---------------------------------------------------------------------------
// Descriptors. All abort the scenario when the system refuses.

// A connected pair of non-blocking Unix stream sockets.
void socket_pair(evutil_socket_t fds[2]);

// A connected pair of non-blocking TCP sockets on the loopback interface;
// fds[0] is the connecting end. Both have TCP_NODELAY.
void tcp_pair(evutil_socket_t fds[2]);

// A listening TCP socket on an ephemeral loopback port (non-blocking); the
// port, in host order, goes to `*port` unless that is NULL.
evutil_socket_t tcp_listener(int *port);

// Writes all of `text`; reads what is there (at most `size` - 1 bytes, ended
// by NUL) and returns its length, 0 at the end of file, -1 when nothing is.
void put(evutil_socket_t fd, const char *text);
int get(evutil_socket_t fd, char *buf, size_t size);

void close_pair(evutil_socket_t fds[2]);

// The next `count` calls that accept a connection fail with `err`, without
// taking one. failed_accepts() tells how many of them have.
void fail_next_accepts(int count, int err);
int failed_accepts(void);

// Waits (really, at most 2 s) until `fd` is readable: for bytes that cross the
// loopback interface.
void await_readable(evutil_socket_t fd);

// ---------------------------------------------------------------------------
// Time.

// From here on the clocks of this process stand still but for waits: a wait
// of the loop asks the kernel without waiting and, when nothing is ready,
// moves the clock by its timeout. Before any base is made. Not with threads,
// nor with EVENT_BASE_FLAG_PRECISE_TIMER.
void virtual_time(void);

// Moves the virtual clock, as a callback that takes that long would.
void pass_time_ms(int64_t ms);

// Milliseconds since virtual_time(), rounded to the nearest.
int64_t now_ms(void);

// Moves what the process sees as wall-clock time; CLOCK_MONOTONIC stays. With
// and without virtual time.
void jump_wall_clock_s(int64_t seconds);

// The next call that waits for events fails with `err`, with or without
// virtual time.
void fail_next_wait(int err);

// With virtual time, a wait without limit that finds nothing calls `callback`
// and returns without events, instead of waiting for a signal.
void on_endless_wait(void (*callback)(void));

// How often the process asked the kernel for events since it began.
long waits_made(void);

// A timeval of `ms` milliseconds; one of eight static ones, used in turn.
const struct timeval *ms(int64_t ms);

// ---------------------------------------------------------------------------
// Memory.

// From here on each allocation of the library has pages of its own, which
// become inaccessible when it is freed: a use of freed memory is a crash.
// Before any other call into the library.
void guard_memory(void);

// Frees what the library made for its caller, such as a line of
// evbuffer_readln(), and counts it as freed.
void free_result(void *result);

// How many blocks of the library are allocated now; counted since the
// scenario began.
long blocks_in_use(void);

// ---------------------------------------------------------------------------
// Behind the macros.

enum { kRecordLinesMax = 5000 };

struct scenario {
  const char *name;
  const char *promise;
  void (*body)(void);
  struct scenario *next;
};

struct scenario_note {
  const char *name;
  const char *kind;
  const char *why;
  struct scenario_note *next;
};

void scenario_register(struct scenario *entry);
void scenario_annotate(struct scenario_note *note);

#define SCENARIO_NOTE_(name, kind, why) \
  SCENARIO_NOTE_LINE_(name, kind, why, __LINE__)
#define SCENARIO_NOTE_LINE_(name, kind, why, line) \
  SCENARIO_NOTE_PASTE_(name, kind, why, line)
#define SCENARIO_NOTE_PASTE_(name, kind, why, line)                         \
  static struct scenario_note scenario_note_##line = {#name, kind, why, 0}; \
  __attribute__((constructor)) static void scenario_annotate_##line(void) { \
    scenario_annotate(&scenario_note_##line);                               \
  }                                                                         \
  struct scenario_note

#endif  // TESTS_DIFFERENTIAL_SCENARIO_H_
