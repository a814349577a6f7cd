// SPDX-License-Identifier: BSD-3-Clause
#include "event/fork.h"

#include <event2/event.h>
#include <sys/mman.h>
#include <unistd.h>

#include "event/debug_mode.h"
#include "event/wake.h"
#include "util/log.h"
#include "util/process_mutex.h"

namespace evoke {

namespace {

// No page is larger on the machines that we know.
constexpr size_t kMostPageBytes = 65536;
constexpr uint64_t kNobody = 0;  // no process's token, and no base's owner

volatile uint64_t g_plain_token = 1;
// Room for one whole page, wherever it begins: nothing that has to be given
// back when the library is unloaded.
char g_pages[2 * kMostPageBytes];
volatile uint64_t* g_wiped_page = nullptr;
// The last number given, by this process or an ancestor before its fork. Unlike
// process numbers, which may come again (in another pid namespace, or when the
// ancestor is gone), these differ from those of all ancestors.
uint64_t g_last_token = 0;
constinit ProcessMutex g_token_mutex;  // over who makes one

// A page that the kernel wipes in a child; null where it does not.
volatile uint64_t* MakeWipedPage() {
  size_t page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (page_bytes > kMostPageBytes) return nullptr;
  auto address = reinterpret_cast<uintptr_t>(g_pages);
  char* page = g_pages + (page_bytes - address % page_bytes) % page_bytes;
  if (madvise(page, page_bytes, MADV_WIPEONFORK) < 0) return nullptr;
  return reinterpret_cast<volatile uint64_t*>(page);
}

}  // namespace

const volatile uint64_t* g_process_token = &g_plain_token;

uint64_t ProcessToken() {
  ProcessMutexLock lock(g_token_mutex);
  if (g_wiped_page == nullptr) {
    g_wiped_page = MakeWipedPage();
    if (g_wiped_page == nullptr) return *g_process_token;
    *g_wiped_page = ++g_last_token;
    g_process_token = g_wiped_page;
  }
  if (*g_wiped_page == 0) *g_wiped_page = ++g_last_token;
  return *g_wiped_page;
}

namespace {

// The thread that ran the loop is the parent's alone: nobody waits in the
// child, and no callback runs there.
void ForgetParentsLoop(event_base* base) {
  base->running = base->waiting = false;
  base->interests.EndWait();
  base->flush.ForgetRun();
  base->watchers.ForgetRun();
  base->running_priority = -1;
  base->running_event = nullptr;
  base->deliveries_left = 0;
  base->cache_time = false;
  base->cached_time_us = 0;
}

// Who waits for a callback's end is a thread of the parent. A condition that
// somebody waits for can't be freed, so it is left to itself.
void ForgetWaiters(event_base* base) {
  if (base->waiters == nullptr) return;
  base->waiters = nullptr;
  if (!base->callback_done.Init()) {
    LogWarn("%s: no memory for a condition variable", __func__);
  }
}

}  // namespace

int AdoptAfterFork(event_base* base) {
  bool is_child = !HasOwnObjects(base);
  base->owner = ProcessToken();
  if (is_child) DebugNoteFork(base);
  if (base->waiting || (is_child && base->running && !IsLoopThread(base))) {
    ForgetParentsLoop(base);
  }
  if (is_child) ForgetWaiters(base);
  bool has_objects = true;
  bool is_told = true;
  if (base->backend.table->forked(base->backend.state) < 0) {
    LogWarnErrno("%s: cannot make %s anew in the child", __func__,
                 base->backend.table->name);
    has_objects = false;
  } else {
    is_told = base->interests.TellAll() == 0;
  }
  if (base->signals.Forked() < 0) has_objects = false;
  bool has_wake = base->wake_fd >= 0;
  CloseWake(base);
  if ((has_wake || NeedsWakeFd(base)) && MakeNotifiable(base) < 0) {
    has_objects = false;
  }
  // Whoever comes next tries again.
  if (!has_objects) base->owner = kNobody;
  return has_objects && is_told ? 0 : -1;
}

void AdoptForgotten(event_base* base) {
  // The process that was warned last: an ancestor's warning is not this one's.
  static uint64_t warned = 0;
  uint64_t self = ProcessToken();
  if (__atomic_exchange_n(&warned, self, __ATOMIC_RELAXED) != self) {
    LogWarn(
        "base %p belongs to the parent of this process, which should have "
        "called event_reinit() after its fork; that is done now",
        static_cast<void*>(base));
  }
  if (HasOwnObjects(base)) {
    base->owner = self;
  } else {
    AdoptAfterFork(base);
  }
}

void AdoptToDelete(event_base* base) {
  if (HasOwnObjects(base)) return;
  AdoptAfterFork(base);
  if (HasOwnObjects(base)) base->owner |= kOnlyDeletes;
}

}  // namespace evoke

extern "C" int event_reinit(event_base* base) {
  if (base == nullptr) {
    evoke::LogWarn("%s: no base", __func__);
    return -1;
  }
  evoke::DebugCheckThread(base, __func__);
  evoke::MutexLock lock(base->lock);
  return evoke::AdoptAfterFork(base);
}
