/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stand-in for the <sys/event.h> of the BSDs and macOS, so that a program
 * written for kqueue can be compiled, run and tested under Linux. It is no port
 * of kqueue: it knows what kqueue(2) says of the filters and flags below, on
 * top of epoll, and refuses the others with EINVAL. For one thread.
 *
 * Where it is different from the original:
 * - A signal that EVFILT_SIGNAL waits for is blocked in the thread, so that its
 *   handler is not called; the original counts it and lets the handler run.
 * - A descriptor that is closed loses its filters, but one that was disabled at
 *   that time may be enabled again by a new descriptor of the same number;
 *   EV_ADD starts afresh.
 * - `data` of a listening socket is 1, not the length of its queue.
 * - Regular files, whose filters are always ready, are refused with EPERM.
 * - Closing a kqueue leaves three descriptors behind it open, until kqueue()
 *   gives the same number again.
 */
#ifndef EVOKE_TESTS_MODELS_KQUEUE_SHIM_SYS_EVENT_H_
#define EVOKE_TESTS_MODELS_KQUEUE_SHIM_SYS_EVENT_H_

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Filters. */
#define EVFILT_READ (-1)   /* data: bytes to be read */
#define EVFILT_WRITE (-2)  /* data: room in the send buffer, in bytes */
#define EVFILT_SIGNAL (-6) /* data: how often it came */
#define EVFILT_TIMER \
  (-7) /* data: in, the period in ms; out, how often it fired */

/* Actions. */
#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ENABLE 0x0004
#define EV_DISABLE 0x0008

/* Flags. */
#define EV_ONESHOT 0x0010 /* deleted when it has been told */
#define EV_CLEAR 0x0020   /* told at a change, not as long as it lasts */

/* What is told. */
#define EV_EOF                                                   \
  0x8000 /* the peer has closed its end, or the connection broke \
          */
#define EV_ERROR 0x4000 /* a change was refused; data is the errno */

struct kevent {
  uintptr_t ident;
  short filter;
  unsigned short flags;
  unsigned int fflags; /* must be 0 */
  int64_t data;
  void *udata;
};

#define EV_SET(event, ident_, filter_, flags_, fflags_, data_, udata_) \
  do {                                                                 \
    struct kevent *event_ = (event);                                   \
    event_->ident = (uintptr_t)(ident_);                               \
    event_->filter = (short)(filter_);                                 \
    event_->flags = (unsigned short)(flags_);                          \
    event_->fflags = (unsigned)(fflags_);                              \
    event_->data = (int64_t)(data_);                                   \
    event_->udata = (udata_);                                          \
  } while (0)

/* A new queue; -1 and errno when there is none. Closed by close(2). */
int kqueue(void);

/*
 * Makes the changes, then waits until something is ready, and tells up to
 * `event_count` of it. A change that is refused becomes an event with EV_ERROR;
 * where there is no room for it, the call fails with its errno.
 * `timeout` NULL waits for ever. With `event_count` 0 it does not wait.
 */
int kevent(int queue, const struct kevent *changes, int change_count,
           struct kevent *events, int event_count,
           const struct timespec *timeout);

#ifdef __cplusplus
}
#endif

#endif /* EVOKE_TESTS_MODELS_KQUEUE_SHIM_SYS_EVENT_H_ */
