// SPDX-License-Identifier: BSD-3-Clause
//
// A program for json_trace_test.py to watch: what it does, its first argument
// says.
#include <event2/event.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace {

constexpr int kTicks = 200;

void CountTick(evutil_socket_t, short, void* ticks) {
  ++*static_cast<int*>(ticks);
}

// Turns `base` until a timer has ticked `ticks` times.
void Tick(event_base* base, int ticks) {
  int ticked = 0;
  event* timer = event_new(base, -1, EV_PERSIST, CountTick, &ticked);
  const timeval soon = {0, 100};
  event_add(timer, &soon);
  while (ticked < ticks) event_base_loop(base, EVLOOP_ONCE);
  event_free(timer);
}

int TickOnABaseOfItsOwn() {
  event_base* base = event_base_new();
  Tick(base, kTicks);
  event_base_free(base);
  return 0;
}

bool EndsWell(pid_t child) {
  int status;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

// A child that makes a base while this one has its own.
int Fork() {
  event_base* base = event_base_new();
  Tick(base, kTicks);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) _exit(TickOnABaseOfItsOwn());
  bool ended = EndsWell(child);
  Tick(base, kTicks);
  event_base_free(base);
  return ended ? 0 : 1;
}

// Another program with the same environment.
int Spawn(char* program) {
  event_base* base = event_base_new();
  Tick(base, kTicks);
  char tick[] = "tick";
  char* arguments[] = {program, tick, nullptr};
  pid_t child = -1;
  posix_spawn(&child, program, nullptr, nullptr, arguments, environ);
  bool ended = EndsWell(child);
  Tick(base, kTicks);
  event_base_free(base);
  return ended ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const char* what = argc == 2 ? argv[1] : "";
  if (strcmp(what, "tick") == 0) return TickOnABaseOfItsOwn();
  if (strcmp(what, "fork") == 0) return Fork();
  if (strcmp(what, "spawn") == 0) return Spawn(argv[0]);
  fprintf(stderr, "usage: %s tick | fork | spawn\n", argv[0]);
  return 2;
}
