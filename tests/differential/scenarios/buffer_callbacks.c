// SPDX-License-Identifier: BSD-3-Clause
//
// Buffers: callbacks, their counts, order and deferral.

#include "tests/differential/scenarios/io_support.h"

static void count_cb(struct evbuffer *buffer,
                     const struct evbuffer_cb_info *info, void *name) {
  rec("  %s: was %zu, +%zu -%zu, now %zu", (const char *)name, info->orig_size,
      info->n_added, info->n_deleted, evbuffer_get_length(buffer));
}

SCENARIO(buffer_callback_counts,
         "behaviour 36: orig_size, n_added and n_deleted of every operation") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer *other = evbuffer_new();
  struct evbuffer_iovec vec[2];
  struct evbuffer_ptr ptr;
  char out[16];
  char piece[] = "io";
  char *line;
  int fds[2];
  socket_pair(fds);
  rec("add_cb %s", evbuffer_add_cb(b, count_cb, "b") ? "entry" : "NULL");
  rec("other add_cb %s",
      evbuffer_add_cb(other, count_cb, "other") ? "entry" : "NULL");
  rec("add -> %d", evbuffer_add(b, "hello", 5));
  rec("add 0 -> %d", evbuffer_add(b, "", 0));
  rec("prepend -> %d", evbuffer_prepend(b, "ab", 2));
  rec("prepend 0 -> %d", evbuffer_prepend(b, "", 0));
  rec("reference -> %d", add_piece(b, "ref", 3));
  rec("printf -> %d", evbuffer_add_printf(b, "%d", 12345));
  vec[0].iov_base = piece;
  vec[0].iov_len = 2;
  vec[1] = vec[0];
  rec("iovec -> %zu", evbuffer_add_iovec(b, vec, 2));
  rec("expand -> %d", evbuffer_expand(b, 5000));
  rec("pullup %d", evbuffer_pullup(b, -1) != NULL);
  rec("copyout -> %zd", (ssize_t)evbuffer_copyout(b, out, 4));
  rec("search %zd", (ssize_t)evbuffer_search(b, "lo", 2, NULL).pos);
  rec("ptr_set %d", evbuffer_ptr_set(b, &ptr, 3, EVBUFFER_PTR_SET));
  rec("remove -> %d", evbuffer_remove(b, out, 4));
  rec("remove 0 -> %d", evbuffer_remove(b, out, 0));
  rec("drain 1 -> %d", evbuffer_drain(b, 1));
  rec("drain 0 -> %d", evbuffer_drain(b, 0));
  rec("remove_buffer -> %d", evbuffer_remove_buffer(b, other, 3));
  rec("remove_buffer 0 -> %d", evbuffer_remove_buffer(b, other, 0));
  rec("add_buffer -> %d", evbuffer_add_buffer(b, other));
  rec("add_buffer of empty -> %d", evbuffer_add_buffer(b, other));
  rec("prepend_buffer to empty -> %d", evbuffer_prepend_buffer(other, b));
  rec("prepend_buffer back -> %d", evbuffer_prepend_buffer(b, other));
  rec("itself -> %d", evbuffer_add_buffer(b, b));
  rec("reference of a buffer -> %d", evbuffer_add_buffer_reference(other, b));
  rec("remove_buffer of all -> %d", evbuffer_remove_buffer(other, b, 999));
  rec("drain more -> %d", evbuffer_drain(b, 999));
  rec("drain of empty -> %d", evbuffer_drain(b, 999));
  rec("add a line -> %d", evbuffer_add(b, "line\r\nnext", 10));
  line = evbuffer_readln(b, NULL, EVBUFFER_EOL_CRLF);
  rec("readln %s", line ? line : "NULL");
  free_result(line);
  line = evbuffer_readln(b, NULL, EVBUFFER_EOL_CRLF);
  rec("readln %s", line ? line : "NULL");
  free_result(line);
  rec("write -> %d", evbuffer_write(b, fds[0]));
  rec("peer writes %zd", write(fds[1], "12345678", 8));
  rec("read 3 -> %d", evbuffer_read(b, fds[0], 3));
  rec("read -> %d", evbuffer_read(b, fds[0], -1));
  rec("read of nothing -> %d", evbuffer_read(b, fds[0], -1));
  rec("write_atmost 2 -> %d", evbuffer_write_atmost(b, fds[0], 2));
  rec("write_atmost 0 -> %d", evbuffer_write_atmost(b, fds[0], 0));
  if (evbuffer_reserve_space(b, 10, vec, 1) == 1) {
    memcpy(vec[0].iov_base, "0123", 4);
    vec[0].iov_len = 4;
    rec("commit -> %d", evbuffer_commit_space(b, vec, 1));
    rec("commit none -> %d", evbuffer_commit_space(b, vec, 0));
  }
  rec("free");
  evbuffer_free(b);
  evbuffer_free(other);
  close_pair(fds);
}

SCENARIO(buffer_callback_order,
         "behaviour 36: the last added runs first; removal by entry and by "
         "function; flags turn one off") {
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_cb_entry *first = evbuffer_add_cb(b, count_cb, "first");
  struct evbuffer_cb_entry *second = evbuffer_add_cb(b, count_cb, "second");
  static char third[] = "third";
  evbuffer_add_cb(b, count_cb, third);
  rec("add -> %d", evbuffer_add(b, "abc", 3));
  rec("disable second -> %d",
      evbuffer_cb_clear_flags(b, second, EVBUFFER_CB_ENABLED));
  rec("add -> %d", evbuffer_add(b, "def", 3));
  rec("enable second -> %d",
      evbuffer_cb_set_flags(b, second, EVBUFFER_CB_ENABLED));
  rec("add -> %d", evbuffer_add(b, "g", 1));
  rec("an internal flag -> %d", evbuffer_cb_set_flags(b, second, 0x10000));
  rec("clear an internal flag -> %d",
      evbuffer_cb_clear_flags(b, second, 0x10000));
  rec("unknown flag -> %d", evbuffer_cb_set_flags(b, second, 0x4));
  rec("add -> %d", evbuffer_add(b, "h", 1));
  rec("remove by function -> %d", evbuffer_remove_cb(b, count_cb, third));
  rec("remove again -> %d", evbuffer_remove_cb(b, count_cb, third));
  rec("remove other argument -> %d", evbuffer_remove_cb(b, count_cb, b));
  rec("drain -> %d", evbuffer_drain(b, 2));
  rec("remove by entry -> %d", evbuffer_remove_cb_entry(b, first));
  rec("drain -> %d", evbuffer_drain(b, 2));
  rec("remove by entry -> %d", evbuffer_remove_cb_entry(b, second));
  rec("drain -> %d", evbuffer_drain(b, 2));
  evbuffer_free(b);
}

// A callback that changes the buffer it is told about, `budget` times.
struct changer {
  int budget;
  int drain;
};

static void changing_cb(struct evbuffer *buffer,
                        const struct evbuffer_cb_info *info, void *arg) {
  struct changer *c = arg;
  rec("  was %zu, +%zu -%zu, now %zu", info->orig_size, info->n_added,
      info->n_deleted, evbuffer_get_length(buffer));
  if (c->budget-- <= 0) return;
  if (c->drain)
    rec("  drain -> %d", evbuffer_drain(buffer, 2));
  else
    rec("  add -> %d", evbuffer_add(buffer, "x", 1));
  rec("  back");
}

SCENARIO(buffer_callback_changes_buffer,
         "behaviour 36: adding or draining in a callback calls again") {
  struct evbuffer *b = evbuffer_new();
  struct changer adds = {2, 0};
  struct changer drains = {3, 1};
  struct evbuffer_cb_entry *entry = evbuffer_add_cb(b, changing_cb, &adds);
  rec("add -> %d", evbuffer_add(b, "abc", 3));
  rec_buffer("b", b);
  adds.budget = 1;
  evbuffer_add_cb(b, count_cb, "other");
  rec("add with two callbacks -> %d", evbuffer_add(b, "def", 3));
  rec_buffer("b", b);
  rec("remove -> %d", evbuffer_remove_cb_entry(b, entry));
  evbuffer_add_cb(b, changing_cb, &drains);
  rec("add with drains -> %d", evbuffer_add(b, "ghi", 3));
  rec_buffer("b", b);
  evbuffer_free(b);
}

static struct evbuffer_cb_entry *entry_to_remove;

static void remove_self_cb(struct evbuffer *buffer,
                           const struct evbuffer_cb_info *info, void *name) {
  (void)info;
  rec("  %s removes an entry -> %d", (const char *)name,
      evbuffer_remove_cb_entry(buffer, entry_to_remove));
}

SCENARIO(buffer_callback_removes_itself,
         "behaviour 36: a callback may remove itself; the others still run") {
  struct evbuffer *b = evbuffer_new();
  evbuffer_add_cb(b, count_cb, "first");
  entry_to_remove = evbuffer_add_cb(b, remove_self_cb, "self");
  evbuffer_add_cb(b, count_cb, "last");
  rec("add -> %d", evbuffer_add(b, "abc", 3));
  rec("add -> %d", evbuffer_add(b, "def", 3));
  evbuffer_free(b);
}

static void add_another_cb(struct evbuffer *buffer,
                           const struct evbuffer_cb_info *info, void *budget) {
  (void)info;
  rec("  adding a callback");
  if ((*(int *)budget)-- > 0) evbuffer_add_cb(buffer, count_cb, "added");
}

SCENARIO(buffer_callback_adds_callback,
         "behaviour 36: a callback added in a callback runs for the next "
         "operation") {
  struct evbuffer *b = evbuffer_new();
  int budget = 1;
  evbuffer_add_cb(b, add_another_cb, &budget);
  rec("add -> %d", evbuffer_add(b, "abc", 3));
  rec("add -> %d", evbuffer_add(b, "def", 3));
  evbuffer_free(b);
}

SCENARIO(buffer_callback_deferred,
         "behaviour 36: deferred callbacks run from the loop with the sums, "
         "NODEFER ones at once") {
  struct event_base *base = new_base();
  struct evbuffer *b = evbuffer_new();
  struct evbuffer_cb_entry *now;
  rec("defer -> %d", evbuffer_defer_callbacks(b, base));
  evbuffer_add_cb(b, count_cb, "deferred");
  now = evbuffer_add_cb(b, count_cb, "at once");
  rec("nodefer -> %d", evbuffer_cb_set_flags(b, now, 2));
  rec("add -> %d", evbuffer_add(b, "abcdef", 6));
  rec("drain -> %d", evbuffer_drain(b, 2));
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("loop again -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  rec("defer again -> %d", evbuffer_defer_callbacks(b, base));
  rec("add -> %d", evbuffer_add(b, "g", 1));
  rec("loop -> %d", event_base_loop(base, 0));
  rec("add and drain to nothing");
  evbuffer_add(b, "xyz", 3);
  evbuffer_drain(b, 100);
  rec("loop -> %d", event_base_loop(base, 0));
  rec("change and free before the loop");
  evbuffer_add(b, "never seen", 10);
  evbuffer_free(b);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  event_base_free(base);
}

SCENARIO_ORACLE_CRASHES(buffer_callback_deferred_again,
                        "libevent initialises a callback that is active");

SCENARIO(buffer_callback_deferred_again,
         "behaviour 36: asking for deferral again while a callback waits loses "
         "nothing") {
  struct event_base *base = new_base();
  struct evbuffer *b = evbuffer_new();
  rec("defer -> %d", evbuffer_defer_callbacks(b, base));
  evbuffer_add_cb(b, count_cb, "deferred");
  rec("add -> %d", evbuffer_add(b, "abc", 3));
  rec("defer again -> %d", evbuffer_defer_callbacks(b, base));
  rec("loop -> %d", event_base_loop(base, 0));
  rec("add -> %d", evbuffer_add(b, "d", 1));
  rec("loop -> %d", event_base_loop(base, 0));
  evbuffer_free(b);
  event_base_free(base);
}

SCENARIO_ORACLE_CRASHES(buffer_callback_deferred_bufferevent_freed,
                        "libevent looks at the bufferevent when it is gone");

SCENARIO(
    buffer_callback_deferred_bufferevent_freed,
    "behaviour 47: deferred callbacks of a bufferevent's input are dropped "
    "when it is freed") {
  struct event_base *base = new_base();
  struct bufferevent *bev;
  struct evbuffer *input;
  evutil_socket_t ends[2];
  socket_pair(ends);
  bev = bufferevent_socket_new(base, ends[0], BEV_OPT_CLOSE_ON_FREE);
  input = bufferevent_get_input(bev);
  evbuffer_add_cb(input, count_cb, "input");
  evbuffer_defer_callbacks(input, base);
  evbuffer_unfreeze(input, 0);
  rec("add -> %d", evbuffer_add(input, "bytes", 5));
  bufferevent_free(bev);
  rec("loop -> %d", event_base_loop(base, EVLOOP_NONBLOCK));
  close(ends[1]);
  event_base_free(base);
}

SCENARIO(buffer_callback_deferred_chain,
         "behaviour 36: a deferred callback that changes its buffer runs "
         "again in the same loop") {
  struct event_base *base = new_base();
  struct evbuffer *b = evbuffer_new();
  struct changer adds = {3, 0};
  evbuffer_defer_callbacks(b, base);
  evbuffer_add_cb(b, changing_cb, &adds);
  rec("add -> %d", evbuffer_add(b, "abc", 3));
  rec("loop -> %d", event_base_loop(base, 0));
  rec_buffer("b", b);
  evbuffer_free(b);
  event_base_free(base);
}

SCENARIO(buffer_callback_deferred_two_buffers,
         "behaviour 36: deferred callbacks of two buffers run in the order of "
         "their first change") {
  struct event_base *base = new_base();
  struct evbuffer *a = evbuffer_new();
  struct evbuffer *b = evbuffer_new();
  evbuffer_defer_callbacks(a, base);
  evbuffer_defer_callbacks(b, base);
  evbuffer_add_cb(a, count_cb, "a");
  evbuffer_add_cb(b, count_cb, "b");
  evbuffer_add(b, "1", 1);
  evbuffer_add(a, "2", 1);
  evbuffer_add(b, "3", 1);
  rec("loop -> %d", event_base_loop(base, 0));
  evbuffer_add_buffer(a, b);
  rec("loop -> %d", event_base_loop(base, 0));
  evbuffer_free(a);
  evbuffer_free(b);
  event_base_free(base);
}

SCENARIO_DIFFERS(buffer_callback_deferred_nothing,
                 "in libevent an operation of no bytes takes a place in the "
                 "queue");

SCENARIO(buffer_callback_deferred_nothing,
         "behaviour 36: an operation of no bytes schedules no callback") {
  struct event_base *base = new_base();
  struct evbuffer *a = evbuffer_new();
  struct evbuffer *b = evbuffer_new();
  evbuffer_defer_callbacks(a, base);
  evbuffer_defer_callbacks(b, base);
  evbuffer_add_cb(a, count_cb, "a");
  evbuffer_add_cb(b, count_cb, "b");
  rec("nothing -> %d", evbuffer_add(a, "", 0));
  evbuffer_add(b, "1", 1);
  evbuffer_add(a, "2", 1);
  rec("loop -> %d", event_base_loop(base, 0));
  evbuffer_free(a);
  evbuffer_free(b);
  event_base_free(base);
}

static void old_cb(struct evbuffer *buffer, size_t old_len, size_t new_len,
                   void *name) {
  rec("  old %s: %zu to %zu, now %zu", (const char *)name, old_len, new_len,
      evbuffer_get_length(buffer));
}

SCENARIO(buffer_setcb_compat,
         "behaviour 36: the old setcb replaces all callbacks and gives the "
         "lengths before and after") {
  struct evbuffer *b = evbuffer_new();
  evbuffer_add_cb(b, count_cb, "new style");
  rec("add -> %d", evbuffer_add(b, "abc", 3));
  evbuffer_setcb(b, old_cb, "one");
  rec("add -> %d", evbuffer_add(b, "defg", 4));
  rec("drain -> %d", evbuffer_drain(b, 2));
  evbuffer_add_cb(b, count_cb, "new style");
  rec("add -> %d", evbuffer_add(b, "h", 1));
  evbuffer_setcb(b, old_cb, "two");
  rec("add -> %d", evbuffer_add(b, "i", 1));
  evbuffer_setcb(b, NULL, NULL);
  rec("add -> %d", evbuffer_add(b, "j", 1));
  evbuffer_free(b);
}

SCENARIO(buffer_callback_refused_operations,
         "behaviour 36: what fails calls nobody") {
  struct evbuffer *b = evbuffer_new();
  char out[4];
  evbuffer_add(b, "data", 4);
  evbuffer_add_cb(b, count_cb, "b");
  evbuffer_freeze(b, 0);
  evbuffer_freeze(b, 1);
  rec("add -> %d", evbuffer_add(b, "x", 1));
  rec("drain -> %d", evbuffer_drain(b, 1));
  rec("remove -> %d", evbuffer_remove(b, out, 1));
  rec("prepend -> %d", evbuffer_prepend(b, "x", 1));
  evbuffer_unfreeze(b, 0);
  rec("overflow -> %d", evbuffer_add(b, out, SIZE_MAX));
  evbuffer_free(b);
}
