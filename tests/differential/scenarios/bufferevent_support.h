// SPDX-License-Identifier: BSD-3-Clause
//
// Callbacks of bufferevents that record what they see. io_support.h has what
// buffers and listeners need too.
#ifndef TESTS_DIFFERENTIAL_SCENARIOS_BUFFEREVENT_SUPPORT_H_
#define TESTS_DIFFERENTIAL_SCENARIOS_BUFFEREVENT_SUPPORT_H_

#include <event2/bufferevent.h>
#include <event2/bufferevent_compat.h>
#include <event2/event.h>
#include <event2/event_compat.h>

#include "tests/differential/scenarios/io_support.h"

// What the callbacks of one bufferevent have seen.
struct seen {
  const char *name;
  int reads;
  int writes;
  int events;
  size_t bytes;
  size_t drain;  // how many bytes a read callback takes out
};

static inline void on_read(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  struct evbuffer *input = bufferevent_get_input(bev);
  size_t before = evbuffer_get_length(input);
  seen->reads++;
  evbuffer_drain(input, seen->drain);
  seen->bytes += before - evbuffer_get_length(input);
  rec("  %s: read", seen->name);
}

static inline void on_write(struct bufferevent *bev, void *arg) {
  struct seen *seen = arg;
  (void)bev;
  seen->writes++;
  rec("  %s: write", seen->name);
}

static inline void on_event(struct bufferevent *bev, short what, void *arg) {
  struct seen *seen = arg;
  int error = EVUTIL_SOCKET_ERROR();
  seen->events++;
  rec("  %s: event %s%s, enabled %s, input %zu", seen->name, what_text(what),
      what & BEV_EVENT_ERROR ? errno_name(error) : "",
      enabled_text(bufferevent_get_enabled(bev)),
      evbuffer_get_length(bufferevent_get_input(bev)));
}

#endif  // TESTS_DIFFERENTIAL_SCENARIOS_BUFFEREVENT_SUPPORT_H_
