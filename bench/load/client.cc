// SPDX-License-Identifier: BSD-3-Clause
#include "bench/load/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace evoke::load {
namespace {

constexpr int64_t kNsPerMilli = 1'000'000;
// So many connections are under way at first, so that no listen queue
// overflows. Where nothing moves for a while, as many again are let go.
constexpr int kOpeningWindow = 512;
constexpr int64_t kOpeningPauseNs = 100 * kNsPerMilli;
// Behind schedule, the open loop still looks for answers now and then.
constexpr int kSendsInATurn = 64;
constexpr size_t kBufferBytes = 65536;
// As an `error`, beside errno's values.
constexpr int kWrongEcho = -1, kWrongWelcome = -2;

std::string Letters(size_t count) {
  std::string letters;
  for (size_t i = 0; i < count; ++i) letters += 'a' + i % 26;
  return letters;
}

std::string Pattern(const std::string& message) {
  std::string pattern = message;
  while (pattern.size() < 4096) pattern += message;
  return pattern;
}

timespec ToTimespec(int64_t ns) {
  return {ns / kNsPerSecond, ns % kNsPerSecond};
}

std::string NameOf(int error) {
  if (error == 0) return "end of stream";
  if (error == kWrongEcho) return "wrong echo";
  if (error == kWrongWelcome) return "wrong welcome";
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : "errno " + std::to_string(error);
}

}  // namespace

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

void Opened::Add(const Opened& other) {
  asked += other.asked;
  served += other.served;
  refused += other.refused;
  closed += other.closed;
  unanswered += other.unanswered;
  unconnected += other.unconnected;
  seconds = std::max(seconds, other.seconds);
  for (const auto& [name, count] : other.errors) errors[name] += count;
}

void Outcome::Add(const Outcome& other) {
  messages += other.messages;
  unanswered += other.unanswered;
  closed += other.closed;
  seconds = std::max(seconds, other.seconds);
  latency_ns.Add(other.latency_ns);
  lateness_ns.Add(other.lateness_ns);
}

Client::Client(int port, size_t message_bytes, const Protocol& protocol)
    : port_(port),
      protocol_(protocol),
      pattern_(Pattern(protocol.frame(Letters(message_bytes)))),
      message_bytes_(protocol.frame(Letters(message_bytes)).size()),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      buffer_(kBufferBytes) {}

Client::~Client() {
  linger reset = {1, 0};
  for (Connection& connection : connections_) {
    if (connection.fd < 0) continue;
    setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(connection.fd);
  }
  close(epoll_);
}

// --- Opening -----------------------------------------------------------------

Opened Client::Open(const Opening& opening) {
  const int64_t start = NowNs(), limit = start + opening.limit_ns;
  const size_t old = connections_.size(), end = old + opening.count;
  connections_.resize(end);
  in_state_[kNew] += opening.count;
  int64_t moved = start, last_answer = start;
  size_t next = old;
  // Those of earlier calls that nobody has answered are not waited for again.
  const int others = in_state_[kGreeting];
  auto under_way = [&] {
    return in_state_[kConnecting] + in_state_[kGreeting] - others;
  };
  int64_t window = kOpeningWindow;
  while (NowNs() < limit) {
    for (int64_t room = window - under_way(); room > 0 && next < end; --room) {
      Connect(next++);
    }
    if (next == end && under_way() <= 0) break;
    int served_before = served();
    if (Turn(kOpeningPauseNs, [](uint32_t, int64_t, int64_t) {})) {
      moved = NowNs();
      if (served() > served_before) last_answer = moved;
    } else if (next < end) {
      window += kOpeningWindow;
      moved = NowNs();
    } else if (NowNs() - moved > opening.patience_ns) {
      break;
    }
  }
  Opened opened = Sort(old);
  opened.seconds = static_cast<double>(last_answer - start) / kNsPerSecond;
  return opened;
}

// Tells what became of the connections from `first` on.
Opened Client::Sort(size_t first) {
  Opened opened;
  opened.asked = static_cast<int>(connections_.size() - first);
  for (size_t i = first; i < connections_.size(); ++i) {
    Connection& connection = connections_[i];
    switch (connection.state) {
      case kServed:
        ++opened.served;
        break;
      case kGreeting:
        ++opened.unanswered;
        break;
      case kGone:
        ++(connection.connected ? opened.closed : opened.refused);
        ++opened.errors[NameOf(connection.error)];
        break;
      default:
        Drop(i, 0);
        ++opened.unconnected;
    }
  }
  gone_ = 0;
  return opened;
}

void Client::Enter(Connection& connection, State state) {
  --in_state_[connection.state];
  ++in_state_[state];
  connection.state = state;
}

void Client::Connect(uint32_t index) {
  Connection& connection = connections_[index];
  Enter(connection, kConnecting);
  connection.fd =
      socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (connection.fd < 0) {
    Drop(index, errno);
    return;
  }
  int on = 1;
  setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool done = connect(connection.fd, reinterpret_cast<sockaddr*>(&address),
                      sizeof(address)) == 0;
  if (!done && errno != EINPROGRESS) {
    Drop(index, errno);
    return;
  }
  Watch(index, EPOLL_CTL_ADD, done ? EPOLLIN : EPOLLOUT);
  if (done) Greet(index);
}

// Says hello; the first message goes when the server's welcome is there, where
// the protocol has one.
void Client::Greet(uint32_t index) {
  Connection& connection = connections_[index];
  const std::string& hello = protocol_.hello;
  Enter(connection, kGreeting);
  connection.connected = true;
  if (!hello.empty()) {
    // A new socket has room for these few bytes.
    ssize_t sent =
        send(connection.fd, hello.data(), hello.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(hello.size())) {
      Drop(index, sent < 0 ? errno : EAGAIN);
      return;
    }
  }
  if (protocol_.welcome_bytes == 0) SendGreeting(index);
}

void Client::SendGreeting(uint32_t index) {
  Send(index, NowNs());
  --pending_;  // a greeting is no message of a loop
}

// --- The loops ---------------------------------------------------------------

Outcome Client::RunClosed(const ClosedLoop& loop) {
  Outcome run;
  gone_ = 0;
  const int64_t start = NowNs();
  const int64_t end = start + loop.duration_ns;
  const int64_t last_send = loop.duration_ns > 0 ? end : INT64_MAX;
  uint64_t to_send = loop.messages > 0 ? loop.messages : UINT64_MAX;
  int64_t last = start;
  for (uint32_t index : Served(loop.active)) {
    if (to_send == 0) break;
    if (Send(index, NowNs())) --to_send;
  }
  auto on_answer = [&](uint32_t index, int64_t since, int64_t now) {
    run.latency_ns.Record(now - since);
    ++run.messages;
    last = now;
    if (now >= last_send || to_send == 0) return;
    if (Send(index, now)) --to_send;
  };
  Finish(loop, start, end, last, on_answer);
  run.seconds = static_cast<double>(last - start) / kNsPerSecond;
  Abandon(run);
  return run;
}

Outcome Client::RunOpen(const OpenLoop& loop) {
  Outcome run;
  gone_ = 0;
  std::vector<uint32_t> active = Served(loop.active);
  if (active.empty() || loop.per_second <= 0) return run;
  prctl(PR_SET_TIMERSLACK, 1);  // the kernel adds 50 us to a sleep otherwise
  const int64_t start = NowNs() + loop.offset_ns;
  const int64_t end = start + loop.duration_ns;
  const double interval = kNsPerSecond / loop.per_second;
  const uint64_t total = std::llround(loop.duration_ns / interval);
  uint64_t sent = 0;
  int64_t last = start;
  auto on_answer = [&](uint32_t, int64_t since, int64_t now) {
    run.latency_ns.Record(now - since);
    ++run.messages;
    last = now;
  };
  auto due = [&] { return start + static_cast<int64_t>(sent * interval); };
  while (sent < total && !active.empty()) {
    for (int i = 0; i < kSendsInATurn && sent < total && NowNs() >= due();
         ++i) {
      auto which = active.begin() + sent % active.size();
      if (connections_[*which].fd < 0) {  // its message is the next one's
        active.erase(which);
        if (active.empty()) break;
        continue;
      }
      run.lateness_ns.Record(NowNs() - due());
      Send(*which, due());
      ++sent;
    }
    int64_t wait = loop.spin ? 0 : std::max<int64_t>(0, due() - NowNs());
    Turn(wait, on_answer);
  }
  Finish(loop, start, end, last, on_answer);
  run.seconds = static_cast<double>(last - start) / kNsPerSecond;
  Abandon(run);
  return run;
}

template <typename Loop, typename OnAnswer>
void Client::Finish(const Loop& loop, int64_t start_ns, int64_t end_ns,
                    const int64_t& last_ns, OnAnswer on_answer) {
  while (pending_ > 0) {
    if (!Turn(loop.patience_ns, on_answer)) break;
    // Idle connections that end are events too, and no answers.
    int64_t now = NowNs();
    if (now - std::max(last_ns, end_ns) > loop.patience_ns) break;
    if (now - start_ns > loop.limit_ns) break;
  }
}

std::vector<uint32_t> Client::Served(int at_most) const {
  std::vector<uint32_t> served;
  for (size_t i = 0; i < connections_.size(); ++i) {
    if (static_cast<int>(served.size()) >= at_most) break;
    if (connections_[i].state == kServed) served.push_back(i);
  }
  return served;
}

void Client::Abandon(Outcome& run) {
  run.closed = gone_;
  for (size_t i = 0; i < connections_.size(); ++i) {
    const Connection& connection = connections_[i];
    if (connection.state == kServed &&
        connection.first < connection.since.size()) {
      Drop(i, ETIMEDOUT);
    }
  }
  const int64_t now = NowNs();
  for (int64_t since : lost_since_) run.latency_ns.Record(now - since);
  run.unanswered = lost_since_.size();
  lost_since_.clear();
}

// --- One connection ----------------------------------------------------------

template <typename OnAnswer>
bool Client::Turn(int64_t timeout_ns, OnAnswer on_answer) {
  epoll_event events[256];
  timespec timeout = ToTimespec(timeout_ns);
  int ready = epoll_pwait2(epoll_, events, 256, &timeout, nullptr);
  for (int i = 0; i < ready; ++i) {
    uint32_t index = events[i].data.u32;
    Connection& connection = connections_[index];
    if (connection.state == kConnecting) {
      int error = 0;
      socklen_t length = sizeof(error);
      getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &length);
      if (error != 0) {
        Drop(index, error);
        continue;
      }
      Watch(index, EPOLL_CTL_MOD, EPOLLIN);
      Greet(index);
      continue;
    }
    if (connection.fd >= 0 && (events[i].events & EPOLLOUT)) Flush(index);
    if (connection.fd < 0 || !(events[i].events & ~EPOLLOUT)) continue;
    bool greeting = connection.state == kGreeting;
    int answers = Receive(index);
    if (greeting || answers == 0) continue;
    int64_t now = NowNs();
    for (int n = 0; n < answers; ++n) {
      // Looked up anew: the callback sends, and so may change the vector.
      int64_t since = connection.since[connection.first++];
      if (connection.first == connection.since.size()) {
        connection.since.clear();
        connection.first = 0;
      }
      --pending_;
      on_answer(index, since, now);
      if (connection.state == kGone) break;
    }
  }
  return ready > 0;
}

// Sends a message, which counts from `since_ns`, behind those on their way.
// False when the connection is gone, before or by this.
bool Client::Send(uint32_t index, int64_t since_ns) {
  Connection& connection = connections_[index];
  if (connection.fd < 0) return false;
  connection.since.push_back(since_ns);
  connection.unsent_bytes += message_bytes_;
  ++pending_;
  return connection.watches_writing || Flush(index);
}

// Writes what the socket takes.
bool Client::Flush(uint32_t index) {
  Connection& connection = connections_[index];
  while (connection.unsent_bytes > 0) {
    size_t offset =
        (message_bytes_ - connection.unsent_bytes % message_bytes_) %
        message_bytes_;
    size_t length = std::min(connection.unsent_bytes, pattern_.size() - offset);
    ssize_t sent =
        send(connection.fd, pattern_.data() + offset, length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) {
      Drop(index, errno);
      return false;
    }
    connection.unsent_bytes -= sent;
  }
  bool waits = connection.unsent_bytes > 0;
  if (waits != connection.watches_writing) {
    connection.watches_writing = waits;
    Watch(index, EPOLL_CTL_MOD, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }
  return true;
}

// Reads once; how many answers are complete now. The answer to a greeting is
// dealt with here.
int Client::Receive(uint32_t index) {
  Connection& connection = connections_[index];
  ssize_t got = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got <= 0) {
    Drop(index, got < 0 ? errno : 0);
    return 0;
  }
  const char* bytes = buffer_.data();
  if (size_t rest = protocol_.welcome_bytes - connection.welcome_bytes;
      rest > 0) {
    size_t part = std::min<size_t>(got, rest);
    if (!IsWelcome(connection, bytes, part)) {
      Drop(index, kWrongWelcome);
      return 0;
    }
    connection.welcome_bytes += part;
    if (part == rest) SendGreeting(index);
    if (connection.fd < 0 || part == static_cast<size_t>(got)) return 0;
    bytes += part;
    got -= part;
  }
  size_t awaited =
      (connection.since.size() - connection.first) * message_bytes_;
  if (connection.received_bytes + got > awaited ||
      !IsEcho(connection, bytes, got)) {
    Drop(index, kWrongEcho);
    return 0;
  }
  size_t have = connection.received_bytes + got;
  connection.received_bytes = have % message_bytes_;
  int answers = static_cast<int>(have / message_bytes_);
  if (connection.state == kGreeting && answers > 0) {
    Enter(connection, kServed);
    connection.since.clear();
  }
  return answers;
}

// Whether the server's welcome goes on as it should, where that is known.
bool Client::IsWelcome(const Connection& connection, const char* bytes,
                       size_t length) const {
  absl::string_view rest = protocol_.welcome;
  rest.remove_prefix(std::min(rest.size(), connection.welcome_bytes));
  rest = rest.substr(0, length);
  return memcmp(bytes, rest.data(), rest.size()) == 0;
}

bool Client::IsEcho(const Connection& connection, const char* bytes,
                    size_t length) const {
  size_t offset = connection.received_bytes;
  while (length > 0) {
    size_t part = std::min(length, pattern_.size() - offset);
    if (memcmp(bytes, pattern_.data() + offset, part) != 0) return false;
    bytes += part;
    length -= part;
    offset = 0;
  }
  return true;
}

void Client::Watch(uint32_t index, int op, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.u32 = index;
  epoll_ctl(epoll_, op, connections_[index].fd, &event);
}

// Ends a connection. What was on its way is kept for Abandon(), or, where that
// was the greeting, for Open() to see.
void Client::Drop(uint32_t index, int error) {
  Connection& connection = connections_[index];
  if (connection.fd >= 0) close(connection.fd);
  connection.fd = -1;
  connection.error = error;
  State before = connection.state;
  Enter(connection, kGone);
  if (before != kServed) return;
  ++gone_;
  for (; connection.first < connection.since.size(); ++connection.first) {
    lost_since_.push_back(connection.since[connection.first]);
    --pending_;
  }
  connection.since.clear();
  connection.first = 0;
}

}  // namespace evoke::load
