// SPDX-License-Identifier: BSD-3-Clause
//
// Buffers: reserving room and committing what was written into it.

#include "tests/differential/scenarios/io_support.h"

// Writes consecutive letters into up to `want` bytes of the `n` vectors and
// shortens the vectors to what was written. Returns how many were used.
static int fill(struct evbuffer_iovec *vec, int n, size_t want) {
  static unsigned letter;
  int used = 0;
  while (used < n && want > 0) {
    unsigned char *p = vec[used].iov_base;
    size_t i;
    if (vec[used].iov_len > want) vec[used].iov_len = want;
    for (i = 0; i < vec[used].iov_len; i++)
      p[i] = (unsigned char)('a' + letter++ % 26);
    want -= vec[used].iov_len;
    used++;
  }
  return used;
}

static size_t room(const struct evbuffer_iovec *vec, int n) {
  size_t sum = 0;
  int i;
  for (i = 0; i < n; i++) sum += vec[i].iov_len;
  return sum;
}

SCENARIO(buffer_reserve_commit,
         "behaviour 35: reserve with 1, 2 and more vectors, commit of the same "
         "or shorter ones") {
  static const ev_ssize_t kSize[] = {1, 10, 500, 4096, 5000, 70000};
  int n_vec;
  size_t i;
  for (n_vec = 1; n_vec <= 5; n_vec++) {
    struct evbuffer *b = evbuffer_new();
    for (i = 0; i < sizeof kSize / sizeof *kSize; i++) {
      struct evbuffer_iovec vec[5];
      int n = evbuffer_reserve_space(b, kSize[i], vec, n_vec);
      size_t before = evbuffer_get_length(b);
      rec("%d vectors for %zd: some %d, not too many %d, enough %d", n_vec,
          (ssize_t)kSize[i], n >= 1, n <= n_vec,
          n >= 1 && room(vec, n) >= (size_t)kSize[i]);
      rec("  length unchanged %d", evbuffer_get_length(b) == before);
      if (n < 1) continue;
      n = fill(vec, n, (size_t)kSize[i] - (i % 2));
      rec("  commit -> %d", evbuffer_commit_space(b, vec, n));
      rec_buffer("  b", b);
      evbuffer_add(b, "|", 1);
    }
    rec_buffer("b", b);
    evbuffer_free(b);
  }
}

SCENARIO(buffer_reserve_less,
         "behaviour 35: committing less than was reserved, and nothing") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_iovec vec[2];
  int n = evbuffer_reserve_space(b, 3000, vec, 2);
  rec("commit none of a reservation -> %d", evbuffer_commit_space(b, vec, 0));
  rec("commit none of nothing -> %d", evbuffer_commit_space(b, NULL, 0));
  rec_buffer("b", b);
  n = evbuffer_reserve_space(b, 3000, vec, 2);
  if (n < 1) {
    evbuffer_free(b);
    return;
  }
  vec[0].iov_len = 0;
  rec("commit 0 bytes -> %d", evbuffer_commit_space(b, vec, 1));
  rec_buffer("b", b);
  n = evbuffer_reserve_space(b, 3000, vec, 1);
  if (n < 1) {
    evbuffer_free(b);
    return;
  }
  memcpy(vec[0].iov_base, "abc", 3);
  vec[0].iov_len = 3;
  rec("commit 3 bytes -> %d", evbuffer_commit_space(b, vec, 1));
  rec_buffer("b", b);
  n = evbuffer_reserve_space(b, 3000, vec, 1);
  if (n < 1) {
    evbuffer_free(b);
    return;
  }
  memcpy(vec[0].iov_base, "def", 3);
  vec[0].iov_len = 3;
  rec("commit 3 more -> %d", evbuffer_commit_space(b, vec, 1));
  rec_buffer("b", b);
  evbuffer_free(b);
}

SCENARIO(buffer_reserve_two_vectors,
         "behaviour 35: bytes committed in two vectors come in order") {
  size_t first;
  for (first = 1; first <= 600; first += 37) {
    struct evbuffer *b = evbuffer_new();
    struct evbuffer_iovec vec[2];
    char block[600];
    int n;
    int used;
    memset(block, '-', sizeof block);
    evbuffer_add(b, block, first);
    n = evbuffer_reserve_space(b, 5000, vec, 2);
    if (n >= 1) {
      used = fill(vec, n, 5000);
      rec("commit -> %d", evbuffer_commit_space(b, vec, used));
      rec_buffer("b", b);
      evbuffer_add(b, "end", 3);
      evbuffer_drain(b, evbuffer_get_length(b) - 10);
      rec("tail");
      rec_buffer("b", b);
    }
    evbuffer_free(b);
  }
}

SCENARIO(buffer_commit_other_vectors,
         "behaviour 35: vectors that were not reserved are refused") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_iovec vec[2];
  struct evbuffer_iovec other[3];
  char mine[100] = "mine";
  int n;
  evbuffer_add(b, "abc", 3);
  n = evbuffer_reserve_space(b, 100, vec, 1);
  if (n < 1) {
    evbuffer_free(b);
    return;
  }
  other[0].iov_base = mine;
  other[0].iov_len = 4;
  rec("memory of mine -> %d", evbuffer_commit_space(b, other, 1));
  other[0].iov_base = (char *)vec[0].iov_base + 1;
  other[0].iov_len = 4;
  rec("one byte on -> %d", evbuffer_commit_space(b, other, 1));
  other[0] = vec[0];
  other[0].iov_len = vec[0].iov_len + 1;
  rec("one byte more -> %d", evbuffer_commit_space(b, other, 1));
  other[0] = vec[0];
  other[1].iov_base = mine;
  other[1].iov_len = 4;
  rec("a second one -> %d", evbuffer_commit_space(b, other, 2));
  rec_buffer("unchanged", b);
  memcpy(vec[0].iov_base, "defg", 4);
  vec[0].iov_len = 4;
  rec("the right one -> %d", evbuffer_commit_space(b, vec, 1));
  rec_buffer("b", b);
  rec("the same once more -> %d", evbuffer_commit_space(b, vec, 1));
  rec_buffer("b", b);
  evbuffer_free(b);
}

SCENARIO(buffer_commit_swapped,
         "behaviour 35: two vectors in the wrong order are refused") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_iovec vec[2];
  struct evbuffer_iovec swapped[2];
  int n;
  evbuffer_add(b, "abc", 3);
  n = evbuffer_reserve_space(b, 5000, vec, 2);
  // How room is divided is the library's; one vector cannot be swapped.
  swapped[0] = vec[n == 2 ? 1 : 0];
  swapped[1] = vec[0];
  rec("refused: %d", evbuffer_commit_space(b, swapped, 2));
  rec_buffer("b", b);
  rec("right: %d",
      n < 1 ? -1 : (n = fill(vec, n, 5000), evbuffer_commit_space(b, vec, n)));
  rec_buffer("b", b);
  evbuffer_free(b);
}

SCENARIO(buffer_reserve_arguments,
         "behaviour 35: sizes and numbers of vectors that make no sense") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_iovec vec[2];
  int n;
  rec("0 vectors -> %d", evbuffer_reserve_space(b, 10, vec, 0));
  rec("-1 vectors -> %d", evbuffer_reserve_space(b, 10, vec, -1));
  rec("size -1 -> %d", evbuffer_reserve_space(b, -1, vec, 2));
  rec("size -1 of 1 vector -> %d", evbuffer_reserve_space(b, -1, vec, 1));
  rec("no vector -> %d", evbuffer_reserve_space(b, 10, NULL, 0));
  n = evbuffer_reserve_space(b, 0, vec, 1);
  rec("size 0 of 1 vector -> %d", n);
  rec("largest size of 1 vector -> %d",
      evbuffer_reserve_space(b, EV_SSIZE_MAX, vec, 1));
  rec("largest size of 2 vectors -> %d",
      evbuffer_reserve_space(b, EV_SSIZE_MAX, vec, 2));
  evbuffer_add(b, "abc", 3);
  rec_buffer("b", b);
  rec("largest size of 1 vector -> %d",
      evbuffer_reserve_space(b, EV_SSIZE_MAX, vec, 1));
  rec_buffer("b", b);
  evbuffer_free(b);
}

SCENARIO(buffer_reserve_after_reference,
         "behaviour 35: room behind a reference is never in the caller's "
         "memory") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_iovec vec[2];
  static const char kText[] = "referenced text";
  int n;
  add_piece(b, kText, 10);
  n = evbuffer_reserve_space(b, 5, vec, 2);
  rec("some %d", n >= 1);
  if (n >= 1) {
    const char *p = vec[0].iov_base;
    rec("outside %d", p < kText || p >= kText + sizeof kText);
    memcpy(vec[0].iov_base, "12345", 5);
    vec[0].iov_len = 5;
    rec("commit -> %d", evbuffer_commit_space(b, vec, 1));
  }
  rec_buffer("b", b);
  rec("%s", kText);
  evbuffer_free(b);
}

SCENARIO(buffer_reserve_empty_chains,
         "behaviour 35: reserving after everything was drained, and after a "
         "reservation that was dropped") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_iovec vec[2];
  int round;
  for (round = 0; round < 6; round++) {
    int n;
    evbuffer_reserve_space(b, 100 * (round + 1), vec, 1 + round % 2);
    n = evbuffer_reserve_space(b, 900 * (round + 1), vec, 1 + round % 2);
    if (n < 1) continue;
    n = fill(vec, n, 900u * (unsigned)(round + 1));
    rec("commit -> %d", evbuffer_commit_space(b, vec, n));
    rec_buffer("b", b);
    if (round % 3 == 2) evbuffer_drain(b, SIZE_MAX);
    evbuffer_add(b, "tail", 4);
  }
  rec_buffer("b", b);
  evbuffer_free(b);
}
