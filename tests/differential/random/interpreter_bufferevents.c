// SPDX-License-Identifier: BSD-3-Clause
//
// Instructions about socket bufferevents.
#include "tests/differential/random/interpreter_bufferevents.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_compat.h>
#include <stdlib.h>
#include <string.h>

#include "tests/differential/random/virtual_time.h"

struct bev_slot bevs[BEVS_MAX];

struct bev_slot *bev_of(const long *a) {
  return bevs[a[0]].bev != NULL ? &bevs[a[0]] : NULL;
}

int bev_index(const struct bev_slot *slot) { return (int)(slot - bevs); }

void bufferevents_start(void) {
  for (int i = 0; i < BEVS_MAX; i++) bevs[i].bev = NULL;
}

static void slot_free(struct bev_slot *slot) {
  bufferevent_free(slot->bev);
  EFFECT(bufferevent_free);
  connection_orphan(slot);
}

void bufferevents_free_all(void) {
  for (int i = 0; i < BEVS_MAX; i++) {
    if (bevs[i].bev != NULL) slot_free(&bevs[i]);
  }
}

bool something_slow_is_stirred(void) {
  for (int i = 0; i < BEVS_MAX; i++) {
    if (bevs[i].bev != NULL && bevs[i].stirred &&
        (bevs[i].is_slow || bevs[i].is_linked)) {
      return true;
    }
  }
  return false;
}

bool may_stir(struct bev_slot *slot, int directions) {
  // A linked pair is stirred once, and then only stirs itself.
  if (slot->is_linked && slot->running == 0 && slot->stirred) return false;
  for (int i = 0; i < BEVS_MAX; i++) {
    struct bev_slot *other = &bevs[i];
    if (other == slot || other->bev == NULL || other->stirred == 0) continue;
    if (other->is_linked && slot->is_linked && slot->running > 0) continue;
    if (other->is_linked || other->is_slow || slot->is_linked ||
        slot->is_slow) {
      return false;
    }
  }
  // Inside its own callbacks what caused them is over.
  int before = slot->running > 0 ? 0 : slot->stirred;
  if ((before | directions) == (STIR_IN | STIR_OUT)) return false;
  slot->stirred |= directions;
  return true;
}

void stream_add(struct stream *stream, const void *bytes, size_t count) {
  stream->hash = hash_bytes(stream->hash, bytes, count);
  stream->total += (long)count;
}

// --- Callbacks
// ------------------------------------------------------------------------

// Takes at most `bytes` out of the input.
static long take(struct bev_slot *slot, size_t bytes) {
  char room[DATA_BYTES_MAX];
  long total = 0;
  while (bytes > 0) {
    size_t n = bufferevent_read(slot->bev, room,
                                bytes < sizeof(room) ? bytes : sizeof(room));
    EFFECT_IF(bufferevent_read, n > 0);
    if (n == 0) break;
    stream_add(&slot->in, room, n);
    total += (long)n;
    bytes -= n;
  }
  return total;
}

// Takes the whole input in one go.
static int take_buffer(struct bev_slot *slot) {
  struct evbuffer *buf = evbuffer_new();
  int result = bufferevent_read_buffer(slot->bev, buf);
  size_t n = evbuffer_get_length(buf);
  EFFECT_IF(bufferevent_read_buffer, n > 0);
  if (n > 0) stream_add(&slot->in, evbuffer_pullup(buf, -1), n);
  evbuffer_free(buf);
  return result;
}

static void run(struct bev_slot *slot, int script) {
  slot->running++;
  run_script(script % SCRIPTS_MAX);
  slot->running--;
}

void on_bev_read(struct bufferevent *bev, void *arg) {
  struct bev_slot *slot = arg;
  note_callback();
  rec("bev %d read at %lld%s\n", bev_index(slot), (long long)vt_elapsed_us(),
      bev == slot->bev ? "" : " by another");
  if (bev != slot->bev) return;
  if (!slot->keeps || slot->has_high) {
    // In both ways.
    take(slot, 5);
    take_buffer(slot);
  }
  run(slot, slot->script);
}

void on_bev_write(struct bufferevent *bev, void *arg) {
  struct bev_slot *slot = arg;
  note_callback();
  rec("bev %d write at %lld%s\n", bev_index(slot), (long long)vt_elapsed_us(),
      bev == slot->bev ? "" : " by another");
  if (bev != slot->bev) return;
  run(slot, slot->script + 1);
}

void on_bev_event(struct bufferevent *bev, short what, void *arg) {
  int error = EVUTIL_SOCKET_ERROR();
  struct bev_slot *slot = arg;
  note_callback();
  rec("bev %d event %d at %lld after %ld bytes%s%s\n", bev_index(slot), what,
      (long long)vt_elapsed_us(), slot->in.total,
      bev == slot->bev ? "" : " by another",
      what & BEV_EVENT_ERROR ? strerror(error) : "");
  if (bev != slot->bev) return;
  run(slot, slot->script + 2);
}

// --- Instructions
// --------------------------------------------------------------------------

void op_bev_free(const long *a) {
  struct bev_slot *slot = bev_of(a);
  // The other end would see whether its output was written already.
  if (slot == NULL) return;
  if (slot->is_linked && (slot->stirred || bevs[slot->partner].stirred)) return;
  slot_free(slot);
}

// mask: 1 read, 2 write, 4 event, 8 the read callback leaves the input alone.
void op_bev_setcb(const long *a) {
  struct bev_slot *slot = bev_of(a);
  // What is written may be out already, or not.
  if (slot == NULL || (slot->stirred & STIR_OUT)) return;
  // What a linked one wrote may be read before it is told.
  long mask = slot->is_linked ? a[1] & ~2 : a[1];
  slot->script = (int)a[2];
  slot->keeps = mask & 8;
  bufferevent_setcb(slot->bev, mask & 1 ? on_bev_read : NULL,
                    mask & 2 ? on_bev_write : NULL,
                    mask & 4 ? on_bev_event : NULL, slot);
  EFFECT(bufferevent_setcb);
}

static bool may_write(struct bev_slot *slot, long bytes) {
  // Output may be out before the other end closes, or not.
  if (slot->is_linked && bevs[slot->partner].bev == NULL) return false;
  // The first bytes to a closed TCP peer succeed, and later ones fail.
  if (slot->is_tcp && slot->peer < 0) return false;
  // A partner must find all in one reading; small pieces take much room.
  long factor = slot->is_linked ? 10 : slot->is_slow ? 20 : 2;
  if (slot->load + factor * bytes + 1024 > LOAD_MAX) return false;
  if (!may_stir(slot, STIR_OUT)) return false;
  slot->load += factor * bytes + 1024;
  return true;
}

void op_bev_write(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL || !may_write(slot, a[1])) return;
  int result = bufferevent_write(slot->bev, data_for(a[1], a[2]), (size_t)a[1]);
  EFFECT_IF(bufferevent_write, result == 0);
  if (result == 0) slot->written += a[1];
  rec("bev %ld write %ld -> %d\n", a[0], a[1], result);
}

void op_bev_write_buffer(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL || !may_write(slot, a[1])) return;
  struct evbuffer *buf = evbuffer_new();
  evbuffer_add(buf, data_for(a[1], a[2]), (size_t)a[1]);
  int result = bufferevent_write_buffer(slot->bev, buf);
  EFFECT_IF(bufferevent_write_buffer, result == 0);
  if (result == 0) slot->written += a[1];
  rec("bev %ld write_buffer %ld -> %d left %zu\n", a[0], a[1], result,
      evbuffer_get_length(buf));
  evbuffer_free(buf);
}

// More than any socket takes, so that it is stuck for everybody.
void op_bev_write_much(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL || slot->is_tcp || slot->is_linked) return;
  if (slot->load > 0) return;
  bool was_slow = slot->is_slow;
  slot->is_slow = true;
  if (!may_stir(slot, STIR_OUT)) {
    slot->is_slow = was_slow;
    return;
  }
  struct evbuffer *buf = evbuffer_new();
  for (int i = 0; i < 50; i++) {
    evbuffer_add(buf, data_for(DATA_BYTES_MAX, a[1] + i), DATA_BYTES_MAX);
  }
  slot->load = LOAD_MAX;
  int result = bufferevent_write_buffer(slot->bev, buf);
  if (result == 0) slot->written += 50L * DATA_BYTES_MAX;
  rec("bev %ld write_much -> %d\n", a[0], result);
  evbuffer_free(buf);
}

void op_bev_read(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL) return;
  long n = take(slot, (size_t)a[1]);
  if (!m.in_loop) rec("bev %ld read %ld\n", a[0], n);
}

void op_bev_read_buffer(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL) return;
  rec("bev %ld read_buffer %d\n", a[0], take_buffer(slot));
}

void op_bev_drain(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL) return;
  struct evbuffer *input = bufferevent_get_input(slot->bev);
  struct evbuffer *output = bufferevent_get_output(slot->bev);
  EFFECT_IF(bufferevent_get_input, input != NULL);
  EFFECT_IF(bufferevent_get_output, output != NULL);
  size_t n = evbuffer_get_length(input);
  if (n > 0) stream_add(&slot->in, evbuffer_pullup(input, -1), n);
  rec("bev %ld drain %d\n", a[0], evbuffer_drain(input, n));
}

void op_bev_enable(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL) return;
  int directions =
      (a[1] & EV_READ ? STIR_IN : 0) | (a[1] & EV_WRITE ? STIR_OUT : 0);
  if (!may_stir(slot, directions)) return;
  int result = bufferevent_enable(slot->bev, (short)a[1]);
  EFFECT_IF(bufferevent_enable, result == 0);
  rec("bev %ld enable %ld -> %d\n", a[0], a[1], result);
}

void op_bev_disable(const long *a) {
  struct bev_slot *slot = bev_of(a);
  // Whether its output is out already is open.
  if (slot == NULL || ((a[1] & EV_WRITE) && (slot->stirred & STIR_OUT))) return;
  int result = bufferevent_disable(slot->bev, (short)a[1]);
  EFFECT_IF(bufferevent_disable, result == 0);
  rec("bev %ld disable %ld -> %d\n", a[0], a[1], result);
}

void op_bev_timeouts(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL) return;
  // libevent's comes back by itself once something was written.
  if (a[2] <= 0 && slot->had_timeout) return;
  if (a[2] > 0) slot->had_timeout = true;
  int index = (int)a[0] * 2;
  struct timeval reading = timeout_for(OWNER_BUFFEREVENT, index, a[1]);
  struct timeval writing = timeout_for(OWNER_BUFFEREVENT, index + 1, a[2]);
  int result = bufferevent_set_timeouts(slot->bev, a[1] > 0 ? &reading : NULL,
                                        a[2] > 0 ? &writing : NULL);
  EFFECT_IF(bufferevent_set_timeouts, result == 0);
  rec("bev %ld timeouts -> %d\n", a[0], result);
}

// Whole seconds, which would be equal deadlines: so none that is reached.
void op_bev_settimeout(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL || (a[2] <= 0 && slot->had_timeout)) return;
  if (a[2] > 0) slot->had_timeout = true;
  bufferevent_settimeout(slot->bev, a[1] > 0 ? 100000 + (int)a[1] : 0,
                         a[2] > 0 ? 200000 + (int)a[2] : 0);
  EFFECT(bufferevent_settimeout);
}

void op_bev_watermark(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL || ((a[1] & EV_WRITE) && (slot->stirred & STIR_OUT))) return;
  if (a[1] & EV_READ) slot->has_high = a[3] > 0;
  // Above it, libevent would call for ever.
  if (slot->has_high) take(slot, SIZE_MAX);
  bufferevent_setwatermark(slot->bev, (short)a[1], (size_t)a[2], (size_t)a[3]);
  EFFECT(bufferevent_setwatermark);
}

void op_bev_trigger(const long *a) {
  struct bev_slot *slot = bev_of(a);
  // It looks at how much output is left.
  if (slot == NULL || slot->stirred || !may_stir(slot, STIR_OUT)) return;
  rec("bev %ld trigger\n", a[0]);
  bufferevent_trigger(slot->bev, (short)a[1], (int)a[2]);
  EFFECT(bufferevent_trigger);
}

void op_bev_trigger_event(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL || !may_stir(slot, STIR_OUT)) return;
  rec("bev %ld trigger_event\n", a[0]);
  bufferevent_trigger_event(slot->bev, (short)a[1], (int)a[2]);
  EFFECT(bufferevent_trigger_event);
}

void op_bev_flush(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL) return;
  int result = bufferevent_flush(slot->bev, (short)a[1],
                                 (enum bufferevent_flush_mode)a[2]);
  EFFECT_IF(bufferevent_flush, result == 0);
  rec("bev %ld flush -> %d\n", a[0], result);
}

void op_bev_priority(const long *a) {
  struct bev_slot *slot = bev_of(a);
  // libevent's queues break when something deferred is waiting in them.
  if (slot == NULL || slot->stirred) return;
  int result = bufferevent_priority_set(slot->bev, fd_priority(a[0], a[1]));
  EFFECT_IF(bufferevent_priority_set, result == 0);
  rec("bev %ld priority -> %d is %d\n", a[0], result,
      bufferevent_get_priority(slot->bev));
  EFFECT(bufferevent_get_priority);
}

void op_bev_look(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL) return;
  struct bufferevent *bev = slot->bev;
  bufferevent_data_cb on_read = NULL;
  bufferevent_data_cb on_write = NULL;
  bufferevent_event_cb on_event = NULL;
  void *arg = NULL;
  size_t low[2] = {0, 0};
  size_t high[2] = {0, 0};
  bufferevent_getcb(bev, &on_read, &on_write, &on_event, &arg);
  int got[2];
  got[0] = bufferevent_getwatermark(bev, EV_READ, &low[0], &high[0]);
  got[1] = bufferevent_getwatermark(bev, EV_WRITE, &low[1], &high[1]);
  rec("bev %ld look: cbs %d %d %d, enabled %d, watermarks %d %zu %zu, %d %zu "
      "%zu, base %d, fd %d, dns %d\n",
      a[0], on_read != NULL, on_write != NULL, on_event != NULL,
      bufferevent_get_enabled(bev), got[0], low[0], high[0], got[1], low[1],
      high[1], bufferevent_get_base(bev) == m.base,
      bufferevent_getfd(bev) == slot->own,
      bufferevent_socket_get_dns_error(bev));
  EFFECT_IF(bufferevent_getcb, arg == slot);
  EFFECT_IF(bufferevent_getwatermark, got[0] == 0);
  EFFECT_IF(bufferevent_get_enabled, bufferevent_get_enabled(bev) != 0);
  EFFECT_IF(bufferevent_get_base, bufferevent_get_base(bev) == m.base);
  EFFECT_IF(bufferevent_getfd, bufferevent_getfd(bev) >= 0);
  EFFECT(bufferevent_socket_get_dns_error);
}

void op_bev_ref(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL) return;
  bufferevent_incref(slot->bev);
  EFFECT(bufferevent_incref);
  rec("bev %ld decref %d\n", a[0], bufferevent_decref(slot->bev));
  EFFECT(bufferevent_decref);
}

void op_bev_max_single(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL || slot->stirred) return;
  if (a[2] > 0 && slot->is_linked) return;
  if (a[2] > 0) slot->is_slow = true;
  int reading = bufferevent_set_max_single_read(slot->bev, (size_t)a[1]);
  int writing = bufferevent_set_max_single_write(slot->bev, (size_t)a[2]);
  EFFECT_IF(bufferevent_set_max_single_read, reading == 0);
  EFFECT_IF(bufferevent_set_max_single_write, writing == 0);
  long read_bytes = (long)bufferevent_get_max_single_read(slot->bev);
  long write_bytes = (long)bufferevent_get_max_single_write(slot->bev);
  EFFECT_IF(bufferevent_get_max_single_read, read_bytes > 0);
  EFFECT_IF(bufferevent_get_max_single_write, write_bytes > 0);
  rec("bev %ld max_single %d %d are %ld %ld\n", a[0], reading, writing,
      read_bytes, write_bytes);
}
