// SPDX-License-Identifier: BSD-3-Clause
//
// Buffers: searching, positions, peeking.

#include "tests/differential/scenarios/io_support.h"

static long search(struct evbuffer *b, const char *what) {
  return (long)evbuffer_search(b, what, strlen(what), NULL).pos;
}

SCENARIO(buffer_search_across_chains,
         "behaviour 34: search finds across chains; -1 when not found") {
  struct evbuffer *b = evbuffer_new();
  static const char *const kWhat[] = {"a",   "ab",   "aab", "aabaab", "baa",
                                      "xyz", "aaba", "b",   "c",      "abc"};
  size_t i;
  rec("empty: %ld", search(b, "a"));
  add_piece(b, "aa", 2);
  add_piece(b, "b", 1);
  add_piece(b, "aa", 2);
  add_piece(b, "aab", 3);
  add_piece(b, "c", 1);
  for (i = 0; i < sizeof kWhat / sizeof *kWhat; i++)
    rec("%s: %ld", kWhat[i], search(b, kWhat[i]));
  rec("nothing: %zd", (ssize_t)evbuffer_search(b, "a", 0, NULL).pos);
  rec("longer than the buffer: %ld", search(b, "aabaaaabcaabaaaabc"));
  rec_buffer("unchanged", b);
  evbuffer_free(b);
}

SCENARIO(buffer_search_from,
         "behaviour 34: search from a ptr finds the next, not the same, when "
         "the ptr was moved on") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_ptr at;
  size_t start;
  int rounds = 0;
  add_piece(b, "one tw", 6);
  add_piece(b, "o one two", 9);
  add_piece(b, " two", 4);
  at = evbuffer_search(b, "two", 3, NULL);
  while (at.pos >= 0 && rounds++ < 10) {
    rec("at %zd", (ssize_t)at.pos);
    if (evbuffer_ptr_set(b, &at, 1, EVBUFFER_PTR_ADD) != 0) break;
    at = evbuffer_search(b, "two", 3, &at);
  }
  rec("last %zd", (ssize_t)at.pos);
  for (start = 0; start <= 19; start++) {
    if (evbuffer_ptr_set(b, &at, start, EVBUFFER_PTR_SET) != 0) {
      rec("no %zu", start);
      continue;
    }
    rec("from %zu: %zd", start, (ssize_t)evbuffer_search(b, "o", 1, &at).pos);
  }
  evbuffer_free(b);
}

SCENARIO(buffer_search_range,
         "behaviour 34: search_range ends before its end ptr, which counts "
         "bytes of the match") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_ptr from;
  struct evbuffer_ptr end;
  size_t i;
  size_t k;
  add_piece(b, "abc", 3);
  add_piece(b, "abca", 4);
  add_piece(b, "bcc", 3);
  for (i = 0; i <= 10; i += 2) {
    for (k = 0; k <= 10; k++) {
      if (evbuffer_ptr_set(b, &from, i, EVBUFFER_PTR_SET) != 0 ||
          evbuffer_ptr_set(b, &end, k, EVBUFFER_PTR_SET) != 0) {
        rec("no ptr %zu %zu", i, k);
        continue;
      }
      rec("[%zu, %zu): abc %zd, c %zd", i, k,
          (ssize_t)evbuffer_search_range(b, "abc", 3, &from, &end).pos,
          (ssize_t)evbuffer_search_range(b, "c", 1, &from, &end).pos);
    }
  }
  evbuffer_ptr_set(b, &end, 5, EVBUFFER_PTR_SET);
  rec("no start: %zd",
      (ssize_t)evbuffer_search_range(b, "bca", 3, NULL, &end).pos);
  evbuffer_ptr_set(b, &end, 6, EVBUFFER_PTR_SET);
  rec("no start: %zd",
      (ssize_t)evbuffer_search_range(b, "cab", 3, NULL, &end).pos);
  rec("no end: %zd",
      (ssize_t)evbuffer_search_range(b, "bcc", 3, NULL, NULL).pos);
  evbuffer_free(b);
}

SCENARIO(buffer_ptr_set,
         "behaviour 34: ptr_set and ptr add within the buffer; beyond the end "
         "it fails and sets -1") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_ptr ptr;
  size_t i;
  int result;
  memset(&ptr, 0, sizeof ptr);
  result = evbuffer_ptr_set(b, &ptr, 0, EVBUFFER_PTR_SET);
  rec("empty: set 0 -> %d, %zd", result, (ssize_t)ptr.pos);
  result = evbuffer_ptr_set(b, &ptr, 1, EVBUFFER_PTR_SET);
  rec("empty: set 1 -> %d, %zd", result, (ssize_t)ptr.pos);
  add_piece(b, "abc", 3);
  add_piece(b, "de", 2);
  for (i = 0; i <= 7; i++) {
    result = evbuffer_ptr_set(b, &ptr, i, EVBUFFER_PTR_SET);
    rec("set %zu -> %d, %zd", i, result, (ssize_t)ptr.pos);
  }
  evbuffer_ptr_set(b, &ptr, 0, EVBUFFER_PTR_SET);
  for (i = 0; i < 4; i++) {
    result = evbuffer_ptr_set(b, &ptr, 2, EVBUFFER_PTR_ADD);
    rec("add 2 -> %d, %zd", result, (ssize_t)ptr.pos);
  }
  evbuffer_ptr_set(b, &ptr, 5, EVBUFFER_PTR_SET);
  result = evbuffer_ptr_set(b, &ptr, 0, EVBUFFER_PTR_ADD);
  rec("at the end, add 0 -> %d, %zd", result, (ssize_t)ptr.pos);
  result = evbuffer_ptr_set(b, &ptr, 1, EVBUFFER_PTR_ADD);
  rec("at the end, add 1 -> %d, %zd", result, (ssize_t)ptr.pos);
  evbuffer_ptr_set(b, &ptr, 2, EVBUFFER_PTR_SET);
  result = evbuffer_ptr_set(b, &ptr, SIZE_MAX, EVBUFFER_PTR_ADD);
  rec("add SIZE_MAX -> %d, %zd", result, (ssize_t)ptr.pos);
  evbuffer_ptr_set(b, &ptr, 2, EVBUFFER_PTR_SET);
  result = evbuffer_ptr_set(b, &ptr, EV_SSIZE_MAX, EVBUFFER_PTR_ADD);
  rec("add EV_SSIZE_MAX -> %d, %zd", result, (ssize_t)ptr.pos);
  result = evbuffer_ptr_set(b, &ptr, SIZE_MAX, EVBUFFER_PTR_SET);
  rec("set SIZE_MAX -> %d, %zd", result, (ssize_t)ptr.pos);
  result = evbuffer_ptr_set(b, &ptr, EV_SSIZE_MAX, EVBUFFER_PTR_SET);
  rec("set EV_SSIZE_MAX -> %d, %zd", result, (ssize_t)ptr.pos);
  evbuffer_ptr_set(b, &ptr, 5, EVBUFFER_PTR_SET);
  rec("search from the end: %zd",
      (ssize_t)evbuffer_search(b, "e", 1, &ptr).pos);
  evbuffer_free(b);
}

SCENARIO(buffer_ptr_after_a_hit,
         "behaviour 34: the ptr of a hit serves copyout_from, ptr_set and "
         "another search") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_ptr ptr;
  char out[8];
  ev_ssize_t n;
  add_piece(b, "key", 3);
  add_piece(b, ": val", 5);
  add_piece(b, "ue\r\n", 4);
  ptr = evbuffer_search(b, ": ", 2, NULL);
  rec("colon at %zd", (ssize_t)ptr.pos);
  rec("skip it -> %d", evbuffer_ptr_set(b, &ptr, 2, EVBUFFER_PTR_ADD));
  n = evbuffer_copyout_from(b, &ptr, out, 5);
  rec_data("value", out, n < 0 ? 0 : (size_t)n);
  rec("line ends at %zd",
      (ssize_t)evbuffer_search_eol(b, &ptr, NULL, EVBUFFER_EOL_CRLF).pos);
  ptr = evbuffer_search(b, "ue\r", 3, &ptr);
  rec("ue at %zd", (ssize_t)ptr.pos);
  n = evbuffer_copyout_from(b, &ptr, out, 8);
  rec_data("rest", out, n < 0 ? 0 : (size_t)n);
  evbuffer_free(b);
}

SCENARIO(buffer_peek,
         "behaviour 34: peek says how many vectors are needed and fills as "
         "many as were given") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_iovec vec[4];
  static const ev_ssize_t kLength[] = {-1, 0, 1, 3, 4, 5, 6, 9, 10, 1000};
  size_t i;
  int room;
  rec("empty: all -> %d", evbuffer_peek(b, -1, NULL, vec, 4));
  rec("empty: 0 -> %d", evbuffer_peek(b, 0, NULL, vec, 4));
  rec("empty: 5 -> %d", evbuffer_peek(b, 5, NULL, vec, 4));
  rec("empty: none -> %d", evbuffer_peek(b, -1, NULL, NULL, 0));
  add_piece(b, "abc", 3);
  add_piece(b, "de", 2);
  add_piece(b, "fghi", 4);
  for (i = 0; i < sizeof kLength / sizeof *kLength; i++) {
    for (room = 0; room <= 4; room++) {
      int n;
      int k;
      memset(vec, 0, sizeof vec);
      n = evbuffer_peek(b, kLength[i], NULL, room ? vec : NULL, room);
      rec("peek %zd with %d -> %d", (ssize_t)kLength[i], room, n);
      for (k = 0; k < room && k < n; k++)
        rec_data("  vec", vec[k].iov_base, vec[k].iov_len);
    }
  }
  rec_buffer("unchanged", b);
  evbuffer_free(b);
}

SCENARIO(buffer_peek_from,
         "behaviour 34: peek from a ptr, at chains' boundaries and at the "
         "end") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_iovec vec[4];
  struct evbuffer_ptr ptr;
  static const ev_ssize_t kLength[] = {-1, 0, 1, 2, 4, 100};
  size_t pos;
  size_t i;
  add_piece(b, "abc", 3);
  add_piece(b, "de", 2);
  add_piece(b, "fghi", 4);
  for (pos = 0; pos <= 9; pos++) {
    for (i = 0; i < sizeof kLength / sizeof *kLength; i++) {
      int n;
      int k;
      if (evbuffer_ptr_set(b, &ptr, pos, EVBUFFER_PTR_SET) != 0) {
        rec("no %zu", pos);
        continue;
      }
      n = evbuffer_peek(b, kLength[i], &ptr, vec, 4);
      rec("from %zu, %zd -> %d", pos, (ssize_t)kLength[i], n);
      for (k = 0; k < n && k < 4; k++)
        rec_data("  vec", vec[k].iov_base, vec[k].iov_len);
    }
  }
  evbuffer_free(b);
}

SCENARIO(buffer_search_large,
         "behaviour 34: a needle that straddles big chains, after many near "
         "misses") {
  struct evbuffer *b = evbuffer_new();
  char *block = malloc(9000);
  if (block == NULL) return;
  memset(block, 'a', 9000);
  evbuffer_add(b, block, 9000);
  add_piece(b, block, 9000);
  evbuffer_add(b, "ab", 2);
  evbuffer_add(b, block, 5000);
  rec("aab: %ld", search(b, "aab"));
  rec("aaaab: %ld", search(b, "aaaab"));
  rec("abaaa: %ld", search(b, "abaaa"));
  rec("c: %ld", search(b, "c"));
  evbuffer_drain(b, 8999);
  rec("after draining: %ld", search(b, "aab"));
  evbuffer_prepend(b, "xx", 2);
  rec("after prepending: %ld", search(b, "aab"));
  rec("xxa: %ld", search(b, "xxa"));
  evbuffer_free(b);
  free(block);
}

SCENARIO(buffer_find_compat,
         "behaviour 34: the old find returns a pointer to a linear copy, the "
         "old readline any line") {
  struct evbuffer *b = evbuffer_new();
  unsigned char *p;
  char *line;
  add_piece(b, "first\r", 6);
  add_piece(b, "\nsecond\n\nthi", 12);
  add_piece(b, "rd", 2);
  p = evbuffer_find(b, (const unsigned char *)"third", 5);
  if (p != NULL) rec_data("found", p, 5);
  p = evbuffer_find(b, (const unsigned char *)"fourth", 6);
  rec("fourth: %s", p ? "found" : "NULL");
  while ((line = evbuffer_readline(b)) != NULL) {
    rec("line %s", line);
    free_result(line);
  }
  rec_buffer("left", b);
  evbuffer_free(b);
}

SCENARIO(buffer_search_up_to_nowhere,
         "behaviour 34: nothing is found in front of an end that is none, but "
         "for nothing") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_ptr none;
  add_piece(b, "abcabc", 6);
  none = evbuffer_search(b, "x", 1, NULL);
  rec("none %ld", (long)none.pos);
  rec("bc %ld", (long)evbuffer_search_range(b, "bc", 2, NULL, &none).pos);
  rec("nothing %ld", (long)evbuffer_search_range(b, "", 0, NULL, &none).pos);
  evbuffer_free(b);
}

SCENARIO(buffer_ptr_on_from_the_old_end,
         "behaviour 34: there is no way on from where the end was") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_ptr at;
  size_t step;
  for (step = 0; step < 4; step++) {
    add_piece(b, "abc", 3);
    rec("set %d",
        evbuffer_ptr_set(b, &at, evbuffer_get_length(b), EVBUFFER_PTR_SET));
    add_piece(b, "def", 3);
    rec("add %zu: %d, %ld", step,
        evbuffer_ptr_set(b, &at, step, EVBUFFER_PTR_ADD), (long)at.pos);
  }
  evbuffer_free(b);
}
