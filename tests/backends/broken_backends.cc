// SPDX-License-Identifier: BSD-3-Clause
#include "tests/backends/broken_backends.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "backends/backend.h"
#include "util/clock.h"

namespace evoke::testing {
namespace {

Lies g_lies;

// --- The wrapper
// --------------------------------------------------------------

int GrowVector(evoke_ready_sink* sink) {
  sink->list = static_cast<evoke_ready*>(
      realloc(sink->list, (sink->capacity + 4096) * sizeof(evoke_ready)));
  sink->capacity += 4096;
  return 1;
}

void* Open(const evoke_backend_options* options) {
  if (g_lies.open) return g_lies.open(options);
  Wrapped* self = new Wrapped;
  self->inner = g_lies.sound->open(options);
  return self;
}

void Close(void* state) {
  Wrapped* self = static_cast<Wrapped*>(state);
  if (g_lies.close) {
    g_lies.close(self);
    return;
  }
  if (self->own_fd >= 0) close(self->own_fd);
  g_lies.sound->close(self->inner);
  delete self;
}

int Change(void* state, evutil_socket_t fd, short from, short to, int edge,
           void* /*per_fd*/) {
  Wrapped* self = static_cast<Wrapped*>(state);
  std::lock_guard lock(self->mutex);
  int result = g_lies.change ? g_lies.change(self, fd, from, to, edge)
                             : SoundChange(self, fd, from, to, edge);
  if (result == 0) {
    self->interests[fd] = to;
    if (to == 0) self->interests.erase(fd);
  }
  self->changed_this_turn.insert(fd);
  return result;
}

// Hands over what fits; the rest is kept for the next wait.
void HandOver(Wrapped* self, const std::vector<evoke_ready>& reports,
              evoke_ready_sink* sink) {
  self->left_over.clear();
  bool is_full = false;
  for (const evoke_ready& report : reports) {
    if (!is_full) is_full = !evoke_sink_put(sink, report.fd, report.ready);
    if (is_full) self->left_over.push_back(report);
  }
  if (g_lies.drops_what_finds_no_room) self->left_over.clear();
}

int Wait(void* state, int64_t timeout_us, evoke_ready_sink* sink) {
  Wrapped* self = static_cast<Wrapped*>(state);
  std::unique_lock lock(self->mutex);
  if (!self->left_over.empty()) {
    HandOver(self, std::vector<evoke_ready>(self->left_over), sink);
    return 0;
  }
  self->changed_this_turn.clear();
  int64_t sound_timeout_us =
      g_lies.timeout ? g_lies.timeout(self, timeout_us) : timeout_us;
  lock.unlock();
  evoke_ready_sink all = {nullptr, 0, 0, GrowVector};
  int64_t start_us = MonotonicMicros();
  int result = g_lies.sound->wait(self->inner, sound_timeout_us, &all);
  lock.lock();
  std::vector<evoke_ready> reports(all.list, all.list + all.count);
  free(all.list);
  if (g_lies.reports) {
    result = g_lies.reports(self, timeout_us, MonotonicMicros() - start_us,
                            result, &reports);
  }
  HandOver(self, reports, sink);
  return result;
}

int Forked(void* state) {
  Wrapped* self = static_cast<Wrapped*>(state);
  if (g_lies.forked) return g_lies.forked(self);
  self->interests.clear();
  return g_lies.sound->forked(self->inner);
}

// --- Parts of lies
// ------------------------------------------------------------

using Reports = std::vector<evoke_ready>;

// What poll(2) says of a descriptor.
short PollSays(int fd) {
  pollfd entry = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};
  return poll(&entry, 1, 0) > 0 ? entry.revents : 0;
}

Lies WithoutReportsOf(short poll_flags) {
  Lies lies;
  lies.reports = [=](Wrapped*, int64_t, int64_t, int result, Reports* reports) {
    std::erase_if(*reports, [=](const evoke_ready& report) {
      return (PollSays(report.fd) & poll_flags) != 0;
    });
    return result;
  };
  return lies;
}

Lies WithReports(std::function<void(Wrapped*, Reports*)> change_reports) {
  Lies lies;
  lies.reports = [=](Wrapped* self, int64_t, int64_t, int result,
                     Reports* reports) {
    change_reports(self, reports);
    return result;
  };
  return lies;
}

Lies WithChange(
    std::function<int(Wrapped*, int fd, short from, short to, int edge)>
        change) {
  Lies lies;
  lies.change = std::move(change);
  return lies;
}

Lies WithTimeout(std::function<int64_t(int64_t timeout_us)> timeout) {
  Lies lies;
  lies.timeout = [=](Wrapped*, int64_t timeout_us) {
    return timeout(timeout_us);
  };
  return lies;
}

// --- An epoll backend as one writes it first
// ----------------------------------

// It trusts that what it deleted is gone, and the kernel keeps what it added.
struct NaiveEpoll {
  int epoll_fd;
  std::set<int> watched;
};

void* NaiveOpen(const evoke_backend_options*) {
  return new NaiveEpoll{epoll_create1(EPOLL_CLOEXEC), {}};
}

void NaiveClose(void* state) {
  NaiveEpoll* self = static_cast<NaiveEpoll*>(state);
  for (int fd : self->watched) {
    epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
  }
  close(self->epoll_fd);
  delete self;
}

int NaiveChange(void* state, evutil_socket_t fd, short from, short to, int edge,
                void*) {
  NaiveEpoll* self = static_cast<NaiveEpoll*>(state);
  epoll_event event = {};
  if (to & EV_READ) event.events |= EPOLLIN;
  if (to & EV_WRITE) event.events |= EPOLLOUT;
  if (to & EV_CLOSED) event.events |= EPOLLRDHUP;
  if (edge) event.events |= EPOLLET;
  event.data.fd = fd;
  if (to == 0) {
    self->watched.erase(fd);
    epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
    return 0;
  }
  self->watched.insert(fd);
  int operation = from == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  return epoll_ctl(self->epoll_fd, operation, fd, &event);
}

int NaiveWait(void* state, int64_t timeout_us, evoke_ready_sink* sink) {
  NaiveEpoll* self = static_cast<NaiveEpoll*>(state);
  epoll_event events[64];
  int timeout_ms =
      timeout_us < 0
          ? -1
          : static_cast<int>(std::min<int64_t>(timeout_us / 1000 + 1, 100000));
  int count =
      epoll_wait(self->epoll_fd, events, 64, timeout_us == 0 ? 0 : timeout_ms);
  for (int i = 0; i < count; ++i) {
    short ready = (events[i].events & EPOLLIN ? EV_READ : 0) |
                  (events[i].events & EPOLLOUT ? EV_WRITE : 0) |
                  (events[i].events & EPOLLRDHUP ? EV_CLOSED : 0);
    // Quiet about the unknown, as the loop's own table would be.
    if (!self->watched.contains(events[i].data.fd) || ready == 0) continue;
    if (!evoke_sink_put(sink, events[i].data.fd, ready)) break;
  }
  return count < 0 && errno != EINTR ? -1 : 0;
}

int NaiveForked(void* state) {
  NaiveEpoll* self = static_cast<NaiveEpoll*>(state);
  close(self->epoll_fd);
  self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  self->watched.clear();
  return 0;
}

constexpr evoke_backend kNaiveEpoll =
    BuiltInTable("naive", EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE, 0, 0,
                 NaiveOpen, NaiveClose, NaiveChange, NaiveWait, NaiveForked);

Lies OnNaiveEpoll() {
  Lies lies;
  lies.sound = &kNaiveEpoll;
  return lies;
}

// --- The list
// -----------------------------------------------------------------

void AddBrokenReports(std::vector<BrokenBackend>* list) {
  list->push_back({"NeverReadable", "a reader is told when bytes are there",
                   WithReports([](Wrapped*, Reports* reports) {
                     for (auto& report : *reports) report.ready &= ~EV_READ;
                     std::erase_if(*reports,
                                   [](auto& it) { return it.ready == 0; });
                   })});
  list->push_back({"AlwaysWritable", "a writer is told when there is room",
                   WithReports([](Wrapped* self, Reports* reports) {
                     reports->clear();
                     for (auto [fd, interest] : self->interests) {
                       if (interest & EV_WRITE) {
                         reports->push_back({fd, EV_WRITE});
                       }
                     }
                   })});
  list->push_back({"TwoReports", "both interests of one descriptor come",
                   WithReports([](Wrapped*, Reports* reports) {
                     for (size_t i = reports->size(); i-- > 0;) {
                       if ((*reports)[i].ready != (EV_READ | EV_WRITE)) {
                         continue;
                       }
                       (*reports)[i].ready = EV_READ;
                       reports->push_back({(*reports)[i].fd, EV_WRITE});
                     }
                   })});
  list->push_back({"Unasked", "an interest may be added to another",
                   WithReports([](Wrapped*, Reports* reports) {
                     for (auto& report : *reports) {
                       report.ready |= EV_READ | EV_WRITE;
                     }
                   })});
  list->push_back(
      {"NoHangUp", "a hang-up wakes a reader", WithoutReportsOf(POLLHUP)});
  list->push_back({"NoHalfClose", "the end of the peer's output wakes",
                   WithoutReportsOf(POLLRDHUP)});
  list->push_back({"NoError", "an error wakes readers and writers",
                   WithoutReportsOf(POLLERR)});
  list->push_back({"NoBrokenPipe", "a pipe without a reader wakes",
                   WithoutReportsOf(POLLERR)});
  list->push_back({"ClosedNeverTold", "EV_CLOSED comes where it is asked for",
                   WithReports([](Wrapped*, Reports* reports) {
                     for (auto& report : *reports) report.ready &= ~EV_CLOSED;
                     std::erase_if(*reports,
                                   [](auto& it) { return it.ready == 0; });
                   })});
  Lies drops;
  drops.drops_what_finds_no_room = true;
  list->push_back({"DropsWhenFull", "what finds no room in the sink", drops});
}

void AddBrokenChanges(std::vector<BrokenBackend>* list) {
  list->push_back(
      {"IgnoresRemoval", "what was taken out is silent",
       WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
         return to == 0 ? 0 : SoundChange(self, fd, from, to, edge);
       })});
  list->push_back(
      {"RemovalLosesOthers", "what was taken out is silent",
       WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
         if (to == 0) {
           for (auto [other, interest] : self->interests) {
             SoundChange(self, other, interest, 0, 0);
           }
         }
         return SoundChange(self, fd, from, to, edge);
       })});
  list->push_back(
      {"FirstInterestOnly", "an interest may be added to another",
       WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
         return from != 0 && to != 0 ? 0
                                     : SoundChange(self, fd, from, to, edge);
       })});
  list->push_back(
      {"FirstChangeOfATurn", "of many changes between two waits the last",
       WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
         return self->changed_this_turn.contains(fd)
                    ? 0
                    : SoundChange(self, fd, from, to, edge);
       })});
  list->push_back(
      {"AlwaysEdge", "level-triggered: what stays ready is told again",
       WithChange([](Wrapped* self, int fd, short from, short to, int) {
         return SoundChange(self, fd, from, to, to != 0);
       })});
  list->push_back(
      {"NeverEdge", "edge-triggered: a change is told once",
       WithChange([](Wrapped* self, int fd, short from, short to, int) {
         return SoundChange(self, fd, from, to, 0);
       })});
  list->push_back(
      {"FirstEdgeOnly", "an interest may go from edge to level",
       WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
         bool first = self->first_edge.emplace(fd, edge != 0).first->second;
         return SoundChange(self, fd, from, to, to != 0 && first);
       })});
  list->push_back(
      {"RefusesRepeats", "repeating an interest changes nothing",
       WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
         if (from == to) {
           errno = EEXIST;
           return -1;
         }
         return SoundChange(self, fd, from, to, edge);
       })});
  list->push_back(
      {"SkipsRepeats", "a reused number is watched again",
       WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
         return from == to ? 0 : SoundChange(self, fd, from, to, edge);
       })});
}

void AddBrokenDescriptors(std::vector<BrokenBackend>* list) {
  list->push_back(
      {"RefusesClosed", "a closed descriptor can be taken out",
       WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
         return fcntl(fd, F_GETFD) < 0 ? -1
                                       : SoundChange(self, fd, from, to, edge);
       })});
  list->push_back(
      {"RemovesNextTime", "a number that was closed, reused and taken out",
       WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
         return SoundChange(self, fd, from, to == 0 ? EV_READ : to, edge);
       })});
  // A turn's changes are merged as if the number meant the same file still.
  Lies merges =
      WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
        if (to == 0) return 0;
        return SoundChange(self, fd, from == 0 ? EV_READ : from, to, edge);
      });
  merges.sound = &kNaiveEpoll;
  list->push_back({"MergesAcrossReuse",
                   "a number may be taken out, closed and reused", merges});
  list->push_back(
      {"ByOpenFile", "a dup has an interest of its own",
       WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
         struct stat mine, other;
         fstat(fd, &mine);
         for (auto [other_fd, interest] : self->interests) {
           if (other_fd != fd && fstat(other_fd, &other) == 0 &&
               mine.st_ino == other.st_ino) {
             return 0;
           }
         }
         return SoundChange(self, fd, from, to, edge);
       })});
  list->push_back({"SpinsBesideDup", "a descriptor that was closed before",
                   OnNaiveEpoll()});
  list->push_back({"MixesUpReusedNumbers",
                   "a reused number reports its new file only",
                   OnNaiveEpoll()});
  Lies poisoned =
      WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
        if (to != 0 && fcntl(fd, F_GETFD) < 0) self->is_poisoned = true;
        return SoundChange(self, fd, from, to, edge);
      });
  poisoned.reports = [](Wrapped* self, int64_t, int64_t, int result, Reports*) {
    errno = EBADF;
    return self->is_poisoned ? -1 : result;
  };
  list->push_back({"PoisonedByBadDescriptor",
                   "a number that is no descriptor disturbs no other",
                   poisoned});
  list->push_back(
      {"ForgetsHighNumbers", "of many descriptors every ready one",
       WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
         return fd >= 700 ? 0 : SoundChange(self, fd, from, to, edge);
       })});
  list->push_back(
      {"TakesFew", "of many descriptors every ready one",
       WithChange([](Wrapped* self, int fd, short from, short to, int edge) {
         errno = EMFILE;
         return fd >= 64 ? -1 : SoundChange(self, fd, from, to, edge);
       })});
}

void AddBrokenWaits(std::vector<BrokenBackend>* list) {
  Lies busy;
  busy.timeout = [](Wrapped* self, int64_t timeout_us) {
    return self->interests.empty() ? 0 : timeout_us;
  };
  list->push_back({"NoWaitWithoutInterest", "a wait without interests", busy});
  list->push_back({"LooksLong", "a timeout of 0 only looks",
                   WithTimeout([](int64_t timeout_us) -> int64_t {
                     return timeout_us == 0 ? 30000 : timeout_us;
                   })});
  list->push_back({"RoundsDown", "a wait never ends before its timeout",
                   WithTimeout([](int64_t timeout_us) -> int64_t {
                     return timeout_us < 0 ? -1 : timeout_us / 1000 * 1000;
                   })});
  Lies deaf;
  deaf.timeout = [](Wrapped*, int64_t timeout_us) -> int64_t {
    while (timeout_us < 0) usleep(100000);
    return timeout_us;
  };
  list->push_back(
      {"HangsWithoutLimit", "a long wait, or one without limit", deaf});
  list->push_back({"NoLongTimeout", "a long wait, or one without limit",
                   WithTimeout([](int64_t timeout_us) -> int64_t {
                     if (timeout_us == INT64_MAX) abort();
                     return timeout_us;
                   })});
  Lies signal_is_error;
  signal_is_error.reports = [](Wrapped*, int64_t timeout_us, int64_t waited_us,
                               int result, Reports* reports) {
    errno = EINTR;
    return reports->empty() && waited_us < timeout_us ? -1 : result;
  };
  list->push_back({"SignalIsError", "a signal ends the wait and is no error",
                   signal_is_error});
  Lies claims_threads;
  claims_threads.sound = &kPollBackend;
  claims_threads.more_flags = EVOKE_BACKEND_CHANGE_DURING_WAIT;
  list->push_back({"ClaimsChangeDuringWait", "a change counts during a wait",
                   claims_threads});
}

void AddBrokenStates(std::vector<BrokenBackend>* list) {
  Lies shared;
  shared.open = [](const evoke_backend_options* options) {
    static Wrapped* const only = new Wrapped;
    if (only->inner == nullptr) only->inner = g_lies.sound->open(options);
    return only;
  };
  shared.close = [](Wrapped*) {};
  list->push_back(
      {"OneForAll", "two states know nothing of each other", shared});
  Lies closes_watched;
  closes_watched.close = [](Wrapped* self) {
    for (auto [fd, interest] : self->interests) close(fd);
  };
  list->push_back({"ClosesWatched", "closing a state leaves what it watched",
                   closes_watched});
  Lies leaks;
  leaks.close = [](Wrapped*) {};
  list->push_back({"Leaks", "opening and closing states leaks", leaks});
  Lies inherits;
  inherits.open = [](const evoke_backend_options* options) {
    Wrapped* self = new Wrapped;
    self->inner = g_lies.sound->open(options);
    self->own_fd = dup(STDERR_FILENO);
    return self;
  };
  list->push_back(
      {"NotCloseOnExec", "descriptors of its own are close-on-exec", inherits});
  Lies shares_with_parent;
  shares_with_parent.forked = [](Wrapped*) { return 0; };
  list->push_back({"SharesWithParent", "after fork the child has its own",
                   shares_with_parent});
  list->push_back({"HearsFromParent", "after fork the parent's changes",
                   shares_with_parent});
  list->push_back(
      {"ClosesForParent", "a child may close its state", OnNaiveEpoll()});
}

}  // namespace

int SoundChange(Wrapped* self, int fd, short from, short to, int edge) {
  return g_lies.sound->change(self->inner, fd, from, to, edge, nullptr);
}

const std::vector<BrokenBackend>& BrokenBackends() {
  static const auto* const list = [] {
    auto* made = new std::vector<BrokenBackend>;
    made->push_back({"Honest", "", Lies()});
    AddBrokenReports(made);
    AddBrokenChanges(made);
    AddBrokenDescriptors(made);
    AddBrokenWaits(made);
    AddBrokenStates(made);
    return made;
  }();
  return *list;
}

evoke_backend TableOf(const BrokenBackend& broken) {
  g_lies = broken.lies;
  if (g_lies.sound == nullptr) g_lies.sound = &kEpollBackend;
  return BuiltInTable("wrapped", g_lies.sound->features,
                      g_lies.sound->flags | g_lies.more_flags, 0, Open, Close,
                      Change, Wait, Forked);
}

}  // namespace evoke::testing
