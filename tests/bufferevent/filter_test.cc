// SPDX-License-Identifier: BSD-3-Clause
//
// Filters, over sockets, pairs and other filters.
#include <limits.h>
#include <stdint.h>
#include <sys/mman.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "tests/bufferevent/test_bufferevent.h"

namespace evoke::testing {
namespace {

using FilterFn = std::function<bufferevent_filter_result(
    evbuffer* source, evbuffer* destination, ev_ssize_t limit_bytes,
    bufferevent_flush_mode mode)>;

// A filter whose functions are std::functions.
class TestFilter {
 public:
  TestFilter(bufferevent* underlying, FilterFn in, FilterFn out,
             int options = BEV_OPT_CLOSE_ON_FREE)
      : in_(std::move(in)),
        out_(std::move(out)),
        test_(bufferevent_filter_new(underlying, &In, &Out, options, &CountFree,
                                     this)) {}

  TestBufferevent* operator->() { return &test_; }
  bufferevent* get() { return test_.get(); }
  int freed() const { return freed_; }

 private:
  static bufferevent_filter_result In(evbuffer* source, evbuffer* destination,
                                      ev_ssize_t limit_bytes,
                                      bufferevent_flush_mode mode, void* arg) {
    return static_cast<TestFilter*>(arg)->in_(source, destination, limit_bytes,
                                              mode);
  }
  static bufferevent_filter_result Out(evbuffer* source, evbuffer* destination,
                                       ev_ssize_t limit_bytes,
                                       bufferevent_flush_mode mode, void* arg) {
    return static_cast<TestFilter*>(arg)->out_(source, destination, limit_bytes,
                                               mode);
  }
  static void CountFree(void* arg) { ++static_cast<TestFilter*>(arg)->freed_; }

  FilterFn in_;
  FilterFn out_;
  int freed_ = 0;
  TestBufferevent test_;
};

// Each byte comes out `times` times; takes as many as there is room for.
FilterFn Repeat(size_t times) {
  return [times](evbuffer* source, evbuffer* destination,
                 ev_ssize_t limit_bytes, bufferevent_flush_mode) {
    size_t done = 0;
    char byte;
    while (evbuffer_get_length(source) > 0 &&
           (limit_bytes < 0 ||
            (done + 1) * times <= static_cast<size_t>(limit_bytes))) {
      evbuffer_remove(source, &byte, 1);
      std::string bytes(times, byte);
      evbuffer_add(destination, bytes.data(), bytes.size());
      ++done;
    }
    return done > 0 ? BEV_OK : BEV_NEED_MORE;
  };
}

// Two bytes become one; an odd one waits.
bufferevent_filter_result Halve(evbuffer* source, evbuffer* destination,
                                ev_ssize_t, bufferevent_flush_mode mode) {
  if (evbuffer_get_length(source) < (mode == BEV_NORMAL ? 2u : 1u)) {
    return BEV_NEED_MORE;
  }
  evbuffer_remove_buffer(source, destination, 1);
  evbuffer_drain(source, 1);
  return BEV_OK;
}

class FilterTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    bufferevent* ends[2];
    ASSERT_EQ(bufferevent_pair_new(base(), 0, ends), 0);
    far_ = std::make_unique<TestBufferevent>(ends[0]);
    near_ = ends[1];
    far_->Enable(EV_READ);
  }
  // What finalizers still use must not go before they have run.
  void TearDown() override {
    far_.reset();
    Turns(3);
  }

  void Turns(int turns) {
    while (turns-- > 0) Loop(EVLOOP_ONCE | EVLOOP_NONBLOCK);
  }

  std::unique_ptr<TestBufferevent> far_;
  bufferevent* near_;  // the filter's to free
};

TEST_P(FilterTest, BytesGoThroughInBothDirections) {
  TestFilter filter(near_, Halve, Repeat(2));
  EXPECT_EQ(bufferevent_get_underlying(filter.get()), near_);
  EXPECT_EQ(filter->Enable(EV_READ), 0);
  far_->Write("aabbc");
  Turns(2);
  EXPECT_EQ(filter->Take(), "ab");
  EXPECT_EQ(filter->record, Record({"read"}));
  filter->Write("xy");
  Turns(2);
  EXPECT_EQ(far_->Take(), "xxyy");
  EXPECT_EQ(filter->record, Record({"read", "write"}));
  filter->Free();
  Turns(2);
}

TEST_P(FilterTest, NothingIsReadUntilItIsEnabled) {
  TestFilter filter(near_, Repeat(1), Repeat(1));
  far_->Write("waits");
  Turns(2);
  EXPECT_EQ(far_->output_length(), 5u);
  EXPECT_EQ(filter->Enable(EV_READ), 0);
  Turns(2);
  EXPECT_EQ(filter->Take(), "waits");
  bufferevent_disable(filter.get(), EV_READ);
  far_->Write("again");
  EXPECT_EQ(far_->output_length(), 5u);
  filter->Free();
  Turns(2);
}

TEST_P(FilterTest, WithoutFunctionsItPassesOn) {
  TestBufferevent filter(bufferevent_filter_new(
      near_, nullptr, nullptr, BEV_OPT_CLOSE_ON_FREE, nullptr, nullptr));
  EXPECT_EQ(filter.Enable(EV_READ), 0);
  far_->Write("in");
  filter.Write("out");
  Turns(2);
  EXPECT_EQ(filter.Take(), "in");
  EXPECT_EQ(far_->Take(), "out");
}

// More than fits into an int. None of it may be read.
TEST_P(FilterTest, WithoutFunctionsItPassesAnyNumberOfBytesOn) {
  void* memory = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                      /*fd=*/-1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  TestBufferevent filter(bufferevent_filter_new(
      near_, nullptr, nullptr, BEV_OPT_CLOSE_ON_FREE, nullptr, nullptr));
  EXPECT_EQ(filter.Enable(EV_READ), 0);
  TestBufferevent* ends[] = {far_.get(), &filter};
  for (size_t bytes : {size_t{INT_MAX}, size_t{INT_MAX} + 1, size_t{UINT_MAX},
                       size_t{UINT_MAX} + 1, size_t{3} << 30}) {
    for (int from : {0, 1}) {
      TestBufferevent* to = ends[1 - from];
      evbuffer_add_reference(bufferevent_get_output(ends[from]->get()), memory,
                             bytes, nullptr, nullptr);
      Turns(2);
      EXPECT_EQ(to->input_length(), bytes);
      EXPECT_EQ(to->record, Record({"read"}));
      EXPECT_EQ(ends[from]->record, Record({"write"}));
      for (TestBufferevent* end : ends) end->record.clear();
      evbuffer_drain(bufferevent_get_input(to->get()), SIZE_MAX);
    }
  }
  munmap(memory, 4096);
}

TEST_P(FilterTest, FlushingLetsNothingBeKeptBack) {
  TestFilter filter(near_, Halve, Halve);
  EXPECT_EQ(filter->Enable(EV_READ), 0);
  far_->Write("a");
  filter->Write("b");
  Turns(2);
  EXPECT_EQ(filter->input_length() + far_->input_length(), 0u);
  EXPECT_EQ(bufferevent_flush(filter.get(), EV_READ | EV_WRITE, BEV_FLUSH), 1);
  Turns(2);
  EXPECT_EQ(filter->Take(), "a");
  EXPECT_EQ(far_->Take(), "b");
  EXPECT_EQ(bufferevent_flush(filter.get(), EV_READ | EV_WRITE, BEV_FLUSH), 0);
  filter->Free();
  Turns(2);
}

TEST_P(FilterTest, AHighWatermarkLeavesBytesBelowUntilItIsDrained) {
  TestFilter filter(near_, Repeat(2), Repeat(1));
  bufferevent_setwatermark(filter.get(), EV_READ, 0, 4);
  EXPECT_EQ(filter->Enable(EV_READ), 0);
  far_->Write("abcde");
  Turns(2);
  EXPECT_EQ(filter->input_length(), 4u);
  EXPECT_EQ(evbuffer_get_length(bufferevent_get_input(near_)), 3u);
  EXPECT_EQ(filter->Take(), "aabb");
  EXPECT_EQ(filter->Take(), "ccdd");
  EXPECT_EQ(filter->Take(), "ee");
  filter->Free();
  Turns(2);
}

TEST_P(FilterTest, AHighWatermarkBelowPushesBack) {
  TestFilter filter(near_, Repeat(1), Repeat(2));
  bufferevent_disable(far_->get(), EV_READ);
  bufferevent_setwatermark(near_, EV_WRITE, 0, 4);
  filter->Write("abcde");
  EXPECT_EQ(filter->output_length(), 3u);
  EXPECT_EQ(far_->Enable(EV_READ), 0);
  Turns(4);
  EXPECT_EQ(filter->output_length(), 0u);
  EXPECT_EQ(far_->Take(), "aabbccddee");
  filter->Free();
  Turns(2);
}

TEST_P(FilterTest, AnErrorRaisesNoEventAndKeepsTheBytes) {
  auto fail = [](evbuffer*, evbuffer*, ev_ssize_t, bufferevent_flush_mode) {
    return BEV_ERROR;
  };
  TestFilter filter(near_, fail, fail);
  EXPECT_EQ(filter->Enable(EV_READ), 0);
  far_->Write("in");
  filter->Write("out");
  Turns(2);
  EXPECT_EQ(filter->record, Record());
  EXPECT_EQ(filter->output_length(), 3u);
  EXPECT_EQ(evbuffer_get_length(bufferevent_get_input(near_)), 2u);
  filter->Free();
  Turns(2);
}

TEST_P(FilterTest, EventsComeUpAndDirectionsStay) {
  TestFilter filter(near_, Repeat(1), Repeat(1));
  EXPECT_EQ(filter->Enable(EV_READ), 0);
  bufferevent_flush(far_->get(), EV_WRITE, BEV_FINISHED);
  bufferevent_trigger_event(near_, BEV_EVENT_CONNECTED, 0);
  Turns(2);
  EXPECT_EQ(filter->record, Record({"CONNECTED", "READING|EOF"}));
  EXPECT_EQ(bufferevent_get_enabled(filter.get()), EV_READ | EV_WRITE);
  filter->Free();
  Turns(2);
}

TEST_P(FilterTest, TheContextIsFreedOnceByTheLoop) {
  TestFilter filter(near_, Repeat(1), Repeat(1));
  filter->Free();
  EXPECT_EQ(filter.freed(), 0);
  Turns(3);
  EXPECT_EQ(filter.freed(), 1);
}

TEST_P(FilterTest, TheContextIsFreedWithTheBaseAtLast) {
  TestFilter filter(near_, Repeat(1), Repeat(1));
  filter->Free();
  far_.reset();
  base_.reset();
  EXPECT_EQ(filter.freed(), 1);
  SetUp();  // for the end
  bufferevent_free(near_);
}

TEST_P(FilterTest, WhatLiesUnderneathMayBeFreedFirst) {
  TestFilter filter(near_, Repeat(1), Repeat(1), 0);
  bufferevent_free(near_);
  EXPECT_EQ(bufferevent_get_underlying(filter.get()), near_);
  filter->Write("still goes out");
  Turns(2);
  EXPECT_EQ(far_->Take(), "still goes out");
  EXPECT_EQ(bufferevent_pair_get_partner(far_->get()), near_);
  filter->Free();
  Turns(3);
  EXPECT_EQ(bufferevent_pair_get_partner(far_->get()), nullptr);
}

TEST_P(FilterTest, WithoutCloseOnFreeTheUnderlyingGoesOnWithoutCallbacks) {
  TestFilter filter(near_, Repeat(1), Repeat(1), 0);
  filter->Free();
  bufferevent_data_cb readcb;
  bufferevent_event_cb eventcb;
  bufferevent_getcb(near_, &readcb, nullptr, &eventcb, nullptr);
  EXPECT_EQ(readcb, nullptr);
  EXPECT_EQ(eventcb, nullptr);
  far_->Write("reads again");
  EXPECT_EQ(evbuffer_get_length(bufferevent_get_input(near_)), 11u);
  bufferevent_free(near_);
  Turns(3);
}

TEST_P(FilterTest, TheFirstOfTwoFiltersLeavesTheSecondItsCallbacks) {
  TestFilter first(near_, Repeat(1), Repeat(1), 0);
  TestFilter second(near_, Repeat(1), Repeat(1));
  first->Free();
  EXPECT_EQ(second->Enable(EV_READ), 0);
  far_->Write("heard");
  Turns(2);
  EXPECT_EQ(second->Take(), "heard");
  second->Free();
  Turns(3);
}

TEST_P(FilterTest, FiltersLieOverFilters) {
  TestFilter below(near_, Halve, Repeat(2));
  TestFilter above(below.get(), Halve, Repeat(2));
  // Frees all three.
  EXPECT_EQ(above->Enable(EV_READ), 0);
  far_->Write("aaaabbbb");
  Turns(3);
  EXPECT_EQ(above->Take(), "ab");
  above->Write("x");
  Turns(3);
  EXPECT_EQ(far_->Take(), "xxxx");
  EXPECT_EQ(bufferevent_flush(above.get(), EV_READ, BEV_FINISHED), 0);
  above->Free();
  below->Forget();
  Turns(5);
  EXPECT_EQ(above.freed() + below.freed(), 2);
}

TEST_P(FilterTest, MuchOutputAndALowWatermarkDoNotFillTheStack) {
  TestFilter below(near_, Repeat(1), Repeat(1));
  TestFilter above(below.get(), Repeat(1), Repeat(1));
  bufferevent_setwatermark(below.get(), EV_WRITE, 0, 1);
  const std::string much(50000, 'm');
  above->Write(much);
  Turns(3);
  EXPECT_EQ(far_->Take(), much);
  above->Free();
  below->Forget();
  Turns(5);
}

TEST_P(FilterTest, TimeoutsDisableTheFiltersDirections) {
  timeval soon = {0, 1000};
  TestFilter filter(near_, Halve, Halve);
  bufferevent_set_timeouts(filter.get(), &soon, &soon);
  EXPECT_EQ(filter->Enable(EV_READ | EV_WRITE), 0);
  Loop();
  Record record = filter->record;
  std::sort(record.begin(), record.end());
  EXPECT_EQ(record, Record({"READING|TIMEOUT", "WRITING|TIMEOUT"}));
  EXPECT_EQ(bufferevent_get_enabled(filter.get()), 0);
  EXPECT_EQ(bufferevent_get_enabled(near_), EV_READ | EV_WRITE);
  filter->Free();
  Turns(3);
}

TEST_P(FilterTest, ItMayBeFreedByItsOwnFunctions) {
  TestFilter* self = nullptr;
  auto free_it = [&](evbuffer* source, evbuffer* destination, ev_ssize_t,
                     bufferevent_flush_mode) {
    (*self)->Free();
    evbuffer_add_buffer(destination, source);
    return BEV_OK;
  };
  TestFilter filter(near_, free_it, Repeat(1));
  self = &filter;
  EXPECT_EQ(filter->Enable(EV_READ), 0);
  far_->Write("bytes");
  Turns(4);
  EXPECT_EQ(filter.freed(), 1);
  EXPECT_EQ(filter->record, Record());
}

TEST_P(FilterTest, OverASocketItEchoes) {
  SocketPair sockets;
  TestFilter filter(bufferevent_socket_new(base(), sockets[0], 0), Repeat(1),
                    Repeat(2));
  filter->on_read = [&] { filter->Write(filter->Take()); };
  EXPECT_EQ(filter->Enable(EV_READ), 0);
  EXPECT_EQ(bufferevent_getfd(filter.get()), sockets[0]);
  sockets.Write(1, "echo");
  Turns(3);
  EXPECT_EQ(sockets.Read(1), "eecchhoo");
  sockets.Close(1);
  Turns(2);
  EXPECT_EQ(filter->record.back(), "READING|EOF");
  filter->Free();
  Turns(3);
  bufferevent_free(near_);
}

EVOKE_ON_EVERY_BACKEND(FilterTest);

}  // namespace
}  // namespace evoke::testing
