/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The simplest filter: every letter moves by 13 places, there and back. It
 * changes bytes one by one, so it never has to wait for more.
 */
#include <stdint.h>

#include "examples/product/filter.h"

static unsigned char turn(unsigned char byte) {
  unsigned char small = byte | 0x20;
  if (small < 'a' || small > 'z') return byte;
  return small <= 'm' ? byte + 13 : byte - 13;
}

static enum bufferevent_filter_result rot13(struct evbuffer *from,
                                            struct evbuffer *to,
                                            ev_ssize_t room,
                                            enum bufferevent_flush_mode mode,
                                            void *memory) {
  unsigned char bytes[4096];
  size_t left = room < 0 ? SIZE_MAX : (size_t)room;
  int moved = 0;
  (void)mode;
  (void)memory;
  while (left > 0) {
    size_t wanted = left < sizeof(bytes) ? left : sizeof(bytes);
    int got = evbuffer_remove(from, bytes, wanted);
    int i;
    if (got <= 0) break;
    for (i = 0; i < got; ++i) bytes[i] = turn(bytes[i]);
    if (evbuffer_add(to, bytes, (size_t)got) < 0) return BEV_ERROR;
    left -= (size_t)got;
    moved = 1;
  }
  return moved ? BEV_OK : BEV_NEED_MORE;
}

const struct filter filter_rot13 = {"rot13", rot13, rot13};
