// SPDX-License-Identifier: BSD-3-Clause
//
// What the parts of the scenario frame (scenario.c, memory.c, sockets.c,
// virtual_time.c) offer each other. Scenarios do not include this.
#ifndef TESTS_DIFFERENTIAL_SCENARIO_INTERNAL_H_
#define TESTS_DIFFERENTIAL_SCENARIO_INTERNAL_H_

#include <stdbool.h>
#include <stdint.h>

#include "tests/differential/scenario.h"

// How a scenario's process ends when it does not reach its last line.
enum {
  kExitBroken = 70,    // the scenario itself is wrong
  kExitFatal = 71,     // the library called its fatal callback
  kExitSpinning = 72,  // the record passed kRecordLinesMax
  kExitStuck = 73,     // under --fail-allocation: waits again and again
};

// Writes a message to stderr and ends the process with kExitBroken.
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

// Puts counting memory functions into the library.
void count_allocations(void);

// Makes the `n`-th allocation from now on fail (none when 0): once, or
// `for_good` that one and all that come after it.
void fail_allocation(long n, bool for_good);
bool allocations_may_fail(void);

// From here on rec() writes nothing, and an endless record ends the loop's
// waits instead of the process.
void mute_record(void);

// From here on every wait of the loop fails. A process that waits a thousand
// times all the same ends with kExitStuck.
void fail_all_waits(void);

// How many allocations the library asked for.
long allocations_made(void);

// Runs one scenario to its end.
void run_scenario(const struct scenario *chosen);

// --fail-each: returns the exit status of the program.
int fail_each_allocation(const struct scenario *chosen);

#endif  // TESTS_DIFFERENTIAL_SCENARIO_INTERNAL_H_
