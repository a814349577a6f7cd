// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: memory functions, log and fatal callbacks of the program.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/differential/scenarios/event_support.h"

static long g_taken;
static long g_given_back;
static int g_refuse;

static void *take(size_t size) {
  if (g_refuse) return NULL;
  ++g_taken;
  return malloc(size);
}

static void *take_more(void *block, size_t size) {
  if (g_refuse) return NULL;
  if (!block) ++g_taken;
  return realloc(block, size);
}

static void give_back(void *block) {
  if (block) ++g_given_back;
  free(block);
}

SCENARIO(own_memory_functions,
         "event_set_mem_functions: every block comes from and goes to the "
         "program's functions") {
  event_set_mem_functions(take, take_more, give_back);
  struct event_base *base = new_base();
  struct event *ev = evtimer_new(base, on_event, "timer");
  event_add(ev, ms(0));
  rec("loop %d", event_base_dispatch(base));
  event_free(ev);
  event_base_free(base);
  rec("taken %d, all given back %d", g_taken > 0, g_taken == g_given_back);
}

SCENARIO(no_memory_at_all,
         "section 7: without memory constructors give NULL and adding fails") {
  rec_log(0);
  event_set_mem_functions(take, take_more, give_back);
  struct event_base *base = new_base();
  struct event_config *config = event_config_new();
  evutil_socket_t fds[2];
  socket_pair(fds);
  struct event timer, reader;
  event_assign(&timer, base, -1, 0, on_event, "timer");
  event_assign(&reader, base, fds[0], EV_READ, on_event, "reader");
  g_refuse = 1;
  rec("config %d", event_config_new() != NULL);
  rec("avoid %d", event_config_avoid_method(config, "poll"));
  rec("base %d", event_base_new_with_config(config) != NULL);
  rec("event %d", event_new(base, -1, 0, on_event, NULL) != NULL);
  rec("once %d",
      event_base_once(base, -1, EV_TIMEOUT, on_event, "once", ms(0)));
  rec("common timeout %d", event_base_init_common_timeout(base, ms(9)) != NULL);
  rec_call("timer", event_add(&timer, ms(0)), &timer);
  rec_call("reader", event_add(&reader, NULL), &reader);
  g_refuse = 0;
  rec_call("timer", event_add(&timer, ms(0)), &timer);
  rec("loop %d", event_base_dispatch(base));
  event_config_free(config);
  event_base_free(base);
  close_pair(fds);
}

SCENARIO(default_memory_functions,
         "event_set_mem_functions with NULLs goes back to malloc") {
  event_set_mem_functions(NULL, NULL, NULL);
  struct event_base *base = new_base();
  rec("counted blocks %ld", blocks_in_use());
  event_base_free(base);
}

// --- Log and fatal callbacks -------------------------------------------------

static void on_message(int severity, const char *text) {
  rec("message of severity %d, %s", severity, *text ? "with text" : "empty");
}

SCENARIO(log_callback_gets_messages,
         "event_set_log_callback gets warnings with their severity") {
  event_set_log_callback(on_message);
  struct event_base *base = new_base();
  struct event *ev = event_new(base, 1, EV_SIGNAL | EV_READ, on_event, NULL);
  rec("made %d", ev != NULL);
  event_set_log_callback(NULL);
  ev = event_new(base, 1, EV_SIGNAL | EV_READ, on_event, NULL);
  rec("made %d", ev != NULL);
  event_base_free(base);
}

SCENARIO(debug_logging_is_off,
         "event_enable_debug_logging(EVENT_DBG_NONE) logs nothing more") {
  event_enable_debug_logging(EVENT_DBG_NONE);
  struct event_base *base = new_base();
  struct event *ev = evtimer_new(base, on_event, "timer");
  event_add(ev, ms(0));
  rec("loop %d", event_base_dispatch(base));
  event_free(ev);
  event_base_free(base);
}
