// SPDX-License-Identifier: BSD-3-Clause
//
// The libraries as plug-ins: loaded, used and unloaded again and again, the
// process stays as it was: file descriptors, mappings, memory, threads.
//
//   dlopen_test LIBEVENT_CORE LIBEVENT_PTHREADS LIBEVENT
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                         \
  do {                                                           \
    if (!(condition)) {                                          \
      const char* why = dlerror();                               \
      fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, \
              why != NULL ? why : "no");                         \
      exit(1);                                                   \
    }                                                            \
  } while (0)

// Calls a function of a loaded library by its name, with its own type.
#define CALL(handle, name) ((__typeof__(&name))find(handle, #name))

static void* find(void* handle, const char* name) {
  void* symbol = dlsym(handle, name);
  CHECK(symbol != NULL);
  return symbol;
}

static void count_call(evutil_socket_t fd, short what, void* arg) {
  (void)fd;
  (void)what;
  ++*(int*)arg;
}

// An event of each kind happens once.
static void use(void* library) {
  int calls = 0;
  const struct timeval soon = {0, 1};
  struct event_base* base = CALL(library, event_base_new)();
  CHECK(base != NULL);
  struct event* timer =
      CALL(library, event_new)(base, -1, 0, count_call, &calls);
  struct event* on_signal =
      CALL(library, event_new)(base, SIGUSR1, EV_SIGNAL, count_call, &calls);
  CHECK(timer != NULL && on_signal != NULL);
  CHECK(CALL(library, event_add)(timer, &soon) == 0);
  CHECK(CALL(library, event_add)(on_signal, NULL) == 0);
  raise(SIGUSR1);
  CHECK(CALL(library, event_base_dispatch)(base) == 1);
  CHECK(calls == 2);
  CALL(library, event_free)(timer);
  CALL(library, event_free)(on_signal);
  CALL(library, event_base_free)(base);
}

struct wakeup {
  void* library;
  struct event* event;
};

static void* wake(void* arg) {
  struct wakeup* wakeup = arg;
  CALL(wakeup->library, event_active)(wakeup->event, EV_READ, 1);
  return NULL;
}

// Another thread ends the wait of the loop.
static void use_with_threads(void* core, void* pthreads) {
  int calls = 0;
  pthread_t thread;
  CHECK(CALL(pthreads, evthread_use_pthreads)() == 0);
  struct event_base* base = CALL(core, event_base_new)();
  struct wakeup wakeup = {
      core, CALL(core, event_new)(base, -1, EV_PERSIST, count_call, &calls)};
  CHECK(base != NULL && wakeup.event != NULL);
  CHECK(pthread_create(&thread, NULL, wake, &wakeup) == 0);
  CHECK(CALL(core, event_base_loop)(
            base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(calls == 1);
  CALL(core, event_free)(wakeup.event);
  CALL(core, event_base_free)(base);
}

static void load_use_unload(const char* core_path, const char* pthreads_path,
                            int shuts_down) {
  void* pthreads = NULL;
  void* core = dlopen(core_path, RTLD_NOW | RTLD_LOCAL);
  CHECK(core != NULL);
  use(core);
  if (pthreads_path != NULL) {
    pthreads = dlopen(pthreads_path, RTLD_NOW | RTLD_LOCAL);
    CHECK(pthreads != NULL);
    use_with_threads(core, pthreads);
  }
  // What locks the library holds for the process go with it.
  if (shuts_down) CALL(core, libevent_global_shutdown)();
  if (pthreads != NULL) CHECK(dlclose(pthreads) == 0);
  CHECK(dlclose(core) == 0);
  CHECK(dlopen(core_path, RTLD_NOW | RTLD_NOLOAD) == NULL);
}

static int count_entries(const char* path) {
  int count = 0;
  DIR* directory = opendir(path);
  CHECK(directory != NULL);
  while (readdir(directory) != NULL) ++count;
  closedir(directory);
  return count;
}

// What the process holds.
struct holdings {
  int descriptors;
  int threads;
  long mapped_kb;
  long allocated_bytes;
};

static struct holdings look(void) {
  struct holdings now = {count_entries("/proc/self/fd"),
                         count_entries("/proc/self/task"), 0, 0};
  char line[512];
  FILE* status = fopen("/proc/self/status", "r");
  CHECK(status != NULL);
  while (fgets(line, sizeof line, status) != NULL) {
    sscanf(line, "VmSize: %ld kB", &now.mapped_kb);
  }
  fclose(status);
  CHECK(now.mapped_kb > 0);
  now.allocated_bytes = (long)mallinfo2().uordblks;
  return now;
}

// The rounds until libc has taken what it keeps (stacks, arenas), and those in
// which nothing must be added any more.
enum { kWarmUpRounds = 20, kRounds = 200 };

static void stays_level(const char* core, const char* pthreads,
                        int shuts_down) {
  for (int i = 0; i < kWarmUpRounds; ++i) {
    load_use_unload(core, pthreads, shuts_down);
  }
  struct holdings before = look();
  for (int i = 0; i < kRounds; ++i) {
    load_use_unload(core, pthreads, shuts_down);
  }
  struct holdings after = look();
  printf("%s%s: fds %d %d, threads %d %d, mapped %ld %ld KiB, bytes %ld %ld\n",
         core, pthreads != NULL ? " with pthreads" : "", before.descriptors,
         after.descriptors, before.threads, after.threads, before.mapped_kb,
         after.mapped_kb, before.allocated_bytes, after.allocated_bytes);
  CHECK(after.descriptors == before.descriptors);
  CHECK(after.threads == before.threads);
  CHECK(after.mapped_kb == before.mapped_kb);
  // Were a round to keep anything, it would be more than a byte each.
  CHECK(after.allocated_bytes - before.allocated_bytes < kRounds);
}

// Loading alone, and unloading without a call between, starts nothing.
static void loading_does_nothing(const char* path) {
  struct holdings before = look();
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  CHECK(library != NULL);
  struct holdings after = look();
  CHECK(after.descriptors == before.descriptors);
  CHECK(after.threads == before.threads);
  CHECK(dlclose(library) == 0);
}

int main(int argc, char** argv) {
  CHECK(argc == 4);
  loading_does_nothing(argv[1]);
  loading_does_nothing(argv[3]);
  // Without threads there is nothing that needs libevent_global_shutdown().
  for (int shuts_down = 0; shuts_down < 2; ++shuts_down) {
    stays_level(argv[1], NULL, shuts_down);
    stays_level(argv[3], NULL, shuts_down);
  }
  stays_level(argv[1], argv[2], 1);
  return 0;
}
