/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layout of struct bufferevent, for programs that look inside.
 *
 * The fields belong to the library; the functions of event2/bufferevent.h read
 * and set them.  A program that reads them here is bound to this layout, which
 * is libevent's, byte for byte.
 */
#ifndef EVENT2_BUFFEREVENT_STRUCT_H_INCLUDED_
#define EVENT2_BUFFEREVENT_STRUCT_H_INCLUDED_

#include <event2/bufferevent.h>
#include <event2/event-config.h>
#include <event2/event_struct.h>
#include <event2/util.h>
#include <sys/time.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct evbuffer;
struct bufferevent_ops;

/* Levels of a buffer, in bytes; see bufferevent_setwatermark(). */
struct event_watermark {
  /* The callback waits for this level. */
  size_t low;
  /* Reading pauses at this level; 0: never. */
  size_t high;
};

/* A connection and its buffers.  The fields are guarded by the bufferevent's
 * lock (bufferevent_lock()), where it has one. */
struct bufferevent {
  /* The loop that it belongs to. */
  struct event_base *ev_base;
  /* What this kind of bufferevent does. */
  const struct bufferevent_ops *be_ops;

  /* Events that wait until the fd can be read or written, or the time for it
   * is over. */
  struct event ev_read;
  struct event ev_write;

  /* Bytes read and not yet taken; bytes to be written. */
  struct evbuffer *input;
  struct evbuffer *output;

  /* Levels of the input, and of the output. */
  struct event_watermark wm_read;
  struct event_watermark wm_write;

  /* Callbacks of bufferevent_setcb(); NULL: none. */
  bufferevent_data_cb readcb;
  bufferevent_data_cb writecb;
  /* For events that are no errors, too. */
  bufferevent_event_cb errorcb;
  /* Handed to all three. */
  void *cbarg;

  /* Zero: none. */
  struct timeval timeout_read;
  struct timeval timeout_write;

  /* Enabled directions: EV_READ, EV_WRITE. */
  short enabled;
};

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_BUFFEREVENT_STRUCT_H_INCLUDED_ */
