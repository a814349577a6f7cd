// SPDX-License-Identifier: BSD-3-Clause
//
// Thread-safe listeners whose loop runs in a thread of its own: what another
// thread may do to them, and when.
#include <event2/listener.h>
#include <event2/thread.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <array>
#include <atomic>
#include <semaphore>
#include <thread>
#include <vector>

#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

constexpr unsigned kFlags =
    LEV_OPT_THREADSAFE | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC;

sockaddr_in Loopback() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

sockaddr_in AddressOf(evconnlistener* listener) {
  sockaddr_in address = {};
  socklen_t size = sizeof(address);
  EXPECT_EQ(getsockname(evconnlistener_get_fd(listener),
                        reinterpret_cast<sockaddr*>(&address), &size),
            0);
  return address;
}

// A connected socket, or -1 when nobody listens there.
int Dial(const sockaddr_in& address) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) == 0) {
    return fd;
  }
  close(fd);
  return -1;
}

// Whether the peer answered with a byte; then and otherwise it has closed.
bool IsAnswered(int fd) {
  char byte;
  bool answered = read(fd, &byte, 1) == 1;
  close(fd);
  return answered;
}

class ListenerThreadTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { ASSERT_EQ(evthread_use_pthreads(), 0); }

  void SetUp() override {
    base_ = NewBase(GetParam());
    ASSERT_NE(base_, nullptr);
    loop_ = std::thread([this] {
      EXPECT_EQ(event_base_loop(base_.get(), EVLOOP_NO_EXIT_ON_EMPTY), 0);
    });
  }

  // What a callback uses has to live until then: evconnlistener_free() does not
  // wait for one that runs.
  void StopLoop() {
    event_base_loopbreak(base_.get());
    if (loop_.joinable()) loop_.join();
  }

  void TearDown() override { StopLoop(); }

  evconnlistener* Listen(evconnlistener_cb callback, void* arg) {
    sockaddr_in address = Loopback();
    evconnlistener* listener = evconnlistener_new_bind(
        base_.get(), callback, arg, kFlags, -1,
        reinterpret_cast<sockaddr*>(&address), sizeof(address));
    EXPECT_NE(listener, nullptr);
    return listener;
  }

  Base base_;
  std::thread loop_;
};

// Answers each connection, and counts.
void Answer(evconnlistener*, evutil_socket_t fd, sockaddr*, int, void* arg) {
  ++*static_cast<std::atomic<int>*>(arg);
  EXPECT_EQ(write(fd, "x", 1), 1);
  close(fd);
}

TEST_P(ListenerThreadTest, MadeByAnotherThreadItWakesTheLoop) {
  std::atomic<int> accepted = 0;
  evconnlistener* listener = Listen(Answer, &accepted);
  EXPECT_TRUE(IsAnswered(Dial(AddressOf(listener))));
  evconnlistener_free(listener);
  EXPECT_EQ(accepted, 1);
  StopLoop();
}

// A callback that stays until it is told to leave.
struct Stay {
  static void OnAccept(evconnlistener*, evutil_socket_t fd, sockaddr*, int,
                       void* arg) {
    auto* self = static_cast<Stay*>(arg);
    close(fd);
    ++self->calls;
    self->begun.release();
    self->may_leave.acquire();
  }

  std::atomic<int> calls = 0;
  std::counting_semaphore<> begun{0};
  std::counting_semaphore<> may_leave{0};
};

TEST_P(ListenerThreadTest, DisabledDuringTheCallbackTheBurstEnds) {
  Stay stay;
  evconnlistener* listener = Listen(Stay::OnAccept, &stay);
  sockaddr_in address = AddressOf(listener);
  std::array<int, 3> clients;
  for (int& fd : clients) fd = Dial(address);
  stay.begun.acquire();
  EXPECT_EQ(evconnlistener_disable(listener), 0);
  stay.may_leave.release();
  // Goes through the loop: the burst is over when it is answered.
  std::atomic<int> accepted = 0;
  evconnlistener* other = Listen(Answer, &accepted);
  EXPECT_TRUE(IsAnswered(Dial(AddressOf(other))));
  EXPECT_EQ(stay.calls, 1);

  EXPECT_EQ(evconnlistener_enable(listener), 0);
  for (int i = 0; i < 2; ++i) {
    stay.begun.acquire();
    stay.may_leave.release();
  }
  EXPECT_EQ(stay.calls, 3);
  evconnlistener_free(listener);
  evconnlistener_free(other);
  for (int fd : clients) close(fd);
  StopLoop();
}

TEST_P(ListenerThreadTest, FreedDuringTheCallbackItLivesUntilItsEnd) {
  Stay stay;
  evconnlistener* listener = Listen(Stay::OnAccept, &stay);
  sockaddr_in address = AddressOf(listener);
  std::array<int, 3> clients;
  for (int& fd : clients) fd = Dial(address);
  stay.begun.acquire();
  evconnlistener_free(listener);
  stay.may_leave.release();
  // Those who were not accepted are turned away; nobody is called.
  EXPECT_FALSE(IsAnswered(clients[0]));
  EXPECT_FALSE(IsAnswered(clients[1]));
  EXPECT_FALSE(IsAnswered(clients[2]));
  EXPECT_EQ(stay.calls, 1);
  EXPECT_EQ(Dial(address), -1);
  StopLoop();
}

TEST_P(ListenerThreadTest, AnotherCallbackHoldsForTheRestOfTheBurst) {
  Stay stay;
  std::atomic<int> accepted = 0;
  evconnlistener* listener = Listen(Stay::OnAccept, &stay);
  sockaddr_in address = AddressOf(listener);
  std::array<int, 3> clients;
  for (int& fd : clients) fd = Dial(address);
  stay.begun.acquire();
  evconnlistener_set_cb(listener, Answer, &accepted);
  stay.may_leave.release();
  EXPECT_FALSE(IsAnswered(clients[0]));
  EXPECT_TRUE(IsAnswered(clients[1]));
  EXPECT_TRUE(IsAnswered(clients[2]));
  evconnlistener_free(listener);
  EXPECT_EQ(stay.calls, 1);
  EXPECT_EQ(accepted, 2);
  StopLoop();
}

// Four threads dial, four others switch the listener off and on, give it a
// callback anew, make and free listeners beside it. In the end every connection
// was answered once.
TEST_P(ListenerThreadTest, EveryConnectionIsAnsweredOnce) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 250;
  std::atomic<int> accepted = 0;
  std::atomic<int> ignored = 0;
  std::atomic<int> answered = 0;
  evconnlistener* listener = Listen(Answer, &accepted);
  sockaddr_in address = AddressOf(listener);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        if (IsAnswered(Dial(address))) ++answered;
      }
    });
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        switch ((round + i) % 3) {
          case 0:
            EXPECT_EQ(evconnlistener_disable(listener), 0);
            EXPECT_EQ(evconnlistener_enable(listener), 0);
            break;
          case 1:
            evconnlistener_set_cb(listener, Answer, &accepted);
            break;
          case 2:
            evconnlistener* other = Listen(Answer, &ignored);
            int fd = Dial(AddressOf(other));
            evconnlistener_free(other);
            IsAnswered(fd);
            break;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  evconnlistener_free(listener);
  EXPECT_EQ(answered, kThreads * kRounds);
  EXPECT_EQ(accepted, kThreads * kRounds);
  StopLoop();
}

// --- Every allocation fails once ---------------------------------------------

int g_allocations_left = -1;  // below zero: no limit
long g_blocks = 0;

void* LimitedMalloc(size_t size) {
  if (g_allocations_left == 0) return nullptr;
  if (g_allocations_left > 0) --g_allocations_left;
  ++g_blocks;
  return malloc(size);
}

void CountedFree(void* block) {
  if (block != nullptr) --g_blocks;
  free(block);
}

// One without a lock would look like one that has it.
TEST(ListenerThreadMemoryTest, WithoutALockThereIsNoListener) {
  ASSERT_EQ(evthread_use_pthreads(), 0);
  Base base(event_base_new());
  int next = dup(0);
  close(next);
  event_set_mem_functions(LimitedMalloc, nullptr, CountedFree);
  sockaddr_in address = Loopback();
  evconnlistener* listener = nullptr;
  int limit = 0;
  for (; listener == nullptr; ++limit) {
    ASSERT_LT(limit, 100);
    g_allocations_left = limit;
    errno = 0;
    listener = evconnlistener_new_bind(
        base.get(), Answer, nullptr, kFlags | LEV_OPT_DISABLED, -1,
        reinterpret_cast<sockaddr*>(&address), sizeof(address));
    g_allocations_left = -1;
    if (listener == nullptr) {
      EXPECT_EQ(g_blocks, 0) << "after " << limit << " allocations";
      EXPECT_EQ(fcntl(next, F_GETFD), -1) << "the socket is open";
    }
  }
  // The listener, its lock, and what the lock is made of.
  EXPECT_GE(limit, 3);
  evconnlistener_free(listener);
  EXPECT_EQ(event_base_loop(base.get(), EVLOOP_NONBLOCK), 1);
  EXPECT_EQ(g_blocks, 0);
  event_set_mem_functions(nullptr, nullptr, nullptr);
}

INSTANTIATE_TEST_SUITE_P(Backends, ListenerThreadTest,
                         ::testing::Values("epoll", "poll", "select"));

}  // namespace
}  // namespace evoke::testing
