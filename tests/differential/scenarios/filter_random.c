// SPDX-License-Identifier: BSD-3-Clause
//
// A pair with filters over one end, and calls in an order that nobody would
// think of: what a pseudo-random sequence picks, the same on every run.

#include "tests/differential/scenarios/filter_support.h"

// The stack's floors; without a filter the last ones are NULL.
enum { kFar, kNear, kFilter, kTop, kFloors };

static const char *const kFloorNames[] = {"far", "near", "filter", "top"};

static struct bufferevent *g_floor[kFloors];
static char g_heard[256];  // by the callbacks since the last line
static unsigned g_random;

static unsigned pick(unsigned below) {
  g_random = g_random * 1664525u + 1013904223u;
  return (g_random >> 16) % below;
}

static void hear(char kind, struct bufferevent *bev) {
  size_t length = strlen(g_heard);
  int i = 0;
  while (i < kFloors && g_floor[i] != bev) i++;
  snprintf(g_heard + length, sizeof g_heard - length, " %s:%c",
           i < kFloors ? kFloorNames[i] : "?", kind);
}

static void hear_read(struct bufferevent *bev, void *arg) {
  struct evbuffer *input = bufferevent_get_input(bev);
  (void)arg;
  hear('r', bev);
  evbuffer_drain(input, evbuffer_get_length(input));
}

static void hear_write(struct bufferevent *bev, void *arg) {
  (void)arg;
  hear('w', bev);
}

static void hear_event(struct bufferevent *bev, short what, void *arg) {
  (void)arg;
  hear(what & BEV_EVENT_EOF ? 'e' : what & BEV_EVENT_TIMEOUT ? 't' : 'x', bev);
  if (what & BEV_EVENT_READING) hear('R', bev);
  if (what & BEV_EVENT_WRITING) hear('W', bev);
}

static void one_call(struct event_base *base) {
  static const enum bufferevent_flush_mode kModes[] = {BEV_NORMAL, BEV_FLUSH,
                                                       BEV_FINISHED};
  static const char kText[] = "abcdefghijklmnopqrstuvwxyz";
  unsigned floor = pick(kFloors), call = pick(12), size = 1 + pick(26);
  short events = (short)((1 + pick(3)) * EV_READ);
  struct bufferevent *bev = g_floor[floor];
  int result = 0;
  if (!bev) return;
  switch (call) {
    case 0:
    case 1:
    case 2:
      result = bufferevent_write(bev, kText, size);
      break;
    case 3:
      result = bufferevent_enable(bev, events);
      break;
    case 4:
      result = bufferevent_disable(bev, events);
      break;
    case 5:
      // libevent spins when nobody drains an input at its watermark.
      if (floor != kFar && floor < kFloors - 1 && g_floor[floor + 1])
        events = EV_WRITE;
      bufferevent_setwatermark(bev, events, pick(3) * pick(10),
                               pick(3) * pick(20));
      break;
    case 6:
      call = 20 + size % 3;
      result = bufferevent_flush(bev, events, kModes[size % 3]);
      break;
    case 9:
      result = evbuffer_drain(bufferevent_get_input(bev), size);
      break;
    case 10:
      bufferevent_trigger(
          bev, events,
          size % 2 ? BEV_TRIG_IGNORE_WATERMARKS : BEV_TRIG_DEFER_CALLBACKS);
      break;
    case 11:
      // What each adds to whole seconds keeps deadlines from being equal.
      result = bufferevent_set_timeouts(
          bev, size % 3 ? ms(1000 * (size % 4) + (1 << floor)) : NULL,
          size % 2 ? ms(1000 * (size % 5) + (16 << floor)) : NULL);
      break;
    default:
      run_for_ms(base, 1000 * (int)(size % 6));
  }
  rec("%s call %u of %u, %s -> %d:%s", kFloorNames[floor], call, size,
      enabled_text(events), result, g_heard);
  g_heard[0] = 0;
}

static void rec_floors(void) {
  char text[256] = "";
  int i;
  for (i = 0; i < kFloors; i++) {
    size_t length = strlen(text);
    if (!g_floor[i]) continue;
    snprintf(text + length, sizeof text - length, " %s %zu/%zu %s",
             kFloorNames[i],
             evbuffer_get_length(bufferevent_get_input(g_floor[i])),
             evbuffer_get_length(bufferevent_get_output(g_floor[i])),
             enabled_text(bufferevent_get_enabled(g_floor[i])));
  }
  rec(" %s", text);
}

static void pick_work(struct work *work) {
  static const struct work kNone = {.name = "work", .quiet = 1};
  *work = kNone;
  work->takes = (int)(pick(2) * (1 + pick(9)));
  work->grows = (int)(1 + pick(3));
  work->needs = (int)(pick(2) * pick(8));
  work->minds = (int)pick(2);
}

static void open_filter(int over, int floor, struct work *work) {
  int options = (int)(pick(2) * BEV_OPT_DEFER_CALLBACKS);
  int plain = pick(5) == 0;
  pick_work(work);
  g_floor[floor] =
      bufferevent_filter_new(g_floor[over], plain ? NULL : work_in,
                             plain ? NULL : work_out, options, NULL, work);
}

static void run_sequence(unsigned seed, int calls) {
  struct event_base *base = new_base();
  struct work works[2];
  int i, filters;
  g_random = seed;
  g_heard[0] = 0;
  memset(g_floor, 0, sizeof g_floor);
  bufferevent_pair_new(base, 0, g_floor);
  filters = (int)pick(3);
  rec("sequence %u, %d filters", seed, filters);
  if (filters > 0) open_filter(kNear, kFilter, &works[0]);
  if (filters > 1) open_filter(kFilter, kTop, &works[1]);
  for (i = 0; i < kFloors; i++)
    if (g_floor[i] && (i == kFar || i == kNear + filters))
      bufferevent_setcb(g_floor[i], hear_read, hear_write, hear_event, NULL);
  for (i = 0; i < calls; i++) {
    one_call(base);
    if (i % 4 == 3) rec_floors();
  }
  glance(base, 3);
  rec_floors();
  // In an order of its own, after all that is due has run.
  for (i = 0; i < kFloors; i++) {
    int which = (i + (int)seed) % kFloors;
    if (g_floor[which]) bufferevent_free(g_floor[which]);
    g_floor[which] = NULL;
  }
  glance(base, 4);
  event_base_free(base);
}

#ifndef FILTER_RANDOM_FIRST
#define FILTER_RANDOM_FIRST 1
#define FILTER_RANDOM_COUNT 12
#define FILTER_RANDOM_CALLS 60
#endif

SCENARIO(filter_random_calls,
         "behaviours 50, 51: a pair and filters over it, called in a random "
         "order") {
  unsigned seed;
  virtual_time();
  for (seed = FILTER_RANDOM_FIRST;
       seed < FILTER_RANDOM_FIRST + FILTER_RANDOM_COUNT; seed++)
    run_sequence(seed, FILTER_RANDOM_CALLS);
}
