// SPDX-License-Identifier: BSD-3-Clause
//
// Several clients (client.h), a thread for each, that act as one: where the
// server has several cores, one thread could not keep them busy.
#ifndef EVOKE_BENCH_LOAD_CROWD_H_
#define EVOKE_BENCH_LOAD_CROWD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "bench/load/client.h"

namespace evoke::load {

class Crowd {
 public:
  Crowd(int port, size_t message_bytes, int threads,
        const Protocol& protocol = Raw());

  // As Client's: connections, messages and rates are shared out.
  Opened Open(const Opening& opening);
  Outcome RunClosed(const ClosedLoop& loop);
  Outcome RunOpen(const OpenLoop& loop);
  int served() const;

 private:
  // Calls `work` with each client's number, at the same time.
  void Each(const std::function<void(size_t)>& work);
  std::vector<uint64_t> Active(int total) const;
  // How many of `total` are the part of client `i`.
  uint64_t Part(uint64_t total, size_t i) const;

  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace evoke::load

#endif  // EVOKE_BENCH_LOAD_CROWD_H_
