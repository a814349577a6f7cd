// SPDX-License-Identifier: BSD-3-Clause
#include "buffer/callbacks.h"

#include <event2/event.h>

#include <string>
#include <vector>

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

// Writes down every call as "name:orig+added-deleted".
struct Recorder {
  std::vector<std::string>* calls;
  std::string name;

  static void Call(evbuffer*, const evbuffer_cb_info* info, void* arg) {
    auto* self = static_cast<Recorder*>(arg);
    self->calls->push_back(self->name + ":" + std::to_string(info->orig_size) +
                           "+" + std::to_string(info->n_added) + "-" +
                           std::to_string(info->n_deleted));
  }
};

class Callbacks : public testing::Test {
 protected:
  std::vector<std::string> TakeCalls() { return std::exchange(calls_, {}); }

  using Calls = std::vector<std::string>;
  Calls calls_;
  Recorder first_{&calls_, "first"}, second_{&calls_, "second"},
      watcher_{&calls_, "watcher"};
  OwnedBuffer owned_ = NewBuffer();
  evbuffer* buffer_ = owned_.get();
};

TEST_F(Callbacks, RunAtOnceTheLastAddedFirst) {
  evbuffer_add_cb(buffer_, &Recorder::Call, &first_);
  evbuffer_add_cb(buffer_, &Recorder::Call, &second_);
  evbuffer_add(buffer_, "hello", 5);
  EXPECT_EQ(TakeCalls(), (Calls{"second:0+5-0", "first:0+5-0"}));
  evbuffer_add(buffer_, "", 0);
  evbuffer_drain(buffer_, 0);
  EXPECT_EQ(TakeCalls(), Calls{});
  evbuffer_drain(buffer_, 100);
  EXPECT_EQ(TakeCalls(), (Calls{"second:5+0-5", "first:5+0-5"}));
}

TEST_F(Callbacks, OfBothBuffersRunWhenBytesMove) {
  OwnedBuffer other = NewBuffer("moved");
  evbuffer_add_cb(buffer_, &Recorder::Call, &first_);
  evbuffer_add_cb(other.get(), &Recorder::Call, &second_);
  evbuffer_add_buffer(buffer_, other.get());
  EXPECT_EQ(TakeCalls(), (Calls{"second:5+0-5", "first:0+5-0"}));
  evbuffer_remove_buffer(buffer_, other.get(), 2);
  EXPECT_EQ(TakeCalls(), (Calls{"second:0+2-0", "first:5+0-2"}));
}

TEST_F(Callbacks, ReadlnTellsTheLineThenItsEnd) {
  evbuffer_add(buffer_, "ab\r\n\n", 5);
  evbuffer_add_cb(buffer_, &Recorder::Call, &first_);
  free(evbuffer_readln(buffer_, nullptr, EVBUFFER_EOL_CRLF));
  EXPECT_EQ(TakeCalls(), (Calls{"first:5+0-2", "first:3+0-2"}));
  free(evbuffer_readln(buffer_, nullptr, EVBUFFER_EOL_LF));
  EXPECT_EQ(TakeCalls(), (Calls{"first:1+0-1"}));
}

TEST_F(Callbacks, DisabledOnesAreNotToldLater) {
  evbuffer_cb_entry* entry = evbuffer_add_cb(buffer_, &Recorder::Call, &first_);
  EXPECT_EQ(evbuffer_cb_clear_flags(buffer_, entry, EVBUFFER_CB_ENABLED), 0);
  evbuffer_add(buffer_, "quiet", 5);
  EXPECT_EQ(evbuffer_cb_set_flags(buffer_, entry, EVBUFFER_CB_ENABLED), 0);
  evbuffer_add(buffer_, "!", 1);
  EXPECT_EQ(TakeCalls(), (Calls{"first:5+1-0"}));
}

TEST_F(Callbacks, CanBeRemovedByEntryOrByFunction) {
  evbuffer_cb_entry* entry = evbuffer_add_cb(buffer_, &Recorder::Call, &first_);
  evbuffer_add_cb(buffer_, &Recorder::Call, &second_);
  EXPECT_EQ(evbuffer_remove_cb(buffer_, &Recorder::Call, nullptr), -1);
  EXPECT_EQ(evbuffer_remove_cb(buffer_, &Recorder::Call, &second_), 0);
  EXPECT_EQ(evbuffer_remove_cb_entry(buffer_, entry), 0);
  EXPECT_EQ(evbuffer_remove_cb_entry(buffer_, nullptr), -1);
  evbuffer_add(buffer_, "x", 1);
  EXPECT_EQ(TakeCalls(), Calls{});
}

// Each of these is a callback that does something unusual to its buffer.
void AddOnce(evbuffer* buffer, const evbuffer_cb_info*, void* arg) {
  if (--*static_cast<int*>(arg) >= 0) evbuffer_add(buffer, "again", 5);
}
void RemoveAll(evbuffer* buffer, const evbuffer_cb_info*, void*) {
  RemoveAllCallbacks(buffer);
}
void FreeBuffer(evbuffer* buffer, const evbuffer_cb_info*, void*) {
  evbuffer_free(buffer);
}

TEST_F(Callbacks, OneThatAddsIsCalledAgain) {
  int times = 1;
  evbuffer_add_cb(buffer_, &Recorder::Call, &first_);
  evbuffer_add_cb(buffer_, &AddOnce, &times);
  evbuffer_add(buffer_, "x", 1);
  EXPECT_EQ(TakeCalls(), (Calls{"first:1+5-0", "first:0+1-0"}));
  EXPECT_EQ(times, -1);
}

TEST_F(Callbacks, OneMayRemoveAllOthers) {
  evbuffer_add_cb(buffer_, &Recorder::Call, &first_);
  evbuffer_add_cb(buffer_, &Recorder::Call, &second_);
  evbuffer_add_cb(buffer_, &RemoveAll, nullptr);
  evbuffer_add(buffer_, "x", 1);
  EXPECT_EQ(TakeCalls(), Calls{});
}

TEST_F(Callbacks, OneMayFreeTheBufferUnderAnyOperation) {
  for (int operation = 0; operation < 5; ++operation) {
    OwnedBuffer other = NewBuffer("other");
    evbuffer* doomed = evbuffer_new();
    evbuffer_add(doomed, "line\nmore", 9);
    evbuffer_add_cb(doomed, &FreeBuffer, nullptr);
    switch (operation) {
      case 0:
        evbuffer_add(doomed, "x", 1);
        break;
      case 1:
        evbuffer_drain(doomed, 1);
        break;
      case 2:
        evbuffer_add_buffer(doomed, other.get());
        break;
      case 3:
        evbuffer_remove_buffer(doomed, other.get(), 2);
        break;
      case 4:
        evbuffer_prepend_buffer(other.get(), doomed);
        break;
    }
  }
}

TEST_F(Callbacks, TheWatcherIsToldAtOnceAfterTheOthersAndStays) {
  evbuffer_add_cb(buffer_, &Recorder::Call, &first_);
  BufferSetWatcher(buffer_, &Recorder::Call, &watcher_);
  evbuffer_add(buffer_, "abc", 3);
  EXPECT_EQ(TakeCalls(), (Calls{"first:0+3-0", "watcher:0+3-0"}));
  RemoveAllCallbacks(buffer_);
  evbuffer_drain(buffer_, 1);
  EXPECT_EQ(TakeCalls(), (Calls{"watcher:3+0-1"}));
  BufferSetWatcher(buffer_, nullptr, nullptr);
  evbuffer_drain(buffer_, 1);
  EXPECT_EQ(TakeCalls(), Calls{});
}

class DeferredCallbacks : public Callbacks {
 protected:
  void SetUp() override {
    ASSERT_NE(base_, nullptr);
    ASSERT_EQ(evbuffer_defer_callbacks(buffer_, base_), 0);
  }
  void TearDown() override {
    owned_.reset();
    event_base_free(base_);
  }
  void Turn() { event_base_loop(base_, EVLOOP_NONBLOCK); }

  event_base* base_ = event_base_new();
};

TEST_F(DeferredCallbacks, RunFromTheLoopWithTheSum) {
  evbuffer_add_cb(buffer_, &Recorder::Call, &first_);
  evbuffer_add(buffer_, "abc", 3);
  evbuffer_add(buffer_, "de", 2);
  evbuffer_drain(buffer_, 1);
  EXPECT_EQ(TakeCalls(), Calls{});
  Turn();
  EXPECT_EQ(TakeCalls(), (Calls{"first:0+5-1"}));
  Turn();
  EXPECT_EQ(TakeCalls(), Calls{});
}

TEST_F(DeferredCallbacks, NodeferOnesAndTheWatcherStillRunAtOnce) {
  constexpr uint32_t kNodefer = 2;
  evbuffer_add_cb(buffer_, &Recorder::Call, &first_);
  evbuffer_cb_entry* entry =
      evbuffer_add_cb(buffer_, &Recorder::Call, &second_);
  evbuffer_cb_set_flags(buffer_, entry, kNodefer);
  BufferSetWatcher(buffer_, &Recorder::Call, &watcher_);
  evbuffer_add(buffer_, "ab", 2);
  EXPECT_EQ(TakeCalls(), (Calls{"second:0+2-0", "watcher:0+2-0"}));
  evbuffer_add(buffer_, "c", 1);
  // What the deferred ones have not heard yet is told to the others again.
  EXPECT_EQ(TakeCalls(), (Calls{"second:0+3-0", "watcher:2+1-0"}));
  Turn();
  EXPECT_EQ(TakeCalls(), (Calls{"first:0+3-0"}));
}

TEST_F(DeferredCallbacks, AFreedBufferLivesUntilTheyRan) {
  evbuffer_add_cb(buffer_, &Recorder::Call, &first_);
  evbuffer_add(buffer_, "abc", 3);
  owned_.reset();
  Turn();
  EXPECT_EQ(TakeCalls(), (Calls{"first:0+3-0"}));
}

TEST_F(DeferredCallbacks, MayMoveToAnotherBaseWhileScheduled) {
  event_base* other = event_base_new();
  evbuffer_add_cb(buffer_, &Recorder::Call, &first_);
  evbuffer_add(buffer_, "abc", 3);
  ASSERT_EQ(evbuffer_defer_callbacks(buffer_, other), 0);
  Turn();
  EXPECT_EQ(TakeCalls(), Calls{});
  event_base_loop(other, EVLOOP_NONBLOCK);
  EXPECT_EQ(TakeCalls(), (Calls{"first:0+3-0"}));
  evbuffer_defer_callbacks(buffer_, base_);
  event_base_free(other);
}

TEST(DeferCallbacks, NeedsABase) {
  EXPECT_EQ(evbuffer_defer_callbacks(NewBuffer().get(), nullptr), -1);
}

}  // namespace
}  // namespace evoke
