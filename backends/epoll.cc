// SPDX-License-Identifier: BSD-3-Clause
//
// epoll(7): the interests live in the kernel, and a wait costs what is ready.
//
// A registration belongs to the open file, not to the number. When a descriptor
// is closed while a dup keeps the file open, it stays, reports under a number
// that means something else by now, and cannot be taken out. So each carries a
// generation; a report of another one is dropped, and when it comes again the
// epoll object is made anew.
//
// With the changelist, changes of level-triggered interest wait for the wait:
// many of one descriptor then cost one system call.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "absl/base/optimization.h"
#include "backends/array.h"
#include "backends/backend.h"
#include "backends/fd_table.h"
#include "backends/timeout.h"
#include "util/log.h"
#include "util/memory.h"

// There in a process with ThreadSanitizer.
extern "C" __attribute__((weak)) void __tsan_acquire(void* address);

namespace evoke {
namespace {

constexpr int kMostEvents = 4096;

// What the kernel holds for one descriptor: interest and EV_ET in the low 8
// bits, the generation above; 0 when nothing. epoll's own data is the
// descriptor, with the generation in the upper half.
using Registration = uint32_t;
constexpr Registration kOneGeneration = 1u << 8;

struct PutOffChange {
  int fd;  // -1: overtaken by an edge-triggered one, which is never put off
  short interest;
};

struct Epoll {
  int epoll_fd = -1;
  bool precise = false;
  Array<epoll_event> events;
  // Written by change(), which may run while another thread is in wait().
  FdTable<Registration> registered;
  Registration last_generation = 0;
  uint64_t suspect = 0;  // epoll's data of a report that fitted nothing, or 0
  Array<PutOffChange> changes;
};

int Control(Epoll* self, int operation, int fd, Registration value) {
  epoll_event event = {};
  if (value & EV_READ) event.events |= EPOLLIN;
  if (value & EV_WRITE) event.events |= EPOLLOUT;
  if (value & EV_CLOSED) event.events |= EPOLLRDHUP;
  if (value & EV_ET) event.events |= EPOLLET;
  event.data.u64 =
      uint64_t{value / kOneGeneration} << 32 | static_cast<uint32_t>(fd);
  return epoll_ctl(self->epoll_fd, operation, fd, &event);
}

// The program may have closed the descriptor since, and another thread may have
// got the number: the kernel then knows of no registration, and nothing
// happens. ThreadSanitizer, where the process has it, would take the number for
// the other thread's; so it is not told.
int Remove(const Epoll* self, int fd) {
  if (ABSL_PREDICT_FALSE(__tsan_acquire != nullptr)) {
    return static_cast<int>(
        syscall(SYS_epoll_ctl, self->epoll_fd, EPOLL_CTL_DEL, fd, nullptr));
  }
  return epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
}

int Unregister(Epoll* self, int fd) {
  if (self->registered.Get(fd) == 0) return 0;
  self->registered.Set(fd, 0);
  if (Remove(self, fd) == 0) return 0;
  // Closed, or closed and reused: the kernel has forgotten it already.
  if (errno == ENOENT || errno == EBADF || errno == EPERM) return 0;
  LogWarnErrno("epoll_ctl: cannot remove fd %d", fd);
  return -1;
}

// One system call, or two where the kernel knows something else than we
// thought. The table is written first: a report may come at once.
int Register(Epoll* self, int fd, Registration flags) {
  if (!self->registered.MakeRoom(fd)) return -1;
  Registration before = self->registered.Get(fd);
  int result = -1;
  if (before != 0) {
    Registration same = (before & ~(kOneGeneration - 1)) | flags;
    self->registered.Set(fd, same);
    result = Control(self, EPOLL_CTL_MOD, fd, same);
  }
  if (result < 0 && (before == 0 || errno == ENOENT)) {
    self->last_generation += kOneGeneration;
    Registration fresh = self->last_generation | flags;
    self->registered.Set(fd, fresh);
    result = Control(self, EPOLL_CTL_ADD, fd, fresh);
    if (result < 0 && errno == EEXIST) {
      result = Control(self, EPOLL_CTL_MOD, fd, fresh);
    }
  }
  if (result < 0) {
    self->registered.Set(fd, before);
    LogWarnErrno("epoll_ctl: cannot watch fd %d for 0x%x", fd, flags);
  }
  return result;
}

// Puts a fresh epoll object in the old one's place, under the same number, so
// that a change() in another thread cannot meet a closed one. A parent that
// shares the old one keeps it as it is.
int Rebuild(Epoll* self) {
  int fresh_fd = epoll_create1(EPOLL_CLOEXEC);
  if (fresh_fd < 0) return -1;
  int result = dup3(fresh_fd, self->epoll_fd, O_CLOEXEC);
  close(fresh_fd);
  return result < 0 ? -1 : 0;
}

// Error and hang-up wake readers and writers; that the peer will send no more
// is no hang-up where it is told as such.
short ReadySet(uint32_t events) {
  if (events & EPOLLERR) return EV_READ | EV_WRITE;
  if ((events & EPOLLHUP) && !(events & EPOLLRDHUP)) return EV_READ | EV_WRITE;
  short ready = 0;
  if (events & EPOLLIN) ready |= EV_READ;
  if (events & EPOLLOUT) ready |= EV_WRITE;
  if (events & EPOLLRDHUP) ready |= EV_CLOSED;
  return ready;
}

int CallEpollWait(Epoll* self, int64_t timeout_us) {
  Array<epoll_event>& events = self->events;
  if (self->precise && timeout_us > 0) {
    timespec timeout = TimeoutTimespec(timeout_us);
    int count = epoll_pwait2(self->epoll_fd, events.items, events.capacity,
                             &timeout, nullptr);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
    // A kernel before 5.11, or a filter of system calls (as containers have)
    // from before it.
    self->precise = false;
  }
  return epoll_wait(self->epoll_fd, events.items, events.capacity,
                    TimeoutMillis(timeout_us));
}

// Hands over `count` events. True when a report fits no registration for the
// second time. Once may be a change in another thread that crossed this wait.
bool Deliver(Epoll* self, int count, evoke_ready_sink* sink) {
  uint64_t suspect = 0;
  bool is_stale = false;
  bool is_full = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = self->events.items[i];
    int fd = static_cast<int>(event.data.u64);
    Registration value = self->registered.Get(fd);
    if (value / kOneGeneration != event.data.u64 >> 32) {
      suspect = event.data.u64;
      if (suspect == self->suspect) is_stale = true;
      continue;
    }
    short ready = ReadySet(event.events) & static_cast<short>(value);
    if (ready == 0) continue;
    if (!is_full) is_full = !evoke_sink_put(sink, fd, ready);
    // The kernel tells of an edge only once, so it is asked to tell it again.
    if (is_full && (value & EV_ET)) Control(self, EPOLL_CTL_MOD, fd, value);
  }
  self->suspect = suspect;
  return is_stale;
}

void* OpenEpoll(const evoke_backend_options* options) {
  Epoll* self = New<Epoll>();
  if (self == nullptr) return nullptr;
  self->precise = (options->flags & EVOKE_OPTION_PRECISE_TIMER) != 0;
  if (self->events.Grow()) self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (self->epoll_fd >= 0) return self;
  Delete(self);
  return nullptr;
}

void CloseEpoll(void* state) {
  Epoll* self = static_cast<Epoll*>(state);
  if (self->epoll_fd >= 0) close(self->epoll_fd);
  Delete(self);
}

// What is registered is known here better than from the old interest.
int ChangeEpoll(void* state, evutil_socket_t fd, short /*old_interest*/,
                short new_interest, int edge, void* /*per_fd*/) {
  Epoll* self = static_cast<Epoll*>(state);
  if (new_interest == 0) return Unregister(self, fd);
  return Register(self, fd, edge ? new_interest | EV_ET : new_interest);
}

// `per_fd` holds where the descriptor's change stands in the list; the list
// tells whether that still holds, so nothing needs clearing after a flush.
int PutOffEpoll(void* state, evutil_socket_t fd, short old_interest,
                short new_interest, int edge, void* per_fd) {
  Epoll* self = static_cast<Epoll*>(state);
  Array<PutOffChange>& list = self->changes;
  int* slot = static_cast<int*>(per_fd);
  bool is_listed = *slot < list.count && list.items[*slot].fd == fd;
  bool is_edge = edge || (self->registered.Get(fd) & EV_ET);
  if (is_edge || (!is_listed && !list.Reserve())) {
    if (is_listed) list.items[*slot].fd = -1;
    return ChangeEpoll(state, fd, old_interest, new_interest, edge, per_fd);
  }
  if (!is_listed) *slot = list.count++;
  list.items[*slot] = PutOffChange{fd, new_interest};
  return 0;
}

int WaitEpoll(void* state, int64_t timeout_us, evoke_ready_sink* sink) {
  Epoll* self = static_cast<Epoll*>(state);
  for (int i = 0; i < self->changes.count; ++i) {
    auto [fd, interest] = self->changes.items[i];
    // A failure is logged: nobody waits for it any more.
    if (fd >= 0) ChangeEpoll(state, fd, 0, interest, 0, nullptr);
  }
  self->changes.count = 0;
  int count = CallEpollWait(self, timeout_us);
  if (count < 0) return errno == EINTR ? 0 : -1;
  bool is_stale = Deliver(self, count, sink);
  // What found no room comes with the next wait.
  if (count == self->events.capacity && count < kMostEvents) {
    (void)self->events.Grow();
  }
  // Without a descriptor to spare, the next wait tries again.
  return is_stale && Rebuild(self) == 0 ? EVOKE_WAIT_REBUILT : 0;
}

// Nothing of the parent's object may be left, even if there can be no other:
// without one all that follows fails with EBADF.
int ForkedEpoll(void* state) {
  Epoll* self = static_cast<Epoll*>(state);
  self->registered.Clear();
  self->changes.count = 0;
  self->suspect = 0;
  if (self->epoll_fd >= 0) close(self->epoll_fd);
  self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  return self->epoll_fd < 0 ? -1 : 0;
}

constexpr int kFeatures =
    EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE;

}  // namespace

constinit const evoke_backend kEpollBackend = BuiltInTable(
    "epoll", kFeatures, EVOKE_BACKEND_CHANGE_DURING_WAIT, /*per_fd_bytes=*/0,
    OpenEpoll, CloseEpoll, ChangeEpoll, WaitEpoll, ForkedEpoll);

constinit const evoke_backend kEpollChangelistBackend =
    BuiltInTable("epoll (with changelist)", kFeatures, /*flags=*/0, sizeof(int),
                 OpenEpoll, CloseEpoll, PutOffEpoll, WaitEpoll, ForkedEpoll);

}  // namespace evoke
