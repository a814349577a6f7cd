// SPDX-License-Identifier: BSD-3-Clause
//
// A bufferevent without a lock gets one from a filter that is made over it: in
// its own callbacks, or between bufferevent_lock() and bufferevent_unlock().
// Lock debugging ends the program when a lock is let go that nobody holds, or
// freed while somebody does. Meant to be run under ThreadSanitizer too.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/thread.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "tests/bufferevent/test_bufferevent.h"

namespace evoke::testing {
namespace {

constexpr int kKinds[] = {0, BEV_OPT_DEFER_CALLBACKS,
                          BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS};

class LateLockTest : public BackendTest {
 protected:
  void TearDown() override {
    End();
    BackendTest::TearDown();
  }

  // A bufferevent without a lock; what it is over ends with it.
  void Begin(int options) {
    End();
    pair_ = std::make_unique<SocketPair>();
    bev_ = std::make_unique<TestBufferevent>(base(), (*pair_)[0], options);
    bev_->Enable(EV_READ | EV_WRITE);
    Turns();
    bev_->record.clear();
  }
  // The lock goes here; nobody may hold it.
  void End() {
    if (filter_ != nullptr) {
      EXPECT_TRUE(OtherThreadGetsTheLock());
      filter_.reset();
    }
    bev_.reset();
    Turns();
    pair_.reset();
  }
  void Turns() {
    for (int i = 0; i < 4; ++i) Loop(EVLOOP_NONBLOCK);
  }

  void MakeFilter(int options = 0) {
    if (filter_ != nullptr) return;
    filter_ = std::make_unique<TestBufferevent>(
        bufferevent_filter_new(bev_->get(), nullptr, nullptr,
                               options | BEV_OPT_THREADSAFE, nullptr, nullptr));
    filter_->Enable(EV_READ | EV_WRITE);
  }

  // The filter works, in both directions.
  void ExpectService() {
    ASSERT_NE(filter_, nullptr);
    Turns();
    pair_->Read(1);
    pair_->Write(1, "to us");
    filter_->Write("from us");
    Turns();
    // What was there before the filter waits for more.
    EXPECT_TRUE(filter_->Take().ends_with("to us"));
    EXPECT_EQ(pair_->Read(1), "from us");
  }

  // Hangs when it does not.
  bool OtherThreadGetsTheLock() {
    bool got = false;
    std::thread([&] {
      for (TestBufferevent* each : {bev_.get(), filter_.get()}) {
        bufferevent_lock(each->get());
        got = true;
        bufferevent_unlock(each->get());
      }
    }).join();
    return got;
  }

  // What is written before `unlock` another thread sees that wants the lock
  // since before.
  void ExpectHeldUntil(const std::function<void()>& unlock) {
    int value = 0;
    int seen = 0;
    std::thread other([&] {
      bufferevent_lock(filter_->get());
      seen = value;
      bufferevent_unlock(filter_->get());
    });
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    value = 1;
    unlock();
    other.join();
    EXPECT_EQ(seen, 1);
  }

  std::unique_ptr<SocketPair> pair_;
  std::unique_ptr<TestBufferevent> bev_;
  std::unique_ptr<TestBufferevent> filter_;
};

TEST_P(LateLockTest, MadeInTheReadCallback) {
  for (int options : kKinds) {
    for (int filter_options : kKinds) {
      Begin(options);
      bev_->on_read = [&] { MakeFilter(filter_options); };
      pair_->Write(1, "first");
      Turns();
      ExpectService();
      End();
    }
  }
}

TEST_P(LateLockTest, MadeInTheWriteCallback) {
  for (int options : kKinds) {
    Begin(options);
    bev_->on_write = [&] { MakeFilter(options); };
    bev_->Write("first");
    Turns();
    ExpectService();
    End();
  }
}

TEST_P(LateLockTest, MadeInTheEventCallback) {
  for (int options : kKinds) {
    for (int trigger_options :
         {0, static_cast<int>(BEV_TRIG_DEFER_CALLBACKS)}) {
      Begin(options);
      bev_->on_event = [&](short) { MakeFilter(options); };
      bufferevent_trigger_event(bev_->get(), BEV_EVENT_CONNECTED,
                                trigger_options);
      Turns();
      ExpectService();
      End();
    }
  }
}

TEST_P(LateLockTest, MadeInTheEventCallbackOfATimeout) {
  for (int options : kKinds) {
    Begin(options);
    bev_->on_event = [&](short) { MakeFilter(options); };
    timeval soon = {0, 1};
    bufferevent_set_timeouts(bev_->get(), &soon, nullptr);
    while (filter_ == nullptr) Loop(EVLOOP_ONCE);
    bufferevent_set_timeouts(bev_->get(), nullptr, nullptr);
    bev_->Enable(EV_READ);
    ExpectService();
    End();
  }
}

TEST_P(LateLockTest, MadeWhenTheConnectionStands) {
  for (int options : kKinds) {
    Begin(options);
    bev_->on_event = [&](short what) {
      if (what & BEV_EVENT_CONNECTED) MakeFilter(options);
    };
    // Without an address it waits for a connect that the program began.
    EXPECT_EQ(bufferevent_socket_connect(bev_->get(), nullptr, 0), 0);
    Turns();
    ExpectService();
    End();
  }
}

// What is still due is told to the filter.
TEST_P(LateLockTest, MadeInTheFirstOfSeveralCallbacks) {
  for (int options : kKinds) {
    Begin(options);
    bev_->on_read = [&] { MakeFilter(options); };
    bufferevent_trigger(bev_->get(), EV_READ | EV_WRITE,
                        BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
    bufferevent_trigger_event(bev_->get(), BEV_EVENT_EOF,
                              BEV_TRIG_DEFER_CALLBACKS);
    Turns();
    EXPECT_EQ(bev_->record, Record({"read"}));
    EXPECT_EQ(filter_->record.back(), "EOF");
    ExpectService();
    End();
  }
}

TEST_P(LateLockTest, MadeInACallbackInsideACallback) {
  for (int options : kKinds) {
    Begin(options);
    int depth = 0;
    bev_->on_read = [&] {
      if (++depth == 3) MakeFilter(options);
      if (depth < 3) {
        bufferevent_trigger(bev_->get(), EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
      }
      // Here, inside, the first bufferevent may still be used.
      bufferevent_enable(bev_->get(), EV_WRITE);
      bufferevent_setwatermark(bev_->get(), EV_READ, 0, 0);
    };
    pair_->Write(1, "first");
    Turns();
    EXPECT_EQ(depth, 3);
    ExpectService();
    End();
  }
}

TEST_P(LateLockTest, MadeInACallbackOfTheInput) {
  for (int options : kKinds) {
    Begin(options);
    std::function<void()> make = [&] { MakeFilter(options); };
    evbuffer* input = bufferevent_get_input(bev_->get());
    evbuffer_cb_entry* entry = evbuffer_add_cb(
        input,
        [](evbuffer*, const evbuffer_cb_info*, void* arg) {
          (*static_cast<std::function<void()>*>(arg))();
        },
        &make);
    pair_->Write(1, "first");
    Turns();
    evbuffer_remove_cb_entry(input, entry);
    ExpectService();
    End();
  }
}

TEST_P(LateLockTest, MadeBetweenLockAndUnlock) {
  for (int options : kKinds) {
    Begin(options);
    bufferevent_lock(bev_->get());
    bufferevent_unlock(bev_->get());
    bufferevent_lock(bev_->get());
    bufferevent_lock(bev_->get());
    MakeFilter(options);
    bufferevent_lock(bev_->get());
    bufferevent_unlock(bev_->get());
    bufferevent_unlock(bev_->get());
    ExpectHeldUntil([&] { bufferevent_unlock(bev_->get()); });
    ExpectService();
    End();
  }
}

TEST_P(LateLockTest, MadeBetweenLockAndUnlockInACallback) {
  for (int options : kKinds) {
    Begin(options);
    bev_->on_read = [&] {
      if (filter_ != nullptr) return;
      bufferevent_lock(bev_->get());
      MakeFilter(options);
      ExpectHeldUntil([&] { bufferevent_unlock(bev_->get()); });
    };
    pair_->Write(1, "first");
    Turns();
    ExpectService();
    End();
  }
}

// The lock that the program took stays its own when the callback returns.
TEST_P(LateLockTest, LockedInACallbackUnlockedAfterIt) {
  for (int options : kKinds) {
    Begin(options);
    bev_->on_read = [&] {
      if (filter_ != nullptr) return;
      bufferevent_lock(bev_->get());
      MakeFilter(options);
    };
    pair_->Write(1, "first");
    Turns();
    ExpectHeldUntil([&] { bufferevent_unlock(bev_->get()); });
    ExpectService();
    End();
  }
}

TEST_P(LateLockTest, MadeOverAFilterItGoesDownToTheSocket) {
  for (int options : kKinds) {
    Begin(options);
    TestBufferevent middle(bufferevent_filter_new(bev_->get(), nullptr, nullptr,
                                                  options, nullptr, nullptr));
    middle.Enable(EV_READ | EV_WRITE);
    middle.on_read = [&] {
      if (filter_ != nullptr) return;
      filter_ = std::make_unique<TestBufferevent>(bufferevent_filter_new(
          middle.get(), nullptr, nullptr, options | BEV_OPT_THREADSAFE, nullptr,
          nullptr));
      filter_->Enable(EV_READ | EV_WRITE);
    };
    bufferevent_lock(bev_->get());
    pair_->Write(1, "first");
    Turns();
    ASSERT_NE(filter_, nullptr);
    ExpectHeldUntil([&] { bufferevent_unlock(bev_->get()); });
    ExpectService();
    filter_.reset();
    middle.Free();
    End();
  }
}

// Another thread may use the filter as soon as it is there, while the callback
// and what the library does after it go on.
TEST_P(LateLockTest, AnotherThreadUsesItAtOnce) {
  for (int options : kKinds) {
    for (int round = 0; round < 20; ++round) {
      Begin(options);
      std::thread other;
      auto make = [&] {
        if (filter_ != nullptr) return;
        MakeFilter(options);
        other = std::thread([filter = filter_->get()] {
          for (int i = 0; i < 10; ++i) {
            bufferevent_write(filter, "abc", 3);
            bufferevent_setwatermark(filter, EV_READ, 1, 0);
            bufferevent_enable(filter, EV_READ | EV_WRITE);
          }
        });
      };
      if (round % 2 == 0) {
        bev_->on_read = make;
        pair_->Write(1, "first");
      } else {
        bev_->on_event = [make](short) { make(); };
        EXPECT_EQ(bufferevent_socket_connect(bev_->get(), nullptr, 0), 0);
      }
      Turns();
      other.join();
      ExpectService();
      End();
    }
  }
}

// Another thread may make it while the callback waits for that.
TEST_P(LateLockTest, MadeByAnotherThreadThatTheCallbackWaitsFor) {
  for (int options : kKinds) {
    Begin(options);
    bev_->on_read = [&] { std::thread([&] { MakeFilter(options); }).join(); };
    pair_->Write(1, "first");
    Turns();
    ExpectService();
    End();
  }
}

TEST_P(LateLockTest, FreedInTheCallbackThatMadeTheFilter) {
  for (int options : kKinds) {
    Begin(options);
    bev_->on_read = [&] {
      MakeFilter(options);
      filter_->Free();
      filter_.reset();
      bev_->Free();
    };
    pair_->Write(1, "first");
    Turns();
    EXPECT_EQ(bev_->record, Record({"read"}));
    End();
  }
}

EVOKE_ON_EVERY_BACKEND(LateLockTest);

}  // namespace
}  // namespace evoke::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  evthread_enable_lock_debugging();
  if (evthread_use_pthreads() != 0) return 1;
  return RUN_ALL_TESTS();
}
