// SPDX-License-Identifier: BSD-3-Clause
//
// Buffers: taking out, looking, making contiguous, moving, freezing.

#include "tests/differential/scenarios/io_support.h"

SCENARIO(buffer_drain_remove_copyout,
         "behaviour 30: drain beyond the length empties the buffer, remove "
         "returns what there was, copyout does not consume") {
  struct evbuffer *b = evbuffer_new();
  char out[64];
  memset(out, '.', sizeof out);

  rec("empty: length %zu", evbuffer_get_length(b));
  rec("empty: drain 0 -> %d", evbuffer_drain(b, 0));
  rec("empty: drain 5 -> %d", evbuffer_drain(b, 5));
  rec("empty: drain SIZE_MAX -> %d", evbuffer_drain(b, SIZE_MAX));
  rec("empty: remove 5 -> %d", evbuffer_remove(b, out, 5));
  rec("empty: remove 0 -> %d", evbuffer_remove(b, out, 0));
  rec("empty: copyout 5 -> %zd", (ssize_t)evbuffer_copyout(b, out, 5));

  rec("add 12 -> %d", evbuffer_add(b, "hello, world", 12));
  rec("add 0 -> %d", evbuffer_add(b, "x", 0));
  rec("add 0 of NULL -> %d", evbuffer_add(b, NULL, 0));
  rec("copyout 5 -> %zd", (ssize_t)evbuffer_copyout(b, out, 5));
  rec_data("out", out, 6);
  rec("copyout 0 -> %zd", (ssize_t)evbuffer_copyout(b, out, 0));
  rec("copyout 64 -> %zd", (ssize_t)evbuffer_copyout(b, out, sizeof out));
  rec_buffer("after copyout", b);
  rec("remove 0 -> %d", evbuffer_remove(b, out, 0));
  rec("remove 4 -> %d", evbuffer_remove(b, out, 4));
  rec_buffer("after remove 4", b);
  rec("drain 0 -> %d", evbuffer_drain(b, 0));
  rec("drain 3 -> %d", evbuffer_drain(b, 3));
  rec_buffer("after drain 3", b);
  rec("remove 64 -> %d", evbuffer_remove(b, out, sizeof out));
  rec_data("out", out, 5);
  rec_buffer("after remove 64", b);

  evbuffer_add(b, "abc", 3);
  rec("drain exactly -> %d", evbuffer_drain(b, 3));
  rec_buffer("drained", b);
  evbuffer_add(b, "abc", 3);
  rec("drain SIZE_MAX -> %d", evbuffer_drain(b, SIZE_MAX));
  rec_buffer("drained", b);
  evbuffer_add(b, "still works", 11);
  rec_buffer("added again", b);
  evbuffer_free(b);
}

SCENARIO(buffer_remove_across_chains,
         "behaviour 30: drain, remove and copyout at every position of a "
         "buffer of several chains") {
  static const char *const kPieces[] = {"ab", "c", "defg", "hij"};
  size_t n;
  for (n = 0; n <= 11; n++) {
    struct evbuffer *b = evbuffer_new();
    char out[16];
    size_t i;
    int got;
    for (i = 0; i < 4; i++) add_piece(b, kPieces[i], strlen(kPieces[i]));
    memset(out, '.', sizeof out);
    rec("copyout %zu -> %zd", n, (ssize_t)evbuffer_copyout(b, out, n));
    rec_data("  out", out, 12);
    memset(out, '.', sizeof out);
    got = evbuffer_remove(b, out, n / 2);
    rec("remove %zu -> %d", n / 2, got);
    rec_data("  out", out, 12);
    rec("drain %zu -> %d", n / 3, evbuffer_drain(b, n / 3));
    rec_buffer("  left", b);
    evbuffer_add(b, "XY", 2);
    rec_buffer("  added", b);
    evbuffer_free(b);
  }
}

SCENARIO(buffer_copyout_from,
         "behaviour 30: copyout_from every position, the end and beyond") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_ptr ptr;
  char out[16];
  size_t pos;
  add_piece(b, "abc", 3);
  add_piece(b, "defgh", 5);
  for (pos = 0; pos <= 9; pos++) {
    int set = evbuffer_ptr_set(b, &ptr, pos, EVBUFFER_PTR_SET);
    rec("set %zu -> %d", pos, set);
    if (set != 0) continue;
    memset(out, '.', sizeof out);
    rec("copyout_from 4 -> %zd",
        (ssize_t)evbuffer_copyout_from(b, &ptr, out, 4));
    rec_data("  out", out, 9);
    rec("copyout_from 0 -> %zd",
        (ssize_t)evbuffer_copyout_from(b, &ptr, out, 0));
  }
  rec("copyout_from NULL -> %zd",
      (ssize_t)evbuffer_copyout_from(b, NULL, out, 16));
  rec_buffer("unchanged", b);
  evbuffer_free(b);
}

SCENARIO(buffer_pullup,
         "behaviour 31: pullup of -1 linearises all, of more than the length "
         "and of 0 is NULL") {
  struct evbuffer *b = evbuffer_new();
  ev_ssize_t size;
  rec("empty: -1 %s", evbuffer_pullup(b, -1) ? "memory" : "NULL");
  rec("empty: 0 %s", evbuffer_pullup(b, 0) ? "memory" : "NULL");
  rec("empty: 1 %s", evbuffer_pullup(b, 1) ? "memory" : "NULL");
  for (size = -3; size <= 11; size++) {
    unsigned char *p;
    add_piece(b, "ab", 2);
    add_piece(b, "cde", 3);
    evbuffer_add(b, "fg", 2);
    add_piece(b, "hi", 2);
    p = evbuffer_pullup(b, size);
    if (p == NULL)
      rec("pullup %zd: NULL", (ssize_t)size);
    else
      rec_data("pullup", p, size < 0 ? evbuffer_get_length(b) : (size_t)size);
    rec_buffer("  whole", b);
    if (p != NULL) {
      p = evbuffer_pullup(b, 1);
      rec("  first byte %c", p ? *p : '?');
    }
    evbuffer_add(b, "tail", 4);
    evbuffer_prepend(b, "head", 4);
    rec_buffer("  and grown", b);
    evbuffer_drain(b, SIZE_MAX);
  }
  evbuffer_free(b);
}

SCENARIO(buffer_pullup_large,
         "behaviour 31: pullup over chains far larger than one allocation, "
         "again and again") {
  struct evbuffer *b = evbuffer_new();
  char *block = malloc(70000);
  size_t want[] = {1, 3000, 4096, 70000, 70001, 140000};
  size_t i;
  if (block == NULL) return;
  for (i = 0; i < 70000; i++) block[i] = (char)(i * 7 + i / 251);
  evbuffer_add(b, block, 3000);
  add_piece(b, block, 70000);
  evbuffer_add(b, block, 67000);
  for (i = 0; i < sizeof want / sizeof *want; i++) {
    unsigned char *p = evbuffer_pullup(b, (ev_ssize_t)want[i]);
    if (p != NULL)
      rec_data("pullup", p, want[i]);
    else
      rec("pullup %zu: NULL", want[i]);
  }
  rec_buffer("whole", b);
  // What is contiguous stays contiguous, also after an add behind it.
  evbuffer_add(b, "more", 4);
  {
    struct evbuffer_iovec first;
    int n = evbuffer_peek(b, 140000, NULL, &first, 1);
    rec("peek needs %d", n);
    rec("first vector holds it: %d", n >= 1 && first.iov_len >= 140000);
  }
  evbuffer_free(b);
  free(block);
}

SCENARIO(buffer_pullup_short_of_a_chain,
         "behaviour 31: a pullup that the first chain already satisfies "
         "moves nothing") {
  struct evbuffer *b = evbuffer_new();
  static const char kFirst[] = "0123456789";
  unsigned char *p;
  add_piece(b, kFirst, 10);
  add_piece(b, "abc", 3);
  p = evbuffer_pullup(b, 10);
  rec("the referenced memory itself: %d", (const char *)p == kFirst);
  p = evbuffer_pullup(b, 3);
  rec("the referenced memory itself: %d", (const char *)p == kFirst);
  evbuffer_drain(b, 4);
  p = evbuffer_pullup(b, 6);
  rec("its middle: %d", (const char *)p == kFirst + 4);
  p = evbuffer_pullup(b, 7);
  rec("a copy: %d", p != NULL && (const char *)p != kFirst + 4);
  if (p != NULL) rec_data("copy", p, 7);
  rec("source untouched: %s", kFirst);
  evbuffer_free(b);
}

SCENARIO(buffer_add_buffer_moves,
         "behaviour 32: add_buffer and prepend_buffer move without copying "
         "and empty the source") {
  struct evbuffer *a = evbuffer_new();
  struct evbuffer *b = evbuffer_new();
  static const char kText[] = "referenced";
  unsigned char *p;

  rec("empty to empty -> %d", evbuffer_add_buffer(a, b));
  rec("prepend empty to empty -> %d", evbuffer_prepend_buffer(a, b));
  add_piece(b, kText, 10);
  rec("add_buffer to empty -> %d", evbuffer_add_buffer(a, b));
  rec_buffer("a", a);
  rec_buffer("b", b);
  p = evbuffer_pullup(a, 10);
  rec("same memory: %d", (const char *)p == kText);
  rec("empty source -> %d", evbuffer_add_buffer(a, b));
  rec_buffer("a", a);
  evbuffer_add(b, "more", 4);
  rec("add_buffer -> %d", evbuffer_add_buffer(a, b));
  rec_buffer("a", a);
  evbuffer_add(b, "first ", 6);
  rec("prepend_buffer -> %d", evbuffer_prepend_buffer(a, b));
  rec_buffer("a", a);
  rec_buffer("b", b);
  evbuffer_add(b, "b works", 7);
  rec_buffer("b", b);
  rec("prepend_buffer to empty -> %d",
      (evbuffer_drain(a, 100), evbuffer_prepend_buffer(a, b)));
  rec_buffer("a", a);
  rec("prepend_buffer of empty -> %d", evbuffer_prepend_buffer(a, b));
  rec_buffer("a", a);
  evbuffer_free(a);
  evbuffer_free(b);
}

SCENARIO(buffer_itself,
         "behaviour 32: add_buffer, prepend_buffer and remove_buffer on "
         "itself return 0 and change nothing") {
  struct evbuffer *a = evbuffer_new();
  rec("empty: add %d", evbuffer_add_buffer(a, a));
  rec("empty: prepend %d", evbuffer_prepend_buffer(a, a));
  rec("empty: remove %d", evbuffer_remove_buffer(a, a, 5));
  add_piece(a, "abc", 3);
  evbuffer_add(a, "def", 3);
  rec("add %d", evbuffer_add_buffer(a, a));
  rec_buffer("a", a);
  rec("prepend %d", evbuffer_prepend_buffer(a, a));
  rec_buffer("a", a);
  rec("remove 0: %d", evbuffer_remove_buffer(a, a, 0));
  rec("remove 2: %d", evbuffer_remove_buffer(a, a, 2));
  rec("remove 3: %d", evbuffer_remove_buffer(a, a, 3));
  rec("remove 6: %d", evbuffer_remove_buffer(a, a, 6));
  rec("remove 100: %d", evbuffer_remove_buffer(a, a, 100));
  rec_buffer("a", a);
  evbuffer_free(a);
}

SCENARIO(buffer_remove_buffer,
         "behaviour 32: remove_buffer moves exactly so many bytes, at every "
         "boundary of the chains") {
  size_t n;
  for (n = 0; n <= 11; n++) {
    struct evbuffer *src = evbuffer_new();
    struct evbuffer *dst = evbuffer_new();
    evbuffer_add(dst, "<", 1);
    add_piece(src, "abc", 3);
    add_piece(src, "de", 2);
    evbuffer_add(src, "fghi", 4);
    rec("remove_buffer %zu -> %d", n, evbuffer_remove_buffer(src, dst, n));
    rec_buffer("  src", src);
    rec_buffer("  dst", dst);
    evbuffer_add(src, ")", 1);
    evbuffer_add(dst, ">", 1);
    rec("again 1 -> %d", evbuffer_remove_buffer(src, dst, 1));
    rec_buffer("  src", src);
    rec_buffer("  dst", dst);
    evbuffer_free(src);
    evbuffer_free(dst);
  }
}

SCENARIO(buffer_prepend,
         "behaviour 32: prepend at the front, into room that draining left, "
         "and before a reference") {
  struct evbuffer *b = evbuffer_new();
  char block[5000];
  int i;
  memset(block, 'p', sizeof block);
  rec("prepend to empty -> %d", evbuffer_prepend(b, "abc", 3));
  rec("prepend 0 -> %d", evbuffer_prepend(b, "abc", 0));
  rec_buffer("b", b);
  for (i = 0; i < 5; i++) rec("prepend -> %d", evbuffer_prepend(b, "12", 2));
  rec_buffer("b", b);
  evbuffer_drain(b, 5);
  rec("prepend -> %d", evbuffer_prepend(b, "XYZ", 3));
  rec_buffer("b", b);
  rec("prepend larger than the room -> %d",
      evbuffer_prepend(b, block, sizeof block));
  rec_buffer("b", b);
  evbuffer_drain(b, 4990);
  rec("prepend -> %d", evbuffer_prepend(b, "(", 1));
  rec_buffer("b", b);
  evbuffer_drain(b, SIZE_MAX);
  add_piece(b, "reference", 9);
  rec("prepend before a reference -> %d", evbuffer_prepend(b, "a ", 2));
  rec_buffer("b", b);
  evbuffer_drain(b, 4);
  rec("prepend before half a reference -> %d", evbuffer_prepend(b, "RE", 2));
  rec_buffer("b", b);
  evbuffer_free(b);
}

SCENARIO(buffer_frozen_end,
         "behaviour 32: what a frozen end refuses, and what it does not") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer *other = evbuffer_new();
  struct evbuffer *empty = evbuffer_new();
  struct evbuffer_iovec vec[2];
  int fds[2];
  char out[8];
  evbuffer_add(b, "data", 4);
  evbuffer_add(other, "other", 5);
  socket_pair(fds);
  rec("wrote %zd", write(fds[1], "net", 3));
  rec("freeze end -> %d", evbuffer_freeze(b, 0));
  rec("freeze twice -> %d", evbuffer_freeze(b, 0));
  rec("add -> %d", evbuffer_add(b, "x", 1));
  rec("add 0 -> %d", evbuffer_add(b, "x", 0));
  rec("add_buffer -> %d", evbuffer_add_buffer(b, other));
  rec("add empty buffer -> %d", evbuffer_add_buffer(b, empty));
  rec("add_buffer_reference -> %d", evbuffer_add_buffer_reference(b, other));
  rec("add_reference -> %d", add_piece(b, "ref", 3));
  rec("add_printf -> %d", evbuffer_add_printf(b, "%d", 5));
  rec("add_iovec -> %zu", (vec[0].iov_base = out, vec[0].iov_len = 2,
                           evbuffer_add_iovec(b, vec, 1)));
  rec("reserve -> %d", evbuffer_reserve_space(b, 10, vec, 2));
  rec("commit none -> %d", evbuffer_commit_space(b, vec, 0));
  rec("expand -> %d", evbuffer_expand(b, 100));
  rec("read -> %d", evbuffer_read(b, fds[0], 10));
  rec("remove_buffer into it -> %d", evbuffer_remove_buffer(other, b, 2));
  rec("prepend -> %d", evbuffer_prepend(b, "pre ", 4));
  rec("prepend_buffer -> %d", evbuffer_prepend_buffer(b, other));
  rec_buffer("b", b);
  rec_buffer("other", other);
  rec("drain 1 -> %d", evbuffer_drain(b, 1));
  rec("remove 1 -> %d", evbuffer_remove(b, out, 1));
  rec("add to another -> %d", evbuffer_add_buffer(empty, b));
  rec_buffer("empty", empty);
  rec("unfreeze -> %d", evbuffer_unfreeze(b, 0));
  rec("unfreeze twice -> %d", evbuffer_unfreeze(b, 0));
  rec("add -> %d", evbuffer_add(b, "x", 1));
  rec_buffer("b", b);
  evbuffer_free(b);
  evbuffer_free(other);
  evbuffer_free(empty);
  close_pair(fds);
}

SCENARIO(buffer_frozen_start,
         "behaviour 32: a frozen start refuses even drain of 0 and copyout, "
         "but not pullup") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer *other = evbuffer_new();
  struct evbuffer_ptr ptr;
  struct evbuffer_iovec vec[2];
  char out[8];
  unsigned char *p;
  char *line;
  size_t n = 99;
  int fds[2];
  socket_pair(fds);
  evbuffer_add(b, "line\nrest", 9);
  evbuffer_add(other, "other", 5);
  rec("freeze start -> %d", evbuffer_freeze(b, 1));
  rec("drain 0 -> %d", evbuffer_drain(b, 0));
  rec("drain 2 -> %d", evbuffer_drain(b, 2));
  rec("drain 99 -> %d", evbuffer_drain(b, 99));
  rec("remove 2 -> %d", evbuffer_remove(b, out, 2));
  rec("remove 0 -> %d", evbuffer_remove(b, out, 0));
  rec("copyout 2 -> %zd", (ssize_t)evbuffer_copyout(b, out, 2));
  rec("copyout 0 -> %zd", (ssize_t)evbuffer_copyout(b, out, 0));
  line = evbuffer_readln(b, &n, EVBUFFER_EOL_LF);
  rec("readln -> %s, %zu", line ? line : "NULL", n);
  free_result(line);
  rec("remove_buffer -> %d", evbuffer_remove_buffer(b, other, 3));
  rec("add it elsewhere -> %d", evbuffer_add_buffer(other, b));
  rec("prepend it elsewhere -> %d", evbuffer_prepend_buffer(other, b));
  rec("reference it elsewhere -> %d", evbuffer_add_buffer_reference(other, b));
  rec("prepend -> %d", evbuffer_prepend(b, "x", 1));
  rec("prepend 0 -> %d", evbuffer_prepend(b, "x", 0));
  rec("prepend_buffer -> %d", evbuffer_prepend_buffer(b, other));
  rec("write -> %d", evbuffer_write(b, fds[0]));
  rec("write_atmost -> %d", evbuffer_write_atmost(b, fds[0], 3));
  rec("peek -> %d", evbuffer_peek(b, -1, NULL, vec, 2));
  rec("ptr_set -> %d", evbuffer_ptr_set(b, &ptr, 3, EVBUFFER_PTR_SET));
  rec("search -> %zd", (ssize_t)evbuffer_search(b, "rest", 4, NULL).pos);
  rec("add -> %d", evbuffer_add(b, "!", 1));
  p = evbuffer_pullup(b, -1);
  if (p != NULL) rec_data("pullup", p, evbuffer_get_length(b));
  rec_buffer("other", other);
  rec("length %zu", evbuffer_get_length(b));
  rec("unfreeze -> %d", evbuffer_unfreeze(b, 1));
  rec_buffer("b", b);
  rec("freeze both -> %d %d", evbuffer_freeze(b, 1), evbuffer_freeze(b, 0));
  rec("add -> %d", evbuffer_add(b, "x", 1));
  rec("drain -> %d", evbuffer_drain(b, 1));
  rec("unfreeze with 7 for true -> %d", evbuffer_unfreeze(b, 7));
  rec("drain -> %d", evbuffer_drain(b, 1));
  rec("length %zu", evbuffer_get_length(b));
  evbuffer_free(b);
  evbuffer_free(other);
  close_pair(fds);
}

SCENARIO(buffer_frozen_empty, "behaviour 32: frozen ends of an empty buffer") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer *full = evbuffer_new();
  struct evbuffer *empty = evbuffer_new();
  char out[4];
  evbuffer_add(full, "full", 4);
  evbuffer_freeze(b, 1);
  rec("drain 0 -> %d", evbuffer_drain(b, 0));
  rec("drain 1 -> %d", evbuffer_drain(b, 1));
  rec("remove 1 -> %d", evbuffer_remove(b, out, 1));
  rec("copyout -> %zd", (ssize_t)evbuffer_copyout(b, out, 1));
  rec("add_buffer(full, b) -> %d", evbuffer_add_buffer(full, b));
  rec("remove_buffer -> %d", evbuffer_remove_buffer(b, full, 1));
  rec("prepend empty -> %d", evbuffer_prepend_buffer(b, empty));
  rec("prepend full -> %d", evbuffer_prepend_buffer(b, full));
  rec("remove_buffer(full, b, 2) -> %d", evbuffer_remove_buffer(full, b, 2));
  rec("remove_buffer(full, b, 0) -> %d", evbuffer_remove_buffer(full, b, 0));
  evbuffer_freeze(b, 0);
  rec("remove_buffer(full, b, 0) -> %d", evbuffer_remove_buffer(full, b, 0));
  rec("remove_buffer(full, b, 9) -> %d", evbuffer_remove_buffer(full, b, 9));
  rec("expand -> %d", evbuffer_expand(b, 10000));
  rec_buffer("full", full);
  rec("length %zu", evbuffer_get_length(b));
  evbuffer_free(b);
  evbuffer_free(full);
  evbuffer_free(empty);
}

SCENARIO(buffer_expand,
         "behaviour 32: expand makes contiguous room and changes no byte") {
  struct evbuffer *b = evbuffer_new();
  static const size_t kRoom[] = {0, 1, 100, 1000, 4096, 70000};
  size_t i;
  rec("empty: contiguous space %zu", evbuffer_get_contiguous_space(b));
  for (i = 0; i < sizeof kRoom / sizeof *kRoom; i++) {
    struct evbuffer_iovec vec;
    rec("expand %zu -> %d", kRoom[i], evbuffer_expand(b, kRoom[i]));
    rec("one vector has it: %d",
        evbuffer_reserve_space(b, (ev_ssize_t)kRoom[i], &vec, 1) == 1 &&
            vec.iov_len >= kRoom[i]);
    evbuffer_add(b, "abc", 3);
    rec_buffer("b", b);
  }
  evbuffer_drain(b, 10);
  rec("expand -> %d", evbuffer_expand(b, 200000));
  rec_buffer("b", b);
  evbuffer_free(b);
}

SCENARIO(buffer_printf,
         "behaviour 30: add_printf returns what it appended, for short and "
         "long texts") {
  struct evbuffer *b = evbuffer_new();
  char word[3000];
  memset(word, 'w', sizeof word - 1);
  word[sizeof word - 1] = '\0';
  rec("empty format -> %d", evbuffer_add_printf(b, "%s", ""));
  rec("short -> %d", evbuffer_add_printf(b, "%d-%s-%c.", -42, "text", 'z'));
  rec_buffer("b", b);
  rec("long -> %d", evbuffer_add_printf(b, "<%s>", word));
  rec_buffer("b", b);
  rec("longer -> %d", evbuffer_add_printf(b, "%s%s%s", word, word, word));
  rec_buffer("b", b);
  rec("with NUL -> %d", evbuffer_add_printf(b, "a%cb", 0));
  evbuffer_drain(b, evbuffer_get_length(b) - 5);
  rec_buffer("tail", b);
  evbuffer_free(b);
}

SCENARIO(buffer_iovec,
         "behaviour 30: add_iovec returns the number of bytes appended") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_iovec vec[4];
  char a[] = "aa";
  char c[] = "cccc";
  vec[0].iov_base = a;
  vec[0].iov_len = 2;
  vec[1].iov_base = NULL;
  vec[1].iov_len = 0;
  vec[2].iov_base = c;
  vec[2].iov_len = 4;
  rec("none -> %zu", evbuffer_add_iovec(b, vec, 0));
  rec("three -> %zu", evbuffer_add_iovec(b, vec, 3));
  rec_buffer("b", b);
  rec("one of 0 -> %zu", evbuffer_add_iovec(b, vec + 1, 1));
  rec_buffer("b", b);
  evbuffer_free(b);
}

SCENARIO(buffer_many_moves,
         "behaviour 32: a long fixed sequence of adds, prepends, moves and "
         "drains keeps every byte in order") {
  struct evbuffer *b[3];
  unsigned state = 12345;
  char block[3000];
  size_t i;
  int step;
  for (i = 0; i < sizeof block; i++) block[i] = (char)('a' + i % 26);
  for (i = 0; i < 3; i++) b[i] = evbuffer_new();
  for (step = 0; step < 200; step++) {
    struct evbuffer *x;
    struct evbuffer *y;
    size_t size;
    int result = 0;
    state = state * 1103515245u + 12345u;
    x = b[(state >> 16) % 3];
    y = b[(state >> 18) % 3];
    size = (state >> 8) % (step % 5 == 0 ? 3000 : 40);
    switch ((state >> 20) % 9) {
      case 0:
      case 1:
        result = evbuffer_add(x, block + size % 26, size * 9 / 10);
        break;
      case 2:
        result = evbuffer_prepend(x, block, size * 9 / 10);
        break;
      case 3:
        result = evbuffer_add_buffer(x, y);
        break;
      case 4:
        result = evbuffer_prepend_buffer(x, y);
        break;
      case 5:
        result = evbuffer_remove_buffer(x, y, size);
        break;
      case 6:
        result = evbuffer_drain(x, size / 2);
        break;
      case 7:
        result = evbuffer_pullup(x, (ev_ssize_t)size) != NULL;
        break;
      case 8:
        result = evbuffer_add_reference(x, block + 3, size, NULL, NULL);
        break;
    }
    rec("step %d: %d, lengths %zu %zu %zu", step, result,
        evbuffer_get_length(b[0]), evbuffer_get_length(b[1]),
        evbuffer_get_length(b[2]));
  }
  for (i = 0; i < 3; i++) {
    rec_buffer("b", b[i]);
    evbuffer_free(b[i]);
  }
}
