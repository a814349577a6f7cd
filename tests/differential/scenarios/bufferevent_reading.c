// SPDX-License-Identifier: BSD-3-Clause
//
// Bufferevents: reading, watermarks, end of file and errors.

#include "tests/differential/scenarios/bufferevent_support.h"

static struct bufferevent *make(struct event_base *base, int fd,
                                struct seen *seen) {
  struct bufferevent *bev =
      bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, on_read, NULL, on_event, seen);
  return bev;
}

SCENARIO(bufferevent_new_enabled,
         "behaviour 41: EV_WRITE is enabled from the start, EV_READ not; "
         "enabling reads later delivers what the kernel holds") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  rec("enabled %s", enabled_text(bufferevent_get_enabled(bev)));
  put(fds[1], "early");
  glance(base, 3);
  rec("not enabled: %d reads, input %zu", seen.reads,
      evbuffer_get_length(bufferevent_get_input(bev)));
  rec("enable -> %d", bufferevent_enable(bev, EV_READ));
  rec("enabled %s", enabled_text(bufferevent_get_enabled(bev)));
  rec("inside enable: %d reads", seen.reads);
  glance(base, 3);
  rec("%d reads, %zu bytes", seen.reads, seen.bytes);
  rec("disable -> %d", bufferevent_disable(bev, EV_READ));
  put(fds[1], "later");
  glance(base, 3);
  rec("%d reads, %zu bytes", seen.reads, seen.bytes);
  rec("enable -> %d", bufferevent_enable(bev, EV_READ | EV_WRITE));
  glance(base, 3);
  rec("%d reads, %zu bytes", seen.reads, seen.bytes);
  rec("disable both -> %d", bufferevent_disable(bev, EV_READ | EV_WRITE));
  rec("enabled %s", enabled_text(bufferevent_get_enabled(bev)));
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_enable_twice,
         "behaviour 41: enabling and disabling what is so already, nothing, or "
         "unknown events") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  rec("enable R -> %d", bufferevent_enable(bev, EV_READ));
  rec("enable R -> %d", bufferevent_enable(bev, EV_READ));
  rec("enable nothing -> %d", bufferevent_enable(bev, 0));
  rec("disable nothing -> %d", bufferevent_disable(bev, 0));
  rec("enabled %s", enabled_text(bufferevent_get_enabled(bev)));
  rec("enable EV_PERSIST -> %d", bufferevent_enable(bev, EV_PERSIST));
  rec("enabled %x", (unsigned)bufferevent_get_enabled(bev));
  rec("disable EV_PERSIST -> %d", bufferevent_disable(bev, EV_PERSIST));
  rec("enabled %x", (unsigned)bufferevent_get_enabled(bev));
  rec("disable R -> %d", bufferevent_disable(bev, EV_READ));
  rec("disable R -> %d", bufferevent_disable(bev, EV_READ));
  rec("enabled %s", enabled_text(bufferevent_get_enabled(bev)));
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_read_leftover,
         "behaviour 42: bytes that the callback leaves do not call it again by "
         "themselves, new ones do") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 2};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "12345");
  glance(base, 5);
  rec("%d reads, input %zu", seen.reads,
      evbuffer_get_length(bufferevent_get_input(bev)));
  put(fds[1], "6");
  glance(base, 5);
  rec("%d reads, input %zu", seen.reads,
      evbuffer_get_length(bufferevent_get_input(bev)));
  bufferevent_disable(bev, EV_READ);
  bufferevent_enable(bev, EV_READ);
  glance(base, 5);
  rec("%d reads, input %zu", seen.reads,
      evbuffer_get_length(bufferevent_get_input(bev)));
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_read_low_watermark,
         "behaviour 42: the read callback runs when the input is at or above "
         "the low watermark after new bytes came") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  int i;
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_setwatermark(bev, EV_READ, 5, 0);
  bufferevent_enable(bev, EV_READ);
  for (i = 0; i < 7; i++) {
    put(fds[1], "x");
    glance(base, 3);
    rec("%d sent, %d reads", i + 1, seen.reads);
  }
  evbuffer_drain(bufferevent_get_input(bev), 4);
  put(fds[1], "x");
  glance(base, 3);
  rec("input %zu, %d reads", evbuffer_get_length(bufferevent_get_input(bev)),
      seen.reads);
  rec("lowering the watermark calls nobody");
  bufferevent_setwatermark(bev, EV_READ, 1, 0);
  glance(base, 3);
  rec("%d reads", seen.reads);
  put(fds[1], "x");
  glance(base, 3);
  rec("%d reads", seen.reads);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_read_high_watermark,
         "behaviour 42: at the high watermark reading pauses and goes on when "
         "the program drains") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  struct evbuffer *input;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_setcb(bev, NULL, NULL, on_event, &seen);
  input = bufferevent_get_input(bev);
  bufferevent_setwatermark(bev, EV_READ, 0, 8);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "0123456789abcdef");
  glance(base, 5);
  rec_buffer("input", input);
  glance(base, 5);
  rec_buffer("input", input);
  rec("drain 3 -> %d", evbuffer_drain(input, 3));
  rec("not inside drain: %zu", evbuffer_get_length(input));
  glance(base, 5);
  rec_buffer("input", input);
  rec("drain all -> %d", evbuffer_drain(input, 100));
  glance(base, 5);
  rec_buffer("input", input);
  rec("enabled all the time %s", enabled_text(bufferevent_get_enabled(bev)));
  rec("no limit any more");
  bufferevent_setwatermark(bev, EV_READ, 0, 0);
  put(fds[1], "0123456789");
  glance(base, 5);
  rec_buffer("input", input);
  rec("limit below what is there");
  bufferevent_setwatermark(bev, EV_READ, 0, 4);
  put(fds[1], "!");
  glance(base, 5);
  rec_buffer("input", input);
  evbuffer_drain(input, evbuffer_get_length(input) - 3);
  glance(base, 5);
  rec_buffer("input", input);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_read_high_watermark_callback,
         "behaviour 42: a callback that drains at the high watermark sees all "
         "bytes") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 5};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_setwatermark(bev, EV_READ, 5, 5);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "0123456789abcdefghij");
  glance(base, 12);
  rec("%d reads, %zu bytes", seen.reads, seen.bytes);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO_ORACLE_SPINS(bufferevent_read_high_watermark_stays,
                      "libevent calls back for ever while the input stays at "
                      "the high watermark");

SCENARIO(bufferevent_read_high_watermark_stays,
         "behaviour 42: a callback that leaves the input at the high watermark "
         "runs once") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_setwatermark(bev, EV_READ, 0, 4);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "01234567");
  rec("loop");
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_loop(base, EVLOOP_NONBLOCK);
  rec("%d reads, input %zu", seen.reads,
      evbuffer_get_length(bufferevent_get_input(bev)));
  seen.drain = 3;
  evbuffer_drain(bufferevent_get_input(bev), 2);
  event_base_loop(base, EVLOOP_NONBLOCK);
  rec("%d reads, input %zu", seen.reads,
      evbuffer_get_length(bufferevent_get_input(bev)));
  bufferevent_free(bev);
  event_base_loop(base, EVLOOP_NONBLOCK);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_watermark_values,
         "behaviour 42: setwatermark and getwatermark for reading, writing, "
         "both and neither") {
  struct event_base *base = new_base();
  struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
  static const short kEvents[] = {EV_READ, EV_WRITE, EV_READ | EV_WRITE, 0,
                                  EV_TIMEOUT};
  size_t i;
  size_t round;
  for (round = 0; round < 3; round++) {
    if (round == 1) bufferevent_setwatermark(bev, EV_READ, 10, 20);
    if (round == 2) bufferevent_setwatermark(bev, EV_READ | EV_WRITE, 7, 3);
    for (i = 0; i < sizeof kEvents / sizeof *kEvents; i++) {
      size_t low = 99;
      size_t high = 99;
      int result = bufferevent_getwatermark(bev, kEvents[i], &low, &high);
      rec("get %x -> %d: %zu, %zu", (unsigned)kEvents[i], result, low, high);
      rec("no pointers -> %d",
          bufferevent_getwatermark(bev, kEvents[i], NULL, NULL));
    }
  }
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_eof,
         "behaviour 44: remaining bytes first, then EOF with READING; reading "
         "is then disabled") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "last words");
  close(fds[1]);
  glance(base, 5);
  rec("%d reads, %zu bytes, %d events", seen.reads, seen.bytes, seen.events);
  rec("enabled %s", enabled_text(bufferevent_get_enabled(bev)));
  rec("enable again -> %d", bufferevent_enable(bev, EV_READ));
  event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
  event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_eof_half_close,
         "behaviour 44: after the peer's half-close writing still works") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  char out[32];
  int fds[2];
  int n;
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "question");
  shutdown(fds[1], SHUT_WR);
  glance(base, 5);
  rec("write -> %d", bufferevent_write(bev, "answer", 6));
  glance(base, 5);
  n = get(fds[1], out, sizeof out);
  rec("peer %d %s", n, out);
  bufferevent_free(bev);
  glance(base, 2);
  n = get(fds[1], out, sizeof out);
  rec("peer %d", n);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_eof_below_low_watermark,
         "behaviour 44: bytes below the low watermark stay in the input, only "
         "the event comes") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_setwatermark(bev, EV_READ, 20, 0);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "too little");
  close(fds[1]);
  glance(base, 5);
  rec("%d reads", seen.reads);
  rec_buffer("input", bufferevent_get_input(bev));
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_reset,
         "behaviour 44: a peer that resets gives ERROR with READING and "
         "ECONNRESET") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  tcp_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_enable(bev, EV_READ);
  close_with_reset(fds[1]);
  run_until(base, &seen.events, 1);
  rec("enabled %s", enabled_text(bufferevent_get_enabled(bev)));
  glance(base, 3);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_write_error,
         "behaviour 44: writing to a closed peer gives ERROR with WRITING and "
         "EPIPE; writing is then disabled") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  close(fds[1]);
  rec("write -> %d", bufferevent_write(bev, "too late", 8));
  glance(base, 5);
  rec("%d events, enabled %s, output %zu", seen.events,
      enabled_text(bufferevent_get_enabled(bev)),
      evbuffer_get_length(bufferevent_get_output(bev)));
  rec("write -> %d", bufferevent_write(bev, "later", 5));
  glance(base, 5);
  rec("%d events, output %zu", seen.events,
      evbuffer_get_length(bufferevent_get_output(bev)));
  rec("enable W -> %d", bufferevent_enable(bev, EV_WRITE));
  glance(base, 5);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

static void free_on_read(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  seen->reads++;
  rec("  read: free");
  bufferevent_free(bev);
}

static void free_on_event(struct bufferevent *bev, short what, void *arg) {
  struct seen *seen = arg;
  seen->events++;
  rec("  event %s: free", what_text(what));
  bufferevent_free(bev);
}

SCENARIO(bufferevent_free_in_callback,
         "behaviour 44: freeing inside the read, write and event callbacks") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int options;
  guard_memory();
  base = new_base();
  for (options = 0; options <= BEV_OPT_DEFER_CALLBACKS;
       options += BEV_OPT_DEFER_CALLBACKS) {
    int fds[2];
    char out[8];
    int i;
    rec("options %x", (unsigned)options);
    for (i = 0; i < 3; i++) {
      int calls = seen.reads + seen.events;
      socket_pair(fds);
      bev =
          bufferevent_socket_new(base, fds[0], options | BEV_OPT_CLOSE_ON_FREE);
      bufferevent_setcb(bev, i == 0 ? free_on_read : NULL,
                        i == 1 ? free_on_read : NULL,
                        i == 2 ? free_on_event : NULL, &seen);
      bufferevent_enable(bev, EV_READ);
      if (i == 0) put(fds[1], "data");
      if (i == 1) bufferevent_write(bev, "data", 4);
      if (i == 2) shutdown(fds[1], SHUT_WR);
      glance(base, 6);
      if (seen.reads + seen.events == calls) bufferevent_free(bev);
      if (i == 1) rec("peer %d", get(fds[1], out, sizeof out));
      rec("peer sees %d", get(fds[1], out, sizeof out));
      close(fds[1]);
    }
  }
  rec("%d reads or writes, %d events", seen.reads, seen.events);
  event_base_free(base);
}

SCENARIO(bufferevent_free_before_eof,
         "behaviour 44: freed in the read callback, the event of the same turn "
         "does not come") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, free_on_read, NULL, on_event, &seen);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "data");
  close(fds[1]);
  glance(base, 5);
  rec("%d reads, %d events", seen.reads, seen.events);
  if (seen.reads == 0) bufferevent_free(bev);
  event_base_free(base);
}

static void disable_on_read(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  seen->reads++;
  rec("  read, disable -> %d", bufferevent_disable(bev, EV_READ));
}

SCENARIO(bufferevent_disable_before_eof,
         "behaviour 44: disabled in the read callback, the end of file comes "
         "only after enabling again") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_setcb(bev, disable_on_read, NULL, on_event, &seen);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "data");
  close(fds[1]);
  glance(base, 5);
  rec("%d reads, %d events", seen.reads, seen.events);
  bufferevent_enable(bev, EV_READ);
  glance(base, 5);
  rec("%d reads, %d events", seen.reads, seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

SCENARIO(bufferevent_read_functions,
         "behaviour 42: bufferevent_read and read_buffer, of more and of "
         "nothing") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct evbuffer *to = evbuffer_new();
  struct bufferevent *bev;
  char out[32] = "";
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_enable(bev, EV_READ);
  rec("read of nothing -> %zu", bufferevent_read(bev, out, sizeof out));
  rec("read_buffer of nothing -> %d", bufferevent_read_buffer(bev, to));
  put(fds[1], "0123456789");
  glance(base, 3);
  rec("read 4 -> %zu", bufferevent_read(bev, out, 4));
  rec("%s", out);
  rec("read 0 -> %zu", bufferevent_read(bev, out, 0));
  rec("read_buffer -> %d", bufferevent_read_buffer(bev, to));
  rec_buffer("to", to);
  put(fds[1], "ab");
  glance(base, 3);
  rec("read 32 -> %zu", bufferevent_read(bev, out, 32));
  evbuffer_freeze(to, 0);
  put(fds[1], "cd");
  glance(base, 3);
  rec("read_buffer to a frozen one -> %d", bufferevent_read_buffer(bev, to));
  rec_buffer("input", bufferevent_get_input(bev));
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  evbuffer_free(to);
  event_base_free(base);
}

SCENARIO(bufferevent_frozen_ends,
         "behaviour 32: a bufferevent's input end and output start are frozen "
         "to the user") {
  struct event_base *base = new_base();
  struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
  struct evbuffer *input = bufferevent_get_input(bev);
  struct evbuffer *output = bufferevent_get_output(bev);
  struct evbuffer *other = evbuffer_new();
  char out[8];
  evbuffer_add(other, "other", 5);
  rec("input: add -> %d", evbuffer_add(input, "x", 1));
  rec("input: add_buffer -> %d", evbuffer_add_buffer(input, other));
  rec("input: prepend -> %d", evbuffer_prepend(input, "pre", 3));
  rec_buffer("input", input);
  rec("input: drain -> %d", evbuffer_drain(input, 1));
  rec("output: add -> %d", evbuffer_add(output, "data", 4));
  rec("output: prepend -> %d", evbuffer_prepend(output, "x", 1));
  rec("output: drain -> %d", evbuffer_drain(output, 1));
  rec("output: remove -> %d", evbuffer_remove(output, out, 1));
  rec("output: copyout -> %zd", (ssize_t)evbuffer_copyout(output, out, 1));
  rec("output: pullup %d", evbuffer_pullup(output, -1) != NULL);
  rec("output: add_buffer elsewhere -> %d", evbuffer_add_buffer(other, output));
  rec("output: add_buffer -> %d", evbuffer_add_buffer(output, other));
  rec("lengths %zu %zu", evbuffer_get_length(input),
      evbuffer_get_length(output));
  bufferevent_free(bev);
  glance(base, 1);
  evbuffer_free(other);
  event_base_free(base);
}

SCENARIO(bufferevent_read_large,
         "behaviour 42: large amounts arrive whole and in order whatever one "
         "callback finds") {
  struct event_base *base = new_base();
  struct bufferevent *bev;
  struct evbuffer *input;
  char *block = malloc(300000);
  size_t sent = 0;
  size_t i;
  int rounds = 0;
  int fds[2];
  if (block == NULL) return;
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], 0);
  input = bufferevent_get_input(bev);
  for (i = 0; i < 300000; i++) block[i] = (char)(i % 251);
  bufferevent_enable(bev, EV_READ);
  while (evbuffer_get_length(input) < 300000 && rounds++ < 1000) {
    if (sent < 300000) {
      ssize_t n = write(fds[1], block + sent, 300000 - sent);
      if (n > 0) sent += (size_t)n;
    }
    glance(base, 1);
  }
  rec_buffer("input", input);
  bufferevent_free(bev);
  glance(base, 1);
  close_pair(fds);
  event_base_free(base);
  free(block);
}
