// SPDX-License-Identifier: BSD-3-Clause
//
// The stand-in for kqueue keeps what kqueue(2) promises, as far as it says it
// does: the shim is what kqueue_loop is judged on, so it is judged first.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

class KqueueShim : public ::testing::Test {
 protected:
  KqueueShim() {
    queue_ = kqueue();
    EXPECT_GE(queue_, 0);
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                         pair_),
              0);
  }
  ~KqueueShim() override {
    close(queue_);
    close(pair_[0]);
    close(pair_[1]);
  }

  int Change(uintptr_t ident, int filter, int flags, int64_t data = 0,
             void* udata = nullptr) {
    struct kevent change;
    EV_SET(&change, ident, filter, flags, 0, data, udata);
    return kevent(queue_, &change, 1, nullptr, 0, nullptr);
  }

  // What is ready now; at most `room` of it.
  std::vector<struct kevent> Ready(int room = 8) {
    timespec now = {0, 0};
    std::vector<struct kevent> events(room);
    int count = kevent(queue_, nullptr, 0, events.data(), room, &now);
    EXPECT_GE(count, 0);
    events.resize(std::max(count, 0));
    return events;
  }

  // The next event, waited for.
  struct kevent Next() {
    struct kevent event = {};
    EXPECT_EQ(kevent(queue_, nullptr, 0, &event, 1, nullptr), 1);
    return event;
  }

  void Fill(int fd) {
    std::string bytes(65536, 'f');
    while (send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) {
    }
  }
  void Drain(int fd) {
    char bytes[65536];
    while (recv(fd, bytes, sizeof(bytes), 0) > 0) {
    }
  }

  int queue_;
  int pair_[2];
};

TEST_F(KqueueShim, ReadTellsHowMuchAndToWhom) {
  int mark = 0;
  ASSERT_EQ(Change(pair_[0], EVFILT_READ, EV_ADD, 0, &mark), 0);
  EXPECT_TRUE(Ready().empty());
  send(pair_[1], "hello", 5, 0);
  struct kevent event = Next();
  EXPECT_EQ(event.ident, static_cast<uintptr_t>(pair_[0]));
  EXPECT_EQ(event.filter, EVFILT_READ);
  EXPECT_EQ(event.flags & (EV_EOF | EV_ERROR), 0);
  EXPECT_EQ(event.data, 5);
  EXPECT_EQ(event.udata, &mark);
  EXPECT_EQ(Ready().size(), 1u) << "as long as it lasts";
  Drain(pair_[0]);
  EXPECT_TRUE(Ready().empty());
}

TEST_F(KqueueShim, ReadTellsTheEndBesideTheLastBytes) {
  ASSERT_EQ(Change(pair_[0], EVFILT_READ, EV_ADD), 0);
  send(pair_[1], "bye", 3, 0);
  shutdown(pair_[1], SHUT_WR);
  struct kevent event = Next();
  EXPECT_TRUE(event.flags & EV_EOF);
  EXPECT_EQ(event.data, 3);
}

TEST_F(KqueueShim, WriteTellsWhetherThereIsRoom) {
  ASSERT_EQ(Change(pair_[0], EVFILT_WRITE, EV_ADD), 0);
  struct kevent event = Next();
  EXPECT_EQ(event.filter, EVFILT_WRITE);
  EXPECT_GT(event.data, 1);
  Fill(pair_[0]);
  EXPECT_TRUE(Ready().empty());
  Drain(pair_[1]);
  EXPECT_EQ(Ready().size(), 1u);
}

TEST_F(KqueueShim, TheTwoFiltersOfOneDescriptorAreTwoEvents) {
  int reading = 0, writing = 0;
  ASSERT_EQ(Change(pair_[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, &reading), 0);
  ASSERT_EQ(Change(pair_[0], EVFILT_WRITE, EV_ADD, 0, &writing), 0);
  send(pair_[1], "x", 1, 0);
  std::vector<struct kevent> events = Ready();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_NE(events[0].filter, events[1].filter);
  for (const struct kevent& event : events) {
    EXPECT_EQ(event.udata, event.filter == EVFILT_READ ? &reading : &writing);
  }
  events = Ready();
  ASSERT_EQ(events.size(), 1u) << "the edge was told";
  EXPECT_EQ(events[0].filter, EVFILT_WRITE);
  ASSERT_EQ(Change(pair_[0], EVFILT_WRITE, EV_DELETE), 0);
  EXPECT_TRUE(Ready().empty());
}

TEST_F(KqueueShim, ALittleRoomTellsOneAfterTheOther) {
  ASSERT_EQ(Change(pair_[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
  ASSERT_EQ(Change(pair_[0], EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
  send(pair_[1], "x", 1, 0);
  std::vector<struct kevent> first = Ready(1), second = Ready(1);
  ASSERT_EQ(first.size(), 1u);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_NE(first[0].filter, second[0].filter);
  EXPECT_TRUE(Ready(1).empty());
}

TEST_F(KqueueShim, ClearTellsEachChangeOnce) {
  ASSERT_EQ(Change(pair_[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
  send(pair_[1], "one", 3, 0);
  EXPECT_EQ(Ready().size(), 1u);
  EXPECT_TRUE(Ready().empty());
  send(pair_[1], "two", 3, 0);
  std::vector<struct kevent> events = Ready();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].data, 6);
}

TEST_F(KqueueShim, WhatIsDisabledWaitsUntilItIsEnabled) {
  ASSERT_EQ(Change(pair_[0], EVFILT_READ, EV_ADD | EV_DISABLE), 0);
  send(pair_[1], "x", 1, 0);
  EXPECT_TRUE(Ready().empty());
  ASSERT_EQ(Change(pair_[0], EVFILT_READ, EV_ENABLE), 0);
  EXPECT_EQ(Ready().size(), 1u);
  ASSERT_EQ(Change(pair_[0], EVFILT_READ, EV_DISABLE), 0);
  shutdown(pair_[1], SHUT_RDWR);
  EXPECT_TRUE(Ready().empty()) << "not even the end";
}

TEST_F(KqueueShim, AddedAgainTakesTheNewParameters) {
  int one = 0, two = 0;
  ASSERT_EQ(Change(pair_[0], EVFILT_READ, EV_ADD | EV_DISABLE, 0, &one), 0);
  ASSERT_EQ(Change(pair_[0], EVFILT_READ, EV_ADD, 0, &two), 0);
  send(pair_[1], "x", 1, 0);
  std::vector<struct kevent> events = Ready();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].udata, &two);
}

TEST_F(KqueueShim, OneshotIsToldOnceAndForgotten) {
  ASSERT_EQ(Change(pair_[0], EVFILT_READ, EV_ADD | EV_ONESHOT), 0);
  send(pair_[1], "x", 1, 0);
  EXPECT_EQ(Ready().size(), 1u);
  EXPECT_TRUE(Ready().empty());
  EXPECT_EQ(Change(pair_[0], EVFILT_READ, EV_ENABLE), -1);
  EXPECT_EQ(errno, ENOENT);
}

TEST_F(KqueueShim, AClosedDescriptorTakesItsFiltersAlong) {
  int kept = dup(pair_[1]);
  ASSERT_EQ(Change(pair_[0], EVFILT_READ, EV_ADD), 0);
  ASSERT_EQ(Change(pair_[0], EVFILT_WRITE, EV_ADD), 0);
  send(kept, "x", 1, 0);
  int number = pair_[0];
  close(pair_[0]);
  EXPECT_TRUE(Ready().empty());
  // The same number again is another descriptor, and may be added.
  int other[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other), 0);
  pair_[0] = dup2(other[0], number);
  EXPECT_TRUE(Ready().empty());
  ASSERT_EQ(Change(number, EVFILT_READ, EV_ADD), 0);
  send(other[1], "y", 1, 0);
  EXPECT_EQ(Ready().size(), 1u);
  close(other[0]);
  close(other[1]);
  close(kept);
}

TEST_F(KqueueShim, TimerFiresUntilDeletedAndCounts) {
  ASSERT_EQ(Change(7, EVFILT_TIMER, EV_ADD, 1), 0);
  struct kevent event = Next();
  EXPECT_EQ(event.ident, 7u);
  EXPECT_EQ(event.filter, EVFILT_TIMER);
  EXPECT_GE(event.data, 1);
  EXPECT_GE(Next().data, 1);
  ASSERT_EQ(Change(7, EVFILT_TIMER, EV_DELETE), 0);
  timespec while_it_would_fire = {0, 20'000'000};
  EXPECT_EQ(kevent(queue_, nullptr, 0, &event, 1, &while_it_would_fire), 0);
}

TEST_F(KqueueShim, OneshotTimerFiresOnce) {
  ASSERT_EQ(Change(7, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 1), 0);
  EXPECT_EQ(Next().data, 1);
  timespec while_it_would_fire = {0, 20'000'000};
  struct kevent event;
  EXPECT_EQ(kevent(queue_, nullptr, 0, &event, 1, &while_it_would_fire), 0);
}

TEST_F(KqueueShim, ADisabledTimerWaitsUntilItIsEnabled) {
  ASSERT_EQ(Change(7, EVFILT_TIMER, EV_ADD | EV_DISABLE, 1), 0);
  ASSERT_EQ(Change(8, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 5), 0);
  EXPECT_EQ(Next().ident, 8u);
  ASSERT_EQ(Change(7, EVFILT_TIMER, EV_ENABLE), 0);
  EXPECT_EQ(Next().ident, 7u);
}

TEST_F(KqueueShim, TimersWithoutRoomAreToldNext) {
  for (int ident = 1; ident <= 3; ++ident) {
    ASSERT_EQ(Change(ident, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0), 0);
  }
  uintptr_t sum = 0;
  for (int i = 0; i < 3; ++i) sum += Next().ident;
  EXPECT_EQ(sum, 6u);
  EXPECT_TRUE(Ready().empty());
}

TEST_F(KqueueShim, SignalIsToldAlsoWhereItIsIgnored) {
  signal(SIGUSR1, SIG_IGN);
  ASSERT_EQ(Change(SIGUSR1, EVFILT_SIGNAL, EV_ADD), 0);
  EXPECT_TRUE(Ready().empty());
  raise(SIGUSR1);
  struct kevent event = Next();
  EXPECT_EQ(event.ident, static_cast<uintptr_t>(SIGUSR1));
  EXPECT_EQ(event.filter, EVFILT_SIGNAL);
  EXPECT_EQ(event.data, 1);
  EXPECT_TRUE(Ready().empty());
  ASSERT_EQ(Change(SIGUSR1, EVFILT_SIGNAL, EV_DISABLE), 0);
  raise(SIGUSR1);
  EXPECT_TRUE(Ready().empty());
  ASSERT_EQ(Change(SIGUSR1, EVFILT_SIGNAL, EV_ENABLE), 0);
  EXPECT_EQ(Ready().size(), 1u);
  ASSERT_EQ(Change(SIGUSR1, EVFILT_SIGNAL, EV_DELETE), 0);
  raise(SIGUSR1);
  EXPECT_TRUE(Ready().empty());
}

TEST_F(KqueueShim, ARefusedChangeIsAnEventWhereThereIsRoom) {
  struct kevent change, events[2] = {};
  EV_SET(&change, pair_[0], EVFILT_READ, EV_DELETE, 0, 0, &change);
  EXPECT_EQ(kevent(queue_, &change, 1, events, 2, nullptr), 1);
  EXPECT_TRUE(events[0].flags & EV_ERROR);
  EXPECT_EQ(events[0].data, ENOENT);
  EXPECT_EQ(events[0].udata, &change);
  EXPECT_EQ(kevent(queue_, &change, 1, nullptr, 0, nullptr), -1);
  EXPECT_EQ(errno, ENOENT);
}

TEST_F(KqueueShim, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(Change(pair_[0], -3, EV_ADD), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(Change(pair_[0], EVFILT_READ, EV_ADD | 0x0080), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(Change(9999, EVFILT_READ, EV_ADD), -1);
  EXPECT_EQ(errno, EBADF);
  struct kevent event;
  EXPECT_EQ(kevent(pair_[0], nullptr, 0, &event, 1, nullptr), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST_F(KqueueShim, ATimeoutEndsTheWait) {
  timespec start, now, timeout = {0, 20'000'000};
  struct kevent event;
  clock_gettime(CLOCK_MONOTONIC, &start);
  EXPECT_EQ(kevent(queue_, nullptr, 0, &event, 1, &timeout), 0);
  clock_gettime(CLOCK_MONOTONIC, &now);
  EXPECT_GE((now.tv_sec - start.tv_sec) * 1000000 +
                (now.tv_nsec - start.tv_nsec) / 1000,
            20000);
}

}  // namespace
