// SPDX-License-Identifier: BSD-3-Clause
//
// Pairs: two ends without a socket.
#include <limits.h>
#include <stdint.h>
#include <sys/mman.h>

#include <memory>
#include <string>

#include "tests/bufferevent/test_bufferevent.h"

namespace evoke::testing {
namespace {

class PairTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    bufferevent* ends[2];
    ASSERT_EQ(bufferevent_pair_new(base(), 0, ends), 0);
    left_ = std::make_unique<TestBufferevent>(ends[0]);
    right_ = std::make_unique<TestBufferevent>(ends[1]);
  }

  void Turn() { Loop(EVLOOP_ONCE | EVLOOP_NONBLOCK); }

  std::unique_ptr<TestBufferevent> left_, right_;
};

TEST_P(PairTest, BytesGoAtOnceAndCallbacksComeFromTheLoop) {
  EXPECT_EQ(right_->Enable(EV_READ), 0);
  left_->Write("bytes");
  EXPECT_EQ(right_->input_length(), 5u);
  EXPECT_EQ(left_->output_length(), 0u);
  EXPECT_EQ(right_->record, Record());
  Turn();
  EXPECT_EQ(right_->record, Record({"read"}));
  EXPECT_EQ(left_->record, Record({"write"}));
  EXPECT_EQ(right_->Take(), "bytes");
}

TEST_P(PairTest, BytesWaitForTheReaderAndTheWriter) {
  left_->Write("a");
  EXPECT_EQ(left_->output_length(), 1u);
  bufferevent_disable(left_->get(), EV_WRITE);
  EXPECT_EQ(right_->Enable(EV_READ), 0);
  EXPECT_EQ(left_->output_length(), 1u);
  EXPECT_EQ(left_->Enable(EV_WRITE), 0);
  EXPECT_EQ(right_->Take(), "a");
}

TEST_P(PairTest, NoByteIsCopied) {
  static const char kForeign[] = "foreign memory";
  EXPECT_EQ(right_->Enable(EV_READ), 0);
  evbuffer_add_reference(bufferevent_get_output(left_->get()), kForeign,
                         sizeof(kForeign), nullptr, nullptr);
  evbuffer* input = bufferevent_get_input(right_->get());
  EXPECT_EQ(evbuffer_pullup(input, -1),
            reinterpret_cast<const unsigned char*>(kForeign));
}

// More than fits into an int. None of it may be read.
TEST_P(PairTest, AnyNumberOfBytes) {
  void* memory = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                      /*fd=*/-1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  EXPECT_EQ(right_->Enable(EV_READ), 0);
  for (size_t bytes : {size_t{INT_MAX}, size_t{INT_MAX} + 1, size_t{UINT_MAX},
                       size_t{UINT_MAX} + 1, size_t{3} << 30}) {
    evbuffer_add_reference(bufferevent_get_output(left_->get()), memory, bytes,
                           nullptr, nullptr);
    EXPECT_EQ(left_->output_length(), 0u);
    EXPECT_EQ(right_->input_length(), bytes);
    EXPECT_TRUE(bufferevent_get_enabled(right_->get()) & EV_READ);
    Turn();
    EXPECT_EQ(right_->record, Record({"read"}));
    EXPECT_EQ(left_->record, Record({"write"}));
    right_->record.clear();
    left_->record.clear();
    evbuffer_drain(bufferevent_get_input(right_->get()), SIZE_MAX);
  }
  munmap(memory, 4096);
}

TEST_P(PairTest, AHighWatermarkHoldsTheRestBack) {
  bufferevent_setwatermark(right_->get(), EV_READ, 0, 4);
  EXPECT_EQ(right_->Enable(EV_READ), 0);
  left_->Write("abcdefghij");
  EXPECT_EQ(right_->input_length(), 4u);
  EXPECT_EQ(left_->output_length(), 6u);
  EXPECT_EQ(right_->Take(), "abcd");
  EXPECT_EQ(right_->Take(), "efgh");
  EXPECT_EQ(right_->Take(), "ij");
  EXPECT_EQ(left_->output_length(), 0u);
}

TEST_P(PairTest, FlushFillsToTheWatermarkAndThenGoesBeyond) {
  bufferevent_setwatermark(right_->get(), EV_READ, 0, 4);
  left_->Write("abcdefghij");
  EXPECT_EQ(bufferevent_flush(left_->get(), EV_WRITE, BEV_NORMAL), 0);
  EXPECT_EQ(right_->input_length(), 0u);
  EXPECT_EQ(bufferevent_flush(left_->get(), EV_WRITE, BEV_FLUSH), 0);
  EXPECT_EQ(right_->input_length(), 4u);
  EXPECT_EQ(bufferevent_flush(left_->get(), EV_WRITE, BEV_FLUSH), 0);
  EXPECT_EQ(right_->input_length(), 10u);
}

TEST_P(PairTest, FinishingTellsTheOtherEnd) {
  EXPECT_EQ(right_->Enable(EV_READ), 0);
  EXPECT_EQ(bufferevent_flush(left_->get(), EV_WRITE, BEV_FINISHED), 0);
  Turn();
  EXPECT_EQ(right_->record, Record({"read", "READING|EOF"}));
}

TEST_P(PairTest, AFreedEndIsGoneAtOnce) {
  EXPECT_EQ(bufferevent_pair_get_partner(left_->get()), right_->get());
  EXPECT_EQ(right_->Enable(EV_READ), 0);
  left_->Write("told");  // its callbacks are still due
  right_->Free();
  EXPECT_EQ(bufferevent_pair_get_partner(left_->get()), nullptr);
  left_->Write("nowhere");
  EXPECT_EQ(left_->output_length(), 7u);
  EXPECT_EQ(bufferevent_flush(left_->get(), EV_WRITE, BEV_FLUSH), -1);
  Turn();
  EXPECT_EQ(left_->record, Record({"write"}));
}

TEST_P(PairTest, EitherEndMayBeFreedInACallback) {
  EXPECT_EQ(right_->Enable(EV_READ), 0);
  right_->on_read = [&] {
    left_->Free();
    right_->Free();
  };
  left_->Write("bytes");
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(right_->record, Record({"read"}));
  EXPECT_EQ(left_->record, Record());
}

TEST_P(PairTest, ReadingTimesOutOnceAndIsDisabled) {
  timeval soon = {0, 1000};
  EXPECT_EQ(bufferevent_set_timeouts(right_->get(), &soon, nullptr), 0);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(right_->record, Record());
  EXPECT_EQ(right_->Enable(EV_READ), 0);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(right_->record, Record({"READING|TIMEOUT"}));
  EXPECT_EQ(bufferevent_get_enabled(right_->get()), EV_WRITE);
}

TEST_P(PairTest, WritingTimesOutWhileNobodyReads) {
  timeval soon = {0, 1000};
  left_->Write("stuck");
  EXPECT_EQ(bufferevent_set_timeouts(left_->get(), nullptr, &soon), 0);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(left_->record, Record({"WRITING|TIMEOUT"}));
  EXPECT_EQ(bufferevent_get_enabled(left_->get()), 0);
}

TEST_P(PairTest, ItHasNeitherFdNorPriority) {
  EXPECT_EQ(bufferevent_getfd(left_->get()), -1);
  EXPECT_EQ(bufferevent_setfd(left_->get(), 0), -1);
  EXPECT_EQ(bufferevent_priority_set(left_->get(), 0), -1);
  EXPECT_EQ(bufferevent_base_set(base(), left_->get()), -1);
  EXPECT_EQ(bufferevent_get_underlying(left_->get()), nullptr);
}

TEST_P(PairTest, BufferCallbacksMayFreeBothEnds) {
  EXPECT_EQ(right_->Enable(EV_READ), 0);
  struct Ends {
    TestBufferevent* left;
    TestBufferevent* right;
  } ends = {left_.get(), right_.get()};
  evbuffer_add_cb(
      bufferevent_get_input(right_->get()),
      [](evbuffer*, const evbuffer_cb_info*, void* arg) {
        static_cast<Ends*>(arg)->left->Free();
        static_cast<Ends*>(arg)->right->Free();
      },
      &ends);
  left_->Write("bytes");
  EXPECT_EQ(left_->get(), nullptr);
  EXPECT_EQ(Loop(), 1);
  EXPECT_EQ(right_->record, Record());
}

EVOKE_ON_EVERY_BACKEND(PairTest);

}  // namespace
}  // namespace evoke::testing
