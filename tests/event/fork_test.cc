// SPDX-License-Identifier: BSD-3-Clause
//
// A child must not disturb its parent, whichever function it calls first.
#include "event/fork.h"

#include <event2/thread.h>
#include <event2/watch.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <functional>
#include <thread>

#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

class ForkTest : public BackendTest {
 protected:
  // Runs `child` in a child that exits with what it returns; 0 is success. One
  // that hangs is ended.
  int InChild(const std::function<int()>& child) {
    pid_t pid = fork();
    if (pid == 0) {
      alarm(20);
      _exit(child());
    }
    int status = -1;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }

  // After whatever a child did: does the reader in the parent still fire? One
  // that has gone deaf must not wait for ever.
  void ExpectParentStillReads(SocketPair& pair, int& runs) {
    TestEvent limit(base(), -1, 0, [](short) {});
    limit.AddMicros(2 * 1000 * 1000);
    runs = 0;
    pair.Write(1, "x");
    EXPECT_EQ(Loop(EVLOOP_ONCE), 0);
    EXPECT_EQ(runs, 1);
    pair.Read(0);
  }
};

TEST_P(ForkTest, AChildMayCallAnythingFirstAndTheParentGoesOn) {
  SocketPair pair, other;
  int runs = 0;
  TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST,
                   [&](short) { ++runs; });
  TestEvent second(base(), other[0], EV_READ | EV_PERSIST, [&](short) {});
  reader.Add();
  second.Add();
  EXPECT_EQ(InChild([&] { return reader.Del(); }), 0);
  ExpectParentStillReads(pair, runs);
  EXPECT_EQ(InChild([&] {
              TestEvent writer(base(), pair[0], EV_WRITE, [](short) {});
              return writer.Add();
            }),
            0);
  ExpectParentStillReads(pair, runs);
  EXPECT_EQ(InChild([&] {
              base_.reset();
              return 0;
            }),
            0);
  ExpectParentStillReads(pair, runs);
  EXPECT_EQ(InChild([&] { return Loop(EVLOOP_NONBLOCK); }), 0);
  ExpectParentStillReads(pair, runs);
  EXPECT_EQ(InChild([&] { return event_reinit(base()); }), 0);
  ExpectParentStillReads(pair, runs);
}

// Takes every descriptor that this process may have.
void UseUpDescriptors() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 64;
  setrlimit(RLIMIT_NOFILE, &limit);
  while (dup(0) >= 0) {
  }
}

// The epoll object is the only one that takes a descriptor; the parent's, which
// the child has as well, is given up for it.
TEST_P(ForkTest, AChildWithoutDescriptorsToSpareGetsObjectsOfItsOwn) {
  SocketPair pair;
  int runs = 0;
  TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST, [&](short) {
    ++runs;
    pair.Read(0);
  });
  reader.Add();
  EXPECT_EQ(InChild([&] {
              event_set_log_callback([](int, const char*) {});
              UseUpDescriptors();
              if (reader.Del() != 0 || reader.Add() != 0) return 1;
              pair.Write(1, "x");
              if (Loop(EVLOOP_ONCE) != 0) return 2;
              return runs == 1 ? reader.Del() : 3;
            }),
            0);
  ExpectParentStillReads(pair, runs);
}

// With no kernel object to be had the calls fail; when there is one again, the
// base is whole.
TEST_P(ForkTest, AChildThatGetsNoObjectsFailsAndIsMendedLater) {
  if (std::string(GetParam()) != "epoll") return;  // others need none
  SocketPair pair;
  int runs = 0;
  TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST, [&](short) {
    ++runs;
    pair.Read(0);
  });
  reader.Add();
  EXPECT_EQ(InChild([&] {
              event_set_log_callback([](int, const char*) {});
              rlimit before;
              getrlimit(RLIMIT_NOFILE, &before);
              rlimit none = {0, before.rlim_max};
              setrlimit(RLIMIT_NOFILE, &none);
              if (reader.Del() != 0) return 1;
              if (reader.Add() != -1) return 2;
              if (Loop(EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY) != -1) {
                return 3;
              }
              if (event_reinit(base()) != -1) return 4;
              if (evthread_make_base_notifiable(base()) != -1) return 8;
              setrlimit(RLIMIT_NOFILE, &before);
              if (reader.Add() != 0) return 5;
              pair.Write(1, "x");
              if (Loop(EVLOOP_ONCE) != 0) return 6;
              return runs == 1 ? reader.Del() : 7;
            }),
            0);
  ExpectParentStillReads(pair, runs);
}

// Signals need a pipe.
TEST_P(ForkTest, SignalsComeBackToAChildThatCouldNotGetAPipe) {
  int signals = 0;
  TestEvent on_signal(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST,
                      [&](short) { ++signals; });
  on_signal.Add();
  EXPECT_EQ(InChild([&] {
              event_set_log_callback([](int, const char*) {});
              rlimit before;
              getrlimit(RLIMIT_NOFILE, &before);
              rlimit none = {0, before.rlim_max};
              setrlimit(RLIMIT_NOFILE, &none);
              if (event_reinit(base()) != -1) return 1;
              setrlimit(RLIMIT_NOFILE, &before);
              raise(SIGUSR1);
              if (Loop(EVLOOP_ONCE) != 0) return 2;
              return signals == 1 ? 0 : 3;
            }),
            0);
  raise(SIGUSR1);
  EXPECT_EQ(Loop(EVLOOP_ONCE), 0);
  EXPECT_EQ(signals, 1);
}

TEST_P(ForkTest, AShutDownLibraryStillTellsAChildFromItsParent) {
  SocketPair pair;
  int runs = 0;
  TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST,
                   [&](short) { ++runs; });
  reader.Add();
  EXPECT_EQ(InChild([&] {
              libevent_global_shutdown();
              return reader.Del();
            }),
            0);
  ExpectParentStillReads(pair, runs);
}

int g_warnings;

enum class First {
  kWarns,    // that event_reinit() is missing
  kIsQuiet,  // it takes away only, or does not reach the kernel
  kMends,    // it is event_reinit()
  kFrees,    // the base is gone
};

// What a child calls first, and whether the library has to say that
// event_reinit() is missing.
struct FirstCall {
  const char* name;
  First kind;
  std::function<int(event_base* base, event* reader)> call;
};

void Nothing(evutil_socket_t, short, void*) {}
void DoNotFinalize(event*, void*) {}
void DoNotPrepare(evwatch*, const evwatch_prepare_cb_info*, void*) {}
void DoNotCheck(evwatch*, const evwatch_check_cb_info*, void*) {}

const timeval kHour = {3600, 0};

// Every function of event.h, thread.h and watch.h that looks into a base.
const FirstCall kFirstCalls[] = {
    {"event_add of a descriptor", First::kWarns,
     [](event_base* base, event* reader) {
       event* writer =
           event_new(base, event_get_fd(reader), EV_WRITE, Nothing, nullptr);
       return event_add(writer, nullptr);
     }},
    {"event_add of a signal", First::kWarns,
     [](event_base* base, event*) {
       event* on_signal = event_new(base, SIGUSR2, EV_SIGNAL, Nothing, nullptr);
       return event_add(on_signal, nullptr);
     }},
    {"event_add of a timer", First::kIsQuiet,
     [](event_base*, event* reader) {
       event_active(reader, EV_READ, 1);
       return event_add(reader, &kHour);
     }},
    {"event_del", First::kIsQuiet,
     [](event_base*, event* reader) { return event_del(reader); }},
    {"event_del_noblock", First::kIsQuiet,
     [](event_base*, event* reader) { return event_del_noblock(reader); }},
    {"event_del_block", First::kIsQuiet,
     [](event_base*, event* reader) { return event_del_block(reader); }},
    {"event_remove_timer", First::kIsQuiet,
     [](event_base*, event* reader) { return event_remove_timer(reader); }},
    {"event_free", First::kIsQuiet,
     [](event_base*, event* reader) {
       event_free(reader);
       return 0;
     }},
    {"event_finalize", First::kIsQuiet,
     [](event_base*, event* reader) {
       return event_finalize(0, reader, DoNotFinalize);
     }},
    {"event_free_finalize", First::kIsQuiet,
     [](event_base*, event* reader) {
       return event_free_finalize(0, reader, nullptr);
     }},
    {"event_active", First::kIsQuiet,
     [](event_base*, event* reader) {
       event_active(reader, EV_READ, 1);
       return 0;
     }},
    {"event_base_active_by_fd", First::kIsQuiet,
     [](event_base* base, event* reader) {
       event_base_active_by_fd(base, event_get_fd(reader), EV_READ);
       return 0;
     }},
    {"event_base_active_by_signal", First::kIsQuiet,
     [](event_base* base, event*) {
       event_base_active_by_signal(base, SIGUSR1);
       return 0;
     }},
    {"event_base_once", First::kWarns,
     [](event_base* base, event* reader) {
       return event_base_once(base, event_get_fd(reader), EV_READ, Nothing,
                              nullptr, nullptr);
     }},
    {"event_base_once of a time", First::kIsQuiet,
     [](event_base* base, event*) {
       return event_base_once(base, -1, EV_TIMEOUT, Nothing, nullptr, &kHour);
     }},
    {"event_base_loop", First::kWarns,
     [](event_base* base, event*) {
       return event_base_loop(base, EVLOOP_NONBLOCK);
     }},
    {"event_base_dispatch", First::kWarns,
     [](event_base* base, event*) {
       event_base_loopexit(base, nullptr);
       return event_base_dispatch(base);
     }},
    {"event_base_loopexit", First::kIsQuiet,
     [](event_base* base, event*) {
       return event_base_loopexit(base, &kHour);
     }},
    {"event_base_loopbreak", First::kIsQuiet,
     [](event_base* base, event*) { return event_base_loopbreak(base); }},
    {"event_base_loopcontinue", First::kIsQuiet,
     [](event_base* base, event*) { return event_base_loopcontinue(base); }},
    {"event_base_got_exit", First::kIsQuiet,
     [](event_base* base, event*) { return event_base_got_exit(base); }},
    {"event_base_got_break", First::kIsQuiet,
     [](event_base* base, event*) { return event_base_got_break(base); }},
    {"event_base_get_running_event", First::kIsQuiet,
     [](event_base* base, event*) {
       return event_base_get_running_event(base) == nullptr ? 0 : 1;
     }},
    {"event_base_gettimeofday_cached", First::kIsQuiet,
     [](event_base* base, event*) {
       timeval now;
       return event_base_gettimeofday_cached(base, &now);
     }},
    {"event_base_update_cache_time", First::kIsQuiet,
     [](event_base* base, event*) {
       return event_base_update_cache_time(base);
     }},
    {"event_gettime_monotonic", First::kIsQuiet,
     [](event_base* base, event*) {
       timeval now;
       return event_gettime_monotonic(base, &now);
     }},
    {"event_base_init_common_timeout", First::kIsQuiet,
     [](event_base* base, event* reader) {
       return event_add(reader, event_base_init_common_timeout(base, &kHour));
     }},
    {"event_pending", First::kIsQuiet,
     [](event_base*, event* reader) {
       return event_pending(reader, EV_READ, nullptr) == EV_READ ? 0 : 1;
     }},
    {"event_priority_set", First::kIsQuiet,
     [](event_base*, event* reader) { return event_priority_set(reader, 0); }},
    {"event_base_priority_init", First::kIsQuiet,
     [](event_base* base, event*) {
       return event_base_priority_init(base, 3);
     }},
    {"event_base_get_npriorities", First::kIsQuiet,
     [](event_base* base, event*) {
       return event_base_get_npriorities(base) == 1 ? 0 : 1;
     }},
    {"event_base_set", First::kIsQuiet,
     [](event_base* base, event*) {
       return event_base_set(base, event_new(base, -1, 0, Nothing, nullptr));
     }},
    {"event_base_get_num_events", First::kIsQuiet,
     [](event_base* base, event*) {
       return event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE);
     }},
    {"event_base_get_max_events", First::kIsQuiet,
     [](event_base* base, event*) {
       return event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE, 1) < 0;
     }},
    {"event_base_foreach_event", First::kIsQuiet,
     [](event_base* base, event*) {
       return event_base_foreach_event(
           base, [](const event_base*, const event*, void*) { return 0; },
           nullptr);
     }},
    {"event_base_dump_events", First::kIsQuiet,
     [](event_base* base, event*) {
       FILE* nowhere = fopen("/dev/null", "w");
       event_base_dump_events(base, nowhere);
       return fclose(nowhere);
     }},
    {"evwatch_prepare_new", First::kIsQuiet,
     [](event_base* base, event*) {
       evwatch_free(evwatch_prepare_new(base, DoNotPrepare, nullptr));
       return 0;
     }},
    {"evwatch_check_new", First::kIsQuiet,
     [](event_base* base, event*) {
       evwatch_free(evwatch_check_new(base, DoNotCheck, nullptr));
       return 0;
     }},
    {"evthread_make_base_notifiable", First::kWarns,
     [](event_base* base, event*) {
       return evthread_make_base_notifiable(base);
     }},
    {"event_base_free", First::kFrees,
     [](event_base* base, event*) {
       event_base_free(base);
       return 0;
     }},
    {"event_base_free_nofinalize", First::kFrees,
     [](event_base* base, event*) {
       event_base_free_nofinalize(base);
       return 0;
     }},
    {"event_reinit", First::kMends,
     [](event_base* base, event*) { return event_reinit(base); }},
};

// What comes after `first`, in a child with `other` pending as well.
int CallAndGoOn(const FirstCall& first, event_base* base, event* reader,
                TestEvent& other) {
  event_set_log_callback([](int, const char*) { ++g_warnings; });
  const int warns = first.kind == First::kWarns;
  if (first.call(base, reader) != 0) return 1;
  if (g_warnings != warns) return 2;
  if (first.kind == First::kFrees) return 0;
  // Who only takes away is not warned.
  other.Del();
  if (g_warnings != warns) return 4;
  // One more call, which has nothing to add to a warning.
  other.Add();
  if (g_warnings != (first.kind != First::kMends)) return 3;
  // No event is there twice: walking over them comes to an end.
  int left = 100;
  event_base_foreach_event(
      base,
      [](const event_base*, const event*, void* arg) {
        return --*static_cast<int*>(arg) == 0 ? 1 : 0;
      },
      &left);
  if (left == 0) return 5;
  return event_base_loop(base, EVLOOP_NONBLOCK) < 0 ? 6 : 0;
}

TEST_P(ForkTest, EachCallAsTheFirstIsNoticedAndMended) {
  for (const FirstCall& first : kFirstCalls) {
    SCOPED_TRACE(first.name);
    SocketPair pair;
    int runs = 0;
    TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST,
                     [&](short) { ++runs; });
    // The child must not touch what its parent has in the kernel for these.
    TestEvent other(base(), pair[1], EV_READ, [](short) {});
    TestEvent on_signal(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST, [](short) {});
    reader.Add();
    other.Add();
    on_signal.Add();
    g_warnings = 0;
    EXPECT_EQ(InChild([&] {
                return CallAndGoOn(first, base(), reader.get(), other);
              }),
              0);
    ExpectParentStillReads(pair, runs);
  }
}

TEST_P(ForkTest, AChildIsWarnedOnceAndItsOwnChildAgain) {
  SocketPair pair;
  TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST, [](short) {});
  TestEvent second(base(), pair[1], EV_READ | EV_PERSIST, [](short) {});
  Base another = NewBase(GetParam());
  TestEvent third(another.get(), pair[1], EV_READ | EV_PERSIST, [](short) {});
  reader.Add();
  second.Add();
  third.Add();
  g_warnings = 0;
  EXPECT_EQ(InChild([&] {
              event_set_log_callback([](int, const char*) { ++g_warnings; });
              if (Loop(EVLOOP_NONBLOCK) != 0) return 3;
              third.Del();
              third.Add();
              if (g_warnings != 1) return 1;
              return InChild([&] {
                second.Del();
                if (g_warnings != 1) return 4;
                second.Add();
                return g_warnings == 2 ? 0 : 2;
              });
            }),
            0);
}

// The one-shot event is still in the kernel's set while its callback runs.
TEST_P(ForkTest, AChildMayLeaveTheLoopThatItWasForkedIn) {
  SocketPair pair;
  int runs = 0;
  pid_t child = -1;
  int go[2];
  ASSERT_EQ(pipe(go), 0);
  TestEvent* address = nullptr;
  TestEvent reader(base(), pair[0], EV_READ, [&](short) {
    ++runs;
    if (child >= 0) return;
    child = fork();
    char byte = 0;
    if (child == 0) {
      // Until the event is in the set again.
      EXPECT_EQ(read(go[0], &byte, 1), 1);
      event_base_loopbreak(base());
      return;
    }
    address->Add();
    EXPECT_EQ(write(go[1], &byte, 1), 1);
    pair.Read(0);
  });
  address = &reader;
  reader.Add();
  pair.Write(1, "x");
  EXPECT_EQ(Loop(EVLOOP_ONCE), 0);
  if (child == 0) _exit(0);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  close(go[0]);
  close(go[1]);
  ExpectParentStillReads(pair, runs);
}

TEST_P(ForkTest, TheChildsBaseWorksWithoutReinit) {
  SocketPair pair;
  int runs = 0;
  TestEvent reader(base(), pair[0], EV_READ, [&](short) { ++runs; });
  reader.Add();
  EXPECT_EQ(InChild([&] {
              pair.Write(1, "x");
              return Loop() == 1 && runs == 1 ? 0 : 1;
            }),
            0);
  pair.Read(0);
  EXPECT_EQ(reader.Pending(EV_READ), EV_READ);
}

TEST_P(ForkTest, ASignalInTheChildStaysThere) {
  int runs = 0;
  TestEvent on_signal(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST,
                      [&](short) { ++runs; });
  on_signal.Add();
  // Before the child touched the base: the pipe is still the parent's.
  EXPECT_EQ(InChild([&] {
              raise(SIGUSR1);
              Loop(EVLOOP_NONBLOCK);
              return runs == 1 ? 0 : 1;
            }),
            0);
  Loop(EVLOOP_NONBLOCK);
  EXPECT_EQ(runs, 0);
  raise(SIGUSR1);
  Loop(EVLOOP_NONBLOCK);
  EXPECT_EQ(runs, 1);
}

TEST_P(ForkTest, SignalsWorkInBothAfterReinit) {
  int runs = 0;
  TestEvent on_signal(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST,
                      [&](short) { ++runs; });
  on_signal.Add();
  EXPECT_EQ(InChild([&] {
              if (event_reinit(base()) != 0) return 2;
              raise(SIGUSR1);
              Loop(EVLOOP_NONBLOCK);
              return runs == 1 ? 0 : 1;
            }),
            0);
  raise(SIGUSR1);
  Loop(EVLOOP_NONBLOCK);
  EXPECT_EQ(runs, 1);
}

TEST_P(ForkTest, AGrandchildIsAnotherProcessAgain) {
  SocketPair pair;
  int runs = 0;
  TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST,
                   [&](short) { ++runs; });
  reader.Add();
  EXPECT_EQ(InChild([&] {
              event_reinit(base());
              int grandchild = InChild([&] { return reader.Del(); });
              ExpectParentStillReads(pair, runs);
              return grandchild == 0 && runs == 1 ? 0 : 1;
            }),
            0);
}

// What tells processes apart; their own numbers may come again.
TEST_P(ForkTest, EveryGenerationHasATokenOfItsOwn) {
  const uint64_t mine = ProcessToken();
  EXPECT_EQ(ProcessToken(), mine);
  EXPECT_EQ(InChild([&] {
              if (*g_process_token != 0) return 2;
              const uint64_t childs = ProcessToken();
              int grandchild = InChild([&] {
                const uint64_t token = ProcessToken();
                return token != 0 && token != mine && token != childs ? 0 : 1;
              });
              return childs != 0 && childs != mine ? grandchild : 1;
            }),
            0);
}

TEST_P(ForkTest, ReinitOfNothingIsRefused) {
  event_set_log_callback([](int, const char*) {});
  EXPECT_EQ(event_reinit(nullptr), -1);
  event_set_log_callback(nullptr);
}

// The last ones, since threading cannot be turned off again.

// Also where the parent has an eventfd, which is not the child's.
TEST_P(ForkTest, WithThreadsEachCallAsTheFirstIsNoticedAndMended) {
  ASSERT_EQ(evthread_use_pthreads(), 0);
  for (bool is_notifiable : {false, true}) {
    for (const FirstCall& first : kFirstCalls) {
      SCOPED_TRACE(first.name);
      base_ = NewBase(GetParam());
      if (is_notifiable) {
        ASSERT_EQ(evthread_make_base_notifiable(base()), 0);
      }
      SocketPair pair;
      int runs = 0;
      TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST,
                       [&](short) { ++runs; });
      TestEvent other(base(), pair[1], EV_READ, [](short) {});
      TestEvent on_signal(base(), SIGUSR1, EV_SIGNAL | EV_PERSIST,
                          [](short) {});
      reader.Add();
      other.Add();
      on_signal.Add();
      g_warnings = 0;
      EXPECT_EQ(InChild([&] {
                  return CallAndGoOn(first, base(), reader.get(), other);
                }),
                0);
      ExpectParentStillReads(pair, runs);
    }
  }
}

TEST_P(ForkTest, WithThreadsAChildThatMadeItsBaseNotifiableIsWoken) {
  ASSERT_EQ(evthread_use_pthreads(), 0);
  for (bool is_notifiable : {false, true}) {
    base_ = NewBase(GetParam());
    if (is_notifiable) {
      ASSERT_EQ(evthread_make_base_notifiable(base()), 0);
    }
    SocketPair pair;
    int runs = 0;
    TestEvent reader(base(), pair[0], EV_READ | EV_PERSIST,
                     [&](short) { ++runs; });
    reader.Add();
    EXPECT_EQ(InChild([&] {
                event_set_log_callback([](int, const char*) {});
                if (evthread_make_base_notifiable(base()) != 0) return 1;
                int result = -1;
                std::atomic<bool> has_begun = false;
                TestEvent begin(base(), -1, 0,
                                [&](short) { has_begun = true; });
                begin.AddMicros(0);
                std::thread looper([&] { result = Loop(); });
                while (!has_begun) std::this_thread::yield();
                event_base_loopexit(base(), nullptr);
                looper.join();
                return result == 0 ? 0 : 2;
              }),
              0);
    ExpectParentStillReads(pair, runs);
  }
}

EVOKE_ON_EVERY_BACKEND(ForkTest);

}  // namespace
}  // namespace evoke::testing
