// SPDX-License-Identifier: BSD-3-Clause
//
// Buffers: taking lines out, in every style, across chains.

#include "tests/differential/scenarios/io_support.h"

#define STYLES 5

static const enum evbuffer_eol_style kStyle[STYLES] = {
    EVBUFFER_EOL_ANY, EVBUFFER_EOL_CRLF, EVBUFFER_EOL_CRLF_STRICT,
    EVBUFFER_EOL_LF, EVBUFFER_EOL_NUL};
static const char *const kStyleName[STYLES] = {"ANY", "CRLF", "CRLF_STRICT",
                                               "LF", "NUL"};

// Fills `buffer` with `text`, a new chain after each byte whose bit is set.
static void add_split(struct evbuffer *buffer, const char *text, size_t length,
                      unsigned splits) {
  size_t begin = 0;
  size_t i;
  for (i = 0; i < length; i++) {
    if (i + 1 == length || splits & 1u << i) {
      add_piece(buffer, text + begin, i + 1 - begin);
      begin = i + 1;
    }
  }
}

// Takes every line out and writes them into `out` as [line]; what remains
// follows. Returns the length written.
static size_t take_lines(struct evbuffer *buffer, enum evbuffer_eol_style style,
                         char *out, size_t capacity) {
  size_t used = 0;
  size_t n;
  char *line;
  int rounds = 0;
  while (rounds++ < 20 && (line = evbuffer_readln(buffer, &n, style))) {
    if (line[n] != '\0') rec("not terminated");
    if (used + n + 2 < capacity) {
      out[used++] = '[';
      memcpy(out + used, line, n);
      used += n;
      out[used++] = ']';
    }
    free_result(line);
  }
  n = evbuffer_get_length(buffer);
  if (used + n <= capacity && evbuffer_remove(buffer, out + used, n) > 0)
    used += n;
  return used;
}

SCENARIO(buffer_readln_styles,
         "behaviour 33: ANY swallows runs of CR and LF; CRLF takes an optional "
         "CR; CRLF_STRICT only CR LF; LF; NUL") {
  static const struct {
    const char *text;
    size_t length;
  } kText[] = {
#define T(s) {s, sizeof(s) - 1}
      T(""),          T("\n"),           T("\r"),       T("\r\n"),
      T("\n\r"),      T("\r\r\n\n"),     T("no end"),   T("one\n"),
      T("one\r\n"),   T("one\r"),        T("one\0"),    T("a\nb\r\nc\rd\0e"),
      T("\r\n\r\nx"), T("a\r\r\nb\n"),   T("a\n\n\nb"), T("a\r\n\nb\r\n\r\n"),
      T("\0\0"),      T("a\0\n\0b\r\n"), T("x\r\ry\n"), T("\n\r\n\r"),
#undef T
  };
  size_t i;
  int s;
  char out[200];
  for (i = 0; i < sizeof kText / sizeof *kText; i++) {
    for (s = 0; s < STYLES; s++) {
      struct evbuffer *b = evbuffer_new();
      evbuffer_add(b, kText[i].text, kText[i].length);
      rec_data(kStyleName[s], out, take_lines(b, kStyle[s], out, sizeof out));
      evbuffer_free(b);
    }
  }
}

SCENARIO(buffer_readln_splits,
         "behaviour 33: the same lines wherever the chains begin, for each way "
         "to cut each text") {
  static const char *const kText[] = {"a\r\nb", "\r\n\r\n", "\n\na\n",
                                      "ab\r\r\n", "\r\n\nx\n"};
  size_t i;
  int s;
  unsigned splits;
  for (i = 0; i < sizeof kText / sizeof *kText; i++) {
    size_t length = strlen(kText[i]);
    for (s = 0; s < STYLES; s++) {
      for (splits = 0; splits < 1u << (length - 1); splits++) {
        struct evbuffer *b = evbuffer_new();
        char out[100];
        add_split(b, kText[i], length, splits);
        rec("text %zu, %s, splits %x", i, kStyleName[s], splits);
        rec_data("  lines", out, take_lines(b, kStyle[s], out, sizeof out));
        evbuffer_free(b);
      }
    }
  }
}

SCENARIO(buffer_readln_sweep,
         "behaviour 33: every text of up to 3 bytes of a, CR, LF and NUL, cut "
         "in every way") {
  static const char kByte[] = "a\r\n";
  unsigned length;
  int s;
  for (length = 1; length <= 3; length++) {
    unsigned texts = 1u << (2 * length);
    unsigned t;
    for (t = 0; t < texts; t++) {
      char text[4];
      unsigned i;
      for (i = 0; i < length; i++) text[i] = kByte[t >> (2 * i) & 3];
      for (s = 0; s < STYLES; s++) {
        unsigned splits;
        char first[100];
        size_t first_length = 0;
        for (splits = 0; splits < 1u << (length - 1); splits++) {
          struct evbuffer *b = evbuffer_new();
          char out[100];
          size_t n;
          add_split(b, text, length, splits);
          n = take_lines(b, kStyle[s], out, sizeof out);
          evbuffer_free(b);
          if (splits == 0) {
            rec_data(kStyleName[s], out, n);
            memcpy(first, out, n);
            first_length = n;
          } else if (n != first_length || memcmp(out, first, n) != 0) {
            rec("splits %x differ", splits);
            rec_data("  lines", out, n);
          }
        }
      }
    }
  }
}

SCENARIO(buffer_readln_incomplete,
         "behaviour 33: nothing complete means NULL and no change, with a "
         "length of 0; the end may come later") {
  struct evbuffer *b = evbuffer_new();
  int s;
  for (s = 0; s < STYLES; s++) {
    size_t n = 77;
    char *line;
    evbuffer_drain(b, 100);
    line = evbuffer_readln(b, &n, kStyle[s]);
    rec("%s: empty: %s, %zu", kStyleName[s], line ? line : "NULL", n);
    free_result(line);
    n = 77;
    evbuffer_add(b, "half a", 6);
    line = evbuffer_readln(b, &n, kStyle[s]);
    rec("%s: half: %s, %zu", kStyleName[s], line ? line : "NULL", n);
    free_result(line);
    rec_buffer("unchanged", b);
    evbuffer_add(b, " line\r", 6);
    line = evbuffer_readln(b, &n, kStyle[s]);
    rec("%s: CR: %s, %zu", kStyleName[s], line ? line : "NULL", n);
    free_result(line);
    evbuffer_add(b, "\n", 1);
    line = evbuffer_readln(b, &n, kStyle[s]);
    rec("%s: LF: %s, %zu", kStyleName[s], line ? "line" : "NULL", n);
    if (line != NULL) rec_data("line", line, n);
    free_result(line);
    evbuffer_add(b, "", 1);
    line = evbuffer_readln(b, NULL, kStyle[s]);
    rec("%s: NUL, no length asked for: %s", kStyleName[s],
        line ? "line" : "NULL");
    free_result(line);
    rec_buffer("left", b);
  }
  evbuffer_free(b);
}

SCENARIO(buffer_readln_owned,
         "behaviour 33: the returned string is the caller's and "
         "NUL-terminated, with the length apart") {
  struct evbuffer *b = evbuffer_new();
  size_t n = 0;
  char *line;
  evbuffer_add(b, "a\0b\nnext\n", 9);
  line = evbuffer_readln(b, &n, EVBUFFER_EOL_LF);
  if (line != NULL) {
    rec_data("line with its NUL", line, n + 1);
    memset(line, 'x', n);
  }
  rec_buffer("left", b);
  evbuffer_free(b);
  if (line != NULL) rec("still mine: %c", line[0]);
  free_result(line);
}

SCENARIO(buffer_readln_long,
         "behaviour 33: lines longer than any chain, and many short ones") {
  struct evbuffer *b = evbuffer_new();
  char *block = malloc(20000);
  size_t n = 0;
  char *line;
  int i;
  if (block == NULL) return;
  for (i = 0; i < 20000; i++) block[i] = (char)('A' + i % 26);
  for (i = 0; i < 5; i++) evbuffer_add(b, block, 20000);
  evbuffer_add(b, "\r\n", 2);
  for (i = 0; i < 50; i++) evbuffer_add_printf(b, "line %d\r\n", i);
  line = evbuffer_readln(b, &n, EVBUFFER_EOL_CRLF_STRICT);
  if (line != NULL) rec_data("long", line, n);
  free_result(line);
  for (i = 0; i < 51; i++) {
    line = evbuffer_readln(b, &n, EVBUFFER_EOL_CRLF);
    if (line != NULL)
      rec_data("line", line, n);
    else
      rec("NULL");
    free_result(line);
  }
  evbuffer_free(b);
  free(block);
}

SCENARIO(buffer_readln_frozen,
         "behaviour 33: readln of a frozen start is NULL, of a frozen end "
         "works") {
  struct evbuffer *b = evbuffer_new();
  char *line;
  evbuffer_add(b, "one\ntwo\n", 8);
  evbuffer_freeze(b, 1);
  line = evbuffer_readln(b, NULL, EVBUFFER_EOL_LF);
  rec("start: %s", line ? line : "NULL");
  free_result(line);
  evbuffer_unfreeze(b, 1);
  evbuffer_freeze(b, 0);
  line = evbuffer_readln(b, NULL, EVBUFFER_EOL_LF);
  rec("end: %s", line ? line : "NULL");
  free_result(line);
  rec_buffer("left", b);
  evbuffer_free(b);
}

SCENARIO(buffer_search_eol,
         "behaviour 33: search_eol says where a line ends and how long its end "
         "is, from any start") {
  static const char *const kText[] = {"a\r\nb\nc\rd", "\r\r\n\n", "plain"};
  size_t i;
  int s;
  unsigned split;
  for (i = 0; i < sizeof kText / sizeof *kText; i++) {
    size_t length = strlen(kText[i]);
    for (split = 0; split < 2; split++) {
      struct evbuffer *b = evbuffer_new();
      add_split(b, kText[i], length, split ? ~0u : 0);
      for (s = 0; s < STYLES; s++) {
        size_t start;
        size_t eol = 99;
        struct evbuffer_ptr found =
            evbuffer_search_eol(b, NULL, &eol, kStyle[s]);
        rec("text %zu %s: at %zd, %zu long", i, kStyleName[s],
            (ssize_t)found.pos, eol);
        found = evbuffer_search_eol(b, NULL, NULL, kStyle[s]);
        rec("  no length: at %zd", (ssize_t)found.pos);
        for (start = 0; start <= length; start++) {
          struct evbuffer_ptr from;
          if (evbuffer_ptr_set(b, &from, start, EVBUFFER_PTR_SET) != 0) {
            rec("  no start %zu", start);
            continue;
          }
          eol = 99;
          found = evbuffer_search_eol(b, &from, &eol, kStyle[s]);
          rec("  from %zu: at %zd, %zu long", start, (ssize_t)found.pos, eol);
        }
      }
      evbuffer_free(b);
    }
  }
  {
    struct evbuffer *b = evbuffer_new();
    size_t eol = 99;
    struct evbuffer_ptr found =
        evbuffer_search_eol(b, NULL, &eol, EVBUFFER_EOL_CRLF);
    rec("empty: at %zd, %zu long", (ssize_t)found.pos, eol);
    evbuffer_free(b);
  }
}

SCENARIO(buffer_readln_unknown_style,
         "behaviour 33: an unknown style finds nothing and changes nothing") {
  struct evbuffer *b = evbuffer_new();
  size_t n = 77;
  size_t eol = 88;
  struct evbuffer_ptr found;
  char *line;
  evbuffer_add(b, "a\r\nb\n", 5);
  line = evbuffer_readln(b, &n, (enum evbuffer_eol_style)99);
  rec("readln: %s, %zu", line ? line : "NULL", n);
  free_result(line);
  found = evbuffer_search_eol(b, NULL, &eol, (enum evbuffer_eol_style)99);
  rec("search_eol: %zd, %zu", (ssize_t)found.pos, eol);
  rec_buffer("left", b);
  evbuffer_free(b);
}
