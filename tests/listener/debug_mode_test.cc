// SPDX-License-Identifier: BSD-3-Clause
//
// Listeners in debug mode, which is turned on before the first event of a
// process: so every test runs in a child of its own.
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace evoke::testing {
namespace {

constexpr int kFatal = 99;

// Runs `body` in a child in debug mode, where freed memory stays readable; what
// it returns, or kFatal.
int InDebugMode(const std::function<int()>& body) {
  pid_t child = fork();
  if (child == 0) {
    event_set_mem_functions(malloc, realloc, [](void*) {});
    event_set_log_callback([](int, const char*) {});
    event_set_fatal_callback([](int) { _exit(kFatal); });
    event_enable_debug_mode();
    _exit(body());
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

evconnlistener* NewListener(event_base* base) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return evconnlistener_new_bind(
      base,
      [](evconnlistener*, evutil_socket_t fd, sockaddr*, int, void*) {
        close(fd);
      },
      nullptr, LEV_OPT_CLOSE_ON_FREE, -1, reinterpret_cast<sockaddr*>(&address),
      sizeof(address));
}

// The event of a listener that is not freed yet; behind it is another, for its
// pauses.
event* EventOf(event_base* base) {
  event* found = nullptr;
  event_base_foreach_event(
      base,
      [](const event_base*, const event* ev, void* arg) {
        *static_cast<event**>(arg) = const_cast<event*>(ev);
        return 1;
      },
      &found);
  return found;
}

// Else its table would grow with each listener, and the program's mistakes
// there would not be seen.
TEST(ListenerDebugModeTest, WhatWasAListenersIsNoEventAnyMore) {
  for (size_t which : {0, 1}) {
    for (bool is_freed : {false, true}) {
      const auto body = [&] {
        event_base* base = event_base_new();
        evconnlistener* listener = NewListener(base);
        event* ev = EventOf(base) + which;
        if (is_freed) evconnlistener_free(listener);
        event_get_fd(ev);
        return 0;
      };
      EXPECT_EQ(InDebugMode(body), is_freed ? kFatal : 0) << which;
    }
  }
}

}  // namespace
}  // namespace evoke::testing
