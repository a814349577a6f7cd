// SPDX-License-Identifier: BSD-3-Clause
//
// A clock that only moves when the program waits.
//
// virtual_time.c defines the clock and wait calls of libc (clock_gettime,
// gettimeofday, time, epoll_wait and its kin, poll, select, timerfd_settime)
// in the executable, where they win over libc's. A wait asks the kernel what
// is ready without waiting; when nothing is, the clock jumps. So a program of
// hours runs in microseconds, and the load of the machine cannot change what
// it sees.
//
// The clock always stands on a multiple of kGridUs: a wait that would end in
// between ends at the next multiple. How finely a backend can wait (poll: 1
// ms, select: 1 us) therefore makes no difference, and timers whose deadlines
// differ by less than a cell still run in the order of their deadlines.
#ifndef EVOKE_TESTS_DIFFERENTIAL_RANDOM_VIRTUAL_TIME_H_
#define EVOKE_TESTS_DIFFERENTIAL_RANDOM_VIRTUAL_TIME_H_

#include <stdint.h>

// One cell of the clock's grid, in microseconds.
#define VT_GRID_US 10000

// Starts the clock anew.
void vt_start(void);

// Microseconds since vt_start; a multiple of VT_GRID_US.
int64_t vt_elapsed_us(void);

// Moves the clock on by `cells` grid cells, as work that takes time does.
void vt_spend(int64_t cells);

// Waits end at the latest `cells` from now: `stop(why)` is called once, with
// what stopped the wait: 't' for the limit, 'f' for a wait without a timeout
// where there is no limit, 'n' for `waits_max` waits in all.
void vt_limit(int64_t cells, long waits_max, void (*stop)(int why));

#endif  // EVOKE_TESTS_DIFFERENTIAL_RANDOM_VIRTUAL_TIME_H_
