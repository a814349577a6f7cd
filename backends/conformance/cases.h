// SPDX-License-Identifier: BSD-3-Clause
//
// The promises of include/evoke/backend.h, each as a case that tries it. A case
// gets a fresh bench, in a process of its own, and says what it finds by
// Bench::Expect().
#ifndef EVOKE_BACKENDS_CONFORMANCE_CASES_H_
#define EVOKE_BACKENDS_CONFORMANCE_CASES_H_

#include <span>

#include "backends/conformance/bench.h"

namespace evoke::conformance {

struct Case {
  const char* promise;  // a sentence, true of a sound backend
  void (*run)(Bench& bench);
};

// interest_cases.cc: what is reported of a descriptor that stays open.
std::span<const Case> InterestCases();
// descriptor_cases.cc: closed, reused, duplicated, and many descriptors.
std::span<const Case> DescriptorCases();
// wait_cases.cc: timeouts, signals, threads, and a sink that is full.
std::span<const Case> WaitCases();
// state_cases.cc: several states, what they leave behind, and fork.
std::span<const Case> StateCases();

}  // namespace evoke::conformance

#endif  // EVOKE_BACKENDS_CONFORMANCE_CASES_H_
