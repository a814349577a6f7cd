// SPDX-License-Identifier: BSD-3-Clause
//
// --fail-each: a scenario runs in two child processes for each allocation that
// the library makes in it: that one fails, or that one and all that come after.
// What the scenario then observes is its own affair, but the library must not
// crash, and once the scenario has freed what it was given, no block may be
// left. Where it waits for an event that could not be added, the waits begin to
// fail (see virtual_time.c), the loop returns, and the scenario comes to its
// end too.
//
// Writes a line for each fault and one with the number of allocations at last.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/differential/scenario.h"
#include "tests/differential/scenario_internal.h"

enum { kLimitMs = 60000 };  // for one run, which takes milliseconds

// A scenario with more allocations than this makes the same ones over and over
// (a sweep over all splits of a text): there only every kStride-th number is
// tried with all later ones failing too. Under sanitizers, where a fork is
// slow, some kSlowTries numbers, evenly spread, are tried of any scenario.
enum { kManyAllocations = 1000, kStride = 13, kSlowTries = 100 };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { kIsSlow = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { kIsSlow = 1 };
#else
enum { kIsSlow = 0 };
#endif
#else
enum { kIsSlow = 0 };
#endif

struct outcome {
  bool hangs;
  int status;        // as waitpid gives it
  long allocations;  // that the library asked for; -1 when it did not end
  long blocks;       // that it holds at the end
};

// In the child: everything that is written goes nowhere, the counts into
// `report`.
static void run_with_failure(const struct scenario *chosen, long n,
                             bool for_good, int report) {
  int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDOUT_FILENO);
  if (!getenv("SHOW_MESSAGES")) dup2(nowhere, STDERR_FILENO);
  // Beyond the descriptors that run_scenario() closes.
  report = fcntl(report, F_DUPFD_CLOEXEC, 900);
  // Of scenarios that raise, or let a timer raise, what could not be handled.
  signal(SIGUSR1, SIG_IGN);
  signal(SIGUSR2, SIG_IGN);
  signal(SIGALRM, SIG_IGN);
  mute_record();
  fail_allocation(n, for_good);
  run_scenario(chosen);
  libevent_global_shutdown();  // what is kept for the life of the process
  long counts[2] = {allocations_made(), blocks_in_use()};
  if (write(report, counts, sizeof counts) != sizeof counts) _exit(kExitBroken);
  exit(0);
}

// Reads what the child reports until it has ended. False when it does not end.
static bool take_counts(int report, struct outcome *outcome) {
  for (;;) {
    long counts[2];
    struct pollfd ready = {report, POLLIN, 0};
    if (poll(&ready, 1, kLimitMs) <= 0) return false;
    if (read(report, counts, sizeof counts) != sizeof counts) return true;
    outcome->allocations = counts[0];
    outcome->blocks = counts[1];
  }
}

static struct outcome outcome_of(const struct scenario *chosen, long n,
                                 bool for_good) {
  struct outcome outcome = {false, 0, -1, 0};
  int report[2];
  if (pipe(report) < 0) die("pipe: %s", strerror(errno));
  fflush(NULL);
  pid_t child = fork();
  if (child < 0) die("fork: %s", strerror(errno));
  if (child == 0) run_with_failure(chosen, n, for_good, report[1]);
  close(report[1]);
  outcome.hangs = !take_counts(report[0], &outcome);
  if (outcome.hangs) kill(child, SIGKILL);
  close(report[0]);
  while (waitpid(child, &outcome.status, 0) < 0 && errno == EINTR) {
  }
  return outcome;
}

// NULL, or what is wrong with it.
static const char *fault_of(const struct outcome *outcome) {
  int status = outcome->status;
  if (outcome->hangs) return "hangs";
  if (WIFSIGNALED(status)) return "crashes";
  switch (WEXITSTATUS(status)) {
    case 0:
      if (outcome->blocks < 0) return "frees what was never given out";
      return outcome->blocks > 0 ? "leaks" : NULL;
    case kExitFatal:  // event_init() cannot report otherwise
      return NULL;
    case kExitStuck:
      return "never ends";
    default:
      return "is faulty (a sanitizer, or the scenario itself)";
  }
}

int fail_each_allocation(const struct scenario *chosen) {
  // Without a failure first.
  struct outcome clean = outcome_of(chosen, 0, false);
  const char *clean_fault = fault_of(&clean);
  if (clean_fault) die("when nothing fails it %s", clean_fault);
  int faults = 0;
  const long step = kIsSlow ? clean.allocations / kSlowTries + 1 : 1;
  for (long n = 1; n <= clean.allocations; n += step) {
    for (int for_good = 0; for_good < 2; ++for_good) {
      if (for_good && !kIsSlow && clean.allocations > kManyAllocations &&
          n % kStride != 0)
        continue;
      struct outcome outcome = outcome_of(chosen, n, for_good);
      const char *fault = fault_of(&outcome);
      if (!fault) continue;
      ++faults;
      printf("when allocation %ld fails%s it %s\n", n,
             for_good ? ", and all after it," : "", fault);
    }
  }
  printf("%ld allocations\n", clean.allocations);
  return faults != 0;
}
