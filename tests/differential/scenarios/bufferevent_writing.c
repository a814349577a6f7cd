// SPDX-License-Identifier: BSD-3-Clause
//
// Bufferevents: writing, the write callback, freeing, setfd.

#include "tests/differential/scenarios/bufferevent_support.h"

static struct bufferevent *make(struct event_base *base, int fd,
                                struct seen *seen) {
  struct bufferevent *bev =
      bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, on_read, on_write, on_event, seen);
  return bev;
}

// Records what the raw peer finds; at most 4000 bytes.
static void rec_peer(int fd) {
  char out[4000];
  int n = get(fd, out, sizeof out);
  if (n > 0)
    rec_data("peer", out, (size_t)n);
  else
    rec("peer: %d", n);
}

static int drain_peer(int fd) {
  char out[65536];
  int sum = 0;
  ssize_t n;
  while ((n = read(fd, out, sizeof out)) > 0) sum += (int)n;
  return sum;
}

SCENARIO(bufferevent_write_callback,
         "behaviour 43: the write callback runs when the output has gone out, "
         "and once at the start with nothing to write") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  rec("new");
  glance(base, 4);
  rec("%d writes", seen.writes);
  rec("write -> %d", bufferevent_write(bev, "one", 3));
  rec("not inside write: %d, output %zu", seen.writes,
      evbuffer_get_length(bufferevent_get_output(bev)));
  glance(base, 4);
  rec("%d writes", seen.writes);
  rec_peer(fds[1]);
  rec("two writes in one turn");
  bufferevent_write(bev, "two", 3);
  bufferevent_write(bev, "three", 5);
  glance(base, 4);
  rec("%d writes", seen.writes);
  rec_peer(fds[1]);
  rec("write nothing -> %d", bufferevent_write(bev, "", 0));
  glance(base, 4);
  rec("%d writes", seen.writes);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_enable_write_callback,
         "behaviour 43: enabling EV_WRITE with an empty output calls the write "
         "callback once, through the active queue") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  int i;
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  rec("disable -> %d", bufferevent_disable(bev, EV_WRITE));
  glance(base, 4);
  rec("%d writes", seen.writes);
  for (i = 0; i < 3; i++) {
    rec("enable -> %d", bufferevent_enable(bev, EV_WRITE));
    rec("inside enable %d", seen.writes);
    glance(base, 4);
    rec("%d writes", seen.writes);
    if (i == 1) bufferevent_disable(bev, EV_WRITE);
  }
  rec("enable reading only -> %d", bufferevent_enable(bev, EV_READ));
  glance(base, 4);
  rec("%d writes", seen.writes);
  rec("enable, disable");
  bufferevent_disable(bev, EV_WRITE);
  bufferevent_enable(bev, EV_WRITE);
  bufferevent_disable(bev, EV_WRITE);
  glance(base, 4);
  rec("%d writes", seen.writes);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_enable_write_full_socket,
         "behaviour 43: with a full socket the first write callback waits "
         "until the peer reads") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  static char block[65536];
  int fds[2];
  socket_pair(fds);
  while (write(fds[0], block, sizeof block) > 0) {
  }
  while (write(fds[0], block, 1) > 0) {
  }
  bev = make(base, fds[0], &seen);
  bufferevent_enable(bev, EV_WRITE);
  glance(base, 4);
  rec("%d writes", seen.writes);
  rec("write -> %d", bufferevent_write(bev, "tail", 4));
  glance(base, 4);
  rec("%d writes, output %zu", seen.writes,
      evbuffer_get_length(bufferevent_get_output(bev)));
  rec("peer read some %d", drain_peer(fds[1]) > 0);
  glance(base, 6);
  rec("%d writes, output %zu", seen.writes,
      evbuffer_get_length(bufferevent_get_output(bev)));
  rec_peer(fds[1]);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_write_disabled,
         "behaviour 43: output waits while EV_WRITE is disabled and goes out "
         "when it is enabled") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_disable(bev, EV_WRITE);
  rec("write -> %d", bufferevent_write(bev, "waits", 5));
  glance(base, 4);
  rec_peer(fds[1]);
  rec("output %zu", evbuffer_get_length(bufferevent_get_output(bev)));
  rec("enable -> %d", bufferevent_enable(bev, EV_WRITE));
  glance(base, 4);
  rec_peer(fds[1]);
  rec("%d writes", seen.writes);
  rec("write, disable in the same turn");
  bufferevent_write(bev, "later", 5);
  bufferevent_disable(bev, EV_WRITE);
  glance(base, 4);
  rec_peer(fds[1]);
  bufferevent_enable(bev, EV_WRITE);
  glance(base, 4);
  rec_peer(fds[1]);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

static void write_in_callback(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  seen->writes++;
  rec("  write callback %d", seen->writes);
  if (seen->writes <= 3) bufferevent_write(bev, "chunk ", 6);
}

SCENARIO(bufferevent_write_from_callback,
         "behaviour 43: a program may send everything from the write callback, "
         "which starts it") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_setcb(bev, NULL, write_in_callback, on_event, &seen);
  bufferevent_enable(bev, EV_WRITE);
  glance(base, 12);
  rec("%d writes", seen.writes);
  rec_peer(fds[1]);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

static int drained_calls;
static int partial_calls;

static void count_partial(struct bufferevent *bev, void *arg) {
  (void)arg;
  if (evbuffer_get_length(bufferevent_get_output(bev)) > 0)
    partial_calls++;
  else
    drained_calls++;
}

// Sends `size` bytes through `bev` while the raw peer reads; returns what it
// read.
static size_t send_through(struct event_base *base, struct bufferevent *bev,
                           int peer, size_t size) {
  char *block = calloc(1, size);
  size_t got = 0;
  int rounds = 0;
  if (block == NULL) return 0;
  drained_calls = 0;
  partial_calls = 0;
  if (bufferevent_write(bev, block, size) != 0) rounds = 2000;
  free(block);
  while (got < size && rounds++ < 2000) {
    glance(base, 1);
    got += (size_t)drain_peer(peer);
  }
  glance(base, 4);
  return got;
}

SCENARIO(bufferevent_write_low_watermark,
         "behaviour 43: with a low watermark the callback runs after partial "
         "writes that leave less, without one only when all is out") {
  struct event_base *base = new_base();
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, NULL, count_partial, NULL, NULL);
  glance(base, 3);
  rec("no watermark: %zu bytes", send_through(base, bev, fds[1], 2000000));
  rec("partial %d, drained %d", partial_calls, drained_calls);
  bufferevent_setwatermark(bev, EV_WRITE, 10000000, 0);
  rec("huge watermark: %zu bytes", send_through(base, bev, fds[1], 2000000));
  rec("partial some %d, drained %d", partial_calls > 1, drained_calls);
  bufferevent_setwatermark(bev, EV_WRITE, 1000, 0);
  rec("small amounts: %zu bytes", send_through(base, bev, fds[1], 500));
  rec("partial %d, drained %d", partial_calls, drained_calls);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_write_buffer,
         "behaviour 43: write_buffer moves a buffer's bytes; the output can "
         "also be filled directly") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  struct evbuffer *from = evbuffer_new();
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  glance(base, 3);
  rec("empty -> %d", bufferevent_write_buffer(bev, from));
  evbuffer_add(from, "buffer ", 7);
  rec("write_buffer -> %d", bufferevent_write_buffer(bev, from));
  rec_buffer("from", from);
  rec("direct -> %d",
      evbuffer_add_printf(bufferevent_get_output(bev), "%d", 7));
  glance(base, 3);
  rec_peer(fds[1]);
  rec("output %zu", evbuffer_get_length(bufferevent_get_output(bev)));
  evbuffer_add(from, "frozen", 6);
  evbuffer_freeze(from, 1);
  rec("frozen -> %d", bufferevent_write_buffer(bev, from));
  glance(base, 3);
  rec_peer(fds[1]);
  bufferevent_free(bev);
  glance(base, 1);
  evbuffer_free(from);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_free_unsent,
         "behaviour 47: free with bytes in the output does not send them, and "
         "closes the fd only when asked, in the next turn") {
  struct event_base *base = new_base();
  int close_it;
  for (close_it = 0; close_it < 2; close_it++) {
    struct bufferevent *bev;
    int fds[2];
    socket_pair(fds);
    rec("close on free %d", close_it);
    bev = bufferevent_socket_new(base, fds[0],
                                 close_it ? BEV_OPT_CLOSE_ON_FREE : 0);
    rec("write -> %d", bufferevent_write(bev, "never sent", 10));
    bufferevent_free(bev);
    rec("freed, fd open %d", fd_is_open(fds[0]));
    rec_peer(fds[1]);
    rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
    rec("fd open %d", fd_is_open(fds[0]));
    rec_peer(fds[1]);
    if (!close_it) close(fds[0]);
    close(fds[1]);
  }
  event_base_free(base);
}

SCENARIO(bufferevent_free_with_base,
         "behaviour 47: a base freed right after the bufferevent finishes it") {
  struct event_base *base = new_base();
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_enable(bev, EV_READ);
  bufferevent_free(bev);
  event_base_free(base);
  rec("fd open %d", fd_is_open(fds[0]));
  rec("blocks in use %ld", blocks_in_use());
  close(fds[1]);
}

SCENARIO(bufferevent_references,
         "behaviour 47: incref keeps a bufferevent after free; decref says "
         "when it was the last") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 100};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], &seen);
  bufferevent_enable(bev, EV_READ);
  bufferevent_incref(bev);
  bufferevent_incref(bev);
  rec("decref -> %d", bufferevent_decref(bev));
  put(fds[1], "data");
  glance(base, 3);
  bufferevent_free(bev);
  put(fds[1], "after free");
  glance(base, 3);
  rec("fd open %d", fd_is_open(fds[0]));
  rec("decref -> %d", bufferevent_decref(bev));
  glance(base, 2);
  rec("fd open %d", fd_is_open(fds[0]));
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_setfd,
         "behaviour 48: setfd to another fd keeps buffers and callbacks; -1 "
         "parks it") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int first[2];
  int second[2];
  socket_pair(first);
  socket_pair(second);
  bev = make(base, first[0], &seen);
  bufferevent_enable(bev, EV_READ);
  glance(base, 3);
  put(first[1], "one");
  glance(base, 3);
  bufferevent_disable(bev, EV_WRITE);
  bufferevent_write(bev, "output", 6);
  rec("setfd -> %d", bufferevent_setfd(bev, second[0]));
  rec("getfd is the second %d", bufferevent_getfd(bev) == second[0]);
  rec("first open %d", fd_is_open(first[0]));
  put(first[1], "unseen");
  put(second[1], "two");
  glance(base, 3);
  rec_buffer("input", bufferevent_get_input(bev));
  rec("enable -> %d", bufferevent_enable(bev, EV_WRITE));
  glance(base, 3);
  rec_peer(first[1]);
  rec_peer(second[1]);
  rec("park -> %d", bufferevent_setfd(bev, -1));
  rec("getfd %d", (int)bufferevent_getfd(bev));
  rec("enabled %s", enabled_text(bufferevent_get_enabled(bev)));
  put(second[1], "waits");
  rec("write -> %d", bufferevent_write(bev, "parked", 6));
  glance(base, 3);
  rec("%d reads, %d writes, output %zu", seen.reads, seen.writes,
      evbuffer_get_length(bufferevent_get_output(bev)));
  rec("enable -> %d", bufferevent_enable(bev, EV_READ));
  // Which of the two directions comes first is nobody's promise.
  bufferevent_setcb(bev, NULL, NULL, on_event, &seen);
  rec("setfd -> %d", bufferevent_setfd(bev, second[0]));
  glance(base, 4);
  rec_buffer("input", bufferevent_get_input(bev));
  rec_peer(second[1]);
  bufferevent_free(bev);
  glance(base, 1);
  rec("first open %d, second open %d", fd_is_open(first[0]),
      fd_is_open(second[0]));
  close_pair(first);
  close(second[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_setfd_write_callback,
         "behaviour 43: setfd with an empty output calls the write callback "
         "once, too") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, -1, &seen);
  rec("getfd %d", (int)bufferevent_getfd(bev));
  rec("enable -> %d", bufferevent_enable(bev, EV_READ | EV_WRITE));
  glance(base, 3);
  rec("%d writes", seen.writes);
  rec("setfd -> %d", bufferevent_setfd(bev, fds[0]));
  rec("inside setfd %d", seen.writes);
  glance(base, 3);
  rec("%d writes", seen.writes);
  rec("the same fd -> %d", bufferevent_setfd(bev, fds[0]));
  glance(base, 3);
  rec("%d writes", seen.writes);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_without_fd,
         "behaviour 48: a bufferevent without an fd takes output and keeps it "
         "until it gets one") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, -1, &seen);
  rec("write -> %d", bufferevent_write(bev, "early", 5));
  glance(base, 3);
  rec("output %zu", evbuffer_get_length(bufferevent_get_output(bev)));
  rec("setfd -> %d", bufferevent_setfd(bev, fds[0]));
  glance(base, 3);
  rec_peer(fds[1]);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_max_single,
         "behaviour 43: max_single_write and max_single_read: values, and the "
         "bytes all the same") {
  struct event_base *base = new_base();
  struct bufferevent *bev;
  struct evbuffer *input;
  char block[2000];
  int fds[2];
  int rounds = 0;
  memset(block, 'b', sizeof block);
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  input = bufferevent_get_input(bev);
  rec("defaults %zd %zd", (ssize_t)bufferevent_get_max_single_read(bev),
      (ssize_t)bufferevent_get_max_single_write(bev));
  rec("set -> %d %d", bufferevent_set_max_single_read(bev, 100),
      bufferevent_set_max_single_write(bev, 300));
  rec("get %zd %zd", (ssize_t)bufferevent_get_max_single_read(bev),
      (ssize_t)bufferevent_get_max_single_write(bev));
  bufferevent_enable(bev, EV_READ);
  rec("peer wrote %zd", write(fds[1], block, sizeof block));
  glance(base, 1);
  rec("at most 100 in one turn %d", evbuffer_get_length(input) <= 100);
  while (evbuffer_get_length(input) < 2000 && rounds++ < 100) glance(base, 1);
  rec("input %zu", evbuffer_get_length(input));
  bufferevent_write(bev, block, 1000);
  glance(base, 1);
  rec("some left %d", evbuffer_get_length(bufferevent_get_output(bev)) > 0);
  glance(base, 20);
  rec_peer(fds[1]);
  rec("0 -> %d %d", bufferevent_set_max_single_read(bev, 0),
      bufferevent_set_max_single_write(bev, 0));
  rec("get %zd %zd", (ssize_t)bufferevent_get_max_single_read(bev),
      (ssize_t)bufferevent_get_max_single_write(bev));
  rec("SIZE_MAX -> %d %d", bufferevent_set_max_single_read(bev, SIZE_MAX),
      bufferevent_set_max_single_write(bev, SIZE_MAX));
  rec("get %zd %zd", (ssize_t)bufferevent_get_max_single_read(bev),
      (ssize_t)bufferevent_get_max_single_write(bev));
  rec("EV_SSIZE_MAX -> %d", bufferevent_set_max_single_read(bev, EV_SSIZE_MAX));
  rec("get %zd", (ssize_t)bufferevent_get_max_single_read(bev));
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_write_keeps_loop_alive,
         "behaviour 43: a loop with nothing but output to write writes it and "
         "ends") {
  struct event_base *base = new_base();
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_write(bev, "all of it", 9);
  rec("dispatch -> %d", event_base_dispatch(base));
  rec_peer(fds[1]);
  bufferevent_free(bev);
  rec("dispatch -> %d", event_base_dispatch(base));
  rec("fd open %d", fd_is_open(fds[0]));
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_write_is_a_turn,
         "behaviour 43: sending output counts as a callback for EVLOOP_ONCE "
         "and EVLOOP_NONBLOCK, though the program has set none") {
  struct event_base *base;
  struct bufferevent *bev;
  struct event *far_away;
  int fired = 0;
  int fds[2];
  virtual_time();
  base = new_base();
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_write(bev, "one", 3);
  rec("ONCE -> %d", event_base_loop(base, EVLOOP_ONCE));
  rec_peer(fds[1]);
  bufferevent_write(bev, "two", 3);
  rec("NONBLOCK -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec_peer(fds[1]);
  bufferevent_write(bev, "three", 5);
  rec("both -> %d", event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  rec_peer(fds[1]);
  far_away = evtimer_new(base, set_flag_cb, &fired);
  event_add(far_away, ms(1000000));
  bufferevent_write(bev, "four", 4);
  rec("ONCE -> %d", event_base_loop(base, EVLOOP_ONCE));
  rec_peer(fds[1]);
  bufferevent_write(bev, "five", 4);
  rec("NONBLOCK -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec_peer(fds[1]);
  rec("at %lld ms, fired %d", (long long)now_ms(), fired);
  event_free(far_away);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}
