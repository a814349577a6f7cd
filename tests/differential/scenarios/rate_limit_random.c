// SPDX-License-Identifier: BSD-3-Clause
//
// Rate limits under random calls: what no single scenario thought of. All
// limits have ticks of the same length, nothing is put in beyond the burst, and
// of one's own limits only that of reading is ever reached, since there ours
// differs on purpose. Times are such that no two timers expire together.
#include "tests/differential/scenarios/rate_limit_support.h"

enum { kPrograms = 12, kCalls = 60 };

static unsigned long g_state;

// A number from 0 to `limit` - 1.
static unsigned draw(unsigned limit) {
  g_state = g_state * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(g_state >> 33) % limit;
}

struct world {
  struct event_base *base;
  struct ev_token_bucket_cfg *configs[2];
  struct bufferevent_rate_limit_group *group;
  struct limited one;
  long written_bytes;  // by the peer
};

static void rec_world(const char *call, struct world *w) {
  peer_reads(&w->one);
  rec("%lld ms, %s: left %zd, at once %zd %zd, waits %s, read %ld, sent %ld, "
      "input %zu, group %zd %zd",
      (long long)now_ms(), call,
      (ssize_t)bufferevent_get_read_limit(w->one.bev),
      (ssize_t)bufferevent_get_max_to_read(w->one.bev),
      (ssize_t)bufferevent_get_max_to_write(w->one.bev), waits_text(&w->one),
      w->one.read_bytes, w->one.sent_bytes,
      evbuffer_get_length(bufferevent_get_input(w->one.bev)),
      (ssize_t)bufferevent_rate_limit_group_get_read_limit(w->group),
      (ssize_t)bufferevent_rate_limit_group_get_write_limit(w->group));
}

// Gives tokens back, but not beyond the least burst.
static void give_back(struct world *w) {
  ev_ssize_t left = bufferevent_get_read_limit(w->one.bev);
  ev_ssize_t bytes = (ev_ssize_t)draw(100);
  if (bufferevent_get_token_bucket_cfg(w->one.bev) && left <= 150 - bytes)
    bufferevent_decrement_read_limit(w->one.bev, -bytes);
  left = bufferevent_rate_limit_group_get_read_limit(w->group);
  if (left <= 200 - bytes)
    bufferevent_rate_limit_group_decrement_read(w->group, -bytes);
}

static void take(struct world *w) {
  switch (draw(3)) {
    case 0:
      if (bufferevent_get_token_bucket_cfg(w->one.bev))
        bufferevent_decrement_read_limit(w->one.bev, (ev_ssize_t)draw(200));
      break;
    case 1:
      bufferevent_rate_limit_group_decrement_read(w->group,
                                                  (ev_ssize_t)draw(150));
      break;
    default:
      bufferevent_rate_limit_group_decrement_write(w->group,
                                                   (ev_ssize_t)draw(150));
  }
}

static void set_limits(struct world *w) {
  switch (draw(6)) {
    case 0:
      bufferevent_set_rate_limit(w->one.bev, NULL);
      break;
    case 1:
      bufferevent_add_to_rate_limit_group(w->one.bev, w->group);
      break;
    case 2:
      bufferevent_remove_from_rate_limit_group(w->one.bev);
      break;
    case 3:
      bufferevent_rate_limit_group_set_min_share(w->group, 1 + draw(120));
      break;
    default:
      bufferevent_set_rate_limit(w->one.bev, w->configs[draw(2)]);
  }
}

static void pass_some_time(struct world *w) {
  // Odd, and never a sum of which any is a whole tick.
  static const int kTimes[] = {3, 101, 487, 1009, 2203};
  run_for_ms(w->base, kTimes[draw(5)]);
}

static void call_anything(struct world *w) {
  static const char block[400];
  size_t bytes = 1 + draw(300);
  switch (draw(10)) {
    case 0:
    case 1:
      if (w->written_bytes + (long)bytes > 60000) break;
      w->written_bytes += (long)bytes;
      peer_writes(&w->one, bytes);
      rec_world("peer writes", w);
      break;
    case 2:
      bufferevent_write(w->one.bev, block, bytes);
      pass_some_time(w);
      rec_world("write", w);
      break;
    case 3:
      take(w);
      rec_world("take", w);
      break;
    case 4:
      give_back(w);
      rec_world("give back", w);
      break;
    case 5:
      set_limits(w);
      rec_world("set limits", w);
      break;
    case 6:
      if (draw(2))
        bufferevent_enable(w->one.bev, EV_READ);
      else
        bufferevent_disable(w->one.bev, EV_READ);
      rec_world("enable or disable", w);
      break;
    default:
      pass_some_time(w);
      rec_world("time", w);
  }
}

static void run_program(unsigned long seed) {
  struct world w = {0};
  struct bufferevent_rate_limit_group *group;
  struct ev_token_bucket_cfg *group_cfg;
  int i;
  g_state = seed;
  w.base = new_base();
  w.configs[0] = ev_token_bucket_cfg_new(100, 300, 1000000, 1000000, NULL);
  w.configs[1] = ev_token_bucket_cfg_new(40, 150, 1000000, 1000000, NULL);
  group_cfg = ev_token_bucket_cfg_new(80, 200, 90, 250, NULL);
  w.group = group = bufferevent_rate_limit_group_new(w.base, group_cfg);
  limited_open(&w.one, NULL, w.base);
  run_for_ms(w.base, 17);
  for (i = 0; i < kCalls; i++) call_anything(&w);
  bufferevent_remove_from_rate_limit_group(w.one.bev);
  limited_close(&w.one, w.base);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(w.configs[0]);
  ev_token_bucket_cfg_free(w.configs[1]);
  ev_token_bucket_cfg_free(group_cfg);
  event_base_free(w.base);
}

SCENARIO(rate_limit_random,
         "behaviour 52: random calls leave the same in all buckets, and move "
         "the same bytes") {
  unsigned long seed;
  virtual_time();
  for (seed = 1; seed <= kPrograms; seed++) {
    rec("program %lu", seed);
    run_program(seed);
  }
}
