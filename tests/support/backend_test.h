// SPDX-License-Identifier: BSD-3-Clause
//
// What tests that run on every backend share: a fixture whose parameter is the
// backend's name, and small owners for bases, events and socket pairs.
#ifndef EVOKE_TESTS_SUPPORT_BACKEND_TEST_H_
#define EVOKE_TESTS_SUPPORT_BACKEND_TEST_H_

#include <event2/event.h>
#include <event2/util.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace evoke::testing {

struct FreeBase {
  void operator()(event_base* base) const { event_base_free(base); }
};
using Base = std::unique_ptr<event_base, FreeBase>;

// A base on the backend `method`, by avoiding the others; `flags` as for
// event_config_set_flag().
inline Base NewBase(const std::string& method, int flags = 0) {
  event_config* config = event_config_new();
  for (const char* other : {"epoll", "poll", "select"}) {
    if (method != other) event_config_avoid_method(config, other);
  }
  event_config_set_flag(config, flags);
  Base base(event_base_new_with_config(config));
  event_config_free(config);
  return base;
}

// An event whose callback is a std::function; deleted with this object.
class TestEvent {
 public:
  using Callback = std::function<void(short what)>;

  TestEvent(event_base* base, evutil_socket_t fd, short events,
            Callback callback)
      : callback_(std::move(callback)),
        event_(event_new(base, fd, events, &TestEvent::Run, this)) {}
  TestEvent(const TestEvent&) = delete;
  TestEvent& operator=(const TestEvent&) = delete;
  ~TestEvent() { event_free(event_); }

  event* get() const { return event_; }

  int Add() { return event_add(event_, nullptr); }
  int AddMicros(long micros) {
    timeval tv = {micros / 1000000, micros % 1000000};
    return event_add(event_, &tv);
  }
  int Del() { return event_del(event_); }
  int Pending(short what) const { return event_pending(event_, what, nullptr); }

 private:
  static void Run(evutil_socket_t, short what, void* arg) {
    static_cast<TestEvent*>(arg)->callback_(what);
  }

  Callback callback_;
  event* event_;
};

// Two connected non-blocking Unix-domain sockets.
class SocketPair {
 public:
  SocketPair() {
    EXPECT_EQ(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fds_), 0);
    for (int fd : fds_) evutil_make_socket_nonblocking(fd);
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;
  ~SocketPair() {
    Close(0);
    Close(1);
  }

  int operator[](int end) const { return fds_[end]; }
  void Close(int end) {
    if (fds_[end] >= 0) close(fds_[end]);
    fds_[end] = -1;
  }
  void Write(int end, const std::string& bytes) {
    EXPECT_EQ(write(fds_[end], bytes.data(), bytes.size()),
              static_cast<ssize_t>(bytes.size()));
  }
  std::string Read(int end) {
    char bytes[65536];
    ssize_t got = read(fds_[end], bytes, sizeof(bytes));
    return got > 0 ? std::string(bytes, got) : std::string();
  }

 private:
  int fds_[2] = {-1, -1};
};

class BackendTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    base_ = NewBase(GetParam());
    ASSERT_NE(base_, nullptr);
    ASSERT_STREQ(event_base_get_method(base_.get()), GetParam());
  }

  event_base* base() const { return base_.get(); }
  int Loop(int flags = 0) { return event_base_loop(base(), flags); }

  Base base_;
};

inline std::string BackendName(
    const ::testing::TestParamInfo<const char*>& info) {
  return info.param;
}

}  // namespace evoke::testing

#define EVOKE_ON_EVERY_BACKEND(fixture)                                  \
  INSTANTIATE_TEST_SUITE_P(Backends, fixture,                            \
                           ::testing::Values("epoll", "poll", "select"), \
                           ::evoke::testing::BackendName)

#endif  // EVOKE_TESTS_SUPPORT_BACKEND_TEST_H_
