// SPDX-License-Identifier: BSD-3-Clause
//
// What the parts of the scenario frame (scenario.c, memory.c, sockets.c,
// virtual_time.c) offer each other. Scenarios do not include this.
#ifndef TESTS_DIFFERENTIAL_SCENARIO_INTERNAL_H_
#define TESTS_DIFFERENTIAL_SCENARIO_INTERNAL_H_

#include <stdbool.h>

// How a scenario's process ends when it does not reach its last line.
enum {
  kExitBroken = 70,    // the scenario itself is wrong
  kExitFatal = 71,     // the library called its fatal callback
  kExitSpinning = 72,  // the record passed kRecordLinesMax
};

// Writes a message to stderr and ends the process with kExitBroken.
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

// Puts counting memory functions into the library.
void count_allocations(void);

// Makes the `n`-th allocation from now on fail, once.
void fail_allocation(long n);
bool allocations_may_fail(void);

// Under --fail-allocation: writes how many allocations there were to stderr.
void report_allocations(void);

#endif  // TESTS_DIFFERENTIAL_SCENARIO_INTERNAL_H_
