// SPDX-License-Identifier: BSD-3-Clause
//
// epoll(7): the interests live in the kernel, and a wait costs what is ready.
//
// A registration belongs to the open file behind a descriptor, not to its
// number. When a descriptor is closed, its registration goes, unless a dup
// keeps the file open: then it stays, reports under a number that means
// something else by now, and cannot be taken out. So each registration carries
// a generation, reports of another generation are dropped, and when one comes
// again the epoll object is made anew (see Rebuild).
//
// With the changelist, changes of level-triggered interest are put off until
// just before the wait, so that many of one descriptor cost one system call.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "backends/backend.h"
#include "backends/fd_table.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/memory.h"

namespace evoke {
namespace {

constexpr int kFirstEvents = 32;
constexpr int kMostEvents = 4096;
constexpr int kFirstChanges = 32;

// What the kernel holds for one descriptor: the interest (with EV_ET) in the
// low 8 bits, the generation above; no interest means not registered. epoll's
// own data is the descriptor with the generation in the upper half.
using Registration = uint32_t;
constexpr Registration kInterest = EV_READ | EV_WRITE | EV_CLOSED;
constexpr int kGenerationShift = 8;
constexpr Registration kOneGeneration = 1u << kGenerationShift;

struct PutOffChange {
  int fd;
  short interest;
  bool done;  // overtaken by an edge-triggered one, which is never put off
};

struct Epoll {
  int epoll_fd = -1;
  bool precise = false;
  epoll_event* events = nullptr;
  int events_capacity = 0;
  // Written by change(), which may run while another thread is in wait().
  FdTable<Registration> registered;
  Registration last_generation = 0;
  // epoll's data of a report that belonged to no registration; 0: none.
  uint64_t suspect = 0;
  PutOffChange* changes = nullptr;
  uint32_t change_count = 0;
  uint32_t change_capacity = 0;
};

Registration Load(Registration* entry) {
  return std::atomic_ref(*entry).load(std::memory_order_relaxed);
}
void Store(Registration* entry, Registration value) {
  std::atomic_ref(*entry).store(value, std::memory_order_relaxed);
}

int Control(Epoll* self, int operation, int fd, Registration value) {
  epoll_event event = {};
  if (value & EV_READ) event.events |= EPOLLIN;
  if (value & EV_WRITE) event.events |= EPOLLOUT;
  if (value & EV_CLOSED) event.events |= EPOLLRDHUP;
  if (value & EV_ET) event.events |= EPOLLET;
  event.data.u64 = static_cast<uint64_t>(value >> kGenerationShift) << 32 |
                   static_cast<uint32_t>(fd);
  return epoll_ctl(self->epoll_fd, operation, fd, &event);
}

int Remove(Epoll* self, int fd) {
  int result = Control(self, EPOLL_CTL_DEL, fd, 0);
  Registration* entry = self->registered.Find(fd);
  if (entry != nullptr) Store(entry, 0);
  // Closed, or closed and reused: the kernel has forgotten it already.
  if (result == 0 || errno == ENOENT || errno == EBADF || errno == EPERM) {
    return 0;
  }
  LogWarnErrno("epoll_ctl: removing fd %d failed", fd);
  return -1;
}

// A first chunk of the table may be big: it is not made for a wrong number.
Registration* FindOrMakeEntry(Epoll* self, int fd) {
  Registration* entry = self->registered.Find(fd);
  if (entry != nullptr) return entry;
  if (fcntl(fd, F_GETFD) < 0) return nullptr;
  return self->registered.FindOrMake(fd);
}

// One system call, or two where the kernel's view is not the one we thought.
// The entry is written first: a report may come before epoll_ctl returns.
int Register(Epoll* self, int fd, bool is_known, Registration flags) {
  Registration* entry = FindOrMakeEntry(self, fd);
  Registration before = entry == nullptr ? 0 : Load(entry);
  int result = -1;
  if (entry != nullptr) {
    Registration next = self->last_generation + kOneGeneration;
    if (next == 0) next = kOneGeneration;
    Registration kept = before & ~(kOneGeneration - 1);
    if (is_known && kept != 0) {
      Store(entry, kept | flags);
      result = Control(self, EPOLL_CTL_MOD, fd, kept | flags);
    }
    if (result < 0 && (!is_known || kept == 0 || errno == ENOENT)) {
      self->last_generation = next;
      Store(entry, next | flags);
      result = Control(self, EPOLL_CTL_ADD, fd, next | flags);
      if (result < 0 && errno == EEXIST) {
        result = Control(self, EPOLL_CTL_MOD, fd, next | flags);
      }
    }
    if (result < 0) Store(entry, before);
  }
  if (result < 0) {
    LogWarnErrno("epoll_ctl: asking for 0x%x of fd %d failed",
                 static_cast<unsigned>(flags & kInterest), fd);
  }
  return result;
}

// Tells the kernel all that was put off. A failure is logged: nobody waits for
// it any more.
void FlushChanges(Epoll* self) {
  for (uint32_t i = 0; i < self->change_count; ++i) {
    const PutOffChange& change = self->changes[i];
    if (change.done) continue;
    Registration* entry = self->registered.Find(change.fd);
    bool is_known = entry != nullptr && (Load(entry) & kInterest) != 0;
    if (change.interest != 0) {
      Register(self, change.fd, is_known, change.interest);
    } else if (is_known) {
      Remove(self, change.fd);
    }
  }
  self->change_count = 0;
}

// Room for one more, or false: then nothing is put off.
bool ReserveChange(Epoll* self) {
  if (self->change_count < self->change_capacity) return true;
  uint32_t capacity =
      self->change_capacity == 0 ? kFirstChanges : self->change_capacity * 2;
  void* changes = Reallocate(self->changes, capacity * sizeof(PutOffChange));
  if (changes == nullptr) return false;
  self->changes = static_cast<PutOffChange*>(changes);
  self->change_capacity = capacity;
  return true;
}

// Puts a fresh epoll object in the old one's place, under the same number, so
// that a change() in another thread cannot meet a closed one. A parent process
// that shares the old one keeps it as it is.
int Rebuild(Epoll* self) {
  int fresh_fd = epoll_create1(EPOLL_CLOEXEC);
  if (fresh_fd < 0) return -1;
  int result = dup3(fresh_fd, self->epoll_fd, O_CLOEXEC);
  int saved_errno = errno;
  close(fresh_fd);
  errno = saved_errno;
  return result < 0 ? -1 : 0;
}

// Error and hang-up wake readers and writers; a peer that only will not send
// any more is EPOLLRDHUP, and no hang-up when it is told as such.
short ReadySet(uint32_t events) {
  if (events & EPOLLERR) return EV_READ | EV_WRITE;
  if ((events & EPOLLHUP) && !(events & EPOLLRDHUP)) return EV_READ | EV_WRITE;
  short ready = 0;
  if (events & EPOLLIN) ready |= EV_READ;
  if (events & EPOLLOUT) ready |= EV_WRITE;
  if (events & EPOLLRDHUP) ready |= EV_CLOSED;
  return ready;
}

// epoll_wait(2) knows milliseconds: rounded up, since a wait is never too
// short.
int CallEpollWait(Epoll* self, int64_t timeout_us) {
  if (self->precise && timeout_us > 0) {
    timespec timeout;
    timeout.tv_sec = timeout_us / kMicrosPerSecond;
    timeout.tv_nsec = timeout_us % kMicrosPerSecond * 1000;
    int count = epoll_pwait2(self->epoll_fd, self->events,
                             self->events_capacity, &timeout, nullptr);
    if (count >= 0 || errno != ENOSYS) return count;
    self->precise = false;  // a kernel before 5.11
  }
  int timeout_ms = -1;
  if (timeout_us > INT64_C(1000) * INT_MAX) {
    timeout_ms = INT_MAX;
  } else if (timeout_us >= 0) {
    timeout_ms = static_cast<int>((timeout_us + 999) / 1000);
  }
  return epoll_wait(self->epoll_fd, self->events, self->events_capacity,
                    timeout_ms);
}

// A full array may have left something behind. Short memory is no failure:
// the rest comes with the next wait.
void GrowEvents(Epoll* self) {
  int capacity = self->events_capacity * 2;
  if (capacity > kMostEvents) return;
  void* events = Reallocate(self->events, capacity * sizeof(epoll_event));
  if (events == nullptr) return;
  self->events = static_cast<epoll_event*>(events);
  self->events_capacity = capacity;
}

// Hands over `count` events. True when the object holds a registration that
// cannot be taken out: a report that fits none, twice. Once may be a change in
// another thread that crossed this wait.
bool Deliver(Epoll* self, int count, evoke_ready_sink* sink) {
  uint64_t suspect = 0;
  bool is_stale = false;
  bool is_full = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = self->events[i];
    int fd = static_cast<int>(event.data.u64);
    Registration value = Load(self->registered.Find(fd));
    if (value >> kGenerationShift != event.data.u64 >> 32) {
      if (event.data.u64 == self->suspect) is_stale = true;
      if (suspect == 0 || is_stale) suspect = event.data.u64;
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

void CloseEpoll(void* state) {
  Epoll* self = static_cast<Epoll*>(state);
  if (self->epoll_fd >= 0) close(self->epoll_fd);
  Free(self->events);
  Free(self->changes);
  Delete(self);
}

void* OpenEpoll(const evoke_backend_options* options) {
  Epoll* self = New<Epoll>();
  if (self == nullptr) return nullptr;
  self->precise = (options->flags & EVOKE_OPTION_PRECISE_TIMER) != 0;
  self->events =
      static_cast<epoll_event*>(Allocate(kFirstEvents * sizeof(epoll_event)));
  self->events_capacity = kFirstEvents;
  if (self->events != nullptr) self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (self->epoll_fd < 0) {
    int saved_errno = errno;
    CloseEpoll(self);
    errno = saved_errno;
    return nullptr;
  }
  return self;
}

int ChangeEpoll(void* state, evutil_socket_t fd, short old_interest,
                short new_interest, int edge, void* /*per_fd*/) {
  Epoll* self = static_cast<Epoll*>(state);
  if (new_interest == 0) return Remove(self, fd);
  Registration flags = new_interest | (edge ? EV_ET : 0);
  return Register(self, fd, old_interest != 0, flags);
}

// `per_fd` holds where the descriptor's change stands in the list; the list
// tells whether that still holds, so nothing needs clearing after a flush.
int PutOffEpoll(void* state, evutil_socket_t fd, short /*old_interest*/,
                short new_interest, int edge, void* per_fd) {
  Epoll* self = static_cast<Epoll*>(state);
  uint32_t* position = static_cast<uint32_t*>(per_fd);
  bool is_listed =
      *position < self->change_count && self->changes[*position].fd == fd;
  Registration* entry = self->registered.Find(fd);
  Registration before = entry == nullptr ? 0 : Load(entry);
  if (edge || (before & EV_ET) || (!is_listed && !ReserveChange(self))) {
    if (is_listed) self->changes[*position].done = true;
    return ChangeEpoll(state, fd, before & kInterest, new_interest, edge,
                       nullptr);
  }
  if (!is_listed) *position = self->change_count++;
  self->changes[*position] = PutOffChange{fd, new_interest, false};
  return 0;
}

int WaitEpoll(void* state, int64_t timeout_us, evoke_ready_sink* sink) {
  Epoll* self = static_cast<Epoll*>(state);
  if (self->change_count != 0) FlushChanges(self);
  int count = CallEpollWait(self, timeout_us);
  if (count < 0) {
    if (errno == EINTR) return 0;
    LogWarnErrno("epoll_wait");
    return -1;
  }
  bool is_stale = Deliver(self, count, sink);
  if (count == self->events_capacity) GrowEvents(self);
  // Without a descriptor to spare the next wait tries again.
  if (is_stale && Rebuild(self) == 0) return EVOKE_WAIT_REBUILT;
  return 0;
}

int ForkedEpoll(void* state) {
  Epoll* self = static_cast<Epoll*>(state);
  self->registered.Clear();
  self->change_count = 0;
  self->suspect = 0;
  return Rebuild(self);
}

}  // namespace

const evoke_backend kEpollBackend = {
    .struct_size = sizeof(evoke_backend),
    .version = EVOKE_BACKEND_VERSION,
    .name = "epoll",
    .features = EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE,
    .flags = EVOKE_BACKEND_CHANGE_DURING_WAIT,
    .per_fd_bytes = 0,
    .open = OpenEpoll,
    .close = CloseEpoll,
    .change = ChangeEpoll,
    .wait = WaitEpoll,
    .forked = ForkedEpoll,
};

const evoke_backend kEpollChangelistBackend = {
    .struct_size = sizeof(evoke_backend),
    .version = EVOKE_BACKEND_VERSION,
    .name = "epoll (with changelist)",
    .features = EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE,
    .flags = 0,
    .per_fd_bytes = sizeof(uint32_t),
    .open = OpenEpoll,
    .close = CloseEpoll,
    .change = PutOffEpoll,
    .wait = WaitEpoll,
    .forked = ForkedEpoll,
};

}  // namespace evoke
