/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layout of struct event, for programs that embed events in structures of
 * their own.
 *
 * Such a program is bound to this layout, which is libevent's, byte for byte.
 * The fields belong to the library: use event_assign() to set them and the
 * event_get_...() functions of event2/event.h to read them.
 */
#ifndef EVENT2_EVENT_STRUCT_H_INCLUDED_
#define EVENT2_EVENT_STRUCT_H_INCLUDED_

#include <event2/event-config.h>
#include <event2/keyvalq_struct.h>
#include <event2/util.h>
#include <sys/time.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where an event is, in evcb_flags: */
/* among the timers, */
#define EVLIST_TIMEOUT 0x01
/* among those that wait for an fd or a signal, */
#define EVLIST_INSERTED 0x02
/* (unused, kept for its value) */
#define EVLIST_SIGNAL 0x04
/* in an active queue: its callback is to run, */
#define EVLIST_ACTIVE 0x08
/* made by the library itself: does not keep a loop alive, */
#define EVLIST_INTERNAL 0x10
/* to be put into an active queue in the next turn, */
#define EVLIST_ACTIVE_LATER 0x20
/* being finalized; */
#define EVLIST_FINALIZING 0x40
/* set in every event that was assigned. */
#define EVLIST_INIT 0x80
/* All of these. */
#define EVLIST_ALL 0xff

struct event;
struct event_base;

/* The part of an event that an active queue holds; also a callback on its own,
 * without an event around it. */
struct event_callback {
  /* Neighbours in the active queue. */
  struct {
    struct event_callback *tqe_next;
    struct event_callback **tqe_prev;
  } evcb_active_next;
  /* EVLIST_... */
  short evcb_flags;
  /* Index of the active queue; lower runs first. */
  ev_uint8_t evcb_pri;
  /* Which member of evcb_cb_union is called, and how. */
  ev_uint8_t evcb_closure;
  union {
    void (*evcb_callback)(evutil_socket_t, short, void *);
    void (*evcb_selfcb)(struct event_callback *, void *);
    void (*evcb_evfinalize)(struct event *, void *);
    void (*evcb_cbfinalize)(struct event_callback *, void *);
  } evcb_cb_union;
  /* Handed to the callback. */
  void *evcb_arg;
};

/* An event.  Its fields are guarded by the lock of its base, where that has
 * one. */
struct event {
  /* The callback, and the event's place in an active queue. */
  struct event_callback ev_evcallback;

  /* Place among the timers. */
  union {
    struct {
      struct event *tqe_next;
      struct event **tqe_prev;
    } ev_next_with_common_timeout;
    int min_heap_idx;
  } ev_timeout_pos;

  /* The file descriptor or signal number. */
  evutil_socket_t ev_fd;
  /* The loop that it belongs to. */
  struct event_base *ev_base;

  /* What it needs for what it waits for. */
  union {
    /* Events on a file descriptor, and timers. */
    struct {
      /* Neighbours among the events of one fd. */
      struct {
        struct event *le_next;
        struct event **le_prev;
      } ev_io_next;
      /* Interval of a persistent event. */
      struct timeval ev_timeout;
    } ev_io;
    /* Events on a signal. */
    struct {
      /* Neighbours among the events of one signal. */
      struct {
        struct event *le_next;
        struct event **le_prev;
      } ev_signal_next;
      /* Calls that remain to be made. */
      short ev_ncalls;
      /* Lets a callback that deletes its event stop the remaining calls. */
      short *ev_pncalls;
    } ev_signal;
  } ev_;

  /* What it waits for (EV_...). */
  short ev_events;
  /* What happened, told to the callback (EV_...). */
  short ev_res;
  /* Deadline on the monotonic clock. */
  struct timeval ev_timeout;
};

/* The head of a list of events, with the field names of sys/queue.h's TAILQ. */
struct event_list {
  /* The first event, and where a further one is to be linked. */
  struct event *tqh_first;
  struct event **tqh_last;
};

/* The same with those of its LIST. */
struct event_dlist {
  /* The first event. */
  struct event *lh_first;
};

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_EVENT_STRUCT_H_INCLUDED_ */
