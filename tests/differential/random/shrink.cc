// SPDX-License-Identifier: BSD-3-Clause
//
// See shrink.h.
#include "tests/differential/random/shrink.h"

#include <algorithm>
#include <utility>

namespace evoke::random_programs {
namespace {

// `program` without `count` instructions from the `first` on, counted through
// all scripts.
Program Without(const Program& program, int first, int count) {
  Program rest;
  int number = 0;
  for (const auto& script : program.scripts) {
    auto& kept = rest.scripts.emplace_back();
    for (const Instruction& instruction : script) {
      if (number < first || number >= first + count)
        kept.push_back(instruction);
      ++number;
    }
  }
  return rest;
}

}  // namespace

Program Shrink(Program program,
               const std::function<bool(const Program&)>& differs) {
  for (int count = std::max(program.size() / 2, 1);;) {
    bool smaller = false;
    for (int first = 0; first < program.size();) {
      Program candidate = Without(program, first, count);
      if (differs(candidate)) {
        program = std::move(candidate);
        smaller = true;
      } else {
        first += count;
      }
    }
    if (count > 1) {
      count /= 2;
    } else if (!smaller) {
      return program;
    }
  }
}

}  // namespace evoke::random_programs
