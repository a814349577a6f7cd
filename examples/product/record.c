/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A filter with a memory: the stream is cut into records, as TLS does it. Each
 * is two bytes for the length, the higher one first, and that many bytes. A
 * record may come in pieces, and be longer than there is room for, so the
 * filter remembers how much of it is still to come.
 */
#include <stdint.h>

#include "examples/product/filter.h"

enum { HEAD_BYTES = 2, RECORD_BYTES = 16384 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static size_t room_bytes(ev_ssize_t room) {
  return room < 0 ? SIZE_MAX : (size_t)room;
}

static enum bufferevent_filter_result unpack(struct evbuffer *from,
                                             struct evbuffer *to,
                                             ev_ssize_t room,
                                             enum bufferevent_flush_mode mode,
                                             void *arg) {
  struct filter_memory *memory = (struct filter_memory *)arg;
  int moved;
  (void)mode;
  if (memory->left_bytes == 0) {
    unsigned char head[HEAD_BYTES];
    if (evbuffer_get_length(from) < HEAD_BYTES) return BEV_NEED_MORE;
    evbuffer_remove(from, head, HEAD_BYTES);
    memory->left_bytes = (size_t)head[0] << 8 | head[1];
    if (memory->left_bytes == 0 || memory->left_bytes > RECORD_BYTES) {
      return filter_fail(memory);
    }
  }
  moved = evbuffer_remove_buffer(from, to,
                                 least(memory->left_bytes, room_bytes(room)));
  if (moved < 0) return filter_fail(memory);
  memory->left_bytes -= (size_t)moved;
  return moved > 0 ? BEV_OK : BEV_NEED_MORE;
}

static enum bufferevent_filter_result pack(struct evbuffer *from,
                                           struct evbuffer *to, ev_ssize_t room,
                                           enum bufferevent_flush_mode mode,
                                           void *memory) {
  unsigned char head[HEAD_BYTES];
  size_t bytes = least(evbuffer_get_length(from), RECORD_BYTES);
  (void)mode;
  (void)memory;
  if (bytes == 0 || room_bytes(room) <= HEAD_BYTES) return BEV_NEED_MORE;
  bytes = least(bytes, room_bytes(room) - HEAD_BYTES);
  head[0] = (unsigned char)(bytes >> 8);
  head[1] = (unsigned char)bytes;
  if (evbuffer_add(to, head, HEAD_BYTES) < 0 ||
      evbuffer_remove_buffer(from, to, bytes) != (int)bytes) {
    return filter_fail((const struct filter_memory *)memory);
  }
  return BEV_OK;
}

const struct filter filter_record = {"record", unpack, pack};
