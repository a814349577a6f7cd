// SPDX-License-Identifier: BSD-3-Clause
//
// Rate limits of single bufferevents, in virtual time.
#include "tests/differential/scenarios/rate_limit_support.h"

static int is_config(size_t read_rate, size_t read_burst, size_t write_rate,
                     size_t write_burst, const struct timeval *tick) {
  struct ev_token_bucket_cfg *cfg = ev_token_bucket_cfg_new(
      read_rate, read_burst, write_rate, write_burst, tick);
  int is = cfg != NULL;
  if (cfg) ev_token_bucket_cfg_free(cfg);
  return is;
}

SCENARIO(rate_limit_configurations,
         "behaviour 52: a rate is at least 1, at most its burst; a burst at "
         "most EV_RATE_LIMIT_MAX") {
  const size_t most = EV_RATE_LIMIT_MAX;
  struct timeval tick = {0, 1000};
  rec("least %d", is_config(1, 1, 1, 1, NULL));
  rec("most %d", is_config(most, most, most, most, NULL));
  rec("no rate %d %d", is_config(0, 1, 1, 1, NULL),
      is_config(1, 1, 0, 1, NULL));
  rec("above its burst %d %d", is_config(2, 1, 1, 1, NULL),
      is_config(1, 1, 2, 1, NULL));
  rec("too much %d %d %d", is_config(1, most + 1, 1, 1, NULL),
      is_config(1, 1, 1, most + 1, NULL),
      is_config(most + 1, most + 1, 1, 1, NULL));
  rec("a millisecond %d", is_config(1, 1, 1, 1, &tick));
}

SCENARIO_ORACLE_CRASHES(rate_limit_tick_below_a_millisecond,
                        "libevent divides by zero");

SCENARIO(rate_limit_tick_below_a_millisecond,
         "bad input: a tick that is not a millisecond is refused") {
  struct event_base *base = new_base();
  struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
  struct timeval bad[] = {{0, 0}, {0, 999}, {-1, 0}, {0, -1}};
  unsigned i;
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct ev_token_bucket_cfg *cfg =
        ev_token_bucket_cfg_new(1, 1, 1, 1, &bad[i]);
    rec("%ld s %ld us: %s", (long)bad[i].tv_sec, (long)bad[i].tv_usec,
        cfg ? "a configuration" : "NULL");
    if (cfg) bufferevent_set_rate_limit(bev, cfg);
    if (cfg) ev_token_bucket_cfg_free(cfg);
  }
  bufferevent_free(bev);
  event_base_free(base);
}

SCENARIO(rate_limit_getters,
         "behaviour 52: a bucket starts with one rate's worth; another limit "
         "only clips it; a limit stands for max_single_read") {
  struct event_base *base;
  struct ev_token_bucket_cfg *small, *wide;
  struct limited one;
  virtual_time();
  base = new_base();
  small = ev_token_bucket_cfg_new(100, 1000, 200, 2000, NULL);
  wide = ev_token_bucket_cfg_new(5000, 5000, 40, 40, NULL);
  limited_open(&one, NULL, base);
  bufferevent_disable(one.bev, EV_WRITE);
  rec_limits("fresh", &one);
  rec("no limit: NULL %d", bufferevent_get_token_bucket_cfg(one.bev) == NULL);
  rec("none to end -> %d", bufferevent_set_rate_limit(one.bev, NULL));
  bufferevent_enable(one.bev, EV_READ | EV_WRITE);
  glance(base, 2);
  rec_limits("idle", &one);
  rec("limit -> %d", bufferevent_set_rate_limit(one.bev, small));
  rec_limits("limited", &one);
  rec("that limit: %d", bufferevent_get_token_bucket_cfg(one.bev) == small);
  glance(base, 2);
  rec_limits("idle again", &one);
  rec("the same -> %d", bufferevent_set_rate_limit(one.bev, small));
  rec_limits("the same", &one);
  rec("another -> %d", bufferevent_set_rate_limit(one.bev, wide));
  rec_limits("another", &one);
  bufferevent_set_max_single_read(one.bev, 30);
  bufferevent_set_max_single_write(one.bev, 20);
  rec_limits("single 30 and 20", &one);
  rec("no limit -> %d", bufferevent_set_rate_limit(one.bev, NULL));
  rec_limits("no limit", &one);
  rec("no limit: NULL %d", bufferevent_get_token_bucket_cfg(one.bev) == NULL);
  rec("limit -> %d", bufferevent_set_rate_limit(one.bev, wide));
  rec_limits("a new bucket", &one);
  limited_close(&one, base);
  ev_token_bucket_cfg_free(small);
  ev_token_bucket_cfg_free(wide);
  event_base_free(base);
}

SCENARIO(rate_limit_reading,
         "behaviour 52: reading pauses when the bucket is empty and goes on a "
         "tick later; while idle the bucket fills up to the burst") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 300, 200, 2000, NULL);
  limited_open(&one, "one", base);
  bufferevent_set_rate_limit(one.bev, cfg);
  bufferevent_enable(one.bev, EV_READ);
  peer_writes(&one, 1000);
  run_for_ms(base, 4500);
  rec_limits("at 4500 ms", &one);
  run_for_ms(base, 4000);
  rec("%ld bytes", one.read_bytes);
  run_for_ms(base, 20000);
  rec_limits("idle", &one);
  peer_writes(&one, 1000);
  run_for_ms(base, 3500);
  rec("%ld bytes", one.read_bytes);
  rec("no limit -> %d", bufferevent_set_rate_limit(one.bev, NULL));
  run_for_ms(base, 1);
  rec("%ld bytes", one.read_bytes);
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_short_ticks,
         "behaviour 52: a tick of 50 ms, and a burst that is the rate") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(10, 10, 7, 7, ms(50));
  limited_open(&one, "one", base);
  bufferevent_set_rate_limit(one.bev, cfg);
  bufferevent_enable(one.bev, EV_READ);
  run_for_ms(base, 1000);
  peer_writes(&one, 65);
  run_for_ms(base, 420);
  rec("%ld bytes", one.read_bytes);
  rec_limits("then", &one);
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_writing,
         "behaviour 52: writing takes what the bucket has, at once and after "
         "each tick, and tells so") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  char block[2500] = {0};
  int i;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(10000, 10000, 200, 600, NULL);
  limited_open(&one, "one", base);
  bufferevent_set_rate_limit(one.bev, cfg);
  run_for_ms(base, 100);
  rec("write -> %d", bufferevent_write(one.bev, block, 1100));
  for (i = 0; i < 14; i++) {
    run_for_ms(base, 500);
    peer_reads(&one);
    rec("%lld ms: sent %ld, output %zu, left %zd", (long long)now_ms(),
        one.sent_bytes, evbuffer_get_length(bufferevent_get_output(one.bev)),
        (ssize_t)bufferevent_get_write_limit(one.bev));
  }
  run_for_ms(base, 5000);
  rec("after a rest: left %zd", (ssize_t)bufferevent_get_write_limit(one.bev));
  rec("write -> %d", bufferevent_write(one.bev, block, 900));
  run_for_ms(base, 500);
  peer_reads(&one);
  rec("sent %ld", one.sent_bytes);
  rec("no limit -> %d", bufferevent_set_rate_limit(one.bev, NULL));
  run_for_ms(base, 1);
  peer_reads(&one);
  rec("sent %ld", one.sent_bytes);
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_write_callback_low_mark,
         "behaviour 52: what was written just before the pause is told, the "
         "low watermark minded") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  char block[300] = {0};
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 100, 100, 100, NULL);
  limited_open(&one, "one", base);
  bufferevent_setwatermark(one.bev, EV_WRITE, 150, 0);
  run_for_ms(base, 10);
  bufferevent_set_rate_limit(one.bev, cfg);
  run_for_ms(base, 10);
  rec("write -> %d", bufferevent_write(one.bev, block, 300));
  run_for_ms(base, 500);
  peer_reads(&one);
  rec("sent %ld", one.sent_bytes);
  run_for_ms(base, 1000);
  peer_reads(&one);
  rec("sent %ld", one.sent_bytes);
  run_for_ms(base, 1000);
  peer_reads(&one);
  rec("sent %ld", one.sent_bytes);
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_survives_enabling,
         "behaviour 52: disabling and enabling does not end a pause") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  char block[500] = {0};
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 100, 100, 100, NULL);
  limited_open(&one, "one", base);
  bufferevent_set_rate_limit(one.bev, cfg);
  bufferevent_enable(one.bev, EV_READ);
  run_for_ms(base, 10);
  peer_writes(&one, 500);
  bufferevent_write(one.bev, block, 500);
  run_for_ms(base, 10);
  rec_limits("empty", &one);
  bufferevent_disable(one.bev, EV_READ | EV_WRITE);
  rec_limits("disabled", &one);
  bufferevent_enable(one.bev, EV_READ | EV_WRITE);
  rec_limits("enabled", &one);
  run_for_ms(base, 500);
  peer_reads(&one);
  rec("read %ld, sent %ld", one.read_bytes, one.sent_bytes);
  bufferevent_disable(one.bev, EV_READ | EV_WRITE);
  run_for_ms(base, 2000);
  rec_limits("disabled in the refill", &one);
  bufferevent_enable(one.bev, EV_READ | EV_WRITE);
  run_for_ms(base, 10);
  peer_reads(&one);
  rec("read %ld, sent %ld", one.read_bytes, one.sent_bytes);
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_decrement,
         "behaviour 52: a program takes tokens out, below nothing too, and "
         "gives some back") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 1000, 200, 2000, NULL);
  limited_open(&one, "one", base);
  bufferevent_set_rate_limit(one.bev, cfg);
  bufferevent_enable(one.bev, EV_READ);
  run_for_ms(base, 10);
  rec("99 -> %d", bufferevent_decrement_read_limit(one.bev, 99));
  rec_limits("99 less", &one);
  rec("0 -> %d", bufferevent_decrement_read_limit(one.bev, 0));
  rec("1 -> %d", bufferevent_decrement_read_limit(one.bev, 1));
  rec_limits("none left", &one);
  rec("250 -> %d", bufferevent_decrement_read_limit(one.bev, 250));
  rec_limits("below nothing", &one);
  peer_writes(&one, 120);
  run_for_ms(base, 2500);
  rec_limits("after 2.5 ticks", &one);
  run_for_ms(base, 2500);
  rec_limits("after 5 ticks", &one);
  rec("-20 -> %d", bufferevent_decrement_read_limit(one.bev, -20));
  rec_limits("given back", &one);
  rec("200 of writing -> %d", bufferevent_decrement_write_limit(one.bev, 9999));
  rec_limits("written", &one);
  rec("-9999 of writing -> %d",
      bufferevent_decrement_write_limit(one.bev, -9999));
  rec_limits("taken back", &one);
  rec("loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  bufferevent_disable(one.bev, EV_READ | EV_WRITE);
  rec("nothing to wait for: loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("300 -> %d", bufferevent_decrement_read_limit(one.bev, 300));
  rec("a refill to wait for: loop %d", event_base_loop(base, EVLOOP_NONBLOCK));
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_and_timeouts,
         "behaviour 45, 52: timeouts do not run while a limit pauses, and run "
         "again after it") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  char block[150] = {0};
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 100, 100, 100, NULL);
  limited_open(&one, "one", base);
  bufferevent_set_timeouts(one.bev, ms(300), ms(300));
  bufferevent_set_rate_limit(one.bev, cfg);
  bufferevent_enable(one.bev, EV_READ);
  bufferevent_write(one.bev, block, sizeof block);
  peer_writes(&one, 150);
  run_for_ms(base, 3000);
  rec("enabled %s", enabled_text(bufferevent_get_enabled(one.bev)));
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_and_watermark,
         "behaviour 42, 52: the high watermark and the bucket both bound a "
         "read; both must let it go on") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  struct evbuffer *input;
  int i;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 100, 100, 100, NULL);
  limited_open(&one, NULL, base);
  bufferevent_setcb(one.bev, NULL, NULL, on_limited_event, &one);
  bufferevent_setwatermark(one.bev, EV_READ, 0, 250);
  bufferevent_set_rate_limit(one.bev, cfg);
  bufferevent_enable(one.bev, EV_READ);
  input = bufferevent_get_input(one.bev);
  peer_writes(&one, 1000);
  for (i = 0; i < 5; i++) {
    run_for_ms(base, 1000);
    rec("input %zu", evbuffer_get_length(input));
  }
  evbuffer_drain(input, 60);
  run_for_ms(base, 10);
  rec("input %zu", evbuffer_get_length(input));
  evbuffer_drain(input, 250);
  run_for_ms(base, 10);
  rec("input %zu", evbuffer_get_length(input));
  rec("%s", waits_text(&one));
  run_for_ms(base, 1000);
  rec("input %zu", evbuffer_get_length(input));
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_end_of_file,
         "behaviour 44, 52: the bytes before the end come at their rate, then "
         "the end") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 100, 100, 100, NULL);
  limited_open(&one, "one", base);
  bufferevent_set_rate_limit(one.bev, cfg);
  bufferevent_enable(one.bev, EV_READ);
  peer_writes(&one, 250);
  shutdown(one.fds[1], SHUT_WR);
  run_for_ms(base, 5000);
  rec("%ld bytes", one.read_bytes);
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_freed_while_paused,
         "behaviour 52: a bufferevent that waits for its refill can be freed") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 100, 100, 100, NULL);
  limited_open(&one, "one", base);
  bufferevent_set_rate_limit(one.bev, cfg);
  bufferevent_enable(one.bev, EV_READ);
  peer_writes(&one, 250);
  run_for_ms(base, 10);
  limited_close(&one, base);
  run_for_ms(base, 5000);
  rec("%ld bytes; loop %d", one.read_bytes,
      event_base_loop(base, EVLOOP_NONBLOCK));
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO(rate_limit_of_pairs_and_filters,
         "behaviour 50, 51, 52: pairs and filters move bytes whatever their "
         "limit, but a bucket that the program empties pauses them") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct bufferevent *ends[2] = {NULL, NULL}, *filter;
  struct bufferevent_rate_limit_group *group;
  struct evbuffer *input;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(5, 5, 5, 5, NULL);
  group = bufferevent_rate_limit_group_new(base, cfg);
  rec("pair -> %d", bufferevent_pair_new(base, 0, ends));
  filter = bufferevent_filter_new(ends[1], NULL, NULL, 0, NULL, NULL);
  bufferevent_enable(ends[1], EV_READ);
  bufferevent_enable(filter, EV_READ | EV_WRITE);
  input = bufferevent_get_input(filter);
  rec("limit -> %d", bufferevent_set_rate_limit(filter, cfg));
  rec("at once %zd", (ssize_t)bufferevent_get_max_to_read(filter));
  bufferevent_write(ends[0], "more than five", 14);
  run_for_ms(base, 100);
  if (input) rec_buffer("input", input);
  rec("left %zd", (ssize_t)bufferevent_get_read_limit(filter));
  rec("taken -> %d", bufferevent_decrement_read_limit(filter, 5));
  bufferevent_write(ends[0], "later", 5);
  run_for_ms(base, 100);
  if (input) rec_buffer("input", input);
  run_for_ms(base, 2000);
  if (input) rec_buffer("input", input);
  rec("no limit -> %d", bufferevent_set_rate_limit(filter, NULL));
  rec("into a group -> %d",
      bufferevent_add_to_rate_limit_group(ends[1], group));
  rec("taken -> %d", bufferevent_rate_limit_group_decrement_read(group, 5));
  run_for_ms(base, 1);
  bufferevent_write(ends[0], ", in a group", 12);
  run_for_ms(base, 100);
  if (input) rec_buffer("input", input);
  run_for_ms(base, 2000);
  if (input) rec_buffer("input", input);
  bufferevent_remove_from_rate_limit_group(ends[1]);
  bufferevent_free(filter);
  bufferevent_free(ends[0]);
  bufferevent_free(ends[1]);
  glance(base, 3);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

// --- Where ours differs on purpose -------------------------------------------

SCENARIO_DIFFERS(rate_limit_another_tick,
                 "libevent counts the new ticks from the number of the old "
                 "one: the bucket is full at once, or never again");

SCENARIO(rate_limit_another_tick,
         "behaviour 52: a limit whose ticks are longer, or shorter, goes on "
         "from what the bucket holds") {
  struct event_base *base;
  struct ev_token_bucket_cfg *second, *half, *four;
  struct limited one;
  virtual_time();
  base = new_base();
  second = ev_token_bucket_cfg_new(100, 1000, 100, 1000, NULL);
  half = ev_token_bucket_cfg_new(100, 1000, 100, 1000, ms(500));
  four = ev_token_bucket_cfg_new(100, 1000, 100, 1000, ms(4000));
  limited_open(&one, "one", base);
  bufferevent_set_rate_limit(one.bev, second);
  bufferevent_enable(one.bev, EV_READ);
  run_for_ms(base, 10);
  peer_writes(&one, 5000);
  run_for_ms(base, 2490);
  rec("half a second -> %d", bufferevent_set_rate_limit(one.bev, half));
  run_for_ms(base, 2000);
  rec("four seconds -> %d", bufferevent_set_rate_limit(one.bev, four));
  run_for_ms(base, 20000);
  limited_close(&one, base);
  ev_token_bucket_cfg_free(second);
  ev_token_bucket_cfg_free(half);
  ev_token_bucket_cfg_free(four);
  event_base_free(base);
}

SCENARIO_DIFFERS(rate_limit_above_the_burst,
                 "libevent's bucket goes on growing when a program has put in "
                 "more than the burst");

SCENARIO(rate_limit_above_the_burst,
         "behaviour 52: what a program puts in stays, but the burst bounds "
         "what comes in by itself") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 300, 100, 300, NULL);
  limited_open(&one, "one", base);
  bufferevent_set_rate_limit(one.bev, cfg);
  rec("-900 -> %d", bufferevent_decrement_read_limit(one.bev, -900));
  rec_limits("more", &one);
  run_for_ms(base, 10000);
  rec_limits("after ten ticks", &one);
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO_DIFFERS(rate_limit_wall_clock_jumps,
                 "libevent counts ticks of the wall clock: set back, it fills "
                 "no bucket until it has caught up");

SCENARIO(rate_limit_wall_clock_jumps,
         "behaviour 21, 52: a jump of the wall clock changes no rate") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 1000, 100, 1000, NULL);
  limited_open(&one, NULL, base);
  bufferevent_set_rate_limit(one.bev, cfg);
  bufferevent_enable(one.bev, EV_READ);
  peer_writes(&one, 10000);
  run_for_ms(base, 9500);
  rec("%ld bytes", one.read_bytes);
  jump_wall_clock_s(-1000);
  run_for_ms(base, 20000);
  rec("%ld bytes", one.read_bytes);
  jump_wall_clock_s(3000);
  run_for_ms(base, 20000);
  rec("%ld bytes", one.read_bytes);
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO_DIFFERS(rate_limit_directions_share_a_timer,
                 "libevent puts the refill off each time that one direction "
                 "runs out while the other waits for it");

SCENARIO(rate_limit_directions_share_a_timer,
         "behaviour 52: a direction that runs out does not put off the refill "
         "of the other") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  char block[100] = {0};
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 100, 100, 100, NULL);
  limited_open(&one, "one", base);
  bufferevent_setcb(one.bev, on_limited_read, NULL, on_limited_event, &one);
  bufferevent_set_rate_limit(one.bev, cfg);
  bufferevent_enable(one.bev, EV_READ);
  peer_writes(&one, 300);
  run_for_ms(base, 900);
  bufferevent_write(one.bev, block, sizeof block);
  run_for_ms(base, 3000);
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO_DIFFERS(rate_limit_huge_decrements,
                 "libevent's count of bytes overflows");

SCENARIO(rate_limit_huge_decrements,
         "bad input: a bucket that cannot hold more, or less, stays so") {
  struct event_base *base;
  struct ev_token_bucket_cfg *cfg;
  struct limited one;
  virtual_time();
  base = new_base();
  cfg = ev_token_bucket_cfg_new(100, 100, 100, 100, NULL);
  limited_open(&one, NULL, base);
  bufferevent_set_rate_limit(one.bev, cfg);
  bufferevent_enable(one.bev, EV_READ);
  rec("much less -> %d",
      bufferevent_decrement_read_limit(one.bev, EV_SSIZE_MAX));
  rec("again -> %d", bufferevent_decrement_read_limit(one.bev, EV_SSIZE_MAX));
  rec_limits("little", &one);
  rec("much more -> %d",
      bufferevent_decrement_write_limit(one.bev, -EV_SSIZE_MAX));
  rec_limits("much", &one);
  limited_close(&one, base);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

SCENARIO_ORACLE_CRASHES(rate_limit_decrement_without_limit,
                        "libevent's assertion fails");

SCENARIO(rate_limit_decrement_without_limit,
         "bad input: where there is no bucket none can be taken from") {
  struct event_base *base = new_base();
  struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
  rec("read -> %d", bufferevent_decrement_read_limit(bev, 1));
  rec("write -> %d", bufferevent_decrement_write_limit(bev, 1));
  bufferevent_free(bev);
  event_base_free(base);
}

SCENARIO_ORACLE_CRASHES(rate_limit_null, "libevent reads through the pointer");

SCENARIO(rate_limit_null, "bad input: no bufferevent to limit") {
  struct bufferevent *none = NULL;
  rec("set %d", bufferevent_set_rate_limit(none, NULL));
  rec("cfg %d", bufferevent_get_token_bucket_cfg(none) == NULL);
  rec("limits %zd %zd", (ssize_t)bufferevent_get_read_limit(none),
      (ssize_t)bufferevent_get_write_limit(none));
  rec("at once %zd %zd", (ssize_t)bufferevent_get_max_to_read(none),
      (ssize_t)bufferevent_get_max_to_write(none));
  rec("decrement %d %d", bufferevent_decrement_read_limit(none, 1),
      bufferevent_decrement_write_limit(none, 1));
  rec("group %d %d", bufferevent_add_to_rate_limit_group(none, NULL),
      bufferevent_remove_from_rate_limit_group(none));
}
