// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: looking at a base's events, and counting them.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/differential/scenarios/event_support.h"

// Records the list with "ADDR" for addresses, "FD" for descriptors and "TIME"
// for deadlines.
static void rec_dump(struct event_base *base) {
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  if (!file) abort();
  event_base_dump_events(base, file);
  fclose(file);
  char *line_end = NULL;
  for (char *line = text; *line != '\0'; line = line_end + 1) {
    line_end = strchr(line, '\n');
    *line_end = '\0';
    void *address;
    int number, seconds, at = 0, length = 0;
    char kind[8];
    if (sscanf(line, "  %p [%7s %d%n", &address, kind, &number, &at) < 3) {
      rec("%s", line);
      continue;
    }
    char *deadline = strstr(line + at, " Timeout=");
    if (deadline &&
        sscanf(deadline, " Timeout=%d.%*d%n", &seconds, &length) == 1)
      memcpy(deadline, " TIME", sizeof(" TIME"));
    int is_signal = strcmp(kind, "sig") == 0;
    // How it is spaced counts too.
    const char *space = strchr(line, '[') + 1 + strlen(kind);
    rec("  ADDR [%s%.*s%s%s%s", kind, (int)strspn(space, " "), space,
        is_signal || number < 0 ? "" : "FD", line + at - (is_signal ? 2 : 0),
        deadline ? (length > 16 ? " exact" : " rough") : "");
  }
  free(text);
}

static int rec_each(const struct event_base *base, const struct event *ev,
                    void *arg) {
  int *left = arg;
  rec("  %s %s flags 0x%x base %d priority %d",
      event_get_fd(ev) < 0 ? "-" : "+", ev_flags(event_get_events(ev)),
      ev->ev_evcallback.evcb_flags & 0xff, event_get_base(ev) == base,
      event_get_priority(ev));
  return --*left == 0 ? 5 : 0;
}

static void rec_foreach(struct event_base *base, int limit) {
  rec("foreach:");
  rec("  returns %d", event_base_foreach_event(base, rec_each, &limit));
}

static void rec_counts(const char *when, struct event_base *base) {
  const unsigned added = EVENT_BASE_COUNT_ADDED;
  const unsigned active = EVENT_BASE_COUNT_ACTIVE;
  const unsigned virtuals = EVENT_BASE_COUNT_VIRTUAL;
  const unsigned all = added | active | virtuals;
  rec("%s: added %d active %d virtual %d all %d, at most %d %d %d %d", when,
      event_base_get_num_events(base, added),
      event_base_get_num_events(base, active),
      event_base_get_num_events(base, virtuals),
      event_base_get_num_events(base, all),
      event_base_get_max_events(base, added, 0),
      event_base_get_max_events(base, active, 0),
      event_base_get_max_events(base, virtuals, 0),
      event_base_get_max_events(base, all, 0));
}

SCENARIO(inspect_counts,
         "behaviour 26: what counts as an event, and how often") {
  struct event_base *base = new_base();
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event *reader =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_event, "reader");
  struct event *writer = event_new(base, fds[0], EV_WRITE, on_event, "writer");
  struct event *timer = event_new(base, -1, 0, on_event, "timer");
  struct event *on_signal =
      event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, on_event, "signal");
  rec_counts("nothing", base);
  event_add(reader, ms(1000));
  rec_counts("a reader with a timeout", base);
  event_add(reader, ms(2000));
  rec_counts("another timeout", base);
  event_add(timer, event_base_init_common_timeout(base, ms(5000)));
  rec_counts("a common timeout", base);
  event_add(timer, ms(5000));
  rec_counts("then a plain one", base);
  event_add(on_signal, NULL);
  rec_counts("a signal", base);
  event_active(reader, EV_READ, 1);
  event_active(reader, EV_TIMEOUT, 1);
  rec_counts("active twice", base);
  event_active(writer, EV_WRITE, 1);
  rec_counts("active, not added", base);
  event_base_loop(base, EVLOOP_NONBLOCK);
  rec_counts("after a loop", base);
  // Without memory it is not added, and the signal would end the process.
  if (on_signal && event_pending(on_signal, EV_SIGNAL, NULL)) raise(SIGUSR1);
  event_base_loop(base, EVLOOP_NONBLOCK);
  rec_counts("after a signal", base);
  rec("clearing %d", event_base_get_max_events(base, 7, 1));
  rec_counts("cleared", base);
  event_add(writer, NULL);
  rec_counts("a writer", base);
  event_remove_timer(reader);
  rec_counts("without the reader's timer", base);
  event_base_once(base, -1, EV_TIMEOUT, on_event, "once", NULL);
  event_base_once(base, -1, EV_TIMEOUT, on_event, "once later", ms(9000));
  event_base_loopexit(base, ms(8000));
  rec_counts("once and loopexit", base);
  rec("no kind %d %d, unknown kind %d", event_base_get_num_events(base, 0),
      event_base_get_max_events(base, 0, 0),
      event_base_get_num_events(base, 8));
  event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE, 1);
  rec_counts("one kind cleared", base);
  event_free(reader);
  event_free(writer);
  event_free(timer);
  event_free(on_signal);
  rec_counts("all freed", base);
  close_pair(fds);
  event_base_free(base);
}

static void on_buffer(struct evbuffer *buffer,
                      const struct evbuffer_cb_info *info, void *arg) {
  rec("%zu bytes", evbuffer_get_length(buffer));
  (void)info;
  rec_counts("in the callback", arg);
}

SCENARIO(inspect_counts_of_deferred,
         "behaviour 26: callbacks that were put off count while they wait") {
  struct event_base *base = new_base();
  struct evbuffer *buffer = evbuffer_new();
  evbuffer_defer_callbacks(buffer, base);
  evbuffer_add_cb(buffer, on_buffer, base);
  evbuffer_add(buffer, "x", 1);
  rec_counts("put off", base);
  evbuffer_add(buffer, "y", 1);
  rec_counts("once more", base);
  event_base_loop(base, EVLOOP_NONBLOCK);
  rec_counts("after the loop", base);
  evbuffer_free(buffer);
  event_base_free(base);
}

SCENARIO(inspect_list, "behaviour 25: the list of events for people") {
  struct event_base *base = new_base();
  event_base_priority_init(base, 3);
  evutil_socket_t fds[2];
  socket_pair(fds);
  rec_dump(base);
  struct event *both = event_new(base, fds[0], EV_READ | EV_WRITE | EV_PERSIST,
                                 on_event, "both");
  struct event *later = event_new(base, fds[1], EV_READ, on_event, "later");
  struct event *timer = event_new(base, -1, 0, on_event, "timer");
  struct event *persistent =
      event_new(base, -1, EV_PERSIST | EV_TIMEOUT, on_event, "persistent");
  struct event *on_signal =
      event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, on_event, "signal");
  struct event *active = event_new(base, -1, EV_READ, on_event, "active");
  event_priority_set(active, 0);
  event_add(both, NULL);
  event_add(later, ms(3000));
  event_add(timer, ms(4000));
  event_add(persistent, ms(5000));
  event_active(on_signal, 0xff, 1);
  event_active(active, 0, 1);
  event_active(both, EV_READ | EV_TIMEOUT, 1);
  rec_dump(base);
  event_del(on_signal);
  event_free(both);
  event_free(later);
  event_free(timer);
  event_free(persistent);
  event_free(on_signal);
  event_free(active);
  rec_dump(base);
  close_pair(fds);
  event_base_free(base);
}

SCENARIO(inspect_edges_in_the_list,
         "behaviour 25: EV_ET and EV_CLOSED have a name in the list") {
  if (strcmp(method(), "epoll") != 0) {
    rec("not here");
    return;
  }
  struct event_base *base = new_base();
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event *ev = event_new(
      base, fds[0], EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST,
      on_event, "all");
  event_add(ev, NULL);
  event_active(ev, 0xff, 1);
  rec_dump(base);
  event_free(ev);
  close_pair(fds);
  event_base_free(base);
}
SCENARIO_PER_BACKEND(inspect_edges_in_the_list, "epoll alone knows edges");

SCENARIO(inspect_foreach, "behaviour 25: each event once, in a fixed order") {
  struct event_base *base = new_base();
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event *reader =
      event_new(base, fds[0], EV_READ | EV_PERSIST, on_event, "reader");
  struct event *writer = event_new(base, fds[0], EV_WRITE, on_event, "writer");
  struct event *timer = event_new(base, -1, 0, on_event, "timer");
  struct event *common = event_new(base, -1, EV_TIMEOUT, on_event, "common");
  struct event *active = event_new(base, -1, EV_PERSIST, on_event, "active");
  rec_foreach(base, 100);
  event_add(common, event_base_init_common_timeout(base, ms(7000)));
  event_add(timer, ms(4000));
  event_add(reader, ms(3000));
  event_add(writer, NULL);
  event_active(active, EV_READ, 1);
  event_active(timer, EV_TIMEOUT, 1);
  event_active(reader, EV_READ, 1);
  rec_foreach(base, 100);
  rec_foreach(base, 3);
  rec("no function %d", event_base_foreach_event(base, NULL, NULL));
  rec("no base %d", event_base_foreach_event(NULL, rec_each, NULL));
  event_free(reader);
  event_free(writer);
  event_free(timer);
  event_free(common);
  event_free(active);
  close_pair(fds);
  event_base_free(base);
}
