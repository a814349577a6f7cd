// SPDX-License-Identifier: BSD-3-Clause
//
// A bufferevent whose callbacks are std::functions, and which notes what
// happened, for the tests of this folder.
#ifndef EVOKE_TESTS_BUFFEREVENT_TEST_BUFFEREVENT_H_
#define EVOKE_TESTS_BUFFEREVENT_TEST_BUFFEREVENT_H_

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/backend_test.h"

namespace evoke::testing {

// "read", "write" or the flags of the event, in the order of the callbacks.
using Record = std::vector<std::string>;

class TestBufferevent {
 public:
  TestBufferevent(event_base* base, evutil_socket_t fd, int options = 0)
      : TestBufferevent(bufferevent_socket_new(base, fd, options)) {}
  // Of any kind; frees it.
  explicit TestBufferevent(bufferevent* bev) : bev_(bev) {
    bufferevent_setcb(bev_, &OnRead, &OnWrite, &OnEvent, this);
  }
  TestBufferevent(const TestBufferevent&) = delete;
  TestBufferevent& operator=(const TestBufferevent&) = delete;
  ~TestBufferevent() { Free(); }

  bufferevent* get() const { return bev_; }

  void Free() {
    if (bev_ != nullptr) bufferevent_free(bev_);
    bev_ = nullptr;
  }

  // Somebody else frees it.
  void Forget() { bev_ = nullptr; }

  void Write(const std::string& bytes) {
    EXPECT_EQ(bufferevent_write(bev_, bytes.data(), bytes.size()), 0);
  }
  // Takes everything out of the input.
  std::string Take() {
    evbuffer* input = bufferevent_get_input(bev_);
    std::string bytes(evbuffer_get_length(input), '\0');
    EXPECT_EQ(bufferevent_read(bev_, bytes.data(), bytes.size()), bytes.size());
    return bytes;
  }
  size_t input_length() const {
    return evbuffer_get_length(bufferevent_get_input(bev_));
  }
  size_t output_length() const {
    return evbuffer_get_length(bufferevent_get_output(bev_));
  }
  int Enable(short events) { return bufferevent_enable(bev_, events); }

  // Called after the record was written.
  std::function<void()> on_read;
  std::function<void()> on_write;
  std::function<void(short)> on_event;

  Record record;
  int last_errno = 0;  // as the event callback found it

 private:
  static void OnRead(bufferevent*, void* arg) {
    auto* self = static_cast<TestBufferevent*>(arg);
    self->record.push_back("read");
    if (self->on_read) self->on_read();
  }
  static void OnWrite(bufferevent*, void* arg) {
    auto* self = static_cast<TestBufferevent*>(arg);
    self->record.push_back("write");
    if (self->on_write) self->on_write();
  }
  static void OnEvent(bufferevent*, short what, void* arg) {
    int error = errno;
    auto* self = static_cast<TestBufferevent*>(arg);
    self->last_errno = error;
    std::string text;
    const std::pair<int, const char*> kNames[] = {
        {BEV_EVENT_READING, "READING"}, {BEV_EVENT_WRITING, "WRITING"},
        {BEV_EVENT_EOF, "EOF"},         {BEV_EVENT_ERROR, "ERROR"},
        {BEV_EVENT_TIMEOUT, "TIMEOUT"}, {BEV_EVENT_CONNECTED, "CONNECTED"}};
    for (auto [flag, name] : kNames) {
      if (!(what & flag)) continue;
      if (!text.empty()) text += '|';
      text += name;
    }
    self->record.push_back(text);
    if (self->on_event) self->on_event(what);
  }

  bufferevent* bev_;
};

}  // namespace evoke::testing

#endif  // EVOKE_TESTS_BUFFEREVENT_TEST_BUFFEREVENT_H_
