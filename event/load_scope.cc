// SPDX-License-Identifier: BSD-3-Clause
#include "event/load_scope.h"

#include <dlfcn.h>
#include <evoke/scope.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"

// There if the program is linked with the library; else it is loaded.
extern "C" int evoke_scope_start(event_base* base, const char* address)
    __attribute__((weak));

namespace evoke {

namespace {

constexpr char kFile[] = "libevoke_scope.so.1";

using OpenFunction = void* (*)(const char* file, int mode);
using StartFunction = int (*)(event_base* base, const char* address);

// Loaded once, never unloaded; nor is what failed tried again.
StartFunction g_start = nullptr;
bool g_failed = false;

void Say(const char* why) { LogWarn("EVOKE_SCOPE: %s", why); }

// Beside the library that this is a part of: never by a search path, where
// another version may be.
StartFunction Load() {
  // Not called by its name: libc.a has one that cannot do much, and that every
  // linker warns of. A program without shared libraries finds none.
  auto open = reinterpret_cast<OpenFunction>(dlsym(RTLD_DEFAULT, "dlopen"));
  if (open == nullptr) {
    Say("a program without shared libraries shows its loop if it is linked "
        "with -levoke_scope");
    return nullptr;
  }
  Dl_info self;
  char path[PATH_MAX];
  // A name that is in this library alone, wherever the program has others.
  if (dladdr(reinterpret_cast<void*>(&g_start), &self) == 0 ||
      self.dli_fname == nullptr) {
    Say("its own library cannot be found");
    return nullptr;
  }
  const char* slash = strrchr(self.dli_fname, '/');
  if (slash == nullptr ||
      snprintf(path, sizeof(path), "%.*s%s",
               static_cast<int>(slash + 1 - self.dli_fname), self.dli_fname,
               kFile) >= static_cast<int>(sizeof(path))) {
    Say("its own library cannot be found");
    return nullptr;
  }
  void* library = open(path, RTLD_NOW | RTLD_LOCAL);
  char why[PATH_MAX + 128] = "";
  if (library == nullptr) {
    snprintf(why, sizeof(why), "%s", dlerror());
    // What it needs of us is hidden if we were loaded as a part of a plug-in.
    if (access(path, R_OK) == 0 &&
        open(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL) != nullptr) {
      library = open(path, RTLD_NOW | RTLD_LOCAL);
    }
  }
  if (library == nullptr) {
    Say(why);
    return nullptr;
  }
  void* start = dlsym(library, "evoke_scope_start");
  if (start == nullptr) Say("libevoke_scope is not what it says");
  return reinterpret_cast<StartFunction>(start);
}

StartFunction Find() {
  if (evoke_scope_start != nullptr) return evoke_scope_start;
  StartFunction start = __atomic_load_n(&g_start, __ATOMIC_ACQUIRE);
  if (start != nullptr || __atomic_load_n(&g_failed, __ATOMIC_ACQUIRE)) {
    return start;
  }
  // The loader sees to it that two threads get one library.
  start = Load();
  if (start == nullptr) __atomic_store_n(&g_failed, true, __ATOMIC_RELEASE);
  __atomic_store_n(&g_start, start, __ATOMIC_RELEASE);
  return start;
}

}  // namespace

void StartScope(event_base* base, const char* address) {
  StartFunction start = Find();
  if (start != nullptr) start(base, address);
}

}  // namespace evoke
