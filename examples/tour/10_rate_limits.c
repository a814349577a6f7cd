/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rate limits: buckets of tokens, for one connection and for a group.
 *
 *   10_rate_limits [--method epoll|poll|select]
 *
 * A bucket is filled with so many tokens in each tick, up to its burst; a byte
 * costs one. Who has none waits for the next tick. A group has one bucket for
 * all its members, each of whom gets a share. Most ticks here are so long that
 * none passes: all numbers are what the bytes cost.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <unistd.h>

#include "examples/tour/tour.h"

static const struct timeval long_tick = {1000, 0};
static const struct timeval short_tick = {0, 20 * 1000};

static int bytes_read;

static void on_read(struct bufferevent *bev, void *name) {
  char bytes[64];
  size_t got = bufferevent_read(bev, bytes, sizeof(bytes));
  bytes_read += (int)got;
  printf("  %s reads %d\n", (const char *)name, (int)got);
}

/* A bufferevent that reads, and in `*peer` the socket at its other end. */
static struct bufferevent *reader(struct event_base *base, char *name,
                                  evutil_socket_t *peer) {
  evutil_socket_t pair[2];
  struct bufferevent *bev;
  connected_pair(pair);
  bev = must(bufferevent_socket_new(base, pair[0], BEV_OPT_CLOSE_ON_FREE),
             "bufferevent");
  bufferevent_setcb(bev, on_read, NULL, NULL, name);
  bufferevent_enable(bev, EV_READ);
  *peer = pair[1];
  return bev;
}

static void peer_sends(evutil_socket_t peer, const char *text) {
  if (write(peer, text, strlen(text)) < 0) printf("cannot write\n");
}

static void peer_counts(evutil_socket_t peer) {
  char bytes[64];
  printf("  the peer got %d\n", (int)read(peer, bytes, sizeof(bytes)));
}

static void turn(struct event_base *base) {
  event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Reading is 10 bytes a tick, writing 8. */
static struct ev_token_bucket_cfg *small(const struct timeval *tick) {
  return must(ev_token_bucket_cfg_new(10, 10, 8, 8, tick), "limit");
}

/* --- One connection --------------------------------------------------------
 */

static void one(struct event_base *base) {
  static char name[] = "the limited one";
  struct ev_token_bucket_cfg *limit = small(&long_tick);
  evutil_socket_t peer;
  struct bufferevent *bev = reader(base, name, &peer);
  section("one connection");
  printf("without a limit it may read %d at a time\n",
         (int)bufferevent_get_max_to_read(bev));
  bufferevent_set_rate_limit(bev, limit);
  printf("its limit is this: %d\n",
         bufferevent_get_token_bucket_cfg(bev) == limit);
  printf("tokens: %d in, %d out; now it may read %d, write %d\n",
         (int)bufferevent_get_read_limit(bev),
         (int)bufferevent_get_write_limit(bev),
         (int)bufferevent_get_max_to_read(bev),
         (int)bufferevent_get_max_to_write(bev));
  peer_sends(peer, "sixteen bytes...");
  turn(base);
  turn(base);
  printf("tokens: %d in\n", (int)bufferevent_get_read_limit(bev));
  /* A program may charge for other work as well, or give some back. */
  bufferevent_decrement_read_limit(bev, -4);
  printf("four were given: %d in\n", (int)bufferevent_get_read_limit(bev));
  turn(base);

  bufferevent_decrement_write_limit(bev, 3);
  bufferevent_write(bev, "ten bytes!", 10);
  turn(base);
  turn(base);
  peer_counts(peer);
  printf("tokens: %d out\n", (int)bufferevent_get_write_limit(bev));
  bufferevent_set_rate_limit(bev, NULL);
  printf("without the limit\n");
  turn(base);
  peer_counts(peer);
  bufferevent_free(bev);
  ev_token_bucket_cfg_free(limit);
  evutil_closesocket(peer);
}

/* --- Ticks that pass -------------------------------------------------------
 */

static void refill(struct event_base *base) {
  static char name[] = "in each tick it";
  struct ev_token_bucket_cfg *limit = small(&short_tick);
  evutil_socket_t peer;
  struct bufferevent *bev = reader(base, name, &peer);
  section("ticks that pass");
  bufferevent_set_rate_limit(bev, limit);
  peer_sends(peer, "twenty-five bytes in all.");
  bytes_read = 0;
  while (bytes_read < 25) event_base_loop(base, EVLOOP_ONCE);
  bufferevent_free(bev);
  turn(base);
  ev_token_bucket_cfg_free(limit);
  evutil_closesocket(peer);
}

/* --- A group ---------------------------------------------------------------
 */

static void print_group(struct bufferevent_rate_limit_group *group) {
  ev_uint64_t in = 0, out = 0;
  bufferevent_rate_limit_group_get_totals(group, &in, &out);
  printf("the group has %d in, %d out; its total is %d in, %d out\n",
         (int)bufferevent_rate_limit_group_get_read_limit(group),
         (int)bufferevent_rate_limit_group_get_write_limit(group), (int)in,
         (int)out);
}

static void group(struct event_base *base) {
  static char names[4][8] = {"first", "second", "third", "fourth"};
  struct ev_token_bucket_cfg *limit =
      must(ev_token_bucket_cfg_new(100, 100, 80, 80, &long_tick), "limit");
  struct ev_token_bucket_cfg *less = small(&long_tick);
  struct bufferevent_rate_limit_group *group =
      must(bufferevent_rate_limit_group_new(base, limit), "group");
  struct bufferevent *bevs[4];
  evutil_socket_t peers[4];
  int i;
  section("a group");
  print_group(group);
  for (i = 0; i < 4; ++i) {
    bevs[i] = reader(base, names[i], &peers[i]);
    bufferevent_add_to_rate_limit_group(bevs[i], group);
  }
  printf("a share is %d at least\n", (int)bufferevent_get_max_to_read(bevs[0]));
  bufferevent_rate_limit_group_set_min_share(group, 1);
  printf("a share of four is %d\n", (int)bufferevent_get_max_to_read(bevs[0]));
  peer_sends(peers[0], "thirty-two bytes to the first...");
  turn(base);
  turn(base);
  bufferevent_write(bevs[1], "eleven out.", 11);
  turn(base);
  peer_counts(peers[1]);
  print_group(group);

  bufferevent_rate_limit_group_decrement_read(group, 8);
  bufferevent_rate_limit_group_decrement_write(group, 9);
  print_group(group);
  bufferevent_rate_limit_group_reset_totals(group);
  print_group(group);
  bufferevent_rate_limit_group_set_cfg(group, less);
  printf("with less for all\n");
  print_group(group);
  bufferevent_remove_from_rate_limit_group(bevs[3]);
  printf("who has left may read %d\n",
         (int)bufferevent_get_max_to_read(bevs[3]));
  for (i = 0; i < 4; ++i) {
    bufferevent_free(bevs[i]);
    evutil_closesocket(peers[i]);
  }
  turn(base); /* until they are gone, libevent's are members */
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(limit);
  ev_token_bucket_cfg_free(less);
}

int main(int argc, char **argv) {
  const char *method = tour_begin(argc, argv);
  struct event_base *base = tour_base(method);
  one(base);
  refill(base);
  group(base);
  event_base_free(base);
  return tour_end();
}
