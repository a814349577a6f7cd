// SPDX-License-Identifier: BSD-3-Clause
//
// ZeroMQ's descriptor is an edge: what a burst of messages does to a server
// that knows it (the model), and to one that takes it for a level (here).
#include <event2/event.h>
#include <zmq.h>

#include <memory>
#include <string>

#include "tests/models/echo_client.h"

namespace evoke::testing {
namespace {

constexpr int kBurst = 500;  // below the 1000 that a socket keeps

// A client that need not wait for answers.
class Dealer {
 public:
  explicit Dealer(int port) : context_(zmq_ctx_new()) {
    int patience = kPatienceMillis, linger = 0;
    dealer_ = zmq_socket(context_, ZMQ_DEALER);
    zmq_setsockopt(dealer_, ZMQ_RCVTIMEO, &patience, sizeof(int));
    zmq_setsockopt(dealer_, ZMQ_SNDTIMEO, &patience, sizeof(int));
    zmq_setsockopt(dealer_, ZMQ_LINGER, &linger, sizeof(int));
    std::string address = "tcp://127.0.0.1:" + std::to_string(port);
    EXPECT_EQ(zmq_connect(dealer_, address.c_str()), 0);
  }
  ~Dealer() {
    zmq_close(dealer_);
    zmq_ctx_term(context_);
  }

  // As a REQ does: an empty part, then the request.
  void Send(const std::string& request) {
    EXPECT_EQ(zmq_send(dealer_, "", 0, ZMQ_SNDMORE), 0);
    EXPECT_EQ(zmq_send(dealer_, request.data(), request.size(), 0),
              static_cast<int>(request.size()));
  }

  std::string Receive() {
    char bytes[256];
    int got = zmq_recv(dealer_, bytes, sizeof(bytes), 0);
    if (got != 0) return "<nothing>";
    got = zmq_recv(dealer_, bytes, sizeof(bytes), 0);
    return got < 0 ? "<nothing>" : std::string(bytes, got);
  }

 private:
  void* context_;
  void* dealer_;
};

TEST(ZeromqEdge, NoneOfABurstIsStuckInTheModel) {
  Process server({"examples/models/zeromq_reqrep", "--port", "0", "--stats"});
  Dealer dealer(server.Port());
  for (int burst = 0; burst < 20; ++burst) {
    for (int i = 0; i < kBurst; ++i) dealer.Send(std::to_string(i));
    for (int i = 0; i < kBurst; ++i) {
      ASSERT_EQ(dealer.Receive(), std::to_string(i)) << "in burst " << burst;
    }
  }
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
  EXPECT_EQ(
      server.err().Next().rfind("stats: connections=0 messages=10000 ", 0), 0u);
}

TEST(ZeromqEdge, RequestsOfManyAreAllAnswered) {
  Process server({"examples/models/zeromq_reqrep", "--port", "0"});
  int port = server.Port();
  std::vector<std::unique_ptr<Dealer>> dealers;
  for (int i = 0; i < 10; ++i)
    dealers.push_back(std::make_unique<Dealer>(port));
  for (int i = 0; i < 100; ++i) {
    for (auto& dealer : dealers) dealer->Send(std::to_string(i));
  }
  for (auto& dealer : dealers) {
    for (int i = 0; i < 100; ++i) {
      ASSERT_EQ(dealer->Receive(), std::to_string(i));
    }
  }
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

// What the models avoid, so that the tests above are known to see it.
TEST(ZeromqEdge, OneMessageForEachWakeupLeavesTheRestWaiting) {
  void* context = zmq_ctx_new();
  void* pull = zmq_socket(context, ZMQ_PULL);
  void* push = zmq_socket(context, ZMQ_PUSH);
  char address[64];
  size_t bytes = sizeof(address);
  int fd, taken = 0;
  ASSERT_EQ(zmq_bind(pull, "tcp://127.0.0.1:*"), 0);
  ASSERT_EQ(zmq_getsockopt(pull, ZMQ_LAST_ENDPOINT, address, &bytes), 0);
  ASSERT_EQ(zmq_connect(push, address), 0);
  for (int i = 0; i < kBurst; ++i) zmq_send(push, "x", 1, 0);
  // The first one is there, so that the wakeup of the burst is spent.
  char byte;
  ASSERT_EQ(zmq_recv(pull, &byte, 1, 0), 1);
  ++taken;

  event_base* base = event_base_new();
  struct State {
    void* pull;
    int* taken;
  } state = {pull, &taken};
  bytes = sizeof(fd);
  ASSERT_EQ(zmq_getsockopt(pull, ZMQ_FD, &fd, &bytes), 0);
  event* ready = event_new(
      base, fd, EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* arg) {
        auto* state = static_cast<State*>(arg);
        int can = 0;
        size_t bytes = sizeof(can);
        char byte;
        zmq_getsockopt(state->pull, ZMQ_EVENTS, &can, &bytes);
        if ((can & ZMQ_POLLIN) &&
            zmq_recv(state->pull, &byte, 1, ZMQ_DONTWAIT) == 1) {
          ++*state->taken;
        }
      },
      &state);
  event_add(ready, nullptr);
  timeval half_a_second = {0, 500000};
  event_base_loopexit(base, &half_a_second);
  event_base_dispatch(base);
  EXPECT_LT(taken, kBurst) << "the descriptor is no edge any more";

  // None is lost: whoever goes on asking gets the rest.
  int patience = kPatienceMillis;
  zmq_setsockopt(pull, ZMQ_RCVTIMEO, &patience, sizeof(int));
  while (taken < kBurst && zmq_recv(pull, &byte, 1, 0) == 1) ++taken;
  EXPECT_EQ(taken, kBurst);
  event_free(ready);
  event_base_free(base);
  zmq_close(push);
  zmq_close(pull);
  zmq_ctx_term(context);
}

}  // namespace
}  // namespace evoke::testing
