/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An evbuffer: bytes that come in at the back and leave at the front.
 *
 *   05_buffers
 *
 * It is a chain of pieces of memory. Bytes are put in without moving those that
 * are there, and taken out without moving those that stay; whole pieces go from
 * one buffer to another without being copied. This program puts bytes in and
 * takes them out in each of the ways there are.
 */
#include <event2/buffer.h>
#include <stdarg.h>

#include "examples/tour/tour.h"

/* Shows all that is in it, which stays there. */
static void show(const char *what, struct evbuffer *buffer) {
  char text[200];
  ev_ssize_t length = evbuffer_copyout(buffer, text, sizeof(text));
  printf("%s: %d bytes: \"%.*s\"\n", what, (int)evbuffer_get_length(buffer),
         (int)length, text);
}

static struct evbuffer *buffer_of(const char *text) {
  struct evbuffer *buffer = must(evbuffer_new(), "buffer");
  evbuffer_add(buffer, text, strlen(text));
  return buffer;
}

/* --- In --------------------------------------------------------------------
 */

static void add_formatted(struct evbuffer *buffer, const char *format, ...) {
  va_list values;
  va_start(values, format);
  evbuffer_add_vprintf(buffer, format, values);
  va_end(values);
}

static void put_in(void) {
  struct evbuffer *buffer = must(evbuffer_new(), "buffer");
  struct evbuffer_iovec pieces[2] = {{"scattered", 9}, {" bytes", 6}};
  section("in");
  show("a new one", buffer);
  evbuffer_add(buffer, "bytes", 5);
  evbuffer_prepend(buffer, "some ", 5);
  show("added and prepended", buffer);
  evbuffer_add_printf(buffer, ", %d %s", 3, "formatted");
  add_formatted(buffer, ", %.2f", 3.14159);
  show("printed", buffer);
  printf("from two pieces: %d\n", (int)evbuffer_add_iovec(buffer, pieces, 2));
  show("then", buffer);
  evbuffer_free(buffer);
}

/* --- Out -------------------------------------------------------------------
 */

static void take_out(void) {
  struct evbuffer *buffer = buffer_of("head:body:tail");
  struct evbuffer_ptr position;
  char text[32] = "";
  section("out");
  printf("removed %d: ", evbuffer_remove(buffer, text, 4));
  printf("\"%s\"\n", text);
  evbuffer_drain(buffer, 1);
  show("and drained the colon", buffer);
  memset(text, 0, sizeof(text));
  evbuffer_copyout(buffer, text, 4);
  printf("copied \"%s\", ", text);
  evbuffer_ptr_set(buffer, &position, 5, EVBUFFER_PTR_SET);
  memset(text, 0, sizeof(text));
  evbuffer_copyout_from(buffer, &position, text, 4);
  printf("copied from the middle \"%s\"\n", text);
  show("copying leaves all there", buffer);
  printf("more than there is: %d", evbuffer_remove(buffer, text, 32));
  printf(", then %d\n", (int)evbuffer_get_length(buffer));
  evbuffer_free(buffer);
}

/* --- From one to another ---------------------------------------------------
 */

static void move(void) {
  struct evbuffer *left = buffer_of("left"), *right = buffer_of("right");
  struct evbuffer *view = buffer_of("view of ");
  section("from one to another");
  evbuffer_add_buffer(left, right);
  show("left", left);
  show("right, whose bytes were moved", right);
  evbuffer_remove_buffer(left, right, 6);
  show("left", left);
  show("right, which got six", right);
  evbuffer_prepend_buffer(left, right);
  show("left", left);
  /* The bytes are shared: `left` keeps them. */
  evbuffer_add_buffer_reference(view, left);
  show("left", left);
  evbuffer_free(left);
  show("a view outlives what it was made of", view);
  evbuffer_free(view);
  evbuffer_free(right);
}

/* --- Where the bytes are ---------------------------------------------------
 */

static int is_contiguous(struct evbuffer *buffer) {
  return evbuffer_get_contiguous_space(buffer) == evbuffer_get_length(buffer);
}

static void on_unused(const void *data, size_t length, void *text) {
  printf("  nobody uses the %d bytes of \"%s\" any more\n", (int)length,
         (char *)text);
  (void)data;
}

static void memory(void) {
  struct evbuffer *buffer = buffer_of("one piece");
  static char foreign[] = ", another";
  struct evbuffer_iovec space[1];
  long given;
  section("where the bytes are");
  printf("contiguous: %d\n", is_contiguous(buffer));
  /* Memory of one's own, which is not copied, is always a piece of its own. */
  evbuffer_add_reference(buffer, foreign, strlen(foreign), on_unused, foreign);
  printf("contiguous with another: %d\n", is_contiguous(buffer));
  printf("pulled up: \"%.18s\"\n", (char *)evbuffer_pullup(buffer, 18));
  printf("contiguous: %d\n", is_contiguous(buffer));
  printf("more than there is: %s\n",
         evbuffer_pullup(buffer, 19) == NULL ? "none" : "some");

  /* Room that is made before takes no allocation when it is filled. */
  evbuffer_expand(buffer, 100 * 1000);
  given = blocks_given;
  printf("room for much: %d piece",
         evbuffer_reserve_space(buffer, 100 * 1000, space, 1));
  printf(", allocated just now: %ld\n", blocks_given - given);
  memset(space[0].iov_base, 'x', 6);
  space[0].iov_len = 6; /* written straight into the buffer */
  evbuffer_commit_space(buffer, space, 1);
  show("six were committed", buffer);
  evbuffer_free(buffer);
}

/* --- Closed at one end -----------------------------------------------------
 */

static void freeze(void) {
  struct evbuffer *buffer = buffer_of("frozen");
  section("closed at one end");
  evbuffer_freeze(buffer, 0);
  printf("add at the frozen back: %d", evbuffer_add(buffer, "!", 1));
  printf(", drain the front: %d\n", evbuffer_drain(buffer, 1));
  evbuffer_freeze(buffer, 1);
  printf("drain the frozen front: %d\n", evbuffer_drain(buffer, 1));
  evbuffer_unfreeze(buffer, 0);
  evbuffer_unfreeze(buffer, 1);
  printf("unfrozen: %d %d\n", evbuffer_add(buffer, "!", 1),
         evbuffer_drain(buffer, 1));
  show("left", buffer);
  evbuffer_free(buffer);
}

int main(int argc, char **argv) {
  tour_begin(argc, argv);
  put_in();
  take_out();
  move();
  memory();
  freeze();
  return tour_end();
}
