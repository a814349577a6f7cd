// SPDX-License-Identifier: BSD-3-Clause
#include "util/process_mutex.h"

namespace evoke {

namespace {

pthread_mutex_t g_list_mutex = PTHREAD_MUTEX_INITIALIZER;
ProcessMutex* g_known = nullptr;

}  // namespace

void ProcessMutex::MakeKnown() {
  pthread_mutex_lock(&g_list_mutex);
  if (!is_known_) {
    // Without memory for the handlers it is as if there were none. They go with
    // the library when it is unloaded.
    if (g_known == nullptr) pthread_atfork(BeforeFork, AfterFork, AfterFork);
    next_known_ = g_known;
    g_known = this;
    __atomic_store_n(&is_known_, true, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&g_list_mutex);
}

// Whoever holds one of them takes no other, so their order does not matter.
void ProcessMutex::BeforeFork() {
  pthread_mutex_lock(&g_list_mutex);
  for (ProcessMutex* mutex = g_known; mutex != nullptr;
       mutex = mutex->next_known_) {
    pthread_mutex_lock(&mutex->mutex_);
  }
}

void ProcessMutex::AfterFork() {
  for (ProcessMutex* mutex = g_known; mutex != nullptr;
       mutex = mutex->next_known_) {
    pthread_mutex_unlock(&mutex->mutex_);
  }
  pthread_mutex_unlock(&g_list_mutex);
}

}  // namespace evoke
