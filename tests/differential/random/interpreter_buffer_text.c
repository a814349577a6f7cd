// SPDX-License-Identifier: BSD-3-Clause
//
// Instructions about the text in evbuffers (lines, searching) and about their
// callbacks.
#include <event2/buffer.h>
#include <event2/buffer_compat.h>
#include <stdlib.h>
#include <string.h>

#include "tests/differential/random/interpreter.h"

#define CALLBACKS_PER_BUF 3

// One callback of a buffer. The last of each buffer is that of
// evbuffer_setcb.
struct watcher {
  int buf;
  int index;
  int script;
  struct evbuffer_cb_entry *entry;  // NULL: not added
};
static struct watcher watchers[BUFS_MAX][CALLBACKS_PER_BUF + 1];
static bool is_deferred[BUFS_MAX];

static const char *const kPatterns[] = {
    "a", "b", "ab", "ba", "\r\n", "\n", "abba", "aabab", "xyz", "\r\n\r\n"};

void buffer_text_start(void) {
  for (int b = 0; b < BUFS_MAX; b++) {
    for (int i = 0; i <= CALLBACKS_PER_BUF; i++) {
      watchers[b][i] = (struct watcher){b, i, 0, NULL};
    }
  }
}

static void forget_callbacks(long buf) {
  for (int i = 0; i <= CALLBACKS_PER_BUF; i++) watchers[buf][i].entry = NULL;
}

void buffer_text_forget(long buf) {
  forget_callbacks(buf);
  is_deferred[buf] = false;
}

// --- Lines
// ------------------------------------------------------------------------

void op_buf_readln(const long *a) {
  size_t length = 12345;
  char *line =
      evbuffer_readln(buf_of(a[0]), &length, (enum evbuffer_eol_style)a[1]);
  EFFECT_IF(evbuffer_readln, line != NULL);
  rec("readln %ld %zu left %zu\n", a[1], length,
      evbuffer_get_length(buf_of(a[0])));
  if (line == NULL) return;
  rec_bytes("line", line, length + 1);
  counted_free(line);
}

void op_buf_readline(const long *a) {
  char *line = evbuffer_readline(buf_of(a[0]));
  EFFECT_IF(evbuffer_readline, line != NULL);
  rec("readline %d left %zu\n", line != NULL,
      evbuffer_get_length(buf_of(a[0])));
  if (line == NULL) return;
  rec_bytes("line", line, strlen(line));
  counted_free(line);
}

// --- Searching
// ----------------------------------------------------------------------

// A pointer to `pos`; NULL when that is beyond the end or negative.
static struct evbuffer_ptr *at(struct evbuffer *buf, long pos,
                               struct evbuffer_ptr *ptr) {
  if (pos < 0 || evbuffer_ptr_set(buf, ptr, (size_t)pos, EVBUFFER_PTR_SET) < 0)
    return NULL;
  return ptr;
}

static const char *pattern_for(long number) {
  return kPatterns[(size_t)number % (sizeof(kPatterns) / sizeof(kPatterns[0]))];
}

void op_buf_search(const long *a) {
  struct evbuffer *buf = buf_of(a[0]);
  struct evbuffer_ptr from;
  const char *pattern = pattern_for(a[1]);
  struct evbuffer_ptr found =
      evbuffer_search(buf, pattern, strlen(pattern), at(buf, a[2], &from));
  EFFECT_IF(evbuffer_search, found.pos >= 0);
  rec("search %ld -> %ld\n", a[1], (long)found.pos);
}

void op_buf_search_range(const long *a) {
  struct evbuffer *buf = buf_of(a[0]);
  struct evbuffer_ptr from;
  struct evbuffer_ptr to;
  const char *pattern = pattern_for(a[1]);
  struct evbuffer_ptr *end = at(buf, a[3], &to);
  struct evbuffer_ptr found = evbuffer_search_range(
      buf, pattern, strlen(pattern), at(buf, a[2], &from), end);
  EFFECT_IF(evbuffer_search_range, found.pos >= 0);
  rec("search_range %ld to %d -> %ld\n", a[1], end != NULL, (long)found.pos);
}

void op_buf_search_eol(const long *a) {
  struct evbuffer *buf = buf_of(a[0]);
  struct evbuffer_ptr from;
  size_t eol_bytes = 12345;
  struct evbuffer_ptr found = evbuffer_search_eol(
      buf, at(buf, a[1], &from), &eol_bytes, (enum evbuffer_eol_style)a[2]);
  EFFECT_IF(evbuffer_search_eol, found.pos >= 0);
  rec("search_eol %ld -> %ld bytes %zu\n", a[2], (long)found.pos, eol_bytes);
}

void op_buf_find(const long *a) {
  // Pulls everything up.
  if (!buf_may_be_pulled_up(a[0])) return;
  const char *pattern = pattern_for(a[1]);
  const unsigned char *found = evbuffer_find(
      buf_of(a[0]), (const unsigned char *)pattern, strlen(pattern));
  EFFECT_IF(evbuffer_find, found != NULL);
  rec("find %ld -> %d\n", a[1], found != NULL);
}

void op_buf_ptr_set(const long *a) {
  struct evbuffer *buf = buf_of(a[0]);
  struct evbuffer_ptr ptr;
  int set = evbuffer_ptr_set(buf, &ptr, (size_t)a[1], EVBUFFER_PTR_SET);
  EFFECT_IF(evbuffer_ptr_set, set == 0);
  rec("ptr_set %d %ld\n", set, (long)ptr.pos);
  if (set < 0) return;
  int moved = evbuffer_ptr_set(buf, &ptr, (size_t)a[2], EVBUFFER_PTR_ADD);
  EFFECT_IF(evbuffer_ptr_set, moved == 0);
  rec("ptr_add %d %ld\n", moved, (long)ptr.pos);
}

// --- Callbacks
// ------------------------------------------------------------------------

static void on_change(struct evbuffer *buf, const struct evbuffer_cb_info *info,
                      void *arg) {
  const struct watcher *watcher = arg;
  note_callback();
  rec("changed %d.%d: was %zu added %zu deleted %zu now %zu\n", watcher->buf,
      watcher->index, info->orig_size, info->n_added, info->n_deleted,
      evbuffer_get_length(buf));
  run_script(watcher->script);
}

static void on_old_change(struct evbuffer *buf, size_t old_bytes,
                          size_t new_bytes, void *arg) {
  const struct watcher *watcher = arg;
  note_callback();
  rec("changed %d: %zu to %zu now %zu\n", watcher->buf, old_bytes, new_bytes,
      evbuffer_get_length(buf));
  run_script(watcher->script);
}

void op_buf_add_cb(const long *a) {
  struct watcher *watcher = &watchers[a[0]][a[1]];
  if (watcher->entry != NULL) return;
  watcher->script = (int)a[2];
  watcher->entry = evbuffer_add_cb(buf_of(a[0]), on_change, watcher);
  EFFECT_IF(evbuffer_add_cb, watcher->entry != NULL);
}

// Callbacks stay while one is running: the list is being walked.
void op_buf_remove_cb(const long *a) {
  struct watcher *watcher = &watchers[a[0]][a[1]];
  if (m.depth > 0) return;
  int result = evbuffer_remove_cb(buf_of(a[0]), on_change, watcher);
  EFFECT_IF(evbuffer_remove_cb, result == 0);
  rec("remove_cb %d\n", result);
  watcher->entry = NULL;
}

void op_buf_remove_cb_entry(const long *a) {
  struct watcher *watcher = &watchers[a[0]][a[1]];
  if (m.depth > 0 || watcher->entry == NULL) return;
  int result = evbuffer_remove_cb_entry(buf_of(a[0]), watcher->entry);
  EFFECT_IF(evbuffer_remove_cb_entry, result == 0);
  rec("remove_cb_entry %d\n", result);
  watcher->entry = NULL;
}

void op_buf_cb_set_flags(const long *a) {
  struct watcher *watcher = &watchers[a[0]][a[1]];
  if (watcher->entry == NULL) return;
  int result =
      evbuffer_cb_set_flags(buf_of(a[0]), watcher->entry, (ev_uint32_t)a[2]);
  EFFECT_IF(evbuffer_cb_set_flags, result == 0);
  rec("cb_set_flags %d\n", result);
}

void op_buf_cb_clear_flags(const long *a) {
  struct watcher *watcher = &watchers[a[0]][a[1]];
  if (watcher->entry == NULL) return;
  int result =
      evbuffer_cb_clear_flags(buf_of(a[0]), watcher->entry, (ev_uint32_t)a[2]);
  EFFECT_IF(evbuffer_cb_clear_flags, result == 0);
  rec("cb_clear_flags %d\n", result);
}

// Removes all other callbacks.
void op_buf_setcb(const long *a) {
  struct watcher *watcher = &watchers[a[0]][CALLBACKS_PER_BUF];
  if (m.depth > 0) return;
  forget_callbacks(a[0]);
  watcher->script = (int)a[1];
  evbuffer_setcb(buf_of(a[0]), a[1] == 0 ? NULL : on_old_change, watcher);
  EFFECT(evbuffer_setcb);
}

bool buf_is_deferred(long buf) { return is_deferred[buf]; }

void op_buf_defer(const long *a) {
  // libevent does not survive it twice.
  if (m.base == NULL || is_deferred[a[0]]) return;
  is_deferred[a[0]] = true;
  int result = evbuffer_defer_callbacks(buf_of(a[0]), m.base);
  EFFECT_IF(evbuffer_defer_callbacks, result == 0);
  rec("defer %d\n", result);
}
