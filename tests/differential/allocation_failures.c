// SPDX-License-Identifier: BSD-3-Clause
//
// --fail-each: a scenario runs in a child process for each allocation that the
// library makes in it, and that one fails. What the scenario then observes is
// its own affair (it may even wait for ever, for an event that could not be
// added), but the library must not crash, and must not leak.
//
// Writes a line for each fault and one with the number of allocations at last.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/differential/scenario.h"
#include "tests/differential/scenario_internal.h"

enum { kLimitS = 10 };

struct outcome {
  int status;        // as waitpid gives it
  long allocations;  // that the library asked for; -1 when it did not end
  long blocks;       // that it holds at the end
};

// In the child: everything that is written goes nowhere, the counts into
// `report`.
static void run_with_failure(const struct scenario *chosen, long n,
                             int report) {
  int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDOUT_FILENO);
  if (!getenv("SHOW_MESSAGES")) dup2(nowhere, STDERR_FILENO);
  // Beyond the descriptors that run_scenario() closes.
  report = fcntl(report, F_DUPFD_CLOEXEC, 900);
  // Of scenarios that raise what could not be handled.
  signal(SIGUSR1, SIG_IGN);
  signal(SIGUSR2, SIG_IGN);
  signal(SIGALRM, SIG_DFL);
  alarm(kLimitS);
  fail_allocation(n);
  run_scenario(chosen);
  long counts[2] = {allocations_made(), blocks_in_use()};
  if (write(report, counts, sizeof counts) != sizeof counts) _exit(kExitBroken);
  exit(0);
}

static struct outcome outcome_of(const struct scenario *chosen, long n) {
  struct outcome outcome = {0, -1, 0};
  long counts[2];
  int report[2];
  if (pipe(report) < 0) die("pipe: %s", strerror(errno));
  fflush(NULL);
  pid_t child = fork();
  if (child < 0) die("fork: %s", strerror(errno));
  if (child == 0) run_with_failure(chosen, n, report[1]);
  close(report[1]);
  if (read(report[0], counts, sizeof counts) == sizeof counts) {
    outcome.allocations = counts[0];
    outcome.blocks = counts[1];
  }
  close(report[0]);
  while (waitpid(child, &outcome.status, 0) < 0 && errno == EINTR) {
  }
  return outcome;
}

// NULL, or what is wrong with it. `blocks` are left when nothing fails.
static const char *fault_of(const struct outcome *outcome, long blocks) {
  int status = outcome->status;
  if (WIFSIGNALED(status))
    return WTERMSIG(status) == SIGALRM ? "hangs" : "crashes";
  switch (WEXITSTATUS(status)) {
    case 0:
      return outcome->blocks > blocks ? "leaks" : NULL;
    case kExitFatal:  // event_init() cannot report otherwise
    case kExitSpinning:
    case kExitStuck:
      return NULL;
    default:
      return "is faulty (a sanitizer, or the scenario itself)";
  }
}

int fail_each_allocation(const struct scenario *chosen) {
  // Without a failure first: what must be the same at the end.
  struct outcome clean = outcome_of(chosen, 0);
  if (clean.status != 0 && WEXITSTATUS(clean.status) != kExitStuck)
    die("it fails without a failure: status %d", clean.status);
  int faults = 0;
  for (long n = 1; n <= clean.allocations; ++n) {
    struct outcome outcome = outcome_of(chosen, n);
    const char *fault = fault_of(&outcome, clean.blocks);
    if (!fault) continue;
    ++faults;
    printf("when allocation %ld fails it %s\n", n, fault);
  }
  printf("%ld allocations\n", clean.allocations);
  return faults != 0;
}
