// SPDX-License-Identifier: BSD-3-Clause
//
// loopscope: which bases are shown, and the one server that shows them.
//
// Points are told on whatever thread comes to them, with their bases' locks
// held; the server asks in its own loop. Between them is g_lock, under which
// nothing is called that could want another lock: no function of the library
// that takes a base's, no log callback of the program, no loader that knows
// names. (The program's memory functions are called, which must not call us.)
// Beginning and ending is done by one thread at a time (g_setup, taken before
// all other locks).
#include <errno.h>
#include <event2/event.h>
#include <evoke/extend.h>
#include <evoke/scope.h>
#include <evoke/stats.h>
#include <evoke/trace.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <new>

#include "scope/memory.h"
#include "scope/page.h"
#include "scope/recorder.h"
#include "scope/server.h"
#include "scope/state_json.h"

namespace evoke::scope {

namespace {

constexpr int kBases = 64;

// A base that is shown. Guarded by g_lock.
struct Shown {
  event_base* base = nullptr;
  evoke_watch* watch = nullptr;
  Recorder recorder;
  bool serves = false;
  char method[32] = "";
  // Another for each time that a base is shown.
  unsigned id = 0;
  // In which process; see AfterFork().
  unsigned process = 0;
};

pthread_mutex_t g_setup = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
// All that a process shows.
struct Showing {
  Shown* shown[kBases] = {};
  Server* server = nullptr;    // null while no page is served
  Symbols* symbols = nullptr;  // used by the server's thread alone
  char url[192] = "";          // empty while no page is served
};

Showing g_page;
Showing g_parents;  // in a fork's child
unsigned g_last_id = 0;
unsigned g_process = 0;  // how many forks away from the first
bool g_fork_is_handled = false;

class Locked {
 public:
  explicit Locked(pthread_mutex_t* mutex = &g_lock) : mutex_(mutex) {
    pthread_mutex_lock(mutex_);
  }
  ~Locked() { pthread_mutex_unlock(mutex_); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  pthread_mutex_t* mutex_;
};

template <typename T, typename... Args>
T* New(Args... args) {
  void* memory = evoke_realloc(nullptr, sizeof(T));
  return memory == nullptr ? nullptr : new (memory) T(args...);
}

template <typename T>
void Delete(T* object) {
  if (object == nullptr) return;
  object->~T();
  Free(object);
}

int64_t NowNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1'000'000'000) + now.tv_nsec;
}

// Of the base that serves; the others have nothing of the server's.
bool IsOwn(const void* object) {
  return g_page.server != nullptr && g_page.server->IsOwn(object);
}

// Null without; with g_lock held.
Shown** Find(const event_base* base) {
  for (Shown*& shown : g_page.shown) {
    if (shown != nullptr && shown->base == base) return &shown;
  }
  return nullptr;
}

Shown** FindFree() {
  for (Shown*& shown : g_page.shown) {
    if (shown == nullptr) return &shown;
  }
  return nullptr;
}

void OnPoint(const evoke_point* point, void* arg) {
  auto* shown = static_cast<Shown*>(arg);
  Locked lock;
  if (shown->process != g_process) return;
  if (point->kind != EVOKE_POINT_END) {
    shown->recorder.Tell(*point);
    return;
  }
  // No event is in the base any more, so the server's can go.
  if (shown->serves) {
    Server* server = g_page.server;
    server->Abandon();
    g_page.server = nullptr;
    g_page.url[0] = '\0';
    Delete(server);
  }
  *Find(shown->base) = nullptr;
  Delete(shown);
}

// --- What the page is told --------------------------------------------------

// Both are called with the lock of the base held, and then take ours.
int SeedEvent(const event_base*, const event* ev, void* arg) {
  Locked lock;
  static_cast<Recorder*>(arg)->Seed(ev);
  return 0;
}

int PeekEvent(const event_base*, const event* ev, void* arg) {
  Locked lock;
  if (!IsOwn(ev)) static_cast<Recorder*>(arg)->Peek(ev);
  return 0;
}

// Of the server's own base, whose callback this is, all is looked up now.
// Another may be freed at any moment, and looks itself before it sleeps next.
bool LookUp(int number, struct evoke_stats* stats) {
  event_base* base;
  Recorder* recorder;
  {
    Locked lock;
    Shown* shown = g_page.shown[number];
    if (shown == nullptr) return false;
    if (!shown->serves) {
      shown->recorder.PeekSoon();
      return false;
    }
    // These end with the base or by Stop(), both on this thread.
    base = shown->base;
    recorder = &shown->recorder;
  }
  event_base_foreach_event(base, PeekEvent, recorder);
  stats->struct_size = sizeof(*stats);
  return evoke_stats(base, stats) == 0;
}

void AddBases(Text* body) {
  body->Add("{\"bases\":[");
  bool first = true;
  for (int i = 0; i < kBases; ++i) {
    if (g_page.shown[i] == nullptr) continue;
    body->Format(
        "%s{\"number\":%d,\"method\":\"%s\",\"turns\":%lld}", first ? "" : ",",
        i, g_page.shown[i]->method,
        static_cast<long long>(g_page.shown[i]->recorder.turn_count()));
    first = false;
  }
  body->Add("]");
}

const char* Answer(const Request& request, Text* body) {
  if (request.page == Page::kPage) {
    body->Add(reinterpret_cast<const char*>(kPage), kPageBytes);
    return "text/html";
  }
  const int number = request.base < kBases ? request.base : 0;
  struct evoke_stats stats = {};
  const bool has_stats = LookUp(number, &stats);
  {
    Locked lock;
    AddBases(body);
    if (Shown* shown = g_page.shown[number]; shown != nullptr) {
      body->Format(",\"number\":%d,\"id\":%u,\"state\":", number, shown->id);
      AddState(shown->recorder,
               {.now_ns = NowNanos(),
                .since = request.since,
                .method = shown->method,
                .symbols = g_page.symbols,
                .stats = has_stats ? &stats : nullptr},
               body);
    }
  }
  body->Add(",\"names\":");
  g_page.symbols->AddWanted(body);
  body->Add("}");
  return "application/json";
}

// --- Beginning and ending ---------------------------------------------------

// In the child: what is served is the parent's, and other threads that held the
// locks are not there. The memory stays, since they may have been at work on
// it.
void AfterFork() {
  ++g_process;
  pthread_mutex_init(&g_setup, nullptr);
  pthread_mutex_init(&g_lock, nullptr);
  if (g_page.server != nullptr) g_page.server->LeaveToParent();
  g_parents = g_page;
  g_page = {};
}

// Logs why, outside of all locks.
int Fail(const char* address, int error) {
  if (error == EEXIST || address == nullptr) {
    errno = error;
    return -1;
  }
  const char* why = strerror(error);
  if (error == EPERM) {
    why = "not a loopback address, and without \"public:\" in front";
  } else if (error == ENOSPC) {
    why = "too many bases to be shown";
  }
  char message[256];
  snprintf(message, sizeof(message), "loopscope: %s: %s", address, why);
  evoke_log(EVENT_LOG_WARN, message);
  errno = error;
  return -1;
}

// Makes the server if there is none. 0, or an error number.
int Serve(event_base* base, const char* address, Shown* shown) {
  {
    Locked lock;
    if (g_page.server != nullptr) return 0;
  }
  if (g_page.symbols == nullptr) g_page.symbols = New<Symbols>();
  if (g_page.symbols == nullptr) return ENOMEM;
  auto* server = New<Server>(Answer);
  if (server == nullptr) return ENOMEM;
  if (server->Start(base, address) < 0) {
    const int error = errno;
    Delete(server);
    return error;
  }
  Locked lock;
  server->Url(g_page.url, sizeof(g_page.url));
  g_page.server = server;
  shown->serves = true;
  shown->recorder.set_is_own(IsOwn);
  return 0;
}

// Has the points told to `shown`, which is in no list yet. 0, or an error
// number.
int Show(event_base* base, const char* address, Shown* shown) {
  Shown** place;
  {
    Locked lock;
    if (Find(base) != nullptr) return EEXIST;
    place = FindFree();
    if (place == nullptr) return ENOSPC;
  }
  if (!shown->recorder.Init()) return ENOMEM;
  shown->base = base;
  snprintf(shown->method, sizeof(shown->method), "%s",
           event_base_get_method(base));
  const int error = Serve(base, address, shown);
  if (error != 0) return error;
  {
    Locked lock;
    shown->id = ++g_last_id;
    shown->process = g_process;
    *place = shown;
  }
  shown->watch = evoke_watch_points(base, OnPoint, shown);
  if (shown->watch == nullptr) return ENOMEM;
  event_base_foreach_event(base, SeedEvent, &shown->recorder);
  return 0;
}

// Ends all that Show() began, as far as it got.
void Hide(event_base* base, Shown* shown) {
  evoke_unwatch_points(shown->watch);
  Server* server = nullptr;
  {
    Locked lock;
    if (Shown** place = Find(base); place != nullptr && *place == shown) {
      *place = nullptr;
    }
    if (shown->serves) {
      server = g_page.server;
      g_page.url[0] = '\0';
    }
  }
  if (server != nullptr) {
    server->Stop();
    // Only now, for a fork in the meantime.
    Locked lock;
    g_page.server = nullptr;
  }
  Delete(server);
  Delete(shown);
}

}  // namespace

int Start(event_base* base, const char* address) {
  if (base == nullptr || address == nullptr) return Fail(address, EINVAL);
  char message[256] = "";
  int error = Server::CheckAddress(address);
  if (error != 0) return Fail(address, error);
  error = ENOMEM;
  {
    Locked setup(&g_setup);
    if (!g_fork_is_handled) {
      g_fork_is_handled = pthread_atfork(nullptr, nullptr, AfterFork) == 0;
    }
    auto* shown = g_fork_is_handled ? New<Shown>() : nullptr;
    if (shown != nullptr) {
      error = Show(base, address, shown);
      if (error != 0) {
        Hide(base, shown);
      } else if (shown->serves) {
        snprintf(message, sizeof(message), "loopscope: %s", g_page.url);
      }
    }
  }
  if (error != 0) return Fail(address, error);
  if (message[0] != '\0') evoke_log(EVENT_LOG_MSG, message);
  return 0;
}

int Stop(event_base* base) {
  Locked setup(&g_setup);
  Shown* shown = nullptr;
  {
    Locked lock;
    if (Shown** place = Find(base); place != nullptr) shown = *place;
  }
  if (shown == nullptr) return -1;
  Hide(base, shown);
  return 0;
}

size_t Url(char* url, size_t size) {
  Locked lock;
  if (size > 0) snprintf(url, size, "%s", g_page.url);
  return strlen(g_page.url);
}

}  // namespace evoke::scope

extern "C" {

int evoke_scope_start(event_base* base, const char* address) {
  return evoke::scope::Start(base, address);
}

int evoke_scope_stop(event_base* base) { return evoke::scope::Stop(base); }

size_t evoke_scope_url(char* url, size_t size) {
  return evoke::scope::Url(url, size);
}

}  // extern "C"
