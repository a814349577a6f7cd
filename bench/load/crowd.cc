// SPDX-License-Identifier: BSD-3-Clause
#include "bench/load/crowd.h"

#include <algorithm>
#include <cstdint>
#include <thread>
#include <utility>

namespace evoke::load {

Crowd::Crowd(int port, size_t message_bytes, int threads,
             const Protocol& protocol) {
  for (int i = 0; i < std::max(1, threads); ++i) {
    clients_.push_back(std::make_unique<Client>(port, message_bytes, protocol));
  }
}

Opened Crowd::Open(const Opening& opening) {
  std::vector<Opened> parts(clients_.size());
  Each([&](size_t i) {
    Opening part = opening;
    part.count = static_cast<int>(Part(opening.count, i));
    parts[i] = clients_[i]->Open(part);
  });
  Opened sum;
  for (const Opened& part : parts) sum.Add(part);
  return sum;
}

Outcome Crowd::RunClosed(const ClosedLoop& loop) {
  std::vector<Outcome> parts(clients_.size());
  std::vector<uint64_t> active = Active(loop.active), messages(clients_.size());
  uint64_t all = 0, left = loop.messages;
  for (uint64_t count : active) all += count;
  for (size_t i = 0; i < clients_.size(); ++i) {
    messages[i] = all > 0 ? loop.messages * active[i] / all : 0;
    left -= messages[i];
  }
  for (size_t i = 0; i < clients_.size(); ++i) {  // what rounding left over
    if (active[i] > 0) messages[i] += std::exchange(left, 0);
  }
  Each([&](size_t i) {
    // A part of nothing is nothing, and not "no limit".
    if (active[i] == 0 || (loop.messages > 0 && messages[i] == 0)) return;
    ClosedLoop part = loop;
    part.active = static_cast<int>(active[i]);
    part.messages = messages[i];
    parts[i] = clients_[i]->RunClosed(part);
  });
  Outcome sum;
  for (const Outcome& part : parts) sum.Add(part);
  return sum;
}

Outcome Crowd::RunOpen(const OpenLoop& loop) {
  std::vector<Outcome> parts(clients_.size());
  std::vector<uint64_t> active = Active(loop.active);
  uint64_t all = 0;
  for (uint64_t count : active) all += count;
  Each([&](size_t i) {
    if (active[i] == 0) return;
    OpenLoop part = loop;
    part.active = static_cast<int>(active[i]);
    part.per_second = loop.per_second * active[i] / all;
    // One after the other, not all in the same moment.
    part.offset_ns += static_cast<int64_t>(kNsPerSecond / loop.per_second *
                                           static_cast<double>(i));
    parts[i] = clients_[i]->RunOpen(part);
  });
  Outcome sum;
  for (const Outcome& part : parts) sum.Add(part);
  return sum;
}

// How many connections of each client send, where `total` do. A client that has
// none does no part of the work.
std::vector<uint64_t> Crowd::Active(int total) const {
  std::vector<uint64_t> active;
  for (size_t i = 0; i < clients_.size(); ++i) {
    active.push_back(std::min<uint64_t>(Part(total, i), clients_[i]->served()));
  }
  return active;
}

int Crowd::served() const {
  int served = 0;
  for (const auto& client : clients_) served += client->served();
  return served;
}

void Crowd::Each(const std::function<void(size_t)>& work) {
  std::vector<std::thread> threads;
  for (size_t i = 1; i < clients_.size(); ++i) threads.emplace_back(work, i);
  work(0);
  for (std::thread& thread : threads) thread.join();
}

uint64_t Crowd::Part(uint64_t total, size_t i) const {
  return total / clients_.size() + (i < total % clients_.size() ? 1 : 0);
}

}  // namespace evoke::load
