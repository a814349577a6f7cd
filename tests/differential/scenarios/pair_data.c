// SPDX-License-Identifier: BSD-3-Clause
//
// Pairs: bytes from one end to the other, directions, watermarks, ends that
// are freed.

#include "tests/differential/scenarios/bufferevent_support.h"

// Both ends of a pair, with the recording callbacks.
struct ends {
  struct bufferevent *bev[2];
  struct seen seen[2];
};

static void open_ends(struct ends *ends, struct event_base *base, int options) {
  static const struct seen kLeft = {"left", 0, 0, 0, 0, 0};
  static const struct seen kRight = {"right", 0, 0, 0, 0, 0};
  int i;
  ends->bev[0] = ends->bev[1] = NULL;
  ends->seen[0] = kLeft;
  ends->seen[1] = kRight;
  rec("pair_new -> %d", bufferevent_pair_new(base, options, ends->bev));
  for (i = 0; i < 2; i++)
    bufferevent_setcb(ends->bev[i], on_read, on_write, on_event,
                      &ends->seen[i]);
}

static void close_ends(struct ends *ends, struct event_base *base) {
  if (ends->bev[0]) bufferevent_free(ends->bev[0]);
  if (ends->bev[1]) bufferevent_free(ends->bev[1]);
  glance(base, 1);
  event_base_free(base);
}

static void rec_lengths(const struct ends *ends) {
  int i;
  for (i = 0; i < 2; i++) {
    if (!ends->bev[i]) continue;
    rec("  %s: input %zu, output %zu, enabled %s", ends->seen[i].name,
        evbuffer_get_length(bufferevent_get_input(ends->bev[i])),
        evbuffer_get_length(bufferevent_get_output(ends->bev[i])),
        enabled_text(bufferevent_get_enabled(ends->bev[i])));
  }
}

static int say(struct bufferevent *bev, const char *text) {
  return bufferevent_write(bev, text, strlen(text));
}

SCENARIO(pair_basics,
         "behaviour 50: what one end writes the other reads once its reading "
         "is enabled; callbacks come from the loop") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  rec_lengths(&ends);
  rec("partners %d %d",
      bufferevent_pair_get_partner(ends.bev[0]) == ends.bev[1],
      bufferevent_pair_get_partner(ends.bev[1]) == ends.bev[0]);
  rec("write -> %d", say(ends.bev[0], "early"));
  rec_lengths(&ends);
  glance(base, 2);
  rec("enable -> %d", bufferevent_enable(ends.bev[1], EV_READ));
  rec_lengths(&ends);
  glance(base, 2);
  rec("write -> %d", say(ends.bev[0], " late"));
  rec_lengths(&ends);
  glance(base, 2);
  rec_buffer("right", bufferevent_get_input(ends.bev[1]));
  rec("back -> %d", say(ends.bev[1], "answer"));
  rec("enable -> %d", bufferevent_enable(ends.bev[0], EV_READ | EV_WRITE));
  glance(base, 2);
  rec_buffer("left", bufferevent_get_input(ends.bev[0]));
  rec_lengths(&ends);
  close_ends(&ends, base);
}

SCENARIO(pair_writing_disabled,
         "behaviour 50: an end whose writing is disabled keeps its output "
         "until it is enabled") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_enable(ends.bev[1], EV_READ);
  rec("disable -> %d", bufferevent_disable(ends.bev[0], EV_WRITE));
  rec("write -> %d", say(ends.bev[0], "kept"));
  glance(base, 2);
  rec_lengths(&ends);
  rec("enable -> %d", bufferevent_enable(ends.bev[0], EV_WRITE));
  rec_lengths(&ends);
  glance(base, 2);
  rec("disable reading -> %d", bufferevent_disable(ends.bev[1], EV_READ));
  say(ends.bev[0], "more");
  glance(base, 2);
  rec_lengths(&ends);
  rec("enable writing again -> %d", bufferevent_enable(ends.bev[0], EV_WRITE));
  rec_lengths(&ends);
  rec("enable reading -> %d", bufferevent_enable(ends.bev[1], EV_READ));
  rec_lengths(&ends);
  glance(base, 2);
  close_ends(&ends, base);
}

SCENARIO(pair_empty_enable,
         "behaviour 50: no write callback comes of enabling, unlike sockets") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_enable(ends.bev[0], EV_READ | EV_WRITE);
  bufferevent_enable(ends.bev[1], EV_READ | EV_WRITE);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("write nothing -> %d", bufferevent_write(ends.bev[0], "", 0));
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec_lengths(&ends);
  close_ends(&ends, base);
}

SCENARIO(pair_high_watermark,
         "behaviour 50: a high watermark of the reading end holds the rest "
         "back in the writer's output") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_setcb(ends.bev[1], NULL, on_write, on_event, &ends.seen[1]);
  bufferevent_setwatermark(ends.bev[1], EV_READ, 0, 4);
  bufferevent_enable(ends.bev[1], EV_READ);
  say(ends.bev[0], "abcdefghij");
  rec_lengths(&ends);
  glance(base, 3);
  rec("drain 1 -> %d", evbuffer_drain(bufferevent_get_input(ends.bev[1]), 1));
  rec_lengths(&ends);
  glance(base, 3);
  rec("drain 3 -> %d", evbuffer_drain(bufferevent_get_input(ends.bev[1]), 3));
  rec_lengths(&ends);
  glance(base, 3);
  rec("write more -> %d", say(ends.bev[0], "klm"));
  rec_lengths(&ends);
  rec("no watermark");
  bufferevent_setwatermark(ends.bev[1], EV_READ, 0, 0);
  rec_lengths(&ends);
  glance(base, 3);
  rec_buffer("right", bufferevent_get_input(ends.bev[1]));
  rec("a watermark below what is there");
  bufferevent_setwatermark(ends.bev[1], EV_READ, 0, 5);
  say(ends.bev[0], "nop");
  rec_lengths(&ends);
  rec("enable again -> %d", bufferevent_enable(ends.bev[1], EV_READ));
  rec_lengths(&ends);
  rec("raise it");
  bufferevent_setwatermark(ends.bev[1], EV_READ, 0, 100);
  rec_lengths(&ends);
  glance(base, 3);
  close_ends(&ends, base);
}

SCENARIO(pair_low_watermarks,
         "behaviour 50: low watermarks hold on both ends") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_setwatermark(ends.bev[1], EV_READ, 5, 0);
  bufferevent_setwatermark(ends.bev[0], EV_WRITE, 2, 0);
  bufferevent_enable(ends.bev[1], EV_READ);
  say(ends.bev[0], "abc");
  rec_lengths(&ends);
  glance(base, 2);
  say(ends.bev[0], "de");
  glance(base, 2);
  rec("with a high watermark");
  ends.seen[1].drain = 1;
  bufferevent_setwatermark(ends.bev[1], EV_READ, 7, 7);
  say(ends.bev[0], "fghij");
  rec_lengths(&ends);
  glance(base, 1);
  rec_lengths(&ends);
  glance(base, 3);
  rec_lengths(&ends);
  close_ends(&ends, base);
}

// Takes everything and answers with as many bytes in upper case.
static void answer_cb(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  char text[64];
  size_t i, n = bufferevent_read(bev, text, sizeof text);
  rec_bytes(seen->name, text, n);
  if (++seen->reads > 3) return;
  for (i = 0; i < n; i++) text[i] ^= 0x20;
  rec("  answer -> %d", bufferevent_write(bev, text, n));
}

SCENARIO(pair_conversation, "behaviour 50: writing inside a read callback") {
  struct event_base *base = new_base();
  struct ends ends;
  int i;
  open_ends(&ends, base, 0);
  for (i = 0; i < 2; i++) {
    bufferevent_setcb(ends.bev[i], answer_cb, on_write, on_event,
                      &ends.seen[i]);
    bufferevent_enable(ends.bev[i], EV_READ);
  }
  say(ends.bev[0], "hello");
  say(ends.bev[1], "WORLD");
  rec("loop -> %d", event_base_loop(base, 0));
  rec_lengths(&ends);
  close_ends(&ends, base);
}

SCENARIO(pair_bulk,
         "behaviour 50: a megabyte goes through a small window whole") {
  struct event_base *base = new_base();
  struct ends ends;
  char *block = malloc(1000);
  int i;
  memset(block, 'x', 1000);
  open_ends(&ends, base, 0);
  bufferevent_setcb(ends.bev[1], on_read, NULL, NULL, &ends.seen[1]);
  bufferevent_setcb(ends.bev[0], NULL, NULL, NULL, NULL);
  ends.seen[1].drain = 100000;
  bufferevent_setwatermark(ends.bev[1], EV_READ, 0, 50000);
  bufferevent_enable(ends.bev[1], EV_READ);
  for (i = 0; i < 1000; i++) bufferevent_write(ends.bev[0], block, 1000);
  rec_lengths(&ends);
  rec("loop -> %d", event_base_loop(base, 0));
  rec("%d reads, %zu bytes", ends.seen[1].reads, ends.seen[1].bytes);
  rec_lengths(&ends);
  free(block);
  close_ends(&ends, base);
}

SCENARIO(pair_buffers_are_frozen,
         "behaviour 32: the program may not take from an output's start nor "
         "add to an input") {
  struct event_base *base = new_base();
  struct ends ends;
  int i;
  open_ends(&ends, base, 0);
  for (i = 0; i < 2; i++) {
    struct evbuffer *input = bufferevent_get_input(ends.bev[i]);
    struct evbuffer *output = bufferevent_get_output(ends.bev[i]);
    rec("add to input -> %d", evbuffer_add(input, "x", 1));
    rec("prepend to input -> %d", evbuffer_prepend(input, "y", 1));
    rec("add to output -> %d", evbuffer_add(output, "z", 1));
    rec("drain output -> %d", evbuffer_drain(output, 1));
    rec("prepend to output -> %d", evbuffer_prepend(output, "w", 1));
  }
  rec_lengths(&ends);
  bufferevent_enable(ends.bev[1], EV_READ);
  rec("add to input -> %d",
      evbuffer_add(bufferevent_get_input(ends.bev[1]), "x", 1));
  rec("drain output -> %d",
      evbuffer_drain(bufferevent_get_output(ends.bev[0]), 1));
  rec_buffer("right", bufferevent_get_input(ends.bev[1]));
  glance(base, 2);
  close_ends(&ends, base);
}

SCENARIO(pair_freed_end,
         "behaviour 50: freeing one end tells the other nothing; later writes "
         "return 0 and go nowhere") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_enable(ends.bev[0], EV_READ);
  bufferevent_enable(ends.bev[1], EV_READ);
  bufferevent_free(ends.bev[1]);
  ends.bev[1] = NULL;
  rec("partner %d", bufferevent_pair_get_partner(ends.bev[0]) != NULL);
  rec("write -> %d", say(ends.bev[0], "lost"));
  glance(base, 2);
  rec_lengths(&ends);
  rec("flush -> %d", bufferevent_flush(ends.bev[0], EV_WRITE, BEV_FLUSH));
  rec("finish -> %d",
      bufferevent_flush(ends.bev[0], EV_READ | EV_WRITE, BEV_FINISHED));
  rec("normal -> %d", bufferevent_flush(ends.bev[0], EV_WRITE, BEV_NORMAL));
  rec("enable -> %d", bufferevent_enable(ends.bev[0], EV_READ | EV_WRITE));
  rec("disable -> %d", bufferevent_disable(ends.bev[0], EV_READ | EV_WRITE));
  glance(base, 2);
  rec("partner %d", bufferevent_pair_get_partner(ends.bev[0]) != NULL);
  close_ends(&ends, base);
}

SCENARIO(pair_freed_with_bytes,
         "behaviour 50: bytes that were taken over stay with who took them; "
         "those in a freed output are gone") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_enable(ends.bev[1], EV_READ);
  say(ends.bev[0], "taken");
  glance(base, 2);
  bufferevent_disable(ends.bev[1], EV_READ);
  say(ends.bev[0], "gone");
  bufferevent_free(ends.bev[0]);
  ends.bev[0] = NULL;
  bufferevent_enable(ends.bev[1], EV_READ);
  glance(base, 2);
  rec_buffer("right", bufferevent_get_input(ends.bev[1]));
  close_ends(&ends, base);
}

struct freeing {
  struct seen seen;
  struct ends *ends;
  int which;  // is freed
};

static void free_in_read_cb(struct bufferevent *bev, void *arg) {
  struct freeing *freeing = arg;
  rec("  read %zu, free the %s",
      evbuffer_get_length(bufferevent_get_input(bev)),
      freeing->ends->seen[freeing->which].name);
  bufferevent_free(freeing->ends->bev[freeing->which]);
  freeing->ends->bev[freeing->which] = NULL;
  if (freeing->which == 0) {
    rec("  partner %d", bufferevent_pair_get_partner(bev) != NULL);
    rec("  write -> %d", say(bev, "anybody"));
  }
}

static void free_inside(int which) {
  struct event_base *base = new_base();
  struct ends ends;
  struct freeing freeing = {{"right", 0, 0, 0, 0, 0}, &ends, which};
  open_ends(&ends, base, 0);
  bufferevent_enable(ends.bev[0], EV_READ);
  bufferevent_enable(ends.bev[1], EV_READ);
  bufferevent_setcb(ends.bev[1], free_in_read_cb, on_write, on_event, &freeing);
  say(ends.bev[0], "bytes");
  glance(base, 4);
  rec_lengths(&ends);
  if (ends.bev[0])
    rec("partner %d", bufferevent_pair_get_partner(ends.bev[0]) != NULL);
  close_ends(&ends, base);
}

SCENARIO(pair_free_itself_inside,
         "behaviour 50: an end may free itself in its callback") {
  free_inside(1);
}

SCENARIO_DIFFERS(pair_free_other_inside,
                 "libevent keeps an end that was freed, and its link, until "
                 "callbacks of it that were deferred would have run; ours is "
                 "gone at once");
SCENARIO(pair_free_other_inside,
         "behaviour 50: an end may free the other in its callback") {
  free_inside(0);
}

static void free_in_buffer_cb(struct evbuffer *buffer,
                              const struct evbuffer_cb_info *info, void *arg) {
  struct freeing *freeing = arg;
  (void)buffer;
  if (!freeing->ends->bev[freeing->which]) return;
  rec("  +%zu -%zu, free the %s", info->n_added, info->n_deleted,
      freeing->ends->seen[freeing->which].name);
  bufferevent_free(freeing->ends->bev[freeing->which]);
  freeing->ends->bev[freeing->which] = NULL;
}

static void free_in_buffer(int watched, int which) {
  struct event_base *base = new_base();
  struct ends ends;
  struct freeing freeing = {{"right", 0, 0, 0, 0, 0}, &ends, which};
  open_ends(&ends, base, 0);
  bufferevent_enable(ends.bev[1], EV_READ);
  evbuffer_add_cb(watched == 0 ? bufferevent_get_output(ends.bev[0])
                               : bufferevent_get_input(ends.bev[1]),
                  free_in_buffer_cb, &freeing);
  rec("write -> %d", say(ends.bev[0], "bytes"));
  glance(base, 2);
  rec_lengths(&ends);
  close_ends(&ends, base);
}

SCENARIO(pair_free_in_buffer_callbacks,
         "behaviour 50: either end may be freed while bytes are moved") {
  rec("left in the output's callback");
  free_in_buffer(0, 0);
  rec("right in the output's callback");
  free_in_buffer(0, 1);
  rec("left in the input's callback");
  free_in_buffer(1, 0);
  rec("right in the input's callback");
  free_in_buffer(1, 1);
}

SCENARIO(pair_free_order,
         "behaviour 50: ends may be freed before or after their base") {
  int order;
  for (order = 0; order < 3; order++) {
    struct event_base *base = new_base();
    struct ends ends;
    open_ends(&ends, base, 0);
    bufferevent_enable(ends.bev[1], EV_READ);
    say(ends.bev[0], "bytes");
    bufferevent_free(ends.bev[order == 1]);
    if (order == 2) glance(base, 1);
    bufferevent_free(ends.bev[order != 1]);
    event_base_free(base);
    rec("%d: freed", order);
  }
}

static void rec_change(struct evbuffer *buffer,
                       const struct evbuffer_cb_info *info, void *name) {
  rec("  %s: %zu +%zu -%zu", (const char *)name, info->orig_size, info->n_added,
      info->n_deleted);
  (void)buffer;
}

SCENARIO(pair_buffer_callbacks,
         "behaviours 36, 50: the program's callbacks on the buffers see the "
         "bytes go") {
  struct event_base *base = new_base();
  struct ends ends;
  open_ends(&ends, base, 0);
  bufferevent_setcb(ends.bev[1], NULL, on_write, on_event, &ends.seen[1]);
  bufferevent_setwatermark(ends.bev[1], EV_READ, 0, 11);
  evbuffer_add_cb(bufferevent_get_output(ends.bev[0]), rec_change, "output");
  evbuffer_add_cb(bufferevent_get_input(ends.bev[1]), rec_change, "input");
  say(ends.bev[0], "waits");
  bufferevent_enable(ends.bev[1], EV_READ);
  rec("more");
  say(ends.bev[0], "goes");
  rec("up to the high watermark");
  say(ends.bev[0], "part");
  rec("drain");
  evbuffer_drain(bufferevent_get_input(ends.bev[1]), 6);
  glance(base, 2);
  rec_lengths(&ends);
  close_ends(&ends, base);
}

SCENARIO(pair_moves_references,
         "behaviours 37, 50: foreign memory goes through by reference") {
  struct event_base *base = new_base();
  struct ends ends;
  static char text[100];
  memset(text, 'r', sizeof text);
  open_ends(&ends, base, 0);
  ends.seen[1].drain = 10;
  bufferevent_enable(ends.bev[1], EV_READ);
  rec("add -> %d", add_piece(bufferevent_get_output(ends.bev[0]), text, 100));
  glance(base, 2);
  rec("same memory %d", evbuffer_pullup(bufferevent_get_input(ends.bev[1]),
                                        -1) == (unsigned char *)text + 10);
  bufferevent_setwatermark(ends.bev[1], EV_READ, 0, 130);
  rec("add -> %d", add_piece(bufferevent_get_output(ends.bev[0]), text, 100));
  rec_lengths(&ends);
  glance(base, 2);
  close_ends(&ends, base);
}

SCENARIO(pair_huge,
         "behaviour 50: more bytes than an int tells go from one end to the "
         "other, and the reader goes on") {
  static const char kNeverRead[1] = {0};
  static const size_t kSizes[] = {0x7fffffff, 0x80000000, 0xffffffff,
                                  0x100000000, 0xc0000000};
  struct event_base *base = new_base();
  struct ends ends;
  size_t i;
  open_ends(&ends, base, 0);
  bufferevent_enable(ends.bev[1], EV_READ);
  for (i = 0; i < sizeof(kSizes) / sizeof(kSizes[0]); i++) {
    rec("add -> %d", evbuffer_add_reference(bufferevent_get_output(ends.bev[0]),
                                            kNeverRead, kSizes[i], NULL, NULL));
    rec_lengths(&ends);
    glance(base, 2);
    evbuffer_drain(bufferevent_get_input(ends.bev[1]), (size_t)-1);
  }
  rec_lengths(&ends);
  close_ends(&ends, base);
}
