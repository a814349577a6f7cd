// SPDX-License-Identifier: BSD-3-Clause
//
// loopscope: which bases are shown, and the one server that shows them.
//
// Points are told on the threads of their loops, with their bases' locks held;
// the server asks on its own. Between them is one lock, g_lock, under which no
// function of the library is called that could want a base's lock.
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
struct Shown {
  event_base* base;  // null: the place is free
  evoke_watch* watch;
  Recorder* recorder;
  bool serves;
  char method[32];
};

pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
Shown g_shown[kBases];
Server* g_server = nullptr;
Symbols* g_symbols = nullptr;  // there from the first Start() on
char g_url[192];               // empty while no page is served

class Locked {
 public:
  Locked() { pthread_mutex_lock(&g_lock); }
  ~Locked() { pthread_mutex_unlock(&g_lock); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
};

int64_t NowNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1'000'000'000) + now.tv_nsec;
}

// Of the base that serves; the others have nothing of the server's.
bool IsOwn(const void* object) { return g_server->IsOwn(object); }

// With g_lock held. The server's events are deleted by whoever can.
void Forget(Shown* shown) {
  shown->recorder->~Recorder();
  Free(shown->recorder);
  memset(shown, 0, sizeof(*shown));
}

void OnPoint(const evoke_point* point, void* arg) {
  auto* shown = static_cast<Shown*>(arg);
  Locked lock;
  if (shown->recorder == nullptr) return;
  if (point->kind == EVOKE_POINT_END) {
    // The base has deleted all events, and closes nothing of ours.
    if (shown->serves) {
      g_server->Abandon();
      g_url[0] = '\0';
    }
    Forget(shown);
    return;
  }
  shown->recorder->Tell(*point);
}

Shown* FindBase(const event_base* base) {
  for (Shown& shown : g_shown) {
    if (shown.base == base) return &shown;
  }
  return nullptr;
}

void AddBases(Text* body) {
  body->Add("{\"bases\":[");
  bool first = true;
  for (int i = 0; i < kBases; ++i) {
    if (g_shown[i].base == nullptr) continue;
    body->Format("%s{\"number\":%d,\"method\":\"%s\",\"turns\":%lld}",
                 first ? "" : ",", i, g_shown[i].method,
                 static_cast<long long>(g_shown[i].recorder->turn_count()));
    first = false;
  }
  body->Add("]");
}

// Both are called with the lock of the base held, and then take ours.
int SeedEvent(const event_base*, const event* ev, void* arg) {
  Locked lock;
  static_cast<Recorder*>(arg)->Seed(ev);
  return 0;
}

int PeekEvent(const event_base*, const event* ev, void* arg) {
  Locked lock;
  if (!g_server->IsOwn(ev)) static_cast<Recorder*>(arg)->Peek(ev);
  return 0;
}

// Of the server's own base, whose callback this is, all is looked up now.
// Another may be freed at any moment, and looks itself before it sleeps next.
bool LookUp(const Shown& shown, struct evoke_stats* stats) {
  event_base* own = nullptr;
  {
    Locked lock;
    if (shown.base == nullptr) return false;
    if (shown.serves) {
      own = shown.base;
    } else {
      shown.recorder->PeekSoon();
    }
  }
  if (own == nullptr) return false;
  // Its recorder ends with the base or by Stop(), both on this thread.
  event_base_foreach_event(own, PeekEvent, shown.recorder);
  stats->struct_size = sizeof(*stats);
  return evoke_stats(own, stats) == 0;
}

const char* Answer(const Request& request, Text* body) {
  if (request.page == Page::kPage) {
    body->Add(kPage, kPageBytes);
    return "text/html";
  }
  const int number = request.base < kBases ? request.base : 0;
  const Shown& shown = g_shown[number];
  struct evoke_stats stats = {};
  const bool has_stats = LookUp(shown, &stats);
  Locked lock;
  AddBases(body);
  if (shown.base != nullptr) {
    body->Format(",\"number\":%d,\"state\":", number);
    AddState(*shown.recorder,
             {.now_ns = NowNanos(),
              .since = request.since,
              .method = shown.method,
              .symbols = g_symbols,
              .stats = has_stats ? &stats : nullptr},
             body);
  }
  body->Add("}");
  return "application/json";
}

int Fail(const char* address, int error) {
  char message[256];
  snprintf(message, sizeof(message), "loopscope: %s: %s", address,
           error == EACCES
               ? "not a loopback address, and without \"public:\" in front"
               : strerror(error));
  evoke_log(EVENT_LOG_WARN, message);
  errno = error;
  return -1;
}

// Makes the server if there is none. 0, or an error number.
int Serve(event_base* base, const char* address, bool* serves) {
  if (g_server != nullptr && g_server->is_running()) return 0;
  if (g_server == nullptr) {
    void* memory = evoke_realloc(nullptr, sizeof(Server));
    if (memory == nullptr) return ENOMEM;
    g_server = new (memory) Server(Answer);
  }
  if (g_server->Start(base, address) < 0) return errno;
  *serves = true;
  return 0;
}

}  // namespace

int Start(event_base* base, const char* address) {
  if (base == nullptr || address == nullptr) {
    errno = EINVAL;
    return -1;
  }
  Shown* shown;
  {
    Locked lock;
    if (FindBase(base) != nullptr) {
      errno = EEXIST;
      return -1;
    }
    if (g_symbols == nullptr) {
      void* memory = evoke_realloc(nullptr, sizeof(Symbols));
      if (memory == nullptr) return Fail(address, ENOMEM);
      g_symbols = new (memory) Symbols;
    }
    shown = FindBase(nullptr);
    void* memory =
        shown == nullptr ? nullptr : evoke_realloc(nullptr, sizeof(Recorder));
    if (memory == nullptr) return Fail(address, ENOMEM);
    shown->recorder = new (memory) Recorder;
    shown->base = base;
    snprintf(shown->method, sizeof(shown->method), "%s",
             event_base_get_method(base));
    if (!shown->recorder->Init()) {
      Forget(shown);
      return Fail(address, ENOMEM);
    }
  }
  bool serves = false;
  int error = Serve(base, address, &serves);
  if (serves) {
    Locked lock;
    shown->serves = true;
    shown->recorder->set_is_own(IsOwn);
    g_server->Url(g_url, sizeof(g_url));
  }
  if (error == 0) {
    evoke_watch* watch = evoke_watch_points(base, OnPoint, shown);
    if (watch == nullptr) error = ENOMEM;
    if (watch != nullptr) {
      event_base_foreach_event(base, SeedEvent, shown->recorder);
    }
    Locked lock;
    shown->watch = watch;
  }
  if (error != 0) {
    if (serves) g_server->Stop();
    Locked lock;
    if (serves) g_url[0] = '\0';
    Forget(shown);
    return Fail(address, error);
  }
  if (serves) {
    char message[256];
    snprintf(message, sizeof(message), "loopscope: %s", g_url);
    evoke_log(EVENT_LOG_MSG, message);
  }
  return 0;
}

int Stop(event_base* base) {
  evoke_watch* watch = nullptr;
  bool serves = false;
  {
    Locked lock;
    Shown* shown = base == nullptr ? nullptr : FindBase(base);
    if (shown == nullptr) return -1;
    watch = shown->watch;
    serves = shown->serves;
  }
  evoke_unwatch_points(watch);
  if (serves) g_server->Stop();
  Locked lock;
  if (serves) g_url[0] = '\0';
  Shown* shown = FindBase(base);
  if (shown != nullptr) Forget(shown);
  return 0;
}

size_t Url(char* url, size_t size) {
  Locked lock;
  if (size > 0) snprintf(url, size, "%s", g_url);
  return strlen(g_url);
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
