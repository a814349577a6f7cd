// SPDX-License-Identifier: BSD-3-Clause
//
// What the tests of single backends share: an open state with the loop's part
// of the contract, non-blocking socket pairs, and memory that runs short.
#ifndef EVOKE_TESTS_BACKENDS_BACKEND_BENCH_H_
#define EVOKE_TESTS_BACKENDS_BACKEND_BENCH_H_

#include <errno.h>
#include <event2/event.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <vector>

#include "backends/backend.h"

namespace evoke::testing {

// A connected pair; closed at the end.
class Sockets {
 public:
  Sockets() {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_), 0);
  }
  Sockets(Sockets&& other) {
    for (int i = 0; i < 2; ++i) fds_[i] = std::exchange(other.fds_[i], -1);
  }
  ~Sockets() {
    for (int fd : fds_) {
      if (fd >= 0) close(fd);
    }
  }
  int ours() const { return fds_[0]; }
  int peer() const { return fds_[1]; }
  void Send() { EXPECT_EQ(write(peer(), "x", 1), 1); }
  void Receive() {
    char byte;
    EXPECT_EQ(read(ours(), &byte, 1), 1);
  }
  void CloseOurs() { close(std::exchange(fds_[0], -1)); }

 private:
  int fds_[2];
};

class State {
 public:
  explicit State(const evoke_backend& table, unsigned flags = 0)
      : table_(table) {
    evoke_backend_options options = {sizeof(options), flags};
    state_ = table.open(&options);
    EXPECT_NE(state_, nullptr);
  }
  ~State() {
    table_.close(state_);
    free(sink_.list);
  }

  int Change(int fd, short interest, bool edge = false) {
    std::vector<char>& room = rooms_[fd];
    room.resize(table_.per_fd_bytes);
    short& told = interests_[fd];
    int result = table_.change(state_, fd, told, interest, edge, room.data());
    if (result == 0) told = interest;
    return result;
  }

  // What wait() returned; the reports are in ready().
  int Wait(int64_t timeout_us = 0) {
    sink_.count = 0;
    int result = table_.wait(state_, timeout_us, &sink_);
    ready_.clear();
    for (int i = 0; i < sink_.count; ++i) {
      ready_[sink_.list[i].fd] = sink_.list[i].ready;
    }
    EXPECT_EQ(static_cast<int>(ready_.size()), sink_.count);
    return result;
  }
  const std::map<int, short>& ready() const { return ready_; }
  short ReadyOf(int fd) const {
    auto it = ready_.find(fd);
    return it == ready_.end() ? 0 : it->second;
  }

  // As the loop does after EVOKE_WAIT_REBUILT. False if one was refused.
  bool HandOver() {
    bool all = true;
    for (auto& [fd, interest] : interests_) {
      rooms_[fd].assign(table_.per_fd_bytes, 0);
      if (interest == 0) continue;
      all &= table_.change(state_, fd, 0, interest, 0, rooms_[fd].data()) == 0;
    }
    return all;
  }

 private:
  static int Grow(evoke_ready_sink* sink) {
    sink->capacity += 1024;
    sink->list = static_cast<evoke_ready*>(
        realloc(sink->list, sink->capacity * sizeof(evoke_ready)));
    return 1;
  }

  const evoke_backend& table_;
  void* state_;
  std::map<int, short> interests_;
  std::map<int, std::vector<char>> rooms_;
  evoke_ready_sink sink_ = {nullptr, 0, 0, Grow};
  std::map<int, short> ready_;
};

// --- Memory that runs short
// ---------------------------------------------------

inline int g_allocations_left = -1;  // -1: no limit
inline int g_allocations_alive = 0;

inline bool TakeAllocation() {
  if (g_allocations_left == 0) return false;
  if (g_allocations_left > 0) --g_allocations_left;
  return true;
}

inline void CountMemory() {
  event_set_mem_functions(
      [](size_t size) -> void* {
        if (!TakeAllocation()) return nullptr;
        ++g_allocations_alive;
        return malloc(size);
      },
      [](void* memory, size_t size) -> void* {
        if (!TakeAllocation()) return nullptr;
        if (memory == nullptr) ++g_allocations_alive;
        return realloc(memory, size);
      },
      [](void* memory) {
        --g_allocations_alive;
        free(memory);
      });
}

// Opens, watches, waits and closes with the n-th allocation failing, for every
// n, until all goes well. Whatever fails says ENOMEM; nothing leaks, and what
// was watched before goes on.
inline void ExpectToSurviveShortMemory(const evoke_backend& table) {
  CountMemory();
  std::vector<Sockets> sockets(80);
  bool has_failed = true;
  for (int n = 0; has_failed; ++n) {
    ASSERT_LT(n, 100);
    has_failed = false;
    g_allocations_left = n;
    evoke_backend_options options = {sizeof(options), 0};
    errno = 0;
    void* state = table.open(&options);
    if (state == nullptr) {
      EXPECT_EQ(errno, ENOMEM);
      has_failed = true;
    }
    std::vector<int> room(1);
    for (Sockets& pair : sockets) {
      if (has_failed) break;
      errno = 0;
      room[0] = 0;
      if (table.change(state, pair.ours(), 0, EV_WRITE, 0, room.data()) < 0) {
        EXPECT_EQ(errno, ENOMEM);
        has_failed = true;
      }
    }
    g_allocations_left = -1;
    if (state != nullptr) {
      evoke_ready list[128];
      evoke_ready_sink sink = {list, 0, 128,
                               [](evoke_ready_sink*) { return 0; }};
      EXPECT_EQ(table.wait(state, 0, &sink), 0);
      table.close(state);
    }
    EXPECT_EQ(g_allocations_alive, 0);
  }
  event_set_mem_functions(nullptr, nullptr, nullptr);
}

}  // namespace evoke::testing

#endif  // EVOKE_TESTS_BACKENDS_BACKEND_BENCH_H_
