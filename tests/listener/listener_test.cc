// SPDX-License-Identifier: BSD-3-Clause
//
// Listeners: bursts, ends inside callbacks, want of descriptors and memory.
// What libevent does in each case is compared in tests/differential.
#include <errno.h>
#include <event2/listener.h>
#include <evoke/stats.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

class TestListener {
 public:
  TestListener(event_base* base, unsigned flags) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener_ = evconnlistener_new_bind(base, &OnAccept, this, flags, -1,
                                        reinterpret_cast<sockaddr*>(&address),
                                        sizeof(address));
  }
  TestListener(const TestListener&) = delete;
  TestListener& operator=(const TestListener&) = delete;
  ~TestListener() {
    Free();
    for (int fd : accepted) close(fd);
    for (int fd : dialled_) close(fd);
  }

  evconnlistener* get() const { return listener_; }
  void Free() {
    if (listener_ != nullptr) evconnlistener_free(listener_);
    listener_ = nullptr;
  }

  // A connection that waits to be accepted.
  int Dial() {
    sockaddr_storage address;
    socklen_t size = sizeof(address);
    EXPECT_EQ(getsockname(evconnlistener_get_fd(listener_),
                          reinterpret_cast<sockaddr*>(&address), &size),
              0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    dialled_.push_back(fd);
    return fd;
  }

  std::function<void()> on_accept;
  std::vector<int> accepted;

 private:
  static void OnAccept(evconnlistener*, evutil_socket_t fd, sockaddr* address,
                       int, void* arg) {
    EXPECT_EQ(address->sa_family, AF_INET);
    auto* self = static_cast<TestListener*>(arg);
    self->accepted.push_back(fd);
    if (self->on_accept) self->on_accept();
  }

  evconnlistener* listener_;
  std::vector<int> dialled_;
};

class ListenerTest : public BackendTest {
 protected:
  void Settle() { Loop(EVLOOP_NONBLOCK); }
};

TEST_P(ListenerTest, ABurstIsAcceptedInOneTurn) {
  TestListener listener(base(), LEV_OPT_CLOSE_ON_FREE);
  for (int i = 0; i < 20; ++i) listener.Dial();
  EXPECT_EQ(Loop(EVLOOP_ONCE), 0);
  EXPECT_EQ(listener.accepted.size(), 20u);
  for (int fd : listener.accepted) {
    EXPECT_TRUE(fcntl(fd, F_GETFL) & O_NONBLOCK);
    EXPECT_EQ(fcntl(fd, F_GETFD), 0);
  }
}

TEST_P(ListenerTest, FlagsOfAcceptedSockets) {
  TestListener listener(base(), LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
                                    LEV_OPT_LEAVE_SOCKETS_BLOCKING);
  EXPECT_EQ(fcntl(evconnlistener_get_fd(listener.get()), F_GETFD), FD_CLOEXEC);
  listener.Dial();
  Settle();
  ASSERT_EQ(listener.accepted.size(), 1u);
  EXPECT_FALSE(fcntl(listener.accepted[0], F_GETFL) & O_NONBLOCK);
  EXPECT_EQ(fcntl(listener.accepted[0], F_GETFD), FD_CLOEXEC);
}

TEST_P(ListenerTest, DisabledInItsCallbackTheBurstEnds) {
  TestListener listener(base(), LEV_OPT_CLOSE_ON_FREE);
  listener.on_accept = [&] { evconnlistener_disable(listener.get()); };
  for (int i = 0; i < 3; ++i) listener.Dial();
  Settle();
  EXPECT_EQ(listener.accepted.size(), 1u);
  EXPECT_EQ(Loop(), 1);
  listener.on_accept = nullptr;
  EXPECT_EQ(evconnlistener_enable(listener.get()), 0);
  Settle();
  EXPECT_EQ(listener.accepted.size(), 3u);
}

TEST_P(ListenerTest, FreedInItsCallbackTheBurstEndsAndTheSocketCloses) {
  TestListener listener(base(), LEV_OPT_CLOSE_ON_FREE);
  int fd = evconnlistener_get_fd(listener.get());
  for (int i = 0; i < 3; ++i) listener.Dial();
  listener.on_accept = [&] { listener.Free(); };
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(listener.accepted.size(), 1u);
  EXPECT_FALSE(IsOpen(fd));
}

TEST_P(ListenerTest, FreedWithoutCloseOnFreeTheSocketStays) {
  TestListener listener(base(), 0);
  int fd = evconnlistener_get_fd(listener.get());
  listener.Free();
  EXPECT_TRUE(IsOpen(fd));
  close(fd);
}

// Lets the process have no descriptor more than it has now, while it lives.
// Within, the tests call no member of their fixture: the check of virtual
// pointers in UBSan wants a descriptor itself.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &old_);
    int next = dup(0);  // the lowest that is free
    close(next);
    rlimit limit = {static_cast<rlim_t>(next), old_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &old_); }

 private:
  rlimit old_;
};

// How often a descriptor was ready so far.
uint64_t FiredReads(event_base* base) {
  struct evoke_stats stats = {};
  stats.struct_size = sizeof(stats);
  EXPECT_EQ(evoke_stats(base, &stats), 0);
  return stats.fired_read;
}

TEST_P(ListenerTest, WithoutDescriptorsItSaysSoOnceAndPauses) {
  TestListener listener(base(), LEV_OPT_CLOSE_ON_FREE);
  static int errors;
  static int last_errno;
  errors = 0;
  evconnlistener_set_error_cb(listener.get(), [](evconnlistener*, void*) {
    last_errno = errno;
    ++errors;
  });
  listener.Dial();
  event_base* loop = base();
  {
    NoDescriptors none;
    for (int turn = 0; turn < 20; ++turn) {
      event_base_loop(loop, EVLOOP_NONBLOCK);
    }
    EXPECT_EQ(errors, 1);
    EXPECT_EQ(last_errno, EMFILE);
    // Paused: nothing is ready, though a connection waits; it tries again and
    // fails again without a word.
    EXPECT_EQ(event_base_loop(loop, EVLOOP_ONCE), 0);
    EXPECT_EQ(event_base_loop(loop, EVLOOP_ONCE), 0);
    EXPECT_EQ(errors, 1);
    // After the second failure it pauses as after the first: it does not accept
    // in vain turn by turn.
    uint64_t before = FiredReads(loop);
    for (int turn = 0; turn < 100; ++turn) {
      event_base_loop(loop, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    }
    EXPECT_LT(FiredReads(loop) - before, 50u);
  }
  while (listener.accepted.empty()) ASSERT_EQ(Loop(EVLOOP_ONCE), 0);
  EXPECT_EQ(errors, 1);

  // The next shortage is told again.
  listener.Dial();
  {
    NoDescriptors none;
    event_base_loop(loop, EVLOOP_NONBLOCK);
    EXPECT_EQ(errors, 2);
  }
  // Enabling ends the pause.
  EXPECT_EQ(evconnlistener_enable(listener.get()), 0);
  Settle();
  EXPECT_EQ(listener.accepted.size(), 2u);
}

TEST_P(ListenerTest, FreedInTheErrorCallback) {
  TestListener listener(base(), LEV_OPT_CLOSE_ON_FREE);
  evconnlistener_set_error_cb(listener.get(), [](evconnlistener*, void* arg) {
    static_cast<TestListener*>(arg)->Free();
  });
  listener.Dial();
  event_base* loop = base();
  NoDescriptors none;
  EXPECT_EQ(event_base_dispatch(loop), 1);
  EXPECT_EQ(listener.get(), nullptr);
}

TEST_P(ListenerTest, DisabledInTheErrorCallbackItDoesNotTryAgain) {
  TestListener listener(base(), LEV_OPT_CLOSE_ON_FREE);
  evconnlistener_set_error_cb(listener.get(), [](evconnlistener* self, void*) {
    evconnlistener_disable(self);
  });
  listener.Dial();
  event_base* loop = base();
  NoDescriptors none;
  EXPECT_EQ(event_base_dispatch(loop), 1);
}

// Whatever a child does first to a listener of its parent's: that one goes on.
TEST_P(ListenerTest, AChildThatEndsItDoesNotDisturbTheParent) {
  TestListener listener(base(), LEV_OPT_CLOSE_ON_FREE);
  event_base* loop = base();
  void (*const calls[])(TestListener*, event_base*) = {
      [](TestListener* it, event_base*) { it->Free(); },
      [](TestListener* it, event_base*) { evconnlistener_disable(it->get()); },
      [](TestListener* it, event_base*) {
        evconnlistener_disable(it->get());
        evconnlistener_enable(it->get());
        it->Free();
      },
      [](TestListener* it, event_base* base) {
        it->Free();
        event_base_free(base);
      },
      [](TestListener*, event_base* base) { event_base_free(base); },
  };
  size_t accepted = 0;
  for (auto call : calls) {
    pid_t child = fork();
    if (child == 0) {
      call(&listener, loop);
      _exit(0);
    }
    int status;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    listener.Dial();
    ASSERT_EQ(event_base_loop(loop, EVLOOP_ONCE), 0);
    EXPECT_EQ(listener.accepted.size(), ++accepted);
  }
}

// The child has a listener of its own in what it inherited.
TEST_P(ListenerTest, AChildAcceptsWithoutReinit) {
  TestListener listener(base(), LEV_OPT_CLOSE_ON_FREE);
  listener.Dial();
  event_base* loop = base();
  pid_t child = fork();
  if (child == 0) {
    event_base_loop(loop, EVLOOP_ONCE);
    _exit(listener.accepted.size() == 1 ? 0 : 1);
  }
  int status;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(event_base_loop(loop, EVLOOP_NONBLOCK), 0);
  EXPECT_EQ(listener.accepted.size(), 0u);
  listener.Dial();
  EXPECT_EQ(event_base_loop(loop, EVLOOP_ONCE), 0);
  EXPECT_EQ(listener.accepted.size(), 1u);
}

// --- LEV_OPT_BIND_IPV4_AND_IPV6 ----------------------------------------------

sockaddr_in6 AnyIpv6() {
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  return address;
}

class BothFamiliesTest : public ListenerTest {
 protected:
  // A listener on any address of IPv6; -1 for the fd where there is none.
  evconnlistener* Listen(unsigned flags) {
    sockaddr_in6 address = AnyIpv6();
    return evconnlistener_new_bind(
        base(),
        [](evconnlistener*, evutil_socket_t fd, sockaddr* peer, int,
           void* arg) {
          EXPECT_EQ(peer->sa_family, AF_INET6);
          auto* from = reinterpret_cast<sockaddr_in6*>(peer);
          *static_cast<bool*>(arg) = IN6_IS_ADDR_V4MAPPED(&from->sin6_addr);
          close(fd);
        },
        &is_mapped_, flags | LEV_OPT_CLOSE_ON_FREE, -1,
        reinterpret_cast<sockaddr*>(&address), sizeof(address));
  }

  static int IsV6Only(evconnlistener* listener) {
    int value = -1;
    socklen_t size = sizeof(value);
    EXPECT_EQ(getsockopt(evconnlistener_get_fd(listener), IPPROTO_IPV6,
                         IPV6_V6ONLY, &value, &size),
              0);
    return value;
  }

  bool is_mapped_ = false;
};

TEST_P(BothFamiliesTest, AnIpv6ListenerTakesIpv4Connections) {
  evconnlistener* listener = Listen(LEV_OPT_BIND_IPV4_AND_IPV6);
  if (listener == nullptr && errno == EAFNOSUPPORT) {
    GTEST_SKIP() << "no IPv6 here";
  }
  ASSERT_NE(listener, nullptr);
  EXPECT_EQ(IsV6Only(listener), 0);
  sockaddr_in6 bound;
  socklen_t size = sizeof(bound);
  ASSERT_EQ(getsockname(evconnlistener_get_fd(listener),
                        reinterpret_cast<sockaddr*>(&bound), &size),
            0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = bound.sin6_port;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
            0);
  EXPECT_EQ(Loop(EVLOOP_ONCE), 0);
  EXPECT_TRUE(is_mapped_);
  close(fd);
  evconnlistener_free(listener);
}

TEST_P(BothFamiliesTest, NotTogetherWithIpv6Only) {
  errno = 0;
  EXPECT_EQ(Listen(LEV_OPT_BIND_IPV4_AND_IPV6 | LEV_OPT_BIND_IPV6ONLY),
            nullptr);
  EXPECT_TRUE(errno == EINVAL || errno == EAFNOSUPPORT) << errno;
}

TEST_P(BothFamiliesTest, NotForAnIpv4Address) {
  TestListener listener(base(), LEV_OPT_BIND_IPV4_AND_IPV6);
  EXPECT_EQ(listener.get(), nullptr);
}

EVOKE_ON_EVERY_BACKEND(BothFamiliesTest);

TEST_P(ListenerTest, UnixDomainAddresses) {
  // Bazel's own directory is too long for a path of a socket.
  char directory[] = "/tmp/evoke.XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  std::string path = std::string(directory) + "/socket";
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof(address.sun_path));
  strcpy(address.sun_path, path.c_str());
  auto* any = reinterpret_cast<sockaddr*>(&address);
  int accepted = 0;
  evconnlistener* listener = evconnlistener_new_bind(
      base(),
      [](evconnlistener*, evutil_socket_t fd, sockaddr* peer, int, void* arg) {
        EXPECT_EQ(peer->sa_family, AF_UNIX);
        close(fd);
        ++*static_cast<int*>(arg);
      },
      &accepted, LEV_OPT_CLOSE_ON_FREE, -1, any, sizeof(address));
  ASSERT_NE(listener, nullptr);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT_EQ(connect(fd, any, sizeof(address)), 0);
  Settle();
  EXPECT_EQ(accepted, 1);
  close(fd);
  evconnlistener_free(listener);
  unlink(path.c_str());
  rmdir(directory);
}

TEST_P(ListenerTest, APortInUseGivesNullAndErrnoAndLeaksNothing) {
  TestListener first(base(), LEV_OPT_CLOSE_ON_FREE);
  sockaddr_in address = {};
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(getsockname(evconnlistener_get_fd(first.get()), any, &size), 0);
  int next = dup(0);
  close(next);
  errno = 0;
  EXPECT_EQ(evconnlistener_new_bind(base(), nullptr, nullptr,
                                    LEV_OPT_CLOSE_ON_FREE, -1, any, size),
            nullptr);
  EXPECT_EQ(errno, EADDRINUSE);
  EXPECT_FALSE(IsOpen(next));
  EXPECT_EQ(evconnlistener_new_bind(base(), nullptr, nullptr, 0, 0, any, size),
            nullptr);
}

TEST_P(ListenerTest, NullArgumentsAreErrorsAndWarnings) {
  static int warnings;
  warnings = 0;
  event_set_log_callback([](int, const char*) { ++warnings; });
  evconnlistener_free(nullptr);
  evconnlistener_set_cb(nullptr, nullptr, nullptr);
  evconnlistener_set_error_cb(nullptr, nullptr);
  EXPECT_EQ(evconnlistener_enable(nullptr), -1);
  EXPECT_EQ(evconnlistener_disable(nullptr), -1);
  EXPECT_EQ(evconnlistener_get_base(nullptr), nullptr);
  EXPECT_EQ(evconnlistener_get_fd(nullptr), -1);
  EXPECT_EQ(warnings, 7);
  event_set_log_callback(nullptr);
}

// Freed memory, kept so that looking at it is allowed.
std::vector<void*> g_freed;

TEST_P(ListenerTest, WhatIsNoListenerIsRefusedWithAWarning) {
  static int warnings;
  warnings = 0;
  event_set_log_callback([](int, const char*) { ++warnings; });
  alignas(16) char memory[1024] = "not a listener";
  auto* foreign = reinterpret_cast<evconnlistener*>(memory);
  EXPECT_EQ(evconnlistener_enable(foreign), -1);
  EXPECT_EQ(evconnlistener_get_fd(foreign), -1);
  evconnlistener_free(foreign);
  EXPECT_EQ(warnings, 3);

  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  evconnlistener* listener = evconnlistener_new_bind(
      base(), nullptr, nullptr, LEV_OPT_CLOSE_ON_FREE, -1,
      reinterpret_cast<sockaddr*>(&address), sizeof(address));
  ASSERT_NE(listener, nullptr);
  event_set_mem_functions(&malloc, &realloc,
                          [](void* block) { g_freed.push_back(block); });
  evconnlistener_free(listener);
  EXPECT_EQ(warnings, 3);
  evconnlistener_free(listener);
  EXPECT_EQ(evconnlistener_disable(listener), -1);
  EXPECT_EQ(warnings, 5);
  event_set_mem_functions(nullptr, nullptr, nullptr);
  for (void* block : g_freed) free(block);
  g_freed.clear();
  event_set_log_callback(nullptr);
}

TEST_P(ListenerTest, FreedTwiceInItsCallbackItIsFreedOnce) {
  static int warnings;
  warnings = 0;
  event_set_log_callback([](int, const char*) { ++warnings; });
  TestListener listener(base(), LEV_OPT_CLOSE_ON_FREE);
  int fd = evconnlistener_get_fd(listener.get());
  listener.on_accept = [&] {
    evconnlistener_free(listener.get());
    EXPECT_EQ(evconnlistener_get_fd(listener.get()), fd)
        << "there until it ends";
    listener.Free();
  };
  listener.Dial();
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(warnings, 1);
  EXPECT_FALSE(IsOpen(fd));
  event_set_log_callback(nullptr);
}

EVOKE_ON_EVERY_BACKEND(ListenerTest);

// --- Every allocation fails once ---------------------------------------------

int g_allocations_left = -1;  // below zero: no limit
long g_blocks = 0;

void* LimitedMalloc(size_t size) {
  if (g_allocations_left == 0) return nullptr;
  if (g_allocations_left > 0) --g_allocations_left;
  ++g_blocks;
  return malloc(size);
}

void* LimitedRealloc(void* block, size_t size) {
  if (block == nullptr) return LimitedMalloc(size);
  if (g_allocations_left == 0) return nullptr;
  if (g_allocations_left > 0) --g_allocations_left;
  return realloc(block, size);
}

void CountedFree(void* block) {
  if (block != nullptr) --g_blocks;
  free(block);
}

// True when a connection was accepted.
bool AcceptOne() {
  Base base(event_base_new());
  if (base == nullptr) return false;
  TestListener listener(base.get(), LEV_OPT_CLOSE_ON_FREE);
  if (listener.get() == nullptr) return false;
  listener.Dial();
  event_base_loop(base.get(), EVLOOP_NONBLOCK);
  return listener.accepted.size() == 1;
}

TEST(ListenerMemoryTest, AnyAllocationMayFail) {
  event_set_mem_functions(LimitedMalloc, LimitedRealloc, CountedFree);
  event_set_log_callback([](int, const char*) {});
  int next = dup(0);
  close(next);
  bool worked = false;
  int limit = 0;
  for (; !worked; ++limit) {
    ASSERT_LT(limit, 1000);
    g_allocations_left = limit;
    worked = AcceptOne();
    g_allocations_left = -1;
    libevent_global_shutdown();
    EXPECT_EQ(g_blocks, 0) << "after " << limit << " allocations";
    EXPECT_FALSE(IsOpen(next)) << "after " << limit << " allocations";
  }
  EXPECT_GT(limit, 3);
  event_set_log_callback(nullptr);
  event_set_mem_functions(nullptr, nullptr, nullptr);
}

// It would look like a listener and never accept anything.
TEST(ListenerMemoryTest, WithoutRoomInTheLoopThereIsNone) {
  event_set_mem_functions(LimitedMalloc, LimitedRealloc, CountedFree);
  {
    Base base(event_base_new());
    g_allocations_left = 1;  // the listener, not the loop's room for its fd
    errno = 0;
    TestListener listener(base.get(), LEV_OPT_CLOSE_ON_FREE);
    EXPECT_EQ(listener.get(), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    g_allocations_left = -1;
  }
  libevent_global_shutdown();
  EXPECT_EQ(g_blocks, 0);
  event_set_mem_functions(nullptr, nullptr, nullptr);
}

}  // namespace
}  // namespace evoke::testing
