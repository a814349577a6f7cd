// SPDX-License-Identifier: BSD-3-Clause
//
// A program for json_trace_test.py to watch: what it does, its first argument
// says.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <evoke/trace.h>
#include <semaphore.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

extern char** environ;

// By its name, which the program exports.
extern "C" __attribute__((noinline)) void hold_the_loop(evutil_socket_t, short,
                                                        void*) {
  auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(60);
  while (std::chrono::steady_clock::now() < end) {
  }
}

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

// Far more than fits into the least trace.
int AddAndDelete() {
  event_base* base = event_base_new();
  event* timer = event_new(base, -1, 0, CountTick, nullptr);
  const timeval later = {3600, 0};
  for (int i = 0; i < 20000; ++i) {
    event_add(timer, &later);
    event_del(timer);
  }
  event_free(timer);
  event_base_free(base);
  return 0;
}

// Says the descriptor, and whether stacks are written down in this build.
int HoldTheLoop() {
  event_base* base = event_base_new();
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) return 1;
  event* reader = event_new(base, fds[0], EV_READ, hold_the_loop, nullptr);
  event_add(reader, nullptr);
  if (write(fds[1], "x", 1) != 1) return 1;
#ifdef NDEBUG
  printf("%d without stacks\n", fds[0]);
#else
  printf("%d with stacks\n", fds[0]);
#endif
  event_base_dispatch(base);
  event_free(reader);
  event_base_free(base);
  close(fds[0]);
  close(fds[1]);
  return 0;
}

// Posted each time a loop is about to wait. Whoever then takes the lock of its
// base, as every function of the library does, finds it waiting.
sem_t g_waits;

void PostWait(const evoke_point* point, void*) {
  if (point->kind == EVOKE_POINT_WAIT && point->value != 0) sem_post(&g_waits);
}

event_base* BaseForThreads() {
  evthread_use_pthreads();
  sem_init(&g_waits, 0, 0);
  event_base* base = event_base_new();
  evoke_watch_points(base, PostWait, nullptr);
  return base;
}

void StopTrace(bufferevent* connection, void*) {
  event_base* base = bufferevent_get_base(connection);
  printf("stop %d\n", evoke_trace_stop(base));
  event_base_loopbreak(base);
}

// Within the callback of a bufferevent, which is within that of its event.
int StopInACallback() {
  event_base* base = event_base_new();
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) return 1;
  bufferevent* connection =
      bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(connection, StopTrace, nullptr, nullptr, nullptr);
  bufferevent_enable(connection, EV_READ);
  if (write(fds[1], "x", 1) != 1) return 1;
  event_base_dispatch(base);
  bufferevent_free(connection);
  event_base_free(base);
  close(fds[1]);
  return 0;
}

int StopInAWait() {
  event_base* base = BaseForThreads();
  std::thread other([base] {
    sem_wait(&g_waits);
    printf("stop %d\n", evoke_trace_stop(base));
    event_base_loopbreak(base);
  });
  event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
  other.join();
  event_base_free(base);
  return 0;
}

void ReadByte(evutil_socket_t fd, short, void* count) {
  char byte;
  if (read(fd, &byte, 1) == 1) ++*static_cast<int*>(count);
}

constexpr int kWakeUps = 3;

void CountWakeUp(evutil_socket_t, short, void* arg) {
  static int count = 0;
  if (++count == kWakeUps) event_base_loopbreak(static_cast<event_base*>(arg));
}

// Says which event is which; json_trace_test.py knows what becomes of each.
int Count() {
  event_base* base = BaseForThreads();
  int fds[2], bytes = 0, ticks = 0;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) return 1;
  event* fires = event_new(base, -1, 0, CountTick, &ticks);
  event* deleted = event_new(base, -1, 0, CountTick, &ticks);
  event* reads =
      event_new(base, fds[0], EV_READ | EV_PERSIST, ReadByte, &bytes);
  event* woken = event_new(base, -1, 0, CountWakeUp, base);
  printf("fires %p\ndeleted %p\nreads %p\nwoken %p\n",
         static_cast<void*>(fires), static_cast<void*>(deleted),
         static_cast<void*>(reads), static_cast<void*>(woken));
  const timeval soon = {0, 1000}, later = {3600, 0};
  event_add(fires, &soon);
  event_add(deleted, &later);
  event_del(deleted);
  event_del(deleted);
  event_add(reads, nullptr);
  for (int i = 1; i <= 2; ++i) {
    if (write(fds[1], "x", 1) != 1) return 1;
    while (bytes < i) event_base_loop(base, EVLOOP_ONCE);
  }
  while (ticks == 0) event_base_loop(base, EVLOOP_ONCE);
  while (sem_trywait(&g_waits) == 0) {
  }
  std::thread other([woken] {
    for (int i = 0; i < kWakeUps; ++i) {
      sem_wait(&g_waits);
      event_active(woken, 0, 0);
    }
  });
  event_base_dispatch(base);
  other.join();
  for (event* ev : {fires, deleted, reads, woken}) event_free(ev);
  event_base_free(base);
  close(fds[0]);
  close(fds[1]);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const char* what = argc == 2 ? argv[1] : "";
  if (strcmp(what, "tick") == 0) return TickOnABaseOfItsOwn();
  if (strcmp(what, "fork") == 0) return Fork();
  if (strcmp(what, "spawn") == 0) return Spawn(argv[0]);
  if (strcmp(what, "add-and-delete") == 0) return AddAndDelete();
  if (strcmp(what, "count") == 0) return Count();
  if (strcmp(what, "hold-the-loop") == 0) return HoldTheLoop();
  if (strcmp(what, "stop-in-callback") == 0) return StopInACallback();
  if (strcmp(what, "stop-in-wait") == 0) return StopInAWait();
  fprintf(stderr, "%s: see json_trace_test.py\n", argv[0]);
  return 2;
}
