/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bufferevents without a socket: pairs, and filters over others.
 *
 *   09_filters_and_pairs [--method epoll|poll|select]
 *
 * A pair is two ends of a connection inside the program: what one writes the
 * other reads. A filter lies over another bufferevent and changes what passes:
 * compression, encryption, or as here an exchange of letters. Both look to the
 * program as a socket's bufferevent does, and so a protocol can be tested over
 * a pair, and be given TLS by a filter, without a change.
 */
#include <ctype.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "examples/tour/tour.h"

static void on_read(struct bufferevent *bev, void *name) {
  char text[64];
  size_t got = bufferevent_read(bev, text, sizeof(text));
  printf("  %s reads \"%.*s\"\n", (const char *)name, (int)got, text);
}

static void on_event(struct bufferevent *bev, short what, void *name) {
  printf("  %s:%s%s%s\n", (const char *)name,
         what & BEV_EVENT_READING ? " reading" : "",
         what & BEV_EVENT_WRITING ? " writing" : "",
         what & BEV_EVENT_EOF ? " end" : "");
  (void)bev;
}

static void say(struct bufferevent *bev, const char *text) {
  bufferevent_write(bev, text, strlen(text));
}

/* --- Pairs -----------------------------------------------------------------
 */

static void pairs(struct event_base *base) {
  static char left[] = "left", right[] = "right";
  struct bufferevent *pair[2];
  section("a pair");
  must_be_0(bufferevent_pair_new(base, 0, pair), "pair");
  printf("each is the other's partner: %d %d\n",
         bufferevent_pair_get_partner(pair[0]) == pair[1],
         bufferevent_pair_get_partner(pair[1]) == pair[0]);
  bufferevent_setcb(pair[0], on_read, NULL, on_event, left);
  bufferevent_setcb(pair[1], on_read, NULL, on_event, right);
  say(pair[0], "to the right");
  event_base_loop(base, EVLOOP_NONBLOCK);
  printf("it waits until the right one reads\n");
  bufferevent_enable(pair[1], EV_READ);
  event_base_loop(base, EVLOOP_NONBLOCK);
  bufferevent_enable(pair[0], EV_READ);
  say(pair[1], "to the left");
  event_base_loop(base, EVLOOP_NONBLOCK);
  /* A pair has no socket to shut down: this is its end of file. */
  bufferevent_flush(pair[0], EV_WRITE, BEV_FINISHED);
  event_base_loop(base, EVLOOP_NONBLOCK);
  bufferevent_free(pair[0]);
  printf("alone: %d\n", bufferevent_pair_get_partner(pair[1]) == NULL);
  bufferevent_free(pair[1]);
  event_base_loop(base, EVLOOP_NONBLOCK);
}

/* --- Filters ---------------------------------------------------------------
 */

/* Moves all of `source` to `target`, each letter replaced by `map(letter)`. */
static enum bufferevent_filter_result map_all(struct evbuffer *source,
                                              struct evbuffer *target,
                                              int (*map)(int)) {
  char bytes[64];
  int got, i;
  if (evbuffer_get_length(source) == 0) return BEV_NEED_MORE;
  while ((got = evbuffer_remove(source, bytes, sizeof(bytes))) > 0) {
    for (i = 0; i < got; ++i) bytes[i] = (char)map((unsigned char)bytes[i]);
    evbuffer_add(target, bytes, (size_t)got);
  }
  return BEV_OK;
}

static enum bufferevent_filter_result read_upper(
    struct evbuffer *source, struct evbuffer *target, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *context) {
  (void)limit;
  (void)mode;
  (void)context;
  return map_all(source, target, toupper);
}

static int rot13(int c) {
  if (!isalpha(c)) return c;
  return tolower(c) < 'n' ? c + 13 : c - 13;
}

/* Keeps words together: waits for a space, unless there will be no more. */
static enum bufferevent_filter_result write_rot13(
    struct evbuffer *source, struct evbuffer *target, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *context) {
  (void)limit;
  (void)context;
  if (mode == BEV_NORMAL && evbuffer_search(source, " ", 1, NULL).pos < 0) {
    return BEV_NEED_MORE;
  }
  return map_all(source, target, rot13);
}

static void forget(void *context) {
  printf("  the filter's context \"%s\" is not needed any more\n",
         (char *)context);
}

static void filters(struct event_base *base) {
  static char context[] = "letters", above[] = "above", far[] = "the far end";
  struct bufferevent *pair[2], *filter;
  section("a filter");
  must_be_0(bufferevent_pair_new(base, 0, pair), "pair");
  filter = must(bufferevent_filter_new(pair[0], read_upper, write_rot13,
                                       BEV_OPT_CLOSE_ON_FREE, forget, context),
                "filter");
  printf("what lies under it: %d, and under that: %d\n",
         bufferevent_get_underlying(filter) == pair[0],
         bufferevent_get_underlying(pair[0]) == NULL);
  bufferevent_setcb(filter, on_read, NULL, on_event, above);
  bufferevent_setcb(pair[1], on_read, NULL, on_event, far);
  bufferevent_enable(filter, EV_READ);
  bufferevent_enable(pair[1], EV_READ);
  say(pair[1], "quiet");
  event_base_loop(base, EVLOOP_NONBLOCK);
  say(filter, "Hello ");
  event_base_loop(base, EVLOOP_NONBLOCK);
  say(filter, "World");
  event_base_loop(base, EVLOOP_NONBLOCK);
  printf("half a word waits: %d bytes\n",
         (int)evbuffer_get_length(bufferevent_get_output(filter)));
  bufferevent_flush(filter, EV_WRITE, BEV_FLUSH);
  event_base_loop(base, EVLOOP_NONBLOCK);
  bufferevent_free(filter); /* and what lies under it */
  event_base_loop(base, EVLOOP_NONBLOCK);
  printf("the far end is alone: %d\n",
         bufferevent_pair_get_partner(pair[1]) == NULL);
  bufferevent_free(pair[1]);
  event_base_loop(base, EVLOOP_NONBLOCK);
}

/* --- One over the other ----------------------------------------------------
 */

/* Rot13 twice is nothing at all. */
static enum bufferevent_filter_result write_all(
    struct evbuffer *source, struct evbuffer *target, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *context) {
  (void)limit;
  (void)mode;
  (void)context;
  return map_all(source, target, rot13);
}

static void stack(struct event_base *base) {
  static char top[] = "top", far[] = "the far end";
  struct bufferevent *pair[2], *lower, *upper;
  section("a filter over a filter");
  must_be_0(bufferevent_pair_new(base, 0, pair), "pair");
  lower = must(bufferevent_filter_new(pair[0], read_upper, write_all,
                                      BEV_OPT_CLOSE_ON_FREE, NULL, NULL),
               "filter");
  upper = must(bufferevent_filter_new(lower, NULL, write_all,
                                      BEV_OPT_CLOSE_ON_FREE, NULL, NULL),
               "filter");
  bufferevent_setcb(upper, on_read, NULL, on_event, top);
  bufferevent_setcb(pair[1], on_read, NULL, on_event, far);
  bufferevent_enable(upper, EV_READ);
  bufferevent_enable(pair[1], EV_READ);
  say(upper, "there and back");
  event_base_loop(base, EVLOOP_NONBLOCK);
  say(pair[1], "up");
  event_base_loop(base, EVLOOP_NONBLOCK);
  bufferevent_free(upper);
  bufferevent_free(pair[1]);
  event_base_loop(base, EVLOOP_NONBLOCK);
}

int main(int argc, char **argv) {
  const char *method = tour_begin(argc, argv);
  struct event_base *base = tour_base(method);
  pairs(base);
  filters(base);
  stack(base);
  event_base_free(base);
  return tour_end();
}
