// SPDX-License-Identifier: BSD-3-Clause
//
// Thread-safe bufferevents: several loops, and threads that do to their
// bufferevents whatever they like. Nothing is lost, nobody is called for what
// is gone. Meant to be run under ThreadSanitizer too.
#include <event2/thread.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/bufferevent/test_bufferevent.h"

namespace evoke::testing {
namespace {

constexpr int kThreadSafe = BEV_OPT_THREADSAFE | BEV_OPT_CLOSE_ON_FREE;
constexpr int kUnlocked =
    kThreadSafe | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS;

// Waits until `is_true`, which other threads make so; false when they do not
// in a time that is long for any machine.
bool Await(const std::function<bool()>& is_true) {
  auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!is_true()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

// A base with a thread that runs its loop until this object goes.
class Loop {
 public:
  explicit Loop(const std::string& method)
      : base_(NewBase(method)), thread_([this] {
          event_base_loop(base_.get(), EVLOOP_NO_EXIT_ON_EMPTY);
        }) {}
  ~Loop() {
    // A break before the loop has begun would be forgotten.
    EXPECT_EQ(event_base_once(base_.get(), -1, EV_TIMEOUT, &OnStop, base_.get(),
                              nullptr),
              0);
    thread_.join();
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  event_base* base() const { return base_.get(); }

  // Returns when all that was active before has run.
  void Settle() {
    std::atomic<bool> ran = false;
    EXPECT_EQ(
        event_base_once(base(), -1, EV_TIMEOUT, &OnSettled, &ran, nullptr), 0);
    EXPECT_TRUE(Await([&] { return ran.load(); }));
  }

 private:
  static void OnStop(evutil_socket_t, short, void* base) {
    event_base_loopbreak(static_cast<event_base*>(base));
  }
  static void OnSettled(evutil_socket_t, short, void* ran) {
    static_cast<std::atomic<bool>*>(ran)->store(true);
  }

  Base base_;
  std::thread thread_;
};

// One bufferevent, and the count of what came through it.
struct Side {
  bufferevent* bev = nullptr;
  std::atomic<uint64_t> sent = 0;  // bytes put into the output
  std::atomic<uint64_t> received = 0;
  std::atomic<uint64_t> triggers = 0;  // of the event callback, at once
  std::atomic<uint64_t> triggered = 0;
  std::atomic<int> failures = 0;

  void Take() {
    evbuffer* input = bufferevent_get_input(bev);
    char bytes[4096];
    int taken;
    while ((taken = evbuffer_remove(input, bytes, sizeof(bytes))) > 0) {
      received += static_cast<uint64_t>(taken);
    }
  }

  static void OnRead(bufferevent*, void* arg) {
    static_cast<Side*>(arg)->Take();
  }
  static void OnEvent(bufferevent*, short what, void* arg) {
    auto* side = static_cast<Side*>(arg);
    if (what == BEV_EVENT_CONNECTED) {
      ++side->triggered;
    } else {
      ++side->failures;
    }
  }
  void SetCallbacks() {
    bufferevent_setcb(bev, &OnRead, nullptr, &OnEvent, this);
  }
};

// Two sides with a pair of sockets between them, maybe on two loops.
struct Connection {
  Connection() = default;
  Connection(event_base* one, event_base* other, int options) {
    int fds[2];
    EXPECT_EQ(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    for (int fd : fds) evutil_make_socket_nonblocking(fd);
    Take(bufferevent_socket_new(one, fds[0], options),
         bufferevent_socket_new(other, fds[1], options));
  }
  void Take(bufferevent* one, bufferevent* other) {
    sides[0].bev = one;
    sides[1].bev = other;
    for (Side& side : sides) {
      ASSERT_NE(side.bev, nullptr);
      side.SetCallbacks();
    }
    for (Side& side : sides) bufferevent_enable(side.bev, EV_READ);
  }
  void Free() {
    for (Side& side : sides) bufferevent_free(side.bev);
  }
  Side sides[2];
};

using Loops = std::vector<std::unique_ptr<Loop>>;
using Connections = std::vector<std::unique_ptr<Connection>>;

// One of eight threads. What may be freed only when the loops have ended goes
// to `remains`. Somebody listens on `port`.
class Worker {
 public:
  Worker(unsigned seed, const Loops& loops, const Connections& connections,
         Connections* remains, int port)
      : random_(seed),
        loops_(loops),
        connections_(connections),
        remains_(remains),
        port_(port) {}

  void Run(int operations) {
    for (int i = 0; i < operations; ++i) {
      Connection* connection = connections_[Draw(connections_.size())].get();
      Do(&connection->sides[Draw(2)]);
      if (Draw(16) == 0) ComeAndGo();
    }
  }

 private:
  size_t Draw(size_t below) { return random_() % below; }

  void Write(Side* side) {
    size_t size = 1 + Draw(3000);
    if (bufferevent_write(side->bev, bytes_, size) == 0) side->sent += size;
  }

  void WriteBuffer(Side* side) {
    evbuffer* buffer = evbuffer_new();
    size_t size = 1 + Draw(3000);
    evbuffer_add(buffer, bytes_, size);
    if (bufferevent_write_buffer(side->bev, buffer) == 0) side->sent += size;
    evbuffer_free(buffer);
  }

  // The same socket by another descriptor; the old one is closed.
  void Replace(Side* side) {
    bufferevent_lock(side->bev);
    int fd = fcntl(bufferevent_getfd(side->bev), F_DUPFD_CLOEXEC, 0);
    if (bufferevent_replacefd(side->bev, fd) < 0) ++side->failures;
    bufferevent_unlock(side->bev);
  }

  void SetFd(Side* side) {
    bufferevent_lock(side->bev);
    bufferevent_setfd(side->bev, bufferevent_getfd(side->bev));
    bufferevent_unlock(side->bev);
  }

  void Trigger(Side* side) {
    ++side->triggers;
    bufferevent_trigger_event(side->bev, BEV_EVENT_CONNECTED, 0);
  }

  void Settings(Side* side) {
    timeval hour = {3600, 0};
    bufferevent_set_timeouts(side->bev, Draw(2) ? &hour : nullptr,
                             Draw(2) ? &hour : nullptr);
    bufferevent_setwatermark(side->bev, EV_READ, Draw(100),
                             Draw(2) ? 200 + Draw(2000) : 0);
    bufferevent_set_max_single_read(side->bev, Draw(5000));
    bufferevent_set_max_single_write(side->bev, Draw(5000));
    side->SetCallbacks();
  }

  void Do(Side* side) {
    static constexpr short kDirections[] = {EV_READ, EV_WRITE,
                                            EV_READ | EV_WRITE};
    switch (Draw(12)) {
      case 0:
      case 1:
      case 2:
        return Write(side);
      case 3:
        return WriteBuffer(side);
      case 4:
        bufferevent_disable(side->bev, kDirections[Draw(3)]);
        return;
      case 5:
      case 6:
        bufferevent_enable(side->bev, kDirections[Draw(3)]);
        return;
      case 7:
        return Replace(side);
      case 8:
        return SetFd(side);
      case 9:
        return Trigger(side);
      case 10:
        return Settings(side);
      case 11:
        bufferevent_trigger(side->bev, EV_READ, 0);
        return;
    }
  }

  event_base* AnyBase() { return loops_[Draw(loops_.size())]->base(); }

  // Bufferevents of this thread's own, which it frees whatever is under way.
  // No callback has the right to find its `Side` gone.
  void ComeAndGo() {
    switch (Draw(6)) {
      case 0:
        return ComeAsConnection();
      case 1:
        return ComeWithoutLockInCallbacks();
      case 2:
        return ComeAsPair();
      case 3:
        return ComeAsFilter();
      case 4:
        return Connect();
      case 5:
        return TimeOut();
    }
  }

  int AnyLockedOption() {
    return Draw(2) ? kThreadSafe : kThreadSafe | BEV_OPT_DEFER_CALLBACKS;
  }

  void DoSome(Connection* connection) {
    for (size_t left = Draw(12); left > 0; --left) {
      Do(&connection->sides[Draw(2)]);
    }
  }

  void ComeAsConnection() {
    auto connection =
        std::make_unique<Connection>(AnyBase(), AnyBase(), AnyLockedOption());
    evbuffer* input = bufferevent_get_input(connection->sides[0].bev);
    auto count = [](evbuffer*, const evbuffer_cb_info* info, void* arg) {
      *static_cast<size_t*>(arg) += info->n_added;
    };
    auto added = std::make_unique<size_t>(0);
    if (Draw(2)) evbuffer_defer_callbacks(input, AnyBase());
    if (Draw(2)) evbuffer_add_cb(input, count, added.get());
    DoSome(connection.get());
    connection->Free();
  }

  void ComeWithoutLockInCallbacks() {
    auto connection =
        std::make_unique<Connection>(AnyBase(), AnyBase(), kUnlocked);
    DoSome(connection.get());
    connection->Free();
    // A callback may be in it until the loops have ended.
    remains_->push_back(std::move(connection));
  }

  void ComeAsPair() {
    Connection connection;
    bufferevent* pair[2];
    ASSERT_EQ(bufferevent_pair_new(AnyBase(), BEV_OPT_THREADSAFE, pair), 0);
    connection.Take(pair[0], pair[1]);
    for (size_t left = Draw(12); left > 0; --left) {
      Side* side = &connection.sides[Draw(2)];
      Draw(2) ? Write(side) : Settings(side);
    }
    connection.Free();
  }

  void ComeAsFilter() {
    Connection connection(AnyBase(), AnyBase(), AnyLockedOption());
    bufferevent* under = connection.sides[0].bev;
    // With the lock: what came already must not call a filter half made.
    bufferevent_lock(under);
    bufferevent* filter = bufferevent_filter_new(
        under, nullptr, nullptr, kThreadSafe | BEV_OPT_DEFER_CALLBACKS, nullptr,
        nullptr);
    bufferevent_unlock(under);
    ASSERT_NE(filter, nullptr);
    connection.Take(filter, connection.sides[1].bev);
    for (size_t left = Draw(12); left > 0; --left) {
      Side* side = &connection.sides[Draw(2)];
      Draw(2) ? Write(side) : Settings(side);
    }
    connection.Free();
  }

  void Connect() {
    Side side;
    side.bev = bufferevent_socket_new(AnyBase(), -1, AnyLockedOption());
    side.SetCallbacks();
    bufferevent_enable(side.bev, EV_READ);
    if (Draw(2)) Write(&side);
    // A port where nobody listens, and one where somebody does.
    bufferevent_socket_connect_hostname(side.bev, nullptr, AF_INET, "127.0.0.1",
                                        Draw(2) ? 1 : port_);
    for (size_t left = Draw(6); left > 0; --left) {
      Draw(2) ? Write(&side) : Settings(&side);
    }
    bufferevent_free(side.bev);
  }

  void TimeOut() {
    Connection connection(AnyBase(), AnyBase(), AnyLockedOption());
    timeval soon = {0, static_cast<suseconds_t>(Draw(300))};
    for (Side& side : connection.sides) {
      bufferevent_set_timeouts(side.bev, &soon, &soon);
      bufferevent_enable(side.bev, EV_READ | EV_WRITE);
    }
    DoSome(&connection);
    connection.Free();
  }

  std::mt19937 random_;
  const Loops& loops_;
  const Connections& connections_;
  Connections* remains_;
  int port_;
  char bytes_[3000] = {};
};

// A socket on the loopback that listens, and its port.
int Listen(int* port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(listen(fd, 128), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  *port = ntohs(address.sin_port);
  return fd;
}

class ThreadsTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    signal(SIGPIPE, SIG_IGN);
    ASSERT_EQ(evthread_use_pthreads(), 0);
  }
};

TEST_P(ThreadsTest, WhateverEightThreadsDoEveryByteArrives) {
  constexpr int kLoops = 4;
  constexpr int kConnections = 12;
  constexpr int kThreads = 8;
  constexpr int kOperations = 1500;
  static constexpr int kOptions[] = {
      kThreadSafe, kThreadSafe | BEV_OPT_DEFER_CALLBACKS, kUnlocked};
  int port = 0;
  int listener = Listen(&port);
  Connections remains[kThreads];
  Loops loops;
  for (int i = 0; i < kLoops; ++i) {
    loops.push_back(std::make_unique<Loop>(GetParam()));
  }
  Connections connections;
  for (int i = 0; i < kConnections; ++i) {
    connections.push_back(std::make_unique<Connection>(
        loops[i % kLoops]->base(), loops[(i + i / kLoops) % kLoops]->base(),
        kOptions[i % 3]));
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Worker(static_cast<unsigned>(i), loops, connections, &remains[i], port)
          .Run(kOperations);
    });
  }
  for (std::thread& thread : threads) thread.join();

  for (auto& connection : connections) {
    for (Side& side : connection->sides) {
      bufferevent_setwatermark(side.bev, EV_READ, 0, 0);
      EXPECT_EQ(bufferevent_enable(side.bev, EV_READ | EV_WRITE), 0);
      // What is below a low watermark that was.
      bufferevent_trigger(side.bev, EV_READ, 0);
    }
  }
  for (auto& connection : connections) {
    for (int i = 0; i < 2; ++i) {
      Side& side = connection->sides[i];
      const Side& other = connection->sides[1 - i];
      EXPECT_TRUE(Await([&] { return side.received == other.sent; }))
          << side.received << " of " << other.sent << " bytes";
      EXPECT_EQ(side.failures, 0);
    }
    connection->Free();
  }
  // Those whose callbacks run without the lock may still be in one.
  for (auto& loop : loops) loop->Settle();
  close(listener);
  for (int i = 0; i < kConnections; ++i) {
    for (const Side& side : connections[i]->sides) {
      if (kOptions[i % 3] == kThreadSafe) {
        EXPECT_EQ(side.triggered, side.triggers);
      } else {
        EXPECT_LE(side.triggered, side.triggers);  // some came together
      }
    }
  }
}

// Each callback writes to the bufferevent of the other loop. With the locks
// held they could lock each other out (libevent's #1750); see docs/threads.md.
TEST_P(ThreadsTest, TwoThatWriteToEachOtherWithoutTheirLocks) {
  constexpr int kMessages = 2000;
  struct Relay {
    bufferevent* bev;
    Relay* other;
    std::atomic<int> left = kMessages;

    static void OnRead(bufferevent* bev, void* arg) {
      auto* self = static_cast<Relay*>(arg);
      char byte;
      while (bufferevent_read(bev, &byte, 1) == 1) {
        // Comes back to the other relay by the socket's other end.
        if (--self->left >= 0) bufferevent_write(self->other->bev, "x", 1);
      }
    }
    // The far end sends back what it gets.
    static void OnEcho(bufferevent* bev, void*) {
      bufferevent_write_buffer(bev, bufferevent_get_input(bev));
    }
  };
  Loop loops[2] = {Loop(GetParam()), Loop(GetParam())};
  Loop far_loop(GetParam());
  Relay relays[2];
  bufferevent* far[2];
  for (int i = 0; i < 2; ++i) {
    int fds[2];
    ASSERT_EQ(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    for (int fd : fds) evutil_make_socket_nonblocking(fd);
    far[i] = bufferevent_socket_new(far_loop.base(), fds[1], kThreadSafe);
    bufferevent_setcb(far[i], &Relay::OnEcho, nullptr, nullptr, nullptr);
    bufferevent_enable(far[i], EV_READ);
    relays[i].bev = bufferevent_socket_new(loops[i].base(), fds[0], kUnlocked);
    relays[i].other = &relays[1 - i];
  }
  for (Relay& relay : relays) {
    bufferevent_setcb(relay.bev, &Relay::OnRead, nullptr, nullptr, &relay);
    bufferevent_enable(relay.bev, EV_READ);
  }
  for (Relay& relay : relays) bufferevent_write(relay.bev, "abcdefgh", 8);
  for (Relay& relay : relays) {
    EXPECT_TRUE(Await([&] { return relay.left <= 0; })) << relay.left;
  }
  for (Relay& relay : relays) bufferevent_free(relay.bev);
  for (bufferevent* bev : far) bufferevent_free(bev);
  for (Loop& loop : loops) loop.Settle();
}

TEST_P(ThreadsTest, UnlockedCallbacksLeaveTheLockToOthers) {
  Loop loop(GetParam());
  std::atomic<bool> done = false;
  TestBufferevent bev(
      loop.base(), -1,
      BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS);
  bev.on_event = [&](short) {
    // Joined inside: a lock that is held here would stop it for ever.
    std::thread([&] {
      bufferevent_lock(bev.get());
      bufferevent_unlock(bev.get());
    }).join();
    done = true;
  };
  bufferevent_trigger_event(bev.get(), BEV_EVENT_CONNECTED, 0);
  EXPECT_TRUE(Await([&] { return done.load(); }));
  loop.Settle();
}

TEST_P(ThreadsTest, NoCallbackBeginsAfterFreeReturned) {
  Loop loop(GetParam());
  for (int options : {kThreadSafe, kThreadSafe | BEV_OPT_DEFER_CALLBACKS}) {
    for (int i = 0; i < 200; ++i) {
      auto connection =
          std::make_unique<Connection>(loop.base(), loop.base(), options);
      bufferevent_write(connection->sides[0].bev, "abc", 3);
      if (i % 2 == 0) {
        Await([&] { return connection->sides[1].received == 3; });
      }
      connection->Free();
      connection.reset();  // and with it what the callbacks use
    }
  }
}

TEST_P(ThreadsTest, AWriteWakesTheLoopThatWaits) {
  Loop loop(GetParam());
  Connection connection(loop.base(), loop.base(), kThreadSafe);
  Side& from = connection.sides[0];
  Side& to = connection.sides[1];
  for (uint64_t round = 1; round <= 200; ++round) {
    loop.Settle();
    for (int i = 0; i < 5; ++i) bufferevent_write(from.bev, "x", 1);
    ASSERT_TRUE(Await([&] { return to.received == 5 * round; }));
  }
  connection.Free();
}

TEST_P(ThreadsTest, ATimeoutSetByAnotherThreadHolds) {
  Loop loop(GetParam());
  SocketPair pair;
  std::atomic<int> timeouts = 0;
  auto on_event = [](bufferevent*, short what, void* arg) {
    if (what & BEV_EVENT_TIMEOUT) ++*static_cast<std::atomic<int>*>(arg);
  };
  bufferevent* bev =
      bufferevent_socket_new(loop.base(), pair[0], BEV_OPT_THREADSAFE);
  bufferevent_setcb(bev, nullptr, nullptr, on_event, &timeouts);
  timeval hour = {3600, 0};
  timeval soon = {0, 1000};
  bufferevent_set_timeouts(bev, &hour, nullptr);
  bufferevent_enable(bev, EV_READ);
  loop.Settle();
  EXPECT_EQ(timeouts, 0);
  bufferevent_set_timeouts(bev, &soon, nullptr);
  EXPECT_TRUE(Await([&] { return timeouts == 1; }));
  EXPECT_EQ(bufferevent_get_enabled(bev), EV_WRITE);
  bufferevent_free(bev);
}

TEST_P(ThreadsTest, AReferenceKeepsItInAnotherThread) {
  Loop loop(GetParam());
  for (int i = 0; i < 100; ++i) {
    Connection connection(loop.base(), loop.base(), kThreadSafe);
    bufferevent* bev = connection.sides[0].bev;
    bufferevent_incref(bev);
    std::thread user([&] {
      for (int round = 0; round < 20; ++round) {
        bufferevent_write(bev, "abc", 3);
        bufferevent_disable(bev, EV_WRITE);
        bufferevent_enable(bev, EV_WRITE);
      }
      bufferevent_decref(bev);
    });
    connection.Free();
    user.join();
  }
}

EVOKE_ON_EVERY_BACKEND(ThreadsTest);

}  // namespace
}  // namespace evoke::testing
