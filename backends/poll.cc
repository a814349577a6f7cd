// SPDX-License-Identifier: BSD-3-Clause
//
// poll(2): the whole list of interests goes to the kernel with every wait. The
// simplest of the backends; read it first.
//
// Cost: each wait is O(descriptors), in the kernel and here. Ready descriptors
// are handed over in the order of the list: the order of adding, except that a
// removed entry's place is taken by the last one.
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <time.h>

#include "backends/backend.h"
#include "backends/fd_table.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {
namespace {

constexpr int kFirstCapacity = 32;

struct Poll {
  pollfd* list = nullptr;
  int count = 0;
  int capacity = 0;
  bool precise = false;
  FdTable<int> slot_plus_one;  // where a descriptor stands in `list`; 0: not
};

short PollFlags(short interest) {
  short flags = 0;
  if (interest & EV_READ) flags |= POLLIN;
  if (interest & EV_WRITE) flags |= POLLOUT;
  if (interest & EV_CLOSED) flags |= POLLRDHUP;
  return flags;
}

// Hang-up, error and a closed descriptor wake readers and writers alike.
short ReadySet(const pollfd& entry) {
  short flags = entry.revents;
  if (flags & (POLLHUP | POLLERR | POLLNVAL)) flags |= POLLIN | POLLOUT;
  flags &= entry.events;
  short ready = 0;
  if (flags & POLLIN) ready |= EV_READ;
  if (flags & POLLOUT) ready |= EV_WRITE;
  if (flags & POLLRDHUP) ready |= EV_CLOSED;
  return ready;
}

bool Reserve(Poll* self) {
  if (self->count < self->capacity) return true;
  if (self->capacity > INT_MAX / 2) {
    errno = ENOMEM;
    return false;
  }
  int capacity = self->capacity == 0 ? kFirstCapacity : self->capacity * 2;
  void* list = Reallocate(self->list, capacity * sizeof(pollfd));
  if (list == nullptr) return false;
  self->list = static_cast<pollfd*>(list);
  self->capacity = capacity;
  return true;
}

// poll(2) knows milliseconds: rounded up, since a wait is never too short.
int CallPoll(Poll* self, int64_t timeout_us) {
  if (self->precise && timeout_us > 0) {
    timespec timeout;
    timeout.tv_sec = timeout_us / kMicrosPerSecond;
    timeout.tv_nsec = timeout_us % kMicrosPerSecond * 1000;
    return ppoll(self->list, self->count, &timeout, nullptr);
  }
  int timeout_ms = -1;
  if (timeout_us > INT64_C(1000) * INT_MAX) {
    timeout_ms = INT_MAX;
  } else if (timeout_us >= 0) {
    timeout_ms = static_cast<int>((timeout_us + 999) / 1000);
  }
  return poll(self->list, self->count, timeout_ms);
}

void* OpenPoll(const evoke_backend_options* options) {
  Poll* self = New<Poll>();
  if (self == nullptr) return nullptr;
  self->precise = (options->flags & EVOKE_OPTION_PRECISE_TIMER) != 0;
  return self;
}

void ClosePoll(void* state) {
  Poll* self = static_cast<Poll*>(state);
  Free(self->list);
  Delete(self);
}

// The kernel looks every descriptor up anew in each wait, so nothing can be
// lost there: the old interest does not matter, and repeating one is harmless.
int ChangePoll(void* state, evutil_socket_t fd, short /*old_interest*/,
               short new_interest, int /*edge*/, void* /*per_fd*/) {
  Poll* self = static_cast<Poll*>(state);
  int* slot = self->slot_plus_one.Find(fd);
  if (new_interest == 0) {
    if (slot == nullptr || *slot == 0) return 0;
    const pollfd& last = self->list[--self->count];
    self->list[*slot - 1] = last;
    *self->slot_plus_one.Find(last.fd) = *slot;
    *slot = 0;
    return 0;
  }
  if (slot == nullptr || *slot == 0) {
    slot = self->slot_plus_one.FindOrMake(fd);
    if (slot == nullptr || !Reserve(self)) return -1;
    *slot = ++self->count;
  }
  self->list[*slot - 1] = pollfd{fd, PollFlags(new_interest), 0};
  return 0;
}

int WaitPoll(void* state, int64_t timeout_us, evoke_ready_sink* sink) {
  Poll* self = static_cast<Poll*>(state);
  int remaining = CallPoll(self, timeout_us);
  if (remaining < 0) {
    if (errno == EINTR) return 0;
    LogWarnErrno("poll");
    return -1;
  }
  for (int i = 0; remaining > 0 && i < self->count; ++i) {
    const pollfd& entry = self->list[i];
    if (entry.revents == 0) continue;
    --remaining;
    short ready = ReadySet(entry);
    // What does not fit is still ready in the next wait.
    if (ready != 0 && !evoke_sink_put(sink, entry.fd, ready)) break;
  }
  return 0;
}

// There is no kernel object to share; only the interests are to be forgotten.
int ForkedPoll(void* state) {
  Poll* self = static_cast<Poll*>(state);
  self->slot_plus_one.Clear();
  self->count = 0;
  return 0;
}

}  // namespace

const evoke_backend kPollBackend = {
    .struct_size = sizeof(evoke_backend),
    .version = EVOKE_BACKEND_VERSION,
    .name = "poll",
    .features = EV_FEATURE_FDS | EV_FEATURE_EARLY_CLOSE,
    .flags = 0,
    .per_fd_bytes = 0,
    .open = OpenPoll,
    .close = ClosePoll,
    .change = ChangePoll,
    .wait = WaitPoll,
    .forked = ForkedPoll,
};

}  // namespace evoke
