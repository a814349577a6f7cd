// SPDX-License-Identifier: BSD-3-Clause
//
// Looking into a bufferevent by its events.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <evoke/extend.h>

#include <string>
#include <thread>

#include "tests/support/backend_test.h"

namespace evoke::testing {
namespace {

class PeekTest : public BackendTest {};

TEST_P(PeekTest, TellsWhatABuffereventHolds) {
  SocketPair pair;
  bufferevent* bev = bufferevent_socket_new(base(), pair[0], 0);
  bufferevent_setwatermark(bev, EV_READ, 1, 20);
  bufferevent_setwatermark(bev, EV_WRITE, 3, 40);
  bufferevent_enable(bev, EV_READ);
  pair.Write(1, "hello");
  Loop(EVLOOP_ONCE);
  bufferevent_write(bev, "four", 4);
  for (const event* ev : {&bev->ev_read, &bev->ev_write}) {
    evoke_buffers buffers = {};
    ASSERT_EQ(evoke_peek_buffers(ev, &buffers), 0);
    EXPECT_EQ(buffers.bufferevent, bev);
    EXPECT_EQ(buffers.input, 5u);
    EXPECT_EQ(buffers.output, 4u);
    EXPECT_EQ(buffers.read_low, 1u);
    EXPECT_EQ(buffers.read_high, 20u);
    EXPECT_EQ(buffers.write_low, 3u);
    EXPECT_EQ(buffers.write_high, 40u);
  }
  bufferevent_free(bev);
}

TEST_P(PeekTest, OtherEventsHaveNone) {
  SocketPair pair;
  TestEvent plain(base(), pair[0], EV_READ, [](short) {});
  bufferevent* ends[2];
  ASSERT_EQ(bufferevent_pair_new(base(), 0, ends), 0);
  evoke_buffers buffers = {};
  EXPECT_EQ(evoke_peek_buffers(plain.get(), &buffers), -1);
  EXPECT_EQ(evoke_peek_buffers(&ends[0]->ev_read, &buffers), -1);
  EXPECT_EQ(evoke_peek_buffers(nullptr, &buffers), -1);
  EXPECT_EQ(evoke_peek_buffers(plain.get(), nullptr), -1);
  bufferevent_free(ends[0]);
  bufferevent_free(ends[1]);
}

// Nor does it wait for one.
TEST_P(PeekTest, AnotherThreadIsAtWork) {
  ASSERT_EQ(evthread_use_pthreads(), 0);
  Base threaded = NewBase(GetParam());
  SocketPair pair;
  bufferevent* bev =
      bufferevent_socket_new(threaded.get(), pair[0], BEV_OPT_THREADSAFE);
  evoke_buffers buffers = {};
  bufferevent_lock(bev);
  EXPECT_EQ(evoke_peek_buffers(&bev->ev_read, &buffers), 0);
  std::thread([&] {
    EXPECT_EQ(evoke_peek_buffers(&bev->ev_read, &buffers), 1);
  }).join();
  bufferevent_unlock(bev);
  std::thread([&] {
    EXPECT_EQ(evoke_peek_buffers(&bev->ev_read, &buffers), 0);
  }).join();
  // Freed, and its memory still there, as it is while its events leave.
  bufferevent_free(bev);
  ASSERT_EQ(evoke_peek_buffers(&bev->ev_read, &buffers), 0);
  EXPECT_EQ(buffers.bufferevent, nullptr);
  event_base_loop(threaded.get(), EVLOOP_NONBLOCK);
}

EVOKE_ON_EVERY_BACKEND(PeekTest);

}  // namespace
}  // namespace evoke::testing
