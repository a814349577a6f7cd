// SPDX-License-Identifier: BSD-3-Clause
//
// Buffers: memory of the caller, and of other buffers, by reference.

#include "tests/differential/scenarios/io_support.h"

static void released_cb(const void *data, size_t length, void *name) {
  rec("  released %s: %zu bytes, begins with %c", (const char *)name, length,
      length ? *(const char *)data : '-');
}

SCENARIO(buffer_reference_release,
         "behaviour 37: a reference's callback runs exactly once, when the "
         "last byte is drained or the buffer freed") {
  struct evbuffer *b = evbuffer_new();
  rec("add -> %d", evbuffer_add_reference(b, "one", 3, released_cb, "one"));
  rec("add -> %d", evbuffer_add_reference(b, "two", 3, released_cb, "two"));
  rec("add -> %d", evbuffer_add_reference(b, "three", 5, released_cb, "three"));
  rec("drain 2 -> %d", evbuffer_drain(b, 2));
  rec("drain 1 -> %d", evbuffer_drain(b, 1));
  rec("drain 4 -> %d", evbuffer_drain(b, 4));
  rec_buffer("b", b);
  rec("free with data");
  evbuffer_free(b);
  rec("freed");
}

SCENARIO(buffer_reference_empty,
         "behaviour 37: a reference to nothing, without a callback, and whose "
         "buffer is frozen") {
  struct evbuffer *b = evbuffer_new();
  rec("0 bytes -> %d",
      evbuffer_add_reference(b, "zero", 0, released_cb, "zero"));
  rec_buffer("b", b);
  rec("no callback -> %d", evbuffer_add_reference(b, "none", 4, NULL, NULL));
  rec("drain -> %d", evbuffer_drain(b, 4));
  evbuffer_freeze(b, 0);
  rec("frozen -> %d",
      evbuffer_add_reference(b, "frozen", 6, released_cb, "frozen"));
  evbuffer_unfreeze(b, 0);
  rec("add -> %d", evbuffer_add(b, "tail", 4));
  rec_buffer("b", b);
  rec("free");
  evbuffer_free(b);
}

SCENARIO(buffer_reference_moved,
         "behaviour 37: a reference that moves to another buffer is released "
         "there") {
  struct evbuffer *a = evbuffer_new();
  struct evbuffer *b = evbuffer_new();
  char out[4];
  evbuffer_add_reference(a, "abcdef", 6, released_cb, "abcdef");
  evbuffer_add_reference(a, "ghijkl", 6, released_cb, "ghijkl");
  rec("move -> %d", evbuffer_add_buffer(b, a));
  rec("free a");
  evbuffer_free(a);
  rec_buffer("b", b);
  a = evbuffer_new();
  rec("move 8 -> %d", evbuffer_remove_buffer(b, a, 8));
  rec_buffer("a", a);
  rec_buffer("b", b);
  rec("remove -> %d", evbuffer_remove(a, out, 4));
  rec("free a");
  evbuffer_free(a);
  rec("free b");
  evbuffer_free(b);
}

SCENARIO(buffer_reference_pullup,
         "behaviour 37: pullup that copies a reference releases it") {
  struct evbuffer *b = evbuffer_new();
  evbuffer_add_reference(b, "abc", 3, released_cb, "abc");
  evbuffer_add_reference(b, "defgh", 5, released_cb, "defgh");
  rec("pullup 5 %d", evbuffer_pullup(b, 5) != NULL);
  rec_buffer("b", b);
  rec("pullup all %d", evbuffer_pullup(b, -1) != NULL);
  rec_buffer("b", b);
  rec("free");
  evbuffer_free(b);
}

SCENARIO(buffer_reference_extra_room,
         "behaviour 37: adding and prepending never writes into the caller's "
         "memory") {
  struct evbuffer *b = evbuffer_new();
  static char memory[32] = "0123456789abcdefghij";
  evbuffer_add_reference(b, memory + 5, 5, NULL, NULL);
  rec("add -> %d", evbuffer_add(b, "TAIL", 4));
  rec("drain -> %d", evbuffer_drain(b, 2));
  rec("prepend -> %d", evbuffer_prepend(b, "HEAD", 4));
  rec("expand -> %d", evbuffer_expand(b, 100));
  rec_buffer("b", b);
  rec("memory %s", memory);
  evbuffer_free(b);
}

SCENARIO(buffer_of_a_buffer,
         "behaviour 37: add_buffer_reference shares the bytes; the last user "
         "releases them") {
  struct evbuffer *source = evbuffer_new();
  struct evbuffer *view = evbuffer_new();
  struct evbuffer *second = evbuffer_new();
  evbuffer_add(source, "plain ", 6);
  evbuffer_add_reference(source, "referenced", 10, released_cb, "memory");
  rec("reference -> %d", evbuffer_add_buffer_reference(view, source));
  rec_buffer("view", view);
  rec_buffer("source", source);
  evbuffer_add(source, " later", 6);
  rec_buffer("view after an add to the source", view);
  rec("again -> %d", evbuffer_add_buffer_reference(second, source));
  rec_buffer("second", second);
  rec("drain the source -> %d", evbuffer_drain(source, 100));
  rec_buffer("view", view);
  rec("free the source");
  evbuffer_free(source);
  rec_buffer("second", second);
  rec("free second");
  evbuffer_free(second);
  rec("drain the view to 3 -> %d", evbuffer_drain(view, 13));
  rec_buffer("view", view);
  rec("add and prepend -> %d %d", evbuffer_add(view, "!", 1),
      evbuffer_prepend(view, "?", 1));
  rec_buffer("view", view);
  rec("free the view");
  evbuffer_free(view);
}

SCENARIO(buffer_of_a_buffer_writes,
         "behaviour 37: what is added behind or before a shared buffer leaves "
         "the other one as it was") {
  struct evbuffer *source = evbuffer_new();
  struct evbuffer *view = evbuffer_new();
  unsigned char *p;
  evbuffer_add(source, "shared", 6);
  evbuffer_add_buffer_reference(view, source);
  rec("add to both -> %d %d", evbuffer_add(source, " source", 7),
      evbuffer_add(view, " view", 5));
  evbuffer_drain(source, 2);
  rec("prepend to the source -> %d", evbuffer_prepend(source, "SH", 2));
  evbuffer_drain(view, 1);
  rec("prepend to the view -> %d", evbuffer_prepend(view, "5", 1));
  rec_buffer("source", source);
  rec_buffer("view", view);
  p = evbuffer_pullup(view, -1);
  rec("pullup %d", p != NULL);
  rec_buffer("source", source);
  rec_buffer("view", view);
  evbuffer_free(view);
  rec_buffer("source", source);
  evbuffer_free(source);
}

SCENARIO(buffer_of_a_buffer_refused,
         "behaviour 37: add_buffer_reference of itself, of an empty buffer, of "
         "one that is itself a view") {
  struct evbuffer *source = evbuffer_new();
  struct evbuffer *view = evbuffer_new();
  struct evbuffer *third = evbuffer_new();
  struct evbuffer *empty = evbuffer_new();
  rec_log(1);
  evbuffer_add(source, "bytes", 5);
  rec("itself -> %d", evbuffer_add_buffer_reference(source, source));
  rec("empty -> %d", evbuffer_add_buffer_reference(source, empty));
  rec("to empty -> %d", evbuffer_add_buffer_reference(view, source));
  rec("a view -> %d", evbuffer_add_buffer_reference(third, view));
  rec_buffer("third", third);
  evbuffer_add(view, " more", 5);
  rec("a view with more -> %d", evbuffer_add_buffer_reference(third, view));
  rec_buffer("third", third);
  rec("to one that has bytes -> %d",
      evbuffer_add_buffer_reference(empty, source));
  rec("to one that has bytes -> %d",
      evbuffer_add_buffer_reference(empty, source));
  rec_buffer("empty", empty);
  evbuffer_free(source);
  rec_buffer("empty", empty);
  evbuffer_free(empty);
  evbuffer_free(third);
  evbuffer_free(view);
}

SCENARIO_DIFFERS(
    buffer_of_a_buffer_moved,
    "libevent keeps all of a shared buffer until no piece of it is "
    "in use");

SCENARIO(buffer_of_a_buffer_moved,
         "behaviour 37: a view moves on, is cut and linearised, and keeps its "
         "bytes until the end") {
  struct evbuffer *source = evbuffer_new();
  struct evbuffer *view = evbuffer_new();
  struct evbuffer *last = evbuffer_new();
  char out[8] = "";
  evbuffer_add_reference(source, "0123456789", 10, released_cb, "digits");
  evbuffer_add_reference(source, "abcdefghij", 10, released_cb, "letters");
  evbuffer_add_buffer_reference(view, source);
  evbuffer_free(source);
  rec("cut -> %d", evbuffer_remove_buffer(view, last, 13));
  rec_buffer("view", view);
  rec_buffer("last", last);
  rec("linearise %d", evbuffer_pullup(last, -1) != NULL);
  rec_buffer("last", last);
  rec("free view");
  evbuffer_free(view);
  rec("remove -> %d", evbuffer_remove(last, out, 7));
  rec("out %s", out);
  rec("free last");
  evbuffer_free(last);
}

SCENARIO(buffer_reference_written,
         "behaviour 37: a reference is released when its bytes went out") {
  struct evbuffer *b = evbuffer_new();
  int fds[2];
  char out[16] = "";
  socket_pair(fds);
  evbuffer_add_reference(b, "abc", 3, released_cb, "abc");
  evbuffer_add_reference(b, "defgh", 5, released_cb, "defgh");
  rec("write_atmost 4 -> %d", evbuffer_write_atmost(b, fds[0], 4));
  rec("write -> %d", evbuffer_write(b, fds[0]));
  rec("peer reads %d", get(fds[1], out, sizeof out));
  rec("%s", out);
  evbuffer_free(b);
  close_pair(fds);
}
