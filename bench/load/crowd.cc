// SPDX-License-Identifier: BSD-3-Clause
#include "bench/load/crowd.h"

#include <algorithm>
#include <cstdint>
#include <thread>

namespace evoke::load {

Crowd::Crowd(int port, size_t message_bytes, int threads) {
  for (int i = 0; i < std::max(1, threads); ++i) {
    clients_.push_back(std::make_unique<Client>(port, message_bytes));
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

Run Crowd::RunClosed(const ClosedLoop& loop) {
  std::vector<Run> parts(clients_.size());
  Each([&](size_t i) {
    ClosedLoop part = loop;
    part.active = static_cast<int>(Part(loop.active, i));
    part.messages = Part(loop.messages, i);
    // A part of nothing is nothing, and not "no limit".
    if (loop.messages > 0 && part.messages == 0) return;
    parts[i] = clients_[i]->RunClosed(part);
  });
  Run sum;
  for (const Run& part : parts) sum.Add(part);
  return sum;
}

Run Crowd::RunOpen(const OpenLoop& loop) {
  std::vector<Run> parts(clients_.size());
  // A client without connections sends nothing; the rate is that of the rest.
  std::vector<int> active(clients_.size());
  int all = 0;
  for (size_t i = 0; i < clients_.size(); ++i) {
    active[i] =
        std::min(static_cast<int>(Part(loop.active, i)), clients_[i]->served());
    all += active[i];
  }
  Each([&](size_t i) {
    if (active[i] == 0) return;
    OpenLoop part = loop;
    part.active = active[i];
    part.per_second = loop.per_second * active[i] / all;
    // One after the other, not all in the same moment.
    part.offset_ns += static_cast<int64_t>(kNsPerSecond / loop.per_second *
                                           static_cast<double>(i));
    parts[i] = clients_[i]->RunOpen(part);
  });
  Run sum;
  for (const Run& part : parts) sum.Add(part);
  return sum;
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
