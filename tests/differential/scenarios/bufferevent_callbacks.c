// SPDX-License-Identifier: BSD-3-Clause
//
// Bufferevents: what callbacks do to bufferevents, their own and others'.

#include "tests/differential/scenarios/bufferevent_support.h"

static struct bufferevent *make(struct event_base *base, int fd, int options,
                                struct seen *seen) {
  struct bufferevent *bev =
      bufferevent_socket_new(base, fd, options | BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, on_read, NULL, on_event, seen);
  return bev;
}

static void echo_cb(struct bufferevent *bev, void *arg) {
  (void)arg;
  bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

SCENARIO(bufferevent_echo,
         "behaviour 43: an echo between two bufferevents of one base returns "
         "every byte") {
  struct event_base *base = new_base();
  struct seen seen = {"client", 0, 0, 0, 0, 0};
  struct bufferevent *server;
  struct bufferevent *client;
  char *block = malloc(200000);
  size_t i;
  int rounds = 0;
  int fds[2];
  if (block == NULL) return;
  socket_pair(fds);
  server = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  client = bufferevent_socket_new(base, fds[1], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(server, echo_cb, NULL, NULL, NULL);
  bufferevent_setcb(client, NULL, NULL, on_event, &seen);
  bufferevent_enable(server, EV_READ);
  bufferevent_enable(client, EV_READ);
  for (i = 0; i < 200000; i++) block[i] = (char)(i % 249);
  rec("write -> %d", bufferevent_write(client, block, 200000));
  while (evbuffer_get_length(bufferevent_get_input(client)) < 200000 &&
         rounds++ < 2000)
    glance(base, 1);
  rec_buffer("came back", bufferevent_get_input(client));
  bufferevent_free(server);
  glance(base, 3);
  rec("%d events", seen.events);
  bufferevent_free(client);
  glance(base, 1);
  event_base_free(base);
  free(block);
}

static struct bufferevent *other;

static void free_both(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  if (seen->reads++ > 0) {
    rec("  read of a freed one");
    return;
  }
  rec("  read: free both");
  bufferevent_free(other);
  if (other != bev) bufferevent_free(bev);
}

static struct bufferevent *pair_of_readers[2];

static void free_the_other(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  int mine = bev == pair_of_readers[1];
  seen->reads++;
  rec("  read: free the other");
  bufferevent_free(pair_of_readers[!mine]);
  pair_of_readers[!mine] = NULL;
}

SCENARIO(bufferevent_free_another,
         "behaviour 44: of two that are readable in one turn the first frees "
         "the other, which is not called then") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  int first[2];
  int second[2];
  guard_memory();
  base = new_base();
  socket_pair(first);
  socket_pair(second);
  pair_of_readers[0] = make(base, first[0], 0, &seen);
  pair_of_readers[1] = make(base, second[0], 0, &seen);
  bufferevent_setcb(pair_of_readers[0], free_the_other, NULL, NULL, &seen);
  bufferevent_setcb(pair_of_readers[1], free_the_other, NULL, NULL, &seen);
  bufferevent_enable(pair_of_readers[0], EV_READ);
  bufferevent_enable(pair_of_readers[1], EV_READ);
  put(first[1], "x");
  put(second[1], "y");
  glance(base, 5);
  rec("%d reads", seen.reads);
  if (pair_of_readers[0]) bufferevent_free(pair_of_readers[0]);
  if (pair_of_readers[1]) bufferevent_free(pair_of_readers[1]);
  glance(base, 2);
  close(first[1]);
  close(second[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_free_itself_deferred,
         "behaviour 47: freed in a deferred callback, its other deferred "
         "callbacks do not come") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  guard_memory();
  base = new_base();
  bev = make(base, -1, BEV_OPT_DEFER_CALLBACKS, &seen);
  other = bev;
  bufferevent_setcb(bev, free_both, on_write, on_event, &seen);
  bufferevent_trigger(bev, EV_READ | EV_WRITE, 0);
  bufferevent_trigger_event(bev, BEV_EVENT_EOF, 0);
  glance(base, 3);
  rec("%d reads, %d writes, %d events", seen.reads, seen.writes, seen.events);
  if (seen.reads == 0) bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

static void enable_on_event(struct bufferevent *bev, short what, void *arg) {
  struct seen *seen = arg;
  seen->events++;
  rec("  event %sat %lld ms", what_text(what), (long long)now_ms());
  if (seen->events < 4) bufferevent_enable(bev, EV_READ);
}

SCENARIO(bufferevent_timeout_enabled_again,
         "behaviour 45: enabled again in the callback, a timeout begins anew") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  virtual_time();
  base = new_base();
  socket_pair(fds);
  bev = make(base, fds[0], 0, &seen);
  bufferevent_setcb(bev, NULL, NULL, enable_on_event, &seen);
  bufferevent_set_timeouts(bev, ms(40), NULL);
  bufferevent_enable(bev, EV_READ);
  run_for_ms(base, 500);
  rec("%d events, enabled %s", seen.events,
      enabled_text(bufferevent_get_enabled(bev)));
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_timeout_deferred,
         "behaviour 49: a timeout's event is deferred like any other") {
  struct event_base *base;
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  virtual_time();
  base = new_base();
  socket_pair(fds);
  bev = make(base, fds[0], BEV_OPT_DEFER_CALLBACKS, &seen);
  bufferevent_set_timeouts(bev, ms(40), NULL);
  bufferevent_enable(bev, EV_READ);
  run_for_ms(base, 100);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_read_one_by_one,
         "behaviour 42: with max_single_read of 1 each byte has its callback") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], 0, &seen);
  bufferevent_set_max_single_read(bev, 1);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "abcde");
  glance(base, 10);
  rec("%d reads", seen.reads);
  rec_buffer("input", bufferevent_get_input(bev));
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_without_callbacks,
         "behaviour 42: without callbacks bytes gather in the input, end of "
         "file disables reading") {
  struct event_base *base = new_base();
  struct bufferevent *bev;
  int fds[2];
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "one ");
  glance(base, 2);
  put(fds[1], "two");
  close(fds[1]);
  glance(base, 4);
  rec_buffer("input", bufferevent_get_input(bev));
  rec("enabled %s", enabled_text(bufferevent_get_enabled(bev)));
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

static void setfd_on_read(struct bufferevent *bev, void *arg) {
  int *next = arg;
  rec_buffer("  read", bufferevent_get_input(bev));
  evbuffer_drain(bufferevent_get_input(bev), 100);
  if (*next >= 0) rec("  setfd -> %d", bufferevent_setfd(bev, *next));
  *next = -1;
}

SCENARIO(bufferevent_setfd_in_callback,
         "behaviour 48: setfd inside the read callback goes on with the other "
         "fd") {
  struct event_base *base = new_base();
  struct bufferevent *bev;
  int first[2];
  int second[2];
  int next;
  socket_pair(first);
  socket_pair(second);
  next = second[0];
  bev = bufferevent_socket_new(base, first[0], 0);
  bufferevent_setcb(bev, setfd_on_read, NULL, NULL, &next);
  bufferevent_enable(bev, EV_READ);
  put(second[1], "second");
  put(first[1], "first");
  glance(base, 2);
  put(first[1], "unseen");
  glance(base, 3);
  bufferevent_free(bev);
  glance(base, 1);
  close_pair(first);
  close_pair(second);
  event_base_free(base);
}

static struct sockaddr_in reconnect_to;

static void reconnect_on_error(struct bufferevent *bev, short what, void *arg) {
  struct seen *seen = arg;
  seen->events++;
  rec("  event %s", what_text(what));
  if (!(what & BEV_EVENT_ERROR)) return;
  close(bufferevent_getfd(bev));
  rec("  setfd -> %d", bufferevent_setfd(bev, -1));
  rec("  connect -> %d",
      bufferevent_socket_connect(bev, (struct sockaddr *)&reconnect_to,
                                 sizeof reconnect_to));
}

SCENARIO(bufferevent_reconnect,
         "behaviour 46: after a refused connect the same bufferevent connects "
         "elsewhere, with the output that it still has") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct sockaddr_in refused;
  int bound = tcp_bound(&refused, 0);
  int listener = tcp_bound(&reconnect_to, 5);
  struct bufferevent *bev = make(base, -1, 0, &seen);
  bufferevent_setcb(bev, NULL, on_write, reconnect_on_error, &seen);
  bufferevent_write(bev, "kept", 4);
  rec("connect -> %d", bufferevent_socket_connect(
                           bev, (struct sockaddr *)&refused, sizeof refused));
  run_until(base, &seen.events, 2);
  run_until(base, &seen.writes, 1);
  rec("%d events, %d writes, output %zu", seen.events, seen.writes,
      evbuffer_get_length(bufferevent_get_output(bev)));
  bufferevent_free(bev);
  glance(base, 1);
  close(bound);
  close(listener);
  event_base_free(base);
}

static void sum_cb(struct evbuffer *buffer, const struct evbuffer_cb_info *info,
                   void *arg) {
  size_t *sums = arg;
  (void)buffer;
  sums[0] += info->n_added;
  sums[1] += info->n_deleted;
}

SCENARIO(bufferevent_buffer_callbacks,
         "behaviour 36: callbacks of a bufferevent's own buffers see what it "
         "reads and writes") {
  struct event_base *base = new_base();
  struct bufferevent *bev;
  size_t in[2] = {0, 0};
  size_t out[2] = {0, 0};
  int fds[2];
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  evbuffer_add_cb(bufferevent_get_input(bev), sum_cb, in);
  evbuffer_add_cb(bufferevent_get_output(bev), sum_cb, out);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "12345");
  bufferevent_write(bev, "123", 3);
  rec("inside write +%zu -%zu", out[0], out[1]);
  glance(base, 4);
  rec("input +%zu -%zu, output +%zu -%zu", in[0], in[1], out[0], out[1]);
  evbuffer_drain(bufferevent_get_input(bev), 2);
  rec("input +%zu -%zu", in[0], in[1]);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

static void trigger_on_read(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  seen->reads++;
  rec("  read %d begins", seen->reads);
  if (seen->reads < 3) bufferevent_trigger(bev, EV_READ, 0);
  rec("  read ends");
}

SCENARIO(bufferevent_trigger_in_callback,
         "behaviour 53: trigger inside a callback calls at once, or after it "
         "when deferred") {
  struct event_base *base = new_base();
  int options;
  for (options = 0; options <= BEV_OPT_DEFER_CALLBACKS;
       options += BEV_OPT_DEFER_CALLBACKS) {
    struct seen seen = {"bev", 0, 0, 0, 0, 0};
    struct bufferevent *bev = make(base, -1, options, &seen);
    bufferevent_setcb(bev, trigger_on_read, NULL, NULL, &seen);
    rec("options %x", (unsigned)options);
    bufferevent_trigger(bev, EV_READ, 0);
    glance(base, 6);
    rec("%d reads", seen.reads);
    bufferevent_free(bev);
    glance(base, 1);
  }
  event_base_free(base);
}

static void watermark_on_read(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  seen->reads++;
  rec_buffer("  read", bufferevent_get_input(bev));
  bufferevent_setwatermark(bev, EV_READ, 6, 0);
}

SCENARIO(bufferevent_watermark_in_callback,
         "behaviour 42: a low watermark set in the callback holds for the "
         "bytes that come next") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  int fds[2];
  int i;
  socket_pair(fds);
  bev = make(base, fds[0], 0, &seen);
  bufferevent_setcb(bev, watermark_on_read, NULL, NULL, &seen);
  bufferevent_enable(bev, EV_READ);
  for (i = 0; i < 4; i++) {
    put(fds[1], "ab");
    glance(base, 3);
  }
  rec("%d reads", seen.reads);
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

// The flags of all events, whatever their order.
static void gather_event(struct bufferevent *bev, short what, void *arg) {
  (void)bev;
  *(short *)arg |= what;
}

SCENARIO(bufferevent_peer_gone_with_output,
         "behaviour 44: a peer that went away is told to the reader and to the "
         "writer") {
  struct event_base *base = new_base();
  struct bufferevent *bev;
  short gathered = 0;
  int fds[2];
  socket_pair(fds);
  bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, NULL, NULL, gather_event, &gathered);
  bufferevent_enable(bev, EV_READ);
  close(fds[1]);
  rec("write -> %d", bufferevent_write(bev, "nobody", 6));
  glance(base, 5);
  rec("events %s, enabled %s, output %zu", what_text(gathered),
      enabled_text(bufferevent_get_enabled(bev)),
      evbuffer_get_length(bufferevent_get_output(bev)));
  bufferevent_free(bev);
  glance(base, 1);
  event_base_free(base);
}

static void break_on_read(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  seen->reads++;
  rec("  read: break, write -> %d", bufferevent_write(bev, "answer", 6));
  event_base_loopbreak(bufferevent_get_base(bev));
}

SCENARIO(bufferevent_break_in_callback,
         "behaviour 43: output that is written before a break goes out when "
         "the loop runs again") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct bufferevent *bev;
  char out[16];
  int fds[2];
  socket_pair(fds);
  bev = make(base, fds[0], 0, &seen);
  bufferevent_setcb(bev, break_on_read, NULL, NULL, &seen);
  bufferevent_enable(bev, EV_READ);
  put(fds[1], "question");
  rec("loop -> %d", event_base_dispatch(base));
  rec("peer %d", get(fds[1], out, sizeof out));
  rec("loop -> %d", event_base_loop(base, EVLOOP_ONCE));
  rec("peer %d", get(fds[1], out, sizeof out));
  bufferevent_free(bev);
  glance(base, 1);
  close(fds[1]);
  event_base_free(base);
}

SCENARIO(bufferevent_connect_twice,
         "behaviour 46: a second connect while the first is under way") {
  struct event_base *base = new_base();
  struct seen seen = {"bev", 0, 0, 0, 0, 0};
  struct sockaddr_in addr;
  int listener = tcp_bound(&addr, 5);
  struct bufferevent *bev = make(base, -1, 0, &seen);
  rec("connect -> %d",
      bufferevent_socket_connect(bev, (struct sockaddr *)&addr, sizeof addr));
  rec("connect -> %d",
      bufferevent_socket_connect(bev, (struct sockaddr *)&addr, sizeof addr));
  run_until(base, &seen.events, 1);
  glance(base, 3);
  rec("%d events", seen.events);
  bufferevent_free(bev);
  glance(base, 1);
  close(listener);
  event_base_free(base);
}

SCENARIO(bufferevent_deferred_priority,
         "behaviour 53: deferred callbacks run at their bufferevent's "
         "priority") {
  struct event_base *base = new_base();
  struct seen low = {"low", 0, 0, 0, 0, 0};
  struct seen high = {"high", 0, 0, 0, 0, 0};
  struct bufferevent *a;
  struct bufferevent *b;
  event_base_priority_init(base, 3);
  a = make(base, -1, BEV_OPT_DEFER_CALLBACKS, &low);
  b = make(base, -1, BEV_OPT_DEFER_CALLBACKS, &high);
  bufferevent_priority_set(a, 2);
  bufferevent_priority_set(b, 0);
  bufferevent_trigger(a, EV_READ, 0);
  bufferevent_trigger(b, EV_READ, 0);
  glance(base, 4);
  bufferevent_free(a);
  bufferevent_free(b);
  glance(base, 1);
  event_base_free(base);
}
