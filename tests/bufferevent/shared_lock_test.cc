// SPDX-License-Identifier: BSD-3-Clause
//
// What shares a lock: the two ends of a pair, and filters with what lies under
// them, used and freed from several threads while their loop runs. Every byte
// is accounted for; the lock lives as long as anybody needs it. Meant to be run
// under AddressSanitizer and ThreadSanitizer too.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/thread.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRounds = 300;
#else
constexpr int kRounds = 1500;
#endif

// What one bufferevent received.
struct Receiver {
  std::atomic<size_t> bytes{0};
  std::atomic<int> ends{0};
};

void CountBytes(bufferevent* bev, void* arg) {
  auto* receiver = static_cast<Receiver*>(arg);
  char bytes[512];
  size_t got;
  while ((got = bufferevent_read(bev, bytes, sizeof(bytes))) > 0 &&
         got <= sizeof(bytes)) {
    receiver->bytes += got;
  }
}

void CountEnds(bufferevent*, short what, void* arg) {
  if (what & BEV_EVENT_EOF) ++static_cast<Receiver*>(arg)->ends;
}

void Listen(bufferevent* bev, Receiver* receiver) {
  bufferevent_setcb(bev, CountBytes, nullptr, CountEnds, receiver);
}

void OnStop(evutil_socket_t, short, void* base) {
  event_base_loopbreak(static_cast<event_base*>(base));
}

class SharedLockTest : public BackendTest {
 protected:
  static void SetUpTestSuite() { ASSERT_EQ(evthread_use_pthreads(), 0); }

  void SetUp() override {
    BackendTest::SetUp();
    loop_ = std::thread(
        [this] { event_base_loop(base(), EVLOOP_NO_EXIT_ON_EMPTY); });
  }
  void TearDown() override { StopLoop(); }

  // Runs all that is due, then returns when the loop has ended.
  void StopLoop() {
    if (!loop_.joinable()) return;
    EXPECT_EQ(event_base_once(base(), -1, EV_TIMEOUT, OnStop, base(), nullptr),
              0);
    loop_.join();
    Loop(EVLOOP_NONBLOCK);
  }

  void NewPair(int options, bufferevent* ends[2]) {
    ASSERT_EQ(bufferevent_pair_new(base(), options | BEV_OPT_THREADSAFE, ends),
              0);
  }

  std::thread loop_;
};

// `count` writes of 1 to 100 bytes; returns how many bytes that were.
size_t WriteMany(bufferevent* bev, int count) {
  static const std::string kBytes(100, 'b');
  size_t bytes = 0;
  for (int i = 0; i < count; ++i) {
    size_t size = 1 + static_cast<size_t>(i * 37 % 100);
    EXPECT_EQ(bufferevent_write(bev, kBytes.data(), size), 0);
    bytes += size;
  }
  return bytes;
}

// Two threads write into each end, one enables and disables reading.
void Converse(bufferevent* ends[2], Receiver receivers[2]) {
  std::atomic<size_t> written[2] = {0, 0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [&, i] { written[i % 2] += WriteMany(ends[i % 2], kRounds); });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < kRounds; ++i) {
      bufferevent_disable(ends[i % 2], EV_READ);
      bufferevent_setwatermark(ends[i % 2], EV_READ, 0, i % 3 * 1000);
      bufferevent_enable(ends[i % 2], EV_READ);
    }
  });
  for (std::thread& thread : threads) thread.join();
  // What a filter left below when its reading was disabled or at its high
  // watermark, it takes up with the next bytes.
  for (int i = 0; i < 2; ++i) {
    bufferevent_setwatermark(ends[i], EV_READ, 0, 0);
    bufferevent_enable(ends[i], EV_READ);
  }
  for (int i = 0; i < 2; ++i) written[i] += WriteMany(ends[i], 1);
  for (int i = 0; i < 2; ++i) {
    while (receivers[1 - i].bytes < written[i]) std::this_thread::yield();
    EXPECT_EQ(receivers[1 - i].bytes, written[i]);
  }
}

void ConverseOver(bufferevent* ends[2]) {
  Receiver receivers[2];
  for (int i = 0; i < 2; ++i) {
    Listen(ends[i], &receivers[i]);
    bufferevent_enable(ends[i], EV_READ);
  }
  Converse(ends, receivers);
  for (int i = 0; i < 2; ++i) {
    bufferevent_flush(ends[i], EV_WRITE, BEV_FINISHED);
    while (receivers[1 - i].ends == 0) std::this_thread::yield();
  }
  for (int i = 0; i < 2; ++i) bufferevent_free(ends[i]);
}

TEST_P(SharedLockTest, EndsOfAPairAreWrittenFromManyThreads) {
  bufferevent* ends[2];
  NewPair(0, ends);
  ConverseOver(ends);
  StopLoop();
}

TEST_P(SharedLockTest, EndsOfAPairAreWrittenFromManyThreadsUnlocked) {
  bufferevent* ends[2];
  NewPair(BEV_OPT_UNLOCK_CALLBACKS | BEV_OPT_DEFER_CALLBACKS, ends);
  ConverseOver(ends);
  StopLoop();
}

bufferevent_filter_result Twist(evbuffer* source, evbuffer* destination,
                                ev_ssize_t limit_bytes, bufferevent_flush_mode,
                                void*) {
  size_t size = std::min<size_t>(evbuffer_get_length(source), 64);
  if (limit_bytes >= 0) size = std::min<size_t>(size, limit_bytes);
  return size > 0 && evbuffer_remove_buffer(source, destination, size) > 0
             ? BEV_OK
             : BEV_NEED_MORE;
}

void CountFree(void* arg) { ++*static_cast<std::atomic<int>*>(arg); }

TEST_P(SharedLockTest, FiltersOverBothEndsAreWrittenFromManyThreads) {
  for (int options : {0, BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS}) {
    bufferevent* ends[2];
    NewPair(options, ends);
    std::atomic<int> freed = 0;
    bufferevent* filters[2];
    for (int i = 0; i < 2; ++i) {
      bufferevent_setwatermark(ends[i], EV_WRITE, 0, 500);
      filters[i] = bufferevent_filter_new(
          ends[i], Twist, Twist,
          options | BEV_OPT_THREADSAFE | BEV_OPT_CLOSE_ON_FREE, CountFree,
          &freed);
    }
    ConverseOver(filters);
    while (freed < 2) std::this_thread::yield();
  }
  StopLoop();
}

// Runs all of `what` at the same time, in threads of their own.
template <typename... What>
void AtOnce(What... what) {
  std::atomic<int> ready = 0;
  std::vector<std::thread> threads;
  auto start = [&](auto run) {
    threads.emplace_back([&ready, run] {
      ++ready;
      while (ready < static_cast<int>(sizeof...(what))) {
        std::this_thread::yield();
      }
      run();
    });
  };
  (start(what), ...);
  for (std::thread& thread : threads) thread.join();
}

TEST_P(SharedLockTest, EndsOfAPairAreFreedAtTheSameTime) {
  for (int round = 0; round < kRounds / 4; ++round) {
    bufferevent* ends[2];
    NewPair(0, ends);
    Receiver receivers[2];
    for (int i = 0; i < 2; ++i) {
      Listen(ends[i], &receivers[i]);
      bufferevent_enable(ends[i], EV_READ);
    }
    bufferevent_incref(ends[0]);
    AtOnce([&] { bufferevent_free(ends[0]); },
           [&] { bufferevent_free(ends[1]); },
           [&] {
             // Its own reference keeps this end, not the other.
             WriteMany(ends[0], 5);
             bufferevent_pair_get_partner(ends[0]);
             bufferevent_flush(ends[0], EV_WRITE, BEV_FLUSH);
             bufferevent_decref(ends[0]);
           });
  }
  StopLoop();
}

// Returns when the other end of the socket was closed.
void AwaitEnd(evutil_socket_t fd) {
  char bytes[512];
  while (read(fd, bytes, sizeof(bytes)) > 0) {
  }
}

// The lock of a filter and of what lies under it must outlive both (libevent's
// #1842).
TEST_P(SharedLockTest, AFilterAndWhatLiesUnderItAreFreedInAnyOrder) {
  std::atomic<int> freed = 0;
  for (int round = 0; round < kRounds / 4; ++round) {
    evutil_socket_t sockets[2];
    ASSERT_EQ(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    evutil_make_socket_nonblocking(sockets[0]);
    bufferevent* under = bufferevent_socket_new(
        base(), sockets[0], BEV_OPT_THREADSAFE | BEV_OPT_CLOSE_ON_FREE);
    bufferevent* filter = bufferevent_filter_new(
        under, Twist, Twist, BEV_OPT_THREADSAFE, CountFree, &freed);
    Receiver receiver;
    Listen(filter, &receiver);
    bufferevent_enable(filter, EV_READ);
    ASSERT_EQ(write(sockets[1], "some bytes", 10), 10);
    switch (round % 3) {
      case 0:  // underneath first
        bufferevent_free(under);
        WriteMany(filter, 3);
        bufferevent_enable(filter, EV_READ | EV_WRITE);
        bufferevent_free(filter);
        break;
      case 1:  // the filter first
        bufferevent_free(filter);
        bufferevent_write(under, "more", 4);
        bufferevent_enable(under, EV_READ | EV_WRITE);
        bufferevent_free(under);
        break;
      case 2:
        AtOnce([&] { bufferevent_free(filter); },
               [&] { bufferevent_free(under); });
        break;
    }
    AwaitEnd(sockets[1]);
    EXPECT_EQ(freed, round + 1);
    close(sockets[1]);
  }
  StopLoop();
}

TEST_P(SharedLockTest, AFilterBringsItsLockToWhatHasNone) {
  std::atomic<int> freed = 0;
  StopLoop();
  bufferevent* ends[2];
  ASSERT_EQ(bufferevent_pair_new(base(), 0, ends), 0);
  bufferevent* below = bufferevent_filter_new(
      ends[1], Twist, Twist, BEV_OPT_CLOSE_ON_FREE, CountFree, &freed);
  bufferevent* top = bufferevent_filter_new(
      below, Twist, Twist, BEV_OPT_THREADSAFE | BEV_OPT_CLOSE_ON_FREE,
      CountFree, &freed);
  bufferevent_free(ends[0]);
  Receiver receiver;
  Listen(top, &receiver);
  loop_ =
      std::thread([this] { event_base_loop(base(), EVLOOP_NO_EXIT_ON_EMPTY); });
  AtOnce([&] { WriteMany(top, kRounds); }, [&] { WriteMany(ends[1], kRounds); },
         [&] {
           for (int i = 0; i < kRounds; ++i) {
             bufferevent_enable(top, EV_READ);
             bufferevent_disable(top, EV_READ);
           }
         });
  bufferevent_free(top);
  while (freed < 2) std::this_thread::yield();
  StopLoop();
}

TEST_P(SharedLockTest, AFilterWithoutTheOptionIsLockedAsWhatLiesUnderIt) {
  bufferevent* ends[2];
  NewPair(0, ends);
  std::atomic<int> freed = 0;
  bufferevent* filter = bufferevent_filter_new(
      ends[1], Twist, Twist, BEV_OPT_CLOSE_ON_FREE, CountFree, &freed);
  Receiver receiver;
  Listen(filter, &receiver);
  bufferevent_enable(filter, EV_READ);
  size_t bytes = WriteMany(ends[0], kRounds);
  while (receiver.bytes < bytes) std::this_thread::yield();
  bufferevent_free(filter);
  bufferevent_free(ends[0]);
  while (freed < 1) std::this_thread::yield();
  StopLoop();
}

EVOKE_ON_EVERY_BACKEND(SharedLockTest);

}  // namespace
}  // namespace evoke::testing
