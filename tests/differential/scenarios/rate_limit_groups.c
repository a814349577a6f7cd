// SPDX-License-Identifier: BSD-3-Clause
//
// Groups of bufferevents that share a rate limit, in virtual time. Which member
// is the first to go on is drawn by lot, so only sums are recorded.
#include "tests/differential/scenarios/rate_limit_support.h"

typedef struct bufferevent_rate_limit_group group;

static void rec_group(const char *when, group *group) {
  ev_uint64_t read_bytes = 0, written_bytes = 0;
  bufferevent_rate_limit_group_get_totals(group, &read_bytes, &written_bytes);
  rec("%s: left %zd %zd, totals %llu %llu", when,
      (ssize_t)bufferevent_rate_limit_group_get_read_limit(group),
      (ssize_t)bufferevent_rate_limit_group_get_write_limit(group),
      (unsigned long long)read_bytes, (unsigned long long)written_bytes);
}

static void rec_waits(const char *when, const struct limited *one,
                      const struct limited *two) {
  char first[16];
  snprintf(first, sizeof first, "%s", waits_text(one));
  rec("%s: one waits %s, two %s", when, first, waits_text(two));
}

SCENARIO(rate_limit_group_shares,
         "behaviour 52: a member may move its share of what is left, but not "
         "less than the least share, which a tick's worth bounds") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg, *other, *own;
  group *group;
  struct limited one, two, three;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(300, 1000, 600, 2000, NULL);
  other = ev_token_bucket_cfg_new(50, 90, 5000, 9000, NULL);
  own = ev_token_bucket_cfg_new(70, 70, 1000, 1000, NULL);
  group = bufferevent_rate_limit_group_new(base, cfg);
  rec_group("new", group);
  limited_open(&one, NULL, base);
  limited_open(&two, NULL, base);
  limited_open(&three, NULL, base);
  rec("in -> %d", bufferevent_add_to_rate_limit_group(one.bev, group));
  rec_limits("alone", &one);
  rec("in -> %d", bufferevent_add_to_rate_limit_group(two.bev, group));
  rec("in again -> %d", bufferevent_add_to_rate_limit_group(two.bev, group));
  rec("in -> %d", bufferevent_add_to_rate_limit_group(three.bev, group));
  rec_limits("of three", &one);
  rec("share 150 -> %d",
      bufferevent_rate_limit_group_set_min_share(group, 150));
  rec_limits("least share 150", &one);
  rec("share 5000 -> %d",
      bufferevent_rate_limit_group_set_min_share(group, 5000));
  rec_limits("least share 5000", &one);
  rec("too much -> %d", bufferevent_rate_limit_group_set_min_share(
                            group, (size_t)EV_SSIZE_MAX + 1));
  rec_limits("least share as it was", &one);
  rec("share 0 -> %d", bufferevent_rate_limit_group_set_min_share(group, 0));
  rec_limits("no least share", &one);
  rec("share 400 -> %d",
      bufferevent_rate_limit_group_set_min_share(group, 400));
  rec("another -> %d", bufferevent_rate_limit_group_set_cfg(group, other));
  rec_group("another", group);
  rec_limits("another", &one);
  rec("back -> %d", bufferevent_rate_limit_group_set_cfg(group, cfg));
  rec_group("back", group);
  rec_limits("back", &one);
  rec("one's own -> %d", bufferevent_set_rate_limit(one.bev, own));
  rec_limits("one's own, too", &one);
  bufferevent_rate_limit_group_set_min_share(group, 64);
  rec_limits("least share 64", &one);
  bufferevent_set_max_single_read(two.bev, 30);
  rec_limits("single read 30", &two);
  rec("out -> %d", bufferevent_remove_from_rate_limit_group(three.bev));
  rec("out again -> %d", bufferevent_remove_from_rate_limit_group(three.bev));
  rec_limits("out", &three);
  rec_limits("of two", &two);
  rec("no group -> %d, no cfg -> %d",
      bufferevent_rate_limit_group_set_cfg(NULL, cfg),
      bufferevent_rate_limit_group_set_cfg(group, NULL));
  limited_close(&one, base);
  limited_close(&two, base);
  limited_close(&three, base);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(cfg);
  ev_token_bucket_cfg_free(other);
  ev_token_bucket_cfg_free(own);
  event_base_free(base);
}

SCENARIO(rate_limit_group_reading,
         "behaviour 52: members read together what a tick gives; the group "
         "goes on when there is a least share again") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  group *group;
  struct limited one, two;
  int i;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 300, 200, 2000, NULL);
  group = bufferevent_rate_limit_group_new(base, cfg);
  limited_open(&one, NULL, base);
  limited_open(&two, NULL, base);
  bufferevent_enable(one.bev, EV_READ);
  bufferevent_enable(two.bev, EV_READ);
  bufferevent_add_to_rate_limit_group(one.bev, group);
  bufferevent_add_to_rate_limit_group(two.bev, group);
  run_for_ms(base, 500);
  rec("out of two: the wrong group -> %d",
      bufferevent_add_to_rate_limit_group(two.bev, group));
  peer_writes(&one, 4000);
  peer_writes(&two, 4000);
  for (i = 0; i < 12; i++) {
    if (i == 6) bufferevent_rate_limit_group_set_min_share(group, 20);
    run_for_ms(base, 1000);
    rec("%lld ms: %ld bytes", (long long)now_ms(),
        one.read_bytes + two.read_bytes);
    rec_group("group", group);
    rec_waits("now", &one, &two);
  }
  rec("both had some: %d", one.read_bytes > 100 && two.read_bytes > 100);
  bufferevent_rate_limit_group_reset_totals(group);
  rec_group("reset", group);
  bufferevent_rate_limit_group_get_totals(group, NULL, NULL);
  limited_close(&one, base);
  limited_close(&two, base);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_group_writing,
         "behaviour 52: members write together what a tick gives") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  group *group;
  struct limited one, two;
  char block[4000] = {0};
  int i;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(1000, 1000, 400, 800, NULL);
  group = bufferevent_rate_limit_group_new(base, cfg);
  limited_open(&one, NULL, base);
  limited_open(&two, NULL, base);
  bufferevent_add_to_rate_limit_group(one.bev, group);
  bufferevent_add_to_rate_limit_group(two.bev, group);
  run_for_ms(base, 100);
  bufferevent_write(one.bev, block, sizeof block);
  bufferevent_write(two.bev, block, sizeof block);
  for (i = 0; i < 8; i++) {
    run_for_ms(base, 1000);
    peer_reads(&one);
    peer_reads(&two);
    rec("%lld ms: %ld bytes", (long long)now_ms(),
        one.sent_bytes + two.sent_bytes);
    rec_group("group", group);
    rec_waits("now", &one, &two);
  }
  rec("both had some: %d", one.sent_bytes > 300 && two.sent_bytes > 300);
  limited_close(&one, base);
  limited_close(&two, base);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_group_bucket_is_filled_by_its_timer,
         "behaviour 52: asking a group does not fill its bucket, its timer "
         "does") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  group *group;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 250, 100, 250, NULL);
  group = bufferevent_rate_limit_group_new(base, cfg);
  pass_time_ms(5000);
  rec_group("asked", group);
  glance(base, 1);
  rec_group("after a turn", group);
  rec("100 -> %d %d", bufferevent_rate_limit_group_decrement_read(group, 100),
      bufferevent_rate_limit_group_decrement_write(group, 1000));
  rec_group("taken", group);
  run_for_ms(base, 3000);
  rec_group("after three ticks", group);
  rec("the timer keeps the loop: %d", event_base_loop(base, EVLOOP_NONBLOCK));
  bufferevent_rate_limit_group_free(group);
  rec("no group: %d", event_base_loop(base, EVLOOP_NONBLOCK));
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_group_decrement,
         "behaviour 52: taking the group's tokens pauses all members, giving "
         "some back lets them go on; totals count only what was moved") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  group *group;
  struct limited one, two, late;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 200, 100, 200, NULL);
  group = bufferevent_rate_limit_group_new(base, cfg);
  limited_open(&one, NULL, base);
  limited_open(&two, NULL, base);
  limited_open(&late, NULL, base);
  bufferevent_enable(one.bev, EV_READ);
  bufferevent_enable(two.bev, EV_READ);
  bufferevent_enable(late.bev, EV_READ);
  bufferevent_add_to_rate_limit_group(one.bev, group);
  bufferevent_add_to_rate_limit_group(two.bev, group);
  glance(base, 2);
  rec_waits("idle", &one, &two);
  rec("99 -> %d", bufferevent_rate_limit_group_decrement_read(group, 99));
  rec_waits("one left", &one, &two);
  rec_limits("one left", &one);
  rec("1 -> %d", bufferevent_rate_limit_group_decrement_read(group, 1));
  rec_waits("none left", &one, &two);
  rec_limits("none left", &one);
  rec("in -> %d", bufferevent_add_to_rate_limit_group(late.bev, group));
  rec_limits("came late", &late);
  rec("out -> %d", bufferevent_remove_from_rate_limit_group(late.bev));
  rec_limits("left", &late);
  rec("100 of writing -> %d",
      bufferevent_rate_limit_group_decrement_write(group, 100));
  rec_waits("none of writing either", &one, &two);
  rec("-10 -> %d", bufferevent_rate_limit_group_decrement_read(group, -10));
  rec_waits("given back", &one, &two);
  rec_group("given back", group);
  bufferevent_disable(one.bev, EV_READ);
  rec("10 -> %d", bufferevent_rate_limit_group_decrement_read(group, 10));
  bufferevent_enable(one.bev, EV_READ);
  rec_waits("enabled in a pause", &one, &two);
  run_for_ms(base, 1500);
  rec_waits("a tick later", &one, &two);
  rec_group("a tick later", group);
  limited_close(&one, base);
  limited_close(&two, base);
  limited_close(&late, base);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_group_and_own_limit,
         "behaviour 52: a member with a limit of its own minds both, and each "
         "pause has to end") {
  struct event_base *base;
  struct ev_token_bucket_cfg *shared, *own;
  group *group, *second;
  struct limited one;
  virtual_time();
  base = new_base();
  shared = ev_token_bucket_cfg_new(200, 200, 200, 200, NULL);
  own = ev_token_bucket_cfg_new(150, 150, 150, 150, ms(2000));
  group = bufferevent_rate_limit_group_new(base, shared);
  second = bufferevent_rate_limit_group_new(base, own);
  limited_open(&one, "one", base);
  bufferevent_setcb(one.bev, on_limited_read, NULL, on_limited_event, &one);
  bufferevent_set_rate_limit(one.bev, own);
  bufferevent_add_to_rate_limit_group(one.bev, group);
  bufferevent_enable(one.bev, EV_READ);
  run_for_ms(base, 500);
  peer_writes(&one, 2000);
  run_for_ms(base, 7000);
  rec_group("group", group);
  rec_limits("with both", &one);
  rec("own ends -> %d", bufferevent_set_rate_limit(one.bev, NULL));
  run_for_ms(base, 2500);
  rec_group("group", group);
  rec("to another group -> %d",
      bufferevent_add_to_rate_limit_group(one.bev, second));
  run_for_ms(base, 4000);
  rec_group("group", group);
  rec_group("second", second);
  rec("out -> %d", bufferevent_remove_from_rate_limit_group(one.bev));
  run_for_ms(base, 10);
  rec("%ld bytes", one.read_bytes);
  limited_close(&one, base);
  bufferevent_rate_limit_group_free(group);
  bufferevent_rate_limit_group_free(second);
  ev_token_bucket_cfg_free(shared);
  ev_token_bucket_cfg_free(own);
  event_base_free(base);
}

SCENARIO(rate_limit_group_member_freed,
         "behaviour 52: members may be freed while their group pauses") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  group *group;
  struct limited one, two;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 100, 100, 100, NULL);
  group = bufferevent_rate_limit_group_new(base, cfg);
  limited_open(&one, NULL, base);
  limited_open(&two, NULL, base);
  bufferevent_add_to_rate_limit_group(one.bev, group);
  bufferevent_add_to_rate_limit_group(two.bev, group);
  bufferevent_enable(one.bev, EV_READ);
  bufferevent_enable(two.bev, EV_READ);
  peer_writes(&one, 150);
  run_for_ms(base, 500);
  limited_close(&one, base);
  rec_limits("alone", &two);
  run_for_ms(base, 1000);
  peer_writes(&two, 150);
  run_for_ms(base, 1500);
  rec("%ld and %ld bytes", one.read_bytes, two.read_bytes);
  rec_group("group", group);
  limited_close(&two, base);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

// --- Where ours differs on purpose -------------------------------------------

SCENARIO_DIFFERS(rate_limit_group_another_tick,
                 "libevent counts the new ticks from the number of the old "
                 "one: the bucket is full at once, or never again");

SCENARIO(rate_limit_group_another_tick,
         "behaviour 52: a group whose ticks become longer, or shorter, goes "
         "on from what its bucket holds") {
  struct event_base *base;
  struct ev_token_bucket_cfg *second, *half, *four;
  group *group;
  virtual_time();
  base = new_base();
  second = ev_token_bucket_cfg_new(100, 1000, 100, 1000, NULL);
  half = ev_token_bucket_cfg_new(100, 1000, 100, 1000, ms(500));
  four = ev_token_bucket_cfg_new(100, 1000, 100, 1000, ms(4000));
  group = bufferevent_rate_limit_group_new(base, second);
  run_for_ms(base, 1500);
  rec_group("at 1500 ms", group);
  rec("four seconds -> %d", bufferevent_rate_limit_group_set_cfg(group, four));
  run_for_ms(base, 12000);
  rec_group("twelve seconds later", group);
  rec("half a second -> %d", bufferevent_rate_limit_group_set_cfg(group, half));
  run_for_ms(base, 1200);
  rec_group("1200 ms later", group);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(second);
  ev_token_bucket_cfg_free(half);
  ev_token_bucket_cfg_free(four);
  event_base_free(base);
}

SCENARIO_DIFFERS(rate_limit_group_tiny_share,
                 "libevent reads 0 bytes where a share is less than one, and "
                 "takes that for the end of the file");

SCENARIO(rate_limit_group_tiny_share,
         "behaviour 52: a group with more members than bytes goes on by "
         "single bytes") {
  enum { kMembers = 40 };
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  group *group;
  struct limited one;
  struct bufferevent *others[kMembers];
  int i;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(20, 20, 20, 20, NULL);
  group = bufferevent_rate_limit_group_new(base, cfg);
  bufferevent_rate_limit_group_set_min_share(group, 0);
  limited_open(&one, NULL, base);
  bufferevent_add_to_rate_limit_group(one.bev, group);
  for (i = 0; i < kMembers; i++) {
    others[i] = bufferevent_socket_new(base, -1, 0);
    bufferevent_add_to_rate_limit_group(others[i], group);
  }
  bufferevent_enable(one.bev, EV_READ);
  peer_writes(&one, 30);
  run_for_ms(base, 2500);
  rec("%ld bytes", one.read_bytes);
  for (i = 0; i < kMembers; i++) bufferevent_free(others[i]);
  limited_close(&one, base);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO_ORACLE_CRASHES(rate_limit_group_freed_with_members,
                        "libevent's assertion fails");

SCENARIO(rate_limit_group_freed_with_members,
         "bad input: a group with members stays, and can be freed when they "
         "have left") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  group *group;
  struct limited one;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 100, 100, 100, NULL);
  group = bufferevent_rate_limit_group_new(base, cfg);
  limited_open(&one, NULL, base);
  if (bufferevent_add_to_rate_limit_group(one.bev, group) == 0) {
    bufferevent_rate_limit_group_free(group);
    rec_limits("still limited", &one);
  }
  bufferevent_remove_from_rate_limit_group(one.bev);
  bufferevent_rate_limit_group_free(group);
  rec_limits("free", &one);
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO_ORACLE_CRASHES(rate_limit_group_freed_at_once,
                        "libevent's members leave their group in a later turn "
                        "of the loop; the assertion fails");

SCENARIO(rate_limit_group_freed_at_once,
         "behaviour 52: a bufferevent that is freed leaves its group at once") {
  struct event_base *base = new_base();
  struct ev_token_bucket_cfg *cfg =
      ev_token_bucket_cfg_new(100, 100, 100, 100, NULL);
  group *group = bufferevent_rate_limit_group_new(base, cfg);
  struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
  bufferevent_add_to_rate_limit_group(bev, group);
  bufferevent_free(bev);
  bufferevent_rate_limit_group_free(group);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO_ORACLE_CRASHES(rate_limit_group_null,
                        "libevent reads through the pointer");

SCENARIO(rate_limit_group_null,
         "bad input: no group, no base, no configuration") {
  struct event_base *base = new_base();
  struct ev_token_bucket_cfg *cfg =
      ev_token_bucket_cfg_new(100, 100, 100, 100, NULL);
  group *none = NULL;
  group *group = bufferevent_rate_limit_group_new(base, cfg);
  struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
  ev_uint64_t total = 7;
  rec("no base: %s",
      bufferevent_rate_limit_group_new(NULL, cfg) ? "a group" : "NULL");
  bufferevent_add_to_rate_limit_group(bev, group);
  rec("to no group -> %d", bufferevent_add_to_rate_limit_group(bev, none));
  rec("at once %zd", (ssize_t)bufferevent_get_max_to_read(bev));
  bufferevent_rate_limit_group_free(group);
  bufferevent_free(bev);
  glance(base, 2);
  rec("no cfg: %s",
      bufferevent_rate_limit_group_new(base, NULL) ? "a group" : "NULL");
  rec("share %d", bufferevent_rate_limit_group_set_min_share(none, 1));
  rec("limits %zd %zd",
      (ssize_t)bufferevent_rate_limit_group_get_read_limit(none),
      (ssize_t)bufferevent_rate_limit_group_get_write_limit(none));
  rec("decrement %d %d", bufferevent_rate_limit_group_decrement_read(none, 1),
      bufferevent_rate_limit_group_decrement_write(none, 1));
  bufferevent_rate_limit_group_get_totals(none, &total, &total);
  bufferevent_rate_limit_group_reset_totals(none);
  bufferevent_rate_limit_group_free(none);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}
