// SPDX-License-Identifier: BSD-3-Clause
//
// A program as they were written for libevent 2.1: precise timers, events that
// are their own argument, finalizers, pairs and filters of bufferevents, rate
// limits, files as segments of buffers, the listing of a base's events.
//
// Waits for the line "go" on its input; then shows one thing after the other.
#include <ctype.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct event_base* base;

static void die(const char* what) {
  perror(what);
  exit(2);
}

// --- Events
// -------------------------------------------------------------------

static void on_tick(evutil_socket_t fd, short what, void* arg) {
  static int ticks;
  struct event* self = arg;
  (void)fd, (void)what;
  if (event_base_get_running_event(base) != self) abort();
  if (++ticks < 5) return;
  printf("%d ticks, priority %d\n", ticks, event_get_priority(self));
  event_remove_timer(self);
}

static void on_final(struct event* ev, void* arg) {
  printf("finalized: %d\n", ev == *(struct event**)arg);
}

static void on_closed(evutil_socket_t fd, short what, void* arg) {
  (void)fd;
  printf("other side closed: what %#x\n", (unsigned)what & EV_CLOSED);
  event_free_finalize(0, *(struct event**)arg, on_final);
}

static int count_one(const struct event_base* of, const struct event* ev,
                     void* arg) {
  (void)of, (void)ev;
  ++*(int*)arg;
  return 0;
}

static void on_turn(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what;
  if (++*(int*)arg < 3) event_base_loopcontinue(base);
}

static void show_events(void) {
  const struct timeval tick = {0, 2000}, hour = {3600, 0};
  struct event* timer =
      event_new(base, -1, EV_PERSIST, on_tick, event_self_cbarg());
  struct event* later = evtimer_new(base, on_tick, NULL);
  struct event* closed;
  int pair[2], counted = 0, turns = 0;
  if (evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) die("socketpair");
  closed = event_new(base, pair[0], EV_CLOSED, on_closed, &closed);
  event_priority_set(timer, 0);
  event_add(timer, &tick);
  event_add(closed, NULL);
  event_add(later, event_base_init_common_timeout(base, &hour));
  event_base_foreach_event(base, count_one, &counted);
  printf("%d events listed, %d added\n", counted,
         event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  close(pair[1]);
  event_free(later);
  event_base_once(base, -1, EV_TIMEOUT, on_turn, &turns, NULL);
  event_base_dispatch(base);
  printf("events left: %d\n",
         event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  event_free(timer);
  close(pair[0]);
}

// --- Bufferevents
// -------------------------------------------------------------

static enum bufferevent_filter_result rotate(struct evbuffer* from,
                                             struct evbuffer* to,
                                             ev_ssize_t limit,
                                             enum bufferevent_flush_mode mode,
                                             void* arg) {
  unsigned char bytes[512];
  int moved = 0;
  (void)mode, (void)arg;
  while (limit != 0) {
    size_t want = sizeof(bytes);
    if (limit > 0 && (size_t)limit < want) want = (size_t)limit;
    int got = evbuffer_remove(from, bytes, want);
    if (got <= 0) break;
    for (int i = 0; i < got; ++i) {
      if (islower(bytes[i])) {
        bytes[i] = (unsigned char)('a' + (bytes[i] - 'a' + 13) % 26);
      }
    }
    evbuffer_add(to, bytes, (size_t)got);
    if (limit > 0) limit -= got;
    moved = 1;
  }
  return moved ? BEV_OK : BEV_NEED_MORE;
}

struct receiver {
  size_t want;
  size_t got;
  char head[33];
};

static void on_received(struct bufferevent* bev, void* arg) {
  struct receiver* receiver = arg;
  struct evbuffer* in = bufferevent_get_input(bev);
  if (receiver->got == 0) {
    ev_ssize_t length =
        evbuffer_copyout(in, receiver->head, sizeof(receiver->head) - 1);
    receiver->head[length > 0 ? length : 0] = '\0';
  }
  receiver->got += evbuffer_get_length(in);
  evbuffer_drain(in, evbuffer_get_length(in));
  if (receiver->got == receiver->want) event_base_loopbreak(base);
}

static void receive(struct bufferevent* bev, struct receiver* receiver,
                    size_t want) {
  memset(receiver, 0, sizeof(*receiver));
  receiver->want = want;
  bufferevent_setcb(bev, on_received, NULL, NULL, receiver);
  bufferevent_enable(bev, EV_READ);
}

static void show_pair_and_filter(void) {
  struct bufferevent* pair[2];
  struct receiver receiver;
  if (bufferevent_pair_new(base, BEV_OPT_DEFER_CALLBACKS, pair) != 0)
    die("pair");
  struct bufferevent* filter = bufferevent_filter_new(
      pair[0], rotate, rotate, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
  printf("partners: %d, underlying: %d\n",
         bufferevent_pair_get_partner(pair[1]) == pair[0],
         bufferevent_get_underlying(filter) == pair[0]);
  receive(pair[1], &receiver, 100000 + 33);
  bufferevent_enable(filter, EV_WRITE);
  bufferevent_write(filter, "nyy guvf jnf rapelcgrq, tbbq ohg ", 33);
  struct evbuffer* rest = evbuffer_new();
  for (int i = 0; i < 10000; ++i) evbuffer_add(rest, "0123456789", 10);
  bufferevent_write_buffer(filter, rest);
  evbuffer_free(rest);
  event_base_dispatch(base);
  printf("through the filter: %zu bytes, \"%s\"\n", receiver.got,
         receiver.head);
  bufferevent_free(filter);
  bufferevent_free(pair[1]);
}

static void show_rate_limit(void) {
  const struct timeval tick = {0, 20000};
  struct ev_token_bucket_cfg* limit =
      ev_token_bucket_cfg_new(4000, 4000, 4000, 4000, &tick);
  struct timeval start, end;
  struct receiver receiver;
  int pair[2];
  if (evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) die("socketpair");
  evutil_make_socket_nonblocking(pair[0]);
  evutil_make_socket_nonblocking(pair[1]);
  struct bufferevent* from =
      bufferevent_socket_new(base, pair[0], BEV_OPT_CLOSE_ON_FREE);
  struct bufferevent* to =
      bufferevent_socket_new(base, pair[1], BEV_OPT_CLOSE_ON_FREE);
  struct bufferevent_rate_limit_group* group =
      bufferevent_rate_limit_group_new(base, limit);
  bufferevent_set_rate_limit(from, limit);
  bufferevent_add_to_rate_limit_group(from, group);
  receive(to, &receiver, 40000);
  bufferevent_enable(from, EV_WRITE);
  char* data = calloc(1, 40000);
  bufferevent_write(from, data, 40000);
  evutil_gettimeofday(&start, NULL);
  event_base_dispatch(base);
  evutil_gettimeofday(&end, NULL);
  evutil_timersub(&end, &start, &end);
  ev_uint64_t read_bytes, written_bytes;
  bufferevent_rate_limit_group_get_totals(group, &read_bytes, &written_bytes);
  // Ten ticks' worth, of which the first is there at the start.
  printf("limited: %zu bytes, at least 150 ms: %d, by the group: %d\n",
         receiver.got, end.tv_sec > 0 || end.tv_usec >= 150000,
         (int)written_bytes);
  bufferevent_remove_from_rate_limit_group(from);
  bufferevent_free(from);
  bufferevent_free(to);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(limit);
  free(data);
}

// --- Buffers
// ------------------------------------------------------------------

static void on_segment_freed(struct evbuffer_file_segment const* segment,
                             int flags, void* arg) {
  (void)segment, (void)flags;
  printf("segment freed: %s\n", (const char*)arg);
}

static void show_segments(void) {
  char path[] = "/tmp/style_2_1.XXXXXX", text[100];
  int fd = mkstemp(path);
  if (fd < 0 || unlink(path) != 0) die("mkstemp");
  for (int i = 0; i < 1000; ++i) {
    snprintf(text, sizeof(text), "%09d\n", i);
    if (write(fd, text, 10) != 10) die("write");
  }
  struct evbuffer_file_segment* segment =
      evbuffer_file_segment_new(fd, 0, -1, EVBUF_FS_CLOSE_ON_FREE);
  evbuffer_file_segment_add_cleanup_cb(segment, on_segment_freed, "mine");
  struct evbuffer* whole = evbuffer_new();
  struct evbuffer* part = evbuffer_new();
  evbuffer_add_file_segment(whole, segment, 0, -1);
  evbuffer_add_file_segment(part, segment, 5000, 20);
  evbuffer_file_segment_free(segment);
  printf("a segment is not referred to: %d\n",
         evbuffer_add_buffer_reference(part, whole));
  struct evbuffer_ptr found = evbuffer_search(part, "000000501", 9, NULL);
  printf("lengths %zu %zu, found at %d\n", evbuffer_get_length(whole),
         evbuffer_get_length(part), (int)found.pos);
  char* line = evbuffer_readln(part, NULL, EVBUFFER_EOL_NUL);
  printf("no line ends with a NUL: %d\n", line == NULL);
  line = evbuffer_readln(part, NULL, EVBUFFER_EOL_LF);
  printf("first line %s\n", line);
  free(line);
  evbuffer_free(whole);
  printf("still shared\n");
  evbuffer_free(part);
}

static void show_addresses(void) {
  struct sockaddr_storage address;
  int length = sizeof(address);
  char text[64];
  int status = evutil_parse_sockaddr_port("[::1]:80",
                                          (struct sockaddr*)&address, &length);
  printf("parsed %d, length %d\n", status, length);
  printf("%s\n", evutil_inet_ntop(AF_INET, "\x7f\0\0\1", text, sizeof(text)));
  printf("%d %d\n", evutil_ascii_strcasecmp("Host", "hOST") == 0,
         evutil_snprintf(text, sizeof(text), "%s", "12345"));
}

static void on_input(evutil_socket_t fd, short what, void* arg) {
  char line[100];
  (void)what, (void)arg;
  if (read(fd, line, sizeof(line)) > 0) event_base_loopexit(base, NULL);
}

int main(void) {
  struct event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
  base = event_base_new_with_config(config);
  event_config_free(config);
  if (base == NULL) return 2;
  event_base_priority_init(base, 3);
  printf("%s, priorities %d\n", event_base_get_method(base),
         event_base_get_npriorities(base));
  fflush(stdout);
  struct event* input = event_new(base, 0, EV_READ, on_input, NULL);
  event_add(input, NULL);
  event_base_dispatch(base);
  event_free(input);
  show_events();
  show_pair_and_filter();
  show_rate_limit();
  show_segments();
  show_addresses();
  event_base_free(base);
  libevent_global_shutdown();
  return 0;
}
