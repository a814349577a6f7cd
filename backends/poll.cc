// SPDX-License-Identifier: BSD-3-Clause
//
// poll(2): the whole list of interests goes to the kernel with every wait. The
// simplest of the backends; read it first.
//
// Cost: each wait is O(descriptors), in the kernel and here. Ready descriptors
// are handed over in the order of the list: the order of adding, except that a
// removed entry's place is taken by the last one.
#include <errno.h>
#include <poll.h>
#include <stdint.h>

#include "backends/array.h"
#include "backends/backend.h"
#include "backends/fd_table.h"
#include "backends/timeout.h"
#include "util/memory.h"

namespace evoke {
namespace {

struct Poll {
  Array<pollfd> list;
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

int CallPoll(Poll* self, int64_t timeout_us) {
  if (self->precise && timeout_us > 0) {
    timespec timeout = TimeoutTimespec(timeout_us);
    return ppoll(self->list.items, self->list.count, &timeout, nullptr);
  }
  return poll(self->list.items, self->list.count, TimeoutMillis(timeout_us));
}

void* OpenPoll(const evoke_backend_options* options) {
  Poll* self = New<Poll>();
  if (self == nullptr) return nullptr;
  self->precise = (options->flags & EVOKE_OPTION_PRECISE_TIMER) != 0;
  return self;
}

void ClosePoll(void* state) { Delete(static_cast<Poll*>(state)); }

// The kernel looks every descriptor up anew in each wait, so nothing can be
// lost there: the old interest does not matter, and repeating one is harmless.
int ChangePoll(void* state, evutil_socket_t fd, short /*old_interest*/,
               short new_interest, int /*edge*/, void* /*per_fd*/) {
  Poll* self = static_cast<Poll*>(state);
  int slot = self->slot_plus_one.Get(fd) - 1;
  if (new_interest == 0) {
    if (slot < 0) return 0;
    const pollfd& last = self->list.items[--self->list.count];
    self->list.items[slot] = last;
    self->slot_plus_one.Set(last.fd, slot + 1);
    self->slot_plus_one.Set(fd, 0);
    return 0;
  }
  if (slot < 0) {
    if (!self->slot_plus_one.MakeRoom(fd) || !self->list.Reserve()) return -1;
    slot = self->list.count++;
    self->slot_plus_one.Set(fd, slot + 1);
  }
  self->list.items[slot] = pollfd{fd, PollFlags(new_interest), 0};
  return 0;
}

int WaitPoll(void* state, int64_t timeout_us, evoke_ready_sink* sink) {
  Poll* self = static_cast<Poll*>(state);
  int remaining = CallPoll(self, timeout_us);
  if (remaining < 0) return errno == EINTR ? 0 : -1;
  for (int i = 0; remaining > 0 && i < self->list.count; ++i) {
    const pollfd& entry = self->list.items[i];
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
  self->list.count = 0;
  return 0;
}

}  // namespace

constinit const evoke_backend kPollBackend = BuiltInTable(
    "poll", EV_FEATURE_FDS | EV_FEATURE_EARLY_CLOSE, /*flags=*/0,
    /*per_fd_bytes=*/0, OpenPoll, ClosePoll, ChangePoll, WaitPoll, ForkedPoll);

}  // namespace evoke
