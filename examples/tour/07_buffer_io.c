/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers and the world: descriptors, files, and who is told of changes.
 *
 *   07_buffer_io [--method epoll|poll|select]
 *
 * A buffer reads from a descriptor and writes to one, all its pieces in one
 * system call. A file can go through it without being read into memory. And
 * callbacks can be hung on it, which are told how many bytes came and went: so
 * a bufferevent learns that somebody has filled its output.
 */
#include <event2/buffer.h>
#include <event2/buffer_compat.h>
#include <fcntl.h>
#include <unistd.h>

#include "examples/tour/tour.h"

static void show(const char *what, struct evbuffer *buffer) {
  char text[100];
  ev_ssize_t length = evbuffer_copyout(buffer, text, sizeof(text));
  printf("%s: \"%.*s\"\n", what, (int)length, text);
}

static void add(struct evbuffer *buffer, const char *text) {
  evbuffer_add(buffer, text, strlen(text));
}

/* --- Sockets ---------------------------------------------------------------
 */

static void sockets(void) {
  struct evbuffer *out = must(evbuffer_new(), "buffer");
  struct evbuffer *in = must(evbuffer_new(), "buffer");
  evutil_socket_t pair[2];
  section("sockets");
  connected_pair(pair);
  add(out, "hello, ");
  add(out, "world");
  printf("wrote %d of at most 5\n", evbuffer_write_atmost(out, pair[0], 5));
  show("left", out);
  printf("wrote %d\n", evbuffer_write(out, pair[0]));
  show("left", out);
  printf("read %d of at most 8\n", evbuffer_read(in, pair[1], 8));
  printf("read %d\n", evbuffer_read(in, pair[1], -1));
  show("came", in);
  printf("nothing there: %d\n", evbuffer_read(in, pair[1], -1));
  evutil_closesocket(pair[0]);
  printf("the other has closed: %d\n", evbuffer_read(in, pair[1], -1));
  evutil_closesocket(pair[1]);
  evbuffer_free(out);
  evbuffer_free(in);
}

/* --- Files -----------------------------------------------------------------
 */

static int file_of(const char *text) {
  char path[] = "/tmp/tour.XXXXXX";
  int fd = mkstemp(path);
  if (fd < 0 || unlink(path) < 0 ||
      write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
    printf("cannot make a file\n");
    exit(1);
  }
  return fd;
}

/* Whether one of those files is in the program's memory. */
static int is_mapped(void) {
  FILE *maps = must(fopen("/proc/self/maps", "r"), "maps");
  char line[512];
  int mapped = 0;
  while (fgets(line, sizeof(line), maps) != NULL) {
    if (strstr(line, "/tour.") != NULL) mapped = 1;
  }
  fclose(maps);
  return mapped;
}

static int is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

static void on_segment_unused(const struct evbuffer_file_segment *segment,
                              int flags, void *name) {
  printf("  nobody uses %s any more\n", (const char *)name);
  (void)segment;
  (void)flags;
}

/* Sends all of `out` through a pair of sockets, and shows what came. */
static void send_it(const char *what, struct evbuffer *out) {
  struct evbuffer *in = must(evbuffer_new(), "buffer");
  evutil_socket_t pair[2];
  connected_pair(pair);
  while (evbuffer_get_length(out) > 0 && evbuffer_write(out, pair[0]) > 0) {
  }
  while (evbuffer_read(in, pair[1], -1) > 0) {
  }
  show(what, in);
  close_pair(pair);
  evbuffer_free(in);
}

static void files(void) {
  struct evbuffer *out = must(evbuffer_new(), "buffer");
  struct evbuffer_file_segment *segment;
  int fd = file_of("a file of its own");
  section("files");
  evbuffer_add_file(out, fd, 2, 4); /* the buffer closes it, in its time */
  send_it("four bytes from the third on", out);
  printf("closed: %d\n", !is_open(fd));

  /* Parts of one file, as often as one likes. */
  fd = file_of("head, body, tail");
  segment = must(evbuffer_file_segment_new(fd, 0, 16, EVBUF_FS_CLOSE_ON_FREE),
                 "segment");
  evbuffer_file_segment_add_cleanup_cb(segment, on_segment_unused,
                                       "the segment");
  evbuffer_add_file_segment(out, segment, 12, 4);
  add(out, " and ");
  evbuffer_add_file_segment(out, segment, 0, 4);
  evbuffer_file_segment_free(segment); /* the buffer has it still */
  printf("still open: %d\n", is_open(fd));
  send_it("tail and head", out);
  printf("closed: %d\n", !is_open(fd));

  /* A buffer that only goes to a socket needs no byte of it in memory. */
  evbuffer_set_flags(out, EVBUFFER_FLAG_DRAINS_TO_FD);
  evbuffer_add_file(out, file_of("by sendfile"), 0, 11);
  printf("in memory: %d\n", is_mapped());
  send_it("sent", out);
  evbuffer_clear_flags(out, EVBUFFER_FLAG_DRAINS_TO_FD);
  evbuffer_add_file(out, file_of("by mmap"), 0, 7);
  printf("in memory: %d\n", is_mapped());
  send_it("sent", out);
  evbuffer_free(out);
}

/* --- Callbacks -------------------------------------------------------------
 */

static void on_change(struct evbuffer *buffer,
                      const struct evbuffer_cb_info *info, void *name) {
  printf("  %s: had %d, %d came, %d went\n", (const char *)name,
         (int)info->orig_size, (int)info->n_added, (int)info->n_deleted);
  (void)buffer;
}

/* The old form, which only sees the length. */
static void on_length(struct evbuffer *buffer, size_t before, size_t after,
                      void *name) {
  printf("  %s: %d -> %d\n", (const char *)name, (int)before, (int)after);
  (void)buffer;
}

static void callbacks(struct event_base *base) {
  static char first[] = "first", second[] = "second", old[] = "old";
  struct evbuffer *buffer = must(evbuffer_new(), "buffer");
  struct evbuffer_cb_entry *entry;
  section("callbacks");
  evbuffer_add_cb(buffer, on_change, first);
  entry = must(evbuffer_add_cb(buffer, on_change, second), "callback");
  add(buffer, "12345");
  evbuffer_drain(buffer, 2);
  printf("without the second\n");
  evbuffer_cb_clear_flags(buffer, entry, EVBUFFER_CB_ENABLED);
  add(buffer, "67");
  printf("with it again, and without the first\n");
  evbuffer_cb_set_flags(buffer, entry, EVBUFFER_CB_ENABLED);
  evbuffer_remove_cb(buffer, on_change, first);
  add(buffer, "8");
  printf("without any\n");
  evbuffer_remove_cb_entry(buffer, entry);
  add(buffer, "9");
  printf("the old kind, in place of all others\n");
  evbuffer_setcb(buffer, on_length, old);
  add(buffer, "0");

  printf("later, in the loop\n");
  evbuffer_setcb(buffer, NULL, NULL);
  evbuffer_add_cb(buffer, on_change, first);
  evbuffer_defer_callbacks(buffer, base);
  add(buffer, "ab");
  evbuffer_drain(buffer, 1);
  printf("the loop turns\n");
  event_base_loop(base, EVLOOP_NONBLOCK);
  evbuffer_free(buffer);
}

int main(int argc, char **argv) {
  const char *method = tour_begin(argc, argv);
  struct event_base *base = tour_base(method);
  sockets();
  files();
  callbacks(base);
  event_base_free(base);
  return tour_end();
}
