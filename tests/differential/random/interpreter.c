// SPDX-License-Identifier: BSD-3-Clause
//
// The machine itself: parsing, scripts, the record, memory and deadlines. See
// interpreter.h.
#include "tests/differential/random/interpreter.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/differential/random/virtual_time.h"

#define SCRIPT_RUNS_MAX 20
#define SCRIPT_DEPTH_MAX 3
#define LINE_BYTES_SHOWN 48

struct machine m;

struct op {
  void (*run)(const long *a);
  const char *line;  // the instruction's name, for the record
  long a[OP_ARGS_MAX];
};

struct script {
  struct op *ops;
  int count;
  int runs;
};

static struct script scripts[SCRIPTS_MAX];
static struct op *op_room;
static char *record_at;
static size_t record_left;
static uint32_t *effects;

// --- The record
// ---------------------------------------------------------------

void rec(const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(record_at, record_left, format, args);
  va_end(args);
  if (n < 0) return;
  size_t used = (size_t)n < record_left ? (size_t)n : record_left - 1;
  record_at += used;
  record_left -= used;
}

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < count; i++) {
    hash = (hash ^ at[i]) * UINT64_C(1099511628211);
  }
  return hash;
}

void rec_bytes(const char *what, const void *bytes, size_t count) {
  const unsigned char *at = bytes;
  rec("%s %zu \"", what, count);
  for (size_t i = 0; i < count && i < LINE_BYTES_SHOWN; i++) {
    if (at[i] >= ' ' && at[i] < 127) {
      rec("%c", at[i]);
    } else {
      rec("\\x%02x", at[i]);
    }
  }
  rec("\" %llx\n",
      (unsigned long long)hash_bytes(14695981039346656037u, bytes, count));
}

void effect_of(enum api name) { effects[name]++; }

// --- Memory: counted, and dirty before and after its use
// -----------------------

#define BLOCK_HEAD_BYTES 16
static long blocks_live;

void *counted_malloc(size_t bytes) {
  char *block = malloc(bytes + BLOCK_HEAD_BYTES);
  if (block == NULL) return NULL;
  memcpy(block, &bytes, sizeof(bytes));
  memset(block + BLOCK_HEAD_BYTES, 0xa5, bytes);
  blocks_live++;
  return block + BLOCK_HEAD_BYTES;
}

void counted_free(void *memory) {
  if (memory == NULL) return;
  char *block = (char *)memory - BLOCK_HEAD_BYTES;
  size_t bytes;
  memcpy(&bytes, block, sizeof(bytes));
  memset(block, 0xdd, bytes + BLOCK_HEAD_BYTES);
  blocks_live--;
  free(block);
}

static void *counted_realloc(void *memory, size_t bytes) {
  void *moved = counted_malloc(bytes);
  if (moved == NULL || memory == NULL) return moved;
  size_t old_bytes;
  memcpy(&old_bytes, (char *)memory - BLOCK_HEAD_BYTES, sizeof(old_bytes));
  memcpy(moved, memory, old_bytes < bytes ? old_bytes : bytes);
  counted_free(memory);
  return moved;
}

static void on_log(int severity, const char *message) {
  (void)message;
  if (severity >= EVENT_LOG_WARN) rec("log %d\n", severity);
}

// --- Deadlines
// -------------------------------------------------------------------

// Of these numbers of microseconds all multiples up to 64 differ modulo
// VT_GRID_US, from each other and from every number below 97 or from 8947 to
// 9087: a persistent timer adds its own up with each round.
static const int kPersistentUs[] = {97,  98,  99,  101, 103, 107, 109, 113,
                                    115, 127, 131, 134, 136, 137, 139, 142};
static int once_count;

struct timeval timeout_for(enum deadline_owner owner, int index, long cells) {
  int64_t us = cells * VT_GRID_US;
  switch (owner) {
    case OWNER_EVENT:
      us += index;
      break;
    case OWNER_PERSISTENT_EVENT:
      us += kPersistentUs[index];
      break;
    case OWNER_COMMON:
      us += kPersistentUs[EVENTS_MAX + index];
      break;
    case OWNER_BUFFEREVENT:
      us += 20 + index;
      break;
    case OWNER_ONCE:
      us += 8947 + once_count++ % 128;
      break;
  }
  struct timeval tv = {us / 1000000, us % 1000000};
  return tv;
}

// --- Scripts
// -----------------------------------------------------------------------

void run_script(int number) {
  struct script *script = &scripts[number];
  if (m.ending || m.moving || script->runs >= SCRIPT_RUNS_MAX ||
      m.depth >= SCRIPT_DEPTH_MAX)
    return;
  script->runs++;
  m.depth++;
  for (int i = 0; i < script->count; i++) script->ops[i].run(script->ops[i].a);
  m.depth--;
}

void note_callback(void) {
  if (m.in_loop && --m.callbacks_left == 0) {
    rec("many callbacks\n");
    event_base_loopbreak(m.base);
  }
}

const char *data_for(long bytes, long seed) {
  static char room[DATA_BYTES_MAX];
  static const char kText[] = "abc \r\n\r\ndefa\nb\r\rab\n\n";
  uint32_t state = (uint32_t)seed * 2654435761u + 12345;
  for (long i = 0; i < bytes; i++) {
    state = state * 1664525 + 1013904223;
    uint32_t r = state >> 16;
    switch (seed % 4) {
      case 0:
        room[i] = "ab"[r % 2];
        break;
      case 1:
        room[i] = kText[r % (sizeof(kText) - 1)];
        break;
      case 2:
        room[i] = (char)r;
        break;
      default:
        room[i] = "xyz\r\n\0"[r % 6];
        break;
    }
  }
  return room;
}

// --- Parsing
// -------------------------------------------------------------------------

static const struct {
  const char *name;
  void (*run)(const long *a);
} kOps[] = {
#define OP(name, args) {#name, op_##name},
#include "tests/differential/random/ops.h"
#undef OP
};

// One line "name arg=1 arg=2"; false when it is none.
static bool parse_op(char *line, struct op *op) {
  char *rest = NULL;
  char *name = strtok_r(line, " ", &rest);
  if (name == NULL) return false;
  op->run = NULL;
  for (size_t i = 0; i < sizeof(kOps) / sizeof(kOps[0]); i++) {
    if (strcmp(kOps[i].name, name) == 0) op->run = kOps[i].run;
  }
  if (op->run == NULL) {
    rec("unknown instruction %s\n", name);
    return false;
  }
  int count = 0;
  char *word;
  while ((word = strtok_r(NULL, " ", &rest)) != NULL && count < OP_ARGS_MAX) {
    const char *value = strchr(word, '=');
    if (value != NULL) op->a[count++] = strtol(value + 1, NULL, 10);
  }
  return true;
}

static void parse(char *text) {
  size_t lines = 1;
  for (const char *at = text; *at != '\0'; at++) lines += *at == '\n';
  op_room = calloc(lines, sizeof(struct op));
  struct op *next = op_room;
  struct script *script = &scripts[0];
  script->ops = next;
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line != NULL;
       line = strtok_r(NULL, "\n", &rest)) {
    int number;
    if (line[0] == '#') continue;
    if (sscanf(line, "script %d", &number) == 1 && number >= 0 &&
        number < SCRIPTS_MAX) {
      script = &scripts[number];
      script->ops = next;
    } else if (parse_op(line, next)) {
      next++;
      script->count++;
    }
  }
}

void run_program(const char *text, char *record, size_t record_bytes,
                 uint32_t *counts) {
  record_at = record;
  record_left = record_bytes;
  effects = counts;
  vt_start();
  signal(SIGPIPE, SIG_IGN);
  event_set_mem_functions(counted_malloc, counted_realloc, counted_free);
  EFFECT(event_set_mem_functions);
  event_set_log_callback(on_log);
  EFFECT(event_set_log_callback);
  char *copy = strdup(text);
  parse(copy);
  fds_start();
  events_start();
  buffers_start();
  buffer_text_start();
  buffer_io_start();
  connections_start();
  bufferevents_start();
  scripts[0].runs = 0;
  for (int i = 0; i < scripts[0].count; i++) {
    scripts[0].ops[i].run(scripts[0].ops[i].a);
  }
  rec("end\n");
  m.ending = true;
  bufferevents_free_all();
  connections_close_all();
  buffers_free_all();
  events_free_all();
  base_free_and_check();
  buffer_io_free_all();
  fds_close_all();
  libevent_global_shutdown();
  rec("blocks left %ld\n", blocks_live);
  free(copy);
  free(op_room);
}
