// SPDX-License-Identifier: BSD-3-Clause
//
// Many connections to one echo server, driven by one thread with epoll.
//
// Three things can be asked of them, one after the other: to open, which also
// finds out who is served at all; to run in a closed loop, where each
// connection sends its next message when the last one was answered; and in an
// open loop, where messages are due at a fixed rate whatever the server does.
//
// The open loop measures from the moment at which a message was due, not from
// that at which it was sent. A server that stalls for a second has then a
// second full of late messages, and not a single one: a client that politely
// waits would leave out those that it did not send meanwhile ("coordinated
// omission").
//
// Neighbours: crowd.h runs several of these in threads, histogram.h keeps the
// latencies.
#ifndef EVOKE_BENCH_LOAD_CLIENT_H_
#define EVOKE_BENCH_LOAD_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/load/histogram.h"
#include "bench/load/protocol.h"

namespace evoke::load {

// CLOCK_MONOTONIC.
int64_t NowNs();

constexpr int64_t kNsPerSecond = 1'000'000'000;

struct Opening {
  int count = 0;
  // Without any answer for so long, the rest is taken for unserved.
  int64_t patience_ns = 2 * kNsPerSecond;
  int64_t limit_ns = 30 * kNsPerSecond;
};

// What became of the connections that were asked for. The parts add up to
// `asked`.
struct Opened {
  int asked = 0;
  int served = 0;       // connected, and answered a first message
  int refused = 0;      // could not connect
  int closed = 0;       // connected, then ended by the server unanswered
  int unanswered = 0;   // connected, and nothing came; they are still open
  int unconnected = 0;  // neither connected nor refused within the time
  double seconds = 0;   // until the last answer of those served
  std::map<std::string, int> errors;  // of those refused and closed, by name

  void Add(const Opened& other);
};

struct ClosedLoop {
  int active = 0;           // so many connections send, the others are idle
  int64_t duration_ns = 0;  // no message is sent later
  uint64_t messages = 0;    // nor are more than these
                            // (either is 0 where it does not matter)
  int64_t patience_ns = 2 * kNsPerSecond;  // without any answer
  int64_t limit_ns = 30 * kNsPerSecond;    // for all of it
};

struct OpenLoop {
  int active = 0;
  double per_second = 0;  // messages in all
  int64_t duration_ns = 0;
  int64_t offset_ns = 0;  // the first message is due so much later
  bool spin = false;      // polls instead of sleeping: has a core to itself
  int64_t patience_ns = 2 * kNsPerSecond;  // these two as above
  int64_t limit_ns = 30 * kNsPerSecond;
};

// What came of a loop.
struct Outcome {
  uint64_t messages = 0;    // answered
  uint64_t unanswered = 0;  // sent, or waiting to be; each counts in latency_ns
                            // with the time that it has waited
  int closed = 0;           // connections that ended meanwhile
  double seconds = 0;       // from the start to the last answer
  Histogram latency_ns;
  Histogram lateness_ns;  // of the generator: from due to sent (open loop)

  void Add(const Outcome& other);
};

class Client {
 public:
  // Messages of `message_bytes` (at least 1) to `port` of the loopback, framed
  // as `protocol` has it, which is not copied.
  Client(int port, size_t message_bytes, const Protocol& protocol = Raw());
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  // Ends all connections by a reset, so that no port waits for its TIME_WAIT.
  ~Client();

  Opened Open(const Opening& opening);
  // Both end early when no connection is left that could send.
  Outcome RunClosed(const ClosedLoop& loop);
  Outcome RunOpen(const OpenLoop& loop);

  // Connections that have answered and are open now.
  int served() const { return in_state_[kServed]; }

 private:
  enum State : uint8_t {
    kNew,
    kConnecting,
    kGreeting,
    kServed,
    kGone,
    kStates
  };

  struct Connection {
    int fd = -1;
    State state = kNew;
    bool connected = false;  // once, at least
    bool watches_writing = false;
    int error = 0;             // why it is gone: errno, or 0 for an orderly end
    size_t welcome_bytes = 0;  // so much of the server's welcome has come
    size_t unsent_bytes = 0;   // of what the caller has sent
    size_t received_bytes = 0;   // of the message that is coming in
    std::vector<int64_t> since;  // of each message on its way, oldest first
    size_t first = 0;            // the oldest in `since`
  };

  Opened Sort(size_t first);
  void Enter(Connection& connection, State state);
  void Connect(uint32_t index);
  void Greet(uint32_t index);
  void SendGreeting(uint32_t index);
  bool Send(uint32_t index, int64_t since_ns);
  bool Flush(uint32_t index);
  int Receive(uint32_t index);
  bool IsWelcome(const Connection& connection, const char* bytes,
                 size_t length) const;
  bool IsEcho(const Connection& connection, const char* bytes,
              size_t length) const;
  void Watch(uint32_t index, int op, uint32_t events);
  void Drop(uint32_t index, int error);
  // Waits at most `timeout_ns` (0: not at all) and handles what is ready;
  // false when nothing was. on_answer(index, since_ns, now_ns) for each answer.
  template <typename OnAnswer>
  bool Turn(int64_t timeout_ns, OnAnswer on_answer);
  // Turns until all messages are answered, or one of the loop's limits is met.
  // Nothing is missed before `end_ns`; `last_ns` is when the last answer came.
  template <typename Loop, typename OnAnswer>
  void Finish(const Loop& loop, int64_t start_ns, int64_t end_ns,
              const int64_t& last_ns, OnAnswer on_answer);
  std::vector<uint32_t> Served(int at_most) const;
  // Gives up those that have not answered: counts them in `run`, drops them.
  void Abandon(Outcome& run);

  const int port_;
  const Protocol& protocol_;
  const std::string pattern_;  // some messages, one behind the other
  const size_t message_bytes_;
  const int epoll_;
  std::vector<Connection> connections_;
  int in_state_[kStates] = {};
  uint64_t pending_ = 0;             // messages of a loop that are on their way
  int gone_ = 0;                     // connections that were once served
  std::vector<int64_t> lost_since_;  // messages that went with them
  std::vector<char> buffer_;
};

}  // namespace evoke::load

#endif  // EVOKE_BENCH_LOAD_CLIENT_H_
