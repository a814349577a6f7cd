// SPDX-License-Identifier: BSD-3-Clause
//
// How: the queue's descriptor is an epoll, which watches reading itself.
// Writing has an epoll of its own inside the first one, since the two filters
// of one descriptor must be told apart and may differ in EV_CLEAR, while one
// epoll has one entry for it. A timerfd and a signalfd serve all timers and
// signals. All of these are opened by kqueue(), so that a later EV_ADD needs no
// descriptor.
#include <errno.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace {

constexpr int64_t kNever = INT64_MAX;

// One (ident, filter) that was added: a "knote" in kqueue's own words.
struct Note {
  struct kevent spec;
  bool enabled = true;
  int64_t due_ns = kNever;  // of a timer; CLOCK_MONOTONIC

  int fd() const { return static_cast<int>(spec.ident); }
};

struct Queue {
  int epoll = -1;  // the number that the program knows, which closes it
  int writers = -1, timers = -1, signals = -1;  // ours, watched in `epoll`
  std::map<std::pair<uintptr_t, short>, std::unique_ptr<Note>> notes;

  ~Queue() {
    for (int fd : {writers, timers, signals}) {
      if (fd >= 0) close(fd);
    }
  }
};

std::map<int, Queue>& Queues() {
  static auto* queues = new std::map<int, Queue>;
  return *queues;
}

// The errno of a system call's result.
int ErrorOf(int result) { return result < 0 ? errno : 0; }

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000 + now.tv_nsec;
}

// The timerfd fires when the earliest timer is due.
int ArmTimers(const Queue& queue) {
  int64_t earliest_ns = kNever;
  for (const auto& [key, note] : queue.notes) {
    if (note->enabled) earliest_ns = std::min(earliest_ns, note->due_ns);
  }
  itimerspec times = {};
  if (earliest_ns != kNever) {
    times.it_value.tv_sec = earliest_ns / 1000000000;
    times.it_value.tv_nsec = earliest_ns % 1000000000;
  }
  return ErrorOf(
      timerfd_settime(queue.timers, TFD_TIMER_ABSTIME, &times, nullptr));
}

// The signalfd takes the signals that are waited for. They are blocked, since
// it sees no others; and the ignored ones among them then stay pending, too.
int TakeSignals(const Queue& queue, int blocked_or_not, uintptr_t number) {
  sigset_t one, all;
  sigemptyset(&one);
  sigemptyset(&all);
  if (sigaddset(&one, static_cast<int>(number)) < 0) return EINVAL;
  for (const auto& [key, note] : queue.notes) {
    if (key.second == EVFILT_SIGNAL && note->enabled) {
      sigaddset(&all, static_cast<int>(key.first));
    }
  }
  int error = pthread_sigmask(blocked_or_not, &one, nullptr);
  if (error != 0) return error;
  return ErrorOf(signalfd(queue.signals, &all, SFD_NONBLOCK | SFD_CLOEXEC));
}

int Watch(const Queue& queue, Note* note) {
  bool writes = note->spec.filter == EVFILT_WRITE;
  note->enabled = true;
  if (note->spec.filter == EVFILT_TIMER) return ArmTimers(queue);
  if (note->spec.filter == EVFILT_SIGNAL) {
    return TakeSignals(queue, SIG_BLOCK, note->spec.ident);
  }
  epoll_event event = {};
  event.data.ptr = note;
  event.events = writes ? EPOLLOUT : EPOLLIN | EPOLLRDHUP;
  if (note->spec.flags & EV_CLEAR) event.events |= EPOLLET;
  int epoll = writes ? queue.writers : queue.epoll;
  // One that is added again may be there, or gone with a descriptor closed.
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, note->fd(), &event) == 0) return 0;
  if (errno != EEXIST) return errno;
  return ErrorOf(epoll_ctl(epoll, EPOLL_CTL_MOD, note->fd(), &event));
}

// A disabled note is not in the epoll: an entry without events would still tell
// errors and hang-ups.
void Unwatch(const Queue& queue, Note* note) {
  note->enabled = false;
  if (note->spec.filter == EVFILT_TIMER) {
    ArmTimers(queue);
  } else if (note->spec.filter == EVFILT_SIGNAL) {
    TakeSignals(queue, SIG_BLOCK, note->spec.ident);
  } else {
    int epoll = note->spec.filter == EVFILT_WRITE ? queue.writers : queue.epoll;
    epoll_ctl(epoll, EPOLL_CTL_DEL, note->fd(), nullptr);
  }
}

void Delete(Queue* queue, Note* note) {
  Unwatch(*queue, note);
  if (note->spec.filter == EVFILT_SIGNAL) {
    TakeSignals(*queue, SIG_UNBLOCK, note->spec.ident);
  }
  queue->notes.erase({note->spec.ident, note->spec.filter});
}

// What is added again takes the new parameters, and is enabled.
int Add(Queue* queue, const struct kevent& change) {
  if (change.filter == EVFILT_TIMER && change.data < 0) return EINVAL;
  std::unique_ptr<Note>& note = queue->notes[{change.ident, change.filter}];
  if (note != nullptr) Unwatch(*queue, note.get());
  note = std::make_unique<Note>();
  note->spec = change;
  if (change.filter == EVFILT_TIMER) {
    note->due_ns = NowNs() + change.data * 1000000;
  }
  int error = Watch(*queue, note.get());
  if (error == 0 && (change.flags & EV_DISABLE)) Unwatch(*queue, note.get());
  if (error != 0) queue->notes.erase({change.ident, change.filter});
  return error;
}

int Change(Queue* queue, const struct kevent& change) {
  constexpr int kKnown =
      EV_ADD | EV_DELETE | EV_ENABLE | EV_DISABLE | EV_ONESHOT | EV_CLEAR;
  bool known_filter =
      change.filter == EVFILT_READ || change.filter == EVFILT_WRITE ||
      change.filter == EVFILT_SIGNAL || change.filter == EVFILT_TIMER;
  if (!known_filter || (change.flags & ~kKnown) || change.fflags != 0) {
    return EINVAL;
  }
  if (change.flags & EV_ADD) return Add(queue, change);
  auto found = queue->notes.find({change.ident, change.filter});
  if (found == queue->notes.end()) return ENOENT;
  Note* note = found->second.get();
  if (change.flags & EV_DELETE) {
    Delete(queue, note);
  } else if (change.flags & EV_DISABLE) {
    Unwatch(*queue, note);
  } else if (change.flags & EV_ENABLE) {
    return Watch(*queue, note);
  }
  return 0;
}

// The events of one call, and how much room is left for more.
class Told {
 public:
  Told(Queue* queue, struct kevent* events, int room)
      : queue_(queue), events_(events), room_(room) {}

  int count() const { return count_; }
  int room() const { return room_ - count_; }

  // REQUIRES: there is room.
  void Add(Note* note, int64_t data, int flags) {
    struct kevent* event = &events_[count_++];
    *event = note->spec;
    event->flags = static_cast<unsigned short>(
        flags | (note->spec.flags & (EV_ONESHOT | EV_CLEAR)));
    event->data = data;
    if (note->spec.flags & EV_ONESHOT) Delete(queue_, note);
  }

 private:
  Queue* queue_;
  struct kevent* events_;
  int room_, count_ = 0;
};

void TellTimers(Queue* queue, Told* told) {
  std::vector<Note*> due;
  int64_t now_ns = NowNs();
  for (const auto& [key, note] : queue->notes) {
    if (note->enabled && note->due_ns <= now_ns) due.push_back(note.get());
  }
  for (Note* note : due) {
    if (told->room() == 0) break;
    int64_t period_ns = std::max<int64_t>(note->spec.data * 1000000, 1);
    int64_t times = 1 + (now_ns - note->due_ns) / period_ns;
    note->due_ns += times * period_ns;
    told->Add(note, note->spec.flags & EV_ONESHOT ? 1 : times, 0);
  }
  ArmTimers(*queue);  // those without room are due at once
}

void TellSignals(Queue* queue, Told* told) {
  signalfd_siginfo info;
  while (told->room() > 0 &&
         read(queue->signals, &info, sizeof(info)) == sizeof(info)) {
    auto found = queue->notes.find({info.ssi_signo, EVFILT_SIGNAL});
    if (found != queue->notes.end()) told->Add(found->second.get(), 1, 0);
  }
}

void TellDescriptor(Note* note, uint32_t ready, Told* told) {
  int size = 0, queued = 0;
  if (note->spec.filter == EVFILT_READ) {
    int flags = ready & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) ? EV_EOF : 0;
    bool known = ioctl(note->fd(), FIONREAD, &size) == 0;
    told->Add(note, known ? size : 1, flags);
  } else {
    int flags = ready & (EPOLLHUP | EPOLLERR) ? EV_EOF : 0;
    socklen_t length = sizeof(size);
    bool known =
        getsockopt(note->fd(), SOL_SOCKET, SO_SNDBUF, &size, &length) == 0 &&
        ioctl(note->fd(), SIOCOUTQ, &queued) == 0;
    told->Add(note, known ? std::max(size - queued, 1) : PIPE_BUF, flags);
  }
}

// Waits on one of the two epolls and tells what it names. -1 and errno when the
// wait failed.
int Collect(Queue* queue, int epoll, int timeout_ms, Told* told) {
  std::vector<epoll_event> ready(told->room());
  int named = epoll_wait(epoll, ready.data(), told->room(), timeout_ms);
  if (named < 0) return -1;
  bool timers = false, signals = false, writers = false;
  for (int i = 0; i < named; ++i) {
    const epoll_data& data = ready[i].data;
    if (data.ptr == &queue->timers) {
      timers = true;
    } else if (data.ptr == &queue->signals) {
      signals = true;
    } else if (data.ptr == &queue->writers) {
      writers = true;
    } else {
      TellDescriptor(static_cast<Note*>(data.ptr), ready[i].events, told);
    }
  }
  // Each of the three had a place in `ready`; what finds no room now will be
  // named by the next wait.
  if (timers) TellTimers(queue, told);
  if (signals) TellSignals(queue, told);
  if (writers && told->room() > 0) Collect(queue, queue->writers, 0, told);
  return 0;
}

bool Open(Queue* queue, int epoll) {
  sigset_t none;
  sigemptyset(&none);
  queue->epoll = epoll;
  queue->writers = epoll_create1(EPOLL_CLOEXEC);
  queue->timers = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  queue->signals = signalfd(-1, &none, SFD_NONBLOCK | SFD_CLOEXEC);
  for (int* fd : {&queue->writers, &queue->timers, &queue->signals}) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.ptr = fd;
    if (*fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, *fd, &event) < 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

int kqueue() {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return -1;
  Queues().erase(epoll);  // an earlier queue had this number
  if (Open(&Queues()[epoll], epoll)) return epoll;
  Queues().erase(epoll);
  close(epoll);
  return -1;
}

int kevent(int queue, const struct kevent* changes, int change_count,
           struct kevent* events, int event_count, const timespec* timeout) {
  auto found = Queues().find(queue);
  if (found == Queues().end()) {
    errno = EBADF;
    return -1;
  }
  int refused = 0;
  for (int i = 0; i < change_count; ++i) {
    int error = Change(&found->second, changes[i]);
    if (error == 0) continue;
    if (refused == event_count) {
      errno = error;
      return -1;
    }
    events[refused] = changes[i];
    events[refused].flags = EV_ERROR;
    events[refused++].data = error;
  }
  if (refused > 0 || event_count == 0) return refused;
  int timeout_ms = -1;
  if (timeout != nullptr) {
    timeout_ms = static_cast<int>(timeout->tv_sec * 1000 +
                                  (timeout->tv_nsec + 999999) / 1000000);
  }
  Told told(&found->second, events, event_count);
  do {
    if (Collect(&found->second, queue, timeout_ms, &told) < 0) return -1;
  } while (told.count() == 0 && timeout == nullptr);
  return told.count();
}
