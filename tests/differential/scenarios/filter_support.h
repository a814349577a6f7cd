// SPDX-License-Identifier: BSD-3-Clause
//
// Filter functions that record how they are called, and a stack of a filter
// over one end of a pair, for the scenarios of filters.
#ifndef TESTS_DIFFERENTIAL_SCENARIOS_FILTER_SUPPORT_H_
#define TESTS_DIFFERENTIAL_SCENARIOS_FILTER_SUPPORT_H_

#include "tests/differential/scenarios/bufferevent_support.h"

// What one filter does in both directions; its context.
struct work {
  const char *name;
  int quiet;     // does not record its calls
  int takes;     // bytes that one call takes at most; 0: all
  int grows;     // each byte comes out that many times; 0: once
  int needs;     // says BEV_NEED_MORE below that many bytes, unless flushing
  int fails_at;  // the call that says BEV_ERROR, counted from 1
  int minds;     // keeps to its limit
  int calls;
  int freed;
};

static inline const char *mode_name(enum bufferevent_flush_mode mode) {
  return mode == BEV_NORMAL  ? "normal"
         : mode == BEV_FLUSH ? "flush"
                             : "finished";
}

static inline enum bufferevent_filter_result filter_work(
    const char *way, struct evbuffer *src, struct evbuffer *dst,
    ev_ssize_t limit, enum bufferevent_flush_mode mode, struct work *work) {
  size_t length = evbuffer_get_length(src);
  size_t n = work->takes > 0 && length > (size_t)work->takes
                 ? (size_t)work->takes
                 : length;
  size_t times = work->grows > 0 ? (size_t)work->grows : 1;
  size_t i, j;
  if (!work->quiet)
    rec("  %s %s: %zu, limit %zd, %s", work->name, way, length, (ssize_t)limit,
        mode_name(mode));
  if (++work->calls == work->fails_at) return BEV_ERROR;
  if (length == 0) return BEV_NEED_MORE;
  if (mode == BEV_NORMAL && length < (size_t)work->needs) return BEV_NEED_MORE;
  if (work->minds && limit >= 0 && n * times > (size_t)limit)
    n = (size_t)limit / times;
  for (i = 0; i < n; i++) {
    char c;
    if (evbuffer_remove(src, &c, 1) != 1) return BEV_ERROR;
    c ^= 0x20;
    for (j = 0; j < times; j++)
      if (evbuffer_add(dst, &c, 1) != 0) return BEV_ERROR;
  }
  return n > 0 ? BEV_OK : BEV_NEED_MORE;
}

static inline enum bufferevent_filter_result work_in(
    struct evbuffer *src, struct evbuffer *dst, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *arg) {
  return filter_work("in", src, dst, limit, mode, arg);
}

static inline enum bufferevent_filter_result work_out(
    struct evbuffer *src, struct evbuffer *dst, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *arg) {
  return filter_work("out", src, dst, limit, mode, arg);
}

static inline void work_freed(void *arg) {
  struct work *work = arg;
  work->freed++;
  rec("  %s: context freed", work->name);
}

// far <-> near, and a filter over near.
struct stack {
  struct event_base *base;
  struct bufferevent *far, *near, *filter;
  struct seen seen_far, seen_filter;
};

static inline void open_stack(struct stack *stack, struct work *in_out,
                              int options) {
  static const struct seen kFar = {"far", 0, 0, 0, 0, 0};
  static const struct seen kFilter = {"filter", 0, 0, 0, 0, 0};
  struct bufferevent *pair[2] = {NULL, NULL};
  stack->base = new_base();
  stack->seen_far = kFar;
  stack->seen_filter = kFilter;
  bufferevent_pair_new(stack->base, 0, pair);
  stack->far = pair[0];
  stack->near = pair[1];
  stack->filter = bufferevent_filter_new(stack->near, in_out ? work_in : NULL,
                                         in_out ? work_out : NULL, options,
                                         in_out ? work_freed : NULL, in_out);
  rec("filter_new: %s", stack->filter ? "a filter" : "none");
  bufferevent_setcb(stack->far, on_read, on_write, on_event, &stack->seen_far);
  if (stack->filter)
    bufferevent_setcb(stack->filter, on_read, on_write, on_event,
                      &stack->seen_filter);
  bufferevent_enable(stack->far, EV_READ);
}

// Frees the filter, which frees `underlying`, unless it was never made.
static inline void free_both(struct bufferevent *filter,
                             struct bufferevent *underlying) {
  if (filter)
    bufferevent_free(filter);
  else if (underlying)
    bufferevent_free(underlying);
}

static inline void close_stack(struct stack *stack) {
  if (stack->filter) bufferevent_free(stack->filter);
  if (stack->near) bufferevent_free(stack->near);
  if (stack->far) bufferevent_free(stack->far);
  glance(stack->base, 2);
  event_base_free(stack->base);
}

static inline void rec_one(const char *name, struct bufferevent *bev) {
  if (!bev) return;
  rec("  %s: input %zu, output %zu, enabled %s", name,
      evbuffer_get_length(bufferevent_get_input(bev)),
      evbuffer_get_length(bufferevent_get_output(bev)),
      enabled_text(bufferevent_get_enabled(bev)));
}

static inline void rec_stack(const struct stack *stack) {
  rec_one("far", stack->far);
  rec_one("near", stack->near);
  rec_one("filter", stack->filter);
}

static inline int say(struct bufferevent *bev, const char *text) {
  return bufferevent_write(bev, text, strlen(text));
}

#endif  // TESTS_DIFFERENTIAL_SCENARIOS_FILTER_SUPPORT_H_
