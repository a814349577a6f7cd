// SPDX-License-Identifier: BSD-3-Clause
#include "buffer/callbacks.h"

#include <event2/buffer_compat.h>
#include <event2/event.h>

#include "buffer/chain_list.h"
#include "event/deferred.h"
#include "event/live_bases.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {

namespace {

// Beside EVBUFFER_CB_ENABLED, which the program sees. A NODEFER callback runs
// at once where the others of its buffer are deferred; OLD_FORM ones are those
// of evbuffer_setcb().
constexpr uint32_t kNoDefer = 2;
constexpr uint32_t kOldForm = 0x40000;
constexpr uint32_t kInternalFlags = 0xffff0000;

}  // namespace

}  // namespace evoke

struct evbuffer_cb_entry {
  evbuffer_cb_entry* next;
  union {
    evbuffer_cb_func fn;
    evbuffer_cb old_fn;
  };
  void* arg;
  uint32_t flags;
};

namespace evoke {

// One walk over the callbacks that is under way: any entry may be removed from
// inside one, the walk's next one too, and walks nest.
struct CallbackCursor {
  evbuffer_cb_entry* next;
  CallbackCursor* outer;
};

namespace {

enum class Run { kAll, kNoDeferOnly, kDeferredOnly };

bool Belongs(const evbuffer_cb_entry* entry, Run run) {
  if ((entry->flags & EVBUFFER_CB_ENABLED) == 0) return false;
  bool no_defer = (entry->flags & kNoDefer) != 0;
  return run == Run::kAll || no_defer == (run == Run::kNoDeferOnly);
}

void Call(evbuffer* buffer, const evbuffer_cb_entry* entry,
          const evbuffer_cb_info& info) {
  // The entry may be freed inside.
  if ((entry->flags & kOldForm) != 0) {
    entry->old_fn(buffer, info.orig_size,
                  info.orig_size + info.n_added - info.n_deleted, entry->arg);
  } else {
    entry->fn(buffer, &info, entry->arg);
  }
}

void RunEntries(evbuffer* buffer, Run run) {
  if (buffer->callbacks == nullptr) {
    buffer->added_bytes = 0;
    buffer->deleted_bytes = 0;
    return;
  }
  if (buffer->added_bytes == 0 && buffer->deleted_bytes == 0) return;
  evbuffer_cb_info info;
  info.n_added = buffer->added_bytes;
  info.n_deleted = buffer->deleted_bytes;
  info.orig_size = buffer->length_bytes + info.n_deleted - info.n_added;
  // Those that are called at once do not use up what the deferred will be told.
  if (run != Run::kNoDeferOnly) {
    buffer->added_bytes = 0;
    buffer->deleted_bytes = 0;
  }
  CallbackCursor cursor{buffer->callbacks, buffer->cursors};
  buffer->cursors = &cursor;
  while (cursor.next != nullptr) {
    evbuffer_cb_entry* entry = cursor.next;
    cursor.next = entry->next;
    if (Belongs(entry, run)) Call(buffer, entry, info);
  }
  buffer->cursors = cursor.outer;
}

void RunDeferred(event_callback*, void* arg) {
  auto* buffer = static_cast<evbuffer*>(arg);
  BufferGuard guard(buffer);
  --buffer->defer_runs;
  --buffer->refs;
  // Another thread may have cancelled it when it had begun already.
  if (!buffer->defer_scheduled) return;
  buffer->defer_scheduled = false;
  RunEntries(buffer, Run::kDeferredOnly);
}

void ScheduleDeferred(evbuffer* buffer) {
  buffer->defer_scheduled = true;
  // Also when it is scheduled already: the loop may have put it off, and has
  // room for it now.
  if (!DeferredSchedule(buffer->defer_base, &buffer->deferred_callback)) return;
  ++buffer->defer_runs;
  BufferIncref(buffer);
}

// True when a run that waited in the queues does no more; its reference is the
// caller's then.
bool Unschedule(evbuffer* buffer) {
  return buffer->defer_runs > 0 &&
         (DeferredCancel(buffer->defer_base, &buffer->deferred_callback) ||
          !IsLiveBase(buffer->defer_base));
}

void TellWatcher(evbuffer* buffer) {
  size_t added_bytes = buffer->unwatched_added_bytes;
  size_t deleted_bytes = buffer->unwatched_deleted_bytes;
  buffer->unwatched_added_bytes = 0;
  buffer->unwatched_deleted_bytes = 0;
  // Operations inside the callbacks have told it already.
  if (added_bytes == 0 && deleted_bytes == 0) return;
  if (buffer->watcher_fn == nullptr) return;
  evbuffer_cb_info info;
  info.orig_size = buffer->length_bytes + deleted_bytes - added_bytes;
  info.n_added = added_bytes;
  info.n_deleted = deleted_bytes;
  buffer->watcher_fn(buffer, &info, buffer->watcher_arg);
}

void Unlink(evbuffer* buffer, evbuffer_cb_entry* entry) {
  for (CallbackCursor* cursor = buffer->cursors; cursor != nullptr;
       cursor = cursor->outer) {
    if (cursor->next == entry) cursor->next = entry->next;
  }
  evbuffer_cb_entry** link = &buffer->callbacks;
  while (*link != entry) link = &(*link)->next;
  *link = entry->next;
}

evbuffer_cb_entry* NewEntry(void* arg, uint32_t flags) {
  evbuffer_cb_entry* entry = New<evbuffer_cb_entry>();
  if (entry == nullptr) return nullptr;
  entry->arg = arg;
  entry->flags = flags;
  return entry;
}

void Push(evbuffer* buffer, evbuffer_cb_entry* entry) {
  entry->next = buffer->callbacks;
  buffer->callbacks = entry;
}

// Entries are handed out as opaque handles; one that is not this buffer's would
// otherwise be written to.
bool IsEntryOf(const evbuffer* buffer, const evbuffer_cb_entry* entry) {
  for (const evbuffer_cb_entry* e = buffer->callbacks; e != nullptr;
       e = e->next) {
    if (e == entry) return true;
  }
  return false;
}

}  // namespace

void RunCallbacksSlow(evbuffer* buffer) {
  if (buffer->deferred) {
    if (buffer->callbacks != nullptr) ScheduleDeferred(buffer);
    RunEntries(buffer, Run::kNoDeferOnly);
  } else {
    RunEntries(buffer, Run::kAll);
  }
  TellWatcher(buffer);
}

void RemoveAllCallbacks(evbuffer* buffer) {
  while (buffer->callbacks != nullptr) {
    evbuffer_cb_entry* entry = buffer->callbacks;
    Unlink(buffer, entry);
    Delete(entry);
  }
}

void BufferCancelDeferred(evbuffer* buffer) {
  buffer->defer_scheduled = false;
  if (!Unschedule(buffer)) return;
  --buffer->defer_runs;
  --buffer->refs;
}

bool ReplaceCallbacks(evbuffer* buffer, evbuffer_cb fn, void* arg) {
  evbuffer_cb_entry* entry = nullptr;
  if (fn != nullptr) {
    entry = NewEntry(arg, EVBUFFER_CB_ENABLED | kOldForm);
    if (entry == nullptr) return false;
    entry->old_fn = fn;
  }
  RemoveAllCallbacks(buffer);
  if (entry != nullptr) Push(buffer, entry);
  return true;
}

}  // namespace evoke

extern "C" {

evbuffer_cb_entry* evbuffer_add_cb(evbuffer* buffer, evbuffer_cb_func cb,
                                   void* cbarg) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return nullptr;
  if (cb == nullptr) {
    LogWarn("%s: no callback", __func__);
    return nullptr;
  }
  BufferGuard guard(buffer);
  evbuffer_cb_entry* entry = NewEntry(cbarg, EVBUFFER_CB_ENABLED);
  if (entry == nullptr) return nullptr;
  entry->fn = cb;
  Push(buffer, entry);
  return entry;
}

int evbuffer_remove_cb_entry(evbuffer* buffer, evbuffer_cb_entry* entry) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  if (!IsEntryOf(buffer, entry)) return -1;
  Unlink(buffer, entry);
  Delete(entry);
  return 0;
}

int evbuffer_remove_cb(evbuffer* buffer, evbuffer_cb_func cb, void* cbarg) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  for (evbuffer_cb_entry* entry = buffer->callbacks; entry != nullptr;
       entry = entry->next) {
    if (entry->fn == cb && entry->arg == cbarg) {
      Unlink(buffer, entry);
      Delete(entry);
      return 0;
    }
  }
  return -1;
}

int evbuffer_cb_set_flags(evbuffer* buffer, evbuffer_cb_entry* entry,
                          ev_uint32_t flags) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  if (!IsEntryOf(buffer, entry)) return -1;
  entry->flags |= flags & ~kInternalFlags;
  return 0;
}

int evbuffer_cb_clear_flags(evbuffer* buffer, evbuffer_cb_entry* entry,
                            ev_uint32_t flags) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  if (!IsEntryOf(buffer, entry)) return -1;
  entry->flags &= ~(flags & ~kInternalFlags);
  return 0;
}

int evbuffer_defer_callbacks(evbuffer* buffer, event_base* base) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  if (base == nullptr) {
    LogWarn("%s: no base", __func__);
    return -1;
  }
  BufferGuard guard(buffer);
  bool was_queued = Unschedule(buffer);
  buffer->deferred = true;
  buffer->defer_base = base;
  DeferredInit(&buffer->deferred_callback, event_base_get_npriorities(base) / 2,
               &RunDeferred, buffer);
  // The reference that goes with it stays.
  if (was_queued) DeferredSchedule(base, &buffer->deferred_callback);
  return 0;
}

}  // extern "C"
