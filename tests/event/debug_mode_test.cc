// SPDX-License-Identifier: BSD-3-Clause
//
// Debug mode. It belongs to the whole process and is turned on before the first
// event, so every test runs in a child of its own. What it catches, and that
// libevent does the same, is shown in
// tests/differential/scenarios/debug_mode.c.
#include "event/debug_mode.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>
#include <event2/util.h>
#include <event2/watch.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
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

// What a thread has to use of a base whose loop runs elsewhere.
struct Things {
  event_base* base;
  event* ev;        // not added
  event* finished;  // another
  event* pending;
  bufferevent* bev;
  bufferevent* deferring;
  evbuffer* buffer;  // which defers its callbacks
  evwatch* watcher;
};

struct Call {
  const char* name;
  bool needs_locks;
  void (*call)(const Things& in);
};

const timeval kHour = {3600, 0};

void DoNotPrepare(evwatch*, const evwatch_prepare_cb_info*, void*) {}

const Call kCalls[] = {
    {"event_add", true, [](const Things& in) { event_add(in.ev, &kHour); }},
    {"event_del", true, [](const Things& in) { event_del(in.ev); }},
    {"event_del_noblock", true,
     [](const Things& in) { event_del_noblock(in.ev); }},
    {"event_del_block", true, [](const Things& in) { event_del_block(in.ev); }},
    {"event_remove_timer", true,
     [](const Things& in) { event_remove_timer(in.ev); }},
    {"event_active", true, [](const Things& in) { event_active(in.ev, 1, 1); }},
    {"event_free", true, [](const Things& in) { event_free(in.finished); }},
    {"event_finalize", true,
     [](const Things& in) {
       event_finalize(0, in.finished, [](event*, void*) {});
     }},
    {"event_free_finalize", true,
     [](const Things& in) { event_free_finalize(0, in.finished, nullptr); }},
    {"event_pending", true,
     [](const Things& in) { event_pending(in.pending, EV_READ, nullptr); }},
    {"event_priority_set", true,
     [](const Things& in) { event_priority_set(in.ev, 0); }},
    {"event_base_active_by_fd", true,
     [](const Things& in) { event_base_active_by_fd(in.base, 0, EV_READ); }},
    {"event_base_active_by_signal", true,
     [](const Things& in) { event_base_active_by_signal(in.base, 1); }},
    {"event_base_once", true,
     [](const Things& in) {
       event_base_once(in.base, -1, EV_TIMEOUT, Nothing, nullptr, nullptr);
     }},
    {"event_base_loopexit", true,
     [](const Things& in) { event_base_loopexit(in.base, &kHour); }},
    {"event_base_loopbreak", true,
     [](const Things& in) { event_base_loopbreak(in.base); }},
    {"event_base_loopcontinue", true,
     [](const Things& in) { event_base_loopcontinue(in.base); }},
    {"event_base_got_exit", true,
     [](const Things& in) { event_base_got_exit(in.base); }},
    {"event_base_got_break", true,
     [](const Things& in) { event_base_got_break(in.base); }},
    {"event_base_get_running_event", true,
     [](const Things& in) { event_base_get_running_event(in.base); }},
    {"event_base_priority_init", true,
     [](const Things& in) { event_base_priority_init(in.base, 1); }},
    {"event_base_get_npriorities", true,
     [](const Things& in) { event_base_get_npriorities(in.base); }},
    {"event_base_init_common_timeout", true,
     [](const Things& in) { event_base_init_common_timeout(in.base, &kHour); }},
    {"event_gettime_monotonic", true,
     [](const Things& in) {
       timeval now;
       event_gettime_monotonic(in.base, &now);
     }},
    {"event_base_gettimeofday_cached", true,
     [](const Things& in) {
       timeval now;
       event_base_gettimeofday_cached(in.base, &now);
     }},
    {"event_base_update_cache_time", true,
     [](const Things& in) { event_base_update_cache_time(in.base); }},
    {"event_base_foreach_event", true,
     [](const Things& in) {
       event_base_foreach_event(
           in.base, [](const event_base*, const event*, void*) { return 0; },
           nullptr);
     }},
    {"event_base_dump_events", true,
     [](const Things& in) {
       FILE* nowhere = fopen("/dev/null", "w");
       event_base_dump_events(in.base, nowhere);
       fclose(nowhere);
     }},
    {"event_base_get_num_events", true,
     [](const Things& in) {
       event_base_get_num_events(in.base, EVENT_BASE_COUNT_ADDED);
     }},
    {"event_base_get_max_events", true,
     [](const Things& in) {
       event_base_get_max_events(in.base, EVENT_BASE_COUNT_ADDED, 0);
     }},
    {"event_reinit", true, [](const Things& in) { event_reinit(in.base); }},
    {"evthread_make_base_notifiable", true,
     [](const Things& in) { evthread_make_base_notifiable(in.base); }},
    {"evwatch_prepare_new", true,
     [](const Things& in) {
       evwatch_prepare_new(in.base, DoNotPrepare, nullptr);
     }},
    {"evwatch_free", true, [](const Things& in) { evwatch_free(in.watcher); }},
    {"bufferevent_write", true,
     [](const Things& in) { bufferevent_write(in.bev, "x", 1); }},
    {"bufferevent_enable", true,
     [](const Things& in) { bufferevent_enable(in.bev, EV_READ); }},
    {"bufferevent_free", true,
     [](const Things& in) { bufferevent_free(in.bev); }},
    {"bufferevent_trigger, deferred", true,
     [](const Things& in) { bufferevent_trigger(in.deferring, EV_READ, 0); }},
    {"evbuffer_add, deferred", true,
     [](const Things& in) { evbuffer_add(in.buffer, "x", 1); }},
    // What was decided when it was made, or is the event's own.
    {"event_base_get_method", false,
     [](const Things& in) { event_base_get_method(in.base); }},
    {"event_base_get_features", false,
     [](const Things& in) { event_base_get_features(in.base); }},
    {"event_base_get_signal_method", false,
     [](const Things& in) { event_base_get_signal_method(in.base); }},
    {"event_new", false,
     [](const Things& in) { event_new(in.base, -1, 0, Nothing, nullptr); }},
    {"event_get_fd", false, [](const Things& in) { event_get_fd(in.ev); }},
    {"event_get_base", false, [](const Things& in) { event_get_base(in.ev); }},
};

// Makes `call` in another thread while the loop of `base` runs; the warnings.
int CallFromAnotherThread(event_base* base, const Call& call) {
  static Things things;
  static const Call* the_call;
  things = {};
  things.base = base;
  things.ev = event_new(base, -1, 0, Nothing, nullptr);
  things.finished = event_new(base, -1, 0, Nothing, nullptr);
  things.pending = event_new(base, -1, 0, Nothing, nullptr);
  event_add(things.pending, &kHour);
  things.watcher = evwatch_prepare_new(base, DoNotPrepare, nullptr);
  const int options = LocksAreOn() ? BEV_OPT_THREADSAFE : 0;
  evutil_socket_t pair[2];
  if (evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) return 100;
  for (evutil_socket_t fd : pair) evutil_make_socket_nonblocking(fd);
  things.bev = bufferevent_socket_new(base, pair[0], options);
  things.deferring =
      bufferevent_socket_new(base, -1, options | BEV_OPT_DEFER_CALLBACKS);
  bufferevent_setcb(
      things.deferring, [](bufferevent*, void*) {}, nullptr, nullptr, nullptr);
  things.buffer = evbuffer_new();
  evbuffer_add_cb(
      things.buffer, [](evbuffer*, const evbuffer_cb_info*, void*) {}, nullptr);
  evbuffer_defer_callbacks(things.buffer, base);
  the_call = &call;
  event* timer = event_new(
      base, -1, 0,
      [](evutil_socket_t, short, void*) {
        std::thread thread([] { the_call->call(things); });
        thread.join();
      },
      nullptr);
  timeval now = {0, 0};
  event_add(timer, &now);
  event_base_loop(base, EVLOOP_ONCE);
  return g_warnings;
}

TEST(DebugMode, EachUseOfABaseWithoutLocksIsReported) {
  for (const Call& call : kCalls) {
    EXPECT_EQ(InDebugMode([&] {
                return CallFromAnotherThread(event_base_new(), call);
              }),
              call.needs_locks)
        << call.name;
  }
}

// In the loop's own thread, too.
TEST(DebugMode, NoUseOfABaseWithLocksIsReported) {
  for (const Call& call : kCalls) {
    EXPECT_EQ(InDebugMode([&] {
                if (evthread_use_pthreads() != 0) return 100;
                return CallFromAnotherThread(event_base_new(), call);
              }),
              0)
        << call.name;
  }
}

TEST(DebugMode, ABaseIsNotFreedWhileItsLoopRunsInAnotherThread) {
  for (auto free_base : {event_base_free, event_base_free_nofinalize}) {
    EXPECT_EQ(InDebugMode([&] {
                static decltype(free_base) the_function;
                the_function = free_base;
                event_base* base = event_base_new();
                event_base_once(
                    base, -1, EV_TIMEOUT,
                    [](evutil_socket_t, short, void* arg) {
                      std::thread thread([arg] {
                        the_function(static_cast<event_base*>(arg));
                        _exit(g_warnings);
                      });
                      thread.join();
                    },
                    base, nullptr);
                event_base_loop(base, 0);
                return 0;
              }),
              1);
  }
}

// The thread that ran the loop is not in the child.
TEST(DebugMode, AForksChildMayUseTheBaseThatItsParentRuns) {
  EXPECT_EQ(InDebugMode([] {
              static int result = 100;
              static event_base* base = event_base_new();
              event_base_once(
                  base, -1, EV_TIMEOUT,
                  [](evutil_socket_t, short, void*) {
                    std::thread thread([] {
                      pid_t child = fork();
                      if (child == 0) {
                        event_base_loopbreak(base);
                        event_reinit(base);
                        event_base_loopbreak(base);
                        _exit(g_warnings);
                      }
                      int status = 0;
                      waitpid(child, &status, 0);
                      result = WEXITSTATUS(status);
                    });
                    thread.join();
                  },
                  nullptr, nullptr);
              event_base_loop(base, 0);
              return result;
            }),
            0);
}

TEST(DebugMode, MixedThreadsAreReportedOnce) {
  EXPECT_EQ(InDebugMode([] {
              event_base* base = event_base_new();
              for (int i = 0; i < 2; ++i) {
                if (CallFromAnotherThread(base, kCalls[0]) != 1) return 1;
              }
              return 0;
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
