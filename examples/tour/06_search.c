/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding things in a buffer: lines, words, positions.
 *
 *   06_search
 *
 * Bytes of a stream come in pieces of any size: half a line, two and a half. A
 * protocol's reader looks whether something whole is there, takes it, and
 * leaves the rest for later. This program reads lines of each kind, searches
 * across pieces, and splits a request the way a server does.
 */
#include <event2/buffer.h>
#include <event2/buffer_compat.h>

#include "examples/tour/tour.h"

/* --- Lines -----------------------------------------------------------------
 */

static void lines(const char *kind, const char *text,
                  enum evbuffer_eol_style style) {
  struct evbuffer *buffer = must(evbuffer_new(), "buffer");
  char *line, *at;
  size_t length;
  evbuffer_add(buffer, text, strlen(text));
  printf("%s:", kind);
  while ((line = evbuffer_readln(buffer, &length, style)) != NULL) {
    for (at = line; (at = strchr(at, '\r')) != NULL;) *at = '?';
    printf(" [%s] %d", line, (int)length);
    counting_free(line); /* it is the program's */
  }
  printf(", %d bytes wait for the rest\n", (int)evbuffer_get_length(buffer));
  evbuffer_free(buffer);
}

static void read_lines(void) {
  struct evbuffer *buffer = must(evbuffer_new(), "buffer");
  struct evbuffer_ptr end;
  char *line;
  size_t end_length = 0;
  section("lines");
  lines("LF", "one\ntwo\nthr", EVBUFFER_EOL_LF);
  lines("CRLF or LF", "one\r\ntwo\nthr\r", EVBUFFER_EOL_CRLF);
  lines("CRLF alone", "one\rtwo\r\nthr\n", EVBUFFER_EOL_CRLF_STRICT);
  lines("any mixture", "one\r\r\n\ntwo\rthr", EVBUFFER_EOL_ANY);
  evbuffer_add(buffer, "some\r\nmore\n", 11);
  end = evbuffer_search_eol(buffer, NULL, &end_length, EVBUFFER_EOL_CRLF);
  printf("the first ends at %d, with %d bytes\n", (int)end.pos,
         (int)end_length);
  line = evbuffer_readline(buffer); /* the old name, for EVBUFFER_EOL_ANY */
  printf("[%s]\n", line);
  counting_free(line);
  evbuffer_free(buffer);
}

/* --- Words -----------------------------------------------------------------
 */

/* Its words lie in pieces of their own, and are found nevertheless. */
static struct evbuffer *in_pieces(void) {
  static const char *const pieces[] = {"the cat sat on the m",
                                       "at, and the cat ate", " the rat"};
  struct evbuffer *buffer = must(evbuffer_new(), "buffer");
  size_t i;
  for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); ++i) {
    evbuffer_add_reference(buffer, pieces[i], strlen(pieces[i]), NULL, NULL);
  }
  return buffer;
}

static void search(void) {
  struct evbuffer *buffer = in_pieces();
  struct evbuffer_ptr at, end;
  unsigned char *found;
  int count = 0;
  section("words");
  at = evbuffer_search(buffer, "mat", 3, NULL);
  printf("\"mat\", across two pieces: %d\n", (int)at.pos);
  at = evbuffer_search(buffer, "dog", 3, NULL);
  printf("\"dog\": %d\n", (int)at.pos);
  evbuffer_ptr_set(buffer, &at, 0, EVBUFFER_PTR_SET);
  while (at = evbuffer_search(buffer, "the", 3, &at), at.pos >= 0) {
    ++count;
    if (evbuffer_ptr_set(buffer, &at, 3, EVBUFFER_PTR_ADD) < 0) break;
  }
  printf("\"the\" occurs %d times\n", count);
  evbuffer_ptr_set(buffer, &end, 20, EVBUFFER_PTR_SET);
  at = evbuffer_search_range(buffer, "cat", 3, NULL, &end);
  printf("\"cat\" before 20: %d, ", (int)at.pos);
  at = evbuffer_search_range(buffer, "mat", 3, NULL, &end);
  printf("\"mat\" before 20: %d\n", (int)at.pos);
  found = evbuffer_find(buffer, (const unsigned char *)"rat", 3);
  printf("found by the old name: \"%.3s\"\n", found ? (char *)found : "no");
  printf("a position after the end: %d\n",
         evbuffer_ptr_set(buffer, &at, 1000, EVBUFFER_PTR_SET));
  evbuffer_free(buffer);
}

/* --- Looking without taking ------------------------------------------------
 */

static void peek(void) {
  struct evbuffer *buffer = in_pieces();
  struct evbuffer_iovec pieces[4];
  struct evbuffer_ptr from;
  int i, count;
  section("looking without taking");
  count = evbuffer_peek(buffer, -1, NULL, pieces, 4);
  printf("%d pieces:", count);
  for (i = 0; i < count; ++i) printf(" %d", (int)pieces[i].iov_len);
  printf(" bytes\n");
  printf("25 bytes lie in %d of them\n",
         evbuffer_peek(buffer, 25, NULL, NULL, 0));
  evbuffer_ptr_set(buffer, &from, 30, EVBUFFER_PTR_SET);
  evbuffer_peek(buffer, 9, &from, pieces, 1);
  printf("at 30: \"%.*s\"\n", (int)pieces[0].iov_len,
         (char *)pieces[0].iov_base);
  evbuffer_free(buffer);
}

/* --- A request -------------------------------------------------------------
 */

/* Takes a request out of `buffer`: a line "PUT length", then its bytes. 1 when
 * there was a whole one; else nothing is taken. */
static int take_request(struct evbuffer *buffer) {
  size_t end_length;
  struct evbuffer_ptr end =
      evbuffer_search_eol(buffer, NULL, &end_length, EVBUFFER_EOL_CRLF);
  char head[32] = "", body[32] = "";
  int length;
  if (end.pos < 0 || end.pos >= (ev_ssize_t)sizeof(head)) return 0;
  evbuffer_copyout(buffer, head, (size_t)end.pos);
  if (sscanf(head, "PUT %d", &length) != 1 || length < 0 || length > 31) {
    return 0;
  }
  if (evbuffer_get_length(buffer) < end.pos + end_length + length) return 0;
  evbuffer_drain(buffer, end.pos + end_length);
  evbuffer_remove(buffer, body, (size_t)length);
  printf("  a request of %d: \"%s\"\n", length, body);
  return 1;
}

static void requests(void) {
  static const char *const arrivals[] = {"PUT 5\r", "\nhel",
                                         "loPUT 3\r\nyesPUT", " 2\nno"};
  struct evbuffer *buffer = must(evbuffer_new(), "buffer");
  size_t i;
  section("requests that come in pieces");
  for (i = 0; i < sizeof(arrivals) / sizeof(arrivals[0]); ++i) {
    evbuffer_add(buffer, arrivals[i], strlen(arrivals[i]));
    printf("piece %d came\n", (int)i + 1);
    while (take_request(buffer)) {
    }
  }
  printf("left: %d\n", (int)evbuffer_get_length(buffer));
  evbuffer_free(buffer);
}

int main(int argc, char **argv) {
  tour_begin(argc, argv);
  read_lines();
  search();
  peek();
  requests();
  return tour_end();
}
