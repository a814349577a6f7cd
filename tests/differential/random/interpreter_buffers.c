// SPDX-License-Identifier: BSD-3-Clause
//
// Instructions about the bytes of evbuffers: adding, moving, removing,
// looking. How the bytes lie in chains is nobody's business: vectors are
// recorded as the bytes that they hold.
#include <event2/buffer.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/differential/random/interpreter.h"

static struct evbuffer *bufs[BUFS_MAX];
static bool end_is_frozen[BUFS_MAX];
static bool has_lent[BUFS_MAX];
static bool is_special[BUFS_MAX];
static bool is_shared[BUFS_MAX];

struct evbuffer *buf_of(long buf) {
  return bufs[buf];
}

bool buf_end_is_frozen(long buf) { return end_is_frozen[buf]; }

void buffers_start(void) {
  for (int i = 0; i < BUFS_MAX; i++) {
    bufs[i] = evbuffer_new();
    EFFECT(evbuffer_new);
  }
}

// A callback that changes one of two buffers while bytes move between them
// breaks libevent's buffers for good.
// What chains are comes along with them.
static void pass_on(long from, long to) {
  if (is_special[from]) is_special[to] = true;
  if (is_shared[from]) is_shared[to] = true;
}

static void begin_move(void) { m.moving = true; }

static void end_move(void) { m.moving = false; }

// A buffer that was lent by evbuffer_add_buffer_reference lives on in libevent
// until its borrowers end, with everything that is in it; one with a deferred
// callback until that was called. So it is emptied first: then each byte goes
// with its last user on either library.
static void empty_lender(long buf) {
  if (!has_lent[buf] && !buf_is_deferred(buf)) return;
  evbuffer_unfreeze(bufs[buf], 1);
  begin_move();
  evbuffer_drain(bufs[buf], evbuffer_get_length(bufs[buf]));
  end_move();
}

void buf_lend(long from, long to) {
  has_lent[from] = true;
  is_shared[from] = is_shared[to] = true;
}

bool buf_may_be_pulled_up(long buf) { return !is_shared[buf]; }

bool buf_is_plain(long buf) { return !is_special[buf]; }

void buf_make_special(long buf) { is_special[buf] = true; }

void buffers_free_all(void) {
  for (int i = 0; i < BUFS_MAX; i++) empty_lender(i);
  for (int i = 0; i < BUFS_MAX; i++) {
    buffer_text_forget(i);
    evbuffer_free(bufs[i]);
    EFFECT(evbuffer_free);
  }
}

// A buffer is not taken away from under its own callback.
void op_buf_renew(const long *a) {
  if (m.depth > 0) return;
  empty_lender(a[0]);
  buffer_text_forget(a[0]);
  evbuffer_free(bufs[a[0]]);
  EFFECT(evbuffer_free);
  bufs[a[0]] = evbuffer_new();
  end_is_frozen[a[0]] = has_lent[a[0]] = is_special[a[0]] = false;
  is_shared[a[0]] = false;
  EFFECT(evbuffer_new);
}

static void done(const char *what, const long *a, long result) {
  rec("%s %ld -> %ld, length %zu\n", what, a[0], result,
      evbuffer_get_length(bufs[a[0]]));
  EFFECT_IF(evbuffer_get_length, evbuffer_get_length(bufs[a[0]]) > 0);
}

void op_buf_add(const long *a) {
  if (a[1] == 0 && buf_is_deferred(a[0])) return;
  int result = evbuffer_add(bufs[a[0]], data_for(a[1], a[2]), (size_t)a[1]);
  EFFECT_IF(evbuffer_add, result == 0 && a[1] > 0);
  done("add", a, result);
}

void op_buf_prepend(const long *a) {
  if (a[1] == 0 && buf_is_deferred(a[0])) return;
  int result = evbuffer_prepend(bufs[a[0]], data_for(a[1], a[2]), (size_t)a[1]);
  EFFECT_IF(evbuffer_prepend, result == 0 && a[1] > 0);
  done("prepend", a, result);
}

// `bytes` letters as a C string.
static const char *letters_for(long bytes, long seed) {
  static char room[DATA_BYTES_MAX + 1];
  memcpy(room, data_for(bytes, seed * 4), (size_t)bytes);
  room[bytes] = '\0';
  return room;
}

void op_buf_printf(const long *a) {
  int result =
      evbuffer_add_printf(bufs[a[0]], "%ld:%s;", a[2], letters_for(a[1], a[2]));
  EFFECT_IF(evbuffer_add_printf, result > 0);
  done("printf", a, result);
}

static int add_vprintf(struct evbuffer *buf, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int result = evbuffer_add_vprintf(buf, format, args);
  va_end(args);
  return result;
}

void op_buf_vprintf(const long *a) {
  int result =
      add_vprintf(bufs[a[0]], "<%5ld|%s>\n", a[2], letters_for(a[1], a[2]));
  EFFECT_IF(evbuffer_add_vprintf, result > 0);
  done("vprintf", a, result);
}

void op_buf_add_buffer(const long *a) {
  size_t moved = evbuffer_get_length(bufs[a[1]]);
  pass_on(a[1], a[0]);
  begin_move();
  int result = evbuffer_add_buffer(bufs[a[0]], bufs[a[1]]);
  end_move();
  EFFECT_IF(evbuffer_add_buffer, result == 0 && moved > 0);
  done("add_buffer", a, result);
}

void op_buf_prepend_buffer(const long *a) {
  size_t moved = evbuffer_get_length(bufs[a[1]]);
  pass_on(a[1], a[0]);
  begin_move();
  int result = evbuffer_prepend_buffer(bufs[a[0]], bufs[a[1]]);
  end_move();
  EFFECT_IF(evbuffer_prepend_buffer, result == 0 && moved > 0);
  done("prepend_buffer", a, result);
}

void op_buf_remove_buffer(const long *a) {
  pass_on(a[0], a[1]);
  begin_move();
  int result = evbuffer_remove_buffer(bufs[a[0]], bufs[a[1]], (size_t)a[2]);
  end_move();
  EFFECT_IF(evbuffer_remove_buffer, result > 0);
  done("remove_buffer", a, result);
}

void op_buf_add_iovec(const long *a) {
  if (a[1] + a[2] + a[3] == 0 && buf_is_deferred(a[0])) return;
  struct evbuffer_iovec vectors[3];
  char *bytes = malloc(DATA_BYTES_MAX);
  size_t at = 0;
  memcpy(bytes, data_for(a[1] + a[2] + a[3], a[4]),
         (size_t)(a[1] + a[2] + a[3]));
  for (int i = 0; i < 3; i++) {
    vectors[i].iov_base = bytes + at;
    vectors[i].iov_len = (size_t)a[1 + i];
    at += (size_t)a[1 + i];
  }
  size_t result = evbuffer_add_iovec(bufs[a[0]], vectors, 3);
  EFFECT_IF(evbuffer_add_iovec, result > 0);
  free(bytes);
  done("add_iovec", a, (long)result);
}

// Room for `bytes` in at most `vectors` pieces, of which `commit` are filled.
void op_buf_reserve_commit(const long *a) {
  if (a[3] == 0 && buf_is_deferred(a[0])) return;
  struct evbuffer_iovec vectors[8];
  struct evbuffer *buf = bufs[a[0]];
  // One piece or several, by the buffer: libevent refuses to commit one piece
  // in front of what is left over from several.
  int wanted = a[0] % 2 == 0 ? 1 : (int)a[2] + 1;
  int count = evbuffer_reserve_space(buf, a[1], vectors, wanted);
  EFFECT_IF(evbuffer_reserve_space, count > 0);
  rec("reserve %d\n", count > 0);
  if (count <= 0) return;
  char *bytes = malloc(DATA_BYTES_MAX);
  memcpy(bytes, data_for(a[3], a[4]), (size_t)a[3]);
  size_t left = (size_t)a[3];
  size_t room = 0;
  int used = 0;
  for (; used < count; used++) {
    room += vectors[used].iov_len;
    size_t take = left < vectors[used].iov_len ? left : vectors[used].iov_len;
    memcpy(vectors[used].iov_base, bytes + (size_t)a[3] - left, take);
    vectors[used].iov_len = take;
    left -= take;
    if (left == 0) {
      used++;
      break;
    }
  }
  rec("room enough %d\n", left == 0 || room >= (size_t)a[1]);
  free(bytes);
  int result = evbuffer_commit_space(buf, vectors, used);
  EFFECT_IF(evbuffer_commit_space, result == 0);
  done("commit", a, result);
}

void op_buf_expand(const long *a) {
  int result = evbuffer_expand(bufs[a[0]], (size_t)a[1]);
  EFFECT_IF(evbuffer_expand, result == 0);
  done("expand", a, result);
  if (result != 0) return;
  size_t space = evbuffer_get_contiguous_space(bufs[a[0]]);
  EFFECT_IF(evbuffer_get_contiguous_space, space > 0);
}

void op_buf_drain(const long *a) {
  if (a[1] == 0 && buf_is_deferred(a[0])) return;
  size_t before = evbuffer_get_length(bufs[a[0]]);
  int result = evbuffer_drain(bufs[a[0]], (size_t)a[1]);
  EFFECT_IF(evbuffer_drain, before > 0 && a[1] > 0 && result == 0);
  done("drain", a, result);
}

void op_buf_remove(const long *a) {
  char room[DATA_BYTES_MAX];
  int result = evbuffer_remove(bufs[a[0]], room, (size_t)a[1]);
  EFFECT_IF(evbuffer_remove, result > 0);
  done("remove", a, result);
  if (result > 0) rec_bytes("bytes", room, (size_t)result);
}

void op_buf_copyout(const long *a) {
  char room[DATA_BYTES_MAX];
  long result = (long)evbuffer_copyout(bufs[a[0]], room, (size_t)a[1]);
  EFFECT_IF(evbuffer_copyout, result > 0);
  done("copyout", a, result);
  if (result > 0) rec_bytes("bytes", room, (size_t)result);
}

void op_buf_copyout_from(const long *a) {
  struct evbuffer *buf = bufs[a[0]];
  struct evbuffer_ptr pos;
  char room[DATA_BYTES_MAX];
  if (evbuffer_ptr_set(buf, &pos, (size_t)a[1], EVBUFFER_PTR_SET) < 0) return;
  long result = (long)evbuffer_copyout_from(buf, &pos, room, (size_t)a[2]);
  EFFECT_IF(evbuffer_copyout_from, result > 0);
  done("copyout_from", a, result);
  if (result > 0) rec_bytes("bytes", room, (size_t)result);
}

void op_buf_pullup(const long *a) {
  struct evbuffer *buf = bufs[a[0]];
  if (is_shared[a[0]]) return;
  const unsigned char *bytes = evbuffer_pullup(buf, a[1]);
  EFFECT_IF(evbuffer_pullup, bytes != NULL);
  done("pullup", a, bytes != NULL);
  if (bytes == NULL) return;
  rec_bytes("bytes", bytes, a[1] < 0 ? evbuffer_get_length(buf) : (size_t)a[1]);
}

void op_buf_length(const long *a) { done("length", a, 0); }

void op_buf_peek(const long *a) {
  struct evbuffer *buf = bufs[a[0]];
  struct evbuffer_ptr pos;
  char room[DATA_BYTES_MAX];
  if (evbuffer_ptr_set(buf, &pos, (size_t)a[1], EVBUFFER_PTR_SET) < 0) return;
  size_t wanted = evbuffer_get_length(buf) - (size_t)a[1];
  if (a[2] >= 0 && (size_t)a[2] < wanted) wanted = (size_t)a[2];
  if (wanted > sizeof(room)) wanted = sizeof(room);
  int count = evbuffer_peek(buf, (ev_ssize_t)wanted, &pos, NULL, 0);
  if (count <= 0) return;
  struct evbuffer_iovec *vectors = calloc((size_t)count, sizeof(*vectors));
  rec("peek %d\n",
      count == evbuffer_peek(buf, (ev_ssize_t)wanted, &pos, vectors, count));
  EFFECT(evbuffer_peek);
  size_t seen = 0;
  for (int i = 0; i < count && seen < wanted; i++) {
    size_t take = vectors[i].iov_len;
    if (take > wanted - seen) take = wanted - seen;
    memcpy(room + seen, vectors[i].iov_base, take);
    seen += take;
  }
  free(vectors);
  rec_bytes("peek", room, seen);
}

void op_buf_freeze(const long *a) {
  int result = evbuffer_freeze(bufs[a[0]], (int)a[1]);
  EFFECT_IF(evbuffer_freeze, result == 0);
  if (!a[1]) end_is_frozen[a[0]] = true;
  done("freeze", a, result);
}

void op_buf_unfreeze(const long *a) {
  int result = evbuffer_unfreeze(bufs[a[0]], (int)a[1]);
  EFFECT_IF(evbuffer_unfreeze, result == 0);
  if (!a[1]) end_is_frozen[a[0]] = false;
  done("unfreeze", a, result);
}
