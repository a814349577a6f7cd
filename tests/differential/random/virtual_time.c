// SPDX-License-Identifier: BSD-3-Clause
//
// See virtual_time.h. Every function below the line "libc's names" takes the
// place of libc's function of that name; the kernel is asked through syscall.
#include "tests/differential/random/virtual_time.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

// Monotonic and wall-clock time at vt_start; both on the grid.
static const int64_t kMonotonicStartUs = INT64_C(1000000000);
static const int64_t kWallStartUs = INT64_C(1700000000000000);

#define FOREVER_US INT64_MAX

static struct {
  int64_t elapsed_us;
  int64_t limit_us;
  long waits_left;
  void (*stop)(int why);
  // Deadline of the one armed timerfd (elapsed time), FOREVER_US if none.
  int64_t timerfd_us;
} vt = {0, FOREVER_US, LONG_MAX, NULL, FOREVER_US};

void vt_start(void) {
  vt.elapsed_us = 0;
  vt.limit_us = FOREVER_US;
  vt.waits_left = LONG_MAX;
  vt.stop = NULL;
  vt.timerfd_us = FOREVER_US;
}

int64_t vt_elapsed_us(void) { return vt.elapsed_us; }

void vt_spend(int64_t cells) { vt.elapsed_us += cells * VT_GRID_US; }

void vt_limit(int64_t cells, long waits_max, void (*stop)(int why)) {
  vt.limit_us = vt.elapsed_us + cells * VT_GRID_US;
  vt.waits_left = waits_max;
  vt.stop = stop;
}

static void stop(int why) {
  void (*call)(int) = vt.stop;
  vt.stop = NULL;
  if (call != NULL) call(why);
}

// Counts a wait; every one of them passes here.
static void count_wait(void) {
  if (vt.waits_left > 0 && --vt.waits_left == 0) stop('n');
}

// Nothing is ready: moves the clock by `timeout_us`, up to the grid.
static void idle(int64_t timeout_us) {
  int64_t target_us = FOREVER_US;
  if (timeout_us != FOREVER_US) {
    target_us = vt.elapsed_us + timeout_us;
  } else if (vt.timerfd_us != FOREVER_US) {
    target_us = vt.timerfd_us;
  }
  if (target_us == FOREVER_US && vt.limit_us == FOREVER_US) {
    stop('f');
    return;
  }
  // Rounded up, but FOREVER_US would overflow.
  if (target_us > vt.limit_us) target_us = vt.limit_us + 1;
  target_us = (target_us + VT_GRID_US - 1) / VT_GRID_US * VT_GRID_US;
  if (target_us > vt.limit_us) {
    target_us = vt.limit_us;
    vt.elapsed_us = target_us;
    stop('t');
  } else if (target_us > vt.elapsed_us) {
    vt.elapsed_us = target_us;
  }
}

static int64_t from_ms(int timeout_ms) {
  return timeout_ms < 0 ? FOREVER_US : (int64_t)timeout_ms * 1000;
}

static int64_t from_timespec(const struct timespec *ts) {
  if (ts == NULL) return FOREVER_US;
  return (int64_t)ts->tv_sec * 1000000 + (ts->tv_nsec + 999) / 1000;
}

static int64_t from_timeval(const struct timeval *tv) {
  if (tv == NULL) return FOREVER_US;
  return (int64_t)tv->tv_sec * 1000000 + tv->tv_usec;
}

static void to_timespec(int64_t us, struct timespec *ts) {
  ts->tv_sec = us / 1000000;
  ts->tv_nsec = us % 1000000 * 1000;
}

static int epoll_glance(int epfd, struct epoll_event *events, int max,
                        int64_t timeout_us, const sigset_t *mask) {
  count_wait();
  int n = (int)syscall(SYS_epoll_pwait, epfd, events, max, 0, mask, _NSIG / 8);
  if (n == 0 && timeout_us != 0) idle(timeout_us);
  return n;
}

static int poll_glance(struct pollfd *fds, nfds_t count, int64_t timeout_us,
                       const sigset_t *mask) {
  struct timespec zero = {0, 0};
  count_wait();
  int n = (int)syscall(SYS_ppoll, fds, count, &zero, mask, _NSIG / 8);
  if (n == 0 && timeout_us != 0) idle(timeout_us);
  return n;
}

static int select_glance(int nfds, fd_set *in, fd_set *out, fd_set *err,
                         int64_t timeout_us, const sigset_t *mask) {
  struct timespec zero = {0, 0};
  struct {
    const sigset_t *mask;
    size_t size;
  } with_mask = {mask, _NSIG / 8};
  count_wait();
  int n = (int)syscall(SYS_pselect6, nfds, in, out, err, &zero, &with_mask);
  if (n == 0 && timeout_us != 0) idle(timeout_us);
  return n;
}

// libc's names --------------------------------------------------------------

int clock_gettime(clockid_t clock, struct timespec *ts) {
  switch (clock) {
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
      to_timespec(kMonotonicStartUs + vt.elapsed_us, ts);
      return 0;
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
      to_timespec(kWallStartUs + vt.elapsed_us, ts);
      return 0;
    default:
      return (int)syscall(SYS_clock_gettime, clock, ts);
  }
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz) {
  (void)tz;
  tv->tv_sec = (kWallStartUs + vt.elapsed_us) / 1000000;
  tv->tv_usec = (kWallStartUs + vt.elapsed_us) % 1000000;
  return 0;
}

time_t time(time_t *out) {
  time_t now = (kWallStartUs + vt.elapsed_us) / 1000000;
  if (out != NULL) *out = now;
  return now;
}

int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms) {
  return epoll_glance(epfd, events, max, from_ms(timeout_ms), NULL);
}

int epoll_pwait(int epfd, struct epoll_event *events, int max, int timeout_ms,
                const sigset_t *mask) {
  return epoll_glance(epfd, events, max, from_ms(timeout_ms), mask);
}

int epoll_pwait2(int epfd, struct epoll_event *events, int max,
                 const struct timespec *timeout, const sigset_t *mask) {
  return epoll_glance(epfd, events, max, from_timespec(timeout), mask);
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
  return poll_glance(fds, count, from_ms(timeout_ms), NULL);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
          const sigset_t *mask) {
  return poll_glance(fds, count, from_timespec(timeout), mask);
}

int select(int nfds, fd_set *restrict in, fd_set *restrict out,
           fd_set *restrict err, struct timeval *restrict timeout) {
  return select_glance(nfds, in, out, err, from_timeval(timeout), NULL);
}

int pselect(int nfds, fd_set *restrict in, fd_set *restrict out,
            fd_set *restrict err, const struct timespec *restrict timeout,
            const sigset_t *restrict mask) {
  return select_glance(nfds, in, out, err, from_timespec(timeout), mask);
}

// The kernel's timerfd stays disarmed: a wait without a timeout ends when it
// would have expired, and reports nothing, which is all that a timerfd is
// used for here.
int timerfd_settime(int fd, int flags, const struct itimerspec *value,
                    struct itimerspec *old) {
  (void)fd;
  if (old != NULL) memset(old, 0, sizeof(*old));
  int64_t us = from_timespec(&value->it_value);
  if (us == 0) {
    vt.timerfd_us = FOREVER_US;
  } else if (flags & TFD_TIMER_ABSTIME) {
    vt.timerfd_us = us - kMonotonicStartUs;
  } else {
    vt.timerfd_us = vt.elapsed_us + us;
  }
  return 0;
}
