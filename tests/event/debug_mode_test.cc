// SPDX-License-Identifier: BSD-3-Clause
//
// Debug mode. It belongs to the whole process and is turned on before the first
// event, so every test runs in a child of its own. What it catches, and that
// libevent does the same, is shown in
// tests/differential/scenarios/debug_mode.c.
#include "event/debug_mode.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "event/event_base.h"

namespace evoke {
namespace {

constexpr int kFatal = 99;
int g_warnings = 0;

void Nothing(evutil_socket_t, short, void*) {}

// Runs `body` in a child in debug mode; what it returns, or kFatal.
int InDebugMode(const std::function<int()>& body) {
  pid_t child = fork();
  if (child == 0) {
    event_set_log_callback([](int severity, const char*) {
      if (severity == EVENT_LOG_WARN) ++g_warnings;
    });
    event_set_fatal_callback([](int) { _exit(kFatal); });
    event_enable_debug_mode();
    _exit(body());
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

TEST(DebugMode, IsOffUntilItIsAskedForAndTooLateAfterTheFirstEvent) {
  pid_t child = fork();
  if (child == 0) {
    if (CurrentDebugMode() != DebugMode::kUntouched) _exit(1);
    event ev;
    event_assign(&ev, nullptr, -1, 0, Nothing, nullptr);
    if (CurrentDebugMode() != DebugMode::kOff) _exit(2);
    event_set_fatal_callback([](int code) { _exit(code == 1 ? kFatal : 3); });
    event_set_log_callback([](int, const char*) {});
    event_enable_debug_mode();
    _exit(4);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), kFatal);
}

// Thousands of events come and go in random order; the table forgets none and
// keeps none.
TEST(DebugMode, RemembersEveryEvent) {
  EXPECT_EQ(InDebugMode([] {
              std::mt19937 random(1);
              std::vector<event> memory(20000);
              std::vector<bool> known(memory.size());
              event_base* base = event_base_new();
              for (int i = 0; i < 100000; ++i) {
                size_t at = random() % memory.size();
                if (known[at]) {
                  if (event_get_fd(&memory[at]) != -1) return 1;
                  event_debug_unassign(&memory[at]);
                } else {
                  event_assign(&memory[at], base, -1, 0, Nothing, nullptr);
                }
                known[at] = !known[at];
              }
              for (size_t i = 0; i < memory.size(); ++i) {
                if (known[i] && event_get_fd(&memory[i]) != -1) return 2;
              }
              return 0;
            }),
            0);
}

TEST(DebugMode, ForgetsWhatWasUnassignedAmongMany) {
  for (size_t gone : {0, 1, 63, 64, 500, 999}) {
    EXPECT_EQ(InDebugMode([gone] {
                std::vector<event> memory(1000);
                for (event& ev : memory) {
                  event_assign(&ev, nullptr, -1, 0, Nothing, nullptr);
                }
                event_debug_unassign(&memory[gone]);
                for (size_t i = 0; i < memory.size(); ++i) {
                  if (i != gone) event_get_fd(&memory[i]);
                }
                event_get_fd(&memory[gone]);
                return 0;
              }),
              kFatal)
        << gone;
  }
}

// It must not take what it cannot remember for faults of the program.
TEST(DebugMode, EndsWithAWarningWhenMemoryIsShort) {
  EXPECT_EQ(InDebugMode([] {
              event first, second;
              event_set_mem_functions(
                  [](size_t) -> void* {
                    errno = ENOMEM;
                    return nullptr;
                  },
                  realloc, free);
              if (event_assign(&first, nullptr, -1, 0, Nothing, nullptr) != 0) {
                return 1;
              }
              if (g_warnings != 1 || DebugModeIsOn()) return 2;
              event_set_mem_functions(malloc, realloc, free);
              event_base* base = event_base_new();
              first.ev_base = base;
              timeval tv = {1, 0};
              if (event_add(&first, &tv) != 0) return 3;
              if (event_assign(&second, base, -1, 0, Nothing, nullptr) != 0) {
                return 4;
              }
              event_del(&first);
              event_base_free(base);
              return g_warnings == 1 ? 0 : 5;
            }),
            0);
}

TEST(DebugMode, GivesBackAllMemoryAtShutdown) {
  EXPECT_EQ(InDebugMode([] {
              static int blocks = 0;
              event_set_mem_functions(
                  [](size_t size) {
                    ++blocks;
                    return malloc(size);
                  },
                  [](void* memory, size_t size) {
                    if (memory == nullptr) ++blocks;
                    return realloc(memory, size);
                  },
                  [](void* memory) {
                    if (memory != nullptr) --blocks;
                    free(memory);
                  });
              std::vector<event> memory(100);
              event_base* base = event_base_new();
              for (event& ev : memory) {
                event_assign(&ev, base, -1, 0, Nothing, nullptr);
              }
              event_base_free(base);
              if (blocks == 0) return 1;
              libevent_global_shutdown();
              return blocks == 0 ? 0 : 2;
            }),
            0);
}

TEST(DebugMode, WhatIsNoBaseIsRefused) {
  EXPECT_EQ(InDebugMode([] {
              event_base* base = event_base_new();
              event_base_free(base);
              event ev;
              if (event_assign(&ev, base, -1, 0, Nothing, nullptr) != -1) {
                return 1;
              }
              if (event_base_loop(base, 0) != -1) return 2;
              event_base_free(base);
              return g_warnings == 3 ? 0 : 3;
            }),
            0);
}

// Uses `base` from another thread while its loop runs; the warnings.
int UseFromAnotherThread(event_base* base) {
  struct Use {
    event* timer;
    event* other;
  } use;
  use.other = event_new(base, -1, 0, Nothing, nullptr);
  use.timer = event_new(
      base, -1, 0,
      [](evutil_socket_t, short, void* arg) {
        event* other = static_cast<Use*>(arg)->other;
        std::thread thread([other] {
          timeval hour = {3600, 0};
          event_add(other, &hour);
          event_del(other);
        });
        thread.join();
      },
      &use);
  timeval now = {0, 0};
  event_add(use.timer, &now);
  event_base_loop(base, 0);
  return g_warnings;
}

TEST(DebugMode, MixedThreadsAreReportedOnce) {
  EXPECT_EQ(InDebugMode([] {
              event_base* base = event_base_new();
              int warnings = UseFromAnotherThread(base);
              return warnings == 1 && UseFromAnotherThread(base) == 1 ? 0 : 1;
            }),
            0);
}

TEST(DebugMode, ABaseThatMovesToAnotherThreadIsFine) {
  EXPECT_EQ(InDebugMode([] {
              event_base* base = event_base_new();
              event* timer = event_new(base, -1, 0, Nothing, nullptr);
              timeval now = {0, 0};
              event_add(timer, &now);
              std::thread thread([base] { event_base_loop(base, 0); });
              thread.join();
              event_add(timer, &now);
              event_base_loop(base, 0);
              return g_warnings;
            }),
            0);
}

TEST(DebugMode, AFreedBaseIsNoPlaceForAnEvent) {
  EXPECT_EQ(InDebugMode([] {
              event_base* base = event_base_new();
              event* ev = event_new(base, -1, EV_PERSIST, Nothing, nullptr);
              event_base_free(base);
              timeval soon = {0, 1};
              if (event_add(ev, &soon) != -1 || g_warnings != 1) return 1;
              event_active(ev, EV_READ, 1);
              if (g_warnings != 2) return 2;
              if (event_remove_timer(ev) != -1 || g_warnings != 3) return 3;
              if (event_base_once(base, -1, EV_TIMEOUT, Nothing, nullptr,
                                  &soon) != -1) {
                return 4;
              }
              // These need no base.
              int warnings = g_warnings;
              if (event_del(ev) != 0) return 5;
              event_free(ev);
              return g_warnings == warnings ? 0 : 6;
            }),
            0);
}

TEST(DebugMode, WithLocksThreadsMayMix) {
  EXPECT_EQ(InDebugMode([] {
              if (evthread_use_pthreads() != 0) return 100;
              return UseFromAnotherThread(event_base_new());
            }),
            0);
}

// Runs `finalizer` for an event of event_new() and then, unless it is null,
// `then`.
int Finalize(bool library_frees, event_finalize_callback_fn finalizer,
             void (*then)(event* ev)) {
  return InDebugMode([=] {
    event_base* base = event_base_new();
    event* ev = event_new(base, -1, 0, Nothing, nullptr);
    int result = library_frees ? event_free_finalize(0, ev, finalizer)
                               : event_finalize(0, ev, finalizer);
    if (result != 0) return 1;
    event_base_loop(base, EVLOOP_NONBLOCK);
    if (then != nullptr) then(ev);
    return g_warnings;
  });
}

TEST(DebugMode, AFinalizedEventIsFreedOnce) {
  const auto free_it = [](event* ev, void*) { event_free(ev); };
  const auto free_it_twice = [](event* ev, void*) {
    event_free(ev);
    event_free(ev);
  };
  const auto do_nothing = [](event*, void*) {};
  EXPECT_EQ(Finalize(false, free_it, nullptr), 0);
  EXPECT_EQ(Finalize(false, free_it, event_free), kFatal);
  EXPECT_EQ(Finalize(false, free_it_twice, nullptr), kFatal);
  EXPECT_EQ(Finalize(false, do_nothing, event_free), 0);
  EXPECT_EQ(Finalize(false, do_nothing,
                     [](event* ev) {
                       event_free(ev);
                       event_free(ev);
                     }),
            kFatal);
  EXPECT_EQ(Finalize(true, free_it, nullptr), kFatal);
  EXPECT_EQ(Finalize(true, do_nothing, event_free), kFatal);
}

// The memory becomes another event, which is as good as any.
TEST(DebugMode, AFinalizedEventMayBeSetUpAnew) {
  EXPECT_EQ(Finalize(
                false,
                [](event* ev, void*) {
                  event_base* base = ev->ev_base;
                  event_assign(ev, base, -1, 0, Nothing, nullptr);
                  timeval hour = {3600, 0};
                  event_add(ev, &hour);
                },
                [](event* ev) {
                  if (event_get_fd(ev) != -1) _exit(2);
                  if (event_pending(ev, EV_TIMEOUT, nullptr) == 0) _exit(3);
                  event_free(ev);
                }),
            0);
}

// Threads that share nothing still share the table.
TEST(DebugMode, ThreadsWithBasesOfTheirOwn) {
  EXPECT_EQ(InDebugMode([] {
              auto work = [] {
                event_base* base = event_base_new();
                for (int i = 0; i < 2000; ++i) {
                  event* ev = event_new(base, -1, 0, Nothing, nullptr);
                  timeval now = {0, 0};
                  event_add(ev, &now);
                  event_base_loop(base, EVLOOP_ONCE);
                  event_free(ev);
                }
                event_base_free(base);
              };
              std::thread a(work), b(work), c(work);
              a.join();
              b.join();
              c.join();
              return g_warnings;
            }),
            0);
}

}  // namespace
}  // namespace evoke
