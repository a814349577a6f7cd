// SPDX-License-Identifier: BSD-3-Clause
//
// Clocks and waits of a scenario's process. The functions below stand before
// libc's for the whole program, the oracle's shared library included. Until
// virtual_time() is called they only pass on (and add the jump of the wall
// clock); afterwards the clock moves by waits and pass_time_ms() alone.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tests/differential/scenario.h"
#include "tests/differential/scenario_internal.h"

enum { kNsPerMs = 1000000, kNsPerS = 1000000000, kKernelSigsetBytes = 8 };

// Under --fail-allocation: what comes by itself has come by then, and what the
// scenario waits for will not come. From then on every wait fails, so that the
// loop returns -1 and the scenario goes on to its end.
enum { kMostEndlessWaits = 20, kMostWaits = 200000, kMostInVain = 1000 };

static bool g_virtual;
static int64_t g_virtual_ns;
static int64_t g_virtual_start_ns;
static int64_t g_wall_jump_s;
static int g_fail_wait_errno;
static void (*g_on_endless_wait)(void);
static long g_waits;
static bool g_in_vain;

static const struct timespec kNoWait = {0, 0};

static int64_t real_ns(clockid_t clock) {
  struct timespec now;
  if (syscall(SYS_clock_gettime, clock, &now) < 0) die("clock_gettime");
  return now.tv_sec * (int64_t)kNsPerS + now.tv_nsec;
}

void virtual_time(void) {
  // A round number, so that no rounding of a wait depends on the start.
  g_virtual_ns = g_virtual_start_ns = 100000 * (int64_t)kNsPerS;
  g_virtual = true;
}

void pass_time_ms(int64_t duration_ms) {
  if (!g_virtual) die("pass_time_ms() without virtual_time()");
  g_virtual_ns += duration_ms * kNsPerMs;
}

int64_t now_ms(void) {
  if (!g_virtual) die("now_ms() without virtual_time()");
  return (g_virtual_ns - g_virtual_start_ns + kNsPerMs / 2) / kNsPerMs;
}

void jump_wall_clock_s(int64_t seconds) { g_wall_jump_s += seconds; }

const struct timeval *ms(int64_t duration_ms) {
  static struct timeval ring[8];
  static unsigned turn;
  struct timeval *tv = &ring[turn++ % 8];
  tv->tv_sec = duration_ms / 1000;
  tv->tv_usec = duration_ms % 1000 * 1000;
  return tv;
}

// --- Clocks ----------------------------------------------------------------

int clock_gettime(clockid_t clock, struct timespec *out) {
  bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  bool monotonic = clock == CLOCK_MONOTONIC ||
                   clock == CLOCK_MONOTONIC_COARSE ||
                   clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_BOOTTIME;
  if (!wall && !(g_virtual && monotonic))
    return (int)syscall(SYS_clock_gettime, clock, out);
  int64_t now_ns = g_virtual ? g_virtual_ns : real_ns(clock);
  if (wall) now_ns += g_wall_jump_s * kNsPerS;
  // Virtual wall-clock time is not the monotonic one: a mix-up would show.
  if (wall && g_virtual) now_ns += 1600000000 * (int64_t)kNsPerS;
  out->tv_sec = now_ns / kNsPerS;
  out->tv_nsec = now_ns % kNsPerS;
  return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

// --- Waits -----------------------------------------------------------------

void fail_next_wait(int err) { g_fail_wait_errno = err; }

void on_endless_wait(void (*callback)(void)) { g_on_endless_wait = callback; }

long waits_made(void) { return g_waits; }

// A scenario that asks again and again all the same is ended.
static int wait_in_vain(void) {
  static int times;
  if (++times > kMostInVain) _exit(kExitStuck);
  errno = EBADF;
  return -1;
}

void fail_all_waits(void) { g_in_vain = true; }

// At the begin of each wait: true when it must fail with errno.
static bool wait_fails(void) {
  if (++g_waits > kMostWaits && allocations_may_fail()) g_in_vain = true;
  if (g_in_vain) return wait_in_vain() < 0;
  if (!g_fail_wait_errno) return false;
  errno = g_fail_wait_errno;
  g_fail_wait_errno = 0;
  return true;
}

// Called when a glance at the kernel found nothing and the caller would have
// waited for `timeout_ns` (-1: without limit); returns what the wait returns. A
// wait that nothing can end is left to the watchdog.
static int wait_over(int64_t timeout_ns) {
  if (timeout_ns >= 0) {
    g_virtual_ns += timeout_ns;
  } else if (g_on_endless_wait) {
    g_on_endless_wait();
  } else if (allocations_may_fail()) {
    // Some time for what comes by itself: bytes on the loopback, a signal.
    static int endless_waits;
    struct timespec a_while = {0, 2 * kNsPerMs};
    if (++endless_waits > kMostEndlessWaits) {
      g_in_vain = true;
      return wait_in_vain();
    }
    syscall(SYS_nanosleep, &a_while, NULL);
  } else {
    pause();
  }
  return 0;
}

// To be called with what the kernel's wait returned. ThreadSanitizer puts
// signal handlers off until the next call that it intercepts, and the system
// calls here are none: after a signal it gets one.
static int waited(int n) {
#ifdef __SANITIZE_THREAD__
  if (n < 0 && errno == EINTR) {
    nanosleep(&kNoWait, NULL);
    errno = EINTR;
  }
#endif
  return n;
}

static int64_t ns_of(const struct timespec *timeout) {
  return timeout ? timeout->tv_sec * (int64_t)kNsPerS + timeout->tv_nsec : -1;
}

static int64_t ns_of_ms(int timeout_ms) {
  return timeout_ms < 0 ? -1 : timeout_ms * (int64_t)kNsPerMs;
}

int epoll_pwait(int epfd, struct epoll_event *events, int count, int timeout_ms,
                const sigset_t *mask) {
  if (wait_fails()) return -1;
  int n = (int)syscall(SYS_epoll_pwait, epfd, events, count,
                       g_virtual ? 0 : timeout_ms, mask, kKernelSigsetBytes);
  if (n == 0 && g_virtual) return wait_over(ns_of_ms(timeout_ms));
  return waited(n);
}

int epoll_wait(int epfd, struct epoll_event *events, int count,
               int timeout_ms) {
  return epoll_pwait(epfd, events, count, timeout_ms, NULL);
}

int epoll_pwait2(int epfd, struct epoll_event *events, int count,
                 const struct timespec *timeout, const sigset_t *mask) {
  int n =
      (int)syscall(SYS_epoll_pwait2, epfd, events, count,
                   g_virtual ? &kNoWait : timeout, mask, kKernelSigsetBytes);
  if (n == 0 && g_virtual) return wait_over(ns_of(timeout));
  return waited(n);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
          const sigset_t *mask) {
  if (wait_fails()) return -1;
  struct timespec limit;
  if (g_virtual)
    limit = kNoWait;
  else if (timeout)
    limit = *timeout;
  int n =
      (int)syscall(SYS_ppoll, fds, count, g_virtual || timeout ? &limit : NULL,
                   mask, kKernelSigsetBytes);
  if (n == 0 && g_virtual) return wait_over(ns_of(timeout));
  return waited(n);
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
  struct timespec limit = {timeout_ms / 1000,
                           timeout_ms % 1000 * (long)kNsPerMs};
  return ppoll(fds, count, timeout_ms < 0 ? NULL : &limit, NULL);
}

// What Debian's fortified libraries call in place of poll.
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size) {
  (void)size;
  return poll(fds, count, timeout_ms);
}

int pselect(int count, fd_set *restrict readable, fd_set *restrict writable,
            fd_set *restrict exceptional,
            const struct timespec *restrict timeout,
            const sigset_t *restrict mask) {
  if (wait_fails()) return -1;
  struct timespec limit;
  struct {
    const sigset_t *mask;
    size_t bytes;
  } masked = {mask, kKernelSigsetBytes};
  if (g_virtual)
    limit = kNoWait;
  else if (timeout)
    limit = *timeout;
  int n = (int)syscall(SYS_pselect6, count, readable, writable, exceptional,
                       g_virtual || timeout ? &limit : NULL, &masked);
  if (n == 0 && g_virtual) return wait_over(ns_of(timeout));
  return waited(n);
}

int select(int count, fd_set *restrict readable, fd_set *restrict writable,
           fd_set *restrict exceptional, struct timeval *restrict timeout) {
  struct timespec limit;
  if (timeout) {
    limit.tv_sec = timeout->tv_sec;
    limit.tv_nsec = timeout->tv_usec * 1000;
  }
  return pselect(count, readable, writable, exceptional,
                 timeout ? &limit : NULL, NULL);
}
